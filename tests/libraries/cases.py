"""All cases, under their headings."""

from dataclasses import replace

from tests.libraries.case import Case
from tests.libraries.cases_of_arrays import ARRAYS, MODELS
from tests.libraries.cases_of_files import FILES
from tests.libraries.cases_of_memory import ASYNCIO, MEMORY
from tests.libraries.cases_of_notebooks import NOTEBOOK
from tests.libraries.cases_of_processes import BESIDE
from tests.libraries.cases_of_tables import TABLES

ROOMS: dict[str, list[Case]] = {
    "Python's own memory": MEMORY,
    "asyncio": ASYNCIO,
    "Files and shared memory": FILES,
    "What runs beside the code": BESIDE,
    "The notebook": NOTEBOOK,
    "Arrays": ARRAYS,
    "Tables": TABLES,
    "Models": MODELS,
}

CASES = [replace(case, room=room) for room, cases in ROOMS.items() for case in cases]
