"""Names that no module in a user's folder may have: whoever imports the real one would find it first."""

import subprocess
import sys
from pathlib import Path

import pytest

from kernel_executor.reserved_list import CLOSURE, OPTIONAL
from kernel_executor.reserved_names import RESERVED_NAMES, is_reserved

ROOT = Path(__file__).parent.parent.parent
CLOSURE_NOW = """
import runpy
made = runpy.run_path("tools/make_reserved_names.py")
print(*made["names_of"](made["distributions_needed"]()))
"""


@pytest.mark.parametrize(
    "name",
    [
        *("random", "random.py", "json", "sqlite3", "nh3.py", "nh3", "openai", "codeagent_nb.py", "pip.py"),
        *("orjson.py", "socks", "sitecustomize.py", "Random.PY", "nh3.cpython-311-x86_64-linux-gnu.so", "zmq.abi3.so"),
    ],
)
def test_what_could_be_imported_in_the_place_of_another_module_is_reserved(name: str) -> None:
    assert is_reserved(name)


@pytest.mark.parametrize("name", ["helper.py", "my_analysis", "random.csv", "json.txt", "results.json", "docs", "ä.py"])
def test_what_is_the_users_to_name_is_not(name: str) -> None:
    assert not is_reserved(name)


def test_the_list_holds_all_that_we_need_now() -> None:
    """That it is all the script makes, what is imported optionally included, takes 20 s to say: an integration test."""
    done = subprocess.run([sys.executable, "-c", CLOSURE_NOW], cwd=ROOT, capture_output=True, text=True, check=True)
    assert set(done.stdout.split()) <= CLOSURE


def test_the_list_is_the_standard_librarys_and_ours() -> None:
    assert CLOSURE | OPTIONAL | sys.stdlib_module_names < RESERVED_NAMES
    assert {"nh3", "pyarrow", "anywidget", "openai", "nbformat", "xllamacpp", "docker", "autogen_core"} <= CLOSURE
    assert {"orjson", "brotli", "socks", "h2", "trio", "socksio"} <= OPTIONAL
