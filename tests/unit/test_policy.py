"""The policy by hand: effects come out, results go in. No event loop, no model, no kernel."""

from collections.abc import Generator
from dataclasses import replace
from typing import Any, TypeVar

import pytest

from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.events import (
    ApprovalEvent,
    CodeExecutionEvent,
    CodeGenerationEvent,
    CodeRefusedEvent,
    Event,
    NextStepEvent,
    RetryDecisionEvent,
    ThoughtEvent,
)
from codeagent_nb.loop.effects import Approve, Ask, Effect, Execute, Grant, Outcome, TakeBack, Tell
from codeagent_nb.loop.policy import policy, run_given
from codeagent_nb.models.types import CreateResult
from codeagent_nb.reply.secret_code import secret_reason
from kernel_executor import BlockResult, CodeBlock, CodeResult

CODE = "```python\nprint(1)\n```"
OTHER_CODE = "```python\nprint(2)\n```"
PRINT_1 = (CodeBlock("print(1)\n", "python"),)
YES = '{"reason": "a typo", "retry": true}'
NO = '{"reason": "hopeless", "retry": false}'


AnyEvent = TypeVar("AnyEvent", bound=Event)


class Hand:
    """Answers effects from scripts and keeps a diary of them."""

    def __init__(self, replies: list[Any] = [], exit_codes: list[int] = [], approvals: list[Any] = []) -> None:  # noqa: B006
        self.replies, self.exit_codes, self.approvals = list(replies), list(exit_codes), list(approvals)
        self.effects: list[Effect] = []

    def play(self, steps: Generator[Effect, Any, Outcome]) -> Outcome:
        answer: object = None
        while True:
            try:
                effect = steps.throw(answer) if isinstance(answer, Exception) else steps.send(answer)
            except StopIteration as stop:
                assert [self.replies, self.exit_codes, self.approvals] == [[], [], []], "the script was not used up"
                return stop.value  # type: ignore[no-any-return]
            self.effects.append(effect)
            answer = self.answer(effect)

    def answer(self, effect: Effect) -> object:
        match effect:
            case Ask():
                reply = self.replies.pop(0)
                return CreateResult(content=reply) if isinstance(reply, str) else reply
            case Approve():
                return self.approvals.pop(0) if self.approvals else None
            case Execute(_, code_blocks):
                return result_of(code_blocks, self.exit_codes.pop(0))
            case TakeBack():
                return None
            case Tell():
                return effect.event

    @property
    def asked(self) -> list[str]:
        return [effect.purpose for effect in self.effects if isinstance(effect, Ask)]

    @property
    def executed(self) -> list[tuple[CodeBlock, ...]]:
        return [effect.code_blocks for effect in self.effects if isinstance(effect, Execute)]

    def told(self, kind: type[AnyEvent]) -> list[AnyEvent]:
        return [effect.event for effect in self.effects if isinstance(effect, Tell) and isinstance(effect.event, kind)]


def result_of(code_blocks: tuple[CodeBlock, ...], exit_code: int) -> CodeResult:
    """What an executor gives: everything ran, or the first block failed and the others were left."""
    status: Any = "error" if exit_code else "ok"
    ran = code_blocks[:1] if exit_code else code_blocks
    blocks = tuple(BlockResult(block=block, status=status, exit_code=exit_code) for block in ran)
    return CodeResult(exit_code, "out", blocks)


def solve(hand: Hand, retries: int = 0, retry_by: Any = "model", steps: int = 1) -> Outcome:
    return hand.play(policy("coder", max_retries_on_error=retries, retry_by=retry_by, max_steps=steps))


def approval(
    *, approved: bool, code_blocks: tuple[CodeBlock, ...] = PRINT_1, reason: str = "", ends_run: bool = False
) -> ApprovalEvent:
    return ApprovalEvent(
        source="user",
        retry_attempt=0,
        approved=approved,
        reason=reason,
        code_blocks=code_blocks,
        ends_run=ends_run,
    )


def test_code_that_runs_through_is_reflected_on() -> None:
    hand = Hand([CODE, "It printed 1."], [0])
    outcome = solve(hand, retries=3)
    assert (outcome.status, outcome.text, outcome.tries) == ("succeeded", "It printed 1.", 1)
    assert [type(effect) for effect in hand.effects] == [Ask, Tell, Approve, Execute, Tell, Ask]
    assert hand.asked == ["generate", "reflect"]
    assert hand.executed == [PRINT_1]


def test_a_reply_without_code_is_the_answer_and_is_not_reflected_on() -> None:
    hand = Hand(["Paris."])
    outcome = solve(hand, retries=3)
    assert (outcome.status, outcome.text, outcome.result) == ("answered", "Paris.", None)
    assert hand.asked == ["generate"]


def test_reasoning_is_told_apart_from_the_reply() -> None:
    hand = Hand([CreateResult(content="<think>hm</think>Paris.")])
    assert solve(hand).text == "Paris."
    assert [event.content for event in hand.told(ThoughtEvent)] == ["hm"]


def test_a_failure_without_tries_left_is_not_decided_on() -> None:
    hand = Hand([CODE, "It failed."], [1])
    assert solve(hand).status == "failed"
    assert hand.asked == ["generate", "reflect"]


def test_a_decision_for_a_retry_leads_to_another_attempt() -> None:
    hand = Hand([CODE, YES, OTHER_CODE, "Done."], [1, 0])
    outcome = solve(hand, retries=1)
    assert (outcome.status, outcome.tries) == ("succeeded", 2)
    assert hand.asked == ["generate", "decide", "generate", "reflect"]
    (decision,) = hand.told(RetryDecisionEvent)
    assert (decision.retry_attempt, decision.retry, decision.reason) == (0, True, "a typo")
    attempts = [(event.retry_attempt, len(event.code_blocks)) for event in hand.told(CodeGenerationEvent)]
    assert attempts == [(0, 1), (0, 0), (1, 1)]


@pytest.mark.parametrize("retry_by", ["model", "status"])
def test_a_failed_attempt_is_taken_back_before_the_model_writes_another(retry_by: Any) -> None:
    replies = [CODE, YES, OTHER_CODE, "Done."] if retry_by == "model" else [CODE, OTHER_CODE, "Done."]
    hand = Hand(replies, [1, 0])
    solve(hand, retries=2, retry_by=retry_by)
    order = [effect for effect in hand.effects if isinstance(effect, TakeBack | Execute | Ask)]
    (taken,) = [index for index, effect in enumerate(order) if effect == TakeBack(0)]
    assert isinstance(order[taken + 1], Ask)
    assert sum(isinstance(effect, Execute) for effect in order[:taken]) == 1


@pytest.mark.parametrize(("replies", "retries"), [([CODE, NO, "No."], 2), ([CODE, "No."], 0)])
def test_a_failed_attempt_that_is_the_last_one_is_not_waited_for(replies: list[str], retries: int) -> None:
    hand = Hand(replies, [1])
    solve(hand, retries=retries)
    assert TakeBack(0) not in hand.effects


def test_a_decision_against_a_retry_ends_the_attempts() -> None:
    hand = Hand([CODE, NO, "It failed."], [1])
    assert solve(hand, retries=3).status == "failed"
    assert [event.retry for event in hand.told(RetryDecisionEvent)] == [False]


def test_after_the_last_try_nothing_is_decided() -> None:
    hand = Hand([CODE, YES, OTHER_CODE, "It failed twice."], [1, 1])
    outcome = solve(hand, retries=1)
    assert (outcome.status, outcome.tries) == ("failed", 2)
    assert [event.retry_attempt for event in hand.told(CodeExecutionEvent)] == [0, 1]


MALFORMED = [
    "I think so.",
    '```json\n{"reason": "x"}\n```',
    '{"reason": 1, "retry": true}',
    '{"reason": "x", "retry": "perhaps"}',
    "",
]


@pytest.mark.parametrize("malformed", MALFORMED)
def test_a_malformed_decision_is_asked_for_once_more(malformed: str) -> None:
    hand = Hand([CODE, malformed, YES, OTHER_CODE, "Done."], [1, 0])
    assert solve(hand, retries=1).status == "succeeded"
    first, second = (effect for effect in hand.effects if isinstance(effect, Ask) and effect.purpose == "decide")
    assert not first.complaint
    assert second.complaint


@pytest.mark.parametrize("malformed", MALFORMED)
def test_two_malformed_decisions_mean_stop(malformed: str) -> None:
    hand = Hand([CODE, malformed, malformed, "It failed."], [1])
    assert solve(hand, retries=3).status == "failed"
    (decision,) = hand.told(RetryDecisionEvent)
    assert not decision.retry
    assert decision.reason.startswith("The model gave no valid decision (")


def test_the_exit_status_decides_without_a_call() -> None:
    hand = Hand([CODE, OTHER_CODE, "Done."], [1, 0])
    assert solve(hand, retries=1, retry_by="status").status == "succeeded"
    assert hand.asked == ["generate", "generate", "reflect"]
    assert [event.retry for event in hand.told(RetryDecisionEvent)] == [True]


REFUSED = "```javascript\nalert(1)\n```"


def test_refused_code_is_asked_for_once_more_and_uses_a_try() -> None:
    hand = Hand([REFUSED, CODE, "Done."], [0])
    outcome = solve(hand, retries=3)
    assert (outcome.status, outcome.tries) == ("succeeded", 2)
    (refusal,) = hand.told(CodeRefusedEvent)
    assert refusal.nothing_ran
    assert "javascript" in refusal.reason


def test_code_refused_twice_ends_the_run_and_is_no_answer() -> None:
    hand = Hand([REFUSED, REFUSED])
    outcome = solve(hand, retries=3)
    assert (outcome.status, outcome.tries) == ("refused", 2)
    assert "javascript" in outcome.text


def test_refused_code_without_tries_left_ends_the_run() -> None:
    assert solve(Hand([REFUSED])).status == "refused"


def test_a_reply_that_was_cut_off_runs_nothing() -> None:
    cut = CreateResult(content=CODE, finish_reason="length")
    hand = Hand([cut, cut])
    outcome = solve(hand, retries=1)
    assert (outcome.status, hand.executed) == ("refused", [])
    assert "cut off" in outcome.text


def test_words_that_were_cut_off_are_no_answer() -> None:
    cut = CreateResult(content="The answer is", finish_reason="length")
    assert solve(Hand([cut])).status == "refused"


def test_a_refused_block_beside_one_that_runs_is_named() -> None:
    hand = Hand([f"{CODE}\n\n{REFUSED}", "Done."], [0])
    assert solve(hand).status == "succeeded"
    assert [event.nothing_ran for event in hand.told(CodeRefusedEvent)] == [False]


def test_code_that_just_failed_is_not_run_again_but_resampled() -> None:
    hand = Hand([CODE, YES, CODE.replace("(1)\n", "(1)  \n\n"), OTHER_CODE, "Done."], [1, 0])
    outcome = solve(hand, retries=2)
    assert (outcome.status, outcome.tries) == ("succeeded", 3)
    assert len(hand.executed) == 2
    assert [effect.resample for effect in hand.effects if isinstance(effect, Ask)] == [False, False, False, True, False]


def test_repeated_code_without_tries_left_ends_in_a_reflection_on_the_failure() -> None:
    hand = Hand([CODE, YES, CODE, "It failed."], [1])
    outcome = solve(hand, retries=1)
    assert (outcome.status, outcome.tries, len(hand.executed)) == ("failed", 2, 1)


def test_the_same_blocks_up_to_the_one_that_failed_are_the_same_code() -> None:
    two = f"{CODE}\n\n{OTHER_CODE}"
    hand = Hand([two, two, "It failed."], [1])
    assert solve(hand, retries=1, retry_by="status").status == "failed"
    assert len(hand.executed) == 1


def test_words_after_a_failure_end_the_run_as_failed() -> None:
    outcome = solve(Hand([CODE, YES, "I give up."], [1]), retries=1)
    assert (outcome.status, outcome.text) == ("failed", "I give up.")


def test_a_plain_no_ends_the_run_without_another_call() -> None:
    for no in (approval(approved=False, reason="rejected", ends_run=True), approval(approved=False)):
        hand = Hand([CODE], approvals=[no])
        outcome = solve(hand, retries=3)
        assert (outcome.status, outcome.text, hand.executed) == ("denied", no.reason, [])


def test_a_no_with_words_is_feedback_and_costs_a_try() -> None:
    no = [approval(approved=False, reason="use the median"), None]
    hand = Hand([CODE, OTHER_CODE, "Done."], [0], no)
    outcome = solve(hand, retries=1)
    assert (outcome.status, outcome.tries) == ("succeeded", 2)
    assert [blocks[0].code for blocks in hand.executed] == ["print(2)\n"]
    assert [event.reason for event in hand.told(RetryDecisionEvent)] == ["Do as the user says."]
    hand = Hand([CODE, OTHER_CODE], approvals=[approval(approved=False, reason="use the median")] * 2)
    outcome = solve(hand, retries=1)
    assert (outcome.status, outcome.text, hand.executed) == ("denied", "use the median", [])


def test_steps_follow_one_another_until_a_reply_holds_no_code() -> None:
    hand = Hand([CODE, OTHER_CODE, "It is 2."], [0, 0])
    outcome = solve(hand, steps=5)
    assert (outcome.status, outcome.text, outcome.tries) == ("succeeded", "It is 2.", 3)
    assert [event.step for event in hand.told(NextStepEvent)] == [2, 3]
    assert hand.asked == ["generate"] * 3


def test_at_the_last_step_the_model_has_to_answer() -> None:
    hand = Hand([CODE, OTHER_CODE, "It is 2."], [0, 0])
    assert solve(hand, steps=2).status == "succeeded"
    assert hand.asked == ["generate", "generate", "reflect"]


def test_each_step_has_its_own_tries() -> None:
    third = "```python\nprint(3)\n```"
    hand = Hand([CODE, OTHER_CODE, third, CODE, "Done."], [1, 0, 1, 0])
    outcome = solve(hand, steps=5, retries=1, retry_by="status")
    assert (outcome.status, outcome.tries) == ("succeeded", 5)


def test_a_step_that_fails_for_good_ends_the_run_as_failed() -> None:
    hand = Hand([CODE, OTHER_CODE, "It failed."], [0, 1])
    assert solve(hand, steps=5).status == "failed"


def test_a_model_that_goes_in_circles_has_to_answer() -> None:
    hand = Hand([CODE, CODE, "It is 1."], [0])
    outcome = solve(hand, steps=9)
    assert (outcome.status, outcome.text) == ("succeeded", "It is 1.")
    assert [event.reason for event in hand.told(CodeRefusedEvent)] == ["this is the code that has just run"]


def test_a_plan_without_code_is_asked_for_its_code_once() -> None:
    hand = Hand(["First, I will look at the columns.", CODE, "It is 1."], [0])
    assert solve(hand, steps=9).status == "succeeded"
    [refused] = hand.told(CodeRefusedEvent)
    assert refused.reason == "the reply says that code follows, and holds none"
    hand = Hand(["I'll look at it:", "I will look at it."])
    assert solve(hand, steps=9).status == "answered"
    with_one_step = solve(Hand(["First, I will look at the columns."]))
    assert with_one_step.status == "answered"


def test_rejected_code_is_not_asked_for_again() -> None:
    no = [approval(approved=False, reason="not that")]
    hand = Hand([CODE, CODE, CODE], approvals=no)
    outcome = solve(hand, retries=2)
    assert (outcome.status, outcome.text) == ("denied", "this is the code that the user did not want")
    assert sum(isinstance(effect, Approve) for effect in hand.effects) == 1


def test_a_model_that_is_gone_when_it_is_to_answer_loses_nothing() -> None:
    steps = policy("coder", max_retries_on_error=0, retry_by="status", max_steps=5)
    answers: list[Any] = [CreateResult(content=CODE), None, None, result_of(PRINT_1, 0), None, None]
    steps.send(None)
    for answer in answers:
        steps.send(answer)
    with pytest.raises(StopIteration) as ended:
        steps.throw(ModelUnavailable("timed out"))
    outcome = ended.value.value
    assert (outcome.status, outcome.by_choice) == ("succeeded", False)
    assert "timed out" in outcome.text


def test_code_in_the_answer_is_told_as_not_run_unless_it_has_run() -> None:
    hand = Hand([CODE, f"It is 1. Try this:\n\n{OTHER_CODE}"], [0])
    assert solve(hand).status == "succeeded"
    [refused] = hand.told(CodeRefusedEvent)
    assert (refused.reason, refused.nothing_ran) == ("it stands in the answer", False)
    for words in (f"It is 1. I ran this:\n\n{CODE}", f"It is 1. First I ran:\n\n{CODE}"):
        hand = Hand([f"{CODE}\n\n{OTHER_CODE}", words], [0])
        assert solve(hand).status == "succeeded"
        assert hand.told(CodeRefusedEvent) == []
    hand = Hand([CODE, f"I ran this:\n\n{CODE}\n\nYou may try this:\n\n~~~python\nprint(2)\n~~~"], [0])
    assert solve(hand).status == "succeeded"
    [refused] = hand.told(CodeRefusedEvent)
    assert [each.block.code for each in refused.refused] == ["print(2)\n"]


def test_what_the_user_made_of_the_code_is_what_runs() -> None:
    edited = (CodeBlock("print(3)", "python"),)
    hand = Hand([CODE, "Done."], [0], [approval(approved=True, code_blocks=edited)])
    assert solve(hand).status == "succeeded"
    assert hand.executed == [edited]


def test_given_code_runs_without_a_model() -> None:
    hand = Hand([], [0])
    outcome = hand.play(run_given(PRINT_1))
    assert (outcome.status, outcome.text, hand.executed) == ("succeeded", "out", [PRINT_1])


def test_given_code_that_fails_is_not_retried() -> None:
    assert Hand([], [3]).play(run_given(PRINT_1)).status == "failed"


def test_given_code_can_be_denied() -> None:
    hand = Hand(approvals=[approval(approved=False, reason="no")])
    assert hand.play(run_given(PRINT_1)).status == "denied"
    assert not hand.executed


# Code with a secret in it (it is refused, never altered)

KEY = "sk-test-0123456789"
WITH_KEY = f"```python\nprint('{KEY}')\n```\n\n```python\nprint(2)\n```"


def key_in(text: str) -> str:
    return "MY_TOKEN" if KEY in text else ""


def test_code_with_a_secret_is_refused_by_name_and_asked_for_again() -> None:
    hand = Hand([WITH_KEY, CODE, "Done."], [0])
    assert hand.play(policy("coder", max_retries_on_error=1, retry_by="status", secret_in=key_in)).status == "succeeded"
    (refused,) = hand.told(CodeRefusedEvent)
    assert "holds the value of the environment variable MY_TOKEN" in refused.reason
    assert [refusal.block.code for refusal in refused.refused] == [f"print('{KEY}')\n", "print(2)\n"]
    assert hand.executed == [PRINT_1]


@pytest.mark.parametrize(
    "way",
    [
        "echo sk-te\\st-0123456789",
        "echo sk-test''-0123456789",
        "echo sk-'test'-0123456789",
        "x = ('sk-test' '-0123456789')",
        "x = 'sk-test' + f\"-0123456789\"",
    ],
)
def test_a_secret_that_code_puts_together_is_refused(way: str) -> None:
    assert "MY_TOKEN" in secret_reason([CodeBlock(way)], key_in)
    assert secret_reason([CodeBlock(way.replace("st", "nt"))], key_in) == ""


def test_the_same_code_runs_as_it_is_where_that_is_no_secret() -> None:
    hand = Hand([WITH_KEY, "Done."], [0])
    assert solve(hand).status == "succeeded"
    assert [block.code for block in hand.executed[0]] == [f"print('{KEY}')\n", "print(2)\n"]


def test_a_person_who_puts_a_secret_into_the_code_is_refused_too() -> None:
    edited = (CodeBlock(f"print('{KEY}')", "python"),)
    hand = Hand([CODE], [], [approval(approved=True, code_blocks=edited)])
    outcome = hand.play(policy("coder", max_retries_on_error=0, retry_by="status", secret_in=key_in))
    assert (outcome.status, hand.executed) == ("refused", [])
    assert "MY_TOKEN" in outcome.text


def test_given_code_with_a_secret_does_not_run_and_nobody_is_asked() -> None:
    hand = Hand()
    outcome = hand.play(run_given((CodeBlock(f"print('{KEY}')", "python"),), key_in))
    assert (outcome.status, hand.executed, hand.effects) == ("refused", [], [])
    assert "MY_TOKEN" in outcome.text


class Refused(Hand):
    """Answers as `Hand`, for code that the sandbox refuses something as long as nobody allows it."""

    def __init__(self, allowed: list[bool], replies: list[Any]) -> None:
        super().__init__(replies)
        self.allowed = list(allowed)
        self.is_allowed = False

    def answer(self, effect: Effect) -> object:
        match effect:
            case Grant():
                self.is_allowed = self.allowed.pop(0)
                return self.is_allowed
            case Execute(_, code_blocks):
                result = result_of(code_blocks, 0 if self.is_allowed else 1)
                blocks = [replace(block, unreached=("a.example.org",), unchanged=("b.csv",)) for block in result.blocks]
                return replace(result, blocks=tuple(blocks))
            case _:
                return super().answer(effect)


def test_what_is_allowed_runs_again_without_another_word_of_the_model() -> None:
    hand = Refused([True], [CODE, "It printed 1."])
    assert solve(hand, retries=1).status == "succeeded"
    assert hand.asked == ["generate", "reflect"]
    assert hand.executed == [PRINT_1, PRINT_1]
    assert [effect for effect in hand.effects if isinstance(effect, Grant)] == [Grant(("a.example.org",), ("b.csv",))]
    assert hand.effects[hand.effects.index(Grant(("a.example.org",), ("b.csv",))) + 1] == TakeBack(0)
    (decision,) = hand.told(RetryDecisionEvent)
    assert decision.reason == "The user has allowed it: a.example.org, b.csv."


def test_without_a_yes_the_model_goes_on() -> None:
    hand = Refused([False], [CODE, NO, "It failed."])
    assert solve(hand, retries=1).status == "failed"
    assert hand.executed == [PRINT_1]


def test_after_the_last_try_nobody_is_asked() -> None:
    hand = Refused([], [CODE, "It failed."])
    assert solve(hand, retries=0).status == "failed"


@pytest.mark.parametrize(
    "created",
    [
        CreateResult(content=""),
        CreateResult(content=" \n"),
        CreateResult(content="", thought=CODE),
        CreateResult(content="\n\n", thought="Let me see."),
        CreateResult(content="<think></think>"),
        CreateResult(content=f"<think>{CODE}</think>\n"),
    ],
)
def test_a_reply_without_text_or_code_is_no_answer(created: CreateResult) -> None:
    hand = Hand([created, "It is 1."])
    outcome = hand.play(policy("a", max_retries_on_error=1, retry_by="status"))
    assert (outcome.status, outcome.text, outcome.tries) == ("answered", "It is 1.", 2)
    assert [event.nothing_ran for event in hand.told(CodeRefusedEvent)] == [True]
    alone = Hand([created]).play(policy("a", max_retries_on_error=0, retry_by="status"))
    assert (alone.status, bool(alone.text)) == ("refused", True)
