#!/usr/bin/env bash
# Gives the tests a container engine and two images: podman, whose API is Docker's, and images made here of Debian and
# PyPI packages, so that neither a Docker daemon nor a registry is needed. Never fails: without an engine the tests that
# need one skip with the reason. Run it again after removing an image to build that image anew.
set -euo pipefail

give_up() { echo "note: no containers for the tests: $1" >&2; exit 0; }
trap 'give_up "line $LINENO of $0 failed"' ERR

cd "$(dirname "$0")/.."
home=$PWD/build/containers
scripts=localhost/codeagent-scripts:latest
kernel=localhost/codeagent-kernel:latest
autogen=docker.io/library/python:3-slim

[ "$(id -u)" -eq 0 ] || give_up "podman is set up here for root only"

# Without recommended packages: crun would come along, and it refuses hosts whose cgroups are in hybrid mode.
# The keyring is for the images where the host is no Debian; catatonit is podman's `init`.
missing=()
for package in podman runc netavark aardvark-dns iptables containernetworking-plugins catatonit \
  mmdebstrap debian-archive-keyring; do
  status=$(dpkg-query --show --showformat='${db:Status-Status}' "$package" 2>/dev/null) || status=absent
  [ "$status" = installed ] || missing+=("$package")
done
if [ "${#missing[@]}" -gt 0 ]; then
  command -v apt-get >/dev/null || give_up "podman is installed with apt-get only, which is not here"
  echo "installing ${missing[*]} ..."
  install=(env DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends "${missing[@]}")
  "${install[@]}" >/dev/null 2>&1 || { apt-get update -qq >/dev/null 2>&1; "${install[@]}" >/dev/null 2>&1; } ||
    give_up "apt-get could not install ${missing[*]}"
fi

# podman asks for more open files and processes than a host may allow (a container that runs the tests, say), and then
# nothing starts: "setrlimit: operation not permitted".
at_most() { [ "$2" != unlimited ] && [ "$2" -lt "$1" ] && echo "$2" || echo "$1"; }
files=$(at_most 65536 "$(ulimit -Hn)")
processes=$(at_most 32768 "$(ulimit -Hu)")

# In the checkout, not in /etc: nobody else's podman changes. cgroupfs, k8s-file and file work without systemd. The
# delay is how long two helper processes of each `exec` stay, and its exit code with them; podman's own is 300 s.
mkdir -p "$home"
cat >"$home/containers.conf" <<CONF
[containers]
default_ulimits = ["nofile=$files:$files", "nproc=$processes:$processes"]
log_driver = "k8s-file"

[engine]
runtime = "runc"
cgroup_manager = "cgroupfs"
events_logger = "file"
exit_command_delay = 20

[network]
network_backend = "netavark"
CONF
export CONTAINERS_CONF=$home/containers.conf

podman info >/dev/null 2>"$home/error" || give_up "podman does not work: $(tail -n 1 "$home/error")"

if ! podman image exists "$scripts" || ! podman image exists "$kernel"; then
  echo "building the images of the container tests (about a minute) ..."
  work=$(mktemp -d "$home/work.XXXXXX")
  trap 'rm -rf "$work"' EXIT
  python=$PWD/.venv/bin/python
  [ -x "$python" ] || python=python3

  # Any Python's pip fetches the wheels of bookworm's 3.11; it judges "python_version < 3.12" by its own version,
  # therefore typing_extensions.
  "$python" -m pip --disable-pip-version-check --quiet install --target "$work/packages" --no-compile \
    --python-version 3.11 --only-binary=:all: --constraint requirements.lock ipykernel matplotlib typing_extensions \
    2>"$home/error" || give_up "pip could not fetch ipykernel: $(tail -n 1 "$home/error")"

  # One bootstrap for both: the smaller image is what is there halfway. The larger needs all of the standard library,
  # libstdc++ for the wheels, and compiled modules, because what a container compiles is lost with it.
  export work
  TMPDIR=$work mmdebstrap --quiet --variant=essential --include=python3-minimal --aptopt='Acquire::Languages "none"' \
    --dpkgopt=force-unsafe-io --dpkgopt='path-exclude=/usr/share/doc/*' --dpkgopt='path-exclude=/usr/share/man/*' \
    --dpkgopt='path-exclude=/usr/share/locale/*' \
    --customize-hook='ln -s python3 "$1/usr/bin/python"' \
    --customize-hook='tar -C "$1" --one-file-system --exclude="./dev/*" --exclude="./tmp/*" \
      --exclude="./var/cache/apt/*" --exclude="./var/lib/apt/lists/*" -cf "$work/scripts.tar" .' \
    --customize-hook='APT_CONFIG=$MMDEBSTRAP_APT_CONFIG apt-get install -y -qq -o DPkg::Chroot-Directory="$1" \
      python3 libstdc++6 >/dev/null' \
    --customize-hook='cp -r "$work/packages/." "$1/usr/local/lib/python3.11/dist-packages"' \
    --customize-hook='chroot "$1" python3 -m compileall -q /usr/local/lib/python3.11/dist-packages >/dev/null || true' \
    bookworm "$work/kernel.tar" >/dev/null 2>"$home/error" || give_up "mmdebstrap failed: $(tail -n 1 "$home/error")"

  podman import --quiet --change CMD=python3 "$work/scripts.tar" "$scripts" >/dev/null
  podman import --quiet --change CMD=python3 "$work/kernel.tar" "$kernel" >/dev/null
fi

# AutoGen's executor asks for this image, which cannot be pulled where there is no registry. Only the name is taken, and
# only if nobody has it: where the true image can be had, `podman pull` it first, or `podman untag` ours.
podman image exists "$autogen" || podman tag "$kernel" "$autogen"

podman run --rm --network=none "$kernel" python -c 'import ipykernel, matplotlib' >/dev/null 2>"$home/error" ||
  give_up "podman cannot run a container: $(tail -n 1 "$home/error")"
rm -f "$home/error"
