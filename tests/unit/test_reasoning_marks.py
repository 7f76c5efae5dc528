"""Reasoning is known by a word in the name of its mark, whatever the mark: drafts in it never run."""

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
]


@pytest.mark.parametrize(("begin", "end"), MARKS, ids=[begin for begin, _ in MARKS])
def test_a_draft_between_marks_does_not_run(begin: str, end: str) -> None:
    reply = read_reply(f"{begin}\nmaybe\n{DRAFTED}\n{end}\n{MEANT}")
    assert [block.code for block in reply.blocks] == ["good()\n"]
    assert "bad()" in (reply.thought or "")
    assert "bad()" not in reply.text


@pytest.mark.parametrize(("text", "source"), FURTHER, ids=[source for _, source in FURTHER])
def test_a_draft_in_what_others_met_does_not_run(text: str, source: str) -> None:
    reply = read_reply(text.format(DRAFTED) + MEANT)
    assert [block.code for block in reply.blocks] == ["good()\n"], source
    assert "bad()" in (reply.thought or "")


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
