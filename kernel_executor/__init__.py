"""Runs code blocks in managed, sandboxed Jupyter kernels. Stands alone: knows no models, prompts or notebooks.

The public names are those of `__init__.pyi`. Each is imported when it is first used: jupyter_client alone takes 170 ms
(measured), and not everybody starts a kernel.
"""

from kernel_executor import own_imports  # noqa: F401 - first of all: even the next line could find a planted module

# isort: split
import lazy_loader

__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
