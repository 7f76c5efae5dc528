"""Takes secrets out of what a replay has shown, as they were taken out of what is saved. Knows the log's redactor."""

from codeagent_nb.events import BlockFinishedEvent
from codeagent_nb.log.redaction import Secrets
from kernel_executor import BlockResult


def without_secrets(result: BlockResult, secrets: Secrets) -> BlockResult:
    """Return a block's result as a session would have saved it."""
    event = secrets.look().event(BlockFinishedEvent(source="", retry_attempt=0, block_id="", result=result))
    return event.result if isinstance(event, BlockFinishedEvent) else result
