"""What servers of others have sent, each shape with its source: read, or told in the server's words."""

import json
from collections.abc import Sequence
from typing import Any

import pytest

from codeagent_nb.errors import ModelError, ModelRefused, ModelUnavailable
from codeagent_nb.models.openai.client import Backoff, OpenAIChatCompletionClient
from codeagent_nb.models.types import CreateResult, LLMMessage, RequestUsage, SystemMessage, UserMessage
from tests.servers.http import Answer, Asked, plain, serving


def chunk(delta: object, finish: str | None = None, **more: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": delta, "finish_reason": finish}], **more}


def stream(*events: object) -> Answer:
    return Answer((*(f"data: {json.dumps(event)}\n\n" for event in events), "data: [DONE]\n\n"))


COUNTED = {"prompt_tokens": 20, "completion_tokens": 13, "total_tokens": 33}
END = chunk({}, "stop")
HELLO = chunk({"content": "Hello."})

# Each is to be read as "Hello.".
READ = [
    (stream(HELLO, END, {"usage": COUNTED}), "ROCm/ATOM#1711"),
    (stream(HELLO, {"choices": None}, END, {"choices": None, "usage": COUNTED}), "cline/cline#8518"),
    (stream({"choices": [], "model": "x"}, HELLO, {"choices": [], "id": ""}, END, {"choices": [], "cost": "0"}),
     "anomalyco/opencode#42918"),
    (stream(HELLO), "openclaw/openclaw#4300"),
    (stream(HELLO, chunk(None, "stop")), "agentuniverse-ai/agentUniverse#772"),
    (stream(HELLO, {"choices": [{"index": 0, "finish_reason": None, "content_filter_offsets": {"check": 44}}]}, END),
     "microsoft/autogen#6465"),
    (stream({"prompt_annotations": [{"prompt_index": 0}], "choices": [], "usage": None}, HELLO, END),
     "openai/openai-python#1677"),
    (stream(chunk({"content": "Hello."}, usage={}), chunk({}, "stop", usage={})), "BerriAI/litellm#1371"),
    (stream({**HELLO, "prompt_token_ids": None}, chunk({"content": None}), END), "vllm-project/vllm#26345"),
    (plain(200, {"data": {"choices": [{"index": 0, "finish_reason": "stop", "message": {"content": "Hello."}}]},
                 "success": True}), "cline/cline#13348"),
    (Answer((": OPENROUTER PROCESSING\n\n", "event: ping\ndata: {\"type\": \"ping\"}\n\n",
             f"data: {json.dumps(HELLO)}\n\n", f"data: {json.dumps(END)}\n\n")), "comments and pings between events"),
    (stream(chunk({"content": [{"type": "thinking", "thinking": [{"type": "text", "text": "Hm."}]}]}),
            chunk({"content": [{"type": "text", "text": "Hello."}]}), END), "Mistral's parts"),
    (stream(chunk({"content": None, "refusal": "Hello."}), END), "a refusal in words"),
]  # fmt: skip

# Where thoughts stand; each delta is to be read as the thought "Hm.", once.
THOUGHTS = [
    ({"thinking_content": "Hm."}, "nhatbien/copilot-helper#7"),
    ({"thought": "Hm."}, "nhatbien/copilot-helper#7"),
    ({"content": "", "reasoning": "Hm."}, "dirac-run/dirac#227"),
    ({"reasoning": "Hm.", "reasoning_content": "Hm."}, "vllm-project/vllm#34030"),
    ({"reasoning_content": "Hm.", "thinking_blocks": [{"type": "thinking", "thinking": "Hm.", "signature": "Zm9v"}]},
     "BerriAI/litellm#22573"),
    ({"reasoning_details": [{"type": "reasoning.text", "text": "Hm.", "signature": None}], "reasoning": None},
     "azrtydxb/Fastllm-proxy#23"),
    ({"content": None, "thinking": "Hm."}, "Crosstalk-Solutions/project-nomad#1065"),
]  # fmt: skip

# What says that there is no reply, and what of it people must read.
FAILURES = [
    (stream({"error": {"code": 500, "message": "Invalid diff: 'x' not found", "type": "server_error"}}),
     ModelUnavailable, "Invalid diff", "ggml-org/llama.cpp#26658"),
    (stream({"error": {"message": "queue full", "type": "rate_limit"}}), ModelUnavailable, "queue full",
     "BerriAI/litellm#40578"),
    (plain(200, {"error": {"code": 400, "message": "the request exceeds the available context size.",
                           "type": "exceed_context_size_error", "n_ctx": 8192}}),
     ModelRefused, "exceeds the available context", "oobabooga/textgen#7257"),
    (plain(500, {"error": {"code": 500, "message": "Context size has been exceeded.", "type": "server_error"}}),
     ModelRefused, "reset the conversation", "ggml-org/llama.cpp#19774"),
    (stream(chunk({"role": "assistant"}), END), ModelUnavailable, "an empty reply", "lmstudio-bug-tracker#2339"),
    (plain(400, [{"error": {"code": 400, "message": "Function calling is unsupported", "status": "INVALID_ARGUMENT"}}]),
     ModelRefused, r"\): Function calling is unsupported", "Simpleyyt/ai-manus#101"),
    (stream({"error": "Input validation error: `top_p` must be > 0.0 and < 1.0", "error_type": "validation"}),
     ModelRefused, "`top_p` must be", "BerriAI/litellm#2180"),
    (stream({"object": "error", "message": "boom", "type": "BadRequestError", "code": 400}), ModelRefused, "boom",
     "the top of an event of vLLM"),
    (stream({"detail": "Not authenticated"}), ModelUnavailable, "Not authenticated", "FastAPI's key"),
    (plain(500, "an error was encountered while running the model: unexpected EOF"), ModelUnavailable, "unexpected EOF",
     "continuedev/continue#12843"),
]  # fmt: skip

# What a model or server does not take, in its own words.
NOT_TAKEN = [
    ({"max_tokens": 5}, "max_tokens", ("Unsupported parameter: 'max_tokens' is not supported with this model. "
     "Use 'max_completion_tokens' instead."), "koosoli/ESPHomeDesigner#379"),
    ({"temperature": 0.16}, "temperature", ("Unsupported value: 'temperature' does not support 0.16 with this model. "
     "Only the default (1)"), "decolua/9router#560"),
    ({"frequency_penalty": 1}, "frequency_penalty", ('Invalid JSON payload received. Unknown name "frequency_penalty": '
     "Cannot find field."), "MinLL/SkyrimNet-GamePlugin#77"),
    ({"reasoning": {}}, "reasoning", 'Invalid JSON payload received. Unknown name "reasoning": Cannot find field.',
     "SuzumiyaAkizuki/ComfyUI-NewBie-LLM-Formatter#3"),
    ({"top_k": 3}, "top_k", "[{'type': 'extra_forbidden', 'loc': ['top_k'], 'msg': 'Extra inputs are not permitted'}]",
     "what pydantic says"),
]  # fmt: skip


async def ask(
    *answers: Answer, prompt: Sequence[LLMMessage] = (UserMessage(content="hi"),), **settings: Any
) -> tuple[CreateResult, list[Asked]]:
    """Ask a server that gives these answers in turn, the last one again and again."""
    left = list(answers)
    async with serving(lambda _: left.pop(0) if len(left) > 1 else left[0]) as server:
        client = OpenAIChatCompletionClient(
            "m",
            api_key="k",
            base_url=f"{server.url}/v1",
            backoff=Backoff(first=0.0, longest=0.0),
            max_retries=1,
            **settings,
        )
        try:
            items = [item async for item in client.create_stream(prompt)]
        finally:
            await client.close()
        result = items[-1]
        assert isinstance(result, CreateResult)
        return result, server.asked


@pytest.mark.parametrize(("answer", "source"), READ, ids=[source for _, source in READ])
async def test_text_is_read_in_every_shape(answer: Answer, source: str) -> None:
    result, asked = await ask(answer)
    assert (result.content, len(asked)) == ("Hello.", 1), source


async def test_tokens_are_counted_in_an_event_of_their_own() -> None:
    result, _ = await ask(READ[0][0])
    assert result.usage == RequestUsage(prompt_tokens=20, completion_tokens=13)


@pytest.mark.parametrize(("delta", "source"), THOUGHTS, ids=[f"{n} {source}" for n, (_, source) in enumerate(THOUGHTS)])
async def test_thoughts_are_read_wherever_they_stand_and_once(delta: dict[str, Any], source: str) -> None:
    result, _ = await ask(stream(chunk(delta), HELLO, END))
    assert (result.thought, result.content) == ("Hm.", "Hello."), source


@pytest.mark.parametrize("delta", [{"thought_signature": "Zm9v"}, {"reasoning_tokens": 3}, {"finish_reason": "stop"}])
async def test_what_is_about_thoughts_is_none(delta: dict[str, Any]) -> None:
    assert (await ask(stream(chunk(delta), HELLO, END)))[0].thought is None


@pytest.mark.parametrize(("answer", "kind", "said", "source"), FAILURES, ids=[source for *_, source in FAILURES])
async def test_a_failure_is_told_in_the_words_of_the_server(
    answer: Answer, kind: type[ModelError], said: str, source: str
) -> None:
    with pytest.raises(kind, match=said) as caught:
        await ask(answer)
    assert "***" not in str(caught.value), source  # a key of one letter is no secret in every word


@pytest.mark.parametrize(("given", "name", "said", "source"), NOT_TAKEN, ids=[source for *_, source in NOT_TAKEN])
async def test_an_argument_that_is_not_taken_is_left_out(
    given: dict[str, Any], name: str, said: str, source: str
) -> None:
    result, asked = await ask(plain(400, {"error": {"message": said}}), stream(HELLO, END), **given)
    assert result.content == "Hello.", source
    assert [name in one.body for one in asked] == [True, False]


async def test_a_limit_of_tokens_is_renamed_and_not_lost() -> None:
    said = "Unsupported parameter: 'max_tokens'. Use 'max_completion_tokens' instead."
    _, asked = await ask(plain(400, {"error": {"message": said}}), stream(HELLO, END), max_tokens=5)
    assert asked[1].body["max_completion_tokens"] == 5


async def test_a_value_that_is_wrong_is_refused_and_not_left_out() -> None:
    said = {"message": "Invalid 'temperature': decimal above maximum value.", "param": "temperature"}
    with pytest.raises(ModelRefused, match="above maximum"):
        await ask(plain(400, {"error": said}), temperature=9)


CUT_SHORT = [
    ("length", "max_tokens"), ("length", "MAX_TOKENS"), ("length", "LENGTH"), ("length", "max_output_tokens"),
    ("length", "model_length"), ("length", "model_context_window_exceeded"), ("length", "token_limit"),
    ("length", "max-tokens"), ("length", "incomplete"), ("length", "truncated"),
    ("content_filter", "SAFETY"), ("content_filter", "content-filter"), ("content_filter", "RECITATION"),
    ("content_filter", "PROHIBITED_CONTENT"), ("content_filter", "refusal"), ("content_filter", "sensitive"),
    ("content_filter", "guardrail_intervened"), ("function_calls", "tool_use"), ("function_calls", "TOOL_CALLS"),
    ("stop", "STOP"), ("stop", "Stop"), ("unknown", "end_turn"), ("unknown", "eos"),
]  # fmt: skip


@pytest.mark.parametrize(("read", "said"), CUT_SHORT)
async def test_an_end_is_read_in_the_words_of_every_api(read: str, said: str) -> None:
    assert (await ask(stream(HELLO, chunk({}, said))))[0].finish_reason == read


@pytest.mark.parametrize("said", ["error", "abort", "aborted", "network_error", "insufficient_system_resource"])
async def test_an_end_that_the_server_did_not_come_to_is_no_reply(said: str) -> None:
    with pytest.raises(ModelUnavailable, match=f"mid-reply.*{said}"):
        await ask(stream(HELLO, chunk({}, said)))
    result, asked = await ask(stream(chunk({}, said)), stream(HELLO, END))
    assert (result.content, len(asked)) == ("Hello.", 2)


@pytest.mark.parametrize(
    "said",
    [
        "MALFORMED_FUNCTION_CALL",
        "malformed_function_call",
        "function_call_filter: MALFORMED_FUNCTION_CALL",
        "UNEXPECTED_TOOL_CALL",
        "TOO_MANY_TOOL_CALLS",
    ],
)
async def test_a_call_that_the_server_does_not_read_is_no_empty_reply(said: str) -> None:
    """Gemini ends with it, and without text: that was told as an empty reply, or as one that a filter held back."""
    for events in ([chunk({"role": "assistant"}, said)], [HELLO, chunk({}, said)]):
        with pytest.raises(ModelUnavailable, match=rf"called a tool.*{said}.*-> Ask again.*fenced block"):
            await ask(stream(*events))
    result, asked = await ask(stream(chunk({}, said)), stream(HELLO, END))
    assert (result.content, len(asked)) == ("Hello.", 2)


LIMITS_OF_RATE = [
    (plain(429, {"type": "error", "error": {"type": "rate_limit_error", "message":
        "This request would exceed your organization's rate limit of 30,000 input tokens per minute"}}), "Anthropic"),
    (plain(429, [{"error": {"code": 429, "status": "RESOURCE_EXHAUSTED", "message":
        "You exceeded your current quota. Quota exceeded for metric: generate_content_free_tier_input_token_count"}}]),
     "Gemini"),
    (plain(429, {"error": {"message": "Number of input tokens has exceeded your per-minute limit"}}), "Anthropic"),
    (stream({"error": {"message": "prompt tokens would exceed the limit per minute"}}), "in a stream, without status"),
    (stream({"error": {"message": "input token quota exceeded", "type": "rate_limit_exceeded"}}), "in a stream"),
    (plain(503, {"error": {"message": "input tokens per day exceeded, try again"}}), "a gateway"),
]  # fmt: skip


@pytest.mark.parametrize(("answer", "source"), LIMITS_OF_RATE)
async def test_a_limit_of_tokens_in_a_time_is_waited_for(answer: Answer, source: str) -> None:
    result, asked = await ask(answer, stream(HELLO, END))
    assert (result.content, len(asked)) == ("Hello.", 2), source


NO_SYSTEM_ROLE = [
    "Developer instruction is not enabled for models/gemma-3-27b-it",
    "Only user and assistant roles are supported!",
    "This model does not support system messages",
    "this model doesn't support the system role",
    "Invalid role: system",
    "Unrecognized role 'system' in messages[0]",
    "Unexpected role 'system' after role 'user'",
    "Unknown message role: system",
    "role 'system' is not allowed",
    "Invalid value: 'system'. Supported values are: 'user' and 'assistant'.",
    "Unsupported value: 'messages[0].role' does not support 'system' with this model.",
    "System prompts are unsupported by this template",
]


@pytest.mark.parametrize("said", NO_SYSTEM_ROLE)
async def test_a_model_without_a_system_role_is_asked_without_one(said: str) -> None:
    answers = [plain(400, {"error": {"message": said}}), stream(HELLO, END)]
    result, asked = await ask(*answers, prompt=[SystemMessage(content="Be terse."), UserMessage(content="hi")])
    assert result.content == "Hello."
    assert [message["role"] for message in asked[1].body["messages"]] == ["user"]


@pytest.mark.parametrize(
    "said", ["Invalid system_fingerprint", "the system is not available", "operating system error"]
)
async def test_a_refusal_of_another_kind_leaves_the_system_role(said: str) -> None:
    with pytest.raises(ModelRefused):
        await ask(
            plain(400, {"error": {"message": said}}), prompt=[SystemMessage(content="s"), UserMessage(content="u")]
        )


def choice(**fields: Any) -> dict[str, Any]:
    return {"choices": [{"index": 0, **fields}]}


ODD = [
    stream({"choices": [None]}, HELLO, END),
    stream({"choices": "x"}, HELLO, END),
    stream({"choices": {"0": 1}}, HELLO, END),
    stream({"choices": [["x"]]}, HELLO, END),
    stream(choice(delta="Hello."), END),
    stream(choice(text="Hello."), END),
    stream(choice(message="Hello."), END),
    stream(choice(delta=["Hello."]), END),
    stream(choice(delta=7), HELLO, END),
    stream(HELLO, choice(delta={}, finish_reason={"type": "stop"})),
    stream(HELLO, choice(delta={}, finish_reason=["stop"])),
    stream(HELLO, choice(delta={}, finish_reason=1)),
    stream(chunk({"content": {"type": "text", "text": "Hello."}}), END),
    stream(chunk({"content": {"text": "Hello."}}), END),
    stream(chunk({"content": 5}), HELLO, END),
    stream(chunk({"content": [None, 3, {"text": None}]}), HELLO, END),
    stream(chunk({"content": "Hello.", "tool_calls": [None, 3, {"function": None}, {}]}), END),
    stream(chunk({"content": "Hello.", "function_call": 5}), END),
    stream(chunk({"content": "Hello."}, usage={"completion_tokens": 2.5, "prompt_tokens": "x"}), END),
    stream(chunk({"content": "Hello."}, usage={"completion_tokens": [1], "prompt_tokens": -1}), END),
    stream(chunk({"content": "Hello."}, usage=[3]), END),
]


@pytest.mark.parametrize("answer", ODD, ids=range(len(ODD)))
async def test_an_odd_shape_loses_no_text_and_raises_nothing(answer: Answer) -> None:
    assert (await ask(answer))[0].content == "Hello."


@pytest.mark.parametrize(
    "part",
    [
        {"type": "reasoning", "text": "t"},
        {"type": "thinking", "text": "t"},
        {"type": "thought", "text": "t"},
        {"type": "reasoning.text", "text": "t"},
        {"thought": True, "text": "t"},
    ],
)
async def test_a_part_that_is_a_thought_is_none_of_the_text(part: dict[str, Any]) -> None:
    result, _ = await ask(stream(chunk({"content": [part, {"type": "text", "text": "Hello."}]}), END))
    assert (result.thought, result.content) == ("t", "Hello.")


@pytest.mark.parametrize("names", [["python", "python", "python"], ["py", "thon", ""], ["python", None, 3]])
async def test_the_name_of_a_call_is_read_once(names: list[object]) -> None:
    calls = [chunk({"tool_calls": [{"index": 0, "function": {"name": name, "arguments": ""}}]}) for name in names]
    assert '"name": "python"' in (await ask(stream(*calls, chunk({}, "tool_calls"))))[0].content


async def test_a_call_whose_function_is_a_name_is_kept() -> None:
    call = {"function": "python", "arguments": {"code": "1"}}
    assert '"name": "python"' in (await ask(stream(chunk({"tool_calls": [call]}, "tool_calls"))))[0].content


NO_REPLY = [
    ({"message": "Unauthorized"}, "Unauthorized"),
    ({"success": False, "errors": [{"code": 10000, "message": "Authentication error"}]}, "Authentication error"),
    ({"code": "InvalidApiKey", "message": "No API-key provided."}, "No API-key.*OPENAI_API_KEY"),
    ({"statusCode": 401, "message": "Access denied due to invalid subscription key"}, "Access denied.*OPENAI_API_KEY"),
    ({"fault": {"faultstring": "Invalid ApiKey"}}, "Invalid ApiKey"),
    ({"errors": ["no such model"]}, "no such model"),
    ({"msg": "token expired", "code": 1001}, "token expired"),
    ({"status": "fail", "reason": "quota"}, "quota"),
    ({"data": {"message": "not here"}}, "not here"),
    ({"detail": "Not Found"}, "Not Found"),
    ({"choices": None, "message": "busy"}, "busy"),
    ({}, "{}"),
    ([], "no JSON object"),
    ("OK", "stream of events"),
]


@pytest.mark.parametrize(("body", "said"), NO_REPLY)
async def test_json_without_a_reply_is_told_at_once(body: object, said: str) -> None:
    asked: list[Asked] = []
    async with serving(lambda _: plain(200, body)) as server:
        client = OpenAIChatCompletionClient("m", api_key="k", base_url=f"{server.url}/v1", backoff=Backoff(first=0.0))
        with pytest.raises(ModelRefused, match=said):
            [item async for item in client.create_stream([UserMessage(content="hi")])]
        await client.close()
        asked = server.asked
    assert len(asked) == 1


@pytest.mark.parametrize(
    "data", [{"message": "boom"}, {"error": {"message": "boom"}}, "boom", {"type": "x", "text": "boom"}]
)
async def test_an_event_of_the_kind_error_is_told(data: object) -> None:
    with pytest.raises(ModelUnavailable, match="boom"):
        await ask(Answer((f"event: error\ndata: {json.dumps(data)}\n\n",)))


async def test_the_kind_of_an_event_ends_with_it() -> None:
    end = f"data: {json.dumps(HELLO)}\n\ndata: [DONE]\n\n"
    assert (await ask(Answer(("event: error\n\n", end))))[0].content == "Hello."


@pytest.mark.parametrize(
    "deltas",
    [
        [{"reasoning_content": "```python\nprint(1)\n```", "content": ""}],
        [{"reasoning_content": "Hm."}],
        [{"content": " \n"}],
        [{"content": " "}, {"content": "\n"}],
        [{"reasoning": "Hm."}, {"content": "\n\n"}],
    ],
)
async def test_thoughts_and_white_space_are_no_reply(deltas: list[dict[str, Any]]) -> None:
    empty = stream(*map(chunk, deltas), END)
    result, asked = await ask(empty, stream(HELLO, END))
    assert (result.content, len(asked)) == ("Hello.", 2)
    with pytest.raises(ModelUnavailable, match=r"empty reply|without an answer"):
        await ask(empty)


async def test_white_space_before_a_reply_is_kept() -> None:
    assert (await ask(stream(chunk({"content": " "}), chunk({"content": "\n x"}), END)))[0].content == " \n x"
