"""Run our agent beside AutoGen's own, with scripted models: time of a run, and what is sent to the model.

Needs AutoGen from PyPI; `make bench` installs both into an environment of their own.
"""

import asyncio
import statistics
import time
import warnings
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from tempfile import TemporaryDirectory
from typing import Any

import autogen_agentchat.agents as theirs
from autogen_core.code_executor import CodeExecutor
from autogen_ext.code_executors.jupyter import JupyterCodeExecutor
from autogen_ext.code_executors.local import LocalCommandLineCodeExecutor
from autogen_ext.models.replay import ReplayChatCompletionClient as TheirReplay

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient, RunSettings
from kernel_executor import KernelCodeExecutor

ROUNDS = 200
WORKS = ["```python\nprint(1)\n```", "It printed 1."]
YES = '{"reason": "Division by zero; divide by another number.", "retry": true}'
FAILS = [
    *(text for number in range(3) for text in (f"I try it.\n\n```python\n{number} / 0\n```", YES)),
    *("I try it.\n\n```python\n3 / 0\n```", "It cannot be done."),
]
TASK = "Divide and report what you get, step by step. ".ljust(1_000, ".")
THEIR_INFO: Any = {
    "vision": False,
    "function_calling": False,
    "json_output": True,
    "structured_output": True,
    "family": "unknown",
    "multiple_system_messages": True,
}


def ours(executor: KernelCodeExecutor, replies: list[str], retries: int = 0) -> tuple[Any, Any]:
    """Return our agent and its model."""
    model = ReplayChatCompletionClient(replies)
    return CodeExecutorAgent("coder", executor, model_client=model, max_retries_on_error=retries), model


def autogens(executor: CodeExecutor, replies: list[str], retries: int = 0) -> tuple[Any, Any]:
    """Return AutoGen's agent and its model."""
    model = TheirReplay(replies, model_info=THEIR_INFO)
    agent = theirs.CodeExecutorAgent("coder", code_executor=executor, model_client=model, max_retries_on_error=retries)
    return agent, model


@asynccontextmanager
async def scripts() -> AsyncIterator[CodeExecutor]:
    """Yield what AutoGen runs code with where there is no Docker."""
    with TemporaryDirectory() as folder:
        async with LocalCommandLineCodeExecutor(work_dir=folder) as executor:
            yield executor


async def seconds(agent: Any) -> float:
    """Return how long a run of the task takes."""
    started = time.perf_counter()
    await agent.run(task=TASK)
    return time.perf_counter() - started


async def sent(agent: Any, model: Any, **how: Any) -> int:
    """Run the task; return the characters sent to the model."""
    await agent.run(task=TASK, **how)
    return sum(len(str(message.content)) for call in model.create_calls for message in messages_of(call))


def messages_of(call: Any) -> Any:
    """Return the prompt of a recorded call, in our client's words or in AutoGen's."""
    return call["messages"] if isinstance(call, dict) else call.messages


async def main() -> None:
    """Print medians and ratios, taken in turn."""
    warnings.simplefilter("ignore")  # AutoGen's, about approval
    async with KernelCodeExecutor() as kernel, JupyterCodeExecutor() as jupyter, scripts() as command_line:
        for executor, what in (
            (jupyter, "its Jupyter executor"),
            (command_line, "scripts in processes, as by default"),
        ):
            pairs = [
                (await seconds(ours(kernel, WORKS)[0]), await seconds(autogens(executor, WORKS)[0]))
                for _ in range(ROUNDS)
            ]
            mine, other = (statistics.median(times) * 1e3 for times in zip(*pairs, strict=True))
            print(f"a run, one block, medians of {ROUNDS}: {mine:.2f} ms", end=" ")
            print(f"against {other:.2f} ms by AutoGen with {what}: ratio {mine / other:.2f}")
        few, many = await sent(*ours(kernel, FAILS, 3)), await sent(*autogens(jupyter, FAILS, 3))
        agent, model = ours(kernel, [reply for reply in FAILS if reply != YES])
        fewest = await sent(agent, model, settings=RunSettings(model=model, max_retries=3))
    print(f"four attempts that fail: {few:,} characters sent to the model", end=" ")
    print(f"against {many:,} by AutoGen: ratio {few / many:.2f}", end=" ")
    print(f"and {fewest:,} as cell, panel and command line run it: ratio {fewest / many:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
