"""Completes a task before it begins: its place and its model, asked for where they are missing.

The place comes first: a person answers that at once, while a model may take minutes to fetch. Knows no widget; a
surface says whether anything can be clicked.
"""

import asyncio
import os
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path

from codeagent_nb.elsewhere.choice import approval_there
from codeagent_nb.elsewhere.tokens import AskToken, ask_nobody
from codeagent_nb.errors import AgentError, NoModelConfigured, WeightsError
from codeagent_nb.models.privacy import VARIABLE, PrivacySetting
from codeagent_nb.models.types import ChatCompletionClient, host_of_model
from codeagent_nb.notebook.attaching import tables_that_stay
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.setup.card import Cards
from codeagent_nb.notebook.setup.folder_choice import (
    FolderAnswer,
    FolderQuestion,
    is_too_much,
    offer_for,
    with_a_choice,
    without_a_choice,
)
from codeagent_nb.notebook.setup.model_setup import ModelSetup
from codeagent_nb.notebook.setup.server_token import ServerTokens
from codeagent_nb.notebook.setup.ways_text import ways_in_cells
from codeagent_nb.notebook.tasks import Place, Task
from codeagent_nb.session.privacy_choices import PrivacyChoices, is_open, question, setting_for

SECONDS_TO_TAKE_OVER = 1.0
"""What a panel offered goes on if a task asks for the same at once."""


@dataclass(frozen=True, slots=True)
class Surface:
    """Where a task was given.

    Args:
        say: Shows a notice.
        cards: Asks with buttons; None where there are none.
        ask_token: Asks for a server's token where there are none.
    """

    say: Callable[[str], None]
    cards: Cards | None = None
    ask_token: AskToken = ask_nobody


class Preparation:
    """Completes the tasks of one notebook; remembers what was answered as long as its kernel lives.

    Args:
        agent: Who solves them.
        find_model: Returns the model of a name, and what is to be said before a task goes to it.
        environment: What is known of servers and keys.
        notebook: Path of the notebook, if it is known.
    """

    def __init__(
        self,
        agent: NotebookAgent,
        find_model: Callable[[str], tuple[ChatCompletionClient, str]],
        environment: Mapping[str, str],
        notebook: str = "",
    ) -> None:
        self._agent = agent
        self._find_model = find_model
        self._environment = environment
        self._notebook = notebook
        self._setup: ModelSetup | None = None
        self._waiting = 0
        self._answers: dict[Path, FolderAnswer] = {}
        self._told_hosts: set[str] = set()
        self.choices = PrivacyChoices()
        self._tokens = ServerTokens(os.environ, agent.secrets.learn)

    async def complete(self, task: Task, place: Place, surface: Surface) -> tuple[Task, Place]:
        """Return a task with its model, and where it is solved.

        Raises:
            NoModelConfigured: There is no model, and nobody to ask for one.
        """
        place = await self._placed(task, place, surface)
        if place.server and self._agent.session is None:
            server = await self._tokens.with_token(place.server, surface.cards, surface.ask_token)
            place = replace(place, server=replace(server, tell=surface.say))
        if stays := tables_that_stay(task, self._agent.server_of_next(place)):
            surface.say(stays)
        model = await self._model(task, surface)
        privacy = self._privacy(task, host_of_model(model), surface)
        # Only now: where it runs is known for certain, and trust in a server is none in this machine.
        approval = approval_there(task.settings.approval, self._agent.server_of_next(place), place.trusted)
        how = replace(task.settings, model=model, privacy=privacy, approval=approval)
        return replace(task, settings=how), place

    # The place

    async def _placed(self, task: Task, place: Place, surface: Surface) -> Place:
        if self._agent.works_in_another_folder(place):
            surface.say(self._agent.leave_session("Another folder was chosen"))
        if self._agent.runs_on_another_server(place):
            where = place.server.url if place.server else "this machine"
            surface.say(self._agent.leave_session(f"The code runs on {where} from here on"))
        if self._agent.session:
            self._tell_if_elsewhere(self._agent.session.folder, place, surface)
            return place
        if place.server or not is_too_much(place.folder):  # on a server no code sees it
            return place
        answer = self._answers.get(place.folder)
        if answer and not all(path.is_file() for path in answer.files):
            answer = None  # one is gone: what was chosen cannot be done again
        if answer is None and not task.files and surface.cards and await surface.cards.is_shown():
            answer = await self._ask_for_a_folder(task, place, surface.cards)
        if answer is None and not task.files:
            return replace(place, on_open=lambda opened: surface.say(without_a_choice(place.folder, opened)))
        chosen = answer or FolderAnswer(place.folder)
        seen = replace(chosen, files=(*chosen.files, *task.files))

        def tell(opened: Path) -> None:
            if text := with_a_choice(seen, opened):
                surface.say(text)

        return replace(place, folder=chosen.folder, files=chosen.files, on_open=tell)

    def _tell_if_elsewhere(self, works_in: Path, place: Place, surface: Surface) -> None:
        """Note that the notebook has gone to another folder, by `os.chdir` say: the session stays where it is."""
        if not is_too_much(place.folder) and works_in != place.folder.resolve() and not place.chosen:
            surface.say(
                f"The agent works in the folder {works_in}: its code cannot see the other files next to this notebook. "
                "%agent folder PATH changes that."
            )

    async def _ask_for_a_folder(self, task: Task, place: Place, cards: Cards) -> FolderAnswer:
        def remember(answer: FolderAnswer) -> None:
            self._answers[place.folder] = answer

        await cards.ask(FolderQuestion(offer_for(place.folder, self._notebook, task.text), remember))
        return self._answers[place.folder]

    # What the model is sent

    def _privacy(self, task: Task, host: str, surface: Surface) -> PrivacySetting:
        """Return how much the model is sent; where nobody has chosen, say once what there is to choose, and go on."""
        try:
            setting = setting_for(task.privacy, self._environment, host, self.choices)
        except ValueError as error:
            raise AgentError(str(error)) from error
        is_given = bool(task.privacy or self._environment.get(VARIABLE))
        if not is_given and is_open(setting, host) and host not in self._told_hosts:
            self._told_hosts.add(host)
            surface.say(question(host, "%agent privacy"))
        return setting

    # The model

    def why_no_model(self, name: str) -> str:
        """Return why the model of a name cannot be used, in a sentence; "" if it can."""
        try:
            self._find_model(name)
        except (NoModelConfigured, WeightsError) as error:
            return reason_of(error)
        return ""

    async def _model(self, task: Task, surface: Surface) -> ChatCompletionClient:
        try:
            model, note = self._find_model(task.model)
        except (NoModelConfigured, WeightsError) as error:
            return await self._asked(error, surface)
        if note:
            surface.say(self._agent.secrets.text(note))
        return model

    async def _asked(self, missing: AgentError, surface: Surface) -> ChatCompletionClient:
        if not surface.cards or not await surface.cards.is_shown():
            why = str(missing).split("\n", 1)[0].removesuffix(" One of these gives you one:")
            raise NoModelConfigured(ways_in_cells(why)) from missing
        await self.ask_for_a_model(surface.cards, reason_of(missing))
        return self._find_model("")[0]  # what was chosen there, whatever was named before

    async def offer_a_model(self, cards: Cards, reason: str) -> None:
        """Show the ways to a model while no task waits for one; as `ask_for_a_model`."""
        await self.ask_for_a_model(cards, reason, resting="unset", working="unset")

    async def ask_for_a_model(self, cards: Cards, reason: str, **states: str) -> None:
        """Show the ways to a model until there is one; what another widget has begun is shown here, too.

        Args:
            cards: Where.
            reason: Why there is none.
            states: Of the widget meanwhile, as for `Cards.ask`.
        """
        if self._setup is None or self._setup.is_answered:
            self._setup = ModelSetup(self._agent.use, self._environment, reason)
        setup = self._setup
        self._waiting += 1
        try:
            await cards.ask(setup, **states)
        finally:
            self._waiting -= 1
            asyncio.get_running_loop().call_later(SECONDS_TO_TAKE_OVER, self._pause_if_unwanted, setup)

    def _pause_if_unwanted(self, setup: ModelSetup) -> None:
        if not self._waiting:
            setup.pause()


def reason_of(error: AgentError) -> str:
    """Return the first sentence of an error: the ways out that follow it are those of a terminal."""
    return re.split(r"(?<=\.)\s", str(error), maxsplit=1)[0]
