"""A task's files are copied beside the notebook, never over another file, and described for the prompt."""

import ast
import json
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.session import files
from codeagent_nb.session.files import bring_files, check_files, describe_files

NO_SECRETS = Secrets({})


class HereEvaluator:
    """Evaluates where it stands; a kernel does the same elsewhere."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    async def evaluate(self, expression: str, **_: float) -> str | None:
        self.asked.append(expression)
        return repr(eval(expression))


class DeafEvaluator:
    async def evaluate(self, *_: str, **__: float) -> str | None:
        return None


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    folder = tmp_path / "work"
    folder.mkdir()
    return folder


@pytest.fixture
def data(tmp_path: Path) -> Path:
    data = tmp_path / "data.csv"
    data.write_text("a,b\n1,2\n")
    return data


def test_a_file_is_copied(data: Path, folder: Path) -> None:
    assert bring_files([data], folder) == ["data.csv"]
    copy = folder / "data.csv"
    assert copy.read_text() == data.read_text()
    assert not copy.is_symlink()


def test_a_file_that_is_there_already_is_left_alone(data: Path, folder: Path) -> None:
    bring_files([data], folder)
    before = (folder / "data.csv").stat()
    assert bring_files([data, folder / "data.csv"], folder) == ["data.csv", "data.csv"]
    assert (folder / "data.csv").stat().st_mtime_ns == before.st_mtime_ns


def test_another_file_of_the_same_name_is_never_overwritten(data: Path, folder: Path) -> None:
    (folder / "data.csv").write_text("mine")
    with pytest.raises(SessionError, match=r"already holds another file named 'data.csv'.*--out"):
        bring_files([data], folder)
    assert (folder / "data.csv").read_text() == "mine"


def test_two_files_of_one_name_are_refused(data: Path, folder: Path, tmp_path: Path) -> None:
    other = tmp_path / "other" / "data.csv"
    other.parent.mkdir()
    other.write_text("different")
    with pytest.raises(SessionError, match="another file"):
        bring_files([data, other], folder)


@pytest.mark.parametrize(("name", "why"), [("missing.csv", "there is no such file"), (".", "is a folder")])
def test_what_is_no_file_is_named_before_anything_is_made(folder: Path, name: str, why: str) -> None:
    with pytest.raises(SessionError, match=why):
        check_files([folder / name])


@pytest.mark.parametrize("name", ["with space.csv", "größe ✓.csv", 'it\'s "quoted".csv', "line\nbreak.csv"])
async def test_any_name_reaches_the_description_exactly(
    tmp_path: Path, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = tmp_path / name
    source.write_text("a,b\n1,2\n")
    monkeypatch.chdir(folder)
    told = await describe_files(HereEvaluator(), bring_files([source], folder), NO_SECRETS)
    assert told.startswith(f"File {name!r} (8 bytes)")
    assert "- 'a': int64" in told


async def test_files_share_the_budget(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    names = [f"file{number}.csv" for number in range(4)]
    for name in names:
        Path(name).write_text(",".join(f"a_rather_long_column_name_{n}" for n in range(500)) + "\n")
    told = await describe_files(HereEvaluator(), names, NO_SECRETS)
    assert all(name in told for name in names)
    assert len(told) <= files.CONTEXT_BUDGET + 4 * 250


async def test_no_files_are_nothing_to_tell() -> None:
    assert await describe_files(HereEvaluator(), [], NO_SECRETS) == ""


async def test_a_kernel_that_does_not_answer_costs_the_preview_only() -> None:
    told = await describe_files(DeafEvaluator(), ["data.csv"], NO_SECRETS)
    assert told == "File 'data.csv' is in the working folder."


async def test_what_is_sent_to_the_kernel_is_one_expression(data: Path) -> None:
    evaluator = HereEvaluator()
    await describe_files(evaluator, [str(data)], NO_SECRETS)
    (expression,) = evaluator.asked
    ast.parse(expression, mode="eval")


KEY = "sk-proj-aB3dE5fG7hI9jK1lM3nO5pQ7rS9tU1vW3xY5zA7bC9dE1fG3hI5jK7lM9nO1pQ3"


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("few values.csv", f"x,y\n1,{KEY}\n2,b\n"),
        ("long row.csv", f"x,y\n1,{'z' * 270} {KEY}\n2,b\n"),
        ("value.json", json.dumps({"headers": f"Bearer {KEY}", "n": 3})),
        ("long text.json", json.dumps({"text": f"{'w ' * 140}{KEY}"})),
        ("many.json", json.dumps({f"a{at}": "x" * 35 for at in range(49)} | {"b": KEY * 3})),
        ("list.json", json.dumps(["x" * shift + KEY for shift in range(50)])),
        ("line.txt", f"{'w ' * 80}{KEY}\n"),
        ("records.jsonl", f"{json.dumps({'m': KEY})}\n{json.dumps({'m': 'x'})}\n"),
    ],
)
async def test_a_known_key_is_not_shown_wherever_a_preview_cuts_it(
    tmp_path: Path, name: str, content: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """37 of its letters stood among the values of a column."""
    monkeypatch.chdir(tmp_path)
    Path(name).write_text(content)
    told = await describe_files(HereEvaluator(), [name], Secrets({"OPENAI_API_KEY": KEY}))
    assert "[redacted" in told
    assert KEY[:9] not in told
    assert KEY[-9:] not in told


async def test_a_key_in_a_database_is_not_shown_in_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    with closing(sqlite3.connect("a.db")) as database:
        database.execute("CREATE TABLE t (a TEXT, b TEXT)")
        database.execute("INSERT INTO t VALUES (?, 'x')", (KEY,))
        database.commit()
    told = await describe_files(HereEvaluator(), ["a.db"], Secrets({"OPENAI_API_KEY": KEY}))
    assert "[redacted]..., 'x'" in told
