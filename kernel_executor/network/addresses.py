"""Resolves a name once and connects to one of its addresses, a public one unless told otherwise. Knows no HTTP.

What is connected to is the address that was looked at: a name that is resolved a second time may lead elsewhere.
"""

import asyncio
import ipaddress
import os
import socket
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any

from kernel_executor.network.hosts import authority
from kernel_executor.network.limits import Limits
from kernel_executor.network.public import is_public

Place = tuple[socket.AddressFamily, Any]
"""A family of addresses, and what `connect` takes there."""

LookUp = Callable[[str, int], Sequence[Place]]
"""Returns where a host's port is; raises OSError if it has no address. Blocks."""


class NotPublic(Exception):  # noqa: N818 - named after the state, as in httpx
    """A name has no public address."""


class Unreachable(Exception):  # noqa: N818 - named after the state, as in httpx
    """A name cannot be resolved, or none of its addresses connected to."""

    def __init__(self, reason: str, *, too_late: bool = False) -> None:
        super().__init__(reason)
        self.too_late = too_late


def look_up(host: str, port: int) -> Sequence[Place]:
    """Ask the system where a host's port is.

    Raises:
        OSError: It has no address.
    """
    found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM)
    return [(family, place) for family, _, _, _, place in found]


class Dialer:
    """Makes connections for one proxy.

    It has threads of its own to resolve names in. The loop's are few, and others wait for them: code that asks for
    names whose servers never answer would stop the program. Closing waits for none of them; the end of the
    program does, until the system gives up on the name.
    """

    def __init__(self, limits: Limits, look_up: LookUp) -> None:
        self._limits = limits
        self._look_up = look_up
        self._threads = ThreadPoolExecutor(limits.look_ups, thread_name_prefix="look-up")

    def close(self) -> None:
        """Resolve no more names."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    async def connect(self, host: str, port: int, *, private: bool) -> socket.socket:
        """Connect to a host's port.

        Args:
            host: A name or an address, in the form that is compared.
            port: The port.
            private: Whether the address may be one that is not public.

        Raises:
            NotPublic: None is public, and one has to be.
            Unreachable: It cannot be reached; the message says why.
        """
        found = await self._places(host, port)
        usable = [place for place in found if private or may_be_reached(place)]
        if not usable:
            raise NotPublic
        failure = OSError()
        for place in usable[: self._limits.addresses]:
            try:
                async with asyncio.timeout(self._limits.connect):
                    return await _connected(place)
            except OSError as error:
                failure = error
        too_late = isinstance(failure, TimeoutError)
        reason = "no answer in time" if too_late else _words(failure)
        raise Unreachable(f"{authority(host, port)} cannot be reached: {reason}", too_late=too_late) from failure

    async def _places(self, host: str, port: int) -> Sequence[Place]:
        work = partial(self._look_up, host, port)
        try:
            async with asyncio.timeout(self._limits.look_up):
                return await asyncio.get_running_loop().run_in_executor(self._threads, work)
        except TimeoutError as error:
            raise Unreachable(f"{host} was not resolved in time", too_late=True) from error
        except (OSError, UnicodeError) as error:
            raise Unreachable(f"{host} cannot be resolved: {_words(error)}") from error


def may_be_reached(place: Place) -> bool:
    """Return whether an address is public and another machine's.

    One of this machine's own may be public, too, and a service on it be for this machine only: no packet to it passes
    the firewall that keeps others out.
    """
    address = ipaddress.ip_address(place[1][0].partition("%")[0])
    return is_public(address) and not is_own(place)


def is_own(place: Place) -> bool:
    """Return whether an address is this machine's; nothing is sent."""
    family, address = place
    try:
        with socket.socket(family, socket.SOCK_DGRAM) as probe:
            probe.connect(address)  # a datagram socket only chooses an address of its own: that of the other end, here
            return bool(probe.getsockname()[0] == address[0])
    except OSError:
        return False  # no way leads there, and a connection will find none either


async def _connected(place: Place) -> socket.socket:
    family, address = place
    connection = socket.socket(family, socket.SOCK_STREAM)
    try:
        connection.settimeout(0)
        await asyncio.get_running_loop().sock_connect(connection, address)
    except BaseException:
        connection.close()
        raise
    return connection


def _words(error: Exception) -> str:
    """Return what the system calls an error: asyncio's own text repeats the address."""
    number = None if isinstance(error, socket.gaierror) else getattr(error, "errno", None)
    return os.strerror(number) if number else str(getattr(error, "strerror", None) or error)
