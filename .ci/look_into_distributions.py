"""Fails if a built wheel or source distribution lacks a file that is not Python: `look_into_distributions.py dist`."""

import sys
import tarfile
import zipfile
from pathlib import Path

SHARED = "share/jupyter/labextensions/codeagent-nb"
IN_WHEEL = {
    "codeagent_nb/__init__.pyi",
    "codeagent_nb/py.typed",
    "kernel_executor/__init__.pyi",
    "kernel_executor/py.typed",
    "codeagent_nb/data/penguins.csv",
    "codeagent_nb/notebook/panel/static/widget.css",
    "codeagent_nb/notebook/panel/static/widget.js",
    "codeagent_nb/notebook/panel/static/vendor/purify.min.js",
    "codeagent_nb/notebook/panel/static/vendor/licences/dompurify.txt",
    *(f"{SHARED}/{name}" for name in ("package.json", "install.json", "page/remoteEntry.js", "page/plugin.js")),
}
IN_SDIST = {
    *(name for name in IN_WHEEL if not name.startswith(("share/", "codeagent_nb/data/"))),
    "notebooks/data/penguins.csv",
    "codeagent_nb/labextension/package.json",
    "codeagent_nb/labextension/page/remoteEntry.js",
    "pyproject.toml",
    "LICENSE",
    "tests/conftest.py",
}


def main(folder: Path) -> None:
    """Look into the one wheel and the one source distribution of a folder."""
    (wheel,) = folder.glob("*.whl")
    (sdist,) = folder.glob("*.tar.gz")
    with zipfile.ZipFile(wheel) as archive:
        in_wheel = {name.partition(".data/data/")[2] or name for name in archive.namelist()}
    with tarfile.open(sdist) as archive:
        in_sdist = {name.partition("/")[2] for name in archive.getnames()}
    lacking = [f"{wheel.name} lacks {name}" for name in sorted(IN_WHEEL - in_wheel)]
    lacking += [f"{sdist.name} lacks {name}" for name in sorted(IN_SDIST - in_sdist)]
    if lacking:
        sys.exit("\n".join(lacking))
    sys.stdout.write(f"{wheel.name}: {len(in_wheel)} files; {sdist.name}: {len(in_sdist)} files\n")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
