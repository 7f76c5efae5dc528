"""The log tells every view everything, in order, and outlives views that fail."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from codeagent_nb.events import (
    AgentEvent,
    LateOutputEvent,
    ModelClientStreamingChunkEvent,
    TextMessage,
    ViewDetachedEvent,
)
from codeagent_nb.log.event_log import EVENT_LOGGER_NAME, EventLog
from codeagent_nb.log.redaction import Secrets
from kernel_executor import Append


class Listener:
    def __init__(self) -> None:
        self.heard: list[AgentEvent] = []

    def on_event(self, event: AgentEvent) -> None:
        self.heard.append(event)


class Broken(Listener):
    def on_event(self, event: AgentEvent) -> None:
        super().on_event(event)
        raise OSError("disk full")


def said(text: str) -> TextMessage:
    return TextMessage(source="user", content=text)


@pytest.fixture
def log() -> EventLog:
    return EventLog(Secrets({"MY_TOKEN": "sk-0123456789"}))


def test_a_view_that_raises_is_detached_and_reported_to_the_others_in_order(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    before, broken, after = Listener(), Broken(), Listener()
    for view in (before, broken, after):
        log.attach(view)
    with caplog.at_level(logging.WARNING):
        log.publish(said("one"))
        log.publish(said("two"))
    assert [event.type for event in before.heard] == ["TextMessage", "ViewDetachedEvent", "TextMessage"]
    assert after.heard == before.heard == list(log.events)
    assert len(broken.heard) == 1
    detached = before.heard[1]
    assert isinstance(detached, ViewDetachedEvent)
    assert (detached.view, detached.error) == ("Broken", "disk full")
    assert "disk full" in caplog.text


def test_two_views_may_fail_at_the_same_event(log: EventLog) -> None:
    listener = Listener()
    for view in (Broken(), Broken(), listener):
        log.attach(view)
    log.publish(said("one"))
    assert [event.type for event in listener.heard] == ["TextMessage", "ViewDetachedEvent", "ViewDetachedEvent"]


async def test_a_run_goes_on_without_the_view_that_failed(stage: Callable[..., Any]) -> None:
    scene = stage(["```python\nprint(1)\n```", "1."], ["1\n"], views=[Broken()])
    result = await scene.agent.run(task="print one")
    assert result.stop_reason == "the code succeeded"
    assert "ViewDetachedEvent" in scene.types


def test_a_view_may_leave_and_leave_again(log: EventLog) -> None:
    listener = Listener()
    leave = log.attach(listener)
    leave()
    leave()
    log.publish(said("one"))
    assert not listener.heard


def test_a_view_can_be_sent_away_before_it_came_and_twice(log: EventLog) -> None:
    listener, other = Listener(), Listener()
    log.detach(listener)
    for view in (listener, other):
        log.attach(view)
    log.detach(listener)
    log.detach(listener)
    log.publish(said("one"))
    assert not listener.heard
    assert len(other.heard) == 1


def test_a_view_may_leave_while_it_is_told_something(log: EventLog) -> None:
    class Leaving(Listener):
        def on_event(self, event: AgentEvent) -> None:
            super().on_event(event)
            log.detach(self)

    leaving, after = Leaving(), Listener()
    for view in (leaving, after):
        log.attach(view)
    for text in ("one", "two"):
        log.publish(said(text))
    assert (len(leaving.heard), len(after.heard)) == (1, 2)


def test_pieces_of_replies_pass_through_and_are_not_kept(log: EventLog) -> None:
    listener = Listener()
    log.attach(listener)
    log.publish(ModelClientStreamingChunkEvent(source="coder", content="he"))
    assert len(listener.heard) == 1
    assert not log.events


def test_nobody_hears_a_secret(log: EventLog) -> None:
    listener = Listener()
    log.attach(listener)
    kept = log.publish(said("my key is sk-0123456789"))
    assert isinstance(kept, TextMessage)
    assert kept.content == "my key is [redacted MY_TOKEN]"
    assert listener.heard == [kept] == list(log.events)


def test_a_cleared_log_keeps_its_views(log: EventLog) -> None:
    listener = Listener()
    log.attach(listener)
    log.publish(said("one"))
    log.replace(())
    assert not log.events
    log.publish(said("two"))
    assert len(listener.heard) == 2


def test_every_event_goes_to_pythons_own_logging(log: EventLog, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG, logger=EVENT_LOGGER_NAME):
        log.publish(ModelClientStreamingChunkEvent(source="coder", content="on"))
        log.publish(said("the key is sk-0123456789"))
    first, second = caplog.records
    assert (first.levelno, second.levelno) == (logging.DEBUG, logging.INFO)
    assert json.loads(second.getMessage())["content"] == "the key is [redacted MY_TOKEN]"
    assert second.__dict__["event"] == log.events[0]


def test_nothing_is_written_for_a_logger_that_nobody_listens_to(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    with caplog.at_level(logging.WARNING, logger=EVENT_LOGGER_NAME):
        log.publish(said("one"))
    assert not caplog.records


# Secrets

KEY = "sk-0123456789"


def chunk(text: str) -> ModelClientStreamingChunkEvent:
    return ModelClientStreamingChunkEvent(source="coder", content=text)


def late(text: str, name: str = "stdout") -> LateOutputEvent:
    change = Append({"output_type": "stream", "name": name, "text": text})
    return LateOutputEvent(source="executor", block_id="1", change=change)


def heard_text(listener: Listener) -> str:
    texts = [event.content if isinstance(event, ModelClientStreamingChunkEvent) else "" for event in listener.heard]
    changes = [event.change for event in listener.heard if isinstance(event, LateOutputEvent)]
    return "".join([*texts, *(change.output["text"] for change in changes if isinstance(change, Append))])


@pytest.mark.parametrize("pieces", [[KEY[:8], KEY[8:]], [*KEY], [f"{KEY[:5]}\x1b[1", f"m{KEY[5:]}"]])
def test_a_secret_in_pieces_reaches_no_view(log: EventLog, pieces: list[str]) -> None:
    listener = Listener()
    log.attach(listener)
    for piece in ["a reply: ", *pieces, " ends."]:
        log.publish(chunk(piece))
    for number, piece in enumerate(pieces):
        log.publish(late(piece, ["stdout", "stderr"][number % 2]))
    log.publish(said("an end"))
    assert KEY not in heard_text(listener).replace("\x1b[1m", "")
    assert heard_text(listener).count("[redacted MY_TOKEN]") == 2
    assert heard_text(listener).startswith("a reply: ")


def test_what_was_held_back_comes_before_an_event_of_another_kind(log: EventLog) -> None:
    listener = Listener()
    log.attach(listener)
    log.publish(chunk("it is sk-01234"))
    assert heard_text(listener) == "it is "
    log.publish(said("an end"))
    assert heard_text(listener) == "it is sk-01234"
    assert [event.type for event in listener.heard[-2:]] == ["ModelClientStreamingChunkEvent", "TextMessage"]


def test_a_secret_that_is_learned_later_is_taken_out_of_what_was_before() -> None:
    environment: dict[str, str] = {}
    log = EventLog(Secrets(environment))
    log.publish(said("it is new-0123456789"))
    assert "new-0123456789" in str(log.events)
    environment["NEW_TOKEN"] = "new-0123456789"
    log.look()
    assert "new-0123456789" not in str(log.events)


def test_a_view_that_fails_with_a_secret_in_its_words_tells_none(
    log: EventLog, caplog: pytest.LogCaptureFixture
) -> None:
    class Telling(Listener):
        def on_event(self, event: AgentEvent) -> None:
            super().on_event(event)
            raise OSError(f"no file {KEY}") from ValueError(KEY)

    log.attach(Telling())
    with caplog.at_level(logging.DEBUG):
        log.publish(said("one"))
    assert KEY not in caplog.text + str(log.events)
    assert "[redacted MY_TOKEN]" in caplog.text
