"""A private folder with the module of the functions that were handed over, and what these need. Knows no kernel.

On the module path of executed code instead of in its work folder, where AutoGen puts it: that one may be the user's.
"""

import os
import shutil
import subprocess
import tempfile
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, ClassVar, Protocol, TypeVar

from kernel_executor.aio.tasks import run_helper
from kernel_executor.errors import KernelStartError
from kernel_executor.functions.functions import Functions
from kernel_executor.search_paths import absolute_parts, for_helpers

INSTALL_TIMEOUT = 600.0  # seconds; what pip may take for a large package on a slow network

MISSING = """\
import sys
from importlib.metadata import PackageNotFoundError, version
from re import match
for wanted in sys.argv[1:]:
    name = match(r"\\s*[\\w.-]+", wanted)
    try:
        plain = name and name.group() == wanted.strip() and version(name.group())
    except PackageNotFoundError:
        plain = None
    if not plain:
        print(wanted)
"""
"""What of the packages is not installed; a version that is asked for is left to pip."""


@dataclass(frozen=True, slots=True)
class FunctionsFolder:
    """Where the module lies."""

    path: Path

    def environment(self, env: Mapping[str, str]) -> Mapping[str, str]:
        """Return the variables with the folder first on the module path."""
        before = env.get("PYTHONPATH") or absolute_parts(os.environ.get("PYTHONPATH", ""))
        return {**env, "PYTHONPATH": os.pathsep.join(filter(None, [str(self.path), before]))}

    def close(self) -> None:
        """Delete the folder."""
        shutil.rmtree(self.path, ignore_errors=True)


Run = Callable[[Sequence[str]], Awaitable[tuple[int, str]]]
"""Runs a command where the code will run; gives its exit code and what it wrote."""


def write_functions(functions: Functions, module: str, work_dir: Path) -> FunctionsFolder:
    """Write the module into a new folder.

    Args:
        functions: What it holds.
        module: Its name.
        work_dir: Where the code runs; a script's imports are looked for there first.

    Raises:
        KernelStartError: There is a module of that name.
    """
    for path in (work_dir / f"{module}.py", work_dir / module):
        if path.exists():
            advice = "give their module another name with functions_module="
            raise KernelStartError(f"{path} would hide the functions: {advice}")
    folder = FunctionsFolder(Path(tempfile.mkdtemp(prefix="codeagent-functions-")).resolve())
    (folder.path / f"{module}.py").write_text(functions.source, encoding="utf-8")
    return folder


async def install_packages(packages: Sequence[str], folder: FunctionsFolder, python: str, run: Run) -> None:
    """Install beside the module what an interpreter lacks of some packages.

    Outside of any sandbox: who hands the functions over names the packages, no model does.

    Args:
        packages: Requirements, as pip takes them.
        folder: Where the module lies.
        python: The interpreter that will import it.
        run: Runs commands where that interpreter is.

    Raises:
        KernelStartError: pip cannot install them.
    """
    if not packages:
        return
    code, output = await run([python, "-c", MISSING, *packages])
    missing = output.split("\n")[:-1] if code == 0 else list(packages)
    if not missing:
        return
    command = [python, "-m", "pip", "install", "--disable-pip-version-check", "-qqq", "--target", str(folder.path)]
    code, output = await run([*command, *missing])
    if code:
        said = output.strip()[-500:]
        raise KernelStartError(f"the functions need {', '.join(missing)}, which pip cannot install: {said}")


class HasImports(Protocol):
    """Settings, a dataclass, that say what executed code may import."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def functions_module(self) -> str:
        """The name of the module of functions."""
        ...

    @property
    def env(self) -> Mapping[str, str]:
        """The variables of executed code."""
        ...

    @property
    def readable(self) -> tuple[Path, ...]:
        """Further files and folders that it may read."""
        ...


Settings = TypeVar("Settings", bound=HasImports)


async def with_functions_here(
    settings: Settings, functions: Functions, work_dir: Path, python: str, stack: AsyncExitStack
) -> Settings:
    """Write the module and install what it needs, on this machine; return settings with which code can import it.

    Args:
        settings: What a user asked for; without functions they stay as they are.
        functions: What the module holds.
        work_dir: Where the code runs.
        python: The interpreter that will import it.
        stack: Takes the folder of the module away again.

    Raises:
        KernelStartError: A package cannot be installed, or there is a module of that name.
    """
    if not functions.names:
        return settings
    folder = write_functions(functions, settings.functions_module, work_dir)
    stack.callback(folder.close)
    await install_packages(functions.python_packages, folder, python, _run_here)
    return replace(settings, env=folder.environment(settings.env), readable=(*settings.readable, folder.path))


async def _run_here(command: Sequence[str]) -> tuple[int, str]:
    try:
        done = await run_helper(command, for_helpers(os.environ), timeout=INSTALL_TIMEOUT)
    except (OSError, subprocess.TimeoutExpired) as error:
        raise KernelStartError(f"the packages of the functions cannot be listed: {error}") from error
    return done.returncode, done.stdout + done.stderr
