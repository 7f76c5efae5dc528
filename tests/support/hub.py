"""A model hub on loopback that serves one file, by ranges, as fast as it is told to."""

import threading
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

PIECE = 1 << 20


class Hub:
    """Serves one file under whatever address it is asked for.

    Args:
        file: The file.
        rate: Bytes a second; 0 is as fast as it goes. May be changed at any moment.
    """

    def __init__(self, file: Path, rate: int = 0) -> None:
        self.rate = rate
        self.ranges: list[str | None] = []
        hub = self

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                wanted = self.headers.get("Range")
                hub.ranges.append(wanted)
                start = int(wanted.removeprefix("bytes=").rstrip("-")) if wanted else 0
                self.send_response(206 if wanted else 200)
                self.send_header("Content-Length", str(file.stat().st_size - start))
                self.end_headers()
                with file.open("rb") as content:
                    content.seek(start)
                    while piece := content.read(min(PIECE, hub.rate // 10 or PIECE)):
                        try:
                            self.wfile.write(piece)
                        except OSError:  # whoever asked has had enough
                            return
                        time.sleep(len(piece) / hub.rate if hub.rate else 0)

            def log_message(self, *_: object) -> None:
                """Be quiet."""

        self._http = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self._thread = threading.Thread(target=self._http.serve_forever, kwargs={"poll_interval": 0.05})
        self._thread.start()
        self.url = f"http://127.0.0.1:{self._http.server_port}"

    def close(self) -> None:
        self._http.shutdown()
        self._thread.join()
        self._http.server_close()
