"""The version of the installed distribution. Imported when it is asked for: importlib.metadata takes 20 ms."""

from contextlib import suppress
from importlib.metadata import PackageNotFoundError, version

DISTRIBUTIONS = ("codeagent-nb", "codeagent-kernel-executor")
"""Both have this package; one is installed, or none where the package was only found on the path."""

UNKNOWN = "0+unknown"


def installed_version() -> str:
    """Return the version of the distribution that is installed, `0+unknown` if none is."""
    for name in DISTRIBUTIONS:
        with suppress(PackageNotFoundError):
            return version(name)
    return UNKNOWN


__version__ = installed_version()
