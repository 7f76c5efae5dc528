"""Run our agent beside AutoGen's own, with scripted models: time of a run, and what is sent to the model.

Needs AutoGen from PyPI; `make bench` installs both into an environment of their own.
"""

import asyncio
import statistics
import time
import warnings
from collections.abc import Awaitable, Callable
from typing import Any

import autogen_agentchat.agents as theirs
from autogen_core.code_executor import CodeExecutor
from autogen_ext.code_executors.jupyter import JupyterCodeExecutor
from autogen_ext.models.replay import ReplayChatCompletionClient as TheirReplay

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from kernel_executor import KernelCodeExecutor

ROUNDS = 40
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


async def run_ours(executor: KernelCodeExecutor, replies: list[str], retries: int = 0) -> int:
    """Run once; return the characters sent to the model."""
    model = ReplayChatCompletionClient(replies)
    agent = CodeExecutorAgent("coder", executor, model_client=model, max_retries_on_error=retries)
    await agent.run(task=TASK)
    return sum(len(message.content) for call in model.create_calls for message in call.messages)


async def run_theirs(executor: CodeExecutor, replies: list[str], retries: int = 0) -> int:
    """Run once; return the characters sent to the model."""
    model = TheirReplay(replies, model_info=THEIR_INFO)
    agent = theirs.CodeExecutorAgent("coder", code_executor=executor, model_client=model, max_retries_on_error=retries)
    await agent.run(task=TASK)
    return sum(len(str(message.content)) for call in model.create_calls for message in call["messages"])


async def seconds(run: Callable[[], Awaitable[int]]) -> float:
    """Return how long a run takes."""
    started = time.perf_counter()
    await run()
    return time.perf_counter() - started


async def main() -> None:
    """Print medians and ratios, taken in turn."""
    warnings.simplefilter("ignore")  # AutoGen's, about approval
    async with KernelCodeExecutor() as ours, JupyterCodeExecutor() as jupyter:
        pairs = [
            (await seconds(lambda: run_ours(ours, WORKS)), await seconds(lambda: run_theirs(jupyter, WORKS)))
            for _ in range(ROUNDS)
        ]
        mine, other = (statistics.median(times) * 1e3 for times in zip(*pairs, strict=True))
        print(f"a run, one block, medians of {ROUNDS}: {mine:.2f} ms", end=" ")
        print(f"against {other:.2f} ms by AutoGen with its Jupyter executor: ratio {mine / other:.2f}")
        sent, theirs_sent = await run_ours(ours, FAILS, retries=3), await run_theirs(jupyter, FAILS, retries=3)
    print(f"four attempts that fail: {sent:,} characters sent to the model", end=" ")
    print(f"against {theirs_sent:,} by AutoGen: ratio {sent / theirs_sent:.2f}")


if __name__ == "__main__":
    asyncio.run(main())
