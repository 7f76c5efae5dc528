"""Makes environments of kernels: one for each pair of a Python and versions of ipykernel and IPython.

Knows pip and pyenv's folder; nothing of executors.
"""

import os
import re
import shutil
import subprocess
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[2]
FOLDER = ROOT / "build" / "matrix"
SPECS = FOLDER / "specs"
"""Where the kernels' specifications are installed; `$SPECS/share/jupyter` on JUPYTER_PATH finds them."""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An environment; `python` is a minor version, e.g. 3.9."""

    python: str
    ipykernel: str
    ipython: str
    also: tuple[str, ...] = ()

    @property
    def name(self) -> str:
        """The name of its folder and its kernelspec."""
        parts = (f"python{self.python}", f"ipykernel{self.ipykernel}", f"ipython{self.ipython}")
        return "-".join(part.rstrip(".*") for part in parts)

    @property
    def requirements(self) -> tuple[str, ...]:
        """What pip is asked for."""
        return (f"ipykernel=={self.ipykernel}", f"ipython=={self.ipython}", *self.also)


@dataclass(frozen=True, slots=True)
class Environment:
    """One that is there, with what is installed."""

    wanted: Wanted
    python: str
    ipykernel: str
    ipython: str


class CannotHaveError(Exception):
    """An environment cannot be made here; it says why."""


# ipykernel 7 needs Python 3.10. 8.0 and 6.9 are the first that our hooks can meet on a machine that is never upgraded.
OLDEST = [Wanted("3.8", "6.*", "8.*"), Wanted("3.9", "6.*", "8.*"), Wanted("3.9", "6.9.*", "8.0.*")]
MIDDLE = [Wanted("3.10", "7.1.*", "8.*"), Wanted("3.10", "7.*", "8.*"), Wanted("3.11", "7.*", "9.0.*")]
NEWEST = [(ipykernel, ipython) for ipykernel in ("6.*", "7.*") for ipython in ("8.*", "9.*")]


def wanted() -> list[Wanted]:
    """Return the matrix: the oldest Pythons, and all pairs of versions on the newest Python that is here and 3.14."""
    newest = max((minor for minor in range(11, 20) if find_python(f"3.{minor}")), default=14)
    pythons = dict.fromkeys([f"3.{newest}", "3.14"])
    return [*OLDEST, *MIDDLE, *(Wanted(python, *versions) for python in pythons for versions in NEWEST)]


def find_python(version: str) -> Path | None:
    """Return an interpreter of a minor version: of PATH, of pyenv, or of uv."""
    for path in _candidates(version):
        command = [path, "-c", "import sys, venv; print('%d.%d' % sys.version_info[:2])"]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.stdout.strip() == version:  # pyenv's shims are there for versions that are not
            return path
    return None


def _candidates(version: str) -> Iterator[Path]:
    if found := shutil.which(f"python{version}"):
        yield Path(found)
    pyenv = Path(os.environ.get("PYENV_ROOT") or Path.home() / ".pyenv")
    yield from sorted(pyenv.glob(f"versions/{version}.*/bin/python"), key=_numbers, reverse=True)
    yield from Path.home().glob(f".local/share/uv/python/cpython-{version}.*/bin/python{version}")


def _numbers(path: Path) -> list[int]:
    return [int(number) for number in re.findall(r"\d+", str(path))]


def make(one: Wanted) -> Environment:
    """Make an environment, unless it is there, and install its kernelspec.

    Raises:
        CannotHaveError: There is no such Python here, or pip finds no such versions.
    """
    folder = FOLDER / one.name
    python = folder / "bin" / "python"
    if not (folder / "made").exists():
        if not (base := find_python(one.python)):
            raise CannotHaveError(f"no Python {one.python} on this machine")
        _run([base, "-m", "venv", "--clear", folder])
        _run([python, "-m", "pip", "--disable-pip-version-check", "-q", "install", *one.requirements])
        _run([python, "-m", "ipykernel", "install", "--prefix", SPECS, "--name", one.name])
        (folder / "made").touch()
    code = "import sys, ipykernel, IPython; print(sys.version.split()[0], ipykernel.__version__, IPython.__version__)"
    return Environment(one, *_run([python, "-c", code]).split())


def _run(command: Sequence[str | Path]) -> str:
    done = subprocess.run(command, capture_output=True, text=True, check=False, cwd=ROOT)
    if done.returncode:
        said = (done.stderr or done.stdout).strip().splitlines()
        raise CannotHaveError(f"`{' '.join(map(str, command[:4]))} …` failed: {said[-1] if said else done.returncode}")
    return done.stdout
