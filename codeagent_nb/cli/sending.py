"""What the command line says of what leaves: the level in force before a task, and the ledger of a session."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal

import typer
from rich.text import Text

from codeagent_nb.errors import SessionError
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.privacy import SENT, VARIABLE
from codeagent_nb.models.types import host_of_model
from codeagent_nb.prompt.ledger import request_text, sent_table
from codeagent_nb.session.finding import events_of, find_session, newest_of, sessions_in
from codeagent_nb.session.privacy_choices import PrivacyChoices, setting_for
from codeagent_nb.views.clean_console import CleanConsole

PrivacyOption = Annotated[
    Literal["auto", "rows", "statistics", "schema"] | None,
    typer.Option(
        "--privacy",
        "-p",
        help="How much of your data the model is sent; `auto`: rows on this machine, statistics elsewhere.",
        show_default="$CODEAGENT_PRIVACY",
    ),
]
SessionArgument = Annotated[
    str,
    typer.Argument(help="The session's name, its number in `sessions`, or its notebook.", show_default="the last one"),
]
RequestOption = Annotated[int | None, typer.Option("--request", "-n", min=1, help="Print the text of this one.")]


def told_as_chosen(console: CleanConsole, settings: RunSettings, given: str) -> RunSettings:
    """Return how a task is solved, with how much the model is sent, and print that unless it is all.

    Args:
        console: Where.
        settings: How the task is solved, with its model.
        given: What the command line says; empty if nothing.

    Raises:
        SessionError: The environment names no level.
    """
    host = host_of_model(settings.model)
    try:
        setting = setting_for(given, os.environ, host, PrivacyChoices())
    except ValueError as error:
        raise SessionError(str(error)) from error
    settings = replace(settings, privacy=setting)
    if settings.level != "rows":
        said = f"Sent to {host}, {settings.level} only: {SENT[settings.level]}."
        how = f"--privacy rows, statistics or schema changes that for this task, {VARIABLE} for all."
        console.print(Text(f"{said} {how}", style="dim"), soft_wrap=True)
    return settings


def show_sent(console: CleanConsole, wanted: str, number: int | None, secrets: Secrets) -> None:
    """Print what a session has sent to models, or the text of one request.

    Args:
        console: Where.
        wanted: The session's name or notebook; empty is the last one of this folder.
        number: Of the request; None lists all.
        secrets: What is shown nowhere.

    Raises:
        SessionError: There is no such session or request.
    """
    path = Path(wanted)
    found = newest_of(sessions_in(path.parent), path.stem) if path.suffix == ".ipynb" else None
    log = events_of(found or find_session(Path(), wanted))
    try:
        text = sent_table(log, "codeagent-nb sent --request") if number is None else request_text(log, number)
    except ValueError as error:
        raise SessionError(str(error)) from error
    console.print(Text(secrets.text(text)), soft_wrap=True)
