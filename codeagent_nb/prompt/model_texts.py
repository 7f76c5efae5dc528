"""All English that is addressed to the model, in one place. Knows no model and no event."""

from collections.abc import Mapping, Sequence

from codeagent_nb.models.privacy import Privacy

# Measured on nine table questions with the embedded model: this wording 7 right, 131 tokens a run (median); "one block
# and nothing after it" 6 right (a filter forgotten, once no code at all); "list the steps first" 7 right, 211 tokens.
_HOW_TO_SOLVE = """\
You solve tasks by writing code that is run for you{where}; you then see its output.
- Write one complete ```{language} block.
{rules}
- There is no network, and no input(). Use the packages that are installed.
- If the task needs no code, answer in plain text without a code block."""

_PYTHON = """\
{steps}- print() every value that is asked for, with a label. {plots}
- Use the file, column and variable names exactly as they are given. Do not invent data.
- {state}{shell}"""

_STATEFUL = "Variables and imports stay from block to block."

_STATELESS = "Each block is a script of its own: no variables or imports stay, only files do."

_STEPS = """\
- You may work in steps: look at the data first, and go on when you have seen the output. One step, one block.
- A reply without a code block ends the task: answer in it only when the outputs tell everything that was asked for.
"""
"""For a model that is known to gain by it; a small one loses what it found (design D23)."""

_SHELL = """\
- echo every value that is asked for, with a label.
- Use the file and variable names exactly as they are given. Do not invent data.
- Each block is a script of its own; only files stay."""


def system_message_for(languages: Sequence[str], *, keeps_variables: bool = True, max_steps: int = 1) -> str:
    """Return the first message of a prompt.

    Args:
        languages: What its code may be written in: `python`, `bash`.
        keeps_variables: Whether variables stay from block to block.
        max_steps: Pieces of code that may go well before it has to answer.
    """
    where = " in a Jupyter kernel" if keeps_variables else ""
    if "python" not in languages:
        return _HOW_TO_SOLVE.format(where=where, language="sh", rules=_SHELL)
    shell = " For a shell command write a ```sh block." if "bash" in languages else ""
    state = _STATEFUL if keeps_variables else _STATELESS
    plots = "Show plots with plt.show()." if keeps_variables else 'Save plots with plt.savefig("NAME.png").'
    rules = _PYTHON.format(plots=plots, state=state, shell=shell, steps=_STEPS if max_steps > 1 else "")
    return _HOW_TO_SOLVE.format(where=where, language="python", rules=rules)


def first_words(  # noqa: PLR0917 - all that it is made of
    system_message: str | None,
    languages: Sequence[str],
    keeps_variables: bool,
    instructions: str,
    max_steps: int = 1,
    privacy: Privacy = "rows",
) -> str | None:
    """Return the system message as it is sent.

    Args:
        system_message: The one asked for; the default one is written for the executor, None stays None.
        languages: What code may be written in.
        keeps_variables: Whether the executor's variables stay from block to block.
        instructions: What else a model is to know of the executor.
        max_steps: Pieces of code that may go well before it has to answer.
        privacy: How much of the user's data the model is sent.
    """
    if system_message is None:
        return None
    if system_message == DEFAULT_SYSTEM_MESSAGE:
        system_message = system_message_for(languages, keeps_variables=keeps_variables, max_steps=max_steps)
    system_message += TOLD_LESS[privacy]
    return f"{system_message}\n\n{instructions}" if instructions else system_message


DEFAULT_SYSTEM_MESSAGE = system_message_for(("python", "bash"))

ASSISTANT_SYSTEM_MESSAGE = """\
You are a helpful assistant. You may be one of several who solve a task together and see what each other writes.
- If code has to be run, write one complete ```python block; who runs it will show you its output.
- Reply with TERMINATE when the task is done, never in the same message as code that is still to be run."""

# "In the language of the task" changes nothing for the embedded model: three in German and French are answered
# in the same words with it and without it, in English or a mixture (measured). It is meant for larger models, with
# which nothing was measured.
REFLECT_AFTER_SUCCESS = """\
The code above has run. Now answer every part of the task in a few sentences, from its output alone, in the language of
the task.
Repeat every value that was asked for exactly as it was printed. Write no code."""

IN_THIS_FORM = """\
The task prescribes how the answer is written. Write it exactly so:
{form}"""
"""Said last, for what is said last is followed best."""

NOT_COMPUTED = "No output above states these numbers of your answer: {numbers}."
LACKS_FORM = "The task prescribes how the answer is written, and your answer lacks: {form}."
ANSWER_AGAIN = """\
Give the whole answer again. Take each number from an output, as it was printed; of what was not computed say so."""

NEXT_STEP = """\
That went well. Is every part of the task answered by the outputs above? Then answer it now in a few sentences, from
them alone, in the language of the task, without a code block; repeat every value that was asked for exactly as it was
printed. If not, write the next step: one complete block."""

REFLECT_AFTER_FAILURE = """\
The code did not run through, and there are no tries left. Say in at most three sentences, in the language
of the task, what was tried and what went wrong. Give no value that the output above does not contain. Write no code."""

DECIDE = """\
The code failed. Shall it be corrected and run again? Reply with JSON only:
{"reason": "<what to change, or why to stop>", "retry": <true or false>}"""

DECIDE_AGAIN = "That was not valid ({complaint}). Reply with nothing but one JSON object of that shape."

TRIES_LEFT = "The code failed, and there are tries left."

LOOK_FIRST = (
    "It is not known whether that code has run. Look first at what is there, such as files or tables it may have "
    "written, and repeat nothing that may have run."
)

RETRY = "{reason}\nWrite the whole corrected code in one block."

REPAIR_AFRESH = """\
Code that was written for this failed, and is not shown here. This was seen where it failed:
{seen}
Write the whole code in one complete block."""
"""Only for a model that is known to gain by it: a small one writes failed code once more if it sees it."""

REFUSED = "Nothing was run: {reason}. Write the whole code again, in one complete ```python block."

REFUSALS = (
    ("has just run", "Nothing was run: {reason}; its output is above."),
    # Whatever comes then is taken: that an answer was mistaken for a plan costs a call, and no code runs twice.
    (
        "and holds none",
        "Your reply holds no code. If it was the answer, give it again. Otherwise write the code in one block.",
    ),
)
"""How the reasons end for which nothing is to be written again, and what is said instead."""

OWN_WORDS = tuple(end for end, _ in REFUSALS)

REPAIRED = "Your code did not parse as it arrived ({damage}); it was run with that undone. Write plain code."
ADVICE = (
    ("the block has no language", "tag it python or bash if it is to run"),
    ("a terminal session is not run", "put the commands alone in a block tagged bash"),
    ("which is secret", "write it without that value"),
    ("it would fail again", "change it"),
)
"""How a reason ends, which people read too, and what a model is to do about it, which only the model reads."""


def advised(reason: str) -> str:
    """Return a reason with what a model is to do about it."""
    advice = next((advice for end, advice in ADVICE if reason.endswith(end)), "")
    return f"{reason}; {advice}" if advice else reason


NO_OUTPUT = "The code ran without an error and printed nothing."

RAN = "The code ran without an error. Its output:\n{output}"

LATE = "Meanwhile earlier code showed:\n{output}"

FAILED = "The code failed (exit code {exit_code}).{output}\n{error}"

UNKNOWN = "It is not known whether the code has run, in whole or in part.{output}\n{error}"

ROLLED_BACK = "Variables and imports are as before the failed code."

KEPT = "Variables and imports of the failed code are still there{names}."

LOST = "All variables and imports are gone; make again what you need."

LOST_SOME = "These are gone; make again what you need of them: {names}."

TAKEN_BACK = "The user took the last task back. Variables and imports are as before it; files stay."

EDITED = "The user changed the code before it ran. This is what ran:\n"

DENIED = "The user did not let the code run. Reason: {reason}."

ENDED_EARLY = "The user or a fault ended this before it was done; what had begun to run was stopped."

WORDLESS = "[{mime} was shown to the user]"

NOT_SENT = "[It is shown to the user, and not sent to you.]"

MESSAGE_NOT_SENT = "its message is not sent to you"

IT_IS_THERE = "It is there."

DONE_APART = "That was done with another model; its code and what it showed are not sent to you."

ALLOWED = "The user has allowed what the code was refused."

AS_THE_USER_SAYS = "Do as the user says."

_TOLD_STATISTICS = """
- The data is private. Of what code shows you see numbers and words that you know, no other texts, no rows, no plots:
print what you need to know as numbers with labels. The user sees all of it: print the complete answer."""

_TOLD_SCHEMA = """
- The data is private. You see nothing of what code shows, only whether it ran. The user sees all of it: write code that
needs no look at the data before, and that prints the complete answer, with labels."""

TOLD_LESS: Mapping[Privacy, str] = {"rows": "", "statistics": _TOLD_STATISTICS, "schema": _TOLD_SCHEMA}
"""Appended to the system message."""

RAN_UNSEEN = "The code ran; what it shows is the answer. The model was sent none of it."

FAILED_UNSEEN = "The code did not run through. The model was not sent why."

UNKNOWN_UNSEEN = "Whether the code ran is not known: look before it runs again."

WANTED = "The user takes these variables over afterwards: {names}. Assign them in the code, at its top level."
"""Only where variables were asked for: of one that the code names otherwise nobody would know."""


def wanted_text(results: Sequence[str]) -> str:
    """Return what the model reads of the variables that are to be there in the end; empty if there are none."""
    return WANTED.format(names=", ".join(f"`{name}`" for name in results)) if results else ""


SKIPPED = "Skipped {number} messages."

# A variable of the notebook is told as what happened: the code that loaded it, and that it ran. Told in words only, "it
# exists already, do not read a file for it", the embedded model read a file it had made up in 4 of 4 questions and in
# all 4 tries of each; told as a turn of the conversation in 0 of 4.
LOAD_VARIABLE = "Load the variable `{name}`."

VARIABLE_LOADED = "The code ran without an error. {description}"
