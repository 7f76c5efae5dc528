"""A saved notebook says of its language what the kernel says, so that other programs convert it as one of IPython."""

import json
from pathlib import Path
from typing import Any

import nbformat
import pytest
from nbconvert import ScriptExporter

from codeagent_nb.projections.language_info import OF_IPYTHON, read_language_info
from codeagent_nb.views.notebook_file import NotebookView

KERNEL = {
    "name": "python",
    "version": "3.9.18",
    "mimetype": "text/x-python",
    "codemirror_mode": {"name": "ipython", "version": 3},
    "pygments_lexer": "ipython3",
    "nbconvert_exporter": "python",
    "file_extension": ".py",
}


def test_it_is_the_kernel_s_own() -> None:
    assert read_language_info(repr(KERNEL)) == KERNEL


# The last ones: nbconvert imports what has a dot in its name.
@pytest.mark.parametrize(
    "answer",
    [
        *(None, "", "None", "3", "[]", "{}", "nonsense", "{'name': 3}", "{" * 9_999, "{1: 2}", "'python'", "\0"),
        *("{'version': '1' * 9}", repr({"version": "x" * 1_000}), repr({"version": "3 </script>"}), "{[]: 1}"),
        *(repr({"nbconvert_exporter": "os.path"}), repr({"nbconvert_exporter": "../x"}), repr({"name": "a b"})),
        *(repr({"file_extension": "/../x"}), repr({"codemirror_mode": {"name": "<b>"}}), repr({"mimetype": "x"})),
        repr({"nbconvert_exporter": "größe", "file_extension": ".py\n"}),
    ],
)
def test_what_is_strange_is_not_taken(answer: str | None) -> None:
    assert read_language_info(answer) == OF_IPYTHON


@pytest.mark.parametrize("told", [None, KERNEL])
def test_it_stands_in_the_notebook_as_nbformat_writes_it(tmp_path: Path, told: dict[str, Any] | None) -> None:
    path = tmp_path / "session.ipynb"
    view = NotebookView(path)
    if told:
        view.take_language(told)
        view.save()
    saved = nbformat.read(path, as_version=4)
    nbformat.validate(saved)
    assert saved.metadata.language_info == (told or OF_IPYTHON)
    assert path.read_text().rstrip("\n") == nbformat.writes(saved).rstrip("\n")


# Sources: nbconvert#1529, nbconvert#952, IRkernel/IRkernel#394, jupyter/notebook#2655.
CELLS = {
    "%%bash\necho hello": "run_cell_magic('bash'",
    "%%writefile x.txt\ntext": "run_cell_magic('writefile'",
    "%%capture out\nprint(1)": "run_cell_magic('capture'",
    "%%time\nx = 1": "run_cell_magic('time'",
    "%matplotlib inline": "run_line_magic('matplotlib'",
    "!ls": "get_ipython().system('ls')",
    "files = !ls": "get_ipython().getoutput('ls')",
    "%pip install x": "run_line_magic('pip'",
    "print?": "run_line_magic('pinfo'",
    "x = %who_ls": "run_line_magic('who_ls'",
}


@pytest.mark.parametrize("source", CELLS, ids=lambda source: source.split()[0])
def test_a_script_made_of_it_is_python_and_has_its_words(tmp_path: Path, source: str) -> None:
    path = tmp_path / "session.ipynb"
    NotebookView(path)
    saved = json.loads(path.read_text())
    words = {"cell_type": "markdown", "id": "a", "metadata": {}, "source": "What *was* asked"}
    code = {"cell_type": "code", "id": "b", "metadata": {}, "source": source, "outputs": [], "execution_count": 1}
    saved["cells"] = [words, code]
    script, resources = ScriptExporter().from_notebook_node(nbformat.reads(json.dumps(saved), as_version=4))
    assert resources["output_extension"] == ".py"
    compile(script, "script", "exec")
    assert CELLS[source] in script
    assert "# What *was* asked" in script
