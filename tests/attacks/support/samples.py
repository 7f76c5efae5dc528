"""Something to lose, made once for every attempt in one work folder, and what the attempts call it."""

import json
import os
import shlex
import sqlite3
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

TABLE = "a,b\n1,2\n"


def _database(folder: Path) -> bytes:
    with sqlite3.connect(folder / "made.sqlite") as connection:
        connection.execute("create table t as select 1 as x")
    connection.close()
    content = (folder / "made.sqlite").read_bytes()
    (folder / "made.sqlite").unlink()
    return content


def lay_out(work_dir: Path, *names: str) -> None:
    """Make a table, a database and a folder of each name."""
    database = _database(work_dir.parent)
    for name in names:
        table = work_dir / f"{name}.csv"
        table.write_text(TABLE)
        table.chmod(0o640)
        (work_dir / f"{name}.sqlite").write_bytes(database)
        folder = work_dir / name
        (folder / "nested" / "deep").mkdir(parents=True)
        (folder / "empty").mkdir()
        (folder / "nested" / "deep" / "old.txt").write_text("old")
        (folder / "link").symlink_to(f"../{name}.csv")
        (folder / "dangling").symlink_to("nowhere")
        for path in (table, folder / "nested" / "deep" / "old.txt"):
            os.utime(path, ns=(10**18, 10**18 + 123_456_789))


VIEW = '''
import json, os, pathlib
def view(name):
    """What a name holds, as code sees it."""
    seen = {}
    for path in (name + ".csv", name + ".sqlite", name):
        if os.path.isdir(path) and not os.path.islink(path):
            for place, folders, files in os.walk(path):
                seen[place] = "folder"
                for inner in folders + files:
                    inner = os.path.join(place, inner)
                    if os.path.islink(inner) and not os.path.exists(inner):
                        seen[inner] = "dangling"
                    elif os.path.isfile(inner):
                        seen[inner] = pathlib.Path(inner).read_bytes().hex()
        else:
            seen[path] = pathlib.Path(path).read_bytes().hex() if os.path.isfile(path) else "gone"
    return seen
'''
"""The content only: a large file may stand as a link in the stage."""


def seen_from_outside(work_dir: Path, name: str) -> dict[str, str]:
    """Return what code is to see of a name."""
    scope: dict[str, Any] = {}
    exec(VIEW, scope)
    before = Path.cwd()
    os.chdir(work_dir)
    try:
        return dict(scope["view"](name))
    finally:
        os.chdir(before)


def seen_from_inside(run: Any, name: str) -> Any:
    """Return what code sees of a name; `run` runs a block."""
    result = run(f"{VIEW}\nprint(json.dumps(view({name!r})))")
    assert result.status == "ok", result
    return json.loads(result.text)


PYTHON = """
import ctypes, ctypes.util, mmap, os, shutil, sqlite3, subprocess, sys, threading, time
libc = ctypes.CDLL(None, use_errno=True)
def exchange(one, other):
    if libc.renameat2(-100, os.fsencode(one), -100, os.fsencode(other), 2):
        raise OSError(ctypes.get_errno(), "renameat2")
"""


@dataclass(frozen=True, slots=True)
class Attempt:
    """Code that does something to `file`, `folder` and `database`, three names of the user's.

    Args:
        code: What it does.
        language: `python`, `sh`, or `%%bash` for a cell of that magic.
        told: False if a copy may be treated so: the user's own is not, and nothing needs to be said.
    """

    code: str
    language: str = "python"
    told: bool = True

    def block(self, name: str) -> tuple[str, str]:
        """Return the block that attacks the files of a name."""
        names = {"file": f"{name}.csv", "folder": name, "database": f"{name}.sqlite"}
        return block(self.code, self.language, names)


def block(code: str, language: str, names: Mapping[str, str]) -> tuple[str, str]:
    """Make a block in which the names are variables; they may be of any bytes."""
    if language == "python":
        given = "".join(f"{key} = os.fsdecode({os.fsencode(value)!r})\n" for key, value in names.items())
        return f"{PYTHON}{given}{code}\n", "python"
    given = "".join(f"{key}={_quoted(value)}\n" for key, value in names.items())
    return (f"{given}{code}\n", "sh") if language == "sh" else (f"%%bash\n{given}{code}\n", "python")


def _quoted(name: str) -> str:
    try:
        name.encode("ascii")
    except UnicodeEncodeError:
        return "$'" + "".join(f"\\{byte:03o}" for byte in os.fsencode(name)) + "'"
    return shlex.quote(name) if name.isprintable() else "$'" + "".join(f"\\{ord(char):03o}" for char in name) + "'"


def digest(value: Any) -> str:
    """Return a value as sorted JSON, for comparing."""
    return json.dumps(value, sort_keys=True)
