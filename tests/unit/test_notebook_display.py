"""A story is drawn under its cell: not too often, nothing of it lost, and never under another cell."""

import asyncio
import contextvars
import time
from collections.abc import Callable
from itertools import pairwise
from typing import Any

import pytest

from codeagent_nb.events import BlockFinishedEvent, BlockStartedEvent, LateOutputEvent, ModelClientStreamingChunkEvent
from codeagent_nb.notebook.live_output import REST, SECONDS_BETWEEN, CellView
from codeagent_nb.projections.cell_output import CellStory
from kernel_executor import Append, BlockResult, CodeBlock
from kernel_executor.replay import failing

CODE = "I print one.\n\n```python\nprint(1)\n```"
YES = '{"reason": "a typo", "retry": true}'
Stages = Callable[..., Any]

parent: contextvars.ContextVar[str] = contextvars.ContextVar("parent", default="nowhere")
"""As in a kernel: it says to which cell a display goes."""


class Page:
    """What a front end shows: displays by their ids, in order; everything that is against the protocol fails."""

    def __init__(self) -> None:
        self.displays: dict[str, dict[str, Any]] = {}
        self.drawn: list[float] = []
        self.cells: set[str] = set()
        self.cleared = 0
        self._clear_next = False

    def publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = None, **more: Any) -> None:
        if self._clear_next:
            self.displays.clear()
            self._clear_next = False
        key = more["transient"]["display_id"]
        assert (key in self.displays) == more["update"]
        assert not (metadata or {}).keys() - data.keys()
        self.displays[key] = data
        self.drawn.append(asyncio.get_running_loop().time())
        self.cells.add(parent.get())

    def clear_output(self, wait: bool = False) -> None:
        self._clear_next = wait
        self.cleared += 1

    @property
    def texts(self) -> list[str]:
        return [data["text/plain"] for data in self.displays.values() if data]


def piece(text: str) -> ModelClientStreamingChunkEvent:
    return ModelClientStreamingChunkEvent(source="coder", content=text)


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def block(text: str) -> list[Any]:
    result = BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=(stream(text),))
    return [
        BlockStartedEvent(source="x", retry_attempt=0, block_id="1", block=CodeBlock("x")),
        BlockFinishedEvent(source="x", retry_attempt=0, block_id="1", result=result),
    ]


def late(text: str) -> LateOutputEvent:
    return LateOutputEvent(source="x", block_id="1", change=Append(stream(text)))


@pytest.fixture
def page() -> Page:
    return Page()


@pytest.fixture
def view(page: Page) -> CellView:
    return CellView(page, CellStory())


async def test_many_changes_are_drawn_at_once_a_moment_later(page: Page, view: CellView) -> None:
    for _ in range(100):
        view.on_event(piece("x"))
    assert page.drawn == []
    await asyncio.sleep(2 * SECONDS_BETWEEN)
    assert page.texts == ["x" * 100]
    assert len(page.drawn) == 1


async def test_it_is_drawn_at_most_twenty_times_a_second(page: Page, view: CellView) -> None:
    loop = asyncio.get_running_loop()
    began = loop.time()
    while loop.time() - began < 0.3:
        view.on_event(piece("x"))
        await asyncio.sleep(0.001)
    assert len(page.drawn) <= 0.3 / SECONDS_BETWEEN + 1
    assert all(later - earlier >= SECONDS_BETWEEN * 0.9 for earlier, later in pairwise(page.drawn))


async def test_all_is_drawn_at_the_end_and_nothing_after_it(page: Page, view: CellView) -> None:
    view.on_event(piece("The end"))
    view.finish(redraw=False)
    assert page.texts == ["The end"]
    view.on_event(piece(" of another task"))
    await asyncio.sleep(2 * SECONDS_BETWEEN)
    assert page.texts == ["The end"]
    assert page.cleared == 0


@pytest.mark.parametrize("redraw", [True, False])
async def test_late_output_is_drawn_after_the_end_too(page: Page, view: CellView, redraw: bool) -> None:
    for event in block("now\n"):
        view.on_event(event)
    view.finish(redraw=redraw)
    view.on_event(late("later\n"))
    await asyncio.sleep(2 * SECONDS_BETWEEN)
    assert page.texts == ["now\nlater\n"]


async def test_late_output_goes_to_the_cell_that_caused_it(page: Page) -> None:
    """It comes while another cell runs, and the kernel sends displays to the cell of the context."""
    token = parent.set("cell 1")
    view = CellView(page, CellStory())
    parent.reset(token)
    parent.set("cell 2")
    for event in [*block("now\n"), late("later\n")]:
        view.on_event(event)
    await asyncio.sleep(2 * SECONDS_BETWEEN)
    assert page.cells == {"cell 1"}


async def test_two_cells_never_share_a_display(page: Page) -> None:
    for text in ("one", "two"):
        view = CellView(page, CellStory())
        view.on_event(piece(text))
        view.finish(redraw=False)
    assert page.texts == ["one", "two"]


async def run(stage: Stages, page: Page, *, redraw: bool) -> tuple[CellView, CellStory]:
    story = CellStory("s.ipynb")
    view = CellView(page, story)
    replies = [CODE, YES, CODE.replace("1", "2"), "Two."]
    scene = stage(replies, [failing(), "2\n"], max_retries_on_error=1, views=[view], delay=2 * SECONDS_BETWEEN)
    await scene.agent.run(task="t")
    view.finish(redraw=redraw)
    return view, story


@pytest.mark.parametrize("redraw", [True, False])
async def test_in_the_end_the_page_shows_what_the_story_says(stage: Stages, page: Page, redraw: bool) -> None:
    _, story = await run(stage, page, redraw=redraw)
    said = [data for _, (data, _) in (story.final() if redraw else story.displays()) if data]
    assert [data for data in page.displays.values() if data] == said
    assert page.cleared == redraw


async def test_drawn_anew_there_are_no_empty_displays(stage: Stages, page: Page) -> None:
    await run(stage, page, redraw=True)
    assert all(page.displays.values())


async def test_a_story_that_cannot_be_told_once_is_told_again(page: Page) -> None:
    class Fragile(CellStory):
        fails = True

        def changed(self) -> Any:
            if self.fails:
                raise ValueError("just now")
            return super().changed()

    problems: list[Any] = []
    asyncio.get_running_loop().set_exception_handler(lambda _, context: problems.append(context))
    story = Fragile()
    view = CellView(page, story)
    view.on_event(piece("a"))
    await asyncio.sleep(2 * SECONDS_BETWEEN)
    story.fails = False
    view.on_event(piece("b"))
    await asyncio.sleep(2 * SECONDS_BETWEEN)
    assert len(problems) == 1
    assert page.texts == ["ab"]


async def test_drawn_anew_only_the_last_attempt_stays(stage: Stages, page: Page) -> None:
    await run(stage, page, redraw=True)
    shown = str(list(page.displays.values()))
    assert "Attempt 1" not in shown
    assert "Trying again" not in shown
    assert "Two." in shown


class Slow:
    """A story that takes its time to tell."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self.told: list[tuple[float, float]] = []
        self._text = ""
        self._new = False

    def take(self, event: Any) -> None:
        self._text += event.content
        self._new = True

    def changed(self) -> Any:
        if self._new:
            began = time.monotonic()
            time.sleep(self.seconds)
            self._new = False
            yield "reply", ({"text/plain": self._text}, {})
            self.told.append((began, time.monotonic()))

    def final(self) -> Any:
        return []


async def test_who_draws_slowly_rests_four_times_as_long(page: Page) -> None:
    story = Slow(SECONDS_BETWEEN)
    view = CellView(page, story)
    while len(story.told) < 3:
        view.on_event(piece("x"))
        await asyncio.sleep(0.001)
    rests = [(next_began - ended, ended - began) for (began, ended), (next_began, _) in pairwise(story.told)]
    assert all(rest >= REST * took * 0.99 for rest, took in rests), rests
    assert page.texts == ["x" * len(page.texts[0])]


async def test_at_the_end_all_is_drawn_without_a_rest(page: Page) -> None:
    story = Slow(SECONDS_BETWEEN)
    view = CellView(page, story)
    view.on_event(piece("a"))
    await asyncio.sleep(3 * SECONDS_BETWEEN)
    assert page.texts == ["a"]
    view.on_event(piece("b"))
    view.finish(redraw=False)
    assert page.texts == ["ab"]
    await asyncio.sleep((REST + 2) * SECONDS_BETWEEN)
    assert len(story.told) == 2


async def test_what_cannot_be_sent_takes_nothing_along(page: Page) -> None:
    class Picky(Page):
        def publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = None, **more: Any) -> None:
            if data.get("text/plain") == "bad":
                raise ValueError("not JSON")
            super().publish(data, metadata, **more)

    page = Picky()
    view = CellView(page, CellStory())
    shown = [{"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}} for text in ("bad", "good")]
    result = BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=(stream("now\n"), *shown))
    view.on_event(BlockFinishedEvent(source="x", retry_attempt=0, block_id="1", result=result))
    view.finish(redraw=False)
    assert page.texts == ["now\n", "this output cannot be shown: ValueError", "good"]
