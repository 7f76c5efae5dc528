"""What of the files that code makes is delivered by itself: data, by its kind (design D16). Pure; touches no file."""
# ruff: noqa: SIM905 - words are easier to read than literals

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
DATABASES = "db duckdb gpkg shp shx dbf prj cpg sqlite sqlite3"

SQLITES = " ".join(f"{base}-{part}" for base in ("db", "sqlite", "sqlite3") for part in ("wal", "shm", "journal"))
"""SQLite's other files: without them a database is half of itself."""

DATA = frozenset(
    f".{kind}"
    for kinds in (TABLES, ARRAYS, PICTURES, DOCUMENTS, TEXT, NOTEBOOKS, ARCHIVES, DATABASES, SQLITES)
    for kind in kinds.split()
)
"""Suffixes of data. No pickle: reading one runs what is in it. No YAML, TOML, INI: mostly they are settings."""

CODE = frozenset({".py", ".sh", ".r", ".jl", ".js", ".mjs", ".ts", ".css", ".sql", ".ps1", ".bash", ".do", ".m", ".pl"})
"""Suffixes of code that a block may name (`# filename:`), as AutoGen's users do."""

SETTINGS = frozenset(
    """
    agent.md agents.md angular.json app.json appsettings.json apt.txt babel.config.json biome.json bower.json build
    build.xml cdk.json claude.local.md claude.md cmakelists.txt cmakepresets.json composer.json conanfile.txt
    conftest.py constraints.txt containerfile copilot-instructions.md crush.json cspell.json deno.json
    direct_url.json dockerfile dodo.py entry_points.txt fabfile.py firebase.json gemfile gemini.md global.json
    gnumakefile install.json jenkinsfile jest.config.json jsconfig.json justfile kernel.json launchsettings.json
    lerna.json log4j.xml log4j2.xml logback.xml makefile manifest.json mcp.json meson_options.txt nest-cli.json
    nodemon.json now.json noxfile.py nx.json omnisharp.json opencode.json package-lock.json package.json pipfile
    pom.xml procfile project.json pyrightconfig.json rakefile renovate.json robots.txt runtime.txt sconstruct
    settings.json settings.xml setup.py sitecustomize.py skill.md snakefile tasks.json tasks.py top_level.txt
    tsconfig.json tslint.json turbo.json usercustomize.py vagrantfile vercel.json voila.json web.config
    workspace.json wrangler.json wscript
    """.split()
)
"""Names that tools obey wherever they find them, in lower case."""

SETTINGS_BEGIN = ("requirements", "constraints", "jupyter_", "ipython_", "tsconfig.", "docker-compose", "compose.")
SETTINGS_END = {".txt", ".json", ".yml", ".yaml", ".py", ".in"}
"""How further names begin and end that tools obey."""

REQUIREMENTS = ("-requirements.txt", "_requirements.txt")

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
    if path.stem.lower().endswith(".config") or base.endswith(REQUIREMENTS):
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
    path = PurePosixPath(name)
    suffix = path.suffix.lower()
    if suffix in DATA or any(parent.suffix.lower() == ".zarr" for parent in path.parents):
        return ""
    if suffix in CODE:
        return "" if name in named else IS_CODE
    return UNKNOWN
