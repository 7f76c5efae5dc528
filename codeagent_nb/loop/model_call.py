"""One call of a model: streamed, timed, and ended where it may not go on. Knows no log, no policy and no price."""

import asyncio
import math
import time
from collections.abc import AsyncGenerator, Callable
from contextlib import aclosing
from dataclasses import dataclass

from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.models.types import CreateResult
from codeagent_nb.prompt.contexts import BYTES_PER_TOKEN


@dataclass(frozen=True, slots=True)
class Called:
    """What a call has given.

    Args:
        created: The reply; where it was ended, as much as had come.
        duration: Seconds.
        is_whole: Whether the model has ended it.
        is_late: Whether it was ended because it took too long.
    """

    created: CreateResult
    duration: float
    is_whole: bool = True
    is_late: bool = False


async def call(
    stream: AsyncGenerator[str | CreateResult, None],
    on_piece: Callable[[str], None],
    *,
    room: float = math.inf,
    seconds: float = math.inf,
) -> Called:
    """Call a model to the end of its reply, or until the reply is too long or takes too long.

    Args:
        stream: The call.
        on_piece: Told each piece.
        room: Tokens that the reply may have, about: a quarter of its bytes is taken for them.
        seconds: That it may take.

    Raises:
        ModelError: The model failed.
    """
    started, left = time.monotonic(), room * BYTES_PER_TOKEN
    pieces: list[str] = []
    created: CreateResult | None = None
    limit = asyncio.timeout(None if seconds == math.inf else seconds)
    try:
        # aclosing: without it a cancelled reply would go on being written at the server
        async with limit, aclosing(stream):
            async for piece in stream:
                if isinstance(piece, CreateResult):
                    created = piece
                    continue
                pieces.append(piece)
                on_piece(piece)
                left -= len(piece.encode(errors="replace"))
                if left < 0:
                    break
    except TimeoutError:
        if not limit.expired():
            raise
    if created is None and left >= 0 and not limit.expired():
        raise ModelUnavailable("the model's stream ended without a result")
    so_far = CreateResult(finish_reason="length", content="".join(pieces))
    duration, is_whole = time.monotonic() - started, created is not None
    return Called(created or so_far, duration, is_whole, is_late=limit.expired() and not is_whole)
