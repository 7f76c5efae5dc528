"""The agent inside a notebook: the only place that knows IPython and widgets."""
