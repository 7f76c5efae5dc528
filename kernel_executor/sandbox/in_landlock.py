"""Landlock around one process: how it is started, and what it must have found before anything runs in it."""

import errno
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass

from kernel_executor.errors import KernelStartError
from kernel_executor.processes import programs
from kernel_executor.sandbox import landlock
from kernel_executor.sandbox.landlock import Rule
from kernel_executor.sandbox.launching import Launched, Start


@dataclass(frozen=True, slots=True)
class InLandlock:
    """Landlock and a system call filter around one process.

    Args:
        folder: Where it runs.
        rules: What it may touch.
    """

    folder: str
    rules: Sequence[Rule]

    @contextmanager
    def start(self, command: Sequence[str], environment: Mapping[str, str], info: int, gate: int) -> Iterator[Start]:
        """Open what it is started with."""
        program = programs.find(command[0], environment.get("PATH"))
        if program is None:
            raise FileNotFoundError(errno.ENOENT, os.strerror(errno.ENOENT), command[0])
        with landlock.opened(landlock.wanted(self.folder, environment, self.rules)) as told:
            yield Start(landlock.command(told, info, gate, [program, *command[1:]]), {}, (told,))

    def check(self, launched: Launched) -> None:
        """Look whether all that was tried has failed.

        Raises:
            KernelStartError: Something was not held, or Landlock could not be put on.
        """
        if not launched.held:
            raise KernelStartError(f"Landlock could not be put on: {launched.failure or 'it does not say why'}")
        if missing := landlock.not_held(launched.held):
            raise KernelStartError(
                f"Landlock does not hold the process ({', '.join(missing)}): is `/` among what code may read?"
            )

    def let_begin(self, launched: Launched) -> None:
        """Start the command."""
        os.write(launched.gate, b"!")
