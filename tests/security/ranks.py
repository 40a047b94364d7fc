"""Whether two samples differ: the rank test of Mann and Whitney."""

from __future__ import annotations

import math
from collections.abc import Sequence


def mann_whitney(first: Sequence[float], second: Sequence[float]) -> float:
    """The two-sided p value, by the normal approximation: good from some twenty values on each side."""
    ordered = sorted([(value, 0) for value in first] + [(value, 1) for value in second])
    rank_sum, ties, at = 0.0, 0, 0
    while at < len(ordered):
        end = at
        while end < len(ordered) and ordered[end][0] == ordered[at][0]:
            end += 1
        # equal values share the middle of their ranks
        rank_sum += (at + 1 + end) / 2 * sum(1 for _, side in ordered[at:end] if side == 0)
        ties += (end - at) ** 3 - (end - at)
        at = end
    one, two, both = len(first), len(second), len(ordered)
    u = rank_sum - one * (one + 1) / 2
    deviation = math.sqrt(one * two / 12 * (both + 1 - ties / (both * (both - 1))))
    return math.erfc(abs(u - one * two / 2) / deviation / math.sqrt(2))
