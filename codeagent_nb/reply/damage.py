"""Undoes what happened to code on its way: escapes of HTML, invisible characters, typographic quotes. Pure.

Web pages, chat templates and training data damage code in mechanical ways. Code that parses is not touched, but for
entities that parse by chance; strings and comments are left as they are, for what is in them may be meant. Must not
know where the code comes from.
"""

import html
import re
import unicodedata
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from textwrap import dedent

from codeagent_nb.reply.syntax import parses, without_python_prompts

LONGEST = 50_000
"""Characters of code that are looked at: each repair is tried by parsing."""

_MOST_SEARCHED = 1_000_000
"""Characters of code times the starts of strings without an end: more would take seconds."""

Repair = Callable[[str], str]

_STRING = re.compile(
    r"[rbfuRBFUtT]{0,2}(?:\"\"\"(?:\\.|(?!\"\"\")[^\\])*+\"\"\"|'''(?:\\.|(?!''')[^\\])*+'''"
    r"|\"(?:\\.|[^\"\\\n])*+\"|'(?:\\.|[^'\\\n])*+')|(?<!&)#[^\n\x85\u2028\u2029]*",
    re.DOTALL,
)
# What nobody closes is a string to its end: to look for an end at each quote took a time that grows with the square.
_SHELL_STRING = re.compile(r"\\[\"'\\]|\"(?:\\.|[^\"\\])*+(?:\"|\\?\Z)|'[^']*+'|(?<!\S)#[^\n]*", re.DOTALL)
_ENTITY = re.compile(r"&(?:lt|gt|amp|quot|apos|nbsp|#\d{1,6}|#[xX][0-9A-Fa-f]{1,6});")
_OPERATOR = re.compile(r"&(lt|gt|amp);")
_ENTITIES = "HTML entities"
_DOUBLE = "\u201c\u201d\u201e\u201f\u2033\uff02\u00ab\u00bb"
_SINGLE = "\u2018\u2019\u201a\u201b\u2032\u00b4\uff07\u2039\u203a"
_QUOTED = re.compile(rf"[{_DOUBLE}]([^{_DOUBLE}\"\n]*)[{_DOUBLE}]|[{_SINGLE}]([^{_SINGLE}'\n]*)[{_SINGLE}]")
_LINE_ENDS = re.compile("[\x0b\x0c\x1c-\x1e\x85\u2028\u2029]")
_JOINER = re.compile("[\u200c\u200d]")
_SELECTOR = re.compile("[\ufe00-\ufe0f\U000e0020-\U000e007f]")
_ANSI = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]")
_SIGNS = str.maketrans({
    **{chr(code): chr(code - 0xFEE0) for code in range(0xFF01, 0xFF5F)},  # full width
    "\u3002": ".", "\u3001": ",", "\u3010": "[", "\u3011": "]", "\u2212": "-", "\u2010": "-", "\u2011": "-",
    "\u2012": "-", "\u2013": "-", "\u2014": "-", "\u00d7": "*", "\u2217": "*", "\u00f7": "/", "\u2044": "/",
    "\u2215": "/", "\u2264": "<=", "\u2265": ">=", "\u2260": "!=", "\u2192": "->", "\u2026": "...", "\u02c6": "^",
    "\u02dc": "~", "\u2236": ":",
})  # fmt: skip
_TOKEN = re.compile(
    r"<[|\uff5c][^<>|\uff5c\n]{1,60}[|\uff5c]>|</?s>|<(?:eos|bos|end_of_turn|start_of_turn|end_code)>|\[/?INST\]"
)
_TAG = re.compile(r"</?(?:span|font|b|i|em|strong|mark|p|div|pre|code)\b[^<>\n]{0,300}>|(?P<line><br\s*/?>)")
_TAG_OR_STRING = re.compile(rf"{_TAG.pattern}|(?P<string>{_STRING.pattern})", re.DOTALL)
_MARKDOWN_ESCAPE = re.compile(r"\\([_*\[\]#<>&~`()=+.{}|!-])")
_MARKDOWN_BOLD = re.compile(r"(?<![\w)\]])\*\*(\w+)\*\*(?!\w)")
_BOLD_MAIN = re.compile(r"([\"'])\*\*main\*\*\1")
_NUMBER = re.compile(r"[ \t]*(\d+)(?:\t|[ ]?[|:.)\u2502\u2192][ ]?| |$)(.*)")
_GLUED_PROMPT = re.compile(r"^[ \t]*(?:>>>|\.\.\.)(?=\S)", re.MULTILINE)
_ESCAPE = re.compile(r"\\([nrt\"'\\])")
_ESCAPED = {"n": "\n", "r": "\n", "t": "\t"}


@dataclass(frozen=True, slots=True)
class Repaired:
    """Code after its damage was undone.

    Args:
        code: What runs.
        damage: What was wrong with it, in words; empty if nothing was changed.
    """

    code: str
    damage: str = ""


def repaired_python(code: str) -> Repaired:
    """Return code that does not parse in a form that does, if nothing but mechanical damage is between them."""
    # A string whose quotes are escaped has no end, and each is searched for one.
    unended = code.count('\\"""') + code.count("\\'''")
    if len(code) > LONGEST or len(code) * unended > _MOST_SEARCHED:
        return Repaired(code)
    if _reads(code):
        plain = _REPAIRS[_ENTITIES](code) if _may_parse_by_chance(code) else code
        return Repaired(plain, _ENTITIES) if plain != code and _reads(plain) else Repaired(code)
    alone = ((name, repair(code)) for name, repair in _REPAIRS.items())
    if found := next((Repaired(changed, name) for name, changed in alone if changed != code and _reads(changed)), None):
        return found
    return next((repaired for repaired in _step_by_step(code, _REPAIRS) if _reads(repaired.code)), Repaired(code))


def _may_parse_by_chance(code: str) -> bool:
    """Return whether code holds `a &lt; b`, which parses as `a & lt` and `b`, and has no variable of that name."""
    names = {match[1] for match in _OPERATOR.finditer(code)}
    return bool(names) and not any(re.search(rf"^[ \t]*{name}[ \t]*=", code, re.MULTILINE) for name in names)


def repaired_shell(code: str) -> Repaired:
    """Return a script without what no shell reads as it was meant: entities and invisible characters.

    A shell accepts nearly any text, so only what has no meaning outside of quotes is undone.
    """
    if len(code) > LONGEST or "<<" in code:  # a here-document is text
        return Repaired(code)
    return [Repaired(code), *_step_by_step(code, _SHELL_REPAIRS)][-1]


def _step_by_step(code: str, repairs: Mapping[str, Repair]) -> Iterator[Repaired]:
    """Yield code after one repair upon the other."""
    undone: list[str] = []
    for name, repair in repairs.items():
        changed = repair(code)
        if changed != code:
            code = changed
            undone.append(name)
            yield Repaired(code, ", ".join(undone))


def _reads(code: str) -> bool:
    return parses(code) or parses(dedent(code))  # IPython takes an indentation of the whole away


def _outside(strings: re.Pattern[str], repair: Repair) -> Repair:
    """Return a repair that leaves strings and comments alone."""

    def outside(code: str) -> str:
        pieces: list[str] = []
        position = 0
        for match in strings.finditer(code):
            pieces += [repair(code[position : match.start()]), match[0]]
            position = match.end()
        return "".join((*pieces, repair(code[position:])))

    return outside


def _without_entities(text: str) -> str:
    return _ENTITY.sub(lambda match: html.unescape(match[0]), text)


def _without_invisible(text: str) -> str:
    return "".join(char for char in _ANSI.sub("", text) if not _is_invisible(char))


def _without_strays(text: str) -> str:
    """Take out invisible characters but those that a word or an emoji is spelled with: file names have them."""
    plain = _ANSI.sub("", text)
    return "".join(char for at, char in enumerate(plain) if not _is_invisible(char) or _is_spelling(plain, at))


def _is_spelling(text: str, at: int) -> bool:
    """Return whether a joiner stands between letters of a script that has it, or a selector or tag after a sign."""
    before, after = text[max(at - 1, 0) : at], text[at + 1 : at + 2]
    if _JOINER.match(text[at]):
        return _is_sign(before) and _is_sign(after)
    return bool(_SELECTOR.match(text[at])) and (_is_sign(before) or after == "\u20e3")  # that makes a keycap


def _is_sign(char: str) -> bool:
    is_shown = not char.isascii() and not char.isspace()
    return is_shown and (not _is_invisible(char) or bool(_SELECTOR.match(char)))


def _is_invisible(char: str) -> bool:
    if char in "\t\n" or (char.isascii() and char.isprintable()):
        return False
    is_filler = "\ufe00" <= char <= "\ufe0f" or char in "\u034f\u115f\u3164\ufffd"
    return is_filler or unicodedata.category(char) in {"Cf", "Cc"}


def _with_plain_spaces(text: str) -> str:
    return "".join(" " if unicodedata.category(char) == "Zs" else char for char in text)


def _with_plain_line_ends(text: str) -> str:
    return _LINE_ENDS.sub("\n", text)


def _with_straight_quotes(text: str) -> str:
    """Make quotes that delimit a string straight; those within it stay."""
    return _QUOTED.sub(lambda match: f'"{match[1]}"' if match[1] is not None else f"'{match[2]}'", text)


def _with_all_quotes_straight(text: str) -> str:
    return re.sub(f"[{_SINGLE}]", "'", re.sub(f"[{_DOUBLE}]", '"', text))


def _with_ascii_signs(text: str) -> str:
    return text.translate(_SIGNS)


def _without_tokens(text: str) -> str:
    return _TOKEN.sub("", text)


def _without_tags(code: str) -> str:
    """Take out the tags of highlighted code: their attributes look like strings."""
    return _TAG_OR_STRING.sub(lambda match: match["string"] or ("\n" if match["line"] else ""), code)


def _without_markdown(code: str) -> str:
    """Undo escapes and bold type; `if **name** == "**main**":` has it in a string, too."""
    plain = _outside(_STRING, lambda text: _MARKDOWN_BOLD.sub(r"__\1__", _MARKDOWN_ESCAPE.sub(r"\1", text)))(code)
    return _BOLD_MAIN.sub(r"\1__main__\1", plain) if plain != code else code


def _without_prompts(code: str) -> str:
    return without_python_prompts(_GLUED_PROMPT.sub(r"\g<0> ", code))


def _without_numbers(code: str) -> str:
    """Take line numbers away if every line has one and they count."""
    matches = [_NUMBER.fullmatch(line) for line in code.split("\n") if line.strip()]
    found = [match for match in matches if match]
    numbers = [int(match[1][:9]) for match in found]
    counts = len(found) == len(matches) > 1 and numbers == sorted({*numbers})
    return "".join(f"{match[2]}\n" for match in found) if counts else code


def _without_line_marks(code: str) -> str:
    """Take away the `+` of a patch or the `>` of a quotation if every line has one."""
    lines = [line for line in code.split("\n") if line.strip()]
    if lines and all(line.startswith("+") for line in lines):
        return "".join(f"{line[1:]}\n" for line in lines)
    if lines and all(line.startswith(">") for line in lines):
        return "".join(f"{line[1:].removeprefix(' ')}\n" for line in lines)
    return code


def _without_escapes(text: str) -> str:
    return _ESCAPE.sub(lambda match: _ESCAPED.get(match[1], match[1]), text)


def _in_code(repair: Repair) -> Repair:
    return _outside(_STRING, repair)


# Quotes come early: then what is between them counts as a string. What could change a meaning comes last.
_REPAIRS: dict[str, Repair] = {
    "marks of a chat template": _in_code(_without_tokens),
    "typographic quotes": _in_code(_with_straight_quotes),
    "quotes that do not match": _in_code(_with_all_quotes_straight),
    _ENTITIES: _in_code(_without_entities),
    "other line ends": _in_code(_with_plain_line_ends),
    "invisible characters": _in_code(_without_invisible),
    "other spaces": _in_code(_with_plain_spaces),
    "typographic signs": _in_code(_with_ascii_signs),
    "prompts": _without_prompts,
    "line numbers": _without_numbers,
    "marks before each line": _without_line_marks,
    "HTML tags": _without_tags,
    "escaped line ends and quotes": _in_code(_without_escapes),
    "Markdown": _without_markdown,
}
_SHELL_REPAIRS: dict[str, Repair] = {
    _ENTITIES: _outside(_SHELL_STRING, _without_entities),
    "invisible characters": _outside(_SHELL_STRING, _without_strays),
    "other spaces": _outside(_SHELL_STRING, _with_plain_spaces),
}
