"""What a task prescribes of its answer is said last to who writes it; what it says of the work is not."""

import time

import pytest
from hypothesis import given, strategies as st

from codeagent_nb.events import CodeExecutionEvent, RunStartedEvent, TextMessage
from codeagent_nb.prompt.prescribed import prescribed
from codeagent_nb.prompt.transcript import question
from kernel_executor import CodeResult


@pytest.mark.parametrize(
    ("task", "form"),
    [
        (
            "Count the rows. Write total[number], where number is an integer.",
            "Write total[number], where number is an integer.",
        ),
        ("What is the mean height? Round it to two decimal places.", "Round it to two decimal places."),
        ("Which is the tallest?\nAnswer only with the name.", "Answer only with the name."),
        ("Give the weight in kg as JSON. Use the file a.csv.", "Give the weight in kg as JSON."),
        ("Ist es normalverteilt? Runde auf 3 Nachkommastellen.", "Runde auf 3 Nachkommastellen."),
        ("Quelle est la moyenne ? Deux décimales.", "Deux décimales."),
        ("¿Cuál es la media? Redondea a dos decimales.", "Redondea a dos decimales."),
        ("Qual è la media? Con due decimali.", "Con due decimali."),
        ("Name: <first name>, age: <years>", "Name: <first name>, age: <years>"),
    ],
)
def test_sentences_that_prescribe_a_form_are_found(task: str, form: str) -> None:
    assert prescribed(task) == form


@pytest.mark.parametrize(
    "task",
    [
        "Plot the sales of each month, and name the best one.",
        "clean df please",
        "Welche Spezies ist am schwersten?",
        "Join a.csv and b.csv; drop what is missing.",
        "df['a'][0] is wrong: why?",
        "",
    ],
)
def test_a_task_that_prescribes_none_gets_no_word_more(task: str) -> None:
    assert prescribed(task) == ""


def test_a_long_prescription_is_not_said_twice() -> None:
    assert prescribed("Use this format: " + "x" * 700) == ""


@given(st.text(max_size=300))
def test_it_is_made_of_the_task_alone(task: str) -> None:
    assert all(line in task for line in prescribed(task).splitlines())


def test_a_task_of_a_million_characters_takes_no_time() -> None:
    began = time.monotonic()
    for task in ("a[" * 500_000, "a " * 500_000, "round. " * 140_000, "<a" * 500_000):
        prescribed(task)
    assert time.monotonic() - began < 20


def test_it_is_said_last_where_the_code_went_well() -> None:
    task = TextMessage(source="user", content="The mean? Round it to two decimal places.")
    started = RunStartedEvent(source="coder", model="m", isolation="i", max_retries_on_error=3)
    for code, is_said in ((0, True), (1, False)):
        ran = CodeExecutionEvent(source="coder", retry_attempt=0, result=CodeResult(code, "", ()))
        [asked] = question("reflect", [task, started, ran])
        assert asked.content.endswith("Write it exactly so:\nRound it to two decimal places.") is is_said
