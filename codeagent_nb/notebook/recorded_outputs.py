"""What a cell shows now, kept beside what is sent: a page that is loaded again asks for it. Knows no comm."""

from typing import Any

from codeagent_nb.notebook.live_output import DisplayPublisher
from kernel_executor import Output

WIDGET = "application/vnd.jupyter.widget-view+json"


class RecordedOutputs:
    """Publishes what a task shows under its cell, and remembers it.

    Args:
        publisher: Where it goes.
    """

    def __init__(self, publisher: DisplayPublisher) -> None:
        self._publisher = publisher
        self._shown: dict[object, Output] = {}  # by what it is updated by, or by a number
        self.version = 0
        """Other with each change."""
        self.is_over = False
        """Whether nothing more will come."""

    def publish(self, data: dict[str, Any], metadata: dict[str, Any] | None = None, **more: Any) -> None:
        """Show a display, or with `update=True` change it."""
        self._publisher.publish(data, metadata, **more)
        name = (more.get("transient") or {}).get("display_id", self.version)
        if name in self._shown or not more.get("update"):
            self._shown[name] = {"output_type": "display_data", "data": data, "metadata": metadata or {}}
        self.version += 1

    def clear_output(self, wait: bool = False) -> None:
        """Forget what the cell shows."""
        self._publisher.clear_output(wait=wait)
        self._shown.clear()
        self.version += 1

    def fail(self, error: BaseException) -> None:
        """Remember how the cell fails, which Jupyter shows by itself."""
        name, text = type(error).__name__, str(error)
        output = {"output_type": "error", "ename": name, "evalue": text, "traceback": [f"{name}: {text}"]}
        self._shown[self.version] = output
        self.version += 1

    @property
    def outputs(self) -> list[Output]:
        """All of it but for widgets, which Jupyter brings back by itself or which are gone."""
        return [output for output in self._shown.values() if "data" not in output or _is_shown(output["data"])]


def _is_shown(data: dict[str, Any]) -> bool:
    return bool(data) and WIDGET not in data
