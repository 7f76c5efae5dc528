"""Which system calls sandboxed code is refused, and their numbers. Knows no filter program and starts nothing.

The list follows three that are used everywhere: the default profiles of podman (containers/common,
`pkg/seccomp/seccomp.json`) and Docker (moby/profiles, `seccomp/default.json`) for a process without capabilities, and
Flatpak's (`common/flatpak-run.c`, `setup_seccomp`) for the errors: ENOSYS where programs have another way, EPERM
elsewhere. Stricter than these: ptrace and its like, families and kinds of sockets, and calls that are newer than this
list. Left out of them: what asks for memory on a NUMA node (`mbind`), which numerical libraries do.
"""

import errno
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

Machine = Literal["x86_64", "aarch64"]

NEWEST = 469
"""The newest call that was judged (`file_setattr`, Linux 6.17); numbers are the same on all machines since 5.0."""

NUMBERS: Mapping[str, tuple[int, int | None]] = {
    # Name: its number on x86_64, and on aarch64, where the older ones never were.
    "ioctl": (16, 29),
    "shmget": (29, 194),
    "shmat": (30, 196),
    "shmctl": (31, 195),
    "socket": (41, 198),
    "connect": (42, 203),
    "socketpair": (53, 199),
    "clone": (56, 220),
    "semget": (64, 190),
    "semop": (65, 193),
    "semctl": (66, 191),
    "msgget": (68, 186),
    "msgsnd": (69, 189),
    "msgrcv": (70, 188),
    "msgctl": (71, 187),
    "chmod": (90, None),
    "fchmod": (91, 52),
    "chown": (92, None),
    "fchown": (93, 55),
    "lchown": (94, None),
    "fcntl": (72, 25),
    "ptrace": (101, 117),
    "syslog": (103, 116),
    "utime": (132, None),
    "mknod": (133, None),
    "uselib": (134, None),
    "personality": (135, 92),
    "ustat": (136, None),
    "sysfs": (139, None),
    "setpriority": (141, 140),
    "sched_setparam": (142, 118),
    "sched_setscheduler": (144, 119),
    "vhangup": (153, 58),
    "modify_ldt": (154, None),
    "pivot_root": (155, 41),
    "_sysctl": (156, None),
    "chroot": (161, 51),
    "acct": (163, 89),
    "settimeofday": (164, 170),
    "mount": (165, 40),
    "umount2": (166, 39),
    "swapon": (167, 224),
    "swapoff": (168, 225),
    "reboot": (169, 142),
    "sethostname": (170, 161),
    "setdomainname": (171, 162),
    "iopl": (172, None),
    "ioperm": (173, None),
    "init_module": (175, 105),
    "delete_module": (176, 106),
    "quotactl": (179, 60),
    "setxattr": (188, 5),
    "lsetxattr": (189, 6),
    "fsetxattr": (190, 7),
    "removexattr": (197, 14),
    "lremovexattr": (198, 15),
    "fremovexattr": (199, 16),
    "lookup_dcookie": (212, 18),
    "semtimedop": (220, 192),
    "clock_settime": (227, 112),
    "sched_setaffinity": (203, 122),
    "utimes": (235, None),
    "mq_open": (240, 180),
    "mq_unlink": (241, 181),
    "kexec_load": (246, 104),
    "add_key": (248, 217),
    "request_key": (249, 218),
    "keyctl": (250, 219),
    "ioprio_set": (251, 30),
    "inotify_add_watch": (254, 27),
    "getxattr": (191, 8),
    "lgetxattr": (192, 9),
    "listxattr": (194, 11),
    "llistxattr": (195, 12),
    "migrate_pages": (256, 238),
    "mknodat": (259, 33),
    "fchownat": (260, 54),
    "futimesat": (261, None),
    "fchmodat": (268, 53),
    "unshare": (272, 97),
    "vmsplice": (278, 75),
    "move_pages": (279, 239),
    "utimensat": (280, 88),
    "perf_event_open": (298, 241),
    "fanotify_init": (300, 262),
    "prlimit64": (302, 261),
    "name_to_handle_at": (303, 264),
    "open_by_handle_at": (304, 265),
    "setns": (308, 268),
    "process_vm_readv": (310, 270),
    "process_vm_writev": (311, 271),
    "kcmp": (312, 272),
    "finit_module": (313, 273),
    "sched_setattr": (314, 274),
    "kexec_file_load": (320, 294),
    "bpf": (321, 280),
    "userfaultfd": (323, 282),
    "io_uring_setup": (425, 425),
    "io_uring_enter": (426, 426),
    "io_uring_register": (427, 427),
    "open_tree": (428, 428),
    "move_mount": (429, 429),
    "fsopen": (430, 430),
    "fsconfig": (431, 431),
    "fsmount": (432, 432),
    "fspick": (433, 433),
    "clone3": (435, 435),
    "pidfd_getfd": (438, 438),
    "process_madvise": (440, 440),
    "mount_setattr": (442, 442),
    "quotactl_fd": (443, 443),
    "fchmodat2": (452, 452),
    "getxattrat": (464, 464),
    "listxattrat": (465, 465),
    "setxattrat": (463, 463),
    "removexattrat": (466, 466),
    "open_tree_attr": (467, 467),
    "file_setattr": (469, 469),
}


@dataclass(frozen=True, slots=True)
class Condition:
    """A question about an argument.

    Args:
        argument: Its place, from 0.
        values: What it is compared with.
        mask: Which bits of it are compared. All of them are in the lower half: the kernel takes no more of these.
        is_in: Whether it has to be one of the values, or none of them.
    """

    argument: int
    values: tuple[int, ...]
    mask: int = 0xFFFF_FFFF
    is_in: bool = True


@dataclass(frozen=True, slots=True)
class Refusal:
    """Calls that fail.

    Args:
        error: What they fail with; 0 does nothing and succeeds.
        names: Which they are.
        conditions: All that must hold for their arguments; none refuses every such call.
    """

    error: int
    names: tuple[str, ...]
    conditions: tuple[Condition, ...] = ()


NAMESPACES = 0x7E02_0000
"""CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID and NEWNET."""

NEW_TIME = 0x80
"""CLONE_NEWTIME; for `clone` these bits are the signal that tells of the end."""

TIOCSTI, TIOCLINUX = 0x5412, 0x541C
"""Type on the terminal as if its user did, and paste there."""

OF_FILE_SYSTEMS = (0x6600, 0x7600, 0x5800, 0x9400)
"""Letters of the requests that change flags, versions, attributes and encryption of a file that was opened to read."""

F_SETLEASE, F_NOTIFY = 1024, 1026
"""Hold up who opens a file, for 45 s; be told what is done in a folder."""

PRIO_USER, IOPRIO_WHO_USER = 2, 3
"""All processes of a user; 0 is one's own."""

AF_UNIX, AF_INET, AF_INET6, AF_NETLINK = 1, 2, 10, 16
NETLINK_ROUTE = 0
"""Lists interfaces and addresses: `getaddrinfo`, `if_nameindex`."""

STREAM, DATAGRAM, RAW, SEQPACKET = 1, 2, 3, 5
SOCKET_TYPE = 0xF  # the other bits are flags

INTERNET_PROTOCOLS = (0, 1, 6, 17, 58, 255, 262)
"""Whatever fits the type, ICMP, TCP, UDP, ICMPv6, raw, MPTCP. Others are modules that a call would load: SCTP, L2TP."""

PERSONALITIES = (0, 0x8, 0x2_0000, 0x2_0008, 0xFFFF_FFFF)
"""Linux, two that change only what `uname` says, and the question which it is; as in Docker's profile."""

DEVICES = (0x2000, 0x6000)  # S_IFCHR, S_IFBLK
FILE_KIND = 0xF000

REFUSALS = (
    # Somebody's terminal. First, for of the calls whose arguments are looked at this one is made at each opened file:
    # as the last of them it took 0.3 µs longer than without a filter.
    Refusal(errno.EPERM, ("ioctl",), (Condition(1, (TIOCSTI, TIOCLINUX)),)),
    # Keys of the kernel: the session's keyring is the caller's.
    Refusal(errno.EPERM, ("keyctl", "add_key", "request_key")),
    # Other processes: also the sandbox's first one, which code could once unhook from its owner.
    Refusal(errno.EPERM, ("ptrace", "process_vm_readv", "process_vm_writev", "pidfd_getfd", "kcmp")),
    Refusal(errno.EPERM, ("process_madvise", "move_pages", "migrate_pages")),
    # Large parts of the kernel that hardly any program needs, and that faults are found in again and again.
    Refusal(errno.ENOSYS, ("io_uring_setup", "io_uring_enter", "io_uring_register", "userfaultfd", "vmsplice")),
    Refusal(errno.EPERM, ("bpf", "perf_event_open", "fanotify_init", "lookup_dcookie")),
    # Mounts and namespaces. C libraries start threads by `clone`, whose flags can be looked at, if `clone3` is missing.
    Refusal(errno.EPERM, ("mount", "umount2", "pivot_root", "chroot", "setns")),
    Refusal(errno.ENOSYS, ("open_tree", "open_tree_attr", "move_mount", "mount_setattr")),
    Refusal(errno.ENOSYS, ("fsopen", "fsconfig", "fsmount", "fspick")),
    Refusal(errno.ENOSYS, ("clone3",)),
    Refusal(errno.EPERM, ("clone",), (Condition(0, (0,), NAMESPACES, is_in=False),)),
    Refusal(errno.EPERM, ("unshare",), (Condition(0, (0,), NAMESPACES | NEW_TIME, is_in=False),)),
    # Files by their inode, past all mounts; devices.
    Refusal(errno.EPERM, ("name_to_handle_at", "open_by_handle_at")),
    Refusal(errno.EPERM, ("mknod",), (Condition(1, DEVICES, FILE_KIND),)),
    Refusal(errno.EPERM, ("mknodat",), (Condition(2, DEVICES, FILE_KIND),)),
    # The machine.
    Refusal(errno.EPERM, ("init_module", "finit_module", "delete_module", "kexec_load", "kexec_file_load", "reboot")),
    Refusal(errno.EPERM, ("swapon", "swapoff", "acct", "quotactl", "quotactl_fd", "syslog", "vhangup")),
    Refusal(errno.EPERM, ("settimeofday", "clock_settime", "sethostname", "setdomainname", "iopl", "ioperm")),
    # What is there for very old programs only.
    Refusal(errno.ENOSYS, ("modify_ldt", "uselib", "ustat", "sysfs", "_sysctl")),
    Refusal(errno.EPERM, ("personality",), (Condition(0, PERSONALITIES, is_in=False),)),
    # Sockets that reach past a network namespace (AF_VSOCK), or are attack surface only (AF_ALG, AF_PACKET, ...).
    Refusal(
        errno.EAFNOSUPPORT,
        ("socket", "socketpair"),
        (Condition(0, (AF_UNIX, AF_INET, AF_INET6, AF_NETLINK), is_in=False),),
    ),
    Refusal(
        errno.EPROTONOSUPPORT, ("socket",), (Condition(0, (AF_NETLINK,)), Condition(2, (NETLINK_ROUTE,), is_in=False))
    ),
    Refusal(
        errno.ESOCKTNOSUPPORT,
        ("socket",),
        (Condition(0, (AF_INET, AF_INET6)), Condition(1, (STREAM, DATAGRAM, RAW), SOCKET_TYPE, is_in=False)),
    ),
    Refusal(
        errno.EPROTONOSUPPORT,
        ("socket",),
        (Condition(0, (AF_INET, AF_INET6)), Condition(2, INTERNET_PROTOCOLS, is_in=False)),
    ),
)  # fmt: skip


ALONE = (
    *REFUSALS,
    # Landlock lets code connect to any Unix socket that has a path: docker.sock, a session bus, an agent, other
    # kernels. A kernel only binds and accepts. Datagrams need no connection; without one other sockets send nothing.
    Refusal(errno.EACCES, ("connect",)),
    Refusal(errno.EACCES, ("socket", "socketpair"), (Condition(0, (AF_UNIX,), is_in=False),)),
    Refusal(errno.EACCES, ("socket", "socketpair"), (Condition(1, (STREAM, SEQPACKET), SOCKET_TYPE, is_in=False),)),
    # Modes, times, owners and attributes of files, which Landlock leaves alone: of the user's files, too. Programs that
    # copy files set them, and take a failure for that of the copy: these calls do nothing and say that they did. But
    # for "now", by a path: `Path.touch` makes a file only if that fails.
    Refusal(errno.EPERM, ("utimensat",), (Condition(1, (0,), is_in=False), Condition(2, (0,)))),
    Refusal(errno.EPERM, ("utime", "utimes"), (Condition(1, (0,)),)),
    Refusal(errno.EPERM, ("futimesat",), (Condition(2, (0,)),)),
    Refusal(0, ("chmod", "fchmod", "fchmodat", "fchmodat2", "utime", "utimes", "futimesat", "utimensat")),
    Refusal(0, ("chown", "fchown", "lchown", "fchownat")),
    Refusal(errno.ENOTTY, ("ioctl",), (Condition(1, OF_FILE_SYSTEMS, 0xFF00),)),
    Refusal(errno.EPERM, ("file_setattr",)),
    Refusal(errno.ENOTSUP, ("setxattr", "lsetxattr", "fsetxattr", "setxattrat")),
    Refusal(errno.ENOTSUP, ("removexattr", "lremovexattr", "fremovexattr", "removexattrat")),
    # By a path they tell of files that cannot be opened.
    Refusal(errno.ENOTSUP, ("getxattr", "lgetxattr", "getxattrat", "listxattr", "llistxattr", "listxattrat")),
    Refusal(errno.EACCES, ("inotify_add_watch",)),
    Refusal(errno.EPERM, ("fcntl",), (Condition(1, (F_SETLEASE, F_NOTIFY)),)),
    # What a namespace of its own would hold: shared memory, semaphores and queues by number or name.
    Refusal(errno.ENOSYS, ("shmget", "shmat", "shmctl", "semget", "semop", "semctl", "semtimedop")),
    Refusal(errno.ENOSYS, ("msgget", "msgsnd", "msgrcv", "msgctl", "mq_open", "mq_unlink")),
    # Other processes of the same user: their limits, their share of the processor. A thread's number is not 0, and
    # ZeroMQ gives up if it cannot set what its threads have already.
    Refusal(errno.EPERM, ("prlimit64",), (Condition(0, (0,), is_in=False),)),
    Refusal(errno.EPERM, ("setpriority", "ioprio_set"), (Condition(1, (0,), is_in=False),)),
    Refusal(errno.EPERM, ("setpriority",), (Condition(0, (PRIO_USER,)),)),
    Refusal(errno.EPERM, ("ioprio_set",), (Condition(0, (IOPRIO_WHO_USER,)),)),
    Refusal(0, ("sched_setscheduler", "sched_setparam", "sched_setattr"), (Condition(0, (0,), is_in=False),)),
    Refusal(0, ("sched_setaffinity",), (Condition(0, (0,), is_in=False),)),
)
"""What is refused where no namespaces hold the code, but Landlock alone."""


def refusals_of(machine: Machine, refusals: Sequence[Refusal]) -> Iterator[tuple[int, Refusal]]:
    """Yield the number of each call that is refused on a machine, and how; a call with several rules comes again."""
    for refusal in refusals:
        for name in refusal.names:
            number = NUMBERS[name][0 if machine == "x86_64" else 1]
            if number is not None:
                yield number, refusal
