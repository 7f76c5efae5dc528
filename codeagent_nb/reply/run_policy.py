"""Owns the run policy: which blocks of a model's reply may run, and why the others may not.

Knows nothing of models, executors or events. Finding the blocks is the work of `fences`; the policy is this:

1. Python and bash blocks run, in order, under any of their aliases. Closed code with a syntax error runs too: the
   kernel explains the error better than we could.
2. A reply cut off by the token limit or a content filter runs nothing, not even its closed blocks: half a plan is
   not run.
3. Code in reasoning or in an HTML comment is a draft and never runs. Reasoning without an end is a cut-off reply.
   It is known by a word in the name of its mark (`reasoning`), not by a list of marks.
4. An untagged block runs only if every block is untagged and it parses as Python that does something: 107 of 702
   real replies hold an untagged block, and next to tagged ones it is output.
5. An unclosed block runs if it parses; a shell accepts prose, so an unclosed shell block must be one paragraph.
6. A fence with a language inside an open block shows a forgotten closer: code and prose cannot be told apart, so
   nothing of that reply runs.
7. Fences in strings, here-documents and quoted documents are text. Code in a quoted document does not run.
8. A terminal session with prompts is reduced to its commands, and not run: nobody asked for that. An interpreter
   session is reduced to its input and runs.
9. If a block repeats all blocks before it, only that one runs, or side effects would double.
10. A reply without any block runs as a whole if it is a program. A tool call runs wherever it is marked (`calls`), or
    is refused with a reason: no mark of a call is an answer.
11. Data (json, text, output, diff...) is part of an answer. Everything else that does not run is refused with a
    reason, because code that is lost without a word was the worst fault measured: 29 of 116 replies.
12. Code that does not parse, and does once mechanical damage outside of its strings is undone (`&lt;`, invisible
    characters, typographic quotes), runs in that form, and the reply says so. `a &lt; b` parses by chance, and is
    damaged, too.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from textwrap import dedent

from codeagent_nb.reply.call_values import command_alone
from codeagent_nb.reply.calls import (
    before_output,
    calls_in_block,
    marked_calls,
    names_call,
    split_calls,
    unmarked_calls,
    without_template_marks,
)
from codeagent_nb.reply.damage import Repaired, repaired_python, repaired_shell
from codeagent_nb.reply.fences import FORGOTTEN, INDENTED, UNREADABLE, read_blocks
from codeagent_nb.reply.info_strings import ACCEPTED, DATA, SESSIONS, TRANSCRIPTS, code_on_info_line, read_info
from codeagent_nb.reply.markup import RawBlock, clean, code_elements, open_code_element, split_comments
from codeagent_nb.reply.reasoning import names_reasoning, split_thinking
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

_CUT_REASONS = frozenset({"length", "max_tokens", "content_filter", "safety"})
_REPEAT_LIMIT = 100

A_WORD = 8
"""Letters of words that are more than a label."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reply:
    """A model's reply, taken apart.

    Args:
        text: The reply without its reasoning.
        thought: The reasoning, if there is any.
        blocks: What may run, in order; the language is `python`, `bash`, or empty for untagged Python.
        repaired: What may run in another form than it was written, each with the damage that was undone.
        written: The blocks of `seen` before anything was repaired: while a reply comes, they only grow.
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
    repaired: tuple[tuple[CodeBlock, str], ...] = ()
    written: tuple[CodeBlock, ...] = ()


@dataclass(frozen=True, slots=True)
class _Judged:
    """A block with its verdict. One that neither runs nor has a reason is data."""

    block: CodeBlock
    runs: bool = False
    reason: str = ""
    hidden: bool = False
    damage: str = ""
    written: CodeBlock | None = None


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
    cut_off = finish_reason.lower() in _CUT_REASONS or unended
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
        written=tuple(one.written or one.block for one in judged if not one.hidden),
        repaired=tuple((one.block, one.damage) for one in judged if one.runs and one.damage),
    )


def has_words(reply: Reply) -> bool:
    """Return whether a reply says something besides its blocks."""
    return sum(map(str.isalpha, words_beside(reply))) > A_WORD


def words_beside(reply: Reply) -> str:
    """Return what a reply says besides its blocks."""
    text = reply.text
    for block in (*reply.seen, *(block for block, _ in reply.refused)):
        text = text.replace(block.code.strip("\n"), "")
    lines = [line for line in text.splitlines() if not line.lstrip().startswith(("```", "~~~"))]
    return "".join(lines)


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
    text, hidden = split_comments(without_template_marks(visible))
    raws = _raw_blocks(text)
    drafts = _drafts(hidden, COMMENT)
    if not raws and looks_like_code(text, lines=2):
        return [_Judged(CodeBlock(text, "python"), reason=UNFENCED, hidden=True), *drafts]
    judged = _judge_untagged([_judge(raw) for raw in raws])
    flaw = next((one.reason for one in judged if one.reason in {FORGOTTEN, UNREADABLE}), "")
    return [*_without_repeats(_veto(judged, flaw)), *drafts]


def _raw_blocks(text: str) -> Sequence[RawBlock]:
    pieces = split_calls(text)
    if any(isinstance(piece, RawBlock) for piece in pieces):
        return [block for piece in pieces for block in ([piece] if isinstance(piece, RawBlock) else _fenced(piece))]
    found = read_blocks(text)
    if fenced := [block for block in found if block.flaw != INDENTED]:
        return _with_calls(found, are_alone=not any(_is_accepted(block) for block in fenced))
    if other := list(code_elements(text)) or open_code_element(text) or unmarked_calls(text) or command_alone(text):
        return other
    program = dedent(before_output(text)).strip("\n") + "\n"
    whole = repaired_python(program).code if looks_like_code(program) else program
    return [RawBlock("python", program)] if is_bare_program(whole) else found


def _fenced(text: str) -> list[RawBlock]:
    return [block for block in read_blocks(text) if block.flaw != INDENTED] or list(code_elements(text))


def _is_accepted(block: RawBlock) -> bool:
    return read_info(block.info).language in ACCEPTED


def _with_calls(found: Sequence[RawBlock], *, are_alone: bool) -> list[RawBlock]:
    """Return blocks with the code of calls in their place; next to code that runs, data may quote a call."""
    return [call for block in found for call in (_calls_in_block(block, are_alone=are_alone) or [block])]


def _calls_in_block(block: RawBlock, *, are_alone: bool) -> list[RawBlock]:
    if block.flaw:
        return []
    language = read_info(block.info).language
    if names_call(language):
        return calls_in_block(language, block.code, ended=block.closed)
    is_data = language in {"", "json", "xml", "text", "tool"}
    if (is_data and are_alone) or (language in ACCEPTED and block.code.lstrip()[:1] in {"{", "["}):
        return [call for call in unmarked_calls(block.code) or marked_calls(block.code) if is_data or not call.flaw]
    return []


def _judge(raw: RawBlock) -> _Judged:
    written = _block(raw)
    repaired = _repaired(written)
    block = replace(written, code=repaired.code)
    if raw.flaw == INDENTED:
        return _Judged(block, reason=INDENTED if is_bare_program(block.code) else "", hidden=True)
    is_data = block.language in DATA | SESSIONS or names_reasoning(block.language)
    if (is_data or not block.code.strip()) and not raw.flaw:
        return _Judged(block)
    reason = raw.flaw or _objection(raw, block)
    runs = not reason and block.language in ACCEPTED
    return _Judged(
        block, runs=runs, reason=reason, damage=repaired.damage, written=written if repaired.damage else None
    )


def _repaired(block: CodeBlock) -> Repaired:
    if block.language == "bash":
        return repaired_shell(block.code)
    if block.language not in {"python", ""}:
        return Repaired(block.code)
    repaired = repaired_python(block.code)
    return repaired if block.language or is_program(repaired.code) else Repaired(block.code)


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
