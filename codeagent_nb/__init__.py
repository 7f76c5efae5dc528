"""An agent that lives in Jupyter: it writes code, runs it in a managed kernel, repairs it, and leaves a notebook.

The public names are those of `__init__.pyi`. Each is imported when it is first used: a notebook must not wait for what
it does not need (design D13).
"""

import codeagent_nb.first_imports  # noqa: F401 - first of all: even the next line could find a planted module

# isort: split
from importlib import import_module

import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)


def load_ipython_extension(shell: object) -> None:
    """Do what `%load_ext codeagent_nb` asks for."""
    import_module("codeagent_nb.notebook.extension").load(shell)


def unload_ipython_extension(shell: object) -> None:
    """Do what `%unload_ext codeagent_nb` asks for."""
    import_module("codeagent_nb.notebook.extension").unload(shell)
