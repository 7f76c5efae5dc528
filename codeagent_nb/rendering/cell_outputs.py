"""Makes an output fit for a cell of a notebook, in nbformat's shape. Pure; `mime_bundles.py` does the work.

A notebook is opened trusted or not, by JupyterLab, by nbconvert, by others: what is saved, or written into an open
one, must be harmless to all. The journal keeps what the code has shown.
"""

from collections.abc import Callable, Container

from codeagent_nb.rendering.fallback import guarded
from codeagent_nb.rendering.mime_bundles import shortened, whole_bundle
from codeagent_nb.rendering.nbformat_outputs import valid_output
from kernel_executor import Output
from kernel_executor.text import encodable, shorten

STREAM_SHOWN = 50_000  # characters; the saved session has more
TRACEBACK_SHOWN = 20_000  # characters


def harmless_output(output: Output, models: Container[str] = ()) -> Output:
    """Return an output that obeys nobody, valid by nbformat, with all of its text; never raises.

    Args:
        output: What was shown.
        models: Widgets whose states are saved beside it; no other is shown as one.
    """
    return _harmless(_valid(output), models)


def _harmless(output: Output, models: Container[str] = ()) -> Output:
    if output["output_type"] in {"stream", "error"}:
        return dict(encodable(output))
    data, metadata = whole_bundle(output, models)
    return {**output, "data": data, "metadata": metadata}


def shown_output(output: Output) -> Output:
    """Return the same with long text cut, as an open notebook has it; never raises."""
    output = _valid(output)
    match output["output_type"]:
        case "stream":
            return _harmless(shortened(output, STREAM_SHOWN))
        case "error":
            traceback = shorten("\n".join(output["traceback"]), TRACEBACK_SHOWN)
            words = {name: shorten(output[name], 2_000) for name in ("ename", "evalue")}
            return _harmless({**output, **words, "traceback": traceback.split("\n")})
    return _harmless(shortened(output))


def _valid(output: Output) -> Output:
    """Return a valid output; a display that says so if it cannot be made one."""
    valid, _ = guarded(lambda: (valid_output(output), {}))
    return valid if "output_type" in valid else {"output_type": "display_data", "data": valid, "metadata": {}}


class OutputCleaner:
    """Cleans each output once, however often the cells are asked for.

    Args:
        clean: `harmless_output` or `shown_output`.
    """

    def __init__(self, clean: Callable[[Output], Output]) -> None:
        self._clean = clean
        self._cleaned: dict[int, tuple[Output, Output]] = {}

    def clean(self, output: Output) -> Output:
        """Return the output as it may be shown or saved."""
        if output["output_type"] == "stream":  # another object each time, and quickly done
            return self._clean(output)
        _, cleaned = self._cleaned.get(id(output)) or (output, self._clean(output))
        self._cleaned[id(output)] = (output, cleaned)  # with the output itself, or its id might be another's
        return cleaned
