"""Questions are drawn by a seed, results go on where they were cut, and are told without what was asked."""

import json
import os
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb import ReplayChatCompletionClient
from codeagent_nb.errors import NoModelConfigured
from codeagent_nb.events import AgentEvent, CodeExecutionEvent, ModelReplyEvent, RunFinishedEvent, TextMessage
from codeagent_nb.models.types import RequestUsage, UserMessage
from codeagent_nb.session.beginning import AGENT_NAME
from kernel_executor import CodeResult
from tests.evaluation import report as reporting
from tests.evaluation.asking import row_of
from tests.evaluation.configurations import CONFIGURATIONS, Configuration
from tests.evaluation.models import Deterministic, open_model
from tests.evaluation.questions import NoQuestions, Question, draw, find_folder, read_questions
from tests.evaluation.report import compared, report
from tests.evaluation.results import NoResults, Results, Row, Start, writing
from tests.evaluation.run import changed, main, wants_asking

START = Start(
    configuration="default", changes="all defaults", model="a/b:1", seed=19, count=3, timeout=240, commit="abc"
)


def question(number: int, level: str = "easy") -> Question:
    return Question(str(number), level, f"task {number}", Path("t.csv"), {"a": "1"})


def row(name: str, cause: Any = "right", **more: Any) -> Row:
    return Row(**{"id": name, "level": "easy", "right": cause == "right", "cause": cause, **more})


def write_set(folder: Path, rows: Sequence[dict[str, Any]] = (), labels: Sequence[dict[str, Any]] = ()) -> Path:
    rows = rows or [{"id": 1, "question": "How many?", "constraints": "", "format": "@n[int]", "file_name": "t.csv"}]
    (folder / "tables").mkdir(parents=True)
    (folder / "tables" / "t.csv").write_text("a\n1\n")
    (folder / "questions.jsonl").write_text("\n".join(map(json.dumps, rows)) + "\n\n")
    labels = labels or [{"id": 1, "common_answers": [["n", 1]]}]
    (folder / "labels.jsonl").write_text("\n".join(map(json.dumps, labels)))
    return folder


SET = [question(n, level) for level, n in zip(["easy"] * 62 + ["medium"] * 67 + ["hard"] * 67, range(196), strict=True)]


def test_a_set_is_read(tmp_path: Path) -> None:
    [found] = read_questions(write_set(tmp_path / "set"))
    assert (found.id, found.level, found.answers) == ("1", "", {"n": "1"})
    assert found.task == "How many?\n\nFormat of the answer: @n[int]"
    assert found.table.read_text() == "a\n1\n"


@pytest.mark.parametrize(
    ("rows", "labels", "why"),
    [
        ([{"id": 2, "question": "?", "file_name": "t.csv"}], [], "question 2 has no answer"),
        ([{"id": 1, "question": "?", "file_name": "../labels.jsonl"}], [], "question 1 has no table"),
        ([{"id": 1, "question": "?", "file_name": "t.csv"}] * 2, [], "1 ids stand there twice, 1 for one"),
        ([{"id": 1, "question": "?"}], [], "KeyError: 'file_name'"),
        ([{"id": 1, "file_name": "t.csv", "question": "?"}], [{"id": 1}], "KeyError: 'common_answers'"),
    ],
)
def test_a_set_that_is_not_one(
    tmp_path: Path, rows: list[dict[str, Any]], labels: list[dict[str, Any]], why: str
) -> None:
    with pytest.raises(NoQuestions, match=why):
        read_questions(write_set(tmp_path / "set", rows, labels))


def test_the_set_is_looked_for(tmp_path: Path) -> None:
    folder, checkout = write_set(tmp_path / "shared" / "bench-data" / "dabench"), tmp_path / "checkout"
    assert find_folder(str(folder), {}) == folder
    assert find_folder("", {"CODEAGENT_BENCH_DATA": str(folder.parent)}, tmp_path / "elsewhere" / "checkout") == folder
    assert find_folder("", {}, checkout) == folder
    with pytest.raises(NoQuestions, match=r"no questions.jsonl in .*nowhere\. Name a folder.*make eval QUESTIONS="):
        find_folder(str(tmp_path / "nowhere"), {}, checkout)
    (folder / "labels.jsonl").unlink()
    with pytest.raises(NoQuestions, match=r"labels\.jsonl cannot be read: No such file"):
        read_questions(folder)


def test_a_draw_has_the_levels_of_the_set() -> None:
    assert Counter(each.level for each in draw(SET, 80, 19)) == {"easy": 25, "medium": 27, "hard": 28}
    assert Counter(each.level for each in draw(SET, 3, 19)) == {"easy": 1, "medium": 1, "hard": 1}
    assert {each.id for each in draw(SET, 196, 19)} == {each.id for each in SET}


def test_a_draw_is_the_same_everywhere() -> None:
    assert [each.id for each in draw(SET, 6, 19)] == ["150", "86", "21", "164", "123", "50"]
    assert draw(SET[::-1], 80, 19) == draw(SET, 80, 19)
    assert draw(SET, 80, 20) != draw(SET, 80, 19)


def test_a_smaller_draw_is_the_beginning_of_a_larger_one() -> None:
    whole = draw(SET, 196, 7)
    for count in range(1, 196):
        assert draw(SET, count, 7) == whole[:count]


@pytest.mark.parametrize("count", [0, -1, 197])
def test_more_than_there_are_cannot_be_drawn(count: int) -> None:
    with pytest.raises(NoQuestions, match=f"there are 196 questions, {count} were asked for"):
        draw(SET, count, 1)


def test_results_come_back(tmp_path: Path) -> None:
    path = tmp_path / "new" / f"{START.stem}.jsonl"
    assert path.name == "default-a-b-1-19-3.jsonl"
    rows = row("1", tags={"a": "1"}, errors=("KeyError",)), row("2", "error", words="two\nlines \u2028 ü")
    with writing(path) as writer:
        for line in (START, *rows):
            writer.add(line)
    assert len(path.read_bytes().splitlines()) == 3
    assert Results.read(path) == Results((START,), rows)


@pytest.mark.parametrize("kept", range(12))
def test_a_run_that_was_killed_within_a_line_goes_on(tmp_path: Path, kept: int) -> None:
    path = tmp_path / "r.jsonl"
    with writing(path) as writer:
        writer.add(START)
        writer.add(row("1"))
        whole = path.stat().st_size
        writer.add(row("2"))
    os.truncate(path, whole + kept * (path.stat().st_size - 1 - whole) // 11)
    assert Results.read(path).done == {"1"}
    with writing(path) as writer:
        writer.add(START)
        writer.add(row("2", "form"))
    results = Results.read(path)
    assert results.rows == (row("1"), row("2", "form"))
    assert len(results.starts) == 2


def test_a_file_that_was_killed_within_its_first_line_begins_again(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text('{"configuration": "def')
    with writing(path) as writer:
        writer.add(START)
    assert Results.read(path) == Results((START,), ())


def test_two_runs_do_not_write_one_file(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with writing(path) as writer:
        writer.add(START)
        with pytest.raises(NoResults, match="being written by another run"), writing(path):
            pass
    assert Results.read(path).starts == (START,)


@pytest.mark.parametrize("content", ["", "[]\n", "not json\n", '{"id": "1"}\n', '{"seed": 1}\n'])
def test_what_is_no_file_of_results(tmp_path: Path, content: str) -> None:
    path = tmp_path / "r.jsonl"
    path.write_text(content)
    with pytest.raises(NoResults, match="does not hold results"):
        Results.read(path)


def test_what_a_later_version_adds_is_left_out(tmp_path: Path) -> None:
    path = tmp_path / "r.jsonl"
    with writing(path) as writer:
        writer.add(START)
    path.write_text(path.read_text() + '{"id": "1", "level": "easy", "right": true, "cause": "right", "new": 1}\n')
    assert Results.read(path).rows == (row("1"),)


def test_only_what_has_no_result_is_asked() -> None:
    results = Results((START,), (row("1", "error"), row("2", "fault", fault="no answer within 240 s")))
    asked = [each.id for each in map(question, range(1, 4)) if wants_asking(each, results, faults_again=False)]
    again = [each.id for each in map(question, range(1, 4)) if wants_asking(each, results, faults_again=True)]
    assert (asked, again) == (["3"], ["2", "3"])


def test_a_run_that_goes_on_with_other_code_says_so() -> None:
    other = replace(START, commit="def+")
    assert changed(Results((START, START), (row("1"),))) == ""
    assert changed(Results((START, other), ())) == ""
    assert "commit: abc -> def+" in changed(Results((START, other), (row("1"),)))


def test_a_result_is_what_happened() -> None:
    usage = RequestUsage(prompt_tokens=10, completion_tokens=5)
    reply = ModelReplyEvent(source="m", purpose="generate", content="", finish_reason="stop", usage=usage, duration=1)
    happened: list[AgentEvent] = [
        TextMessage(source="user", content="@a[9]"),
        *(reply, reply, reply.model_copy(update={"purpose": "reflect"})),
        CodeExecutionEvent(source="m", retry_attempt=0, result=CodeResult(exit_code=0, output="it is 1")),
        RunFinishedEvent(source="m", status="succeeded", reason="", tries=2, duration=1),
        TextMessage(source=AGENT_NAME, content="It is @b[1]."),
    ]
    found = row_of(question(1), happened, "", 1.26)
    assert (found.cause, found.right, found.tags, found.seconds) == ("form", False, {"b": "1"}, 1.3)
    assert (found.prompt_tokens, found.completion_tokens, found.calls, found.tries) == (30, 15, 3, 2)
    assert (found.status, found.words, found.had_error) == ("succeeded", "It is @b[1].", False)


def test_a_result_of_nothing() -> None:
    assert row_of(question(1), [], "", 0).cause == "no code"
    assert row_of(question(1), [], "OSError: no space", 0).cause == "fault"


def test_configurations_say_what_they_change() -> None:
    assert str(CONFIGURATIONS["default"]) == "all defaults"
    assert str(CONFIGURATIONS["no-retries"]) == "max_retries=0"
    assert str(Configuration(run={"x": 1}, describes_file=False)) == "x=1, only the name of the file is told"
    assert len(set(map(str, CONFIGURATIONS.values()))) == len(CONFIGURATIONS)


def test_a_folder_that_is_none_is_told_and_nothing_is_begun(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--questions", str(tmp_path), "--into", str(tmp_path / "eval")]) == 2
    assert "make eval QUESTIONS=FOLDER" in capsys.readouterr().err
    assert not (tmp_path / "eval").exists()


def test_the_configurations_are_listed(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--list"]) == 0
    assert "no-retries          max_retries=0\n" in capsys.readouterr().out


BEFORE = Results(
    (START,),
    (
        row("1", prompt_tokens=900, completion_tokens=100, words="SECRET WORDS", tags={"a": "SECRET"}),
        row("2", "error", had_error=True, errors=("KeyError", "KeyError"), prompt_tokens=3000),
        row("3", "wrong value", level="hard", prompt_tokens=1000),
    ),
)
AFTER = Results(
    (START,),
    (
        row("1", prompt_tokens=500),
        row("2", had_error=True, errors=("KeyError",), prompt_tokens=500),
        row("4", "form", level="hard"),
    ),
)


def test_a_report_counts() -> None:
    lines = [[cell.strip() for cell in line.split("|")[1:-1]] for line in report([("one", BEFORE)]).splitlines()]
    table = {line[0]: line[1] for line in lines if line}
    assert table["**strictly right** (share; 95 % interval)"] == "1/3 (33%; 6%-79%)"
    assert (table["easy"], table["hard"]) == ("1/2 (50%; 9%-91%)", "0/1 (0%; 0%-79%)")
    assert table["**tokens per solved question**"] == "5,000"
    assert (table["questions with an execution error"], table["**of these unsolved**"]) == ("1", "1")
    assert table["error: the code that ran last failed"] == "1"
    assert table["`KeyError`"] == "1"


def test_two_runs_are_compared_on_what_both_were_asked() -> None:
    lines = compared(("one", BEFORE), ("two", AFTER)).splitlines()
    assert lines[0] == "`two` beside `one`, on the 2 questions that both were asked:"
    assert lines[2] == "- right 1 -> 2: 1 more, 0 lost; McNemar, exact, p = 1.000"
    assert lines[3] == "- by level: easy +1"
    assert lines[4] == "- tokens per solved question 4,000 -> 500"
    assert lines[6] == "- of these unsolved 1 -> 0"


def test_what_a_feature_is_worth_is_told_on_the_same_questions() -> None:
    without = Results((replace(START, configuration="no-retries", changes="max_retries=0"),), BEFORE.rows[:2])
    last = reporting.ablations(("two", AFTER), [("three", without)]).splitlines()[-1]
    assert [cell.strip() for cell in last.split("|")[1:-1]] == [
        *("no-retries: max_retries=0", "2", "1", "2", "1 / 0", "1.000", "4,000", "500", "1", "0")
    ]


def test_a_run_without_results_is_reported() -> None:
    empty = Results((START,), ())
    assert "| **tokens per solved question**" in report([("one", empty), ("two", empty)])


def test_the_page_names_the_commands_and_nothing_that_was_asked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(reporting, "PAGE", tmp_path / "effectiveness.md")
    for name, results in (("one", BEFORE), ("two", AFTER)):
        with writing(tmp_path / name / "r.jsonl") as writer:
            for line in results.starts:
                writer.add(line)
            for each in results.rows:
                writer.add(each)
    paths = [tmp_path / name / "r.jsonl" for name in ("one", "two")]
    assert reporting.main([*map(str, paths), "--without", str(paths[0]), "--write"]) == 0
    page = (tmp_path / "effectiveness.md").read_text()
    assert "`OPENAI_BASE_URL=ADDRESS make eval QUESTIONS=FOLDER N=3 SEED=19 MODEL=a/b:1`" in page
    assert "a/b:1, temperature 0, seed 19; 3 of 3 questions" in page
    assert "## What each feature is worth\n\nBeside `two/r`:" in page
    assert "`two/r` beside `one/r`" in page
    assert "SECRET" not in page + capsys.readouterr().out
    assert max(map(len, page.splitlines())) < 300


def test_runs_are_called_by_what_tells_them_apart(tmp_path: Path) -> None:
    paths = [tmp_path / "old" / "a.jsonl", tmp_path / "new" / "a.jsonl"]
    assert reporting.names(paths, [BEFORE, AFTER]) == ["old/default", "new/default"]
    assert reporting.names(paths, [BEFORE, replace(AFTER, starts=(replace(START, configuration="x"),))]) == [
        "default",
        "x",
    ]
    assert reporting.names([paths[0], paths[0].with_name("b.jsonl")], [BEFORE, AFTER]) == ["old/a", "old/b"]


def test_a_report_of_what_is_no_file_of_results(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert reporting.main([str(tmp_path / "none.jsonl")]) == 2
    assert "cannot be read" in capsys.readouterr().err


def test_the_command_that_makes_a_run_again() -> None:
    embedded = replace(START, embedded=True, configuration="no-retries")
    assert reporting.command(embedded) == "make eval QUESTIONS=FOLDER N=3 SEED=19 CONFIGURATION=no-retries"


async def test_a_server_is_asked_at_temperature_0_unless_the_agent_asks_for_another() -> None:
    replies = ReplayChatCompletionClient(["one", "two"])
    client = Deterministic(replies)
    for how in (None, {"temperature": 1.0, "seed": 3}):
        assert [item async for item in client.create_stream([UserMessage(content="?")], extra_create_args=how)]
    arguments = [dict(call.extra_create_args) for call in replies.create_calls]
    assert arguments == [{"temperature": 0.0}, {"temperature": 1.0, "seed": 3}]


async def test_a_model_of_a_server_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in ("OPENAI_API_KEY", "CODEAGENT_MODEL"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("OPENAI_BASE_URL", "http://localhost:9/v1")
    with pytest.raises(NoModelConfigured, match="no model is named"):
        await AsyncExitStack().enter_async_context(open_model(""))
    async with open_model("large") as model:
        assert (model.name, model.embedded) == ("large", False)
        assert isinstance(model.client(), Deterministic)
    monkeypatch.delenv("OPENAI_BASE_URL")
    with pytest.raises(NoModelConfigured, match="'large' is named, but no server is"):
        await AsyncExitStack().enter_async_context(open_model("large"))
