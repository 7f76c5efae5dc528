"""What may run of a model's reply, as rows: 78 cases by id, then one test per rule, then properties."""

import json
import warnings
from pathlib import Path
from typing import Any

import pytest

from codeagent_nb.reply.fences import FORGOTTEN, INDENTED
from codeagent_nb.reply.run_policy import (
    COMMENT,
    CUT_OFF,
    DRAFT,
    INFO_LINE,
    REPEATED,
    TRANSCRIPT,
    UNCLOSED,
    UNFENCED,
    UNTAGGED,
    Reply,
    extract_code_blocks,
    read_reply,
)  # fmt: skip
from kernel_executor.languages import normalize
from kernel_executor.types import CodeBlock

CASES: list[dict[str, Any]] = [
    json.loads(line) for line in (Path(__file__).parent / "fence_cases.jsonl").read_text("utf-8").split("\n") if line
]


def fenced(code: str, tag: str = "python", fence: str = "```") -> str:
    return f"{fence}{tag}\n{code}\n{fence}\n"


def ran(markdown: str, finish_reason: str = "stop") -> list[str]:
    return [block.code for block in extract_code_blocks(markdown, finish_reason)]


def reasons(markdown: str, finish_reason: str = "stop") -> list[str]:
    return [reason for _, reason in read_reply(markdown, finish_reason).refused]


def is_answer(reply: Reply) -> bool:
    """Nothing to run and nothing refused: the reply is the answer."""
    return not (reply.blocks or reply.refused or reply.cut_off)


# --- the cases


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case_runs_exactly_the_code_it_should(case: dict[str, Any]) -> None:
    agent = [CodeBlock(code, language) for language, code in case["agent"]]
    assert extract_code_blocks(case["markdown"], case["finish_reason"]) == [agent[index] for index in case["run"]]


@pytest.mark.parametrize("case", CASES, ids=lambda case: case["id"])
def test_case_shows_exactly_the_blocks_it_should(case: dict[str, Any]) -> None:
    seen = read_reply(case["markdown"], case["finish_reason"]).seen
    assert [[block.language, block.code] for block in seen] == case["agent"]


# --- languages


@pytest.mark.parametrize("name", ["python", "py", "Python3", "ipython", "IPYTHON3", "python3.11", "jupyter", " py "])
def test_python_has_many_names(name: str) -> None:
    assert normalize(name) == "python"


@pytest.mark.parametrize("name", ["bash", "sh", "Shell", "zsh"])
def test_bash_has_many_names(name: str) -> None:
    assert normalize(name) == "bash"


@pytest.mark.parametrize("name", ["python2", "pythonic", "console", "shell-session", "c++", ""])
def test_any_other_name_stays_itself(name: str) -> None:
    assert normalize(name) == name


@pytest.mark.parametrize("tag", ["r", "javascript", "python2", "{r}", "pythonic-notes"])
def test_another_language_is_refused_and_the_accepted_ones_are_named(tag: str) -> None:
    (reason,) = reasons(fenced("x", tag))
    assert "python and bash" in reason


@pytest.mark.parametrize("tag", ["json", "text", "output", "diff", "markdown", "yaml", "csv"])
def test_data_is_part_of_an_answer(tag: str) -> None:
    assert is_answer(read_reply("The answer:\n\n" + fenced("{}", tag)))


@pytest.mark.parametrize(
    "info",
    ["python,linenos", "python{1,3}", "python {1,3}", '{.python #a}', "{code-cell} ipython3", "py title='a b'",
     "python main.py", "python (example)", "language-python", "python hl_lines=\"2 3\""],
)  # fmt: skip
def test_options_after_the_language_are_not_code(info: str) -> None:
    assert ran(fenced("print(1)", info)) == ["print(1)\n"]


@pytest.mark.parametrize(
    ("info", "code"),
    [("python import os", "os.getcwd()"), ("python def f():", "    return 1"), ("python a=1", "print(a)")],
)
def test_code_on_the_info_line_is_kept(info: str, code: str) -> None:
    assert ran(fenced(code, info)) == [f"{info.removeprefix('python ')}\n{code}\n"]


def test_a_command_on_the_info_line_is_refused_because_a_shell_cannot_check_it() -> None:
    assert reasons("```bash pip install x\n```\n") == [INFO_LINE]


# --- rule 1: closed code runs


def test_closed_code_with_a_syntax_error_runs_so_that_the_kernel_explains_it() -> None:
    assert ran(fenced("print(1")) == ["print(1\n"]


# --- rule 2: cut off


@pytest.mark.parametrize("finish_reason", ["length", "content_filter"])
@pytest.mark.parametrize("markdown", [fenced("print(1)"), "```python\nprint(1)", "print(1)\n", "```\nprint(1)\n```"])
def test_a_cut_off_reply_runs_nothing_and_says_so(markdown: str, finish_reason: str) -> None:
    reply = read_reply(markdown, finish_reason)
    assert (reply.blocks, reply.cut_off) == ((), True)
    assert [reason for _, reason in reply.refused] == [CUT_OFF]


def test_cut_off_prose_is_marked_though_there_is_no_block() -> None:
    assert read_reply("I would", finish_reason="length").cut_off


# --- rule 3: drafts


@pytest.mark.parametrize(
    "tags", ["<think>|</think>", "<thinking>|</thinking>", "<Reasoning>|</Reasoning>", "[THINK]|[/THINK]"]
)
def test_reasoning_is_taken_out(tags: str) -> None:
    start, end = tags.split("|")
    reply = read_reply(f"{start}\nmaybe\n{fenced('bad()')}{end}\n{fenced('good()')}")
    assert [block.code for block in reply.blocks] == ["good()\n"]
    assert reply.thought is not None
    assert "bad()" in reply.thought
    assert reply.text == fenced("good()").strip()


def test_an_end_without_a_start_makes_all_before_it_reasoning() -> None:
    assert ran(f"maybe\n{fenced('bad()')}</think>\n{fenced('good()')}") == ["good()\n"]


def test_an_end_without_a_start_also_ends_an_open_draft() -> None:
    assert ran(f"```python\nbad()\n</think>\n{fenced('good()')}") == ["good()\n"]


def test_reasoning_in_reasoning_ends_with_the_outer_one() -> None:
    assert ran(f"<think>a <think>b</think>\n{fenced('bad()')}</think>\n{fenced('good()')}") == ["good()\n"]


@pytest.mark.parametrize("end", ["", "</think>"])
def test_a_reply_of_nothing_but_reasoning_is_cut_off_and_its_draft_is_refused(end: str) -> None:
    reply = read_reply(f"<think>\n{fenced('bad()')}{end}")
    assert (reply.text, reply.seen, reply.blocks, reply.cut_off) == ("", (), (), True)
    assert reply.refused == ((CodeBlock("bad()\n", "python"), DRAFT),)


@pytest.mark.parametrize(
    "code", ["s = '<think>'", 's = """\n<think>\nx\n</think>\n"""', "t = '</think>'", "c = '<!--'"]
)
def test_tags_in_code_are_code(code: str) -> None:
    assert ran(fenced(code) + "\nMore.\n") == [code + "\n"]


def test_a_tag_that_is_talked_about_is_text() -> None:
    assert ran("Close the `<think>` tag.\n\n" + fenced("print(1)")) == ["print(1)\n"]


@pytest.mark.parametrize("comment", ["<!--\n{}-->\n", "Note <!--\n\n{}\n-->\n", "<!-- a -->\n<!--{}-->\n"])
def test_code_in_a_comment_never_runs(comment: str) -> None:
    assert ran(comment.format("\n" + fenced("bad()")) + "\n" + fenced("good()")) == ["good()\n"]


def test_a_comment_without_an_end_is_refused() -> None:
    assert reasons("<!--\n" + fenced("bad()")) == [COMMENT]


# --- rule 4: untagged blocks


def test_untagged_blocks_run_among_themselves_if_they_are_programs() -> None:
    assert ran(f"{fenced('print(1)', '')}\nOutput:\n\n{fenced('1', '')}") == ["print(1)\n"]


@pytest.mark.parametrize("text", ["42", "Hello", "Name: Alice", "[1, 2]", "a/\n├── b", "It is 3.", "2024-01-05"])
def test_an_untagged_value_or_text_is_an_answer(text: str) -> None:
    assert is_answer(read_reply(f"Result:\n\n{fenced(text, '')}"))


@pytest.mark.parametrize("code", ["print(1", "pip install pandas", "import os\nprint os.name"])
def test_untagged_code_that_does_not_parse_is_refused(code: str) -> None:
    assert reasons(fenced(code, "")) == [UNTAGGED]


def test_untagged_code_next_to_nothing_but_data_is_refused() -> None:
    assert reasons(f"{fenced('print(1)', '')}\n{fenced('1', 'text')}") == [UNTAGGED]


# --- rule 5: unclosed blocks


@pytest.mark.parametrize("code", ["print(1)", "!pip list", "await f()", "%matplotlib inline\nx?", "%%bash\nls -l"])
def test_an_unclosed_block_runs_if_it_is_an_ipython_cell(code: str) -> None:
    assert ran(f"```python\n{code}\n") == [f"{code}\n"]


@pytest.mark.parametrize("code", ["print(1", "print(1)\n\nThis prints one.", "s = '''"])
def test_an_unclosed_block_that_does_not_parse_is_refused(code: str) -> None:
    assert reasons(f"```python\n{code}\n") == [UNCLOSED]


def test_an_unclosed_shell_block_runs_if_no_prose_can_have_followed() -> None:
    assert ran("```bash\npip list\n") == ["pip list\n"]
    assert reasons("```bash\npip list\n\nThis lists all.\n") == [UNCLOSED]


@pytest.mark.parametrize("end", ["```", "\n~~~", "\n``` done", "```\nIt prints one.", "\n``` \nIt prints one."])
@pytest.mark.parametrize("fence", ["```", "````"])
def test_a_closer_that_is_none_by_the_rules_still_ends_whole_code(fence: str, end: str) -> None:
    end = end.replace("```", fence) if not end.startswith("\n") else end
    assert ran(f"{fence}python\nprint(1){end}\n") == ["print(1)\n"]


def test_after_a_glued_closer_the_next_block_is_read() -> None:
    assert ran(f"```python\na = 1```\nThen:\n\n{fenced('print(a)')}") == ["a = 1\n", "print(a)\n"]


# --- rule 6: forgotten closers


@pytest.mark.parametrize(
    "markdown",
    [
        f"```python\na = 1\n\nNow:\n\n{fenced('print(a)')}",
        f"{fenced('z = 1')}\n```python\na = 1\n\nNow:\n\n{fenced('print(a)')}",
        "```python\na = 1\n\nNow:\n\n```python\nprint(a)\n",
        f"```output\n1\n\n{fenced('print(a)')}",
        f"```bash\nls\n\nNow:\n\n{fenced('print(a)')}",
    ],
)
def test_a_forgotten_closer_stops_the_whole_reply(markdown: str) -> None:
    reply = read_reply(markdown)
    assert reply.blocks == ()
    assert {reason for _, reason in reply.refused} == {FORGOTTEN}
    assert reply.seen[-1] == CodeBlock("print(a)\n", "python")


def test_an_opener_written_twice_is_one_opener() -> None:
    assert ran(f"```python\n{fenced('print(1)')}") == ["print(1)\n"]


# --- rule 7: fences in text


@pytest.mark.parametrize(
    "code",
    [
        's = """\n```\nx\n```\n"""',
        "s = '''\n```python\nx\n```\n\n```bash\ny\n```\n'''\nprint(s)",
        'def f():\n    """\n```\nf()\n```\n    """\n    return 1',
    ],
)
@pytest.mark.parametrize("prefix", ["", "> ", "   "])
def test_fences_in_a_python_string_belong_to_it(code: str, prefix: str) -> None:
    block = "".join(f"{prefix}{line}".rstrip(" ") + "\n" for line in fenced(code).splitlines())
    assert ran(f"{'1. Run' if prefix == '   ' else 'Run'}\n{block}\nand\n\n{fenced('print(2)')}") == [
        code + "\n",
        "print(2)\n",
    ]


def test_fences_in_a_here_document_belong_to_it() -> None:
    code = "cat > README.md <<'EOF'\n# Title\n```python\nx\n```\nEOF\necho done"
    assert ran(fenced(code, "bash")) == [code + "\n"]


def test_a_quoted_document_with_equal_fences_is_one_block() -> None:
    reply = read_reply(f"{fenced('# A' + chr(10) + fenced('bad()') + 'End', 'markdown')}\n{fenced('good()')}")
    assert [block.language for block in reply.seen] == ["markdown", "python"]
    assert [block.code for block in reply.blocks] == ["good()\n"]


def test_a_string_that_nobody_closes_takes_no_other_block_with_it() -> None:
    assert ran(f"{fenced('s = ' + chr(34) * 3)}\n{fenced('print(2)')}")[-1] == "print(2)\n"


# --- rule 8: transcripts


@pytest.mark.parametrize(
    ("tag", "session", "code"),
    [
        ("pycon", ">>> 1 + 1\n2", "1 + 1\n"),
        ("python", ">>> if a:\n...     b()\n'x'\n>>> c", "if a:\n    b()\nc\n"),
        ("", "In [1]: a = f()\nIn [2]: a\nOut[2]: 3", "a = f()\na\n"),
    ],
)
def test_an_interpreter_session_runs_its_input(tag: str, session: str, code: str) -> None:
    assert ran(fenced(session, tag)) == [code]


@pytest.mark.parametrize("tag", ["console", "shell-session", "bash"])
def test_a_terminal_session_is_shown_as_commands_and_refused(tag: str) -> None:
    reply = read_reply(fenced("$ ls\na.csv\nuser@host:~$ wc a.csv", tag))
    assert reply.refused == ((CodeBlock("ls\nwc a.csv\n", "bash"), TRANSCRIPT),)


def test_a_bash_block_with_prompts_but_no_output_is_a_script() -> None:
    assert ran(fenced("$ ls\n$ pwd", "bash")) == ["ls\npwd\n"]


# --- rule 9: repeats


def test_a_block_that_repeats_all_before_it_runs_alone() -> None:
    everything = "import os\n\nx = os.name\nprint(x)"
    markdown = "\n".join(["One:", fenced("import os"), "Two:", fenced("x = os.name"), "All:", fenced(everything)])
    assert ran(markdown) == [everything + "\n"]
    assert reasons(markdown) == [REPEATED, REPEATED]


def test_a_step_that_occurs_twice_is_not_a_repeat_of_the_whole() -> None:
    steps = ["df.head()", "df['a'] = 1", "df.head()"]
    assert ran("\n".join(fenced(step) for step in steps)) == [f"{step}\n" for step in steps]


# --- rule 10: replies without fences


@pytest.mark.parametrize(
    "text", ["print(1)", "df.head()", "!pip list", "%%bash\nls", "import os\nx = os.name", "await f.g()"]
)
def test_a_bare_program_runs(text: str) -> None:
    assert ran(text) == [text + "\n"]


@pytest.mark.parametrize(
    "text",
    ["", "Hello", "42", "x = 5", "Paris (France)", "sugar is sweet", "Name: Alice", "[1, 2]", "# Title", "Yes, no",
     '{"name": "Alice", "age": 3}', "Use `print(1)`."],
)  # fmt: skip
def test_words_that_happen_to_parse_are_an_answer(text: str) -> None:
    assert is_answer(read_reply(text))


def test_code_between_sentences_is_refused_and_not_lost() -> None:
    assert reasons("import math\nprint(math.pi)\n\nThis prints pi.") == [UNFENCED]


def test_indented_code_is_refused_and_not_lost() -> None:
    assert reasons("Run:\n\n    import math\n    print(math.pi)\n") == [INDENTED]


@pytest.mark.parametrize(
    "text",
    [
        '{"name": "python", "arguments": "{\\"code\\": \\"print(1)\\"}"}',
        '{"name": "run_python", "parameters": {"source": "print(1)"}}',
        '{"function": {"name": "python", "arguments": {"code": "print(1)"}}}',
        'I run it.\n<tool_call>\n{"name": "python", "arguments": {"code": "print(1)"}}',
        '```json\n{"name": "python", "arguments": {"code": "print(1)"}}\n```',
        "Here: <pre><code class='language-python'>print(1)</code></pre>",
        "<details>\n```python\nprint(1)\n```\n</details>",
        "```python print(1)```",
        "\u00a0```\u200bpython\nprint(1)\n```",
        '"""python\nprint(1)\n"""',
    ],
)
def test_code_in_other_wrappings_is_found(text: str) -> None:
    assert ran(text) == ["print(1)\n"]


@pytest.mark.parametrize(
    "call", ['{"name": "search", "arguments": {"q": "x"}}', '{"name": "python", "arguments": {"code": "x}}']
)
def test_a_tool_call_that_cannot_be_made_is_refused(call: str) -> None:
    assert len(reasons(f"<tool_call>{call}</tool_call>")) == 1


def test_warnings_of_the_parser_stay_inside() -> None:
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert ran(r"print('\d')") == ["print('\\d')\n"]


@pytest.mark.parametrize("finish_reason", ["length", "LENGTH", "max_tokens", "MAX_TOKENS", "SAFETY", "content_filter"])
def test_no_code_of_a_reply_that_was_cut_off_runs(finish_reason: str) -> None:
    reply = read_reply("```python\nprint(1)\n```", finish_reason)
    assert (reply.blocks, reply.cut_off) == ((), True)
