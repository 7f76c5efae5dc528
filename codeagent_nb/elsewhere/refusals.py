"""What a session on a server cannot do, each by the name it is asked for with. Pure."""

from collections.abc import Sequence

from codeagent_nb.elsewhere.choice import last_place
from codeagent_nb.errors import SessionError
from codeagent_nb.events import AgentEvent

NO_UNDO = "undo, redo: kernels on a server have no checkpoints, so variables cannot be brought back there"

NO_VERIFY = (
    "verify: the code ran on {place}, and a replay runs in a sandbox on this machine, without the server's files and "
    "packages"
)

NO_RESUME_THERE = (
    "resume, fork, --continue: an earlier session's code runs again in a sandbox only, and what holds it on {place} "
    "cannot be seen from here. Begin a new session there: without a kernel's id its variables begin empty"
)

NO_RESUME_HERE = (
    "resume, fork, --continue: the code of this session ran on {place}, where its files and packages are, and is not "
    "run again elsewhere. Its notebook and its journal stay. To work there again, begin a new session with --server "
    "{place}; if its kernel still runs, codeagent-nb kernels --server {place} lists it, and --kernel ID uses it"
)

STAY_THERE = "Files that the code makes stay on {place}. %agent files NAME copies one here."

TABLE_STAYS = (
    "`{name}` was not copied to {place}: tables that a task names go to no server by themselves. -i {name} copies it"
)

NOT_THERE = "{option} does not apply to --server: what holds the code there is the server's to decide"


def refuse_there(place: str, why: str) -> None:
    """Refuse what no session on a server can do.

    Args:
        place: The server; empty on this machine, where nothing is refused.
        why: One of the texts above.

    Raises:
        SessionError: It runs on a server.
    """
    if place:
        raise SessionError(why.format(place=place))


def refuse_to_go_on(place: str, past: Sequence[AgentEvent]) -> None:
    """Refuse what goes on from an earlier session, where that one ran, or this one would run, on a server.

    Args:
        place: The server of the session that begins; empty for this machine.
        past: What happened in the earlier one; none if there was none.

    Raises:
        SessionError: It cannot go on.
    """
    if not past:
        return
    if place:
        raise SessionError(NO_RESUME_THERE.format(place=place))
    if before := last_place(past):
        raise SessionError(NO_RESUME_HERE.format(place=before))
