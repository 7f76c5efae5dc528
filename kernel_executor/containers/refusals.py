"""What is said of errors that a container is the cause of. Pure."""

from dataclasses import replace

from kernel_executor.functions.pip_commands import failed_to_install, installs
from kernel_executor.outputs.fold import as_text
from kernel_executor.sandbox.isolation import Isolation
from kernel_executor.types import BlockResult

NO_NETWORK = (
    "The container has no network, so pip cannot download anything: use the packages that are installed. A person can "
    'choose an image that has the package, or let the container reach the network: network="bridge".'
)


def explained_by(result: BlockResult, isolation: Isolation) -> BlockResult:
    """Add to the note of a block that could not install a package what its container has to do with it."""
    block = result.block
    to_install = isolation.network and installs(block.code, block.language)
    if not to_install or not failed_to_install(as_text(result.outputs)):
        return result
    return replace(result, note=" ".join(filter(None, [result.note, NO_NETWORK])))
