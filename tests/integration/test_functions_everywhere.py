"""Functions handed to executed code, and quiet pip: the same for every executor."""

import os
import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from codeagent_nb import CodeExecutorAgent, ReplayChatCompletionClient
from codeagent_nb.models.types import SystemMessage
from kernel_executor import (
    Alias,
    CodeBlock,
    CodeResult,
    FunctionWithRequirements,
    ImportFromModule,
    KernelStartError,
    with_requirements,
)
from kernel_executor.containers import refusals
from kernel_executor.functions.pip_commands import NO_NETWORK
from tests.integration.executor_kinds import KERNELS, KINDS, Executor

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


def double(number: int = 21) -> int:
    """Multiply by two.

    It is what it says.
    """
    return 2 * number


@with_requirements(global_imports=["math", Alias("re", "regex"), ImportFromModule("os", ["getpid"])])
def pack(number: float) -> str:
    """Pack a number's square root."""
    return regex.sub("x", "+", f"{math.sqrt(number)}x{getpid() > 0}")  # type: ignore[name-defined]  # noqa: F821


GREET = FunctionWithRequirements.from_str(
    'def greet(name: str) -> str:\n    """Greet."""\n    return f"Hello, {name}"\n'
)

FUNCTIONS = [double, pack, GREET]

CALLS = "from functions import double, pack, greet\nprint(double(), pack(49), greet('Ada'))"
ANSWERS = "42 7.0+True Hello, Ada\n"

STUB = 'def double(number: int=21) -> int:\n    """Multiply by two.\n\n    It is what it says."""'


HERE = ("kernel", "bare kernel", "scripts", "bare scripts")
"""They use this machine's Python and its packages."""

HELD = ("kernel", "scripts", "container kernel", "container scripts")
"""They have no network; the others have that of this machine."""


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared(kind: str, tmp_path_factory: pytest.TempPathFactory) -> AsyncIterator[Executor]:
    folder = tmp_path_factory.mktemp("work")
    async with KINDS[kind](timeout=20, work_dir=folder, functions=FUNCTIONS) as executor:
        yield executor


async def run(executor: Executor, code: str, language: str = "python") -> CodeResult:
    return await executor.execute_code_blocks([CodeBlock(code, language)])


async def test_functions_can_be_imported_and_called(shared: Executor) -> None:
    result = await run(shared, CALLS)
    assert (result.exit_code, f"{result.output}\n") == (0, ANSWERS)


async def test_they_are_there_in_a_shell_block_too(shared: Executor) -> None:
    result = await run(shared, "python3 -c 'import functions; print(functions.double(4))'", "sh")
    assert result.output == "8"


async def test_they_survive_a_restart_and_the_death_of_a_kernel(shared: Executor) -> None:
    await shared.restart()
    assert f"{(await run(shared, CALLS)).output}\n" == ANSWERS
    await run(shared, "import os; os._exit(3)")
    assert ANSWERS in f"{(await run(shared, CALLS)).output}\n"


async def test_they_leave_the_work_folder_alone_and_go_with_the_executor(kind: str) -> None:
    async with KINDS[kind](functions=FUNCTIONS, functions_module="tools") as executor:
        result = await run(executor, "import tools, os; print(tools.double(5), tools.__file__)")
        answer, place = result.output.split()
        assert answer == "10"
        assert not Path(place).is_relative_to(executor.work_dir)
        assert Path(place).exists()
        names = {path.name for path in executor.work_dir.iterdir()}
        assert names <= {"__pycache__"}
        assert (await run(executor, "import functions")).exit_code == 1, "there is no module of the default name"
    assert not Path(place).parent.exists()


async def test_executed_code_cannot_change_them_for_others_where_it_is_held(shared: Executor, kind: str) -> None:
    """What code writes into the module would run in the next block, and in the next agent's."""
    code = "import functions; open(functions.__file__, 'a').write('def more(): pass\\n')"
    result = await run(shared, code)
    if kind in {"kernel", "scripts"}:
        assert result.exit_code == 1
    assert f"{(await run(shared, CALLS)).output}\n" == ANSWERS


async def test_a_model_is_told_of_them(shared: Executor) -> None:
    assert "from functions import double, pack, greet" in shared.instructions
    assert STUB in shared.instructions
    assert 'def pack(number: float) -> str:\n    """Pack a number\'s square root."""' in shared.instructions
    assert "return" not in shared.instructions, "signatures and docstrings only"


async def test_an_agents_system_message_contains_them_and_its_code_uses_them(shared: Executor) -> None:
    model = ReplayChatCompletionClient([f"```python\n{CALLS}\n```", "It is 42."])
    agent = CodeExecutorAgent("coder", shared, model_client=model, approval="never")
    result = await agent.run(task="Double 21.")
    first = model.create_calls[0].messages[0]
    assert isinstance(first, SystemMessage)
    assert shared.instructions in first.content
    assert ANSWERS.strip() in str(model.create_calls[1].messages)
    assert "It is 42." in str(result)


def needing(package: str) -> FunctionWithRequirements[Any, ...]:
    @with_requirements(python_packages=[package])
    def needy() -> str:
        """Need something."""
        return "here"

    return needy


@pytest.mark.parametrize("kind", [*HERE, "container kernel"], indirect=True)
async def test_a_package_that_is_installed_is_not_installed_again(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    async with KINDS[kind](functions=[needing("ipykernel")]) as executor:
        assert (await run(executor, "from functions import needy; print(needy())")).output == "here"


async def test_a_package_that_cannot_be_installed_is_named(kind: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    started = time.monotonic()
    with pytest.raises(KernelStartError, match="the functions need no-such-package-anywhere, which pip cannot install"):
        await KINDS[kind](functions=[needing("no-such-package-anywhere")]).start()
    assert time.monotonic() - started < 15


@pytest.mark.parametrize("module", ["not a name", "class", ""])
async def test_a_module_name_must_be_one(kind: str, module: str) -> None:
    with pytest.raises(ValueError, match="Module name must be a valid Python identifier"):
        KINDS[kind](functions=FUNCTIONS, functions_module=module)


def lambdas() -> list[Callable[[], int]]:
    return [lambda: 1]


async def test_what_is_no_function_is_refused_at_once(kind: str) -> None:
    for functions in (lambdas(), [double, double], ["def f(: pass"], [len]):
        with pytest.raises(ValueError, match="functions: "):
            KINDS[kind](functions=functions)


MAGICS = ("%pip install no-such-package-anywhere", "!pip install no-such-package-anywhere")
COMMANDS = ("pip install no-such-package-anywhere", "python3 -m pip install no-such-package-anywhere")


async def assert_tells_what_helps(executor: Executor, kind: str, code: str, language: str) -> None:
    """It took half a minute of retries, and then told of a network that a model cannot mend."""
    started = time.monotonic()
    result = await run(executor, code, language)
    assert time.monotonic() - started < 5
    assert result.blocks[0].note == (refusals.NO_NETWORK if "container" in kind else NO_NETWORK)
    assert "WARNING" not in result.output
    assert "Retrying" not in result.output


@pytest.mark.timing
@pytest.mark.parametrize("code", COMMANDS)
@pytest.mark.parametrize("kind", HELD, indirect=True)
async def test_pip_without_a_network_fails_soon_and_says_what_helps(shared: Executor, kind: str, code: str) -> None:
    await assert_tells_what_helps(shared, kind, code, "sh")


@pytest.mark.timing
@pytest.mark.parametrize("code", MAGICS)
@pytest.mark.parametrize("kind", [kind for kind in HELD if kind in KERNELS], indirect=True)
async def test_so_do_the_magics_of_a_kernel(shared: Executor, kind: str, code: str) -> None:
    await assert_tells_what_helps(shared, kind, code, "python")


@pytest.mark.parametrize("kind", HERE, indirect=True)
async def test_pip_that_succeeds_is_silent(shared: Executor) -> None:
    result = await run(shared, "pip install ipykernel", "sh")
    assert (result.exit_code, result.output) == (0, "")


async def test_a_code_that_only_mentions_pip_gets_no_hint(shared: Executor) -> None:
    result = await run(shared, "print('ERROR: pip install x')")
    assert (result.exit_code, result.blocks[0].note) == (0, "")


@pytest.mark.parametrize("kind", HERE, indirect=True)
async def test_your_own_module_path_is_kept(kind: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "beside.py").write_text("answer = 7\n")
    monkeypatch.setenv("PYTHONPATH", str(tmp_path))
    async with KINDS[kind](functions=[double], **({} if "bare" in kind else {"readable": [tmp_path]})) as executor:
        result = await run(executor, "import beside, functions; print(beside.answer, functions.double(1))")
    assert result.output == "7 2"
    assert os.environ["PYTHONPATH"] == str(tmp_path)
