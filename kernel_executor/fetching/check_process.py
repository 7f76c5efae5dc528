"""The process that checks a parcel: its file is open, it has a sandbox of its own, and it says one line.

It has read nothing that code has written when it is told to begin.
"""

import json
import os
import resource
import sys
from contextlib import suppress
from importlib import import_module

from kernel_executor.fetching.checking import check
from kernel_executor.fetching.sealed import mapped

SECONDS = 60
"""Of a processor's time."""

ROOM = 4 << 30
"""Bytes of addresses that Python and the libraries take, and more."""


def main() -> None:
    """Check the parcel in a descriptor, as soon as a byte can be read from another one."""
    parcel, begin, most = map(int, sys.argv[1:4])
    with suppress(ImportError):  # only tables need it
        import_module("pyarrow.ipc")  # while the code writes
    os.read(begin, 1)
    size = os.fstat(parcel).st_size
    resource.setrlimit(resource.RLIMIT_CPU, (SECONDS, SECONDS))
    resource.setrlimit(resource.RLIMIT_AS, (ROOM + 2 * size + most,) * 2)
    resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
    os.write(1, json.dumps({"why_not": check(mapped(parcel), most)}).encode())
