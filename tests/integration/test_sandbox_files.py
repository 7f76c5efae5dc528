"""The work folder in the sandbox: what code adds is delivered, and what was there is as it was, whatever code does."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kernel_executor import CodeBlock, ExecutionEvent, FilesDelivered, KernelCodeExecutor
from tests.support.runs import run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("bubblewrap"),
]


def fill(folder: Path) -> Path:
    """Make a work folder with something to lose."""
    (folder / "data.csv").write_text("a,b\n1,2\n")
    (folder / "nested" / "deep").mkdir(parents=True)
    (folder / "nested" / "deep" / "old.txt").write_text("old")
    (folder / "empty").mkdir()
    (folder / "granted.txt").write_text("may change")
    (folder / "link").symlink_to("data.csv")
    (folder / "dangling").symlink_to("nowhere")
    (folder / "white space ü %20.txt").write_text("odd name")
    return folder


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(bubblewrap: None, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KernelCodeExecutor]:
    folder = fill(tmp_path_factory.mktemp("Wörk földer 'x' & co"))
    granted = [folder / "granted.txt"]
    async with KernelCodeExecutor(timeout=20, sandbox="bubblewrap", work_dir=folder, writable=granted) as executor:
        yield executor


async def well(executor: KernelCodeExecutor, code: str, language: str = "python") -> str:
    result = await run(executor, code, language)
    assert result.status == "ok", result.traceback
    return "".join(output["text"] for output in result.outputs if output["output_type"] == "stream")


ATTACKS = {
    "overwrite": "open({0!r}, 'w')",
    "append": "open({0!r}, 'a').write('x')",
    "update": "open({0!r}, 'r+').write('x')",
    "truncate": "os.truncate({0!r}, 0)",
    "delete": "os.unlink({0!r})",
    "rename away": "os.rename({0!r}, 'elsewhere')",
    "rename over": "open('new', 'w').close(); os.replace('new', {0!r})",
    "chmod": "os.chmod({0!r}, 0o777)",
    "utime": "os.utime({0!r}, (0, 0))",
    "hard link": "os.link({0!r}, 'linked')",
    "hard link over": "open('new', 'w').close(); os.unlink({0!r}); os.link('new', {0!r})",
    "through /proc": "open('/proc/self/cwd/' + {0!r}, 'w')",
    "through a symbolic link": "way = 'way' + os.urandom(4).hex(); os.symlink({0!r}, way); open(way, 'w')",
}
TARGETS = ["data.csv", "nested/deep/old.txt", "white space ü %20.txt"]


HARMLESS = {"utime", "hard link"}
"""Deeds that change no file: they are done to a copy, and nobody need be told."""


def state_of(folder: Path) -> dict[str, tuple[object, ...]]:
    """All that can be known of a folder's files, links not followed."""
    return {
        str(path.relative_to(folder)): (
            *(found.st_mode, found.st_ino, found.st_nlink, found.st_size, found.st_mtime_ns),
            path.read_bytes() if path.is_file() else b"",
        )
        for path in sorted(folder.rglob("*"))
        if (found := path.lstat())
    }


@pytest.mark.parametrize("target", TARGETS)
@pytest.mark.parametrize("attack", ATTACKS)
async def test_what_was_there_cannot_be_changed(shared: KernelCodeExecutor, attack: str, target: str) -> None:
    before = state_of(shared.work_dir)
    result = await run(shared, f"import os\n{ATTACKS[attack].format(target)}")
    assert state_of(shared.work_dir) == before
    if attack not in HARMLESS:
        assert (result.status, result.exit_code) == ("refused", 1), result.note
        assert target in result.denials[0]
        assert target in result.note
    content = (shared.work_dir / target).read_text()
    assert await well(shared, f"print(open({target!r}).read(), end='')") == content, "it was put back"


SWALLOWED = {
    "by a shell": "import os; os.system('rm -f data.csv')",
    "by redirection": "import os; os.system('echo x > data.csv')",
    "by sed": "import os; os.system('sed -i s/1/X/ data.csv')",
    "in a try": "import os\ntry:\n    os.unlink('data.csv')\nexcept OSError:\n    pass",
    "written in a try": "try:\n    open('data.csv', 'w').close()\nexcept OSError:\n    pass",
    "by a child": "import subprocess; subprocess.run(['python', '-c', 'open(\"data.csv\", \"w\")'])",
    "by mv": "import subprocess; subprocess.run(['mv', 'data.csv', 'elsewhere'])",
}


@pytest.mark.parametrize("deed", SWALLOWED.values(), ids=SWALLOWED)
async def test_a_deed_whose_error_would_have_been_swallowed_is_refused_too(
    shared: KernelCodeExecutor, deed: str
) -> None:
    """The same code would destroy the file in the user's own kernel, so it must not become a cell."""
    before = state_of(shared.work_dir)
    result = await run(shared, deed)
    assert (result.status, state_of(shared.work_dir)) == ("refused", before)


@pytest.mark.parametrize(
    "attack",
    [
        "import shutil; shutil.rmtree('nested')",
        "import shutil; shutil.rmtree('nested', ignore_errors=True)",
        "import os; os.rename('nested', 'moved')",
        "import os; os.rmdir('empty')",
        "import os; os.unlink('link')",
        "import os; os.unlink('dangling'); os.symlink('data.csv', 'dangling')",
        "import os; os.chmod('nested', 0)",
    ],
)
async def test_folders_and_links_that_were_there_stay_as_they_were(shared: KernelCodeExecutor, attack: str) -> None:
    before = state_of(shared.work_dir)
    assert (await run(shared, attack)).status == "refused"
    assert state_of(shared.work_dir) == before
    assert await well(shared, "import os; print(os.readlink('link'), os.listdir('nested'))") == "data.csv ['deep']\n"


async def test_a_folder_that_was_there_can_be_added_to(shared: KernelCodeExecutor) -> None:
    await well(shared, "open('empty/added.txt', 'w').write('1'); open('nested/deep/added.txt', 'w').write('2')")
    assert (shared.work_dir / "empty/added.txt").read_text() == "1"
    assert (shared.work_dir / "nested/deep/added.txt").read_text() == "2"
    await well(shared, "import os; os.unlink('empty/added.txt'); os.unlink('nested/deep/added.txt')")
    assert list((shared.work_dir / "empty").iterdir()) == []


async def test_removing_everything_by_shell_removes_nothing_that_was_there(shared: KernelCodeExecutor) -> None:
    assert (await run(shared, "rm -rf ./data.csv ./nested ./empty", "sh")).status == "refused"
    assert (shared.work_dir / "data.csv").read_text() == "a,b\n1,2\n"
    assert (shared.work_dir / "nested/deep/old.txt").read_text() == "old"
    assert await well(shared, "cat nested/deep/old.txt", "sh") == "old"


async def test_a_link_leads_only_where_code_may_go(shared: KernelCodeExecutor, tmp_path: Path) -> None:
    (tmp_path / "outside.txt").write_text("secret")
    assert await well(shared, "print(open('link').read())") == "a,b\n1,2\n\n"
    assert (await run(shared, "open('link', 'w')")).status == "refused"
    code = f"import os; os.symlink({str(tmp_path / 'outside.txt')!r}, 'out'); open('out')"
    assert (await run(shared, code)).ename == "FileNotFoundError"
    assert not (shared.work_dir / "out").is_symlink()


async def test_files_are_read_made_changed_and_removed_as_usual(shared: KernelCodeExecutor) -> None:
    code = (
        "import os, shutil\nprint(open('data.csv').read())\nos.makedirs('own/deep')\n"
        "open('own/deep/f', 'w').write('x')\nos.rename('own', 'own2')\nos.chmod('own2/deep/f', 0o600)\n"
        "open('own2/deep/f', 'a').write('y')\nprint(open('own2/deep/f').read())\nshutil.rmtree('own2')"
    )
    assert await well(shared, code) == "a,b\n1,2\n\nxy\n"
    assert await well(shared, "echo 1 > by-shell; rm by-shell; ls nested/deep", "sh") == "old.txt\n"
    assert not (shared.work_dir / "own2").exists()


async def test_a_file_granted_by_the_user_can_be_changed(shared: KernelCodeExecutor) -> None:
    await well(shared, "open('granted.txt', 'w').write('changed')")
    assert (shared.work_dir / "granted.txt").read_text() == "changed"


async def test_own_files_stay_writable_after_a_restart_and_old_ones_do_not(shared: KernelCodeExecutor) -> None:
    await well(shared, "open('own.txt', 'w').write('1')")
    await shared.restart()
    await well(shared, "open('own.txt', 'a').write('2')")
    await run(shared, "import os; os._exit(1)")
    await well(shared, "open('own.txt', 'a').write('3'); import os; os.rename('own.txt', 'own3.txt')")
    assert (shared.work_dir / "own3.txt").read_text() == "123"
    assert not (shared.work_dir / "own.txt").exists()
    assert (await run(shared, "open('data.csv', 'w')")).status == "refused"


async def test_a_restart_works_after_the_user_has_removed_a_protected_file(tmp_path: Path) -> None:
    """Its bind once failed, and no kernel started any more."""
    async with KernelCodeExecutor(sandbox="bubblewrap", work_dir=fill(tmp_path)) as executor:
        (tmp_path / "data.csv").unlink()
        await executor.restart()
        assert await well(executor, "open('data.csv', 'w').write('mine now')") == ""
        assert (tmp_path / "data.csv").read_text() == "mine now"
        assert (await run(executor, "open('nested/deep/old.txt', 'w')")).status == "refused"


async def test_plots_and_tables_work(shared: KernelCodeExecutor) -> None:
    pytest.importorskip("matplotlib")
    code = (
        "import matplotlib.pyplot as plt, pandas as pd\ntable = pd.read_csv('data.csv')\n"
        "table.to_csv('out.csv')\nplt.plot([1, 2])\nplt.savefig('plot.png')\nplt.show()\ntable"
    )
    result = await run(shared, code)
    assert result.status == "ok", result.traceback
    assert result.outputs[0]["data"]["image/png"].startswith("iVBOR")
    assert "<table" in result.outputs[-1]["data"]["text/html"]
    assert {"out.csv", "plot.png"} <= {path.name for path in shared.work_dir.iterdir()}


async def test_temporary_files_and_caches_have_a_place(shared: KernelCodeExecutor) -> None:
    code = "import os, tempfile\ntempfile.NamedTemporaryFile().close()\nopen(os.path.expanduser('~/x'), 'w').close()"
    await well(shared, code)
    assert not Path("/tmp/home").exists()


async def test_the_mode_of_the_work_folder_is_restored_at_the_end(tmp_path: Path) -> None:
    """The sandbox's mount belongs to the user of the kernel, who may change it."""
    tmp_path.chmod(0o750)
    async with KernelCodeExecutor(sandbox="bubblewrap", work_dir=tmp_path) as executor:
        await well(executor, "import os; os.chmod('.', 0o777)")
    assert tmp_path.stat().st_mode & 0o7777 == 0o750


@pytest.mark.parametrize("where", ["home", "above home"])
async def test_the_home_folder_itself_is_never_the_work_folder(
    where: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Code that may add files there could plant a shell profile."""
    home = tmp_path / "users" / "me"
    home.mkdir(parents=True)
    monkeypatch.setenv("HOME", str(home))
    asked = home if where == "home" else home.parent
    async with KernelCodeExecutor(work_dir=asked) as executor:
        assert executor.work_dir.parent == asked
        await well(executor, "open('made.txt', 'w').close()")
        assert (executor.work_dir / "made.txt").exists()
        await run(executor, f"open({str(home / '.profile')!r}, 'w')")  # at most in its own, private /tmp
    assert not (home / ".profile").exists()


async def test_a_work_folder_with_too_much_in_it_is_read_only_and_new_files_go_beside(tmp_path: Path) -> None:
    for number in range(2_001):
        (tmp_path / f"{number}.txt").touch()
    async with KernelCodeExecutor(sandbox="bubblewrap", work_dir=tmp_path, timeout=10) as executor:
        assert await well(executor, "import os; print(len(os.listdir('.')), open('7.txt').read())") == "2002 \n"
        assert (await run(executor, "open('new.csv', 'w')")).ename == "OnlyToBeRead"
        assert (await run(executor, "open('7.txt', 'w')")).ename == "OnlyToBeRead"
        assert (await run(executor, "import os; os.system('rm -f *.txt')")).status == "refused"
        await well(executor, "open('agent-files/new.csv', 'w').write('1')")
        assert "agent-files" in executor.instructions
    assert (tmp_path / "agent-files" / "new.csv").read_text() == "1"


async def test_a_file_is_no_work_folder(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(NotADirectoryError, match="name a folder"):
        await KernelCodeExecutor(work_dir=tmp_path / "file").start()


async def test_readable_paths_can_be_read_and_not_written(tmp_path: Path) -> None:
    (tmp_path / "shared").mkdir()
    (tmp_path / "shared" / "in.txt").write_text("in")
    async with KernelCodeExecutor(sandbox="bubblewrap", readable=[tmp_path / "shared"]) as executor:
        path = str(tmp_path / "shared" / "in.txt")
        assert await well(executor, f"print(open({path!r}).read())") == "in\n"
        assert (await run(executor, f"open({path!r}, 'w')")).ename == "OSError"


async def test_an_attempt_delivers_only_if_it_ended_well(tmp_path: Path) -> None:
    async with KernelCodeExecutor(sandbox="bubblewrap", work_dir=tmp_path) as executor:
        told: list[FilesDelivered] = []

        async def attempt(code: str) -> None:
            def listen(event: ExecutionEvent) -> None:
                told.extend([event] if isinstance(event, FilesDelivered) else [])

            await executor.execute_attempt([CodeBlock(code)], on_event=listen)

        await attempt("open('junk.csv', 'w').write('1')\n1 / 0")
        assert [file.name for file in told.pop().held] == ["junk.csv"]
        await attempt("open('out.csv', 'w').write('1')")
        assert [file.name for file in told.pop().delivered] == ["out.csv"]
        assert [path.name for path in tmp_path.iterdir()] == ["out.csv"]
        await attempt("open('out.csv', 'w').write('22')\n1 / 0")
        assert await well(executor, "print(open('out.csv').read())") == "1\n"
        assert not (executor.stage_dir / "junk.csv").exists(), "the next attempt must not build on it"
        assert [file.name for file in (await executor.take_files(["junk.csv"])).delivered] == ["junk.csv"]
        result = await executor.execute_code_blocks([CodeBlock("open('late.csv', 'w').write('1')\n1 / 0")])
        assert result.exit_code == 1
        assert (tmp_path / "late.csv").exists(), "of a call that is no attempt, all is delivered"


LARGE = {
    "walks": "from pathlib import Path\nfor path in Path('.').rglob('*.tmp'): path.unlink()",
    "walks and swallows": (
        "import contextlib, glob, os\nfor path in glob.glob('images/*.tmp'):\n"
        "    with contextlib.suppress(OSError): os.unlink(path)"
    ),
    "removes a hidden folder": "import shutil; shutil.rmtree('.git', ignore_errors=True)",
    "writes into a large file": "try:\n    open('big.csv', 'a').write('x')\nexcept OSError:\n    pass",
    "finds and deletes": "!find . -name '*.tmp' -delete",
    "removes by a shell": "import os; os.system('rm -rf .git/*')",
    "appends by a shell": "!echo x >> big.csv",
    "removes a large file": "import os; os.remove('big.csv')",
    "renames a hidden folder": "import os\ntry:\n    os.rename('.git', 'git')\nexcept OSError:\n    pass",
    "adds to a hidden folder": "try:\n    open('.git/hook', 'w')\nexcept OSError:\n    pass",
}


async def test_what_is_too_large_to_be_copied_is_not_changed_and_no_such_block_ends_well(tmp_path: Path) -> None:
    """A folder that was a link was not walked into: nothing was found to remove, and Run All removed it all."""
    for folder, count in (("images", 2_100), (".git", 3)):
        (tmp_path / folder).mkdir()
        for number in range(count):
            (tmp_path / folder / f"{number}.tmp").touch()
    with (tmp_path / "big.csv").open("wb") as file:
        file.truncate(40 << 20)
    before = state_of(tmp_path)
    async with KernelCodeExecutor(sandbox="bubblewrap", work_dir=tmp_path) as executor:
        listed = "import os; print(sorted(os.listdir()), len(os.listdir('images')), os.path.isdir('.git'))"
        assert await well(executor, listed) == "['.git', 'big.csv', 'images'] 2100 True\n"
        for name, code in LARGE.items():
            result = await run(executor, code)
            assert (name, result.status) in {(name, "error"), (name, "refused")}
        assert await well(executor, "import random, json, csv; print(open('big.csv', 'rb').read(1))") == "b'\\x00'\n"
        assert await well(executor, listed) == "['.git', 'big.csv', 'images'] 2100 True\n"
    assert state_of(tmp_path) == before
