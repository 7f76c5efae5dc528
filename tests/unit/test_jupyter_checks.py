"""What the doctor finds of Jupyter: the extension is there, of the right version, enabled."""

import json
from pathlib import Path

import pytest

from codeagent_nb.cli import jupyter_checks
from codeagent_nb.cli.jupyter_checks import check_applications, check_extension, check_widgets


@pytest.fixture
def data(tmp_path: Path) -> Path:
    folder = tmp_path / "share" / "jupyter" / "labextensions"
    write(folder / "codeagent-nb" / "package.json", {"name": "codeagent-nb", "version": "1.2"})
    return folder


def write(path: Path, content: object) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(content if isinstance(content, str) else json.dumps(content))


def found(data: Path, settings: Path, expected: str = "1.2") -> tuple[str, str, str]:
    finding = check_extension([str(data)], [str(settings)], expected)
    return finding.state, finding.detail, finding.fix


def test_an_extension_that_is_there_is_enabled(data: Path, tmp_path: Path) -> None:
    assert found(data, tmp_path) == ("ok", "version 1.2, enabled", "")


def test_one_that_is_missing_is_named_with_the_command(tmp_path: Path) -> None:
    state, detail, fix = found(tmp_path, tmp_path)
    assert (state, detail.partition(":")[0]) == ("weak", "not installed")
    assert "pip install" in fix


@pytest.mark.parametrize("content", ['{"version": "1.1"}', "{}", "no JSON", "[]", "", '{"version": null}'])
def test_one_of_another_version_is_named_with_both(data: Path, tmp_path: Path, content: str) -> None:
    write(data / "codeagent-nb" / "package.json", content)
    state, detail, fix = found(data, tmp_path)
    assert state == "weak"
    assert "this is 1.2" in detail
    assert "reload the page" in fix


@pytest.mark.parametrize(
    "disabled",
    [{"codeagent-nb": True}, ["codeagent-nb"], {"codeagent-nb:plugin": True}, {"other": False, "codeagent-nb": True}],
)
@pytest.mark.parametrize("where", ["labconfig", "application"])
def test_one_that_is_disabled_is_named_with_the_file(data: Path, tmp_path: Path, where: str, disabled: object) -> None:
    folder = tmp_path / "labconfig" if where == "labconfig" else data.parent / "lab" / "settings"
    write(folder / "page_config.json", {"disabledExtensions": disabled})
    state, detail, fix = found(data, tmp_path)
    assert (state, fix) == ("weak", "jupyter labextension enable codeagent-nb")
    assert str(folder) in detail


@pytest.mark.parametrize(
    "config",
    [
        {"disabledExtensions": {"codeagent-nb": False}},
        {"disabledExtensions": {"other": True}},
        {"disabledExtensions": ["codeagent-nbx"]},
        {"disabledExtensions": None},
        {"disabledExtensions": 3},
        {},
        [],
        "no JSON",
    ],
)
def test_what_disables_others_disables_not_ours(data: Path, tmp_path: Path, config: object) -> None:
    write(tmp_path / "labconfig" / "page_config.json", config)
    assert found(data, tmp_path)[0] == "ok"


def installed_as(monkeypatch: pytest.MonkeyPatch, versions: dict[str, str]) -> None:
    monkeypatch.setattr(jupyter_checks, "installed", lambda name: versions.get(name, ""))


def test_both_applications_are_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    installed_as(monkeypatch, {"jupyterlab": "4.6.1", "notebook": "7.6.0"})
    assert (check_applications().state, check_applications().detail) == ("ok", "jupyterlab 4.6.1, notebook 7.6.0")
    installed_as(monkeypatch, {"notebook": "7.4"})
    assert check_applications().state == "ok", "one is enough"
    installed_as(monkeypatch, {})
    assert check_applications().fix == "pip install jupyterlab"
    installed_as(monkeypatch, {"jupyterlab": "3.6.8", "notebook": "6.5"})
    assert check_applications().fix == "pip install -U jupyterlab notebook"


def test_widgets_that_are_missing_are_named(monkeypatch: pytest.MonkeyPatch) -> None:
    assert check_widgets().state == "ok"
    installed_as(monkeypatch, {"anywidget": "0.11"})
    finding = check_widgets()
    assert (finding.state, finding.fix) == ("weak", "pip install -U ipywidgets")
    assert "ipywidgets is missing" in finding.detail
