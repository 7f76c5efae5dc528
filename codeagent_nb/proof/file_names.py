"""Which calls write files, and of which names, as far as the text of the code shows. Pure."""

import ast
import re
from typing import TypeGuard

WRITES = re.compile(
    r"^(?:to_(?!numpy|dict|list|frame|datetime|numeric|timedelta|records|string)\w+|save\w*|write\w*|dump\w*|export\w*|mkdir|makedirs|touch)$"
)
"""Names of functions and methods that write files."""


def writes_files(call: ast.Call) -> bool:
    """Return whether a call, by its name, writes a file."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    if name == "open":
        modes = [*call.args[1:2], *(keyword.value for keyword in call.keywords if keyword.arg == "mode")]
        return any(isinstance(mode, ast.Constant) and set(str(mode.value)) & set("wax+") for mode in modes)
    return bool(WRITES.match(name)) and not _allows_existing(call)


def _allows_existing(call: ast.Call) -> bool:
    """Return whether a call makes a folder unless it is there: then it may be a user's, with files of theirs."""
    return any(
        keyword.arg == "exist_ok" and not (isinstance(keyword.value, ast.Constant) and not keyword.value.value)
        for keyword in call.keywords
    )


CONTENT = re.compile(r"^write(?:_text|_bytes|lines|row|rows)?$")
"""What is given to these is content; the file is what they are called on."""


def is_open(node: ast.AST) -> TypeGuard[ast.Call]:
    """Return whether a node calls `open`."""
    return isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id == "open"


def written_files(call: ast.Call) -> set[str]:
    """Return the names of files that stand in a call which writes files."""
    name = call.func.id if isinstance(call.func, ast.Name) else getattr(call.func, "attr", "")
    arguments = [] if CONTENT.match(name) else call.args[:1] if name == "open" else call.args
    nodes = [node for argument in (call.func, *arguments) for node in ast.walk(argument)]
    modes = {id(mode) for node in nodes if is_open(node) for mode in node.args[1:]}
    texts = [node for node in nodes if id(node) not in modes]
    return {node.value for node in texts if isinstance(node, ast.Constant) and isinstance(node.value, str)}


def is_file_name(text: str) -> bool:
    """Return whether a text could be the name of a file in the notebook's folder."""
    return (
        bool(re.fullmatch(r"[^\n\0]{1,200}", text))
        and text != "."
        and not text.startswith(("/", "~"))
        and ".." not in text
    )
