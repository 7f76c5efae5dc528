"""`RoundRobinGroupChat`: participants speak in turn until a condition is met.

Owns who has yet to hear what and whose turn it is. Knows participants by their port only.
"""

import asyncio
from collections.abc import AsyncGenerator, Mapping, Sequence
from contextlib import aclosing
from dataclasses import dataclass, field
from functools import partial
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict

from codeagent_nb.agentchat.participants import ChatAgent, Stateful, Task, known_to_autogen, messages_of
from codeagent_nb.agentchat.terminations import StopMessage, TerminationCondition
from codeagent_nb.errors import AgentError
from codeagent_nb.events import AgentEvent, ChatMessage
from codeagent_nb.init_arguments import remembers_arguments
from codeagent_nb.loop.one_run import OneAtATime, Record, Tell, untold
from codeagent_nb.loop.results import Response, TaskResult
from kernel_executor import CancellationToken
from kernel_executor.aio.tasks import started, streamed


class ParticipantState(BaseModel):
    """What one participant remembers, and what it has yet to hear."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    agent_state: dict[str, Any] = {}
    message_buffer: tuple[ChatMessage, ...] = ()


class TeamState(BaseModel):
    """A team between two runs."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    type: Literal["TeamState"] = "TeamState"
    version: Literal["1.0.0"] = "1.0.0"
    agent_states: dict[str, ParticipantState]
    next_speaker_index: int


@dataclass(slots=True)
class _Seat:
    agent: ChatAgent
    unheard: list[ChatMessage] = field(default_factory=list)


class RoundRobinGroupChat:
    """A team whose participants answer one after the other; each hears what the others have said since its last turn.

    Runs without a condition and without `max_turns` end only when they are cancelled.

    Args:
        participants: Who takes part, in the order of their turns.
        name: The team's name.
        description: What it is for.
        termination_condition: Ends a run; it is reset when a run begins.
        max_turns: Ends a run after so many answers.
    """

    DEFAULT_NAME = "RoundRobinGroupChat"
    DEFAULT_DESCRIPTION = "A team of agents."

    @remembers_arguments
    def __init__(
        self,
        participants: Sequence[ChatAgent],
        *,
        name: str | None = None,
        description: str | None = None,
        termination_condition: TerminationCondition | None = None,
        max_turns: int | None = None,
    ) -> None:
        if not participants:
            raise ValueError("At least one participant is required.")
        if len({participant.name for participant in participants}) < len(participants):
            raise ValueError("The participant names must be unique.")
        if max_turns is not None and max_turns < 1:
            raise ValueError("The maximum number of turns must be greater than 0.")
        self.name = name or self.DEFAULT_NAME
        self.description = description or self.DEFAULT_DESCRIPTION
        self._seats = [_Seat(participant) for participant in participants]
        self._condition = termination_condition
        self._max_turns = max_turns
        self._next = 0
        self._one = OneAtATime(f"team {self.name!r}")

    async def run(self, *, task: Task = None, cancellation_token: CancellationToken | None = None) -> TaskResult:
        """Run the participants in turn until the run ends; the next run continues with the next speaker.

        Args:
            task: What it is about; None goes on.
            cancellation_token: Cancels the run, as cancelling the task does: whoever speaks is stopped, and has its
                turn again in the next run.

        Returns:
            Everything that was said and happened, and why it ended.

        Raises:
            AgentError: The team is working already, or a participant failed.
            CancelledError: The run was cancelled.
        """
        return await started(self._run(task, cancellation_token, untold), cancellation_token)

    def run_stream(
        self, *, task: Task = None, cancellation_token: CancellationToken | None = None
    ) -> AsyncGenerator[AgentEvent | TaskResult, None]:
        """Do the same; yield everything as it happens and the `TaskResult` last. Closing the generator cancels."""
        return streamed(partial(self._run, task, cancellation_token), cancellation_token)

    async def reset(self) -> None:
        """Make participants and team forget everything.

        Raises:
            AgentError: The team is working.
        """
        with self._one.work():
            for seat in self._seats:
                await seat.agent.on_reset(CancellationToken())
                seat.unheard.clear()
            self._next = 0

    async def save_state(self) -> Mapping[str, Any]:
        """Return a JSON-able dict that a team of the same participants can go on from.

        Raises:
            AgentError: The team is working.
        """
        with self._one.work():
            states = {seat.agent.name: await _state_of(seat) for seat in self._seats}
        return TeamState(agent_states=states, next_speaker_index=self._next).model_dump(mode="json")

    async def load_state(self, state: Mapping[str, Any]) -> None:
        """Go on from a saved state.

        Raises:
            ValueError: It is no such state, or one of other participants.
            AgentError: The team is working.
        """
        saved = TeamState.model_validate(state)
        names = [seat.agent.name for seat in self._seats]
        if sorted(saved.agent_states) != sorted(names) or saved.next_speaker_index not in range(len(names)):
            raise ValueError(f"the state is of a team of {sorted(saved.agent_states)}, this is one of {sorted(names)}")
        with self._one.work():
            for seat in self._seats:
                await _take_up(seat, saved.agent_states[seat.agent.name])
            self._next = saved.next_speaker_index

    async def _run(self, task: Task, cancellation_token: CancellationToken | None, tell: Tell) -> TaskResult:
        messages = messages_of(task)
        record = Record(tell)
        with self._one.work():
            stop = await self._converse(messages, cancellation_token or CancellationToken(), record.tell)
        return TaskResult(messages=record.events, stop_reason=stop.content)

    async def _converse(
        self, task: Sequence[ChatMessage], cancellation_token: CancellationToken, tell: Tell
    ) -> StopMessage:
        if self._condition:
            await self._condition.reset()
        for message in task:
            tell(message)
        self._spread(task)
        turns = 0
        stop = await self._stop(task, turns) if task else None
        while stop is None:
            await asyncio.sleep(0)  # participants that wait for nothing would keep everybody else from running
            answer = await self._turn(self._seats[self._next], cancellation_token, tell)
            turns += 1
            stop = await self._stop(answer, turns)
        return stop

    async def _turn(self, seat: _Seat, cancellation_token: CancellationToken, tell: Tell) -> Sequence[AgentEvent]:
        response = await _answer(seat, cancellation_token, tell)
        # Only now, so that one who was cancelled or failed hears it, and speaks, in the next run.
        seat.unheard.clear()
        self._next = (self._next + 1) % len(self._seats)
        self._spread([response.chat_message], speaker=seat)
        return [*response.inner_messages, response.chat_message]

    def _spread(self, messages: Sequence[ChatMessage], speaker: _Seat | None = None) -> None:
        for seat in self._seats:
            if seat is not speaker:
                seat.unheard.extend(messages)

    async def _stop(self, news: Sequence[AgentEvent], turns: int) -> StopMessage | None:
        if self._condition and (stop := await self._condition([event for event in news if known_to_autogen(event)])):
            return stop
        if self._max_turns is not None and turns >= self._max_turns:
            return StopMessage(content=f"Maximum number of turns {self._max_turns} reached.", source=self.name)
        return None


async def _answer(seat: _Seat, cancellation_token: CancellationToken, tell: Tell) -> Response:
    response = None
    # aclosing: however this ends, what the participant began has ended before
    async with aclosing(seat.agent.on_messages_stream(tuple(seat.unheard), cancellation_token)) as stream:
        async for item in stream:
            if isinstance(item, Response):
                response = item
            else:
                tell(item)
    if response is None:
        raise AgentError(f"agent {seat.agent.name!r} gave no Response: its on_messages_stream must yield one, last")
    tell(response.chat_message)
    return response


async def _state_of(seat: _Seat) -> ParticipantState:
    state = await seat.agent.save_state() if isinstance(seat.agent, Stateful) else {}
    return ParticipantState(agent_state=dict(state), message_buffer=tuple(seat.unheard))


async def _take_up(seat: _Seat, saved: ParticipantState) -> None:
    if isinstance(seat.agent, Stateful):
        await seat.agent.load_state(saved.agent_state)
    elif saved.agent_state:
        raise ValueError(f"agent {seat.agent.name!r} has no load_state, and the state holds something for it")
    seat.unheard[:] = saved.message_buffer
