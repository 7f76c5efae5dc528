"""A plot is seen whatever backend of matplotlib the surroundings or the code have chosen."""

from collections.abc import AsyncIterator
from pathlib import Path

import pytest
import pytest_asyncio

from kernel_executor import BlockResult, KernelCodeExecutor
from tests.support.runs import run

pytestmark = [pytest.mark.integration, pytest.mark.asyncio(loop_scope="module")]

pytest.importorskip("matplotlib")
PLOT = "import matplotlib.pyplot as plt\nplt.plot([1, 2])\n"
AGG = "import matplotlib; matplotlib.use('agg')\n"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def shared() -> AsyncIterator[KernelCodeExecutor]:
    async with KernelCodeExecutor(timeout=60) as executor:
        yield executor


def pictures(result: BlockResult) -> int:
    assert result.status == "ok", result.traceback
    return sum("image/png" in output.get("data", {}) for output in result.outputs)


def said(result: BlockResult) -> str:
    return "".join(output.get("text", "") for output in result.outputs)


@pytest.mark.parametrize("backend", ["Agg", "agg", "pdf", "module://nowhere"])
async def test_the_backend_of_our_environment_is_not_the_kernel_s(
    monkeypatch: pytest.MonkeyPatch, backend: str, sandbox: str
) -> None:
    monkeypatch.setenv("MPLBACKEND", backend)
    async with KernelCodeExecutor(timeout=60, sandbox=sandbox) as executor:  # type: ignore[arg-type]
        result = await run(executor, f"{PLOT}import matplotlib\nprint(matplotlib.get_backend())")
    assert pictures(result) == 1
    assert "inline" in said(result)


# Sources: matplotlib#12341, matplotlib#8929, pymovements#414, LSSTDESC/CLMM#361, deeplearningparis/dl-machine#8,
# PyFstat#269, OpenBB#1692, lbl-srg/MPCPy#141.
FILE_BACKENDS = {
    "use": "import matplotlib; matplotlib.use('Agg')\n" + PLOT,
    "use, in capitals": "import matplotlib; matplotlib.use('AGG')\n" + PLOT,
    "use without a display": "import os, matplotlib\nif not os.environ.get('DISPLAY'): matplotlib.use('agg')\n" + PLOT,
    "switched": "import matplotlib.pyplot as plt; plt.switch_backend('agg'); plt.plot([1]);",
    "by rcParams": "import matplotlib; matplotlib.rcParams['backend'] = 'agg'\n" + PLOT,
    "by the magic": "%matplotlib agg\n" + PLOT,
    "pdf": "import matplotlib; matplotlib.use('pdf')\n" + PLOT,
    "svg": "import matplotlib; matplotlib.use('svg')\n" + PLOT,
    "ps": "import matplotlib; matplotlib.use('ps')\n" + PLOT,
    "template": "import matplotlib; matplotlib.use('template')\n" + PLOT,
    "subplots": f"{AGG}import matplotlib.pyplot as plt\nf, a = plt.subplots(); a.bar([1], [2])",
    "interactive": f"{AGG}import matplotlib.pyplot as plt; plt.ion(); plt.plot(5, 5)",
    "saved, left open": AGG + PLOT + "plt.savefig('x.png')",
    "in a function": f"{AGG}def f():\n    import matplotlib.pyplot as plt\n    plt.plot([1])\nf()",
    "after an image's": "%env MPLBACKEND=Agg\n%matplotlib agg\n" + PLOT,
}
CLEAN = "import matplotlib.pyplot as plt\nplt.close('all')\n%matplotlib inline"


@pytest.mark.parametrize("code", FILE_BACKENDS.values(), ids=FILE_BACKENDS)
async def test_a_figure_left_open_under_a_backend_that_writes_files_is_shown(
    shared: KernelCodeExecutor, code: str
) -> None:
    try:
        assert pictures(await run(shared, code)) == 1
        assert pictures(await run(shared, "1 + 1")) == 0
    finally:
        assert pictures(await run(shared, CLEAN)) == 0


async def test_it_is_shown_once_and_again_when_it_has_changed(shared: KernelCodeExecutor) -> None:
    try:
        assert pictures(await run(shared, AGG + PLOT)) == 1
        assert pictures(await run(shared, "print(len(plt.get_fignums()))")) == 0
        assert pictures(await run(shared, "plt.title('changed');")) == 1
        assert pictures(await run(shared, "plt.savefig('late.png')")) == 0
        assert pictures(await run(shared, "plt.figure(); plt.plot([3]);")) == 1, "only the new one"
        assert pictures(await run(shared, "plt.figure();")) == 0, "an empty one shows nothing"
    finally:
        await run(shared, CLEAN)


async def test_one_that_is_closed_or_shown_inline_is_shown_by_nobody_else(shared: KernelCodeExecutor) -> None:
    try:
        assert pictures(await run(shared, PLOT)) == 1
        assert pictures(await run(shared, f"{PLOT}plt.close()")) == 0
        kept = "%config InlineBackend.close_figures = False\n"
        assert pictures(await run(shared, kept + PLOT)) == 1
        assert pictures(await run(shared, "1 + 1;")) == 0
        await run(shared, "%config InlineBackend.close_figures = True")
        assert pictures(await run(shared, f"import matplotlib; matplotlib.use('agg')\n{PLOT}plt.close()")) == 0
    finally:
        await run(shared, CLEAN)


async def test_one_that_cannot_be_drawn_is_told(shared: KernelCodeExecutor) -> None:
    broken = AGG + PLOT + "plt.title(r'$\\frac{$');"
    try:
        result = await run(shared, broken)
        assert pictures(result) == 0
        assert "A figure was left open and could not be shown: ValueError" in said(result)
    finally:
        await run(shared, CLEAN)


async def test_a_matplotlibrc_of_the_folder_hides_no_figure(tmp_path: Path) -> None:
    (tmp_path / "matplotlibrc").write_text("backend: Agg\n")
    async with KernelCodeExecutor(timeout=60, work_dir=tmp_path) as executor:
        assert pictures(await run(executor, PLOT)) == 1


async def test_a_backend_that_the_user_sets_for_the_kernel_is_used_and_seen() -> None:
    async with KernelCodeExecutor(timeout=60, env={"MPLBACKEND": "agg"}) as executor:
        result = await run(executor, f"{PLOT}import matplotlib\nprint(matplotlib.get_backend())")
    assert pictures(result) == 1
    assert said(result).strip().lower() == "agg"
