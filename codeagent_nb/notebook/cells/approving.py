"""Asks before code runs where the code stands in cells: what is approved is what stands there. Knows no widgets."""

from collections.abc import Callable

from codeagent_nb.approval import ApprovalFunc, ApprovalRequest, ApprovalResponse, ask_for_approval
from codeagent_nb.notebook.cells.sync import CellWriter


def asking_for_cells(writer: Callable[[], CellWriter | None], ask: ApprovalFunc) -> ApprovalFunc:
    """Return a way to ask whose yes is to the code as the user has edited it in its cells.

    Args:
        writer: Tells who writes the cells, once the task has begun; None where there are none.
        ask: Asks.
    """

    async def asked(request: ApprovalRequest) -> ApprovalResponse:
        response = await ask_for_approval(ask, request)
        written = writer()
        if written is None or request.grant or not response.approved:
            return response
        blocks = await written.as_they_stand(response.code_blocks or request.code_blocks)
        return response.model_copy(update={"code_blocks": blocks})

    return asked
