"""A notebook is reduced to what its final outputs need, proved by a replay; it reads as if it had been written so."""

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import nbformat
import pytest

from codeagent_nb.errors import SessionError
from codeagent_nb.proof.comparing import compare_outputs
from codeagent_nb.proof.numbers import Window
from codeagent_nb.proof.proving_scripts import prove_script
from codeagent_nb.proof.reading import read_notebook
from codeagent_nb.proof.replaying import ReplaySettings
from codeagent_nb.proof.trimming import Trimmed, as_notebook, script_of, trim
from tests.support.executed_notebooks import Cell, executed, verified
from tests.support.proof_cases import CSV

pytestmark = pytest.mark.integration

READ = "df = pd.read_csv('data.csv')"
TASK = ("task", "## Task\n\nCompare the groups.")
RESULT = ("reflection", "## Result\n\nGroup b is higher.")

PLANTED = (
    "df.head(2)",
    "df.info()",
    "df.describe()",
    "print(df.isna().sum())",
    "plt.hist(df.x)\nplt.show()",
    "scratch = [1, 2]\nscratch.append(3)\nprint(scratch)",
    "df['unused'] = df.x * 2",
    "other = df.copy()\nother['y'] = 0\nother.y.sum()",
    "import json\nprint(json.dumps({'a': 1}))",
    "correlation = df[['x', 'y']].corr()\ncorrelation",
)
"""What a careful person would not leave in."""


async def trimmed(folder: Path, cells: Sequence[Cell], **options: Any) -> Trimmed:
    (folder / "data.csv").write_text(CSV)
    path = await executed(folder / "n.ipynb", cells)
    return await trim(read_notebook(path), ReplaySettings(), **options)


def sources(done: Trimmed) -> list[str]:
    node = nbformat.reads(as_notebook(done).decode(), as_version=4)
    nbformat.validate(node)
    return [cell.source for cell in node.cells]


async def test_of_ten_superfluous_cells_at_least_nine_go_and_the_final_outputs_stay(tmp_path: Path) -> None:
    first, *others = PLANTED
    cells: list[Cell] = [
        TASK,
        "import pandas as pd\nimport matplotlib.pyplot as plt",
        READ,
        first,
        ("quoted", "failed"),
        *others,
    ]
    cells += ["means = df.groupby('group').y.mean()", "means.plot.bar()\nplt.show()", "print(means.to_dict())", RESULT]
    done = await trimmed(tmp_path, cells)
    text = "\n".join(sources(done))
    assert sum(planted in text for planted in PLANTED) <= 1
    assert "failed" not in text
    saved = read_notebook(tmp_path / "n.ipynb").cells
    window = Window(datetime.now(UTC), datetime.now(UTC))
    for number in (len(saved) - 1, len(saved)):
        assert compare_outputs(saved[number - 1].outputs, done.outputs[number], window).difference is None
    assert sources(done) == [
        "## Task\n\nCompare the groups.",
        "import matplotlib.pyplot as plt\nimport pandas as pd",
        READ,
        "means = df.groupby('group').y.mean()",
        "means.plot.bar()\nplt.show()",
        "print(means.to_dict())",
        "## Result\n\nGroup b is higher.",
    ]


async def test_what_was_trimmed_is_proved_where_it_lies(tmp_path: Path) -> None:
    done = await trimmed(tmp_path, ["import pandas as pd\n" + READ, "df.info()", "df.y.sum()"])
    other = tmp_path / "trimmed.ipynb"
    other.write_bytes(as_notebook(done))
    verdict = await verified(other)
    assert (verdict.proved, verdict.compared) == (True, 3)
    node = json.loads(other.read_text())
    counts = [cell["execution_count"] for cell in node["cells"] if cell["cell_type"] == "code"]
    assert counts == [1, 2, 3]


@pytest.mark.parametrize(
    ("cells", "needed"),
    [
        (["xs = [3, 1]", "xs.sort()", "print(xs)"], "xs.sort()"),
        (["import random\nrandom.seed(3)", "a = random.random()", "print(random.random())"], "a = random.random()"),
        (["d = {}", "def put(k):\n    d[k] = 1", "put('a')", "print(d)"], "put('a')"),
        (["import os\nos.environ['MODE'] = 'x'", "import os\nprint(os.environ['MODE'])"], "os.environ['MODE'] = 'x'"),
        (["open('t.txt', 'w').write('7')", "print(open('t.txt').read())"], "open('t.txt', 'w').write('7')"),
        (["class A: n = 1", "A.n = 2", "print(A().n)"], "A.n = 2"),
        (["import pandas as pd\ns = pd.Series([2, 1])", "t = s", "t[0] = 9", "print(s.tolist())"], "t[0] = 9"),
        (["x = 1", "exec('x = 2')", "print(x)"], "exec('x = 2')"),
        (["%%bash\necho 5 > n.txt", "print(open('n.txt').read())"], "echo 5 > n.txt"),
        (
            [
                "import sqlite3\ncon = sqlite3.connect('made.db')\ncon.execute('create table t (a)')",
                "con.execute('insert into t values (7)')\ncon.commit()",
                "con.execute('select * from t').fetchall()",
            ],
            "insert into t",
        ),
        (["n = 0", "for i in range(3):\n    n += i", "print(n)"], "n += i"),
    ],
)  # fmt: skip
async def test_what_a_text_hardly_shows_is_kept_because_it_is_proved(
    cells: list[str], needed: str, tmp_path: Path
) -> None:
    assert any(needed in source for source in sources(await trimmed(tmp_path, cells)))


async def test_a_file_that_is_left_for_the_user_is_a_result(tmp_path: Path) -> None:
    cells = ["import pandas as pd\n" + READ, "df.describe().to_csv('summary.csv')", "print(len(df))"]
    assert any("summary.csv" in source for source in sources(await trimmed(tmp_path, cells)))


async def test_further_cells_are_kept_when_they_are_asked_for(tmp_path: Path) -> None:
    cells = ["print('a')", "print('b')", "print('c')"]
    assert sources(await trimmed(tmp_path, cells, keep=[1])) == ["print('a')", "print('c')"]
    with pytest.raises(SessionError, match="no cell of code 7"):
        await trim(read_notebook(tmp_path / "n.ipynb"), ReplaySettings(), [7])


async def test_each_task_keeps_its_answer(tmp_path: Path) -> None:
    cells = [TASK, "print(1)", "print(2)", RESULT, ("task", "## Task\n\nNow another."), "print(3)", RESULT]
    assert [source for source in sources(await trimmed(tmp_path, cells)) if "print" in source] == [
        "print(2)",
        "print(3)",
    ]


async def test_a_users_headings_go_with_their_cells(tmp_path: Path) -> None:
    cells: list[Cell] = [("", "# Study"), ("", "## Looking around"), "print('look')", ("", "## Sum"), "print(1 + 1)"]
    path = await executed(tmp_path / "n.ipynb", cells)
    node = json.loads(path.read_text())
    for cell in node["cells"]:
        cell["metadata"] = {}
    path.write_text(json.dumps(node))
    done = await trim(read_notebook(path), ReplaySettings())
    assert sources(done) == ["# Study", "## Sum", "print(1 + 1)"]


async def test_what_does_not_come_out_the_same_is_not_trimmed(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match=r"verify n\.ipynb` says why"):
        await trimmed(tmp_path, ["import random", "print(random.random())"])


async def test_a_notebook_that_shows_nothing_is_not_trimmed(tmp_path: Path) -> None:
    with pytest.raises(SessionError, match="no cell that shows anything"):
        await trimmed(tmp_path, ["x = 1"])


async def test_a_script_is_proved_too(tmp_path: Path) -> None:
    cells = [TASK, "import pandas as pd\n" + READ, "df.head()", "!ls", "df.y.max()", RESULT]
    done = await trimmed(tmp_path, cells)
    script = script_of(done)
    assert script.startswith('"""Compare the groups.\n')
    assert "print(df.y.max())" in script
    await prove_script(done, script, ReplaySettings())
    with pytest.raises(SessionError, match="ZeroDivisionError"):
        await prove_script(done, f"{script}\n1 / 0\n", ReplaySettings())


@pytest.mark.parametrize(
    "cells",
    [
        ["print('a', end='')", "print('b')\nprint('b')", "'text'"],
        ["import numpy as np", "np.arange(3) / 2", "np.float64(2.5)"],
        ["import datetime", "datetime.date(2024, 1, 2)", "[1.5, {'a': None}]", "datetime.timedelta(hours=1)"],
        ["import pandas as pd\n" + READ, "df", "df.y", "df.describe()"],
        ["import time", "print(time.time() < 0, 7)", "list(range(200))"],
    ],
)
async def test_what_cells_show_is_found_in_what_their_script_prints(cells: list[str], tmp_path: Path) -> None:
    done = await trimmed(tmp_path, cells, keep=list(range(1, len(cells) + 1)))
    await prove_script(done, script_of(done), ReplaySettings())


async def test_a_script_that_prints_something_else_is_none(tmp_path: Path) -> None:
    """It was only looked at whether it ran."""
    done = await trimmed(tmp_path, ["import pandas as pd\n" + READ, "print('max', df.y.max())", "df.y.max()"], keep=[2])
    script = script_of(done)
    for changed, cell in ((script.replace("'max'", "'most'"), 2), (script.replace("print(df.y.max())", "print(7)"), 3)):
        assert changed != script
        with pytest.raises(SessionError, match=f"does not print what cell {cell} shows"):
            await prove_script(done, changed, ReplaySettings())


@pytest.mark.parametrize(
    ("cells", "why"),
    [
        (["%precision 2\n1 / 3"], "does not print what cell 1 shows"),
        (["display('a')"], "needs 'display'"),
    ],
)
async def test_what_needs_a_notebook_is_no_script(cells: list[str], why: str, tmp_path: Path) -> None:
    done = await trimmed(tmp_path, cells, keep=[1])
    with pytest.raises(SessionError, match=why):
        await prove_script(done, script_of(done), ReplaySettings())


async def test_cells_that_await_are_no_script(tmp_path: Path) -> None:
    done = await trimmed(tmp_path, ["import asyncio\nawait asyncio.sleep(0)\nprint(1)"])
    with pytest.raises(SessionError, match="make a notebook"):
        script_of(done)
