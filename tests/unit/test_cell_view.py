"""What stands under an `%%agent` cell: true to the run at every moment, and readable when it is over."""

from collections.abc import Iterable
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from codeagent_nb.events import (
    AgentEvent,
    BlockFinishedEvent,
    BlockOutputEvent,
    BlockStartedEvent,
    LateOutputEvent,
    ModelClientStreamingChunkEvent,
    ModelReplyEvent,
    RequestUsage,
    RunFinishedEvent,
    VariableEvent,
)
from codeagent_nb.projections.cell_output import CellStory, CellSummary, error_bundle
from kernel_executor import Append, BlockResult, Clear, CodeBlock, Update
from kernel_executor.replay import failing
from tests.support.stories import CODE, OTHER, STORIES, Stages, events_of


def told(events: Iterable[AgentEvent], session: str = "") -> CellStory:
    story = CellStory(session)
    for event in events:
        story.take(event)
    return story


def texts(story: CellStory) -> list[str]:
    return [data["text/plain"] for _, (data, _) in story.displays() if data]


def all_html(story: CellStory) -> str:
    return "\n".join(data.get("text/html", "") for _, (data, _) in story.displays())


def follow(events: Iterable[AgentEvent], *, every: int = 1) -> tuple[CellStory, dict[str, Any]]:
    """Show a run while it happens, as a front end does: what came last under each key."""
    story, shown = CellStory("s.ipynb"), dict[str, Any]()
    for number, event in enumerate(events):
        story.take(event)
        if number % every == 0:
            before = list(shown)
            changed = dict(story.changed())
            shown |= changed
            assert list(shown)[: len(before)] == before
            assert list(changed) == [key for key in shown if key in changed]
            assert list(story.changed()) == []
    shown |= dict(story.changed())
    return story, shown


@pytest.mark.parametrize("every", [1, 3, 100])
@pytest.mark.parametrize("path", STORIES)
async def test_what_was_shown_piece_by_piece_is_the_whole_story(stage: Stages, path: str, every: int) -> None:
    story, shown = follow(await events_of(stage, path), every=every)
    assert list(shown.items()) == story.displays()


@pytest.mark.parametrize("path", STORIES)
async def test_every_display_can_be_read_as_plain_text_too(stage: Stages, path: str) -> None:
    """GitHub, a terminal and a diff show that; an empty one would be a hole in the story."""
    events = await events_of(stage, path)
    for length in range(len(events) + 1):
        for key, (data, metadata) in told(events[:length]).displays():
            assert metadata == {}
            assert not data or isinstance(data["text/plain"], str), key
    spoken = [text for key, (data, _) in told(events).displays() if data and (text := data["text/plain"]) is not None]
    assert all(spoken) or path == "silent"


async def test_a_run_is_told_in_order_each_thing_once(stage: Stages) -> None:
    story = told(await events_of(stage, "succeeded"), "study")
    said = texts(story)
    assert said[:3] == [CODE, "1\n", "It printed 1."]
    assert said[3].startswith("✓ done · 1 try · ")
    assert len(said) == 4
    assert "<div>session study</div>" in all_html(story)
    assert "sandboxed by replay" in all_html(story)


async def test_an_answer_that_nothing_computed_says_so(stage: Stages) -> None:
    said = texts(told(await events_of(stage, "answered")))
    assert said[-1].startswith("✓ answered · no code was run · 1 try · ")


async def test_an_answer_that_was_asked_for_again_is_folded_away(stage: Stages) -> None:
    story = told(await events_of(stage, "asked again"))
    said = texts(story)
    assert said[2:4] == ["Asked for the answer again: no output states 42", "It printed 1."]
    folded = story.displays()[2][1][0]["text/html"]
    assert folded.startswith("<details")
    assert "&lt;b&gt;42" in folded
    assert "It printed 1." not in folded
    assert "Asked for the answer again: no output states 42" not in [
        data["text/plain"] for _, (data, _) in story.final()
    ]


@pytest.mark.parametrize("path", ["silent when asked again", "gone when asked again"])
async def test_where_no_other_answer_comes_the_first_one_stands(stage: Stages, path: str) -> None:
    said = texts(told(await events_of(stage, path)))
    assert any(text.startswith("It is 42.") for text in said[3:])


async def test_numbers_that_nothing_states_are_named_under_the_answer(stage: Stages) -> None:
    story = told(await events_of(stage, "not computed"))
    (note,) = [text for text in texts(story) if text.startswith("Not computed")]
    assert note == "Not computed: 43. No output of the agent's code states it so"
    assert "Where its numbers come from</summary>the code&#x27;s output: 7.25" in all_html(story)


async def test_the_words_of_a_run_stand_there_once(stage: Stages) -> None:
    once = {
        "answered": "Paris.",
        "denied": "too <risky>",
        "failed": "It failed.",
        "words after a failure": "cannot be done",
    }
    for path, words in once.items():
        assert sum(words in text for text in texts(told(await events_of(stage, path)))) == 1, path


async def test_why_there_is_no_explanation_is_told(stage: Stages) -> None:
    story = told(await events_of(stage, "model gone"))
    assert "The model could not be asked to explain this: gone *now*" in texts(story)[-1]


async def test_a_failed_attempt_that_another_follows_is_folded_away(stage: Stages) -> None:
    story = told(await events_of(stage, "repaired"))
    said = texts(story)
    assert said[:4] == ["Attempt 1 failed: ValueError: bad", "Trying again: a <typo>", OTHER, "2\n"]
    folded = story.displays()[0][1][0]["text/html"]
    assert folded.startswith("<details")
    assert "Attempt 1 failed: ValueError: bad</summary>" in folded
    assert "print" in folded
    assert "Traceback" in folded


async def test_the_last_failure_stays_in_sight(stage: Stages) -> None:
    for path in ("failed", "all fail", "not retried"):
        assert "ValueError: bad" in texts(told(await events_of(stage, path))), path


async def test_a_traceback_can_be_opened_and_is_escaped(stage: Stages) -> None:
    result = failing("ValueError", "<b>bad</b>")
    scene = stage([CODE, "It failed."], [result])
    await scene.agent.run(task="t")
    shown = all_html(told(scene.seen))
    assert "<summary>Traceback</summary>" in shown
    assert "&lt;b&gt;bad&lt;/b&gt;" in shown
    assert "<b>bad" not in shown


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("timeout", "Stopped after 60 s."),
        ("died", "The kernel died."),
        ("denied", "Not approved: too <risky>"),
        ("refused", "Attempt 2 was not run: javascript is not run here; the accepted languages are python and bash"),
        ("refused in part", "Attempt 1 was run in part: javascript is not run here; the accepted languages are "),
        ("cut off", "Attempt 1 was not run: the reply was cut off, so none of its code is run"),
        ("repeated", "Attempt 2 was not run: this is the code that just failed, and it would fail again"),
    ],
)
async def test_what_did_not_run_is_told_with_the_reason(stage: Stages, path: str, said: str) -> None:
    assert any(text.startswith(said) for text in texts(told(await events_of(stage, path))))


async def test_code_that_was_edited_is_shown_as_it_runs(stage: Stages) -> None:
    shown = all_html(told(await events_of(stage, "edited")))
    assert "You changed the code. This is what runs:" in shown
    assert "&lt;edited&gt;" in shown


async def test_reasoning_is_folded_away(stage: Stages) -> None:
    shown = all_html(told(await events_of(stage, "thought")))
    assert "<summary>Thoughts</summary>" in shown
    assert "hmm &lt;b&gt;" in shown


@given(st.lists(st.integers(0, 60), max_size=6))
def test_a_reply_that_comes_in_any_pieces_ends_up_the_same(cuts: list[int]) -> None:
    reply = f"<think>so</think>Look:\n\n{CODE}"
    bounds = [0, *sorted(cuts), len(reply)]
    story = told(
        ModelClientStreamingChunkEvent(source="coder", content=reply[start:end]) for start, end in pairwise(bounds)
    )
    ((key, (data, _)),) = story.displays()
    assert (key, data["text/plain"]) == ("reply-0", f"Look:\n\n{CODE}")


async def test_a_cancelled_run_keeps_what_was_said_so_far(stage: Stages) -> None:
    import asyncio

    scene = stage([CODE], delay=60)
    run = asyncio.ensure_future(scene.agent.run(task="t"))
    await scene.until("BlockStartedEvent")
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    story, shown = follow(scene.seen)
    assert list(shown.items()) == story.displays()
    said = texts(story)
    assert said[0] == CODE
    assert said[-1].startswith("■ stopped")


async def test_runs_after_one_another_each_have_a_story_of_their_own(stage: Stages) -> None:
    scene = stage([CODE, "One.", CODE.replace("1", "3"), "Three."], ["1\n", "3\n"])
    await scene.agent.run(task="one")
    first = len(scene.seen)
    await scene.agent.run(task="three")
    assert texts(told(scene.seen[:first]))[:3] == [CODE, "1\n", "One."]
    assert texts(told(scene.seen[first:]))[:3] == [CODE.replace("1", "3"), "3\n", "Three."]


@pytest.mark.parametrize("path", STORIES)
async def test_where_cells_tell_the_story_only_its_end_and_warnings_stand_under_the_cell(
    stage: Stages, path: str
) -> None:
    story = CellStory("study")
    summary = CellSummary(story)
    shown: dict[str, Any] = {}
    for event in await events_of(stage, path):
        summary.take(event)
        shown |= dict(summary.changed())
    said = [data["text/plain"] for data, _ in shown.values()]
    warned = ["Not approved: too <risky>"] if path == "denied" else []
    assert said[:-1] == warned
    assert said[-1].split(" ")[0] in {"✓", "✗"}
    assert "<div>session study</div>" in all_html(story)
    assert [data for _, (data, _) in summary.final()] == [data for data, _ in shown.values()]


def test_a_variable_that_was_copied_is_named_in_the_summary_too() -> None:
    story = CellStory()
    CellSummary(story).take(VariableEvent(source="notebook", name="df", code="df = 1", description="The variable `df`"))
    assert texts(story) == ["The variable `df`"]


def test_a_session_with_special_characters_in_its_name_is_shown_by_it() -> None:
    end = RunFinishedEvent(source="x", status="succeeded", reason="", tries=1, usage=RequestUsage(), duration=0)
    assert "<div>session a:b #1 50%&#x27;&lt;b&gt;</div>" in all_html(told([end], "a:b #1 50%'<b>"))


def test_a_variable_that_was_copied_is_named() -> None:
    description = "The variable `df` is a pandas.DataFrame with 2 rows and 1 columns:\n- 'a': int64"
    story = told([VariableEvent(source="notebook", name="df", code="df = 1", description=description)])
    assert texts(story) == ["The variable `df` is a pandas.DataFrame with 2 rows and 1 columns"]
    assert "<code" in all_html(story)


def test_what_went_wrong_is_escaped() -> None:
    data, metadata = error_bundle("<script> & 'x'")
    assert data["text/plain"] == "<script> & 'x'"
    assert "<script>" not in data["text/html"]
    assert metadata == {}


# Outputs


def began(block_id: str = "1") -> BlockStartedEvent:
    return BlockStartedEvent(source="x", retry_attempt=0, block_id=block_id, block=CodeBlock("x"))


def stream(text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": "stdout", "text": text}


def showed(change: Any, kind: Any = BlockOutputEvent) -> Any:
    return kind(source="x", block_id="1", change=change)


def ended(*outputs: Any) -> BlockFinishedEvent:
    result = BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=outputs)
    return BlockFinishedEvent(source="x", retry_attempt=0, block_id="1", result=result)


def test_a_progress_bar_is_one_line() -> None:
    assert texts(told([began(), *(showed(Append(stream(f"\r{n} %"))) for n in range(100))])) == ["99 %"]


def test_cleared_outputs_are_gone_when_the_next_one_comes() -> None:
    events = [began(), showed(Append(stream("a\n"))), showed(Clear(wait=True))]
    assert texts(told(events)) == ["a\n"]
    assert texts(told([*events, showed(Append(stream("b\n")))])) == ["b\n"]
    assert texts(told([*events, showed(Clear())])) == []


def test_a_display_is_updated_in_its_place() -> None:
    bar = {"output_type": "display_data", "data": {"text/plain": "0 %"}, "metadata": {}}
    events = [began(), showed(Append(bar, "bar")), showed(Append(stream("next\n")))]
    assert texts(told([*events, showed(Update("bar", {"text/plain": "9 %"}, {}))])) == ["9 %", "next\n"]


def test_late_output_is_added_where_it_belongs() -> None:
    events = [began(), ended(stream("now\n")), showed(Append(stream("later\n")), LateOutputEvent)]
    assert texts(told(events)) == ["now\nlater\n"]
    assert texts(told([showed(Append(stream("of an earlier cell\n")), LateOutputEvent)])) == []


changes = st.one_of(
    st.text(alphabet="ab\r\n\b", max_size=6).map(lambda text: Append(stream(text))),
    st.sampled_from(["1", "2", None]).map(
        lambda name: Append({"output_type": "display_data", "data": {"text/plain": str(name)}, "metadata": {}}, name)
    ),
    st.sampled_from(["1", "2"]).map(lambda name: Update(name, {"text/html": f"<b>{name}</b>"}, {})),
    st.booleans().map(Clear),
)


@settings(deadline=None)
@given(st.lists(changes, max_size=12), st.integers(1, 4))
def test_any_changes_of_outputs_are_followed(many: list[Any], every: int) -> None:
    story, shown = follow([began(), *map(showed, many)], every=every)
    assert list(shown.items()) == story.displays()
    together = told([began(), *map(showed, many)])
    assert [data for _, (data, _) in together.displays() if data] == [data for data, _ in shown.values() if data]


# What goes wrong


def broken(monkeypatch: pytest.MonkeyPatch, text: str, error: BaseException) -> None:
    """Let the rendering of this output fail."""
    from codeagent_nb.rendering.mime_bundles import harmless_bundle

    def render(output: Any) -> Any:
        if output.get("text") == text:
            raise error
        return harmless_bundle(output)

    monkeypatch.setattr("codeagent_nb.projections.cell_output.harmless_bundle", render)


def plot(text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}


def test_what_cannot_be_shown_takes_nothing_along(monkeypatch: pytest.MonkeyPatch) -> None:
    broken(monkeypatch, "bad", MemoryError())
    expected = ["one", "this output cannot be shown: MemoryError", "two"]
    story = told([began(), ended(plot("one"), stream("bad"), plot("two"))])
    assert [data["text/plain"] for _, (data, _) in story.changed()] == expected
    assert texts(story) == expected
    assert list(story.changed()) == []


def test_who_stops_in_the_middle_is_given_the_rest_the_next_time(monkeypatch: pytest.MonkeyPatch) -> None:
    story = told([began(), ended(plot("one"), stream("two"), plot("three"))])
    assert next(iter(story.changed()))[0] == "1-0"
    broken(monkeypatch, "two", KeyboardInterrupt())
    with pytest.raises(KeyboardInterrupt):
        list(story.changed())
    broken(monkeypatch, "", ValueError())
    assert [key for key, _ in story.changed()] == ["1-1", "1-2"]


async def test_a_failed_attempt_that_cannot_be_shown_is_folded_away_too(
    stage: Stages, monkeypatch: pytest.MonkeyPatch
) -> None:
    events = await events_of(stage, "repaired")

    def fail(_: str) -> str:
        raise RecursionError

    monkeypatch.setattr("codeagent_nb.projections.cell_output.markdown_html", fail)
    shown = texts(told(events))
    assert shown[0].startswith("Attempt 1 failed: ")
    assert shown[-1].startswith("✓ done")


# Replies while they are written


def test_a_reply_is_highlighted_when_it_is_whole() -> None:
    pieces = [ModelClientStreamingChunkEvent(source="coder", content=piece) for piece in CODE.split(" ")]
    assert "--jp-mirror-editor" not in all_html(told(pieces))
    whole = ModelReplyEvent(
        source="coder", purpose="generate", content=CODE, finish_reason="stop", usage=RequestUsage(), duration=0
    )
    assert "--jp-mirror-editor" in all_html(told([*pieces, whole]))


def test_a_reply_that_broke_off_is_highlighted_at_the_end() -> None:
    end = RunFinishedEvent(source="x", status="cancelled", reason="", tries=0, usage=RequestUsage(), duration=0)
    story, _ = follow([ModelClientStreamingChunkEvent(source="coder", content=CODE), end])
    assert "--jp-mirror-editor" in all_html(story)
