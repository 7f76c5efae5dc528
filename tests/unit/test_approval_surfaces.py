"""Code that tries to be approved as something else: on every surface a person sees what runs, and that alone runs."""

import asyncio
import io
import re
from collections.abc import Callable, Iterator
from html.parser import HTMLParser
from typing import Any

import pytest

from codeagent_nb import read_reply
from codeagent_nb.approval import ApprovalRequest, ApprovalResponse, refuse_unattended
from codeagent_nb.loop.driver import as_markdown
from codeagent_nb.notebook.panel.widget import AgentWidget
from codeagent_nb.notebook.panel.widget_controls import Controls
from codeagent_nb.rendering.approval import approval_bundle
from codeagent_nb.rendering.visible_code import as_text, shown_blocks
from codeagent_nb.reply.fences import read_blocks
from codeagent_nb.views.clean_console import CleanConsole
from codeagent_nb.views.console import code_panel
from kernel_executor import CodeBlock
from kernel_executor.languages import normalize
from tests.support.disguised_code import DISGUISED, join_rows, read_back

EVERY = pytest.mark.parametrize("reply", DISGUISED.values(), ids=DISGUISED)
WIDE = 8_000
STEERING = re.compile(
    "[\x00-\x09\x0b-\x1f\x7f-\x9f\u00ad\u061c\u200b-\u200f\u2028-\u202e\u2060-\u206f\ufeff\U000e0000-\U000e01ff]"
)


def blocks_of(reply: str) -> tuple[CodeBlock, ...]:
    return read_reply(reply).blocks


def codes(blocks: tuple[CodeBlock, ...]) -> list[str]:
    return [block.code.removesuffix("\n") for block in blocks]


def printed(blocks: tuple[CodeBlock, ...], width: int, **how: Any) -> str:
    console = CleanConsole(file=io.StringIO(), width=width, **how)
    for block in shown_blocks(blocks):
        console.print(code_panel(block))
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def rows_of_panels(text: str) -> Iterator[list[tuple[str, str]]]:
    for panel in text.split("╭")[1:]:
        rows = [re.fullmatch(r"│ +(\d*)│ (.*?) *│", row) for row in panel.splitlines()]
        yield [(row[1], row[2]) for row in rows if row]


def test_there_are_at_least_thirty_of_them_and_each_would_run() -> None:
    assert len(DISGUISED) >= 30
    assert all(blocks_of(reply) for reply in DISGUISED.values())


@EVERY
def test_in_the_terminal(reply: str) -> None:
    blocks = blocks_of(reply)
    assert [read_back(join_rows(rows)) for rows in rows_of_panels(printed(blocks, WIDE))] == codes(blocks)


@EVERY
@pytest.mark.parametrize("width", [40, 80])
def test_in_a_narrow_terminal_nothing_is_cut_off(reply: str, width: int) -> None:
    blocks = blocks_of(reply)
    text = printed(blocks, width)
    assert max(map(len, text.splitlines())) <= width
    # Where a row ends with spaces they cannot be told from what fills the panel.
    shown = [join_rows(rows).replace(" ", "") for rows in rows_of_panels(text)]
    assert shown == ["\n".join(line.text.replace(" ", "") for line in block.lines) for block in shown_blocks(blocks)]


@EVERY
def test_in_a_terminal_with_colours_nothing_but_colours_is_sent(reply: str) -> None:
    text = printed(blocks_of(reply), 80, force_terminal=True, color_system="truecolor")
    assert "\x1b[" in text
    assert not STEERING.search(re.sub(r"\x1b\[[\d;]*m", "", text))


class Rows(HTMLParser):
    """Collects the rows of each block: the texts of two spans in a flex line."""

    def __init__(self) -> None:
        super().__init__()
        self.blocks: list[list[list[str]]] = []
        self._in_row = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        style = dict(attrs).get("style") or ""
        if "overflow-y:scroll" in style:
            self.blocks.append([])
        elif style == "display:flex":
            self.blocks[-1].append([])
        elif tag == "span" and ("white-space" in style or "width:4.5em" in style):
            self.blocks[-1][-1].append("")
            self._in_row = True

    def handle_endtag(self, tag: str) -> None:
        self._in_row = self._in_row and tag != "div"

    def handle_data(self, data: str) -> None:
        if self._in_row:
            self.blocks[-1][-1][-1] += data


def codes_of_html(text: str) -> list[str]:
    parser = Rows()
    parser.feed(text)
    return [
        read_back("\n".join(text.replace("\xa0", "") for _, text in rows)).removesuffix("\n") for rows in parser.blocks
    ]


def numbered(text: str) -> Iterator[str]:
    for block in re.split(r"^── .* ──$", text, flags=re.MULTILINE)[1:]:
        rows = [re.fullmatch(r" *(\d*) │ (.*)", row) for row in block.splitlines()]
        yield read_back(join_rows((row[1], row[2]) for row in rows if row))


@EVERY
def test_above_the_input_line(reply: str) -> None:
    blocks = blocks_of(reply)
    bundle = approval_bundle(blocks)
    assert codes_of_html(bundle["text/html"]) == codes(blocks)
    assert list(numbered(bundle["text/plain"])) == codes(blocks)
    assert not STEERING.search(bundle["text/html"])


async def asking(widget: Any, blocks: tuple[CodeBlock, ...]) -> "tuple[asyncio.Task[ApprovalResponse], Controls]":
    controls = Controls(widget, stop=lambda: None, without_widget=refuse_unattended)
    if isinstance(widget, AgentWidget):
        click(widget, {"type": "ready"})
    answer = asyncio.ensure_future(controls.ask(ApprovalRequest(code="", code_blocks=blocks, isolation="bare\x1b")))
    async with asyncio.timeout(20):
        while not widget.approval:  # noqa: ASYNC110 - a trait
            await asyncio.sleep(0.005)
    return answer, controls


def click(widget: Any, message: dict[str, Any]) -> None:
    widget._handle_custom_msg(message, [])


def shown_by(widget: Any) -> list[str]:
    return [
        read_back("\n".join("".join(text for text, _ in parts) for _, parts in block["lines"]))
        for block in widget.approval["blocks"]
    ]


@EVERY
async def test_with_buttons(reply: str) -> None:
    blocks = blocks_of(reply)
    widget = AgentWidget(mode="cell")
    answer, _ = await asking(widget, blocks)
    assert shown_by(widget) == codes(blocks)
    assert widget.approval["isolation"] == "bare⟨U+001B⟩"
    click(widget, {"type": "approve", "id": widget.approval["id"]})
    assert (await answer).code_blocks == blocks


@EVERY
async def test_by_a_function_that_is_asked(reply: str, stage: Callable[..., Any]) -> None:
    requests: list[ApprovalRequest] = []

    def approve(request: ApprovalRequest) -> ApprovalResponse:
        requests.append(request)
        return ApprovalResponse(approved=True)

    scene = stage([reply, "Done."], ["1\n"] * len(blocks_of(reply)), approval_func=approve)
    await scene.agent.run(task="add")
    [request] = requests
    assert list(scene.executor.executed) == list(request.code_blocks) == list(blocks_of(reply))
    assert [block.code for block in read_blocks(request.code)] == [f"{code}\n" for code in codes(request.code_blocks)]
    assert [block.info for block in read_blocks(request.code)] == [
        normalize(block.language or "python") for block in request.code_blocks
    ]
    assert list(numbered(request.shown)) == codes(request.code_blocks)


@pytest.mark.parametrize("message", [{"codes": ["evil()"]}, {"code": "evil()"}, {"blocks": [{"code": "evil()"}]}])
async def test_a_click_names_a_question_and_brings_no_code(message: dict[str, Any]) -> None:
    blocks = (CodeBlock("print(1)", "python"),)
    widget = AgentWidget(mode="cell")
    answer, _ = await asking(widget, blocks)
    click(widget, {"type": "approve", "id": widget.approval["id"], **message})
    assert (await answer).code_blocks == blocks


async def test_edited_code_is_shown_again_and_only_then_can_be_approved() -> None:
    blocks = (CodeBlock("print(1)", "python"), CodeBlock("ls\r", "bash"))
    widget = AgentWidget(mode="cell")
    answer, _ = await asking(widget, blocks)
    first = widget.approval["id"]
    assert widget.approval["edited"] is False
    click(widget, {"type": "review", "id": first, "codes": ["print('\u202e')", None]})
    await asyncio.sleep(0.01)
    assert widget.approval["edited"] is True
    assert [block["lines"][0][1] for block in widget.approval["blocks"]] == [
        [["print('", False], ["⟨U+202E⟩", True], ["')", False]],
        [["ls", False], ["⟨U+000D⟩", True]],
    ]
    click(widget, {"type": "approve", "id": first})
    await asyncio.sleep(0.01)
    assert not answer.done(), "the click was on the code before"
    click(widget, {"type": "approve", "id": widget.approval["id"]})
    assert (await answer).code_blocks == (CodeBlock("print('\u202e')", "python"), CodeBlock("ls\r", "bash"))


@pytest.mark.parametrize("codes", [None, "x", [], ["a", "b", "c"], [1, {}]])
async def test_a_review_that_fits_no_question_changes_nothing(codes: Any) -> None:
    blocks = (CodeBlock("print(1)"), CodeBlock("print(2)"))
    widget = AgentWidget(mode="cell")
    answer, _ = await asking(widget, blocks)
    click(widget, {"type": "review", "id": widget.approval["id"], "codes": codes})
    await asyncio.sleep(0.01)
    assert shown_by(widget) == ["print(1)", "print(2)"]
    click(widget, {"type": "reject", "id": widget.approval["id"]})
    assert not (await answer).approved


async def test_code_that_no_message_can_carry_is_shown_and_cannot_be_edited() -> None:
    widget = AgentWidget(mode="cell")
    answer, _ = await asking(widget, (CodeBlock("x = '\ud800'"),))
    [block] = widget.approval["blocks"]
    assert block["code"] is None
    assert block["lines"][0][1][1] == ["⟨U+D800⟩", True]
    answer.cancel()


def test_a_program_gets_every_character_of_every_block() -> None:
    blocks = [CodeBlock("x = 1  \n\n\n", "python"), CodeBlock("echo '```'", "sh"), CodeBlock("\t\x0b\n", "")]
    assert as_markdown(blocks) == ("```python\nx = 1  \n\n\n```\n\n````sh\necho '```'\n````\n\n```python\n\t\x0b\n```")
    assert "block 3 of 3" in as_text(blocks)
