"""Which folder or files the agent may see, where the notebook's own folder is one that no code gets whole.

That is the home folder mostly: Jupyter is often started there. Knows files and a card; no session and no front end.
"""

import os
import re
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from codeagent_nb.notebook.setup.card import Card
from kernel_executor.folders.work_folder import too_much_to_show
from kernel_executor.sizes import size_text
from kernel_executor.stage.kinds import DATA
from kernel_executor.text import cleaned

FILES_SHOWN = 60
FOLDERS_SHOWN = 60
ENTRIES_LOOKED_AT = 20_000
OURS = (".journal.jsonl", ".ipynb")
"""Ends of names of what is saved beside notebooks, and of notebooks: no data that a task is about."""


@dataclass(frozen=True, slots=True)
class FolderAnswer:
    """What a person has chosen.

    Args:
        folder: Where the code works; in one that is too much to show, a new folder is made.
        files: What is copied there.
    """

    folder: Path
    files: tuple[Path, ...] = ()


@dataclass(frozen=True, slots=True)
class FolderOffer:
    """What can be chosen.

    Args:
        folder: The one that is too much.
        own: The notebook's own folder, if it is another one and may be shown.
        files: Data files in `folder`: name and size. Those the task names come first.
        named: How many of them the task names.
        folders: Names of folders in it.
    """

    folder: Path
    own: Path | None
    files: tuple[tuple[str, int], ...]
    named: int
    folders: tuple[str, ...]


def is_too_much(folder: Path) -> bool:
    """Return whether a folder is one that no code gets as a whole."""
    return folder.expanduser().resolve() in too_much_to_show()


def offer_for(folder: Path, notebook: str, task: str) -> FolderOffer:
    """Return what can be chosen instead of a folder.

    Args:
        folder: The one that is too much.
        notebook: Path of the notebook, if it is known.
        task: What is to be done: files that it names are meant.
    """
    files, folders = _entries(folder)
    named = [file for file in files if re.search(rf"(?<![\w.-]){re.escape(file[0])}(?![\w-])", task)]
    shown = [*named, *(file for file in files if file not in named)][: max(FILES_SHOWN, len(named))]
    own = Path(notebook).parent if notebook and Path(notebook).is_absolute() else folder
    may_be_shown = own.is_dir() and not is_too_much(own)
    return FolderOffer(folder, own if may_be_shown else None, tuple(shown), len(named), tuple(folders[:FOLDERS_SHOWN]))


def _entries(folder: Path) -> tuple[list[tuple[str, int]], list[str]]:
    """List data files and folders; what is hidden or cannot be written on a page is left out."""
    files, folders = [], []
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(ENTRIES_LOOKED_AT), entries, strict=False):
                if entry.name.startswith(".") or not entry.name.isprintable() or entry.name != cleaned(entry.name):
                    continue
                if entry.is_dir(follow_symlinks=False) and not is_too_much(Path(entry.path)):
                    folders.append(entry.name)
                elif Path(entry.name).suffix.lower() in DATA and not entry.name.endswith(OURS) and entry.is_file():
                    files.append((entry.name, entry.stat().st_size))
    except OSError:  # a folder that may not be read has nothing to choose from
        return [], []
    return sorted(files, key=lambda file: file[0].lower()), sorted(folders, key=str.lower)


class FolderQuestion(Card):
    """Asks which folder or files the agent may see.

    Args:
        offer: What can be chosen.
        answer: Called with what was chosen.
    """

    def __init__(self, offer: FolderOffer, answer: Callable[[FolderAnswer], None]) -> None:
        super().__init__()
        self._offer = offer
        self._answer = answer
        self._error = ""

    @property
    def status(self) -> str:
        """What it is about."""
        return "Which files may it see?"

    def fields(self) -> dict[str, Any]:
        """Return what is shown."""
        offer = self._offer
        return {
            "kind": "folder",
            "title": "Which of your files may the agent see?",
            "why": f"This notebook is in {what_it_is(offer.folder)}, which is never shown to it as a whole. What you "
            "choose it can read, and not change. Your choice holds until this notebook's kernel ends.",
            "own": short(offer.own.resolve()) if offer.own else "",
            "files": [{"name": name, "size": size_text(size)} for name, size in offer.files],
            "named": offer.named,
            "folders": list(offer.folders),
            "error": self._error,
        }

    def handle(self, message: dict[str, Any]) -> None:
        """Take an answer, if it is one that was offered."""
        try:
            answer = self._read(message)
        except ValueError as error:
            self._error = str(error)
            self.changed()
        else:
            self._answer(answer)
            self.settle()

    def _read(self, message: Mapping[str, Any]) -> FolderAnswer:
        offer = self._offer
        match message.get("type"):
            case "folder-own" if offer.own:
                return FolderAnswer(offer.own)
            case "folder-files":
                return FolderAnswer(offer.folder, self._files(message.get("names")))
            case "folder-path":
                return FolderAnswer(chosen_folder(str(message.get("path") or ""), offer.folder))
            case "folder-empty":
                return FolderAnswer(offer.folder)
        raise ValueError("choose one of these")

    def _files(self, names: Any) -> tuple[Path, ...]:
        known = {name for name, _ in self._offer.files}
        wanted = [name for name in names if name in known] if isinstance(names, list) else []
        if not wanted:
            raise ValueError("tick at least one file, or choose something else")
        return tuple(self._offer.folder / name for name in wanted)


def chosen_folder(text: str, beside: Path) -> Path:
    """Return the folder that a person named.

    Args:
        text: What was typed; relative to `beside`.
        beside: Where the person is.

    Raises:
        ValueError: There is no such folder, or no code gets it whole.
    """
    text = text.strip().strip("\"'")
    if not text:
        raise ValueError("name a folder")
    try:
        folder = beside / Path(text).expanduser()
    except RuntimeError as error:  # there is no such user
        raise ValueError(f"there is no folder {text!r}") from error
    if not folder.is_dir():
        raise ValueError(f"there is no folder {str(folder)!r}")
    if is_too_much(folder):
        raise ValueError(f"{what_it_is(folder)} is never shown as a whole: name a folder in it")
    return folder.resolve()


def what_it_is(folder: Path) -> str:
    """Return in words which folder it is."""
    found = folder.expanduser().resolve()
    return "your home folder" if found == Path.home().resolve() else f"the folder {found}"


def short(path: Path) -> str:
    """Return a path for people: from their home folder on, if it is there."""
    home = Path.home().resolve()
    return f"~/{path.relative_to(home)}" if path != home and path.is_relative_to(home) else str(path)


def without_a_choice(folder: Path, works_in: Path) -> str:
    """Return what is said where nobody could be asked.

    Args:
        folder: The one that is too much.
        works_in: The new one that code works in.
    """
    return (
        f"The agent sees none of your files: this notebook is in {what_it_is(folder)}, which is never shown to it as a "
        f"whole. It works in the new folder {short(works_in)}. To show it a folder: %agent folder PATH. To show it a "
        "file: %%agent -f data.csv"
    )


def with_a_choice(answer: FolderAnswer, works_in: Path) -> str:
    """Return what is said where somebody chose, once a new folder was made; "" if none was.

    Args:
        answer: What was chosen.
        works_in: Where code works.
    """
    if answer.folder.resolve() == works_in:
        return ""
    names: Sequence[str] = [path.name for path in answer.files]
    copies = f", with copies of {', '.join(names)}" if names else ", which is empty"
    return f"The agent works in the new folder {short(works_in)}{copies}. To change that: %agent folder PATH"
