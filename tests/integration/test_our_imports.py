"""Nothing that lies in the current folder is imported because of us, whatever it is called.

Every name that we, what we need, and the standard library could ask for is planted, as a module or as a package, and
with it an installed package whose entry points name a planted plugin. Each leaves a mark when it is imported. What
Python itself imports from the current folder before our code runs is no attempt against us: see `loaded_before_us`.
"""

import os
import re
import subprocess
import sys
from collections.abc import Callable, Iterator
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest
from jupyter_client.manager import start_new_kernel

from kernel_executor.reserved_names import RESERVED_NAMES
from tests.integration.scripted_server import Serve

pytestmark = pytest.mark.integration

LEAVE_A_MARK = "open({mark!r}, 'a').write(__name__ + '\\n')\nraise ImportError('planted')\n"

GROUPS = {
    "pydantic": "p",
    "jupyter_client.kernel_provisioners": "local-provisioner",
    "pygments.lexers": "p",
    "pygments.styles": "default",
    "pygments.formatters": "p",
    "pygments.filters": "p",
    "matplotlib.backend": "agg",
    "pandas_plotting_backends": "matplotlib",
    "opentelemetry_context": "contextvars_context",
    "opentelemetry_propagator": "tracecontext",
    "ipython.themes": "linux",
    "nbconvert.exporters": "notebook",
    "console_scripts": "codeagent-nb",
}
"""Groups of entry points that our closure reads, each with a name that it asks for."""

PLUGIN = "planted_plugin"

OURSELVES = {"codeagent_nb"}
"""Found instead of us, if it is planted: no package can help that. Code cannot deliver a file of this name."""


@pytest.fixture(params=["modules", "packages"])
def planted(request: pytest.FixtureRequest, tmp_path: Path) -> "Planted":
    """A folder with everything planted in it."""
    return Planted(tmp_path, as_packages=request.param == "packages")


class Planted:
    """A folder to work in, and what is to be planted in it.

    Args:
        parent: Where the folder is made, and beside it the mark.
        as_packages: Packages are planted, not modules.
    """

    def __init__(self, parent: Path, *, as_packages: bool) -> None:
        self.folder = parent / "work"
        self.elsewhere = parent / "elsewhere"
        self.mark = parent / "mark"
        self.as_packages = as_packages
        self.folder.mkdir()
        self.elsewhere.mkdir()
        (self.folder / "helper.py").write_text("VALUE = 'the helper of the user'\n")

    def plant(self, *, without: set[str] = OURSELVES) -> None:
        """Plant all names but some."""
        source = LEAVE_A_MARK.format(mark=str(self.mark))
        for name in sorted((RESERVED_NAMES | {PLUGIN}) - without):
            if self.as_packages:
                (self.folder / name).mkdir()
                (self.folder / name / "__init__.py").write_text(source)
            else:
                (self.folder / f"{name}.py").write_text(source)
        for ending in ("dist-info", "egg-info"):
            info = self.folder / f"planted_{ending[:3]}-1.0.{ending}"
            info.mkdir()
            (info / ("METADATA" if ending == "dist-info" else "PKG-INFO")).write_text(
                f"Metadata-Version: 2.1\nName: planted_{ending[:3]}\nVersion: 1.0\n"
            )
            (info / "entry_points.txt").write_text(
                "".join(f"[{group}]\n{name} = {PLUGIN}:anything\n" for group, name in GROUPS.items())
            )

    @property
    def marks(self) -> list[str]:
        """What was imported."""
        return self.mark.read_text().split() if self.mark.exists() else []

    def run(self, *command: str, env: dict[str, str] | None = None) -> subprocess.CompletedProcess[str]:
        """Run a command in the folder."""
        return subprocess.run(
            command,
            cwd=self.folder,
            env=env,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
            timeout=90,
        )


Say = Callable[[str], str]


@pytest.fixture
def kernel(planted: Planted) -> Iterator[Say]:
    """The kernel of a notebook in the folder, started before anything was planted there; say a cell, hear its text."""
    manager, client = start_new_kernel(cwd=str(planted.folder))

    def say(code: str) -> str:
        heard: list[str] = []

        def hear(message: dict[str, Any]) -> None:
            content = message["content"]
            text = content.get("text") or content.get("data", {}).get("text/plain", "")
            heard.append(str(text or "\n".join(content.get("traceback", []))))

        client.execute_interactive(code, output_hook=hear, timeout=80)
        return "".join(heard)

    try:
        yield say
    finally:
        client.stop_channels()
        manager.shutdown_kernel(now=True)


LOAD = """
%load_ext codeagent_nb
from codeagent_nb import ReplayChatCompletionClient
import codeagent_nb
replay = ReplayChatCompletionClient({replies!r})
"""


def python(code: str) -> str:
    return f"```python\n{code}\n```"


WARM_UP = (
    "import pandas, pyarrow, pyarrow.feather, pyarrow.parquet\nfrom IPython.display import HTML, display\nprint('warm')"
)
SHOW = "display(HTML('<b>x</b>')); print(df.a.sum())"


def test_a_task_in_a_notebook_imports_nothing_planted(kernel: Say, planted: Planted) -> None:
    """The kernel in the sandbox is warm, and so needs nothing planted itself: its world is that of executed code."""
    replies = [python(WARM_UP), "Warm.", python(SHOW), "It is **3**, $x$, see `code`."]
    kernel("import pandas\ndf = pandas.DataFrame({'a': [1, 2]})")
    assert "warm" in kernel(LOAD.format(replies=replies) + "None") + kernel("%%agent -m replay\nWarm up.")
    planted.plant()
    assert "3" in kernel("%%agent -m replay -i df\nShow it in bold.")
    for command in ("%agent status", "%agent history", "%agent save copy.ipynb", "%agent panel", "%agent reset"):
        kernel(command)
    assert planted.marks == []


def test_the_extension_is_loaded_with_everything_planted(kernel: Say, planted: Planted) -> None:
    planted.plant()
    said = kernel(LOAD.format(replies=["Hello."]) + "%agent status")
    assert "Error" not in said
    kernel("codeagent_nb.panel()")
    kernel("for name in codeagent_nb.__all__: getattr(codeagent_nb, name)")
    assert planted.marks == []


def test_the_users_own_imports_are_as_before(kernel: Say, planted: Planted) -> None:
    """Also of a module that we would ask for if it were installed."""
    planted.plant(without={*OURSELVES, "orjson"})
    (planted.folder / "orjson.py").write_text("VALUE = 'my orjson'")
    (planted.folder / "mine.py").write_text("def load_ipython_extension(shell): print('my extension')")
    kernel("%load_ext codeagent_nb")
    assert "helper of the user" in kernel("import helper; helper.VALUE")
    assert "my orjson" in kernel("import orjson; orjson.VALUE")
    assert "my extension" in kernel("%load_ext mine")
    assert "my orjson" in kernel("import importlib; importlib.reload(orjson).VALUE")
    assert "planted" in kernel("import nh3"), "the user asks, so it is what Python finds first"


def test_control_without_us_what_is_planted_is_imported(kernel: Say, planted: Planted) -> None:
    planted.plant()
    assert "planted" in kernel("import nh3")
    assert planted.marks[0] == "nh3"


DISTRIBUTION_CONTROL = """
import sys; sys.path.insert(0, "")
from importlib.metadata import entry_points
for entry_point in entry_points(group="pydantic"):
    try: entry_point.load()
    except ImportError: pass
"""


def test_control_entry_points_of_the_current_folder_are_obeyed(planted: Planted) -> None:
    planted.plant(without=set(RESERVED_NAMES))
    planted.run(sys.executable, "-c", DISTRIBUTION_CONTROL)
    assert planted.marks == [PLUGIN, PLUGIN], "of the dist-info and of the egg-info"


def loaded_before_us(elsewhere: Path, *how: str) -> set[str]:
    """What Python imports before a program's own code runs, from the current folder if it is there."""
    (elsewhere / "nothing.py").write_text("import sys; print(*sys.modules)")
    command = [sys.executable, *how, "nothing" if how else "nothing.py"]
    loaded = subprocess.run(command, cwd=elsewhere, capture_output=True, text=True, check=True).stdout.split()
    return {name.partition(".")[0] for name in loaded} | {"sitecustomize", "usercustomize"}


SCRIPT = str(Path(sys.executable).with_name("codeagent-nb"))


@pytest.mark.parametrize("arguments", [pytest.param(["--help"], marks=pytest.mark.attacks), ["doctor"]], ids=" ".join)
def test_python_m_imports_nothing_planted(planted: Planted, arguments: list[str]) -> None:
    planted.plant(without=OURSELVES | loaded_before_us(planted.elsewhere, "-m"))
    done = planted.run(sys.executable, "-m", "codeagent_nb", *arguments)
    assert "planted" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert planted.marks == []


@pytest.mark.parametrize("arguments", [["--help"], pytest.param(["doctor"], marks=pytest.mark.attacks)], ids=" ".join)
@pytest.mark.parametrize("path", [":", pytest.param(".", marks=pytest.mark.attacks)])
def test_the_program_imports_nothing_planted_wherever_pythonpath_points(
    planted: Planted, arguments: list[str], path: str
) -> None:
    planted.plant(without=OURSELVES | loaded_before_us(planted.elsewhere) | {"re", "_sre", "enum", "copyreg"})
    done = planted.run(SCRIPT, *arguments, env={**os.environ, "PYTHONPATH": path})
    assert "planted" not in done.stdout + done.stderr
    assert "Traceback" not in done.stderr
    assert planted.marks == []


def test_a_task_on_the_command_line_imports_nothing_planted(planted: Planted, serve: Serve) -> None:
    planted.plant()
    server = serve(python("print(6 * 7)"), "It is 42.")
    out = planted.elsewhere / "study.ipynb"
    done = planted.run(SCRIPT, "run", "Multiply.", "--out", str(out), env=server.environment(planted.elsewhere))
    assert done.returncode == 0, done.stdout + done.stderr
    assert "It is 42." in done.stdout
    assert planted.marks == []


EXECUTOR = """
import sys
del sys.path[0]
import kernel_executor, asyncio
sys.path.insert(0, "")
from kernel_executor import CodeBlock, KernelCodeExecutor, LocalCommandLineCodeExecutor
async def main():
    for kind in (KernelCodeExecutor, LocalCommandLineCodeExecutor):
        async with kind(work_dir=sys.argv[1]) as executor:
            print((await executor.execute_code_blocks([CodeBlock("print(6 * 7)")])).output)
asyncio.run(main())
"""


def test_executors_by_themselves_import_nothing_planted(planted: Planted) -> None:
    planted.plant()
    done = planted.run(sys.executable, "-c", EXECUTOR, str(planted.elsewhere))
    assert (done.stdout.split(), done.stderr) == (["42", "42"], "")
    assert planted.marks == []


SERVER = """
import sys
del sys.path[0]
import asyncio
from pathlib import Path
from codeagent_nb.errors import ModelUnavailable
from codeagent_nb.models.embedded.joining import join_server
from codeagent_nb.models.embedded.server_process import ServerSettings
sys.path.insert(0, "")
async def main():
    try:
        await join_server(ServerSettings(Path("no-such-file.gguf"), 512, 1))
    except ModelUnavailable as error:
        print(error)
asyncio.run(main())
"""


@pytest.mark.skipif(find_spec("xllamacpp") is None, reason="the embedded model is not installed")
def test_the_embedded_models_server_imports_nothing_planted(planted: Planted) -> None:
    planted.plant()
    done = planted.run(sys.executable, "-c", SERVER)
    assert re.search("[Ff]ailed to (init|load)", done.stdout), (
        "the real one looked for its file: " + done.stdout + done.stderr
    )
    assert planted.marks == []


ADAPTER = """
import sys
del sys.path[0]
import kernel_executor
sys.path.insert(0, "")
from kernel_executor.autogen import JupyterCodeExecutor
print(JupyterCodeExecutor.__name__)
"""


@pytest.mark.skipif(find_spec("autogen_core") is None, reason="AutoGen is not installed")
def test_a_package_of_several_folders_has_no_part_in_the_current_one(tmp_path: Path) -> None:
    """Python joins all folders of the name `google` that have no `__init__.py`, the current one's first."""
    planted = Planted(tmp_path, as_packages=True)
    for package in ("google/protobuf", "opentelemetry/context", "opentelemetry/trace"):
        (planted.folder / package).mkdir(parents=True)
        (planted.folder / package / "__init__.py").write_text(LEAVE_A_MARK.format(mark=str(planted.mark)))
    done = planted.run(sys.executable, "-c", ADAPTER)
    assert done.stdout == "JupyterCodeExecutor\n", done.stderr
    assert planted.marks == []
    planted.run(sys.executable, "-c", "import google.protobuf")
    assert planted.marks == ["google.protobuf"], "the control"


def test_a_checkout_that_is_the_current_folder_works() -> None:
    root = Path(__file__).parent.parent.parent
    done = subprocess.run(
        [sys.executable, "-m", "codeagent_nb", "--help"], cwd=root, capture_output=True, text=True, check=False
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.attacks  # it reads 20,000 source files
def test_all_names_that_our_needs_import_are_in_the_list_now() -> None:
    """Made by reading all their sources: 20 s."""
    root = Path(__file__).parent.parent.parent
    code = "import runpy; print(runpy.run_path('tools/make_reserved_names.py')['make'](), end='')"
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    now, stored = (set(text.split()) for text in (done.stdout, (root / "kernel_executor/reserved_list.py").read_text()))
    assert now <= stored, "run tools/make_reserved_names.py"
