"""Systems that are not the tests' own: what is Linux's alone is hidden, or refused by a filter, in other processes.

That says what our code does there, not what macOS, gVisor or WSL do: none of them runs these tests.
"""

import json
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from kernel_executor.sandbox import landlock, seccomp
from kernel_executor.sandbox.isolation import shows_no_privileges
from tests.support.as_on_macos import on_macos

SUPPORT = Path(__file__).parents[1] / "support"

IMPORT_ALL = """
import importlib, pkgutil, sys
import codeagent_nb, kernel_executor
apart = set(sys.argv[2].split())
for package in (kernel_executor, codeagent_nb):
    for found in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
        if found.name not in apart:
            importlib.import_module(found.name)
            print(found.name)
"""

RUN_AS_FILES = (
    "codeagent_nb.__main__",
    "codeagent_nb.models.embedded.server.main",
    "kernel_executor.processes.watchdog_process",
)

REMOTE = [f"kernel_executor.remote.{name}" for name in ("kernel", "transport", "websocket")]
"""What needs the extra of that name."""

INSIST = """
import asyncio
from kernel_executor import LocalCommandLineCodeExecutor, SandboxUnavailable
async def main():
    try:
        await LocalCommandLineCodeExecutor(sandbox=sys.argv[2]).start()
    except SandboxUnavailable as error:
        print(error)
import sys
asyncio.run(main())
"""

RUN = """
import asyncio
from kernel_executor import CodeBlock, LocalCommandLineCodeExecutor
async def main():
    async with LocalCommandLineCodeExecutor() as executor:
        print(executor.isolation.summary)
        print((await executor.execute_code_blocks([CodeBlock("print(6 * 7)")])).output)
asyncio.run(main())
"""

ON_MACOS = (
    "bubblewrap and Landlock hold code on Linux only, and this is macOS: "
    "to have a sandbox, work on Linux; a virtual machine will do"
)


def test_nothing_that_only_linux_has_is_needed_to_import() -> None:
    apart = [*RUN_AS_FILES, *(() if find_spec("autogen_core") else ["kernel_executor.autogen"])]
    apart += [] if find_spec("websockets") else REMOTE
    imported = on_macos(IMPORT_ALL, " ".join(apart))
    assert {"kernel_executor.sandbox.landlock", "codeagent_nb.cli.app", "codeagent_nb.notebook.magics"} <= {*imported}


@pytest.mark.parametrize("machine", ["arm64", "x86_64"])
def test_on_macos_code_runs_bare_and_that_is_told(machine: str) -> None:
    """A call of Landlock's was made on Intel's, where its number is another call's; and /proc was looked into."""
    assert on_macos(RUN, machine=machine) == [f"NOT sandboxed: {ON_MACOS}", "42"]


@pytest.mark.parametrize("sandbox", ["bubblewrap", "landlock"])
def test_who_insists_on_a_sandbox_on_macos_is_told_why_not(sandbox: str) -> None:
    assert on_macos(INSIST, sandbox) == [f"{ON_MACOS}. To run without a sandbox, say sandbox='none'."]


def test_the_default_on_macos_warns_once_of_what_is_missing() -> None:
    code = (
        "import os, warnings\nfrom kernel_executor import create_default_code_executor\n"
        "os.environ['DOCKER_HOST'] = 'unix:///nowhere/docker.sock'\n"
        "with warnings.catch_warnings(record=True) as told:\n    create_default_code_executor()\n"
        "print(told[0].message)"
    )
    [said] = on_macos(code)
    assert said.count(ON_MACOS) == 1


def test_the_doctors_advice_on_macos_is_no_package() -> None:
    code = (
        "from codeagent_nb.cli.sandbox_remedies import remedy\n"
        "from kernel_executor.sandbox.isolation import Isolation\n"
        "print(remedy(Isolation(reason='any')))"
    )
    assert on_macos(code) == ["to have a sandbox, work on Linux; a virtual machine will do"]


LANDLOCK = ("landlock_create_ruleset", "landlock_add_rule", "landlock_restrict_self")
NEW = [*LANDLOCK, "pidfd_open", "pidfd_send_signal", "close_range"]

PROFILES: dict[str, tuple[dict[str, list[str]], str]] = {
    "as in WSL 1": (
        {"ENOSYS": [*NEW, "seccomp", "memfd_create", "copy_file_range", "statx"], "EINVAL": ["namespaces"]},
        "Landlock is not there",
    ),
    "as in gVisor": ({"ENOSYS": [*NEW], "EPERM": ["namespaces"]}, "Landlock is not there"),
    "as with an old profile of Docker": ({"EPERM": [*NEW, "statx", "namespaces"]}, "Landlock is refused here"),
    "switched off": ({"EOPNOTSUPP": [*LANDLOCK], "EPERM": ["namespaces"]}, "Landlock is switched off here"),
    **{
        f"{name} {error}": ({error: [name], "EACCES": ["namespaces"]}, name)
        for name in (*LANDLOCK[1:], "seccomp", "memfd_create")
        for error in ("ENOSYS", "EPERM", "EOPNOTSUPP")
    },
}
"""What is refused, and what is said of Landlock."""


def under(profiles: list[dict[str, list[str]]]) -> list[dict[str, Any]]:
    """Give what is chosen under each profile."""
    if seccomp.this_machine() is None:
        pytest.skip("there is no filter for this machine")
    command = [sys.executable, str(SUPPORT / "under_a_profile.py"), json.dumps(profiles)]
    done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=100)
    found = [*map(json.loads, done.stdout.splitlines())]
    assert all(each["mechanism"] != "a crash" for each in found), done.stderr
    return found


@pytest.fixture(scope="module")
def chosen() -> dict[str, dict[str, Any]]:
    """What is chosen, by the name of the profile."""
    return dict(zip(PROFILES, under([profile for profile, _ in PROFILES.values()]), strict=True))


@pytest.mark.parametrize("name", PROFILES)
def test_calls_that_are_refused_are_a_reason_and_code_is_asked_for(name: str, chosen: dict[str, Any]) -> None:
    found, said = chosen[name], PROFILES[name][1]
    assert (found["mechanism"], found["isolates"], found["exit code"]) == ("none", False, 0)
    assert found["summary"].startswith("NOT sandboxed: bubblewrap ")
    assert said in found["summary"]
    assert "\n" not in found["summary"]
    assert "Traceback" not in found["summary"]


def test_where_only_namespaces_are_refused_landlock_holds_the_code() -> None:
    if reason := landlock.why_unusable_now():
        pytest.skip(reason)
    assert under([{"EPERM": ["namespaces"]}]) == [{"mechanism": "some", "exit code": 0}]


def test_what_a_system_does_not_show_is_not_claimed() -> None:
    status = "CapPrm:\t0\nCapEff:\t0\nNoNewPrivs:\t1\n"
    assert shows_no_privileges(f"{status}CapAmb:\t0\n")
    assert not shows_no_privileges(status), "as in gVisor"
