"""A kernel of a language of its own, which our guard cannot enter: it repeats its code, and counts it in a file."""

import sys
import time
from pathlib import Path
from typing import Any

from ipykernel.kernelapp import IPKernelApp
from ipykernel.kernelbase import Kernel


class EchoKernel(Kernel):
    """Repeats each line of its code, a moment apart."""

    implementation = "echo"
    implementation_version = "1"
    banner = "echo"
    language_info = {"name": "echo", "mimetype": "text/plain", "file_extension": ".txt"}  # noqa: RUF012

    def do_execute(self, code: str, silent: bool, *_: Any, **__: Any) -> dict[str, Any]:
        if not silent:
            with Path("ran.txt").open("a") as file:
                file.write(f"{code.splitlines()[0]}\n")
            for line in code.splitlines():
                self.send_response(self.iopub_socket, "stream", {"name": "stdout", "text": f"{line}\n"})
                time.sleep(0.01)
        return {"status": "ok", "execution_count": self.execution_count, "user_expressions": {}}


if __name__ == "__main__":
    IPKernelApp.launch_instance(argv=sys.argv[1:], kernel_class=EchoKernel)
