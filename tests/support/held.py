"""What a process and all that it has started hold of the machine."""

import psutil


def held() -> dict[str, int]:
    """Return what we and all that we have started hold now."""
    us = psutil.Process()
    all_of_us = [us, *us.children(recursive=True)]
    return {
        "descriptors": us.num_fds(),
        "threads": us.num_threads(),
        "processes": len(all_of_us),
        "MiB of ours": us.memory_full_info().uss >> 20,
        "MiB of all, each page by its part": sum(each.memory_full_info().pss for each in all_of_us) >> 20,
    }
