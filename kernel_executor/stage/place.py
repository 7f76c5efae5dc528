"""Where a stage stands, and what code sees of it: in the place of the user's folder, or beside it. Pure."""

from dataclasses import dataclass
from pathlib import Path

from kernel_executor.in_kernel.read_only import ORIGINAL

HOME = "/tmp/home"  # noqa: S108 - a private tmpfs inside the sandbox
"""The home folder that code sees where the stage is mounted."""

VIEW = "view"
"""The folder beside the stage with links to what is in the user's folder, if that holds too much to be mirrored."""

MOST_LINKS = 20_000
"""Of these: 0.2 s. What is beyond is read by its whole path."""

PRIVATE = "private"
"""The folder beside the stage that code may write to, where it has no `/tmp` of its own."""


PACKAGES = "packages"
"""The folder beside the stage for packages that code installs."""

INSTALLED_AT = "/tmp/packages"  # noqa: S108 - inside the sandbox
"""Where code sees that folder."""


@dataclass(frozen=True, slots=True)
class Place:
    """Where a stage stands.

    Args:
        work_dir: The user's folder, which the code runs in.
        base: The folder that the stage stands for: `work_dir`, or one in it.
        files: The stage, on this machine.
        is_mounted: Whether code sees it in the place of `base`; else it has a path of its own.
        read_only: Folders in `base` that are mounted on it, because they hold too much to be copied.
    """

    work_dir: Path
    base: Path
    files: Path
    is_mounted: bool = True
    read_only: tuple[str, ...] = ()

    @property
    def below(self) -> str:
        """The path from where code works to the stage; empty if it works in the stage."""
        return "" if self.base == self.work_dir else str(self.base.relative_to(self.work_dir))

    @property
    def view(self) -> Path:
        """A folder with links to what is in the user's folder, for code to work in where only a part is staged."""
        return self.files.with_name(VIEW)

    @property
    def here(self) -> Path:
        """Where code works, on this machine, if nothing is mounted."""
        return self.view if self.below else self.files

    def seen_at(self, path: Path) -> Path:
        """Return where code sees a file of the stage."""
        return self.base / path.relative_to(self.files) if self.is_mounted else path

    @property
    def original(self) -> str:
        """Where code can read the user's files themselves."""
        return ORIGINAL if self.is_mounted else str(self.base)

    def shown(self, text: str) -> str:
        """Return a text in which the stage has the name of the user's folder, as where it is mounted."""
        return text.replace(str(self.files), str(self.base)).replace(str(self.view), str(self.work_dir))

    @property
    def private(self) -> Path:
        """A folder beside it that code may write to, for what it keeps in its home folder and for temporary files."""
        return self.files.with_name(PRIVATE)

    @property
    def packages(self) -> Path:
        """A folder beside it that packages are installed in, where code may reach the network."""
        return self.files.with_name(PACKAGES)

    @property
    def home(self) -> str:
        """The home folder that code sees."""
        return HOME if self.is_mounted else str(self.private / "home")

    @property
    def temporary(self) -> Path:
        """The folder for temporary files of code, if nothing is mounted."""
        return self.private / "tmp"

    @property
    def instructions(self) -> str:
        """What a model is to know of it; nothing where it looks like the user's folder."""
        if below := self.below:
            return f"The current folder can only be read: write files to {below}/, e.g. {below}/result.csv."
        if not self.is_mounted:
            return f"{self.work_dir} can only be read: write files by paths relative to the current folder."
        return ""
