"""The line of an `%%agent` cell, the settings behind it, and what the commands say."""

import math
from typing import Any

import pytest
from hypothesis import given, strategies as st
from IPython.core.error import UsageError
from traitlets import TraitError

from codeagent_nb.events import RequestUsage, RunFinishedEvent, RunStartedEvent, TextMessage
from codeagent_nb.loop.budget import Budget
from codeagent_nb.loop.run_settings import RunSettings
from codeagent_nb.models.prices import Price
from codeagent_nb.notebook import commands
from codeagent_nb.notebook.arguments import ARGUMENTS, help_text, pick, read_line, variable_names
from codeagent_nb.notebook.errors import AgentFailed, CellError, Stopped
from codeagent_nb.notebook.notebook_agent import NotebookAgent
from codeagent_nb.notebook.settings import CodeAgent


def read(line: str, body: str = "", **settings: Any) -> Any:
    return read_line(line, body, CodeAgent(**settings))


def test_an_empty_line_means_the_settings() -> None:
    options = read("")
    assert options.run == RunSettings(model=None, timeout=60.0, max_retries=3, approval="auto")
    assert (options.model, options.keep, options.variables, options.background) == ("", "all", (), False)
    set_up = read("", model="m", retries=0, timeout=0, approval="never", keep="final")
    assert set_up.run == RunSettings(model=None, timeout=None, max_retries=0, approval="never")
    assert (set_up.model, set_up.keep) == ("m", "final")


def test_an_argument_wins_over_the_settings() -> None:
    line = "-m other --retries 0 -t 0.5 --approval always -k all --bg"
    options = read(line, model="m", retries=5, approval="never", keep="final")
    assert options.run == RunSettings(model=None, timeout=0.5, max_retries=0, approval="always")
    assert (options.model, options.keep, options.background) == ("other", "all", True)


@pytest.mark.parametrize(
    ("line", "setting", "cells"),
    [
        ("", False, False),
        ("", True, True),
        ("--cells", False, True),
        ("--cells", True, True),
        ("--no-cells", True, False),
        ("--no-cells", False, False),
        ("--cells --no-cells", False, False),
        ("--cells -i df --bg", False, True),
    ],
)
def test_cells_are_written_where_the_line_or_else_the_settings_ask_for_them(
    line: str, setting: bool, cells: bool
) -> None:
    assert read(line, cells=setting).cells is cells


def test_cells_are_written_where_they_can_be_and_only_who_asks_for_them_is_told_why_not() -> None:
    assert (read("").cells, read("").insists) == (True, False)
    assert (read("--cells").cells, read("--cells").insists) == (True, True)
    assert (read("--no-cells").cells, read("--no-cells").insists) == (False, False)
    assert read_line("", "", CodeAgent(cells=False)).cells is False


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("--cells=yes", "argument --cells/--no-cells: ignored explicit argument 'yes'"),
        ("tell me", "unrecognized arguments: tell me; the task goes below the %%agent line"),
        ("--nope", "unrecognized arguments: --nope; an empty %%agent cell lists the options"),
        ("--tiemout 3", "unrecognized arguments: --tiemout 3; did you mean --timeout?"),
        ("-r many", "argument -r/--retries: invalid int value: 'many'"),
        ("-t soon", "argument -t/--timeout: invalid float value: 'soon'"),
        ("-a sometimes", "argument -a/--approval: invalid choice: 'sometimes'"),
        ("-k none", "argument -k/--keep: invalid choice: 'none'"),
        ("-m", "argument -m/--model: expected one argument"),
        ("-r -1", "--retries and --timeout must be 0 or greater; they are -1 and 60"),
        ("-t -0.5", "they are 3 and -0.5"),
        ("-t nan", "they are 3 and nan"),
        ("-t inf", "they are 3 and inf"),
        ("--budget 20000", "--budget: '20000' is no budget; write NAME=VALUE with one of tokens, cost, seconds,"),
        ("--budget tokens=0", "--budget: tokens of a budget must be more than 0; it is 0"),
        ("--price 1", "--price: '1' is no price; write US dollars per million tokens of prompts and of replies"),
        ("-i a.b", "'a.b' is not a valid variable name: write e.g. -i df,cfg or @{df}"),
        ("-i a,", "'' is not a valid variable name"),
        ("-m 'gpt", "%%agent -m 'gpt: No closing quotation"),
    ],
)
def test_what_has_no_sense_is_a_usage_error_that_names_it(line: str, said: str) -> None:
    with pytest.raises(UsageError) as caught:
        read(line)
    assert said in str(caught.value)


def test_settings_that_have_no_sense_are_refused_where_they_are_set() -> None:
    for wrong in ({"retries": -1}, {"timeout": -1}, {"approval": "sometimes"}, {"keep": "none"}, {"sandbox": "docker"}):
        with pytest.raises(TraitError):
            CodeAgent(**wrong)


@pytest.mark.parametrize(
    "wrong", [{"budget": "20000"}, {"session_budget": "money=1"}, {"price": "1"}], ids=["run", "session", "price"]
)
def test_a_budget_that_has_no_sense_is_refused_where_it_is_set(wrong: dict[str, str]) -> None:
    with pytest.raises(TraitError, match="write "):
        CodeAgent(**wrong)


def test_budgets_and_the_price_are_set_for_the_notebook_and_the_line_wins() -> None:
    settings = {"budget": "tokens=20000", "session_budget": "cost=5", "price": "0.4/1.6"}
    run = read("", **settings).run
    assert (run.budget, run.session_budget, run.price) == (Budget(tokens=20_000), Budget(cost=5), Price(0.4, 1.6))
    run = read('--budget "cost=0.5, seconds=60" --price 1/2', **settings).run
    assert (run.budget, run.session_budget, run.price) == (Budget(cost=0.5, seconds=60), Budget(cost=5), Price(1, 2))
    assert read('--budget ""', **settings).run.budget == Budget()


def test_quotes_hold_together_what_has_spaces() -> None:
    assert read("-m 'my model'").model == "my model"
    assert read('-i "a, b"').variables == ("a", "b")


@given(st.text(max_size=30))
def test_any_line_is_read_or_is_a_usage_error(line: str) -> None:
    try:
        options = read(line)
    except UsageError:
        return
    assert options.run.max_retries >= 0
    assert options.run.timeout is None or 0 < options.run.timeout < math.inf


def test_variables_are_named_on_the_line_and_in_the_task_each_once_in_order() -> None:
    options = read("-i a,b -i c", "Join @{b} with @{ d } and mail me@{host}.")
    assert options.variables == ("a", "b", "c", "d")


def test_what_only_looks_like_a_variable_is_none() -> None:
    assert variable_names([], "{@{}ll@{ }} @ {x} ${x} @x @{\n} @{$ref} @{1} @@{df} @{\\hskip 1em}") == ()


@pytest.mark.parametrize("mention", ["@{a b}", "@{x!r}", "@{df.head()}"])
def test_a_mention_that_is_no_name_is_a_usage_error(mention: str) -> None:
    with pytest.raises(UsageError, match="is not a valid variable name"):
        variable_names([], f"Use {mention}.")


def test_variables_are_taken_from_the_notebook() -> None:
    namespace = {"df": 1, "_x": 2, "frame": 3}
    assert pick(["_x", "df"], namespace) == {"_x": 2, "df": 1}
    with pytest.raises(UsageError, match=r"there is no variable 'fram' in this notebook; did you mean 'frame'\?"):
        pick(["fram"], namespace)
    with pytest.raises(
        UsageError, match="there is no variable 'zzz' in this notebook: run the cell that makes it first"
    ):
        pick(["zzz"], namespace)


def test_the_help_names_every_argument() -> None:
    text = help_text()
    assert not text.startswith("usage:"), "who runs an empty cell wants to know what to write"
    assert "%%agent" in text.splitlines()[0]
    assert all(name in text for names, _ in ARGUMENTS for name in names)
    assert "@{name}" in text
    assert "--no-cells" in text


# What `%agent` says


def run_of(task: str, status: Any = "succeeded") -> list[Any]:
    usage = RequestUsage(prompt_tokens=1_000, completion_tokens=34)
    return [
        TextMessage(source="user", content=task),
        RunStartedEvent(source="codeagent", model="m", isolation="i", max_retries_on_error=3),
        RunFinishedEvent(source="codeagent", status=status, reason="", tries=2, usage=usage, duration=1.25),
        TextMessage(source="codeagent", content="The answer."),
    ]


def test_the_history_lists_tasks_and_how_they_ended() -> None:
    events = [*run_of("Count\n\nthe penguins."), *run_of("x" * 100, "cancelled")]
    assert commands.history(events).splitlines() == [
        "  1  succeeded  2 tries, 1,034 tokens, 1.2 s",
        "     Count the penguins.",
        "  2  cancelled  2 tries, 1,034 tokens, 1.2 s",
        f"     {'x' * 69}…",
    ]
    assert commands.history([]) == "No tasks yet."


def test_the_status_before_the_first_task_says_how_to_begin() -> None:
    assert commands.status(NotebookAgent("n")) == "No session yet: the first %%agent cell starts one."


def test_the_help_lists_the_commands() -> None:
    for name in (
        "status",
        "history",
        "undo",
        "redo",
        "reset",
        "save PATH",
        "verify",
        "verify PATH",
        "model",
        "model NAME",
        "panel",
        "help",
    ):
        assert f"%agent {name} " in commands.HELP


def test_a_cell_fails_in_one_line() -> None:
    for error in (Stopped("by you"), AgentFailed("no code succeeded")):
        assert isinstance(error, CellError)
        assert error._render_traceback_() == [f"{type(error).__name__}: {error}"]


def test_a_mention_in_quoted_code_is_the_codes_own() -> None:
    task = "Fix @{df}.\n\n```python\nf'{user}@{host}'\n```\n\n~~~\n@{other}\n~~~\nand @{limit}"
    assert variable_names([], task) == ("df", "limit")
