"""Widgets, displays that change later, pagers and cells within cells, in a real kernel: as on a Jupyter page."""

import base64
from collections.abc import AsyncIterator
from typing import Any

import pytest
import pytest_asyncio

from kernel_executor import BlockResult, CodeBlock, ExecutionEvent, KernelCodeExecutor, LateOutput, Update
from kernel_executor.text import as_text
from tests.support.runs import run

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

WIDGETS = "import ipywidgets as widgets\nfrom IPython.display import clear_output, display\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=30) as executor:
        yield executor


def said(result: BlockResult) -> str:
    assert result.status == "ok", result
    return as_text(result.outputs)


def value_of(result: BlockResult, model_name: str) -> list[Any]:
    """The values of a kind of widget, as the notebook keeps them."""
    states = [entry["state"] for entry in result.widgets.values() if entry["model_name"] == model_name]
    return [state.get("value", state.get("outputs")) for state in states]


async def test_what_an_interactive_function_clears_is_its_own(shared: KernelCodeExecutor) -> None:
    """nbclient#24: its Output widget clears before each call; the cell's own text is no part of that."""
    code = f"{WIDGETS}print('total: 1234')\nwidgets.interact(lambda x: print('x is', x), x=3);"
    result = await run(shared, code)
    assert said(result) == "total: 1234\nx: 3\nx is 3"
    [[captured]] = value_of(result, "OutputModel")
    assert (captured["output_type"], captured["text"]) == ("stream", "x is 3\n")


async def test_a_progress_bar_says_its_end(shared: KernelCodeExecutor) -> None:
    """papermill#617: the view is displayed at the beginning, and what it shows changes by comm messages only."""
    result = await run(shared, "from tqdm.auto import tqdm\nfor _ in tqdm(range(5)): pass")
    text = said(result)
    assert "5/5" in text
    assert "100%" in text
    assert "0/5" not in text
    [progress] = [state for state in result.widgets.values() if state["model_name"] == "FloatProgressModel"]
    assert (progress["model_module"], progress["state"]["value"]) == ("@jupyter-widgets/controls", 5)


async def test_a_display_is_changed_by_a_later_block(shared: KernelCodeExecutor) -> None:
    """euporie#165: in a notebook the earlier cell changes; who reads results reads it with those of the later block."""
    late: list[ExecutionEvent] = []
    remove, first = shared.on_late_output(late.append), list[ExecutionEvent]()
    await shared.execute_code_blocks([CodeBlock("h = display('first', display_id=True)")], on_event=first.append)
    whole = await shared.execute_code_blocks([CodeBlock("h.update('SECOND')\nprint('done')")])
    remove()
    [event] = late
    assert isinstance(event, LateOutput)
    assert isinstance(event.change, Update)
    assert (event.block_id, event.change.data) == (first[0].block_id, {"text/plain": "'SECOND'"})
    [result] = whole.blocks
    assert (said(result), as_text(result.late)) == ("done", "'SECOND'")
    assert whole.output == "done\n[of earlier blocks, meanwhile:]\n'SECOND'"


async def test_late_output_is_told_with_the_block_that_ran_meanwhile(shared: KernelCodeExecutor) -> None:
    code = "import threading, time\nthreading.Timer(0.3, print, ['late']).start()"
    assert as_text((await run(shared, code)).late) == ""
    second = await run(shared, "time.sleep(0.8)\nprint('second')")
    assert (said(second), as_text(second.late)) == ("second", "late")
    assert (await run(shared, "1")).late == ()


async def test_a_cell_within_a_cell_does_not_end_the_outer_ones_output(shared: KernelCodeExecutor) -> None:
    """The inner cell's end closed the budget, so that of what came then only a head was kept, and no end."""
    much = "for _ in range(700): print('x' * 999)\nprint('last')"
    result = await run(shared, f"get_ipython().run_cell('1+1')\nget_ipython().run_cell('')\n{much}")
    assert said(result).endswith("\nlast")
    assert result.truncated.stdout > 0
    again = await run(shared, much)
    assert said(again).endswith("\nlast")


async def test_a_pager_is_shown(shared: KernelCodeExecutor) -> None:
    """nteract#313: what a pager shows is in no output, only in the reply."""
    assert "Prints the values to a stream" in said(await run(shared, "print?"))


OUT = "out = widgets.Output()\ndisplay(out)\n"

# Further inputs of the kind, each from a report to another project.
FURTHER: dict[str, tuple[str, str]] = {
    # ipywidgets#3208: an error in an Output widget is shown in it, and ends nothing
    "error": (f"{OUT}with out: raise ValueError('inside')\nprint('after')", "inside"),
    # ipywidgets#565: a display in an Output widget in a box
    "display": ("out = widgets.Output()\ndisplay(widgets.Box([out]))\nwith out: display({'a': 1})", "{'a': 1}"),
    # ipywidgets#2377: one within the other; the inner one takes it in
    "nested": (
        "a, b = widgets.Output(), widgets.Output()\ndisplay(b)\nwith a:\n  with b: print('inner')\n  print('outer')",
        "inner",
    ),
    # ipywidgets#2384: one within itself
    "within itself": (f"{OUT}with out:\n  with out: print('twice')\n  print('still')", "twice\nstill"),
    # ipywidgets#2385: waiting to clear keeps what there is until there is more
    "clear wait": (f"{OUT}with out:\n  print('old')\n  clear_output(wait=True)\n  print('new')", "new"),
    # ipywidgets#1744: cleared, and nothing after it
    "clear": (
        "out = widgets.Output()\nprint('kept')\nwith out:\n  print('old')\n  clear_output()\ndisplay(out)",
        "kept",
    ),
    # ipywidgets#1724: text that code appends itself
    "append": (f"{OUT}out.append_stdout('appended')", "appended"),
    # ipywidgets#2907: a display and text
    "append both": (f"{OUT}out.append_display_data({{'b': 2}})\nout.append_stdout('bar')", "{'b': 2}\nbar"),
    # ipywidgets#3017: a thread that writes
    "thread": (
        f"{OUT}import threading\nwith out: (t := threading.Thread(target=print, args=['10 TEST'])).start(), t.join()",
        "10 TEST",
    ),
    # nbconvert#760: what it says is known only later
    "label": ("label = widgets.Label('?')\ndisplay(label)\nlabel.value = 'Hello World'", "Hello World"),
    # nbclient#39
    "slider": ("display(widgets.IntSlider(7, description='n'))", "n: 7"),
    # MrMustard#509: boxes of boxes of HTML
    "boxes": (
        "display(widgets.HBox([widgets.VBox([widgets.HTML('<p>a</p>')]), widgets.Label('= 5')]))",
        "a = 5",
    ),
    # ipywidgets#1860: what is chosen is an index into labels
    "dropdown": (
        "display(widgets.Dropdown(options=['red', 'blue'], value='blue', description='Colour'))",
        "Colour: blue",
    ),
    # nbconvert#923: a tab of Output widgets
    "tab": (
        "tab = widgets.Tab([out := widgets.Output()], titles=['First'])\ndisplay(tab)\nwith out: print('one')",
        "First\none",
    ),
    # nasa-fornax/fornax-demo-notebooks#297
    "nested bars": (
        "from tqdm.auto import trange\nfor _ in trange(2):\n  for _ in trange(3, leave=False): pass",
        "2/2",
    ),
    # SamLau95/nbinteract#63
    "interactive": ("widgets.interact(lambda n: n * 2, n=4);", "n: 4\n8"),
}


@pytest.mark.parametrize(("code", "expected"), FURTHER.values(), ids=FURTHER)
async def test_a_widget_says_what_it_shows(shared: KernelCodeExecutor, code: str, expected: str) -> None:
    assert expected in said(await run(shared, WIDGETS + code))


NOT_SAID: dict[str, tuple[str, str]] = {
    "cleared": (FURTHER["clear"][0], "old"),
    "cleared while waiting": (FURTHER["clear wait"][0], "old"),
    "of a widget that nobody sees": (FURTHER["nested"][0], "outer"),
    "a password": ("display(widgets.Password(value='hunter2', description='Key'))", "hunter2"),
}


@pytest.mark.parametrize(("code", "unexpected"), NOT_SAID.values(), ids=NOT_SAID)
async def test_a_widget_says_nothing_else(shared: KernelCodeExecutor, code: str, unexpected: str) -> None:
    assert unexpected not in said(await run(shared, WIDGETS + code))


async def test_an_output_widget_of_an_earlier_block_takes_output_in(shared: KernelCodeExecutor) -> None:
    await run(shared, f"{WIDGETS}out = widgets.Output()\ndisplay(out)")
    second = await run(shared, "with out: print('captured')\nprint('own')")
    assert (said(second), as_text(second.late)) == ("own", "captured")


async def test_code_can_ask_an_output_widget_what_it_has_taken_in(shared: KernelCodeExecutor) -> None:
    """ipywidgets#1724: code adds to what is there. A page tells the kernel."""
    await run(shared, f"{WIDGETS}out = widgets.Output()\nwith out: print('captured')")
    assert said(await run(shared, "out.outputs[0]['text']")) == "'captured\\n'"


async def test_bytes_of_a_widget_are_kept(shared: KernelCodeExecutor) -> None:
    result = await run(shared, f"{WIDGETS}display(widgets.Image(value=b'\\x89PNG not really', format='png'))")
    [picture] = [entry for entry in result.widgets.values() if entry["model_name"] == "ImageModel"]
    [buffer] = picture["buffers"]
    assert (buffer["path"], buffer["encoding"]) == (["value"], "base64")
    assert base64.b64decode(buffer["data"]) == b"\x89PNG not really"


async def test_a_progress_bar_moves_while_it_runs(shared: KernelCodeExecutor) -> None:
    told: list[str] = []

    def on_event(event: ExecutionEvent) -> None:
        change = getattr(event, "change", None)
        if isinstance(change, Update):
            told.append(change.data["text/plain"])

    bar = "import time\nbar = widgets.IntProgress(max=9)\ndisplay(bar)"
    code = f"{WIDGETS}{bar}\nfor bar.value in range(1, 10): time.sleep(0.1)"
    await shared.execute_code_blocks([CodeBlock(code)], on_event=on_event)
    assert told[-1] == "[9/9]"
    assert 1 < len(told) < 9


async def test_a_flood_of_comm_messages_is_bounded(shared: KernelCodeExecutor) -> None:
    code = (
        "from comm import create_comm\n"
        "state = {'_model_name': 'LabelModel', 'value': 'x' * 1_000}\n"
        "for _ in range(20_000): create_comm(target_name='jupyter.widget', data={'state': state})\n"
        f"{WIDGETS}display(widgets.Label('still here'))"
    )
    result = await run(shared, code)
    assert said(result) == "still here"
    assert len(result.widgets) < 10
