"""How a person is asked by default: at the terminal, which is imported only then."""

from codeagent_nb.approval import ApprovalRequest, ApprovalResponse


async def ask_at_the_terminal(request: ApprovalRequest) -> ApprovalResponse:
    """Show the code and ask, if there is a terminal.

    Raises:
        ApprovalRequired: There is none.
    """
    from codeagent_nb.views.clean_console import CleanConsole
    from codeagent_nb.views.terminal_approval import TerminalApprover

    return await TerminalApprover(CleanConsole())(request)
