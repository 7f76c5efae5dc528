"""The chat panel: a chat with the agent of this notebook. Its words are in the widget, pictures and tables below it.

Knows the widget and the agent; what it shows is `projections/chat.py`.
"""

import asyncio
import contextvars
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any, Literal

from codeagent_nb.approval import ApprovalFunc, ApprovalRequest, ApprovalResponse
from codeagent_nb.errors import AgentError
from codeagent_nb.events import AgentEvent, NewVariablesEvent, RunFinishedEvent, RunStartedEvent, TaskTurnedEvent
from codeagent_nb.log.event_log import View
from codeagent_nb.notebook.bringing_home import OF_ANOTHER, Home, bring_home
from codeagent_nb.notebook.cells.approving import asking_for_cells
from codeagent_nb.notebook.cells.begin import Begin, Writing
from codeagent_nb.notebook.live_output import CellView, DisplayPublisher
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.panel.input_line import InputLine, ask_in_the_input_line
from codeagent_nb.notebook.panel.kernel_view import KernelView
from codeagent_nb.notebook.panel.widget_controls import Controls
from codeagent_nb.notebook.setup.card import Cards
from codeagent_nb.notebook.setup.preparation import Preparation, Surface
from codeagent_nb.notebook.tasks import Place, Task
from codeagent_nb.projections.cell_output import Bundle
from codeagent_nb.projections.chat import PanelStory
from codeagent_nb.rendering.mime_bundles import harmless_bundle
from codeagent_nb.rendering.shown_outputs import ShownOutputs
from codeagent_nb.text import sentence

SECONDS_BETWEEN = 1 / 60
"""Deltas are small, and the front end draws once a frame."""


NOT_SHOWN = (
    "The panel is not shown here: this front end has no widgets, or lacks the package anywidget (install it where "
    "Jupyter itself is installed). %%agent cells work without."
)


class PanelView:
    """A view that fills the widget: finished entries as a trait, the text that is being written piece by piece."""

    def __init__(self, widget: Any, story: PanelStory) -> None:
        self._widget = widget
        self._story = story
        self._pieces: dict[str, str] = {}
        self._sent: set[str] = set()
        self._timer: asyncio.TimerHandle | None = None
        self._changed = True
        self._pending = ""
        self.draw()

    def pending(self, text: str) -> None:
        """Show a task that has not begun yet; an empty text takes it away."""
        self._pending, self._changed = text, True
        self.draw_soon()

    def on_event(self, event: AgentEvent) -> None:
        """Take one event in; draw soon."""
        if isinstance(event, RunStartedEvent):
            self._pending = ""
        if piece := self._story.take(event):
            key, text = piece
            self._pieces[key] = self._pieces.get(key, "") + text
        else:
            self._changed = True
        self.draw_soon()

    def draw_soon(self) -> None:
        """Draw with the next frame."""
        if self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(SECONDS_BETWEEN, self.draw)

    def draw(self) -> None:
        """Send what is new."""
        self._timer = None
        pieces, self._pieces = self._pieces, {}
        known = self._sent
        if self._changed:
            self._changed = False
            pending = [{"id": "pending", "kind": "task", "text": self._pending}] if self._pending else []
            self._widget.entries = [*self._story.entries, *pending]
            self._sent = {entry["id"] for entry in self._story.entries}
        for key, text in pieces.items():
            if key in known:  # a new entry was sent with all its text
                self._widget.send({"type": "delta", "id": key, "text": text})

    def repeat(self) -> None:
        """Send all of the text that is being written: a page that was loaded again has only its beginning."""
        self.draw()
        if self._story.open_text:
            key, text = self._story.open_text
            self._widget.send({"type": "text", "id": key, "text": text})

    def note(self, level: Literal["info", "error"], text: str) -> None:
        """Show a note that is no event of a run."""
        self._story.note(level, text)
        self._changed = True
        self.draw()


class OutputsBelow:
    """The story of what stands below the panel: everything that is more than text."""

    def __init__(self) -> None:
        self._outputs = ShownOutputs()
        self._shown: dict[str, Bundle] = {}

    def take(self, event: AgentEvent) -> None:
        """Take one event in."""
        self._outputs.take(event)

    def changed(self) -> Iterator[tuple[str, Bundle]]:
        """Yield what is new or other than before."""
        for key, output in self._outputs.news():
            data, metadata = harmless_bundle(output) if output else ({}, {})
            self._shown[key] = (data, metadata) if set(data) - {"text/plain"} else ({}, {})
            yield key, self._shown[key]

    def final(self) -> list[tuple[str, Bundle]]:
        """Return all of it: the panel itself folds attempts away."""
        return list(self._shown.items())


class Panel:
    """A panel on the screen; made in the cell that shows it.

    Args:
        agent: Whom it talks to.
        publisher: Where pictures and tables go, below the panel.
        make_task: Turns a text and a model's name into a task, or raises an `AgentError`.
        place: Tells where a new session works.
        begin: Begins to write the cells of a task.
        models: Tells the names to choose from; the first is chosen.
        preparation: Completes tasks by asking for what they lack.
        home: The notebook's variables, to which those are added that are brought home.
    """

    def __init__(
        self,
        agent: NotebookAgent,
        publisher: DisplayPublisher,
        *,
        make_task: Callable[[str, str, ApprovalFunc], Task],
        place: Callable[[], Place],
        begin: Begin,
        models: Callable[[], list[str]],
        preparation: Preparation,
        home: Home,
    ) -> None:
        self._agent = agent
        self._publisher = publisher
        self._make_task = make_task
        self._place = place
        self._begin_writing = begin
        self._models = models
        self._preparation = preparation
        self._home = home
        # Tasks begin with a click, later; in this context what they display still comes below the panel.
        self._context = contextvars.copy_context()
        self._tasks: set[asyncio.Task[None]] = set()
        self._offer: asyncio.Task[None] | None = None
        from codeagent_nb.notebook.panel.widget import AgentWidget  # anywidget takes its time

        names = models()
        self.widget = AgentWidget(mode="chat", models=names, model=names[0] if names else "")
        self._view = PanelView(self.widget, PanelStory(agent.events))
        self._controls = Controls(
            self.widget, stop=agent.stop, without_widget=InputLine(publisher), others=self._handle
        )
        self._cards = Cards(self.widget, self._controls.is_shown)
        self._kernel = KernelView(agent, self.widget)
        if agent.busy:
            self.widget.state = "running"
        self._keep(self._begin())
        self._detach = [agent.watch(self._view), agent.watch(self._controls), agent.watch(_Beside(agent, self.widget))]

    def _handle(self, message: dict[str, Any]) -> None:
        match message.get("type"):
            case "ready":
                self._view.repeat()
            case "send" if str(message.get("text", "")).strip():
                self._keep(self._solve(str(message["text"])))
            case "save":
                self._save()
            case "bring":
                self._keep(self._bring(str(message.get("name", "")), message.get("made")))
            case "undo":
                self._keep(self._turn(self._agent.undo()))
            case "redo":
                self._keep(self._turn(self._agent.redo()))
            case _:
                self._kernel.handle(message)

    def _keep(self, work: Coroutine[Any, Any, None]) -> None:
        task = asyncio.get_running_loop().create_task(work, context=self._context)
        self._tasks.add(task)  # or it might be collected in mid-run
        task.add_done_callback(self._tasks.discard)

    async def _begin(self) -> None:
        if await self._controls.is_shown():
            await self._offer_a_model()
        else:
            self._publisher.publish({"text/plain": NOT_SHOWN}, {})

    async def _offer_a_model(self) -> None:
        """Offer the ways to a model if there is none; a task may be sent meanwhile, and waits for one."""
        if self._agent.busy or self._offer or not (reason := self._preparation.why_no_model(self.widget.model)):
            return
        self._offer = asyncio.current_task()
        try:
            await self._preparation.offer_a_model(self._cards, reason)
        finally:
            self._offer = None
        self._show_models()

    def _show_models(self) -> None:
        """Show what can be chosen now; a name that could not be used is not what was chosen instead."""
        names = self._models()
        self.widget.models, self.widget.model = names, names[0] if names else ""

    async def _complete(self, task: Task, place: Place) -> tuple[Task, Place]:
        if self._offer:  # it is asked with the task from here on
            self._offer.cancel()
            await asyncio.wait({self._offer})
        had_model = not self._preparation.why_no_model(task.model)
        surface = Surface(lambda text: self._view.note("info", text), self._cards, ask_in_the_input_line)
        completed = await self._preparation.complete(task, place, surface)
        if not had_model:
            self._show_models()
        self.widget.state, self.widget.status = "thinking", ""
        return completed

    async def _solve(self, text: str) -> None:
        below: list[CellView] = []
        writing = Writing()
        begun = _Begun()

        def views(_: object) -> Sequence[View]:
            if writing.writer and writing.page:
                return [begun, writing.writer, self._agent.written.task(writing.page)]
            below.append(CellView(self._publisher, OutputsBelow()))
            return [begun, *below]

        try:
            ask = asking_for_cells(lambda: writing.writer, self._ask, self._controls.show_edited)
            task = self._make_task(text, self.widget.model, ask)
            self.widget.state, self.widget.status = "thinking", ""
            self._view.pending(text)
            writing = await self._begin_writing()
            await self._agent.solve(task, self._place(), views=views, prepare=self._complete)
        except asyncio.CancelledError:
            self._rest("idle")  # stopped; where the run had begun, its events have told so
        except Exception as error:  # noqa: BLE001 - whatever it is, the panel must say so and be of use again
            self._view.note("error", self._agent.secrets.text(str(error) or type(error).__name__))
            self._rest("failed")
        finally:
            for view in below:
                view.finish(redraw=False)
            await self._finish(writing)
            if not begun.begun:
                self._view.pending("")
                self.widget.send({"type": "restore", "text": text})  # it is in no entry, and would be lost
                self._keep(self._offer_a_model())

    async def _ask(self, request: ApprovalRequest) -> ApprovalResponse:
        self._view.draw()  # what led to the question stands above it
        return await self._controls.ask(request)

    async def _finish(self, writing: Writing) -> None:
        saved_as = f"session {self._agent.session.name}" if self._agent.session else "no session"
        for note in await writing.finish(saved_as):
            self._view.note("info", note)
        if writing.why_not:
            self._view.note("info", f"{writing.why_not}; everything is in {saved_as}.")

    def _rest(self, state: str) -> None:
        """Show that nothing is being worked on, unless something else is."""
        if not self._agent.busy:
            self.widget.state, self.widget.status = state, ""

    async def _bring(self, name: str, made: object) -> None:
        """Copy a variable that the panel tells of into the notebook, if what it tells is of this session."""
        told = [event for event in self._agent.events if isinstance(event, NewVariablesEvent)]
        of_now = [event for event in told if event.created_at.isoformat() == made]
        if any(each.comes and each.name == name for event in of_now for each in event.variables):
            brought = await bring_home(self._agent, self._home, [(name, name)])
            self._view.note("info" if brought.came else "error", brought.text)
        else:
            self._view.note("error", OF_ANOTHER.format(name=name))

    async def _turn(self, turning: Awaitable[TaskTurnedEvent]) -> None:
        """Take a task back, or again; that it was done is told by its event."""
        try:
            await turning
        except AgentError as error:
            self._view.note("error", self._agent.secrets.text(sentence(str(error))))
        if note := await self._agent.written.note():
            self._view.note("info", note)

    def _save(self) -> None:
        try:
            self._view.note("info", f"Saved as {self._agent.save_copy().name}")
        except AgentError as error:
            self._view.note("error", self._agent.secrets.text(str(error)))

    def close(self) -> None:
        """Take the panel off the screen; what it has begun goes on."""
        for detach in self._detach:
            detach()
        self._controls.close()
        if self._offer:
            self._offer.cancel()
        self.widget.close()


class _Begun:
    """Notes that the task has become part of the conversation."""

    def __init__(self) -> None:
        self.begun = False

    def on_event(self, event: AgentEvent) -> None:
        """Look for the task."""
        self.begun = self.begun or isinstance(event, RunStartedEvent)


class _Beside:
    """Keeps what stands beside the text field up to date: the saved session, and what can be taken back or again."""

    def __init__(self, agent: NotebookAgent, widget: Any) -> None:
        self._agent = agent
        self._widget = widget
        if agent.last_task:
            widget.turn = "undo"

    def on_event(self, event: AgentEvent) -> None:
        """Look where the session is saved, when a run ends, and whether its task stands."""
        place = self._agent.session.executor.isolation.place if self._agent.session else ""
        match event:
            case RunStartedEvent():
                self._widget.place = place
            case RunFinishedEvent():
                self._widget.turn = "" if place else "undo"  # nothing there brings variables back
                self._widget.notebook = self._agent.session.name if self._agent.session else ""
            case TaskTurnedEvent(state=state):
                self._widget.turn = "redo" if state == "undone" else "undo"
