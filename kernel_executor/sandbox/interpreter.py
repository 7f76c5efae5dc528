"""Where an interpreter lives, as it says itself: a sandbox must let it see that. Starts only the interpreter."""

import json
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from kernel_executor.aio.tasks import run_helper
from kernel_executor.errors import KernelStartError
from kernel_executor.search_paths import for_helpers

# For Python 3.8, too; the preferred scheme is asked for since 3.10.
REPORT = (
    "import json, site, sys, sysconfig; "
    "scheme = getattr(sysconfig, 'get_preferred_scheme', 'posix_{}'.format)('prefix'); "
    "below = [sysconfig.get_path(name, scheme, {'base': '', 'platbase': ''}) for name in ('purelib', 'platlib')]; "
    "print(json.dumps({'prefixes': [sys.prefix, sys.base_prefix, sys.exec_prefix], 'installed': below, "
    "'paths': [p for p in sys.path if p], 'user': site.getuserbase() if site.ENABLE_USER_SITE else ''}))"
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Interpreter:
    """Where a kernel's interpreter lives, as it reports itself; empty for what is not Python."""

    prefixes: tuple[Path, ...] = ()
    paths: tuple[Path, ...] = ()
    user_base: str = ""
    installed: tuple[str, ...] = ()
    """Where pip puts packages, below a folder that it is told to install into."""


async def ask_python(executable: str, environment: Mapping[str, str]) -> Interpreter:
    """Ask an interpreter where it lives: a virtual environment may point anywhere.

    It is asked outside of the sandbox, so it must run nothing that code has left behind: not isolated (`-I`), for it
    is to tell of the user's packages, too, but in `/`, and with search paths that code cannot write to. What this
    hides of them is in the work folder, which the sandbox shows anyway.

    Raises:
        KernelStartError: It does not run.
    """
    try:
        process = await run_helper([executable, "-c", REPORT], for_helpers(environment))
        report = json.loads(process.stdout.splitlines()[-1])  # a sitecustomize may print before
    except (OSError, subprocess.TimeoutExpired, IndexError, ValueError) as error:
        said = process.stderr.strip()[-500:] if isinstance(error, IndexError | ValueError) else ""
        raise KernelStartError(f"{executable} does not run: {said or error}") from error
    return Interpreter(
        prefixes=tuple(Path(path) for path in report["prefixes"]),
        paths=tuple(Path(path) for path in report["paths"]),
        user_base=report["user"],
        installed=tuple(dict.fromkeys(path.strip("/") for path in report["installed"])),
    )
