"""What of the files that code makes is delivered by itself: data, by its kind (design D16). Pure; touches no file."""

from collections.abc import Collection
from pathlib import PurePosixPath

from kernel_executor.reserved_names import is_reserved

TABLES = "arrow csv feather ods orc parquet tsv xls xlsx dta sas7bdat sav avro"
ARRAYS = "fits h5 hdf5 mat nc npy npz zarr tif tiff"
PICTURES = "avif bmp eps gif ico jpeg jpg png svg webp mp3 mp4 ogg wav webm"
DOCUMENTS = "bib doc docx epub htm html md odp odt pdf pptx ps rst rtf tex"
TEXT = "dat geojson gml gpx json jsonl kml log ndjson txt vtt xml fasta fastq vcf topojson srt"
NOTEBOOKS = "ipynb"
ARCHIVES = "7z bz2 gz tar tgz xz zip zst"
DATABASES = "db duckdb gpkg shp shx dbf prj sqlite sqlite3"

DATA = frozenset(
    f".{kind}"
    for kinds in (TABLES, ARRAYS, PICTURES, DOCUMENTS, TEXT, NOTEBOOKS, ARCHIVES, DATABASES)
    for kind in kinds.split()
)
"""Suffixes of data. No pickle: reading one runs what is in it. No YAML, TOML, INI: mostly they are settings."""

CODE = frozenset({".py", ".sh", ".r", ".jl", ".js", ".mjs", ".ts", ".css", ".sql", ".ps1", ".bash", ".do", ".m", ".pl"})
"""Suffixes of code that a block may name (`# filename:`), as AutoGen's users do."""

SETTINGS = frozenset(
    {
        *("angular.json", "app.json", "appsettings.json", "babel.config.json", "biome.json", "bower.json", "build.xml"),
        *("cmakelists.txt", "cmakepresets.json", "composer.json", "constraints.txt", "cspell.json", "deno.json"),
        *("firebase.json", "global.json", "install.json", "jest.config.json", "jsconfig.json", "kernel.json"),
        *("launchsettings.json", "lerna.json", "manifest.json", "mcp.json", "meson_options.txt", "nodemon.json"),
        *("now.json", "nx.json", "omnisharp.json", "package-lock.json", "package.json", "pom.xml", "project.json"),
        *("pyrightconfig.json", "renovate.json", "robots.txt", "settings.json", "settings.xml", "tasks.json"),
        *("tsconfig.json", "tslint.json", "turbo.json", "vercel.json", "web.config", "workspace.json"),
        *("direct_url.json", "agents.md", "claude.md", "gemini.md", "copilot-instructions.md", "entry_points.txt"),
        *("conftest.py", "setup.py", "noxfile.py", "sitecustomize.py", "usercustomize.py", "tasks.py", "fabfile.py"),
        *("conanfile.txt", "runtime.txt", "pipfile", "makefile", "dockerfile", "jenkinsfile"),
        *("procfile", "vagrantfile", "top_level.txt"),
    }
)
"""Names that tools obey wherever they find them, in lower case."""

SETTINGS_BEGIN = ("requirements", "constraints", "jupyter_", "ipython_", "tsconfig.", "docker-compose", "compose.")
SETTINGS_END = {".txt", ".json", ".yml", ".yaml", ".py", ".in"}
"""How further names begin and end that tools obey."""

PYTHON = {".py", ".pyw", ".pyi"}

NEVER = frozenset({".pth", ".so", ".dylib", ".dll", ".pyd", ".pyc", ".egg-link", ".desktop", ".service", ".lnk"})
NEVER_FOLDERS = (".dist-info", ".egg-info", ".egg", ".app", ".framework")

HIDDEN = "its name is hidden"
OBEYED = "programs obey a file of that name"
ODD = "its name has characters that do not show"
LIBRARY = "a program would load it"
RESERVED = "a module of that name would be imported in place of the true one"
IS_CODE = "it is code"
UNKNOWN = "it is not of a kind that is known as data"
IMPORTABLE = "folders of code are not delivered"


def never(name: str) -> str:
    """Return why a file of that name is never delivered, whoever asks; empty if it may be.

    Args:
        name: Its path in the work folder, with `/`.
    """
    path = PurePosixPath(name)
    if not all(part.isprintable() for part in path.parts):  # a name that is not UTF-8 has surrogates: not printable
        return ODD
    if any(part.startswith((".", "-", "~")) for part in path.parts):
        return HIDDEN if any(part.startswith(".") for part in path.parts) else ODD
    lower = [part.lower() for part in path.parts]
    if any(part.endswith(NEVER_FOLDERS) for part in lower):
        return OBEYED
    if path.suffix.lower() in NEVER or ".so." in lower[-1]:
        return LIBRARY
    base = lower[-1]
    if base in SETTINGS or (base.startswith(SETTINGS_BEGIN) and path.suffix.lower() in SETTINGS_END):
        return OBEYED
    if path.suffix.lower() in PYTHON and is_reserved(lower[0]):
        return RESERVED
    return ""


def held_back(name: str, named: Collection[str]) -> str:
    """Return why a file is not delivered by itself; empty if it is.

    Args:
        name: Its path in the work folder, with `/`.
        named: Files that blocks have named.
    """
    if reason := never(name):
        return reason
    suffix = PurePosixPath(name).suffix.lower()
    if suffix in DATA or name in named:
        return ""
    return IS_CODE if suffix in CODE else UNKNOWN
