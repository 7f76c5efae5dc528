"""Runs that end in every way there is, by name: what the model replies, what its code gives, how the agent is set.

Every surface is tested with all of them. Their words hold what would break out of HTML and Markdown.
"""

import contextlib
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codeagent_nb.approval import ApprovalResponse
from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.events import AgentEvent
from codeagent_nb.models.types import CreateResult
from kernel_executor import BlockResult, CodeBlock
from kernel_executor.replay import failing

Stages = Callable[..., Any]

CODE = "I print one.\n\n```python\nprint(1)\n```"
OTHER = CODE.replace("1", "2")
SHELL = "```sh\nls\n```"
TWO = f"{CODE}\n\nThen:\n\n{SHELL}\n\nThat is all."
YES = '{"reason": "a <typo>", "retry": true}'
NO = '{"reason": "hopeless", "retry": false}'
REFUSED = "```javascript\nalert('`')\n```"


def stopped(status: Any, note: str = "Stopped after 60 s.") -> BlockResult:
    """Return what is left of a block that was stopped."""
    output = {"output_type": "stream", "name": "stdout", "text": "half ``` done\n"}
    return BlockResult(block=CodeBlock(""), status=status, exit_code=124, outputs=(output,), note=note)


def left_by_exit() -> BlockResult:
    """Return the result of `sys.exit(0)`."""
    error = {"output_type": "error", "ename": "SystemExit", "evalue": "0", "traceback": ["SystemExit: 0"]}
    return BlockResult(block=CodeBlock(""), status="ok", exit_code=0, outputs=(error,))


def edit(request: Any) -> ApprovalResponse:
    """Approve other code than was asked for."""
    blocks = (CodeBlock("print('<edited>')"),)
    return ApprovalResponse(approved=True, reason="", code_blocks=blocks)


@dataclass(frozen=True, slots=True)
class Story:
    """A run.

    Args:
        replies: What the model says, or raises.
        results: What the executor returns: results, or what the code prints.
        options: Of the agent.
        task: What is asked; None asks for one number.
    """

    replies: list[Any]
    results: list[Any] = field(default_factory=list)
    options: dict[str, Any] = field(default_factory=dict)
    task: str = "Print one."


DENY = {"approval_func": lambda _: ApprovalResponse(approved=False, reason="too <risky>")}
ONE_MORE = {"max_retries_on_error": 1}
CHECKED = {"checks_answer": True}
UNASKED = {**ONE_MORE, "retry_by": "status"}

STORIES: dict[str, Story] = {
    "answered": Story(["Paris."]),
    "thought": Story(["<think>hmm <b></think>Paris."]),
    "damaged": Story(["```python\nprint(&quot;<b>&quot;)\n```", "It is bold."], ["<b>\n"]),
    "called": Story(["<|python_tag|>print(1)<|eom_id|>", "It is one."], ["1\n"]),
    "succeeded": Story([CODE, "It printed 1."], ["1\n"]),
    "failed": Story([CODE, "It failed."], [failing()]),
    "repaired": Story([CODE, YES, OTHER, "Two."], [failing(), "2\n"], ONE_MORE),
    "all fail": Story([CODE, OTHER, "It failed."], [failing(), failing()], UNASKED),
    "not retried": Story([CODE, NO, "It failed."], [failing()], ONE_MORE),
    "repeated": Story([CODE, CODE, "It failed."], [failing()], UNASKED),
    "words after a failure": Story([CODE, YES, "It cannot be done."], [failing()], ONE_MORE),
    "refused": Story([REFUSED, REFUSED], [], ONE_MORE),
    "refused in part": Story([f"{CODE}\n\n{REFUSED}", "One."], ["1\n"]),
    "refused, then well": Story(["```javascript\n1\n```", CODE, "One."], ["1\n"], ONE_MORE),
    "cut off": Story([CreateResult(content=CODE, finish_reason="length")]),
    "denied": Story([CODE], [], DENY),
    "edited": Story([CODE, "One."], ["1\n"], {"approval_func": edit}),
    "timeout": Story([CODE, "Too slow."], [stopped("timeout")]),
    "died": Story([CODE, "It died."], [stopped("died", "The kernel died.")]),
    "skipped": Story([CODE, "Skipped."], [stopped("skipped")]),
    "exit": Story([CODE.replace("print(1)", "sys.exit(0)"), "Left."], [left_by_exit()]),
    "shell": Story([SHELL, "A file."], ["a.csv\n"]),
    "two blocks": Story([f"{CODE}\n\n{OTHER}", "Done."], ["1\n", failing()]),
    "two and words": Story([TWO, "Done."], ["1\n", "a.csv\n"]),
    "first of two": Story([TWO, YES, OTHER, "Done."], [failing(), "2\n"], ONE_MORE),
    "stopped first": Story([TWO, "It was stopped."], [stopped("timeout", "Stopped.")]),
    "quoted code": Story([CODE, f"It was:\n\n{CODE}"], ["1\n"]),
    "repeated and quoted": Story([CODE, CODE, f"It failed:\n\n{CODE}"], [failing()], UNASKED),
    "asked again": Story([CODE, "It is <b>42</b>, or `42`.", "It printed 1."], ["1\n"], CHECKED),
    "not computed": Story([CODE, "It is <42>.", "It is <43>; the mean is 7.25."], ["mean 7.25\n"], CHECKED),
    "asked again for code": Story([CODE, "42.", OTHER, "2."], ["1\n", "2\n"], {**CHECKED, "max_steps": 3}),
    "silent when asked again": Story([CODE, "It is 42.", ""], ["1\n"], CHECKED),
    "gone when asked again": Story([CODE, "It is 42.", ModelUnavailable("gone")], ["1\n"], CHECKED),
    "known by heart": Story(["In 1991."], [], CHECKED),
    "given code": Story([], ["1\n"], {"model_client": None}, "Print `one`.\n\n```python\nprint(1)\n```"),
    "model gone": Story([CODE, ModelUnavailable("gone *now*")], ["1\n"]),
    "model never there": Story([ModelUnavailable("no <server>")]),
    "silent": Story(["", ""]),
}


async def events_of(stage: Stages, name: str) -> list[AgentEvent]:
    """Play a run; return all that was published, pieces of replies included."""
    story = STORIES[name]
    scene = stage(story.replies, story.results, **story.options)
    with contextlib.suppress(ModelUnavailable):
        await scene.agent.run(task=story.task)
    return list(scene.seen)
