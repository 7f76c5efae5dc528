"""Finds what is not to be shown of folders that code only imports from: hidden names and keys. Knows no sandbox.

A folder on the `PYTHONPATH`, or the checkout of an editable installation, is often a whole project, with its `.env` and
the `.git` that holds a token. To import from it none of these is needed.
"""

import os
import re
from collections import deque
from collections.abc import Iterator, Sequence
from fnmatch import translate
from itertools import islice
from pathlib import Path


def _any_of(*patterns: str) -> re.Pattern[str]:
    """Make one expression of patterns for whole names in lower case; one by one they took five times as long."""
    return re.compile("|".join(map(translate, patterns)))


LOOKED_AT = 10_000
"""Entries of one folder: 20 ms. What lies deeper is not looked at; outer folders come first."""

NEEDED = frozenset({".libs", ".dylibs"})
"""Hidden folders in old packages, with the libraries that they load."""

INSTALLED = frozenset({"site-packages", "dist-packages", "node_modules", "__pycache__"})
"""Folders that hold what was installed, and nothing of a project."""

MOST_COVERED = 200
"""Entries of one folder that are covered, outer ones first: each is a mount, and 1,000 took bubblewrap 6 s."""

HARMLESS = _any_of(
    *("._*", ".ds_store", ".gitignore", ".gitattributes", ".gitkeep", ".nfs*", ".~*", ".coverage*", ".*.sw?")
)
"""Hidden names without secrets, of which there may be many, or which come and go while a sandbox is made."""

SECRET_FILES = _any_of(
    *("*.env", "env", "env.*", "*.tfvars", "*.tfstate", "*.tfstate.backup", "kubeconfig*", "_netrc", "pgpass*"),
    *("*.p12", "*.pfx", "*.jks", "*.keystore", "*.kdbx", "*.ppk", "*htpasswd", "rootkey*", "*password*.txt"),
    *("id_rsa*", "id_dsa*", "id_ecdsa*", "id_ed25519*", "*credential*", "service?account*.json", "*adminsdk*.json"),
    *("token*.json", "*token*.pickle", "secrets", "secrets.*", "secret.*", "*secret*.json", "*secret*.y*ml"),
    *("*secret*.toml", "*secret*.ini", "*secret*.txt"),
)
"""Names, in lower case. A module is never covered, whatever its name: `secrets.py`."""

MODULES = (".py", ".pyi", ".pyc", ".pyd", ".so")

PERHAPS_A_KEY = (".pem", ".key", ".crt", "_key", "-key", "-key.txt", "_key.txt")
"""Certificates have these endings, too, and `certifi` needs its own: what is in the file decides."""


def to_cover(folder: Path, spared: Sequence[Path] = ()) -> list[Path]:
    """Return what is to be covered in a folder, outer entries first and nothing in what is covered itself.

    Args:
        folder: The folder.
        spared: Folders in it that are not looked into.
    """
    return list(islice(_to_cover(folder, {str(path) for path in spared}), MOST_COVERED))


def _to_cover(folder: Path, spared: set[str]) -> Iterator[Path]:
    waiting, left = deque([str(folder)]), LOOKED_AT
    while waiting:
        for entry in _entries(waiting.popleft()):
            left -= 1
            if left < 0:
                return
            if entry.path in spared:
                continue
            is_folder = entry.is_dir(follow_symlinks=False)
            if _is_hidden(entry.name) or (not is_folder and _is_secret(entry)):
                yield from _real(entry, folder)
            elif is_folder and entry.name not in INSTALLED:
                waiting.append(entry.path)


def _entries(folder: str) -> list[os.DirEntry[str]]:
    try:
        with os.scandir(folder) as entries:
            return sorted(entries, key=lambda entry: entry.name)
    except OSError:  # it is not ours to read, or gone
        return []


def _is_hidden(name: str) -> bool:
    return name.startswith(".") and name not in NEEDED and not HARMLESS.match(name.lower())


def _is_secret(entry: os.DirEntry[str]) -> bool:
    name = entry.name.lower()
    if name.endswith(MODULES):
        return False
    return bool(SECRET_FILES.match(name)) or (name.endswith(PERHAPS_A_KEY) and _holds_a_key(entry))


def _holds_a_key(entry: os.DirEntry[str]) -> bool:
    try:
        if not entry.is_file():
            return False
        with open(entry.path, "rb") as file:  # noqa: PTH123 - a name may be bytes of no encoding
            return b"PRIVATE KEY" in file.read(65_536)
    except OSError:
        return False


def _real(entry: os.DirEntry[str], folder: Path) -> Iterator[Path]:
    """Yield the entry; for a link what it leads to if that is shown, too: a link cannot be covered."""
    if not entry.is_symlink():
        yield Path(entry.path)
        return
    target = Path(os.path.realpath(entry.path))
    if target.is_relative_to(folder.resolve()) and target.is_file():
        yield folder / target.relative_to(folder.resolve())
