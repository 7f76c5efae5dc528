"""Our executor as a component of AutoGen, used as its own `JupyterCodeExecutor` is. Knows no agents and no models."""

import base64
import json
import shutil
import tempfile
import uuid
import warnings
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

try:
    from autogen_core import CancellationToken, Component
    from autogen_core.code_executor import CodeBlock, CodeExecutor, CodeResult
except ImportError as missing:
    raise ImportError("kernel_executor.autogen needs AutoGen: pip install codeagent-nb[autogen]") from missing
from pydantic import BaseModel

from kernel_executor import types
from kernel_executor.aio import cancellation
from kernel_executor.errors import NotStarted
from kernel_executor.kernels.executor import KernelCodeExecutor
from kernel_executor.outputs.fold import plain
from kernel_executor.sandbox.policy import SandboxMode

SUFFIXES = {"image/png": ".png", "image/jpeg": ".jpeg", "image/svg+xml": ".svg", "text/html": ".html"}


@dataclass
class JupyterCodeResult(CodeResult):
    """What running blocks came to, and the files that pictures and HTML were saved in."""

    output_files: list[Path]


class JupyterCodeExecutorConfig(BaseModel):
    """The arguments of `JupyterCodeExecutor`; a config of AutoGen's own executor fits, too."""

    kernel_name: str = "python3"
    timeout: float = 60
    output_dir: str | None = None
    sandbox: SandboxMode = "auto"
    work_dir: str | None = None


class JupyterCodeExecutor(CodeExecutor, Component[JupyterCodeExecutorConfig]):
    """Runs AutoGen's code blocks in a managed, sandboxed Jupyter kernel whose variables live from call to call.

    Args:
        kernel_name: Name of an installed kernelspec.
        timeout: Seconds a block may take, at least 1.
        output_dir: Folder that output files are saved in; None makes a temporary one that `stop` deletes.
        sandbox: `auto` uses bubblewrap, or else Landlock, where they work; `bubblewrap` and `landlock` insist; `none`
            runs the kernel bare.
        work_dir: Folder the code runs in, AutoGen's is "."; None is `output_dir`. Sandboxed code cannot change what
            was in it at the start.

    Raises:
        ValueError: An argument is wrong.
    """

    component_config_schema = JupyterCodeExecutorConfig
    component_provider_override = "kernel_executor.autogen.JupyterCodeExecutor"

    def __init__(
        self,
        kernel_name: str = "python3",
        timeout: float = 60,
        output_dir: Path | str | None = None,
        *,
        sandbox: SandboxMode = "auto",
        work_dir: Path | str | None = None,
    ) -> None:
        if timeout < 1:
            raise ValueError("Timeout must be greater than or equal to 1.")
        self._config = JupyterCodeExecutorConfig(
            kernel_name=kernel_name,
            timeout=timeout,
            output_dir=None if output_dir is None else str(output_dir),
            sandbox=sandbox,
            work_dir=None if work_dir is None else str(work_dir),
        )
        self._folder = None if output_dir is None else Path(output_dir)
        self._kernel: KernelCodeExecutor | None = None
        if self._folder:
            self._folder.mkdir(exist_ok=True, parents=True)

    @property
    def output_dir(self) -> Path:
        """The folder that output files are saved in."""
        if self._folder == Path():
            text = "Using the current directory as output_dir is deprecated"
            warnings.warn(text, DeprecationWarning, stacklevel=2)
        return self._open_folder()

    def _open_folder(self) -> Path:
        if self._folder is None:
            self._folder = Path(tempfile.mkdtemp(prefix="codeagent-output-"))
        return self._folder

    async def start(self) -> None:
        """Start the kernel; nothing happens if it is started.

        Raises:
            KernelStartError: The kernel does not exist or does not start.
            SandboxUnavailable: `sandbox="bubblewrap"` was asked for and does not work here.
        """
        if self._kernel is None:
            config, folder = self._config, self._open_folder()
            self._kernel = KernelCodeExecutor(
                timeout=config.timeout,
                work_dir=config.work_dir or folder,
                kernel_name=config.kernel_name,
                sandbox=config.sandbox,
            )
        try:
            await self._kernel.start()
        except BaseException:
            await self.stop()  # or a temporary folder would stay
            raise

    async def stop(self) -> None:
        """End the kernel and everything it started, and delete a temporary folder. May be called twice."""
        kernel, self._kernel = self._kernel, None
        folder, self._folder = self._folder, None if self._config.output_dir is None else self._folder
        try:
            if kernel:
                await kernel.stop()
        finally:
            if folder and folder != self._folder:
                shutil.rmtree(folder, ignore_errors=True)

    async def restart(self) -> None:
        """Start the kernel afresh, under a block that runs, too; all variables are lost, files stay."""
        if self._kernel:
            await self._kernel.interrupt()
            with suppress(NotStarted):
                await self._kernel.restart()
        await self.start()

    async def execute_code_blocks(
        self, code_blocks: list[CodeBlock], cancellation_token: CancellationToken
    ) -> JupyterCodeResult:
        """Run blocks in order until one fails.

        Args:
            code_blocks: What to run.
            cancellation_token: Cancels the run; the block that runs is stopped.

        Raises:
            RuntimeError: There is no kernel.
            TimeoutError: A block took too long; it has been stopped, and the next one can run.
            CancelledError: The run was cancelled.
        """
        if self._kernel is None:
            raise NotStarted("Executor must be started before executing cells")
        folder = self._open_folder()
        token = cancellation.CancellationToken()  # AutoGen's would keep the future and its result
        cancellation_token.add_callback(token.cancel)
        blocks = [types.CodeBlock(block.code, block.language) for block in code_blocks]
        result = await self._kernel.execute_code_blocks(blocks, token)
        texts, files = [], []
        for block in result.blocks:
            text, saved = _read(block, folder)
            if block.status == "timeout":
                raise TimeoutError(text[-2_000:])
            texts.append(text)
            files += saved
        return JupyterCodeResult(result.exit_code if blocks else 0, "\n".join(texts), files)

    def _to_config(self) -> JupyterCodeExecutorConfig:
        return self._config.model_copy()

    @classmethod
    def _from_config(cls, config: JupyterCodeExecutorConfig) -> Self:
        return cls(
            config.kernel_name, config.timeout, config.output_dir, sandbox=config.sandbox, work_dir=config.work_dir
        )


def _read(block: types.BlockResult, folder: Path) -> tuple[str, list[Path]]:
    """Return the text of a block as AutoGen does, and the files that the rest was saved in."""
    texts: list[str] = []
    files: list[Path] = []
    for output in block.outputs:
        if output["output_type"] == "stream":
            texts.append(output["text"])
            continue
        if output["output_type"] == "error":
            texts.append(plain("\n".join(output["traceback"])))
            continue
        for mime, content in output["data"].items():
            if mime == "image/jpeg" and "image/png" in output["data"]:
                continue  # the same picture, as Pillow shows it
            if path := _save(mime, content, folder):
                files.append(path)
            else:
                texts.append(str(content) if mime == "text/plain" else json.dumps(content))
    return "\n".join([*texts, block.note] if block.note else texts), files


def _save(mime: str, content: Any, folder: Path) -> Path | None:
    """Save a picture or HTML; None if it is neither, whatever it is called, or the folder is gone."""
    if mime not in SUFFIXES or not isinstance(content, str):
        return None
    path = (folder / f"{uuid.uuid4().hex}{SUFFIXES[mime]}").absolute()
    try:
        path.write_bytes(base64.b64decode(content) if SUFFIXES[mime] in {".png", ".jpeg"} else content.encode())
    except (ValueError, FileNotFoundError):
        return None
    return path
