"""Which notebooks are replayed, and what is read of them; the others are refused by a named reason."""

import json
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.proof.reading import read_notebook


def saved(path: Path, cells: list[dict[str, Any]], **more: Any) -> Path:
    path.write_text(json.dumps({"cells": cells, "metadata": {}, "nbformat": 4, "nbformat_minor": 5, **more}))
    return path


def code(source: Any, outputs: Any = (), **more: Any) -> dict[str, Any]:
    return {
        "cell_type": "code",
        "metadata": {},
        "source": source,
        "outputs": list(outputs),
        "execution_count": 1,
        **more,
    }


@pytest.mark.parametrize(
    ("content", "why"),
    [
        ("", "is not a notebook"),
        ("[]", "is not a notebook"),
        ('{"nbformat": 4}', "is not a notebook"),
        ('{"nbformat": 4, "cells": [1]}', "is not a notebook"),
        ('{"nbformat": 4, "cells": [{"cell_type": "code"}]}', "is not a notebook"),
        ('{"nbformat": 3, "worksheets": []}', "of notebook format 3"),
        ('{"cells": []}', "of notebook format None"),
        ('{"nbformat": 4, "cells": [], "metadata": {"kernelspec": {"language": "R"}}}', "is in r; only"),
        ('{"nbformat": 4, "cells": [], "metadata": {"language_info": {"name": "julia"}}}', "is in julia; only"),
        ("[" * 100_000, "is not a notebook"),
    ],
)
def test_what_cannot_be_replayed_is_refused_by_its_reason(tmp_path: Path, content: str, why: str) -> None:
    path = tmp_path / "n.ipynb"
    path.write_text(content)
    with pytest.raises(SessionError, match=why):
        read_notebook(path)


def test_a_folder_and_a_name_that_is_not_there_are_named(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "none.ipynb"):
        with pytest.raises(SessionError, match="cannot read"):
            read_notebook(path)


@pytest.mark.parametrize("metadata", [None, [], "x", {"kernelspec": 3}, {"language_info": {"name": 7}}])
def test_metadata_that_say_nothing_are_no_hindrance(tmp_path: Path, metadata: object) -> None:
    assert len(read_notebook(saved(tmp_path / "n.ipynb", [code("1")], metadata=metadata)).cells) == 1


def test_texts_are_read_as_files_hold_them(tmp_path: Path) -> None:
    outputs = [
        {"output_type": "stream", "name": "stdout", "text": ["a\n", "b\n"]},
        {"output_type": "execute_result", "data": {"text/plain": ["1\n", "2"]}, "metadata": {}, "execution_count": 1},
    ]
    [cell] = read_notebook(saved(tmp_path / "n.ipynb", [code(["x = 1\n", "x"], outputs)])).cells
    assert cell.source == "x = 1\nx"
    assert cell.outputs[0]["text"] == "a\nb\n"
    assert cell.outputs[1]["data"]["text/plain"] == "1\n2"


@pytest.mark.parametrize(
    ("source", "code_of_it", "is_task"),
    [
        ("%%agent\nDo it.", "", True),
        ("%%agent --model x\nDo it.", "", True),
        ("%load_ext codeagent_nb\nx = 1", "\nx = 1", False),
        ("%agent status", "", False),
        ("%config CodeAgent.model = 'x'", "", False),
        ("%agents", "%agents", False),
    ],
)
def test_what_asks_a_model_is_not_run(tmp_path: Path, source: str, code_of_it: str, is_task: bool) -> None:
    [cell] = read_notebook(saved(tmp_path / "n.ipynb", [code(source)])).cells
    assert (cell.code, cell.is_task) == (code_of_it, is_task)
