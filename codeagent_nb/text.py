"""Phrases that more than one surface says, and the Markdown that more than one writes. Pure."""

import re
from collections.abc import Sequence

from codeagent_nb.events import (
    AnswerQuestionedEvent,
    AnswerTracedEvent,
    CodeRefusedEvent,
    ContextEvent,
    FilesEvent,
    KernelStateEvent,
    NewVariablesEvent,
    RetryDecisionEvent,
    RunFinishedEvent,
    TaskTurnedEvent,
    VariableEvent,
)
from codeagent_nb.tracing.trace import NOWHERE
from kernel_executor import BlockResult, CodeResult, HeldFile, LiveVariable
from kernel_executor.sizes import size_text
from kernel_executor.text import plain, shorten

NAMED = 6
"""Files that are named one by one; of more, the number says enough."""

TASK_SHOWN = 70
"""Characters of a task that tell which one is meant."""

VARIABLES_TOLD = 8
"""Variables that are told one by one."""

VARIABLE_SHOWN = 80
"""Characters of a variable's name, and of its type with its size."""

IN_ANSWER = "it stands in the answer"
"""Why code is not run that the closing words hold."""

HOW_TO_TAKE = "%agent files NAME copies one into your folder"


def one_line(text: str) -> str:
    """Return a text as one line."""
    return " ".join(text.split())


def counted(number: int, noun: str) -> str:
    """Return how many there are of something whose plural ends in s."""
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"


def sentence(text: str) -> str:
    """Return what an error says as a sentence."""
    return f"{text[:1].upper()}{text[1:].rstrip('.')}."


def fenced(text: str, language: str) -> str:
    """Return text as a fenced block whose fence is longer than any in it."""
    return fenced_exactly(text.rstrip(), language)


def fenced_exactly(text: str, language: str) -> str:
    """Return text as a fenced block; nothing of it changes but that it ends with a newline."""
    longest = max((len(run) for run in re.findall(r"`+", text)), default=0)
    fence = "`" * max(3, longest + 1)
    info = re.sub(r"[`\s]", "", language)  # a backtick there would make it no fence at all
    body = text if text.endswith("\n") else f"{text}\n"
    return f"{fence}{info}\n{body}{fence}"


FENCED_CODE = re.compile(r"```.*?(?:```|\Z)", re.DOTALL)


def without_fenced_code(text: str) -> str:
    """Return a text without what stands in fences: names and forms in there are those of somebody's code."""
    return FENCED_CODE.sub("", text)


def block_cause(block: BlockResult) -> str:
    """Return in a few words why a block did not end well; what stopped it matters more than how it took that."""
    if block.status != "error" and block.note:
        return block.note
    return f"{block.ename}: {block.evalue}" if block.ename else block.note or f"exit code {block.exit_code}"


OWN_FRAME = re.compile(r"^ *Cell In\[.*?(?=\n\n|\n\w*Error: |\Z)", re.MULTILINE | re.DOTALL)
"""A frame of IPython's traceback that shows the code's own lines; that of a SyntaxError is indented."""


def own_frames(traceback: str) -> list[str]:
    """Return the frames of executed code itself, without those of libraries: the innermost whole, two lines before."""
    own = OWN_FRAME.findall(plain(traceback))
    return [*(_arrow(frame) for frame in own[-3:-1]), *own[-1:]]


def _arrow(frame: str) -> str:
    return "\n".join(line for line in frame.splitlines() if line.startswith(("Cell In[", "-")))


def failure_note(result: CodeResult | None, steps: int = 0) -> str:
    """Return a sentence: no code succeeded, or the last step did not, and what the last attempt ended with.

    Args:
        result: What the last code gave.
        steps: How many had gone well before.
    """
    what = "The last step did not succeed" if steps else "No code succeeded"
    last = result.blocks[-1] if result and result.blocks else None
    if last is None:
        return f"{what}."
    cause = block_cause(last)
    return f"{what}; the last attempt ended with {shorten(cause.rstrip('.'), 400)}."


def given(reason: str) -> str:
    """Return the reason that somebody gave for a decision."""
    return reason or "none given"


def denial_note(reason: str) -> str:
    """Return the line that tells a denial."""
    return f"Not approved: {reason or 'no reason given'}"


def refusal_note(event: CodeRefusedEvent) -> str:
    """Return the line that tells which attempt was not run, and why."""
    if event.reason == IN_ANSWER:
        return "The code in this answer was not run"
    what = "was not run" if event.nothing_ran else "was run in part"
    return f"Attempt {event.retry_attempt + 1} {what}: {event.reason}"


def repair_note(damage: str) -> str:
    """Return the line that tells how the code that runs differs from the code that was written."""
    return f"The code was damaged on its way ({damage}); it runs with that undone"


def retry_note(event: RetryDecisionEvent) -> str:
    """Return the line that tells whether another attempt follows, and why."""
    return f"{'Trying again' if event.retry else 'Not trying again'}: {event.reason}"


def run_facts(event: RunFinishedEvent) -> tuple[str, ...]:
    """Return what a run took, for people: tries, tokens, money where it is known, time; what it sent, unless all."""
    tokens = event.usage.prompt_tokens + event.usage.completion_tokens
    tries = f"{event.tries} {'try' if event.tries == 1 else 'tries'}"
    if event.steps > 1:
        tries = f"{event.steps} steps, {tries}" if event.tries > event.steps else f"{event.steps} steps"
    cost = [money_text(event.cost)] if event.cost else []  # one that is not known is none that is 0
    return (tries, f"{tokens:,} tokens", *cost, f"{event.duration:.1f} s", *filter(None, [event.sent]))


def end_note(event: RunFinishedEvent) -> str:
    """Return what there is to say of a run's end beside its status; empty if that says it all.

    Of an answer in words that no code was run: a first user took invented figures for results.
    """
    if event.status == "exhausted":
        return event.reason
    return event.reason.partition("; ")[2] if event.status == "answered" else ""


def money_text(dollars: float) -> str:
    """Return a sum of money for people: $12.30, $0.0031; one that is not nothing is not rounded to it."""
    if dollars >= 1 or round(dollars, 2) == dollars:
        return f"${dollars:,.2f}"
    return f"${dollars:.4f}" if dollars >= 0.0001 else "less than $0.0001"


def brought_note(event: VariableEvent | ContextEvent) -> str:
    """Return in Markdown what the agent was given: a variable of the notebook, or what was read for it."""
    if isinstance(event, ContextEvent):
        return event.told
    said = event.description.partition("\n")[0].rstrip(":")
    return said.replace(f"The variable `{event.name}` is", f"Using your `{event.name}`:") if event.attached else said


def check_note(event: AnswerQuestionedEvent | AnswerTracedEvent) -> str:
    """Return the line that tells what is wrong with an answer; empty if its numbers are all traced."""
    if isinstance(event, AnswerQuestionedEvent):
        return f"Asked for the answer again: {event.reason}" if event.content else sentence(event.reason).rstrip(".")
    reasons: dict[str, None] = {}
    for number in event.untraced:
        why = "" if number.reason in {"", NOWHERE} else f" ({number.reason})"
        reasons[f"{number.text}{why}"] = None
    if not reasons:
        return ""
    listed = ", ".join([*reasons][:NAMED]) + (f" and {len(reasons) - NAMED} more" if len(reasons) > NAMED else "")
    return f"Not computed: {listed}. No output of the agent's code states {'it' if len(reasons) == 1 else 'them'} so"


def traced_text(event: AnswerTracedEvent) -> str:
    """Return where each number of an answer comes from, a line for each place; empty if none is traced."""
    places: dict[str, dict[str, None]] = {}
    for number in event.numbers:
        if number.found_in is not None:
            places.setdefault(number.found_in, {})[number.text] = None
    return "\n".join(f"{place}: {', '.join(numbers)}" for place, numbers in places.items())


def state_note(event: KernelStateEvent) -> str:
    """Return what a person should know of the variables; empty if they are as before the code that failed."""
    if event.state == "kept":
        return f"What the failed code made was not taken back: {event.reason}."
    what = f"Not there any more: {_listed(event.names)}" if event.names else "All variables were lost"
    return f"{what}: {event.reason}." if event.state == "lost" else ""


def turned_note(event: TaskTurnedEvent) -> str:
    """Return what a person should know of a task that was taken back, or again."""
    task = first_words(event.task)
    task = task if task.endswith((".", "!", "?", "…")) else f"{task}."
    if event.state == "redone":
        return f"Took the last task again: {task} Its variables are as after it."
    files = f" Files it delivered stay: {_listed(event.files)}." if event.files else ""
    return f"Took back the last task: {task} Its variables are as before it.{files}"


def first_words(task: str) -> str:
    """Return the beginning of a task in one line."""
    line = one_line(task)
    return line if len(line) <= TASK_SHOWN else f"{line[: TASK_SHOWN - 1]}…"


def delivered_text(event: FilesEvent) -> str:
    """Return a line that tells which files were saved, and which were removed; empty if none were."""
    parts = []
    if event.delivered:
        parts.append(f"Saved {_listed([f'{file.name} ({size_text(file.size)})' for file in event.delivered])}")
    if event.removed:
        parts.append(f"removed {_listed(event.removed)}" if parts else f"Removed {_listed(event.removed)}")
    return "; ".join(parts)


def held_text(event: FilesEvent) -> str:
    """Return a line that tells which files were not saved, and why; empty if all were."""
    if not event.held:
        return ""
    return f"Not saved: {_listed(held_rows(event.held), more=event.more_held)}"


def held_rows(files: Sequence[HeldFile]) -> list[str]:
    """Return a line for each file that stayed behind."""
    return [f"{file.name} ({size_text(file.size)}: {file.reason})" for file in files]


def kind_text(variable: LiveVariable) -> str:
    """Return type and size of a variable: `DataFrame` with rows and columns, `list 12`."""
    shape, length = variable.shape, variable.length
    sizes = " × ".join(map(str, shape)) if shape else "" if length is None else str(length)  # noqa: RUF001
    return " ".join(filter(None, [variable.type, sizes]))


def variable_row(variable: LiveVariable) -> str:
    """Return what there is to tell of a variable that a task has made."""
    stays = "" if variable.comes else " (stays there)"
    return f"{shorten(variable.name, VARIABLE_SHOWN)} · {one_line(shorten(kind_text(variable), VARIABLE_SHOWN))}{stays}"


def variables_text(event: NewVariablesEvent) -> str:
    """Return a line that tells which variables a task has made, and how they are brought home; empty if none."""
    if not event.variables:
        return ""
    left = len(event.variables) - VARIABLES_TOLD
    more = f"; and {left} more" if left > 0 else ""
    return f"New in the agent's kernel: {'; '.join(map(variable_row, event.variables[:VARIABLES_TOLD]))}{more}"


def names_that_come(event: NewVariablesEvent) -> list[str]:
    """Return the names of the variables that are told of and can be brought home."""
    return [variable.name for variable in event.variables[:VARIABLES_TOLD] if variable.comes]


def how_to_bring(event: NewVariablesEvent) -> str:
    """Return what to type to bring variables home; empty if none of them can come."""
    name = next((variable.name for variable in event.variables if variable.comes), "")
    return f"Into your notebook: %agent pull {name}" if name else ""


def _listed(names: Sequence[str], more: int = 0) -> str:
    left = max(0, len(names) - NAMED) + more
    return ", ".join(names[:NAMED]) + (f" and {left} more" if left > 0 else "")
