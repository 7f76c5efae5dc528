"""Code that fails as a cell does, in this process, and what is told of that."""

import json
import linecache
import sys
import warnings
from typing import Any

from kernel_executor import BlockResult, CodeBlock, FailedLine
from kernel_executor.in_kernel import failing_line
from kernel_executor.kernels.failing import read_failed_line
from kernel_executor.secret_names import SECRET_NAME

CELL = "<failed cell>"
NUMBER = 7


def outcome(code: str, names: dict[str, Any]) -> BaseException | None:
    """Run code as a cell; return what it raises, if anything."""
    linecache.cache[CELL] = (len(code), None, code.splitlines(keepends=True), CELL)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            exec(compile(code, CELL, "exec"), names)
    except BaseException as error:  # noqa: BLE001 - whatever it is
        return error
    return None


def raised(code: str, names: dict[str, Any]) -> BaseException:
    """Run code that fails as a cell; return what it raises."""
    error = outcome(code, names)
    assert error is not None, f"this does not fail: {code}"
    return error


def failed(code: str, **names: Any) -> tuple[BlockResult, FailedLine]:
    """Run code that fails; return the block's result and what its kernel would tell."""
    namespace = {"__name__": "__main__", **names}
    error = raised(code, namespace)
    told = json.loads(json.dumps(failing_line.look(error, namespace, {CELL: NUMBER}, SECRET_NAME.pattern)))
    ename, evalue = type(error).__name__, str(error)
    seen = read_failed_line(told, ename, evalue)
    assert seen, sys.version
    return BlockResult(block=CodeBlock(code), status="error", exit_code=1, ename=ename, evalue=evalue), seen


def line_of(code: str, **names: Any) -> FailedLine:
    """Run code that fails; return what its kernel would tell."""
    return failed(code, **names)[1]
