"""Who attacks: root, and an ordinary user whom the test run makes. Each has a home and work folders of their own."""

import os
import pwd
import shutil
import subprocess
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from tests.attacks.support.remote import Driver

DRIVER = Path(__file__).with_name("driver.py")

_NUMBERS = count()

CAGE = (
    "bwrap",
    "--die-with-parent",
    "--bind",
    "/",
    "/",
    "--dev-bind",
    "/dev",
    "/dev",
    "--unshare-user",
    "--disable-userns",
)
"""A machine on which nobody makes user namespaces: stock Ubuntu, a container with Docker's profile."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Person:
    """Somebody whose code attacks, and whose files are attacked.

    Args:
        name: `root`, `user` or `caged`.
        uid: The number.
        ground: A folder of the test run that everybody may enter; all that is made lies in it.
        python: An interpreter this person can run, with the product installed.
        variables: Further variables, e.g. where a container engine listens.
        caged: Whether this person has no user namespaces, so that Landlock alone holds the code.
    """

    name: str
    uid: int
    ground: Path
    python: Path
    variables: Mapping[str, str] = field(default_factory=dict)
    caged: bool = False

    @property
    def home(self) -> Path:
        """A home folder made for the test."""
        return self.ground / f"home-{self.name}"

    @property
    def mechanism(self) -> str:
        """What holds this person's code."""
        return "landlock" if self.caged else "bubblewrap"

    def folder(self, name: str = "work") -> Path:
        """Make a fresh folder of this person."""
        place = self.ground / f"{self.name}-{next(_NUMBERS)}"
        place.mkdir()
        (place / name).mkdir()
        return self.give(place) / name

    def give(self, path: Path) -> Path:
        """Make this person the owner of a file, or of a folder and all that is in it; return it."""
        inner = [Path(folder, name) for folder, *names in os.walk(path) for some in names for name in some]
        for each in (path, *inner):
            if each.lstat().st_uid != self.uid:
                os.lchown(each, self.uid, self.uid)
        return path

    def start(self, command: list[str], **settings: object) -> "subprocess.Popen[str]":
        """Start a program as this person, with this person's environment."""
        environment = {
            "PATH": f"{self.python.parent}:/usr/local/bin:/usr/bin:/bin:/usr/sbin:/sbin",
            "HOME": str(self.home),
            "XDG_STATE_HOME": str(self.home / "state"),
            "LANG": "C.UTF-8",
            "JUPYTER_PLATFORM_DIRS": "1",
            **self.variables,
        }
        who = {} if os.getuid() == self.uid else {"user": self.uid, "group": self.uid, "extra_groups": []}
        defaults = {"cwd": self.home, "env": environment, "text": True, "umask": 0o022, **who}
        line = [*(CAGE if self.caged else ()), *command]
        return subprocess.Popen(line, **{**defaults, **settings})  # type: ignore[call-overload, no-any-return]

    def driver(self) -> Driver:
        """Start a process of this person that holds executors."""
        with (self.ground / "driver.log").open("a") as log:
            process = self.start(
                [str(self.python), "-I", str(self.ground / "driver.py")],
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                stderr=log,
            )
        return Driver(process, self.mechanism)


def prepare(ground: Path) -> None:
    """Make what all people need in the ground."""
    shutil.copyfile(DRIVER, ground / "driver.py")
    (ground / "driver.py").chmod(0o644)
    (ground / "driver.log").touch()


def settle(person: Person) -> Person:
    """Make a person's home and see that the product can be used; errors are failures of the test run.

    Raises:
        AssertionError: This person cannot run the product.
    """
    person.home.mkdir(mode=0o700)
    person.give(person.home)
    code = "import os, kernel_executor.kernels.executor, codeagent_nb; print(os.getuid())"
    process = person.start([str(person.python), "-I", "-c", code], stdout=subprocess.PIPE, stderr=subprocess.PIPE)
    said, error = process.communicate(timeout=60)
    assert said == f"{person.uid}\n", f"{person.name} (user {person.uid}) cannot run the product: {error[-2_000:]}"
    return person


def unused_uid(taken: Collection[int] = ()) -> int:
    """Find a number that no account and no process has; each worker of the tests looks elsewhere."""
    first = 61_100 + 10 * int(os.environ.get("PYTEST_XDIST_WORKER", "gw0").removeprefix("gw"))
    taken = {*taken, *(account.pw_uid for account in pwd.getpwall())}
    taken |= {path.stat().st_uid for path in Path("/proc").glob("[0-9]*") if path.exists()}
    return next(uid for uid in range(first, 61_184) if uid not in taken)
