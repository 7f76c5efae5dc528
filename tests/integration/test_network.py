"""Executors whose code reaches some names of the network: those, and nothing else; packages; what a person allows."""

import base64
import hashlib
import io
import socket
import threading
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import ExitStack
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.approval import ApprovalRequest, ApprovalResponse, refuse_unattended
from kernel_executor import CodeBlock, KernelCodeExecutor, LocalCommandLineCodeExecutor, SandboxUnavailable
from kernel_executor.types import BlockResult

pytestmark = [pytest.mark.integration, pytest.mark.usefixtures("bubblewrap")]

Executor = KernelCodeExecutor | LocalCommandLineCodeExecutor
KINDS = {"kernel": KernelCodeExecutor, "scripts": LocalCommandLineCodeExecutor}


def wheel(name: str, version: str, source: str) -> bytes:
    """A package of one module, as pip installs it."""
    files = {
        f"{name}.py": source,
        f"{name}-{version}.dist-info/METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        f"{name}-{version}.dist-info/WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{name}-{version}.dist-info/RECORD"
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as archive:
        for path, text in files.items():
            archive.writestr(path, text)
        archive.writestr(record, "".join(f"{path},{_digest(text)},{len(text)}\n" for path, text in files.items()))
    return packed.getvalue()


def _digest(text: str) -> str:
    return "sha256=" + base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).rstrip(b"=").decode()


class Site(ThreadingHTTPServer):
    """A server of the test's own; remembers what it was asked for."""

    def __init__(self, pages: dict[str, bytes] | None = None, moved: dict[str, str] | None = None) -> None:
        asked = self.asked = list[str]()

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                asked.append(self.path)
                target, page = (moved or {}).get(self.path), (pages or {}).get(self.path)
                self.send_response(302 if target else 200 if page is not None else 404)
                if target:
                    self.send_header("Location", target)
                body = page or b""
                self.send_header("Content-Length", str(len(body)))
                self.send_header("Content-Type", "text/html")
                self.end_headers()
                self.wfile.write(body)

            def log_message(self, *_: object) -> None:
                pass

        super().__init__(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def name(self) -> str:
        return f"localhost:{self.server_port}"

    def url(self, path: str = "/") -> str:
        return f"http://{self.name}{path}"

    def server_close(self) -> None:
        self.shutdown()
        super().server_close()


@pytest.fixture
def sites() -> Iterator[tuple[Site, Site]]:
    """One that may be reached and leads to the other, which may not."""
    with ExitStack() as stack:
        other = Site({"/secret": b"never"})
        stack.callback(other.server_close)
        named = Site({"/data.csv": b"a,b\n1,2\n"}, {"/away": other.url("/secret")})
        stack.callback(named.server_close)
        yield named, other


@pytest.fixture(params=KINDS)
async def executor(request: pytest.FixtureRequest, sites: tuple[Site, Site], tmp_path: Path) -> AsyncIterator[Executor]:
    async with KINDS[request.param](network=[sites[0].name], work_dir=tmp_path) as executor:
        yield executor


async def block(executor: Executor, code: str, language: str = "python") -> BlockResult:
    return (await executor.execute_code_blocks([CodeBlock(code, language)])).blocks[-1]


GET = "from urllib.request import urlopen\nprint(urlopen({!r}, timeout=10).read())"


async def test_what_is_named_is_reached_and_that_is_told(executor: Executor, sites: tuple[Site, Site]) -> None:
    result = await block(executor, GET.format(sites[0].url("/data.csv")))
    assert (result.status, result.note, result.unreached) == ("ok", "", ())
    assert r"a,b\n1,2" in result.outputs[0]["text"]
    assert executor.isolation.isolates
    assert f"of the network only {sites[0].name}" in executor.isolation.summary


async def test_nothing_else_gets_a_byte(executor: Executor, sites: tuple[Site, Site]) -> None:
    named, other = sites
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as datagrams:
        datagrams.bind(("127.0.0.1", 0))
        datagrams.settimeout(0.2)
        ways = {
            "by name": GET.format(other.url("/secret")),
            "by address": GET.format(f"http://127.0.0.1:{other.server_port}/secret"),
            "by the named one's address": GET.format(f"http://127.0.0.1:{named.server_port}/data.csv"),
            "by redirect": GET.format(named.url("/away")),
            "without the proxy": (
                f"import socket\nplace = socket.create_connection(('127.0.0.1', {other.server_port}), 2)"
            ),
            "by UDP": (
                "import socket\nvoid = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)\n"
                f"void.sendto(b'x', {datagrams.getsockname()!r})\nraise SystemExit('sent into the void')"
            ),
            "by DNS": "import socket\nsocket.getaddrinfo('secret.example.org', 80)",
            "by a tunnel to another port": (
                "import socket\nplace = socket.create_connection(('127.0.0.1', 3128))\n"
                f"place.sendall(b'CONNECT localhost:{other.server_port} HTTP/1.1\\r\\n\\r\\n')\n"
                "answer = place.recv(1000)\nassert b' 403 ' in answer, answer\nraise SystemExit('refused')"
            ),
        }
        asked = len(named.asked)
        for way, code in ways.items():
            result = await block(executor, code)
            assert result.status == "error", (way, result)
        assert other.asked == []
        assert named.asked[asked:] == ["/away"]
        with pytest.raises(TimeoutError):
            datagrams.recv(10)


async def test_what_was_refused_is_told_to_user_and_model(executor: Executor, sites: tuple[Site, Site]) -> None:
    result = await block(executor, GET.format("https://data.example.org/x.csv"))
    assert result.unreached == ("data.example.org",)
    assert result.denials == ("data.example.org is not among what network= allows.",)
    assert f"The sandbox refused data.example.org: of the network it reaches only {sites[0].name}." in result.note
    assert "%agent allow data.example.org" in result.note
    assert (await block(executor, "print(1)")).unreached == (), "it is told once"


async def test_more_can_be_allowed_while_code_runs(executor: Executor, sites: tuple[Site, Site]) -> None:
    named, other = sites
    executor.allow_network(other.name)
    result = await block(executor, GET.format(named.url("/away")))
    assert "never" in str(result.outputs)
    assert f"{named.name}, {other.name}" in executor.isolation.summary
    with pytest.raises(ValueError, match="is a URL or path"):
        executor.allow_network("https://example.org/x")


async def test_without_a_network_nothing_can_be_allowed() -> None:
    async with KernelCodeExecutor() as executor:
        with pytest.raises(ValueError, match=r"code was started without a network.*network=\[\]"):
            executor.allow_network("example.org")


@pytest.mark.parametrize("sandbox", ["landlock", "none"])
async def test_a_network_that_nobody_keeps_is_refused(sandbox: str) -> None:
    with pytest.raises(SandboxUnavailable, match="Only bubblewrap keeps code to the names of `network=`"):
        await KernelCodeExecutor(network=["example.org"], sandbox=sandbox).start()  # type: ignore[arg-type]


@pytest.fixture
def index() -> Iterator[Site]:
    """An index of packages: one with two versions."""
    wheels = {
        f"pockets-{number}.0-py3-none-any.whl": wheel("pockets", f"{number}.0", f"N = {number}") for number in (1, 2)
    }
    listing = "".join(f'<a href="/files/{name}">{name}</a>' for name in wheels).encode()
    site = Site({"/simple/pockets/": listing, **{f"/files/{name}": content for name, content in wheels.items()}})
    yield site
    site.server_close()


async def test_packages_go_into_a_folder_of_the_session(index: Site, tmp_path: Path) -> None:
    install = f"%pip install --index-url {index.url('/simple')} pockets"
    async with KernelCodeExecutor(network=[index.name], work_dir=tmp_path) as executor:
        assert "no module named" in str((await block(executor, "import pockets")).evalue).lower()
        installed = await block(executor, f"{install}==1.0")
        assert (installed.status, installed.note) == ("ok", ""), installed
        assert "1" in str((await block(executor, "import pockets; print(pockets.N)")).outputs)
        await executor.restart()
        assert "1" in str((await block(executor, "import pockets; print(pockets.N)")).outputs), (
            "it stays for the session"
        )
        await block(executor, f"{install} --upgrade")
        await executor.restart()
        assert "2" in str((await block(executor, "import pockets; print(pockets.N)")).outputs)
    assert list(tmp_path.iterdir()) == [], "nothing of it is among the user's files"
    async with KernelCodeExecutor(work_dir=tmp_path) as executor:
        assert (await block(executor, "import pockets")).ename == "ModuleNotFoundError"


async def test_a_package_that_is_called_like_a_standard_module_spoils_no_kernel(index: Site) -> None:
    async with KernelCodeExecutor(network=[index.name]) as executor:
        plant = (
            "import os, sysconfig\nplace = [p for p in __import__('sys').path if p.startswith('/tmp/packages')][0]\n"
        )
        plant += "os.makedirs(place, exist_ok=True); open(place + '/json.py', 'w').write('raise SystemExit')"
        assert (await block(executor, plant)).status == "ok"
        await executor.restart()
        assert (await block(executor, "import json; print(json.dumps(1))")).status == "ok"


async def test_scripts_find_packages_that_scripts_have_installed(index: Site) -> None:
    async with LocalCommandLineCodeExecutor(network=[index.name]) as executor:
        installed = await block(executor, f"pip install --index-url {index.url('/simple')} pockets", "sh")
        assert installed.status == "ok", installed
        assert "2" in str((await block(executor, "import pockets; print(pockets.N)")).outputs)


async def test_a_package_whose_index_is_not_named_is_told(sites: tuple[Site, Site], index: Site) -> None:
    async with KernelCodeExecutor(network=[sites[0].name]) as executor:
        result = await block(executor, f"%pip install --retries 0 --index-url {index.url('/simple')} pockets")
    assert f"The sandbox refused {index.name}" in result.note
    assert index.asked == []


def agent(executor: Executor, site: Site, ask: object) -> CodeExecutorAgent:
    code = f"```python\n{GET.format(site.url('/secret'))}\n```"
    model = ReplayChatCompletionClient([code, "It says never."])
    return CodeExecutorAgent("coder", executor, model_client=model, max_retries_on_error=1, retry_by="status", ask=ask)  # type: ignore[arg-type]


async def test_one_answer_of_a_person_allows_a_name(executor: Executor, sites: tuple[Site, Site]) -> None:
    asked: list[ApprovalRequest] = []

    async def ask(request: ApprovalRequest) -> ApprovalResponse:
        asked.append(request)
        return ApprovalResponse(approved=True)

    result = await agent(executor, sites[1], ask).run(task="What does it say?")
    assert [request.question for request in asked] == [
        f"The code wants to reach {sites[1].name}, and could send there what it has read. Allow it?"
    ]
    assert str(result.messages[-1].content).startswith("It says never.")
    assert sites[1].asked == ["/secret"]


@pytest.mark.parametrize("ask", [lambda _: ApprovalResponse(approved=False), refuse_unattended], ids=["no", "nobody"])
async def test_without_a_yes_it_stays_refused(executor: Executor, sites: tuple[Site, Site], ask: object) -> None:
    await agent(executor, sites[1], ask).run(task="What does it say?")
    assert sites[1].asked == []


async def test_who_approves_code_is_not_asked_for_names(sites: tuple[Site, Site]) -> None:
    async with KernelCodeExecutor(network=[]) as executor:
        model = ReplayChatCompletionClient([f"```python\n{GET.format(sites[1].url('/secret'))}\n```", "No."])
        judge = CodeExecutorAgent(
            "coder", executor, model_client=model, approval_func=lambda _: ApprovalResponse(approved=True)
        )
        await judge.run(task="What does it say?")
    assert sites[1].asked == []
