"""One task in IPython's terminal: printed as the command line prints it. Knows the console; nothing of displays."""

import asyncio

from rich.text import Text

from codeagent_nb.notebook.magic_cell import attended, judge
from codeagent_nb.notebook.notebook_agent import NotebookAgent, Place, Task
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView


async def solve_at(console: CleanConsole, agent: NotebookAgent, task: Task, place: Place) -> None:
    """Solve a task and print what happens.

    Raises:
        Stopped: It was stopped, by Ctrl-C.
        AgentFailed: It failed.
    """
    if task.note:
        console.print(Text(task.note, style="yellow"))
    run = agent.solve(task, place, views=lambda _: [ConsoleView(console)])
    judge(await attended(asyncio.ensure_future(run), agent.secrets))
