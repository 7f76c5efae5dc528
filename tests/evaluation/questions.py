"""Reads a folder of questions about tables, and draws some of them. Knows no agent and no model.

The folder has `questions.jsonl` (`id`, `question`, `constraints`, `format`, `file_name`, `level`), `labels.jsonl`
(`id`, `common_answers`: pairs of a name and a value) and `tables/`.
"""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path
from typing import Any

DATA_VARIABLE = "CODEAGENT_BENCH_DATA"
SET = "dabench"
ROOT = Path(__file__).parents[2]


class NoQuestions(Exception):  # noqa: N818 - named after the state
    """There is no folder of questions, or something is wrong with it; the text says what to do."""


@dataclass(frozen=True, slots=True)
class Question:
    """A question about a table, and its right answers.

    Args:
        id: Its own in the set.
        level: How hard it is.
        task: What the agent is asked.
        table: The file it is about.
        answers: The right values, by name.
    """

    id: str
    level: str
    task: str
    table: Path
    answers: Mapping[str, str]


def find_folder(given: str, environment: Mapping[str, str], beside: Path = ROOT) -> Path:
    """Return the folder of questions.

    Args:
        given: The one that was asked for; empty to look where the developers' set lies.
        environment: With `CODEAGENT_BENCH_DATA`.
        beside: The checkout, beside which the set is looked for last.

    Raises:
        NoQuestions: There is none.
    """
    data = environment.get(DATA_VARIABLE, "")
    places = [Path(data) / SET] if data else []
    places = [Path(given)] if given else [*places, beside.parent / "shared" / "bench-data" / SET]
    for place in places:
        if (place / "questions.jsonl").is_file():
            return place.resolve()
    raise NoQuestions(
        f"There is no questions.jsonl in {' or '.join(map(str, places))}. Name a folder that has questions.jsonl, "
        f"labels.jsonl and tables/ (make eval QUESTIONS=FOLDER), or set {DATA_VARIABLE} to the folder of {SET}/."
    )


def read_questions(folder: Path) -> list[Question]:
    """Return the questions of a folder, in its order.

    Raises:
        NoQuestions: A file is missing or is not what it should be, or a question has no answer or no table.
    """
    try:
        labels = {str(row["id"]): _answers(row) for row in _rows(folder / "labels.jsonl")}
        questions = [_question(row, labels, folder / "tables") for row in _rows(folder / "questions.jsonl")]
    except OSError as error:
        raise NoQuestions(f"{error.filename} cannot be read: {error.strerror}") from error
    except (KeyError, TypeError, ValueError) as error:
        raise NoQuestions(f"{folder}: a row is not as it should be ({type(error).__name__}: {error})") from error
    if repeated := [name for name, times in Counter(each.id for each in questions).items() if times > 1]:
        raise NoQuestions(f"{folder}: {len(repeated)} ids stand there twice, {repeated[0]} for one")
    for question in questions:
        if not question.answers or not question.table.is_file():
            missing = "table" if question.answers else "answer in labels.jsonl"
            raise NoQuestions(f"{folder}: question {question.id} has no {missing}")
    return questions


def draw(questions: Sequence[Question], count: int, seed: int) -> list[Question]:
    """Return that many questions, by chance, with as much of each level as the whole set has.

    The beginning of a larger draw with the same seed is the smaller one: an ablation on 40 questions can be compared
    with the first 40 of a run of 80, and a run that was cut short is a fair sample, too.

    Raises:
        NoQuestions: There are not that many.
    """
    if not 0 < count <= len(questions):
        raise NoQuestions(f"there are {len(questions)} questions, {count} were asked for")
    levels: dict[str, list[Question]] = {}
    for question in sorted(questions, key=lambda each: _chance(seed, each.id)):
        levels.setdefault(question.level, []).append(question)
    names, drawn = sorted(levels), Counter[str]()
    chosen = []
    for _ in range(count):  # Sainte-Laguë: the level that lacks most; one more never takes from another
        name = max(names, key=lambda level: len(levels[level]) / (2 * drawn[level] + 1))
        chosen.append(levels[name][drawn[name]])
        drawn[name] += 1
    return chosen


def _chance(seed: int, name: str) -> bytes:
    """Return what questions are shuffled by: the same on every Python, whatever their order in the file."""
    return sha256(f"{seed}/{name}".encode()).digest()


def _rows(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text("utf-8").splitlines() if line.strip()]


def _answers(row: Mapping[str, Any]) -> dict[str, str]:
    return {str(name): str(value) for name, value in row["common_answers"]}


def _question(row: Mapping[str, Any], labels: Mapping[str, Mapping[str, str]], tables: Path) -> Question:
    return Question(
        id=str(row["id"]),
        level=str(row.get("level", "")),
        task=_task(row),
        table=tables / Path(row["file_name"]).name,
        answers=labels.get(str(row["id"]), {}),
    )


def _task(row: Mapping[str, Any]) -> str:
    parts = [
        str(row["question"]).strip(),
        f"Constraints: {str(row.get('constraints') or '').strip()}",
        f"Format of the answer: {str(row.get('format') or '').strip()}",
    ]
    return "\n\n".join(part for part in parts if not part.endswith(": "))
