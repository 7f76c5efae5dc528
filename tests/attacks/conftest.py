"""Attacks by executed code on what is its user's: by root's code and by an ordinary user's, from outside and inside.

Where root runs the tests, the ordinary user is made, and not being able to is a failure. Where an ordinary user does,
that user attacks alone.
"""

import os
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace
from pathlib import Path

import pytest

from tests.attacks.support.people import Person, prepare, settle, unused_uid
from tests.attacks.support.readable_python import make_readable_python
from tests.attacks.support.remote import Driver, Executor
from tests.containers import NoContainerEngineError, container_engine

THOROUGH = {
    *("test_user_files", "test_delivery", "test_imports_left_behind", "test_links_and_starts"),
    "test_resource_bombs",
}
"""Files whose tests are many: `make test` tries an ordinary user's kernels, in a cage, too, and root's scripts."""

PEOPLE = ("root", "user", "caged") if os.getuid() == 0 else ("user", "caged")

OF_BUBBLEWRAP = {"test_mounts"}
"""Files about what only bubblewrap does; `test_landlock` has what there is instead."""


@pytest.fixture(scope="session")
def ground() -> Iterator[Path]:
    """A folder that everybody may enter: pytest's own are closed to others."""
    folder = Path(tempfile.mkdtemp(prefix="attacked-", dir="/var/tmp"))
    folder.chmod(0o755)
    prepare(folder)
    yield folder
    if os.getuid() != 0:  # code may have closed a folder to its own user
        subprocess.run(["chmod", "-R", "u+rwX", folder], check=False, capture_output=True)
    subprocess.run(["rm", "-rf", folder], check=False, capture_output=True)  # of any depth


@pytest.fixture(scope="session")
def people(ground: Path) -> dict[str, Person]:
    """Everybody who attacks."""
    _require_bubblewrap()
    here = Path(sys.executable)
    if os.getuid() != 0:
        ours = Person(name="user", uid=os.getuid(), ground=ground, python=here)
        return {"user": settle(ours), "caged": settle(replace(ours, name="caged", caged=True))}
    readable = make_readable_python(ground / "python")
    user = Person(name="user", uid=unused_uid(), ground=ground, python=readable)
    return {
        "root": settle(Person(name="root", uid=0, ground=ground, python=here)),
        "user": settle(user),
        "caged": settle(replace(user, name="caged", uid=unused_uid([user.uid]), caged=True)),
    }


def _require_bubblewrap() -> None:
    command = ["bwrap", "--unshare-all", "--ro-bind", "/", "/", "--proc", "/proc", "true"]
    try:
        why = subprocess.run(command, capture_output=True, check=False, text=True).stderr
    except OSError as error:
        why = str(error)
    if why and os.getuid() == 0:
        pytest.fail(f"bubblewrap does not work on this machine: {why}")
    if why:
        pytest.skip(f"bubblewrap does not work on this machine: {why}")


@pytest.fixture(scope="module", params=PEOPLE)
def person(request: pytest.FixtureRequest, people: dict[str, Person]) -> Person:
    """Whoever attacks: every test is run by each."""
    return people[request.param]


@pytest.fixture(scope="session")
def container_person(people: dict[str, Person]) -> Iterator[Person]:
    """Whoever may talk to a container engine: who can is root on that machine, so there is no ordinary user."""
    with ExitStack() as stack:
        try:
            url = stack.enter_context(container_engine())
        except NoContainerEngineError as error:
            pytest.skip(str(error))
        yield replace(next(iter(people.values())), variables={"DOCKER_HOST": url})


@pytest.fixture
def work(person: Person) -> Path:
    """A fresh folder of this person, to work in."""
    return person.folder()


@pytest.fixture
def driver(person: Person) -> Iterator[Driver]:
    """A process of this person; what it holds is stopped in the end."""
    with person.driver() as driver:
        yield driver


@pytest.fixture
def opened(driver: Driver) -> Callable[..., Executor]:
    """Start executors in a process of this person; they are stopped in the end."""
    return driver.open


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leave root's kernels and an ordinary user's scripts in the thorough files to `make attacks`."""
    of_bubblewrap = [item for item in items if item.path.stem in OF_BUBBLEWRAP and "caged" in _values(item)]
    config.hook.pytest_deselected(items=of_bubblewrap)
    items[:] = [item for item in items if item not in of_bubblewrap]
    for item in items:
        values = _values(item)
        if item.path.stem not in THOROUGH or os.getuid() != 0 or "container" in values:
            continue
        if ({"user", "caged"} if "scripts" in values else {"root"}) & values:
            item.add_marker(pytest.mark.attacks)


def _values(item: pytest.Item) -> set[str]:
    found = item.callspec.params.values() if isinstance(item, pytest.Function) and hasattr(item, "callspec") else ()
    return {value for value in found if isinstance(value, str)}
