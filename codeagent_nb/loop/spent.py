"""What tasks have used, as a fold over events. Knows no budget. Pure.

Of a session it is a fold over the whole log, so that one that is gone on with does not begin again with nothing.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from codeagent_nb import events
from codeagent_nb.events import AgentEvent
from kernel_executor import Append, Output


@dataclass(frozen=True, slots=True, kw_only=True)
class Spent:
    """What was used.

    Args:
        tokens: Of prompts and replies; an estimate where the server did not tell.
        cost: US dollars, without the replies whose price is not known.
        unpriced: How many those are.
        seconds: That the model wrote and code ran.
        executions: Times that code was run.
        output_bytes: Bytes of what it showed.
        attempt: The number of the last one that ran in this run.
    """

    tokens: int = 0
    cost: float = 0.0
    unpriced: int = 0
    seconds: float = 0.0
    executions: int = 0
    output_bytes: int = 0
    attempt: int | None = None

    def plus(self, event: AgentEvent) -> "Spent":
        """Return what was used with one event more."""
        match event:
            case events.RunStartedEvent() | events.GivenCodeFinishedEvent():
                return replace(self, attempt=None)
            case events.ModelReplyEvent():
                return self._with_reply(event)
            case events.BlockStartedEvent(retry_attempt=attempt) if attempt != self.attempt:
                return replace(self, attempt=attempt, executions=self.executions + 1)
            case events.BlockFinishedEvent(result=result):
                size = sum(map(output_size, result.outputs))
                return replace(self, seconds=self.seconds + result.duration, output_bytes=self.output_bytes + size)
            case events.LateOutputEvent(change=Append(output=output)):
                return replace(self, output_bytes=self.output_bytes + output_size(output))
        return self

    def _with_reply(self, event: events.ModelReplyEvent) -> "Spent":
        usage = event.estimate or event.usage
        return replace(
            self,
            tokens=self.tokens + usage.prompt_tokens + usage.completion_tokens,
            cost=self.cost + (event.cost or 0.0),
            unpriced=self.unpriced + (event.cost is None),
            seconds=self.seconds + event.duration,
        )


def spent(log: Iterable[AgentEvent]) -> Spent:
    """Return what was used in all that happened, that which was taken back included: it has cost as much."""
    used = Spent()
    for event in log:
        used = used.plus(event)
    return used


def of_last_run(log: Sequence[AgentEvent]) -> Sequence[AgentEvent]:
    """Return what happened since the last run began."""
    began = (at for at in range(len(log) - 1, -1, -1) if isinstance(log[at], events.RunStartedEvent))
    return log[next(began, 0) :]


def output_size(output: Output) -> int:
    """Return the bytes of an output: of its text, or of all its representations."""
    match output["output_type"]:
        case "stream":
            return _size(output["text"])
        case "error":
            return _size(output["traceback"])
    return sum(map(_size, output["data"].values()))


def _size(value: Any) -> int:
    text = value if isinstance(value, str) else "".join(map(str, value)) if isinstance(value, list) else str(value)
    return len(text.encode(errors="surrogatepass"))
