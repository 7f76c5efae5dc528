"""What sandboxed code cannot reach: files, network, processes, keys. Each attempt aims at something the test made."""

import ast
import asyncio
import json
import os
import re
import shutil
import socket
import sys
import tempfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
import pytest_asyncio

from kernel_executor import (
    Isolation,
    KernelCodeExecutor,
    KernelStartError,
    LocalCommandLineCodeExecutor,
    SandboxUnavailable,
)
from kernel_executor.sandbox import landlock
from kernel_executor.sandbox.isolation import holds_no_key
from kernel_executor.sandbox.policy import SandboxMode
from tests.support.runs import run

pytestmark = [
    pytest.mark.integration,
    pytest.mark.asyncio(loop_scope="module"),
    pytest.mark.usefixtures("bubblewrap"),
]

PLANTED = "sk-planted-0123456789"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(bubblewrap: None) -> AsyncIterator[KernelCodeExecutor]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", PLANTED)
        patch.setenv("MY_HARMLESS_SETTING", PLANTED)
        async with KernelCodeExecutor(timeout=20, sandbox="bubblewrap") as executor:
            yield executor


async def value(executor: KernelCodeExecutor, code: str) -> str:
    """Run code; give what it printed, which must be all that happened."""
    result = await run(executor, code)
    assert result.status == "ok", result.traceback
    return "".join(output["text"] for output in result.outputs)


@pytest.fixture
def planted_at_home() -> Iterator[Path]:
    path = Path.home() / f".codeagent-test-{os.getpid()}"
    path.write_text(PLANTED)
    yield path
    path.unlink()


async def test_a_file_in_the_home_folder_is_not_there(shared: KernelCodeExecutor, planted_at_home: Path) -> None:
    for path in (planted_at_home, f"/proc/1/root{planted_at_home}", f"/proc/self/root{planted_at_home}"):
        result = await run(shared, f"open({str(path)!r}).read()")
        assert result.ename in {"FileNotFoundError", "PermissionError"}
        assert PLANTED not in str(result.outputs)


async def test_a_file_outside_the_work_folder_is_not_there(shared: KernelCodeExecutor, tmp_path: Path) -> None:
    (tmp_path / "secret").write_text(PLANTED)
    assert (await run(shared, f"open({str(tmp_path / 'secret')!r}).read()")).ename == "FileNotFoundError"
    assert (await run(shared, f"cat {tmp_path}/secret", "sh")).exit_code == 1


@pytest.mark.parametrize("path", ["/etc/shadow", "/etc/ssh", "/var/log", "/run", "/sys/kernel", "/boot", "/root/.ssh"])
async def test_system_files_nobody_needs_are_not_there(shared: KernelCodeExecutor, path: str) -> None:
    assert await value(shared, f"import os; print(os.path.exists({path!r}))") == "False\n"


@pytest.mark.parametrize("folder", ["/usr", "/etc", "/", sys.prefix, str(Path(os.__file__).parent)])
async def test_the_system_and_the_interpreter_cannot_be_written(shared: KernelCodeExecutor, folder: str) -> None:
    assert (await run(shared, f"open({folder + '/planted'!r}, 'w')")).ename in {"OSError", "PermissionError"}
    assert not Path(folder, "planted").exists()


async def test_tcp_to_loopback_does_not_arrive(shared: KernelCodeExecutor) -> None:
    with socket.create_server(("127.0.0.1", 0)) as server:
        server.settimeout(0.3)
        port = server.getsockname()[1]
        socket.create_connection(("127.0.0.1", port)).close()
        server.accept()[0].close()  # from here it can be reached
        result = await run(shared, f"import socket; socket.create_connection(('127.0.0.1', {port}), 2)")
        assert result.ename == "ConnectionRefusedError"
        with pytest.raises(TimeoutError):
            server.accept()


async def test_udp_to_loopback_does_not_arrive(shared: KernelCodeExecutor) -> None:
    """Landlock would let it pass (measured)."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as server:
        server.bind(("127.0.0.1", 0))
        server.settimeout(0.3)
        address = server.getsockname()
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as client:
            client.sendto(b"outside", address)
        assert server.recv(100) == b"outside"
        code = f"import socket; socket.socket(socket.AF_INET, socket.SOCK_DGRAM).sendto(b'inside', {address})"
        await run(shared, code)
        with pytest.raises(TimeoutError):
            server.recv(100)


async def test_an_abstract_unix_socket_cannot_be_reached(shared: KernelCodeExecutor) -> None:
    name = f"\0codeagent-test-{os.getpid()}"
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(name)
        server.listen()
        server.settimeout(0.3)
        with socket.socket(socket.AF_UNIX) as client:
            client.connect(name)
        server.accept()[0].close()
        result = await run(shared, f"import socket; socket.socket(socket.AF_UNIX).connect({name!r})")
        assert result.ename == "ConnectionRefusedError"


async def test_there_is_no_network_but_the_sandboxs_own_loopback(shared: KernelCodeExecutor) -> None:
    assert await value(shared, "import socket; print([name for _, name in socket.if_nameindex()])") == "['lo']\n"
    own = "import socket\ns = socket.create_server(('127.0.0.1', 0))\nsocket.create_connection(s.getsockname()).close()"
    assert (await run(shared, own)).status == "ok"


async def test_other_processes_cannot_be_seen(shared: KernelCodeExecutor) -> None:
    code = "import glob; print([open(path).read() for path in glob.glob('/proc/[0-9]*/cmdline')])"
    seen = ast.literal_eval(await value(shared, code))
    assert all("bwrap" in command or "codeagent_kernel" in command for command in seen), seen
    assert 2 <= len(seen) <= 5, "bubblewrap, the root, this kernel, its checkpoint"


async def test_other_processes_cannot_be_signalled(shared: KernelCodeExecutor) -> None:
    async def one_of_ours() -> int:
        process = await asyncio.create_subprocess_exec("sleep", "60")
        result = await run(shared, f"import os; os.kill({process.pid}, 9)")
        assert result.ename in {"ProcessLookupError", "PermissionError"}
        assert process.returncode is None
        process.terminate()
        return await process.wait()

    assert await one_of_ours() == -15
    numbers = "import os; print(max(int(name) for name in os.listdir('/proc') if name.isdigit()) < 100)"
    assert await value(shared, numbers) == "True\n", "it sees its own, which are counted from 1"


async def test_a_planted_key_is_in_no_environment(shared: KernelCodeExecutor) -> None:
    """`--clearenv` is not enough: bwrap's own environment is readable inside as /proc/1/environ (measured)."""
    assert os.environ.get("OPENAI_API_KEY") == PLANTED, "else the rest proves nothing"
    code = (
        "import glob, os\n"
        "print(sorted(k for k, v in os.environ.items() if 'planted' in v))\n"
        "for path in glob.glob('/proc/[0-9]*/environ'):\n"
        "    try: text = open(path, 'rb').read()\n"
        "    except OSError: continue  # a fork that has just ended\n"
        "    print(b'planted' in text, b'PATH' in text)"
    )
    lines = (await value(shared, code)).splitlines()
    assert lines[0] == "[]"
    assert len(lines) > 1
    assert set(lines[1:]) == {"False True"}


async def test_a_bare_kernel_gets_no_key_either() -> None:
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", PLANTED)
        async with KernelCodeExecutor(sandbox="none") as executor:
            assert await executor.evaluate("__import__('os').environ.get('OPENAI_API_KEY')") == "None"


@pytest.mark.parametrize("sandbox", ["bubblewrap", "none"])
async def test_a_key_in_a_kernelspec_does_not_reach_the_kernel(
    sandbox: SandboxMode, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    folder = tmp_path / "kernels" / "with_key"
    folder.mkdir(parents=True)
    argv = [sys.executable, "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    environment = {"MY_TOKEN": PLANTED, "MY_SETTING": "seen"}
    spec = {"argv": argv, "language": "python", "display_name": "with key", "env": environment}
    (folder / "kernel.json").write_text(json.dumps(spec))
    monkeypatch.setenv("JUPYTER_PATH", str(tmp_path))
    async with KernelCodeExecutor(kernel_name="with_key", sandbox=sandbox) as executor:
        assert executor.isolation.environment
        names = "('MY_TOKEN', 'MY_SETTING')"
        assert await executor.evaluate(f"[__import__('os').environ.get(n) for n in {names}]") == "[None, 'seen']"


async def test_a_key_in_a_process_is_told() -> None:
    process = await asyncio.create_subprocess_exec("sleep", "60", env={"MY_TOKEN": PLANTED})
    assert not holds_no_key(process.pid)
    process.kill()
    await process.wait()
    assert not holds_no_key(process.pid), "what cannot be seen is not promised"


async def test_another_kernel_cannot_be_reached_from_a_temporary_folder() -> None:
    """With /tmp as its work folder, sandboxed code once drove an unsandboxed kernel through its sockets."""
    async with (
        KernelCodeExecutor(sandbox="none") as bare,
        KernelCodeExecutor(sandbox="bubblewrap", work_dir=tempfile.gettempdir()) as held,
    ):
        try:
            assert held.work_dir.parent == Path(tempfile.gettempdir()).resolve()
            others = await bare.evaluate("__import__('sys').argv")
            assert others is not None
            assert "connection.json" in others
            connection = next(part for part in ast.literal_eval(others) if part.endswith("connection.json"))
            assert Path(connection).exists()
            assert await held.evaluate(f"__import__('os').path.exists({connection!r})") == "False"
            code = "import glob; print(glob.glob('/tmp/codeagent-*/**/connection.json', recursive=True))"
            assert len(ast.literal_eval(await value(held, code))) == 1, "its own"
        finally:
            shutil.rmtree(held.work_dir, ignore_errors=True)


async def test_privileges_cannot_be_gained(shared: KernelCodeExecutor) -> None:
    status = await value(shared, "print(open('/proc/self/status').read())")
    assert "CapEff:\t0000000000000000" in status
    assert "NoNewPrivs:\t1" in status
    assert (await run(shared, "mount -t tmpfs none /mnt || unshare -Ur true", "sh")).exit_code != 0


async def test_the_isolation_that_is_told_was_probed(shared: KernelCodeExecutor) -> None:
    isolation = shared.isolation
    assert re.fullmatch(r"at most [\d.,]+ .B of memory, 1,024 processes and [\d.,]+ .B of files", isolation.limits)
    assert replace(isolation, limits="") == Isolation(
        mechanism="bubblewrap",
        network=True,
        files=True,
        processes=True,
        privileges=True,
        environment=True,
        system_calls=True,
    )
    assert isolation.isolates
    assert "system calls filtered" in isolation.summary
    assert "no keys in the environment" in isolation.summary
    assert "your files cannot be changed" in isolation.summary
    assert "no network" in isolation.summary


async def test_a_bare_kernel_claims_nothing() -> None:
    async with KernelCodeExecutor(sandbox="none") as executor:
        assert executor.isolation == Isolation(environment=True, reason="sandbox='none' was asked for")
        assert not executor.isolation.isolates
        assert executor.isolation.summary == "NOT sandboxed: sandbox='none' was asked for"


async def test_without_bubblewrap_insisting_fails_and_says_what_to_do(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    with pytest.raises(SandboxUnavailable, match=r"install the package `bubblewrap`.*say sandbox='none'"):
        await KernelCodeExecutor(sandbox="bubblewrap").start()


async def test_without_bubblewrap_and_landlock_auto_falls_back_and_says_why(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PATH", str(Path(sys.executable).parent))
    monkeypatch.setattr(landlock, "LEAST_ABI", 99)
    async with KernelCodeExecutor(sandbox="auto") as executor:
        assert executor.isolation.mechanism == "none"
        assert "bubblewrap is not installed" in executor.isolation.reason
        assert "Landlock is too old here" in executor.isolation.reason
        assert (await run(executor, "print(1)")).status == "ok"


async def test_a_bubblewrap_that_does_not_work_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    fake = tmp_path / "bwrap"
    fake.write_text("#!/bin/sh\necho 'No permissions to create new namespace' >&2\nexit 1\n")
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(SandboxUnavailable, match="does not work here: No permissions to create new namespace"):
        await KernelCodeExecutor(sandbox="bubblewrap").start()


WITHOUT_THE_FILTER = """#!{bash}
for word; do shift; [ "$skip" ] && skip= && continue; [ "$word" = --seccomp ] && skip=1 || set -- "$@" "$word"; done
exec {bwrap} "$@"
"""


async def test_a_sandbox_without_the_filter_does_not_start(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Whatever the reason: it is looked for from outside, not taken for granted because it was asked for."""
    fake = tmp_path / "bwrap"
    fake.write_text(WITHOUT_THE_FILTER.format(bash=shutil.which("bash"), bwrap=shutil.which("bwrap")))
    fake.chmod(0o755)
    monkeypatch.setenv("PATH", f"{tmp_path}:{os.environ['PATH']}")
    with pytest.raises(KernelStartError, match="system call filter"):
        await LocalCommandLineCodeExecutor(sandbox="bubblewrap").start()


async def test_a_user_who_is_not_root_gets_the_same_sandbox(tmp_path: Path) -> None:
    """In a process of its own, with a Python that everybody may read."""
    python, site = "/usr/bin/python3", next(path for path in sys.path if path.endswith("site-packages"))
    here = Path(__file__).parents[2]
    if os.getuid() != 0:
        pytest.skip("this run is not root already: the other tests here show it")
    prefix = ["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", "env", "-i", "PATH=/usr/bin:/bin"]
    prefix += [f"PYTHONPATH={site}:{here}", f"HOME={tmp_path}", "JUPYTER_PLATFORM_DIRS=1", python, "-c"]
    tmp_path.chmod(0o777)
    for parent in tmp_path.parents[:2]:
        parent.chmod(0o755)
    code = (
        "import asyncio, os\nfrom kernel_executor import *\nasync def main():\n"
        "    async with KernelCodeExecutor(sandbox='bubblewrap', timeout=10) as e:\n"
        "        blocks = [CodeBlock('import os; print(os.getuid())'), CodeBlock('id -u', 'sh')]\n"
        "        r = await e.execute_code_blocks(blocks)\n"
        "        print(e.isolation.isolates, r.exit_code, r.output.split())\nasyncio.run(main())"
    )
    probe = await asyncio.create_subprocess_exec(*prefix, "import zmq, kernel_executor", stderr=asyncio.subprocess.PIPE)
    _, error = await probe.communicate()
    if probe.returncode:
        pytest.skip(f"another user's Python cannot import our packages: {error.decode().strip().splitlines()[-1]}")
    process = await asyncio.create_subprocess_exec(*prefix, code, stdout=-1, stderr=-1)
    output, error = await process.communicate()
    assert output.decode() == "True 0 ['65534', '65534']\n", error.decode()
