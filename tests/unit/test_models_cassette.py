"""Recording calls of a model, and replaying them: the same request finds its reply, another one says how it differs."""

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest
from pydantic import BaseModel

from codeagent_nb import (
    AssistantMessage,
    CassetteChatCompletionClient,
    ChatCompletionClient,
    CodeExecutorAgent,
    CreateResult,
    ModelUnavailable,
    PromptChanged,
    RecordingChatCompletionClient,
    ReplayChatCompletionClient,
    ReplayScriptError,
    RequestUsage,
    SystemMessage,
    UserMessage,
)
from codeagent_nb.models.cassette import canonical_request, key_of
from codeagent_nb.models.types import Image, LLMMessage
from kernel_executor import ReplayCodeExecutor


class Answer(BaseModel):
    value: int


def prompt(text: str = "What is 6 * 7?") -> list[LLMMessage]:
    return [SystemMessage(content="You compute."), UserMessage(content=text)]


async def ask(client: ChatCompletionClient, messages: list[LLMMessage], **options: Any) -> list[str | CreateResult]:
    return [piece async for piece in client.create_stream(messages, **options)]


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "calls.json"


async def recorded(path: Path, *texts: str, options: Mapping[str, Any] | None = None) -> None:
    usage = RequestUsage(prompt_tokens=3, completion_tokens=2)
    replies = [CreateResult(content=f"reply to {text}", usage=usage, thought="hm") for text in texts]
    recorder = RecordingChatCompletionClient(ReplayChatCompletionClient(replies), path)
    for text in texts:
        await ask(recorder, prompt(text), **(options or {}))
    await recorder.close()


async def test_what_was_recorded_is_replayed_whole_and_word_by_word(path: Path) -> None:
    await recorded(path, "one", "two")
    cassette = CassetteChatCompletionClient(path)
    *words, result = await ask(cassette, prompt("one"))
    assert "".join(map(str, words)) == "reply to one"
    assert isinstance(result, CreateResult)
    assert (result.thought, result.usage.prompt_tokens) == ("hm", 3)
    await ask(cassette, prompt("two"))
    cassette.assert_exhausted()


async def test_the_model_info_comes_along(path: Path) -> None:
    await recorded(path, "one")
    assert CassetteChatCompletionClient(path).model_info == ReplayChatCompletionClient([]).model_info


async def test_the_same_request_twice_gets_both_replies_in_order(path: Path) -> None:
    recorder = RecordingChatCompletionClient(ReplayChatCompletionClient(["first", "second"]), path)
    for _ in range(2):
        await ask(recorder, prompt())
    cassette = CassetteChatCompletionClient(path)
    assert [(await ask(cassette, prompt()))[-1].content for _ in range(2)] == ["first", "second"]  # type: ignore[union-attr]
    with pytest.raises(PromptChanged, match="all of its 2 calls have been replayed"):
        await ask(cassette, prompt())


async def test_a_changed_prompt_fails_with_a_readable_difference(path: Path) -> None:
    await recorded(path, "Count the rows.\nThen add up x.")
    with pytest.raises(PromptChanged) as caught:
        await ask(CassetteChatCompletionClient(path), prompt("Count the rows.\nThen add up y."))
    lines = str(caught.value).splitlines()
    assert "-Then add up x." in lines
    assert "+Then add up y." in lines
    assert " Count the rows." in lines, "what surrounds it is shown"
    assert not any("You compute" in line for line in lines), "what is the same elsewhere is not"


async def test_a_long_difference_is_cut(path: Path) -> None:
    await recorded(path, "\n".join(map(str, range(1000))))
    with pytest.raises(PromptChanged, match="lines more"):
        await ask(CassetteChatCompletionClient(path), prompt("\n".join(map(str, range(1000, 2000)))))


KEY = "sk-" + "abcdefgh12345678"


@pytest.mark.parametrize(
    "arguments",
    [
        {"api_key": KEY},
        {"extra_headers": {"Authorization": f"Bearer {KEY}"}},
        {"headers": {"x-api-key": KEY}},
        {"default_headers": {"Api-Key": KEY}},
        {"extra_body": {"api_key": KEY, "options": [{"token": KEY}]}},
        {"AZURE_OPENAI_API_KEY": KEY},
        {"auth": KEY},
        {"cookies": {"session": KEY}},
        {"http_client": object()},
        {"credentials": (KEY,)},
        {"extra_query": {"access_token": KEY}},
        {"bearer": KEY},
    ],
    ids=lambda arguments: next(iter(arguments)),
)
async def test_no_key_and_no_header_is_in_the_file_and_none_is_needed(path: Path, arguments: dict[str, Any]) -> None:
    options = {"extra_create_args": {**arguments, "temperature": 0.5}}
    await recorded(path, "one", options=options)
    assert KEY not in path.read_text()
    assert "temperature" in path.read_text()
    assert not any(word in path.read_text().lower() for word in ("header", "authorization", "cookie"))
    cassette = CassetteChatCompletionClient(path)
    others = {name: "another" if isinstance(value, str) else value for name, value in arguments.items()}
    await ask(cassette, prompt("one"), extra_create_args={**others, "temperature": 0.5})
    cassette.assert_exhausted()


@pytest.mark.parametrize(
    ("once", "later"),
    [
        ("<Model object at 0x7f01d2c3a5e0>", "<Model object at 0x7fa0bbccdd10>"),
        ("Saved to /tmp/tmpab12cd34/plot.png", "Saved to /tmp/tmpzz98xy76/plot.png"),
        ("/tmp/ipykernel_4711/3098.py:3: UserWarning: x", "/tmp/ipykernel_99/17.py:3: UserWarning: x"),
        ("/home/a/.venv/lib/site-packages/pandas/io.py: error", "/opt/py/site-packages/pandas/io.py: error"),
        ("\x1b[31mError\x1b[0m", "Error"),
    ],
)
def test_what_changes_from_run_to_run_is_no_other_request(once: str, later: str) -> None:
    assert key_of(canonical_request(prompt(once))) == key_of(canonical_request(prompt(later)))


def test_each_part_of_a_request_matters() -> None:
    picture = UserMessage(content="look", images=(Image(mime="image/png", data="AAAA"),))
    other = UserMessage(content="look", images=(Image(mime="image/png", data="AAAB"),))
    requests = [
        canonical_request(prompt()),
        canonical_request(prompt("Another")),
        canonical_request(prompt(), Answer),
        canonical_request(prompt(), None, {"temperature": 0}),
        canonical_request(prompt(), None, {"temperature": 1}),
        canonical_request([*prompt(), AssistantMessage(content="42")]),
        canonical_request([picture]),
        canonical_request([other]),
    ]
    assert len({key_of(request) for request in requests}) == len(requests)
    assert "AAAA" not in json.dumps(requests), "a picture is kept as a digest"


async def test_a_call_that_fails_is_not_recorded(path: Path) -> None:
    recorder = RecordingChatCompletionClient(ReplayChatCompletionClient([ModelUnavailable("gone"), "there"]), path)
    with pytest.raises(ModelUnavailable):
        await ask(recorder, prompt())
    await ask(recorder, prompt())
    assert len(json.loads(path.read_text())["calls"]) == 1


async def test_calls_that_were_not_asked_for_are_counted(path: Path) -> None:
    await recorded(path, "one", "two")
    cassette = CassetteChatCompletionClient(path)
    await ask(cassette, prompt("two"))
    with pytest.raises(ReplayScriptError, match="1 of 2 calls"):
        cassette.assert_exhausted()


@pytest.mark.parametrize("content", ["", "{}x", "[]", '{"format": 1, "calls": [{}]}', '{"format": 9, "calls": []}'])
def test_what_is_no_recording_is_refused(path: Path, content: str) -> None:
    path.write_text(content)
    with pytest.raises(ReplayScriptError, match=r"calls\.json"):
        CassetteChatCompletionClient(path)


def test_a_file_that_is_not_there_is_named(path: Path) -> None:
    with pytest.raises(ReplayScriptError, match=r"calls\.json.*No such file"):
        CassetteChatCompletionClient(path)


async def test_a_run_of_the_agent_is_replayed_from_its_recording(path: Path) -> None:
    replies = ["```python\nprint(1)\n```", "One."]
    makers: list[Callable[[], ChatCompletionClient]] = [
        lambda: RecordingChatCompletionClient(ReplayChatCompletionClient(replies), path),
        lambda: CassetteChatCompletionClient(path),
    ]
    for make in makers:
        client = make()
        agent = CodeExecutorAgent("coder", ReplayCodeExecutor(["1\n"]), model_client=client)
        result = await agent.run(task="Print one.")
        assert result.messages[-1].content.startswith("One.")  # type: ignore[union-attr]
