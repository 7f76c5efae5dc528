"""What only LocalCommandLineCodeExecutor does: script files with names, a virtual environment, a sandbox for each."""

import asyncio
import gc
import operator
import os
import re
import socket
import sys
import time
import venv
from collections.abc import AsyncIterator, Callable, Iterator
from functools import partial
from pathlib import Path

import psutil
import pytest
import pytest_asyncio

from kernel_executor import (
    BlockOutput,
    CodeBlock,
    CodeExecutor,
    CodeResult,
    KernelStartError,
    LocalCommandLineCodeExecutor,
    NotStarted,
    with_requirements,
)
from kernel_executor.sandbox.policy import SandboxMode

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

PLANTED = "sk-planted-0123456789"
SLEEP = f"700.{os.getpid():07}"


@pytest_asyncio.fixture(scope="module", loop_scope="module", params=["auto", "none"])
async def shared(
    request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory
) -> AsyncIterator[LocalCommandLineCodeExecutor]:
    folder = tmp_path_factory.mktemp("work")
    (folder / "mine.py").write_text("precious = 1\n")
    (folder / "data").mkdir()
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", PLANTED)
        patch.setenv("MY_HARMLESS_SETTING", PLANTED)
        patch.setenv("LC_ALL", "C.UTF-8")
        async with LocalCommandLineCodeExecutor(
            timeout=20, work_dir=folder, sandbox=request.param, env={"GIVEN": "yes"}
        ) as executor:
            yield executor


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def sandboxed(bubblewrap: None) -> AsyncIterator[LocalCommandLineCodeExecutor]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", PLANTED)
        async with LocalCommandLineCodeExecutor(timeout=20, sandbox="bubblewrap") as executor:
            yield executor


async def run(executor: LocalCommandLineCodeExecutor, code: str, language: str = "python") -> CodeResult:
    return await executor.execute_code_blocks([CodeBlock(code, language)])


async def printed(executor: LocalCommandLineCodeExecutor, code: str, language: str = "python") -> str:
    result = await run(executor, code, language)
    assert result.exit_code == 0, result.output
    return result.output


def running(mark: str) -> list[int]:
    return [process.pid for process in psutil.process_iter(["cmdline"]) if mark in (process.info["cmdline"] or ())]


async def until(condition: Callable[[], bool], seconds: float = 3.0) -> bool:
    deadline = time.monotonic() + seconds
    while not condition() and time.monotonic() < deadline:  # noqa: ASYNC110 - nobody tells us
        await asyncio.sleep(0.02)
    return condition()


async def test_it_is_an_executor_and_says_what_it_can(shared: LocalCommandLineCodeExecutor) -> None:
    assert isinstance(shared, CodeExecutor)
    assert not shared.keeps_variables
    assert shared.instructions == ""
    assert shared.languages[:2] == ("python", "bash")


# Names of scripts.


@pytest.mark.parametrize(
    ("name", "language", "code"),
    [
        ("named.py", "python", "import sys; print(sys.argv[0])"),
        ("deep/down/named.py", "python", "import sys; print(sys.argv[0])"),
        ("named.sh", "sh", "echo $0"),
        ("with a space.py", "python", "import sys; print(sys.argv[0])"),
        ("./data/../plain.py", "python", "import sys; print(sys.argv[0])"),
    ],
)
async def test_a_named_script_has_its_name_and_stays(
    shared: LocalCommandLineCodeExecutor, name: str, language: str, code: str
) -> None:
    """AutoGen deletes it after the run, in spite of its name."""
    text = f"# filename: {name}\n{code}"
    assert await printed(shared, text, language) == os.path.normpath(name)
    assert (shared.work_dir / name).read_text() == text


async def test_a_named_script_can_be_written_anew_and_be_imported_by_the_next(
    shared: LocalCommandLineCodeExecutor,
) -> None:
    await printed(shared, "# filename: helper.py\nanswer = 41")
    await printed(shared, "# filename: helper.py\nanswer = 42")
    assert await printed(shared, "import helper; print(helper.answer)") == "42"


OUTSIDE = ["../outside.py", "/tmp/outside.py", "data/../../outside.py", ".", "", "data/..", "/etc/passwd"]


@pytest.mark.parametrize("name", OUTSIDE)
async def test_a_name_outside_of_the_folder_is_refused(shared: LocalCommandLineCodeExecutor, name: str) -> None:
    result = await run(shared, f"# filename: {name}\nprint('ran')")
    assert (result.exit_code, result.blocks[0].status) == (1, "error")
    assert "Filename is not in the workspace" in result.output
    assert "ran" not in result.output
    assert not (shared.work_dir.parent / "outside.py").exists()


async def test_a_link_that_leads_out_is_not_followed(shared: LocalCommandLineCodeExecutor, tmp_path: Path) -> None:
    await printed(shared, f"import os\nos.symlink({str(tmp_path)!r}, 'out'); os.symlink('/tmp/x.py', 'link.py')")
    for name in ("out/planted.py", "link.py"):
        result = await run(shared, f"# filename: {name}\nprint('ran')")
        assert "Filename is not in the workspace" in result.output
    assert list(tmp_path.iterdir()) == []


async def test_executed_code_cannot_make_us_wait(shared: LocalCommandLineCodeExecutor) -> None:
    """A pipe that nobody reads would hold who opens it, and with it the event loop."""
    await printed(shared, "import os; os.mkfifo('pipe.py')")
    assert "pipe.py cannot be written" in (await run(shared, "# filename: pipe.py\n1")).output


async def test_executed_code_cannot_know_the_name_of_the_next_script(shared: LocalCommandLineCodeExecutor) -> None:
    """It could put there a link that leads out of its sandbox; in AutoGen the name is a digest of the text."""
    code = "import sys; print(sys.argv[0])"
    assert await printed(shared, code) != await printed(shared, code)


async def test_a_name_that_is_a_folder_or_too_long_is_told(shared: LocalCommandLineCodeExecutor) -> None:
    await printed(shared, "import os; os.makedirs('folder.py')")
    assert "folder.py cannot be written" in (await run(shared, "# filename: folder.py\n1")).output
    assert "cannot be written: File name too long" in (await run(shared, f"# filename: {'x' * 300}.py\n1")).output
    for name in ("nul\0.py", "\ud800/../../x.py"):
        result = await run(shared, f"# filename: {name}\n1")
        assert (result.exit_code, result.blocks[0].status) == (1, "error")
    await printed(shared, "import os; os.symlink('loop.py', 'loop.py')")
    assert "leads nowhere" in (await run(shared, "# filename: loop.py\n1")).output


@pytest.mark.usefixtures("bubblewrap")
async def test_a_file_that_was_there_before_is_not_overwritten(tmp_path: Path) -> None:
    (tmp_path / "mine.py").write_text("precious = 1\n")
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "mine.py").touch()
    async with LocalCommandLineCodeExecutor(work_dir=tmp_path) as executor:
        for name in ("mine.py", "data/mine.py"):
            result = await run(executor, f"# filename: {name}\nprint('ran')")
            assert result.exit_code == 1
            assert f"'{name}' was there before" in result.output
            assert "ran" not in result.output
        assert await printed(executor, "import mine; print(mine.precious)") == "1"
    assert (tmp_path / "mine.py").read_text() == "precious = 1\n"
    async with LocalCommandLineCodeExecutor(work_dir=tmp_path, writable=[tmp_path / "mine.py"]) as executor:
        assert await printed(executor, "# filename: mine.py\nprint('ran')") == "ran"


@pytest.mark.parametrize("cleanup", [True, False])
async def test_scripts_without_a_name_stay_only_if_asked(tmp_path: Path, cleanup: bool) -> None:
    async with LocalCommandLineCodeExecutor(work_dir=tmp_path, cleanup_temp_files=cleanup) as executor:
        await printed(executor, "print(1)")
        await run(executor, "exit 5", "sh")
        await run(executor, "# filename: named.py\n1 / 0")
    names = {re.sub(r"[0-9a-f]{32,}", "HASH", path.name) for path in tmp_path.iterdir()}
    assert names == {"named.py"} | (set() if cleanup else {"tmp_code_HASH.py", "tmp_code_HASH.sh"})


async def test_a_script_that_deletes_itself_or_its_folder_does_no_harm() -> None:
    async with LocalCommandLineCodeExecutor(sandbox="none") as executor:
        await printed(executor, "import os; os.unlink(__file__)")
        assert await printed(executor, "print('next')") == "next"
        await printed(executor, "import os, shutil; shutil.rmtree(os.getcwd())")
        assert (await run(executor, "print('next')")).exit_code in {0, 1}, "it is told, not raised"


# The interpreter.


async def test_a_virtual_environment_runs_the_code(tmp_path: Path) -> None:
    builder = venv.EnvBuilder(with_pip=False)
    builder.create(tmp_path / "venv")
    context = builder.ensure_directories(tmp_path / "venv")
    for sandbox in ("auto", "none"):
        async with LocalCommandLineCodeExecutor(virtual_env_context=context, sandbox=sandbox) as executor:  # type: ignore[arg-type]
            code = "import sys; print(sys.prefix)"
            assert await printed(executor, code) == str(tmp_path / "venv")
            assert await printed(executor, f"python -c '{code}'", "sh") == str(tmp_path / "venv")
            assert "No module named 'pydantic'" in (await run(executor, "import pydantic")).output


async def test_an_environment_may_be_named_from_here(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As AutoGen's documentation has it; it was not found from where the interpreter is asked."""
    monkeypatch.chdir(tmp_path)
    builder = venv.EnvBuilder(with_pip=False)
    builder.create("coding/.venv")
    context = builder.ensure_directories("coding/.venv")
    async with LocalCommandLineCodeExecutor(work_dir="coding", virtual_env_context=context) as executor:
        assert await printed(executor, "import sys; print(sys.prefix)") == str(tmp_path / "coding" / ".venv")


async def test_without_one_it_is_our_own_interpreter(shared: LocalCommandLineCodeExecutor) -> None:
    assert await printed(shared, "import sys; print(sys.executable)") == sys.executable
    assert Path(await printed(shared, "command -v python", "sh")).parent == Path(sys.executable).parent


async def test_an_interpreter_that_is_not_there_is_told(tmp_path: Path) -> None:
    class Gone:
        env_exe = str(tmp_path / "bin" / "python")

    with pytest.raises(KernelStartError, match="bin/python"):
        await LocalCommandLineCodeExecutor(virtual_env_context=Gone()).start()


@pytest.mark.parametrize("language", ["pwsh", "powershell", "ps1"])
async def test_power_shell_is_skipped_where_it_is_not_installed(
    shared: LocalCommandLineCodeExecutor, language: str
) -> None:
    if "pwsh" in shared.languages:
        pytest.skip("it is installed")
    result = await shared.execute_code_blocks([CodeBlock("echo 1", language), CodeBlock("print(2)")])
    assert [block.status for block in result.blocks] == ["skipped", "ok"]
    assert language in result.blocks[0].note


async def test_power_shell_runs_where_it_is_installed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One of ours stands for it: what counts is how it is called."""
    program = tmp_path / "bin" / "pwsh"
    program.parent.mkdir()
    program.write_text('#!/bin/sh\necho "$@"\ncat "$3"\n')
    program.chmod(0o755)
    monkeypatch.setenv("PATH", f"{program.parent}{os.pathsep}{os.environ['PATH']}")
    async with LocalCommandLineCodeExecutor(sandbox="none") as executor:
        assert executor.languages == ("python", "bash", "pwsh")
        output = await printed(executor, "Write-Host 1", "pwsh")
    assert re.fullmatch(r"-NoProfile -File tmp_code_[0-9a-f]+\.ps1\nWrite-Host 1", output)


# What holds the code.


async def test_the_sandbox_that_is_told_is_the_one_that_holds(
    shared: LocalCommandLineCodeExecutor, request: pytest.FixtureRequest
) -> None:
    if "[none]" in request.node.name:
        assert (shared.isolation.mechanism, shared.isolation.isolates) == ("none", False)
        assert "sandbox='none' was asked for" in shared.isolation.summary
    else:
        request.getfixturevalue("bubblewrap")
        assert (shared.isolation.mechanism, shared.isolation.isolates) == ("bubblewrap", True)
        assert shared.isolation.environment


async def test_variables_pass_by_the_allow_list_only(shared: LocalCommandLineCodeExecutor) -> None:
    names = "'OPENAI_API_KEY', 'MY_HARMLESS_SETTING', 'LC_ALL', 'GIVEN'"
    output = await printed(shared, f"import os; print([os.environ.get(name) for name in ({names})])")
    assert output == "[None, None, 'C.UTF-8', 'yes']"
    assert PLANTED not in await printed(shared, "cat /proc/*/environ 2>/dev/null | tr '\\0' '\\n'; true", "sh") or (
        shared.isolation.mechanism == "none"
    )


async def test_a_variable_named_like_a_key_is_refused() -> None:
    with pytest.raises(ValueError, match="looks like a key"):
        await LocalCommandLineCodeExecutor(env={"OPENAI_API_KEY": PLANTED}).start()


@pytest.mark.usefixtures("bubblewrap")
@pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock"])
async def test_a_script_is_the_first_to_go_when_memory_runs_out(sandbox: SandboxMode, tmp_path: Path) -> None:
    """In bubblewrap only our own kernels were: what has most memory went first, perhaps the notebook's kernel."""
    score = "/proc/self/oom_score"
    async with LocalCommandLineCodeExecutor(sandbox=sandbox, work_dir=tmp_path) as executor:
        for code, language in ((f"print(open({score!r}).read())", "python"), (f"cat {score}", "sh")):
            assert int((await run(executor, code, language)).output) > int(Path(score).read_text())


async def test_the_network_cannot_be_reached(sandboxed: LocalCommandLineCodeExecutor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        port = server.getsockname()[1]
        code = f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)"
        assert "ConnectionRefusedError" in (await run(sandboxed, code)).output
        with pytest.raises(TimeoutError):
            server.accept()
    assert await printed(
        sandboxed, "ls /sys/class/net 2>/dev/null || tail -n +3 /proc/net/dev | cut -d: -f1", "sh"
    ) in {
        "lo",
        "    lo",
    }


@pytest.fixture
def planted_at_home() -> Iterator[Path]:
    path = Path.home() / f".codeagent-test-{os.getpid()}"
    path.write_text(PLANTED)
    yield path
    path.unlink()


async def test_files_of_others_are_not_there_and_the_system_is_read_only(
    sandboxed: LocalCommandLineCodeExecutor, planted_at_home: Path, tmp_path: Path
) -> None:
    (tmp_path / "secret").write_text(PLANTED)
    for path in (planted_at_home, tmp_path / "secret"):
        result = await run(sandboxed, f"print(open({str(path)!r}).read())")
        assert "FileNotFoundError" in result.output
        assert PLANTED not in result.output
    for folder in ("/usr", "/etc", "/", sys.prefix):
        assert (await run(sandboxed, f"open({folder + '/planted'!r}, 'w')")).exit_code == 1
        assert not Path(folder, "planted").exists()


async def test_what_was_there_stays_and_new_files_are_delivered(tmp_path: Path, bubblewrap: None) -> None:
    (tmp_path / "mine").write_text("precious")
    async with LocalCommandLineCodeExecutor(work_dir=tmp_path) as executor:
        result = await run(executor, "open('mine', 'w')")
        assert (result.blocks[-1].status, result.exit_code) == ("refused", 1)
        assert "mine is the user's" in result.output
        await printed(executor, "open('new.txt', 'w').write(open('mine').read())")
    assert ((tmp_path / "mine").read_text(), (tmp_path / "new.txt").read_text()) == ("precious", "precious")


# Exit codes, time, leftovers.


@pytest.mark.parametrize(
    ("block", "status", "exit_code", "note"),
    [
        (CodeBlock("import time; time.sleep(60)"), "timeout", 124, "Stopped at the time limit, after 0."),
        (CodeBlock("import os, signal; os.kill(os.getpid(), signal.SIGTERM)"), "died", 143, "ended by SIGTERM"),
        (CodeBlock("kill -USR1 $$", "sh"), "died", 138, "ended by SIGUSR1"),
        (CodeBlock("exit 126", "sh"), "error", 126, ""),
        (CodeBlock("no-such-command-at-all", "sh"), "error", 127, ""),
        (CodeBlock("import sys; sys.exit('told')"), "error", 1, ""),
        (CodeBlock("import sys; sys.exit(256 + 7)"), "error", 7, ""),
    ],
)
async def test_exit_codes_tell_what_happened(
    shared: LocalCommandLineCodeExecutor, block: CodeBlock, status: str, exit_code: int, note: str
) -> None:
    result = await shared.execute_code_blocks([block], timeout=0.5 if status == "timeout" else 20)
    assert (result.blocks[0].status, result.exit_code) == (status, exit_code)
    assert note in result.blocks[0].note


@pytest.mark.timing
async def test_lines_come_as_they_are_printed(shared: LocalCommandLineCodeExecutor) -> None:
    """AutoGen tells all of it at the end; unflushed prints count, too."""
    told: list[float] = []
    started = time.monotonic()
    code = CodeBlock("import time\nfor i in range(3): print(i); time.sleep(0.4)")
    await shared.execute_code_blocks(
        [code], on_event=lambda event: told.append(time.monotonic()) if isinstance(event, BlockOutput) else None
    )
    assert told[0] - started < 0.4
    assert time.monotonic() - told[0] > 1.0


@pytest.mark.timing
@pytest.mark.parametrize(
    "start",
    [f"sleep {SLEEP} &", f"setsid sleep {SLEEP} &", f"nohup sleep {SLEEP} >/dev/null &"],
    ids=["plain", "setsid", "nohup"],
)
async def test_what_goes_on_in_the_background_ends_with_its_script(
    shared: LocalCommandLineCodeExecutor, start: str
) -> None:
    started = time.monotonic()
    assert await printed(shared, f"{start}\necho done", "sh") == "done"
    assert time.monotonic() - started < 2.0
    assert await until(lambda: not running(SLEEP))


def forget(sandbox: str, is_time: Callable[[float], bool]) -> None:
    """Run a script in a loop that ends without `stop` when it is time to, so many seconds after the beginning."""

    async def forgetful() -> None:
        executor = LocalCommandLineCodeExecutor(sandbox=sandbox)  # type: ignore[arg-type]
        await executor.start()
        begun = time.monotonic()
        task = asyncio.create_task(run(executor, f"sleep {SLEEP}", "sh"))
        while not is_time(time.monotonic() - begun):  # noqa: ASYNC110 - nobody tells us
            await asyncio.sleep(0)
        del task

    asyncio.run(forgetful())


@pytest.mark.parametrize("sandbox", ["auto", "none"])
async def test_a_loop_that_closes_without_stop_leaves_no_script(sandbox: str) -> None:
    await asyncio.to_thread(forget, sandbox, lambda _: bool(running(SLEEP)))
    assert await until(lambda: not running(SLEEP))


@pytest.mark.parametrize(("sandbox", "longest"), [("auto", 0.06), ("none", 0.012)])
async def test_a_loop_that_closes_while_a_script_is_started_leaves_neither_it_nor_its_pipes(
    sandbox: str, longest: float
) -> None:
    """Of 250 such loops 12 left a script that ran on, and 40 its pipes, which are warned of when they are collected."""
    for part in range(30):
        await asyncio.to_thread(forget, sandbox, partial(operator.lt, longest * part / 30))
        gc.collect()
    assert await until(lambda: not running(SLEEP))


@pytest.mark.timing
@pytest.mark.parametrize("delay", [0.0, 0.001, 0.003, 0.006, 0.01, 0.02])
async def test_stopping_while_a_script_is_being_started_does_not_wait_for_its_end(tmp_path: Path, delay: float) -> None:
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    await executor.start()
    task = asyncio.create_task(run(executor, f"sleep {SLEEP}", "sh"))
    await asyncio.sleep(delay)
    started = time.monotonic()
    await executor.stop()
    assert time.monotonic() - started < 2.0
    assert [block.status for block in (await task).blocks] == ["interrupted"]
    assert not running(SLEEP)
    assert list(tmp_path.iterdir()) == []


async def test_evaluating_leaves_no_file(shared: LocalCommandLineCodeExecutor) -> None:
    before = set(shared.work_dir.iterdir())
    assert await shared.evaluate("__import__('os').getcwd()") == repr(str(shared.work_dir))
    assert await shared.evaluate("nonsense(") is None
    assert set(shared.work_dir.iterdir()) == before


# Its life.


async def test_a_restart_changes_nothing(shared: LocalCommandLineCodeExecutor) -> None:
    await printed(shared, "open('stays.txt', 'w').close()")
    await shared.restart()
    assert (shared.work_dir / "stays.txt").exists()
    assert await printed(shared, "print('next')") == "next"


async def test_it_can_be_started_and_stopped_twice_and_again(tmp_path: Path) -> None:
    executor = LocalCommandLineCodeExecutor(work_dir=tmp_path)
    await executor.stop()
    for _ in range(2):
        await executor.start()
        await executor.start()
        assert await printed(executor, "print(1)") == "1"
        await executor.stop()
        await executor.stop()
        assert executor.isolation.reason == "not started"
        with pytest.raises(NotStarted):
            await run(executor, "1")


async def test_using_it_before_start_says_what_to_do() -> None:
    executor = LocalCommandLineCodeExecutor()
    hint = r"call `await executor\.start\(\)` first, or use `async with LocalCommandLineCodeExecutor\(\) as executor`"
    for call in (lambda: run(executor, "1"), lambda: executor.evaluate("1"), executor.restart):
        with pytest.raises(NotStarted, match=hint):
            await call()
    with pytest.raises(NotStarted, match=hint):
        _ = executor.work_dir
    await executor.interrupt()  # nothing runs: nothing happens


async def test_a_folder_of_ours_is_deleted_and_one_of_yours_stays(tmp_path: Path) -> None:
    async with LocalCommandLineCodeExecutor() as executor:
        ours = executor.work_dir
        await printed(executor, "open('x.txt', 'w').close()")
        assert (ours / "x.txt").exists()
    assert not ours.exists()
    async with LocalCommandLineCodeExecutor(work_dir=tmp_path / "made" / "for us") as executor:
        await printed(executor, "open('x.txt', 'w').close()")
    assert [path.name for path in (tmp_path / "made" / "for us").iterdir()] == ["x.txt"]


async def test_a_relative_folder_is_one_of_the_current_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with LocalCommandLineCodeExecutor(work_dir="coding") as executor:
        assert executor.work_dir == tmp_path / "coding"
        assert await printed(executor, "import os; print(os.getcwd())") == str(tmp_path / "coding")
    async with LocalCommandLineCodeExecutor(work_dir=".") as executor:
        assert executor.work_dir == tmp_path


async def test_the_home_folder_is_never_used_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    async with LocalCommandLineCodeExecutor(work_dir="~") as executor:
        assert executor.work_dir.parent == tmp_path
        await printed(executor, "# filename: .profile\nprint('harmless')")
    assert not (tmp_path / ".profile").exists()


# Functions.


def double(number: int) -> int:
    """Multiply by two."""
    return 2 * number


@with_requirements(python_packages=["nbformat"], global_imports=["nbformat"])
def current() -> int:
    """Version of the notebook format."""
    return int(nbformat.current_nbformat)  # type: ignore[name-defined]  # noqa: F821


@pytest.mark.parametrize("sandbox", ["auto", "none"])
async def test_functions_can_be_imported(sandbox: str) -> None:
    async with LocalCommandLineCodeExecutor(functions=[double, current], sandbox=sandbox) as executor:  # type: ignore[arg-type]
        assert await printed(executor, "from functions import double, current; print(double(21), current())") == "42 4"
        assert list(executor.work_dir.iterdir()) == [], "your folder stays as it was"


async def test_a_package_that_cannot_be_installed_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")

    @with_requirements(python_packages=["no-such-package-anywhere"])
    def needy() -> None: ...

    with pytest.raises(
        KernelStartError, match=r"the functions need no-such-package-anywhere, which pip cannot install"
    ):
        await LocalCommandLineCodeExecutor(functions=[needy]).start()
