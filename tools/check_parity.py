"""Checks that every test that docs/parity.md names passed when it was last run: `python tools/check_parity.py`."""

import re
import sys
from pathlib import Path

from second_chance import read_outcomes

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`((?:unit|integration)/\w+\.py::test_\w+)`")

NEEDS_ENGINE = re.compile(r"/test_(?:containers|container_examples|choosing|every_executor|functions_everywhere)\.py::")


def named_tests() -> list[str]:
    """Return the tests the table names."""
    return [f"tests/{name}" for name in NAMED.findall((ROOT / "docs" / "parity.md").read_text(encoding="utf-8"))]


def problems(named: list[str], outcomes: dict[str, str]) -> list[str]:
    """Say which of them have not passed; where no container engine can be had, those that need one may be skipped."""
    found = []
    for name in named:
        seen = {outcome for test, outcome in outcomes.items() if test.partition("[")[0] == name}
        may_skip = NEEDS_ENGINE.search(name) and not has_engine(outcomes)
        if not seen or not seen <= ({"passed", "skipped"} if may_skip else {"passed"}):
            found.append(f"{name}: {', '.join(sorted(seen)) or 'was not run'}")
    return found


def has_engine(outcomes: dict[str, str]) -> bool:
    """Say whether the tests of the engine itself had one."""
    return any(outcome == "passed" for test, outcome in outcomes.items() if "/test_container_engine.py::" in test)


def main() -> None:
    """Print what is wrong, if anything is."""
    outcomes = read_outcomes(ROOT)
    named = named_tests()
    if wrong := problems(named, outcomes):
        sys.exit("docs/parity.md names tests that have not passed:\n" + "\n".join(wrong))
    unproven = "" if has_engine(outcomes) else ", but for those that need a container engine, which is not here"
    print(f"docs/parity.md: all of its {len(named)} tests have passed{unproven}")


if __name__ == "__main__":
    main()
