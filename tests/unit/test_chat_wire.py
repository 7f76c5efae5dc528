"""Who said what, as a server is told it."""

from itertools import pairwise

import pytest
from hypothesis import given, strategies as st
from pydantic import BaseModel

from codeagent_nb.models.openai.wire import JsonMode, ask_for_json, to_wire
from codeagent_nb.models.types import CODE_RUNNER, AssistantMessage, Image, LLMMessage, SystemMessage, UserMessage


def said(content: str, source: str = "user") -> UserMessage:
    return UserMessage(content=content, source=source)


def test_a_conversation_of_two_is_sent_as_it_is() -> None:
    messages = [SystemMessage(content="s"), said("t"), AssistantMessage(content="a"), said("it ran", CODE_RUNNER)]
    assert [message["content"] for message in to_wire(messages)] == ["s", "t", "a", "it ran"]


def test_in_a_team_each_is_named_and_takes_a_turn_with_the_others() -> None:
    messages = [said("t"), said("No.", "critic"), AssistantMessage(content="a", source="coder"), said("Yes.", "critic")]
    assert to_wire(messages) == [
        {"role": "user", "content": "user said:\nt\n\ncritic said:\nNo."},
        {"role": "assistant", "content": "a"},
        {"role": "user", "content": "critic said:\nYes."},
    ]


def test_a_participant_called_executor_is_named_too() -> None:
    assert to_wire([said("1", "executor")]) == [{"role": "user", "content": "executor said:\n1"}]


def test_what_ran_and_the_user_are_one_voice() -> None:
    messages = [said("it ran", CODE_RUNNER), said("next")]
    assert to_wire(messages) == [{"role": "user", "content": "it ran\n\nnext"}]


def test_pictures_of_one_turn_come_after_its_text() -> None:
    seen = UserMessage(content="a plot", source=CODE_RUNNER, images=(Image(mime="image/png", data="x"),))
    [message] = to_wire([seen, said("next")])
    assert [part["type"] for part in message["content"]] == ["text", "image_url"]
    assert message["content"][0]["text"] == "a plot\n\nnext"


texts = st.text(max_size=5)
messages = st.lists(
    st.one_of(
        st.builds(said, texts, st.sampled_from(["user", CODE_RUNNER, "bob"])),
        st.builds(lambda text: AssistantMessage(content=text), texts),
    ),
    max_size=8,
)


@given(messages)
def test_roles_take_turns_and_every_text_is_sent_in_order(conversation: list[LLMMessage]) -> None:
    sent = to_wire(conversation)
    assert all(before["role"] != after["role"] for before, after in pairwise(sent))
    rest = "\n\n".join(message["content"] for message in sent)
    for message in conversation:
        assert message.content in rest
        rest = rest[rest.index(message.content) + len(message.content) :]


class Shape(BaseModel):
    retry: bool


@pytest.mark.parametrize("mode", [JsonMode.OBJECT, JsonMode.PROMPT])
def test_json_can_be_asked_for_under_a_picture(mode: JsonMode) -> None:
    seen = UserMessage(content="a plot", images=(Image(mime="image/png", data="x"),))
    sent, _ = ask_for_json(to_wire([seen]), Shape, mode)
    assert [part["type"] for part in sent[-1]["content"]] == ["text", "image_url", "text"]
    assert "JSON schema" in sent[-1]["content"][-1]["text"]
