"""What code sets in its kernel, for itself, is said in words where it makes later code fail."""

import os
import shutil
import subprocess
import sys

import pytest

from kernel_executor import KernelCodeExecutor
from tests.support.runs import run

pytestmark = pytest.mark.integration

OFF = [
    "%autoawait off",
    "%autoawait False",
    "get_ipython().autoawait = False",
    "%config InteractiveShell.autoawait = False",
]
# Sources: spyder#14938, ipython#11700, samuelcolvin/python-devtools#3, psf/requests-html#406, microsoft/PyRIT#377,
# KodySimpson/agents-sdk#2, astral-sh/ty#1823.
ASYNC = {
    "await": "import asyncio\nawait asyncio.sleep(0)",
    "a value": "import asyncio\nx = await asyncio.sleep(0, 1)",
    "in a call": "import asyncio\nprint(await asyncio.sleep(0, 1))",
    "in an f-string": "import asyncio\nprint(f'{await asyncio.sleep(0, 1)}')",
    "in a loop": "import asyncio\nfor n in range(2):\n    await asyncio.sleep(0)",
    "in a try": "import asyncio\ntry:\n    await asyncio.sleep(0)\nfinally:\n    pass",
    "in a condition": "import asyncio\nif await asyncio.sleep(0, True):\n    print(1)",
    "with": "import asyncio\nasync with asyncio.Lock():\n    print(1)",
    "for": "async def g():\n    yield 1\nasync for n in g():\n    print(n)",
    "comprehension": "async def g():\n    yield 1\nprint([n async for n in g()])",
    "gather": "import asyncio\nprint(await asyncio.gather(*[asyncio.sleep(0, n) for n in range(3)]))",
    "timeout": "import asyncio\nawait asyncio.wait_for(asyncio.sleep(0), 1)",
}


@pytest.mark.parametrize("off", OFF)
async def test_code_without_await_runs_where_it_is_off(off: str) -> None:
    async with KernelCodeExecutor(timeout=30) as executor:
        await run(executor, off)
        assert (await run(executor, "print(6 * 7)")).outputs[0]["text"] == "42\n"
        assert (await run(executor, "echo hello", "bash")).outputs[0]["text"] == "hello\n"
        wrong = await run(executor, "return 1")
        assert wrong.ename == "SyntaxError"
        assert "autoawait" not in str(wrong.outputs)
        assert "%autoawait on" in str((await run(executor, ASYNC["await"])).outputs)
        await run(executor, "%autoawait on")
        assert (await run(executor, ASYNC["await"])).status == "ok"


async def test_await_that_is_switched_off_is_said_in_words() -> None:
    async with KernelCodeExecutor(timeout=30) as executor:
        for name, code in ASYNC.items():
            result = await run(executor, code)
            assert result.status == "ok", name
        await run(executor, "%autoawait off")
        for name, code in ASYNC.items():
            result = await run(executor, code)
            assert (result.status, result.ename) == ("error", "SyntaxError"), name
            assert "Run `%autoawait on`" in str(result.outputs), name


# Sources: jupyter/docker-stacks#598, jupyter/docker-stacks#1923.
WITHOUT_HOME = """
import asyncio, sys
from kernel_executor import KernelCodeExecutor, KernelStartError, LocalCommandLineCodeExecutor
async def main():
    for make in (KernelCodeExecutor, LocalCommandLineCodeExecutor):
        for settings in ({"sandbox": "none"}, {}, {"work_dir": "~/x"}, {"readable": ["~"]}, {"hidden": ["~/y"]}):
            try:
                async with make(**settings):
                    print("started")
            except KernelStartError as error:
                print(error)
asyncio.run(main())
"""


@pytest.mark.skipif(not shutil.which("unshare"), reason="no unshare")
def test_a_user_without_a_home_is_told_what_to_set() -> None:
    as_a_number = ["unshare", "--user", "--map-user=54321"]
    if subprocess.run([*as_a_number, "true"], capture_output=True, check=False).returncode:
        pytest.skip("no user namespaces here")
    env = {name: value for name, value in os.environ.items() if name != "HOME"}
    command = [*as_a_number, sys.executable, "-c", WITHOUT_HOME]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=60, env=env)
    said = done.stdout.splitlines()
    assert len(said) == 10
    assert all("HOME is not set" in line and "Set HOME to a folder" in line for line in said), said
    model = [*as_a_number, sys.executable, "-m", "codeagent_nb", "run", "hello"]
    done = subprocess.run(model, capture_output=True, text=True, check=False, timeout=60, env=env)
    assert done.returncode != 0
    assert "Set HOME to a folder" in " ".join((done.stdout + done.stderr).split())
    assert "Traceback" not in done.stdout + done.stderr
