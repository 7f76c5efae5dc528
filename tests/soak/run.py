"""Good and hostile blocks, checkpoints and restores at random, for ten minutes: `python -m tests.soak.run [seconds]`.

Each block is accounted for: it ends as it must, and the state afterwards is the one that is known here. At the end
nothing may have grown: descriptors, threads, processes, memory. Writes docs/soak.md when it runs for its whole time.
"""

import ast
import asyncio
import random
import sys
import time
from collections import Counter, deque
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path

from kernel_executor import BlockResult, Checkpoint, CodeBlock, KernelCodeExecutor, KernelExecutorError
from tests.support.held import held

SECONDS = 600
PAGE = Path(__file__).parents[2] / "docs" / "soak.md"
GROWN = 1.3
"""Times as much memory at the end as when it was warm: 150 MB of variables come and go."""

STUBBORN = "import time\nwhile True:\n    try: time.sleep(9)\n    except BaseException: pass"
HOSTILE = {
    "leaves": ("import os; os._exit(3)", "died"),
    "is killed": ("import os, signal; os.kill(os.getpid(), signal.SIGKILL)", "died"),
    "crashes": ("import ctypes; ctypes.string_at(0)", "died"),
    "is stubborn": (STUBBORN, "timeout"),
    "fails": ("1 / 0", "error"),
    "leaves orphans": (
        "import os, subprocess; subprocess.Popen(['setsid', 'sleep', '600']); os._exit(4)",
        "died",
    ),
    "floods": ("for _ in range(20_000): print('x' * 50)\n1 / 0", "error"),
    "kills its root": ("import os, time; os.kill(os.getppid(), 9); time.sleep(9)", "died"),
}


@dataclass
class Soak:
    """What is known of the kernel, and what was done."""

    kernel: KernelCodeExecutor
    chance: random.Random
    numbers: list[int] = field(default_factory=list)
    kept: dict[Checkpoint, list[int]] = field(default_factory=dict)
    done: Counter[str] = field(default_factory=Counter)
    last: deque[str] = field(default_factory=lambda: deque(maxlen=12))
    """What was done last, for who has to find out what was wrong."""

    async def run(self, code: str, timeout: float = 20) -> BlockResult:
        """Run one block."""
        return (await self.kernel.execute_code_blocks([CodeBlock(code)], timeout=timeout)).blocks[0]

    async def begin(self) -> None:
        """Begin with nothing."""
        self.numbers = []
        self.kept.clear()
        assert (await self.run("numbers, big = [], bytearray(50_000_000)")).status == "ok"

    async def good(self) -> None:
        """Change the state."""
        number = self.chance.randrange(1_000)
        result = await self.run(f"numbers.append({number}); big[{number}] += 1")
        assert (result.status, result.state) == ("ok", "kept"), result
        self.numbers.append(number)

    async def hostile(self) -> None:
        """Run what fails; the state stays, or comes back, but for that of a root that was killed."""
        name = self.chance.choice(list(HOSTILE))
        code, status = HOSTILE[name]
        result = await self.run(f"numbers.append(-1)\n{code}", 0.3 if status == "timeout" else 20)
        self.done[f"a block that {name}"] += 1
        self.last.append(f"a block that {name}: {result.state}")
        assert result.status == status, (name, result)
        if name == "kills its root":
            self.kept.clear()  # they end with it, also where its kernel's state came back by running code again
        if result.state == "lost":
            assert name == "kills its root", (name, result)
            await self.begin()
        elif result.state == "kept":
            taken = await self.kernel.roll_back()
            assert taken, name
            assert taken.state == "rolled_back", taken

    async def keep(self) -> None:
        """Take a checkpoint."""
        self.kept[await self.kernel.checkpoint()] = list(self.numbers)

    async def restore(self) -> None:
        """Bring one back, if there is one."""
        if self.kept:
            checkpoint = self.chance.choice(list(self.kept)[-20:])
            self.last.append(f"restore {checkpoint.number} of {[each.number for each in self.kept][-20:]}")
            try:
                await self.kernel.restore(checkpoint)
            except KernelExecutorError as error:
                raise AssertionError((error, list(self.last))) from error
            self.numbers = list(self.kept[checkpoint])

    async def step(self) -> None:
        """Do one thing, and look."""
        deeds = {"good": 60, "hostile": 20, "keep": 10, "restore": 9, "restart": 1}
        [deed] = self.chance.choices(list(deeds), list(deeds.values()))
        self.done[deed] += 1
        self.last.append(deed)
        if deed == "restart":
            await self.kernel.restart()
            await self.begin()
        else:
            await getattr(self, deed)()
        found = await self.kernel.evaluate("numbers")
        assert ast.literal_eval(found or "None") == self.numbers, (found, self.numbers, list(self.last))
        await asyncio.sleep(self.chance.choice((0, 0, 0.02, 0.1)))


async def fresh(soak: Soak) -> dict[str, int]:
    """Return what is held by a kernel that has just begun, and the 20 checkpoints that are kept."""
    for _ in range(20):
        await soak.kernel.restart()
        await soak.begin()
        await soak.keep()
    await asyncio.sleep(1)
    return held()


async def main(seconds: float) -> None:
    """Soak, and tell."""
    async with KernelCodeExecutor(sandbox="auto") as kernel:
        soak = Soak(kernel, random.Random(time.time_ns()))
        await soak.begin()
        for _ in range(50):  # what is imported or cached once is so now
            await soak.step()
        before = await fresh(soak)
        soak.done.clear()
        ends = time.monotonic() + seconds
        while time.monotonic() < ends:
            await soak.step()
        for checkpoint in list(soak.kept)[-20:]:  # those of a root that was killed are not there
            try:
                await kernel.restore(checkpoint)
            except KernelExecutorError:
                soak.done["a checkpoint that is not there any more"] += 1
        after = await fresh(soak)
    rows = [f"| {name} | {count:,} |" for name, count in sorted(soak.done.items())]
    grown = [f"| {name} | {before[name]} | {after[name]} |" for name in before]
    text = "\n".join(
        [
            "# Soak",
            "",
            f"`make soak` ran for {seconds:.0f} s on {datetime.now(UTC):%Y-%m-%d}, in the sandbox `auto`.",
            "After each of these the block had ended as it must, and the variables were those that were expected:",
            "",
            *("| what | times |", "|---|---|"),
            *rows,
            "",
            "What this process and all that it has started held, with a fresh kernel each time:",
            "",
            *("| what | before | after |", "|---|---|---|"),
            *grown,
            "",
        ]
    )
    sys.stdout.write(text)
    for name, count in before.items():
        assert after[name] <= max(count * GROWN, count + 4), (name, count, after[name])
    if seconds >= SECONDS:
        PAGE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    asyncio.run(main(float(sys.argv[1]) if len(sys.argv) > 1 else SECONDS))
