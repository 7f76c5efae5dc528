"""Reasoning is known by a word in the name of its mark, whatever the mark: drafts in it never run."""

import json

import pytest

from codeagent_nb.reply.run_policy import DRAFT, read_reply

DRAFTED = "```python\nbad()\n```"
MEANT = "```python\ngood()\n```"

MARKS = [
    ("<seed:think>", "</seed:think>"),
    ("<scratchpad>", "</scratchpad>"),
    ("<analysis>", "</analysis>"),
    ("<inner_monologue>", "</inner_monologue>"),
    ("<chain-of-thought>", "</chain-of-thought>"),
    ("<ReflectionPhase>", "</ReflectionPhase>"),
    ('<thinking budget="low">', "</thinking>"),
    ("[REASONING]", "[/REASONING]"),
    ("<|begin_of_thought|>", "<|end_of_thought|>"),
    ("<|reasoning_start|>", "<|reasoning_end|>"),
    ("<\uff5cbegin▁of▁thinking\uff5c>", "<\uff5cend▁of▁thinking\uff5c>"),
    ("◁think▷", "◁/think▷"),
    ("<|channel|>analysis<|message|>", "<|end|><|start|>assistant<|channel|>final<|message|>"),
    ("<think>", "</thinking>"),
    ("[BEGIN THINKING]", "[END THINKING]"),
    ("[THINKING START]", "[THINKING END]"),
    ("[START OF REASONING]", "[END OF REASONING]"),
    ("[thinking]", "[end thinking]"),
    ("<chain of thought>", "</chain of thought>"),
    ("<begin of thought>", "<end of thought>"),
    ("<unused94>thought", "<unused95>"),
    ("````thinking", "````"),
    ("~~~thinking", "~~~"),
    ("````reasoning", "````"),
    ('<message type="thinking">', "</message>"),
    ('<channel name="analysis">', "</channel>"),
    ('<p class="thinking">', "</p>"),
    ("<blockquote class='model-reasoning'>", "</blockquote>"),
    ("<details>\n<summary>Reasoning</summary>\n", "</details>"),
    ("<details>\n<summary>\U0001f4ad Thought for 3 seconds</summary>\n", "</details>"),
    ("<details open>\n<summary><b>Thought process</b></summary>\n", "</details>"),
    ('<details class="fold"><summary>Show thinking</summary>', "</details>"),
    ("<details><summary>Chain of thought (long)</summary>\n", "</details>"),
]
# From issues of others, each in its own words; `{}` is the draft.
FURTHER = [
    ("<|START_THINKING|>\nFirst.\n{}\n<|END_THINKING|>\n<|START_RESPONSE|>\n", "smg-project/smg#306"),
    ("[THINK]17 x 23.\n{}\n[/THINK]\n", "waybarrios/vllm-mlx#599"),
    ("Here is my thought process:\n{}\nHere is my response:\n", "vllm-project/vllm#14202"),
    ("<thought>\n{}\n</thought>\n", "NousResearch/hermes-agent#8991"),
    ("<|channel>thought\nA plan.\n{}\n<channel|>", "NousResearch/hermes-agent#67632"),
    ("A plan, whose mark stood in the prompt.\n{}\n<channel|>\n", "jundot/omlx#2533"),
    ("1. WHERE line 90\n{}\n\n<channel|>\n", "ollama/ollama#18288"),
    ("<think>\nThe template ends with `</think>` here.\n{}\n</think>\n", "ggml-org/llama.cpp#27661"),
    ("<think>\n{}\n<\\think>\n", "QuantumNous/new-api#802"),
    ("<|think|>\n{}\n<|/think|>\n", "NickMonrad/kernel-ai-assistant#946"),
    ("No mark at the beginning.\n{}\n</think>\n", "QwenLM/qwen-code#6033"),
    ("<contemplator>\n{}\n</contemplator>\n<final_answer>\n", "lobehub/lobe-chat-agents#1212"),
    ("<thinking>\n{}\n</thinking>\n\n", "QwenLM/qwen-code#10791"),
    ('<details type="reasoning" done="true">\n<summary>3 s</summary>\n{}\n</details>\n', "open-webui/open-webui#7726"),
]
ORDINARY = [
    "```xml\n<reasoning>\n<think>x</think>\n</reasoning>\n```\n",
    "```html\n<div>\n</analysis>\n</div>\n```\n",
    "Write `raise Refused(<reason>)` for this.\n",
    "Use the `<think>` mark.\n",
    "[Analysis](https://example.org) and [reasoning]: see there.\n",
    "## Analysis\n\nAll is well.\n",
    "<thinking/>\n",
    "<details>\n<summary>The code</summary>\n\n",
    "Thoughts: it is easy.\n",
    "<Thumbnail>\n</Thumbnail>\n\n",
    "<details>\n<summary>Why I thought of this code</summary>\n\n",
    "<details>\n<summary>Data analysis</summary>\n\n",
    "<p>\n\nA paragraph.\n\n</p>\n\n",
    "The remark [end of analysis] ends the file.\n",
    "[begin analysis] is a heading.\n",
    "The column `<think>hi</think>` holds 5.\n",
    "It prints '<think>hi</think>' here.\n",
    "It shows <reason>late</reason>.\n",
    "<unused12> is a token.\n",
]
# Each is one text, marks and all: in quotes, in code spans, in sentences.
MENTIONS = [
    "The column `<think>hi</think>` holds 5",
    "The element '<thinking>hi</thinking>' holds 5",
    'It reads "<think>\nhi</think>" from the file.',
    "The file shows <reason>late</reason>.",
    "The file shows <reason>late</reason> and <reason>early</reason>.",
    "The value is <analysis>late</analysis>",
    "Write `<scratchpad>` and `</scratchpad>` around it.",
    "Use `<think>a</think>` or `<think>b</think>`.",
    "The fields <reason> and <reflection> are free text.",
    "See `<details><summary>Reasoning</summary>x</details>` there.",
]


@pytest.mark.parametrize(("begin", "end"), MARKS, ids=[begin for begin, _ in MARKS])
def test_a_draft_between_marks_does_not_run(begin: str, end: str) -> None:
    reply = read_reply(f"{begin}\nmaybe\n{DRAFTED}\n{end}\n{MEANT}")
    assert [block.code for block in reply.blocks] == ["good()\n"]
    if not begin.lstrip("`~").startswith(("thinking", "reasoning")):  # a block of thoughts is data
        assert "bad()" in (reply.thought or "")
        assert "bad()" not in reply.text


@pytest.mark.parametrize(("text", "source"), FURTHER, ids=[source for _, source in FURTHER])
def test_a_draft_in_what_others_met_does_not_run(text: str, source: str) -> None:
    reply = read_reply(text.format(DRAFTED) + MEANT)
    assert [block.code for block in reply.blocks] == ["good()\n"], source
    assert "bad()" in (reply.thought or "")


@pytest.mark.parametrize("text", MENTIONS)
def test_marks_that_are_talked_about_stay_in_the_text(text: str) -> None:
    reply = read_reply(text)
    assert (reply.text, reply.thought, reply.cut_off) == (text, None, False)


@pytest.mark.parametrize("code", ["s = '<think>hi</think>'\nprint(s)", 's = """<think>\nhi</think>"""\nprint(s)'])
def test_code_with_quoted_marks_runs_whole(code: str) -> None:
    call = json.dumps({"name": "python", "arguments": {"code": code}})
    assert [block.code for block in read_reply(code).blocks] == [f"{code}\n"]
    assert [block.code for block in read_reply(f"<tool_call>\n{call}\n</tool_call>").blocks] == [f"{code}\n"]


def test_code_between_words_in_angle_brackets_runs() -> None:
    reply = read_reply(f"The field <reason> is free text.\n{MEANT}\nIt ends with </reason>.")
    assert [block.code for block in reply.blocks] == ["good()\n"]


def test_a_draft_whose_beginning_stands_in_a_sentence_does_not_run() -> None:
    reply = read_reply(f"So: <reasoning>perhaps\n{DRAFTED}\n</reasoning>\n{MEANT}")
    assert [block.code for block in reply.blocks] == ["good()\n"]


@pytest.mark.parametrize("text", ORDINARY)
def test_what_only_looks_like_a_mark_stays_text(text: str) -> None:
    reply = read_reply(f"{text}{MEANT}")
    assert [block.code for block in reply.blocks] == ["good()\n"]
    assert (reply.thought, reply.cut_off) == (None, False)


@pytest.mark.parametrize("begin", ["<scratchpad>", "[THINK]", "<|START_THINKING|>", "<|channel|>analysis<|message|>"])
def test_reasoning_without_an_end_is_cut_off_and_its_draft_is_refused(begin: str) -> None:
    reply = read_reply(f"{begin}\n{DRAFTED}")
    assert (reply.blocks, reply.cut_off) == ((), True)
    assert [reason for _, reason in reply.refused] == [DRAFT]


@pytest.mark.parametrize("outer", ["<think>\n{}</think>\n", "<analysis>{}\n</analysis>"])
def test_marks_in_reasoning_do_not_end_it(outer: str) -> None:
    inner = f"a <scratchpad>b</scratchpad>\n{DRAFTED}\n"
    assert [block.code for block in read_reply(outer.format(inner) + MEANT).blocks] == ["good()\n"]


def test_headers_without_their_tokens_are_channels_too() -> None:
    reply = read_reply(f"analysisWe need this.\n{DRAFTED}\nassistantfinal{MEANT}")
    assert ([block.code for block in reply.blocks], reply.text) == (["good()\n"], MEANT)


def test_a_placeholder_in_the_middle_of_a_sentence_hides_nothing() -> None:
    reply = read_reply("It prints <reason> and ends.")
    assert (reply.text, reply.thought, reply.cut_off) == ("It prints <reason> and ends.", None, False)


def test_a_block_of_thoughts_is_data() -> None:
    reply = read_reply(f"```thinking\nLet me see.\n```\n{MEANT}")
    assert ([block.code for block in reply.blocks], reply.refused) == (["good()\n"], ())


@pytest.mark.parametrize("fence", ["````thoughts", "```thinking", "~~~reasoning"])
def test_a_draft_in_a_block_of_thoughts_without_an_end_does_not_run(fence: str) -> None:
    assert read_reply(f"{fence}\n{DRAFTED}").blocks == ()
