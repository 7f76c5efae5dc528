"""What runs *inside* a managed Python kernel.

Copied as a whole into the run folder as the package `codeagent_kernel`, because the kernel's interpreter may be
another Python without ours: so nothing here imports anything from outside this folder but the standard library and,
once it has started, ipykernel. The client imports `guard` and `text` too, so that both ends cut text alike.
"""

from .shell import run_shell

__all__ = [
    "CHECKPOINT",
    "CHECKPOINT_REPLY",
    "INSPECT",
    "INSPECT_REPLY",
    "MODULE",
    "OMISSION_MESSAGE",
    "PACKAGES",
    "run_shell",
]

MODULE = "codeagent_kernel"
"""The name under which the kernel finds this package."""

PACKAGES = "CODEAGENT_PACKAGES"
"""Variable that names the folders which code installs packages in."""

OMISSION_MESSAGE = "codeagent_omission"
"""IOPub message type by which the kernel tells how much it left out; other clients ignore it."""

CHECKPOINT = "codeagent_checkpoint_request"
"""Asks, on shell, for a checkpoint; its socket was sent on the kernel's line before."""

CHECKPOINT_REPLY = "codeagent_checkpoint_reply"
"""The answer: `reason` says why there is none, and is empty if there is one."""

INSPECT = "codeagent_inspect_request"
"""Asks, on control, what the kernel is doing: it answers while code runs."""

INSPECT_REPLY = "codeagent_inspect_reply"
"""The answer; see `inspecting.look`."""
