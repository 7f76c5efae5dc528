"""What can be said of shares and of differences between two runs over few questions. Pure."""

from math import comb, sqrt

Z = 1.959964
"""Of 95 %."""


def wilson(right: int, count: int) -> tuple[float, float]:
    """Return the interval in which the true share lies, with 95 % confidence."""
    if not count:
        return 0.0, 1.0
    share, spread = right / count, Z * Z / count
    middle = (share + spread / 2) / (1 + spread)
    half = sqrt(share * (1 - share) * spread + spread * spread / 4) / (1 + spread)
    return max(0.0, middle - half), min(1.0, middle + half)


def mcnemar(only_one: int, only_other: int) -> float:
    """Return how probable so large a difference is if there is none (exact, two-sided).

    Args:
        only_one: Questions that only one run has right.
        only_other: Those that only the other one has right.
    """
    count, fewer = only_one + only_other, min(only_one, only_other)
    tail = sum(comb(count, right) for right in range(fewer + 1)) / (1 << count)
    return min(1.0, 2 * tail)
