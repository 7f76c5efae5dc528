"""Sets apart values in a second currency where no source names one: an answer does not change it within. Pure."""

from collections import Counter
from collections.abc import Sequence

from codeagent_nb.tracing.naming import Claim
from codeagent_nb.tracing.units import MONEY


def set_apart_currencies(claims: Sequence[Claim]) -> None:
    """Take what stands in another currency than most values of an answer for a value in another unit.

    Args:
        claims: The values of the answer, in its order.
    """
    priced = [(claim, claim.value.unit) for claim in claims if claim.value.unit and claim.value.unit.dimension == MONEY]
    counts = Counter(unit for _, unit in priced)
    if len(counts) < 2:
        return
    usual, _ = counts.most_common(1)[0]
    for claim, unit in priced:
        if unit != usual:
            claim.elsewhere = [*claim.fits, *claim.elsewhere]
            claim.fits = []
            claim.is_in_wrong_unit = True
