"""The panel alone: no agent, only traits that change and messages that come and go."""

import base64
import re
import statistics
import struct
import zlib
from itertools import pairwise
from typing import Any, get_args

import pytest
from playwright.sync_api import Locator, expect

from codeagent_nb.events import RunStatus
from codeagent_nb.notebook.panel.widget_controls import question_fields
from codeagent_nb.projections.chat import block_fields, run_fields
from kernel_executor import CodeBlock
from tests.browser.jupyter import THEMES, Notebook, one_app

pytestmark = [pytest.mark.browser, pytest.mark.integration]

SETUP = """
from codeagent_nb.notebook.panel.widget import AgentWidget
got, texts, seen = [], {}, {"where": "", "rows": []}
def receive(panel, content, buffers):
    got.append(content)
    if content["type"] == "look":
        panel.send({"type": "kernel", **seen})
    if content["type"] == "ready":
        for id, text in texts.items():
            panel.send({"type": "text", "id": id, "text": text})
panel = AgentWidget()
panel.on_msg(receive)
"""
TASK = {"id": "t", "kind": "task", "text": "How many penguins?"}
MARKDOWN = """# Plan\n\nSome *words*, `code`, a [link](https://example.org/) and\n\n> a quote\n\n- one\n- two\n
| a | b |\n|---|--:|\n| c | 1 |\n\n```python\n# a comment\nimport os\n\n@decorated\ndef f(x: int = 1) -> str:
    return f"{x}" + 'text'\n```\n\n```json\n{"a": [true, 1.5]}\n```\n"""
RUN = {"kind": "run", **block_fields("ok"), "attempt": 1, "seconds": 1.0, "text": "344", "images": [], "note": ""}


def png(width: int = 8, height: int = 8) -> str:
    """A small picture as a data URL."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    pixels = zlib.compress(b"".join(b"\0" + b"\x20\x60\xc0" * width for _ in range(height)))
    data = b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", head) + chunk(b"IDAT", pixels) + chunk(b"IEND", b"")
    return "data:image/png;base64," + base64.b64encode(data).decode()


EVERY_KIND: list[dict[str, Any]] = [
    TASK,
    {"id": "1", "kind": "reply", "open": False, "text": MARKDOWN},
    *({**RUN, "id": f"r{status}", **block_fields(status), "note": "Shortened.", "attempt": 2}
      for status in ("running", "ok", "error", "timeout", "interrupted", "died", "skipped")),
    *({"id": f"n{level}", "kind": "note", "level": level, "text": "Again."} for level in ("info", "warn", "error")),
    {"id": "2", "kind": "reflection", "open": False, "text": "It was the *name*; see `x`.\n\n> quoted"},
    *({"id": f"e{status}", "kind": "end", **run_fields(status), "text": "So it ended.", "facts": ["2 attempts", "1 s"]}
      for status in get_args(RunStatus)),
]  # fmt: skip


def asked(name: str, *blocks: CodeBlock, isolation: str = "sandbox", edited: bool = False) -> dict[str, Any]:
    """A question as the kernel puts it."""
    # The isolation as it is: the page must bear text that the kernel has not spelled out.
    return {**question_fields(name, blocks, isolation, edited=edited), "isolation": isolation}


APPROVAL = asked("a", CodeBlock("x = 1\nprint(x)\n", "python"), CodeBlock("ls", "bash"))


def open_panel(notebook: Notebook, /, *more: str, **traits: Any) -> Locator:
    """Open a notebook whose second cell shows a panel."""
    notebook.open(SETUP, "panel", *more)
    notebook.run_cell(0)
    set_traits(notebook, **traits)
    notebook.run_cell(1)
    panel = notebook.cell(1).locator(".cagent")
    panel.wait_for()
    notebook.wait_for_value("got == [{'type': 'ready'}]")
    return panel


def set_traits(notebook: Notebook, /, **traits: Any) -> None:
    notebook.execute("\n".join(f"panel.{name} = {value!r}" for name, value in traits.items()))


def sent(notebook: Notebook, kind: str, count: int = 1) -> list[dict[str, Any]]:
    """What the panel has sent of a kind, once there is so much of it."""
    messages = f"[m for m in got if m['type'] == {kind!r}]"
    notebook.wait_for_value(f"len({messages}) >= {count}")
    return list(notebook.value(messages))


def composer(panel: Locator) -> Locator:
    return panel.get_by_label("Task for the agent")


def counts(notebook: Notebook) -> list[Any]:
    return [cell.get("execution_count") for cell in notebook.cells()]


def test_enter_sends_and_shift_enter_makes_a_line(notebook: Notebook) -> None:
    panel = open_panel(notebook, "1 + 1")
    before = counts(notebook)
    field = composer(panel)
    field.click()
    notebook.page.keyboard.type("one")
    notebook.page.keyboard.press("Shift+Enter")
    notebook.page.keyboard.type("two")
    assert field.input_value() == "one\ntwo"
    notebook.page.keyboard.press("Enter")
    notebook.page.keyboard.type("three")
    notebook.page.keyboard.press("Control+Enter")
    assert [message["text"] for message in sent(notebook, "send", 2)] == ["one\ntwo", "three"]
    assert field.input_value() == ""
    assert counts(notebook) == before


def test_nothing_is_sent_of_blanks(notebook: Notebook) -> None:
    panel = open_panel(notebook)
    composer(panel).fill("  \n ")
    composer(panel).press("Enter")
    panel.get_by_role("button", name="Send").click(force=True)  # it says that it is disabled, and keeps the focus
    composer(panel).fill("something")
    panel.get_by_role("button", name="Send").click()
    assert [message["text"] for message in sent(notebook, "send")] == ["something"]


def test_no_key_in_the_panel_runs_or_deletes_a_cell(notebook: Notebook) -> None:
    panel = open_panel(notebook, "1 + 1", approval=APPROVAL, state="waiting", entries=[TASK])
    before = notebook.cells()
    places = [composer(panel), panel.get_by_label("python · block 1"), panel.get_by_label("Reason for rejecting"),
              panel.get_by_role("button", name="Stop"), panel.get_by_role("log")]  # fmt: skip
    for place in places:
        place.focus()
        for key in ("Escape", "d", "d", "a", "b", "x", "Shift+Enter", "Alt+Enter"):
            if not (key.endswith("Enter") and place in places[2:4]):
                notebook.page.keyboard.press(key)
    notebook.page.wait_for_timeout(300)
    assert [cell["source"] for cell in notebook.cells()] == [cell["source"] for cell in before]
    assert counts(notebook) == [cell["execution_count"] for cell in before]
    expect(panel).to_be_visible()


def test_control_s_saves_the_notebook(notebook: Notebook) -> None:
    panel = open_panel(notebook)
    composer(panel).press("Control+s")
    for _ in range(100):
        saved = (notebook.server.root / notebook.path).read_text()
        if "widget-view+json" in saved:  # while it is written, it may be empty
            break
        notebook.page.wait_for_timeout(50)
    assert "widget-view+json" in saved
    assert notebook.value("[m for m in got if m['type'] != 'ready']") == []


def test_while_the_agent_works_send_is_stop_and_the_draft_stays(notebook: Notebook) -> None:
    panel = open_panel(notebook)
    composer(panel).fill("next task")
    set_traits(notebook, state="thinking", status="Writing code")
    expect(panel.get_by_role("button", name="Send")).to_be_hidden()
    composer(panel).press("Enter")
    expect(panel.get_by_role("alert")).to_contain_text("Not sent")
    panel.get_by_role("button", name="Stop").click()
    sent(notebook, "stop")
    set_traits(notebook, state="done", status="")
    assert composer(panel).input_value() == "next task"
    assert notebook.value("[m for m in got if m['type'] == 'send']") == []
    composer(panel).press("Enter")
    assert sent(notebook, "send") == [{"type": "send", "text": "next task"}]


def test_tab_goes_through_labelled_controls_in_the_order_of_sight(notebook: Notebook) -> None:
    panel = open_panel(notebook, models=["one", "two"], model="one", approval=APPROVAL, state="waiting", entries=[TASK])
    expect(panel.get_by_role("button", name="Run it")).to_be_enabled()
    panel.get_by_label("Model").focus()
    seen = []
    for _ in range(12):
        seen.append(notebook.page.evaluate(
            "() => { const e = document.activeElement; return e.getAttribute('aria-label')"
            " || e.labels?.[0]?.firstElementChild.textContent || e.textContent.trim() }"))  # fmt: skip
        notebook.page.keyboard.press("Tab")
    assert seen == [
        "Model", "Conversation", "Edit", "python · block 1 of 2 · 2 lines", "Edit", "bash · block 2 of 2 · 1 line",
        "Run it", "Reason for rejecting", "Reject", "Task for the agent", "Stop", "Save notebook",
    ]  # fmt: skip


def test_the_model_is_chosen_where_there_is_a_choice(notebook: Notebook) -> None:
    panel = open_panel(notebook, models=["one"], model="one")
    expect(panel.get_by_label("Model")).to_be_hidden()
    set_traits(notebook, models=["one", "two"])
    panel.get_by_label("Model").select_option("two")
    notebook.wait_for_value("panel.model == 'two'")


def test_the_notebook_is_saved_and_its_place_shown(notebook: Notebook) -> None:
    panel = open_panel(notebook, notebook="sessions/a.ipynb")
    expect(panel).to_contain_text("sessions/a.ipynb")
    panel.get_by_role("button", name="Save notebook").click()
    assert sent(notebook, "save") == [{"type": "save"}]


CONTRAST = """(panel) => {
    const brush = new OffscreenCanvas(1, 1).getContext('2d', { willReadFrequently: true });
    const paint = (...colours) => {
        brush.clearRect(0, 0, 1, 1);
        for (const colour of colours) { brush.fillStyle = colour; brush.fillRect(0, 0, 1, 1); }
        return [...brush.getImageData(0, 0, 1, 1).data].slice(0, 3);
    };
    const linear = (v) => v <= 0.04045 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4;
    const share = [0.2126, 0.7152, 0.0722];
    const luminance = (rgb) => rgb.reduce((sum, v, i) => sum + linear(v / 255) * share[i], 0);
    const ground = (element) => getComputedStyle(element).backgroundColor;
    const grounds = (element) => element ? [...grounds(element.parentElement), ground(element)] : ['#fff'];
    const ratio = (element, colour) => {
        const below = grounds(element);
        const [a, b] = [luminance(paint(...below)), luminance(paint(...below, colour))].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
    };
    const texts = [];
    for (const element of panel.querySelectorAll('*')) {
        if (!element.checkVisibility() || element.closest('.cagent-hidden')) continue;
        const own = [...element.childNodes].some((node) => node.nodeType === 3 && node.textContent.trim());
        const what = `${element.tagName.toLowerCase()}.${element.className} ${element.textContent.slice(0, 20)}`;
        const add = (part) => texts.push([what + (part ?? ''), ratio(element, getComputedStyle(element, part).color)]);
        if (own || element.value) add();
        if (element.placeholder) add('::placeholder');
    }
    return texts;
}"""


@pytest.mark.parametrize("theme", THEMES)
def test_every_text_can_be_read(notebook: Notebook, theme: Any) -> None:
    traits = {"entries": EVERY_KIND, "models": ["one", "two"], "model": "one", "notebook": "sessions/a.ipynb"}
    panel = open_panel(notebook, **traits)
    notebook.execute(f"seen.update({SEEN!r})")
    panel.get_by_role("button", name="Kernel").click()
    expect(panel.get_by_text("kept after each call")).to_be_visible()
    notebook.theme(theme)
    for state in ("idle", "thinking", "running", "waiting", "done", "failed"):
        set_traits(notebook, state=state, status="Some words", approval=APPROVAL if state == "waiting" else None)
        expect(panel).to_have_attribute("data-state", state)
        texts = panel.evaluate(CONTRAST)
        assert len(texts) > 60
        for button in panel.get_by_role("button", name=re.compile("Send|Stop|Run it")).all():
            button.hover()
            texts += panel.evaluate(CONTRAST)
        assert [(what, round(ratio, 2)) for what, ratio in texts if ratio < 4.5] == []


@one_app
def test_after_some_seconds_the_time_is_shown_until_the_state_changes(notebook: Notebook) -> None:
    panel = open_panel(notebook, state="thinking")
    clock = panel.locator(".cagent-clock")
    expect(clock).to_be_empty()
    expect(clock).to_have_text(re.compile(r"^\d s$"), timeout=9_000)
    set_traits(notebook, state="done")
    expect(clock).to_be_empty()


SEEN = {
    "where": "line 3 of block 1: `time.sleep(60)`, now in f (a.py, line 7)",
    "rows": [
        ["running", "for 7 s: line 3 of block 1: `time.sleep(60)`"],
        ["variables", "table (DataFrame 333 × 9, 24 kB)"],  # noqa: RUF001
        ["kernel", "212 MB"],
        ["checkpoint", "kept after each call"],
    ],
}
LOOKS = "sum(m['type'] == 'look' for m in got)"


@one_app
def test_what_runs_is_asked_for_every_few_seconds_while_it_is_seen(notebook: Notebook) -> None:
    panel = open_panel(notebook)
    notebook.execute(f"seen.update({SEEN!r})")
    set_traits(notebook, state="running", entries=[TASK])
    line = panel.locator(".cagent-where")
    expect(line).to_be_hidden()
    expect(line).to_have_text("line 3 of block 1: time.sleep(60), now in f (a.py, line 7)", timeout=9_000)
    assert line.locator("code").inner_text() == "time.sleep(60)"
    notebook.execute("seen.update(where='line 4 of block 1: `x`')")
    expect(line).to_have_text("line 4 of block 1: x", timeout=9_000)
    see = "Object.defineProperty(document, 'visibilityState', { value, configurable: true })"
    notebook.do(see, "hidden")
    looks = notebook.value(LOOKS)
    notebook.page.wait_for_timeout(4_500)
    assert notebook.value(LOOKS) == looks, "nothing is asked in a hidden page"
    notebook.do(see, "visible")
    notebook.wait_for_value(f"{LOOKS} > {looks}")
    set_traits(notebook, state="thinking")
    expect(line).to_be_hidden()


@one_app
def test_what_the_kernel_holds_is_shown_on_demand(notebook: Notebook) -> None:
    panel = open_panel(notebook)
    kernel = panel.get_by_role("button", name="Kernel")
    expect(kernel).to_have_attribute("aria-expanded", "false")
    assert notebook.value(LOOKS) == 0
    kernel.click()
    expect(kernel).to_have_attribute("aria-expanded", "true")
    shown = panel.get_by_role("region", name="Kernel")
    expect(shown).to_have_text("No kernel yet: the first task starts one.")
    notebook.execute(f"seen.update({SEEN!r})")
    set_traits(notebook, state="running")
    expect(shown.locator("dt")).to_have_text([name for name, _ in SEEN["rows"]])
    expect(shown.locator("dd").nth(1)).to_have_text("table (DataFrame 333 × 9, 24 kB)")  # noqa: RUF001
    expect(panel.locator(".cagent-where")).to_be_hidden()
    kernel.click()
    expect(shown).to_be_hidden()


HOSTILE = """<img src=x onerror="window.hacked = 1"> <script>window.hacked = 1</script> </script></textarea></style>
<svg onload="window.hacked = 1"></svg> <iframe src="javascript:parent.hacked = 1"></iframe>
<a href="javascript:window.hacked = 1">raw</a> <style>body { display: none }</style>
<form action="http://192.0.2.1/"><input name="body"></form><b id="app" onclick="window.hacked = 1">bold</b>

[click](javascript:window.hacked=1) [data](data:text/html,<script>parent.hacked=1</script>) <javascript:alert(1)>
![remote](http://192.0.2.1/tracker.png) ![also](//192.0.2.1/x.png) ![file](files/x.png "t\\" onload=window.hacked=1")
[ref]: javascript:window.hacked=1

```html
<img src=x onerror="window.hacked = 1">
```

```python" onmouseover="window.hacked=1
print("</code></pre><script>window.hacked = 1</script>")
```
"""


def hostile_entries() -> list[dict[str, Any]]:
    images = [
        "http://192.0.2.1/plot.png",
        "javascript:window.hacked=1",
        "data:text/html,<script>parent.hacked=1</script>",
    ]
    return [
        {"id": "1", "kind": "task", "text": HOSTILE},
        {"id": "2", "kind": "reply", "open": False, "text": HOSTILE},
        {"id": "3", "kind": "reply", "open": True, "text": HOSTILE},
        {"id": "4", "kind": "reflection", "open": False, "text": HOSTILE},
        {**RUN, "id": "5", "text": HOSTILE, "images": images, "note": HOSTILE},
        {**RUN, "id": "6", "text": HOSTILE, **block_fields("error"), "images": images, "note": HOSTILE},
        {"id": "7", "kind": "note", "level": "warn", "text": HOSTILE},
        {"id": "8", "kind": "end", **run_fields("failed"), "text": HOSTILE, "facts": [HOSTILE]},
    ]


def test_hostile_text_runs_nothing_and_loads_nothing(notebook: Notebook) -> None:
    approval = asked(HOSTILE, CodeBlock(HOSTILE, HOSTILE), isolation=HOSTILE)
    approval["blocks"][0]["notes"] = [HOSTILE]
    panel = open_panel(notebook, entries=hostile_entries(), approval=approval, state="waiting", status=HOSTILE,
                       models=[HOSTILE, "b"], model=HOSTILE, notebook=HOSTILE)  # fmt: skip
    notebook.execute(f"panel.send({{'type': 'delta', 'id': '3', 'text': {HOSTILE!r}}})")
    expect(panel.locator(".cagent-open")).to_contain_text("click")
    notebook.execute(f"seen.update(where={HOSTILE!r}, rows=[['running', {HOSTILE!r}]])")
    panel.get_by_role("button", name="Kernel").click()
    expect(panel.locator(".cagent-kernel-rows")).to_contain_text("window.hacked")
    for link in panel.locator("a").all():
        link.dispatch_event("click")
    notebook.page.wait_for_timeout(500)
    assert notebook.page.evaluate("() => window.hacked") is None
    forbidden = (
        "script, iframe, form, style, object, embed, [id], [onerror], [onload], [onclick], [onmouseover], a[href]"
    )
    assert panel.locator(forbidden).count() == 0
    assert panel.locator("img").count() == 0
    assert not [url for url in notebook.requests if "192.0.2.1" in url or url.endswith("/x")]
    expect(panel.locator(".cagent-note")).to_contain_text("onerror")  # shown as the text it is


def test_links_open_elsewhere_and_pictures_in_the_text_are_data_only(notebook: Notebook) -> None:
    text = f"[site](https://example.org/a) ![mine]({png()})"
    panel = open_panel(notebook, entries=[{"id": "1", "kind": "reply", "open": False, "text": text}])
    link = panel.get_by_role("link", name="site")
    expect(link).to_have_attribute("target", "_blank")
    expect(link).to_have_attribute("rel", "noopener noreferrer")
    expect(panel.get_by_role("img", name="mine")).to_have_attribute("src", png())


def test_a_reloaded_page_has_the_history_and_the_text_so_far(notebook: Notebook) -> None:
    half = {"id": "2", "kind": "reply", "open": True, "text": ""}
    panel = open_panel(notebook, entries=[TASK, half], state="thinking")
    notebook.execute("texts['2'] = 'Half a sen'; panel.send({'type': 'delta', 'id': '2', 'text': texts['2']})")
    expect(panel).to_contain_text("Half a sen")
    notebook.save()
    notebook.reload()
    panel = notebook.cell(1).locator(".cagent")
    expect(panel).to_contain_text("How many penguins?")
    expect(panel).to_contain_text("Half a sen")
    notebook.execute("panel.send({'type': 'delta', 'id': '2', 'text': 'tence.'})")
    expect(panel.locator(".cagent-reply")).to_have_text("Half a sentence.")
    set_traits(notebook, entries=[TASK, {**half, "open": False, "text": "A whole sentence."}], state="done")
    expect(panel.locator(".cagent-reply")).to_have_text("A whole sentence.")


def test_text_that_overtakes_its_entry_is_not_lost(notebook: Notebook) -> None:
    panel = open_panel(notebook)
    notebook.execute("panel.send({'type': 'delta', 'id': '1', 'text': 'early '})")
    set_traits(notebook, entries=[{"id": "1", "kind": "reply", "open": True, "text": ""}])
    notebook.execute("panel.send({'type': 'delta', 'id': '1', 'text': 'and late'})")
    expect(panel.locator(".cagent-reply")).to_have_text("early and late")


STREAM = """
import asyncio, time
async def stream(id):
    code = "\\n\\n```python\\nx = [i for i in range(10)]\\n```\\n\\n"
    words = [f"word{i} " if i % 40 else code for i in range(1, 601)]
    begun = time.perf_counter()
    for at, word in enumerate([*words, "THE END"]):
        panel.send({"type": "delta", "id": id, "text": word})
        await asyncio.sleep(max(0, begun + at / 300 - time.perf_counter()))
    return time.perf_counter() - begun
"""
FRAMES = """() => { window.frames_ = new Promise((resolve) => {
    const frames = [];
    let begun = 0;
    const step = (now) => {
        const text = [...document.querySelectorAll('.cagent-reply')].at(-1)?.textContent ?? '';
        if (text) begun ||= now;
        if (begun) frames.push(now);
        if (text.includes('THE END')) resolve(frames.map((frame) => frame - begun));
        else requestAnimationFrame(step);
    };
    requestAnimationFrame(step);
}) }"""


@pytest.mark.timing
def test_a_fast_stream_is_smooth(notebook: Notebook) -> None:
    panel = open_panel(notebook)
    notebook.execute(STREAM)
    ratios, longest = [], []
    for reply in "123":
        entries = [{"id": one, "kind": "reply", "open": one == reply, "text": ""} for one in "123" if one <= reply]
        set_traits(notebook, entries=entries)
        notebook.page.evaluate(FRAMES)
        notebook.execute(f"took = await stream({reply!r})")
        frames = notebook.page.evaluate("() => window.frames_")
        ratios.append(frames[-1] / 1000 / notebook.value("took"))
        longest.append(max(after - before for before, after in pairwise(frames)))
    print(f"wall/stream {ratios}, longest frames {longest} ms")  # noqa: T201
    expect(panel.locator(".cagent-reply").last).to_contain_text("word599 ")
    assert statistics.median(ratios) <= 1.3
    assert statistics.median(longest) <= 250


def test_code_is_approved_as_it_is(notebook: Notebook) -> None:
    panel = open_panel(notebook, approval=APPROVAL, state="waiting")
    panel.get_by_role("button", name="Run it").click()
    assert sent(notebook, "approve") == [{"type": "approve", "id": "a"}]
    expect(panel.get_by_role("button", name="Reject")).to_be_disabled()
    set_traits(notebook, approval=None, state="running")
    expect(panel.get_by_label("Approve code")).to_be_hidden()


def test_edited_code_is_sent_to_be_shown_and_not_to_be_run(notebook: Notebook) -> None:
    panel = open_panel(notebook, approval=APPROVAL, state="waiting")
    panel.get_by_role("button", name="Edit").first.click()
    field = panel.get_by_role("textbox", name="block 1 of 2")
    expect(field).to_be_focused()
    field.press("Control+End")
    field.press("Enter")
    field.press("Shift+Enter")
    notebook.page.keyboard.type("y = 2")
    panel.get_by_role("button", name="Review the edited code").click()
    codes = ["x = 1\nprint(x)\n\ny = 2", None]
    assert sent(notebook, "review") == [{"type": "review", "id": "a", "codes": codes}]
    set_traits(notebook, approval=asked("b", CodeBlock(codes[0] or ""), CodeBlock("ls", "bash"), edited=True))
    panel.get_by_role("button", name="Run the edited code").click()
    assert sent(notebook, "approve") == [{"type": "approve", "id": "b"}]


def test_code_is_rejected_with_a_reason(notebook: Notebook) -> None:
    panel = open_panel(notebook, approval=APPROVAL, state="waiting")
    panel.get_by_label("Reason for rejecting").fill(" not that file ")
    panel.get_by_role("button", name="Reject").click()
    assert sent(notebook, "reject") == [{"type": "reject", "id": "a", "reason": "not that file"}]


def test_the_form_takes_the_focus_only_from_the_panel(notebook: Notebook) -> None:
    panel = open_panel(notebook, "1 + 1")
    notebook.cell(2).locator(".cm-content").click()
    set_traits(notebook, approval=APPROVAL, state="waiting")
    form = panel.get_by_label("Approve code")
    form.wait_for()
    expect(form).not_to_be_focused()
    set_traits(notebook, approval=None, state="running")
    composer(panel).focus()
    set_traits(notebook, approval={**APPROVAL, "id": "b"}, state="waiting")
    expect(form).to_be_focused()


def test_the_strip_of_a_cell_has_a_line_a_stop_and_the_form(notebook: Notebook) -> None:
    panel = open_panel(notebook, mode="cell", state="running", status="Attempt 2", entries=EVERY_KIND)
    expect(panel).to_contain_text("Running")
    expect(panel).to_contain_text("Attempt 2")
    assert panel.get_by_role("log").count() == 0
    assert composer(panel).count() == 0
    assert (panel.bounding_box() or {})["height"] < 60
    panel.get_by_role("button", name="Stop").click()
    sent(notebook, "stop")
    set_traits(notebook, approval=APPROVAL, state="waiting")
    panel.get_by_role("button", name="Edit").last.click()
    panel.get_by_role("textbox", name="bash").fill("pwd")
    panel.get_by_role("button", name="Review the edited code").click()
    assert sent(notebook, "review")[0]["codes"] == [None, "pwd"]
    set_traits(notebook, approval=None, state="done", status="")
    expect(panel.get_by_role("button", name="Stop")).to_be_hidden()


def test_two_views_of_one_panel_show_the_same(notebook: Notebook) -> None:
    first = open_panel(notebook, "panel", entries=[{"id": "1", "kind": "reply", "open": True, "text": ""}])
    notebook.execute("texts['1'] = 'one '; panel.send({'type': 'delta', 'id': '1', 'text': 'one '})")
    notebook.run_cell(2)
    second = notebook.cell(2).locator(".cagent")
    expect(second.locator(".cagent-reply")).to_have_text("one")
    notebook.execute("panel.send({'type': 'delta', 'id': '1', 'text': 'two'})")
    for view in (first, second):
        expect(view.locator(".cagent-reply")).to_have_text("one two")
    set_traits(notebook, approval=APPROVAL, state="waiting")
    second.get_by_role("button", name="Reject").click()
    assert sent(notebook, "reject") == [{"type": "reject", "id": "a", "reason": ""}]
    set_traits(notebook, approval=None, state="running")
    for view in (first, second):
        expect(view.get_by_label("Approve code")).to_be_hidden()


def test_a_thumbnail_leads_to_the_picture_below(notebook: Notebook) -> None:
    show = f"display(panel); print('line\\n' * 80); display(Image(data=base64.b64decode({png(300, 200)[22:]!r})))"
    show = f"import base64\nfrom IPython.display import Image, display\n{show}"
    open_panel(notebook, show, entries=[{**RUN, "id": "1", "images": [png(300, 200)]}])
    notebook.run_cell(2)
    original = notebook.cell(2).locator(".jp-OutputArea-output > img, .jp-RenderedImage img").last
    notebook.cell(2).locator(".cagent").get_by_role("button", name="Picture").click()
    expect(original).to_be_in_viewport()
    assert notebook.page.get_by_role("dialog").count() == 0


def test_a_thumbnail_of_nothing_below_is_shown_large(notebook: Notebook) -> None:
    panel = open_panel(notebook, entries=[{**RUN, "id": "1", "images": [png(), png(9, 9)]}])
    thumbnail = panel.get_by_role("button", name="Picture 2 of 2")
    thumbnail.click()
    dialog = panel.get_by_role("dialog")
    expect(dialog).to_be_visible()
    notebook.page.keyboard.press("Escape")
    expect(dialog).to_have_count(0)
    expect(thumbnail).to_be_focused()


def test_a_failed_run_shows_its_last_line_and_the_rest_on_demand(notebook: Notebook) -> None:
    run = {**RUN, "id": "1", **block_fields("error"), "text": "Traceback:\n  line 1\nKeyError: 'a'"}
    panel = open_panel(notebook, entries=[run])
    expect(panel.get_by_text("line 1")).to_be_hidden()
    panel.locator("summary").get_by_text("KeyError: 'a'").click()
    expect(panel.get_by_text("line 1")).to_be_visible()


@one_app
def test_code_is_copied(notebook: Notebook) -> None:
    panel = open_panel(notebook, entries=[{"id": "1", "kind": "reply", "open": False, "text": "```py\nx = '<b>'\n```"}])
    panel.get_by_role("button", name="Copy").click()
    expect(panel.get_by_role("button", name="Copied")).to_be_visible()
    assert notebook.page.evaluate("() => navigator.clipboard.readText()") == "x = '<b>'"


@one_app
def test_the_end_stays_in_sight_unless_the_user_looks_elsewhere(notebook: Notebook) -> None:
    entries = [{"id": f"e{i}", "kind": "note", "level": "info", "text": f"Note {i}"} for i in range(60)]
    panel = open_panel(notebook, entries=entries[:40])
    log, jump = panel.get_by_role("log"), panel.get_by_role("button", name="Jump to latest")
    composer(panel).scroll_into_view_if_needed()
    expect(log.get_by_text("Note 39")).to_be_in_viewport()
    expect(jump).to_be_hidden()
    log.hover()
    notebook.page.mouse.wheel(0, -400)
    expect(jump).to_be_visible()
    top = log.evaluate("(log) => log.scrollTop")
    set_traits(notebook, entries=entries)
    expect(log.get_by_text("Note 59")).to_be_attached()
    assert log.evaluate("(log) => log.scrollTop") == top
    jump.click()
    expect(log.get_by_text("Note 59")).to_be_in_viewport()
    expect(jump).to_be_hidden()


@one_app
def test_finished_entries_are_spoken_and_tokens_are_not(notebook: Notebook) -> None:
    reply = {"id": "1", "kind": "reply", "open": True, "text": ""}
    panel = open_panel(notebook, entries=[TASK])
    live = panel.get_by_role("status")
    set_traits(notebook, entries=[TASK, reply])
    notebook.execute("panel.send({'type': 'delta', 'id': '1', 'text': 'Hello'})")
    expect(panel.locator(".cagent-reply")).to_have_text("Hello")
    expect(panel.get_by_role("log")).to_have_attribute("aria-live", "off")
    expect(live).to_have_text("")
    set_traits(notebook, entries=[TASK, {**reply, "open": False, "text": "Hello *there*."}])
    expect(live).to_contain_text("Hello")
    set_traits(notebook, state="waiting", approval=APPROVAL)
    expect(live).to_contain_text("waits for your approval")
