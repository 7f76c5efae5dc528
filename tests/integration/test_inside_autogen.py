"""Our executor inside AutoGen itself: its agents, its teams and its replay client, with a real kernel of ours."""

import asyncio
import base64
import gc
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

pytest.importorskip("autogen_agentchat", reason="needs AutoGen: pip install autogen-agentchat==0.7.5")
pytest.importorskip("autogen_ext", reason="needs AutoGen: pip install autogen-ext==0.7.5")

from autogen_agentchat.agents import ApprovalRequest, ApprovalResponse, AssistantAgent, CodeExecutorAgent
from autogen_agentchat.conditions import SourceMatchTermination
from autogen_agentchat.messages import CodeExecutionEvent, TextMessage
from autogen_agentchat.teams import RoundRobinGroupChat
from autogen_core import CancellationToken, ComponentModel
from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult
from autogen_ext.models.replay import ReplayChatCompletionClient

from kernel_executor import CodeResult as KernelResult
from kernel_executor.autogen import JupyterCodeExecutor, JupyterCodeResult

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

INFO: Any = {
    "vision": False,
    "function_calling": False,
    "json_output": True,
    "structured_output": True,
    "family": "unknown",
    "multiple_system_messages": True,
}


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[JupyterCodeExecutor]:
    """An executor for tests that do no harm to its kernel."""
    async with JupyterCodeExecutor(timeout=20) as executor:
        yield executor


async def run(executor: CodeExecutor, *codes: str, language: str = "python") -> JupyterCodeResult:
    blocks = [CodeBlock(code, language) for code in codes]
    result = await executor.execute_code_blocks(blocks, CancellationToken())
    assert isinstance(result, JupyterCodeResult)
    return result


def approve(request: ApprovalRequest) -> ApprovalResponse:
    return ApprovalResponse(approved=True, reason="")


def model(*replies: str) -> ReplayChatCompletionClient:
    return ReplayChatCompletionClient(list(replies), model_info=INFO)


def coder(executor: CodeExecutor, *replies: str, retries: int = 0) -> CodeExecutorAgent:
    return CodeExecutorAgent(
        "coder",
        code_executor=executor,
        model_client=model(*replies),
        max_retries_on_error=retries,
        approval_func=approve,
    )


# In AutoGen's agents and teams


async def test_a_team_of_autogens_runs_its_code_in_our_kernel(shared: JupyterCodeExecutor) -> None:
    writer = AssistantAgent("writer", model_client=model("```python\nmade = 6 * 7\nprint(made)\n```"))
    runner = CodeExecutorAgent("runner", code_executor=shared, approval_func=approve)
    team = RoundRobinGroupChat([writer, runner], termination_condition=SourceMatchTermination(["runner"]))
    result = await team.run(task="What is six times seven?")
    assert [(message.source, message.to_text()) for message in result.messages][-1] == ("runner", "42\n")
    assert (await run(shared, "print(made)")).output == "42\n"


async def test_an_agent_of_autogens_repairs_its_code(shared: JupyterCodeExecutor) -> None:
    yes = '{"reason": "Divide by another number.", "retry": true}'
    agent = coder(shared, "```python\n1 / 0\n```", yes, "```python\nprint(1)\n```", "It is 1.", retries=1)
    events = [event async for event in agent.run_stream(task="Divide.")]
    first, second = (event.result for event in events if isinstance(event, CodeExecutionEvent))
    assert (first.exit_code, second.exit_code) == (1, 0)
    assert "ZeroDivisionError: division by zero" in first.output
    assert second.output == "1\n"
    assert events[-1].messages[-1].to_text() == "It is 1."  # type: ignore[union-attr]


async def test_a_shell_block_runs_in_a_shell(shared: JupyterCodeExecutor) -> None:
    """AutoGen's own prompt asks for `sh`, and its Jupyter executor runs it as Python."""
    runner = CodeExecutorAgent("runner", code_executor=shared, approval_func=approve)
    task = TextMessage(content="```sh\necho hello | tr a-z A-Z\n```", source="user")
    response = await runner.on_messages([task], CancellationToken())
    assert response.chat_message.to_text() == "HELLO\n"


@pytest.mark.timing
async def test_cancelling_an_agent_stops_the_block() -> None:
    async with JupyterCodeExecutor() as executor:
        await run(executor, "import time; done = False")
        token = CancellationToken()
        code = "```python\nprint('begun')\ntime.sleep(2)\ndone = True\n```"
        runner = CodeExecutorAgent("runner", code_executor=executor, approval_func=approve)
        work = asyncio.ensure_future(runner.on_messages([TextMessage(content=code, source="user")], token))
        await asyncio.sleep(0.5)
        cancelled = time.monotonic()
        token.cancel()
        with pytest.raises(asyncio.CancelledError):
            await work
        assert time.monotonic() - cancelled < 1
        await asyncio.sleep(2)
        assert (await run(executor, "print(done)")).output == "False\n"


async def test_cancelling_from_another_thread_stops_the_block(shared: JupyterCodeExecutor) -> None:
    token = CancellationToken()
    asyncio.get_running_loop().run_in_executor(None, lambda: (time.sleep(0.4), token.cancel()))
    with pytest.raises(asyncio.CancelledError):
        await shared.execute_code_blocks([CodeBlock("import time; time.sleep(20)", "python")], token)
    assert (await run(shared, "print(1)")).output == "1\n"


# Text and exit codes


async def test_what_is_printed_is_the_output_as_it_stands(shared: JupyterCodeExecutor) -> None:
    result = await run(shared, "print('  one\\n\\n\\x1b[31mtwo\\x1b[0m ')")
    assert result == JupyterCodeResult(exit_code=0, output="  one\n\n\x1b[31mtwo\x1b[0m \n", output_files=[])
    assert isinstance(result, CodeResult)


async def test_outputs_and_blocks_are_joined_by_line_ends(shared: JupyterCodeExecutor) -> None:
    code = "import sys\nprint(1)\nprint(2, file=sys.stderr, end='')\ndisplay({'text/plain': 'three'}, raw=True)\n4"
    assert (await run(shared, code)).output == "1\n\n2\nthree\n4"
    assert (await run(shared, "print(1)", "quiet = 0", "print(2)")).output == "1\n\n\n2\n"


async def test_what_is_neither_text_nor_a_file_is_given_as_json(shared: JupyterCodeExecutor) -> None:
    code = "display({'text/plain': 'a', 'text/latex': '$x$', 'application/json': {'b': 1}}, raw=True)"
    assert (await run(shared, code)).output == 'a\n"$x$"\n{"b": 1}'


async def test_a_traceback_comes_without_colours_and_ends_the_call() -> None:
    async with JupyterCodeExecutor() as executor:
        result = await run(executor, "good = 'first'\nprint(good)", "print(bad)", "print('never')")
    lines = [
        *("first", "", "-" * 75),
        f"{'NameError':<42}Traceback (most recent call last)",
        *("Cell In[2], line 1", "----> 1 print(bad)", "", "NameError: name 'bad' is not defined"),
    ]
    assert result == JupyterCodeResult(exit_code=1, output="\n".join(lines), output_files=[])


@pytest.mark.parametrize(
    ("code", "language", "exit_code"),
    [
        ("raise ExceptionGroup('both', [ValueError(1)])", "python", 1),  # 0 in AutoGen's executor
        ("import sys; sys.exit(0)", "python", 0),  # 1 there
        ("import sys; sys.exit(3)", "python", 3),
        ("exit 5", "sh", 5),
        ("let x = 1", "javascript", 1),
    ],
)
async def test_exit_codes(shared: JupyterCodeExecutor, code: str, language: str, exit_code: int) -> None:
    assert (await run(shared, code, language=language)).exit_code == exit_code


async def test_no_blocks_are_no_failure(shared: JupyterCodeExecutor) -> None:
    assert await run(shared) == JupyterCodeResult(exit_code=0, output="", output_files=[])


async def test_the_output_says_why_a_block_did_not_run(shared: JupyterCodeExecutor) -> None:
    assert "Skipped a block in 'javascript'" in (await run(shared, "let x = 1", language="javascript")).output


async def test_a_kernel_that_dies_is_a_result_that_says_so_and_the_next_block_works() -> None:
    async with JupyterCodeExecutor() as executor:
        await run(executor, "kept = 7")
        result = await run(executor, "import os, time\nprint('last words', flush=True)\ntime.sleep(0.3)\nos._exit(7)")
        assert result.exit_code == 7
        assert "last words" in result.output
        assert "its variables are back as they were before this call" in result.output
        assert (await run(executor, "print(kept)")).output == "7\n"


# Output files

PNG = b"\x89PNG\r\n\x1a\n 1"
JPEG = b"\xff\xd8\xff 2"
SVG = '<svg xmlns="http://www.w3.org/2000/svg"><text>ü</text></svg>'


@pytest.mark.parametrize(
    ("mime", "content", "suffix", "saved"),
    [
        ("image/png", base64.encodebytes(PNG).decode(), ".png", PNG),
        ("image/jpeg", base64.b64encode(JPEG).decode(), ".jpeg", JPEG),
        ("image/svg+xml", SVG, ".svg", SVG.encode()),
        ("text/html", "<b>bold ü</b>", ".html", "<b>bold ü</b>".encode()),
    ],
)
async def test_pictures_and_html_are_saved_in_files(
    shared: JupyterCodeExecutor, mime: str, content: str, suffix: str, saved: bytes
) -> None:
    result = await run(shared, f"display({{'text/plain': 'alt', {mime!r}: {content!r}}}, raw=True)")
    (file,) = result.output_files
    assert result == JupyterCodeResult(exit_code=0, output="alt", output_files=[file])
    assert (file.parent, file.suffix, file.read_bytes()) == (shared.output_dir, suffix, saved)


async def test_the_same_picture_is_not_saved_twice(shared: JupyterCodeExecutor) -> None:
    """Pillow shows its pictures as png and as jpeg, and the original counts one file."""
    png, jpeg = (base64.b64encode(data).decode() for data in (PNG, JPEG))
    result = await run(shared, f"display({{'image/png': {png!r}, 'image/jpeg': {jpeg!r}}}, raw=True)")
    assert [file.suffix for file in result.output_files] == [".png"]


async def test_what_is_no_picture_is_text(shared: JupyterCodeExecutor) -> None:
    result = await run(shared, "display({'image/png': 'x', 'text/html': {'y': 1}}, raw=True)")
    assert result == JupyterCodeResult(exit_code=0, output='"x"\n{"y": 1}', output_files=[])


async def test_files_go_to_the_folder_asked_for_where_the_code_runs_too(tmp_path: Path) -> None:
    async with JupyterCodeExecutor(output_dir=tmp_path / "new" / "out") as executor:
        pictures = [
            "from PIL import Image\nImage.new('RGB', (9, 9))",
            "from IPython.display import HTML\nHTML('<i>hi</i>')",
        ]
        result = await run(executor, *pictures, "open('made.txt', 'w').close()")
    assert result.output == "<PIL.Image.Image image mode=RGB size=9x9>\n<IPython.core.display.HTML object>\n"
    assert [file.suffix for file in result.output_files] == [".png", ".html"]
    assert {*result.output_files, tmp_path / "new/out/made.txt"} == set((tmp_path / "new" / "out").iterdir())


async def test_a_temporary_folder_goes_at_stop_and_another_comes_at_start() -> None:
    executor = JupyterCodeExecutor()
    early = executor.output_dir
    assert early.is_dir()
    await executor.start()
    first = (await run(executor, "from IPython.display import HTML\nHTML('')")).output_files[0]
    assert first.parent == executor.output_dir == early
    await executor.stop()
    await executor.stop()
    assert not early.exists()
    async with executor:
        assert (await run(executor, "print(1)")).output == "1\n"
        later = executor.output_dir
    assert later != early
    assert not later.exists()


async def test_a_block_that_was_running_at_stop_ends_the_call() -> None:
    executor = JupyterCodeExecutor()
    await executor.start()
    code = "from IPython.display import HTML\ndisplay(HTML('page'))\nimport time; time.sleep(20)"
    work = asyncio.ensure_future(run(executor, code))
    await asyncio.sleep(0.5)
    await executor.stop()
    result = await work
    assert result.exit_code != 0
    assert "Interrupted" in result.output


# Time limits, restarts, calls at the same time


@pytest.mark.timing
async def test_a_time_limit_raises_and_the_next_block_works() -> None:
    async with JupyterCodeExecutor(timeout=1) as executor:
        await run(executor, "kept = 5")
        started = time.monotonic()
        with pytest.raises(asyncio.TimeoutError, match=r"half\n(?s:.)*time limit.*variables are kept"):
            await run(executor, "print('half')\nimport time; time.sleep(30)")
        assert (await run(executor, "print(kept)")).output == "5\n"
        assert time.monotonic() - started < 4


async def test_restart_loses_variables_and_keeps_files() -> None:
    async with JupyterCodeExecutor() as executor:
        assert (await run(executor, "x = 1\nopen('f', 'w').close()")).exit_code == 0
        await executor.restart()
        result = await run(executor, "import os\nprint(os.path.exists('f'), 'x' in dir())")
        assert result == JupyterCodeResult(exit_code=0, output="True False\n", output_files=[])


async def test_restart_starts_what_is_not_started() -> None:
    executor = JupyterCodeExecutor()
    await executor.restart()
    assert (await run(executor, "print(1)")).output == "1\n"
    await executor.stop()


async def test_restart_starts_what_could_not_be_started(tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    executor = JupyterCodeExecutor(output_dir=tmp_path / "out")
    (tmp_path / "out").rmdir()
    (tmp_path / "out").touch()
    with pytest.raises(NotADirectoryError):
        await executor.start()
    (tmp_path / "out").unlink()
    await executor.restart()
    assert (await run(executor, "print(1)")).output == "1\n"
    await executor.stop()


async def test_restart_ends_a_block_that_runs() -> None:
    async with JupyterCodeExecutor() as executor:
        work = asyncio.ensure_future(run(executor, "import time; time.sleep(30)"))
        await asyncio.sleep(0.5)
        async with asyncio.timeout(10):
            await executor.restart()
            assert (await work).exit_code != 0
        assert (await run(executor, "print(1)")).output == "1\n"


async def test_calls_at_the_same_time_run_one_after_another(shared: JupyterCodeExecutor) -> None:
    code = "import time\nfor i in range(3):\n    print({0}, i)\n    time.sleep(0.05)"
    results = await asyncio.gather(*(run(shared, code.replace("{0}", f"'{name}'")) for name in "ab"))
    assert [result.output for result in results] == [f"{name} 0\n{name} 1\n{name} 2\n" for name in "ab"]


async def test_variables_live_from_call_to_call(shared: JupyterCodeExecutor) -> None:
    await run(shared, "greeting = 'hello'")
    assert (await run(shared, "print(greeting)")).output == "hello\n"


async def test_a_run_that_was_cancelled_before_it_began_does_nothing(shared: JupyterCodeExecutor) -> None:
    token = CancellationToken()
    work = shared.execute_code_blocks([CodeBlock("ran = True", "python")], token)
    token.cancel()
    with pytest.raises(asyncio.CancelledError):
        await work
    assert (await run(shared, "print('ran' in dir())")).output == "False\n"


async def test_a_token_keeps_no_results(shared: JupyterCodeExecutor) -> None:
    """AutoGen's token keeps every future it is given, with all that was printed."""
    token = CancellationToken()
    await shared.execute_code_blocks([CodeBlock("print('to be forgotten')", "python")], token)
    await asyncio.sleep(0)  # the callback that is running holds the future it was called with
    gc.collect()
    held = [item for item in gc.get_objects() if isinstance(item, KernelResult)]
    assert not [result for result in held if result.output == "to be forgotten"]


# Mistakes


async def test_using_it_before_start_says_what_autogens_says() -> None:
    with pytest.raises(RuntimeError, match=r"^Executor must be started before executing cells$"):
        await run(JupyterCodeExecutor(), "print(1)")


@pytest.mark.parametrize("timeout", [0, -1])
async def test_a_time_limit_of_less_than_a_second_is_refused(timeout: int) -> None:
    with pytest.raises(ValueError, match=r"^Timeout must be greater than or equal to 1\.$"):
        JupyterCodeExecutor(timeout=timeout)


async def test_a_mistyped_sandbox_is_told() -> None:
    with pytest.raises(ValueError, match="'auto', 'bubblewrap', 'landlock' or 'none'"):
        JupyterCodeExecutor(sandbox="docker")  # type: ignore[arg-type]


async def test_the_current_folder_as_output_dir_is_warned_of(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    async with JupyterCodeExecutor(output_dir=".") as executor:
        (file,) = (await run(executor, "from IPython.display import HTML\nHTML('')")).output_files
        assert file.parent == tmp_path
        with pytest.warns(DeprecationWarning, match="Using the current directory as output_dir is deprecated"):
            assert executor.output_dir == Path()


def python(code: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)


async def test_without_autogen_the_error_says_what_to_install() -> None:
    code = "import sys; sys.modules['autogen_core'] = None; import kernel_executor.autogen"
    error = (await asyncio.to_thread(python, code)).stderr
    assert "ImportError: kernel_executor.autogen needs AutoGen: pip install codeagent-nb[autogen]" in error


async def test_nothing_else_imports_autogen() -> None:
    code = (
        "import sys, codeagent_nb, kernel_executor.kernels.executor; print([n for n in sys.modules if 'autogen' in n])"
    )
    assert (await asyncio.to_thread(python, code)).stdout == "[]\n"


# As a component


async def test_the_code_can_run_where_autogens_would(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data.csv").write_text("a,b")
    made = JupyterCodeExecutor(output_dir=tmp_path / "out", work_dir=".")
    loaded = JupyterCodeExecutor.load_component(made.dump_component())
    async with loaded:
        assert (await run(loaded, "print(open('data.csv').read())")).output == "a,b\n"


async def test_a_config_makes_the_same_executor_again(tmp_path: Path) -> None:
    made = JupyterCodeExecutor("python3", 7, tmp_path, sandbox="none")
    model = made.dump_component()
    assert model.provider == "kernel_executor.autogen.JupyterCodeExecutor"
    assert model.component_type == "code_executor"
    assert model.config == {"kernel_name": "python3", "timeout": 7, "output_dir": str(tmp_path), "sandbox": "none"}
    loaded = JupyterCodeExecutor.load_component(ComponentModel.model_validate_json(model.model_dump_json()))
    assert loaded.dump_component() == model
    assert isinstance(CodeExecutor.load_component(model), JupyterCodeExecutor)
    async with made, loaded:
        assert (await run(loaded, "print(1)")).output == "1\n"


async def test_a_temporary_folder_is_not_written_into_the_config() -> None:
    made = JupyterCodeExecutor()
    async with made:
        model = made.dump_component()
        assert "output_dir" not in model.config
        loaded = JupyterCodeExecutor.load_component(model)
        assert loaded.output_dir != made.output_dir
        await loaded.stop()


async def test_an_agents_config_holds_its_executor(tmp_path: Path) -> None:
    with pytest.warns(UserWarning, match="No approval function"):
        agent = CodeExecutorAgent("runner", code_executor=JupyterCodeExecutor(output_dir=tmp_path))
    with pytest.warns(UserWarning, match="No approval function"):
        loaded = CodeExecutorAgent.load_component(agent.dump_component())
    assert isinstance(loaded._code_executor, JupyterCodeExecutor)
    assert loaded.dump_component() == agent.dump_component()


async def test_a_config_of_autogens_own_executor_fits() -> None:
    config = {"kernel_name": "python3", "timeout": 9}
    model = {"provider": JupyterCodeExecutor.component_provider_override, "config": config}
    assert JupyterCodeExecutor.load_component(model).dump_component().config == {**config, "sandbox": "auto"}


async def test_a_temporary_folder_is_made_when_it_is_needed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    executor = JupyterCodeExecutor()
    executor.dump_component()
    assert list(tmp_path.iterdir()) == []
    assert executor.output_dir.parent == tmp_path
    await executor.stop()
    assert list(tmp_path.iterdir()) == []
