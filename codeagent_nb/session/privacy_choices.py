"""What a user has chosen that the models of a server may be told, kept in his state folder. Knows no surface.

Never beside the data: a folder that was sent must not choose for whoever opens it (design D22).
"""

import json
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path

from codeagent_nb.models.privacy import LEVELS, SENT, VARIABLE, Privacy, PrivacySetting, read_setting
from codeagent_nb.models.types import HERE
from kernel_executor.folders.safe_files import folder_of
from kernel_executor.stage.ownership import state_folder

NAME = "privacy.json"

LARGEST = 1_000_000


class PrivacyChoices:
    """The levels by host, for this process, and for later ones if they can be kept.

    Args:
        path: The file; None is the user's own.
    """

    def __init__(self, path: Path | None = None) -> None:
        folder = None if path else state_folder()
        self._path = path or (folder.with_name(NAME) if folder else None)
        self._chosen: dict[str, Privacy] = {}

    def of(self, host: str) -> Privacy | None:
        """Return what was chosen for a host; None if nothing was."""
        return self._chosen.get(host) or self._read().get(host)

    def choose(self, host: str, level: Privacy) -> None:
        """Keep what is chosen for a host."""
        self._chosen[host] = level
        if self._path:
            text = json.dumps({**self._read(), **self._chosen}, indent=1, sort_keys=True)
            with suppress(OSError), folder_of(self._path) as folder:  # else it holds as long as this process
                folder.replace(self._path.name, f"{text}\n".encode())

    def _read(self) -> Mapping[str, Privacy]:
        try:
            text = self._path.read_bytes()[:LARGEST] if self._path else b"{}"
            found = json.loads(text)
        except (OSError, ValueError, RecursionError):  # there is none, or it was damaged: then it is asked for again
            return {}
        known = found.items() if isinstance(found, dict) else ()
        return {host: level for host, value in known for level in LEVELS if level == value}


def setting_for(given: str, environment: Mapping[str, str], host: str, choices: PrivacyChoices) -> PrivacySetting:
    """Return how much a model is sent: as was given, by the environment, or as was chosen for its host; else `auto`.

    Args:
        given: What the surface says; empty if nothing.
        environment: With `CODEAGENT_PRIVACY`.
        host: Where the model is.
        choices: What was chosen.

    Raises:
        ValueError: That is no level.
    """
    if setting := given or environment.get(VARIABLE, ""):
        return read_setting(setting, "privacy" if given else VARIABLE)
    return choices.of(host) or "auto"


def is_open(setting: PrivacySetting, host: str) -> bool:
    """Return whether nobody has chosen what a model elsewhere is told."""
    return setting == "auto" and host != HERE


def question(host: str, how: str) -> str:
    """Return what is said where nobody has chosen yet, in plain words.

    Args:
        host: Where the model is.
        how: What to do to choose; it stands before the name of a level.
    """
    rows = [f"  {how} {level:10}  sends {what}." for level, what in SENT.items()]
    return "\n".join(
        [f"The model is at {host}. Until you choose, it is sent statistics of your data only:", *rows, KEPT]
    )


KEPT = "What you choose holds for this server, until you choose again."
