"""What the exit code of a process tells. Pure."""

import signal

KILLED = 137
"""Exit code of what SIGKILL ended, or what is gone without a word."""


def is_of_signal(code: int) -> bool:
    """Return whether an exit code is 128 + N of a signal that there is; `exit 255` is not."""
    return code - 128 in set(signal.Signals)


def describe_exit(code: int) -> str:
    """Return in words what an exit code tells: the signal's name, if it is one of a signal."""
    try:
        name = signal.Signals(code - 128).name
    except ValueError:
        return f"exit code {code}"
    return f"{name}, perhaps out of memory" if name == "SIGKILL" else name
