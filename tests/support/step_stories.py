"""Runs of several steps, as a large model replies: what it says, what its code gives, and how each must end."""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from codeagent_nb.approval import ApprovalRequest, ApprovalResponse, rejected
from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.models.types import CreateResult
from kernel_executor import BlockResult, CodeBlock
from kernel_executor.replay import failing

Answer = ApprovalResponse | str
"""A no with these words, or any answer."""

YES = ApprovalResponse(approved=True)


def py(code: str, words: str = "", after: str = "") -> str:
    """A reply with code."""
    return f"{words}\n\n```python\n{code}\n```\n{after}".strip() + "\n"


@dataclass(frozen=True, slots=True)
class StepStory:
    """A run.

    Args:
        replies: What the model says.
        results: What the code gives, block by block.
        status: How the run ends.
        ran: The code of the blocks that ran, each in short.
        answer: What stands in the closing words.
        not_run: What a surface says of code that did not run; empty if all of it did.
        answers: Of the user, to each question; none means that nobody is asked.
        steps: How many there may be.
        retries: Of each step.
    """

    replies: list[Any]
    results: list[Any]
    status: str
    ran: list[str]
    answer: str
    not_run: str = ""
    answers: list[Answer] = field(default_factory=list)
    steps: int = 8
    retries: int = 2

    def approver(self) -> Callable[[ApprovalRequest], ApprovalResponse] | None:
        """Answer the questions one after another."""
        if not self.answers:
            return None
        answers = iter(self.answers)

        def answer(_: ApprovalRequest) -> ApprovalResponse:
            given = next(answers)
            return rejected(given) if isinstance(given, str) else given

        return answer


EDITED = ApprovalResponse(approved=True, code_blocks=(CodeBlock("edited()", "python"),))
LOOK = py("df.columns", "Let me look at the columns first.")
MEAN = py("df.mass.mean()", "Now the mean.")
PLOT = py("df.mass.plot()")
COLUMNS, NUMBER = "Index(['species', 'mass'])\n", "4201.75\n"
WORDS = "The mean mass is 4201.75 g."
IN_SQL = f"{WORDS} In SQL:\n\n```sql\nSELECT AVG(mass) FROM df;\n```"
CODE_AS_DATA = 'It is 4201.75. The file would be:\n\n```json\n{"mean": 4201.75}\n```'

STEP_STORIES: dict[str, StepStory] = {
    "columns, then the mean": StepStory(
        [LOOK, MEAN, WORDS], [COLUMNS, NUMBER], "succeeded", ["df.columns", "df.mass.mean()"], WORDS
    ),
    "one step is enough": StepStory([MEAN, WORDS], [NUMBER], "succeeded", ["df.mass.mean()"], WORDS),
    "no step at all": StepStory(["Paris."], [], "answered", [], "Paris."),
    "four steps": StepStory(
        [LOOK, py("df.head()"), MEAN, PLOT, WORDS],
        [COLUMNS, "rows\n", NUMBER, "[plot]\n"],
        "succeeded",
        ["df.columns", "df.head()", "df.mass.mean()", "df.mass.plot()"],
        WORDS,
    ),
    "a middle step fails and is repaired": StepStory(
        [LOOK, py("df.weight.mean()"), MEAN, WORDS],
        [COLUMNS, failing("AttributeError", "weight"), NUMBER],
        "succeeded",
        ["df.columns", "df.weight.mean()", "df.mass.mean()"],
        WORDS,
    ),
    "a middle step fails for good": StepStory(
        [LOOK, py("a"), py("b"), py("c"), "I could not find it."],
        [COLUMNS, failing(), failing(), failing()],
        "failed",
        ["df.columns", "a", "b", "c"],
        "I could not find it.",
    ),
    "words after a failed middle step": StepStory(
        [LOOK, py("a"), "There is no such column."],
        [COLUMNS, failing()],
        "failed",
        ["df.columns", "a"],
        "There is no such column.",
    ),
    "each step has its tries": StepStory(
        [py("a"), py("b"), py("c"), py("d"), WORDS],
        [failing(), "1\n", failing(), NUMBER],
        "succeeded",
        ["a", "b", "c", "d"],
        WORDS,
        retries=1,
    ),
    "a failed step is repeated": StepStory(
        [LOOK, py("a"), py("a"), MEAN, WORDS],
        [COLUMNS, failing(), NUMBER],
        "succeeded",
        ["df.columns", "a", "df.mass.mean()"],
        WORDS,
        not_run="was not run: this is the code that just failed",
    ),
    "a time limit in the middle": StepStory(
        [LOOK, py("slow()"), MEAN, WORDS],
        [
            COLUMNS,
            BlockResult(block=CodeBlock(""), status="timeout", exit_code=124, note="Stopped."),
            NUMBER,
        ],
        "succeeded",
        ["df.columns", "slow()", "df.mass.mean()"],
        WORDS,
    ),
    "the kernel dies in the middle": StepStory(
        [LOOK, py("crash()"), MEAN, WORDS],
        [COLUMNS, BlockResult(block=CodeBlock(""), status="died", exit_code=139, note="The kernel died."), NUMBER],
        "succeeded",
        ["df.columns", "crash()", "df.mass.mean()"],
        WORDS,
    ),
    "code in the closing words at the limit": StepStory(
        [LOOK, MEAN, f"{WORDS} Plot it:\n\n{PLOT}"],
        [COLUMNS, NUMBER],
        "succeeded",
        ["df.columns", "df.mass.mean()"],
        WORDS,
        not_run="The code in this answer was not run",
        steps=2,
    ),
    "code in the closing words after a failure": StepStory(
        [py("a"), f"It failed. Try:\n\n{MEAN}"],
        [failing()],
        "failed",
        ["a"],
        "It failed.",
        not_run="The code in this answer was not run",
        retries=0,
    ),
    "the closing words quote the code that ran": StepStory(
        [MEAN, f"{WORDS} I ran:\n\n{MEAN}"], [NUMBER], "succeeded", ["df.mass.mean()"], WORDS, steps=1
    ),
    "the answer quotes the code that ran, and it is not run again": StepStory(
        [MEAN, f"{WORDS} I ran:\n\n{MEAN}", WORDS],
        [NUMBER],
        "succeeded",
        ["df.mass.mean()"],
        WORDS,
        not_run="was not run: this is the code that has just run",
    ),
    "data in the answer is no code": StepStory(
        [MEAN, CODE_AS_DATA], [NUMBER], "succeeded", ["df.mass.mean()"], "It is 4201.75."
    ),
    "a plan, then code": StepStory(
        ["First, I will look at the columns.", LOOK, WORDS],
        [COLUMNS],
        "succeeded",
        ["df.columns"],
        WORDS,
        not_run="the reply says that code follows, and holds none",
    ),
    "a plan with numbers, then code": StepStory(
        ["1. Load the data\n2. Compute the mean\n\nLet's start:", MEAN, WORDS],
        [NUMBER],
        "succeeded",
        ["df.mass.mean()"],
        WORDS,
        not_run="the reply says that code follows, and holds none",
    ),
    "a plan that ends with code is a step": StepStory(
        [f"1. Look\n2. Compute\n\nI begin.\n\n{LOOK}", MEAN, WORDS],
        [COLUMNS, NUMBER],
        "succeeded",
        ["df.columns", "df.mass.mean()"],
        WORDS,
    ),
    "nothing but plans": StepStory(
        ["I'll load the file.", "I will load the file now."],
        [],
        "answered",
        [],
        "I will load the file now.",
        not_run="the reply says that code follows, and holds none",
    ),
    "a plan in the middle": StepStory(
        [LOOK, "Now I'll compute the mean:", MEAN, WORDS],
        [COLUMNS, NUMBER],
        "succeeded",
        ["df.columns", "df.mass.mean()"],
        WORDS,
        not_run="the reply says that code follows, and holds none",
    ),
    "a plan in German": StepStory(
        ["Zuerst werde ich... nein: Ich werde die Spalten ansehen.", LOOK, "Es sind 2 Spalten."],
        [COLUMNS],
        "succeeded",
        ["df.columns"],
        "Es sind 2 Spalten.",
        not_run="the reply says that code follows, and holds none",
    ),
    "a question to the user is an answer": StepStory(
        [LOOK, "There are two columns of masses. Which one shall I use?"],
        [COLUMNS],
        "succeeded",
        ["df.columns"],
        "Which one shall I use?",
    ),
    "a loop that never ends": StepStory(
        [*(py(f"step_{number}()") for number in range(4)), WORDS],
        [f"{number}\n" for number in range(4)],
        "succeeded",
        [f"step_{number}()" for number in range(4)],
        WORDS,
        steps=4,
    ),
    "a loop that never ends, and will not answer": StepStory(
        [*(py(f"step_{number}()") for number in range(5))],
        [f"{number}\n" for number in range(4)],
        "succeeded",
        [f"step_{number}()" for number in range(4)],
        "",
        not_run="The code in this answer was not run",
        steps=4,
    ),
    "in circles": StepStory(
        [MEAN, MEAN, WORDS],
        [NUMBER],
        "succeeded",
        ["df.mass.mean()"],
        WORDS,
        not_run="was not run: this is the code that has just run",
    ),
    "a no with a reason": StepStory(
        [PLOT, MEAN, WORDS],
        [NUMBER],
        "succeeded",
        ["df.mass.mean()"],
        WORDS,
        not_run="Not approved: no plots, please",
        answers=["no plots, please", YES],
    ),
    "a no with a reason at the second step": StepStory(
        [LOOK, PLOT, MEAN, WORDS],
        [COLUMNS, NUMBER],
        "succeeded",
        ["df.columns", "df.mass.mean()"],
        WORDS,
        not_run="Not approved: no plots",
        answers=[YES, "no plots", YES],
    ),
    "noes until the budget is used up": StepStory(
        [py("a"), py("b"), py("c")],
        [],
        "denied",
        [],
        "not like that",
        not_run="Not approved: not like that",
        answers=["not like that"] * 3,
    ),
    "a plain no ends it": StepStory(
        [LOOK, PLOT],
        [COLUMNS],
        "denied",
        ["df.columns"],
        "rejected",
        not_run="rejected",
        answers=[YES, rejected("")],
    ),
    "words after a no": StepStory(
        [PLOT, "Then I leave it."],
        [],
        "answered",
        [],
        "Then I leave it.",
        not_run="Not approved: no plots",
        answers=["no plots"],
    ),
    "edited before it ran": StepStory(
        [LOOK, MEAN, WORDS],
        [COLUMNS, NUMBER],
        "succeeded",
        ["edited()", "df.mass.mean()"],
        WORDS,
        answers=[EDITED, YES],
    ),
    "pretended output": StepStory(
        [py("df.mass.mean()", after="Output:\n```\n9999.99\n```\nSo the mean is 9999.99."), WORDS],
        [NUMBER],
        "succeeded",
        ["df.mass.mean()"],
        WORDS,
    ),
    "shell, then python": StepStory(
        ["```sh\nls\n```", MEAN, WORDS], ["a.csv\n", NUMBER], "succeeded", ["ls", "df.mass.mean()"], WORDS
    ),
    "two blocks in one step": StepStory(
        [f"{LOOK}\n{MEAN}", WORDS], [COLUMNS, NUMBER], "succeeded", ["df.columns", "df.mass.mean()"], WORDS
    ),
    "the second of two blocks fails": StepStory(
        [f"{LOOK}\n{py('a')}", MEAN, WORDS],
        [COLUMNS, failing(), NUMBER],
        "succeeded",
        ["df.columns", "a", "df.mass.mean()"],
        WORDS,
    ),
    "a reply is cut off in the middle": StepStory(
        [LOOK, CreateResult(content=MEAN, finish_reason="length"), MEAN, WORDS],
        [COLUMNS, NUMBER],
        "succeeded",
        ["df.columns", "df.mass.mean()"],
        WORDS,
        not_run="was not run: the reply was cut off",
    ),
    "another language in the middle": StepStory(
        [LOOK, "```javascript\nalert(1)\n```", MEAN, WORDS],
        [COLUMNS, NUMBER],
        "succeeded",
        ["df.columns", "df.mass.mean()"],
        WORDS,
        not_run="javascript is not run here",
    ),
    "two replies of which nothing runs, after a step": StepStory(
        [LOOK, "```javascript\nalert(1)\n```", "```r\nmean(x)\n```", "There are 2 columns."],
        [COLUMNS],
        "succeeded",
        ["df.columns"],
        "There are 2 columns.",
        not_run="javascript is not run here",
    ),
    "two replies of which nothing runs, and nothing else": StepStory(
        ["```javascript\nalert(1)\n```", "```r\nmean(x)\n```"],
        [],
        "refused",
        [],
        "r is not run here",
        not_run="javascript is not run here",
    ),
    "an answer with code of another language": StepStory(
        [MEAN, IN_SQL, IN_SQL],
        [NUMBER],
        "succeeded",
        ["df.mass.mean()"],
        WORDS,
        not_run="The code in this answer was not run",
    ),
    "an empty answer, twice": StepStory(
        [MEAN, "", "", WORDS],
        [NUMBER],
        "succeeded",
        ["df.mass.mean()"],
        WORDS,
        not_run="was not run: the reply was cut off",
    ),
    "the model is gone when it is to answer": StepStory(
        [MEAN, ModelUnavailable("timed out")],
        [NUMBER],
        "succeeded",
        ["df.mass.mean()"],
        "4201.75",
    ),
    "the rejected code again": StepStory(
        [PLOT, PLOT, MEAN, WORDS],
        [NUMBER],
        "succeeded",
        ["df.mass.mean()"],
        WORDS,
        not_run="was not run: this is the code that the user did not want",
        answers=["no plots", YES],
    ),
    "a plot fails for good after the mean": StepStory(
        [MEAN, py("plot()"), "I have no plot."],
        [NUMBER, failing()],
        "failed",
        ["df.mass.mean()", "plot()"],
        "I have no plot.",
        retries=0,
    ),
    "reasoning between the steps": StepStory(
        [f"<think>columns first</think>{LOOK}", f"<think>now the mean</think>{MEAN}", f"<think>done</think>{WORDS}"],
        [COLUMNS, NUMBER],
        "succeeded",
        ["df.columns", "df.mass.mean()"],
        WORDS,
    ),
    "steps that print nothing": StepStory(
        [py("x = 1"), py("print(x)"), "x is 1."], ["", "1\n"], "succeeded", ["x = 1", "print(x)"], "x is 1."
    ),
}
