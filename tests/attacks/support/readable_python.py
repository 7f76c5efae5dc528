"""Makes a Python that every user can run, of the one that runs the tests: that may live in a closed home folder.

Hard links where the file system is the same, so that thousands of files take a second; copies elsewhere.
"""

import compileall
import os
import shutil
import sys
import sysconfig
from pathlib import Path

import codeagent_nb
import kernel_executor

NOT_NEEDED = {"test", "idlelib", "ensurepip", "lib2to3", "turtledemo", "tkinter", "site-packages", "dist-packages"}
"""Of the standard library."""

NOT_NEEDED_PACKAGES = {
    *("jupyterlab", "jupyterlab_server", "jupyter_server", "notebook", "nbconvert", "debugpy", "playwright", "mypy"),
    *("mypyc", "hypothesis", "babel", "jedi", "pip", "setuptools", "autogen_core", "autogen_ext", "autogen_agentchat"),
    *("openai", "xllamacpp", "xllamacpp.libs", "numpy", "numpy.libs", "pandas", "pyarrow", "matplotlib", "fontTools"),
    *("PIL", "pillow.libs", "tzdata", "scipy", "sklearn", "ruff"),
}
"""Of the installed ones: they would take most of the time."""


def make_readable_python(folder: Path) -> Path:
    """Make it in a folder and return its interpreter; its `sys.prefix` is a virtual environment with our packages."""
    executable = Path(sys.base_exec_prefix, "bin", f"python{sys.version_info[0]}.{sys.version_info[1]}")
    if not executable.exists():
        executable = Path(sys.executable).resolve()
    if not all_may_read(Path(sys.base_prefix)):
        executable = _copy_base(folder / "base", executable)
    return _make_environment(folder / "environment", executable)


def all_may_read(path: Path) -> bool:
    """Say whether other users reach a folder and may look into it."""
    path = path.resolve()
    return bool(path.stat().st_mode & 0o005 == 0o005) and all(parent.stat().st_mode & 0o001 for parent in path.parents)


def _copy_base(base: Path, executable: Path) -> Path:
    stdlib = Path(sysconfig.get_path("stdlib"))
    _link_tree(stdlib, base / stdlib.relative_to(sys.base_prefix), NOT_NEEDED)
    for library in Path(sys.base_prefix, "lib").glob("libpython*.so*"):
        _link(library, base / "lib" / library.name)
    copy = base / "bin" / executable.name
    copy.parent.mkdir(parents=True)
    # A shared libpython is looked for where it was installed: the same place, seen from the executable.
    place = os.fsencode(Path(sys.base_prefix, "lib")) + b"\0"
    copy.write_bytes(executable.read_bytes().replace(place, b"$ORIGIN/../lib".ljust(len(place), b"\0")))
    copy.chmod(0o755)
    return copy


def _make_environment(environment: Path, executable: Path) -> Path:
    python = environment / "bin" / "python"
    python.parent.mkdir(parents=True)
    python.symlink_to(executable)
    for name in ("python3", executable.name):
        (python.parent / name).symlink_to("python")
    (environment / "pyvenv.cfg").write_text(
        f"home = {executable.parent}\ninclude-system-site-packages = false\nversion = {sys.version.split()[0]}\n"
    )
    packages = environment / Path(sysconfig.get_path("purelib")).relative_to(sys.prefix)
    for found in {sysconfig.get_path("purelib"), sysconfig.get_path("platlib")}:
        _link_tree(Path(found), packages, NOT_NEEDED_PACKAGES)
    for leftover in packages.glob("*editable*"):
        leftover.unlink()
    _link_tree(Path(sys.prefix, "share", "jupyter", "kernels"), environment / "share" / "jupyter" / "kernels", set())
    for ours in (kernel_executor, codeagent_nb):
        source = Path(str(ours.__file__)).parent
        shutil.rmtree(packages / source.name, ignore_errors=True)
        _copy_for_all(source, packages / source.name)
    return python


def _copy_for_all(source: Path, target: Path) -> None:
    """Copy the sources as they are now; whatever the modes in the checkout are, all may read the copies."""
    shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
    for path in (target, *target.rglob("*")):
        path.chmod(0o755 if path.is_dir() else 0o644)
    compileall.compile_dir(target, quiet=1)


def _link_tree(source: Path, target: Path, without: set[str]) -> None:
    """Link a folder's files; `without` names what is left out of it, and any other folder's tests are, too."""
    target.mkdir(parents=True, exist_ok=True)
    for found in os.scandir(source):
        if found.name in without or found.name in {"tests", "__phello__"}:
            continue
        if found.is_dir():
            _link_tree(Path(found.path), target / found.name, set())
        elif found.is_file():
            _link(Path(found.path), target / found.name)


def _link(source: Path, target: Path) -> None:
    target.parent.mkdir(parents=True, exist_ok=True)
    if target.exists():
        return
    try:
        os.link(source.resolve(), target)
    except OSError:  # another file system
        shutil.copy2(source, target)
