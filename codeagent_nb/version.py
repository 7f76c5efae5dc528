"""The version of the installed distribution, which both packages come in."""

from kernel_executor.version import __version__

__all__ = ["__version__"]
