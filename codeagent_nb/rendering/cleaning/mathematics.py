"""Which commands of TeX are refused, because they lead elsewhere, load, or paint over the page. Pure."""

import re

REFUSED = (
    *("\\href", "\\url", "\\require", "\\class", "\\cssId", "\\style", "\\includegraphics", "\\mmlToken"),
    *("\\csname", "\\data", "\\bbox"),
)
COMMAND = re.compile(rf"\\(?=(?:{'|'.join(name[1:] for name in REFUSED)})(?![A-Za-z]))")

MATHEMATICS = re.compile(r"\$|\\(?:begin|end)|\\\\[()\[\]]")
"""What may begin a formula. JupyterLab looks for them before it looks for code: a fence may be part of one."""


def refused_in_mathematics(text: str) -> bool:
    """Return True if a formula in the text holds a command that is refused."""
    return any(command in text for command in REFUSED)


def without_refused(text: str) -> str:
    """Return the text with these commands as words: there is a space after the backslash."""
    return COMMAND.sub(lambda _: "\\ ", text)
