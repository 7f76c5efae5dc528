"""`import kernel_executor` costs nothing that is not used."""

import json
import subprocess
import sys

import pytest

import kernel_executor

HEAVY = ["jupyter_client", "zmq", "ipykernel", "IPython", "tornado", "nbformat", "traitlets", "pydantic", "openai"]


def loaded_after(statement: str) -> set[str]:
    code = f"import sys, json; {statement}; print(json.dumps([n for n in sys.modules if '.' not in n]))"
    return set(json.loads(subprocess.run([sys.executable, "-c", code], capture_output=True, check=True).stdout))


def test_importing_the_package_imports_nothing_heavy() -> None:
    """jupyter_client alone takes 170 ms (measured)."""
    assert not loaded_after("import kernel_executor") & set(HEAVY)


def test_the_executor_is_imported_when_asked_for() -> None:
    assert "zmq" in loaded_after("from kernel_executor import KernelCodeExecutor")


def test_every_public_name_is_there() -> None:
    for name in kernel_executor.__all__:
        assert getattr(kernel_executor, name) is not None


def test_an_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="nonsense"):
        kernel_executor.nonsense  # noqa: B018


def test_what_runs_in_the_kernel_imports_only_the_standard_library() -> None:
    """It runs under the kernel's own interpreter, which may lack our packages."""
    code = (
        "import importlib.util, sys; from pathlib import Path; import json\n"
        "folder = Path(importlib.util.find_spec('kernel_executor').origin).parent / 'in_kernel'\n"
        "spec = importlib.util.spec_from_file_location('codeagent_kernel', folder / '__init__.py',"
        " submodule_search_locations=[str(folder)])\n"
        "package = importlib.util.module_from_spec(spec); sys.modules['codeagent_kernel'] = package\n"
        "spec.loader.exec_module(package); import codeagent_kernel.start, codeagent_kernel.shell\n"
        "print(json.dumps([n for n in sys.modules if '.' not in n]))"
    )
    found = json.loads(subprocess.run([sys.executable, "-S", "-c", code], capture_output=True, check=True).stdout)
    assert set(found) - sys.stdlib_module_names - {"codeagent_kernel", "__main__"} <= {"kernel_executor"}


@pytest.mark.parametrize(
    "module", ["cli.app", "cli.running", "session", "notebook.magics", "notebook.magic_cell", "notebook.panel.panel"]
)
def test_no_surface_imports_a_validator_of_notebooks(module: str) -> None:
    """Beside JupyterLab jsonschema builds a grammar at import: `%load_ext` took 2.5 s, 10 s on a slow machine."""
    loaded = loaded_after(f"import codeagent_nb.{module}")
    assert not loaded & {"jsonschema", "nbformat", "fastjsonschema", "openai"}
