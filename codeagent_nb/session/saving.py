"""Saves a session as a notebook that is seen, with the variables it loads beside it. Overwrites nothing."""

from pathlib import Path

from codeagent_nb.errors import AgentError
from codeagent_nb.events import VariableEvent
from codeagent_nb.session.earlier import copy_folder, with_data_in
from codeagent_nb.session.session import Session
from codeagent_nb.views.notebook_file import NotebookView
from kernel_executor.folders.home import with_home


def save_session(session: Session, path: Path) -> Path:
    """Save a session so far as a notebook of another name; return its path.

    Raises:
        AgentError: It is no name of a notebook, something of that name exists, or it cannot be written.
    """
    target = with_home(path).absolute()
    if target.suffix != ".ipynb":
        raise AgentError(f"{str(path)!r}: the name of a notebook ends in .ipynb")
    if not target.parent.is_dir():
        raise AgentError(f"{str(path)!r}: there is no such folder")
    data = target.with_suffix(".data")
    log = [*with_data_in(session.log.events, data.name)]
    loads = any(isinstance(event, VariableEvent) and event.path for event in log)
    # Variables of an earlier notebook of that name would be loaded in place of these.
    for taken in (target, *([data] if loads else [])):
        if taken.exists() or taken.is_symlink():
            raise AgentError(f"{str(taken)!r} exists already and is not overwritten: choose another name")
    if loads:
        copy_folder(session.data, data)  # or it would not run where it lies
    NotebookView(target, log, language_info=session.language_info)
    return target
