"""Carries out `verify` and `trim`, and the proof at the end of `run`: prints what matters, returns exit codes."""

import os
from collections.abc import Sequence
from pathlib import Path

from rich.text import Text

from codeagent_nb.elsewhere.refusals import NO_VERIFY
from codeagent_nb.errors import AgentError, SessionError
from codeagent_nb.events import BlockFinishedEvent
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.proof.proving_scripts import prove_script
from codeagent_nb.proof.reading import CodeCell, ReadNotebook, read_notebook
from codeagent_nb.proof.recording import record_verdict
from codeagent_nb.proof.replaying import ReplaySettings
from codeagent_nb.proof.telling import headline, report
from codeagent_nb.proof.trimming import as_notebook, script_of, trim
from codeagent_nb.proof.verdict import Verdict
from codeagent_nb.proof.verifying import verify
from codeagent_nb.session.session import Session, SessionSettings
from codeagent_nb.text import sentence
from codeagent_nb.views.clean_console import CleanConsole
from kernel_executor import KernelExecutorError
from kernel_executor.folders.safe_files import folder_of
from kernel_executor.text import cleaned

PROVED, DIFFERS, NOTHING_TO_PROVE = 0, 1, 3

AT_ONCE = 60.0
"""Seconds that the cells of a session may have taken for it to be proved at its end."""


async def verify_notebooks(
    console: CleanConsole, paths: Sequence[Path], settings: ReplaySettings, *, record: bool
) -> int:
    """Prove notebooks and say what came of it; return the exit code, the highest of all.

    Args:
        console: Where it is said.
        paths: The notebooks.
        settings: How they are replayed.
        record: Whether the verdict is written into them.
    """
    codes = []
    for path in paths:
        notebook = read_notebook(path)
        verdict = await _verified(console, notebook, settings)
        first, *rest = report(verdict)
        _print(console, settings, f"{path}: {first}", *rest)
        if record:
            record_verdict(notebook, verdict)
        codes.append(exit_code_of(verdict))
    return max(codes, default=PROVED)


def exit_code_of(verdict: Verdict) -> int:
    """Return the exit code of a verdict."""
    if not verdict.compared:
        return NOTHING_TO_PROVE
    return PROVED if verdict.proved else DIFFERS


async def trim_notebook(
    console: CleanConsole, path: Path, settings: ReplaySettings, *, out: Path | None, script: bool, keep: Sequence[int]
) -> int:
    """Write a notebook's final outputs and what they need into another file; return the exit code.

    Args:
        console: Where it is said.
        path: The notebook; it stays as it is.
        settings: How it is replayed.
        out: The other file; None chooses a name beside it.
        script: Whether that is a script.
        keep: Numbers of further cells whose outputs are wanted.
    """
    notebook = read_notebook(path)
    target = out or notebook.path.with_name(f"{notebook.path.stem}.trimmed{'.py' if script else '.ipynb'}")
    with console.status("Replaying ..."):
        trimmed = await trim(notebook, settings, keep)
        content = script_of(trimmed).encode() if script else as_notebook(trimmed)
        if script:
            await prove_script(trimmed, content.decode(), settings)
    write_new(target, content)
    kept, dropped = len(trimmed.kept), trimmed.dropped
    told = f"{kept} {'cell' if kept == 1 else 'cells'} of code kept, {dropped} dropped; proved by a replay"
    _print(console, settings, f"{target}: {told}.")
    return PROVED


def write_new(path: Path, content: bytes) -> None:
    """Write a file that is not there yet.

    Raises:
        SessionError: It is there, or cannot be written.
    """
    try:
        with folder_of(path.expanduser().absolute()) as folder, os.fdopen(folder.create(path.name), "wb") as file:
            file.write(content)
    except FileExistsError as error:
        raise SessionError(
            f"{str(path)!r} exists already and is not overwritten: choose another name (--out)"
        ) from error
    except OSError as error:
        raise SessionError(f"cannot write {str(path)!r}: {error.strerror or error}") from error


async def verify_session(console: CleanConsole, session: Session, settings: SessionSettings, secrets: Secrets) -> None:
    """Prove the notebook of a session that has ended, if its cells took little time; a failure of that is only said."""
    took = sum(event.result.duration for event in session.log.events if isinstance(event, BlockFinishedEvent))
    if settings.server:
        _print(console, ReplaySettings(secrets=secrets), sentence(NO_VERIFY.format(place=settings.server.url)))
        return
    if settings.executor != "kernel" or settings.sandbox == "none":
        return
    how = ReplaySettings(sandbox=settings.sandbox, network=settings.network, limits=settings.limits, secrets=secrets)
    if took > AT_ONCE:
        _print(console, how, f"Not verified, for its cells took {took:.0f} s: codeagent-nb verify {session.notebook}")
        return
    try:
        notebook = read_notebook(session.notebook)
        if not any(cell.code.strip() for cell in notebook.cells):
            return
        verdict = await _verified(console, notebook, how)
        record_verdict(notebook, verdict)
    except (AgentError, KernelExecutorError) as error:
        _print(console, how, f"Not verified: {error}")
        return
    _print(console, how, *([headline(verdict)] if verdict.proved else report(verdict)))


async def _verified(console: CleanConsole, notebook: ReadNotebook, settings: ReplaySettings) -> Verdict:
    with console.status("Replaying ...") as status:

        def progress(cell: CodeCell) -> None:
            status.update(f"Replaying cell {cell.number} of {len(notebook.cells)} ...")

        return await verify(notebook, settings, progress)


def _print(console: CleanConsole, settings: ReplaySettings, *lines: str) -> None:
    for line in lines:
        text = settings.secrets.text(line) if settings.secrets else line
        console.print(Text(cleaned(text)), soft_wrap=True)
