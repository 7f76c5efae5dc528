"""Owns the process that serves a GGUF file to the programs of one user. Knows xllamacpp and nothing of this package.

Run as a file by `server_process`, isolated, never imported. Standard input brings one line of JSON settings (the key
too: a command line is public) and then nothing; its end means that who started this has a lease, or is gone. One line
of JSON on standard output says that it listens. It ends when the last client has been gone for a while.
"""

import fcntl
import json
import os
import secrets
import sys
import threading
import time
from importlib import import_module
from importlib.util import module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, TextIO
from urllib.parse import urlsplit

ROOM = "codeagent_model_server"
LOOK = 0.1  # seconds between two looks at who is left


def main() -> None:
    """Serve until nobody is left."""
    ready = _take_stdout()
    settings = json.loads(sys.stdin.readline())
    load_room()
    sys.path[:] = settings["module_path"]
    front, clients, slots = (import_module(f"{ROOM}.{name}") for name in ("front", "clients", "slots"))
    there = clients.Clients(slots.Slots(settings["slots"]))
    threading.Thread(target=_wait_for_starter, args=(there,), daemon=True).start()
    threading.Thread(target=_end_when_alone, args=(settings, there), daemon=True).start()
    key = secrets.token_urlsafe(32)
    server = load(settings, key)
    engine = front.Engine(urlsplit(server.listening_address).port, key)
    _leave_if_replaced(settings)
    listening = front.Front(settings["socket"], settings["key"], engine, there)
    ready.write(json.dumps({"listens": True}) + "\n")
    ready.close()
    listening.serve_forever()


def load_room() -> None:
    """Make the modules beside this one importable, though not from a folder that others' modules could lie in."""
    folder = Path(__file__).parent
    spec = spec_from_file_location(ROOM, folder / "__init__.py", submodule_search_locations=[str(folder)])
    assert spec is not None  # noqa: S101 - the file is there
    sys.modules[ROOM] = module_from_spec(spec)


def load(settings: dict[str, Any], key: str) -> Any:
    """Load the model and start its own server."""
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.n_parallel = settings["slots"]
    params.n_ctx = settings["context_size"] * settings["slots"]
    params.kv_unified = False  # a slot has a context of its own: 0.2 GB for each of 8,192 tokens (measured)
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [key]
    params.cache_prompt = True  # calls of one run share their prefix
    params.cache_ram_mib = 0  # prompts kept beside the slots would be found by any client
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1  # errors only; standard error is kept on disk
    return xllamacpp.Server(params)


def _take_stdout() -> TextIO:
    """Keep standard output for the one line; what the C++ side prints goes to standard error."""
    ready = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return ready


def _wait_for_starter(clients: Any) -> None:
    while sys.stdin.readline():
        pass
    clients.starter_left()


def _end_when_alone(settings: dict[str, Any], clients: Any) -> None:
    """End this process when nobody has been there for a while, and nobody is just coming in."""
    lock = os.open(settings["lock"], os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
    while True:
        time.sleep(LOOK)
        if clients.alone_for():
            _leave_if_replaced(settings)
        if clients.alone_for() <= settings["linger"]:
            continue
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        if clients.alone_for() > settings["linger"]:
            _leave_if_replaced(settings)
            for name in settings["files"]:
                Path(name).unlink(missing_ok=True)
            os._exit(0)  # threads of the server would outlive a normal exit
        fcntl.flock(lock, fcntl.LOCK_UN)


def _leave_if_replaced(settings: dict[str, Any]) -> None:
    """End this process if the place is another server's by now: whoever started this one was killed meanwhile.

    It took the other one's socket, or unlinked that and the key, and neither was found any more.
    """
    try:
        key = Path(settings["key_file"]).read_text("ascii")
    except (OSError, ValueError):
        key = ""
    if key != settings["key"]:
        os._exit(0)


if __name__ == "__main__":
    main()
