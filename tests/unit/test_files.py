"""A task's files are copied beside the notebook, never over another file, and described for the prompt."""

import ast
from pathlib import Path

import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.session import files
from codeagent_nb.session.files import bring_files, check_files, describe_files


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
    told = await describe_files(HereEvaluator(), bring_files([source], folder))
    assert told.startswith(f"File {name!r} (8 bytes)")
    assert "- 'a': int64" in told


async def test_files_share_the_budget(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(folder)
    names = [f"file{number}.csv" for number in range(4)]
    for name in names:
        Path(name).write_text(",".join(f"a_rather_long_column_name_{n}" for n in range(500)) + "\n")
    told = await describe_files(HereEvaluator(), names)
    assert all(name in told for name in names)
    assert len(told) <= files.CONTEXT_BUDGET + 4 * 250


async def test_no_files_are_nothing_to_tell() -> None:
    assert await describe_files(HereEvaluator(), []) == ""


async def test_a_kernel_that_does_not_answer_costs_the_preview_only() -> None:
    assert await describe_files(DeafEvaluator(), ["data.csv"]) == "File 'data.csv' is in the working folder."


async def test_what_is_sent_to_the_kernel_is_one_expression(data: Path) -> None:
    evaluator = HereEvaluator()
    await describe_files(evaluator, [str(data)])
    (expression,) = evaluator.asked
    ast.parse(expression, mode="eval")
