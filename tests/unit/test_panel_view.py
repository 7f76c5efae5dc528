"""What the chat panel shows: entries of exactly the shapes that the front end draws, complete at every moment."""

from collections.abc import Iterable, Sequence
from typing import Any, get_args

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.events import (
    AgentEvent,
    BlockFinishedEvent,
    BlockStartedEvent,
    LateOutputEvent,
    ModelClientStreamingChunkEvent,
    ModelReplyEvent,
    NewVariablesEvent,
    RequestUsage,
    RunFinishedEvent,
    RunStatus,
    VariableEvent,
)
from codeagent_nb.projections.chat import PICTURE_LIMIT, TEXT_SHOWN, PanelStory, State, state_after
from kernel_executor import Append, BlockResult, CodeBlock
from kernel_executor.replay import failing
from kernel_executor.snapshots import LiveVariable
from kernel_executor.types import BlockStatus
from tests.support.stories import CODE, STORIES, YES, Stages, events_of

SHOWN: dict[str, Any] = {"status": str, "word": str, "icon": str, "tone": str}
SHAPES: dict[str, dict[str, Any]] = {
    "task": {"text": str},
    "reply": {"text": str, "open": bool},
    "reflection": {"text": str, "open": bool},
    "run": SHOWN | {"attempt": int, "seconds": (float, type(None)), "text": str, "images": list, "note": str},
    "note": {"level": str, "text": str},
    "end": SHOWN | {"text": str, "facts": list},
    "variables": {"text": str, "names": list, "made": str},
}
WORDS = {
    ("run", "status"): {"running", *get_args(BlockStatus)},
    ("note", "level"): {"info", "warn", "error"},
    ("end", "status"): set(get_args(RunStatus)),
}


def assert_can_be_drawn(entries: Sequence[dict[str, Any]]) -> None:
    ids = [entry["id"] for entry in entries]
    assert len(set(ids)) == len(ids)
    for entry in entries:
        shape = SHAPES[entry["kind"]]
        assert entry.keys() == {"id", "kind", *shape}
        for name, kinds in shape.items():
            assert isinstance(entry[name], kinds), name
            assert entry[name] in WORDS.get((entry["kind"], name), [entry[name]])
        assert all(isinstance(text, str) for text in [*entry.get("images", []), *entry.get("facts", [])])
    assert sum(bool(entry.get("open")) for entry in entries) <= 1


def told(events: Iterable[AgentEvent]) -> PanelStory:
    story = PanelStory()
    for event in events:
        story.take(event)
    return story


def follow(events: Iterable[AgentEvent]) -> list[dict[str, Any]]:
    """Show a run as the front end does: pieces of text are added to what it has; all else comes as entries."""
    story, shown = PanelStory(), list[dict[str, Any]]()
    for event in events:
        if piece := story.take(event):
            entry = next(entry for entry in shown if entry["id"] == piece[0])
            entry["text"] += piece[1]
        else:
            shown = [dict(entry) for entry in story.entries]
        assert shown == list(story.entries)
    return shown


def in_words(story: PanelStory) -> list[tuple[str, str]]:
    return [(entry["kind"], entry["text"]) for entry in story.entries]


@pytest.mark.parametrize("path", STORIES)
async def test_every_prefix_of_every_run_can_be_drawn(stage: Stages, path: str) -> None:
    events = await events_of(stage, path)
    for length in range(len(events) + 1):
        assert_can_be_drawn(told(events[:length]).entries)


@pytest.mark.parametrize("path", STORIES)
async def test_what_was_sent_piece_by_piece_is_the_whole_story(stage: Stages, path: str) -> None:
    follow(await events_of(stage, path))


@pytest.mark.parametrize("path", STORIES)
async def test_nothing_is_left_open_or_running_at_the_end(stage: Stages, path: str) -> None:
    story = told(await events_of(stage, path))
    assert story.open_text is None
    assert not any(entry.get("open") or entry.get("status") == "running" for entry in story.entries)
    assert sum(entry["kind"] == "end" for entry in story.entries) == 1


@pytest.mark.parametrize("path", STORIES)
async def test_a_panel_that_is_opened_later_shows_the_same(stage: Stages, path: str) -> None:
    """Pieces of replies are not kept; all else is."""
    events = await events_of(stage, path)
    kept = [event for event in events if not isinstance(event, ModelClientStreamingChunkEvent)]
    assert in_words(PanelStory(kept)) == in_words(told(events))


async def test_a_run_is_told_in_order_each_thing_once(stage: Stages) -> None:
    assert in_words(told(await events_of(stage, "succeeded"))) == [
        ("task", "Print one."),
        ("reply", CODE),
        ("run", "1"),
        ("reflection", "It printed 1."),
        ("end", "the code succeeded"),
    ]
    assert in_words(told(await events_of(stage, "answered")))[1:] == [
        ("reply", "Paris."),
        ("end", "answered in words; no code was run"),
    ]


async def test_an_answer_that_is_asked_for_again_is_no_result_any_more(stage: Stages) -> None:
    assert in_words(told(await events_of(stage, "asked again")))[3:-1] == [
        ("reply", "It is <b>42</b>, or `42`."),
        ("note", "Asked for the answer again: no output states 42"),
        ("reflection", "It printed 1."),
    ]


@pytest.mark.parametrize("path", ["silent when asked again", "gone when asked again"])
async def test_where_no_other_answer_comes_the_first_one_stands(stage: Stages, path: str) -> None:
    words = in_words(told(await events_of(stage, path)))
    assert any(kind == "reflection" and text.startswith("It is 42.") for kind, text in words)


async def test_numbers_that_nothing_states_are_named(stage: Stages) -> None:
    words = in_words(told(await events_of(stage, "not computed")))
    assert words[-2] == ("note", "Not computed: 43. No output of the agent's code states it so")


async def test_words_after_a_failure_are_told_once(stage: Stages) -> None:
    scene = stage([CODE, YES, "It cannot be done."], [failing()], max_retries_on_error=1)
    await scene.agent.run(task="t")
    assert sum("It cannot be done." in text for _, text in in_words(told(scene.seen))) == 1


async def test_a_failure_and_its_repair_are_told(stage: Stages) -> None:
    entries = told(await events_of(stage, "repaired")).entries
    runs = [entry for entry in entries if entry["kind"] == "run"]
    assert [(run["status"], run["attempt"], run["note"]) for run in runs] == [
        ("error", 1, "ValueError: bad"),
        ("ok", 2, ""),
    ]
    assert ("note", "Trying again: a <typo>") in [(entry["kind"], entry["text"]) for entry in entries]


@pytest.mark.parametrize(
    ("path", "level", "said"),
    [
        ("denied", "warn", "Not approved: too <risky>"),
        ("edited", "info", "You changed the code before it ran."),
        ("not retried", "warn", "Not trying again: hopeless"),
        (
            "refused",
            "warn",
            "Attempt 1 was not run: javascript is not run here; the accepted languages are python and bash",
        ),
    ],
)
async def test_what_was_decided_is_a_note(stage: Stages, path: str, level: str, said: str) -> None:
    entries = told(await events_of(stage, path)).entries
    assert (level, said) in [(entry["level"], entry["text"]) for entry in entries if entry["kind"] == "note"]


async def test_why_there_is_no_explanation_is_told(stage: Stages) -> None:
    last = told(await events_of(stage, "model gone")).entries[-1]
    assert last["kind"] == "reflection"
    assert last["text"].startswith("The model could not be asked to explain this: gone")


async def test_a_second_task_goes_on_below(stage: Stages) -> None:
    scene = stage([CODE, "One.", "Paris."], ["1\n"])
    await scene.agent.run(task="one")
    await scene.agent.run(task="two")
    story = told(scene.seen)
    assert_can_be_drawn(story.entries)
    kinds = [kind for kind, _ in in_words(story)]
    assert kinds == ["task", "reply", "run", "reflection", "end", "task", "reply", "end"]


async def test_a_run_that_is_cancelled_ends_what_was_open(stage: Stages) -> None:
    import asyncio

    scene = stage([CODE], delay=60)
    run = asyncio.ensure_future(scene.agent.run(task="t"))
    await scene.until("BlockStartedEvent")
    assert told(scene.seen).entries[-1]["status"] == "running"
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    run_entry, end = told(scene.seen).entries[-2:]
    assert (run_entry["status"], end["status"]) == ("interrupted", "cancelled")
    assert_can_be_drawn(follow(scene.seen))


async def test_a_run_that_is_cancelled_while_the_model_writes_keeps_its_words(stage: Stages) -> None:
    import asyncio

    scene = stage(["many words " * 50], chunk_delay=0.01)
    run = asyncio.ensure_future(scene.agent.run(task="t"))
    await scene.until("ModelClientStreamingChunkEvent")
    assert told(scene.seen).open_text is not None
    run.cancel()
    with pytest.raises(asyncio.CancelledError):
        await run
    reply = told(scene.seen).entries[1]
    assert reply["text"].startswith("many")
    assert reply["open"] is False


def reply(text: str, purpose: Any = "generate") -> ModelReplyEvent:
    return ModelReplyEvent(
        source="coder", purpose=purpose, content=text, finish_reason="stop", usage=RequestUsage(), duration=0
    )


@given(st.lists(st.text(max_size=5), max_size=8))
def test_a_reply_in_any_pieces_is_one_entry(pieces: list[str]) -> None:
    chunks = [ModelClientStreamingChunkEvent(source="coder", content=piece) for piece in pieces]
    story = told(chunks)
    assert story.open_text is None if not pieces else story.open_text == (story.entries[0]["id"], "".join(pieces))
    shown = follow([*chunks, reply("".join(pieces))])
    assert len(shown) == 1
    assert_can_be_drawn(shown)


def test_reasoning_is_taken_out_when_the_reply_is_whole() -> None:
    assert in_words(told([reply("<think>so</think>Paris.")])) == [("reply", "Paris.")]


def test_a_variable_is_a_note_and_so_is_what_the_panel_itself_has_to_say() -> None:
    description = "The variable `df` is a list of 1 items: [1]\nmore"
    story = told([VariableEvent(source="notebook", name="df", code="df = [1]", description=description)])
    story.note("error", "no model")
    assert in_words(story) == [("note", "The variable df is a list of 1 items: [1]"), ("note", "no model")]
    assert_can_be_drawn(story.entries)


def test_what_a_task_has_made_is_an_entry_that_names_what_can_come() -> None:
    made = (
        LiveVariable(name="clean", type="DataFrame", shape=(333, 9), comes=True),
        LiveVariable(name="model", type="Model"),
    )
    story = PanelStory()
    story.take(NewVariablesEvent(source="x", variables=made))
    assert_can_be_drawn(story.entries)
    [entry] = story.entries
    assert (entry["kind"], entry["names"]) == ("variables", ["clean"])
    assert "clean" in entry["text"]
    assert "model" in entry["text"]


def test_entries_that_were_given_away_do_not_change() -> None:
    story = told([ModelClientStreamingChunkEvent(source="coder", content="a")])
    (before,) = story.entries
    story.take(ModelClientStreamingChunkEvent(source="coder", content="b"))
    assert before["text"] == "a"


# What code showed


def run_of(*outputs: Any, **more: Any) -> dict[str, Any]:
    result = BlockResult(**{"block": CodeBlock("x"), "status": "ok", "exit_code": 0, "outputs": outputs, **more})
    finished = BlockFinishedEvent(source="x", retry_attempt=1, block_id="1", result=result)
    began = BlockStartedEvent(source="x", retry_attempt=1, block_id="1", block=CodeBlock("x"))
    late = Append({"output_type": "stream", "name": "stdout", "text": "late"})
    events = [began, finished, LateOutputEvent(source="x", block_id="1", change=late)]
    (entry,) = told(events).entries
    assert_can_be_drawn([entry])
    return entry


def picture(data: Any, text: str = "<Figure>") -> dict[str, Any]:
    return {"output_type": "display_data", "data": {"image/png": data, "text/plain": text}, "metadata": {}}


def test_a_picture_is_shown_instead_of_its_name() -> None:
    assert run_of(picture("AA\nBB="))["images"] == ["data:image/png;base64,AABB="]
    assert run_of(picture(["AA", "BB="]))["images"] == ["data:image/png;base64,AABB="]
    assert run_of(picture("AA"))["text"] == ""
    assert run_of(picture("A" * (PICTURE_LIMIT + 1)))["images"] == []


def test_long_output_is_cut_and_colours_are_taken_out() -> None:
    text = {"output_type": "stream", "name": "stdout", "text": "\x1b[31mred\x1b[0m" + "x" * 10_000}
    shown = run_of(text, duration=1.23456)
    assert shown["text"].startswith("redxxx")
    assert len(shown["text"]) < TEXT_SHOWN + 100
    assert (shown["seconds"], shown["attempt"]) == (1.23, 2)


@pytest.mark.parametrize("status", [status for status in get_args(BlockStatus) if status != "ok"])
def test_what_went_wrong_is_a_note_of_the_run(status: Any) -> None:
    shown = run_of(status=status, exit_code=1, note="Because\x1b[0m so.")
    assert (shown["status"], shown["note"]) == (status, "Because so.")


@pytest.mark.parametrize(
    "output", [{"output_type": "display_data"}, {"output_type": "error"}, picture({"a": 1}), picture(None), picture(1)]
)
def test_an_output_of_any_shape_can_be_drawn(output: Any) -> None:
    run_of(output)


def test_a_block_whose_beginning_was_missed_can_be_drawn() -> None:
    result = BlockResult(block=CodeBlock("x"), status="ok", exit_code=0)
    story = told([BlockFinishedEvent(source="x", retry_attempt=0, block_id="1", result=result)])
    assert_can_be_drawn(story.entries)


# The state


@pytest.mark.parametrize(
    ("path", "states"),
    [
        ("succeeded", ["thinking", "running", "thinking", "done"]),
        ("answered", ["thinking", "done"]),
        ("repaired", ["thinking", "running", "thinking", "running", "thinking", "done"]),
        ("refused", ["thinking", "failed"]),
        ("denied", ["thinking", "failed"]),
        ("model never there", ["thinking", "failed"]),
    ],
)
async def test_the_state_follows_the_run(stage: Stages, path: str, states: list[str]) -> None:
    seen = [state[0] for event in await events_of(stage, path) if (state := state_after(event))]
    assert [state for place, state in enumerate(seen) if place == 0 or seen[place - 1] != state] == states
    assert set(seen) <= set(get_args(State))


@pytest.mark.parametrize("status", get_args(RunStatus))
def test_every_end_leaves_a_state_in_which_a_task_can_be_given(status: Any) -> None:
    end = RunFinishedEvent(source="x", status=status, reason="r", tries=1, usage=RequestUsage(), duration=0)
    state, _ = state_after(end) or ("", "")
    good = {"answered": "done", "succeeded": "done", "cancelled": "idle"}
    assert state == good.get(status, "failed")


def test_a_further_attempt_is_counted() -> None:
    def began(attempt: int) -> BlockStartedEvent:
        return BlockStartedEvent(source="x", retry_attempt=attempt, block_id="1", block=CodeBlock("x"))

    assert state_after(began(0)) == ("running", "Running")
    assert state_after(began(1)) == ("running", "Running attempt 2")
