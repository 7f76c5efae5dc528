"""Runs tests again, alone, that failed beside others: one that then passes is unsteady, and no failure.

Of 14,000 tests on two busy cores one to three failed in the last runs of CI. CPython's CI does the same (`regrtest
--rerun`). Each was a defect of ours or of the test when it was looked into, so it is told by name: look into it. Only
CI asks for this (`--second-chance`); for a person, each failure is one.
"""

import json
import re
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

MOST = 3
"""Tests of all lanes that get one: more is no chance."""

ENDS = re.compile(r"(?m)^(?:=+ )?\d+ (?:passed|failed|skipped|deselected|errors?)\b.* in [\d.]+s")
"""The lines that end pytest's runs."""

CRASHED = re.compile(r"worker '\w+' crashed")

PATIENCE = 900
"""Seconds for so few tests."""

NUMBERS = re.compile(r"\b(\d+) (?:failed|errors?)\b")


def failed_tests(log: str, outcomes: Mapping[str, str]) -> list[str]:
    """Return the tests that failed; none if the log does not tell all of them by name, or a worker has crashed.

    Args:
        log: What the lane said.
        outcomes: How tests ended, by their names, which alone do not tell where a name in the log ends.
    """
    if CRASHED.search(log):
        return []
    named = [test for test, outcome in outcomes.items() if outcome == "failed" and _is_told(test, log)]
    number = sum(map(int, NUMBERS.findall("\n".join(ENDS.findall(log)))))
    return named if len(named) == number else []


def _is_told(test: str, log: str) -> bool:
    return re.search(rf"(?m)^(?:FAILED|ERROR) {re.escape(test)}(?: - |$)", log) is not None


def read_outcomes(folder: Path) -> dict[str, str]:
    """Return how tests ended, as `tests/conftest.py` keeps it in a folder's cache."""
    kept = folder / ".pytest_cache" / "v" / "codeagent" / "outcomes"
    return dict(json.loads(kept.read_text())) if kept.exists() else {}


def passes_alone(tests: Sequence[str], python: str, folder: Path, environment: Mapping[str, str], log: Path) -> bool:
    """Run tests again, with nothing else on the machine; return whether all pass, and none is skipped.

    Args:
        tests: Their names.
        python: The interpreter.
        folder: Where they are run.
        environment: Their variables.
        log: Where what they say is kept.
    """
    with log.open("wb") as file:
        command = [python, "-m", "pytest", *tests]
        try:
            subprocess.run(command, cwd=folder, env=environment, stdout=file, stderr=file, check=True, timeout=PATIENCE)
        except (subprocess.CalledProcessError, subprocess.TimeoutExpired):
            return False
    return re.search(rf"(?m)^(?:=+ )?{len(tests)} passed in ", log.read_text(errors="replace")) is not None
