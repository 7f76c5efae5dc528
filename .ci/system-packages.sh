#!/usr/bin/env bash
# Installs system packages where that is possible without asking; says what is missing where it is not. Never fails:
# without bubblewrap the demo runs unsandboxed and says so, and the tests that need it skip with the reason.
set -u
declare -A command_of=([bubblewrap]=bwrap)

for package in "$@"; do
  command -v "${command_of[$package]:-$package}" >/dev/null && continue
  if ! command -v apt-get >/dev/null; then
    echo "note: $package is not installed; install it with your system's package manager" >&2
    continue
  fi
  as_root=()
  if [ "$(id -u)" -ne 0 ]; then
    if ! sudo --non-interactive true 2>/dev/null; then
      echo "note: $package is not installed, and this user may not install it: sudo apt-get install $package" >&2
      continue
    fi
    as_root=(sudo --non-interactive)
  fi
  echo "installing $package ..."
  install=("${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get)
  "${install[@]}" install -y -qq "$package" >/dev/null 2>&1 ||
    { "${install[@]}" update -qq >/dev/null 2>&1; "${install[@]}" install -y -qq "$package" >/dev/null 2>&1; } ||
    echo "note: $package could not be installed" >&2
done
exit 0
