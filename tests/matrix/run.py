"""Runs the short form in kernels of many versions, and writes docs/kernel-versions.md: `python -m tests.matrix.run`.

Names of environments as arguments run these only, and write nothing. The exit status is 1 if a check failed.
"""

import asyncio
import os
import sys
import time
import traceback
from datetime import UTC, datetime

from kernel_executor import KernelCodeExecutor
from tests.matrix.environments import ROOT, SPECS, CannotHaveError, Environment, Wanted, make, wanted
from tests.matrix.short_form import CHECKS

PAGE = ROOT / "docs" / "kernel-versions.md"
CHECK_LIMIT = 90
"""Seconds a check may take."""

Failures = dict[str, str]

HEAD = """\
# Kernels of other versions

`make matrix` makes an environment for each row, with that Python, ipykernel and IPython, and runs the short form of the
fault list (`tests/matrix/short_form.py`) in its kernel, through `KernelCodeExecutor(kernel_name=...)` in the sandbox
`auto`. It wrote this page on {date}.

Checks: {checks}.

| Python | ipykernel | IPython | passed | failed |
|---|---|---|---|---|
"""


async def failures_in(environment: Environment) -> Failures:
    """Run all checks in a kernel; return the tracebacks of those that failed."""
    failed: Failures = {}
    executor = KernelCodeExecutor(kernel_name=environment.wanted.name, sandbox="auto", timeout=30)
    for name, function in CHECKS.items():
        try:
            async with asyncio.timeout(CHECK_LIMIT):
                await executor.start()
                await function(executor)
        except Exception:  # noqa: BLE001 - whatever it is, it is a row of the page
            failed[name] = traceback.format_exc()
            await executor.stop()
    await executor.stop()
    return failed


def row(environment: Environment, failed: Failures) -> str:
    """Return a line of the table."""
    versions = f"{environment.python} | {environment.ipykernel} | {environment.ipython}"
    return f"| {versions} | {len(CHECKS) - len(failed)} of {len(CHECKS)} | {', '.join(failed) or 'none'} |"


def check(one: Wanted) -> tuple[str, Failures]:
    """Make an environment and run the checks in it; return its line of the page."""
    begun = time.monotonic()
    environment = make(one)
    failed = asyncio.run(failures_in(environment))
    print(row(environment, failed), f"{time.monotonic() - begun:.0f} s", flush=True)
    for name, why in failed.items():
        print(f"--- {one.name}: {name}\n{why}", flush=True)
    return row(environment, failed), failed


def main(names: list[str]) -> int:
    """Run the checks; write the page, if all were asked for."""
    os.environ["JUPYTER_PATH"] = str(SPECS / "share" / "jupyter")
    rows, missing, failed = [], [], False
    for one in wanted():
        if names and one.name not in names:
            continue
        try:
            line, failures = check(one)
        except CannotHaveError as error:
            print(f"{one.name}: {error}", flush=True)
            missing.append(f"- Python {one.python}, {', '.join(one.requirements)}: {error}")
            continue
        rows.append(line)
        failed = failed or bool(failures)
    if not names:
        absent = ["", "Could not be had on the machine that wrote this:", "", *missing] if missing else []
        head = HEAD.format(date=datetime.now(UTC).date(), checks=", ".join(CHECKS))
        PAGE.write_text(head + "\n".join([*rows, *absent]) + "\n", encoding="utf-8")
    return int(failed or not rows)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
