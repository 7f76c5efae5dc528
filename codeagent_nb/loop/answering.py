"""How the answer comes about: asked for, checked, asked for once more if it is found wanting. Pure, like `policy.py`.

What is checked, and against what, is the matter of `review/`.
"""

from collections.abc import Generator
from dataclasses import dataclass
from typing import Any

from codeagent_nb import events
from codeagent_nb.errors import ModelError
from codeagent_nb.loop.effects import Ask, Effect, Review, Steps, Tell
from codeagent_nb.loop.refusals import each, refusal
from codeagent_nb.loop.same_code import essence
from codeagent_nb.models.types import CreateResult
from codeagent_nb.reply.run_policy import read_reply, without_reasoning, words_beside
from codeagent_nb.review.review import Reviewed
from codeagent_nb.text import IN_ANSWER
from kernel_executor import CodeResult

UNEXPLAINED = "The model could not be asked to explain this: {error}"
FIRST_STANDS = "the answer before it stands, for this one is no better"


@dataclass(frozen=True, slots=True)
class Answerer:
    """Who answers, and whether the answers are checked.

    Args:
        name: The agent's, the source of its events.
        checks_answer: Whether answers are checked.
    """

    name: str
    checks_answer: bool

    def reflect(self, attempt: int, result: CodeResult | None) -> Generator[Effect, Any, str]:
        """Ask for the closing words; what the code found is not lost where there are none.

        Args:
            attempt: The number of the last one.
            result: What it gave.
        """
        try:
            text = yield from self._closing_words(attempt, result)
        except ModelError as error:
            return UNEXPLAINED.format(error=error)
        reviewed = yield from self.review(text)
        if reviewed.complaint and result and result.exit_code == 0:  # else there is nothing to answer from
            return (yield from self.ask_again(text, reviewed, attempt, result))
        yield from self.tell(reviewed)
        return text

    def ask_again(
        self, text: str, reviewed: Reviewed, attempt: int, result: CodeResult | None
    ) -> Generator[Effect, Any, str]:
        """Ask for the words of an answer once more; the first one stands where the second is no better.

        Args:
            text: The first one.
            reviewed: What is wrong with it.
            attempt: The number of the last one.
            result: What it gave.
        """
        yield Tell(self.questioned(reviewed))
        try:
            again = yield from self._closing_words(attempt, result)
        except ModelError:
            again = ""
        has_words = any(map(str.isalnum, words_beside(read_reply(again))))
        found = (yield from self.review(again)) if has_words else reviewed
        if has_words and found.wanting <= reviewed.wanting:
            text, reviewed = again, found
        elif again.strip():
            yield Tell(events.AnswerQuestionedEvent(source=self.name, reason=FIRST_STANDS, content=""))
        yield from self.tell(reviewed)
        return text

    def review(self, text: str) -> Generator[Effect, Any, Reviewed]:
        """Check an answer; where none are checked, nothing is wrong with it."""
        if not self.checks_answer:
            return Reviewed()
        reviewed: Reviewed = yield Review(text)
        return reviewed

    def questioned(self, reviewed: Reviewed) -> events.AnswerQuestionedEvent:
        """Return the event that asks for an answer once more."""
        return events.AnswerQuestionedEvent(source=self.name, reason=reviewed.reason, content=reviewed.complaint)

    def tell(self, reviewed: Reviewed) -> Steps:
        """Make known where the answer's numbers come from."""
        if reviewed.numbers:
            yield Tell(events.AnswerTracedEvent(source=self.name, numbers=reviewed.numbers))

    def _closing_words(self, attempt: int, result: CodeResult | None) -> Generator[Effect, Any, str]:
        reflection: CreateResult = yield Ask("reflect")
        if any(mark in reflection.content for mark in "`~<"):  # else no code is in it, and reading it takes its time
            reply = read_reply(reflection.content)
            ran = [essence([each.block]) for each in result.blocks] if result else []
            not_run = [block for block in reply.blocks if essence([block]) not in ran]
            not_run += [block for block, _ in reply.refused]
            if not_run:
                refused = each(not_run, IN_ANSWER)
                yield Tell(refusal(self.name, attempt, refused, IN_ANSWER, nothing_ran=False))
        return without_reasoning(reflection.content)
