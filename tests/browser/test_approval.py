"""Code that waits for a person: in the page all of it is seen, as it is, before it can be approved."""

from typing import Any

import pytest
from playwright.sync_api import Locator, expect

from codeagent_nb import read_reply
from kernel_executor import CodeBlock
from tests.browser.agent_cells import model, python, shown, wait_until_done
from tests.browser.jupyter import Notebook, one_app
from tests.support.disguised_code import DISGUISED, join_rows, read_back

pytestmark = [pytest.mark.browser, pytest.mark.integration]

ASK = """
import asyncio
from codeagent_nb.approval import ApprovalRequest, refuse_unattended
from codeagent_nb.notebook.panel.widget_controls import Controls
from codeagent_nb.notebook.panel.widget import AgentWidget
from kernel_executor import CodeBlock
answers = []
panel = AgentWidget(mode={mode!r})
controls = Controls(panel, stop=lambda: None, without_widget=refuse_unattended)
async def ask():
    answers.append(await controls.ask(ApprovalRequest(code="", isolation="NOT sandboxed", code_blocks=blocks)))
"""

ROWS = """(form) => [...form.querySelectorAll('.cagent-rows')].map((box) => [...box.children].map(
    (row) => [row.querySelector('.cagent-number').dataset.number, row.querySelector('code').innerText]))"""

HIDDEN_ROWS = """(form) => [...form.querySelectorAll('.cagent-rows')].flatMap((box) => {
    const bounds = box.getBoundingClientRect();
    return [...box.querySelectorAll('.cagent-row span')].filter((part) => part.textContent).filter((part) => {
        const places = [...part.getClientRects()];
        return !places.length || places.some((place) => place.left < bounds.left - 1 || place.right > bounds.right + 1
            || place.bottom - bounds.top + box.scrollTop > box.scrollHeight + 1) || !part.checkVisibility();
    }).map((part) => part.textContent.slice(0, 40));
})"""

ORDER = """(form) => [...form.querySelectorAll('.cagent-row code')].filter((code) => {
    const range = document.createRange();
    let last = null;
    for (const span of code.querySelectorAll('span')) {
        const node = span.firstChild;
        for (let at = 0; node && at < Math.min(node.length, 300); at++) {
            range.setStart(node, at); range.setEnd(node, at + 1);
            const place = range.getBoundingClientRect();
            if (!place.width) continue;
            if (last && place.top < last.bottom - 2 && place.left < last.left - 1) return true;
            last = place;
        }
    }
    return false;
}).map((code) => code.textContent.slice(0, 60))"""


def ask(notebook: Notebook, *blocks: CodeBlock, mode: str = "cell") -> Locator:
    """Ask about blocks as a run does; return the form."""
    source = f"from kernel_executor import CodeBlock\nblocks = tuple({list(blocks)!r})"
    notebook.open(ASK.format(mode=mode), source, "panel")
    for index in range(3):
        notebook.run_cell(index)
    notebook.execute("import asyncio; asking = asyncio.ensure_future(ask())")
    form = notebook.cell(2).get_by_label("Approve code")
    form.wait_for()
    return form


def run_button(form: Locator) -> Locator:
    return form.get_by_role("button", name="Run it")


def test_whatever_code_tries_what_is_seen_is_what_runs(notebook: Notebook) -> None:
    blocks = [block for reply in DISGUISED.values() for block in read_reply(reply).blocks]
    form = ask(notebook, *blocks)
    seen = [read_back(join_rows((number, text) for number, text in rows)) for rows in form.evaluate(ROWS)]
    assert seen == [block.code.removesuffix("\n") for block in blocks]
    assert form.evaluate(HIDDEN_ROWS) == []
    assert form.evaluate(ORDER) == []
    for box in form.locator(".cagent-rows").all():
        expect(run_button(form)).to_be_disabled()
        box.scroll_into_view_if_needed()
    run_button(form).click()
    notebook.wait_for_value("bool(answers)")
    assert notebook.value("answers[0].code_blocks == blocks")


@one_app
@pytest.mark.parametrize("width", [600, 1280])
def test_no_line_is_cut_off_in_a_page_of_any_width(notebook: Notebook, width: int) -> None:
    notebook.page.set_viewport_size({"width": width, "height": 800})
    code = (
        "x = '"
        + "a" * 3_000
        + "'; "
        + "⟨" * 40
        + "\n"
        + "\n".join(f"line_{number} = {number}" for number in range(213))
    )
    form = ask(notebook, CodeBlock(code, "python"))
    expect(form).to_contain_text("python · 214 lines")
    expect(form).to_contain_text("Has a line of")
    form.locator(".cagent-rows").scroll_into_view_if_needed()
    expect(form.get_by_text("more below")).to_be_visible()
    assert form.evaluate(HIDDEN_ROWS) == []
    last = form.locator(".cagent-row").last
    last.scroll_into_view_if_needed()
    expect(last).to_be_in_viewport()
    expect(last).to_contain_text("line_212 = 212")
    expect(form.get_by_text("more below")).not_to_be_visible()
    expect(run_button(form)).to_be_enabled()


@one_app
def test_where_the_page_is_too_narrow_to_read_nothing_can_be_approved(notebook: Notebook) -> None:
    notebook.page.set_viewport_size({"width": 420, "height": 800})
    form = ask(notebook, CodeBlock("print(1)", "python"))
    notebook.page.wait_for_timeout(900)
    expect(run_button(form)).to_be_disabled()
    notebook.page.set_viewport_size({"width": 1000, "height": 800})
    expect(run_button(form)).to_be_enabled()


@one_app
def test_keys_and_clicks_meant_for_what_was_there_before_approve_nothing(notebook: Notebook) -> None:
    form = ask(notebook, CodeBlock("print(1)", "python"))
    notebook.page.evaluate(
        """() => { window.early = []; const seen = new MutationObserver(() => {
            const run = document.querySelector('.cagent-approval .cagent-primary');
            if (!run) return;
            seen.disconnect();
            early.push(run.disabled);
            run.click();
            run.dispatchEvent(new KeyboardEvent('keydown', { key: 'Enter', ctrlKey: true, bubbles: true }));
        }); seen.observe(document.body, { childList: true, subtree: true }); }"""
    )
    form.get_by_role("button", name="Reject").click()
    notebook.wait_for_value("len(answers) == 1")
    notebook.execute("asking = asyncio.ensure_future(ask())")
    form.wait_for()
    expect(run_button(form)).to_be_enabled()
    assert notebook.page.evaluate("() => window.early") == [True]
    assert notebook.value("[answer.approved for answer in answers]") == [False]
    form.get_by_role("group", name="python").press("Control+Enter")
    notebook.wait_for_value("[answer.approved for answer in answers] == [False, True]")


@one_app
def test_code_out_of_sight_cannot_be_approved(notebook: Notebook) -> None:
    form = ask(notebook, *(CodeBlock(f"print({number})\n" * 30, "python") for number in range(6)))
    form.evaluate(
        "() => { for (const part of document.querySelectorAll('.jp-WindowedPanel-outer')) part.scrollTop = 0 }"
    )
    notebook.page.wait_for_timeout(800)
    expect(run_button(form)).to_be_disabled()
    for box in form.locator(".cagent-rows").all():
        box.scroll_into_view_if_needed()
    expect(run_button(form)).to_be_enabled()


def answer_input(notebook: Notebook, index: int, text: str) -> None:
    field = notebook.cell(index).locator(".jp-Stdin-input")
    field.wait_for()
    field.fill(text)
    field.press("Enter")


@pytest.mark.parametrize("name", ["on the info line", "as escapes in a call's JSON"])
@one_app
def test_the_code_stands_above_the_input_line_however_fast_the_model_is(notebook: Notebook, name: str) -> None:
    setup = model(DISGUISED[name], "Done.") + "\n%config CodeAgent.buttons = False"
    notebook.open(setup, "%%agent -m replay -a always\nAdd.")
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    notebook.cell(1).locator(".jp-Stdin-input").wait_for()
    cell = notebook.cell(1)
    [block] = read_reply(DISGUISED[name]).blocks
    rows: Any = cell.evaluate(
        """(cell) => [...cell.querySelectorAll('[tabindex="0"] > div > span:last-child')].map((row) => row.innerText)"""
    )
    assert read_back("\n".join(row.replace("\xa0", "") for row in rows)) == block.code.removesuffix("\n")
    box, question = cell.get_by_text("os.remove").last.bounding_box(), cell.locator(".jp-Stdin-prompt").bounding_box()
    assert box is not None
    assert question is not None
    assert box["y"] < question["y"]
    expect(cell.locator(".jp-Stdin-prompt")).to_contain_text("Run this code (")
    answer_input(notebook, 1, "n")
    wait_until_done(notebook, 1)
    assert "not approved" in shown(notebook, 1).lower()


@one_app
def test_edited_code_is_shown_as_it_would_run_before_it_runs(notebook: Notebook) -> None:
    notebook.open(model(python("print('x')"), "Fine."), "%%agent -m replay -a always\nPrint.")
    notebook.run_cell(0)
    notebook.run_cell(1, wait=False)
    form = notebook.cell(1).get_by_label("Approve code")
    form.get_by_role("button", name="Edit").click()
    form.get_by_role("textbox").first.fill("print('edited\u200b')")
    form.get_by_role("textbox").first.press("Control+Enter")
    expect(form.get_by_text("⟨U+200B⟩", exact=True)).to_be_visible()
    assert "edited" not in shown(notebook, 1)
    form.get_by_role("button", name="Run the edited code").click()
    wait_until_done(notebook, 1)
    assert r"edited\u200b" in shown(notebook, 1)


GRANT = """
import asyncio
from codeagent_nb.approval import ApprovalRequest, refuse_unattended
from codeagent_nb.notebook.panel.widget_controls import Controls
from codeagent_nb.notebook.panel.widget import AgentWidget
answers = []
panel = AgentWidget(mode="cell")
controls = Controls(panel, stop=lambda: None, without_widget=refuse_unattended)
question = "The code wants to reach data.example.org. Allow it?"
request = ApprovalRequest(code="", isolation="sandboxed by bubblewrap", grant=question)
async def ask():
    answers.append(await controls.ask(request))
"""


@one_app
@pytest.mark.parametrize(
    ("button", "answer"),
    [("Allow once", (True, False)), ("Allow in this session", (True, True)), ("Reject", (False, False))],
)
def test_what_code_was_refused_is_allowed_by_one_answer(
    notebook: Notebook, button: str, answer: tuple[bool, bool]
) -> None:
    notebook.open(GRANT, "panel")
    for index in range(2):
        notebook.run_cell(index)
    notebook.execute("asking = asyncio.ensure_future(ask())")
    form = notebook.cell(1).get_by_label("Allow", exact=True)
    form.wait_for()
    expect(form).to_contain_text("The code wants to reach data.example.org. Allow it?")
    expect(form.get_by_role("button", name="Run it")).to_have_count(0)
    form.get_by_role("button", name=button).click()
    notebook.wait_for_value("bool(answers)")
    assert tuple(notebook.value("[answers[0].approved, answers[0].lasting]")) == answer
