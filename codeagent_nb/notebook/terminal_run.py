"""One task in IPython's terminal: printed as the command line prints it. Knows the console; nothing of displays."""

import asyncio
from functools import partial

from rich.text import Text

from codeagent_nb.elsewhere.tokens import ask_at_the_terminal
from codeagent_nb.notebook.bringing_home import Home, bring_home
from codeagent_nb.notebook.magic_cell import attended, judge
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.setup.preparation import Preparation, Surface
from codeagent_nb.notebook.tasks import Place, Task
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView


async def solve_at(
    console: CleanConsole, agent: NotebookAgent, task: Task, place: Place, *, preparation: Preparation, home: Home
) -> None:
    """Solve a task and print what happens.

    Raises:
        Stopped: It was stopped, by Ctrl-C.
        AgentFailed: It failed.
    """
    surface = Surface(lambda text: console.print(Text(text)), ask_token=ask_at_the_terminal)
    prepare = partial(preparation.complete, surface=surface)
    run = agent.solve(task, place, views=lambda _: [ConsoleView(console)], prepare=prepare)
    judge(await attended(asyncio.ensure_future(run), agent.secrets))
    if task.results:
        names = [(name, name) for name in task.results]
        console.print(Text((await attended(asyncio.ensure_future(bring_home(agent, home, names)), agent.secrets)).text))
