"""Makes an output fit for a cell whose outputs are trusted, in nbformat's shape. Pure; `bundle.py` does the work."""

from codeagent_nb.rendering.bundle import harmless_bundle
from codeagent_nb.valid_outputs import valid_output
from kernel_executor import Output
from kernel_executor.in_kernel.guard import encodable, shorten

STREAM_SHOWN = 50_000  # characters; the saved session has more
TRACEBACK_SHOWN = 20_000  # characters


def harmless_output(output: Output) -> Output:
    """Return an output that obeys nobody, valid by nbformat; never raises."""
    output = valid_output(output)
    match output["output_type"]:
        case "stream":
            return {**output, "text": encodable(shorten(output["text"], STREAM_SHOWN))}
        case "error":
            traceback = shorten("\n".join(output["traceback"]), TRACEBACK_SHOWN)
            words = {name: encodable(shorten(output[name], 2_000)) for name in ("ename", "evalue")}
            return {**output, **words, "traceback": encodable(traceback.split("\n"))}
    data, metadata = harmless_bundle(output)
    return {**output, "data": data, "metadata": metadata}
