"""What every surface says of files that were saved or stayed behind."""

from typing import Any

import nbformat
import pytest

from codeagent_nb.events import FilesEvent, RunStartedEvent
from codeagent_nb.projections.cell_output import CellStory
from codeagent_nb.projections.chat import PanelStory
from codeagent_nb.text import delivered_text, held_text
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import ConsoleView
from kernel_executor import DeliveredFile, HeldFile
from kernel_executor.sizes import size_text
from tests.support.notebooks import notebook_of

SAVED = (DeliveredFile("out.csv", 1_234), DeliveredFile("nested/plot.png", 30_500))
HELD = (HeldFile("model.pkl", 5_000_000, "it is not of a kind that is known as data"),)


def event(**parts: Any) -> FilesEvent:
    return FilesEvent(source="executor", **parts)


@pytest.mark.parametrize(
    ("size", "text"),
    [
        (0, "0 bytes"),
        (1, "1 byte"),
        (999, "999 bytes"),
        (1_000, "1 kB"),
        (1_234, "1.23 kB"),
        (999_400, "999 kB"),
        (999_600, "1 MB"),
        (5_000_000, "5 MB"),
        (2_100_000_000, "2.1 GB"),
        (1 << 40, "1,099.5 GB"),
    ],
)
def test_sizes_are_for_people(size: int, text: str) -> None:
    assert size_text(size) == text


def test_what_was_saved_removed_and_held_is_one_line_each() -> None:
    told = event(delivered=SAVED, removed=("old.csv",), held=HELD)
    assert delivered_text(told) == "Saved out.csv (1.23 kB), nested/plot.png (30.5 kB); removed old.csv"
    assert held_text(told) == "Not saved: model.pkl (5 MB: it is not of a kind that is known as data)"
    assert delivered_text(event(removed=("old.csv",))) == "Removed old.csv"
    assert (delivered_text(event(held=HELD)), held_text(event(delivered=SAVED))) == ("", "")


def test_many_are_counted() -> None:
    many = tuple(DeliveredFile(f"{number}.csv", 1) for number in range(9))
    assert delivered_text(event(delivered=many)).endswith("5.csv (1 byte) and 3 more")
    held = tuple(HeldFile(f"{number}.py", 1, "it is code") for number in range(2))
    assert held_text(event(held=held, more_held=7)).endswith("1.py (1 byte: it is code) and 7 more")


def shown_in_a_cell(told: FilesEvent) -> str:
    story = CellStory()
    story.take(told)
    return "\n".join(data["text/plain"] + data["text/html"] for _, (data, _) in story.displays())


def shown_in_the_panel(told: FilesEvent) -> str:
    return "\n".join(entry["text"] for entry in PanelStory([told]).entries)


def shown_in_a_terminal(told: FilesEvent) -> str:
    console = CleanConsole(record=True, width=200)
    ConsoleView(console).on_event(told)
    return console.export_text()


def shown_in_a_notebook(told: FilesEvent) -> str:
    start = RunStartedEvent(source="agent", model="m", isolation="none", max_retries_on_error=0)
    notebook = notebook_of([start, told])
    nbformat.validate(notebook)
    assert {cell.cell_type for cell in notebook.cells} == {"markdown"}
    return "\n".join(cell.source for cell in notebook.cells)


SURFACES = [shown_in_a_cell, shown_in_the_panel, shown_in_a_terminal, shown_in_a_notebook]


@pytest.mark.parametrize("shown", SURFACES, ids=lambda shown: shown.__name__)
def test_every_surface_shows_them(shown: Any) -> None:
    text = shown(event(delivered=SAVED, held=HELD))
    for part in ("out.csv", "1.23 kB", "model.pkl", "not of a kind"):
        assert part in text


@pytest.mark.parametrize("shown", [shown_in_a_cell, shown_in_a_notebook], ids=lambda shown: shown.__name__)
def test_a_name_is_no_markup(shown: Any) -> None:
    text = shown(event(delivered=(DeliveredFile("<img src=x onerror=alert(1)>.csv", 1),)))
    assert "<img" not in text.replace("Saved <img src=x onerror=alert(1)>.csv (1 byte)", "", 1)
