"""A real kernel tells what was there where code failed, until its state is taken back."""

from pathlib import Path

import pytest

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient, RunSettings
from codeagent_nb.approval import refuse_unattended
from codeagent_nb.events import CodeExecutionEvent, ErrorExplainedEvent
from codeagent_nb.explaining.explanation import for_model
from kernel_executor import BlockResult, CodeBlock, FailedLine, KernelCodeExecutor, LocalCommandLineCodeExecutor
from kernel_executor.ports import ExplainingExecutor
from tests.integration.executor_kinds import EVERYWHERE, Executor

pytestmark = pytest.mark.integration

TABLE = "import pandas as pd\ndf = pd.DataFrame({' WINDSPEED': [1.5], 'api_key': ['hunter2']})"


async def attempt(executor: Executor, code: str, language: str = "python") -> tuple[BlockResult, FailedLine | None]:
    """Run a block as the agent does; return how it ended, and what was seen where it failed."""
    result = await executor.execute_attempt([CodeBlock(code, language)])
    return result.blocks[-1], await executor.failed_line()


@pytest.mark.parametrize("kind", ["bare kernel", "kernel", "container kernel", "remote kernel"])
async def test_a_kernel_tells_what_was_there_where_code_failed(kind: str, request: pytest.FixtureRequest) -> None:
    for word, fixture in (("container", "engine"), ("remote", "server")):
        if word in kind:
            request.getfixturevalue(fixture)
    async with EVERYWHERE[kind](timeout=60) as executor:
        assert isinstance(executor, ExplainingExecutor)
        assert await executor.failed_line() is None
        code = "d = {'Alpha': 1, 'api_key': 'hunter2'}\ntoken = 'hunter2'"
        assert (await attempt(executor, code))[1] is None
        block, seen = await attempt(executor, "def f(table):\n    return table['alpha'], token\nf(d)")
        assert seen is not None
        assert (seen.error, seen.line, seen.function) == ("KeyError", 2, "f")
        assert seen.source == "return table['alpha'], token"
        assert (seen.missing[0].of, seen.missing[0].near) == ("table", ("Alpha",))
        assert [value.keys for value in seen.values] == [("'Alpha'", "'api_key'"), ()]
        assert "hunter2" not in repr(seen)
        assert "'alpha' is not in table; similar there: 'Alpha'." in for_model(block, seen)
        assert await executor.failed_line() == seen, "it may be asked again"
        await executor.roll_back()
        assert await executor.failed_line() is None
        assert (await attempt(executor, "print(d['Alpha'])"))[1] is None


async def test_a_table_is_told_and_each_error_is_told_as_its_own() -> None:
    async with EVERYWHERE["bare kernel"](timeout=60) as executor:
        await attempt(executor, TABLE)
        block, seen = await attempt(executor, "%%time\ndf['WINDSPEED']")
        assert "blanks" in for_model(block, seen)
        assert "hunter2" not in for_model(block, seen)
        await executor.roll_back()
        _, seen = await attempt(executor, "x = (1,")
        assert seen is not None
        assert (seen.error, seen.source) == ("SyntaxError", "x = (1,")
        _, seen = await attempt(executor, "import asyncio\nasync def f():\n    return df.nope\nawait f()")
        assert seen is not None
        assert (seen.line, seen.function, seen.values[0].name) == (3, "f", "df")


async def test_what_has_no_line_that_failed_is_told_as_nothing(tmp_path: Path) -> None:
    async with EVERYWHERE["bare kernel"](timeout=60, work_dir=tmp_path) as executor:
        for code, language, status in [
            ("1 + 1", "python", "ok"),
            ("ls nothing-there", "bash", "error"),
            ("while True: pass", "python", "timeout"),
            ("import os; os._exit(3)", "python", "died"),
        ]:
            result = await executor.execute_attempt([CodeBlock(code, language)], timeout=1.0)
            assert result.blocks[-1].status == status
            assert await executor.failed_line() is None
            await executor.roll_back()
        await executor.execute_attempt([CodeBlock("1 / 0")])
        await executor.restart()
        assert await executor.failed_line() is None
    assert await executor.failed_line() is None
    async with LocalCommandLineCodeExecutor(work_dir=tmp_path, sandbox="none") as scripts:
        block, seen = await attempt(scripts, "1 / 0")
        assert (block.status, seen) == ("error", None)


HOSTILE = """
import os, sys, threading
def evil(*_):
    os.write(1, b'touched'); os._exit(3)
class Meta(type):
    __name__ = property(evil); __hash__ = __eq__ = __instancecheck__ = __subclasscheck__ = evil
class Evil(metaclass=Meta):
    __len__ = __repr__ = __str__ = __sizeof__ = __hash__ = __eq__ = __getattribute__ = evil
    __class__ = shape = columns = property(evil)
thing = Evil()
"""


async def test_objects_of_the_codes_own_are_not_touched_and_lies_are_no_harm() -> None:
    async with EVERYWHERE["bare kernel"](timeout=60) as executor:
        _, seen = await attempt(executor, HOSTILE + "1 / 0, thing")
        assert seen is not None
        assert [(value.name, value.type) for value in seen.values] == [("thing", "Evil")]
        await executor.roll_back()
        await attempt(executor, "import codeagent_kernel.failing_line as own\nown.tell = lambda _: 'no JSON'")
        assert (await attempt(executor, "1 / 0"))[1] is None
        await executor.roll_back()
        await attempt(executor, 'own.tell = lambda _: \'{"error": "ZeroDivisionError", "source": ["lie"]}\'')
        assert (await attempt(executor, "1 / 0"))[1] == FailedLine(
            error="ZeroDivisionError", message="division by zero"
        )
        await executor.roll_back()
        await attempt(executor, "import time\nown.tell = lambda _: time.sleep(600)")
        assert (await attempt(executor, "1 / 0"))[1] is None
        await executor.roll_back()
        assert (await attempt(executor, "print('alive')"))[0].status == "ok"


def in_fence(code: str) -> str:
    return f"Here it is.\n```python\n{code}\n```"


@pytest.mark.parametrize("sandbox", ["auto", "none"])
async def test_the_agents_next_try_knows_what_was_seen_and_begins_where_the_first_did(sandbox: str) -> None:
    """The table that the failed code has changed in place is told as it was then, and is back as it was before."""
    spoils = "df['new'] = 1\nprint(df['WINDSPEED'].mean())"
    model = ReplayChatCompletionClient(
        [in_fence(TABLE), "Made.", in_fence(spoils), in_fence("print(df[' WINDSPEED'].mean(), 'new' in df)"), "1.5."]
    )
    settings = RunSettings(model=model, ask=refuse_unattended, approval="never")
    async with KernelCodeExecutor(timeout=60, sandbox=sandbox) as executor:  # type: ignore[arg-type]
        agent = CodeExecutorAgent("coder", executor, model_client=model)
        await agent.run(task="Make a table.", settings=settings)
        result = await agent.run(task="The mean wind speed?", settings=settings)
    repair = "\n".join(message.content for message in model.create_calls[3].messages)
    assert "'WINDSPEED' is not in df; similar there: ' WINDSPEED'." in repair
    assert "DataFrame of 1 row and 3 columns" in repair
    assert "hunter2" not in repair.split("seen where it failed")[1]
    assert spoils not in repair
    [event] = [each for each in agent.log.events if isinstance(each, ErrorExplainedEvent)]
    assert "Line 2 of cell 2: print(df['WINDSPEED'].mean())" in event.details
    ran = [each.result.output for each in result.messages if isinstance(each, CodeExecutionEvent)]
    assert ran[-1].strip() == "1.5 False"


async def test_what_a_cut_leaves_of_a_key_is_masked(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Values are cut to 60 characters in the kernel, and messages to 200: no whole key is left to be found there."""
    key = "sk-" + "abcdefghijklmnopqrstuvwxyz" * 3
    monkeypatch.setenv("OPENAI_API_KEY", key)
    (tmp_path / "conf.txt").write_text(f"key={key}")
    model = ReplayChatCompletionClient([in_fence("value = open('conf.txt').read()[4:]\nint(value)"), "It failed."])
    settings = RunSettings(model=model, max_retries=0, ask=refuse_unattended, approval="never")
    async with KernelCodeExecutor(timeout=60, sandbox="none", work_dir=tmp_path) as executor:
        agent = CodeExecutorAgent("coder", executor, model_client=model)
        await agent.run(task="Read it.", settings=settings)
    [event] = [each for each in agent.log.events if isinstance(each, ErrorExplainedEvent)]
    assert "[redacted]" in event.content
    assert not any(part in event.model_dump_json() for part in (key[:16], key[3:20]))
