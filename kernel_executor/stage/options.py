"""What a stage is to show and to deliver, as it is asked for. A value; touches no file."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True, kw_only=True)
class StageOptions:
    """What a stage shows of the user's folder, and whether it delivers.

    Args:
        mounted: What of the host is mounted in the folder.
        hidden: What is not to be shown; it need not be in the folder.
        absent: What is not there for the code, which makes it itself; nobody finds its name taken.
        is_mounted: Whether code will see the stage in the place of the user's folder.
        delivers: False if nothing that code makes is ever delivered: it runs for what it shows.
    """

    mounted: Sequence[Path] = ()
    hidden: Sequence[Path] = ()
    absent: Sequence[Path] = ()
    is_mounted: bool = True
    delivers: bool = True


USUAL = StageOptions()
"""All is shown, and what is data is delivered."""
