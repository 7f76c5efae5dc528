"""Whether code is the same, but for what does not matter. Pure."""

from collections.abc import Sequence

from kernel_executor import CodeBlock, CodeResult


def is_code_of(code_blocks: Sequence[CodeBlock], result: CodeResult | None) -> bool:
    """Return whether this is the code that has just run, as far as it got."""
    ran = [block_result.block for block_result in result.blocks] if result else []
    compared = code_blocks[: len(ran)] if result and result.exit_code else code_blocks
    return bool(ran) and essence(compared) == essence(ran)


def essence(code_blocks: Sequence[CodeBlock]) -> list[list[str]]:
    """Return code without what does not matter: blank lines and spaces at line ends."""
    return [[line.rstrip() for line in block.code.splitlines() if line.strip()] for block in code_blocks]
