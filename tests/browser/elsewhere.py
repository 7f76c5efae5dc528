"""A server elsewhere: it notes who asked for what, and answers with nothing."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Elsewhere:
    """Notes the first part of each path that was asked for.

    Attributes:
        url: Its address, without a slash at the end.
        asked: The parts.
    """

    def __init__(self, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        self.asked: set[str] = set()


@contextmanager
def elsewhere() -> Iterator[Elsewhere]:
    """Run a server on a port of its own."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            there.asked.add(self.path.strip("/").partition("/")[0].partition("?")[0])
            self.send_response(404)
            self.end_headers()

        do_POST = do_GET  # noqa: N815 - names that the server looks for

        def log_message(self, *_: object) -> None:
            pass

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        there = Elsewhere(server.server_address[1])
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        try:
            yield there
        finally:
            server.shutdown()
            thread.join()
