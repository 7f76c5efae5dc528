"""Processes that told that they are there: ended by a descriptor, where that is allowed."""

import os
import subprocess
import sys

import pytest

from kernel_executor.starting.line import Seen

pytestmark = pytest.mark.skipif(not hasattr(os, "pidfd_open"), reason="needs Linux")

AS_NOBODY = """
import os, sys
from kernel_executor.starting.line import Seen
os.setgid(65_534)
os.setuid(65_534)
seen = Seen.of(int(sys.argv[1]))
print(seen.is_ours, seen.kill(), seen.has_ended)
"""


def test_a_process_of_ours_is_ended() -> None:
    with subprocess.Popen(["sleep", "60"]) as process:
        seen = Seen.of(process.pid)
        assert (seen.is_ours, seen.has_ended, seen.kill()) == (True, False, True)
        process.wait(10)
        assert (seen.has_ended, seen.kill()) == (True, True)
        seen.close()


@pytest.mark.skipif(os.getuid() != 0, reason="needs root, to become somebody else")
def test_a_process_of_another_user_is_told_from_one_that_was_ended() -> None:
    """Code with CAP_SETUID was never ended where we are not root: the refusal was taken for its end."""
    with subprocess.Popen(["sleep", "60"]) as process:
        command = [sys.executable, "-c", AS_NOBODY, str(process.pid)]
        try:
            said = subprocess.run(command, capture_output=True, text=True, check=True)
        finally:
            process.kill()
        assert said.stdout.split() == ["False", "False", "False"]
