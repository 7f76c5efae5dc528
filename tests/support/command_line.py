"""The command `codeagent-nb` as a process."""

import subprocess
import sys
from pathlib import Path

COMMAND = [sys.executable, "-m", "codeagent_nb"]


def run(*arguments: str, env: dict[str, str], cwd: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [*COMMAND, *arguments],
        check=False,
        env=env,
        cwd=cwd,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=90,
    )


def python(code: str) -> str:
    return f"```python\n{code}\n```"
