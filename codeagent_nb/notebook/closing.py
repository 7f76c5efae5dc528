"""Closes what a session was made of. Knows that closing may fail, and nothing of what is closed."""

import asyncio
import logging
from collections.abc import Sequence
from contextlib import AsyncExitStack

from codeagent_nb.models.types import ChatCompletionClient
from kernel_executor.text import cleaned

logger = logging.getLogger("codeagent_nb")


async def close_all(
    earlier: "asyncio.Task[None] | None", stack: AsyncExitStack | None, models: Sequence[ChatCompletionClient]
) -> None:
    """Close each part, even if closing another fails: the next session must not suffer for the last one's end."""
    if earlier:
        await asyncio.wait({earlier})
    for close in [*([stack.aclose] if stack else []), *(model.close for model in models)]:
        try:
            await close()
        except Exception as error:  # noqa: BLE001 - a folder that was removed, a server that is gone
            logger.warning("the agent's session was not closed cleanly: %s", cleaned(str(error)))
