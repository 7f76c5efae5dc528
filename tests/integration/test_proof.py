"""Notebooks are replayed and compared: what is true is proved, each planted lie is found with its reason (design D22).

More of both is run by `make proof`; its last result stands in docs/proof.md.
"""

import json
import os
import shutil
from pathlib import Path

import nbformat
import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.proof.reading import read_notebook
from codeagent_nb.proof.recording import record_verdict
from codeagent_nb.proof.replaying import ReplaySettings
from codeagent_nb.proof.telling import report
from kernel_executor import SandboxUnavailable
from tests.support.executed_notebooks import changed, code_cells, executed, verified
from tests.support.proof_cases import LIES, STUDIES, file, in_text, made, swapped, told_right

pytestmark = pytest.mark.integration

CLEAN = (
    *("table", "plot", "made file", "log", "left by exit", "addresses", "clock", "shell", "warning", "folder"),
    *("database", "html", "unseeded", "elapsed", "order of a set"),
)

FALSE = (
    *("a number in a text", "a number in a table", "a picture", "a dot of a picture", "a data file"),
    *("a module beside it", "swapped assignments", "swapped with its use", "a removed assignment", "a removed change"),
    *("a removed output", "an added output", "changed code", "a word on standard error", "a removed insert"),
)


@pytest.fixture(scope="module")
def proved(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder for studies that were proved, so that each is made once and not for each lie in it."""
    return tmp_path_factory.mktemp("proved")


async def proved_copy(name: str, proved: Path, into: Path) -> Path:
    """Return a copy of a study that was proved."""
    if not (proved / name).exists():
        await verified(await made(name, proved / name))
    shutil.copytree(proved / name, into)
    return into / "study.ipynb"


@pytest.mark.parametrize("name", CLEAN)
async def test_a_true_notebook_is_proved_and_what_differs_by_nature_has_its_reason(name: str, tmp_path: Path) -> None:
    verdict = await verified(await made(name, tmp_path))
    assert verdict.reasons == STUDIES[name].reasons, "\n".join(report(verdict))


@pytest.mark.parametrize("name", FALSE)
async def test_a_planted_lie_is_found_with_its_reason(name: str, proved: Path, tmp_path: Path) -> None:
    lie = LIES[name]
    path = await proved_copy(lie.study, proved, tmp_path / "copy")
    lie.plant(path)
    verdict = await verified(path)
    assert told_right(lie, verdict), "\n".join(report(verdict))


# Without a record of an earlier proof


async def test_an_edited_output_is_found_without_a_record_and_what_it_could_be_else_is_said(tmp_path: Path) -> None:
    path = await made("table", tmp_path)
    in_text(3, "18.375", "18.975")(path)
    found = (await verified(path)).differences
    assert [(one.number, one.reason.kind) for one in found] == [(3, "edited")]
    assert "unless data.csv was another" in found[0].reason.because
    assert (found[0].difference.saved, found[0].difference.now) == ("total 18.975", "total 18.375")


async def test_swapped_cells_are_found_by_their_counts(tmp_path: Path) -> None:
    path = await made("counter", tmp_path)
    swapped(2, 3)(path)
    assert [one.reason.kind for one in (await verified(path)).differences] == ["order"]


async def test_a_file_that_was_changed_after_the_notebook_was_saved_is_found(tmp_path: Path) -> None:
    path = await made("table", tmp_path)
    os.utime(path, (1, 1))
    file("data.csv", "8.5", "9.5")(path)
    assert (await verified(path)).reasons == {"file"}


# What it leaves alone


async def test_a_replay_delivers_nothing_and_changes_nothing(tmp_path: Path) -> None:
    cells = ["open('made.csv', 'w').write('x')", "import os\nos.makedirs('new')\nprint(sorted(os.listdir()))"]
    path = await executed(tmp_path / "n.ipynb", cells)
    (tmp_path / "made.csv").unlink()
    before = path.read_bytes()
    verdict = await verified(path, record=False)
    assert verdict.proved, "\n".join(report(verdict))
    assert path.read_bytes() == before
    assert [entry.name for entry in tmp_path.iterdir()] == ["n.ipynb"]


async def test_files_that_the_notebook_has_made_are_not_there_when_it_is_replayed(tmp_path: Path) -> None:
    path = await made("log", tmp_path)
    assert (tmp_path / "log.txt").read_text() == "run\n", "it appends, so the replay must not see it"
    assert (await verified(path)).proved
    assert (tmp_path / "log.txt").read_text() == "run\n"


async def test_a_notebook_is_proved_on_the_machine_of_a_colleague(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There the files that it has made are the colleague's, and code would not be let change them."""
    (tmp_path / "mine").mkdir()
    cells = ["name = 'out' + '.csv'\nopen(name, 'w').write('new')", "print(open(name).read())"]
    path = await executed(tmp_path / "mine" / "n.ipynb", cells)
    shutil.copytree(tmp_path / "mine", tmp_path / "theirs")
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "state"))
    verdict = await verified(tmp_path / "theirs" / path.name)
    assert verdict.proved, "\n".join(report(verdict))


@pytest.mark.parametrize(
    "makes", ["os.makedirs('data', exist_ok=True)", "if not os.path.isdir('data'):\n    os.mkdir('data')"]
)
async def test_a_folder_that_code_makes_sure_of_is_there_with_the_files_of_the_user(tmp_path: Path, makes: str) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "penguins.csv").write_text("7.5")
    cells = [f"import os\n{makes}", "print(open(os.path.join('data', 'penguins.csv')).read())"]
    verdict = await verified(await executed(tmp_path / "n.ipynb", cells))
    assert verdict.proved, "\n".join(report(verdict))


# What a notebook says about itself is never obeyed


async def test_a_record_that_was_forged_proves_nothing(tmp_path: Path) -> None:
    path = await made("table", tmp_path)
    await verified(path)
    in_text(3, "18.375", "19.375")(path)
    notebook = read_notebook(path)
    record_verdict(notebook, await verified(await made("table", tmp_path / "other")))  # that of a true one
    assert '"verdict": "proved"' in path.read_text()
    verdict = await verified(path)
    assert not verdict.proved
    assert [one.number for one in verdict.differences] == [3]


@pytest.mark.parametrize(
    "about",
    [
        {"proof": {"proved": {"cells": "x", "files": [], "versions": 3}}},
        {"proof": {"proved": {"cells": [{"source": 1}], "files": {}, "versions": {}}}},
        {"proof": {"proved": {"cells": [], "files": {"../../etc/passwd": "0"}, "versions": {}}}},
        {"proof": [1, 2]},
        {"settings": {"sandbox": "none", "network": "all"}, "grants": ["/"], "endpoint": "http://127.0.0.1:9"},
        "codeagent",
        {"proof": {"proved": {"cells": None}}},
        {"proof": None},
    ],
    ids=str,
)
async def test_metadata_of_any_kind_change_nothing(about: object, tmp_path: Path) -> None:
    cells = ["import os\nprint(os.path.exists(os.path.expanduser('~/.ssh')))", "import socket\nprint(1)"]
    path = await executed(tmp_path / "n.ipynb", cells)
    changed(path, lambda node: node["metadata"].update(codeagent=about, sandbox="none", network="all"))
    verdict = await verified(path)
    assert verdict.proved
    assert "no network" in verdict.isolation


async def test_without_a_sandbox_nothing_is_replayed(tmp_path: Path) -> None:
    path = await made("counter", tmp_path)
    with pytest.raises(SandboxUnavailable, match="in a sandbox only"):
        await verified(path, settings=ReplaySettings(sandbox="none"))


# What is said


async def test_the_verdict_stands_in_the_notebook_once_and_it_stays_valid(tmp_path: Path) -> None:
    path = await made("table", tmp_path)
    for _ in range(2):
        await verified(path)
    notebook = nbformat.read(path, as_version=4)
    nbformat.validate(notebook)
    badges = [cell.source for cell in notebook.cells if cell.cell_type == "markdown"]
    assert len(badges) == 1
    assert badges[0].startswith("**✓ Proved: 3 cells ran again")
    proof = notebook.metadata.codeagent.proof
    assert (proof.verdict, proof.differences) == ("proved", [])
    assert proof.files["data.csv"].how == "opened"
    assert len(proof.files["data.csv"].sha256) == 64
    assert "seen only if the code names them" in proof.not_seen
    assert "within" in proof.tolerance


async def test_a_file_that_only_a_shell_opens_is_hashed_because_it_is_named(tmp_path: Path) -> None:
    verdict = await verified(await made("shell", tmp_path))
    assert verdict.files["data.csv"].how == "named"


async def test_cells_that_ask_a_model_or_were_never_run_are_named(tmp_path: Path) -> None:
    path = await executed(tmp_path / "n.ipynb", ["print(1)", "print(2)", "print(3)"])

    def change(node: dict[str, object]) -> None:
        cells = code_cells(node)
        cells[1].update(source="%%agent\nCount to 3.")
        cells[2].update(outputs=[], execution_count=None)

    changed(path, change)
    verdict = await verified(path)
    assert verdict.compared == 1
    assert verdict.not_replayed == {2: "a model is asked", 3: "never run, so that nothing is stated"}


async def test_a_secret_that_was_masked_when_it_was_saved_is_no_difference_and_stays_out(tmp_path: Path) -> None:
    key = "k9-" + "Zx81mNq47Lp0"
    (tmp_path / "config.txt").write_text(key)
    path = await executed(tmp_path / "n.ipynb", ["print(open('config.txt').read())", "print(len('abc'))"])
    secrets = Secrets({"SERVICE_API_KEY": key})
    path.write_text(secrets.text(path.read_text()))
    assert key not in path.read_text()
    in_text(2, "3", "4")(path)
    verdict = await verified(path, settings=ReplaySettings(secrets=secrets))
    assert [one.number for one in verdict.differences] == [2]
    assert key not in path.read_text()


async def test_a_notebook_that_changes_while_it_is_replayed_is_not_written(tmp_path: Path) -> None:
    path = await made("counter", tmp_path)
    notebook = read_notebook(path)
    verdict = await verified(path, record=False)
    changed(path, lambda node: node["metadata"].update(edited=True))
    with pytest.raises(SessionError, match="was changed while it was replayed"):
        record_verdict(notebook, verdict)
    assert json.loads(path.read_text())["metadata"] == {"edited": True}


async def test_a_cell_that_takes_too_long_is_stopped_and_said(tmp_path: Path) -> None:
    path = await executed(
        tmp_path / "n.ipynb", ["import time, os\nif os.path.exists('slow'): time.sleep(60)\nprint(1)"]
    )
    (tmp_path / "slow").touch()
    os.utime(path, (1, 1))  # the file came later, so that the notebook cannot have made it
    verdict = await verified(path, settings=ReplaySettings(cell_seconds=1.0))
    assert verdict.reasons == {"stopped"}


async def test_what_the_network_gave_is_said_to_come_from_there(tmp_path: Path) -> None:
    source = "import urllib.request\nprint(urllib.request.urlopen('http://data.example.org/').status)"
    path = await executed(tmp_path / "n.ipynb", ["print(1)"])
    output = {"output_type": "stream", "name": "stdout", "text": "200\n"}
    changed(path, lambda node: code_cells(node)[0].update(source=source, outputs=[output]))
    assert (await verified(path)).reasons == {"network"}


# What is replayed cannot lie its way through


OPENED = "import sys\nopened = sys.modules['codeagent_opened_files']\n"


@pytest.mark.parametrize(
    "code",
    [
        "opened.seen.clear()\nopened.seen['/etc/passwd'] = 'r'",
        "opened.seen = object()",
        "del sys.modules['codeagent_opened_files']",
        "class Liar(dict):\n    def __repr__(self): return '{' * 10**6\nopened.seen = Liar()",
        "opened.seen.update({f'../x{i}': 'r' for i in range(10**4)})",
    ],
    ids=["cleared", "another object", "removed", "a repr", "many"],
)
async def test_what_was_opened_is_a_help_and_no_trust(code: str, tmp_path: Path) -> None:
    path = await executed(tmp_path / "n.ipynb", ["print(1)", "print(2)"])
    changed(path, lambda node: code_cells(node)[0].update(source=OPENED + code, outputs=[]))
    in_text(2, "2", "3")(path)
    verdict = await verified(path)
    assert [one.number for one in verdict.differences] == [2]
    assert not any(".." in name or name.startswith("/") for name in verdict.files)


async def test_a_notebook_in_a_hostile_folder_runs_none_of_it(tmp_path: Path) -> None:
    """Modules that lie beside a notebook are imported by its own code, in the sandbox, and never by ours."""
    trace = tmp_path / "trace"
    for name in ("json.py", "PIL.py", "nbformat.py", "sitecustomize.py"):
        (tmp_path / name).write_text(f"open({str(trace)!r}, 'w').write('ran')\n")
    path = await executed(tmp_path / "n.ipynb", ["print(1)"])
    assert (await verified(path)).proved
    assert not trace.exists()
