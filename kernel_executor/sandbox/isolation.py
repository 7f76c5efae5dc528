"""What holds a running kernel, read from outside by looking at its process. Knows no policy and trusts no promise.

Executed code cannot influence these probes: they read namespaces and capabilities in the host's /proc. What it sees of
the host's files is looked at in `mount_table`.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from kernel_executor.secret_names import names_secret


@dataclass(frozen=True, slots=True, kw_only=True)
class Isolation:
    """What is enforced on executed code now.

    Args:
        mechanism: `bubblewrap`, `landlock`, `docker`, `podman` or `none`.
        network: True if no network can be reached, but for what was allowed by name.
        files: True if only the granted folders can be seen, and what it writes is a copy.
        processes: True if other processes cannot be signalled or looked into.
        privileges: True if it has no capabilities and can gain none.
        environment: True if none of its variables is named like a key.
        system_calls: True if a filter refuses the system calls that it does not need.
        devices: Device files that were let in, e.g. GPUs.
        lent: Files of the user's that it may change, because the user said so.
        reaches: What can be reached of the network, in words.
        limits: How much of the machine it may use, in words.
        reason: Why there is no sandbox, or not the better one.
        place: The server it runs on; empty on this machine.
    """

    mechanism: str = "none"
    network: bool = False
    files: bool = False
    processes: bool = False
    privileges: bool = False
    environment: bool = False
    system_calls: bool = False
    devices: tuple[str, ...] = ()
    lent: tuple[str, ...] = ()
    reaches: str = ""
    limits: str = ""
    reason: str = ""
    place: str = ""

    @property
    def isolates(self) -> bool:
        """Whether code may run without asking: network, files, processes and privileges are all held."""
        return self.network and self.files and self.processes and self.privileges

    @property
    def story(self) -> str:
        """Return the summary, and why it is not the better sandbox that holds the code."""
        return f"{self.summary} ({self.reason})" if self.reason and self.mechanism != "none" else self.summary

    @property
    def summary(self) -> str:
        """Return one line for people."""
        if self.place:
            return f"on {self.place}: {self.reason}"
        if self.mechanism == "none":
            return f"NOT sandboxed{f': {self.reason}' if self.reason else ''}"
        but = f" but for {', '.join(self.lent)}" if self.lent else ""
        parts = {
            "no network": self.network and not self.reaches,
            f"of the network only {self.reaches}": self.network and bool(self.reaches),
            f"your files cannot be changed{but}": self.files,
            "other processes out of reach": self.processes,
            "no privileges": self.privileges,
            "system calls filtered": self.system_calls,
            "no keys in the environment": self.environment,
            f"devices {', '.join(self.devices)}": bool(self.devices),
            self.limits: bool(self.limits),
        }
        return f"sandboxed by {self.mechanism}: {', '.join(name for name, held in parts.items() if held)}"


def probe(pid: int, devices: tuple[Path, ...] = ()) -> Isolation:
    """Look at a process in bubblewrap, whose mounts were found to be those expected, and report what holds it.

    Args:
        pid: The process, in our own numbering.
        devices: The device files that were granted.
    """
    return replace(
        _probe_process(pid, devices),
        mechanism="bubblewrap",
        network=_differs(pid, "net") and _only_loopback(Path(f"/proc/{pid}")),
        files=_differs(pid, "mnt"),
        processes=_differs(pid, "pid") and _differs(pid, "ipc"),
    )


def probe_alone(pid: int, devices: tuple[Path, ...] = ()) -> Isolation:
    """Look at a process that Landlock holds, which has tried in vain to reach files, network and processes.

    Args:
        pid: The process.
        devices: The device files that were granted.
    """
    found = _probe_process(pid, devices)
    held = found.system_calls
    return replace(found, mechanism="landlock", network=held, files=held, processes=held)


def _probe_process(pid: int, devices: tuple[Path, ...]) -> Isolation:
    return Isolation(
        privileges=_no_privileges(Path(f"/proc/{pid}")),
        environment=holds_no_key(pid),
        system_calls=filters_calls(pid),
        devices=tuple(str(device) for device in devices),
    )


def holds_no_key(pid: int) -> bool:
    """Return whether no variable that a process was started with is named like a key; False if that cannot be seen."""
    try:
        variables = Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return False
    return not any(names_secret(variable.split(b"=")[0].decode(errors="replace")) for variable in variables)


def _differs(pid: int, namespace: str) -> bool:
    return Path(f"/proc/{pid}/ns/{namespace}").readlink() != Path(f"/proc/self/ns/{namespace}").readlink()


def _only_loopback(process: Path) -> bool:
    return names_only_loopback((process / "net/dev").read_text())


def names_only_loopback(devices: str) -> bool:
    """Return whether a text as in /proc/net/dev lists no network but one's own."""
    return {line.split(":")[0].strip() for line in devices.splitlines()[2:]} <= {"lo"}


def own_status() -> str:
    """Return the text of our own /proc/self/status, empty on a system without one, which runs no containers itself."""
    try:
        return Path("/proc/self/status").read_text()
    except FileNotFoundError:
        return ""


def is_namespace_of_others(kind: str, shown: str) -> bool:
    """Return whether a text as /proc/self/ns shows it names another namespace than ours.

    Args:
        kind: Of the namespace, e.g. `pid`.
        shown: The text.
    """
    try:
        own = str(Path(f"/proc/self/ns/{kind}").readlink())
    except FileNotFoundError:  # as above
        own = ""
    return shown.startswith(f"{kind}:[") and shown != own


def filters_calls(pid: int) -> bool:
    """Return whether a process has a system call filter that we have not.

    Raises:
        OSError: It is gone.
    """
    return shows_filter(Path(f"/proc/{pid}/status").read_text(), Path("/proc/self/status").read_text())


def shows_filter(text: str, own: str) -> bool:
    """Return whether a text as in /proc/self/status tells of more filters than our own, which a container has.

    Before Linux 5.9 they are not counted; then one is told of only if we have none.
    """
    found, ours = (_status(each).get("Seccomp_filters") for each in (text, own))
    if found is None or ours is None:
        return _status(text).get("Seccomp") == "2" and _status(own).get("Seccomp") != "2"
    return int(found) > int(ours)


def filters_can_be_counted() -> bool:
    """Return whether a filter can be seen here: not before Linux 5.9 where our own process has one."""
    status = _status(Path("/proc/self/status").read_text())
    return "Seccomp_filters" in status or status.get("Seccomp") != "2"


def _no_privileges(process: Path) -> bool:
    return shows_no_privileges((process / "status").read_text())


def shows_no_privileges(text: str) -> bool:
    """Return whether a text as in /proc/self/status tells of no capability, now or later."""
    status = _status(text)
    # Those in the bounding set cannot be gained with `no_new_privs`, and an ordinary user cannot drop them.
    held = [int(status.get(name, "f"), 16) for name in ("CapEff", "CapPrm", "CapAmb")]  # gVisor shows but two of them
    return not any(held) and status.get("NoNewPrivs") == "1"


def _status(text: str) -> dict[str, str]:
    lines = (line.split(":", 1) for line in text.splitlines() if ":" in line)
    return {name: value.strip() for name, value in lines}
