"""Script files: what they are called, and that they are written in the work folder and nowhere else."""

from pathlib import Path

import pytest

from kernel_executor import CodeBlock
from kernel_executor.outputs.exit_codes import describe_exit, is_of_signal
from kernel_executor.scripts.local import command_of
from kernel_executor.scripts.runner import ScriptFolder
from kernel_executor.scripts.script import Script, ScriptRefused, script_of


def script(code: str, folder: Path, language: str = "python", taken: frozenset[str] = frozenset()) -> Script:
    return script_of(CodeBlock(code, language), ScriptFolder(folder, None, taken))


def test_a_name_in_the_first_line_is_the_files(tmp_path: Path) -> None:
    named = script("# filename: sub/plot.py\nprint(1)", tmp_path)
    named.write()
    assert (tmp_path / "sub" / "plot.py").read_text() == "# filename: sub/plot.py\nprint(1)"
    named.discard()
    assert (tmp_path / "sub" / "plot.py").exists()


def test_others_are_named_by_chance_and_deleted(tmp_path: Path) -> None:
    one, other = script("print(1)", tmp_path), script("print(1)", tmp_path)
    assert one.name != other.name, "two who run the same code in one folder must not delete each other's"
    one.write()
    assert [path.name for path in tmp_path.iterdir()] == [one.name]
    one.discard()
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["../x.py", "/etc/x.py", ".", "", "sub/../../x.py"])
def test_a_name_outside_is_refused(name: str, tmp_path: Path) -> None:
    with pytest.raises(ScriptRefused, match="Filename is not in the workspace"):
        script(f"# filename: {name}\n1", tmp_path)


def test_a_folder_that_becomes_a_link_while_we_look_is_not_followed(tmp_path: Path) -> None:
    work, outside = tmp_path / "work", tmp_path / "outside"
    work.mkdir()
    outside.mkdir()
    named = script("# filename: sub/x.py\n1", work)
    (work / "sub").symlink_to(outside)  # by code, after the name was judged
    with pytest.raises(ScriptRefused, match="cannot be written"):
        named.write()
    assert list(outside.iterdir()) == []


def test_a_file_that_becomes_a_link_while_we_look_is_not_followed(tmp_path: Path) -> None:
    work, victim = tmp_path / "work", tmp_path / "victim"
    work.mkdir()
    victim.write_text("mine")
    named = script("# filename: x.py\n1", work)
    (work / "x.py").symlink_to(victim)
    with pytest.raises(ScriptRefused, match="cannot be written"):
        named.write()
    assert victim.read_text() == "mine"


def test_what_was_there_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("mine")
    with pytest.raises(ScriptRefused, match="was there before"):
        script("# filename: mine.py\n1", tmp_path, taken=frozenset({"mine.py"}))


def test_a_name_like_an_option_is_none(tmp_path: Path) -> None:
    assert command_of(script("# filename: -c.py\n1", tmp_path), "python3") == ("python3", "-u", "./-c.py")


@pytest.mark.parametrize(
    ("code", "of_signal"), [(0, False), (1, False), (129, True), (137, True), (200, False), (255, False)]
)
def test_only_a_signals_number_tells_of_one(code: int, of_signal: bool) -> None:
    assert is_of_signal(code) is of_signal


def test_an_exit_is_described_in_words() -> None:
    assert describe_exit(139) == "SIGSEGV"
    assert describe_exit(200) == "exit code 200"
