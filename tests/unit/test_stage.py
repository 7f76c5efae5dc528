"""The stage without a sandbox: what it shows, what it notices and puts back, what it delivers."""

import asyncio
import os
import shutil
import stat
import threading
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from kernel_executor import BlockResult, CodeBlock, FilesDelivered, KernelStartError
from kernel_executor.folders.trees import FOLDER, Tree
from kernel_executor.in_kernel.read_only import ORIGINAL
from kernel_executor.stage import copying, delivery, folders, mirror, outbox, showing
from kernel_executor.stage.copying import exchange, give_name
from kernel_executor.stage.options import StageOptions
from kernel_executor.stage.stage import Stage

DONE = BlockResult(block=CodeBlock("1"), status="ok", exit_code=0)


@pytest.fixture(autouse=True)
def _places(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A user's folder with something to lose."""
    folder = tmp_path / "user"
    (folder / "nested" / "deep").mkdir(parents=True)
    (folder / "empty").mkdir()
    (folder / "data.csv").write_text("a,b\n1,2\n")
    (folder / "nested" / "deep" / "old.txt").write_text("old")
    (folder / "link").symlink_to("data.csv")
    (folder / "outward").symlink_to("/etc/hostname")
    (folder / "Größe ü %20.txt").write_text("odd")
    return folder


@pytest.fixture
async def stage(folder: Path) -> AsyncIterator[Stage]:
    made = await Stage.open(folder)
    await made.refresh()
    yield made
    made.close()


def names(folder: Path) -> set[str]:
    return {str(path.relative_to(folder)) for path in folder.rglob("*")}


async def denials(stage: Stage) -> tuple[str, ...]:
    result = await stage.check(DONE)
    assert (result.status == "refused") is bool(result.denials)
    return result.denials


async def test_the_users_files_are_shown_as_copies(stage: Stage, folder: Path) -> None:
    files = stage.place.files
    assert names(files) == names(folder)
    assert (files / "data.csv").read_text() == "a,b\n1,2\n"
    assert (files / "data.csv").stat().st_ino != (folder / "data.csv").stat().st_ino
    assert (files / "data.csv").stat().st_mtime_ns == (folder / "data.csv").stat().st_mtime_ns
    assert (files / "link").readlink() == Path("data.csv")
    assert await denials(stage) == ()


DEEDS: dict[str, Callable[[Path], object]] = {
    "removed": lambda at: (at / "data.csv").unlink(),
    "renamed": lambda at: (at / "data.csv").rename(at / "other.csv"),
    "written": lambda at: (at / "data.csv").write_text("a,b\n9,9\n"),
    "appended": lambda at: (at / "data.csv").write_text((at / "data.csv").read_text() + "3,4\n"),
    "truncated": lambda at: os.truncate(at / "data.csv", 0),
    "replaced": lambda at: ((at / "new").write_text("x"), (at / "new").replace(at / "data.csv")),
    "a link now": lambda at: ((at / "data.csv").unlink(), (at / "data.csv").symlink_to("/etc/passwd")),
    "a folder now": lambda at: ((at / "data.csv").unlink(), (at / "data.csv").mkdir()),
    "a pipe now": lambda at: ((at / "data.csv").unlink(), os.mkfifo(at / "data.csv")),
    "its mode": lambda at: (at / "data.csv").chmod(0o777),
}


@pytest.mark.parametrize("deed", DEEDS.values(), ids=DEEDS)
async def test_what_code_does_to_a_file_of_the_users_is_noticed_and_put_back(
    stage: Stage, folder: Path, deed: Callable[[Path], object]
) -> None:
    deed(stage.place.files)
    assert len(await denials(stage)) == 1
    copy = stage.place.files / "data.csv"
    assert copy.is_file()
    assert not copy.is_symlink()
    assert copy.read_text() == (folder / "data.csv").read_text() == "a,b\n1,2\n"
    assert await denials(stage) == ()


@pytest.mark.parametrize(
    ("name", "deed"),
    [
        ("link", lambda at: (at / "link").unlink()),
        ("link", lambda at: ((at / "link").unlink(), (at / "link").symlink_to("nested"))),
        ("outward", lambda at: ((at / "outward").unlink(), (at / "outward").write_text("mine"))),
        ("nested", lambda at: (at / "nested").rename(at / "moved")),
        ("nested/deep", lambda at: ((at / "nested/deep/old.txt").unlink(), (at / "nested/deep").rmdir())),
        ("empty", lambda at: (at / "empty").rmdir()),
        ("nested", lambda at: ((at / "nested").rename(at / "moved"), (at / "nested").symlink_to("/etc"))),
    ],
)
async def test_links_and_folders_are_put_back_whole_and_told_once(
    stage: Stage, folder: Path, name: str, deed: Callable[[Path], object]
) -> None:
    deed(stage.place.files)
    told = await denials(stage)
    assert [sentence.partition(" ")[0] for sentence in told] == [name]
    assert names(folder) <= names(stage.place.files)
    assert (stage.place.files / "nested/deep/old.txt").read_text() == "old"
    assert await denials(stage) == ()


async def test_touching_and_rewriting_the_same_is_no_harm(stage: Stage) -> None:
    """A database that is only read is opened for writing all the same."""
    os.utime(stage.place.files / "data.csv")
    assert await denials(stage) == ()
    (stage.place.files / "data.csv").write_text("a,b\n1,2\n")
    assert await denials(stage) == ()
    (stage.place.files / "link").unlink()
    (stage.place.files / "link").symlink_to("data.csv")
    assert await denials(stage) == ()


async def test_a_block_that_failed_keeps_its_status_and_the_deed_is_told(stage: Stage) -> None:
    (stage.place.files / "data.csv").unlink()
    result = await stage.check(BlockResult(block=CodeBlock("1"), status="error", exit_code=1))
    assert result.status == "error"
    assert result.denials


async def test_a_large_file_is_a_link_into_the_read_only_folder(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mirror, "SMALL", 100)
    (folder / "large.bin").write_bytes(bytes(101))
    stage = await Stage.open(folder)
    assert (stage.place.files / "large.bin").readlink() == Path(f"{ORIGINAL}/large.bin")
    (stage.place.files / "large.bin").unlink()
    assert len(await denials(stage)) == 1
    assert (stage.place.files / "large.bin").is_symlink()
    stage.close()


async def test_where_blocks_can_be_shared_a_large_file_is_a_copy_too(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(mirror, "SMALL", 100)
    monkeypatch.setattr(showing, "clone", copying.fast_copy)  # as if this file system could
    (folder / "large.bin").write_bytes(bytes(101))
    stage = await Stage.open(folder)
    (stage.place.files / "large.bin").write_bytes(b"1" * 101)
    assert await denials(stage) == ("large.bin is the user's and was put back after the code had changed it.",)
    stage.close()


@pytest.mark.parametrize("most", [3, 1])
async def test_hidden_and_huge_folders_are_to_be_mounted_as_long_as_they_are_few(
    folder: Path, monkeypatch: pytest.MonkeyPatch, most: int
) -> None:
    for name in (".git", "node_modules", "many"):
        (folder / name).mkdir()
        for number in range(20):
            (folder / name / str(number)).touch()
    monkeypatch.setattr(mirror, "MAX_ENTRIES", 25)
    monkeypatch.setattr(mirror, "MAX_MOUNTS", most)
    stage = await Stage.open(folder)
    assert stage.place.read_only == (".git", "many", "node_modules")[:most]
    links = [name for name in (".git", "many", "node_modules") if (stage.place.files / name).is_symlink()]
    assert links == [".git", "many", "node_modules"][most:]
    assert await denials(stage) == ()
    assert (stage.place.files / "nested/deep/old.txt").read_text() == "old"
    stage.close()


async def test_a_folder_with_too_many_entries_is_left_as_it_is_and_new_files_go_beside(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MAX_ENTRIES", 3)
    stage = await Stage.open(folder)
    assert stage.place.below == "agent-files"
    assert names(stage.place.files) == set()
    (stage.place.files / "out.csv").write_text("1")
    assert [file.name for file in (await stage.deliver()).delivered] == ["out.csv"]
    assert (folder / "agent-files" / "out.csv").read_text() == "1"
    stage.close()


async def test_where_no_folder_can_be_made_beside_too_many_entries_it_is_said(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folders, "MAX_ENTRIES", 3)
    (folder / "agent-files").touch()
    with pytest.raises(KernelStartError, match=r"more than 3 entries.*agent-files.*use another work_dir"):
        await Stage.open(folder)


async def test_pipes_sockets_and_unreadable_files_are_not_shown_and_not_taken(folder: Path) -> None:
    os.mkfifo(folder / "pipe")
    stage = await Stage.open(folder)
    assert not (stage.place.files / "pipe").exists()
    (stage.place.files / "pipe").write_text("taken")
    assert len(await denials(stage)) == 1
    assert stat.S_ISFIFO((folder / "pipe").lstat().st_mode)
    stage.close()


async def test_what_the_user_changes_meanwhile_is_seen(stage: Stage, folder: Path) -> None:
    (folder / "data.csv").write_text("new")
    (folder / "added.csv").write_text("added")
    (folder / "empty").rmdir()
    (folder / "nested" / "deep" / "old.txt").unlink()
    await stage.refresh()
    assert names(stage.place.files) == names(folder)
    assert (stage.place.files / "data.csv").read_text() == "new"
    assert await denials(stage) == ()
    assert not await stage.deliver()


async def test_a_folder_that_the_user_has_removed_is_made_again(stage: Stage, folder: Path) -> None:
    shutil.rmtree(folder)
    await stage.refresh()
    assert names(stage.place.files) == set()
    (stage.place.files / "out.csv").write_text("1")
    assert [file.name for file in (await stage.deliver()).delivered] == ["out.csv"]
    assert (folder / "out.csv").read_text() == "1"


async def test_a_name_the_user_takes_meanwhile_is_the_users_and_nothing_is_lost(stage: Stage, folder: Path) -> None:
    (stage.place.files / "out.csv").write_text("the agent's")
    (folder / "out.csv").write_text("the user's")
    assert await denials(stage) == ("out.csv is the user's; the code's file is out-agent.csv now.",)
    told = await stage.deliver()
    assert [file.name for file in told.delivered] == ["out-agent.csv"]
    assert (folder / "out.csv").read_text() == "the user's"
    assert (folder / "out-agent.csv").read_text() == "the agent's"
    await stage.refresh()
    assert (stage.place.files / "out.csv").read_text() == "the user's"


async def test_new_files_are_delivered_once_and_again_when_they_change(stage: Stage, folder: Path) -> None:
    files = stage.place.files
    (files / "nested" / "new").mkdir()
    (files / "nested" / "new" / "plot.png").write_bytes(b"png")
    (files / "out.csv").write_text("1")
    assert [(file.name, file.size) for file in (await stage.deliver()).delivered] == [
        ("nested/new/plot.png", 3),
        ("out.csv", 1),
    ]
    assert (folder / "nested/new/plot.png").read_bytes() == b"png"
    await stage.refresh()
    assert await denials(stage) == ()
    assert await stage.deliver() == FilesDelivered()
    (files / "out.csv").write_text("22")
    assert [file.size for file in (await stage.deliver()).delivered] == [2]
    assert (folder / "out.csv").read_text() == "22"
    (files / "out.csv").unlink()
    assert (await stage.deliver()).removed == ("out.csv",)
    assert not (folder / "out.csv").exists()
    assert [path.name for path in folder.iterdir() if path.name.startswith(".")] == []


async def test_the_same_content_written_again_is_no_news(stage: Stage, folder: Path) -> None:
    """Code that is run again to take back a failed attempt writes its files again."""
    (stage.place.files / "out.csv").write_text("1")
    await stage.deliver()
    before = (folder / "out.csv").stat()
    (stage.place.files / "out.csv").write_text("1")
    assert await stage.deliver() == FilesDelivered()
    assert (folder / "out.csv").stat() == before


async def test_a_later_session_goes_on_with_the_agents_own_files(stage: Stage, folder: Path) -> None:
    (stage.place.files / "out.csv").write_text("1")
    await stage.deliver()
    stage.close()
    later = await Stage.open(folder)
    await later.refresh()
    with (later.place.files / "out.csv").open("a") as file:
        file.write("2")
    assert await denials(later) == ()
    assert [file.name for file in (await later.deliver()).delivered] == ["out.csv"]
    assert (folder / "out.csv").read_text() == "12"
    later.close()


async def test_what_a_failed_attempt_made_is_told_and_not_delivered_later_either(stage: Stage, folder: Path) -> None:
    files = stage.place.files
    (files / "good.csv").write_text("good")
    (files / "gone.csv").write_text("kept")
    await stage.deliver()
    (files / "junk.csv").write_text("junk")
    (files / "good.csv").write_text("spoilt")
    (files / "gone.csv").unlink()
    told = await stage.hold_back()
    assert [(file.name, file.reason) for file in told.held] == [("junk.csv", "the attempt that made it failed")]
    assert ((files / "good.csv").read_text(), (files / "gone.csv").read_text()) == ("good", "kept")
    assert not (files / "junk.csv").exists(), "the next attempt must not build on it"
    (files / "next.csv").write_text("next")
    await stage.refresh()
    told = await stage.deliver()
    assert ([file.name for file in told.delivered], told.removed, told.held) == (["next.csv"], (), ())
    assert (folder / "good.csv").read_text() == "good"
    assert [file.name for file in stage.held] == ["junk.csv"]
    assert [file.name for file in (await stage.take(["junk.csv"])).delivered] == ["junk.csv"]
    assert (folder / "junk.csv").read_text() == "junk"


async def test_a_disk_that_is_full_shows_links_instead_of_copies(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(showing, "fast_copy", full)
    stage = await Stage.open(folder)
    assert (stage.place.files / "data.csv").readlink() == Path(f"{ORIGINAL}/data.csv")
    assert await denials(stage) == ()
    stage.close()


async def test_a_file_the_user_has_changed_is_the_users(stage: Stage, folder: Path) -> None:
    (stage.place.files / "out.csv").write_text("1")
    await stage.deliver()
    (folder / "out.csv").write_text("edited")
    (stage.place.files / "out.csv").write_text("2")
    assert len(await denials(stage)) == 1
    assert [file.name for file in (await stage.deliver()).delivered] == ["out-agent.csv"]
    assert (folder / "out.csv").read_text() == "edited"


async def test_a_file_the_user_has_changed_is_not_removed(stage: Stage, folder: Path) -> None:
    (stage.place.files / "out.csv").write_text("1")
    await stage.deliver()
    (folder / "out.csv").write_text("edited")
    (stage.place.files / "out.csv").unlink()
    assert (await stage.deliver()).removed == ()
    assert (folder / "out.csv").read_text() == "edited"


async def test_what_a_folder_says_of_itself_makes_nothing_the_agents(folder: Path, tmp_path: Path) -> None:
    """A cloned repository could bring a record of its own."""
    (folder / ".codeagent").mkdir()
    (folder / ".codeagent" / "delivered.json").write_text('{"data.csv": {}}')
    (folder / "codeagent-nb").mkdir()
    stage = await Stage.open(folder)
    (stage.place.files / "data.csv").unlink()
    assert len(await denials(stage)) == 1
    stage.close()


@pytest.mark.parametrize("record", [b"", b"[]", b"null", b'{"data.csv": 1}', b"\xff", b'{"data.csv": {"x": 1}}'])
async def test_a_spoilt_record_makes_nothing_the_agents(
    folder: Path, tmp_path: Path, record: bytes, stage: Stage
) -> None:
    (stage.place.files / "out.csv").write_text("1")
    await stage.deliver()
    stage.close()
    (file,) = (tmp_path / "state").rglob("*.json")
    file.write_bytes(record)
    later = await Stage.open(folder)
    (later.place.files / "out.csv").write_text("2")
    assert len(await denials(later)) == 1
    later.close()


async def test_modes_are_masked(stage: Stage, folder: Path) -> None:
    (stage.place.files / "run.csv").write_text("1")
    (stage.place.files / "run.csv").chmod(0o6777)
    await stage.deliver()
    assert stat.S_IMODE((folder / "run.csv").stat().st_mode) & 0o7133 == 0


async def test_links_pipes_and_sparse_giants_stay_behind(stage: Stage, folder: Path) -> None:
    files = stage.place.files
    (files / "a.csv").symlink_to("/etc/passwd")
    os.mkfifo(files / "b.csv")
    with (files / "c.csv").open("wb") as file:
        file.truncate(1 << 40)
    with (files / "d.csv").open("wb") as file:
        file.truncate(delivery.SPARSE + 1)
    told = await stage.deliver()
    assert told.delivered == ()
    assert {file.name: file.reason for file in told.held} == {
        "a.csv": "it is no regular file",
        "b.csv": "it is no regular file",
        "c.csv": "it is larger than 4 GB",
        "d.csv": "it is mostly holes, and would take its whole size when copied",
    }
    assert not {"a.csv", "b.csv", "c.csv", "d.csv"} & names(folder)
    assert not await stage.deliver(), "what stays behind is told once"
    assert len(stage.held) == 4


async def test_a_flood_of_files_is_delivered_up_to_a_bound(stage: Stage, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(outbox, "MAX_FILES", 3)
    monkeypatch.setattr(outbox, "MAX_TOLD", 2)
    for number in range(10):
        (stage.place.files / f"{number}.csv").touch()
    told = await stage.deliver()
    assert len(told.delivered) == 3
    assert len(told.held) == 2
    assert told.more_held == 5


async def test_what_stays_behind_can_be_asked_for_but_for_what_programs_obey(stage: Stage, folder: Path) -> None:
    for name in ("helper.py", ".bashrc", "x.pth", "json.py", "odd"):
        (stage.place.files / name).write_text("1")
    assert len((await stage.deliver()).held) == 5
    told = await stage.take(["helper.py", ".bashrc", "x.pth", "json.py", "odd", "../user/data.csv", "gone"])
    assert [file.name for file in told.delivered] == ["helper.py", "odd"]
    assert {file.name for file in told.held} == {".bashrc", "x.pth", "json.py", "../user/data.csv", "gone"}
    assert {"helper.py", "odd"} < names(folder)


async def test_a_name_that_a_block_has_given_is_delivered_though_it_is_code(stage: Stage, folder: Path) -> None:
    (stage.place.files / "model.py").write_text("x = 1")
    stage.outbox.name_file("model.py")
    assert [file.name for file in (await stage.deliver()).delivered] == ["model.py"]


async def test_a_file_that_is_swapped_while_it_is_copied_never_brings_anything_else(
    stage: Stage, folder: Path, tmp_path: Path
) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_text("secret")
    files, ended = stage.place.files, threading.Event()

    def flip() -> None:
        while not ended.is_set():
            (files / "part").write_text("mine")
            (files / "part").replace(files / "out.txt")
            (files / "way").symlink_to(secret)
            (files / "way").replace(files / "out.txt")

    thread = threading.Thread(target=flip)
    thread.start()
    try:
        for _ in range(100):
            await stage.deliver()
            if (folder / "out.txt").exists():
                assert (folder / "out.txt").read_text() in {"mine", ""}
                assert not (folder / "out.txt").is_symlink()
    finally:
        ended.set()
        thread.join()


@pytest.mark.timing
async def test_copying_is_broken_off_when_it_is_cancelled(
    stage: Stage, folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (stage.place.files / "big.csv").write_bytes(os.urandom(1 << 20) * 300)
    task = asyncio.create_task(stage.deliver())
    await asyncio.sleep(0.02)
    task.cancel()
    began = time.monotonic()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert time.monotonic() - began < 5
    assert [name for name in names(folder) if "codeagent" in name] == []
    assert (await stage.deliver()).delivered[0].size == 300 << 20, "it can be delivered later"


async def test_a_chain_of_1000_folders_is_looked_at_in_part_and_taken_away_whole(stage: Stage, tmp_path: Path) -> None:
    here = os.open(stage.place.files, os.O_RDONLY)
    for _ in range(1_000):
        os.mkdir("f", dir_fd=here)
        inner = os.open("f", os.O_RDONLY, dir_fd=here)
        os.close(here)
        here = inner
    os.close(here)
    told = await stage.deliver()
    assert [file.reason for file in told.held] == ["it holds too much to be looked at"]
    stage.close()
    assert list((tmp_path / "cache" / "codeagent-nb" / "stages").iterdir()) == []


async def test_a_folder_nobody_may_enter_is_taken_away(stage: Stage, tmp_path: Path) -> None:
    """An ordinary user's `chmod 0` once left it in /tmp forever."""
    (stage.place.files / "closed" / "inner").mkdir(parents=True)
    (stage.place.files / "closed" / "inner" / "file").touch()
    for name in ("closed/inner", "closed"):
        (stage.place.files / name).chmod(0)
    stage.close()
    assert list((tmp_path / "cache" / "codeagent-nb" / "stages").iterdir()) == []


async def test_names_that_are_no_text_are_no_obstacle(folder: Path) -> None:
    """One once made every later start in its folder fail."""
    (folder / os.fsdecode(b"caf\xe9.csv")).write_text("latin-1")
    (folder / "two\nlines.txt").write_text("x")
    stage = await Stage.open(folder)
    assert (stage.place.files / os.fsdecode(b"caf\xe9.csv")).read_text() == "latin-1"
    (stage.place.files / os.fsdecode(b"new\xe9.csv")).write_text("1")
    (stage.place.files / "esc\x1b[2J.csv").write_text("1")
    told = await stage.deliver()
    assert {file.reason for file in told.held} == {"its name has characters that do not show"}
    assert all(file.name.isprintable() for file in told.held)
    stage.close()


@pytest.mark.parametrize("rename", [copying.renameat2, lambda *_: False], ids=["in one step", "in three"])
def test_names_are_given_and_exchanged_without_losing_a_file(tmp_path: Path, rename: copying.Rename) -> None:
    (tmp_path / "one").write_text("1")
    (tmp_path / "two").write_text("2")
    folder = os.open(tmp_path, FOLDER)
    exchange(folder, "one", "two", rename)
    assert ((tmp_path / "one").read_text(), (tmp_path / "two").read_text()) == ("2", "1")
    with pytest.raises(FileExistsError):
        give_name(folder, "one", "two", rename)
    give_name(folder, "one", "three", rename)
    assert names(tmp_path) == {"two", "three"}
    os.close(folder)


def test_the_rights_of_a_folder_that_is_not_ours_are_left_alone(tmp_path: Path) -> None:
    (tmp_path / "closed").mkdir(mode=0)
    tree = Tree(os.open(tmp_path, FOLDER))
    tree.walk(limit=10)
    assert stat.S_IMODE((tmp_path / "closed").stat().st_mode) == 0
    os.close(tree.root)


@pytest.mark.parametrize("exists", [True, False])
async def test_of_what_is_hidden_the_name_is_shown_and_taken_as_soon_as_it_is_there(folder: Path, exists: bool) -> None:
    if exists:
        (folder / "session.ipynb").write_text("ours")
    stage = await Stage.open(folder, StageOptions(hidden=[folder / "session.ipynb"]))
    await stage.refresh()
    assert (stage.place.files / "session.ipynb").exists() is exists
    if exists:
        assert (stage.place.files / "session.ipynb").read_text() == ""
        (folder / "session.ipynb").write_text("ours, saved again")
        await stage.refresh()
        assert await denials(stage) == ()
        (stage.place.files / "session.ipynb").unlink()
        assert await denials(stage) == ("session.ipynb is the user's and was put back after the code had removed it.",)
        (stage.place.files / "session.ipynb").unlink()
    (stage.place.files / "session.ipynb").mkdir()
    (stage.place.files / "session.ipynb" / "x.txt").write_text("1")
    (folder / "session.ipynb").write_text("ours")
    assert len(await denials(stage)) == 1
    await stage.deliver()
    assert (folder / "session.ipynb").read_text() == "ours"
    stage.close()


async def test_what_the_user_lets_be_changed_is_no_news_of_the_stage(folder: Path) -> None:
    (folder / "granted").mkdir()
    (folder / "granted" / "a.csv").write_text("1")
    stage = await Stage.open(folder, StageOptions(mounted=[folder / "granted"]))
    assert not (stage.place.files / "granted").exists()
    (stage.place.files / "granted").mkdir()  # as bubblewrap does, to mount on it
    assert await denials(stage) == ()
    assert not await stage.deliver()
    stage.close()


# A stage for code that runs for what it shows


async def test_what_is_absent_is_not_there_and_its_name_is_free(folder: Path) -> None:
    (folder / "made.csv").write_text("old")
    (folder / "plots").mkdir()
    (folder / "plots" / "a.png").write_text("old")
    absent = [folder / "made.csv", folder / "plots", folder / "never.csv"]
    stage = await Stage.open(folder, StageOptions(absent=absent, delivers=False))
    assert not (stage.place.files / "made.csv").exists()
    assert not (stage.place.files / "plots").exists()
    (stage.place.files / "made.csv").write_text("new")
    (stage.place.files / "plots").mkdir()
    (stage.place.files / "plots" / "a.png").write_text("new")
    assert (await stage.check(DONE)).status == "ok"
    await stage.refresh()
    assert (stage.place.files / "made.csv").read_text() == "new"
    await stage.aclose()
    assert (folder / "made.csv").read_text() == "old"


async def test_a_stage_that_does_not_deliver_keeps_all_to_itself_and_still_protects(folder: Path) -> None:
    (folder / "mine.csv").write_text("mine")
    stage = await Stage.open(folder, StageOptions(delivers=False))
    (stage.place.files / "new.csv").write_text("new")
    (stage.place.files / "mine.csv").write_text("theirs")
    assert (await stage.check(DONE)).status == "refused"
    assert not (await stage.deliver()).delivered
    assert not (await stage.hold_back()).held
    assert not (await stage.take(["new.csv"])).delivered
    assert (stage.place.files / "new.csv").exists(), "later code reads it"
    await stage.aclose()
    assert "new.csv" not in names(folder)
    assert (folder / "mine.csv").read_text() == "mine"
