"""Owns the replay of scripted replies, for tests and demos. Knows no model, no network and no agent."""

import asyncio
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel

from codeagent_nb.errors import ReplayScriptError
from codeagent_nb.models.types import HERE, CreateResult, LLMMessage, ModelInfo, RequestUsage

__all__ = ["CreateCall", "ReplayChatCompletionClient"]

Reply = str | CreateResult | BaseException
_INFO: ModelInfo = {"json_output": True, "structured_output": True, "family": "replay"}
_WORD = re.compile(r"\s*\S+\s*|\s+")
_QUOTE = 200  # characters


@dataclass(frozen=True, slots=True)
class CreateCall:
    """One call that was made.

    Args:
        messages: The prompt.
        json_output: The shape that was asked for.
        extra_create_args: Further arguments.
    """

    messages: tuple[LLMMessage, ...]
    json_output: type[BaseModel] | None
    extra_create_args: Mapping[str, Any]


class ReplayChatCompletionClient:
    """Return scripted replies, one per call, in order, word by word.

    Args:
        replies: Texts, whole results, or exceptions to raise at that call.
        model_info: What the model pretends to be able to do; structured output by default.
        chunk_delay: Seconds before each chunk.
    """

    def __init__(
        self, replies: Sequence[Reply], *, model_info: ModelInfo | None = None, chunk_delay: float = 0.0
    ) -> None:
        self._replies = tuple(replies)
        self._calls: list[CreateCall] = []
        self._info: ModelInfo = _INFO if model_info is None else model_info
        self._delay = chunk_delay

    @property
    def model_info(self) -> ModelInfo:
        """Return what the model claims to be able to do."""
        return self._info

    @property
    def host(self) -> str:
        """Where prompts are sent: nowhere."""
        return HERE

    @property
    def create_calls(self) -> tuple[CreateCall, ...]:
        """List the calls made so far."""
        return tuple(self._calls)

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        json_output: type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield the next scripted reply in words, then its `CreateResult`.

        Args:
            messages: The prompt; recorded.
            json_output: Recorded; the script must hold fitting JSON.
            extra_create_args: Recorded.

        Raises:
            ReplayScriptError: The script is used up.
        """
        self._calls.append(CreateCall(tuple(messages), json_output, MappingProxyType(dict(extra_create_args or {}))))
        result = _as_result(self._next_reply(messages), messages)
        await asyncio.sleep(0)
        for word in in_words(result.content):
            if self._delay:
                await asyncio.sleep(self._delay)
            yield word
        yield result

    def assert_exhausted(self) -> None:
        """Check that every reply was asked for.

        Raises:
            ReplayScriptError: Some were not.
        """
        left = self._replies[len(self._calls) :]
        if left:
            raise ReplayScriptError(
                f"{len(left)} of {len(self._replies)} scripted replies were not asked for; the next one is "
                f"{_quote(left[0])}"
            )

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""

    def _next_reply(self, messages: Sequence[LLMMessage]) -> str | CreateResult:
        number = len(self._calls)
        if number > len(self._replies):
            last = _quote(messages[-1].content) if messages else "none"
            raise ReplayScriptError(
                f"Call {number} finds no reply: the script has {len(self._replies)}. Last message: {last}"
            )
        reply = self._replies[number - 1]
        if isinstance(reply, BaseException):
            raise reply
        return reply


def in_words(text: str) -> list[str]:
    """Return a text in the pieces that a model would stream."""
    return _WORD.findall(text)


def _as_result(reply: str | CreateResult, messages: Sequence[LLMMessage]) -> CreateResult:
    if isinstance(reply, CreateResult):
        return reply
    words = sum(len(message.content.split()) for message in messages)
    return CreateResult(content=reply, usage=RequestUsage(prompt_tokens=words, completion_tokens=len(reply.split())))


def _quote(reply: object) -> str:
    text = reply.content if isinstance(reply, CreateResult) else reply
    quoted = repr(text)
    return quoted if len(quoted) <= _QUOTE else f"{quoted[:_QUOTE]}..."
