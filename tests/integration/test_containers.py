"""Containers: the kernel in one, what holds it, what the engine is asked for, and what is left of it afterwards."""

import asyncio
import ctypes
import json
import os
import platform
import re
import signal
import socket
import subprocess
import sys
import time
import uuid
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pytest
import pytest_asyncio

from kernel_executor import BlockResult, CodeBlock, DockerCommandLineCodeExecutor, KernelStartError, LateOutput
from kernel_executor.containers.request import LABEL, OWNER_LABEL
from kernel_executor.sandbox.system_calls import NUMBERS
from kernel_executor.starting.run_folder import sweep
from kernel_executor.types import USUAL_TIMEOUT, Timeout
from tests.containers import KERNEL_IMAGE, SCRIPTS_IMAGE

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

OWNER = f"{OWNER_LABEL}={socket.gethostname()}"

SECRET = "sk-of-the-host-0123456789"

PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\nplt.show()"

FILL_WITH_PROCESSES = """
import subprocess, signal, time
signal.signal(signal.SIGINT, signal.SIG_IGN)
try:
    while True:
        subprocess.Popen(["sleep", "1000"])
except OSError as error:
    print(error)
time.sleep(1000)
"""

BECOME_ANOTHER = """
import os, signal, time
os.setuid(1234)
signal.signal(signal.SIGINT, signal.SIG_IGN)
time.sleep(1000)
"""

COUNT_ZOMBIES = """
from pathlib import Path
print(sum(file.read_text().rpartition(")")[2].split()[0] == "Z" for file in Path("/proc").glob("[0-9]*/stat")))
"""

STARTED = """
import asyncio, json, sys
from kernel_executor import CodeBlock, DockerCommandLineCodeExecutor

async def main():
    executor = DockerCommandLineCodeExecutor(image=sys.argv[1], **json.loads(sys.argv[3]))
    await executor.start()
    await executor.execute_code_blocks([CodeBlock("x = 1")])
    print("ready", flush=True)
    await asyncio.sleep(float(sys.argv[2]))

asyncio.run(main())
"""


def doubled(number: int) -> int:
    """Return twice a number."""
    return 2 * number


def executor_in(image: str = KERNEL_IMAGE, **settings: Any) -> DockerCommandLineCodeExecutor:
    return DockerCommandLineCodeExecutor(image=image, **{"timeout": 20, **settings})


async def run(
    executor: DockerCommandLineCodeExecutor, code: str, language: str = "python", timeout: Timeout = USUAL_TIMEOUT
) -> BlockResult:
    return (await executor.execute_code_blocks([CodeBlock(code, language)], timeout=timeout)).blocks[-1]


async def text(
    executor: DockerCommandLineCodeExecutor, code: str, language: str = "python", timeout: Timeout = USUAL_TIMEOUT
) -> str:
    """Run a block that must end well; give what it wrote."""
    result = await run(executor, code, language, timeout)
    assert result.status == "ok", result
    return "".join(output.get("text", "") for output in result.outputs).strip()


@pytest.fixture(scope="module")
def client(engine: str) -> Iterator[Any]:
    import docker

    client = docker.DockerClient(base_url=engine)
    yield client
    client.close()


Owned = Callable[..., list[Any]]


@pytest.fixture(scope="module")
def owned(client: Any) -> Owned:
    """Give the containers of a process, those that have stopped included."""

    def list_them(process: int = os.getpid()) -> list[Any]:
        return list(client.containers.list(all=True, filters={"label": f"{OWNER}:{process}"}))

    return list_them


@pytest.fixture
def nothing_left(owned: Owned, monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """Check that a test leaves no container and no folder behind."""
    before = {container.id for container in owned()}
    with TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        yield
        assert list(Path(folder).iterdir()) == []
    assert {container.id for container in owned()} == before


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(engine: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[DockerCommandLineCodeExecutor]:
    """A kernel for tests that do no lasting harm to it."""
    folder = tmp_path_factory.mktemp("work")
    (folder / "existing.txt").write_text("before")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("OPENAI_API_KEY", SECRET)
        async with executor_in(work_dir=folder, env={"CITY": "Oslo"}, extra_hosts={"data.example": "10.1.2.3"}) as one:
            yield one


# The kernel.


async def test_a_kernel_keeps_variables_and_shows_plots(shared: DockerCommandLineCodeExecutor) -> None:
    assert shared.keeps_variables
    assert await text(shared, "x = 41") == ""
    assert await text(shared, "import os; print(x + 1, os.getcwd())") == "42 /workspace"
    assert await text(shared, "echo $CITY; pwd", "sh") == "Oslo\n/workspace"
    assert (await run(shared, "exit 5", "sh")).exit_code == 5
    shown = [output["data"] for output in (await run(shared, PLOT)).outputs if "data" in output]
    assert shown[-1]["image/png"].startswith("iVBOR")


@pytest.mark.timing
@pytest.mark.parametrize(
    ("code", "language"),
    [
        ("import asyncio; await asyncio.sleep(61)", "python"),
        ("import time; time.sleep(61)", "python"),
        ("sleep 61 & sleep 61", "sh"),
    ],
)
async def test_an_interrupt_takes_a_second_at_most(
    shared: DockerCommandLineCodeExecutor, code: str, language: str
) -> None:
    await text(shared, "kept = 1")
    block = asyncio.create_task(run(shared, code, language))
    await asyncio.sleep(0.7)
    started = time.monotonic()
    await shared.interrupt()
    result = await block
    assert (result.status, result.state_lost) == ("interrupted", False)
    assert time.monotonic() - started < 1
    assert await text(shared, "print(kept)") == "1"
    assert await text(shared, "cat /proc/[0-9]*/cmdline | tr '\\0' ' ' | grep -c '[s]leep 61' || :", "sh") == "0"


async def test_running_out_of_memory_is_told(engine: str, nothing_left: None) -> None:
    async with executor_in(memory_limit=200 * 2**20) as executor:
        result = await run(executor, "x = bytearray(2**20)\nwhile True: x = x + x")
        assert (result.status, result.exit_code) == ("died", 137)
        assert "perhaps out of memory" in result.note
        assert await text(executor, "print(1)") == "1"


async def test_restart_loses_variables_and_keeps_files(shared: DockerCommandLineCodeExecutor) -> None:
    await text(shared, "y = 1; open('kept', 'w').close()")
    await shared.restart()
    assert await text(shared, "import os; print('y' in globals(), os.path.exists('kept'))") == "False True"


async def test_late_output_of_a_thread_is_told(shared: DockerCommandLineCodeExecutor) -> None:
    heard: asyncio.Queue[Any] = asyncio.Queue()
    forget = shared.on_late_output(heard.put_nowait)
    await text(shared, "import threading; threading.Timer(0.3, print, ['late']).start()")
    event = await asyncio.wait_for(heard.get(), 5)
    forget()
    assert isinstance(event, LateOutput)
    assert "late" in str(event.change)


async def test_expressions_are_evaluated(shared: DockerCommandLineCodeExecutor) -> None:
    await text(shared, "z = 20")
    assert await shared.evaluate("z * 2 + 1") == "41"
    assert await shared.evaluate("1 / 0") is None


async def test_process_1_sees_off_orphans(shared: DockerCommandLineCodeExecutor) -> None:
    await text(shared, "for i in 1 2 3 4 5; do (sleep 0.2 & sleep 0.1 &); done; sleep 0.5", "sh")
    assert await text(shared, COUNT_ZOMBIES) == "0"


async def test_a_kernel_at_the_process_limit_is_ended(engine: str, nothing_left: None) -> None:
    """No command can be started in the container then, not even the one that ends the others."""
    async with executor_in(pids_limit=60, timeout=3) as executor:
        result = await run(executor, FILL_WITH_PROCESSES)
        assert (result.status, result.state) == ("timeout", "restored")
        assert "Resource temporarily unavailable" in result.outputs[0]["text"]
        assert await text(executor, "print(1)", timeout=20) == "1"


@pytest.mark.parametrize("image", [KERNEL_IMAGE, SCRIPTS_IMAGE])
async def test_code_that_became_another_user_is_ended(engine: str, nothing_left: None, image: str) -> None:
    async with executor_in(image, cap_add=["SETUID", "KILL"], timeout=1) as executor:
        assert (await run(executor, BECOME_ANOTHER)).status == "timeout"
        assert await text(executor, "print(1)", timeout=20) == "1"
    async with executor_in(image, cap_add=["SETUID"], timeout=1) as executor:  # then it is with its container
        assert (await run(executor, BECOME_ANOTHER)).status == "timeout"


async def test_a_kernel_of_an_older_ipykernel_is_ready_when_it_says_so(
    engine: str, tmp_path: Path, nothing_left: None
) -> None:
    """It welcomes nobody: `iopub_welcome` came with ipykernel 7."""
    wanted = ["--python-version", "3.11", "--only-binary=:all:", "ipykernel==6.29.5", "typing_extensions"]
    pip = [sys.executable, "-m", "pip", "--disable-pip-version-check", "-q", "install", "--target"]
    command = [*pip, str(tmp_path / "older"), *wanted]
    done = await asyncio.to_thread(subprocess.run, command, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"pip cannot fetch an older ipykernel: {done.stderr[-200:]}")
    volumes = {str(tmp_path / "older"): {"bind": "/older", "mode": "ro"}}
    for _ in range(3):
        async with executor_in(extra_volumes=volumes, env={"PYTHONPATH": "/older"}) as executor:
            assert await text(executor, "import ipykernel; print(ipykernel.__version__)") == "6.29.5"


# What the container sees, and what holds it.


async def test_nothing_of_the_host_is_visible(shared: DockerCommandLineCodeExecutor) -> None:
    held = shared.isolation
    assert held.isolates
    assert held.environment
    assert held.mechanism in ("docker", "podman")
    seen = await text(shared, "env; cat /proc/[0-9]*/environ; echo; ls /sys/class/net; cat /etc/hosts", "sh")
    assert SECRET not in seen
    assert "\nlo\n" in seen
    assert "eth0" not in seen
    assert re.search(r"10\.1\.2\.3\s+data\.example", seen)
    places = [str(Path(__file__).parents[2]), str(Path.home())]
    assert await text(
        shared, f"import os; print([os.path.exists(place) for place in {places} if place != '/root'])"
    ) == (
        str([False for place in places if place != "/root"])  # of an image, root's home folder is another one
    )


KEYS = """
import ctypes
libc, text = ctypes.CDLL(None), ctypes.create_string_buffer(64)
def keyctl(*arguments): return libc.syscall({keyctl}, *arguments)
print(keyctl(10, -3, b"user", {name!r}, 0), keyctl(11, {key}, text, 64), text.raw[:6])
print({name!r}.decode() in open("/proc/keys").read(), "Seccomp:\\t2" in open("/proc/self/status").read())
"""


async def test_the_engine_filters_system_calls_and_the_callers_keyring_is_not_the_containers(
    shared: DockerCommandLineCodeExecutor,
) -> None:
    """Its own filter lets `keyctl` through (podman's does), but on a keyring of the container's own."""
    assert shared.isolation.system_calls
    assert "system calls filtered" in shared.isolation.summary
    libc = ctypes.CDLL(None)
    add_key, keyctl = (NUMBERS[name][platform.machine() != "x86_64"] for name in ("add_key", "keyctl"))
    name = f"codeagent-test-{uuid.uuid4().hex}".encode()
    key = libc.syscall(add_key, b"user", name, b"secret", 6, -3)
    assert key > 0
    try:
        code = KEYS.format(keyctl=keyctl, name=name, key=key)
        assert await text(shared, code) == f"-1 -1 {bytes(6)}\nFalse True"
    finally:
        libc.syscall(keyctl, 21, key)  # KEYCTL_INVALIDATE


async def test_new_files_are_ours_and_old_ones_stay_as_they_were(shared: DockerCommandLineCodeExecutor) -> None:
    await text(shared, "with open('made.txt', 'w') as file: file.write('x')")
    made = shared.work_dir / "made.txt"
    assert (made.read_text(), made.stat().st_uid, made.stat().st_gid) == ("x", os.getuid(), os.getgid())
    for harm in (
        "open('existing.txt', 'w')",
        "import os; os.remove('existing.txt')",
        "import os; os.rename('made.txt', 'existing.txt')",
    ):
        refused = await run(shared, harm)
        assert (refused.status, len(refused.denials)) == ("refused", 1)
    assert (shared.work_dir / "existing.txt").read_text() == "before"


async def test_strange_and_many_names_in_the_work_folder(engine: str, tmp_path: Path, nothing_left: None) -> None:
    folder = tmp_path / "a work folder"
    folder.mkdir()
    strange = ["two words", "a:b:ro", "snø ☃", "b,ro=c", 'quo"ted', "back\\slash", "$HOME", "new\nline", "-rf"]
    for name in [*strange, *(f"file {number}" for number in range(100))]:
        (folder / name).write_text(name)
    async with executor_in(SCRIPTS_IMAGE, work_dir=folder, writable=[folder / "two words"]) as executor:
        listed = await text(executor, "import os; print(len([n for n in os.listdir() if open(n).read() == n]))")
        assert int(listed) == len(strange) + 100
        assert (await run(executor, "open('a:b:ro', 'w')")).status == "refused"
        assert await text(executor, "open('two words', 'w').close()") == ""
    assert (folder / "two words").read_text() == ""
    assert (folder / "a:b:ro").read_text() == "a:b:ro"


async def test_a_folder_with_a_comma_in_its_name(engine: str, tmp_path: Path, nothing_left: None) -> None:
    async with executor_in(SCRIPTS_IMAGE, work_dir=tmp_path / "one, two") as executor:
        await text(executor, "open('made.txt', 'w').close()")
        assert (executor.work_dir / "made.txt").exists()


async def test_a_name_that_podman_cannot_take_is_told(
    engine: str, tmp_path: Path, nothing_left: None, shared: DockerCommandLineCodeExecutor
) -> None:
    if shared.isolation.mechanism != "podman":
        pytest.skip("Docker takes any name")
    with pytest.raises(KernelStartError, match=r"12:30, noon'.* but not both"):
        await executor_in(SCRIPTS_IMAGE, work_dir=tmp_path / "12:30, noon").start()


async def test_what_was_granted_is_not_reported_as_held(engine: str, tmp_path: Path, nothing_left: None) -> None:
    (tmp_path / "more").mkdir()
    volumes = {str(tmp_path / "more"): {"bind": "/more", "mode": "rw"}}
    async with executor_in(SCRIPTS_IMAGE, extra_volumes=volumes, cap_add=["CHOWN"], network="bridge") as executor:
        held = executor.isolation
        assert (held.network, held.files, held.privileges) == (False, False, False)
        assert (held.processes, held.environment) == (True, True)
        assert not held.isolates
        await text(executor, "echo hello > /more/file; chown 1234 /more/file", "sh")
    assert (tmp_path / "more" / "file").stat().st_uid == 1234


async def test_functions_do_not_take_the_place_of_a_module_path(engine: str, nothing_left: None) -> None:
    async with executor_in(SCRIPTS_IMAGE, functions=[doubled], env={"PYTHONPATH": "/mine"}) as executor:
        assert await text(executor, "import sys; print('/mine' in sys.path)") == "True"
        assert await text(executor, "from functions import doubled; print(doubled(21))") == "42"


async def test_an_init_command_runs_first(engine: str, nothing_left: None) -> None:
    async with executor_in(SCRIPTS_IMAGE, init_command="echo made > /tmp/early; echo noise") as executor:
        assert await text(executor, "cat /tmp/early", "sh") == "made"


async def test_where_the_engine_runs_elsewhere_blocks_run_as_scripts(
    engine: str, tmp_path: Path, nothing_left: None
) -> None:
    async with executor_in(work_dir=tmp_path / "work", bind_dir=tmp_path / "work") as executor:
        assert not executor.keeps_variables
        await text(executor, "open('made.txt', 'w').close()")
        assert [path.name for path in (tmp_path / "work").iterdir() if not path.name.startswith(".")] == ["made.txt"]
    assert [path.name for path in (tmp_path / "work").iterdir()] == ["made.txt"], "the stage lay in it"


# What the engine is asked for. Not all can be seen here: podman ignores device requests.


async def test_the_engine_is_asked_for_what_was_said(engine: str, monkeypatch: pytest.MonkeyPatch) -> None:
    from docker.api.client import APIClient
    from docker.types import DeviceRequest

    asked: list[dict[str, Any]] = []
    create = APIClient.create_container_from_config

    def note(self: Any, config: dict[str, Any], *rest: Any) -> Any:
        asked.append(config)
        return create(self, config, *rest)

    monkeypatch.setattr(APIClient, "create_container_from_config", note)
    gpu = DeviceRequest(count=-1, capabilities=[["gpu"]])
    settings: dict[str, Any] = {"pids_limit": 70, "cpus": 1.5, "memory_limit": 2**28, "device_requests": [gpu]}
    async with executor_in(SCRIPTS_IMAGE, **settings) as executor:
        assert executor.isolation.devices == ("gpu",)
    wanted = asked[0]["HostConfig"]
    assert wanted["DeviceRequests"] == [
        {"Driver": "", "Count": -1, "DeviceIDs": [], "Capabilities": [["gpu"]], "Options": {}}
    ]
    numbers = ("PidsLimit", "NanoCpus", "Memory", "MemorySwap")
    assert [wanted[name] for name in numbers] == [70, 1_500_000_000, 2**28, 2**28]
    assert (wanted["NetworkMode"], wanted["CapDrop"]) == ("none", ["ALL"])
    assert wanted["SecurityOpt"] == ["no-new-privileges"]
    assert wanted["AutoRemove"]
    assert LABEL in asked[0]["Labels"]


# What cannot start.


async def test_a_failing_init_command_is_told(engine: str, nothing_left: None) -> None:
    with pytest.raises(KernelStartError, match=r"init_command 'echo no; exit 4' failed .* exit code 4: no"):
        await executor_in(SCRIPTS_IMAGE, init_command="echo no; exit 4").start()


async def test_a_failing_start_leaves_nothing_even_of_what_was_to_run_on(engine: str, nothing_left: None) -> None:
    with pytest.raises(KernelStartError, match="init_command"):
        await executor_in(SCRIPTS_IMAGE, init_command="exit 4", stop_container=False).start()


async def test_an_init_command_that_is_killed_is_told(engine: str, nothing_left: None) -> None:
    with pytest.raises(KernelStartError, match="container"):
        await executor_in(SCRIPTS_IMAGE, init_command="sleep 0.5; kill -USR1 1; sleep 5").start()


async def test_an_unknown_image_is_told(engine: str, nothing_left: None) -> None:
    with pytest.raises(KernelStartError, match=r"image 'localhost/no-such:1' is not here and cannot be pulled"):
        await executor_in("localhost/no-such:1").start()


async def test_a_name_that_is_taken_is_told(engine: str, nothing_left: None, owned: Owned) -> None:
    name = f"codeagent-test-{os.getpid()}"
    async with executor_in(SCRIPTS_IMAGE, container_name=name) as executor:
        assert name in [container.name for container in owned()]
        with pytest.raises(KernelStartError, match=r"already in use.*remove"):
            await executor_in(SCRIPTS_IMAGE, container_name=name).start()
        assert await text(executor, "print(1)") == "1"


async def test_no_engine_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(str(tmp_path / "dead.sock"))
    for path in ("dead.sock", "none.sock"):
        monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path / path}")
        with pytest.raises(KernelStartError, match=r"no container engine answers: .*Start Docker, or podman's service"):
            await executor_in().start()


async def test_a_missing_docker_package_is_told() -> None:
    code = (
        "import asyncio, sys; sys.modules['docker'] = None\n"
        "from kernel_executor import DockerCommandLineCodeExecutor\n"
        "asyncio.run(DockerCommandLineCodeExecutor().start())"
    )
    done = await asyncio.to_thread(subprocess.run, [sys.executable, "-c", code], capture_output=True, text=True)
    assert done.stderr.splitlines()[-1] == (
        "kernel_executor.errors.KernelStartError: containers need the docker package: "
        "pip install 'codeagent-nb[docker]'"
    )


# What is left afterwards.


async def test_anonymous_volumes_go_with_the_container(client: Any, owned: Owned, nothing_left: None) -> None:
    source = client.containers.create(SCRIPTS_IMAGE, "true")
    image = source.commit("localhost/codeagent-test-volume", changes="VOLUME /data")
    source.remove(v=True)
    try:
        before = {container.id for container in owned()}
        async with executor_in("localhost/codeagent-test-volume:latest") as executor:
            await text(executor, "touch /data/file", "sh")
            (container,) = [one for one in owned() if one.id not in before]
            (volume,) = [mount["Name"] for mount in container.attrs["Mounts"] if mount["Type"] == "volume"]
            assert volume in [found.name for found in client.volumes.list()]
        assert volume not in [found.name for found in client.volumes.list()]
    finally:
        client.images.remove(image.id, force=True)


@pytest.mark.parametrize("seconds", [0, 0.1, 0.4, 0.7, 1.0, 1.3])
async def test_a_start_that_is_cancelled_leaves_nothing(engine: str, nothing_left: None, seconds: float) -> None:
    executor = executor_in()
    start = asyncio.create_task(executor.start())
    await asyncio.sleep(seconds)
    start.cancel()
    await asyncio.wait({start})
    assert start.cancelled() or seconds > 1
    await executor.stop()


async def test_stop_while_starting_leaves_nothing(engine: str, nothing_left: None) -> None:
    executor = executor_in()
    start = asyncio.create_task(executor.start())
    await asyncio.sleep(0.2)
    await executor.stop()
    await asyncio.wait({start})
    assert start.exception() is None


def started(seconds: float, folder: str | Path, **settings: Any) -> "subprocess.Popen[str]":
    """Start a process that starts a kernel and waits."""
    process = subprocess.Popen(
        [sys.executable, "-c", STARTED, KERNEL_IMAGE, str(seconds), json.dumps(settings)],
        env={**os.environ, "TMPDIR": str(folder)},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )
    assert process.stdout
    if process.stdout.readline() != "ready\n":
        pytest.fail(process.communicate()[1])
    return process


@pytest.mark.parametrize(
    ("settings", "left"),
    [({}, []), ({"auto_remove": False}, ["exited"]), ({"stop_container": False}, ["running"])],
)
async def test_who_forgets_to_stop_leaves_what_stop_would(
    engine: str, owned: Owned, settings: dict[str, Any], left: list[str]
) -> None:
    with TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        process = await asyncio.to_thread(started, 0, folder, **settings)
        _, errors = await asyncio.to_thread(process.communicate, timeout=20)
        assert list(Path(folder).glob("codeagent-c-*")) == []
    assert (process.returncode, errors) == (0, "")
    found = owned(process.pid)
    for container in found:
        container.remove(force=True, v=True)
    assert [container.status for container in found] == left


@pytest.mark.parametrize("length", [50, 60, 120])
async def test_the_folder_for_temporary_files_may_have_a_long_name(
    engine: str, length: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A path of a Unix socket may not: in it are those of the kernel and of its root, which may not lie elsewhere."""
    with TemporaryDirectory(prefix="t" * (length - len("/tmp/12345678")), dir="/tmp") as folder:
        monkeypatch.setattr("tempfile.tempdir", folder)
        async with executor_in() as executor:
            assert await text(executor, "print(1)") == "1"


async def test_after_sigkill_the_label_finds_what_is_left(client: Any, owned: Owned) -> None:
    with TemporaryDirectory(prefix="t-", dir="/tmp") as folder:
        process = await asyncio.to_thread(started, 60, folder)
        process.send_signal(signal.SIGKILL)
        await asyncio.to_thread(process.communicate)
        assert list(Path(folder).glob("codeagent-c-*"))
        sweep(Path(folder))  # as the start of any kernel does
        assert list(Path(folder).glob("codeagent-c-*")) == []
    (container,) = owned(process.pid)
    assert container.id in [found.id for found in client.containers.list(filters={"label": LABEL})]
    container.remove(force=True, v=True)
    assert owned(process.pid) == []


async def test_a_container_that_is_kept_has_stopped(engine: str, owned: Owned) -> None:
    before = {container.id for container in owned()}
    async with executor_in(SCRIPTS_IMAGE, auto_remove=False):
        pass
    (kept,) = [container for container in owned() if container.id not in before]
    assert kept.status == "exited"
    kept.remove(v=True)


async def test_a_container_that_is_not_stopped_runs_on(engine: str, owned: Owned, tmp_path: Path) -> None:
    before = {container.id for container in owned()}
    async with executor_in(work_dir=tmp_path / "work", stop_container=False) as executor:
        await text(executor, "x = 1")
    (kept,) = [container for container in owned() if container.id not in before]
    assert kept.status == "running"
    # For a moment: what a command says that ends at once is lost now and then by podman, not by us.
    assert kept.exec_run(["sh", "-c", "echo still here; sleep 1"]).output == b"still here\n"
    kept.remove(force=True, v=True)


async def test_a_container_that_somebody_removed_is_told(engine: str, owned: Owned, nothing_left: None) -> None:
    before = {container.id for container in owned()}
    async with executor_in() as executor:
        (container,) = [one for one in owned() if one.id not in before]
        container.remove(force=True, v=True)
        with pytest.raises(KernelStartError, match=r"[Nn]o such container"):
            await run(executor, "print(1)")
