"""Imports this package from text, so that nothing is written to the disk of a machine that is not ours.

The text of this file is the first thing that a kernel on a server is sent; nothing of the package is there yet.
"""

import importlib
import importlib.abc
import importlib.util
import sys


class Texts(importlib.abc.MetaPathFinder, importlib.abc.InspectLoader):
    """Finds and loads modules by their texts.

    Args:
        texts: By name; the shortest is the package's.
    """

    def __init__(self, texts):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN204
        self._texts = texts

    def find_spec(self, name, path=None, target=None):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201, ARG002
        """Return the module of a name, if its text is there."""
        return importlib.util.spec_from_loader(name, self) if name in self._texts else None

    def is_package(self, name):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        """Return whether it is the package itself."""
        return name == min(self._texts, key=len)

    def get_source(self, name):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
        """Return a module's text."""
        return self._texts[name]


def arrive(texts, session, limits, owned):  # type: ignore[no-untyped-def] # noqa: ANN001, ANN201
    """Import the package, unless it is there, and guard the kernel; return its version of Python."""
    package = min(texts, key=len)
    finder = Texts(texts)  # type: ignore[no-untyped-call]
    sys.meta_path.insert(0, finder)
    try:
        return importlib.import_module(package + ".live").install(session, limits, owned=owned)
    finally:
        sys.meta_path.remove(finder)
