"""Shows what came of something in the place of a word that it is under way. Knows nothing of what was done."""

import asyncio
from collections.abc import Awaitable

from IPython.display import DisplayHandle

from kernel_executor.text import cleaned


async def show_result(work: Awaitable[str], shown: DisplayHandle) -> None:
    """Show what comes of something; executed code may have named what is in it."""
    try:
        said = await work
    except asyncio.CancelledError:
        shown.update({"text/plain": "Stopped."}, raw=True)
        raise
    shown.update({"text/plain": cleaned(said)}, raw=True)
