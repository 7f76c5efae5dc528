"""A notebook in a container as a hub starts it: an ordinary user, the engine's own profile, perhaps no home of its own.

What is told to hold the code is compared with what code reaches there: a file, a listener and a process of the test's.
The image is made here, of folders and names only; programs and libraries are those of the machine, mounted read-only.
"""

import io
import json
import os
import re
import shutil
import sys
import tarfile
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbformat import v4

import codeagent_nb
import kernel_executor
from codeagent_nb.cli.sandbox_remedies import RESTRICTED
from kernel_executor.containers.engine import Engine
from kernel_executor.sandbox.policy import SYSTEM

pytestmark = pytest.mark.integration

PACKAGES = "/srv/packages"
HOME, CLOSED = "/home/jovyan", "/home/closed"
"""The home folder of the user, and one that belongs to root."""

RESULT = "/srv/result"
ELSEWHERE = "/tmp/mine"

OUTSIDE = "/srv/outside.txt"
"""A file that everybody may read, and that was not given to the code."""

EXECUTE = """
import json, os, sys, nbformat
from nbclient import NotebookClient
notebook = nbformat.from_dict(json.loads(sys.argv[1]))
NotebookClient(notebook, timeout=60, kernel_name="python3", allow_errors=True).execute()
files = {}
for top in sys.argv[3:]:
    for folder, _, names in os.walk(top):
        for name in names:
            if name.endswith((".png", ".ipynb", ".py")):
                path = os.path.join(folder, name)
                files[path] = open(path, "rb").read().decode("latin-1")
with open(sys.argv[2], "w") as file:  # not printed: Docker's SDK loses some of what a container prints at its end
    json.dump({"notebook": notebook, "files": files}, file)
"""

PROBE = f"""
import os, signal, socket
import matplotlib.pyplot as plt
def reached(deed):
    try:
        deed()
    except OSError:
        return False
    return True
print("file", reached(lambda: open({OUTSIDE!r}).read()))
print("network", reached(lambda: socket.create_connection(("127.0.0.1", PORT), 5).close()))
print("parent", reached(lambda: os.kill(os.getppid(), 0)))
print("process", reached(lambda: os.kill(VICTIM, signal.SIGKILL)))
open("helper.py", "w").write("x = 1")
plt.plot([1, 2])
plt.savefig("plot.png")
"""

SETUP = f"""
%load_ext codeagent_nb
import socket, subprocess
from codeagent_nb import ReplayChatCompletionClient
listener = socket.create_server(("127.0.0.1", 0))
victim = subprocess.Popen(["sleep", "1000"])
code = {PROBE!r}.replace("PORT", str(listener.getsockname()[1])).replace("VICTIM", str(victim.pid))
replies = [f"I plot.\\n\\n```python\\n{{code}}\\n```", "Here it is."]
first, second = ReplayChatCompletionClient(replies), ReplayChatCompletionClient(replies)
"""

LOOK = "print('ended' if victim.poll() else 'lives')"
CLEAN_UP = "victim.kill(); victim.wait()\nlistener.close()"
"""ipykernel waits for its children before it ends, for those that nobody has waited for, too."""

NO_LANDLOCK = {
    "defaultAction": "SCMP_ACT_ALLOW",
    "syscalls": [
        {"names": ["landlock_create_ruleset", "unshare", "setns", "mount"], "action": "SCMP_ACT_ERRNO", "errnoRet": 1},
        {
            "names": ["clone"],
            "action": "SCMP_ACT_ERRNO",
            "errnoRet": 1,
            "args": [{"index": 0, "value": 0x1000_0000, "valueTwo": 0x1000_0000, "op": "SCMP_CMP_MASKED_EQ"}],
        },
        {"names": ["clone3"], "action": "SCMP_ACT_ERRNO", "errnoRet": 38},
    ],
}
"""As Docker's profiles were before Landlock: no user namespaces, and a call that is not known is not permitted."""


@dataclass(frozen=True, slots=True)
class Hub:
    """Runs notebooks in containers of an image."""

    engine: Engine
    image: str

    def run(
        self, *sources: str, home: str, user: str = "1000:1000", options: Sequence[str] = (), knows_home: bool = True
    ) -> tuple[list[Any], dict[str, str]]:
        """Execute cells in the home folder; give them, and the contents of files by path.

        Args:
            sources: The cells.
            home: Where the notebook is.
            user: Who executes it.
            options: What the engine is told of security.
            knows_home: Whether `HOME` is set.
        """
        notebook = v4.new_notebook(cells=[v4.new_code_cell(source) for source in sources])
        python = str(Path(sys.prefix).resolve() / "bin" / "python")
        (place := Path(tempfile.mkdtemp())).chmod(0o777)
        self.engine.client.containers.run(
            self.image,
            [
                "env",
                *(() if knows_home else ("-u", "HOME")),
                python,
                "-c",
                EXECUTE,
                json.dumps(notebook),
                f"{RESULT}/found.json",
                HOME,
                ELSEWHERE,
            ],
            user=user,
            working_dir=home,
            environment={
                "HOME": home,
                "PATH": f"{Path(python).parent}:/usr/local/bin:/usr/bin:/bin",
                "PYTHONPATH": PACKAGES,
                "PYTHONDONTWRITEBYTECODE": "1",
                "JUPYTER_RUNTIME_DIR": "/tmp/jupyter",
                "JPY_SESSION_NAME": f"{home}/study.ipynb",
            },
            volumes=mounts() | {str(place): {"bind": RESULT, "mode": "rw"}},
            network_mode="none",
            security_opt=["no-new-privileges", *options],
            remove=True,
        )
        found = json.loads((place / "found.json").read_text())
        shutil.rmtree(place)
        return nbformat.from_dict(found["notebook"]).cells, found["files"]


@pytest.fixture(scope="module")
def hub(engine: str) -> Iterator[Hub]:
    found = Engine.connect()
    name = f"localhost/codeagent-hub-{os.getpid()}"
    found.client.api.import_image_from_data(root_folder(), repository=name, tag="latest")
    try:
        yield Hub(found, f"{name}:latest")
    finally:
        found.client.images.remove(f"{name}:latest", force=True)
        found.client.close()


def root_folder() -> bytes:
    """Make an archive of a root folder that is all but empty."""
    folders = {
        "etc": 0,
        "home/closed": 0,
        "home/jovyan": 1000,
        "run": 0,
        "srv/packages": 0,
        "srv/result": 0,
        "tmp": 0,
        "var/tmp": 0,
    }
    files = {
        "etc/passwd": "root:x:0:0::/root:/bin/sh\njovyan:x:1000:1000::/home/jovyan:/bin/sh\n",
        "etc/group": "root:x:0:\njovyan:x:1000:\n",
        OUTSIDE.removeprefix("/"): "outside",
    }
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w") as archive:
        for name, owner in folders.items():
            entry = tarfile.TarInfo(name)
            entry.type, entry.uid, entry.gid = tarfile.DIRTYPE, owner, owner
            entry.mode = 0o1777 if name.endswith("tmp") else 0o755
            archive.addfile(entry)
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text)
            archive.addfile(entry, io.BytesIO(text.encode()))
        for path in filter(Path.is_symlink, map(Path, SYSTEM)):
            entry = tarfile.TarInfo(str(path)[1:])
            entry.type, entry.linkname = tarfile.SYMTYPE, str(path.readlink())
            archive.addfile(entry)
    return buffer.getvalue()


def mounts() -> dict[str, Mapping[str, str]]:
    """Give the system, the Python that runs the tests, and our packages, all to be read only."""
    system = [path for path in map(Path, SYSTEM) if path.is_dir() and not path.is_symlink()]
    pythons = {Path(prefix).resolve() for prefix in (sys.prefix, sys.base_prefix)}
    seen = {path: str(path) for path in (*system, Path("/etc/ld.so.cache"), Path("/etc/fonts")) if path.exists()}
    seen |= {path: str(path) for path in pythons if not any(map(path.is_relative_to, system))}
    for package in (codeagent_nb, kernel_executor):
        folder = Path(str(package.__file__)).resolve().parent
        seen[folder] = f"{PACKAGES}/{folder.name}"
    return {str(path): {"bind": target, "mode": "ro"} for path, target in seen.items()}


def told(cell: Any) -> str:
    """Give what a cell says, as text."""
    outputs = [dict(output.get("data", {})).get("text/plain") or output.get("text") for output in cell.outputs]
    return "\n".join(map(str, filter(None, [*outputs, *(output.get("evalue") for output in cell.outputs)])))


def pictures(cell: Any) -> list[str]:
    return [output.data["image/png"] for output in cell.outputs if "image/png" in output.get("data", {})]


def found_by(cell: Any) -> dict[str, bool]:
    """Give what the code reached, by what it printed; nothing if it has not run."""
    return {name: said == "True" for name, said in re.findall(r"(?m)^(\w+) (True|False)$", told(cell))}


def saved_in(files: Mapping[str, str], folder: str) -> Any:
    """Give the session that was saved below a folder, as a notebook that is valid."""
    [text] = [text for path, text in files.items() if re.match(rf"{folder}/.*study-[^/]*/session\.ipynb$", path)]
    notebook = nbformat.reads(text.encode("latin-1").decode(), as_version=4)
    nbformat.validate(notebook)
    return notebook


def check_that_the_story_is_true(cells: Sequence[Any]) -> str:
    """Compare what is told with what was found, of a first task, one that is not asked for, and the status between.

    Returns:
        What is told to hold the code.
    """
    _, task, victim, allowed, victim_then, status, *_ = cells
    [row] = re.findall(r"(?m)^code +(.*(?:\n +.*)*)$", told(status))
    story = " ".join(row.split())
    mechanism = re.match(r"NOT sandboxed: |sandboxed by (\w+): ", story)
    assert mechanism, story
    if mechanism[1] is None:
        assert found_by(task) == {}
        assert story in told(task), "who is asked reads why"
        assert "%%agent --approval never" in told(task)
        assert told(victim) == "lives\n"
        assert found_by(allowed) == {"file": True, "network": True, "parent": True, "process": True}
        assert told(victim_then) == "ended\n"
        assert pictures(allowed)
        return story
    for cell in (task, allowed):
        found = found_by(cell)
        assert {"file", "network", "process"} <= {*found}
        assert found.pop("parent"), "what has forked the kernel is in there, too"
        if mechanism[1] == "bubblewrap":  # its numbers are its own: whether the victim lives is asked below
            del found["process"]
        assert not any(found.values()), story
        assert pictures(cell)
    assert told(victim_then) == "lives\n"
    return story


TASKS = (SETUP, "%%agent -m first\nPlot.", LOOK, "%%agent -m second -a never\nPlot.", LOOK, "%agent status", CLEAN_UP)


def test_a_first_plot_comes_home_under_the_engines_own_profile(hub: Hub) -> None:
    """In the home folder itself nothing is worked in: a folder in it is made, and named."""
    cells, files = hub.run(*TASKS, home=HOME)
    story = check_that_the_story_is_true(cells)
    [folder] = {path.rpartition("/")[0] for path in files if path.endswith("/plot.png")}
    assert re.fullmatch(rf"{HOME}/codeagent-\w+", folder)
    assert folder.replace(HOME, "~") in told(cells[1])
    assert files[f"{folder}/plot.png"].encode("latin-1").startswith(b"\x89PNG")
    assert "image/png" in json.dumps(saved_in(files, folder))
    [kept] = [path for path in files if path.endswith("/helper.py")]
    assert kept.startswith(folder if story.startswith("NOT") else f"{HOME}/.local/state/codeagent-nb/not-saved/")


def test_where_the_profile_knows_no_landlock_code_is_asked_for(hub: Hub, tmp_path: Path) -> None:
    profile = tmp_path / "profile.json"
    profile.write_text(json.dumps(NO_LANDLOCK))
    wanted = profile if hub.engine.name == "podman" else profile.read_text()
    cells, files = hub.run(*TASKS, home=HOME, options=[f"seccomp={wanted}"])
    story = check_that_the_story_is_true(cells)
    assert story.startswith("NOT sandboxed: bubblewrap ")
    assert "Landlock is refused here: the container's profile has to let its system calls through" in story
    assert "image/png" in json.dumps(saved_in(files, HOME))


def test_what_the_doctor_advises_in_a_container_lets_bubblewrap_hold_the_code(hub: Hub, bubblewrap: None) -> None:
    if hub.engine.name != "podman":
        pytest.skip("in Docker it is the command line that knows `systempaths`")
    if RESTRICTED.exists() and RESTRICTED.read_text().strip() == "1":
        pytest.skip("this machine lets only programs with a profile make user namespaces")
    cells, _ = hub.run(*TASKS, home=HOME, options=["seccomp=unconfined", "systempaths=unconfined"])
    assert check_that_the_story_is_true(cells).startswith("sandboxed by bubblewrap: no network, ")


@pytest.mark.parametrize(("user", "knows_home"), [("1000:1000", True), ("1000650000:0", False)])
def test_where_the_home_folder_is_roots_the_reason_is_told_and_nothing_is_lost(
    hub: Hub, user: str, knows_home: bool
) -> None:
    """A hub with a wrong volume; and one that hands out numbers that stand in no file."""
    refused = "%%agent -m first\nPlot."
    setting = f"%config CodeAgent.folder = {ELSEWHERE!r}"
    end = (CLEAN_UP, "%agent reset")
    cells, files = hub.run(SETUP, refused, setting, *TASKS[1:-1], *end, home=CLOSED, user=user, knows_home=knows_home)
    assert f"cannot use the folder {CLOSED!r}: Permission denied" in told(cells[1])
    assert setting.partition(" =")[0] in told(cells[1])
    story = check_that_the_story_is_true([cells[0], *cells[3:]])
    assert files[f"{ELSEWHERE}/plot.png"].encode("latin-1").startswith(b"\x89PNG")
    assert "image/png" in json.dumps(saved_in(files, ELSEWHERE))
    [kept] = [path for path in files if path.endswith("/helper.py")]
    if story.startswith("sandboxed"):
        assert re.fullmatch(rf"{ELSEWHERE}/\.codeagent/sessions/study-[\d-]+/not-saved/helper\.py", kept)
        assert f"Files that were not saved: {Path(kept).parent}" in told(cells[-1])
