"""An answer is checked: its numbers against what the code has shown, its form against what the task prescribes."""

from collections.abc import Sequence
from typing import Any

import pytest

from codeagent_nb import events
from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.events import AgentEvent, AnswerQuestionedEvent, AnswerTracedEvent, CodeRefusedEvent, NextStepEvent
from codeagent_nb.loop.effects import Ask, Effect, Outcome, Review
from codeagent_nb.loop.policy import policy
from codeagent_nb.models.types import AssistantMessage, CreateResult
from codeagent_nb.prompt.transcript import prompt
from codeagent_nb.review.form import lacking
from codeagent_nb.review.review import Reviewed, review
from codeagent_nb.review.sources import FOLDER
from kernel_executor import BlockResult, CodeBlock, CodeResult
from tests.unit.test_policy import CODE, Hand

CELL = CodeBlock("print(means)", "python")
MEANS = "Adelie    3700.66\nGentoo    5076.02\nName: body_mass_g, dtype: float64"


def asked(task: str) -> AgentEvent:
    return events.TextMessage(source="user", content=task)


def printed(text: str, *, number: int = 3, data: dict[str, Any] | None = None) -> AgentEvent:
    outputs: list[dict[str, Any]] = [{"output_type": "stream", "name": "stdout", "text": text}]
    if data:
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    block = BlockResult(block=CELL, status="ok", exit_code=0, outputs=tuple(outputs), execution_count=number)
    return events.CodeExecutionEvent(source="agent", retry_attempt=0, result=CodeResult(0, text, (block,)))


def untraced(answer: str, *log: AgentEvent) -> list[str]:
    return [number.text for number in review(log, answer, "agent").numbers if number.found_in is None]


# Its numbers.


def test_a_number_is_traced_to_the_cell_that_printed_it() -> None:
    reviewed = review([asked("Who is heaviest?"), printed(MEANS, number=7)], "Gentoo, with 5076 g.", "agent")
    assert [(number.text, number.found_in) for number in reviewed.numbers] == [("5076 g", "[7]")]
    assert reviewed.complaint == reviewed.reason == ""


def test_a_number_of_the_task_or_of_a_description_is_no_invention() -> None:
    context = events.ContextEvent(source="context", content="`df` has 344 rows and 8 columns")
    assert untraced("Of 344 rows, 12 were asked for.", asked("Show 12 rows"), context, printed("done")) == []


def test_a_table_that_is_shown_as_html_counts_as_the_user_sees_it() -> None:
    page = "<table><tr><th></th><th>mass</th></tr><tr><th>Gentoo</th><td>5076.02</td></tr></table>"
    shown = printed("", data={"text/html": page, "text/plain": "<Styler>"})
    assert untraced("Gentoo weighs 5076.02.", asked("mass?"), shown) == []


def test_what_is_read_off_a_plot_is_asked_for_and_named() -> None:
    plot = printed("", data={"image/png": "iVBORw0KGgo=", "text/plain": "<Figure size 640x480 with 1 Axes>"})
    reviewed = review([asked("Plot the means"), plot], "Adelie is the highest at 3700 g.", "agent")
    assert "3700 g" in reviewed.complaint
    assert reviewed.reason == "no output states 3700 g"


def test_an_answer_of_the_agent_itself_is_no_source() -> None:
    before = events.TextMessage(source="agent", content="It is 4711.")
    assert untraced("It is 4711.", asked("How much?"), printed("ok"), before) == ["4711"]


def test_where_there_is_nothing_to_compute_from_numbers_are_knowledge() -> None:
    listed = events.ContextEvent(source=FOLDER, content="Files in the working folder: a.csv (100 bytes).")
    assert review([asked("When did Python come out?"), listed], "In 1991.", "agent") == Reviewed()


def test_after_a_run_that_computed_something_knowledge_is_marked_and_not_asked_for() -> None:
    ended = events.RunFinishedEvent(source="agent", status="succeeded", reason="", tries=1, duration=0)
    reviewed = review([printed(MEANS), ended, asked("When did Python come out?")], "In 1991.", "agent")
    assert [number.found_in for number in reviewed.numbers] == [None]
    assert reviewed.complaint == ""


def test_the_size_of_a_file_states_nothing() -> None:
    context = events.ContextEvent(source="context", content="File 'a.csv' (344 bytes) has 12 rows")
    assert untraced("It has 344 rows, of 12.", asked("How many?"), context, printed("done")) == ["344"]


@pytest.mark.parametrize(
    "data", [{"text/html": 7}, {"text/html": ["<b>5</b>", "<i>6</i>"]}, {"text/html": {"a": 1}}, None]
)
def test_an_output_of_any_shape_hides_no_other(data: Any) -> None:
    output: Any = {"output_type": "display_data", "data": data, "metadata": None}
    block = BlockResult(
        block=CELL, status="ok", exit_code=0, outputs=(output, {"output_type": "odd"}), execution_count=1
    )
    shown = events.CodeExecutionEvent(source="agent", retry_attempt=0, result=CodeResult(0, "", (block,)))
    assert untraced("It is 4711, not 5076.", asked("?"), printed("5076"), shown) == ["4711"]


def test_a_task_that_was_taken_back_states_nothing() -> None:
    task = asked("How much?")
    turned = events.TaskTurnedEvent(source="user", state="undone", task="How much?", began=task.created_at)
    assert untraced("It is 4711.", task, printed("4711"), turned, asked("Again"), printed("ok")) == ["4711"]


# Its form.


@pytest.mark.parametrize(
    ("task", "answer"),
    [
        ("Answer in the format @mean_fare[number], rounded to 2 decimals.", "@mean_fare[32.20]"),
        ("Write it as `total: {n}`.", "Total: 12"),
        ("Answer as `Mean: <x>`.", "**Mean**: 5"),
        ("Reply with name <text> only.", "name Gentoo"),
        ("Round to three decimal places.", "It is 0.123 of all (p = 0.00012)."),
        ("Gib es auf zwei Nachkommastellen gerundet an.", "Es sind 3.14."),
        ("There are no decimals in column x. Why?", "It holds 3.5."),
        ("Give the result as JSON.", 'Here: {"mean": 3.5}'),
        ("Save the result as JSON to out.json", "Saved."),
        ("Read data.json, it is stored as JSON", "It has 3 rows."),
        ("Answer yes or no.", "No."),
        ("The columns contain values yes or no. How many?", "There are 12."),
        ("Antworte mit ja oder nein, als ein Wort genau.", "Ja."),
        ("Report the mean in kg.", "It is 4.2 kg."),
        ("Report the mean in kg.", "It is 4.2."),
        ("Report the share in percent.", "It is 12 %."),
        ("Which country has the highest GDP in dollars?", "Norway"),
        ("How many rows have an income in dollars above the mean?", "17"),
        ("The weight is in grams; what is the mean in kilograms?", "It is 4.2 kg, or 4200 g."),
        ("Convert the column from feet, in metres", "The mean is 2.5 metres."),
        ("How many missing values has `weight in kg`?", "There are 3, of 400 g."),
        ("What is the mean of df[price]?", "It is 12.123456."),
        ("Use df[price] to compute the mean.", "It is 12."),
        ("Write a function that returns a List[int]", "Done."),
        ("Report as HTML: <h1>", "Done."),
        ("Explain the f-string: {n}", "It is filled in."),
        ("Explain the plot.", "It rises."),
        ("Report the mean in the unit of the column.", "It is 12 g."),
    ],
)
def test_nothing_is_lacking(task: str, answer: str) -> None:
    assert lacking(task, answer) == ()


@pytest.mark.parametrize(
    ("task", "answer", "what"),
    [
        ("Answer in the format @mean_fare[number].", "The mean fare is 32.20.", "`@mean_fare[number]`"),
        ("Format: @low[yes/no] and @high[value]", "@low[no]", "`@high[value]`"),
        ("Answer in the form result[number].", "It is 12.", "`result[number]`"),
        ("Write it as `total: {n}`.", "There are 12.", "`total: {n}`"),
        ("Round to two decimal places.", "It is 3.14159.", "2 decimals at most (it has 3.14159)"),
        ("Arrondi à deux décimales.", "C'est 3.14159.", "2 decimals at most (it has 3.14159)"),
        ("Round it, with no decimals.", "It is 3.14159.", "0 decimals at most (it has 3.14159)"),
        ("Give the result as JSON.", "The mean is 3.5 {roughly}.", "JSON"),
        ("Answer yes or no.", "It is normally distributed.", "yes or no"),
        ("Is it normal? Respond with yes or no.", "It is normally distributed.", "yes or no"),
        ("Report the mean in kg.", "It is 4200 g.", "the unit, kg"),
        ("Gib die Masse in Kilogramm an.", "Es sind 4200 g.", "the unit, Kilogramm"),
    ],
)
def test_what_is_lacking_is_named(task: str, answer: str, what: str) -> None:
    assert lacking(task, answer) == (what,)


def test_what_is_lacking_is_asked_for_in_the_words_of_the_task() -> None:
    reviewed = review([asked("Answer in the format @n[number]."), printed("12")], "There are 12.", "agent")
    assert "`@n[number]`" in reviewed.complaint
    assert reviewed.reason == "the answer lacks `@n[number]`"


# It is asked for once more.


class Reviewer(Hand):
    """Finds wanting what it is told to, and nothing else."""

    def __init__(self, replies: list[Any], exit_codes: Sequence[int], wanting: Sequence[str]) -> None:
        super().__init__(replies, list(exit_codes))
        self.wanting = wanting
        self.lacking: Sequence[str] = ()

    def answer(self, effect: Effect) -> object:
        if not isinstance(effect, Review):
            return super().answer(effect)
        is_wanting = effect.text in self.wanting
        found = events.TracedNumber(text="42", found_in=None if is_wanting else "[1]")
        if effect.text in self.lacking:
            return Reviewed(form=("yes or no",))
        return Reviewed((found,), untraced=("42",) if is_wanting else ())


def solve(hand: Hand, steps: int = 1, *, checks_answer: bool = True) -> Outcome:
    return hand.play(
        policy("coder", max_retries_on_error=1, retry_by="status", max_steps=steps, checks_answer=checks_answer)
    )


def test_closing_words_that_are_wanting_are_asked_for_once_more() -> None:
    hand = Reviewer([CODE, "It is 42.", "It is 41."], [0], ["It is 42."])
    assert solve(hand).text == "It is 41."
    assert hand.asked == ["generate", "reflect", "reflect"]
    (questioned,) = hand.told(AnswerQuestionedEvent)
    assert questioned.content.startswith("No output above states these numbers of your answer: 42.")
    assert questioned.reason == "no output states 42"
    assert [event.untraced for event in hand.told(AnswerTracedEvent)] == [()]


def test_what_is_wanting_twice_is_marked() -> None:
    hand = Reviewer([CODE, "It is 42.", "Really, 42."], [0], ["It is 42.", "Really, 42."])
    assert solve(hand).text == "Really, 42."
    assert [[number.text for number in event.untraced] for event in hand.told(AnswerTracedEvent)] == [["42"]]


@pytest.mark.parametrize("again", [" ", CODE, ModelUnavailable("gone")])
def test_a_second_answer_without_words_does_not_lose_the_first(again: Any) -> None:
    hand = Reviewer([CODE, "It is 42.", again], [0], ["It is 42."])
    assert solve(hand).text == "It is 42."
    assert [[number.text for number in event.untraced] for event in hand.told(AnswerTracedEvent)] == [["42"]]


@pytest.mark.parametrize("steps", [1, 5])
@pytest.mark.parametrize(
    "then",
    [
        [ModelUnavailable("gone")],
        ["", ""],
        [CODE.replace("1", "2"), CODE.replace("1", "3"), "It failed."],
        ["```javascript\n1\n```", "```javascript\n1\n```"],
    ],
    ids=["gone", "silent", "failing", "refused"],
)
def test_an_answer_in_words_that_was_questioned_is_not_lost(then: list[Any], steps: int) -> None:
    failures = [1] * sum("```python" in str(reply) for reply in then)
    hand = Reviewer(["It is 42.", *then], failures, ["It is 42."])
    outcome = solve(hand, steps=steps)
    assert (outcome.status, outcome.text) == ("answered", "It is 42.")
    assert [[number.text for number in event.untraced] for event in hand.told(AnswerTracedEvent)][-1] == ["42"]


def test_where_only_the_form_is_wanting_no_code_is_asked_for() -> None:
    hand = Reviewer([CODE, "no", "No."], [0], [])
    hand.lacking = ["no"]
    outcome = solve(hand, steps=5)
    assert (outcome.text, hand.asked) == ("No.", ["generate", "generate", "reflect"])


def test_after_code_that_failed_there_is_nothing_to_ask_for() -> None:
    hand = Reviewer([CODE, CODE.replace("1", "2"), "It is 42."], [1, 1], ["It is 42."])
    assert solve(hand).status == "failed"
    assert hand.told(AnswerQuestionedEvent) == []
    assert len(hand.told(AnswerTracedEvent)) == 1


def test_an_answer_between_steps_may_be_followed_by_the_code_that_it_lacks() -> None:
    hand = Reviewer([CODE, "It is 42.", CODE.replace("1", "2"), "It is 41."], [0, 0], ["It is 42."])
    outcome = solve(hand, steps=5)
    assert (outcome.text, outcome.steps, outcome.by_choice) == ("It is 41.", 2, True)
    assert len(hand.told(NextStepEvent)) == 2


def test_an_answer_without_code_is_questioned_once() -> None:
    hand = Reviewer(["It is 42.", "It is 42."], [], ["It is 42."])
    outcome = solve(hand)
    assert (outcome.status, outcome.text, hand.asked) == ("answered", "It is 42.", ["generate", "generate"])
    assert len(hand.told(AnswerQuestionedEvent)) == 1


def test_an_agent_that_reviews_nothing_works_as_before() -> None:
    hand = Hand([CODE, "It is 42."], [0])
    assert solve(hand, checks_answer=False).text == "It is 42."
    assert not any(isinstance(effect, Review) for effect in hand.effects)
    assert hand.told(CodeRefusedEvent) == []


def test_the_model_reads_its_answer_what_is_wrong_with_it_and_the_question_again() -> None:
    said = events.ModelReplyEvent(
        source="agent", purpose="reflect", content="It is 42.", finish_reason="stop", duration=0.0
    )
    again = events.AnswerQuestionedEvent(source="agent", reason="no output states 42", content="NOT PRINTED: 42")
    messages = prompt([asked("How much?"), printed("41"), said, again], "reflect", "agent", None)
    assert isinstance(messages[-2], AssistantMessage)
    assert messages[-2].content == "It is 42."
    assert messages[-1].content.startswith("NOT PRINTED: 42\n\nThe code above has run.")


def test_the_check_is_asked_for_behind_the_reply() -> None:
    hand = Reviewer([CreateResult(content=CODE), "It is 1."], [0], [])
    solve(hand)
    places = [type(effect) for effect in hand.effects if isinstance(effect, Ask | Review)]
    assert places == [Ask, Ask, Review]
