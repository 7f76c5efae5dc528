"""What of the log passes to a model at each level: nothing that code has a hand in at schema, of no kind of event."""

from typing import Any, get_args

import pytest

from codeagent_nb import events
from codeagent_nb.events import AgentEvent, Asking
from codeagent_nb.models.privacy import LessTold, Privacy
from codeagent_nb.models.types import Image, SystemMessage, UserMessage
from codeagent_nb.prompt.gate import gated
from codeagent_nb.prompt.model_texts import AS_THE_USER_SAYS, LOOK_FIRST, TRIES_LEFT
from codeagent_nb.prompt.sent import messages_of
from kernel_executor import (
    Append,
    BlockResult,
    BlockStatus,
    CodeBlock,
    CodeResult,
    DeliveredFile,
    HeldFile,
    LiveVariable,
)

KINDS: tuple[type[Any], ...] = get_args(get_args(AgentEvent)[0])
VALUE = "Kx7Qz91aaPq"
PICTURE = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR4nGNgYGBgAAAABQABpfZFQAAAAABJRU5ErkJggg=="


def of_code(status: BlockStatus = "error") -> CodeResult:
    """Return a result in which code has put a value wherever it can."""
    shown = (
        {"output_type": "stream", "name": "stdout", "text": VALUE},
        {
            "output_type": "display_data",
            "data": {VALUE: VALUE, "text/plain": VALUE, "image/png": PICTURE},
            "metadata": {},
        },
    )
    block = BlockResult(
        block=CodeBlock("print(v)"),
        status=status,
        exit_code=0 if status == "ok" else 4711,
        outputs=shown,
        late=shown,
        ename=None if status == "ok" else VALUE,
        evalue=None if status == "ok" else VALUE,
        traceback=(f"Cell In[3], line 5\n----> 5 {VALUE}",),
        note=VALUE,
        denials=(VALUE,),
        unreached=(VALUE,),
        unchanged=(VALUE,),
    )
    return CodeResult(block.exit_code, VALUE, (block,))


def run_started(privacy: Privacy, source: str = "coder") -> events.RunStartedEvent:
    return events.RunStartedEvent(source=source, model="m", isolation="", max_retries_on_error=3, privacy=privacy)


def reply(content: str, purpose: events.Purpose = "generate") -> events.ModelReplyEvent:
    return events.ModelReplyEvent(source="coder", purpose=purpose, content=content, finish_reason="stop", duration=0.1)


BY_CODE: tuple[AgentEvent, ...] = (
    *(
        events.CodeExecutionEvent(source="coder", retry_attempt=0, result=of_code(status))
        for status in get_args(BlockStatus)
    ),
    events.ErrorExplainedEvent(
        source="executor", retry_attempt=0, content=VALUE, less=LessTold(statistics=VALUE, schema=VALUE), details=VALUE
    ),
    events.KernelStateEvent(source="executor", state="kept", reason=VALUE, names=(VALUE,)),
    events.KernelStateEvent(source="executor", state="lost", reason=VALUE, names=(VALUE,)),
    events.FilesEvent(
        source="executor",
        delivered=(DeliveredFile(VALUE, 1),),
        removed=(VALUE,),
        held=(HeldFile(VALUE, 1, VALUE),),
    ),
    events.NewVariablesEvent(source="executor", variables=(LiveVariable(name=VALUE, type=VALUE),)),
    events.BlockOutputEvent(
        source="executor", block_id="1", change=Append({"output_type": "stream", "name": "stdout", "text": VALUE})
    ),
    events.LateOutputEvent(
        source="executor", block_id="1", change=Append({"output_type": "stream", "name": "stdout", "text": VALUE})
    ),
    events.BlockFinishedEvent(source="executor", retry_attempt=0, block_id="1", result=of_code().blocks[0]),
    events.GivenCodeFinishedEvent(source="executor", exit_code=4711),
    events.RetryDecisionEvent(source="coder", retry_attempt=0, reason=f"The user has allowed it: {VALUE}.", retry=True),
    events.AnswerTracedEvent(source="coder", numbers=(events.TracedNumber(text="4711", found_in=VALUE),)),
    events.AnswerQuestionedEvent(source="coder", reason=VALUE, content=VALUE),
    events.ThoughtEvent(source="coder", content=VALUE),
    events.ContextEvent(source="context", content=VALUE),
    events.VariableEvent(source="notebook", name="df", code="df = 1", description=VALUE),
    events.ViewDetachedEvent(source="log", view=VALUE, error=VALUE),
    events.TextMessage(source="coder", content=VALUE),
    events.HandoffMessage(source="ann", content="Go on.", target="coder", context=(SystemMessage(content=VALUE),)),
    events.RunFinishedEvent(source="coder", status="error", reason=VALUE, tries=1, duration=0.1),
)
"""What holds something that code has made, or can."""

BY_PEOPLE_AND_MODELS = (
    *(events.TextMessage, events.HandoffMessage, events.MessageAddedEvent, events.ModelReplyEvent),
    *(events.CodeGenerationEvent, events.CodeRefusedEvent, events.ApprovalEvent, events.TaskTurnedEvent),
    *(events.RunStartedEvent, events.NextStepEvent, events.BlockStartedEvent),
    *(events.ModelClientStreamingChunkEvent, events.ModelRequestEvent),
)


def sent(log: list[AgentEvent], privacy: Privacy, purpose: events.Purpose = "generate", **asking: Any) -> str:
    how = Asking(privacy=privacy, system_message="Be brief.", vision=True, **asking)
    messages = messages_of(log, purpose, "coder", how, without_secrets=str)
    return "\n".join(message.model_dump_json() for message in messages)


def test_each_kind_of_event_is_looked_at_here() -> None:
    assert {type(event) for event in BY_CODE} | set(BY_PEOPLE_AND_MODELS) == set(KINDS)


@pytest.mark.parametrize("event", BY_CODE, ids=lambda event: event.type)
@pytest.mark.parametrize("is_afresh", [True, False])
def test_nothing_that_code_makes_is_sent_at_schema(event: AgentEvent, *, is_afresh: bool) -> None:
    task = events.TextMessage(source="user", content="Count.")
    log = [task, run_started("schema"), reply("```python\nprint(v)\n```"), event]
    decided = events.RetryDecisionEvent(source="coder", retry_attempt=0, reason="The code failed.", retry=True)
    for further in ([], [decided]):
        for purpose in ("generate", "decide", "reflect"):
            text = sent([*log, *further], "schema", purpose, is_afresh=is_afresh)  # type: ignore[arg-type]
            assert VALUE not in text
            assert "4711" not in text
            assert PICTURE not in text
            assert "Count." in text


def test_the_search_would_find_it() -> None:
    log = [events.TextMessage(source="user", content="Count."), run_started("rows"), reply("x"), BY_CODE[0]]
    assert VALUE in sent(log, "rows")
    assert PICTURE in sent(log, "rows")


@pytest.mark.parametrize("status", get_args(BlockStatus))
def test_how_code_ended_is_sent_at_schema(status: BlockStatus) -> None:
    done = events.CodeExecutionEvent(source="coder", retry_attempt=0, result=of_code(status))
    log = [events.TextMessage(source="user", content="Count."), run_started("schema"), reply("x"), done]
    text = sent(log, "schema")
    assert "and not sent to you" in text
    assert ("an error: its message is not sent to you" in text) == (status != "ok"), "of a name that is not known"


def test_the_name_of_a_known_error_is_sent() -> None:
    failed = BlockResult(block=CodeBlock("x"), status="error", exit_code=1, ename="KeyError", evalue=VALUE)
    done = events.CodeExecutionEvent(source="coder", retry_attempt=0, result=CodeResult(1, VALUE, (failed,)))
    log = [events.TextMessage(source="user", content="Count."), run_started("schema"), reply("x"), done]
    assert "KeyError: its message is not sent to you" in sent(log, "schema")


@pytest.mark.parametrize("privacy", ["statistics", "schema"])
def test_of_a_task_that_was_done_at_rows_only_the_task_is_sent(privacy: Privacy) -> None:
    edited = events.ApprovalEvent(
        source="user", retry_attempt=0, approved=True, reason="", edited=True, code_blocks=(CodeBlock(VALUE),)
    )
    done = events.CodeExecutionEvent(source="coder", retry_attempt=0, result=of_code("ok"))
    earlier = [
        *(events.TextMessage(source="user", content="Count."), run_started("rows"), reply(f"```\n{VALUE}\n```")),
        *(edited, done, reply(f"It is {VALUE}.", "reflect")),
        events.RunFinishedEvent(source="coder", status="succeeded", reason="", tries=1, duration=0.1),
        events.TextMessage(source="coder", content=f"It is {VALUE}."),
    ]
    now = [events.TextMessage(source="user", content="And now?"), run_started(privacy)]
    text = sent([*earlier, *now], privacy)
    assert VALUE not in text
    assert "Count." in text
    assert "done with another model" in text
    assert VALUE in sent([*earlier, events.TextMessage(source="user", content="And now?"), run_started("rows")], "rows")


def test_a_stricter_task_is_sent_to_a_model_that_may_see_more() -> None:
    done = events.CodeExecutionEvent(source="coder", retry_attempt=0, result=of_code("ok"))
    log = [events.TextMessage(source="user", content="Count."), run_started("schema"), reply("It counts."), done]
    assert "It counts." in sent(log, "statistics")


def test_what_no_run_has_said_is_taken_for_that_of_a_laxer_one() -> None:
    log = [events.TextMessage(source="user", content="Count."), reply(VALUE), run_started("schema")]
    assert VALUE not in sent(log, "schema")


def test_words_of_another_agent_of_a_run_are_not_taken_for_the_users() -> None:
    log = [
        *(events.TextMessage(source="user", content="Count."), run_started("schema", source="other")),
        events.TextMessage(source="other", content=VALUE),
        *(events.TextMessage(source="user", content="Again."), run_started("schema")),
    ]
    assert VALUE not in sent(log, "schema")


def test_what_the_model_has_decided_is_told_to_it_again() -> None:
    log = [
        *(events.TextMessage(source="user", content="Count."), run_started("schema"), reply("x"), BY_CODE[1]),
        *(reply("{}", "decide"), events.KernelStateEvent(source="executor", state="rolled_back")),
        events.RetryDecisionEvent(source="coder", retry_attempt=0, reason="Read the other file.", retry=True),
    ]
    assert "Read the other file." in sent(log, "schema")


@pytest.mark.parametrize("privacy", ["statistics", "schema"])
@pytest.mark.parametrize("reason", [TRIES_LEFT, AS_THE_USER_SAYS, LOOK_FIRST])
def test_reasons_of_ours_are_sent_as_they_are(privacy: Privacy, reason: str) -> None:
    decided = events.RetryDecisionEvent(source="coder", retry_attempt=0, reason=reason, retry=True)
    told = gated([run_started(privacy), decided], privacy, "coder")
    assert [event.reason for event in told if isinstance(event, events.RetryDecisionEvent)] == [reason]


def test_what_users_type_is_sent_as_it_is() -> None:
    denied = events.ApprovalEvent(source="user", retry_attempt=0, approved=False, reason="Use sums.", code_blocks=())
    added = events.MessageAddedEvent(source="coder", message=UserMessage(content="By hand."))
    log = [events.TextMessage(source="user", content="Count."), run_started("schema"), reply("x"), denied, added]
    text = sent(log, "schema")
    assert "Use sums." in text
    assert "By hand." in text


def test_descriptions_are_those_of_the_level() -> None:
    less = LessTold(statistics="5 different texts", schema="a name")
    context = events.ContextEvent(source="context", content=f"first row {VALUE}", less=less)
    log = [events.TextMessage(source="user", content="Count."), run_started("rows"), context]
    assert "5 different texts" in sent(log, "statistics")
    assert "a name" in sent(log, "schema")
    assert VALUE not in sent(log, "statistics") + sent(log, "schema")


def test_at_rows_the_log_is_the_same() -> None:
    log = [events.TextMessage(source="user", content="Count."), run_started("rows"), *BY_CODE]
    assert gated(log, "rows", "coder") is log


def test_a_picture_that_somebody_has_added_is_sent() -> None:
    message = UserMessage(content="Like this.", images=(Image(mime="image/png", data=PICTURE),))
    added = events.MessageAddedEvent(source="coder", message=message)
    assert PICTURE in sent([events.TextMessage(source="user", content="Plot."), run_started("schema"), added], "schema")
