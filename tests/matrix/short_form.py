"""The fault list's short form: what a kernel of any version must do under our executor. Knows no versions."""

import asyncio
import re
import sys
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from codeagent_nb.describing.asking import description_of, told
from kernel_executor import BlockResult, KernelCodeExecutor, LateOutput
from tests.support.runs import run

Check = Callable[[KernelCodeExecutor], Awaitable[None]]
CHECKS: dict[str, Check] = {}
"""By what they are about, in order; they share a kernel."""


def check(name: str) -> Callable[[Check], Check]:
    """Add a function to the checks."""

    def add(function: Check) -> Check:
        CHECKS[name] = function
        return function

    return add


def text(result: BlockResult, stream: str = "stdout") -> str:
    """Return what was printed."""
    return "".join(output["text"] for output in result.outputs if output.get("name") == stream)


def kinds(result: BlockResult) -> list[str]:
    """Return the types of a block's outputs."""
    return [output["output_type"] for output in result.outputs]


def values(result: BlockResult) -> list[Any]:
    """Return the texts of what was displayed."""
    return [output["data"].get("text/plain") for output in result.outputs if "data" in output]


def plain(traceback: Sequence[str]) -> str:
    """Return a traceback without colours."""
    return re.sub("\x1b[^m]*m", "", "\n".join(traceback))


async def said(executor: KernelCodeExecutor, code: str, language: str = "python") -> str:
    """Run code; return what it printed, which must be all that happened."""
    result = await run(executor, code, language)
    assert result.status == "ok", result.traceback
    assert set(kinds(result)) <= {"stream"}, result.outputs
    assert text(result, "stderr") == ""
    return text(result)


@check("hello")
async def hello(executor: KernelCodeExecutor) -> None:
    """Printing is all that happens: no error of a hook beside it."""
    assert await said(executor, "print('hello')") == "hello\n"
    result = await run(executor, "6 * 7")
    assert (result.status, values(result), kinds(result)) == ("ok", ["42"], ["execute_result"])
    assert await said(executor, "print(_, Out[2], In[1])") == "42 42 print('hello')\n"


@check("errors")
async def errors(executor: KernelCodeExecutor) -> None:
    """An error is one output, with its name; what came before it stays."""
    result = await run(executor, "print('before')\n1 / 0")
    assert (result.status, result.ename, kinds(result)) == ("error", "ZeroDivisionError", ["stream", "error"])
    assert "1 / 0" in plain(result.traceback)
    result = await run(executor, "def f(:")
    assert (result.status, result.ename) == ("error", "SyntaxError")
    assert await said(executor, "print('after')") == "after\n"


@check("%%capture")
async def capture(executor: KernelCodeExecutor) -> None:
    """A captured cell holds what was printed and displayed, and nothing of ours."""
    code = (
        "%%capture out\nimport sys\nprint('kept')\nprint('bad', file=sys.stderr)\nfrom IPython.display import display\n"
    )
    assert await said(executor, code + "display(1)") == ""
    told_of = "print(repr(out.stdout), repr(out.stderr), [o.data for o in out.outputs])"
    assert await said(executor, told_of) == "'kept\\n' 'bad\\n' [{'text/plain': '1'}]\n"


@check("exit()")
async def exits(executor: KernelCodeExecutor) -> None:
    """It ends the block, not the kernel."""
    assert await said(executor, "kept = 1") == ""
    for code, number in {"exit()": 0, "quit()": 0, "import sys\nsys.exit(3)": 3, "raise SystemExit": 0}.items():
        result = await run(executor, f"print('before')\n{code}\nprint('after')")
        assert (result.exit_code, text(result)) == (number, "before\n"), code
    assert await said(executor, "print(kept)") == "1\n"


@check("bash")
async def shell(executor: KernelCodeExecutor) -> None:
    """A shell block, `!` and `%%bash` print live, and an exit status is the block's."""
    assert await said(executor, 'echo hello\necho "$((6 * 7))"', "bash") == "hello\n42\n"
    assert (await run(executor, "exit 3", "bash")).exit_code == 3
    assert (await said(executor, "!echo bang")).split() == ["bang"]
    assert await said(executor, "%%bash\necho magic") == "magic\n"


@check("display")
async def displays(executor: KernelCodeExecutor) -> None:
    """Bundles, updates and clearing are those of Jupyter."""
    code = "from IPython.display import HTML, Markdown, clear_output, display\n"
    result = await run(executor, code + "display(HTML('<b>x</b>'), Markdown('*y*'))")
    assert [sorted(output["data"]) for output in result.outputs] == [
        ["text/html", "text/plain"],
        ["text/markdown", "text/plain"],
    ]
    result = await run(executor, "h = display('first', display_id=True)\nh.update('second')")
    assert values(result) == ["'second'"]
    assert await said(executor, "print('gone')\nclear_output()\nprint('there')") == "there\n"


@check("interrupt")
async def interrupts(executor: KernelCodeExecutor) -> None:
    """A limit interrupts the code; variables and outputs stay."""
    for code in ("import time\ntime.sleep(60)", "while True:\n    pass", "import asyncio\nawait asyncio.sleep(60)"):
        result = (
            await executor.execute_code_blocks([block(f"kept = 1\nprint('before')\n{code}")], timeout=1.0)
        ).blocks[0]
        assert (result.status, text(result)) == ("timeout", "before\n"), code
        assert not result.state_lost, code
        assert await said(executor, "print(kept)") == "1\n"


def block(code: str) -> Any:
    """Return a block of Python."""
    from kernel_executor import CodeBlock

    return CodeBlock(code)


@check("large output")
async def large(executor: KernelCodeExecutor) -> None:
    """Megabytes pass as head and tail, the last line among them; a nested cell does not end the budget."""
    result = await run(executor, "for n in range(200_000):\n    print(n, 'x' * 50)\nprint('the end')")
    assert result.status == "ok"
    assert result.truncated.stdout > 0
    assert text(result).startswith("0 xxx")
    assert text(result).endswith("the end\n")
    result = await run(executor, "get_ipython().run_cell('1 + 1')\nprint('x' * 700_000)\nprint('the end')")
    assert text(result).endswith("the end\n")


@check("exception groups")
async def groups(executor: KernelCodeExecutor) -> None:
    """A group is an error like others, where Python has them."""
    if (await said(executor, "import sys\nprint(sys.version_info >= (3, 11))")) == "False\n":
        return
    result = await run(executor, "raise ExceptionGroup('several', [ValueError('one'), KeyError('two')])")
    assert (result.status, result.ename) == ("error", "ExceptionGroup")
    assert "ValueError: one" in plain(result.traceback)


@check("await")
async def awaits(executor: KernelCodeExecutor) -> None:
    """Top-level await works; switched off, it is said in words."""
    code = "import asyncio\nprint(await asyncio.sleep(0.01, 'slept'))"
    assert await said(executor, code) == "slept\n"
    await run(executor, "%autoawait off")
    result = await run(executor, code)
    assert (result.status, result.ename) == ("error", "SyntaxError")
    assert "%autoawait on" in text(result, "stderr")
    await run(executor, "%autoawait on")
    assert await said(executor, code) == "slept\n"


@check("late output")
async def late(executor: KernelCodeExecutor) -> None:
    """A thread that prints after its block is heard, under that block."""
    heard: asyncio.Queue[LateOutput] = asyncio.Queue()
    forget = executor.on_late_output(heard.put_nowait)
    code = "import threading\nthreading.Timer(0.5, lambda: print('late')).start()"
    assert await said(executor, code) == ""
    async with asyncio.timeout(20):
        event = await heard.get()
    forget()
    assert "late" in str(event)


@check("input()")
async def asks(executor: KernelCodeExecutor) -> None:
    """Nobody can be asked: an error at once."""
    result = await run(executor, "input('name? ')")
    assert (result.status, result.ename) == ("error", "StdinNotImplementedError")


FORK = """
import os
child = os.fork()
if not child:
    print('child', flush=True)
    os._exit(0)
os.waitpid(child, 0)
print('parent')
"""
POOL = """
import multiprocessing
with multiprocessing.get_context('fork').Pool(2) as pool:
    print(pool.map(abs, [-1, 2]))
"""


@check("processes")
async def processes(executor: KernelCodeExecutor) -> None:
    """What a fork prints, and a pool of processes."""
    result = await run(executor, FORK)
    assert result.status == "ok"
    assert sorted(text(result).split()) == ["child", "parent"]
    assert "[1, 2]" in text(await run(executor, POOL))


@check("a file is described")
async def describes(executor: KernelCodeExecutor) -> None:
    """What is sent to describe files runs on the kernel's Python, too."""
    await run(
        executor, "with open('t.csv', 'w') as file:\n    file.write('Stadt;Umsatz\\nBerlin;1234,5\\nBonn;17,25\\n')"
    )
    answer = told(await executor.evaluate(description_of("describe", "'t.csv'", "2000")), 2_200)
    assert "'Umsatz'" in answer, answer


@check("what runs")
async def inspected(executor: KernelCodeExecutor) -> None:
    """Where the code is and which variables there are, while it runs."""
    running = asyncio.create_task(said(executor, "import time\nwords = ['a', 'b']\ntime.sleep(1)\nprint('done')"))
    await asyncio.sleep(0.5)
    snapshot = await executor.inspect()
    assert await running == "done\n"
    assert [(frame.line, frame.source) for frame in snapshot.stack] == [(3, "time.sleep(1)")], snapshot
    assert ("words", "list", 2) in {(each.name, each.type, each.length) for each in snapshot.variables}


@check("comes back")
async def comes_back(executor: KernelCodeExecutor) -> None:
    """A kernel that is killed has its variables again; one that cannot be forked says why, and another one runs."""
    await executor.restart()
    await run(executor, "import time\nx = time.time_ns()")
    await asyncio.sleep(0.5)
    before, reason = await executor.evaluate("x"), (await executor.inspect()).why_no_checkpoint
    died = await run(executor, "x = 0\nimport os; os._exit(1)")
    assert (died.status, died.state) == ("died", "lost" if reason else "restored")
    if reason:
        assert "was not tried" in reason
    else:
        assert await executor.evaluate("x") == before
        await executor.checkpoint()  # of it, too: there were tasks left of the one before that seemed to be pending
    code = (
        "import asyncio, os\nprint('printed')\nprint(await asyncio.sleep(0, 'awaited'))\n_ = os.system('echo echoed')"
    )
    assert sorted((await said(executor, code)).split()) == ["awaited", "echoed", "printed"]


@check("restart")
async def restarts(executor: KernelCodeExecutor) -> None:
    """A restarted kernel begins afresh; one that dies is not the last."""
    await run(executor, "x = 1")
    await executor.restart()
    assert (await run(executor, "x")).ename == "NameError"
    result = await run(executor, "import os\nos._exit(7)")
    assert result.status == "died"
    assert await said(executor, "print('back')") == "back\n"


if __name__ == "__main__":
    sys.exit("run `make matrix`")
