"""Holds executors for a test, as whoever started it: reads a step a line on stdin, writes its result a line on stdout.

A program of its own, because an attack by an ordinary user needs a process of that user. Imports the product only.
"""

import asyncio
import ctypes
import importlib
import json
import platform
import sys
import time
from pathlib import Path
from typing import Any

import kernel_executor
from kernel_executor import CodeBlock, ResourceLimits
from kernel_executor.sandbox.system_calls import NUMBERS

KINDS = {
    "kernel": "KernelCodeExecutor",
    "scripts": "LocalCommandLineCodeExecutor",
    "container": "DockerCommandLineCodeExecutor",
}

EXECUTORS: dict[str, Any] = {}


def main() -> None:
    answers, sys.stdout = sys.stdout, sys.stderr
    asyncio.run(serve(answers))


async def serve(answers: Any) -> None:
    while line := await asyncio.to_thread(sys.stdin.readline):
        answer = await attempted(json.loads(line))
        answers.write(json.dumps(answer) + "\n")
        answers.flush()
    await asyncio.gather(*(executor.stop() for executor in EXECUTORS.values()))


async def attempted(step: dict[str, Any]) -> dict[str, Any]:
    """Take a step; what it raises is a result, too."""
    try:
        return await STEPS[step.pop("do")](**step)
    except Exception as error:  # noqa: BLE001 - whatever it is, the test wants to know
        return {"raised": type(error).__name__, "message": str(error)}


async def open_executor(name: str, kind: str, settings: dict[str, Any]) -> dict[str, Any]:
    if "resource_limits" in settings:
        settings["resource_limits"] = ResourceLimits.read(settings["resource_limits"])
    executor = getattr(kernel_executor, KINDS[kind])(**settings)
    began = time.monotonic()
    await executor.start()
    EXECUTORS[name] = executor
    return {**isolation(executor), "work_dir": str(executor.work_dir), "seconds": time.monotonic() - began}


async def call(name: str, blocks: list[list[str]], *, attempt: bool) -> dict[str, Any]:
    executor, events = EXECUTORS[name], []
    run = executor.execute_attempt if attempt else executor.execute_code_blocks
    gaps = [0.0]
    pulse = asyncio.create_task(keep_longest(gaps))
    began = time.monotonic()
    try:
        result = await run([CodeBlock(code, language) for code, language in blocks], on_event=events.append)
    finally:
        pulse.cancel()
    return {
        "exit_code": result.exit_code,
        "output": result.output,
        "blocks": [told(block) for block in result.blocks],
        "files": [files(event) for event in events if type(event).__name__ == "FilesDelivered"],
        "seconds": time.monotonic() - began,
        "loop_held": gaps[0],
        **isolation(executor),
    }


async def keep_longest(gaps: list[float]) -> None:
    """Measure how long the loop serves nobody."""
    while True:
        before = time.monotonic()
        await asyncio.sleep(0.005)
        gaps[0] = max(gaps[0], time.monotonic() - before)


def told(block: Any) -> dict[str, Any]:
    fields = ("status", "exit_code", "ename", "evalue", "note", "denials", "state_lost")
    texts = [output.get("text", "") for output in block.outputs if output["output_type"] == "stream"]
    return {**{field: getattr(block, field) for field in fields}, "text": "".join(texts)}


def files(event: Any) -> dict[str, Any]:
    return {
        "delivered": {str(entry.name): entry.size for entry in event.delivered},
        "removed": [str(getattr(entry, "name", entry)) for entry in event.removed],
        "held": {str(entry.name): entry.reason for entry in event.held},
    }


def isolation(executor: Any) -> dict[str, Any]:
    found = executor.isolation
    return {"isolates": found.isolates, "mechanism": found.mechanism, "summary": found.summary}


async def restart(name: str) -> dict[str, Any]:
    await EXECUTORS[name].restart()
    return isolation(EXECUTORS[name])


async def stop(name: str) -> dict[str, Any]:
    await EXECUTORS.pop(name).stop()
    return {}


async def together(steps: list[dict[str, Any]]) -> dict[str, Any]:
    return {"answers": await asyncio.gather(*map(attempted, steps))}


async def plant_key(description: str, payload: str) -> dict[str, Any]:
    """Begin a session keyring of our own and put a key into it: the loop's thread starts the sandboxes."""
    keyctl(1, None)
    return {"key": system_call("add_key", b"user", description.encode(), payload.encode(), len(payload), SESSION)}


async def look_at_key(key: int) -> dict[str, Any]:
    """Read the key, and the numbers of all keys in the session keyring."""
    text, numbers = ctypes.create_string_buffer(256), (ctypes.c_int32 * 64)()
    length = keyctl(11, key, text, 256)
    count = keyctl(11, SESSION, numbers, ctypes.sizeof(numbers)) // 4
    return {"payload": text.raw[:length].decode(), "keys": [*numbers][:count]}


SESSION = -3


def keyctl(*arguments: Any) -> int:
    return system_call("keyctl", *arguments)


def system_call(name: str, *arguments: Any) -> int:
    libc = ctypes.CDLL(None, use_errno=True)
    number = NUMBERS[name][platform.machine() != "x86_64"]
    words = [ctypes.c_long(word) if isinstance(word, int) else word for word in (number, *arguments)]
    result = int(libc.syscall(*words))
    if result == -1:
        raise OSError(ctypes.get_errno(), name)
    return result


async def use(module: str, function: str, arguments: list[Any]) -> dict[str, Any]:
    """Call a function of the product; every list of texts in its arguments is one of paths."""
    paths = [list(map(Path, each)) if isinstance(each, list) else Path(each) for each in arguments]
    return {"value": repr(getattr(importlib.import_module(module), function)(*paths))}


STEPS = {
    "open": open_executor,
    "call": call,
    "restart": restart,
    "stop": stop,
    "together": together,
    "use": use,
    "plant_key": plant_key,
    "look_at_key": look_at_key,
}

if __name__ == "__main__":
    main()
