"""What a proxy itself answers, as bytes: the reason stands in the status line and in the text. Pure.

`urllib`, `pip` and the like show the status line of a proxy that refused, so it names what was refused.
"""

from kernel_executor.network.hosts import authority
from kernel_executor.network.names import entry_for

ESTABLISHED = b"HTTP/1.1 200 Connection established\r\n\r\n"


def answer(status: int, reason: str, advice: str = "") -> bytes:
    """Return an answer with a text of its own.

    Args:
        status: HTTP's number.
        reason: What is wrong, in one line of ASCII.
        advice: What to do about it.
    """
    # Visible ASCII only: a line end in here would begin a field.
    line = "".join(letter if " " <= letter <= "~" else "?" for letter in reason)
    text = f"{line}.{f' {advice}.' if advice else ''}\n".encode("utf-8", "replace")
    head = (
        f"HTTP/1.1 {status} {line}\r\nContent-Type: text/plain; charset=utf-8\r\n"
        f"Content-Length: {len(text)}\r\nConnection: close\r\n\r\n"
    )
    return head.encode("ascii") + text


def not_allowed(host: str, port: int) -> bytes:
    """Return the answer to a request for what is not among the names."""
    reason = f"{authority(host, port)} is not among the names that network= allows"
    return answer(403, reason, f'To allow it, add "{entry_for(host, port)}" to network=')


def not_public(host: str, port: int) -> bytes:
    """Return the answer to a request for an allowed name whose addresses are all private."""
    reason = f"{authority(host, port)} has a private address, which network= allows only with its port"
    return answer(403, reason, f'To allow it, add "{authority(host, port)}" to network=')
