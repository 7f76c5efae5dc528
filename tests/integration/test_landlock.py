"""What works where Landlock holds the code: on machines that refuse user namespaces, of which one is made here."""

import asyncio
import fcntl
import json
import os
import shutil
import subprocess
import sys
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path

import pytest
import pytest_asyncio

from kernel_executor import CodeBlock, KernelCodeExecutor, KernelStartError, LocalCommandLineCodeExecutor
from kernel_executor.sandbox import seccomp
from kernel_executor.sandbox.system_calls import Refusal
from tests.attacks.support.people import CAGE

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def kernel(tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[KernelCodeExecutor]:
    folder = tmp_path_factory.mktemp("study")
    (folder / "data.csv").write_text("a,b\n1,2\n")
    (folder / "inner").mkdir()
    (folder / "inner" / "x.txt").write_text("deep")
    (folder / ".venv").mkdir()
    (folder / ".venv" / "module.py").write_text("x = 1")
    async with KernelCodeExecutor(sandbox="landlock", work_dir=folder, timeout=30) as executor:
        yield executor


async def said(executor: KernelCodeExecutor | LocalCommandLineCodeExecutor, code: str, language: str = "python") -> str:
    result = await executor.execute_code_blocks([CodeBlock(code, language)])
    assert result.exit_code == 0, result.output
    return result.output.strip()


EVERYDAY = {
    "a command": ("!echo hi", "hi"),
    "a command that fails": ("!false\nprint(_exit_code)", "1"),
    "a command's output": ("found = !echo captured\nprint(found)", "['captured']"),
    "bash": ("%%bash\necho in bash", "in bash"),
    "a fork": (
        (
            "import os, time\nif os.fork() == 0:\n    print('child', flush=True); os._exit(0)\n"
            "os.wait(); time.sleep(0.3); print('parent')"
        ),
        "child\nparent",
    ),
    "an asynchronous child": (
        (
            "from asyncio import create_subprocess_exec as start\n"
            "p = await start('echo', 'sub', stdout=-1)\nprint(await p.stdout.read())"
        ),
        "b'sub\\n'",
    ),
    "a temporary file": ("import tempfile\nwith tempfile.NamedTemporaryFile() as file: print(file.write(b'1'))", "1"),
    "a copy": ("import shutil, os\nshutil.copy2('data.csv', 'copy.csv'); print(os.path.exists('copy.csv'))", "True"),
    "a database": (
        "import sqlite3\nwith sqlite3.connect('x.db') as c: c.execute('create table t(a)')\nprint('made')",
        "made",
    ),
    "threads": (
        "from concurrent.futures import ThreadPoolExecutor as T\nprint(list(T(2).map(abs, [-1, -2])))",
        "[1, 2]",
    ),
    "an archive": ("import shutil\nprint(bool(shutil.make_archive('inner', 'zip', 'inner')))", "True"),
    "a file by its whole path": ("import os\nprint(open(os.path.join({folder!r}, 'inner', 'x.txt')).read())", "deep"),
    "a table": (
        (
            "import pandas as pd\npd.DataFrame({{'a': [1]}}).to_parquet('x.parquet')\n"
            "print(pd.read_parquet('x.parquet').shape)"
        ),
        "(1, 1)",
    ),
    "a folder that is read only": ("import sys; sys.path.insert(0, '.venv')\nimport module; print(module.x)", "1"),
}


@pytest.mark.parametrize("name", EVERYDAY)
async def test_everyday_code_runs(kernel: KernelCodeExecutor, name: str) -> None:
    code, output = EVERYDAY[name]
    assert (
        await said(kernel, code.replace("{{", "{").replace("}}", "}").replace("{folder!r}", repr(str(kernel.work_dir))))
        == output
    )


async def test_a_plot_is_shown_and_delivered(kernel: KernelCodeExecutor) -> None:
    code = "import matplotlib.pyplot as plt\nplt.plot([1, 2]); plt.savefig('plot.png')"
    result = await kernel.execute_code_blocks([CodeBlock(code)])
    assert any("image/png" in output.get("data", {}) for output in result.blocks[0].outputs), result.output
    assert (kernel.work_dir / "plot.png").read_bytes().startswith(b"\x89PNG")


async def test_people_and_models_read_the_folders_own_name(kernel: KernelCodeExecutor) -> None:
    """Of the stage's, which is gone tomorrow, nothing is shown: in text, displays, errors, and while it streams."""
    seen: list[object] = []
    code = "import os\nprint(os.getcwd())\nopen(os.path.abspath('nope.csv'))"
    result = await kernel.execute_code_blocks([CodeBlock(code)], on_event=seen.append)
    assert str(kernel.work_dir) in result.output
    assert f"{kernel.work_dir}/nope.csv" in result.output
    assert str(kernel.stage_dir) not in repr((seen, result))


async def test_writing_by_the_folders_own_path_ends_the_cell(kernel: KernelCodeExecutor) -> None:
    """As an error that is not swallowed: what goes on after it would do its deed where the notebook runs."""
    path = str(kernel.work_dir / "new.csv")
    code = f"import contextlib\nwith contextlib.suppress(OSError): open({path!r}, 'w').write('1')\nprint('went on')"
    result = await kernel.execute_code_blocks([CodeBlock(code)])
    assert result.blocks[0].status == "error"
    assert not any(output.get("name") == "stdout" for output in result.blocks[0].outputs), "it went on"
    assert "write results to files of other names" in result.output
    assert not Path(path).exists()


async def test_reading_what_is_not_given_is_no_deed(kernel: KernelCodeExecutor) -> None:
    """The error is that of a write, and only of a file of the user's it is one."""
    code = f"try: open('/etc/gshadow')\nexcept OSError as error: print({str(kernel.work_dir)!r}, 'environment:', error)"
    assert "Permission denied" in await said(kernel, code)


async def test_errors_that_the_sandbox_causes_say_so(kernel: KernelCodeExecutor, tmp_path: Path) -> None:
    (tmp_path / "other.csv").write_text("1")
    codes = {
        f"open({str(Path.home() / 'cars.csv')!r})": f"if {Path.home()}/cars.csv is there, the user has to hand it over",
        "import os; open(os.path.expanduser('~/cars.csv'))": "if ~/cars.csv is there",
        "import multiprocessing as m; m.get_context('fork').Pool(2)": "has no semaphores for",
    }
    for code, note in codes.items():
        result = await kernel.execute_code_blocks([CodeBlock(code)])
        assert note in result.blocks[0].note, result.output


async def test_a_file_is_made_by_touching_it(kernel: KernelCodeExecutor) -> None:
    code = "from pathlib import Path\nPath('flag').touch(); Path('flag').touch()\nprint(Path('flag').exists())"
    assert await said(kernel, code) == "True"
    assert await said(kernel, "touch other; touch other; ls other", "sh") == "other"


async def test_programs_that_read_the_systems_settings_do_without(kernel: KernelCodeExecutor) -> None:
    if not shutil.which("git"):
        pytest.skip("git is not installed")
    assert (
        await said(kernel, "git init -q repository && cd repository && git status --short && echo fine", "sh") == "fine"
    )


async def test_a_kernel_is_the_first_to_go_when_memory_runs_out(kernel: KernelCodeExecutor) -> None:
    assert await said(kernel, "print(open('/proc/self/oom_score_adj').read())") == "1000"


async def test_a_file_that_can_be_read_can_be_locked(kernel: KernelCodeExecutor) -> None:
    """What SECURITY.md says of Landlock: it knows no right for that."""
    path = kernel.work_dir / "data.csv"
    await said(kernel, f"import fcntl\nheld = open({str(path)!r})\nfcntl.flock(held, fcntl.LOCK_EX | fcntl.LOCK_NB)")
    with path.open() as file, pytest.raises(BlockingIOError):
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    await said(kernel, "held.close()")


async def test_there_are_no_pseudo_terminals(kernel: KernelCodeExecutor) -> None:
    code = "import os\ntry: os.openpty()\nexcept OSError as error: print(type(error).__name__)"
    assert await said(kernel, code) in {"OSError", "PermissionError", "FileNotFoundError"}
    assert "cannot" in await said(kernel, "test -w /dev/ptmx && echo x > /dev/ptmx || echo cannot", "sh")


async def test_a_swallowed_write_by_a_command_is_refused(kernel: KernelCodeExecutor) -> None:
    result = await kernel.execute_code_blocks([CodeBlock(f"echo 1 > {kernel.work_dir}/new.csv; true", "sh")])
    assert result.blocks[0].status == "refused"
    assert not (kernel.work_dir / "new.csv").exists()


async def test_a_restart_keeps_files_and_forgets_variables(kernel: KernelCodeExecutor) -> None:
    await said(kernel, "kept = 1; open('kept.csv', 'w').write('1')")
    await kernel.restart()
    assert await said(kernel, "print(open('kept.csv').read(), 'kept' in globals())") == "1 False"


async def test_a_folder_of_many_files_is_read_and_written_beside(tmp_path: Path) -> None:
    for number in range(2_100):
        (tmp_path / f"{number}.txt").write_text(str(number))
    (tmp_path / "helper.py").write_text("answer = 42")
    async with KernelCodeExecutor(sandbox="landlock", work_dir=tmp_path, timeout=30) as executor:
        assert "write files to agent-files/" in executor.instructions
        code = "import glob, helper\nprint(open('77.txt').read(), len(glob.glob('*.txt')), helper.answer)"
        assert await said(executor, f"{code}; _ = open('agent-files/new.csv', 'w').write('1')") == "77 2100 42"
        assert await said(executor, "import os; print(os.getcwd())") == str(tmp_path)
        for name in ("new.csv", "77.txt"):
            result = await executor.execute_code_blocks([CodeBlock(f"open({name!r}, 'w').write('1')")])
            assert result.blocks[0].status == "error"
    assert (tmp_path / "agent-files" / "new.csv").read_text() == "1"
    assert (tmp_path / "77.txt").read_text() == "77"


async def test_what_is_granted_in_the_folder_is_the_users_own(tmp_path: Path) -> None:
    (tmp_path / "granted").mkdir()
    (tmp_path / "log.txt").write_text("old\n")
    granted = [tmp_path / "granted", tmp_path / "log.txt"]
    async with KernelCodeExecutor(sandbox="landlock", work_dir=tmp_path, writable=granted, timeout=30) as executor:
        await said(executor, "open('granted/new.txt', 'w').write('1'); open('log.txt', 'a').write('new')")
    assert (tmp_path / "granted" / "new.txt").read_text() == "1"
    assert (tmp_path / "log.txt").read_text() == "old\nnew"


async def test_what_code_puts_in_the_place_of_what_was_granted_is_not_given(tmp_path: Path) -> None:
    """A link in a folder that may be written to leads anywhere at the next start."""
    for name in ("given/inner", "given/modules", "secret"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "secret" / "key.txt").write_text("PRIVATE")
    given, secret = tmp_path / "given", tmp_path / "secret"
    swap = f"import os, shutil\nfor name in ('inner', 'modules'):\n    shutil.rmtree({str(given)!r} + '/' + name)\n"
    swap += f"    os.symlink({str(secret)!r}, {str(given)!r} + '/' + name)"
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYTHONPATH", str(given / "modules"))
        for granted in ({"readable": [given / "inner"]}, {"writable": [given, given / "inner"]}):
            settings = {"writable": [given], **granted}
            async with KernelCodeExecutor(sandbox="landlock", timeout=30, **settings) as executor:  # type: ignore[arg-type]
                await said(executor, swap)
                await executor.restart()
                for place in (given / "inner", given / "modules", secret):
                    result = await executor.execute_code_blocks(
                        [CodeBlock(f"print(open({str(place / 'key.txt')!r}).read())")]
                    )
                    assert "PRIVATE" not in result.output
            for name in ("inner", "modules"):
                (given / name).unlink()
                (given / name).mkdir()


async def test_what_is_hidden_by_another_path_of_the_folder_is_hidden(tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    (tmp_path / "study" / "secret.txt").write_text("PRIVATE")
    (tmp_path / "link").symlink_to(tmp_path / "study")
    hidden = [tmp_path / "link" / "secret.txt"]
    async with KernelCodeExecutor(
        sandbox="landlock", work_dir=tmp_path / "link", hidden=hidden, timeout=30
    ) as executor:
        for place in ("secret.txt", tmp_path / "study" / "secret.txt", tmp_path / "link" / "secret.txt"):
            result = await executor.execute_code_blocks([CodeBlock(f"print(open({str(place)!r}).read())")])
            assert "PRIVATE" not in result.output


async def test_reading_everything_is_refused_at_the_start() -> None:
    with pytest.raises(KernelStartError, match="is `/` among what code may read"):
        await KernelCodeExecutor(sandbox="landlock", readable=["/"]).start()


async def test_scripts_have_the_folder_as_theirs(tmp_path: Path) -> None:
    (tmp_path / "data.csv").write_text("1")
    async with LocalCommandLineCodeExecutor(sandbox="landlock", work_dir=tmp_path) as executor:
        assert await said(executor, "import os; print(os.getcwd(), open('data.csv').read())") == f"{tmp_path} 1"
        assert await said(executor, "# filename: plot.py\nprint(1)") == "1"
    assert (tmp_path / "plot.py").exists()


# Where bubblewrap is refused.

CONTAINERS_PROFILE = (Refusal(1, ("keyctl", "add_key", "request_key", "mount", "unshare", "setns", "ptrace")),)
"""What Docker's and containerd's default profiles refuse, of what matters here."""


def in_a_cage(code: str, folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    """Run Python where nobody makes user namespaces."""
    environment = {
        "PATH": os.environ["PATH"],
        "LANG": "C.UTF-8",
        "COLUMNS": "300",
        "HOME": str(folder),
        "XDG_CACHE_HOME": str(folder / "cache"),
    }
    command = [*CAGE, sys.executable, "-c", code, *words]
    return subprocess.run(
        command, capture_output=True, text=True, env=environment, cwd=folder, timeout=100, check=False
    )


TELL = """
import asyncio, json, sys
from kernel_executor import CodeBlock, KernelCodeExecutor
async def main():
    async with KernelCodeExecutor(work_dir=sys.argv[1], sandbox=sys.argv[2]) as executor:
        found = executor.isolation
        result = await executor.execute_code_blocks([CodeBlock("print(6 * 7)")])
        print(json.dumps([found.mechanism, found.isolates, found.reason, result.output.strip()]))
asyncio.run(main())
"""


async def test_it_is_taken_by_itself_and_says_why(bubblewrap: None, tmp_path: Path) -> None:
    (tmp_path / "study").mkdir()
    done = await asyncio.to_thread(in_a_cage, TELL, tmp_path, str(tmp_path / "study"), "auto")
    assert done.returncode == 0, done.stderr
    mechanism, isolates, reason, output = json.loads(done.stdout)
    assert (mechanism, isolates, output) == ("landlock", True, "42")
    assert reason.startswith("bubblewrap does not work here: ")


async def test_it_works_under_a_containers_profile_too(bubblewrap: None, tmp_path: Path) -> None:
    """There the caller may not even make a session keyring."""
    machine = seccomp.this_machine()
    if machine is None:
        pytest.skip("there is no filter for this machine")
    reader, writer = os.pipe()
    os.write(writer, seccomp.filter_of(machine, CONTAINERS_PROFILE))
    os.close(writer)
    command = [*CAGE, "--seccomp", str(reader), sys.executable, "-c", TELL, str(tmp_path), "auto"]
    environment = {"PATH": os.environ["PATH"], "HOME": str(tmp_path)}
    try:
        done = await asyncio.to_thread(
            partial(
                subprocess.run, command, capture_output=True, text=True, env=environment, pass_fds=[reader], timeout=100
            )
        )
    finally:
        os.close(reader)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)[:2] == ["landlock", True]


async def test_who_insists_on_bubblewrap_is_told_why_not(bubblewrap: None, tmp_path: Path) -> None:
    done = await asyncio.to_thread(in_a_cage, TELL, tmp_path, str(tmp_path), "bubblewrap")
    assert done.returncode != 0
    assert "SandboxUnavailable: bubblewrap does not work here: " in done.stderr
    assert "sandbox='none'" in done.stderr


async def test_the_doctor_says_what_holds_the_code_and_what_would_be_better(bubblewrap: None, tmp_path: Path) -> None:
    code = "import sys; sys.argv = ['codeagent-nb', 'doctor']; from codeagent_nb.cli import main; main()"
    done = await asyncio.to_thread(in_a_cage, code, tmp_path)
    said = " ".join(done.stdout.replace("│", " ").split())
    assert "sandboxed by landlock" in said, done.stdout + done.stderr
    assert "bubblewrap does not work" in said
