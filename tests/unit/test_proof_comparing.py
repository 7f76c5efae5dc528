"""Comparing what a cell has shown with its replay: streams, displays, errors, pictures."""

import base64
import io
import time
from datetime import UTC, datetime
from typing import Any

import pytest
from PIL import Image

from codeagent_nb.proof.comparing import compare_outputs, text_of
from codeagent_nb.proof.numbers import Window
from codeagent_nb.rendering.cell_outputs import harmless_output
from kernel_executor import Output

WINDOW = Window(datetime.now(UTC), datetime.now(UTC))


def stream(text: str, name: str = "stdout") -> Output:
    return {"output_type": "stream", "name": name, "text": text}


def shown(**data: Any) -> Output:
    named = {name.replace("_", "/", 1).replace("__", "+"): value for name, value in data.items()}
    return {"output_type": "display_data", "data": named, "metadata": {}}


def error(ename: str, evalue: str, *lines: str) -> Output:
    return {"output_type": "error", "ename": ename, "evalue": evalue, "traceback": list(lines)}


def picture(colour: tuple[int, int, int] = (255, 255, 255), size: tuple[int, int] = (40, 30), **save: Any) -> str:
    into = io.BytesIO()
    Image.new("RGB", size, colour).save(into, "PNG", **save)
    return base64.b64encode(into.getvalue()).decode()


def film(*shades: int) -> str:
    into = io.BytesIO()
    first, *more = (Image.new("L", (20, 10), shade) for shade in shades)
    first.save(into, "GIF", save_all=True, append_images=more)
    return base64.b64encode(into.getvalue()).decode()


def what(saved: list[Output], now: list[Output]) -> str | None:
    found = compare_outputs(saved, now, WINDOW).difference
    return found.what if found else None


SAME: dict[str, tuple[list[Output], list[Output]]] = {
    "pieces of a stream": ([stream("a"), stream("b")], [stream("ab")]),
    "streams that interleave": (
        [stream("a"), stream("x", "stderr"), stream("b")],
        [stream("ab"), stream("x", "stderr")],
    ),
    "addresses": ([stream("<A object at 0x7f1234567890>")], [stream("<A object at 0x7fabcdefab10>")]),
    "temporary names": ([stream("/tmp/tmpabcd1234/x.csv")], [stream("/tmp/tmpzzzz9999/x.csv")]),
    "colours": ([stream("\x1b[31mred\x1b[0m")], [stream("red")]),
    "a traceback elsewhere": ([error("A", "b", "/home/a/x.py")], [error("A", "b", "/opt/x.py")]),
    "a warning that comes once": ([stream("/a/b.py:3: FutureWarning: old\n  x = 1\n", "stderr")], []),
    "a progress bar": ([stream("100%|###| 3/3 [00:00<00:00, 12.1it/s]\n", "stderr")], [stream("\r50%\r", "stderr")]),
    "timings": (
        [stream("CPU times: user 1 ms\nWall time: 2 ms\n")],
        [stream("CPU times: user 3 ms\nWall time: 4 ms\n")],
    ),
    "a picture packed otherwise": (
        [shown(image_png=picture(compress_level=0))],
        [shown(image_png=picture(compress_level=9))],
    ),
    "nearly the same colour": ([shown(image_png=picture((250, 250, 250)))], [shown(image_png=picture())]),
    "noise in json": ([shown(application_json={"a": [0.1 + 0.2]})], [shown(application_json={"a": [0.3]})]),
    "ids in html": (
        [shown(text_html='<table id="T_0a1b2"><tr><td id="T_0a1b2_row0">1</td></tr></table>')],
        [shown(text_html='<table id="T_c3d4e"><tr><td id="T_c3d4e_row0">1</td></tr></table>')],
    ),
    "a film packed otherwise": (
        [shown(image_gif=film(0, 255))],
        [shown(image_gif=base64.b64encode(base64.b64decode(film(0, 255)) + b"\0").decode())],
    ),
    "output that was cut": (
        [stream("abc" * 10 + "\n[... 30 characters left out ...]\n" + "xyz" * 10)],
        [stream("abc" * 20 + "xyz" * 10)],
    ),
}


@pytest.mark.parametrize("case", SAME)
def test_what_says_the_same_is_no_difference(case: str) -> None:
    saved, now = SAME[case]
    assert what(saved, now) is None
    assert what(now, saved) is None


OTHER: dict[str, tuple[list[Output], list[Output], str]] = {
    "a number": ([stream("n = 3")], [stream("n = 4")], "number"),
    "a word": ([stream("yes")], [stream("no")], "text"),
    "a stream more": ([stream("a")], [], "text"),
    "words on standard error": ([stream("loss 3", "stderr")], [stream("loss 4", "stderr")], "number"),
    "another error": ([error("A", "b")], [error("A", "c")], "error"),
    "an error less": ([error("A", "b")], [], "error"),
    "another colour": ([shown(image_png=picture((0, 0, 255)))], [shown(image_png=picture())], "picture"),
    "another size": ([shown(image_png=picture(size=(41, 30)))], [shown(image_png=picture())], "picture"),
    "no picture at all": ([shown(image_png="AAAA")], [shown(image_png=picture())], "picture"),
    "a value of json": ([shown(application_json={"a": 1})], [shown(application_json={"a": 2})], "data"),
    "a key of json": ([shown(application_json={"a": 1})], [shown(application_json={"b": 1})], "data"),
    "a cell of a table": (
        [shown(text_html="<table><tr><td>1</td></tr></table>", text_plain="1")],
        [shown(text_html="<table><tr><td>2</td></tr></table>", text_plain="1")],
        "table",
    ),
    "a display more": ([shown(text_plain="1"), shown(text_plain="2")], [shown(text_plain="1")], "missing"),
    "a display less": ([], [shown(text_plain="1")], "extra"),
    "a representation more": ([shown(text_plain="1", text_html="<b>1</b>")], [shown(text_plain="1")], "missing"),
    "the head of what was cut": (
        [stream("abd" * 10 + "\n[... 30 characters left out ...]\n" + "xyz" * 10)],
        [stream("abc" * 20 + "xyz" * 10)],
        "text",
    ),
    "a cut that stands for all": ([stream("\n[... 9 characters left out ...]\n")], [stream("accuracy 0.91")], "text"),
    "a cut that tells another number": (
        [stream("abc\n[... 31 characters left out ...]\nxyz")],
        [stream("abc" + "." * 30 + "xyz")],
        "text",
    ),
    "a p-value": ([stream("p = 3.2e-15")], [stream("p = 8.1e-13")], "number"),
    "a p-value that is tiny": ([stream("p = 3.2e-16")], [stream("p = 8.1e-13")], "number"),
    "a later frame": ([shown(image_gif=film(0, 255))], [shown(image_gif=film(0, 90))], "picture"),
    "a frame more": ([shown(image_gif=film(0, 255))], [shown(image_gif=film(0, 255, 90))], "picture"),
    "the colour of a bar in SVG": (
        [shown(image_svg__xml='<svg xmlns="http://www.w3.org/2000/svg"><rect width="3" fill="red"/></svg>')],
        [shown(image_svg__xml='<svg xmlns="http://www.w3.org/2000/svg"><rect width="4" fill="red"/></svg>')],
        "picture",
    ),
}


@pytest.mark.parametrize("case", OTHER)
def test_what_says_something_else_is_a_difference(case: str) -> None:
    saved, now, kind = OTHER[case]
    assert what(saved, now) == kind


def test_a_picture_with_too_many_pixels_is_not_opened() -> None:
    into = io.BytesIO()
    Image.new("1", (20_000, 20_000)).save(into, "PNG")
    bomb = base64.b64encode(into.getvalue()).decode()
    found = compare_outputs([shown(image_png=bomb)], [shown(image_png=picture())], WINDOW).difference
    assert found
    assert "pixels" in found.saved or "cannot be read" in found.saved


@pytest.mark.parametrize(
    "output",
    [
        shown(image_svg__xml='<svg xmlns="http://www.w3.org/2000/svg"><rect width="3"/></svg>'),
        shown(text_html="<table><tr><td>1</td></tr></table><script>1</script>", text_plain="1"),
        shown(text_latex="$x^2$"),
        shown(text_markdown="**7**"),
        shown(**{"application_vnd.jupyter.widget-view__json": {"model_id": "a"}, "text_plain": "Box()"}),
    ],
    ids=lambda output: next(iter(output["data"])),
)
def test_what_was_saved_clean_is_the_same_as_what_is_cleaned_now(output: Output) -> None:
    assert what([harmless_output(output)], [output]) is None


def test_what_was_not_compared_is_said() -> None:
    done = compare_outputs(*SAME["a warning that comes once"], WINDOW)
    assert done.set_aside == ["warnings and progress bars"]


def drawn(data: str) -> Output:
    return shown(text_html=f'<div id="x"></div><script>draw({data})</script>', text_plain="<Chart>")


@pytest.mark.parametrize(
    ("saved", "now", "mime"),
    [
        (drawn("[1, 2, 3]"), drawn("[9, 9, 9]"), "text/html"),
        (shown(application_geo__json={"v": 1}), shown(application_geo__json={"v": 2}), "application/geo+json"),
        (shown(application_javascript="draw(1)"), shown(application_javascript="draw(2)"), "application/javascript"),
        (shown(application_pdf="JVBERi0="), shown(application_pdf="JVBERi1="), "application/pdf"),
    ],
)
def test_what_differs_only_where_it_is_cleaned_away_is_said(saved: Output, now: Output, mime: str) -> None:
    assert any(mime in one for one in compare_outputs([saved], [now], WINDOW).set_aside)
    assert not compare_outputs([saved], [saved], WINDOW).set_aside
    assert not compare_outputs([harmless_output(saved)], [now], WINDOW).set_aside


def test_output_that_was_cut_is_said_not_to_be_compared_there() -> None:
    done = compare_outputs(*SAME["output that was cut"], WINDOW)
    assert done.set_aside == ["the middle of output that was cut"]


def test_numbers_that_rounding_makes_of_zero_are_said() -> None:
    done = compare_outputs([stream("mean 1.1e-16")], [stream("mean -2.2e-16")], WINDOW)
    assert done.difference is None
    assert any("1e-15" in one for one in done.set_aside)


@pytest.mark.parametrize(
    "text", ["(#" * 20_000, "f#" * 20_000, "1" * 40_000, "a" * 40_000, " ± " * 15_000, "/" * 40_000, 'id="' * 10_000]
)
def test_hostile_output_is_compared_in_a_moment(text: str) -> None:
    """Each took minutes, on the event loop."""
    began = time.monotonic()
    compare_outputs(
        [shown(text_html=text), stream(text), stream(text, "stderr")], [shown(text_html="x"), stream("y")], WINDOW
    )
    assert time.monotonic() - began < 20


def test_the_text_of_outputs_is_the_same_however_a_file_holds_them() -> None:
    assert text_of([stream("a"), stream("b")]) == text_of([stream("ab")])
    assert text_of([stream("a")]) != text_of([stream("b")])
