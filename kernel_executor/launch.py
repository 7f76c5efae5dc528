"""Turns "a kernel of this name in this folder" into a command line, a run folder and a connection file.

Knows kernelspecs and files; starts only the interpreter, to ask where it lives.
"""

import json
import os
import secrets
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from jupyter_client.connect import write_connection_file
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from kernel_executor import in_kernel
from kernel_executor.environment import names_secret
from kernel_executor.errors import KernelStartError
from kernel_executor.outputs import OutputLimits
from kernel_executor.sandbox import Interpreter
from kernel_executor.tasks import run_helper

LAUNCHER = ("-m", "ipykernel_launcher")
"""What our own starter takes the place of in a Python kernelspec."""

SOCKET_PATH_LIMIT = 107  # bytes of a Unix socket's path on Linux, sun_path less its NUL

REPORT = (
    "import json, site, sys; print(json.dumps({'prefixes': [sys.prefix, sys.base_prefix, sys.exec_prefix], "
    "'paths': [p for p in sys.path if p], 'user': site.getuserbase() if site.ENABLE_USER_SITE else ''}))"
)


@dataclass(frozen=True, slots=True)
class KernelProgram:
    """An installed kernel, ready to be started.

    Args:
        argv: Its command line, with `{connection_file}` in it.
        language: Its language, lower case.
        env: Variables its kernelspec asks for, without those named like keys.
        guarded: True if our own starter bounds its output from within.
        interpreter: What a sandbox must let it see.
    """

    argv: tuple[str, ...]
    language: str
    env: Mapping[str, str]
    guarded: bool
    interpreter: Interpreter


async def find_program(kernel_name: str, environment: Mapping[str, str]) -> KernelProgram:
    """Look up an installed kernelspec by name.

    Raises:
        KernelStartError: There is none of that name, or its interpreter does not run.
    """
    spec = _find_spec(kernel_name)
    executable = _executable(spec.argv[0], environment)
    if executable is None:
        raise KernelStartError(
            f"kernel {kernel_name!r} wants to start {spec.argv[0]!r}, which is not there: "
            "reinstall that kernel, or see `jupyter kernelspec list` for others."
        )
    guarded = spec.language.lower() == "python" and LAUNCHER[1] in spec.argv
    is_python = guarded or Path(executable).name.startswith("python")  # of any language: bash_kernel is a module
    interpreter = await _ask_python(executable, environment) if is_python else _install_of(executable, spec)
    env = {name: value for name, value in spec.env.items() if not names_secret(name)}
    return KernelProgram((executable, *spec.argv[1:]), spec.language.lower(), env, guarded, interpreter)


def _executable(name: str, environment: Mapping[str, str]) -> str | None:
    """Find a kernel's program; `python` means the Python we run in, as for jupyter_client.

    The first `python` on the PATH is another one where an environment is used without being activated, by make say.
    """
    if name in {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info)}:
        return sys.executable
    return shutil.which(name, path=environment.get("PATH"))


def _find_spec(kernel_name: str) -> KernelSpec:
    manager = KernelSpecManager()
    try:
        return manager.get_kernel_spec(kernel_name)
    except NoSuchKernel:
        names = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        raise KernelStartError(
            f"no kernel named {kernel_name!r} is installed. Installed: {names}. "
            "Install one, e.g. `python -m ipykernel install --user`, or ask for one of these."
        ) from None


async def _ask_python(executable: str, environment: Mapping[str, str]) -> Interpreter:
    """Ask an interpreter where it lives: a virtual environment may point anywhere."""
    try:
        process = await run_helper([executable, "-c", REPORT], environment)
        report = json.loads(process.stdout.splitlines()[-1])  # a sitecustomize may print before
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError) as error:
        said = process.stderr.strip()[-500:] if isinstance(error, IndexError | ValueError) else ""
        raise KernelStartError(f"{executable} does not run: {said or error}") from error
    return Interpreter(
        prefixes=tuple(Path(path) for path in report["prefixes"]),
        paths=tuple(Path(path) for path in report["paths"]),
        user_base=report["user"],
    )


def _install_of(executable: str, spec: KernelSpec) -> Interpreter:
    """Guess: the folder of the program, or what is above it if that is called `bin`, and its kernelspec's files."""
    folders = {path.parent.parent if path.parent.name == "bin" else path.parent for path in _names_of(executable)}
    return Interpreter(prefixes=(*folders, *([Path(spec.resource_dir)] if spec.resource_dir else [])))


def _names_of(executable: str) -> tuple[Path, Path]:
    return Path(executable), Path(executable).resolve()


@dataclass(frozen=True, slots=True)
class RunFolder:
    """A private folder with all that one life of a kernel needs: our starter, connection file, sockets."""

    path: Path
    connection_file: Path
    connection: Mapping[str, Any]

    def command(self, program: KernelProgram, limits: OutputLimits, memory_limit: int) -> list[str]:
        """Return the command line that starts the program with this folder's connection file."""
        argv = [part.replace("{connection_file}", str(self.connection_file)) for part in program.argv]
        if not program.guarded:
            return argv
        at = argv.index(LAUNCHER[0])
        numbers = (limits.head, limits.tail, limits.display, limits.displays, memory_limit)
        starter = [str(self.path / in_kernel.MODULE / "start.py"), *map(str, numbers)]
        # A history file on disk makes each block 1.15 to 1.82 times slower (measured).
        return [*argv[:at], *starter, *argv[at + 2 :], "--HistoryManager.hist_file=:memory:"]

    def remove(self) -> None:
        """Delete the folder and the sockets in it."""
        shutil.rmtree(self.path, ignore_errors=True)


def create_run_folder(program: KernelProgram, work_dir: Path) -> RunFolder:
    """Create a folder only we can enter, short enough for socket paths, outside the work folder."""
    path = Path(tempfile.mkdtemp(prefix="codeagent-"))
    if len(os.fsencode(path)) > SOCKET_PATH_LIMIT - len("/k-5") or path.resolve().is_relative_to(work_dir):
        path.rmdir()
        path = Path(tempfile.mkdtemp(prefix="codeagent-", dir="/tmp"))
    if program.guarded:
        ours = Path(in_kernel.__file__).parent
        shutil.copytree(ours, path / in_kernel.MODULE, ignore=shutil.ignore_patterns("__pycache__"))
    # ipc, not tcp: not for speed (equal within noise) but because no other user can connect to it.
    file, connection = write_connection_file(
        str(path / "connection.json"),
        transport="ipc",
        ip=str(path / "k"),
        key=secrets.token_hex(32).encode(),
        kernel_name=program.language,
    )
    return RunFolder(path, Path(file), connection)
