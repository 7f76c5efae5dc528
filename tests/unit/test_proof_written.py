"""What a proof and a trim write into notebooks: the verdict, the badge, and all that goes with the cells kept."""

import json
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.proof.reading import ReadNotebook, read_notebook
from codeagent_nb.proof.record import Record
from codeagent_nb.proof.recording import with_verdict
from codeagent_nb.proof.trimming import Trimmed, as_notebook
from codeagent_nb.proof.verdict import Verdict


def verdict(compared: int) -> Verdict:
    record = Record(cells=(), files={}, versions={})
    return Verdict(compared=compared, at=datetime(2026, 3, 4, tzinfo=UTC), record=record)


def code(source: str, **metadata: Any) -> dict[str, Any]:
    return {"cell_type": "code", "metadata": metadata, "source": source, "outputs": [], "execution_count": 1}


def saved(folder: Path, *cells: dict[str, Any], **about: Any) -> ReadNotebook:
    path = folder / "n.ipynb"
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5} | about))
    return read_notebook(path)


@pytest.mark.parametrize("about", [{"metadata": None}, {"metadata": []}, {"metadata": "x"}, {"nbformat_minor": None}])
def test_a_verdict_is_written_whatever_stands_in_the_place_of_metadata(tmp_path: Path, about: dict[str, Any]) -> None:
    node = json.loads(with_verdict(saved(tmp_path, code("1"), **about), verdict(1)))
    assert node["metadata"]["codeagent"]["proof"]["verdict"] == "proved"


@pytest.mark.parametrize(("compared", "word", "mark"), [(0, "nothing to prove", "○"), (1, "proved", "✓")])
def test_a_notebook_that_states_nothing_is_not_called_proved(
    tmp_path: Path, compared: int, word: str, mark: str
) -> None:
    node = json.loads(with_verdict(saved(tmp_path, code("1")), verdict(compared)))
    assert node["metadata"]["codeagent"]["proof"]["verdict"] == word
    assert "".join(node["cells"][-1]["source"]).startswith(f"**{mark} ")


def test_what_words_show_and_what_may_raise_is_kept_when_a_notebook_is_trimmed(tmp_path: Path) -> None:
    attached = {"map.png": {"image/png": "iVBORw0KGgo="}}
    words = {"cell_type": "markdown", "metadata": {}, "source": "![](attachment:map.png)", "attachments": attached}
    notebook = saved(tmp_path, words, code("1 / 0", tags=["raises-exception", "mine"]), code("1"))
    trimmed = Trimmed(notebook=notebook, kept=(1, 2), sources={1: "1 / 0", 2: "1"}, outputs={})
    first, raising, plain = json.loads(as_notebook(trimmed))["cells"]
    assert first["attachments"] == attached
    assert raising["metadata"] == {"tags": ["raises-exception"]}
    assert plain["metadata"] == {}
