"""Asks an agent's configuration questions about tables: `make eval QUESTIONS=FOLDER`, `python -m tests.evaluation.run`.

Each result is kept as it comes, in build/eval/CONFIGURATION-MODEL-SEED-N.jsonl, and the notebook of each question in a
folder of that name. Started again, a run goes on where it was cut. What a question is, or its answer, is not shown.
"""

import argparse
import asyncio
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from platform import python_version

import pytest

from codeagent_nb.errors import AgentError
from tests.evaluation.asking import TIMEOUT, ask
from tests.evaluation.configurations import CONFIGURATIONS, Configuration
from tests.evaluation.models import Model, open_model, usable_cpus
from tests.evaluation.proportions import wilson
from tests.evaluation.questions import ROOT, NoQuestions, Question, draw, find_folder, read_questions
from tests.evaluation.report import report
from tests.evaluation.results import NoResults, Results, Row, Start, Writer, writing

RESULTS = ROOT / "build" / "eval"
PACKAGES = ("codeagent-nb", "ipykernel", "numpy", "pandas", "scikit-learn", "scipy", "statsmodels", "xllamacpp")
INTERRUPTED = 130


def arguments(given: Sequence[str] | None = None) -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.evaluation.run", description=(__doc__ or "").split("\n\n")[1]
    )
    parser.add_argument("--questions", default="", help="the folder of questions; by default the developers' set")
    parser.add_argument("--count", type=int, default=80, help="how many are drawn (%(default)s)")
    parser.add_argument("--seed", type=int, default=19, help="what they are drawn by (%(default)s)")
    parser.add_argument("--configuration", default="default", choices=CONFIGURATIONS, help="(%(default)s)")
    parser.add_argument("--model", default="", help="a model of OPENAI_BASE_URL's server, or `local`")
    parser.add_argument("--seconds", type=float, default=TIMEOUT, help="that a question may take (%(default)g)")
    parser.add_argument("--into", type=Path, default=RESULTS, help="folder of the results (build/eval)")
    parser.add_argument("--yes", action="store_true", help="run code where no sandbox works, too")
    parser.add_argument("--faults-again", action="store_true", help="ask again what ended by a fault")
    parser.add_argument("--list", action="store_true", help="only print the configurations")
    return parser.parse_args(given)


def main(given: Sequence[str] | None = None) -> int:
    """Run what the command line says; return the exit code."""
    options = arguments(given)
    if options.list:
        print("\n".join(f"{name:<20}{configuration}" for name, configuration in CONFIGURATIONS.items()))
        return 0
    try:
        with surroundings_of_its_own():
            asyncio.run(run(options))
    except KeyboardInterrupt:
        print("\nInterrupted. What has been asked is kept; the same command goes on.", file=sys.stderr)
        return INTERRUPTED
    except (AgentError, NoQuestions, NoResults) as error:
        print(error, file=sys.stderr)
        return 2
    return 0


@contextmanager
def surroundings_of_its_own() -> Iterator[None]:
    """Give the run a model's server and a state folder that nothing else uses, and that end with it."""
    with tempfile.TemporaryDirectory(prefix="eval-") as folder, pytest.MonkeyPatch.context() as patch:
        for variable in ("XDG_RUNTIME_DIR", "XDG_STATE_HOME"):
            place = Path(folder) / variable[4:7].lower()  # short: there is a socket in it
            place.mkdir(mode=0o700)
            patch.setenv(variable, str(place))
        yield


async def run(options: argparse.Namespace) -> None:
    """Draw the questions, ask those that have no result, and print the report.

    Raises:
        NoQuestions, NoResults, AgentError: It cannot begin, or go on.
    """
    questions = draw(read_questions(find_folder(options.questions, os.environ)), options.count, options.seed)
    configuration = CONFIGURATIONS[options.configuration]
    if options.yes:
        configuration = replace(configuration, run={"approval": "never", **configuration.run})
    async with open_model(options.model) as model:
        start = begin(options, configuration, model)
        path: Path = options.into / f"{start.stem}.jsonl"
        with writing(path) as writer:
            writer.add(start)
            results = Results.read(path)
            if warning := changed(results):
                print(warning, file=sys.stderr)
            print(f"{path}: {len(results.rows)} of {len(questions)} asked")
            left = [each for each in questions if wants_asking(each, results, faults_again=options.faults_again)]
            await ask_all(left, configuration, model, writer, path, timeout=options.seconds)
    print("\n" + report([(start.configuration, Results.read(path))]))


def begin(options: argparse.Namespace, configuration: Configuration, model: Model) -> Start:
    """Return how this run is made."""
    threads = [f"{usable_cpus()} threads"] if model.embedded else []
    return Start(
        configuration=options.configuration,
        changes=str(configuration),
        model=model.name,
        seed=options.seed,
        count=options.count,
        timeout=options.seconds,
        commit=commit(),
        versions=", ".join([f"Python {python_version()}", *filter(None, map(_version, PACKAGES)), *threads]),
        embedded=model.embedded,
        date=f"{datetime.now(UTC):%Y-%m-%d}",
    )


def changed(results: Results) -> str:
    """Return what is different from the start before, empty if nothing is."""
    names = ("changes", "timeout", "commit", "versions")
    before, now = [[getattr(start, name) for name in names] for start in (results.starts[0], results.starts[-1])]
    different = [
        f"{name}: {one} -> {other}" for name, one, other in zip(names, before, now, strict=True) if one != other
    ]
    if not different or not results.rows:
        return ""
    return "These results were begun otherwise; another folder (--into) begins a new run.\n" + "\n".join(different)


def wants_asking(question: Question, results: Results, *, faults_again: bool) -> bool:
    """Return whether a question has no result yet, or none that counts."""
    faults = {row.id for row in results.rows if row.fault}
    return question.id not in results.done or (faults_again and question.id in faults)


async def ask_all(
    questions: Sequence[Question],
    configuration: Configuration,
    model: Model,
    writer: Writer,
    path: Path,
    *,
    timeout: float,
) -> None:
    """Ask questions one after another; keep each result before the next one is asked."""
    rows = []
    for question in questions:
        notebook = path.with_suffix("") / f"{question.id}.ipynb"
        row = await ask(question, configuration, model, timeout=timeout, keep=notebook)
        writer.add(row)
        rows.append(row)
        print(progress(rows, len(questions)), flush=True)


def progress(rows: Sequence[Row], count: int) -> str:
    """Return a line about the last of the questions that were asked."""
    row, right = rows[-1], sum(row.right for row in rows)
    low, high = wilson(right, len(rows))
    share = f"{right}/{len(rows)} right ({low:.0%}-{high:.0%})"
    what = f"{row.id} {row.level}: {row.cause}{f' ({row.fault})' if row.fault else ''}"
    return f"{len(rows):>4}/{count}  {share:<24}{row.seconds:>6.1f} s {row.tokens:>7,} tokens  {what}"


def commit() -> str:
    """Return the commit that is measured, with `+` if files are changed; empty outside a repository."""
    names, changes = _git("rev-parse", "--short", "HEAD"), _git("status", "--porcelain", "--untracked-files=no")
    return f"{names}{'+' if changes else ''}"


def _git(*arguments: str) -> str:
    command = ["git", "-C", str(ROOT), *arguments]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.stdout.strip() if done.returncode == 0 else ""


def _version(package: str) -> str:
    try:
        return f"{package} {version(package)}"
    except PackageNotFoundError:
        return ""


if __name__ == "__main__":
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a script runs us in its background
    signal.signal(signal.SIGTERM, lambda *_: signal.raise_signal(signal.SIGINT))
    sys.exit(main())
