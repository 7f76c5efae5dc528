"""Loads `kernel_executor` from beside us, and with it what keeps our imports to where we are installed.

By its place and not by its name: by name, a `kernel_executor.py` in the current folder could be found.
"""

import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import PathFinder

NAME = "kernel_executor"

if NAME not in sys.modules:
    spec = PathFinder.find_spec(NAME, [__file__.rpartition("/")[0].rpartition("/")[0]])
    if spec is None or spec.loader is None:
        raise ModuleNotFoundError(f"{NAME} is missing from this installation: install codeagent-nb again", name=NAME)
    sys.modules[NAME] = module_from_spec(spec)
    spec.loader.exec_module(sys.modules[NAME])
