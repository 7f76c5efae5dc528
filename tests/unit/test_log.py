"""The log tells every view everything, in order, and outlives views that fail."""

import json
import logging
from collections.abc import Callable
from typing import Any

import pytest

from codeagent_nb.events import AgentEvent, ModelClientStreamingChunkEvent, TextMessage, ViewDetachedEvent
from codeagent_nb.log import EVENT_LOGGER_NAME, EventLog
from codeagent_nb.redaction import Redactor


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
    return EventLog(Redactor({"MY_TOKEN": "sk-0123456789"}))


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
    assert result.stop_reason == "the code ran through"
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
