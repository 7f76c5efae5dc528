"""What code leaves behind is obeyed by nobody, because it does not leave: modules, entry points, settings, programs.

Every name here once ran, or is run by some program, in the folder it lies in, without being asked for.
"""

import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.attacks.support.fingerprint import fingerprint, news
from tests.attacks.support.people import Person
from tests.attacks.support.remote import Executor

pytestmark = [pytest.mark.integration]

MODULES = (
    *(
        "ipykernel_launcher.py",
        "ipykernel.py",
        "IPython.py",
        "anywidget.py",
        "nh3.py",
        "rich.py",
        "pip.py",
        "pyarrow.py",
    ),
    *("pandas.py", "numpy.py", "json.py", "JSON.PY", "Json.Py", "socket.py", "sitecustomize.py", "usercustomize.py"),
    *("codeagent_nb.py", "kernel_executor.py", "antigravity.py", "conftest.py", "setup.py", "_distutils_hack.py"),
    *("nh3.pyc", "nh3.so", "nh3.abi3.so", "nh3.cpython-311-x86_64-linux-gnu.so", "nh3.pyd", "json.pyi", "a.pyw"),
)
PACKAGES = (
    *("nh3/__init__.py", "anywidget/__init__.py", "json/__init__.py", "__pycache__/nh3.cpython-311.pyc"),
    *("evil.dist-info/entry_points.txt", "evil.dist-info/METADATA", "evil.egg-info/entry_points.txt"),
    *("evil.dist-info/data.csv", "evil.egg/EGG-INFO/top_level.txt", "site-packages/x.pth", "evil.egg-link", "x.pth"),
)
HIDDEN = (
    *(
        ".git/config",
        ".git/hooks/post-checkout",
        ".gitconfig",
        ".vscode/settings.json",
        ".idea/workspace.xml",
        ".envrc",
    ),
    *(".env", ".bashrc", ".profile", ".ipynb_checkpoints/a.ipynb", ".jupyter/jupyter_config.json", ".pdbrc", ".netrc"),
    *(".pythonstartup", ".ipython/profile_default/startup/a.py", ".codeagent/state.json", ".codeagent/owned.json"),
    *(".codeagent-part", ".github/workflows/a.yml", ".hidden.csv", "folder/.hidden/table.csv"),
)
SETTINGS = (
    *("kernel.json", "package.json", "requirements.txt", "requirements-dev.txt", "constraints.txt", "pyproject.toml"),
    *("setup.cfg", "tox.ini", "pytest.ini", "Makefile", "GNUmakefile", "Dockerfile", "jupyter_config.json"),
    *("jupyter_server_config.json", "jupyter_notebook_config.json", "ipython_config.py", "tsconfig.json", "tasks.json"),
    *("docker-compose.yml", "settings.json", "CMakeLists.txt", "pip.conf", "folder/package.json", "Package.JSON"),
)
PROGRAMS = (
    *(
        "bwrap",
        "python",
        "python3",
        "git",
        "ls",
        "run.sh",
        "run.js",
        "run.mjs",
        "index.js",
        "run.pl",
        "run.bat",
        "a.ps1",
    ),
    *("libcap.so.2", "libc.so", "lib.so.1.2.3", "x.dylib", "x.dll", "evil.desktop", "evil.service", "a.AppImage"),
)
PICKLES = ("model.pkl", "model.pickle", "model.joblib", "model.pt", "frame.dill", "model.PKL", "cache.shelve")
OTHER = ("noname", "folder/noname", "-rf.csv", "folder/-rf.csv", "~.csv", "settings.yaml", "a.ini", "a.cfg", "a.conf")

LEFT = {
    "modules": MODULES,
    "packages": PACKAGES,
    "hidden names": HIDDEN,
    "settings": SETTINGS,
    "programs": PROGRAMS,
    "pickles": PICKLES,
    "other": OTHER,
}

LEAVE = """
import os
for name in {!r}:
    if os.path.dirname(name):
        os.makedirs(os.path.dirname(name), exist_ok=True)
    with open(name, 'w') as file:
        file.write('left')
    os.chmod(name, 0o755)
open('result.csv', 'w').write('1')
"""


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_nothing_that_somebody_obeys_is_left(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    executor = opened(work, kind)
    names = [name for names in LEFT.values() for name in names]
    result = executor.run(LEAVE.format(names))
    assert result.status == "ok", result
    assert (work / "result.csv").read_text() == "1", "data is delivered, so delivering has taken place"
    executor.restart()
    executor.run("print()")
    executor.stop()
    assert {path.name for path in work.iterdir()} == {"result.csv"}, result.delivered


def test_what_is_not_delivered_is_told_with_a_reason(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    executor = opened(work)
    result = executor.run(LEAVE.format(["ipykernel_launcher.py", "run.sh", "model.pkl", "package.json", "noname"]))
    assert set(result.held) == {"ipykernel_launcher.py", "run.sh", "model.pkl", "package.json", "noname"}
    assert all(result.held.values())
    assert result.delivered == {"result.csv": 1}
    again = executor.run("print()")
    assert again.held == {}, "once"


@pytest.mark.parametrize("kind", ["kernel", "scripts"])
def test_what_is_not_delivered_can_be_used_where_code_works(
    person: Person, work: Path, opened: Callable[..., Executor], kind: str
) -> None:
    executor = opened(work, kind)
    assert executor.run("open('helpers_of_mine.py', 'w').write('x = 5')").status == "ok"
    assert executor.value("import helpers_of_mine; print(helpers_of_mine.x)") == "5\n"
    assert not (work / "helpers_of_mine.py").exists()


@pytest.mark.parametrize(
    "name",
    ["json.py", "JSON.py", "nh3.py", "rich/evil.py", "ipykernel_launcher.py", "conftest.py", ".hidden.py", "../up.py"],
)
def test_a_script_may_not_take_a_name_that_is_imported(
    person: Person, work: Path, opened: Callable[..., Executor], name: str
) -> None:
    executor = opened(work, "scripts")
    executor.run(f"# filename: {name}\nprint('ran')")
    executor.stop()
    assert list(work.rglob("*.py")) == []
    assert list(work.parent.glob("*.py")) == []


def test_control_a_script_is_delivered_under_another_name(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    executor = opened(work, "scripts")
    code = "# filename: analysis/my_own_script.py\nprint('ran')"
    assert executor.run(code).status == "ok"
    executor.stop()
    assert (work / "analysis" / "my_own_script.py").read_text() == code


def test_control_without_a_sandbox_everything_is_left(
    person: Person, work: Path, opened: Callable[..., Executor]
) -> None:
    names = [name for names in LEFT.values() for name in names]
    before = fingerprint(work)
    opened(work, sandbox="none").run(LEAVE.format(names))
    assert set(names) <= news(before, fingerprint(work))


def test_control_what_is_left_is_obeyed(person: Person, work: Path, opened: Callable[..., Executor]) -> None:
    """By Python, in the folder it lies in: the shortest way, for all of them."""
    opened(work, sandbox="none").run("open('nh3.py', 'w').write('print(\"obeyed\")')")
    process = person.start([str(person.python), "-c", "import nh3"], cwd=work, stdout=subprocess.PIPE)
    assert process.communicate(timeout=30)[0] == "obeyed\n"
