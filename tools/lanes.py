"""What `make test` does, side by side: `python tools/lanes.py [--minutes N] [--second-chance] [NAME ...]`.

All lanes run unless some are named.

A lane is a row of commands. It begins when the lanes it waits for have ended, whether well or not; so do those that
are asked for by name, with what they wait for left out. Its output goes to build/lanes/NAME.log and is printed if it
fails. At the end there is a table; the exit status is 1 if a lane failed or if all took more than that many minutes.
Ctrl-C ends everything that was started.

Lanes side by side either wait (for a network, a kernel, a page) or have few workers. `timing` and `pages`, of tests
with bounds by the clock and of the model in a page, have the machine for themselves; most of `timing` waits.
"""

import argparse
import os
import re
import signal
import subprocess
import sys
import time
from dataclasses import dataclass, field
from pathlib import Path

from second_chance import MOST, failed_tests, passes_alone, read_outcomes

LIMIT = 35
"""Minutes that all may take, on two cores; 21 to 33 were measured, the last beside a busy process."""

ROOT = Path(__file__).parents[1]
LOGS = ROOT / "build" / "lanes"
# A container may forbid compiled modules: then each of thousands of processes compiles the same files again.
ENVIRONMENT = {name: value for name, value in os.environ.items() if name != "PYTHONDONTWRITEBYTECODE"}
GRACE = 20
"""Seconds for a lane to clean up after an interrupt."""

PYTHON = ".venv/bin/python"
PYTEST = f"{PYTHON} -m pytest"
BY_FILE = "--dist loadfile --no-loadscope-reorder"
"""Kernels are shared by the tests of a file; and in our order, the long files first, not those with many tests."""
NOT_HERE = "not model and not browser and not attacks and not timing"
IN_WHEEL = "cd build/wheel/run && ../env/bin/python -m pytest tests/browser"
BROWSER = "browser and not attacks and not repeated"
CONTAINERS = (
    "tests/integration/test_container_checkpoints.py tests/integration/test_container_engine.py"
    " tests/integration/test_container_examples.py"
    " tests/integration/test_container_scripts.py tests/integration/test_containers.py"
    " tests/integration/test_choosing.py tests/integration/test_functions_everywhere.py"
    " tests/integration/test_in_a_hub.py"
)
"""The files whose tests mostly need a container."""


@dataclass(frozen=True, slots=True)
class Lane:
    """What runs one after another: shell commands, and the lanes that must have ended before."""

    commands: tuple[str, ...]
    after: tuple[str, ...] = ()

    @property
    def pytest(self) -> tuple[str, Path] | None:
        """The interpreter that runs its tests, and where; None if it has none."""
        if any(IN_WHEEL in command for command in self.commands):
            return "../env/bin/python", ROOT / "build" / "wheel" / "run"
        return (PYTHON, ROOT) if any(PYTEST in command for command in self.commands) else None


def _without(files: str) -> str:
    return " ".join(f"--ignore={file}" for file in files.split())


LANES = {
    # What only waits for the network or prepares.
    "weights": Lane((".venv/bin/codeagent-nb model fetch",)),
    "images": Lane(("bash .ci/container-engine.sh",)),
    "wheel": Lane(("bash tools/browser_environment.sh",)),
    # What needs the processor.
    "check": Lane(("make --no-print-directory check",)),
    "unit": Lane(
        (f"{PYTEST} tests/unit tests/servers -n 2 --dist worksteal -m 'not attacks and not timing'",), after=("check",)
    ),
    "local": Lane(
        (f"{PYTEST} tests/integration tests/attacks {_without(CONTAINERS)} -n 4 {BY_FILE} -m '{NOT_HERE}'",),
        after=("unit", "images"),
    ),
    "containers": Lane((f"{PYTEST} {CONTAINERS} -n 2 {BY_FILE} -m '{NOT_HERE}'",), after=("unit", "images")),
    # One worker leaves a third of two cores idle, three take as long as two.
    "browser": Lane(
        (f"{IN_WHEEL} -n 2 {BY_FILE} -m '{BROWSER} and not timing and not model'",),
        after=("local", "wheel"),
    ),
    "model": Lane((f"{PYTEST} tests/model -m 'model and not browser'",), after=("browser", "weights")),
    "timing": Lane(
        (f"{PYTEST} tests/unit tests/integration tests/attacks -n 2 --dist load -m 'timing and not attacks'",),
        after=("browser", "model"),
    ),
    "pages": Lane((f"{IN_WHEEL} -m '{BROWSER} and (timing or model)'",), after=("timing",)),
    "parity": Lane((f"{PYTHON} tools/check_parity.py",), after=("pages",)),
}


@dataclass(slots=True)
class Run:
    """A lane that was started."""

    name: str
    process: "subprocess.Popen[bytes]"
    begun: float = field(default_factory=time.monotonic)
    seconds: float = 0.0

    @property
    def log(self) -> Path:
        return LOGS / f"{self.name}.log"

    @property
    def failed(self) -> bool:
        return self.process.returncode != 0

    @property
    def counts(self) -> str:
        """What pytest counted, of each of its runs."""
        text = self.log.read_text(errors="replace")
        return "; ".join(re.findall(r"(?m)^(?:=+ )?(\d+ (?:passed|failed|error).*?) in [\d.]+s", text))


def start(name: str, lane: Lane) -> Run:
    """Start a lane in a process group of its own."""
    with (LOGS / f"{name}.log").open("wb") as log:
        process = subprocess.Popen(
            ["bash", "-ec", "\n".join(lane.commands)],
            cwd=ROOT,
            env=ENVIRONMENT,
            stdin=subprocess.DEVNULL,
            stdout=log,
            stderr=subprocess.STDOUT,
            process_group=0,
        )
    print(f"begun: {name}", flush=True)
    return Run(name, process)


def ended(run: Run) -> bool:
    """Return whether a lane has ended; if it has, print how."""
    if run.process.poll() is None:
        return False
    run.seconds = time.monotonic() - run.begun
    print(f"{'FAILED' if run.failed else 'done'}: {run.name}, {run.seconds:.0f} s  {run.counts}", flush=True)
    if run.failed:
        print(run.log.read_text(errors="replace"), flush=True)
    return True


def earlier(name: str) -> set[str]:
    """All lanes that must have ended before this one, those that they wait for included."""
    return {other for nearest in LANES[name].after for other in (nearest, *earlier(nearest))}


def run_all(names: list[str]) -> list[Run]:
    """Run lanes, each when those it waits for have ended."""
    waiting = {name: earlier(name) & {*names} for name in names}
    running: list[Run] = []
    done: list[Run] = []
    try:
        while waiting or running:
            over = {run.name for run in done}
            for name in [name for name, others in waiting.items() if others <= over]:
                del waiting[name]
                running.append(start(name, LANES[name]))
            now = [run for run in running if ended(run)]
            running = [run for run in running if run not in now]
            done += now
            time.sleep(0.1)
    finally:
        stop(running)
    return done


def stop(running: list[Run]) -> None:
    """Interrupt what still runs, as Ctrl-C would, and end what does not listen."""
    for number in (signal.SIGINT, signal.SIGKILL):
        for run in running:
            if run.process.poll() is None:
                os.killpg(run.process.pid, number)
        deadline = time.monotonic() + GRACE
        while any(run.process.poll() is None for run in running) and time.monotonic() < deadline:
            time.sleep(0.1)


def unsteady(failed: list[Run]) -> dict[str, list[str]]:
    """Run again what failed, if that is little; return the tests of each lane that all passed then."""
    tests = {run.name: _failed_tests(run) for run in failed}
    if sum(map(len, tests.values())) > MOST:
        return {}
    return {name: some for name, some in tests.items() if some and _passes_alone(name, some)}


def _failed_tests(run: Run) -> list[str]:
    place = LANES[run.name].pytest
    if place is None or run.process.returncode != 1:  # pytest's "some tests failed"; all else is worse
        return []
    return failed_tests(run.log.read_text(errors="replace"), read_outcomes(place[1]))


def _passes_alone(name: str, tests: list[str]) -> bool:
    place = LANES[name].pytest
    log = LOGS / f"{name}-again.log"
    passes = place is not None and passes_alone(tests, *place, ENVIRONMENT, log)
    print(f"run again, alone: {', '.join(tests)}: {'passed' if passes else 'FAILED'}", flush=True)
    if not passes:
        print(log.read_text(errors="replace"), flush=True)
    return passes


def main() -> None:
    """Run the lanes, print the table."""
    parser = argparse.ArgumentParser(description="Check and test everything, lane by lane.")
    parser.add_argument("names", nargs="*", metavar="NAME", help=f"one of {', '.join(LANES)}; all without")
    parser.add_argument("--minutes", type=int, default=LIMIT, help="more than so many is a failure (%(default)s)")
    parser.add_argument("--second-chance", action="store_true", help=f"run up to {MOST} failed tests again, alone")
    given = parser.parse_args()
    names = given.names or list(LANES)
    if unknown := [name for name in names if name not in LANES]:
        parser.error(f"there is no lane {', '.join(unknown)}; there are {', '.join(LANES)}")
    LOGS.mkdir(parents=True, exist_ok=True)
    begun = time.monotonic()
    signal.signal(signal.SIGINT, signal.default_int_handler)  # ignored where a script runs us in its background
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    try:
        done = run_all(names)
    except KeyboardInterrupt:
        sys.exit("Interrupted; everything that was started has been ended.")
    took = time.monotonic() - begun
    print("\n" + "\n".join(f"{run.name:<11}{run.seconds:>6.0f} s  {run.counts}" for run in done))
    print(f"{'all':<11}{took:>6.0f} s")
    failed = [run for run in done if run.failed]
    passed_then = unsteady(failed) if given.second_chance else {}
    for name, tests in passed_then.items():
        print(f"UNSTEADY in lane {name}, look into it: {', '.join(tests)}")
    wrong = [f"lane {run.name} failed: {run.log.relative_to(ROOT)}" for run in failed if run.name not in passed_then]
    if took > given.minutes * 60:
        wrong.append(f"all took {took / 60:.0f} minutes; more than {given.minutes} is a failure, too")
    if wrong:
        sys.exit("\n".join(wrong))


if __name__ == "__main__":
    main()
