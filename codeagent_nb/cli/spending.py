"""The options of `run` that say what tasks may use, and how options with a text of their own are read. Knows typer."""

from collections.abc import Callable
from typing import Annotated, TypeVar

import typer

T = TypeVar("T")

BudgetOption = Annotated[
    str,
    typer.Option(
        "--budget",
        help="What the task may use, e.g. 'tokens=20000, cost=0.50'; also seconds, executions and output_bytes. It "
        "ends where one of them is used up, and keeps what it has.",
        show_default="no limit",
    ),
]
SessionBudgetOption = Annotated[
    str,
    typer.Option(
        "--session-budget",
        help="The same for all tasks of the session together, with --continue those of before included.",
        show_default="no limit",
    ),
]
PriceOption = Annotated[
    str,
    typer.Option(
        help="US dollars per million tokens of prompts and of replies, e.g. 0.40/1.60.", show_default="the list price"
    ),
]


def read_option(read: Callable[[str], T], text: str, option: str) -> T:
    """Return what the text of an option means.

    Args:
        read: Reads it.
        text: The text.
        option: The option's name.

    Raises:
        BadParameter: It means nothing, and why.
    """
    try:
        return read(text)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error
