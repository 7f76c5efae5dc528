"""What a kernel is sent for a block. Pure."""

from kernel_executor import in_kernel
from kernel_executor.functions.pip_commands import quiet
from kernel_executor.languages import normalize
from kernel_executor.types import CodeBlock


def kernel_code(block: CodeBlock) -> str:
    """Return the Python that runs a block."""
    # A lone surrogate is no text that could be sent: it becomes a question mark, as in a script.
    code = quiet(block.code, block.language).encode(errors="replace").decode()
    if normalize(block.language) == "bash":
        return f'__import__("{in_kernel.MODULE}").run_shell({code!r})'
    return code
