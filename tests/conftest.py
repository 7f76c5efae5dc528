"""Helpers for tests of the agent: an agent on scripted parts, with everything that happened."""

import asyncio
import fcntl
import gc
import signal
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from typing import Any

import pytest
from hypothesis import HealthCheck, settings

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.events import AgentEvent, RunFinishedEvent
from kernel_executor.replay import ReplayCodeExecutor

# Every run tries others. `make attacks` takes the thorough profile: pytest --hypothesis-profile=thorough.
# How long one takes is no matter: others may have the processor meanwhile.
_PATIENT = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.register_profile("quick", _PATIENT, max_examples=40)
settings.register_profile("thorough", _PATIENT, max_examples=500)
settings.load_profile("quick")

# Ignored where a script runs the tests in its background; what they start would ignore it, too, and not be stopped.
signal.signal(signal.SIGINT, signal.default_int_handler)


LONG = (
    *("test_sigkill", "test_saved_notebooks_run", "test_notebook_magic", "test_cli", "test_agent_kernel"),
    *("test_cells_of_a_run", "test_extension", "test_agent_cell", "test_panel", "test_widget"),
)
"""Files that take longest. Workers begin with them: the one that had one of them left was waited for by the others."""


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Begin with the long files."""
    order = {name: place for place, name in enumerate(LONG)}
    items.sort(key=lambda item: order.get(item.path.stem, len(LONG)))


OUTCOMES = "codeagent/outcomes"


class _Outcomes:
    """Keeps how each test ended. Of several workers, the process that started them hears of every test."""

    def __init__(self, config: pytest.Config) -> None:
        self._config = config
        self._ended: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        if report.when == "call" or report.outcome != "passed":
            self._ended[report.nodeid] = report.outcome

    def pytest_sessionfinish(self) -> None:
        """Add this session's outcomes to those of others, which may end at the same moment."""
        cache = getattr(self._config, "cache", None)
        if cache is None:
            return
        with (cache.mkdir("codeagent") / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            cache.set(OUTCOMES, {**cache.get(OUTCOMES, {}), **self._ended})


def pytest_collection_finish() -> None:
    """Spare the collector of garbage the thousands of tests that stay: an eighth of the unit tests' time."""
    gc.collect()
    gc.freeze()


@pytest.hookimpl(wrapper=True)
def pytest_report_to_serializable() -> Iterator[Any]:
    """A worker tells of its tests in UTF-8, which surrogates that a test printed are not: its end, otherwise."""
    told = yield
    return as_utf8(told)


def as_utf8(told: Any) -> Any:
    """Write what is no UTF-8 in any text as its escape sequence."""
    if isinstance(told, str):
        return told.encode(errors="backslashreplace").decode()
    if isinstance(told, dict):
        return {as_utf8(key): as_utf8(value) for key, value in told.items()}
    if isinstance(told, list | tuple):
        return type(told)(as_utf8(value) for value in told)
    return told


def pytest_configure(config: pytest.Config) -> None:
    """Keep how each test ended: `tools/check_parity.py` asks for it."""
    if not hasattr(config, "workerinput"):
        config.pluginmanager.register(_Outcomes(config))


@dataclass
class Stage:
    """An agent, its scripted model and executor, and every event it told, pieces of replies included."""

    agent: CodeExecutorAgent
    model: ReplayChatCompletionClient
    executor: ReplayCodeExecutor
    seen: list[AgentEvent] = field(default_factory=list)
    _more: asyncio.Event = field(default_factory=asyncio.Event)

    def on_event(self, event: AgentEvent) -> None:
        self.seen.append(event)
        self._more.set()

    async def until(self, kind: str) -> None:
        """Wait for an event, and a moment more, so that whatever the agent waits for next has begun."""
        async with asyncio.timeout(5):
            while kind not in self.types:
                self._more.clear()
                await self._more.wait()
        await asyncio.sleep(0.005)

    @property
    def types(self) -> list[str]:
        return [event.type for event in self.seen]

    @property
    def ends(self) -> list[RunFinishedEvent]:
        return [event for event in self.seen if isinstance(event, RunFinishedEvent)]


@pytest.fixture
def stage() -> Callable[..., Stage]:
    """Set up an agent: replies of the model, results of the executor, settings of the agent."""

    def set_up(
        replies: Sequence[Any],
        results: Sequence[Any] = (),
        *,
        chunk_delay: float = 0,
        delay: float = 0,
        executor: ReplayCodeExecutor | None = None,
        **settings: Any,
    ) -> Stage:
        model = ReplayChatCompletionClient(replies, chunk_delay=chunk_delay)
        executor = executor or ReplayCodeExecutor(results, delay=delay)
        agent = CodeExecutorAgent("coder", executor, **{"model_client": model, **settings})
        stage = Stage(agent, model, executor)
        agent.log.attach(stage)
        return stage

    return set_up
