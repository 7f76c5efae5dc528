"""The version of the installed distribution. Imported when it is asked for: importlib.metadata takes 20 ms."""

from importlib.metadata import PackageNotFoundError, version


def installed_version() -> str:
    """Return the version of whichever distribution with this package is installed.

    Raises:
        PackageNotFoundError: The package was not installed, but found on the path.
    """
    try:
        return version("codeagent-nb")
    except PackageNotFoundError:
        return version("codeagent-kernel-executor")


__version__ = installed_version()
