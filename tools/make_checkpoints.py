"""Write docs/checkpoints.md from what the tests of `tests/libraries` last said: `python tools/make_checkpoints.py`.

`make libraries` runs them and writes their results to build/libraries.xml, which is read here.
"""

import re
import xml.etree.ElementTree as ET
from pathlib import Path

from tests.libraries.cases import CASES
from tests.libraries.environment import versions

ROOT = Path(__file__).parents[1]
RESULTS = ROOT / "build" / "libraries.xml"
TABLE = ROOT / "docs" / "checkpoints.md"
HEAD = """# What comes back with a checkpoint

Written by `make libraries`, from the last results of `tests/libraries`. Each case makes some state in a real kernel,
takes a checkpoint, changes the state, and looks twice whether it comes back, by `restore`; then the kernel is killed,
and it comes back by itself. Each time its library must work, in parallel where it does so. The kernel that the
checkpoint was taken of must work on, and so must one that refused it.

**restored**: all that holds. **refused**: a fork would lose something or hang, so there is no checkpoint, and this is
told; a call that fails is then taken back by running the calls before it again.

A case has 20 seconds. With:
{versions}.
Not tried: PyTorch, CUDA.
"""


def results() -> dict[str, list[str]]:
    """Return the rows of the table, by heading, in the order of the cases: workers end theirs in another."""
    rows = dict(map(_row, ET.parse(RESULTS).iter("testcase")))  # noqa: S314 - our own file
    found: dict[str, list[str]] = {}
    for case in CASES:
        if case.name in rows:
            found.setdefault(case.room, []).append(rows[case.name])
    return found


def _row(test: ET.Element) -> tuple[str, str]:
    told = {each.attrib["name"]: each.attrib["value"] for each in test.iter("property")}
    name = told.get("what") or test.attrib["name"].partition("[")[2].rstrip("]")
    reason = told.get("reason", "")
    failed = test.find("failure") is not None or test.find("error") is not None
    state = "**fails**" if failed else "refused" if reason else "restored"
    return name, f"| {name} | {state} | {without_numbers(reason) or told.get('note', '')} |"


def without_numbers(reason: str) -> str:
    """Return a reason without what is another one each time."""
    reason = re.sub(r"/\S+/(codeagent-work-\w+|tmp)/", "…/", reason)
    return re.sub(r"(process |Thread-|#)\d+", r"\1N", reason)


def table(found: dict[str, list[str]]) -> str:
    """Return the document."""
    parts = [HEAD.format(versions=versions())]
    for room, rows in found.items():
        parts.append("\n".join([f"## {room}", "", "| what | | the reason that is told |", "|---|---|---|", *rows, ""]))
    return "\n".join(parts)


if __name__ == "__main__":
    TABLE.write_text(table(results()), encoding="utf-8")
    print(f"wrote {TABLE.relative_to(ROOT)}")
