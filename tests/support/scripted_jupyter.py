"""A server on loopback that speaks what a Jupyter Server and its websockets speak, and runs nothing."""

import asyncio
import json
import uuid
from itertools import pairwise
from typing import Any, Self
from urllib.parse import urlsplit

from websockets.asyncio.server import Server, ServerConnection, serve
from websockets.datastructures import Headers
from websockets.http11 import Request, Response

V1 = "v1.kernel.websocket.jupyter.org"


class ScriptedJupyter:
    """Kernels that answer each request with its code as text. GET only: a kernel is there as soon as it is asked for.

    Args:
        token: Who may use it; empty lets everybody.
    """

    def __init__(self, token: str = "") -> None:
        self.token = token
        self.executed: dict[str, int] = {}
        self._server: Server | None = None

    async def __aenter__(self) -> Self:
        self._server = await serve(
            self._talk,
            "127.0.0.1",
            0,
            process_request=self._answer,
            subprotocols=[V1],
            ping_interval=None,  # type: ignore[list-item]
        )
        return self

    async def __aexit__(self, *_: object) -> None:
        assert self._server
        self._server.close()
        await self._server.wait_closed()

    @property
    def url(self) -> str:
        assert self._server
        return f"http://127.0.0.1:{next(iter(self._server.sockets)).getsockname()[1]}"

    def _answer(self, _: ServerConnection, request: Request) -> Response | None:
        path = urlsplit(request.path).path
        if self.token and request.headers.get("Authorization") != f"token {self.token}":
            return told(403, {"message": "Forbidden"})
        if path.endswith("/channels"):
            return None
        if path == "/api/kernelspecs":
            spec = {"name": "python3", "spec": {"language": "python"}}
            return told(200, {"default": "python3", "kernelspecs": {"python3": spec}})
        if path == "/api/kernels":
            return told(200, [])
        if path.startswith("/api/kernels/"):
            return told(200, {"id": path.rsplit("/", 1)[1], "name": "python3", "execution_state": "idle"})
        if path == "/api":
            return told(200, {"version": "0.0"})
        return told(404, {"message": "Not Found"})

    async def _talk(self, connection: ServerConnection) -> None:
        assert connection.request
        kernel = urlsplit(connection.request.path).path.split("/")[3]
        async for message in connection:
            assert isinstance(message, bytes)
            channel, header, content = read(message)
            await self._serve(connection, kernel, channel, header, content)

    async def _serve(self, connection: Any, kernel: str, channel: str, header: Any, content: Any) -> None:
        async def tell(where: str, kind: str, said: Any) -> None:
            await connection.send(written(where, kind, header, said))

        if header["msg_type"] == "kernel_info_request":
            await tell("iopub", "status", {"execution_state": "busy"})
            info = {"status": "ok", "protocol_version": "5.3", "implementation": "scripted", "banner": ""}
            await tell(channel, "kernel_info_reply", {**info, "language_info": {"name": "python"}})
            await tell("iopub", "status", {"execution_state": "idle"})
        elif header["msg_type"] == "execute_request":
            self.executed[kernel] = self.executed.get(kernel, 0) + 1
            await tell("iopub", "status", {"execution_state": "busy"})
            if not content["silent"]:
                await asyncio.sleep(0)
                await tell("iopub", "stream", {"name": "stdout", "text": f"{kernel} {content['code']}\n"})
            # No expression has a value here: a kernel that takes no guard.
            none = {"status": "error", "ename": "E", "evalue": "", "traceback": []}
            values = dict.fromkeys(content.get("user_expressions", {}), none)
            done = {"status": "ok", "execution_count": self.executed[kernel], "user_expressions": values}
            await tell(channel, "execute_reply", done)
            await tell("iopub", "status", {"execution_state": "idle"})


def told(status: int, body: Any) -> Response:
    data = json.dumps(body).encode()
    headers = Headers({"Content-Type": "application/json", "Content-Length": str(len(data)), "Connection": "close"})
    return Response(status, "", headers, data)


def read(message: bytes) -> tuple[str, Any, Any]:
    """Return channel, header and content of a message in protocol v1."""
    count = int.from_bytes(message[:8], "little")
    places = [int.from_bytes(message[8 * (at + 1) : 8 * (at + 2)], "little") for at in range(count)]
    parts = [message[start:end] for start, end in pairwise(places)]
    return parts[0].decode(), json.loads(parts[1]), json.loads(parts[4])


def written(channel: str, kind: str, parent: Any, content: Any) -> bytes:
    """Return a message in protocol v1."""
    header = {
        "msg_id": uuid.uuid4().hex,
        "msg_type": kind,
        "session": "scripted",
        "username": "",
        "date": "",
        "version": "5.3",
    }
    parts = [channel.encode(), *(json.dumps(part).encode() for part in (header, parent, {}, content))]
    places = [8 * (len(parts) + 2)]
    for part in parts:
        places.append(places[-1] + len(part))
    return b"".join(number.to_bytes(8, "little") for number in (len(places), *places)) + b"".join(parts)
