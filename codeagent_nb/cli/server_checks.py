"""Looks at a server for `doctor --server`: whether it answers, what it is, whether a kernel of it runs code."""

import ast
import os
import time
from collections.abc import AsyncIterator
from contextlib import suppress
from urllib.parse import urlsplit

from codeagent_nb.cli.findings import Finding
from codeagent_nb.cli.serving import token_for, trusted_servers
from codeagent_nb.elsewhere.choice import TRUSTED, is_trusted
from codeagent_nb.elsewhere.tokens import needs_packages
from codeagent_nb.errors import AgentError
from codeagent_nb.log.redaction import Secrets
from codeagent_nb.text import counted
from kernel_executor import CodeBlock, KernelExecutorError, RemoteKernelExecutor
from kernel_executor.remote.server import Server, Token
from kernel_executor.sizes import size_text

LOOPBACK = frozenset({"localhost", "127.0.0.1", "::1"})

LIMITS = """(lambda os, read: {
    "processors": len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count(),
    "quota": read("/sys/fs/cgroup/cpu.max"),
    "memory": read("/sys/fs/cgroup/memory.max") or read("/sys/fs/cgroup/memory/memory.limit_in_bytes"),
    "machine": os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES"),
    "disk": os.statvfs(".").f_bavail * os.statvfs(".").f_frsize,
    "folder": os.getcwd(),
})(__import__("os"), lambda path: open(path).read().strip() if __import__("os").path.exists(path) else "")"""
"""What a kernel is given of its machine, as it sees that itself."""

MOST_NAMED = 6


async def examine_server(url: str, secrets: Secrets) -> AsyncIterator[Finding]:
    """Yield what is found at a server, one thing after another."""
    try:
        from kernel_executor.remote.looking import look_at
    except ImportError as error:
        yield Finding("server", "broken", str(needs_packages(error)), "pip install 'codeagent-nb[remote]'")
        return
    try:
        token = await token_for(url, secrets)
        seen = await look_at(Server(url), token)
    except (KernelExecutorError, AgentError) as error:
        yield Finding("server", "broken", str(error))
        return
    yield Finding("server", "ok", f"{seen.address} answers{f', version {seen.version}' if seen.version else ''}")
    yield check_connection(url)
    if seen.hub:
        yield Finding("hub", "ok", seen.hub)
        if not seen.kernelspecs:  # to start a server takes long, and costs
            yield check_trust(url)
            return
    names = [f"{name} ({language})" if language else name for name, language in sorted(seen.kernelspecs.items())]
    more = f" and {len(names) - MOST_NAMED} more" if len(names) > MOST_NAMED else ""
    yield Finding(
        "kernelspecs", "ok", f"{', '.join(names[:MOST_NAMED])}{more}; the usual one is {seen.usual or 'unnamed'}"
    )
    listed = "not listed by this server" if seen.kernels is None else counted(len(seen.kernels), "kernel")
    yield Finding("kernels", "ok", listed)
    async for finding in check_kernel_there(url, token):
        yield finding
    yield check_trust(url)


def check_connection(url: str) -> Finding:
    """Look whether the token and the outputs can be read on their way."""
    parts = urlsplit(url)
    if parts.scheme == "https" or parts.hostname in LOOPBACK:
        return Finding("connection", "ok", "encrypted" if parts.scheme == "https" else "on this machine")
    return Finding(
        "connection", "weak", "not encrypted: token, code and outputs can be read on their way", "use https://"
    )


async def check_kernel_there(url: str, token: Token) -> AsyncIterator[Finding]:
    """Start a kernel there, run a block in it, ask what it is given, and end it."""
    started = time.monotonic()
    try:
        async with RemoteKernelExecutor(server=url, token=token, timeout=60.0) as executor:
            ready = time.monotonic()
            result = await executor.execute_code_blocks([CodeBlock("print(6 * 7)")])
            ran = time.monotonic()
            limits = limits_told(await executor.evaluate(LIMITS))
    except KernelExecutorError as error:
        yield Finding("kernel", "broken", str(error))
        return
    took = f"started in {ready - started:.1f} s, a block takes {(ran - ready) * 1e3:.0f} ms"
    good = result.output.strip() == "42"
    yield Finding(
        "kernel", "ok" if good else "weak", took if good else f"no Python kernel, or: {result.output[:200]!r}"
    )
    yield Finding("limits", "ok" if limits else "weak", limits or "not told by the kernel")


def limits_told(answer: str | None) -> str:
    """Return for people what a kernel says it is given; empty if it says nothing that can be read."""
    with suppress(ValueError, TypeError, SyntaxError, MemoryError, RecursionError, AttributeError, KeyError):
        told = ast.literal_eval(answer or "")
        quota, period = (*str(told["quota"]).split(), "", "")[:2]
        share = int(quota) / int(period) if quota.isdigit() and period.isdigit() else told["processors"]
        held = str(told["memory"])
        memory = min(int(held), int(told["machine"])) if held.isdigit() else int(told["machine"])
        return (
            f"{float(share):g} processors, {size_text(memory)} of memory, {size_text(int(told['disk']))} free in "
            f"{str(told['folder'])[:200]}"
        )
    return ""


def check_trust(url: str) -> Finding:
    """Look whether code is shown before it runs there."""
    if is_trusted(url, trusted_servers(os.environ)):
        return Finding("approval", "ok", f"code runs there without being shown first: {TRUSTED} names it")
    return Finding("approval", "ok", f"code is shown before it runs there; {TRUSTED}={url} lets it run at once")
