"""What holds for every reply, however broken, streamed or hostile."""

import time

import pytest
from hypothesis import example, given, settings, strategies as st

from codeagent_nb.reply.run_policy import extract_code_blocks, read_reply
from kernel_executor.types import CodeBlock

FENCE_SCRAPS = [
    "```", "```python", "```python\n", "\n```\n", "~~~", "````", "markdown\n", "bash\n", "`", "'''", '"""',
    "'''python\n",
]  # fmt: skip
LINE_SCRAPS = ["\n", "\r\n", "\r", "> ", "1. ", "    ", "\t", "\x00", "\ufeff", "\u200b", "Hello ", ">>> a\n", "$ ls\n"]
CODE_SCRAPS = ["print(1)", "x = 1\n", "%%bash\n", "import os\n", "<<EOF\n", "EOF\n", '{"name": "python"', "<tool_call>"]
TAG_SCRAPS = ["<think>", "</think>", "<!--", "-->", "<pre><code>", "</code></pre>"]
MARK_SCRAPS = [
    "<scratchpad>", "</scratchpad>", "[THINK]", "[/THINK]", "◁think▷", "<|channel|>analysis<|message|>", "<|end|>",
    "<|channel>thought", "<channel|>", "<|python_tag|>", "</tool_call>", "[TOOL_CALLS]", "<function=python>",
    "</function>", "<parameter=code>", " to=python<|message|>", "<code>", "<reason>", "Action: python\nAction Input: ",
]  # fmt: skip
DAMAGE_SCRAPS = ["&lt;", "&quot;", "\u201c", "\u00a0", "\uff08", "\\n", "\u2028"]
SCRAPS = st.sampled_from([*FENCE_SCRAPS, *LINE_SCRAPS, *CODE_SCRAPS, *TAG_SCRAPS, *MARK_SCRAPS, *DAMAGE_SCRAPS])
REPLIES = st.lists(SCRAPS | st.text(max_size=8), max_size=24).map("".join)
CODE = st.text(st.characters(exclude_characters="\r\0", exclude_categories=["Cs"]), max_size=80)


@given(REPLIES, st.sampled_from(["stop", "length", "content_filter", "tool_calls", "unknown"]))
@settings(deadline=None)
def test_any_reply_is_read_without_raising_and_runs_only_what_is_seen(markdown: str, finish_reason: str) -> None:
    reply = read_reply(markdown, finish_reason)
    assert all(block in reply.seen and block.language in {"python", "bash", ""} for block in reply.blocks)
    assert all(reason for _, reason in reply.refused)
    assert not (reply.cut_off and reply.blocks)


@given(REPLIES)
@settings(deadline=None)
def test_a_cut_off_reply_never_runs(markdown: str) -> None:
    assert read_reply(markdown, "length").blocks == ()


@given(REPLIES, st.data())
@settings(deadline=None)
def test_line_ends_and_chunk_bounds_change_nothing(markdown: str, data: st.DataObject) -> None:
    unix = markdown.replace("\r\n", "\n").replace("\r", "\n")
    streamed = unix.replace("\n", "\r\n")
    cuts = sorted(data.draw(st.lists(st.integers(0, len(streamed)), max_size=6)))
    chunks = [streamed[a:b] for a, b in zip([0, *cuts], [*cuts, len(streamed)], strict=True)]
    assert read_reply("".join(chunks)) == read_reply(unix)


@given(CODE)
@example("```python\nx\n```")
@example("<think>")
@example("</think>")
@example("\ufeff```")
@settings(deadline=None)
def test_code_in_a_fence_longer_than_any_in_it_comes_back_unchanged(code: str) -> None:
    fence = "`" * 90
    (block,) = read_reply(f"Here:\n\n{fence}text\n{code}\n{fence}\n\nDone.").seen
    assert block.code == f"{code}\n"


@given(CODE)
@settings(deadline=None)
def test_a_program_that_prints_any_text_runs_unchanged(text: str) -> None:
    program = f"s = {text!r}\nprint(s)\n"
    assert extract_code_blocks(
        f"1. Run:\n   ```py\n   {program.replace(chr(10), chr(10) + '   ').rstrip()}\n   ```"
    ) == [CodeBlock(program, "python")]


# --- hostile input

HOSTILE = {
    "openers": "```python\n" * 32_000,
    "forgotten closers": "```python\na b\n\n" * 10_000,
    "ticks": "`" * 100_000,
    "quotes": ">" * 100_000 + " ```python\n",
    "lists": "- " * 50_000 + "x\n",
    "brackets": "```\n" + "(" * 100_000 + "\n```\n",
    "attributes": "```\na" + ".a" * 50_000 + "\n```\n",
    "signs": "-" * 100_000 + "1",
    "json": '{"a":' * 100_000,
    "thoughts": "<think>" * 100_000,
    "ends of thoughts": "</think>\n" * 50_000,
    "comments": "<!--" * 100_000,
    "elements": "<pre><code>" * 50_000,
    "strings": ("```python\ns = '''\n```\n\n") * 3_000,
    "list items": "1. a\n   ```python\n   x = 1\ny = 2\n   ```\n" * 2_000,
    "spaces": " " * 500_000,
    "calls": '<tool_call>{"name": "python"' * 20_000,
    "parameters": "<function=python>" + "<parameter=code>" * 20_000,
    "marks": "[TOOL_CALLS][" * 50_000,
    "reasons": "a <reason> b " * 30_000,
    "unpaired": "<reason>\n</analysis>" * 20_000,
    "channels": "<|channel|>analysis<|message|>" * 20_000,
    "messages": "<|start|>a to=x<|message|>" * 20_000,
    "labels": "Code:\n" * 50_000 + "<end_code",
    "entities": "```python\n" + "&lt; " * 10_000 + "\n```",
    "damaged blocks": "```python\nprint(\u201ca\n```\n\n" * 3_000,
    "spaces in an action": "Action:" + " " * 100_000 + "x:",
    "escaped quotes": "```python\n" + '\\"""\n' * 9_000 + "\n```",
    "escaped apostrophes": "```python\n" + "\\'''\n" * 9_000 + "\n```",
    "escaped quotes of a shell": "```bash\n" + 'a \\" b\n' * 6_000 + "\n```",
    "mentions": "`<think>` x</think> " * 20_000,
    "folds": "<details>\n<summary>x" * 20_000,
    "words in brackets": "<a b c " * 30_000 + "[begin of the " * 30_000,
    "spans": '`{"a": 1} ' * 20_000,
    "options": "```python " + "a=1 " * 100_000 + "\na\n```\n",
}


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_input_is_read_in_seconds(name: str) -> None:
    started = time.process_time()  # of the processor: others may have it meanwhile
    read_reply(HOSTILE[name])
    assert time.process_time() - started < 8  # a second or two in practice; quadratic reading took minutes
