"""Records calls of a model in a file, and replays them without the model. Knows no vendor, no network and no agent.

A call is known again by its canonical request: messages, schema and arguments, without addresses and temporary names,
which change from run to run. Keys and headers are in no request: they are left out, whatever they are named.
"""

import asyncio
import difflib
import hashlib
import json
import re
from collections.abc import AsyncGenerator, Mapping, Sequence
from pathlib import Path
from typing import Any, cast

from pydantic import BaseModel, ConfigDict, ValidationError

from codeagent_nb.errors import PromptChanged, ReplayScriptError
from codeagent_nb.models.prices import price_of
from codeagent_nb.models.replay import in_words
from codeagent_nb.models.types import (
    HERE,
    ChatCompletionClient,
    CreateResult,
    LLMMessage,
    ModelInfo,
    RequestUsage,
    host_of_model,
)
from codeagent_nb.volatile import settled
from kernel_executor.folders.safe_files import folder_of
from kernel_executor.secret_names import names_secret
from kernel_executor.text import encodable

FORMAT = 1

HEADER = re.compile(r"header|cookie|auth|bearer|credential|^(?:client|http_client|user)$", re.IGNORECASE)
"""Arguments that say who asks, not what."""

DIFFERENCE_LINES = 40


class _Call(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    key: str
    request: dict[str, Any]
    result: CreateResult


class _Cassette(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")

    format: int = FORMAT
    model_info: dict[str, bool | str] = {}
    calls: tuple[_Call, ...] = ()


class RecordingChatCompletionClient:
    """Ask a model, and keep each call in a file that `CassetteChatCompletionClient` replays.

    Args:
        client: The model.
        path: The file; it is written after each call, and one that is there is replaced.
    """

    def __init__(self, client: ChatCompletionClient, path: str | Path) -> None:
        self._client = client
        self._path = Path(path)
        self._calls: list[_Call] = []

    @property
    def model_info(self) -> ModelInfo:
        """Return what the model can do."""
        return self._client.model_info

    @property
    def host(self) -> str:
        """Where prompts are sent."""
        return host_of_model(self._client)

    def cost(self, usage: RequestUsage) -> float | None:
        """Return what the model's call costs, in US dollars; None if that is not known."""
        cost = price_of(self._client)
        return cost(usage) if cost else None

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        json_output: type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield what the model does; a reply that is whole is recorded.

        Args:
            messages: The prompt.
            json_output: As for the model.
            extra_create_args: As for the model; keys and headers among them are not recorded.

        Raises:
            ModelError: The model could not be reached or broke off.
        """
        request = canonical_request(messages, json_output, extra_create_args)
        stream = self._client.create_stream(messages, json_output=json_output, extra_create_args=extra_create_args)
        try:
            async for piece in stream:
                if isinstance(piece, CreateResult):
                    self._keep(_Call(key=key_of(request), request=request, result=piece))
                yield piece
        finally:
            await stream.aclose()

    def _keep(self, call: _Call) -> None:
        self._calls.append(call)
        info = cast("dict[str, bool | str]", self.model_info)
        cassette = _Cassette(model_info=dict(info), calls=tuple(self._calls))
        text = json.dumps(encodable(cassette.model_dump(mode="json")), ensure_ascii=False, indent=1)
        with folder_of(self._path) as folder:
            folder.replace(self._path.name, f"{text}\n".encode())

    async def close(self) -> None:
        """Release the model."""
        await self._client.close()


class CassetteChatCompletionClient:
    """Replay recorded calls, each as often as it was recorded, in the order of the recording.

    Args:
        path: The file of a `RecordingChatCompletionClient`.

    Raises:
        ReplayScriptError: There is no such file, or it is no recording.
    """

    def __init__(self, path: str | Path) -> None:
        self._path = Path(path)
        self._cassette = _read(self._path)
        self._left = list(self._cassette.calls)

    @property
    def model_info(self) -> ModelInfo:
        """Return what the model could do that was recorded."""
        return cast("ModelInfo", self._cassette.model_info)

    @property
    def host(self) -> str:
        """Where prompts are sent: nowhere."""
        return HERE

    async def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        json_output: type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield the recorded reply to this request in words, then its `CreateResult`.

        Args:
            messages: The prompt.
            json_output: As it was recorded.
            extra_create_args: As they were recorded; keys and headers do not matter.

        Raises:
            PromptChanged: This request was not recorded, or not so often; the message shows how it differs.
        """
        request = canonical_request(messages, json_output, extra_create_args)
        key = key_of(request)
        call = next((call for call in self._left if call.key == key), None)
        if call is None:
            raise PromptChanged(self._explained(request))
        self._left.remove(call)
        await asyncio.sleep(0)
        for word in in_words(call.result.content):
            yield word
        yield call.result

    def _explained(self, request: Mapping[str, Any]) -> str:
        said = f"the cassette {str(self._path)!r} has no reply to this request"
        if not self._left:
            number = len(self._cassette.calls)
            return f"{said}: all of its {number} calls have been replayed. Record it again"
        return f"{said}. From the next recorded request it differs so:\n{difference(self._left[0].request, request)}"

    def assert_exhausted(self) -> None:
        """Check that every recorded call was asked for.

        Raises:
            ReplayScriptError: Some were not.
        """
        if self._left:
            raise ReplayScriptError(
                f"{len(self._left)} of {len(self._cassette.calls)} calls in {str(self._path)!r} were not asked for"
            )

    async def close(self) -> None:
        """Do nothing: there is nothing to release."""


def canonical_request(
    messages: Sequence[LLMMessage],
    json_output: type[BaseModel] | None = None,
    extra_create_args: Mapping[str, Any] | None = None,
) -> dict[str, Any]:
    """Return a request as JSON that is the same whenever the same is asked, without keys and headers.

    Args:
        messages: The prompt.
        json_output: The schema that was asked for.
        extra_create_args: Further arguments.
    """
    arguments = {
        name: _plain(value)
        for name, value in sorted((extra_create_args or {}).items())
        if not (names_secret(name) or HEADER.search(name))
    }
    return {
        "messages": [_message(message) for message in messages],
        "json_output": json_output.model_json_schema() if json_output else None,
        "arguments": arguments,
    }


def _message(message: LLMMessage) -> dict[str, Any]:
    written = message.model_dump(mode="json", exclude_none=True)
    if images := written.get("images"):
        written["images"] = [{"mime": image["mime"], "sha256": _digest(image["data"])} for image in images]
    return {name: settled(value) if isinstance(value, str) else value for name, value in encodable(written).items()}


def _plain(value: Any) -> Any:
    """Return an argument as JSON, without what says who asks."""
    match value:
        case dict():
            return {
                str(name): _plain(inner)
                for name, inner in value.items()
                if not (names_secret(str(name)) or HEADER.search(str(name)))
            }
        case list() | tuple():
            return [_plain(inner) for inner in value]
        case None | bool() | int() | float() | str():
            return value
    return type(value).__name__  # an object's `repr` may hold anything


def key_of(request: Mapping[str, Any]) -> str:
    """Return the digest by which a request is known again."""
    return _digest(json.dumps(request, sort_keys=True, ensure_ascii=True))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()


def difference(recorded: Mapping[str, Any], asked: Mapping[str, Any]) -> str:
    """Return in lines how a request differs from a recorded one: `-` was recorded, `+` is asked now."""
    lines = list(difflib.unified_diff(_as_lines(recorded), _as_lines(asked), "recorded", "asked now", lineterm="", n=1))
    more = len(lines) - DIFFERENCE_LINES
    return "\n".join([*lines[:DIFFERENCE_LINES], *([f"... {more} lines more"] if more > 0 else [])])


def _as_lines(request: Mapping[str, Any]) -> list[str]:
    lines: list[str] = []
    for number, message in enumerate(request.get("messages", []), start=1):
        lines.append(f"[{number}. {message.get('type')} of {message.get('source', 'the developer')}]")
        lines += str(message.get("content", "")).splitlines()
        lines += [f"[picture {image['sha256'][:12]}]" for image in message.get("images", [])]
    rest = {name: value for name, value in request.items() if name != "messages" and value}
    return lines + (json.dumps(rest, indent=1, sort_keys=True).splitlines() if rest else [])


def _read(path: Path) -> _Cassette:
    try:
        cassette = _Cassette.model_validate_json(path.read_bytes())
    except OSError as error:
        raise ReplayScriptError(f"cannot read the cassette {str(path)!r}: {error.strerror or error}") from error
    except ValidationError as error:
        raise ReplayScriptError(f"{str(path)!r} is not a cassette of recorded calls: record it again") from error
    if cassette.format != FORMAT:
        raise ReplayScriptError(f"{str(path)!r} is of format {cassette.format}; this version reads {FORMAT}")
    return cassette
