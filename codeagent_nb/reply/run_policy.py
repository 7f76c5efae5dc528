"""Owns the run policy: which blocks of a model's reply may run, and why the others may not.

Knows nothing of models, executors or events. Finding the blocks is the work of `fences`; the policy is this:

1. Python and bash blocks run, in order, under any of their aliases. Closed code with a syntax error runs too: the
   kernel explains the error better than we could.
2. A reply cut off by the token limit or a content filter runs nothing, not even its closed blocks: half a plan is
   not run.
3. Code in reasoning or in an HTML comment is a draft and never runs. Reasoning without an end is a cut-off reply.
4. An untagged block runs only if every block is untagged and it parses as Python that does something: 107 of 702
   real replies hold an untagged block, and next to tagged ones it is output.
5. An unclosed block runs if it parses; a shell accepts prose, so an unclosed shell block must be one paragraph.
6. A fence with a language inside an open block shows a forgotten closer: code and prose cannot be told apart, so
   nothing of that reply runs.
7. Fences in strings, here-documents and quoted documents are text. Code in a quoted document does not run.
8. A terminal session with prompts is reduced to its commands, and not run: nobody asked for that. An interpreter
   session is reduced to its input and runs.
9. If a block repeats all blocks before it, only that one runs, or side effects would double.
10. A reply without any block runs as a whole if it is a program, and as a tool call if it is one.
11. Data (json, text, output, diff...) is part of an answer. Everything else that does not run is refused with a
    reason, because code that is lost without a word was the worst fault measured: 29 of 116 replies.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import dedent

from codeagent_nb.reply.fences import FORGOTTEN, INDENTED, UNREADABLE, read_blocks
from codeagent_nb.reply.info_strings import ACCEPTED, DATA, SESSIONS, TRANSCRIPTS, code_on_info_line, read_info
from codeagent_nb.reply.markup import RawBlock, clean, code_elements, split_comments, split_thinking, tool_calls
from codeagent_nb.reply.syntax import (
    is_bare_program,
    is_complete,
    is_program,
    looks_like_code,
    without_python_prompts,
    without_shell_prompts,
)
from kernel_executor import CodeBlock

CUT_OFF = "the reply was cut off, so none of its code is run"
DRAFT = "the code stands in reasoning, so it is a draft; after the reasoning nothing follows"
COMMENT = "the code stands in an HTML comment that never ends"
TRANSCRIPT = "a terminal session is not run"
UNCLOSED = "the block is not closed and does not parse, so its end cannot be known"
UNTAGGED = "the block has no language"
UNFENCED = "there is code in the text that is not in a fenced block"
REPEATED = "a later block repeats it"
INFO_LINE = "code stands on the line of the opening fence"

_CUT_REASONS = frozenset({"length", "content_filter"})
_REPEAT_LIMIT = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A model's reply, taken apart.

    Args:
        text: The reply without its reasoning.
        thought: The reasoning, if there is any.
        blocks: What may run, in order; the language is `python`, `bash`, or empty for untagged Python.
        refused: What may not run though it looks meant to, each with the reason.
        seen: Every block outside of reasoning and comments, in order, whether it runs or not.
        cut_off: Whether the reply ended before the model was done.
    """

    text: str
    thought: str | None
    blocks: tuple[CodeBlock, ...]
    refused: tuple[tuple[CodeBlock, str], ...]
    seen: tuple[CodeBlock, ...]
    cut_off: bool


@dataclass(frozen=True, slots=True)
class _Judged:
    """A block with its verdict. One that neither runs nor has a reason is data."""

    block: CodeBlock
    runs: bool = False
    reason: str = ""
    hidden: bool = False


def read_reply(markdown: str, finish_reason: str = "stop") -> Reply:
    """Take a model's reply apart; never raises.

    Args:
        markdown: The whole reply, all chunks joined.
        finish_reason: Why the model stopped, in the words of the API.

    Returns:
        Its text, its reasoning, what may run and what may not.
    """
    thinking = split_thinking(clean(markdown))
    unended = not thinking.ended or not (thinking.visible.strip() or thinking.thought is None)
    cut_off = finish_reason in _CUT_REASONS or unended
    judged = _judge_all(thinking.visible)
    judged = _cut_short(judged, thinking.visible) if cut_off else judged
    drafts = _drafts(thinking.thought or "", DRAFT) if unended else []
    return Reply(
        text=thinking.visible,
        thought=thinking.thought,
        blocks=tuple(one.block for one in judged if one.runs),
        refused=tuple((one.block, one.reason) for one in (*judged, *drafts) if one.reason),
        seen=tuple(one.block for one in judged if not one.hidden),
        cut_off=cut_off,
    )


def without_reasoning(markdown: str) -> str:
    """Return a reply's text as `read_reply` gives it, for who wants no code: most of its time goes into that."""
    return split_thinking(clean(markdown)).visible


def extract_code_blocks(markdown: str, finish_reason: str = "stop") -> list[CodeBlock]:
    """Extract what may run from a model's reply.

    Args:
        markdown: The whole reply.
        finish_reason: Why the model stopped.

    Returns:
        The blocks that may run, in order.
    """
    return list(read_reply(markdown, finish_reason).blocks)


def _judge_all(visible: str) -> list[_Judged]:
    text, hidden = split_comments(visible)
    raws = _raw_blocks(text)
    drafts = _drafts(hidden, COMMENT)
    if not raws and looks_like_code(text, lines=2):
        return [_Judged(CodeBlock(text, "python"), reason=UNFENCED, hidden=True), *drafts]
    judged = _judge_untagged([_judge(raw) for raw in raws])
    flaw = next((one.reason for one in judged if one.reason in {FORGOTTEN, UNREADABLE}), "")
    return [*_without_repeats(_veto(judged, flaw)), *drafts]


def _raw_blocks(text: str) -> Sequence[RawBlock]:
    found = read_blocks(text)
    fenced = [block for block in found if block.flaw != INDENTED]
    if len(fenced) == 1 and fenced[0].info == "json":
        return tool_calls(fenced[0].code) or found
    if fenced:
        return found
    if other := list(code_elements(text)) or tool_calls(text):
        return other
    program = dedent(text).strip("\n") + "\n"
    return [RawBlock("python", program)] if is_bare_program(program) else found


def _judge(raw: RawBlock) -> _Judged:
    block = _block(raw)
    if raw.flaw == INDENTED:
        return _Judged(block, reason=INDENTED if is_bare_program(block.code) else "", hidden=True)
    if not block.code.strip() or (block.language in DATA | SESSIONS and not raw.flaw):
        return _Judged(block)
    reason = raw.flaw or _objection(raw, block)
    return _Judged(block, runs=not reason and block.language in ACCEPTED, reason=reason)


def _objection(raw: RawBlock, block: CodeBlock) -> str:
    """Return what speaks against a block with code in it."""
    if block.language == "bash" and _is_transcript(raw):
        return TRANSCRIPT
    if block.language == "bash" and code_on_info_line(read_info(raw.info), raw.code):
        return INFO_LINE
    if block.language not in {"", *ACCEPTED}:
        return f"{block.language[:40]} is not run here; the accepted languages are python and bash"
    is_whole = raw.closed or is_complete(block.code, block.language or "python")
    return "" if is_whole or not block.language else UNCLOSED


def _is_transcript(raw: RawBlock) -> bool:
    return read_info(raw.info).language in TRANSCRIPTS or without_shell_prompts(raw.code)[1]


def _block(raw: RawBlock) -> CodeBlock:
    """Make the block an agent sees: language normalised, prompts gone, code on the info line put back."""
    info = read_info(raw.info)
    first = code_on_info_line(info, raw.code)
    code = f"{first}\n{raw.code}" if first else raw.code
    if info.language in TRANSCRIPTS | {"bash"}:
        return CodeBlock(without_shell_prompts(code)[0], "bash")
    if info.language not in SESSIONS | {"python", ""}:
        return CodeBlock(code, info.language)
    stripped = without_python_prompts(code)
    language = "python" if info.language in SESSIONS and stripped != code else info.language
    return CodeBlock(stripped, language)


def _judge_untagged(judged: list[_Judged]) -> list[_Judged]:
    """Decide on untagged blocks, whose company says what they are."""
    fenced = [one for one in judged if not one.hidden and one.block.code.strip()]
    all_untagged = all(not one.block.language for one in fenced)
    nothing_runs = not any(one.runs for one in judged)
    return [_as_untagged(one, runs=all_untagged, refuse=nothing_runs) if _is_open(one) else one for one in judged]


def _is_open(one: _Judged) -> bool:
    return not (one.block.language or one.reason or one.hidden) and bool(one.block.code.strip())


def _as_untagged(one: _Judged, *, runs: bool, refuse: bool) -> _Judged:
    if runs and is_program(one.block.code):
        return replace(one, runs=True)
    return replace(one, reason=UNTAGGED) if refuse and looks_like_code(one.block.code) else one


def _veto(judged: list[_Judged], reason: str) -> list[_Judged]:
    """Mark all code of a reply as not to be run, if there is a reason; data stays data."""
    return [replace(one, runs=False, reason=reason) if reason and (one.runs or one.reason) else one for one in judged]


def _cut_short(judged: list[_Judged], visible: str) -> list[_Judged]:
    """Mark nothing as to be run, and show a line that broke off as it is: readers end it with a newline."""
    vetoed = _veto(judged, CUT_OFF)
    if vetoed and visible.endswith(vetoed[-1].block.code.removesuffix("\n")):
        code = vetoed[-1].block.code.removesuffix("\n")
        vetoed[-1] = replace(vetoed[-1], block=replace(vetoed[-1].block, code=code))
    return vetoed


def _without_repeats(judged: list[_Judged]) -> list[_Judged]:
    """Refuse the blocks before one that repeats them all."""
    numbers = [number for number, one in enumerate(judged) if one.runs]
    if len(numbers) > _REPEAT_LIMIT:  # comparing all with all would be quadratic
        return judged
    lines = {n: [line.rstrip() for line in judged[n].block.code.splitlines() if line.strip()] for n in numbers}
    for last in reversed(numbers):
        earlier = [n for n in numbers if n < last and judged[n].block.language == judged[last].block.language]
        if earlier == [n for n in numbers if n < last] and all(_holds(lines[last], lines[n]) for n in earlier):
            return [replace(one, runs=False, reason=REPEATED) if n in earlier else one for n, one in enumerate(judged)]
    return judged


def _holds(lines: list[str], part: list[str]) -> bool:
    remaining = iter(lines)
    return all(line in remaining for line in part)


def _drafts(text: str, reason: str) -> list[_Judged]:
    """Return the code of unended reasoning, so that a refusal can say what was not run."""
    found = [one.block for one in map(_judge, read_blocks(text)) if not one.hidden and one.block.code.strip()]
    return [_Judged(block, reason=reason, hidden=True) for block in found]
