"""Reports on runs side by side, the first is the baseline: `python -m tests.evaluation.report A.jsonl B.jsonl`.

`--write` makes docs/effectiveness.md of it: numbers only, nothing of a question or an answer.
"""

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from statistics import median
from typing import Self

from tests.evaluation.causes import CAUSES, MEANING
from tests.evaluation.proportions import mcnemar, wilson
from tests.evaluation.questions import ROOT
from tests.evaluation.results import NoResults, Results, Row, Start

PAGE = ROOT / "docs" / "effectiveness.md"

HEAD = """\
# Effectiveness

How many questions about tables the agent answers rightly, what that costs, and what each of its features is worth.
Written by `python -m tests.evaluation.report --write`; the results come from `make eval` (`tests/evaluation`).
Each question is asked in a session of its own, with a fresh kernel and a copy of its table, handed over as
`codeagent-nb run --file` does. **Right** is strict: every value that was asked for stands in the closing words as
`@name[value]`, as the same text or the same number. The set of questions is not part of this repository.
"""

Named = tuple[str, Results]


@dataclass(frozen=True, slots=True)
class Figures:
    """What is counted over rows.

    Args:
        rows: The results.
    """

    rows: Sequence[Row]

    @property
    def right(self) -> int:
        """Questions that are right."""
        return sum(row.right for row in self.rows)

    @property
    def tokens(self) -> int:
        """Of all questions."""
        return sum(row.tokens for row in self.rows)

    @property
    def unsolved_errors(self) -> int:
        """Questions with an error of executed code that are not right in the end."""
        return sum(row.had_error and not row.right for row in self.rows)

    @property
    def errors(self) -> int:
        """Questions with an error of executed code."""
        return sum(row.had_error for row in self.rows)

    @property
    def tokens_each(self) -> str:
        """Tokens of all questions for each that is right."""
        return f"{self.tokens / self.right:,.0f}" if self.right else "-"

    @property
    def share(self) -> str:
        """How many are right, with the share and its interval."""
        if not self.rows:
            return "-"
        low, high = wilson(self.right, len(self.rows))
        return f"{self.right}/{len(self.rows)} ({self.right / len(self.rows):.0%}; {low:.0%}-{high:.0%})"

    def middle(self, of: Callable[[Row], float]) -> str:
        """Return the median of something."""
        return f"{median(map(of, self.rows)):,.0f}" if self.rows else "-"

    def of_level(self, level: str) -> "Figures":
        """Return those of one level."""
        return Figures([row for row in self.rows if row.level == level])


@dataclass(frozen=True, slots=True)
class Pair:
    """Two runs on the questions that both were asked.

    Args:
        old: What the first one made of them.
        new: What the second one made of them, in the same order.
    """

    old: Figures
    new: Figures

    @classmethod
    def of(cls, one: Results, other: Results) -> Self:
        """Return what two runs have in common."""
        after = {row.id: row for row in other.rows}
        common = [row for row in one.rows if row.id in after]
        return cls(Figures(common), Figures([after[row.id] for row in common]))

    @property
    def won(self) -> int:
        """Questions that only the second one has right."""
        return sum(new.right and not old.right for old, new in zip(self.old.rows, self.new.rows, strict=True))

    @property
    def lost(self) -> int:
        """Questions that only the first one has right."""
        return sum(old.right and not new.right for old, new in zip(self.old.rows, self.new.rows, strict=True))

    @property
    def chance(self) -> float:
        """How probable so large a difference is if there is none."""
        return mcnemar(self.won, self.lost)


def report(runs: Sequence[Named]) -> str:
    """Return what came of runs, and how each differs from the first, as Markdown that reads as text, too."""
    parts = [scores(runs), reasons(runs), error_types(runs)]
    parts += [compared(runs[0], run) for run in runs[1:]]
    return "\n\n".join(part for part in parts if part) + "\n"


def scores(runs: Sequence[Named]) -> str:
    """Return the table of what is right and what it took."""
    figures = [Figures(results.rows) for _, results in runs]
    levels = sorted({row.level for each in figures for row in each.rows}, key=_hardness)
    lines: list[tuple[str, list[str]]] = [
        ("**strictly right** (share; 95 % interval)", [each.share for each in figures])
    ]
    lines += [(level or "no level", [each.of_level(level).share for each in figures]) for level in levels]
    lines += [
        ("**tokens per solved question**", [each.tokens_each for each in figures]),
        ("tokens, prompt + reply, median", [each.middle(lambda row: row.tokens) for each in figures]),
        ("tokens of replies, median", [each.middle(lambda row: row.completion_tokens) for each in figures]),
        ("calls of the model, in all", [f"{sum(row.calls for row in each.rows):,}" for each in figures]),
        ("questions with an execution error", [str(each.errors) for each in figures]),
        ("**of these unsolved**", [str(each.unsolved_errors) for each in figures]),
        ("seconds, median", [each.middle(lambda row: row.seconds) for each in figures]),
    ]
    return table(["", *(name for name, _ in runs)], ([name, *cells] for name, cells in lines))


def reasons(runs: Sequence[Named]) -> str:
    """Return the table of where the questions went."""
    counts = [Counter(row.cause for row in results.rows) for _, results in runs]
    rows = ([f"{cause}: {MEANING[cause]}", *(str(count[cause]) for count in counts)] for cause in CAUSES)
    return table(["cause", *(name for name, _ in runs)], rows)


def error_types(runs: Sequence[Named]) -> str:
    """Return the table of the errors of executed code, by type; empty if there is none."""
    counts = [Counter(kind for row in results.rows for kind in set(row.errors)) for _, results in runs]
    kinds = [kind for kind, _ in sum(counts, start=Counter[str]()).most_common(12)]
    if not kinds:
        return ""
    rows = ([f"`{_plain(kind)}`", *(str(count[kind]) for count in counts)] for kind in kinds)
    return table(["questions with an error of type", *(name for name, _ in runs)], rows)


def compared(first: Named, second: Named) -> str:
    """Return how a run differs from another one on the questions that both were asked."""
    pair = Pair.of(first[1], second[1])
    old, new = pair.old, pair.new
    levels = sorted({row.level for row in old.rows}, key=_hardness)
    by_level = [f"{level or 'no level'} {new.of_level(level).right - old.of_level(level).right:+}" for level in levels]
    lines = [
        f"`{second[0]}` beside `{first[0]}`, on the {len(old.rows)} questions that both were asked:",
        "",
        f"- right {old.right} -> {new.right}: {pair.won} more, {pair.lost} lost; McNemar, exact, p = {pair.chance:.3f}",
        f"- by level: {', '.join(by_level) or '-'}",
        f"- tokens per solved question {old.tokens_each} -> {new.tokens_each}",
        f"- questions with an execution error {old.errors} -> {new.errors}",
        f"- of these unsolved {old.unsolved_errors} -> {new.unsolved_errors}",
    ]
    return "\n".join(lines)


def ablations(whole: Named, without: Sequence[Named]) -> str:
    """Return what each of some runs has beside the whole, on the questions that both were asked."""
    head = ["what is off", "questions", "right", "with it", "lost without / won", "p"]
    head += ["tokens per solved", "with it", "errors unsolved", "with it"]
    rows = []
    for _, results in without:
        pair = Pair.of(whole[1], results)
        start = results.starts[-1]
        rows.append(
            [
                f"{start.configuration}: {start.changes}",
                str(len(pair.new.rows)),
                *(str(pair.new.right), str(pair.old.right), f"{pair.lost} / {pair.won}", f"{pair.chance:.3f}"),
                *(pair.new.tokens_each, pair.old.tokens_each),
                *(str(pair.new.unsolved_errors), str(pair.old.unsolved_errors)),
            ]
        )
    return f"Beside `{whole[0]}`:\n\n{table(head, rows)}\n"


def made(runs: Sequence[Named]) -> str:
    """Return how each run was made, with the command that makes it again."""
    return "\n".join(line for name, results in runs for line in _made(name, results))


def _made(name: str, results: Results) -> list[str]:
    start, starts = results.starts[-1], results.starts
    commits = ", ".join(dict.fromkeys(each.commit for each in starts if each.commit)) or "unknown"
    what = f"{start.configuration} ({start.changes}), {start.model}, temperature 0, seed {start.seed}"
    asked = f"{len(results.rows)} of {start.count} questions, {start.timeout:g} s each at most"
    return [
        f"- `{name}`: {what}; {asked}; {start.date}, commit {commits}; {start.versions}:",
        f"  `{command(start)}`",
    ]


def command(start: Start) -> str:
    """Return the command that makes a run."""
    parts = ["make eval QUESTIONS=FOLDER", f"N={start.count}", f"SEED={start.seed}"]
    parts += [f"CONFIGURATION={start.configuration}"] if start.configuration != "default" else []
    return " ".join(parts if start.embedded else ["OPENAI_BASE_URL=ADDRESS", *parts, f"MODEL={start.model}"])


def whole_report(runs: Sequence[Named], without: Sequence[Named]) -> str:
    """Return everything: runs, what they are without a feature, and how all of them were made.

    Args:
        runs: The baseline first, what ablations are compared with last.
        without: The ablations.
    """
    parts = [report(runs)]
    parts += [f"## What each feature is worth\n\n{ablations(runs[-1], without)}"] if without else []
    return "\n".join([*parts, f"## How these were made\n\n{made([*runs, *without])}\n"])


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    """Return a Markdown table whose columns are aligned, so that it reads in a terminal."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    lines.insert(1, ["-" * width for width in widths])
    return "\n".join(f"| {' | '.join(map(str.ljust, line, widths))} |" for line in lines)


def _hardness(level: str) -> tuple[int, str]:
    known = ("easy", "medium", "hard")
    return (known.index(level), "") if level in known else (len(known), level)


def _plain(kind: str) -> str:
    """Return the name of an exception, which is whatever executed code calls it."""
    return "".join(letter for letter in kind if letter.isalnum() or letter in "._")[:40]


def main(given: Sequence[str] | None = None) -> int:
    """Print the report, or write the page; return the exit code."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.evaluation.report", description=(__doc__ or "").split("\n")[0]
    )
    parser.add_argument("results", nargs="+", type=Path, help="files of `make eval`; the first is the baseline")
    parser.add_argument("--without", nargs="+", type=Path, default=[], help="ablations of the last of these")
    parser.add_argument("--write", action="store_true", help="write docs/effectiveness.md")
    options = parser.parse_args(given)
    paths = [*options.results, *options.without]
    try:
        results = [Results.read(path) for path in paths]
    except NoResults as error:
        print(error, file=sys.stderr)
        return 2
    read, count = list(zip(names(paths, results), results, strict=True)), len(options.results)
    text = whole_report(read[:count], read[count:])
    print(text)
    if options.write:
        PAGE.write_text(f"{HEAD}\n{text}", encoding="utf-8")
    return 0


def names(paths: Sequence[Path], runs: Sequence[Results]) -> list[str]:
    """Return what runs are called: their configuration, with the folder, or the file, where that is needed."""
    configurations = [results.starts[-1].configuration for results in runs]
    folders = [path.absolute().parent.name for path in paths]
    longer = [f"{folder}/{name}" for folder, name in zip(folders, configurations, strict=True)]
    whole = [f"{folder}/{path.stem}" for folder, path in zip(folders, paths, strict=True)]
    return next((each for each in (configurations, longer) if len(set(each)) == len(each)), whole)


if __name__ == "__main__":
    sys.exit(main())
