"""Reads calls that are written as Python: `[python(code="print(1)")]`. Must not know what stands around them."""

import ast

from codeagent_nb.reply.call_values import call_block
from codeagent_nb.reply.markup import RawBlock
from codeagent_nb.reply.syntax import parse


def pythonic_calls(text: str) -> list[RawBlock]:
    """Read calls written as Python: `[python(code="print(1)")]`; nothing if the text is anything else."""
    tree = parse(text.strip()) if text.lstrip()[:1].isalpha() or text.lstrip()[:1] == "[" else ""
    if not isinstance(tree, ast.Module) or len(tree.body) != 1 or not isinstance(tree.body[0], ast.Expr):
        return []
    value = tree.body[0].value
    calls = value.elts if isinstance(value, ast.List) else [value]
    if not calls or not all(isinstance(call, ast.Call) and call.keywords and not call.args for call in calls):
        return []
    return [_pythonic(call) for call in calls if isinstance(call, ast.Call)]


def _pythonic(call: ast.Call) -> RawBlock:
    arguments = {
        keyword.arg: keyword.value.value
        for keyword in call.keywords
        if keyword.arg and isinstance(keyword.value, ast.Constant)
    }
    return call_block(ast.unparse(call.func), arguments)


def pythonic_alone(text: str) -> list[RawBlock]:
    """Read calls written as Python; one without brackets around it is a statement unless it calls an interpreter."""
    blocks = pythonic_calls(text)
    return blocks if text.lstrip().startswith("[") else [block for block in blocks if not block.flaw]
