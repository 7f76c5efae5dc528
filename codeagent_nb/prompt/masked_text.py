"""A text of which only numbers are left, and words that the model has been sent before. Pure; knows no event.

What code prints holds rows and statistics alike, and no machine tells one from the other for certain. So the rule is
about words, not about meaning: a name from the data that nobody has sent stays here, whatever it stands for. Lines that
look like rows of a table stay here, too. It holds what code prints in good faith: code that means to can put a text
into a number.
"""

import re
from collections.abc import Iterable, Iterator, Set as AbstractSet
from itertools import groupby

from codeagent_nb.prompt.known_errors import KNOWN
from codeagent_nb.text import counted

TEXT = "<text>"
"""What stands in place of words that are not told."""

MOST_DIGITS = 15
"""Of a number; what has more is a text in digits."""

MOST_NUMBERS = 8
"""In one line; what has more is a column."""

MOST_SINGLE = 2
"""Lines, one after another, that may begin with a value instead of a label."""

NUMBER = re.compile(r"[-+\u2212]?(?:(?:0|[1-9]\d{0,2}(?:,\d{3})+|[1-9]\d*)(?:\.\d*)?|\.\d+)(?:[eE][-+]?\d{1,3})?%?")
"""`3,700.5` and `1e-05`; `007`, `2024-01-05` and `10.0.0.1` are texts."""

CHUNK = re.compile(r"\S+")
BEFORE = "+-\u2212."
"""What a number may begin with."""

LONGEST = 200
"""Characters of a piece between blanks; of a longer one nothing is told."""

PARTS = re.compile(r"([=()\[\]{}]+|,(?!\d{3}(?!\d))|(?<=[^\W\d]):)")
ALIGNED = re.compile(r"\S(?: {2,}|[ \t]*[\t|│┆║][ \t]*)\S")
SIZE = re.compile(r"\[?\d+ rows [x×] \d+ columns\]?")  # noqa: RUF001
OF_TEXTS = re.compile(r"(?:.*\b)?dtype: (?!u?int|float|bool|complex).*")
"""The last line of a column of pandas that is none of numbers."""

QUARTILES = frozenset({"25%", "50%", "75%"})
"""Labels of pandas' `describe()`."""

_USUAL = """
a about above accepts after all already also an and anova any are argument arguments as astype at attribute axis be
been before between bool boolean both but by bytes call callable called can cannot cell cellid changed character
characters code coerce column columns complex convert could count counts data dataframe date datetime datetime64 day
days decimal default dict did different dimension dimensions division do does done dropna dtype dtypes during each
either empty end error errors even exists expected failed false file files fillna first float float32 float64 for
found frame from function given got had has have if image in index info input int int32 int64 integer integers
interval invalid is it item items iterable iteration its jpeg kb key keys kind known last left length less line lines
list literal local many mapping matching matplotlib max maximum mb mean median memory method min minimum missing
module month months more most ms must name named names nan nat ndarray no non none not ns null number numbers numeric
numpy object objects of ok omitted on one only open operand operands option or other out output outside pandas parse
passed plt png position positional print printed range read recent referenced replace required result returned right
row rows same sequence series set shape should shown similar size skipna std step str string strip subscriptable sum
supported take takes than that the their them then there they this to to_datetime to_numeric too total traceback true
try tuple type types uint8 unexpected unhashable unique unknown unpack unsupported us usage use used user using value
values variable was were when where which while with within without would wrong x year years yet you your zero zip
"""
USUAL = frozenset({*_USUAL.split(), *(name.casefold() for name in KNOWN)})
"""Words of Python's, NumPy's and pandas' own messages and tables."""


def words_of(text: str) -> Iterator[str]:
    """Yield the words of a text, and its pieces between blanks, as they are looked for."""
    for chunk in CHUNK.findall(text):
        yield _core(chunk)[1].casefold()
    yield from (word.casefold() for word in re.findall(r"\w+", text) if not word.isdigit())  # digits may be any


def masked_words(text: str, known: AbstractSet[str]) -> str:
    """Return a text with `TEXT` in place of words that are not known.

    Args:
        text: The text.
        known: Words, as `words_of` gives them; those of `USUAL` are always known.
    """
    return "\n".join(_masked_line(line, known) for line in text.splitlines())


def masked_output(text: str, known: AbstractSet[str]) -> str:
    """Return the same of what code has printed, with the number of lines in place of rows of tables."""
    lines = text.splitlines()
    of_texts = {at for at in _columns_of_texts(lines) if _has_values(lines[at], known)}
    marked = [(at in of_texts or _is_unlabelled(line, known), at in of_texts, line) for at, line in enumerate(lines)]
    return "\n".join(_told(marked, known))


def _told(marked: Iterable[tuple[bool, bool, str]], known: AbstractSet[str]) -> Iterator[str]:
    for is_unlabelled, group in groupby(marked, key=lambda each: each[0]):
        run = list(group)
        if is_unlabelled and (len(run) > MOST_SINGLE or any(sure or _is_row(line) for _, sure, line in run)):
            yield f"[{counted(len(run), 'row')}: not sent]"
        else:
            yield from (_masked_line(line, known) for _, _, line in run)


def _columns_of_texts(lines: list[str]) -> Iterator[int]:
    """Yield the places of lines that belong to a printed column of texts: up to its last line, which names its type."""
    begins = 0
    for at, line in enumerate(lines):
        if not line.strip():
            begins = at + 1
        elif OF_TEXTS.fullmatch(line):
            yield from range(begins, at)
            begins = at + 1


def _is_unlabelled(line: str, known: AbstractSet[str]) -> bool:
    """Return whether a line begins with a value: a number, or a word that is not known."""
    if SIZE.fullmatch(line.strip()) or "non-null" in line:
        return False
    cores = [core for chunk in CHUNK.findall(line) if (core := _core(chunk)[1])]
    if not cores or cores[0] in QUARTILES or (not _is_number(cores[0]) and _is_known(cores[0], known)):
        return False
    told = sum(not _is_number(core) and _is_known(core, known) for core in cores)
    return told < 2 or bool(ALIGNED.search(line.strip()))


def _has_values(line: str, known: AbstractSet[str]) -> bool:
    has_numbers = any(_is_number(_core(chunk)[1]) for chunk in CHUNK.findall(line))
    return has_numbers or _masked_line(line, known) != line


def _is_row(line: str) -> bool:
    cells = [chunk for chunk in CHUNK.findall(line) if _core(chunk)[1]]
    return len(cells) > 2 or bool(ALIGNED.search(line.strip()))


def _masked_line(line: str, known: AbstractSet[str]) -> str:
    told = CHUNK.sub(lambda chunk: _masked(chunk[0], known), line)
    if sum(_is_number(_core(chunk)[1]) for chunk in CHUNK.findall(told)) > MOST_NUMBERS:
        return "[many numbers: not sent]"
    return re.sub(rf"{TEXT}(?:[ \t]*{TEXT})+", TEXT, told)


def _masked(chunk: str, known: AbstractSet[str]) -> str:
    before, core, after = _core(chunk)
    is_quoted = before[-1:] in {"'", '"'}  # then a number is a text
    if (
        not core
        or _is_known(core, known)
        or (not is_quoted and all(_is_told(part, known) for part in PARTS.split(core)))
    ):
        return chunk
    return f"{before}{TEXT}{after}"


def _core(chunk: str) -> tuple[str, str, str]:
    """Return what stands around a chunk's word or number, and that."""
    begins, ends = 0, len(chunk)
    while begins < ends and not (_is_of_word(chunk[begins]) or chunk[begins] in BEFORE):
        begins += 1
    while ends > begins and not (_is_of_word(chunk[ends - 1]) or chunk[ends - 1] == "%"):
        ends -= 1
    return chunk[:begins], chunk[begins:ends], chunk[ends:]


def _is_of_word(sign: str) -> bool:
    return sign.isalnum() or sign == "_"


def _is_told(part: str, known: AbstractSet[str]) -> bool:
    return PARTS.fullmatch(part) is not None or not part or _is_number(part) or _is_known(part, known)


def _is_number(text: str) -> bool:
    return bool(NUMBER.fullmatch(text)) and sum(map(str.isdigit, text)) <= MOST_DIGITS


def _is_known(text: str, known: AbstractSet[str]) -> bool:
    """Return whether all words in a text are known; digits among them are none."""
    if text.casefold() in known:
        return True
    found = re.findall(r"\w+", text)
    return all(word.casefold() in known or word.casefold() in USUAL for word in found)
