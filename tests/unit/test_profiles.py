"""How a model is worked with, by what it says of itself."""

from typing import Any

import pytest

from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.embedded.client import LocalChatCompletionClient
from codeagent_nb.models.profiles import ONE_STEP, STEP_BY_STEP, profile_of
from codeagent_nb.models.replay import ReplayChatCompletionClient

SMALL = (
    *(
        "qwen2.5-coder-1.5b-instruct",
        "Qwen/Qwen2.5-7B-Instruct",
        "llama3.2:3b",
        "llama-3.1-8b-instant",
        "gemma-2-9b-it",
    ),
    *(
        "qwen3:0.6b",
        "phi-3-mini",
        "tinyllama",
        "smollm2",
        "qwen2.5-coder:7b-q4_K_M",
        "",
        "unknown",
        "replay",
        "llama3.2",
    ),
    *("llama3.1:latest", "qwen2.5-coder:latest", "mistral", "gemma3", "phi4-mini", "deepseek-coder", "deepseek-r1"),
    *("gemma3:270m", "lfm2-350m", "gemma3n:e4b", "microsoft/Phi-3.5-mini-instruct", "gpt2", "qwen2.5_7b_instruct"),
    *("default", "model", "local", "gemini-nano", "gpt-3.5b-distilled"),
)
LARGE = (
    *(
        "gpt-4o",
        "gpt-5",
        "gpt-5.1-codex",
        "gpt-4.1-mini",
        "gpt-4-turbo",
        "gpt-3.5-turbo",
        "o3",
        "o4-mini",
        "gpt-oss:120b",
    ),
    *("claude-sonnet-4-5", "anthropic/claude-3.5-haiku", "gemini-2.5-pro", "models/gemini-2.5-flash", "grok-4"),
    *("qwen2.5-coder-32b-instruct", "llama-3.3-70b-versatile", "mixtral-8x7b", "deepseek-v3", "deepseek-chat"),
    *("gpt-4o-2024-08-06", "qwen3-235b-a22b", "mistral-large-latest", "azure/gpt-4o", "kimi-k2", "qwen3:30b-a3b"),
)


@pytest.mark.parametrize("family", SMALL)
def test_small_and_unknown_models_take_one_step(family: str) -> None:
    assert profile_of({"family": family}) == ONE_STEP


@pytest.mark.parametrize("family", LARGE)
def test_large_models_go_step_by_step(family: str) -> None:
    assert profile_of({"family": family}) == STEP_BY_STEP


def test_the_embedded_model_takes_one_step() -> None:
    assert profile_of(LocalChatCompletionClient().model_info) == ONE_STEP


def test_nothing_said_is_one_step() -> None:
    assert profile_of({}) == ONE_STEP


@pytest.mark.parametrize(("settings", "steps"), [({}, 12), ({"max_steps": 3}, 3)])
def test_what_the_user_says_wins(settings: dict[str, Any], steps: int) -> None:
    model = ReplayChatCompletionClient([], model_info={"family": "gpt-5"})
    assert RunSettings(model=model, **settings).steps == steps


def test_no_step_at_all_is_refused() -> None:
    with pytest.raises(ValueError, match="max_steps must be 1 or more, not 0"):
        RunSettings(model=None, max_steps=0)
