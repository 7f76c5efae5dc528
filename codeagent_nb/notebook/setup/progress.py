"""How far a download is, in words. Pure."""

from codeagent_nb.models.embedded.background_fetch import FetchState
from kernel_executor.sizes import size_text


def progress_text(state: FetchState) -> str:
    """Return one line: how much is here, how fast it goes, how long it will take."""
    match state.phase:
        case "idle":
            return ""
        case "pausing":
            return "Pausing with the next piece…"
        case "done":
            return "It is here."
    if not state.total:
        return "Connecting…" if state.phase == "running" else ""
    amount = f"{size_text(state.done)} of {size_text(state.total)}"
    if state.phase == "paused":
        return f"Paused at {amount}. What is here is kept."
    if state.phase == "failed":
        return f"Stopped at {amount}. What is here is kept."
    if state.speed <= 0:
        return f"{amount} · {state.what}"
    rate = f"{size_text(int(state.speed))}/s · {left((state.total - state.done) / state.speed)}"
    return f"{amount} · {rate} · {state.what}"


def left(seconds: float) -> str:
    """Return about how long something takes."""
    if seconds < 90:
        return f"about {max(1, round(seconds))} s left"
    if seconds < 5400:
        return f"about {round(seconds / 60)} min left"
    return f"about {seconds / 3600:.1f} h left"
