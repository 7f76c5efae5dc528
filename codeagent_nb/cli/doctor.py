"""Looks at what works here: Python, kernel, sandbox, packages, Jupyter, the model. Changes nothing."""

import os
import platform
import shlex
import sys
import time
from collections.abc import AsyncIterator, Mapping
from importlib.util import cache_from_source, find_spec
from pathlib import Path

from rich.table import Column, Table
from rich.text import Text

from codeagent_nb.cli.findings import Finding, State
from codeagent_nb.cli.jupyter_checks import check_applications, check_extension, check_widgets
from codeagent_nb.cli.model_check import check_model
from codeagent_nb.cli.sandbox_remedies import remedy
from codeagent_nb.cli.server_checks import examine_server
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.old_notebooks.finding import notebooks_with_failed_code
from codeagent_nb.views.clean_console import CleanConsole
from kernel_executor import CodeBlock, KernelCodeExecutor, KernelExecutorError
from kernel_executor.text import cleaned

MARKS: Mapping[State, Text] = {"ok": Text("✓", "green"), "weak": Text("▲", "yellow"), "broken": Text("✗", "red")}


async def run_doctor(console: CleanConsole, secrets: Secrets, server: str = "") -> int:
    """Print all findings.

    Args:
        console: Where to.
        secrets: What is not printed.
        server: The address of a server that is looked at instead of this machine.

    Returns:
        The exit code: 1 if something is broken.
    """
    table = Table("", *(Column(name, overflow="fold") for name in ("what", "found", "fix")), show_lines=False)
    broken = False
    findings = examine_server(server, secrets) if server else examine(os.environ, secrets)
    with console.status("Checking ..."):
        async for finding in findings:
            broken = broken or finding.state == "broken"
            details = map(secrets.text, (finding.what, finding.detail, finding.fix))
            table.add_row(MARKS[finding.state], *map(Text, details))
    console.print(table)
    return int(broken)


async def examine(environment: Mapping[str, str], secrets: Secrets) -> AsyncIterator[Finding]:
    """Yield what is found, one thing after another."""
    yield check_python()
    yield check_bytecode()
    async for finding in check_kernel():
        yield finding
    yield check_packages()
    yield check_applications()
    yield check_extension()
    yield check_widgets()
    yield await check_model(environment)
    yield check_secrets(secrets)
    yield check_notebooks(Path())


def check_python() -> Finding:
    """Look at the interpreter."""
    detail = f"{platform.python_version()} at {sys.executable}"
    return Finding("Python", "ok", detail)


def check_bytecode() -> Finding:
    """Look for compiled modules: without them a kernel takes 1.0 s to start, not 0.6 (measured)."""
    modules = [name for name in ("ipykernel", "IPython", "pandas", "matplotlib") if find_spec(name)]
    bare = [name for name in modules if not _is_compiled(name)]
    if bare:
        fix = f"{sys.executable} -m compileall -q {_site_packages()}"
        return Finding("bytecode", "weak", f"not compiled: {', '.join(bare)}; kernels start slowly", fix)
    return Finding("bytecode", "ok", "compiled")


def _is_compiled(module: str) -> bool:
    spec = find_spec(module)
    return bool(spec and spec.origin and Path(cache_from_source(spec.origin)).exists())


def _site_packages() -> Path:
    spec = find_spec("ipykernel")
    return Path(spec.origin).parent.parent if spec and spec.origin else Path()


async def check_kernel() -> AsyncIterator[Finding]:
    """Start a kernel, run a block in it, and look at what holds it."""
    started = time.monotonic()
    try:
        async with KernelCodeExecutor(timeout=20.0) as executor:
            ready = time.monotonic()
            result = await executor.execute_code_blocks([CodeBlock("print(6 * 7)")])
            ran = time.monotonic()
            isolation = executor.isolation
    except KernelExecutorError as error:
        yield Finding("kernel", "broken", str(error), "python -m pip install --upgrade ipykernel jupyter_client")
        return
    if result.output.strip() == "42":
        yield Finding("kernel", "ok", f"started in {ready - started:.1f} s, a block takes {(ran - ready) * 1e3:.0f} ms")
    else:
        yield Finding(
            "kernel", "broken", f"ran a block and gave {result.output!r}", "python -m pip install --upgrade ipykernel"
        )
    fix = remedy(isolation)
    if not isolation.isolates:
        yield Finding("sandbox", "weak", f"{isolation.summary}. Code is shown before it runs", fix)
    else:
        yield Finding("sandbox", "ok", isolation.story, fix)


def check_packages() -> Finding:
    """Look for what generated code usually imports."""
    missing = [name for name in ("pandas", "matplotlib") if find_spec(name) is None]
    if missing:
        return Finding("data packages", "weak", f"missing: {', '.join(missing)}", "pip install 'codeagent-nb[data]'")
    return Finding("data packages", "ok", "pandas, matplotlib")


def check_secrets(secrets: Secrets) -> Finding:
    """Look at which variables hold what is shown nowhere, and which are too weak for that."""
    if secrets.weak:
        why = "too short or too common to be masked: shown like any other text"
        return Finding("secrets", "weak", f"{', '.join(secrets.weak)}: {why}", "choose a long random value")
    names = ", ".join(secrets.names) or "no variable is named like a key"
    return Finding("secrets", "ok", f"masked everywhere: {names}" if secrets.names else names)


def check_notebooks(folder: Path) -> Finding:
    """Look for notebooks in which version 0.1 stored failed code as code that runs."""
    found = [shlex.quote(cleaned(str(path))) for path in notebooks_with_failed_code(folder, nested=True)]
    if not found:
        return Finding("notebooks", "ok", "no notebook here has failed code that Run All would run")
    detail = f"Run All would run failed code in {', '.join(found)}"
    return Finding("notebooks", "weak", detail, f"codeagent-nb clean {' '.join(found)}")
