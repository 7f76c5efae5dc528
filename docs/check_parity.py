"""Checks that every test that docs/parity.md names passed when it was last run: `python docs/check_parity.py`."""

import json
import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent
NAMED = re.compile(r"`((?:unit|integration)/\w+\.py::test_\w+)`")


def named_tests() -> list[str]:
    """Return the tests the table names."""
    return [f"tests/{name}" for name in NAMED.findall((ROOT / "docs" / "parity.md").read_text(encoding="utf-8"))]


def problems(named: list[str], outcomes: dict[str, str]) -> list[str]:
    """Say which of them have not passed."""
    found = []
    for name in named:
        seen = {outcome for test, outcome in outcomes.items() if test.partition("[")[0] == name}
        if seen != {"passed"}:
            found.append(f"{name}: {', '.join(sorted(seen)) or 'was not run'}")
    return found


def main() -> None:
    """Print what is wrong, if anything is."""
    kept = ROOT / ".pytest_cache" / "v" / "codeagent" / "outcomes"
    outcomes = json.loads(kept.read_text()) if kept.exists() else {}
    named = named_tests()
    if wrong := problems(named, outcomes):
        sys.exit("docs/parity.md names tests that have not passed:\n" + "\n".join(wrong))
    print(f"docs/parity.md: all of its {len(named)} tests have passed")


if __name__ == "__main__":
    main()
