"""Carries out `sessions` and `run --continue`: finds what is to be gone on with, and where it is saved."""

from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.text import Text

from codeagent_nb.errors import SessionError
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.session.beginning import NOTHING, Earlier
from codeagent_nb.session.finding import (
    earlier_in_notebook,
    earlier_of,
    events_of,
    find_session,
    listed,
    newest_of,
    sessions_in,
)
from codeagent_nb.session.session import SessionSettings, new_notebook
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.notebook_file import is_saved_from
from kernel_executor.folders.home import with_home

Continue = Annotated[
    str,
    typer.Option(
        "--continue",
        help="Go on with an earlier session: the path of its notebook, or its name (`codeagent-nb sessions`). Its code "
        "runs again in the sandbox.",
        show_default="a new session",
    ),
]


def list_sessions(console: CleanConsole, folder: Path, secrets: Secrets) -> None:
    """Print the sessions of a folder."""
    console.print(Text(secrets.text(listed(sessions_in(with_home(folder))))), soft_wrap=True)


def go_on_from(wanted: str, settings: SessionSettings) -> tuple[SessionSettings, Earlier]:
    """Return how a session works that goes on with an earlier one, and what that is.

    Args:
        wanted: A notebook, or the name of a session in the current folder; empty begins a new one.
        settings: How it works otherwise; without a notebook it is saved where it was, or beside that.

    Raises:
        SessionError: There is no such session or notebook, or it cannot be read.
    """
    if not wanted:
        return settings, NOTHING
    path = with_home(wanted).absolute()
    if path.suffix == ".ipynb":
        earlier, notebook = _of_notebook(path)
        return replace(settings, notebook=settings.notebook or notebook), _seen_from(settings, path.parent, earlier)
    found = find_session(Path(), wanted)
    return replace(settings, folder=found.work_dir), _seen_from(settings, found.work_dir, earlier_of(found))


def _seen_from(settings: SessionSettings, folder: Path, earlier: Earlier) -> Earlier:
    """Return what a session goes on from that may be saved in another folder, where it is a new one."""
    if settings.notebook is None or settings.notebook.absolute().parent.resolve() == folder.resolve():
        return earlier
    return Earlier(events=earlier.events or events_of(find_session(folder, earlier.name)))


def _of_notebook(path: Path) -> tuple[Earlier, Path]:
    """Return what a notebook goes on from, and where that is saved.

    Its own session, if it holds what that has saved, or is gone; else what stands in it, and then it stays as it is.
    """
    found = sessions_in(path.parent)
    own = newest_of(found, path.stem) or next((one for one in found if one.is_old and one.name == path.stem), None)
    if own and (not path.exists() or is_saved_from(path, events_of(own))):
        return earlier_of(own), path
    if not path.exists():
        raise SessionError(f"there is no notebook {str(path)!r}, and no session of that name beside it")
    return earlier_in_notebook(path), new_notebook(path.parent, path.stem)
