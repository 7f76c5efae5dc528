"""What is said to a language model and what comes back, under AutoGen's names. Knows no vendor and no agent."""

from collections.abc import AsyncGenerator, Mapping, Sequence
from typing import Annotated, Any, Literal, Protocol, TypedDict, runtime_checkable

from pydantic import BaseModel, ConfigDict, Field, SerializerFunctionWrapHandler, model_serializer

FinishReason = Literal["stop", "length", "function_calls", "content_filter", "unknown"]


class _Frozen(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class SystemMessage(_Frozen):
    """Instructions of the developer to the model."""

    type: Literal["SystemMessage"] = "SystemMessage"
    content: str


HERE = "this machine"
"""Where a model is that no network is needed for."""

CODE_RUNNER = "code runner"
"""The source of what is told about code that was to run. No agent can have this name: it is no identifier."""

ImageType = Literal["image/png", "image/jpeg"]


class Image(_Frozen):
    """A picture, in base64."""

    mime: ImageType
    data: str


class UserMessage(_Frozen):
    """Something the user, another agent, or the executed code, said.

    Args:
        content: The text; it stands for itself, also for a model that cannot see.
        source: Who said it.
        images: Pictures that come with the text, in order. AutoGen mixes them into `content`; apart from it, whoever
            only reads need not know of them.
    """

    type: Literal["UserMessage"] = "UserMessage"
    content: str
    source: str = "user"
    images: tuple[Image, ...] = ()

    @model_serializer(mode="wrap")
    def _as_autogen_writes_it(self, write: SerializerFunctionWrapHandler) -> dict[str, Any]:
        written: dict[str, Any] = write(self)
        if not self.images:
            written.pop("images", None)
        return written


class AssistantMessage(_Frozen):
    """An earlier reply of the model."""

    type: Literal["AssistantMessage"] = "AssistantMessage"
    content: str
    thought: str | None = None
    source: str = "assistant"


LLMMessage = Annotated[SystemMessage | UserMessage | AssistantMessage, Field(discriminator="type")]


class RequestUsage(_Frozen):
    """Tokens of one call, or of several added up."""

    prompt_tokens: int = 0
    completion_tokens: int = 0

    def __add__(self, other: "RequestUsage") -> "RequestUsage":
        return RequestUsage(
            prompt_tokens=self.prompt_tokens + other.prompt_tokens,
            completion_tokens=self.completion_tokens + other.completion_tokens,
        )


class CreateResult(_Frozen):
    """A whole reply.

    Args:
        finish_reason: Why the model stopped; `length` means the reply is cut off.
        content: The text.
        usage: Tokens of this call; zeros where the server did not tell.
        cached: True if no model was asked.
        thought: Reasoning that the server sent apart from the content.
    """

    finish_reason: FinishReason = "stop"
    content: str
    usage: RequestUsage = RequestUsage()
    cached: bool = False
    thought: str | None = None


class ModelInfo(TypedDict, total=False):
    """What a model can do; absent means no."""

    vision: bool
    function_calling: bool
    json_output: bool
    structured_output: bool
    family: str


@runtime_checkable
class ChatCompletionClient(Protocol):
    """The only port to a model: a stream (design D3). A model that cannot stream yields one chunk."""

    @property
    def model_info(self) -> ModelInfo:
        """What the model can do."""
        ...

    def create_stream(
        self,
        messages: Sequence[LLMMessage],
        *,
        json_output: type[BaseModel] | None = None,
        extra_create_args: Mapping[str, Any] | None = None,
    ) -> AsyncGenerator[str | CreateResult, None]:
        """Yield pieces of text as they come, then exactly one `CreateResult`, last.

        Args:
            messages: The prompt.
            json_output: Ask for JSON of this model's schema.
            extra_create_args: Further arguments of the vendor's call, e.g. `temperature`.

        Raises:
            ModelError: The model could not be reached or broke off.
        """
        ...

    async def close(self) -> None:
        """Release connections and child processes; may be called twice."""
        ...


@runtime_checkable
class PricedClient(Protocol):
    """A client that knows what its calls cost."""

    def cost(self, usage: RequestUsage) -> float | None:
        """Return what a call costs, in US dollars; 0 on this machine, None if it is not known."""
        ...


def host_of_model(client: object) -> str:
    """Return where a model is: the host of its server, `HERE`, or, of a client that does not say, its type's name."""
    return str(getattr(client, "host", "") or type(client).__name__)
