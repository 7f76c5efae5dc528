"""The model's file fetched in the background: paused, resumed, broken off, wrong. A small hub on loopback."""

import os
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial
from pathlib import Path

import pytest

from codeagent_nb.models.embedded import weights
from codeagent_nb.models.embedded.background_fetch import BackgroundFetch, FetchState
from codeagent_nb.models.embedded.weights import EmbeddedModel
from codeagent_nb.notebook.setup.progress import left, progress_text
from tests.support.hub import Hub
from tests.support.tiny_model import tiny_model

CONTENT = b"GGUF" + bytes(range(256)) * 8_000
TINY = tiny_model(CONTENT, parts=1)


@pytest.fixture
def hub(tmp_path: Path) -> Iterator[Hub]:
    file = tmp_path / "served.gguf"
    file.write_bytes(CONTENT)
    served = Hub(file, rate=2_000_000)
    yield served
    served.close()


class Fetched:
    """A fetch into a folder, and the states it went through."""

    def __init__(self, folder: Path, url: str, model: EmbeddedModel = TINY) -> None:
        offline = {"PIP_NO_INDEX": "1", "PIP_FIND_LINKS": str(folder), "PIP_CONFIG_FILE": os.devnull}
        env = {**os.environ, **offline, "HF_ENDPOINT": url, "NO_PROXY": "127.0.0.1"}
        self.target = folder / model.filename
        self.states: list[FetchState] = []
        self.fetch = BackgroundFetch(partial(weights.fetch, cache_dir=folder, model=model, env=env), self.states.append)

    def wait_for(self, reached: Callable[[FetchState], bool]) -> FetchState:
        deadline = time.monotonic() + 20
        while not reached(state := self.fetch.state):
            assert time.monotonic() < deadline, self.states[-3:]
            time.sleep(0.005)
        return state


def test_it_is_paused_and_goes_on_where_it_was(tmp_path: Path, hub: Hub) -> None:
    fetched = Fetched(tmp_path / "cache", hub.url)
    fetched.fetch.start()
    fetched.wait_for(lambda state: state.done > 0)
    fetched.fetch.pause()
    paused = fetched.wait_for(lambda state: state.phase == "paused")
    kept = (tmp_path / "cache" / "tiny.gguf.part").stat().st_size
    assert 0 < kept < len(CONTENT)
    assert progress_text(paused).startswith("Paused at ")
    fetched.fetch.start()
    done = fetched.wait_for(lambda state: state.phase == "done")
    assert (done.done, done.total) == (len(CONTENT), len(CONTENT))
    assert hub.ranges == [None, f"bytes={kept}-"]
    assert fetched.target.read_bytes() == CONTENT
    assert "checking the file" in {state.what for state in fetched.states}, "its hash is compared at the end"


def test_a_pause_that_is_taken_back_at_once_is_none(tmp_path: Path, hub: Hub) -> None:
    fetched = Fetched(tmp_path / "cache", hub.url)
    for _ in range(20):
        fetched.fetch.start()
        fetched.fetch.pause()
    fetched.fetch.start()
    fetched.wait_for(lambda state: state.phase == "done")
    assert fetched.target.read_bytes() == CONTENT


def test_a_hub_that_is_gone_is_told_and_tried_again(tmp_path: Path, hub: Hub) -> None:
    gone = Fetched(tmp_path / "cache", "http://127.0.0.1:9")
    gone.fetch.start()
    failed = gone.wait_for(lambda state: state.phase == "failed")
    assert "Hugging Face hub" in failed.error
    again = Fetched(tmp_path / "cache", hub.url)
    again.fetch.start()
    again.wait_for(lambda state: state.phase == "done")


def test_a_wrong_file_is_told_and_not_kept(tmp_path: Path, hub: Hub) -> None:
    fetched = Fetched(tmp_path / "cache", hub.url, replace(TINY, sha256="0" * 64))
    fetched.fetch.start()
    assert "not the file it should be" in fetched.wait_for(lambda state: state.phase == "failed").error
    assert not fetched.target.exists()
    assert not (tmp_path / "cache" / "tiny.gguf.part").exists()


def test_what_is_here_is_done_at_once(tmp_path: Path, hub: Hub) -> None:
    for _ in range(2):
        fetched = Fetched(tmp_path / "cache", hub.url)
        fetched.fetch.start()
        fetched.wait_for(lambda state: state.phase == "done")
    assert hub.ranges == [None]


@pytest.mark.parametrize(
    ("state", "text"),
    [
        (FetchState(), ""),
        (FetchState("running"), "Connecting…"),
        (FetchState("running", 5_000_000, 1_117_320_768, "from a hub"), "5 MB of 1.1 GB · from a hub"),
        (
            FetchState("running", 500_000_000, 1_100_000_000, "from a hub", 10_000_000.0),
            "500 MB of 1.1 GB · 10 MB/s · about 60 s left · from a hub",
        ),
        (FetchState("pausing", 1, 2), "Pausing with the next piece…"),
        (FetchState("paused", 500_000_000, 1_100_000_000), "Paused at 500 MB of 1.1 GB. What is here is kept."),
        (FetchState("failed", error="x"), ""),
        (FetchState("failed", 10, 1_000, error="x"), "Stopped at 10 bytes of 1 kB. What is here is kept."),
        (FetchState("done", 2, 2), "It is here."),
    ],
)
def test_how_far_it_is_stands_in_one_line(state: FetchState, text: str) -> None:
    assert progress_text(state) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0, "about 1 s left"), (89, "about 89 s left"), (600, "about 10 min left"), (9_000, "about 2.5 h left")],
)
def test_how_long_it_takes_is_about(seconds: float, text: str) -> None:
    assert left(seconds) == text
