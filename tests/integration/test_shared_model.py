"""One embedded model for all programs of a user: found, kept apart, trusted, ended. With an engine that is tiny."""

import asyncio
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from contextlib import aclosing
from pathlib import Path

import pytest

from codeagent_nb.errors import ModelRefused, ModelUnavailable
from codeagent_nb.models.embedded import server_process
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.embedded.joining import JoinedServer, join_server
from codeagent_nb.models.embedded.lease import take_lease
from codeagent_nb.models.embedded.server_process import ServerSettings
from codeagent_nb.models.embedded.shared_folder import ServerFiles, server_files
from codeagent_nb.models.openai.client import OpenAIChatCompletionClient
from codeagent_nb.models.types import CreateResult, UserMessage

pytestmark = pytest.mark.integration

ENGINE = Path(__file__).parent.parent / "support" / "tiny_engine"
LINGER = 0.3
SOON = 10.0


@pytest.fixture(autouse=True)
def runtime(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """Return a runtime folder of this test's own; the engine is the tiny one."""
    monkeypatch.syspath_prepend(str(ENGINE))
    with tempfile.TemporaryDirectory(prefix="run-") as parent:  # not `tmp_path`: the name of a socket is short
        folder = Path(parent) / "run"
        folder.mkdir(mode=0o700)
        monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder))
        yield folder


@pytest.fixture
def settings(tmp_path: Path) -> ServerSettings:
    return ServerSettings(model_file(tmp_path, b"any"), 512, 1, linger=LINGER)


def model_file(folder: Path, word: bytes) -> Path:
    path = folder / f"{word.decode()}.gguf"
    path.write_bytes(b"GGUF" + word)
    return path


def files_of(settings: ServerSettings) -> ServerFiles:
    return server_files(os.environ, settings.name(os.environ))


def client_of(server: JoinedServer) -> OpenAIChatCompletionClient:
    return OpenAIChatCompletionClient(
        "tiny",
        api_key=server.lease.token,
        base_url="http://localhost/v1",
        unix_socket=str(server.socket),
        max_retries=0,
    )


async def said(server: JoinedServer, prompt: str, **extra: object) -> str:
    client = client_of(server)
    try:
        items = [item async for item in client.create_stream([UserMessage(content=prompt)], extra_create_args=extra)]
    finally:
        await client.close()
    assert isinstance(items[-1], CreateResult)
    return items[-1].content


def runs(pid: int) -> bool:
    try:
        return "\nState:\tZ" not in Path(f"/proc/{pid}/status").read_text("utf-8")
    except OSError:
        return False


async def ends(pid: int) -> bool:
    deadline = time.monotonic() + SOON
    while runs(pid) and time.monotonic() < deadline:  # noqa: ASYNC110 - another process
        await asyncio.sleep(0.02)
    return not runs(pid)


CLIENT = """
import asyncio, os, sys
from pathlib import Path
from codeagent_nb.models.embedded.joining import join_server
from codeagent_nb.models.embedded.server_process import ServerSettings
sys.path.insert(0, sys.argv[2])
server = asyncio.run(join_server(ServerSettings(Path(sys.argv[1]), 512, 1, linger=float(sys.argv[3]))))
print(server.lease.pid, flush=True)
{then}
"""


def another(settings: ServerSettings, then: str = "sys.stdin.read()") -> "subprocess.Popen[str]":
    """Start another program of the user that holds the model."""
    arguments = [str(settings.path), str(ENGINE), str(settings.linger)]
    return subprocess.Popen(
        [sys.executable, "-c", CLIENT.format(then=then), *arguments],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def line_of(program: "subprocess.Popen[str]") -> int:
    assert program.stdout is not None
    return int(program.stdout.readline())


# One for all


async def test_two_notebooks_and_a_command_use_one_server(settings: ServerSettings) -> None:
    first, second = await join_server(settings), await join_server(settings)
    with another(settings) as program:
        third = await asyncio.to_thread(line_of, program)
        program.communicate("")
    assert first.lease.pid == second.lease.pid == third
    first.leave()
    second.leave()


async def test_two_starts_at_once_make_one_server(tmp_path: Path) -> None:
    settings = ServerSettings(model_file(tmp_path, b"slow"), 512, 1, linger=LINGER)
    with another(settings) as program:
        servers = await asyncio.gather(*(join_server(settings) for _ in range(3)))
        pids = {server.lease.pid for server in servers} | {await asyncio.to_thread(line_of, program)}
        program.communicate("")
    for server in servers:
        server.leave()
    assert len(pids) == 1


async def test_the_client_that_everybody_uses_joins_it_too(tmp_path: Path) -> None:
    clients = [LocalChatCompletionClient(model_file(tmp_path, b"any"), context_size=512) for _ in range(2)]
    for client in clients:
        items = [item async for item in client.create_stream([UserMessage(content="Hi.")])]
        assert isinstance(items[-1], CreateResult)
    assert clients[0].pid == clients[1].pid
    for client in clients:
        await client.close()
        await client.close()
    assert clients[0].pid is None


@pytest.mark.parametrize("other", ["version", "context", "file", "device"])
async def test_another_version_file_or_setting_gets_a_server_of_its_own(
    settings: ServerSettings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, other: str
) -> None:
    first = await join_server(settings)
    if other == "version":
        monkeypatch.setattr(server_process, "__version__", "0.0.1")
    elif other == "device":
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    elif other == "file":
        settings = ServerSettings(model_file(tmp_path, b"other"), 512, 1, linger=LINGER)
    else:
        settings = ServerSettings(settings.path, 1024, 1, linger=LINGER)
    second = await join_server(settings)
    assert first.lease.pid != second.lease.pid
    first.leave()
    second.leave()


# Kept apart


async def test_what_one_has_asked_is_known_to_itself_only(settings: ServerSettings) -> None:
    first, second = await join_server(settings), await join_server(settings)
    assert await said(first, "my salary is 100") == "slot 0, known 0"
    assert await said(second, "my salary is 100") == "slot 1, known 0"
    assert await said(first, "my salary is 100") == "slot 0, known 16"
    assert await said(second, "my salary is 1") == "slot 1, known 14"
    first.leave()
    second.leave()


async def test_a_third_client_takes_a_slot_and_finds_nothing_in_it(settings: ServerSettings) -> None:
    servers = [await join_server(settings) for _ in range(3)]
    answers = [await said(server, "the same") for server in [*servers, *servers]]
    assert {answer.partition(", ")[2] for answer in answers} == {"known 0"}, "there are two slots, each time another's"
    for server in servers:
        server.leave()


async def test_a_new_client_finds_nothing_of_one_that_is_gone(settings: ServerSettings) -> None:
    stays = await join_server(settings)
    goes = await join_server(settings)
    await said(goes, "the same")
    goes.leave()
    comes = await join_server(settings)
    assert (await said(comes, "the same")).endswith("known 0")
    stays.leave()
    comes.leave()


async def test_a_client_chooses_no_slot_and_gets_one_answer_only(settings: ServerSettings) -> None:
    """Each further answer of `n` is made in another slot, and what was in there was gone (seen with the real one)."""
    first, second = await join_server(settings), await join_server(settings)
    await said(first, "secret")
    assert await said(second, "secret", id_slot=0, cache_prompt=True) == "slot 1, known 0"
    for name in ("n", "n_cmpl"):
        with pytest.raises(ModelRefused, match="one answer"):
            await said(second, "secret", **{name: 2})
    first.leave()
    second.leave()


async def test_one_who_needs_long_does_not_hold_up_the_other(settings: ServerSettings) -> None:
    first, second = await join_server(settings), await join_server(settings)
    long = asyncio.create_task(said(first, "wait 3"))
    await asyncio.sleep(0.2)
    assert await said(second, "short") == "slot 1, known 0"
    assert not long.done()
    first.leave()
    second.leave()
    with pytest.raises(ModelUnavailable):
        await long


async def test_all_are_answered_where_there_are_more_than_slots(settings: ServerSettings) -> None:
    servers = [await join_server(settings) for _ in range(4)]
    answers = await asyncio.gather(*(said(server, f"wait 0.1 {at}") for at, server in enumerate(servers * 2)))
    assert len(answers) == 8
    for server in servers:
        server.leave()


async def test_a_call_that_is_stopped_frees_its_slot(settings: ServerSettings) -> None:
    settings = ServerSettings(settings.path, 512, 1, slots=1, linger=LINGER)
    first, second = await join_server(settings), await join_server(settings)
    client = client_of(first)
    async with aclosing(client.create_stream([UserMessage(content="wait 60")])) as stream:
        async for _ in stream:
            break
    await client.close()
    assert await asyncio.wait_for(said(second, "Hi."), SOON) == "slot 0, known 0"
    first.leave()
    second.leave()


# Who is let in


def answer_of(path: Path, request: str) -> str:
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(str(path))
        connection.sendall(request.encode())
        connection.shutdown(socket.SHUT_WR)
        return b"".join(iter(lambda: connection.recv(4096), b"")).decode()


def request(path: str, token: str, body: str = "", method: str = "POST") -> str:
    return (
        f"{method} {path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer {token}\r\n"
        f"Content-Length: {len(body)}\r\n\r\n{body}"
    )


async def test_nothing_is_served_without_key_or_token(settings: ServerSettings) -> None:
    server = await join_server(settings)
    files = files_of(settings)
    key, token = files.read_key(), server.lease.token
    assert key
    chat = json.dumps({"messages": [{"role": "user", "content": "Hi."}]})
    refused = [
        request("/v1/chat/completions", key, chat),  # the key alone is nobody's
        request("/v1/chat/completions", "", chat),
        request("/v1/chat/completions", "é", chat),
        request("/lease", token),
        request("/slots/0?action=save", token, "{}"),
        request("/v1/completions", token, chat),
        request("/props", token, method="GET"),
        request("/slots", token, method="GET"),
        request("/v1/chat/completions", token, "[]"),
        request("/v1/chat/completions", token, "[" * 100_000),
        request("/v1/chat/completions", token),
    ]
    for each in refused:
        assert not answer_of(server.socket, each).startswith("HTTP/1.1 2"), each[:60]
    assert " 200 " in answer_of(server.socket, request("/lease", key))
    files.close()
    server.leave()


async def test_a_token_ends_with_its_client(settings: ServerSettings) -> None:
    stays, goes = await join_server(settings), await join_server(settings)
    client = client_of(goes)
    goes.leave()
    await asyncio.sleep(0.2)
    with pytest.raises(ModelRefused, match="unknown token"):
        await anext(client.create_stream([UserMessage(content="Hi.")]))
    await client.close()
    stays.leave()


async def test_neither_prompts_nor_keys_are_written_down(settings: ServerSettings, runtime: Path) -> None:
    server = await join_server(settings)
    await said(server, "a prompt of mine")
    [key] = runtime.glob("*/*.key")
    held = b"".join(path.read_bytes() for path in runtime.glob("*/*") if path.is_file() and path != key)
    for text in ("a prompt of mine", server.lease.token, key.read_text()):
        assert text.encode() not in held
    assert {path.stat().st_mode & 0o077 for path in [key, key.parent]} == {0}
    arguments = (
        Path(f"/proc/{server.lease.pid}/cmdline").read_bytes() + Path(f"/proc/{server.lease.pid}/environ").read_bytes()
    )
    assert key.read_bytes() not in arguments
    server.leave()


# What is trusted


def loosen(key: Path) -> None:
    key.chmod(0o644)


def link(key: Path) -> None:
    key.rename(key.with_name("elsewhere"))
    key.symlink_to("elsewhere")


def link_hard(key: Path) -> None:
    os.link(key, key.with_name("elsewhere"))


def give_away(key: Path) -> None:
    os.chown(key, 12345, 12345)


def empty(key: Path) -> None:
    key.write_bytes(b"")


def garble(key: Path) -> None:
    key.write_bytes(b"\xff\xfe")


def make_another(key: Path) -> None:
    key.write_text("another key")


def make_folder(key: Path) -> None:
    key.unlink()
    key.mkdir()
    key.rmdir()


as_root = pytest.mark.skipif(os.geteuid() != 0, reason="only root can give files away")


@pytest.mark.parametrize(
    "spoil", [loosen, link, link_hard, pytest.param(give_away, marks=as_root), empty, garble, make_another, make_folder]
)
async def test_a_key_that_others_may_have_written_or_read_is_not_used(
    settings: ServerSettings, runtime: Path, spoil: Callable[[Path], None]
) -> None:
    first = await join_server(settings)
    [key] = runtime.glob("*/*.key")
    spoil(key)
    second = await join_server(settings)
    assert second.lease.pid != first.lease.pid
    assert await said(second, "Hi.") == "slot 0, known 0"
    assert first.lease.alive, "nobody's work is ended by this"
    first.leave()
    second.leave()


@pytest.mark.parametrize("mode", [0o755, 0o770, 0o777])
async def test_a_folder_that_others_can_look_into_is_not_used(
    settings: ServerSettings, runtime: Path, monkeypatch: pytest.MonkeyPatch, mode: int
) -> None:
    state = runtime.parent / "state"
    monkeypatch.setenv("XDG_STATE_HOME", str(state))
    (runtime / "codeagent-nb").mkdir()
    (runtime / "codeagent-nb").chmod(mode)
    server = await join_server(settings)
    assert server.socket.is_relative_to(state)
    assert list((runtime / "codeagent-nb").iterdir()) == []
    server.leave()


async def test_without_any_folder_a_server_is_not_shared(
    settings: ServerSettings, runtime: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    long = runtime / ("x" * 100)  # no socket can lie there
    long.mkdir(mode=0o700)
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(long))
    monkeypatch.setenv("XDG_STATE_HOME", str(long))
    first, second = await join_server(settings), await join_server(settings)
    assert first.lease.pid != second.lease.pid
    assert await said(first, "Hi.") == await said(second, "Hi.") == "slot 0, known 0"
    folders = [server.socket.parent for server in (first, second)]
    first.leave()
    second.leave()
    assert not any(folder.exists() for folder in folders)


async def test_what_a_server_that_died_left_is_replaced(settings: ServerSettings) -> None:
    first = await join_server(settings)
    with pytest.raises(ModelUnavailable):
        await said(first, "die")
    assert await first.last_words() == "its process ended with code 9."
    second = await join_server(settings)
    assert await said(second, "Hi.") == "slot 0, known 0"
    first.leave()
    second.leave()


async def test_a_socket_file_of_nobody_is_replaced(settings: ServerSettings) -> None:
    files = files_of(settings)
    files.begin()
    with socket.socket(socket.AF_UNIX) as left:
        left.bind(str(files.path("sock")))
    server = await join_server(settings)
    assert await said(server, "Hi.") == "slot 0, known 0"
    files.close()
    server.leave()


async def test_one_that_does_not_answer_as_ours_gets_no_lease(tmp_path: Path) -> None:
    path = tmp_path / "s"

    async def nonsense(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n{}")
        writer.close()

    async with await asyncio.start_unix_server(nonsense, path):
        assert await asyncio.to_thread(take_lease, path, "key") is None


# How it ends


async def test_it_ends_a_little_after_the_last_one_has_left(settings: ServerSettings, runtime: Path) -> None:
    first, second = await join_server(settings), await join_server(settings)
    first.leave()
    await asyncio.sleep(3 * LINGER)
    assert runs(second.lease.pid)
    second.leave()
    assert await ends(second.lease.pid)
    assert {path.suffix for path in runtime.glob("*/*")} == {".lock"}


async def test_one_who_comes_back_soon_finds_it_loaded(settings: ServerSettings) -> None:
    settings = ServerSettings(settings.path, 512, 1, linger=2.0)
    first = await join_server(settings)
    first.leave()
    second = await join_server(settings)
    assert second.lease.pid == first.lease.pid
    second.leave()


async def test_it_ends_when_all_are_killed(settings: ServerSettings) -> None:
    with another(settings) as first, another(settings) as second:
        pid = await asyncio.to_thread(line_of, first)
        assert await asyncio.to_thread(line_of, second) == pid
        first.kill()
        await asyncio.sleep(3 * LINGER)
        assert runs(pid), "the second is still there, whoever has started it"
        second.kill()
    assert await ends(pid)


FORKS = """
if os.fork():
    sys.stdin.read()
    os.kill(os.getpid(), 9)
import time
time.sleep(60)
"""


@pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")
async def test_a_fork_that_outlives_its_client_holds_nothing(settings: ServerSettings) -> None:
    with another(settings, FORKS) as program:
        pid = await asyncio.to_thread(line_of, program)
        forks = Path(f"/proc/{program.pid}/task/{program.pid}/children").read_text("ascii").split()
        assert program.stdin
        program.stdin.close()
        assert await ends(pid)
        fork = [int(each) for each in forks if int(each) != pid]
        for each in fork:
            os.kill(each, signal.SIGKILL)


async def test_a_starter_that_is_killed_in_mid_start_leaves_none(tmp_path: Path) -> None:
    settings = ServerSettings(model_file(tmp_path, b"slow"), 512, 1, linger=LINGER)
    with another(settings) as program:
        files = files_of(settings)
        deadline = time.monotonic() + SOON
        while not files.path("log").exists() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        program.kill()
    mine = await join_server(settings)
    assert await said(mine, "Hi.") == "slot 0, known 0"
    files.close()
    mine.leave()
    assert await ends(mine.lease.pid)


async def test_a_server_whose_starter_was_killed_takes_no_place_of_the_next_one(tmp_path: Path) -> None:
    settings = ServerSettings(model_file(tmp_path, b"slow"), 512, 1, linger=5.0)  # it would not end by itself
    with another(settings) as program:
        files = files_of(settings)
        deadline = time.monotonic() + SOON
        while not files.path("log").exists() and time.monotonic() < deadline:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
        program.kill()
    mine = await join_server(settings)
    await asyncio.sleep(1.0)
    assert await said(mine, "Hi.") == "slot 0, known 0"
    other = await join_server(settings)
    assert other.lease.pid == mine.lease.pid
    files.close()
    for server in (mine, other):
        server.leave()


@pytest.mark.parametrize("lost", ["socket", "key", "folder", "replaced"])
async def test_a_server_that_is_found_no_more_is_left_at_the_next_call(
    tmp_path: Path, runtime: Path, lost: str
) -> None:
    path = model_file(tmp_path, b"any")
    client = LocalChatCompletionClient(path, context_size=512, threads=1)
    assert [item async for item in client.create_stream([UserMessage(content="Hi.")])]
    before = client.pid
    (socket_file,) = runtime.glob("*/*.sock")
    if lost == "folder":
        shutil.rmtree(socket_file.parent)
    elif lost == "key":
        socket_file.with_suffix(".key").unlink()
    else:
        socket_file.unlink()
    second = LocalChatCompletionClient(path, context_size=512, threads=1)
    if lost == "replaced":  # another notebook came first, so that a server listens there that does not know the token
        assert [item async for item in second.create_stream([UserMessage(content="Hi.")])]
    items = [item async for item in client.create_stream([UserMessage(content="Hi.")])]
    assert isinstance(items[-1], CreateResult)
    assert client.pid != before
    await client.close()
    await second.close()
    assert before is not None
    assert await ends(before)


async def test_a_cancelled_start_leaves_none_and_the_next_one_works(tmp_path: Path) -> None:
    settings = ServerSettings(model_file(tmp_path, b"slow"), 512, 1, linger=LINGER)
    joining = asyncio.create_task(join_server(settings))
    await asyncio.sleep(0.3)
    joining.cancel()
    with pytest.raises(asyncio.CancelledError):
        await joining
    server = await join_server(settings)
    server.leave()
    assert await ends(server.lease.pid)


async def test_a_file_that_cannot_be_loaded_tells_the_last_lines(tmp_path: Path, runtime: Path) -> None:
    settings = ServerSettings(model_file(tmp_path, b"broken"), 512, 1, linger=LINGER)
    with pytest.raises(ModelUnavailable, match=r"(?s)did not start.*code 1\. Its last lines:\n.*tiny engine's file"):
        await join_server(settings)
