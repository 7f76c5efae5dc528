"""Owns the child process that serves a GGUF file on loopback. Knows xllamacpp and nothing of this package.

Run as a file by `_server_process`, isolated, never imported. Standard input brings one line of JSON settings (the key
too: a command line is public) and then nothing; its end means that the parent is gone. One line of JSON on
standard output says where the server listens.
"""

import json
import os
import sys
import threading
from typing import Any, TextIO


def main() -> None:
    """Serve until standard input ends."""
    ready = _take_stdout()
    settings = json.loads(sys.stdin.readline())
    sys.path[:] = settings["module_path"]
    threading.Thread(target=_end_with_parent, daemon=True).start()
    server = _serve(settings)
    ready.write(json.dumps({"url": server.listening_address}) + "\n")
    ready.close()
    threading.Event().wait()


def _take_stdout() -> TextIO:
    """Keep standard output for the one line; what the C++ side prints goes to standard error."""
    ready = os.fdopen(os.dup(1), "w", encoding="utf-8")
    os.dup2(2, 1)
    return ready


def _end_with_parent() -> None:
    while sys.stdin.readline():
        pass
    os._exit(0)  # threads of the server would outlive a normal exit


def _serve(settings: dict[str, Any]) -> Any:
    import xllamacpp

    params = xllamacpp.CommonParams()
    params.model.path = settings["path"]
    params.n_ctx = settings["context_size"]
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = settings["threads"]
    params.hostnames = ["127.0.0.1"]
    params.port = 0
    params.api_keys = [settings["key"]]
    params.cache_prompt = True  # calls of one run share their prefix
    params.cache_ram_mib = 256  # its default of 8 GiB is too much for somebody's laptop
    params.ui = False
    params.endpoint_slots = False
    params.verbosity = 1  # errors only; standard error is kept on disk
    return xllamacpp.Server(params)


if __name__ == "__main__":
    main()
