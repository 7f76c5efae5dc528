"""Asks a person whether to go on after code that may or may not have run. Knows who is asked; decides nothing."""

from codeagent_nb.approval import ApprovalFunc, ApprovalRequest, ask_for_approval
from codeagent_nb.errors import ApprovalRequired

MAY_GO_ON = (
    "It is not known whether the last code has run; what it did outside of the kernel stays. Allow the agent to go on, "
    "and to look first?"
)


async def may_go_on(person: ApprovalFunc | None, isolation: str) -> bool:
    """Ask; where nobody is there, nothing goes on.

    Args:
        person: Who is asked, whatever is approved unasked; None asks nobody.
        isolation: What holds the code, in one line.
    """
    if person is None:
        return False
    try:
        return (await ask_for_approval(person, ApprovalRequest(code="", grant=MAY_GO_ON, isolation=isolation))).approved
    except ApprovalRequired:
        return False
