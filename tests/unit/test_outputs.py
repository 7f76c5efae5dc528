"""Folding of kernel messages into notebook outputs: Jupyter's rules, our limits, any chunking."""

from itertools import pairwise
from typing import Any

import pytest
from hypothesis import given, settings, strategies as st

from kernel_executor import Append, Clear, OutputLimits, Update, fold
from kernel_executor.outputs.carriage_return import overwrite, settle
from kernel_executor.outputs.fold import EVERYTHING, OutputFolder, as_text, plain
from kernel_executor.outputs.message import Message
from kernel_executor.outputs.output_changes import OutputChange, read_change


def stream(text: str, name: str = "stdout") -> Append:
    return Append({"output_type": "stream", "name": name, "text": text})


def display(text: str, display_id: str | None = None) -> Append:
    return Append({"output_type": "display_data", "data": {"text/plain": text}, "metadata": {}}, display_id)


def texts(changes: list[OutputChange]) -> list[str]:
    return [output["text"] if "text" in output else output["data"]["text/plain"] for output in fold(changes)]


def message(kind: str, **content: Any) -> Message:
    return Message("iopub", kind, "parent", content)


def test_neighbouring_text_of_one_stream_is_one_output() -> None:
    assert texts([stream("a"), stream("b"), stream("c", "stderr"), stream("d")]) == ["ab", "c", "d"]


def test_a_display_divides_a_stream() -> None:
    assert texts([stream("a"), display("x"), stream("b")]) == ["a", "x", "b"]


OVERWRITES = {
    "50 %\r100 %": "100 %",
    "long line\rshort": "shortline",
    "a\r\nb": "a\nb",
    "a\r\r\nb": "a\nb",
    "a\rb\nc\rd": "b\nd",
    "ab\bc": "ac",
    "a\b\b\bb": "b",
    "abc\r": "abc",
    "abc\b\b\n": "abc\n",
    "\r\r\ra": "a",
    "plain": "plain",
    "": "",
}


@pytest.mark.parametrize(("text", "expected"), OVERWRITES.items())
def test_carriage_return_and_backspace_overwrite_as_on_a_terminal(text: str, expected: str) -> None:
    assert overwrite(text) == expected


@pytest.mark.parametrize("split", range(1, 4))
def test_a_line_end_of_two_characters_may_come_in_two_messages(split: int) -> None:
    text = "a\r\nb"
    assert texts([stream(text[:split]), stream(text[split:])]) == ["a\nb"]


TERMINAL_TEXT = st.text(alphabet="ab\r\b\n", max_size=120)


@given(TERMINAL_TEXT, st.lists(st.integers(0, 120)))
def test_folding_does_not_depend_on_how_text_is_cut_into_messages(text: str, cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(text)]
    pieces = [text[start:end] for start, end in pairwise(edges)]
    assert "".join(texts([stream(piece) for piece in pieces])) == overwrite(text)


@settings(max_examples=30)
@given(
    st.lists(st.sampled_from(["a", "b", "\r", "\b", "ab\rc"]), min_size=60, max_size=120), st.text("xyz\n", max_size=3)
)
def test_a_long_progress_line_is_shortened_without_losing_the_cursor(pieces: list[str], end: str) -> None:
    """Once the cursor was lost after 32 returns, and text was appended that should have overwritten."""
    changes = [stream(piece) for piece in [*pieces, end]]
    assert "".join(texts(changes)) == overwrite("".join([*pieces, end]))


@given(st.text("ab\r\b", max_size=80), st.text("xy\r\b", max_size=5))
def test_settling_a_line_changes_nothing_of_what_follows(line: str, rest: str) -> None:
    assert overwrite(settle(line) + rest) == overwrite(line + rest)
    assert len(settle(line)) <= 2 * len(line) + 1


def test_a_progress_bar_does_not_grow() -> None:
    folder = OutputFolder()
    for percent in range(10_000):
        folder.apply(stream(f"\r{percent} %"))
    assert folder.outputs[0]["text"] == "9999 %"
    assert len(folder._outputs[0].pending) < 1_000  # type: ignore[union-attr]


def test_clear_forgets_at_once_and_clear_wait_with_the_next_output() -> None:
    assert texts([stream("a"), Clear()]) == []
    assert texts([stream("a"), Clear(wait=True)]) == ["a"]
    assert texts([stream("a"), Clear(wait=True), stream("b"), stream("c")]) == ["bc"]
    assert texts([stream("a"), Clear(wait=True), display("b")]) == ["b"]
    assert texts([stream("a"), Clear(wait=True), Clear(), stream("b")]) == ["b"]


def test_an_update_changes_every_display_of_its_id() -> None:
    update = Update("i", {"text/plain": "new"}, {})
    assert texts([display("1", "i"), display("2", "j"), display("3", "i"), update]) == ["new", "2", "new"]


def test_an_update_after_a_clear_brings_nothing_back() -> None:
    assert texts([display("1", "i"), Clear(), Update("i", {"text/plain": "new"}, {})]) == []


def test_text_is_cut_to_head_and_tail_and_counted() -> None:
    folder = OutputFolder(OutputLimits(head=10, tail=5))
    for _ in range(1_000):
        folder.apply(stream("0123456789"))
    folder.finish()
    assert folder.outputs[0]["text"].endswith("characters left out ...]\n56789")
    room = 10 + 5 + 1_000 + 5
    assert folder.truncated.stdout == 10_000 - room
    assert f"{10_000 - room:,} characters" in folder.outputs[0]["text"]


def test_what_a_clear_forgot_is_not_left_out() -> None:
    folder = OutputFolder(OutputLimits(head=10, tail=5))
    folder.apply(stream("x" * 5_000))
    folder.apply(Clear())
    folder.finish()
    assert folder.outputs == ()
    assert not folder.truncated


def test_displays_are_bounded_in_sum() -> None:
    folder = OutputFolder(OutputLimits(displays=10_000))
    for _ in range(100):
        folder.apply(display("x" * 1_000))
    *shown, note = folder.outputs
    assert len(shown) == 7
    assert "displays left out: more than 10,000 bytes a block" in note["data"]["text/plain"]
    assert folder.truncated.display == 93 * 2_000


def test_the_kernels_own_count_of_what_it_left_out_is_added() -> None:
    folder = OutputFolder()
    assert folder.add(message("codeagent_omission", stdout=5, stderr=0, display=7)) is None
    folder.add(message("codeagent_omission", stdout=1))
    assert (folder.truncated.stdout, folder.truncated.display) == (6, 7)


def test_messages_that_are_no_output_change_nothing() -> None:
    for kind in ("status", "execute_input", "comm_open", "no_such_type", "update_display_data"):
        assert read_change(message(kind)) is None


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=5),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner, max_size=3),
    max_leaves=5,
)
KINDS = [
    "stream",
    "display_data",
    "execute_result",
    "error",
    "clear_output",
    "update_display_data",
    "codeagent_omission",
]
FIELDS = ["name", "text", "data", "metadata", "transient", "ename", "evalue", "traceback", "wait", "stdout"]


@settings(max_examples=40)
@given(st.lists(st.tuples(st.sampled_from(KINDS), st.dictionaries(st.sampled_from(FIELDS), JSON)), max_size=5))
def test_whatever_a_kernel_sends_folds_into_well_formed_outputs(messages: list[tuple[str, dict[str, Any]]]) -> None:
    """Executed code can send any message in its kernel's name."""
    folder = OutputFolder()
    for kind, content in messages:
        folder.add(message(kind, **content))
    folder.finish()
    for output in folder.outputs:
        assert_well_formed(output)
    as_text(folder.outputs)


def assert_well_formed(output: dict[str, Any]) -> None:
    match output["output_type"]:
        case "stream":
            assert output["name"] in {"stdout", "stderr"}
            assert isinstance(output["text"], str)
        case "error":
            assert isinstance(output["ename"], str)
            assert isinstance(output["evalue"], str)
            assert all(isinstance(line, str) for line in output["traceback"])
        case _:
            assert isinstance(output["data"], dict)
            assert isinstance(output["metadata"], dict)


COLOURS = {
    "\x1b[31mred\x1b[0m": "red",
    "\x1b[1;38;5;196mx\x1b[m": "x",
    "\x1b]8;;file:///x\x1b\\link\x1b]8;;\x1b\\": "link",
    "\x1b]0;title\x07text": "text",
    "no escape [31m": "no escape [31m",
    "\x1bMup": "up",
    "before\x1b]0;x\nline 2": "before0;x\nline 2",  # it never ends, and loses its introducer only
    "half\x1b]8;;junk": "half8;;junk",
}


@pytest.mark.parametrize(("text", "expected"), COLOURS.items())
def test_terminal_control_sequences_are_taken_out_of_text(text: str, expected: str) -> None:
    assert plain(text) == expected


def test_the_text_of_outputs_is_what_a_person_would_read() -> None:
    outputs = fold(
        [
            *(stream("out\n"), display("shown")),
            Append({"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\x1b[31mE\x1b[0m: v"]}),
            Append({"output_type": "error", "ename": "E", "evalue": "v", "traceback": []}),
            Append({"output_type": "display_data", "data": {"image/png": "xxxx"}, "metadata": {}}),
        ]
    )
    assert as_text(outputs) == "out\nshown\nE: v\nE: v"


def weighed(kind: str, weight: int, **content: Any) -> Message:
    return Message("iopub", kind, "", content, weight)


@pytest.mark.parametrize("kind", ["display_data", "execute_result", "update_display_data"])
def test_a_display_counts_what_it_takes_in_memory(kind: str) -> None:
    """One emoji makes a page of HTML four times as large; metadata and names count, too."""
    folder = OutputFolder(OutputLimits(displays=10_000))
    content = {"data": {"text/plain": "x"}, "transient": {"display_id": "i"}}
    changes = [folder.add(weighed(kind, 4_000, **content)) for _ in range(9)]
    assert len([change for change in changes if change]) == 3 + 1, "and a note"
    assert folder.truncated.display == 6 * 4_000
    assert fold([change for change in changes if change]) == folder.outputs


@pytest.mark.parametrize("kind", ["display_data", "error", "update_display_data"])
def test_a_display_that_is_left_out_is_told_once_and_counted(kind: str) -> None:
    folder = OutputFolder()
    missing = Message("iopub", kind, "", None, 45_000_000)
    first, second = folder.add(missing), folder.add(missing)
    assert "displays left out" in str(first)
    assert second is None
    assert folder.truncated.display == 90_000_000


def test_text_that_is_left_out_is_told_in_its_place() -> None:
    folder = OutputFolder()
    folder.apply(stream("before"))
    folder.add(Message("iopub", "stream", "", None, 9_000_000))
    folder.apply(stream("after"))
    assert as_text(folder.outputs) == "before\n[... 9,000,000 bytes left out ...]\nafter"
    assert folder.truncated.stdout == 9_000_000


@pytest.mark.parametrize("kind", ["comm_msg", "status", "execute_input"])
def test_what_is_no_output_is_not_missing(kind: str) -> None:
    folder = OutputFolder()
    assert folder.add(Message("iopub", kind, "", None, 9_000_000)) is None
    assert not folder.truncated


def test_pieces_of_text_on_two_streams_in_turn_become_few_outputs_and_changes() -> None:
    folder = OutputFolder()
    changes = 0
    for _ in range(50_000):
        for name in ("stdout", "stderr"):
            change = Append({"output_type": "stream", "name": name, "text": "x"})
            changes += folder.apply(change) is not None
    assert changes < 15_000
    assert len(folder.outputs) < 15_000
    folder.finish()
    assert folder.truncated.stdout == 0, "its newest 100,000 letters are the rest"


def test_a_hundred_thousand_lines_arrive_whole() -> None:
    folder = OutputFolder()
    lines = [f"{number}\n" for number in range(100_000)]
    for at in range(0, len(lines), 100):
        folder.apply(stream("".join(lines[at : at + 100])))
    folder.finish()
    assert as_text(folder.outputs) == "".join(lines).removesuffix("\n")


def test_clearing_nothing_changes_nothing() -> None:
    folder = OutputFolder()
    assert [folder.apply(Clear(wait=wait)) for wait in (True, False, True)] == [None] * 3
    folder.apply(stream("a"))
    assert [folder.apply(Clear(wait=True)) for _ in range(3)] == [Clear(wait=True), None, None]
    assert folder.apply(Clear()) == Clear()
    assert folder.apply(Clear()) is None


def test_a_name_or_an_id_of_any_length_is_cut() -> None:
    error = read_change(message("error", ename="E" * 100_000, evalue="x", traceback=[]))
    assert isinstance(error, Append)
    assert len(error.output["ename"]) < 1_100
    shown = read_change(message("display_data", data={}, transient={"display_id": "i" * 2_000}))
    assert isinstance(shown, Append)
    assert shown.display_id is None


def test_a_loop_that_clears_and_prints_ends_with_its_last_line() -> None:
    """`clear_output(wait=True)`: nothing accumulates, so no limit may stop what is seen."""
    folder, shown = OutputFolder(OutputLimits(head=5_000, tail=500)), OutputFolder(EVERYTHING)
    for step in range(9_000):
        for change in (Clear(wait=True), Append({"output_type": "stream", "name": "stdout", "text": f"step {step}\n"})):
            if passed := folder.apply(change):
                shown.apply(passed)
    folder.finish()
    assert [output["text"] for output in folder.outputs] == ["step 8999\n"]
    assert folder.truncated.stdout == 0


def test_a_count_of_a_million_digits_can_be_written() -> None:
    folder = OutputFolder()
    folder.add(message("codeagent_omission", stdout=10**4_299))
    folder.add(message("codeagent_omission", stdout=10**4_299))
    assert "stdout" in repr(folder.truncated)


@pytest.mark.parametrize(
    ("text", "seen"),
    [
        ("\x1b[31mAAAA\x1b[0m\rBB", "BBAA"),
        ("Downloading 55%\r\x1b[KDone", "Done"),
        ("Downloading 55%\x1b[2K\rDone", "Done"),
        ("abcdef\b\b\x1b[0KX", "abcdX"),
        ("\x1b[31mred\x1b[0m", "\x1b[31mred\x1b[0m"),
        ("\x1b[31mred\x1b[0m\n1\r2", "\x1b[31mred\x1b[0m\n2"),
    ],
)
def test_colours_have_no_width_and_erasing_erases(text: str, seen: str) -> None:
    assert overwrite(text) == seen


OF_PROGRAMS = {
    "rburns/ansi-to-html#109": ("\x1b[2K TEXT 1 \r\x1b[2K TEXT 2 \r", " TEXT 2 "),
    "jupyterlab/jupyterlab#1860": ("\r 0\r 1\r 9", " 9"),
    "timholy/ProgressMeter.jl#271": ("Progress:  99%\r\x1b[KProgress: 100%", "Progress: 100%"),
    "jupyter/notebook#4749": ("Loading data...\r\x1b[KDone", "Done"),
    "rndusr/torf-cli#5": ("10.5 % of it\x1b[2K\x1b[1`99 %", "99 %"),
    "liorhass/UsbTerminal#7": ("a longer line\x1b[G\x1b[Kshort", "short"),
    "jupyterlab/jupyterlab#15861": ("\x1b]8;;http://example.com\x1b\\50%\x1b]8;;\x1b\\\r100%", "100%"),
    "Textualize/rich#1163": ("\x1b]8;;http://a.b\x07wait\x1b]8;;\x07\rdone", "done"),
    "keras-team/keras#66": ("1/10 [>....]" + "\b" * 12 + "\r10/10 [====]", "10/10 [====]"),
    "allenai/allennlp#719": ("step 1" + "\x08" * 6 + "step 2", "step 2"),
    "manrajgrover/halo#32": ("\x1b[?25l- Loading\r\x1b[2K| Loading\r\x1b[2K\x1b[?25hok", "ok"),
    "jupyter/notebook#444": ("\x1b[?25lbusy\x1b[?25h\rfree", "free"),
    "IonicaBizau/anser#18": ("#####      (33%)\r############(100%)\r", "############(100%)"),
    "pavdmyt/yaspin#195": ("/ long text\r\x1b[0K- text", "- text"),
    "a move by very much": ("abc\x1b[" + "9" * 5000 + "DX", "Xbc"),
    "a move behind the end": ("ab\x1b[80Gc", "abc"),
    "forward over what is there": ("abc\r\x1b[2CX", "abX"),
    "erased before the cursor": ("old old\x1b[1K\rnew", "new"),
    "a sequence that is not whole": ("ab\x1b[", "ab\x1b["),
    "up a line, which is not followed": ("Foo\nHello\x1b[A\rBar", "Foo\nBarlo"),
}
"""What programs send, most with an issue of somebody who saw it come out otherwise."""


@pytest.mark.parametrize(("text", "seen"), OF_PROGRAMS.values(), ids=OF_PROGRAMS)
def test_lines_of_programs_are_as_on_a_terminal(text: str, seen: str) -> None:
    assert overwrite(text) == seen


@pytest.mark.parametrize("at", range(25))
def test_a_line_that_comes_in_pieces_is_the_same(at: int) -> None:
    text = "Load \x1b[32m55%\x1b[0m\r\x1b[KDone"
    assert overwrite(settle(text[:at]) + text[at:]) == "Done"
