"""What is delivered by itself, by its name alone."""

import pytest
from hypothesis import given, strategies as st

from kernel_executor.stage.kinds import DATA, held_back, never


@pytest.mark.parametrize(
    "name",
    [
        *("out.csv", "plot.PNG", "nested/deep/table.parquet", "notes.md", "report.html", "data.json", "x.ipynb"),
        *("archive.tar.gz", "base.sqlite", "array.npy", "paper.pdf", "Größe in m².xlsx", "test/results.txt"),
        *("json/out.json", "model_metrics.json", "requirements_analysis.csv"),
    ],
)
def test_data_is_delivered(name: str) -> None:
    assert held_back(name, ()) == ""


@pytest.mark.parametrize(
    "name",
    [
        *("helper.py", "run.sh", "pkg/__init__.py", "model.pkl", "model.joblib", "net.pt", "script", "page.js"),
        *("config.yaml", "config.toml", "setup.cfg", "Makefile", "x.unknown"),
    ],
)
def test_code_pickles_and_what_is_not_known_stay_until_somebody_asks(name: str) -> None:
    assert held_back(name, ()) != ""


@pytest.mark.parametrize(
    "name",
    [
        *(".bashrc", ".git/config", "nested/.env", ".vscode/settings.json", ".ipynb_checkpoints/x.ipynb", "-rf.csv"),
        *("x.pth", "evil.dist-info/entry_points.txt", "evil.dist-info/METADATA", "E.EGG-INFO/PKG-INFO", "libcap.so.2"),
        *("native.so", "a.pyd", "__pycache__/x.cpython-311.pyc", "package.json", "requirements.txt", "conftest.py"),
        *("requirements-dev.txt", "CMakeLists.txt", "sitecustomize.py", "Dockerfile", "kernel.json", "CLAUDE.md"),
        *("json.py", "JSON.PY", "random.py", "ssl/__init__.py", "a\nb.csv", "a\x1bb.csv", "caf\udce9.csv"),
        *("jupyter_config.json", "docker-compose.yml"),
    ],
)
def test_what_programs_obey_is_never_delivered_whoever_asks(name: str) -> None:
    assert never(name) != ""
    assert held_back(name, {name}) != ""


def test_code_that_a_block_named_is_delivered() -> None:
    assert held_back("analysis.py", {"analysis.py"}) == ""
    assert held_back("pkg/mine.py", {"pkg/mine.py"}) == ""


@given(st.lists(st.text(min_size=1, max_size=8).filter(lambda part: "/" not in part), min_size=1, max_size=3))
def test_only_known_kinds_are_ever_delivered_by_themselves(parts: list[str]) -> None:
    name = "/".join(parts)
    if not held_back(name, ()):
        assert "." + name.rpartition(".")[2].lower() in DATA
        assert name.isprintable()
        assert not any(part.startswith(".") for part in parts)
