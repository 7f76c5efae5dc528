"""The line of `%%agent`: its arguments, and what they say together with the settings. Knows IPython's parser only."""

import keyword
import math
import re
import shlex
from argparse import BooleanOptionalAction, RawDescriptionHelpFormatter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from pathlib import Path
from typing import Any, Literal, TypeVar

from IPython.core.error import UsageError
from IPython.core.magic_arguments import MagicArgumentParser

from codeagent_nb.elsewhere.choice import read_address
from codeagent_nb.loop.budget import Budget
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.prices import Price
from codeagent_nb.notebook.settings import CodeAgent
from kernel_executor.sizes import read_size

T = TypeVar("T")

Keep = Literal["all", "final"]

MENTION = re.compile(r"(?<![\w@])@\{\s*([^\W\d][^{}\n]*?)\s*\}")
"""`@{name}` in a task names a variable, as in the chat panels of other notebooks. LaTeX's `@{}`, Perl's `@{$x}`
and `user@{host}` are text."""


@dataclass(frozen=True, slots=True)
class CellOptions:
    """What one `%%agent` cell asks for.

    Args:
        model: Name of a model or of a variable; empty looks at the environment.
        run: How the task is solved.
        keep: What stays under the cell.
        files: Files to copy into the agent's folder.
        variables: Names of variables to copy into the managed kernel.
        results: Names of variables to copy into the notebook when the task is done.
        background: True to return at once.
        cells: True to write cells below, where that can be.
        insists: Whether the line asks for them, so that it is said where it cannot be.
        privacy: How much of the data the model is sent; empty leaves it to what was chosen before.
        server: Address of the server that the code is to run on; empty goes by the settings.
    """

    model: str
    run: RunSettings
    keep: Keep
    files: tuple[Path, ...]
    variables: tuple[str, ...]
    results: tuple[str, ...]
    background: bool
    cells: bool
    insists: bool
    privacy: str = ""
    server: str = ""


FENCED = re.compile(r"^[ \t]*(`{3,}|~{3,}).*?(?:^[ \t]*\1[`~]*[ \t]*$|\Z)", re.MULTILINE | re.DOTALL)
"""Code that is quoted in a task; names in it are the code's own."""

DESCRIPTION = """Solve a task: write it below the %%agent line, in your own words. For example:

    %%agent -i df
    Plot the sales of each month, and name the best one.

The agent writes code, runs it in a sandboxed kernel of its own in this notebook's folder, repairs it
when it fails and explains the result. Its kernel and the conversation go on from cell to cell.
@{name} in the task copies a variable of this notebook, as -i name does; -o name copies one of the
agent's into this notebook when the task is done. `%agent help` lists the other commands.
"""

ARGUMENTS: Sequence[tuple[tuple[str, ...], dict[str, Any]]] = (
    (("-m", "--model"), {"help": "Name of a model, `local`, or a variable that holds a client."}),
    (
        ("-i", "--input"),
        {
            "action": "append",
            "default": [],
            "metavar": "NAMES",
            "help": "Variables to copy into the agent's kernel, e.g. -i df,cfg.",
        },
    ),
    (
        ("-o", "--output"),
        {
            "action": "append",
            "default": [],
            "metavar": "NAMES",
            "help": "Variables to bring home when it is done, e.g. -o clean,fig; they replace yours of those names.",
        },
    ),
    (
        ("-f", "--file"),
        {"action": "append", "default": [], "metavar": "PATH", "help": "A file, copied into the agent's folder."},
    ),
    (("-r", "--retries"), {"type": int, "help": "Attempts after the first, of each step."}),
    (("--steps",), {"type": int, "help": "How often the agent may look at an output and go on; 0 goes by the model."}),
    (("-t", "--timeout"), {"type": float, "help": "Seconds a block of code may take; 0 sets no limit."}),
    (("--server",), {"metavar": "URL", "help": "Run the code in a kernel on this server; no token belongs here."}),
    (
        ("--budget",),
        {"help": "What the task may use, e.g. 'tokens=20000, cost=0.50'; it ends there, and keeps what it has."},
    ),
    (("--price",), {"help": "US dollars per million tokens of prompts and of replies, e.g. 0.40/1.60."}),
    (("-a", "--approval"), {"choices": ("auto", "always", "never"), "help": "Whether you are asked before code runs."}),
    (
        ("-p", "--privacy"),
        {"choices": ("auto", "rows", "statistics", "schema"), "help": "How much of your data the model is sent."},
    ),
    (("-k", "--keep"), {"choices": ("all", "final"), "help": "What stays under the cell: all attempts, or the last."}),
    (
        ("--cells",),
        {
            "action": BooleanOptionalAction,
            "help": "Write cells below, or say why not; --no-cells shows all under the task.",
        },
    ),
    (("--bg",), {"action": "store_true", "help": "Return at once, and go on in the background."}),
)


def parser() -> MagicArgumentParser:
    """Return the parser of the line; what it cannot read is a `UsageError`."""
    made = MagicArgumentParser("%%agent", description=DESCRIPTION, formatter_class=RawDescriptionHelpFormatter)
    for names, options in ARGUMENTS:
        made.add_argument(*names, **options)
    return made


def help_text() -> str:
    """Return what `%%agent` with an empty body prints."""
    rows = [
        (f"{', '.join(names)} {_value_of(names[-1], options)}".rstrip(), options["help"])
        for names, options in ARGUMENTS
    ]
    width = max(len(row) for row, _ in rows)
    return "\n".join(
        [DESCRIPTION, "Options, after %%agent on the same line:", *(f"  {row:{width}}  {said}" for row, said in rows)]
    )


def asks_for_help(line: str, body: str) -> bool:
    """Return whether there is no task.

    Raises:
        UsageError: It stands in the line.
    """
    if not body.strip() and line.strip() and not line.lstrip().startswith("-"):
        raise UsageError("the task goes below the %%agent line, not into it")
    return not body.strip()


def _value_of(name: str, options: Mapping[str, Any]) -> str:
    if "action" in options and "metavar" not in options:
        return ""
    choices = "|".join(options.get("choices", ()))
    return choices or str(options.get("metavar", name.lstrip("-").upper()))


def read_line(line: str, body: str, settings: CodeAgent) -> CellOptions:
    """Read the line of a cell.

    Raises:
        UsageError: An argument is unknown or has no sense.
    """
    try:
        given = parser().parse_args(shlex.split(line))  # IPython's own splitting leaves the quotes on
    except ValueError as error:
        raise UsageError(f"%%agent {line}: {error}") from error
    except UsageError as error:
        raise UsageError(f"{error}{_what_is_meant(str(error))}") from error
    retries = settings.retries if given.retries is None else given.retries
    timeout = settings.timeout if given.timeout is None else given.timeout
    steps = settings.steps if given.steps is None else given.steps
    if steps < 0:
        raise UsageError(f"--steps must be 0 or greater; it is {steps}")
    if retries < 0 or not 0 <= timeout < math.inf:
        raise UsageError(f"--retries and --timeout must be 0 or greater; they are {retries} and {timeout:g}")
    return CellOptions(
        model=given.model or settings.model,
        run=RunSettings(
            model=None,
            timeout=timeout or None,
            max_retries=retries,
            max_steps=steps or None,
            approval=given.approval or settings.approval,
            budget=_read(Budget.read, "--budget", settings.budget if given.budget is None else given.budget),
            session_budget=Budget.read(settings.session_budget),
            price=_read(Price.read, "--price", price) if (price := given.price or settings.price) else None,
        ),
        privacy=given.privacy or settings.privacy,
        keep=given.keep or settings.keep,
        files=tuple(Path(path) for path in given.file),
        variables=variable_names(given.input, body),
        results=names_in(given.output, "-o clean,fig"),
        background=given.bg,
        cells=settings.cells if given.cells is None else given.cells,
        insists=given.cells is True,
        server=_address(given.server),
    )


def _address(given: str | None) -> str:
    return _read(read_address, "--server", given) if given else ""


def _read(read: Callable[[str], T], option: str, text: str) -> T:
    try:
        return read(text)
    except ValueError as error:
        raise UsageError(f"{option}: {error}") from error


def _what_is_meant(error: str) -> str:
    """Return what to do about an option that does not exist; empty about all else."""
    _, is_unknown, words = error.partition("unrecognized arguments: ")
    if not is_unknown:
        return ""
    if not words.startswith("-"):
        return "; the task goes below the %%agent line"
    close = get_close_matches(words.split()[0], [name for names, _ in ARGUMENTS for name in names], 1, 0.7)
    return f"; did you mean {close[0]}?" if close else "; an empty %%agent cell lists the options"


def variable_names(given: Sequence[str], task: str) -> tuple[str, ...]:
    """Return the names that `-i` and `@{...}` ask for, each once, in order.

    Raises:
        UsageError: One of them is no name of a variable.
    """
    return names_in([*given, *MENTION.findall(FENCED.sub("", task))], "-i df,cfg or @{df}")


def names_in(given: Sequence[str], example: str) -> tuple[str, ...]:
    """Return the names of variables in a list of lists with commas, each once, in order.

    Args:
        given: The lists.
        example: How they are written.

    Raises:
        UsageError: One of them is no name of a variable.
    """
    names = [name.strip() for part in given for name in part.split(",")]
    if wrong := [name for name in names if not name.isidentifier() or keyword.iskeyword(name)]:
        raise UsageError(f"{wrong[0]!r} is not a valid variable name: write e.g. {example}")
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True, slots=True)
class Pull:
    """What `%agent pull` asks for.

    Args:
        names: Variables of the agent's kernel, each with what it is to be called here.
        limit: Bytes that each may have; None allows 1 GB.
    """

    names: tuple[tuple[str, str], ...]
    limit: int | None


HOW_TO_PULL = "%agent pull NAME [as NAME] [--limit 2GB]"


def read_pull(line: str) -> Pull:
    """Read what stands behind `%agent pull`.

    Raises:
        UsageError: It cannot be read.
    """
    asked, _, size = line.partition("--limit")
    try:
        limit = read_size(size.strip(" =")) if size else None
    except ValueError as error:
        raise UsageError(f"%agent pull: {error}") from error
    there, renamed, here = (part.strip() for part in f" {asked.strip()} ".partition(" as "))
    if not there or (renamed and not here):
        raise UsageError(f"{HOW_TO_PULL}: name a variable of the agent's kernel, e.g. %agent pull clean")
    names = names_in([",".join(there.replace(",", " ").split())], "%agent pull clean")
    if not renamed:
        return Pull(tuple((name, name) for name in names), limit)
    if len(names) > 1:
        raise UsageError(f"{HOW_TO_PULL}: only one variable at a time gets another name")
    [name] = names_in([here.replace(",", " ")], "%agent pull clean as table")
    return Pull(((names[0], name),), limit)


def pick(names: Sequence[str], namespace: dict[str, Any]) -> dict[str, Any]:
    """Return the variables of these names.

    Raises:
        UsageError: One does not exist.
    """
    for name in names:
        if name not in namespace:
            known = [known for known in namespace if not known.startswith("_")]
            close = get_close_matches(name, known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else ": run the cell that makes it first"
            raise UsageError(f"there is no variable {name!r} in this notebook{hint}")
    return {name: namespace[name] for name in names}
