"""Starts scripts of ours that need nothing but Python: isolated, in `/`, with a socket to us. Knows no script."""

import os
import socket
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

from kernel_executor.search_paths import for_helpers


def start_helper(
    script: Path, channel: socket.socket, arguments: Sequence[str] = (), *, pass_fds: Sequence[int] = ()
) -> "subprocess.Popen[bytes]":
    """Start a script in a session of its own.

    Args:
        script: Its file.
        channel: Its end of a pair of sockets; the script finds it as standard input.
        arguments: Its arguments.
        pass_fds: Descriptors that it keeps, by the same numbers.
    """
    own = {name: value for name, value in os.environ.items() if name == "LD_LIBRARY_PATH"}  # Python may need it
    return subprocess.Popen(
        [sys.executable, "-I", "-S", str(script), *arguments],
        stdin=channel.fileno(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        cwd="/",
        env=for_helpers(own),
        start_new_session=True,
        pass_fds=tuple(pass_fds),
    )


def parent_of(pid: int) -> int:
    """Return the number of a process's parent.

    Raises:
        OSError: The process is gone.
    """
    # The name in the second field may hold anything, brackets and spaces too.
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[1])
