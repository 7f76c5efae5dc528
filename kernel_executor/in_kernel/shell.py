"""Runs the script of a shell block. Knows no kernel: only processes and our streams."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from typing import Any

ARGUMENT_LIMIT = 100_000
"""Bytes of a script given as an argument; Linux takes 131,072 (MAX_ARG_STRLEN), a longer one goes through a file."""


def run_shell(script: str) -> None:
    """Run a script in bash (sh where there is none), its output live, in the kernel's working folder.

    Raises:
        CalledProcessError: The script's exit status is not 0; 128 + N where signal N ended it.
        ValueError: The script holds a NUL character.
    """
    if "\0" in script:
        raise _without_frames(ValueError)("a shell script cannot hold a NUL character")
    with _arguments(script) as (arguments, files):
        # A session of its own: an interrupt must end all that the script started, and nothing else.
        process = subprocess.Popen(
            arguments,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            start_new_session=True,
            pass_fds=files,
        )
    try:
        _relay(process)
    except BaseException as error:
        _end_session(process)
        if isinstance(error, KeyboardInterrupt):
            raise _without_frames(KeyboardInterrupt)("interrupted") from None
        raise
    finally:
        _close_pipes(process)
    code = process.returncode
    if code:
        raise _without_frames(subprocess.CalledProcessError)(128 - code if code < 0 else code, "bash")


@contextlib.contextmanager
def _arguments(script: str) -> Iterator[tuple[list[str], tuple[int, ...]]]:
    """Yield the command line for a script, and the file descriptors it needs."""
    import shutil
    import tempfile

    shell = shutil.which("bash") or "/bin/sh"
    encoded = script.encode(errors="replace")
    if len(encoded) <= ARGUMENT_LIMIT:
        yield [shell, "-c", script], ()
        return
    with tempfile.TemporaryFile() as file:
        file.write(encoded)
        file.seek(0)
        yield [shell, f"/dev/fd/{file.fileno()}"], (file.fileno(),)


def _relay(process: Any) -> None:
    """Copy a process's output to ours until it ends.

    Not until end of file: a background job that keeps the pipe open would hold the cell forever.
    """
    import codecs
    import selectors
    import time

    with selectors.DefaultSelector() as selector:
        for pipe, stream in ((process.stdout, sys.stdout), (process.stderr, sys.stderr)):
            os.set_blocking(pipe.fileno(), False)
            decoder = codecs.getincrementaldecoder("utf-8")(errors="replace")
            selector.register(pipe, selectors.EVENT_READ, (stream, decoder))
        deadline = None
        while selector.get_map():
            ready = selector.select(timeout=0.05)
            for key, _ in ready:
                chunk = os.read(key.fd, 65536)
                stream, decoder = key.data
                stream.write(decoder.decode(chunk, final=not chunk))
                if not chunk:
                    selector.unregister(key.fileobj)
            if process.poll() is not None:
                deadline = deadline or time.monotonic() + 0.2
                if not ready or time.monotonic() > deadline:
                    break
    process.wait()


def _close_pipes(process: Any) -> None:
    for pipe in (process.stdout, process.stderr):
        pipe.close()


def _end_session(process: Any) -> None:
    for number in (signal.SIGINT, signal.SIGKILL):
        try:
            os.killpg(process.pid, number)
            process.wait(0.3)
        except ProcessLookupError:
            break
        except subprocess.TimeoutExpired:
            continue
    with contextlib.suppress(ProcessLookupError):  # the group outlives its leader
        os.killpg(process.pid, signal.SIGKILL)


def _without_frames(error_type: type) -> Any:
    """Derive an exception that IPython shows as one line: our frames mean nothing to who wrote two lines of shell."""

    def render(self: BaseException) -> list[str]:
        return [f"{error_type.__name__}: {self}"]

    return type(error_type.__name__, (error_type,), {"_render_traceback_": render})  # IPython's own protocol
