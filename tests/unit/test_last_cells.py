"""The model is told of the cells above a task only what the task speaks of, and people are told that it was."""

import pytest

from codeagent_nb.notebook.last_cells import CODE_BUDGET, LEFT_OUT, LastCells, Told, told_of_cells

TRACEBACK = """\
\x1b[31m---------------------------------------------------------------------------\x1b[39m
\x1b[31mKeyError\x1b[39m                                  Traceback (most recent call last)
Cell In[4], line 2
      1 total = 0
----> 2 df["mas"].mean()

File .../pandas/core/frame.py:4113, in DataFrame.__getitem__(self, key)
   4112     return self._getitem_multilevel(key)
-> 4113 indexer = self.columns.get_loc(key)

KeyError: 'mas'"""

FAILED = LastCells(("import pandas as pd", 'total = 0\ndf["mas"].mean()'), TRACEBACK)
FINE = LastCells(("a = 1", "b = 2", "c = 3", "d = 4"))


@pytest.mark.parametrize(
    "task",
    [
        *(
            "Why does this fail?",
            "fix the error",
            "Fix it",
            "Was ist der Fehler?",
            "Corrige l'erreur",
            "What went wrong?",
        ),
        *("Explain the last error, please", "My code crashes", "Debug my code", "Why did it fail", "Behebe den Fehler"),
    ],
)
def test_a_task_about_an_error_tells_the_cell_that_failed(task: str) -> None:
    told = told_of_cells(task, FAILED)
    assert 'df["mas"].mean()' in told.content
    assert "import pandas" not in told.content
    assert told.content.rstrip("`\n").endswith("KeyError: 'mas'")
    assert "_getitem_multilevel" not in told.content
    assert "\x1b" not in told.content
    assert told.note == "Told the model your last cell and its error"
    assert told.statistics.endswith('df["mas"].mean()\n```\nIt ended with KeyError.')


def test_of_an_error_that_a_notebook_has_made_up_no_name_is_told_where_no_values_are() -> None:
    cells = LastCells(("raise Smith_4711('secret')",), "Cell In[4], line 1\n\nSmith_4711: secret")
    assert told_of_cells("Why does this fail?", cells).statistics.endswith("It ended with an error.")


@pytest.mark.parametrize("task", ["Explain this code", "Make the plot above larger", "Erkläre die letzten Zellen"])
def test_a_task_about_cells_tells_the_last_three(task: str) -> None:
    told = told_of_cells(task, FINE)
    assert "a = 1" not in told.content
    assert told.content.index("b = 2") < told.content.index("c = 3") < told.content.index("d = 4")
    assert told.note == "Told the model your last 3 cells"


@pytest.mark.parametrize(
    "task",
    [
        *(
            "Which species is heaviest?",
            "Plot the error bars",
            "fix the column names of df",
            "Fit the code of the country",
        ),
        *(
            "the best result per athlete",
            "the function of price",
            "Compute the mean squared error",
            "the standard errors",
        ),
        *(
            "fix the random seed",
            "How many flights failed?",
            "counts of cells in this cell line",
            "Explain what the plot shows",
        ),
    ],
)
def test_any_other_task_tells_nothing(task: str) -> None:
    assert told_of_cells(task, FINE) == Told()
    assert told_of_cells(task, FAILED) == Told()


@pytest.mark.parametrize(
    "line",
    [
        "API_KEY = 'sk-proj-1'",
        "client.api_key='sk-proj-1'",
        'os.environ["OPENAI_API_KEY"] = "sk-proj-1"',
        "token: str = 'sk-proj-1'",
    ],
)
def test_a_line_that_sets_a_secret_is_left_out(line: str) -> None:
    told = told_of_cells("explain this code", LastCells((f"import os\n{line}\nmass = 1",)))
    assert "sk-proj" not in told.content
    assert f"import os\n{LEFT_OUT}\nmass = 1" in told.content


def test_without_cells_there_is_nothing_to_tell() -> None:
    assert told_of_cells("fix the code above", LastCells()) == Told()


def test_a_long_cell_is_cut() -> None:
    assert len(told_of_cells("explain this code", LastCells(("x = 1\n" * 5_000,))).content) < CODE_BUDGET + 300
