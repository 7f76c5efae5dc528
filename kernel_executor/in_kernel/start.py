"""Starts a managed Python kernel: bounded output, harmless `exit()`, a death that follows its parent's.

Run as a script by the kernel's interpreter, from the copy in the run folder; imports ipykernel only in `main`.
"""

from __future__ import annotations

import contextlib
import functools
import os
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Any

if __name__ != "__main__":
    from . import MODULE, OMISSION_MESSAGE, PACKAGES, beginning
    from .checkpoints import Checkpoints
    from .explaining import explain
    from .figures import LeftOpen
    from .forks import flush_to_parent, forget_in_forks, is_fork, write_to_parent
    from .guard import OutputGuard
    from .interrupts import Interrupts
    from .one_thread import application
    from .read_only import watch
    from .relaying import Relaying
    from .text import encodable
    from .threads import inherit_context


FLOOD_REST = 0.0002
"""Seconds between two messages of a flood; the reader needs 0.00005 for each."""


def main(arguments: list[str], line: socket.socket | None = None, in_memory: Sequence[str] = ()) -> None:
    """Start the kernel.

    Args:
        arguments: head, tail, display and displays limits, address space in bytes (0 = no limit), ipykernel's own.
        line: Where checkpoints get theirs from, if a root has forked this process.
        in_memory: File systems in memory that only this sandbox has.
    """
    *limits, memory = (int(number) for number in arguments[:5])
    beginning.be_ended(beginning.FIRST_TO_GO)
    _limit_memory(memory)
    if "JPY_PARENT_PID" in os.environ:  # no sandbox sees to it, and no root
        beginning.die_with_parent()
    guard, interrupts = OutputGuard(*limits), Interrupts()
    globals()["GuardedOutStream"] = guarded_stream(guard, interrupts)
    forget_in_forks()
    app = application(interrupts, outstream_class=f"{MODULE}.start.GuardedOutStream")
    checkpoints = Checkpoints(app, line, in_memory) if line else None
    app.initialize(arguments[5:])
    guard_kernel(app, guard, interrupts)
    spare_work(app)
    _do_without_terminals(app.shell)
    watch()
    inherit_context()
    _find_installed()
    if checkpoints:
        checkpoints.attach()
    app.start()
    while checkpoints and checkpoints.make():
        spare_kernel_work(app)
        checkpoints.context.run(app.start)


def _find_installed() -> None:
    """Import what code has installed, too: before other packages, behind the standard library.

    Only now: with it on PYTHONPATH, an installed `json` kept every kernel of the session from starting.
    """
    places = list(filter(None, os.environ.pop(PACKAGES, "").split(os.pathsep)))
    others = (at for at, path in enumerate(sys.path) if path.endswith(("site-packages", "dist-packages")))
    at = next(others, len(sys.path))
    sys.path[at:at] = places
    if places:
        os.environ["PYTHONPATH"] = os.pathsep.join([*filter(None, [os.environ.get("PYTHONPATH")]), *places])


def _limit_memory(size: int) -> None:
    if size:
        import resource

        resource.setrlimit(resource.RLIMIT_AS, (size, size))


def guarded_stream(guard: OutputGuard, interrupts: Interrupts) -> type:
    """Return ipykernel's class of streams with a guard in front."""
    from ipykernel.iostream import OutStream

    class GuardedOutStream(Relaying, OutStream):  # type: ignore[misc]
        """ipykernel's stream behind a budget: what does not pass never reaches its unbounded buffers."""

        written: object = None  # a new one for each write
        flushed: object = None

        def flush(self) -> None:
            if is_fork(self):
                flush_to_parent(self)
                return
            # Each waits for another thread, and ipykernel asks for four a cell, most of them for nothing: 0.3 ms each.
            # Only what went through here counts as flushed: what the timer sends may still be on its way.
            written = self.written
            if written is not self.flushed:
                with interrupts.held():
                    super().flush()
                self.flushed = written

        def write(self, string: str) -> int | None:
            if not isinstance(string, str):
                return super().write(string)  # type: ignore[unreachable]  # raises the usual TypeError
            if is_fork(self):
                return write_to_parent(self, string)
            passed = guard.budget(self.parent_header.get("msg_id", ""), self.name).take(string)
            if passed:
                self.written = object()
                super().write(passed)
            return len(string)

        def end_cell(self, parent_id: str) -> int:
            self.relay_rest()
            text, omitted = guard.close(parent_id, self.name)
            if text:
                self.written = object()
                super().write(text)
            return omitted

    return GuardedOutStream


def _without_surrogates(send: Any) -> Any:
    """Replace lone surrogates in messages: with one, a stream's whole output would be lost, or a reply."""

    def send_encodable(stream: Any, message: Any, *others: Any) -> Any:
        try:
            return send(stream, message, *others)
        except UnicodeEncodeError:  # the packing failed, so nothing was sent
            message.update({name: encodable(message[name]) for name in ("content", "metadata")})
            return send(stream, message, *others)

    return send_encodable


def _guarded_send(session: Any, guard: OutputGuard) -> Any:
    """Return what sends a session's messages as far as the guard lets them pass."""
    send = _without_surrogates(session.send)

    def guarded_send(  # noqa: PLR0917 - the signature of what it takes the place of
        stream: Any,
        message: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        buffers: Any = None,
        track: bool = False,
        header: Any = None,
        metadata: Any = None,
    ) -> Any:
        # Here and not in IPython's publisher hooks: those are kept per thread, so a thread's displays pass them by.
        if isinstance(message, str):
            message = session.msg(message, content, parent, header, metadata)
        if guard.is_flood(message):
            time.sleep(FLOOD_REST)
        return send(stream, message, None, None, ident, buffers, track) if guard.guard(message) else message

    return guarded_send


def guard_kernel(app: Any, guard: OutputGuard, interrupts: Interrupts) -> None:
    """Attach the guards to a kernel that is set up but not yet running."""
    shell = app.shell
    is_within = _nesting(shell)

    @interrupts.ignored()
    def end_cell(*_: Any) -> None:
        if is_within():  # of a cell that code runs within its own, as `%%capture` does: the budget is the outer one's
            return
        # `%%capture` runs a cell within a cell, with a publisher of its own that has none.
        parent = getattr(shell.display_pub, "parent_header", {})
        parent_id = parent.get("msg_id", "")
        streams: dict[str, Any] = {"stdout": sys.stdout, "stderr": sys.stderr}
        # Code may have put a stream of its own in the place of ours.
        omitted = {name: s.end_cell(parent_id) for name, s in streams.items() if hasattr(s, "end_cell")}
        omitted["display"] = guard.close_displays(parent_id)
        getattr(shell.history_manager, "outputs", {}).clear()  # since IPython 9.1
        if any(omitted.values()):
            app.session.send(app.iopub_thread, OMISSION_MESSAGE, omitted, parent=parent)

    # IPython 9 keeps all that is printed and displayed, for `%notebook`: 0.8 GB in 1.5 s of printing (measured).
    shell._tee = lambda channel: contextlib.nullcontext()  # noqa: ARG005, SLF001
    app.session.send = _guarded_send(app.session, guard)
    shell.events.register("post_run_cell", explain)
    shell.events.register("post_execute", LeftOpen().show)  # pyplot's own comes later, and draws what has changed
    shell.events.register("post_run_cell", end_cell)
    _disarm_exit(shell)
    _show_groups(shell)


def _nesting(shell: Any) -> Callable[[], bool]:
    """Return what tells, when a cell has ended, whether another one is still running around it."""
    import inspect

    run, running = getattr(shell, "run_cell_async", None), [0]
    if run is None:
        return lambda: False

    # Counted around what runs a cell: `pre_run_cell` is not told of an empty one, whose end is.
    @functools.wraps(run)
    async def counted(*args: Any, **options: Any) -> Any:
        running[0] += 1
        try:
            return await run(*args, **options)
        finally:
            running[0] -= 1

    # ipykernel asks for it before each cell, and to find it out takes as long each time.
    counted.__signature__ = inspect.signature(run)  # type: ignore[attr-defined]
    shell.run_cell_async = counted
    return lambda: running[0] > 0


def spare_work(app: Any) -> None:
    """Make ipykernel do once what it does twice a cell: transform the code."""
    spare_kernel_work(app)
    app.log.setLevel(app.log_level)  # traitlets makes records for nobody: 0.1 ms a cell
    shell = app.shell
    transform = shell.transform_cell
    kept: dict[str, str] = {}

    def transform_once(code: str) -> str:
        if code not in kept:
            kept[code] = transform(code)
            return kept[code]
        return kept.pop(code)

    shell.transform_cell = transform_once
    shell.events.register("post_run_cell", lambda *_: kept.clear())  # the next cell may transform otherwise


def spare_kernel_work(app: Any) -> None:
    """Do the part of it that belongs to the kernel object."""
    # "Flush doesn't seem to make it to the clients", it says, and waits 0.5 ms before each reply. Ours waits for idle,
    # which takes the same way as the outputs, behind them.
    app.kernel._execute_sleep = 0.0  # noqa: SLF001 - a configurable trait, in spite of its name


def _do_without_terminals(shell: Any) -> None:
    """Run `!commands` without a pseudo-terminal where there is none (Landlock); their output is relayed anyway."""
    try:
        for end in os.openpty():
            os.close(end)
    except OSError:
        from types import MethodType

        from IPython.core.interactiveshell import InteractiveShell

        shell.system = MethodType(InteractiveShell.system_raw, shell)


def _disarm_exit(shell: Any) -> None:
    """Make `exit()` and `quit()` a SystemExit of the cell; stock ipykernel ends (3 of 3 trials)."""
    import warnings

    from IPython.core.autocall import ZMQExitAutocall

    class Exit(ZMQExitAutocall):  # type: ignore[misc]
        def __call__(self, code: Any = 0) -> None:
            raise SystemExit(code)

    def ask_exit() -> None:
        raise SystemExit(0)

    shell.exiter = Exit(shell)  # what `%reset` puts back
    for name in ("exit", "quit"):
        shell.user_ns[name] = shell.user_ns_hidden[name] = shell.exiter
    shell.ask_exit = ask_exit  # the door behind %exit and get_ipython().ask_exit()
    warnings.filterwarnings("ignore", message="To exit: use", category=UserWarning)  # advice for terminals


def _show_groups(shell: Any) -> None:
    """Make exception groups errors like others.

    IPython only prints them, and ipykernel 7.4 then replies with an earlier cell's traceback, or, if there is none
    yet, not at all.
    """
    import traceback

    def show(shell: Any, kind: type, error: BaseException, frames: Any, tb_offset: Any = None) -> list[str]:  # noqa: ARG001
        own = frames.tb_next or frames  # without IPython's own frame
        lines = "".join(traceback.format_exception(kind, error, own)).splitlines()
        shell._showtraceback(kind, error, lines)  # noqa: SLF001 - what IPython itself calls for all others
        return lines

    def forget() -> None:
        shell._last_traceback = None  # noqa: SLF001

    forget()
    shell.events.register("pre_execute", forget)
    if sys.version_info >= (3, 11):  # noqa: UP036 - the kernel's interpreter may be older than ours
        shell.set_custom_exc((BaseExceptionGroup,), show)


if __name__ == "__main__":
    # Import ourselves under our own name: IPython puts a module of its own in place of __main__.
    sys.path[0] = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - any Python
    import importlib

    module = importlib.import_module("codeagent_kernel.start")
    del sys.path[0]  # the working folder takes its place, as with ipykernel_launcher
    module.main(sys.argv[1:])
