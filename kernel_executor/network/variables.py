"""The variables by which programs find the proxy in a sandbox. Pure."""

from kernel_executor.network.hosts import address_of
from kernel_executor.network.listening import PORT
from kernel_executor.network.names import AllowedNames

PROXY = f"http://127.0.0.1:{PORT}"

OWN = "localhost,127.0.0.1,::1"
"""What programs in the sandbox reach of one another, without the proxy."""


def proxy_variables(allowed: AllowedNames) -> dict[str, str]:
    """Return the variables; libraries read one spelling or the other.

    Where the caller's own machine is among the names, programs must ask the proxy for it: it is not theirs.
    """
    found = {"HTTP_PROXY": PROXY, "HTTPS_PROXY": PROXY}
    if not reaches_own(allowed):
        found["NO_PROXY"] = OWN
    return found | {name.lower(): value for name, value in found.items()}


def reaches_own(allowed: AllowedNames) -> bool:
    """Return whether some of the caller's own machine is among the names."""
    return any(_is_own(name.host) for name in allowed.names)


def _is_own(host: str) -> bool:
    address = address_of(host)
    return host == "localhost" or (address is not None and address.is_loopback)
