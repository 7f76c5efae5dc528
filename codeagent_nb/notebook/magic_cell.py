"""One `%%agent` cell from its first line to its last: buttons, displays, cells, stop, how it fails."""

import asyncio
import uuid
from collections.abc import Awaitable, Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import TypeVar

from codeagent_nb.approval import ApprovalFunc, ApprovalRequest, ApprovalResponse, ask_for_approval, refuse_unattended
from codeagent_nb.errors import AgentError
from codeagent_nb.events import RunFinishedEvent
from codeagent_nb.log.event_log import View
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.loop.results import TaskResult
from codeagent_nb.notebook.arguments import Keep
from codeagent_nb.notebook.bring_buttons import Bring, BringButtons
from codeagent_nb.notebook.bringing_home import OF_ANOTHER, Brought, Home, bring_home
from codeagent_nb.notebook.cells.approving import asking_for_cells
from codeagent_nb.notebook.cells.begin import Begin, Writing, last_good_code
from codeagent_nb.notebook.errors import AgentFailed, CellError, Stopped
from codeagent_nb.notebook.live_output import CellView, DisplayPublisher, Story
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.panel.input_line import InputLine, ask_in_the_input_line
from codeagent_nb.notebook.panel.kernel_view import KernelView
from codeagent_nb.notebook.panel.widget_controls import Controls
from codeagent_nb.notebook.recorded_outputs import RecordedOutputs
from codeagent_nb.notebook.setup.card import Cards
from codeagent_nb.notebook.setup.preparation import Surface
from codeagent_nb.notebook.tasks import Place, Task
from codeagent_nb.projections.cell_output import CellStory, CellSummary, error_bundle
from codeagent_nb.session.session import Session
from codeagent_nb.statuses import RUN_ENDS
from kernel_executor import KernelExecutorError
from kernel_executor.aio.tasks import ended, uninterrupted

Result = TypeVar("Result")

SAVED = "All of it is saved as it happens: session {name}"
"""Said first where the page is not ours: loaded again, it shows no more than Jupyter has saved of the cell."""

TICK = 0.1
"""Seconds. The kernel's interrupt does not wake its loop: without something that does, it came 5 to 19 s late."""


@dataclass(frozen=True, slots=True)
class CellRun:
    """A cell that is being run.

    Args:
        agent: Who solves its task.
        publisher: Where it draws, and what it has drawn.
        place: Where a new session works.
        keep: What stays under the cell.
        buttons: True to show them.
        begin: Begins to write cells.
        set_next_input: Puts code into the next cell, where no cells can be written; None in the background, where the
            cell has ended by then.
        complete: Completes the task before it begins, by asking for what it lacks.
        home: The notebook's variables, to which those are added that are brought home.
    """

    agent: NotebookAgent
    publisher: RecordedOutputs
    place: Place
    keep: Keep
    buttons: bool
    begin: Begin
    set_next_input: Callable[[str], None] | None
    complete: Callable[[Task, Place, Surface], Awaitable[tuple[Task, Place]]]
    home: Home

    async def solve(self, task: Task) -> None:
        """Solve a task under the cell, and in cells below it.

        Raises:
            Stopped: It was stopped.
            AgentFailed: It failed; what is known of it stands under the cell.
        """
        try:
            await self._solve(task)
        except CellError as error:
            self.publisher.fail(error)
            raise
        finally:
            self.publisher.is_over = True

    async def _solve(self, task: Task) -> None:
        strip = Strip(self.publisher, self.agent) if self.buttons else None
        writing = Writing()
        shown: list[CellView] = []
        ask = asking_below(shown, strip.controls.ask if strip else task.settings.ask or refuse_unattended)
        ask = asking_for_cells(lambda: writing.writer, ask, strip.controls.show_edited if strip else None)
        task = replace(task, settings=replace(task.settings, ask=ask))
        surface = Surface(self._say, strip.cards if strip else None, ask_token=ask_in_the_input_line)
        buttons = BringButtons(self.publisher, task.results)

        def views(session: Session) -> Sequence[View]:
            shown.append(self._view(session, writing))
            of_run: list[View] = [*shown, buttons, *([strip.controls] if strip else [])]
            if writing.writer and writing.page:
                of_run += [writing.writer, self.agent.written.task(writing.page)]
            return of_run

        async def run() -> TaskResult:
            nonlocal writing
            writing = await self.begin()
            if writing.page:
                self.agent.written.tell(writing.page, self.publisher)
            return await self.agent.solve(
                task, self.place, views=views, prepare=lambda task, place: self.complete(task, place, surface)
            )

        try:
            result = await attended(asyncio.ensure_future(run()), self.agent.secrets)
            if writing.why_not and self.set_next_input and (code := last_good_code(result.messages)):
                self.set_next_input(code)
            judge(result)
        finally:
            for view in shown:
                view.finish(redraw=self.keep == "final")
            if strip:
                strip.close()
            await self._finish(writing)
        if task.results:
            self._say((await attended(asyncio.ensure_future(self._bring(*task.results)), self.agent.secrets)).text)
        if strip:
            buttons.show(self.agent.watch, self.bringing())

    async def _bring(self, *names: str) -> Brought:
        return await bring_home(self.agent, self.home, [(name, name) for name in names])

    def bringing(self) -> Bring:
        """Return what brings variables of the session of now: another one may have others of the same names."""
        session = self.agent.session

        async def bring(name: str) -> Brought:
            if self.agent.session is not session:
                return Brought(stayed=(OF_ANOTHER.format(name=name),))
            return await self._bring(name)

        return bring

    def _view(self, session: Session, writing: Writing) -> CellView:
        if self.buttons and writing.page is None:
            self._say(SAVED.format(name=session.name))
        return CellView(self.publisher, self._story(session, writing))

    def _story(self, session: Session, writing: Writing) -> Story:
        story = CellStory(session.name)
        return CellSummary(story) if writing.writer else story

    async def _finish(self, writing: Writing) -> None:
        session = self.agent.session
        saved_as = f"session {session.name}" if session else "no session"
        for note in await writing.finish(saved_as):
            self._say(note)
        if writing.why_not:
            next_cell = "code that succeeded goes into the next cell, " if self.set_next_input else ""
            self._say(f"{writing.why_not}: {next_cell}all of it is in {saved_as}.")

    def _say(self, text: str) -> None:
        self.publisher.publish({"text/plain": text}, {})

    async def solve_in_background(self, task: Task) -> None:
        """Solve a task while other cells run; a failure is shown under the cell that began it."""
        try:
            await self._solve(task)
        except Exception as error:  # noqa: BLE001 - there is no cell left that could fail with it
            data, metadata = error_bundle(self.agent.secrets.text(f"{type(error).__name__}: {error}"))
            self.publisher.publish(data, metadata)
        finally:
            self.publisher.is_over = True
            task.ready.set()  # also where it was refused: the cell waits for this


def asking_below(views: Sequence[CellView], ask: ApprovalFunc) -> ApprovalFunc:
    """Return a way to ask that first draws what led to the question: a model may be faster than the next drawing."""

    async def asked(request: ApprovalRequest) -> ApprovalResponse:
        for view in views:
            view.draw_now()
        return await ask_for_approval(ask, request)

    return asked


class Strip:
    """The line with a Stop button under a cell, as long as it runs."""

    def __init__(self, publisher: DisplayPublisher, agent: NotebookAgent) -> None:
        self._publisher = publisher
        self._display = {"display_id": uuid.uuid4().hex}
        from codeagent_nb.notebook.panel.widget import AgentWidget  # anywidget takes its time

        self._widget = AgentWidget(mode="cell", state="thinking", status="")
        kernel = KernelView(agent, self._widget)
        self.controls = Controls(
            self._widget, stop=agent.stop, without_widget=InputLine(publisher), others=kernel.handle
        )
        self.cards = Cards(self._widget, self.controls.is_shown)
        data, metadata = self._widget._repr_mimebundle_()
        publisher.publish(data, metadata, transient=self._display)

    def close(self) -> None:
        """Take the line away: a saved notebook is to be read, not to be clicked."""
        self.controls.close()
        self._publisher.publish({}, {}, transient=self._display, update=True)
        self._widget.close()


async def attended(run: "asyncio.Task[Result]", secrets: Secrets) -> Result:
    """Wait for a run; if the cell is interrupted, stop the run and wait until it has stopped.

    Raises:
        Stopped: By the kernel's interrupt, or by the button.
        AgentFailed: The machinery failed.
    """
    ticker = asyncio.ensure_future(_tick())
    try:
        await asyncio.wait({run})
    except asyncio.CancelledError:  # so the kernel interrupts a cell that awaits
        run.cancel()
        with suppress(asyncio.CancelledError):  # a second interrupt
            await uninterrupted(ended(run))
    finally:
        ticker.cancel()
    if run.cancelled():
        raise Stopped("the agent was stopped, and with it any code that was running")
    error = run.exception()
    if isinstance(error, AgentError | KernelExecutorError):
        # A server may quote the key that it does not accept.
        secrets.take_out_of(error)
        raise AgentFailed(str(error)) from error
    return run.result()


async def _tick() -> None:
    while True:  # noqa: ASYNC110 - waking up is all it is for
        await asyncio.sleep(TICK)


def judge(result: TaskResult) -> None:
    """Make the cell fail if its task did, so that Run All and programs that execute notebooks notice.

    Raises:
        AgentFailed: No code succeeded.
    """
    finished = [event for event in result.messages if isinstance(event, RunFinishedEvent)]
    if finished and not RUN_ENDS[finished[-1].status].is_good:
        raise AgentFailed(finished[-1].reason)
