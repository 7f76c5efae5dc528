"""Installs, before anything else is imported, what keeps our imports to where we are installed.

That is a part of `kernel_executor`. It is loaded by its place, beside us, because by its name a `kernel_executor.py` in
the current folder could be found; and by itself, because the package takes 30 ms that not everybody needs.
"""

import sys
from _frozen_importlib import module_from_spec
from _frozen_importlib_external import PathFinder

FOLDER = __file__.rpartition("/")[0].rpartition("/")[0] + "/kernel_executor"

for name in ("search_paths", "reserved_list", "own_imports"):
    full = f"kernel_executor.{name}"
    if full not in sys.modules:
        spec = PathFinder.find_spec(full, [FOLDER])
        if spec is None or spec.loader is None:
            raise ModuleNotFoundError(
                f"{full} is missing from this installation: install codeagent-nb again", name=full
            )
        sys.modules[full] = module_from_spec(spec)
        spec.loader.exec_module(sys.modules[full])
