"""Finds the files of a folder that a task names, in subfolders too, and lists what is there. Knows no kernel.

A name is a path, a file's name, or its stem as a word of its own: `data/sales.csv`, `sales.csv`, "the sales table".
"""

import os
import re
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from unicodedata import normalize

from codeagent_nb.text import without_fenced_code
from kernel_executor.secret_names import names_secret

MOST_LOOKED_AT = 5_000
"""Entries of a folder, with those of its subfolders: a home or a project may have millions."""

DEEPEST = 4
MOST_NAMED = 4
MOST_LISTED = 20

OF_OTHERS = frozenset({"node_modules", "__pycache__", "venv", "env", "site-packages", "build", "dist"})
"""Folders that programs fill."""

_TEXT = ".csv .tsv .tab .psv .txt .json .jsonl .ndjson .geojson .gz .bz2 .xz .zip"
_BINARY = ".parquet .feather .arrow .xlsx .xls .xlsm .xlsb .ods .db .sqlite .sqlite3 .h5 .hdf5 .nc .npy .npz .sav .dta"
DATA = frozenset(f"{_TEXT} {_BINARY}".split())
"""How files of data end: of these, the stem names them, too."""

SHORTEST_STEM = 3
"""Letters, where the task speaks of a file, a table or data."""

TELLING_STEM = 5
"""Letters otherwise: `penguins` is no word of other tasks."""

_OF_TASKS = (
    "test train model models time times price prices result results output input values value report count index"
)
_OF_FILES = "data table sample example summary notes temp file files names name state country column columns"
GENERIC = frozenset(f"{_OF_TASKS} {_OF_FILES}".split())
"""Words of many tasks: no file is meant."""

OF_DATA = re.compile(
    r"\b(?:files?|tables?|data(?:set)?s?|sheets?|csv|dateien?|tabellen?|daten(?:satz)?|fichiers?|tableaux?|données"
    r"|archivos?|tablas?|datos|tabell[ae]|dati)\b"
)


@dataclass(frozen=True, slots=True)
class FoundFile:
    """A file of the folder.

    Args:
        name: Its path from there.
        size: Bytes.
    """

    name: str
    size: int

    @property
    def depth(self) -> int:
        """How many folders it is in."""
        return self.name.count("/")


def files_of(folder: Path) -> list[FoundFile]:
    """Return the files of a folder that are neither hidden nor links, those higher up first; of a large one some.

    Args:
        folder: The folder.
    """
    found: list[FoundFile] = []
    level, looked_at = [""], 0
    for _ in range(DEEPEST):
        below: list[str] = []
        for parent in level:
            for entry in _entries(folder / parent):
                looked_at += 1
                if looked_at > MOST_LOOKED_AT:
                    return found
                with suppress(OSError):  # gone meanwhile, or no right to look at it
                    if entry.is_dir(follow_symlinks=False):
                        below += [] if entry.name in OF_OTHERS else [f"{parent}{entry.name}/"]
                    elif entry.is_file(follow_symlinks=False):
                        found.append(FoundFile(f"{parent}{entry.name}", entry.stat(follow_symlinks=False).st_size))
        level = below
    return found


def looked_through(folder: Path, task: str) -> tuple[list[FoundFile], list[FoundFile]]:
    """Return the files of a folder, and those among them that a task names, by their whole path, too.

    Args:
        folder: The folder.
        task: What to do.
    """
    files = files_of(folder)
    return files, named_in(task.replace(f"{folder}/", ""), files)


def _entries(folder: Path) -> Iterator[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            shown = sorted(filter(_is_shown, entries), key=lambda entry: entry.name)
    except OSError:  # no right to read it, or gone meanwhile
        return
    yield from shown


def _is_shown(entry: os.DirEntry[str]) -> bool:
    return entry.name[:1] not in "._" and entry.name.isprintable()  # in a name, a line end could say anything


def named_in(task: str, files: Sequence[FoundFile]) -> list[FoundFile]:
    """Return the files that a task names, in the order of the task.

    A path means that file, a name the highest one of it. A stem counts where no file is named otherwise, and only of a
    file of data whose stem no other one has.

    Args:
        task: What to do; what is in a fence is somebody's code.
        files: Those that there are, the higher ones first.
    """
    text = _written(without_fenced_code(task)).replace("./", "")
    by_path = {_place(file.name, text): file for file in reversed(files) if "/" in file.name}
    by_path.pop(-1, None)
    covered = {file.name.rpartition("/")[2] for file in by_path.values()}
    by_name: dict[int, FoundFile] = {}
    for file in reversed(files):  # the highest one is the last to be put there
        name = file.name.rpartition("/")[2]
        place = _place(name, text) if "." in name and name not in covered else -1
        if place >= 0:
            by_name[place] = file
    found = {**by_name, **by_path} or _by_stem(text, files)
    return [found[place] for place in sorted(found)][:MOST_NAMED]


def _written(text: str) -> str:
    """Return a text as names are compared: macOS writes accents apart from their letters."""
    return normalize("NFC", text).casefold()


def _by_stem(text: str, files: Sequence[FoundFile]) -> dict[int, FoundFile]:
    speaks_of_data = bool(OF_DATA.search(text))
    stems: dict[str, list[FoundFile]] = {}
    for file in files:
        path = PurePosixPath(file.name.casefold())
        is_telling = len(path.stem) >= (SHORTEST_STEM if speaks_of_data else TELLING_STEM) and path.stem not in GENERIC
        if path.suffix in DATA and is_telling and not names_secret(path.stem):
            stems.setdefault(path.stem, []).append(file)
    found = {_place(stem, text): those[0] for stem, those in stems.items() if len(those) == 1}
    found.pop(-1, None)
    return found


def _place(name: str, text: str) -> int:
    """Return where a name stands in a text as a whole; -1 if it does not."""
    name = _written(name)
    if name not in text:  # nearly always, and quickly
        return -1
    found = re.search(rf"(?<![\w/.\-]){re.escape(name)}(?![\w/\-]|\.\w)", text)
    return found.start() if found else -1


def listing(found: Sequence[FoundFile]) -> str:
    """Return what a model reads of a folder: its files of data by name and size; empty if there are none.

    Args:
        found: All files that there are.
    """
    files = [file for file in found if PurePosixPath(file.name.casefold()).suffix in DATA]
    if not files:
        return ""
    shown = [f"{file.name} ({file.size:,} bytes)" for file in files[:MOST_LISTED]]
    more = f" and {len(files) - MOST_LISTED} more" if len(files) > MOST_LISTED else ""
    return f"Files in the working folder: {', '.join(shown)}{more}."
