"""System calls that code attempts: each as a row with what it comes to where it is held. Harmless where it is not.

Where a call would change the machine, it is made with an address nothing lies at, or a descriptor that is not open:
what refuses it then shows how far it came.
"""

import json
import platform
from dataclasses import dataclass

from kernel_executor.sandbox.system_calls import NUMBERS


@dataclass(frozen=True, slots=True)
class Attempt:
    """One attempt.

    Args:
        code: What is evaluated; a negative result is an error of the call.
        held: The error that it ends with in the sandbox.
        also_by: Why it cannot be shown that only the sandbox stops it: for whom, and what else does.
    """

    code: str
    held: str = "EPERM"
    also_by: str = ""


NOT_IN_THE_KERNEL = "not in this kernel"
"""It may be in others; then the control shows it."""

PRIVILEGED = "an ordinary user may not"

PRELUDE = """
import ctypes, errno, fcntl, json, mmap, os, platform, pty, signal, socket, struct, sys, time
NUMBERS = json.loads('''%s''')
libc = ctypes.PyDLL(None, use_errno=True)  # it keeps the lock: a fork by a raw call must not lose it
NOWHERE = 1
mine = ctypes.create_string_buffer(b"mine", 64)
copy = ctypes.create_string_buffer(64)
def vector(buffer): return ctypes.create_string_buffer(struct.pack("PQ", ctypes.addressof(buffer), 4))
def call(name, *arguments):
    number = NUMBERS[name] if isinstance(name, str) else name
    ctypes.set_errno(0)
    result = libc.syscall(*(ctypes.c_long(a) if isinstance(a, int) else a for a in (number, *arguments)))
    return -ctypes.get_errno() if result == -1 else result
def child(work=lambda: time.sleep(20)):
    pid = os.fork()
    if pid == 0:
        try: work()
        finally: os._exit(0)
    CHILDREN.append(pid)
    return pid
CHILDREN = []
def forking(result):
    if result == 0: os._exit(0)
    if result > 0: os.waitpid(result, 0)
    return result
def made(result):
    if result == 0: os.unlink('made')
    return result
def machine_code(words):
    place = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    place.write(words)
    return ctypes.CFUNCTYPE(ctypes.c_int)(ctypes.addressof(ctypes.c_char.from_buffer(place)))
def int80(number, ebx=0, ecx=0, edx=0):
    load = lambda code, value: code + struct.pack("<i", value)
    words = b"\\x53" + load(b"\\xb8", number) + load(b"\\xbb", ebx) + load(b"\\xb9", ecx) + load(b"\\xba", edx)
    return machine_code(words + b"\\xcd\\x80\\x5b\\xc3")()
def type_on_a_terminal(request):
    os.setsid()
    master, slave = pty.openpty()
    fcntl.ioctl(slave, 0x540E, 0)  # TIOCSCTTY
    done = libc.ioctl(slave, ctypes.c_ulong(request), ctypes.byref(ctypes.c_char(b"x")))
    return -ctypes.get_errno() if done == -1 else done
def sock(family, kind, protocol=0): return socket.socket(family, kind, protocol).fileno()
def outcome(code):
    try:
        result = eval(code)
    except OSError as error:
        result = -error.errno
    return "done" if result >= 0 else errno.errorcode[-result]
def attempt(code):
    '''In a process of its own, which whatever comes of it ends.'''
    reader, writer = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            signal.alarm(20)
            os.write(writer, outcome(code).encode())
        except BaseException as error:
            os.write(writer, repr(error).encode())
        finally:
            for started in CHILDREN: os.kill(started, 9)
            os._exit(0)
    os.close(writer)
    with os.fdopen(reader) as said: answer = said.read()
    _, status = os.waitpid(pid, 0)
    return answer or f"ended by {status}"
"""


FAMILIES = """
AF_AX25 3, AF_X25 9, AF_NETROM 6, AF_KEY 15, AF_PACKET 17, AF_RDS 21, AF_PPPOX 24, AF_LLC 26, AF_IB 27, AF_CAN 29,
AF_TIPC 30, AF_BLUETOOTH 31, AF_IUCV 32, AF_RXRPC 33, AF_PHONET 35, AF_IEEE802154 36, AF_CAIF 37, AF_ALG 38, AF_NFC
39, AF_VSOCK 40, AF_KCM 41, AF_QIPCRTR 42, AF_SMC 43, AF_XDP 44, AF_MCTP 45, AF_UNSPEC 0, AF_MAX 46
"""


def _sockets() -> dict[str, Attempt]:
    """Families and kinds; which of them a kernel has is its builder's choice."""
    families = {name: int(number) for name, number in map(str.split, FAMILIES.split(","))}
    tries = "min((-call('socket', {}, kind, 0) for kind in (1, 2, 3, 5)), key=lambda e: (e > 0, e == 97)) * -1"
    rows = {name: Attempt(tries.format(family), "EAFNOSUPPORT") for name, family in families.items()}
    kinds = {"SOCK_DIAG": 4, "NFLOG": 5, "XFRM": 6, "AUDIT": 9, "CONNECTOR": 11, "NETFILTER": 12, "UEVENT": 15}
    kinds |= {"GENERIC": 16, "CRYPTO": 21}
    rows |= {f"NETLINK_{name}": Attempt(f"sock(16, 3, {kind})", "EPROTONOSUPPORT") for name, kind in kinds.items()}
    protocols = {"SCTP": (1, 132), "L2TP": (2, 115), "UDPLITE": (2, 136), "SMC": (1, 256)}
    rows |= {
        f"{name} over IPv{4 if family == 2 else 6}": Attempt(f"sock({family}, {kind}, {number})", "EPROTONOSUPPORT")
        for name, (kind, number) in protocols.items()
        for family in (2, 10)
    }
    rows["SCTP as SOCK_SEQPACKET"] = Attempt("sock(2, 5)", "ESOCKTNOSUPPORT")
    rows["DCCP"] = Attempt("sock(2, 6)", "ESOCKTNOSUPPORT")
    rows["AF_VSOCK with the upper half set"] = Attempt("call('socket', 40 | 1 << 32, 1, 0)", "EAFNOSUPPORT")
    rows["a pair of AF_TIPC"] = Attempt("call('socketpair', 30, 1, 0, copy)", "EAFNOSUPPORT")
    return rows


KEYS = {
    "keyctl: get the session's keyring": Attempt("call('keyctl', 0, -3, 0)"),
    "keyctl: get the user's keyring": Attempt("call('keyctl', 0, -4, 1)"),
    "keyctl: get the user's session keyring": Attempt("call('keyctl', 0, -5, 1)"),
    "keyctl: get the thread's keyring": Attempt("call('keyctl', 0, -1, 1)"),
    "keyctl: join another session": Attempt("call('keyctl', 1, 0)"),
    "keyctl: join a session by name": Attempt("call('keyctl', 1, b'codeagent-test')"),
    "keyctl: search": Attempt("call('keyctl', 10, -3, b'user', b'codeagent-test-none', 0)"),
    "keyctl: describe": Attempt("call('keyctl', 6, -3, copy, 64)"),
    "keyctl: read": Attempt("call('keyctl', 11, -3, copy, 64)"),
    "keyctl: the persistent keyring": Attempt("call('keyctl', 22, -1, 0x7FFFFFFF)"),
    "keyctl: capabilities": Attempt("call('keyctl', 31, copy, 64)"),
    "keyctl with the upper half set": Attempt("call('keyctl', 0 | 1 << 32, -3, 0)"),
    "add_key": Attempt("call('add_key', b'user', b'codeagent-test', b'x', 1, -1)"),
    "add_key: a keyring": Attempt("call('add_key', b'keyring', b'codeagent-test', None, 0, -1)"),
    "request_key": Attempt("call('request_key', b'user', b'codeagent-test-none', None, 0)"),
    "/proc/keys": Attempt("len(open('/proc/keys').read())", "EACCES"),
    "/proc/key-users": Attempt("len(open('/proc/key-users').read())", "EACCES"),
}
PROCESSES = {
    "ptrace: attach": Attempt("call('ptrace', 16, child(), 0, 0)"),
    "ptrace: seize": Attempt("call('ptrace', 0x4206, child(), 0, 0)"),
    "ptrace: be traced": Attempt("call('ptrace', 0, 0, 0, 0)"),
    "ptrace with the upper half set": Attempt("call('ptrace', 0x4206 | 1 << 33, child(), 0, 0)"),
    "ptrace: the first process": Attempt("call('ptrace', 0x4206, 1, 0, 0)", also_by="another's"),
    "process_vm_readv": Attempt("call('process_vm_readv', child(), vector(copy), 1, vector(mine), 1, 0)"),
    "process_vm_writev": Attempt("call('process_vm_writev', child(), vector(mine), 1, vector(copy), 1, 0)"),
    "process_vm_readv: oneself": Attempt("call('process_vm_readv', os.getpid(), vector(copy), 1, vector(mine), 1, 0)"),
    "pidfd_getfd": Attempt("call('pidfd_getfd', os.pidfd_open(child()), 0, 0)"),
    "kcmp": Attempt("call('kcmp', os.getpid(), os.getpid(), 1, 0, 0)"),
    "process_madvise": Attempt("call('process_madvise', os.pidfd_open(os.getpid()), NOWHERE, 1, 20, 0)"),
    "move_pages": Attempt("call('move_pages', child(), 0, None, None, None, 0)"),
    "migrate_pages": Attempt("call('migrate_pages', child(), 0, None, None)"),
}
LARGE = {
    "io_uring_setup": Attempt("call('io_uring_setup', 1, ctypes.create_string_buffer(256))", "ENOSYS"),
    "io_uring_enter": Attempt("call('io_uring_enter', -1, 0, 0, 0, None, 0)", "ENOSYS"),
    "io_uring_register": Attempt("call('io_uring_register', -1, 0, None, 0)", "ENOSYS"),
    "userfaultfd": Attempt("call('userfaultfd', 1)", "ENOSYS"),
    "vmsplice": Attempt("call('vmsplice', os.pipe()[1], vector(mine), 1, 0)", "ENOSYS"),
    "bpf: make a map": Attempt(
        "call('bpf', 0, ctypes.create_string_buffer(struct.pack('4I', 2, 4, 4, 1), 128), 128)", also_by=PRIVILEGED
    ),
    "bpf": Attempt("call('bpf', 5, NOWHERE, 8)", also_by=PRIVILEGED),
    "perf_event_open": Attempt("call('perf_event_open', NOWHERE, 0, -1, -1, 0)", also_by=PRIVILEGED),
    "fanotify_init": Attempt("call('fanotify_init', 0x200, 0)"),
    "lookup_dcookie": Attempt("call('lookup_dcookie', 0, copy, 64)"),
}
MOUNTS = {
    "mount": Attempt("call('mount', None, NOWHERE, None, 0, None)"),
    "umount2": Attempt("call('umount2', NOWHERE, 0)"),
    "pivot_root": Attempt("call('pivot_root', NOWHERE, NOWHERE)", also_by=PRIVILEGED),
    "chroot": Attempt("call('chroot', NOWHERE)"),
    "setns: nothing": Attempt("call('setns', -1, 0)"),
    "setns: one's own": Attempt("call('setns', os.open('/proc/self/ns/uts', 0), 0)", also_by=PRIVILEGED),
    "open_tree": Attempt("call('open_tree', -100, b'.', 0)", "ENOSYS"),
    "open_tree_attr": Attempt("call('open_tree_attr', -100, b'.', 0, None, 0)", "ENOSYS"),
    "move_mount": Attempt("call('move_mount', -1, NOWHERE, -1, NOWHERE, 0)", "ENOSYS"),
    "fsopen": Attempt("call('fsopen', NOWHERE, 0)", "ENOSYS"),
    "fsconfig": Attempt("call('fsconfig', -1, 0, None, None, 0)", "ENOSYS"),
    "fsmount": Attempt("call('fsmount', -1, 0, 0)", "ENOSYS"),
    "fspick": Attempt("call('fspick', -1, NOWHERE, 0)", "ENOSYS"),
    "mount_setattr": Attempt("call('mount_setattr', -1, NOWHERE, 0, NOWHERE, 32)", "ENOSYS"),
    "open_by_handle_at": Attempt("call('open_by_handle_at', -1, NOWHERE, 0)"),
    "name_to_handle_at": Attempt("call('name_to_handle_at', -100, b'/', copy, copy, 0)"),
}
FLAGS = {"user": 1 << 28, "mnt": 1 << 17, "cgroup": 1 << 25, "uts": 1 << 26, "ipc": 1 << 27}
FLAGS |= {"pid": 1 << 29, "net": 1 << 30, "time": 1 << 7}
NAMESPACES = {
    **{
        f"unshare {name}": Attempt(f"call('unshare', {flag})", also_by="" if name == "user" else PRIVILEGED)
        for name, flag in FLAGS.items()
    },
    "unshare user and mnt": Attempt("call('unshare', 0x10020000)"),
    "unshare with the upper half set": Attempt("call('unshare', 0x10000000 | 1 << 32)", also_by="an invalid flag"),
    "clone into a user namespace": Attempt("forking(call('clone', 0x10000011, 0, 0, 0, 0))"),
    "clone with all namespaces": Attempt("forking(call('clone', 0x7E020011, 0, 0, 0, 0))"),
    "clone with the upper half set": Attempt("forking(call('clone', 0x10000011 | 1 << 32, 0, 0, 0, 0))"),
    "clone3 into a user namespace": Attempt(
        "forking(call('clone3', struct.pack('8Q', 0x10000000, 0, 0, 0, 17, 0, 0, 0), 64))", "ENOSYS"
    ),
    "clone3": Attempt("forking(call('clone3', struct.pack('8Q', 0, 0, 0, 0, 17, 0, 0, 0), 64))", "ENOSYS"),
}
MACHINE = {
    "reboot": Attempt("call('reboot', 0, 0, 0, None)", also_by=PRIVILEGED),
    "kexec_load": Attempt("call('kexec_load', 0, 1000, NOWHERE, 0)", also_by=PRIVILEGED),
    "kexec_file_load": Attempt("call('kexec_file_load', -1, -1, 0, None, 1 << 30)", also_by=PRIVILEGED),
    "init_module": Attempt("call('init_module', NOWHERE, 1, NOWHERE)", also_by=PRIVILEGED),
    "finit_module": Attempt("call('finit_module', -1, NOWHERE, 0)", also_by=PRIVILEGED),
    "delete_module": Attempt("call('delete_module', NOWHERE, 0)", also_by=PRIVILEGED),
    "swapon": Attempt("call('swapon', NOWHERE, 0)", also_by=PRIVILEGED),
    "swapoff": Attempt("call('swapoff', NOWHERE)", also_by=PRIVILEGED),
    "acct": Attempt("call('acct', NOWHERE)", also_by=PRIVILEGED),
    "quotactl": Attempt("call('quotactl', 0x80000700, NOWHERE, 0, None)"),
    "quotactl_fd": Attempt("call('quotactl_fd', -1, 0x80000700, 0, None)"),
    "syslog": Attempt("call('syslog', 10, None, 0)", also_by=PRIVILEGED),
    "settimeofday": Attempt("call('settimeofday', NOWHERE, None)"),
    "clock_settime": Attempt("call('clock_settime', 0, NOWHERE)"),
    "sethostname": Attempt("call('sethostname', NOWHERE, -1)", also_by=PRIVILEGED),
    "setdomainname": Attempt("call('setdomainname', NOWHERE, -1)", also_by=PRIVILEGED),
    "mknod: a character device": Attempt("made(call('mknodat', -100, b'made', 0o20600, 0x103))", also_by=PRIVILEGED),
    "mknod: a block device": Attempt("made(call('mknodat', -100, b'made', 0o60600, 0x700))", also_by=PRIVILEGED),
    "mknod: a whiteout": Attempt("made(call('mknodat', -100, b'made', 0o20600, 0))"),
    "personality: no randomization": Attempt("call('personality', 0x40000)"),
    "personality: data is executable": Attempt("call('personality', 0x400000)"),
    "TIOCSTI": Attempt("type_on_a_terminal(0x5412)"),
    "TIOCSTI with the upper half set": Attempt("type_on_a_terminal(0x5412 | 1 << 32)"),
    "TIOCLINUX": Attempt("type_on_a_terminal(0x541C)"),
    "a call of the future": Attempt("call(600)", "ENOSYS", NOT_IN_THE_KERNEL),
    "listns": Attempt("call(470, NOWHERE, NOWHERE, 0, 0)", "ENOSYS"),
}
OF_X86 = {
    "mknod by its old number": Attempt("made(call('mknod', b'made', 0o20600, 0))"),
    "modify_ldt": Attempt("call('modify_ldt', 0, copy, 64)", "ENOSYS"),
    "iopl": Attempt("call('iopl', 0)"),
    "ioperm": Attempt("call('ioperm', 0, 0, 0)"),
    "uselib": Attempt("call('uselib', NOWHERE)", "ENOSYS"),
    "ustat": Attempt("call('ustat', 0, NOWHERE)", "ENOSYS"),
    "sysfs": Attempt("call('sysfs', 3)", "ENOSYS"),
    "_sysctl": Attempt("call('_sysctl', NOWHERE)", "ENOSYS", NOT_IN_THE_KERNEL),
    "i386: getpid": Attempt("int80(20)", "ENOSYS"),
    "i386: keyctl": Attempt("int80(288, 0, -3, 0)", "ENOSYS"),
    "i386: ptrace": Attempt("int80(26, 0, 0, 0)", "ENOSYS"),
    "i386: socketcall": Attempt("int80(102, 1, 1, 0)", "ENOSYS"),
    "x32: getpid": Attempt("call(0x40000000 | 39)", "ENOSYS"),
    "x32: keyctl": Attempt("call(0x40000000 | 250, 0, -3, 0)", "ENOSYS"),
    "x32: ptrace": Attempt("call(0x40000000 | 521, 0, 0, 0, 0)", "ENOSYS"),
}

NO_SUCH_MACHINE = "ended by 11"
"""What 32-bit code comes to where the kernel is built without it: nothing is there to be called."""

ATTEMPTS = {**KEYS, **PROCESSES, **LARGE, **MOUNTS, **NAMESPACES, **MACHINE, **_sockets()}
if platform.machine() == "x86_64":
    ATTEMPTS |= OF_X86


def numbers() -> dict[str, int | None]:
    """Return the number of each call on this machine."""
    return {name: pair[platform.machine() != "x86_64"] for name, pair in NUMBERS.items()}


def block() -> str:
    """Return a block that makes all attempts and prints what each came to."""
    codes = {name: attempt.code for name, attempt in ATTEMPTS.items()}
    loop = f"print(json.dumps({{name: attempt(code) for name, code in json.loads({json.dumps(codes)!r}).items()}}))"
    return PRELUDE % json.dumps(numbers()) + loop
