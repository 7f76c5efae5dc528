"""Starting, restarting, and being told what cannot be started; languages; limits of memory."""

import asyncio
import errno
import json
import os
import sys
import tempfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from kernel_executor import CodeBlock, KernelCodeExecutor, KernelStartError, NotStarted
from tests.support.runs import run

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=20) as executor:
        yield executor


async def test_blocks_share_variables_and_run_in_order_until_one_fails(shared: KernelCodeExecutor) -> None:
    codes = ["x = 1\nprint('one')", "x += 1\nprint(x)", "print('three')\n1 / 0", "print('never')"]
    result = await shared.execute_code_blocks([CodeBlock(code) for code in codes])
    assert [block.status for block in result.blocks] == ["ok", "ok", "error"]
    assert result.exit_code == 1
    assert result.output.startswith("one\n2\nthree\n")
    assert "ZeroDivisionError" in result.output
    assert "never" not in result.output


async def test_a_block_in_an_unknown_language_is_skipped_and_fails_nothing(shared: KernelCodeExecutor) -> None:
    result = await shared.execute_code_blocks([CodeBlock("let x", "javascript"), CodeBlock("print(1)")])
    assert [block.status for block in result.blocks] == ["skipped", "ok"]
    assert result.exit_code == 0
    assert "'javascript'" in result.blocks[0].note
    assert result.output.endswith("1")


async def test_only_unknown_languages_is_a_failure(shared: KernelCodeExecutor) -> None:
    result = await shared.execute_code_blocks([CodeBlock("let x", "javascript")])
    assert (result.exit_code, result.blocks[0].status) == (1, "skipped")


@pytest.mark.parametrize("language", ["python", "py", "Python3", "IPython", "", "python3.11"])
async def test_all_names_of_python_run(shared: KernelCodeExecutor, language: str) -> None:
    assert (await run(shared, "print(1)", language)).outputs[0]["text"] == "1\n"


async def test_magics_and_top_level_await_work(shared: KernelCodeExecutor) -> None:
    code = "import asyncio\nawait asyncio.sleep(0)\n%timeit -n1 -r1 -q pass\nprint('done')"
    assert (await run(shared, code)).status == "ok"


@pytest.mark.parametrize("call", ["execute_code_blocks", "evaluate", "restart"])
async def test_using_it_before_start_says_what_to_do(call: str) -> None:
    argument = {"execute_code_blocks": ([CodeBlock("1")],), "evaluate": ("1",), "restart": ()}[call]
    with pytest.raises(NotStarted, match=r"call `await executor\.start\(\)` first"):
        await getattr(KernelCodeExecutor(), call)(*argument)


async def test_it_can_be_started_again_after_stop(tmp_path: Path) -> None:
    executor = KernelCodeExecutor(work_dir=tmp_path)
    for _ in range(2):
        await executor.start()
        await executor.start()  # once is enough; twice does no harm
        assert (await run(executor, "print(1)")).status == "ok"
        await executor.stop()
        with pytest.raises(NotStarted):
            await run(executor, "1")


async def test_an_unknown_kernel_is_an_error_that_names_the_installed_ones() -> None:
    with pytest.raises(KernelStartError, match=r"no kernel named 'cobol-85' is installed. Installed: .*python3"):
        await KernelCodeExecutor(kernel_name="cobol-85").start()


def install_kernel(folder: Path, name: str, argv: list[str], monkeypatch: pytest.MonkeyPatch) -> None:
    spec = folder / "kernels" / name
    spec.mkdir(parents=True)
    (spec / "kernel.json").write_text(json.dumps({"argv": argv, "display_name": name, "language": "python"}))
    monkeypatch.setenv("JUPYTER_PATH", str(folder))


async def test_a_kernel_that_ends_at_once_is_quoted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    argv = [sys.executable, "-c", "import sys; sys.exit('my licence has expired')", "{connection_file}"]
    install_kernel(tmp_path, "expired", argv, monkeypatch)
    with pytest.raises(KernelStartError, match=r"exit code 1: my licence has expired"):
        await KernelCodeExecutor(kernel_name="expired").start()


async def test_a_kernel_whose_program_is_missing_is_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    install_kernel(tmp_path, "gone", ["/no/such/python", "-m", "ipykernel_launcher"], monkeypatch)
    with pytest.raises(KernelStartError, match=r"wants to start '/no/such/python', which is not there"):
        await KernelCodeExecutor(kernel_name="gone").start()


async def test_a_disk_that_is_full_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    make_folder = tempfile.mkdtemp

    def make(*arguments: Any, **options: Any) -> str:
        if options.get("prefix") == "codeagent-r-":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        return make_folder(*arguments, **options)

    monkeypatch.setattr(tempfile, "mkdtemp", make)
    with pytest.raises(KernelStartError, match=r"cannot be started: .*No space left on device"):
        await KernelCodeExecutor().start()


async def test_a_kernel_without_our_starter_runs_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Any Jupyter kernel does, only its output is bounded by the client alone, and its shell blocks are skipped."""
    argv = [sys.executable, "-c", "from ipykernel.kernelapp import main; main()", "-f", "{connection_file}"]
    install_kernel(tmp_path, "foreign", argv, monkeypatch)
    async with KernelCodeExecutor(kernel_name="foreign", timeout=10) as executor:
        assert executor.languages == ("python",)
        result = await run(executor, "for i in range(200_000): print(i)")
        assert result.outputs[0]["text"].startswith("0\n1\n2\n")
        assert result.outputs[0]["text"].endswith("199998\n199999\n")
        assert result.truncated.stdout > 500_000
        assert (await run(executor, "echo", "sh")).status == "skipped"


async def test_too_much_memory_is_an_error_under_a_limit() -> None:
    async with KernelCodeExecutor(memory_limit=2_000_000_000) as executor:
        result = await run(executor, "kept = 7\nx = bytearray(3_000_000_000)")
        assert (result.status, result.ename) == ("error", "MemoryError")
        assert (await run(executor, "kept")).outputs[0]["data"]["text/plain"] == "7"


async def test_the_kernel_is_the_first_to_go_when_memory_runs_out(shared: KernelCodeExecutor) -> None:
    assert await shared.evaluate("int(open('/proc/self/oom_score_adj').read())") == "1000"


@pytest.mark.parametrize("timeout", [0, -1])
async def test_a_time_limit_must_be_positive(timeout: float) -> None:
    with pytest.raises(ValueError, match="timeout must be more than 0"):
        KernelCodeExecutor(timeout=timeout)


async def test_a_mistyped_sandbox_is_told() -> None:
    with pytest.raises(ValueError, match="'auto', 'bubblewrap', 'landlock' or 'none', not 'docker'"):
        KernelCodeExecutor(sandbox="docker")  # type: ignore[arg-type]


async def test_a_readable_path_that_does_not_exist_is_told(tmp_path: Path) -> None:
    with pytest.raises(FileNotFoundError, match="cannot let the sandbox see"):
        KernelCodeExecutor(readable=[tmp_path / "no"])


async def test_python_is_the_one_we_run_in_whatever_stands_first_on_the_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`make` uses an environment without activating it; the first `python` on its PATH was another."""
    imposter = tmp_path / "bin" / "python"
    imposter.parent.mkdir()
    imposter.write_text("#!/bin/sh\nexit 1\n")
    imposter.chmod(0o755)
    monkeypatch.setenv("PATH", f"{imposter.parent}{os.pathsep}{os.environ['PATH']}")
    async with KernelCodeExecutor() as executor:
        blocks = [CodeBlock("import sys; print(sys.executable)"), CodeBlock("command -v python", "sh")]
        result = await executor.execute_code_blocks(blocks)
    kernel, shell = result.output.split()
    assert kernel == sys.executable
    assert Path(shell).parent == Path(sys.executable).parent


async def test_requests_are_taken_in_the_thread_that_runs_them() -> None:
    """ipykernel's way through a thread of its own costs 0.3 ms a block, and serves subshells that nobody makes here."""
    async with KernelCodeExecutor() as executor:
        result = await executor.execute_code_blocks(
            [CodeBlock("%subshell"), CodeBlock("import asyncio; await asyncio.sleep(0)")]
        )
    assert (result.exit_code, result.output.strip()) == (0, "Kernel does not support subshells")


async def test_an_executor_on_another_loop_says_so() -> None:
    """It was "Event loop is closed", somewhere in the sockets."""
    async with KernelCodeExecutor() as executor:
        with pytest.raises(NotStarted, match="was started on another event loop"):
            await asyncio.to_thread(lambda: asyncio.run(executor.execute_code_blocks([CodeBlock("1")])))
        assert (await run(executor, "print(1)")).exit_code == 0
