"""Asks before code runs where the code stands in cells: what is approved is what stands there. Knows no widgets."""

import asyncio
from collections.abc import Callable, Sequence

from codeagent_nb.approval import ApprovalFunc, ApprovalRequest, ApprovalResponse, ask_for_approval
from codeagent_nb.notebook.cells.sync import CellWriter
from codeagent_nb.rendering.visible_code import has_unseen
from kernel_executor import CodeBlock

SECONDS_BETWEEN = 0.3
"""Between two looks at what stands in the cells while somebody is asked."""

UNKNOWN = (
    "it is not known what stands in its cells now, for the page does not answer: load it again, and run the task again"
)
TAKEN_AWAY = "its cells were taken away"

Show = Callable[[tuple[CodeBlock, ...]], None]
"""Shows other code in the question that is asked."""


def asking_for_cells(writer: Callable[[], CellWriter | None], ask: ApprovalFunc, show: Show | None) -> ApprovalFunc:
    """Return a way to ask whose yes is to the code as the user has edited it in its cells.

    Args:
        writer: Tells who writes the cells, once the task has begun; None where there are none.
        ask: Asks.
        show: Has the question follow what is edited; None if it cannot.
    """

    async def asked(request: ApprovalRequest) -> ApprovalResponse:
        written = writer()
        if written is None or request.grant:
            return await ask_for_approval(ask, request)
        await written.as_they_stand(request.code_blocks)  # so that they stand there when it is asked
        while True:
            following = asyncio.ensure_future(_follow(written, request.code_blocks, show)) if show else None
            try:
                response = await ask_for_approval(ask, request)
            finally:
                if following:
                    following.cancel()
            if not response.approved:
                return response
            blocks = await written.as_they_stand(response.code_blocks or request.code_blocks)
            if not blocks:
                return ApprovalResponse(approved=False, reason=UNKNOWN if blocks is None else TAKEN_AWAY, ends_run=True)
            if blocks == response.code_blocks or not has_unseen(blocks):
                return response.model_copy(update={"code_blocks": blocks})
            # What cannot be seen in the cell is spelled out in the question, so it is asked once more.
            request = request.model_copy(update={"code_blocks": blocks})

    return asked


async def _follow(written: CellWriter, code_blocks: Sequence[CodeBlock], show: Show) -> None:
    last = tuple(code_blocks)
    while True:
        await asyncio.sleep(SECONDS_BETWEEN)
        blocks = await written.as_they_stand(code_blocks)
        if blocks and blocks != last:
            last = blocks
            show(blocks)
