"""An `%%agent` cell becomes one that is awaited; its body arrives to the letter, and every other cell is left alone."""

import ast
from collections.abc import Iterator

import pytest
from hypothesis import given, strategies as st
from IPython.core.inputtransformer2 import TransformerManager

from codeagent_nb.notebook.input_transformer import TopLevelCells, await_agent_cells, await_commands


def called_with(code: str) -> tuple[str, str]:
    """Parse what the cell was turned into; return the line and the body that it is called with."""
    (statement,) = compile(code, "cell", "exec", ast.PyCF_ONLY_AST | ast.PyCF_ALLOW_TOP_LEVEL_AWAIT).body
    assert isinstance(statement, ast.Expr)
    assert isinstance(statement.value, ast.Await)
    call = statement.value.value
    assert isinstance(call, ast.Call)
    assert ast.unparse(call.func) == "get_ipython().magics_manager.registry['AgentMagics'].run_cell"
    line, body = map(ast.literal_eval, call.args)
    return line, body


def transformed(cell: str) -> tuple[str, str]:
    return called_with("".join(await_agent_cells(cell.splitlines(keepends=True))))


BODIES = [
    "",
    "Plot it.",
    "Plot it.\n",
    "\n\n  indented\n\ttab  \n\n",
    "quotes ' \" ''' \"\"\" and \\ backslashes \\n \\",
    "{braces} $dollars %percent !bang ?help @{x}\n",
    ">>> prompt\n... more\nIn [1]: x\n",
    "%%agent again\n%time x\n!ls\nx?\n",
    "grüße 你好 \U0001f600 \u202e \u00a0 \u2028\n",
    "await x\nget_ipython()\n",
    "lines\r\nof Windows\r\n",
    "\x00\x07\x1b[31m",
]


@pytest.mark.parametrize("body", BODIES)
@pytest.mark.parametrize("line", ["", "-m gpt-4.1 --bg", "-m 'a b' \\ \"", "-i größe"])
def test_line_and_body_arrive_to_the_letter(line: str, body: str) -> None:
    assert transformed(f"%%agent {line}\n{body}") == (line, body)


@given(st.text(alphabet=st.characters(exclude_categories=["Cs"])))
def test_any_body_arrives_to_the_letter(body: str) -> None:
    assert transformed(f"%%agent\n{body}") == ("", body)


printable = st.text(alphabet=st.characters(exclude_categories=["Cs", "Cc", "Zl", "Zp", "Zs"]), min_size=1)


@given(printable, st.sampled_from([" ", "\t", "  "]), st.sampled_from(["", " ", "\r", " \t"]))
def test_any_line_arrives_without_the_space_around_it(line: str, before: str, after: str) -> None:
    assert transformed(f"%%agent{before}{line}{after}\nbody") == (line, "body")


@pytest.mark.parametrize("before", ["\n", "\n\n  \n", "\t\n"])
def test_blank_lines_before_it_are_no_obstacle(before: str) -> None:
    assert transformed(f"{before}%%agent -r 1\nbody\n") == ("-r 1", "body\n")


@pytest.mark.parametrize(
    "cell",
    [
        *("", "\n", "x = 1\n", "%agent status\n", "%%agentx\nbody\n", "%%agent?\n", "%%agents -m x\n", "%%Agent\nx\n"),
        *("%%time\n%%agent\nbody\n", "# %%agent\n", "x\n%%agent\n", "'%%agent'\n", "%%agent-m x\n", "%% agent\n"),
    ],
)
def test_every_other_cell_is_left_alone(cell: str) -> None:
    lines = cell.splitlines(keepends=True)
    assert await_agent_cells(lines) == lines


@given(st.text())
def test_any_other_cell_is_left_alone(cell: str) -> None:
    lines = cell.splitlines(keepends=True)
    if not cell.lstrip().startswith("%%agent"):
        assert await_agent_cells(lines) == lines


# In IPython


@pytest.fixture
def manager() -> Iterator[TransformerManager]:
    """Return IPython's transformers with ours where the extension puts it."""
    manager = TransformerManager()
    manager.cleanup_transforms.insert(0, TopLevelCells(await_agent_cells))
    return manager


@pytest.mark.parametrize("body", BODIES)
def test_ipython_hands_it_over_unchanged(manager: TransformerManager, body: str) -> None:
    end = "" if not body or body.endswith("\n") else "\n"  # IPython's own
    assert called_with(manager.transform_cell(f"%%agent -m x\n{body}")) == ("-m x", f"{body}{end}")


def test_ipython_transforms_other_cells_as_ever(manager: TransformerManager) -> None:
    for cell in ("%time x", "!ls", "x = 1\n", "%%time\nx\n", ">>> x = 1\n", "  x = 1\n", "x?"):
        assert manager.transform_cell(cell) == TransformerManager().transform_cell(cell)


@pytest.mark.parametrize(
    "cell",
    ["%%agent\n", "%%agent -m x\nPlot it.", "%%agent\nIt's (open\n", "%%agent\nx\n\n", "x = (", "for x in y:", "x"],
)
def test_whether_a_cell_is_complete_is_told_as_for_any_magic(manager: TransformerManager, cell: str) -> None:
    """The terminal asks this at every Enter: an open quote in a task is no reason to wait, nor to run."""
    expected = TransformerManager().check_complete(cell.replace("%%agent", "%%other"))
    assert manager.check_complete(cell) == expected


def test_a_cell_within_a_running_one_is_left_to_the_magic() -> None:
    transformer = TopLevelCells(await_agent_cells)
    lines = ["%%agent\n", "body\n"]
    transformer.begin(None)
    assert transformer(lines) == lines
    transformer.end(None)
    assert transformer(lines) != lines


# `%agent pull`

PULL = "await get_ipython().magics_manager.registry['AgentMagics'].pull({!r})\n"


@pytest.mark.parametrize("line", ["clean", "clean as table", "big --limit 2GB", "it's", ""])
def test_a_pull_is_awaited_so_that_the_next_line_has_its_variable(line: str) -> None:
    lines = f"x = 1\n%agent pull {line}\nclean.shape\n"
    ours = "".join(await_commands(TransformerManager().transform_cell(lines).splitlines(keepends=True)))
    assert ours == f"x = 1\n{PULL.format(line)}clean.shape\n"


@pytest.mark.parametrize("line", ["resume", "resume 'my study'", "fork 2", "fork 2 other"])
def test_going_on_is_awaited_so_that_the_next_line_has_the_session(line: str) -> None:
    lines = f"%agent {line}\n%agent pull clean\n"
    ours = "".join(await_commands(TransformerManager().transform_cell(lines).splitlines(keepends=True)))
    name, _, rest = line.partition(" ")
    assert ours == PULL.replace("pull", name).format(rest) + PULL.format("clean")


@pytest.mark.parametrize(
    "cell",
    [
        *(
            "%agent status\n",
            "%agent pullover\n",
            "%other pull x\n",
            "if x:\n    %agent pull x\n",
            "x = %agent pull x\n",
        ),
        *('text = """\n%agent pull x\n"""\n', "def f():\n    %agent pull x\n"),
    ],
)
def test_what_is_no_line_of_its_own_is_left_to_the_magic(cell: str) -> None:
    lines = TransformerManager().transform_cell(cell).splitlines(keepends=True)
    assert await_commands(lines) == lines
