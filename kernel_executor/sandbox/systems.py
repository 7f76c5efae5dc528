"""On which systems a sandbox can be at all, and what is said of the others. Knows no mechanism and starts nothing."""

import platform

NAMES = {"Darwin": "macOS"}
"""What people call a system, where it calls itself otherwise."""

USE_LINUX = "to have a sandbox, work on Linux; a virtual machine will do"


def why_not_here() -> str | None:
    """Return why no sandbox of ours can be on this system, None on Linux.

    Asked before anything else: Linux's folders are not there elsewhere, and the numbers of its system calls are those
    of others (on macOS, `landlock_create_ruleset` is `change_fdguard_np`).
    """
    name = platform.system()
    if name == "Linux":
        return None
    return f"bubblewrap and Landlock hold code on Linux only, and this is {NAMES.get(name, name)}: {USE_LINUX}"
