"""Text as executed code shows it: cut, without what steers a terminal, in a form that can be written. Pure."""

from kernel_executor.in_kernel.text import encodable, shorten
from kernel_executor.outputs.clean_text import cleaned
from kernel_executor.outputs.fold import as_text, plain

__all__ = ["as_text", "cleaned", "encodable", "plain", "shorten"]
