"""Which widget is shown: ours, or one made of ipywidgets where anywidget is missing. Imports them when first needed."""

from typing import Any


def make_widget(**fields: Any) -> Any:
    """Return an `AgentWidget`, or a `PlainWidget` with the same fields."""
    try:
        from codeagent_nb.notebook.widget import AgentWidget
    except ImportError:
        from codeagent_nb.notebook.plain_widget import PlainWidget

        return PlainWidget(**fields)
    return AgentWidget(**fields)
