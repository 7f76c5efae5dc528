"""What runs *inside* a managed Python kernel: bounded output, a real shell, harmless `exit()`.

Owns everything of ours in the kernel process. It is copied into the run folder and started as a script by the
kernel's own interpreter, which may be another Python without our package: so it imports nothing of ours, and
ipykernel only in `main`. The client imports `HeadTail` from here, so that both ends cut text alike.

Why in the kernel: a stock kernel under an endless `print` grew by 3.7 to 8.5 GB and did not answer an interrupt
for 20 s; 100 MB arrive in five messages, so a cap in the client comes too late (measured, ipykernel 7.4).
"""

from __future__ import annotations

import contextlib
import os
import sys
from collections import deque
from typing import Any

MODULE = "codeagent_kernel"
"""The name under which the kernel finds this file."""

OMISSION_MESSAGE = "codeagent_omission"
"""IOPub message type by which the kernel tells how much it left out; other clients ignore it."""


class HeadTail:
    """Keeps the beginning and the end of a text of any length.

    Args:
        head: Characters passed through at once.
        tail: Characters held back, the newest, once the head is full.
    """

    def __init__(self, head: int, tail: int) -> None:
        self._room = head
        self._tail_limit = tail
        self._tail: deque[str] = deque()
        self._tail_size = 0
        self.omitted = 0

    def take(self, text: str) -> str:
        """Return the part of `text` that still fits the head; hold the rest back."""
        passed = text[: self._room]
        self._room -= len(passed)
        if len(passed) < len(text):
            self._hold(text[len(passed) :])
        return passed

    def _hold(self, text: str) -> None:
        if len(text) > self._tail_limit:
            self.omitted += len(text) - self._tail_limit
            text = text[len(text) - self._tail_limit :]
        self._tail.append(text)
        self._tail_size += len(text)
        while self._tail_size > self._tail_limit:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        oldest = self._tail.popleft()
        excess = min(self._tail_size - self._tail_limit, len(oldest))
        if excess < len(oldest):
            self._tail.appendleft(oldest[excess:])
        self._tail_size -= excess
        self.omitted += excess

    def release(self) -> str:
        """Return what was held back, after a line that says how much is missing before it."""
        tail = "".join(self._tail)
        self._tail.clear()
        self._tail_size = 0
        omitted, self.omitted = self.omitted, 0
        return f"\n[... {omitted:,} characters left out ...]\n{tail}" if omitted else tail


class OutputGuard:
    """Bounds what one cell may send: text by `HeadTail` per stream, displays by size.

    Budgets are kept by the id of the request that caused the output, not by time: a thread that prints after its
    cell must not eat the next cell's budget. Once a cell has ended, its late output gets one more head, no tail.
    """

    REMEMBERED_CELLS = 64

    def __init__(self, head: int, tail: int, display: int) -> None:
        self._limits = (head, tail)
        self._display_limit = display
        self._budgets: dict[tuple[str, str], HeadTail] = {}

    def budget(self, parent_id: str, stream: str) -> HeadTail:
        """Return the budget of a cell's stream; made when first asked for."""
        key = (parent_id, stream)
        if key not in self._budgets:
            self._budgets[key] = HeadTail(*self._limits)
            while len(self._budgets) > 2 * self.REMEMBERED_CELLS:
                self._budgets.pop(next(iter(self._budgets)))
        return self._budgets[key]

    def close(self, parent_id: str, stream: str) -> tuple[str, int]:
        """End a cell's stream: return the held-back text and the number of characters left out."""
        budget = self.budget(parent_id, stream)
        omitted = budget.omitted
        text = budget.release()
        self._budgets[(parent_id, stream)] = HeadTail(self._limits[0], 0)
        return text, omitted

    def shrink(self, data: dict[str, Any]) -> tuple[dict[str, Any], int]:
        """Replace the representations of a display that are too large; return them and the bytes left out."""
        kept: dict[str, Any] = {}
        notes: list[str] = []
        omitted = 0
        for mime, value in data.items():
            size = len(value) if isinstance(value, str) else len(repr(value))
            if size <= self._display_limit:
                kept[mime] = value
            elif mime == "text/plain":
                half = self._display_limit // 20
                left_out = size - 2 * half
                kept[mime] = f"{value[:half]}\n[... {left_out:,} characters left out ...]\n{value[-half:]}"
                omitted += left_out
            else:
                notes.append(f"[{mime} of {size:,} bytes left out: the limit is {self._display_limit:,}]")
                omitted += size
        if notes:
            kept["text/plain"] = "\n".join([*filter(None, [kept.get("text/plain")]), *notes])
        return kept, omitted


def run_shell(script: str) -> None:
    """Run a script in bash (sh where there is none), its output live, in the kernel's working folder.

    Raises:
        CalledProcessError: The script's exit status is not 0; 128 + N where signal N ended it.
    """
    import shutil
    import subprocess

    shell = shutil.which("bash") or "/bin/sh"
    # A session of its own: an interrupt must end all that the script started, and nothing else.
    process = subprocess.Popen(
        [shell, "-c", script],
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    try:
        _relay(process)
    except BaseException as error:
        _end_session(process)
        if isinstance(error, KeyboardInterrupt):
            raise _without_frames(KeyboardInterrupt)("interrupted") from None
        raise
    code = process.returncode
    if code:
        raise _without_frames(subprocess.CalledProcessError)(128 - code if code < 0 else code, "bash")


def _relay(process: Any) -> None:
    """Copy a process's output to ours until it ends.

    Not until end of file: a background job that keeps the pipe open would hold the cell for ever.
    """
    import codecs
    import selectors
    import time

    sources = {process.stdout: sys.stdout, process.stderr: sys.stderr}
    with selectors.DefaultSelector() as selector:
        for pipe, stream in sources.items():
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
    for pipe in sources:
        pipe.close()


def _end_session(process: Any) -> None:
    import signal
    import subprocess

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


def main(arguments: list[str]) -> None:
    """Start the kernel.

    Args:
        arguments: head, tail and display limits, address space in bytes (0 = no limit), then ipykernel's own.
    """
    head, tail, display, memory = (int(number) for number in arguments[:4])
    _be_first_to_go(memory)
    guard = OutputGuard(head, tail, display)
    from ipykernel.kernelapp import IPKernelApp

    globals()["GuardedOutStream"] = _outstream_class(guard)
    app = IPKernelApp.instance(outstream_class=f"{MODULE}.GuardedOutStream")
    app.initialize(arguments[4:])
    _install(app, guard)
    app.start()


def _be_first_to_go(memory: int) -> None:
    """Ask the system to end this process first when memory runs out, and limit its address space if asked."""
    with contextlib.suppress(OSError), open("/proc/self/oom_score_adj", "w") as file:  # noqa: PTH123
        file.write("1000")
    if memory:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (memory, memory))


def _outstream_class(guard: OutputGuard) -> type:
    from ipykernel.iostream import OutStream

    class GuardedOutStream(OutStream):  # type: ignore[misc]
        """ipykernel's stream behind a budget: what does not pass never reaches its unbounded buffers."""

        def write(self, string: str) -> int | None:
            if not isinstance(string, str):
                return super().write(string)  # type: ignore[unreachable]  # raises the usual TypeError
            passed = guard.budget(self.parent_header.get("msg_id", ""), self.name).take(string)
            if passed:
                super().write(passed)
            return len(string)

        def end_cell(self) -> int:
            text, omitted = guard.close(self.parent_header.get("msg_id", ""), self.name)
            if text:
                super().write(text)
            return omitted

    return GuardedOutStream


def _install(app: Any, guard: OutputGuard) -> None:
    """Attach the guards to a kernel that is set up but not yet running."""
    shell = app.shell

    def report(omitted: dict[str, int]) -> None:
        if any(omitted.values()):
            parent = shell.display_pub.parent_header
            app.session.send(app.iopub_thread, OMISSION_MESSAGE, omitted, parent=parent)

    def end_cell(*_: Any) -> None:
        streams: dict[str, Any] = {"stdout": sys.stdout, "stderr": sys.stderr}
        # Code may have put a stream of its own in the place of ours.
        report({name: stream.end_cell() for name, stream in streams.items() if hasattr(stream, "end_cell")})

    def shrink(message: dict[str, Any]) -> dict[str, Any]:
        content = message["content"]
        if "data" in content:
            content["data"], omitted = guard.shrink(content["data"])
            report({"display": omitted})
        return message

    shell.events.register("post_run_cell", end_cell)
    for publisher in (shell.display_pub, shell.displayhook):
        if hasattr(publisher, "register_hook"):
            publisher.register_hook(shrink)
    _disarm_exit(shell)


def _disarm_exit(shell: Any) -> None:
    """Make `exit()` and `quit()` a SystemExit of the cell; stock ipykernel ends (3 of 3 trials)."""
    import warnings

    from IPython.core.autocall import IPyAutocall

    class Exit(IPyAutocall):  # type: ignore[misc]
        rewrite = False

        def __call__(self, code: Any = 0) -> None:
            raise SystemExit(code)

    def ask_exit() -> None:
        raise SystemExit(0)

    for name in ("exit", "quit"):
        shell.user_ns[name] = shell.user_ns_hidden[name] = Exit(shell)
    shell.ask_exit = ask_exit  # the door behind %exit and get_ipython().ask_exit()
    warnings.filterwarnings("ignore", message="To exit: use", category=UserWarning)  # advice for terminals


if __name__ == "__main__":
    # Import ourselves under our own name: IPython puts a module of its own in place of __main__.
    sys.path[0] = os.path.dirname(os.path.abspath(__file__))  # noqa: PTH100, PTH120 - any Python
    import importlib

    module = importlib.import_module(MODULE)
    del sys.path[0]  # the working folder takes its place, as with ipykernel_launcher
    module.main(sys.argv[1:])
