"""Which folder code runs in, and who deletes it. Knows no kernel."""

import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path


@dataclass(frozen=True, slots=True)
class WorkFolder:
    """A folder to run code in; `private` ones are ours to delete."""

    path: Path
    private: bool

    def close(self) -> None:
        """Delete the folder if it is ours."""
        if self.private:
            shutil.rmtree(self.path, ignore_errors=True)


def open_work_folder(work_dir: str | Path | None) -> WorkFolder:
    """Make the folder ready.

    The home folder, what holds it, and `/` are never used themselves: code that may add files there could plant
    a shell profile. A new folder in them is used instead.

    Args:
        work_dir: The folder asked for; made if it does not exist. None makes a private one.

    Raises:
        NotADirectoryError: There is a file of that name.
    """
    if work_dir is None:
        return WorkFolder(Path(tempfile.mkdtemp(prefix="codeagent-work-")).resolve(), private=True)
    path = Path(work_dir).expanduser().resolve()
    if path.exists() and not path.is_dir():
        raise NotADirectoryError(f"work_dir {str(path)!r} is a file: name a folder")
    if path in {Path("/"), Path.home(), *Path.home().parents}:
        return WorkFolder(Path(tempfile.mkdtemp(prefix="codeagent-", dir=path)), private=False)
    path.mkdir(parents=True, exist_ok=True)
    return WorkFolder(path, private=False)
