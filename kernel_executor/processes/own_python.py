"""How helpers of ours in Python are started: isolated, with the safe parts of our own module path. Starts none."""

import sys
from collections.abc import Sequence

from kernel_executor.search_paths import safe_module_path

RUN = "import sys; sys.path[:] = {path!r}; import runpy; runpy.run_module({module!r}, None, '__main__', alter_sys=True)"


def module_path() -> list[str]:
    """Return where a helper of ours finds modules: where we do, the user's own packages included.

    `-I` alone would hide those that `pip install --user` or an absolute `PYTHONPATH` brings.
    """
    return safe_module_path(sys.path)


def module_command(module: str, arguments: Sequence[str]) -> list[str]:
    """Return the command line that runs a module; run it in `/`.

    Not `python -m`: that looks in the current folder first, where a planted `pip.py` ran.

    Args:
        module: Its name.
        arguments: Its arguments.
    """
    return [sys.executable, "-I", "-c", RUN.format(path=module_path(), module=module), *arguments]
