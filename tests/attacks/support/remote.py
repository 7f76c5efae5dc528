"""A test's side of `driver.py`: executors that live in somebody's process, and what they answered."""

import json
import select
import subprocess
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import pytest

PATIENCE = 60.0
"""Seconds for one step: a machine that is busy with other tests is slow."""


@dataclass(frozen=True, slots=True, repr=False)
class Result:
    """What a call came to."""

    answer: dict[str, Any]

    @property
    def blocks(self) -> list[dict[str, Any]]:
        return list(self.answer["blocks"])

    @property
    def status(self) -> str:
        """How the last block ended, or the name of what the call raised."""
        return str(self.answer.get("raised") or self.blocks[-1]["status"])

    @property
    def exit_code(self) -> int:
        return int(self.answer["exit_code"])

    @property
    def denials(self) -> list[str]:
        return list(self.blocks[-1]["denials"])

    @property
    def note(self) -> str:
        return str(self.blocks[-1]["note"])

    @property
    def ename(self) -> str:
        return str(self.blocks[-1]["ename"] or "")

    @property
    def text(self) -> str:
        """What the last block printed."""
        return str(self.blocks[-1]["text"])

    @property
    def delivered(self) -> dict[str, int]:
        """Names and sizes."""
        return {name: size for files in self.answer["files"] for name, size in files["delivered"].items()}

    @property
    def removed(self) -> list[str]:
        return [name for files in self.answer["files"] for name in files["removed"]]

    @property
    def held(self) -> dict[str, str]:
        """Names and reasons."""
        return {name: reason for files in self.answer["files"] for name, reason in files["held"].items()}

    @property
    def isolates(self) -> bool:
        return bool(self.answer["isolates"])

    @property
    def seconds(self) -> float:
        return float(self.answer["seconds"])

    def __repr__(self) -> str:
        return json.dumps(self.answer, indent=1)[:3_000]


class Driver:
    """A process that holds executors. Use as a context manager: it ends with what it holds."""

    def __init__(self, process: "subprocess.Popen[str]", mechanism: str) -> None:
        self.process = process
        self.mechanism = mechanism

    def step(self, do: str, *, patience: float = PATIENCE, **arguments: Any) -> dict[str, Any]:
        """Take a step and wait for its answer."""
        self.begin(do, **arguments)
        return self.answer(patience)

    def begin(self, do: str, **arguments: Any) -> None:
        """Take a step; the answer is fetched later."""
        assert self.process.stdin is not None
        print(json.dumps({"do": do, **arguments}), file=self.process.stdin, flush=True)

    def answer(self, patience: float = PATIENCE) -> dict[str, Any]:
        """Wait for the answer of the step that was begun."""
        assert self.process.stdout is not None
        if not select.select([self.process.stdout], [], [], patience)[0]:
            pytest.fail(f"no answer in {patience:.0f} s")
        line = self.process.stdout.readline()
        assert line, "the process that holds the executors has ended"
        return dict(json.loads(line))

    def open(self, work_dir: Path, kind: str = "kernel", *, name: str = "", **settings: Any) -> "Executor":
        """Start an executor in a folder; in the sandbox there is, unless the settings say otherwise."""
        executor = Executor(self, name or f"{kind} {time.monotonic_ns()}")
        executor.opened = self.step(**executor.opening(work_dir, kind, **settings))
        assert "raised" not in executor.opened, executor.opened
        return executor

    def close(self) -> None:
        """End the process as its user would: with everything stopped."""
        assert self.process.stdin is not None
        self.process.stdin.close()
        try:
            self.process.wait(timeout=PATIENCE)
        finally:
            self.process.kill()
            self.process.wait()
            assert self.process.stdout is not None
            self.process.stdout.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


@dataclass(slots=True)
class Executor:
    """An executor in a driver's process."""

    driver: Driver
    name: str
    opened: dict[str, Any] = field(default_factory=dict)

    def opening(self, work_dir: Path, kind: str, **settings: Any) -> dict[str, Any]:
        """Return the step that starts it."""
        sandbox = {} if kind == "container" else {"sandbox": self.driver.mechanism}
        settings = {**sandbox, "timeout": 30, "work_dir": str(work_dir), **settings}
        return {"do": "open", "name": self.name, "kind": kind, "settings": settings}

    def run(self, code: str, language: str = "python", *, patience: float = PATIENCE) -> Result:
        """Run one block."""
        return self.call([(code, language)], patience=patience)

    def call(self, blocks: Sequence[tuple[str, str]], *, attempt: bool = False, patience: float = PATIENCE) -> Result:
        """Run several blocks in one call."""
        return Result(self.driver.step("call", name=self.name, blocks=blocks, attempt=attempt, patience=patience))

    def begin(self, code: str, language: str = "python") -> None:
        """Run one block, and let the test do other things meanwhile."""
        self.driver.begin("call", name=self.name, blocks=[(code, language)], attempt=False)

    def result(self, patience: float = PATIENCE) -> Result:
        """Wait for the block that was begun."""
        return Result(self.driver.answer(patience))

    def value(self, code: str) -> str:
        """Run a block that must end well; return what it printed."""
        result = self.run(code)
        assert result.status == "ok", result
        return result.text

    def restart(self) -> dict[str, Any]:
        return self.driver.step("restart", name=self.name)

    def stop(self) -> None:
        assert "raised" not in self.driver.step("stop", name=self.name)
