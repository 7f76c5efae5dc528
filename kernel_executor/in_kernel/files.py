"""Reads and writes a file piece by piece, for who is on another machine. Each call may be made twice."""

from __future__ import annotations

import base64
import hashlib
import os
import tempfile

PART = ".codeagent-part"
"""What the name of a file ends with that is not whole yet."""


def put(name: str, offset: int, piece: str) -> int:
    """Write a piece, in base64, into the file that is to be called so; return the bytes written."""
    data = base64.b64decode(piece)
    folder = os.path.dirname(name)
    if folder:
        os.makedirs(folder, exist_ok=True)
    with open(name + PART, "r+b" if offset else "wb") as file:
        file.seek(offset)
        file.write(data)
        file.truncate()
    return len(data)


def finish(name: str, digest: str) -> bool:
    """Rename a file that is whole to what it is to be called; return whether it is there, also if it was before."""
    if os.path.exists(name + PART):
        if look(name + PART)[1] != digest:
            os.remove(name + PART)
            return False
        os.replace(name + PART, name)
    return look(name)[1] == digest


def make() -> str:
    """Make an empty file for what is to be copied; return its path."""
    descriptor, path = tempfile.mkstemp(prefix="codeagent-")
    os.close(descriptor)
    return path


def drop(name: str) -> bool:
    """Remove such a file; return whether it is gone."""
    if os.path.lexists(name):
        os.remove(name)
    return True


def digest(name: str) -> str:
    """Return the SHA-256 of a file; empty if there is none."""
    return look(name)[1] if os.path.lexists(name) else ""


def look(name: str) -> tuple[int, str]:
    """Return a file's size and SHA-256."""
    digest, size = hashlib.sha256(), 0
    with open(name, "rb") as file:
        while True:
            piece = file.read(1_000_000)
            if not piece:
                return size, digest.hexdigest()
            digest.update(piece)
            size += len(piece)


def get(name: str, offset: int, size: int) -> str:
    """Return a piece of a file, in base64."""
    with open(name, "rb") as file:
        file.seek(offset)
        return base64.b64encode(file.read(size)).decode()
