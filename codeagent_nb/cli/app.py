"""The commands of `codeagent-nb` and their exit codes. Knows typer; the work is in `running` and `doctor`."""

import os
import sys
from collections.abc import Coroutine
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

import typer

import codeagent_nb
from codeagent_nb.cli import doctor as doctor_checks, exit_codes, proving, running
from codeagent_nb.cli.continuing import Continue, go_on_from, list_sessions
from codeagent_nb.cli.guarding import complain, exit_with, guarded
from codeagent_nb.cli.sending import PrivacyOption, RequestOption, SessionArgument, show_sent
from codeagent_nb.cli.serving import (
    HubOptions,
    HubServer,
    KernelId,
    KernelName,
    ServerOnly,
    ServerOption,
    list_kernels,
    on_hub,
    read_server,
    trusted_servers,
)
from codeagent_nb.cli.spending import BudgetOption, PriceOption, SessionBudgetOption, read_option
from codeagent_nb.elsewhere.choice import SERVER, approval_there
from codeagent_nb.errors import WeightsError
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.loop.budget import Budget
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.embedded import weights
from codeagent_nb.models.prices import Price
from codeagent_nb.proof.replaying import CELL_SECONDS, ReplaySettings
from codeagent_nb.session.session import SessionSettings, new_notebook
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.standard_streams import bear_any_text, clean_standard_error, raw_standard_error, say, write_name
from kernel_executor.limits.resource_limits import ResourceLimits
from kernel_executor.network.gate import read_network
from kernel_executor.sandbox.policy import SandboxMode
from kernel_executor.search_paths import drop_relative_parts

T = TypeVar("T")

app = typer.Typer(
    name="codeagent-nb",
    help="An agent that writes code, runs it in a sandboxed Jupyter kernel, and leaves a true notebook behind.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="markdown",
    context_settings={"help_option_names": ["-h", "--help"]},
)
model_app = typer.Typer(help="The embedded model, which needs no key.", no_args_is_help=True)
app.add_typer(model_app, name="model")


def _print_version(wanted: bool) -> None:
    if wanted:
        say(f"codeagent-nb {codeagent_nb.__version__}")
        raise typer.Exit


@app.callback()
def options(
    version: Annotated[
        bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version and exit.")
    ] = False,
) -> None:
    """Take the options that come before a command."""


@app.command(epilog=exit_codes.EXIT_CODES)
def run(  # noqa: PLR0917 - typer's parameters are the command line's
    task: Annotated[str, typer.Argument(help="What to do, in your own words.")],
    file: Annotated[
        list[Path] | None,
        typer.Option("--file", "-f", help="A data file the task is about; copied beside the notebook. Repeatable."),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(
            "--out",
            "-o",
            help="The notebook to write; its folder is where the code works.",
            show_default="codeagent-DATE-TIME.ipynb",
        ),
    ] = None,
    earlier: Continue = "",
    model: Annotated[
        str | None,
        typer.Option(
            "--model", "-m", help="Name of a model; `local` is the embedded one.", show_default="$CODEAGENT_MODEL"
        ),
    ] = None,
    max_retries: Annotated[int, typer.Option(min=0, help="Attempts after the first, of each step.")] = 3,
    max_steps: Annotated[
        int | None,
        typer.Option(
            min=1, help="How often the agent may look at an output and go on.", show_default="what suits the model"
        ),
    ] = None,
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds one block of code may take.")] = 60.0,
    sandbox: Annotated[
        SandboxMode,
        typer.Option(help="`auto` sandboxes where it can, `bubblewrap` and `landlock` insist, `none` does not."),
    ] = "auto",
    executor: Annotated[
        Literal["kernel", "local", "docker"],
        typer.Option(help="`kernel` keeps variables, `local` runs scripts, `docker` runs either in a container."),
    ] = "kernel",
    image: Annotated[
        str, typer.Option(help="The container's image; one with ipykernel gets a kernel.", show_default="python:3-slim")
    ] = "",
    limits: Annotated[
        str,
        typer.Option(
            help="How much of the machine sandboxed code may use, e.g. 'memory=8GB, processes=2000'.",
            show_default="what the machine bears",
        ),
    ] = "",
    network: Annotated[
        str,
        typer.Option(
            help="What sandboxed code may reach: `none`, `all`, or names, e.g. 'data.example.org, localhost:8123'; "
            "pip needs 'pypi.org, files.pythonhosted.org'."
        ),
    ] = "none",
    server: ServerOption = "",
    kernel: KernelId = "",
    kernel_name: KernelName = "",
    hub_server: HubServer = "",
    hub_option: HubOptions = None,
    budget: BudgetOption = "",
    session_budget: SessionBudgetOption = "",
    price: PriceOption = "",
    privacy: PrivacyOption = None,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="Run code without asking, sandboxed or not.")] = False,
    verified: Annotated[
        bool,
        typer.Option(
            "--verify/--no-verify", help="Replay the notebook at the end, if its cells took less than a minute."
        ),
    ] = True,
) -> None:
    """Solve a task and write a notebook.

    The code sees copies of the files in that folder and cannot change them; data that it makes is saved there.
    Without a sandbox you are shown the code and asked before it runs. With --server, files stay on the server.
    """
    if not task.strip():
        raise typer.BadParameter("the task is empty: say what to do", param_hint="TASK")
    held = {"sandbox": sandbox != "auto", "limits": bool(limits), "network": network != "none"}
    _refuse_for_containers(executor, image, **held)
    others = {"--continue": bool(earlier), "--executor": executor != "kernel"}
    others |= {f"--{name}": given for name, given in held.items()}
    place = on_hub(read_server(server, kernel, kernel_name, others), hub_server, hub_option or ())
    session_settings = SessionSettings(
        notebook=out or (None if earlier else new_notebook(Path())),
        files=tuple(file or ()),
        sandbox=sandbox,
        executor=executor,
        image=image,
        limits=read_option(ResourceLimits.read, limits, "--limits"),
        network=read_option(read_network, network, "--network"),
        server=place,
    )
    how = RunSettings(
        model=None,
        timeout=timeout,
        max_retries=max_retries,
        max_steps=max_steps,
        approval=approval_there("never" if yes else "auto", place.url if place else "", trusted_servers(os.environ)),
        budget=read_option(Budget.read, budget, "--budget"),
        session_budget=read_option(Budget.read, session_budget, "--session-budget"),
        price=read_option(Price.read, price, "--price") if price else None,
    )

    def work(secrets: Secrets) -> Coroutine[Any, Any, int]:
        settings, past = go_on_from(earlier, session_settings)
        console = CleanConsole()
        return running.run_task(
            console, task, model, settings, how, secrets=secrets, verify=verified, earlier=past, privacy=privacy
        )

    exit_with(work)


def _refuse_for_containers(executor: str, image: str, **given: bool) -> None:
    """Refuse options that do not apply to a container, and those that apply to nothing else."""
    for option in [f"--{name}" for name, is_given in given.items() if is_given and executor == "docker"]:
        raise typer.BadParameter(f"{option} does not apply to --executor docker", param_hint=option)
    if image and executor != "docker":
        raise typer.BadParameter("only --executor docker takes an image", param_hint="--image")


@app.command(epilog=exit_codes.EXIT_CODES)
def demo(
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help="The notebook to write.", show_default="sessions/demo-DATE-TIME.ipynb"),
    ] = None,
    model: Annotated[
        str, typer.Option("--model", "-m", help="Name of a model; `local` is the embedded one.")
    ] = "local",
) -> None:
    """Watch the agent answer a question about penguins, with the embedded model and no key."""
    console = CleanConsole()
    guarded(lambda _: running.prepare_demo(console, model))
    exit_with(lambda secrets: running.run_demo(console, out, model, secrets))


@app.command()
def clean(
    notebooks: Annotated[list[Path], typer.Argument(help="Notebooks that version 0.1 saved or wrote cells into.")],
) -> None:
    """Quote the failed code that version 0.1 stored in notebooks as code, so that Run All does not run it.

    Outputs of sessions it saved are cleaned, so that opening them loads and runs nothing.
    Everything else in them stays as it is.
    """

    def clean_all(secrets: Secrets) -> list[bool]:
        return [running.clean_notebook(CleanConsole(), path, partial(complain, secrets=secrets)) for path in notebooks]

    raise typer.Exit(0 if all(guarded(clean_all)) else exit_codes.EXIT_USAGE)


@app.command(epilog=exit_codes.PROOF_EXIT_CODES)
def verify(
    notebooks: Annotated[list[Path], typer.Argument(help="Notebooks in Python, whoever made them.")],
    network: Annotated[str, typer.Option(help="What the replay may reach, as for `run`.")] = "none",
    limits: Annotated[str, typer.Option(help="How much of the machine it may use, as for `run`.")] = "",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds one cell may take.")] = CELL_SECONDS,
    record: Annotated[bool, typer.Option(help="Write the verdict into the notebook.")] = True,
) -> None:
    """Prove that notebooks say what their code does: run them again in a fresh sandboxed kernel, and compare.

    Nothing that the code makes is saved. Each difference is named with its reason.
    """
    allowed, bounds = (
        read_option(read_network, network, "--network"),
        read_option(ResourceLimits.read, limits, "--limits"),
    )

    def work(secrets: Secrets) -> Coroutine[Any, Any, int]:
        settings = ReplaySettings(network=allowed, limits=bounds, cell_seconds=timeout, secrets=secrets)
        return proving.verify_notebooks(CleanConsole(), notebooks, settings, record=record)

    exit_with(work)


@app.command(epilog=exit_codes.TRIM_EXIT_CODES)
def trim(  # noqa: PLR0917 - typer's parameters are the command line's
    notebook: Annotated[Path, typer.Argument(help="A notebook in Python; it stays as it is.")],
    script: Annotated[bool, typer.Option("--script", help="Write a Python script.")] = False,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="The file to write.", show_default="NAME.trimmed.ipynb or .py")
    ] = None,
    keep: Annotated[
        list[int] | None, typer.Option("--keep", help="A further cell of code to keep, counted from 1. Repeatable.")
    ] = None,
    network: Annotated[str, typer.Option(help="What the replay may reach, as for `run`.")] = "none",
    timeout: Annotated[float, typer.Option(min=0.1, help="Seconds one cell may take.")] = CELL_SECONDS,
) -> None:
    """Write what the final outputs of a notebook need, and nothing else: proved by running it in a sandbox."""
    allowed = read_option(read_network, network, "--network")

    def work(secrets: Secrets) -> Coroutine[Any, Any, int]:
        settings = ReplaySettings(network=allowed, cell_seconds=timeout, secrets=secrets)
        return proving.trim_notebook(CleanConsole(), notebook, settings, out=out, script=script, keep=keep or ())

    exit_with(work)


@app.command()
def sessions(folder: Annotated[Path, typer.Argument(help="Where the agent worked.")] = Path()) -> None:
    """List the sessions of a folder; `run --continue NAME` goes on with one."""
    guarded(lambda secrets: list_sessions(CleanConsole(), folder, secrets))


@app.command()
def sent(session: SessionArgument = "", request: RequestOption = None) -> None:
    """List what a session has sent to models: when, to whom, how many bytes, of which kind."""
    guarded(lambda secrets: show_sent(CleanConsole(), session, request, secrets))


@app.command()
def doctor(server: ServerOnly = "") -> None:
    """Report what works here, what does not, and the command that fixes it; with --server, what works there."""
    place = read_server(server, "", "", {})
    exit_with(lambda secrets: doctor_checks.run_doctor(CleanConsole(), secrets, place.url if place else ""))


@app.command()
def kernels(server: ServerOption = "") -> None:
    """List the kernels of a server; `run --server URL --kernel ID` uses one of them."""
    place = read_server(server, "", "", {})
    if place is None:
        raise typer.BadParameter(f"name the server, or set {SERVER}", param_hint="--server")
    exit_with(lambda secrets: list_kernels(CleanConsole(), place.url, secrets))


@model_app.command("fetch")
def model_fetch() -> None:
    """Download the embedded model (1.1 GB), or go on with a download that was broken off."""
    guarded(lambda _: write_name(str(running.fetch_weights(CleanConsole(file=raw_standard_error())))))


@model_app.command("list")
def model_list() -> None:
    """List the models that can be used here, those of the configured server too."""
    exit_with(lambda secrets: running.list_models(CleanConsole(), secrets))


@model_app.command("path")
def model_path() -> None:
    """Print where the embedded model's file is."""

    def find(_: Secrets) -> None:
        path = weights.find(os.environ)
        if path is None:
            raise WeightsError("the embedded model is not here yet; `codeagent-nb model fetch` downloads it")
        write_name(str(path))

    guarded(find)


def main() -> None:
    """Run the command line."""
    bear_any_text()
    clean_standard_error()
    drop_relative_parts(os.environ)  # of those that libraries start programs by: docker's credential helpers, say
    try:
        app()
    except KeyboardInterrupt:  # before any command had begun
        sys.exit(exit_codes.EXIT_INTERRUPTED)
