"""Bounds of the proxy: what code inside may make it hold, and for how long. Knows nothing else."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Bounds of a proxy; times are in seconds.

    Args:
        connections: How many are open at once; further ones wait until one has ended. Each takes two descriptors, and
            a process often has 1,024 for everything.
        head_bytes: How long the head of a request may be.
        head: How long it may take to arrive.
        look_ups: How many names are resolved at once.
        look_up: How long resolving a name may take.
        connect: How long connecting to one address may take.
        addresses: How many addresses of a name are tried.
        half_closed: How long nothing may move once one direction has ended: the client may be gone without a word.
        farewell: How long an answer of the proxy's own may take to be read.
    """

    connections: int = 128
    head_bytes: int = 65_536
    head: float = 10.0
    look_ups: int = 8
    look_up: float = 30.0
    connect: float = 10.0
    addresses: int = 8
    half_closed: float = 120.0
    farewell: float = 2.0
