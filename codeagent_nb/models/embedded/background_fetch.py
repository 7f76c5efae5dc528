"""Fetches the embedded model's file in a thread, and stops and goes on when it is told to. Knows no surface."""

import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, Protocol

from codeagent_nb.errors import WeightsError

SECONDS_BETWEEN = 0.2
"""Reports of the same phase come no faster: a fast disk gives thousands of pieces a second."""

Phase = Literal["idle", "running", "pausing", "paused", "failed", "done"]


@dataclass(frozen=True, slots=True)
class FetchState:
    """How far it is.

    Args:
        phase: What happens.
        done: Bytes that are here.
        total: Bytes in all; 0 until it is known.
        what: What is being done, in a few words.
        speed: Bytes a second since it was started last; 0 until there is one.
        error: Why it failed.
    """

    phase: Phase = "idle"
    done: int = 0
    total: int = 0
    what: str = ""
    speed: float = 0.0
    error: str = ""


class Fetch(Protocol):
    """What fetches: `weights.fetch`."""

    def __call__(self, *, progress: Callable[[int, int, str], None]) -> Path:
        """Fetch; an exception of `progress` stops it, and the next call goes on."""
        ...


class _Paused(Exception):  # noqa: N818 - caught where it comes out of the fetching
    """Somebody wants it to stop for now."""


class BackgroundFetch:
    """Fetches in a thread of its own: the kernel's loop goes on, and the process may end at any moment.

    Args:
        fetch: What fetches.
        report: Called in that thread with each new state.
    """

    def __init__(self, fetch: Fetch, report: Callable[[FetchState], None]) -> None:
        self._fetch = fetch
        self._report = report
        self._pause = threading.Event()
        self._thread: threading.Thread | None = None
        self.state = FetchState()

    def start(self) -> None:
        """Begin, or go on with what was paused, or broke off; nothing if it runs already."""
        self._pause.clear()
        if self._thread is None or not self._thread.is_alive():
            self._set(replace(self.state, phase="running", error="", speed=0.0))
            # Not one of asyncio's: Python waits for those when it ends.
            self._thread = threading.Thread(target=self._run, daemon=True, name="codeagent-fetch")
            self._thread.start()
        elif self.state.phase == "pausing":
            self._set(replace(self.state, phase="running"))

    def pause(self) -> None:
        """Stop with the next piece; what is here is kept."""
        self._pause.set()
        if self.state.phase == "running":
            self._set(replace(self.state, phase="pausing"))

    def _run(self) -> None:
        while self._went_on():
            pass

    def _went_on(self) -> bool:
        """Fetch to the end or to a pause; return whether it was told to go on while it was pausing."""
        try:
            path = self._fetch(progress=self._progress(_Meter()))
        except _Paused:
            if not self._pause.is_set():
                return True
            self._set(replace(self.state, phase="paused", speed=0.0))
        except WeightsError as error:
            self._set(replace(self.state, phase="failed", error=str(error), speed=0.0))
        except Exception as error:  # noqa: BLE001 - in a thread of ours nobody else would tell it
            self._set(replace(self.state, phase="failed", error=f"{type(error).__name__}: {error}", speed=0.0))
        else:
            size = path.stat().st_size
            self._set(FetchState("done", size, size, "here"))
        return False

    def _progress(self, meter: "_Meter") -> Callable[[int, int, str], None]:
        def progress(done: int, total: int, what: str) -> None:
            if self._pause.is_set():
                raise _Paused
            now = FetchState("running", done, total, what, meter.speed(done))
            if meter.is_due() or what != self.state.what:
                self._set(now)

        return progress

    def _set(self, state: FetchState) -> None:
        self.state = state
        self._report(state)


class _Meter:
    """How fast it goes, and whether it is time to say so."""

    def __init__(self) -> None:
        self._began: tuple[float, int] | None = None
        self._last = 0.0

    def speed(self, done: int) -> float:
        now = time.monotonic()
        if self._began is None or done < self._began[1]:  # what is checked begins at 0 again
            self._began = now, done
        seconds = now - self._began[0]
        return (done - self._began[1]) / seconds if seconds > 1 else 0.0

    def is_due(self) -> bool:
        now = time.monotonic()
        if now - self._last < SECONDS_BETWEEN:
            return False
        self._last = now
        return True
