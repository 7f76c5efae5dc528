"""How a cell fails: in one line, for a traceback of ours tells the user nothing. Knows IPython's hook for this."""

from kernel_executor.text import cleaned


class CellError(Exception):
    """A cell that did not do what it should; Run All stops here. What it quotes steers no terminal."""

    def __str__(self) -> str:
        return cleaned(super().__str__())

    def _render_traceback_(self) -> list[str]:
        return [f"{type(self).__name__}: {self}"]


class Stopped(CellError):  # noqa: N818 - what the user reads
    """The run was stopped, by the button or by the kernel's interrupt."""


class AgentFailed(CellError):  # noqa: N818 - what the user reads
    """No code succeeded, or none was allowed to."""
