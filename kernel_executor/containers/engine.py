"""The container engine: found, told apart, asked for images. The only file that imports the docker SDK.

The SDK blocks, so what can take time is done in a thread. Works with Docker's API, podman's too (4.3 measured).
"""

import asyncio
import os
import socket
from dataclasses import dataclass
from typing import Any, Literal, Self

from kernel_executor.errors import KernelStartError


@dataclass(frozen=True, slots=True)
class Engine:
    """An engine that answered. Made by `open` or `connect`.

    Args:
        sdk: The docker SDK.
        client: Its client.
        name: Which one it is.
    """

    sdk: Any
    client: Any
    name: Literal["docker", "podman"]

    @classmethod
    async def open(cls) -> Self:
        """Reach the engine that `DOCKER_HOST` names, or Docker's own.

        Raises:
            KernelStartError: The SDK is not installed, or no engine answers.
        """
        return await asyncio.to_thread(cls.connect)

    @classmethod
    def connect(cls) -> Self:
        """Do the same while the caller waits."""
        try:
            import docker
        except ImportError as error:
            raise KernelStartError("containers need the docker package: pip install 'codeagent-nb[docker]'") from error
        try:
            _reach(os.environ.get("DOCKER_HOST", "unix:///var/run/docker.sock"))
            told = _ping(docker)
            # An engine that does not tell its version is asked by the SDK.
            client = docker.from_env(version=told.get("Api-Version"))
        except (docker.errors.DockerException, OSError) as error:
            raise KernelStartError(
                f"no container engine answers: {reason(error)}. Start Docker, or podman's service, and set DOCKER_HOST "
                "if it does not listen where Docker does."
            ) from error
        return cls(docker, client, "podman" if "Libpod-Api-Version" in told else "docker")

    async def fetch(self, image: str) -> None:
        """Pull an image if it is not here, which can take minutes; if we are cancelled, the engine goes on with it.

        Raises:
            KernelStartError: There is no such image.
        """
        await asyncio.to_thread(self._fetch, image)

    def _fetch(self, image: str) -> None:
        errors = self.sdk.errors
        try:
            self.client.images.get(image)
        except errors.ImageNotFound:
            try:
                self.client.images.pull(image)
            except (errors.DockerException, OSError) as error:
                raise KernelStartError(
                    f"the image {image!r} is not here and cannot be pulled: {reason(error)}"
                ) from error

    async def close(self) -> None:
        """Close the connection."""
        self.client.close()


def _reach(url: str) -> None:
    """Try a Unix socket first: the SDK leaves one open that it cannot connect."""
    if url.startswith("unix://"):
        with socket.socket(socket.AF_UNIX) as probe:
            probe.connect(url.removeprefix("unix://"))


def _ping(docker: Any) -> Any:
    """Return the headers of an engine's first answer, which tell its version in 1 ms; podman takes 280 for all it has.

    Docker's own command line does so.
    """
    client = docker.from_env(version=docker.constants.DEFAULT_DOCKER_API_VERSION)
    try:
        answer = client.api.get(f"{client.api.base_url}/_ping", timeout=docker.constants.DEFAULT_TIMEOUT_SECONDS)
        answer.raise_for_status()
        return answer.headers
    finally:
        client.close()


def reason(error: BaseException) -> str:
    """Return why the SDK failed, in the engine's own words if it has any."""
    return str(getattr(error, "explanation", None) or error)
