"""Runs the executors' faults on every kind of server, and writes docs/servers.md: `python -m tests.places.run`.

Names of places as arguments run these only, and write nothing. The exit status is 1 if a test failed.
"""

import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path

from tests.support.gateways import ENTERPRISE, OLDEST, SERVERS
from tests.support.places import NEEDS, OTHERWISE

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "servers.md"
RESULTS = ROOT / "build" / "places"

TESTS = "tests/integration"
ALIKE = (f"{TESTS}/test_every_executor.py", "-k", "remote")
OTHERS = {
    "tests of one journal": (f"{TESTS}/test_same_journal.py",),
    "tests of gateways": (f"{TESTS}/test_remote_gateways.py",),
    "tests of the Hub": (f"{TESTS}/test_remote_hub.py",),
    "tests of kernels": (f"{TESTS}/test_remote_kernels.py", f"{TESTS}/test_many_remote_kernels.py"),
    "tests of sessions": (f"{TESTS}/test_session_elsewhere.py", f"{TESTS}/test_notebook_elsewhere.py"),
}
SHOWN = re.compile(
    r"^((?:jupyter[-_]?(?:server|hub|enterprise_gateway|kernel[-_]gateway)|ipykernel)==\S+)$", re.MULTILINE
)

CHAOS = ("-m", "tests.integration.test_remote_chaos", "1000")
LATENCY = ("tests/benchmarks/remote_latency.py",)

HEAD = """\
# Kernels on real servers

`make servers` installs each server in an environment of its own and runs the faults of
`tests/integration/test_every_executor.py` in kernels on it. It wrote this page on {date}.

| Place | Passed | Skipped | Failed |
|---|---|---|---|
"""


@dataclass(frozen=True)
class Outcome:
    """What tests came to."""

    passed: int
    skipped: int
    failed: tuple[str, ...]

    def row(self, name: str) -> str:
        return f"| {name} | {self.passed} | {self.skipped} | {', '.join(self.failed) or 'none'} |"


def outcome_of(name: str, tests: tuple[str, ...], at: str) -> Outcome:
    """Run tests in one kind of place."""
    results = RESULTS / f"{name.replace(' ', '-').replace(',', '')}.xml"
    command = [sys.executable, "-m", "pytest", "-q", *tests, "--junitxml", str(results)]
    subprocess.run(command, check=False, cwd=ROOT, env={**os.environ, "CODEAGENT_TEST_PLACE": at})
    cases = list(ET.parse(results).iter("testcase"))
    failed = [case for case in cases if case.find("failure") is not None or case.find("error") is not None]
    skipped = [case for case in cases if case.find("skipped") is not None]
    names = tuple(f"`{case.attrib['name']}`" for case in failed)
    return Outcome(len(cases) - len(failed) - len(skipped), len(skipped), names)


def said(arguments: tuple[str, ...]) -> tuple[str, bool]:
    """Run a program; return what it says, and whether it went well."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    done = subprocess.run(
        [sys.executable, *arguments], check=False, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    print(done.stdout, done.stderr)
    return done.stdout.strip(), done.returncode == 0


def differences() -> dict[str, list[str]]:
    """Return the tests that cannot hold somewhere, by the reason."""
    found: dict[str, list[str]] = {}
    for test, reason in OTHERWISE.items():
        found.setdefault(reason, []).append(f"`{test}`")
    return found


def versions() -> list[str]:
    """Return the versions of what is installed."""
    lines = []
    for python in (Path(sys.executable), SERVERS, OLDEST, ENTERPRISE):
        listed = subprocess.run([python, "-m", "pip", "freeze"], check=False, capture_output=True, text=True).stdout
        wanted = re.findall(
            r"(?m)^((?:jupyter[-_]?(?:server|hub|enterprise_gateway|kernel[-_]gateway)|ipykernel)==\S+)$", listed
        )
        lines.append(f"- {', '.join(wanted)}")
    return list(dict.fromkeys(lines))


def main() -> int:
    """Run all of it; return the exit status."""
    RESULTS.mkdir(parents=True, exist_ok=True)
    names = sys.argv[1:] or list(NEEDS)
    alike = {name: outcome_of(name, ALIKE, name) for name in names}
    for name, outcome in alike.items():
        print(outcome.row(name))
    if sys.argv[1:]:
        return int(any(outcome.failed for outcome in alike.values()))
    others = {name: outcome_of(name, tests, "server") for name, tests in OTHERS.items()}
    (chaos, went_well), (latency, _) = said(CHAOS), said(LATENCY)
    rows = [outcome.row(name) for name, outcome in alike.items()]
    more = [f"| {name} | {one.passed} | {one.skipped} | {len(one.failed)} |" for name, one in others.items()]
    measured = [
        "1,000 blocks over a connection cut at random, and the time of a block:",
        "",
        "```",
        chaos,
        latency,
    ]
    reasons = [f"- {reason}: {', '.join(tests)}." for reason, tests in differences().items()]
    page = [
        HEAD.format(date=datetime.now(UTC).date()) + "\n".join(rows),
        *more,
        "",
        "Skipped in gateway mode:",
        "",
        *reasons,
        "",
        "Installed:",
        "",
        *versions(),
        "",
    ]
    PAGE.write_text("\n".join([*page, *measured, "```", ""]), encoding="utf-8")
    return int(not went_well or any(outcome.failed for outcome in (*alike.values(), *others.values())))


if __name__ == "__main__":
    sys.exit(main())
