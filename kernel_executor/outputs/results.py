"""What a block's end means: exit codes, and the result of a whole call. Pure."""

import re
import signal
from collections.abc import Sequence
from typing import Any

from kernel_executor.languages import normalize
from kernel_executor.outputs.fold import as_text
from kernel_executor.types import BlockResult, BlockStatus, CodeResult

FROM_EARLIER = "[of earlier blocks, meanwhile:]"


def combine(results: Sequence[BlockResult]) -> CodeResult:
    """Make one result of those of the blocks that were looked at."""
    ran = [result for result in results if result.status != "skipped"]
    code = ran[-1].exit_code if ran else 1
    parts = [part for result in results for part in (as_text(result.outputs), _late(result), result.note) if part]
    if not results:
        parts = ["There was no code to run."]
    return CodeResult(code, "\n".join(parts), tuple(results))


def _late(result: BlockResult) -> str:
    text = as_text(result.late)
    return f"{FROM_EARLIER}\n{text}" if text else ""


def exits_well(error: dict[str, Any]) -> bool:
    """Return whether an error is a `SystemExit` that means success."""
    return error.get("ename") == "SystemExit" and error.get("evalue") in {"0", "", "None", "False"}


def exit_code(status: BlockStatus, error: dict[str, Any], died_with: int, language: str) -> int:
    """Return a block's exit code.

    Args:
        status: How it ended.
        error: The error that ended it, or nothing.
        died_with: Exit code of the kernel, if it died.
        language: What the block is written in: only a script's exit status is that of its shell.
    """
    match status:
        case "ok":
            return 0
        case "timeout":
            return 124  # as of timeout(1)
        case "interrupted":
            return 128 + signal.SIGINT
        case "died":
            # A kernel that went away with code 0 still did not finish the block.
            return died_with or 1
        case _:
            return _error_code(error, is_script=normalize(language) == "bash")


def _error_code(error: dict[str, Any], *, is_script: bool) -> int:
    evalue = str(error.get("evalue", ""))
    if error.get("ename") == "SystemExit":
        return int(evalue) & 0xFF or 1 if re.fullmatch(r"-?\d{1,20}", evalue) else 1
    if not is_script or error.get("ename") != "CalledProcessError":
        return 1
    shell = re.search(r"returned non-zero exit status (\d{1,3})\.$", evalue)
    return int(shell[1]) if shell else 1
