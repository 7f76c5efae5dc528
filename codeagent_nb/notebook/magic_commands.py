"""What `%%agent` and `%agent` do: ties the parts of a notebook's agent together. Imported with the first of them."""

import asyncio
import os
import shlex
from collections.abc import Callable, Coroutine, Mapping
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any

from IPython.core.error import UsageError
from IPython.core.interactiveshell import InteractiveShell
from IPython.display import display

from codeagent_nb.approval import ApprovalFunc
from codeagent_nb.elsewhere.refusals import NO_UNDO, NO_VERIFY
from codeagent_nb.errors import AgentError
from codeagent_nb.events import TaskTurnedEvent
from codeagent_nb.models.types import ChatCompletionClient
from codeagent_nb.notebook import commands
from codeagent_nb.notebook.along import along_with
from codeagent_nb.notebook.arguments import HOW_TO_PULL, CellOptions, asks_for_help, help_text, pick, read_line
from codeagent_nb.notebook.bringing_home import Home, pull
from codeagent_nb.notebook.cells.begin import FrontEnds, page_at_end, write_none
from codeagent_nb.notebook.chosen_models import where
from codeagent_nb.notebook.errors import AgentFailed
from codeagent_nb.notebook.log_commands import log_commands
from codeagent_nb.notebook.loop_thread import LoopThread, run_on_stopped
from codeagent_nb.notebook.magic_cell import CellRun, attended
from codeagent_nb.notebook.magics import has_kernel
from codeagent_nb.notebook.model_commands import is_client, listed, names_of_models
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.open_notebook import notebook_name, notebook_path
from codeagent_nb.notebook.panel.input_line import InputLine
from codeagent_nb.notebook.panel.panel import Panel
from codeagent_nb.notebook.places import place_of
from codeagent_nb.notebook.recorded_outputs import RecordedOutputs
from codeagent_nb.notebook.session_commands import GOING_ON, QUOTES, session_commands
from codeagent_nb.notebook.settings import CodeAgent
from codeagent_nb.notebook.setup.folder_choice import chosen_folder
from codeagent_nb.notebook.setup.preparation import Preparation
from codeagent_nb.notebook.shown_later import show_result
from codeagent_nb.notebook.tasks import Place, Task
from codeagent_nb.notebook.terminal_run import solve_at
from codeagent_nb.session.files import check_files
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.standard_streams import say
from codeagent_nb.views.terminal_approval import TerminalApprover
from kernel_executor.text import cleaned

AUTO = "auto"  # as a model: whatever the environment says
EXIT_GRACE = 4.0  # seconds; Jupyter kills a kernel that takes 5 to exit


class MagicCommands:
    """The agent of one notebook or terminal, as its magics use it.

    Args:
        shell: IPython's shell; one with a kernel has a loop in which cells are awaited.
        settings: How tasks are solved here.
        environment: That of `%load_ext`.
    """

    def __init__(self, shell: InteractiveShell, settings: CodeAgent, environment: Mapping[str, str]) -> None:
        self.shell = shell
        self.settings = settings
        self._home = Home(shell.user_ns, shell.push)
        self.agent_of_notebook = NotebookAgent(notebook_name(os.environ), environment)
        path = notebook_path(os.environ, shell.user_ns)
        self._preparation = Preparation(
            self.agent_of_notebook, self._model, self.agent_of_notebook.models.environment, notebook=path
        )
        self._thread: LoopThread | None = None
        self._front_ends = FrontEnds()
        self._panels: dict[str, Panel] = {}
        self._background: set[asyncio.Task[None]] = set()

    @property
    def in_kernel(self) -> bool:
        """Whether there is a Jupyter kernel."""
        return has_kernel(self.shell)

    async def run_cell(self, line: str, body: str) -> None:
        """Run an `%%agent` cell; it is awaited in the kernel's own loop."""
        if asks_for_help(line, body):
            say(help_text())
            return
        options = read_line(line, body, self.settings)
        task = self._task(options, body, InputLine(self.shell.display_pub))
        attended = self._attended()
        run = CellRun(
            agent=self.agent_of_notebook,
            publisher=RecordedOutputs(self.shell.display_pub),
            place=self._place(options.server),
            keep=options.keep,
            buttons=self.settings.buttons and attended,
            begin=self._front_ends.below(self.shell.kernel.get_parent(), options) if attended else write_none,
            set_next_input=None if options.background else self.shell.set_next_input,
            complete=self._preparation.complete,
            home=self._home,
        )
        if options.background and attended:  # a program that executes the notebook would not wait for it
            working = asyncio.ensure_future(run.solve_in_background(task))
            self._background.add(working)  # or it might be collected in mid-run
            working.add_done_callback(self._background.discard)
            await task.ready.wait()  # the variables are copied as they are now
        else:
            await run.solve(task)

    def _task(self, options: CellOptions, text: str, ask: ApprovalFunc) -> Task:
        variables = pick(options.variables, self.shell.user_ns)
        try:
            self.agent_of_notebook.refuse_if_busy()
            check_files(options.files)
        except AgentError as error:
            self.agent_of_notebook.secrets.take_out_of(error)
            raise AgentFailed(str(error)) from error
        return Task(
            text=text.strip(),
            settings=replace(options.run, ask=ask),
            model=options.model,
            files=options.files,
            variables=variables,
            along=along_with(text, self.shell, variables, attach=self.settings.attach),
            results=options.results,
            privacy=options.privacy,
        )

    def _attended(self) -> bool:
        """Return whether a person is there: programs that execute notebooks (nbclient, papermill) take no input."""
        return bool(self.shell.kernel.get_parent().get("content", {}).get("allow_stdin"))

    def run_in_terminal(self, line: str, body: str) -> None:
        """Run an `%%agent` cell where there is no kernel; returns when it is done."""
        if asks_for_help(line, body):
            say(help_text())
            return
        options, console = read_line(line, body, self.settings), CleanConsole()
        task = self._task(options, body, TerminalApprover(console))
        agent, place = self.agent_of_notebook, self._place(options.server)
        self._loop_thread().run(solve_at(console, agent, task, place, preparation=self._preparation, home=self._home))

    async def pull(self, line: str) -> None:
        """Do what `%agent pull` asks for; it is awaited, so that the next line has the variables."""
        work = asyncio.ensure_future(pull(self.agent_of_notebook, self._home, line))
        await attended(work, self.agent_of_notebook.secrets)

    async def go_on(self, name: str, line: str) -> None:
        """Do what `%agent resume` or `fork` asks for; it is awaited, as `pull` is."""
        work = asyncio.ensure_future(GOING_ON[name](self.agent_of_notebook, self._place(), line))
        say(await attended(work, self.agent_of_notebook.secrets))

    def _pull(self, line: str) -> None:
        if self.in_kernel:  # here it could not be waited for
            raise UsageError(f"{HOW_TO_PULL} stands at the beginning of a line of a cell, and under no other magic")
        self._loop_thread().run(pull(self.agent_of_notebook, self._home, line))

    def _loop_thread(self) -> LoopThread:
        self._thread = self._thread or LoopThread()
        return self._thread

    def _model(self, name: str) -> tuple[ChatCompletionClient, str]:
        value = self.shell.user_ns.get(name) if name.isidentifier() else None
        return (value, "") if is_client(value) else self.agent_of_notebook.models.choose(name)

    def _next_model(self) -> ChatCompletionClient:
        return self._model(self.settings.model)[0]

    def _place(self, server: str = "") -> Place:
        return place_of(self.settings, os.environ, server)

    def command(self, line: str) -> None:
        """Do what a line of `%agent` asks for.

        Raises:
            UsageError: There is no such command, or it cannot be done now.
        """
        name, _, rest = (line.strip() or "help").partition(" ")
        does: Mapping[str, Callable[[str], object]] = {
            "status": self._status,
            **log_commands(self.agent_of_notebook, self._preparation.choices, self._next_model, self.settings.privacy),
            "undo": lambda _: self._turn(self.agent_of_notebook.undo, "Taking back ..."),
            "redo": lambda _: self._turn(self.agent_of_notebook.redo, "Taking again ..."),
            "pull": self._pull,
            "files": self._files,
            "folder": self._folder,
            "reset": lambda _: self.reset(),
            "save": self._save,
            "verify": self._verify,
            **session_commands(self.agent_of_notebook, self._place, self._show_when_done),
            "model": self._switch,
            "models": self._switch,
            "panel": lambda _: self.panel(),
            "help": lambda _: say(commands.HELP),
        }
        if name not in does:
            raise UsageError(f"%agent {cleaned(name)}: no such command. %agent help lists them")
        try:
            does[name](rest.strip())
        except AgentError as error:
            self.agent_of_notebook.secrets.take_out_of(error)
            raise UsageError(str(error)) from error

    def _status(self, _: str) -> None:
        say(commands.status(self.agent_of_notebook))
        # A program that executes the notebook takes no output that comes later.
        if self.agent_of_notebook.session and (not self.in_kernel or self._attended()):
            self._show_when_done(commands.kernel_status(self.agent_of_notebook), "Looking at the kernel ...")

    def reset(self) -> None:
        """End the session.

        Raises:
            UsageError: A task is being worked on.
        """
        try:
            self.agent_of_notebook.refuse_if_busy()
        except AgentError as error:
            raise UsageError(str(error)) from error
        kept = self.agent_of_notebook.held_folder
        if self.in_kernel:
            self.agent_of_notebook.reset()
        else:
            self._loop_thread().run(self.agent_of_notebook.aclose())
        say("Conversation cleared and kernel shut down. Saved sessions are kept.")
        if kept:
            say(f"Files that were not saved: {kept}")

    def end_at_exit(self) -> None:
        """End the session when the process does: nothing is left running, and no empty folder is left."""
        if not self.in_kernel:
            if self._thread:
                self._thread.run(self.agent_of_notebook.end())
        elif (loop := self.agent_of_notebook.loop) and not loop.is_closed() and not loop.is_running():
            # The kernel's loop has stopped, but all that the session is made of belongs to it.
            with suppress(TimeoutError):
                run_on_stopped(loop, asyncio.wait_for(self.agent_of_notebook.end(), EXIT_GRACE))

    def _folder(self, path: str) -> None:
        if path:
            try:
                self.settings.folder = str(chosen_folder(path, Path.cwd()))
            except ValueError as error:
                raise UsageError(f"%agent folder: {error}") from error
        say(commands.folder(self.agent_of_notebook, self._place()))

    def _save(self, path: str) -> None:
        if not path:
            raise UsageError("%agent save PATH: say where, e.g. %agent save study.ipynb")
        say(f"Saved as {self.agent_of_notebook.save(Path(path.strip(QUOTES)))}")

    def _files(self, names: str) -> None:
        if not names:
            say(commands.files(self.agent_of_notebook))
            return
        self.agent_of_notebook.refuse_if_busy()
        wanted = [] if names == "all" else shlex.split(names)
        self._show_when_done(commands.take_files(self.agent_of_notebook, wanted), "Saving ...")

    def _turn(self, turn: Callable[[], Coroutine[Any, Any, TaskTurnedEvent]], meanwhile: str) -> None:
        self.agent_of_notebook.refuse_if_busy()
        commands.refuse_elsewhere(self.agent_of_notebook, NO_UNDO)
        if self.in_kernel:
            self._show_when_done(commands.turned(self.agent_of_notebook, turn()), meanwhile)
        else:
            self._loop_thread().run(turn())  # the console of the last task tells it

    def _verify(self, path: str) -> None:
        self.agent_of_notebook.refuse_if_busy()
        if not path:
            commands.refuse_elsewhere(self.agent_of_notebook, NO_VERIFY)
        self._show_when_done(commands.verify(self.agent_of_notebook, path.strip(QUOTES)), "Replaying ...")

    def _show_when_done(self, work: Coroutine[Any, Any, str], meanwhile: str) -> None:
        """Show what came of something when it is there: the kernel's loop cannot be waited for from within it."""
        if not self.in_kernel:
            say(self._loop_thread().run(work))
            return
        shown = display({"text/plain": meanwhile}, raw=True, display_id=True)
        working = asyncio.ensure_future(show_result(work, shown))
        self._background.add(working)
        working.add_done_callback(self._background.discard)

    def _switch(self, name: str) -> None:
        """Choose the model of the next tasks; without a name, list those there are."""
        name = name.strip(QUOTES)
        if name:
            chosen = "" if name == AUTO else name
            if not chosen:
                self.agent_of_notebook.models.follow_environment()
            client, _ = self._model(chosen)
            self.settings.model = chosen
            say(f"The next tasks go to {self.agent_of_notebook.secrets.text(where(client))}.")
        if name == AUTO:
            return
        if self.in_kernel and self._attended():
            self._show_when_done(self._listed(name), "Asking the server for its models ...")
        elif said := self._loop_thread().run(self._listed(name)):  # a program takes no output that comes later
            say(said)

    def _listed(self, chosen: str) -> Coroutine[Any, Any, str]:
        return listed(self.agent_of_notebook, chosen, used=self.settings.model, names=self.shell.user_ns)

    def panel(self, model: str = "") -> None:
        """Show a chat with the agent of this notebook.

        Args:
            model: The model that is chosen at first; a name as for `%%agent --model`.
        """
        if not self.in_kernel:
            raise UsageError("the panel needs a notebook; here, give tasks with %%agent")
        parent = self.shell.kernel.get_parent()
        panel = Panel(
            self.agent_of_notebook,
            self.shell.display_pub,
            make_task=self._panel_task,
            place=self._place,
            begin=lambda: self._front_ends.begin(page_at_end(parent)) if self.settings.cells else write_none(),
            models=lambda: names_of_models(self.agent_of_notebook, model or self.settings.model, self.shell.user_ns),
            preparation=self._preparation,
            home=self._home,
        )
        cell = str(parent.get("metadata", {}).get("cellId"))
        if earlier := self._panels.pop(cell, None):  # a cell that is run again shows a new one in its place
            earlier.close()
        self._panels[cell] = panel
        data, metadata = panel.widget._repr_mimebundle_()
        self.shell.display_pub.publish(data, metadata)

    def close_panels(self) -> None:
        """Take all panels off the screen."""
        for panel in self._panels.values():
            panel.close()
        self._panels.clear()

    def _panel_task(self, text: str, model: str, ask: ApprovalFunc) -> Task:
        try:
            return self._task(replace(read_line("", text, self.settings), model=model), text, ask)
        except (UsageError, AgentFailed) as error:
            raise AgentError(str(error)) from error
