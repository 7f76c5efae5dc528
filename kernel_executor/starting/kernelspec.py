"""Turns "a kernel of this name in this folder" into a command line, a run folder and a connection file.

Knows kernelspecs and files; starts only the interpreter, to ask where it lives.
"""

import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel

from kernel_executor.errors import KernelStartError
from kernel_executor.processes import programs
from kernel_executor.sandbox.interpreter import Interpreter, ask_python
from kernel_executor.search_paths import safe_module_path
from kernel_executor.secret_names import names_secret

LAUNCHER = ("-m", "ipykernel_launcher")
"""What our own starter takes the place of in a Python kernelspec."""


@dataclass(frozen=True, slots=True)
class KernelProgram:
    """An installed kernel, ready to be started.

    Args:
        argv: Its command line, with `{connection_file}` in it.
        language: Its language, lower case.
        env: Variables its kernelspec asks for, without those named like keys.
        guarded: True if our own starter bounds its output from within.
        interpreter: What a sandbox must let it see.
        interrupt_mode: `signal` or `message`, as in its kernelspec.
    """

    argv: tuple[str, ...]
    language: str
    env: Mapping[str, str]
    guarded: bool
    interpreter: Interpreter
    interrupt_mode: str = "signal"

    @property
    def interpreter_words(self) -> tuple[str, ...]:
        """What of the command line starts the interpreter; for a guarded program."""
        return self.argv[: self.argv.index(LAUNCHER[0])]

    @property
    def kernel_words(self) -> tuple[str, ...]:
        """What of it is for ipykernel; for a guarded program."""
        return self.argv[self.argv.index(LAUNCHER[0]) + 2 :]

    @property
    def block_languages(self) -> tuple[str, ...]:
        """The languages of blocks that run in it: a script needs what our starter brings along."""
        return ("python", "bash") if self.guarded else (self.language,)


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
    interpreter = await ask_python(executable, environment) if is_python else _install_of(executable, spec)
    env = {name: value for name, value in spec.env.items() if not names_secret(name)}
    argv = (executable, *spec.argv[1:])
    return KernelProgram(argv, spec.language.lower(), env, guarded, interpreter, spec.interrupt_mode)


def _executable(name: str, environment: Mapping[str, str]) -> str | None:
    """Find a kernel's program; `python` means the Python we run in, as for jupyter_client.

    The first `python` on the PATH is another one where an environment is used without being activated, by make say.
    """
    if name in {"python", f"python{sys.version_info[0]}", "python{}.{}".format(*sys.version_info)}:
        return sys.executable
    return programs.find(name, environment.get("PATH"))


def _find_spec(kernel_name: str) -> KernelSpec:
    manager = KernelSpecManager()
    manager.kernel_dirs = safe_module_path(manager.kernel_dirs)  # JUPYTER_PATH may name the current folder
    try:
        return manager.get_kernel_spec(kernel_name)
    except NoSuchKernel:
        names = ", ".join(sorted(manager.find_kernel_specs())) or "none"
        raise KernelStartError(
            f"no kernel named {kernel_name!r} is installed. Installed: {names}. "
            "Install one, e.g. `python -m ipykernel install --user`, or ask for one of these."
        ) from None


def _install_of(executable: str, spec: KernelSpec) -> Interpreter:
    """Guess: the folder of the program, or what is above it if that is called `bin`, and its kernelspec's files."""
    folders = {path.parent.parent if path.parent.name == "bin" else path.parent for path in _names_of(executable)}
    return Interpreter(prefixes=(*folders, *([Path(spec.resource_dir)] if spec.resource_dir else [])))


def _names_of(executable: str) -> tuple[Path, Path]:
    return Path(executable), Path(executable).resolve()
