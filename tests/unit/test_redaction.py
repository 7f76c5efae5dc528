"""No value of a secret variable gets past the log, whatever it stands in, and nothing else is touched."""

import json
from typing import Any

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.events import (
    EVENT,
    AgentEvent,
    ApprovalEvent,
    BlockFinishedEvent,
    BlockOutputEvent,
    CodeExecutionEvent,
    CodeGenerationEvent,
    CodeRefusedEvent,
    HandoffMessage,
    MessageAddedEvent,
    Refusal,
    RunFinishedEvent,
    TextMessage,
)
from codeagent_nb.log.redaction import VOCABULARY, Redactor, Secrets
from codeagent_nb.masking.holding import HoldBack
from codeagent_nb.models.types import AssistantMessage, Image, RequestUsage, SystemMessage, UserMessage
from kernel_executor import Append, BlockResult, CodeBlock, CodeResult

KEY = "sk-test-0123456789"


def events_with(text: str) -> list[AgentEvent]:
    """Every place in which text of users, models and executed code can stand."""
    block = CodeBlock(f"print({text!r})", "python")
    stream = {"output_type": "stream", "name": "stdout", "text": f"key: {text}\n"}
    display = {"output_type": "display_data", "data": {"application/json": {text: [text]}}, "metadata": {"x": text}}
    error = {"output_type": "error", "ename": "KeyError", "evalue": text, "traceback": [f"KeyError: {text}"]}
    result = BlockResult(
        block=block,
        status="error",
        exit_code=1,
        outputs=(stream, display, error),
        ename="KeyError",
        evalue=text,
        traceback=(text,),
        note=text,
    )
    return [
        TextMessage(source="user", content=f"use {text} please", metadata={"key": text}),
        HandoffMessage(
            source="user",
            content=text,
            target=text,
            context=(
                SystemMessage(content=text),
                UserMessage(content=text),
                AssistantMessage(content=text, thought=text),
            ),
        ),
        MessageAddedEvent(source="coder", message=UserMessage(content=text)),
        CodeGenerationEvent(source="coder", retry_attempt=0, content=text, code_blocks=(block,)),
        ApprovalEvent(source="user", retry_attempt=0, approved=True, reason=text, code_blocks=(block,)),
        CodeRefusedEvent(
            source="c", retry_attempt=0, refused=(Refusal(block=block, reason=text),), reason=text, nothing_ran=True
        ),
        BlockOutputEvent(source="executor", block_id="1", change=Append(stream)),
        BlockFinishedEvent(source="executor", retry_attempt=0, block_id="1", result=result),
        CodeExecutionEvent(source="coder", retry_attempt=0, result=CodeResult(1, text, (result,))),
        RunFinishedEvent(source="c", status="error", reason=text, tries=1, usage=RequestUsage(), duration=0),
    ]


@pytest.mark.parametrize("key", [KEY, "quo'te\"and\\slash", "tab\tnewline\nkey", "schlüssel-ключ", "käy\x7f\x01end"])
def test_a_key_is_taken_out_of_every_place_in_every_event(key: str) -> None:
    redactor = Redactor({"MY_TOKEN": key}.items())
    for event in events_with(key):
        kept = redactor.event(event)
        written = kept.model_dump_json()
        assert json.dumps(key, ensure_ascii=False)[1:-1] not in written
        assert json.dumps(repr(key)[1:-1], ensure_ascii=False)[1:-1] not in written
        assert "[redacted MY_TOKEN]" in written
        assert type(kept) is type(event)
        assert EVENT.validate_json(written) == kept


def test_a_key_within_another_leaves_nothing_of_either() -> None:
    redactor = Redactor({"SHORT_KEY": "abcdefgh", "LONG_KEY": "xx-abcdefgh-yy"}.items())
    assert redactor.text("1 xx-abcdefgh-yy 2 abcdefgh 3") == "1 [redacted LONG_KEY] 2 [redacted SHORT_KEY] 3"


def test_only_variables_named_like_keys_and_long_enough_are_secrets() -> None:
    environment = {"OPENAI_API_KEY": KEY, "HOME": "/home/somebody", "DEBUG_TOKEN": "true", "PWD": "/srv/folder"}
    text = f"{KEY} /home/somebody true /srv/folder"
    assert Secrets(environment).redactor.text(text) == text.replace(KEY, "[redacted OPENAI_API_KEY]")


def test_an_event_without_a_secret_is_the_very_same() -> None:
    event = TextMessage(source="user", content="hello")
    assert Redactor({"MY_TOKEN": KEY}.items()).event(event) is event


@pytest.mark.parametrize(
    "key",
    [
        "traceback",
        "created_at",
        "TextMessage",
        "duration",
        "retry_attempt",
        "20261123",
        "CodeExecutionEvent",
        "executor",
    ],
)
def test_a_key_that_is_a_word_of_our_own_spoils_no_event(key: str) -> None:
    redactor = Redactor({"MY_PASSWORD": key}.items())
    for event in events_with(key):
        kept = redactor.event(event)
        assert EVENT.validate_json(kept.model_dump_json()) == kept


words = st.sampled_from(sorted(VOCABULARY | {"sk-0123", "1", '"', "\\", "{", "}", ",", ":", "é", "\n"}))


@given(st.lists(words, min_size=1, max_size=3).map("".join), st.lists(words, max_size=6).map("".join))
def test_whatever_the_key_is_every_event_stays_readable_and_text_is_clean(key: str, around: str) -> None:
    redactor = Redactor({"A_KEY": key}.items())
    for event in events_with(around + key):
        kept = redactor.event(event)
        assert EVENT.validate_json(kept.model_dump_json()) == kept
    said: Any = redactor.event(TextMessage(source="u", content=f"{around} is {key}!"))
    assert key not in said.content.replace("[redacted A_KEY]", "") or key in "[redacted A_KEY]"


@pytest.mark.parametrize("key", [KEY, "schlüssel-ключ", "bytes-\udcff-end"])
def test_a_key_is_found_in_bytes_and_its_variable_is_named(key: str) -> None:
    redactor = Secrets({"MY_TOKEN": key, "HOME": "/home/somebody"}).redactor
    for way in ("utf-8", "utf-32-le"):
        spelled = key.encode(way, "surrogatepass")
        assert redactor.secret_in(b"\0" + spelled + b"\xff") == "MY_TOKEN"
        assert redactor.secret_in(spelled[:-1]) == ""
        assert len(spelled) <= redactor.longest
    assert redactor.secret_in(b"/home/somebody") == ""
    assert (Redactor(()).secret_in(b"x"), Redactor(()).longest) == ("", 0)


@pytest.mark.parametrize("word", ["SystemMessage", "UserMessage", "AssistantMessage", "image/png"])
def test_a_key_that_is_a_word_of_a_handed_over_message_leaves_it_readable(word: str) -> None:
    picture = UserMessage(content="a plot", images=(Image(mime="image/png", data="x"),))
    context = (SystemMessage(content="s"), picture, AssistantMessage(content="a"))
    kept = Redactor({"A_KEY": word}.items()).event(HandoffMessage(source="u", target="c", content="x", context=context))
    assert EVENT.validate_json(kept.model_dump_json()) == kept


def display(mime: str, text: str) -> dict[str, Any]:
    return {"output_type": "display_data", "data": {mime: text}, "metadata": {}}


def stream(name: str, text: str) -> dict[str, Any]:
    return {"output_type": "stream", "name": name, "text": text}


@pytest.mark.parametrize(
    "outputs",
    [
        (stream("stdout", KEY[:5]), stream("stderr", KEY[5:])),
        (stream("stdout", KEY[:5]), display("text/plain", KEY[5:])),
        (display("text/html", f"<b>{KEY[:5]}</b>"), display("text/html", f"<b>{KEY[5:]}</b>")),
        (display("text/html", [KEY[:5], KEY[5:]]),),  # type: ignore[arg-type]
        ({"output_type": "error", "ename": "E", "evalue": "", "traceback": [KEY[:5], KEY[5:]]},),
    ],
)
def test_halves_of_a_key_in_outputs_that_follow_each_other_are_a_key(outputs: tuple[dict[str, Any], ...]) -> None:
    result = BlockResult(block=CodeBlock("x"), status="ok", exit_code=0, outputs=outputs)
    event = BlockFinishedEvent(source="executor", retry_attempt=0, block_id="1", result=result)
    written = Redactor({"MY_TOKEN": KEY}.items()).event(event).model_dump_json()
    assert "[redacted MY_TOKEN]" in written
    assert KEY[5:] not in written
    assert Redactor({"MY_TOKEN": "sk-tent-0123456789"}.items()).event(event) is event  # the control


@pytest.mark.parametrize("mime", ["text/html", "text/markdown", "text/plain", "image/svg+xml", "text/latex"])
def test_halves_of_a_key_in_two_displays_are_not_both_shown(mime: str) -> None:
    hold, finder = HoldBack(), Redactor({"MY_TOKEN": KEY}.items()).finder
    changes = [Append(display(mime, f"{part} ")) for part in (KEY[:9], KEY[9:])]
    events = [BlockOutputEvent(source="executor", block_id="1", change=change) for change in changes]
    shown = [kept.model_dump_json() for event in events for kept in hold.take(event, finder)]
    assert KEY[:9] in shown[0]
    assert KEY[9:] not in shown[1]
    control = Redactor({"MY_TOKEN": "sk-tent-0123456789"}.items()).finder
    assert [*HoldBack().take(events[0], control), *HoldBack().take(events[1], control)] == events


@pytest.mark.parametrize("number", [739182736451, -739182736451, 739182736451.0, 7391827364519])
def test_a_number_whose_digits_are_a_secret_is_taken_out_of_a_display(number: float) -> None:
    data = {"application/json": {"k": number, "more": [1, number, True, 2.5, 10**5000]}}
    shown = {"output_type": "display_data", "data": data, "metadata": {}}
    event = BlockOutputEvent(source="executor", block_id="1", change=Append(shown))
    kept = Redactor({"PIN_TOKEN": "739182736451"}.items()).event(event)
    assert isinstance(kept, BlockOutputEvent)
    assert isinstance(kept.change, Append)
    assert "739182736451" not in str(kept.change.output["data"]["application/json"]["k"])
    assert kept.change.output["data"]["application/json"]["more"][2:] == [True, 2.5, 10**5000]
    assert Redactor({"PIN_TOKEN": "739182736452"}.items()).event(event) is event  # the control


def test_a_number_in_a_field_of_an_event_stays_a_number() -> None:
    usage = RequestUsage(prompt_tokens=73918273, completion_tokens=1)
    event = RunFinishedEvent(source="c", status="error", reason="73918273", tries=1, usage=usage, duration=0)
    kept = Redactor({"PIN_TOKEN": "73918273"}.items()).event(event)
    assert isinstance(kept, RunFinishedEvent)
    assert (kept.usage, kept.reason) == (usage, "[redacted PIN_TOKEN]")


def test_a_key_that_was_there_earlier_is_a_key() -> None:
    secrets = Secrets({}, earlier={"MY_API_KEY": "hq7Zk29sLw0pXv3R"})
    assert secrets.text("it is hq7Zk29sLw0pXv3R") == "it is [redacted MY_API_KEY]"
