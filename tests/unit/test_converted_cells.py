"""A user's notebook with the agent's cells, by nbconvert: its code is in the script, and all reads well."""

import re
from typing import Any

import nbformat
import pytest
from nbconvert import HTMLExporter, MarkdownExporter, PythonExporter
from nbformat import v4

from codeagent_nb.notebook.cells.begin import begin_writing
from codeagent_nb.notebook.cells.page import Page
from tests.support.stories import Stages, events_of
from tests.unit.memory_page import Front, Window


@pytest.fixture
async def notebook(stage: Stages) -> Any:
    """A notebook whose task failed once, and was done then."""
    window = Window("%%agent -i df\nPrint two.", "print('mine')")
    window.run("anchor")
    writing = await begin_writing(Page("anchor", "w1", Front(window).connect))
    assert writing.writer
    for event in await events_of(stage, "repaired"):
        writing.writer.on_event(event)
    await writing.finish("a session")
    cells = [nbformat.from_dict(cell) for cell in window.cells]
    made = v4.new_notebook(cells=cells, metadata={"language_info": {"name": "python"}})
    nbformat.validate(made)
    return made


def test_a_script_has_the_code_that_did_it_and_tells_of_the_rest(notebook: Any) -> None:
    script, _ = PythonExporter().from_notebook_node(notebook)
    lines = [line for line in script.splitlines() if line and not line.startswith("#")]
    assert lines[0].startswith("get_ipython().run_cell_magic('agent', '-i df', 'Print two.")
    assert lines[1:] == ["print(2)", "print('mine')"]
    assert "# Two." in script
    assert "# <details>" in script
    compile(script, "script", "exec")


def test_markdown_and_html_have_all_of_it(notebook: Any) -> None:
    text, _ = MarkdownExporter().from_notebook_node(notebook)
    page, _ = HTMLExporter().from_notebook_node(notebook)
    for said in ("Print two.", "print(2)", "Attempt 1 failed", "Two."):
        assert said in text
        assert said in re.sub(r"<(?!/?details|/?summary)[^>]*>", "", page)
    prompts = re.findall(r"In\W*\[(.*?)\]:", page.replace("&nbsp;", " "))
    assert [prompt.strip() for prompt in prompts] == [""] * 3, "no count of another kernel"
