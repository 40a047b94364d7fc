"""Latencies as a histogram: merging those of several processes is exact, and no value is dropped."""

from __future__ import annotations

import math
from collections.abc import Iterable

from msgspec import Struct, field

_BITS = 7  # 2**7 buckets for each power of two: a bucket is at most 0.8 % wide


class Histogram(Struct):
    """Counts by bucket of microseconds; `longest` and `total` are exact, in seconds. Below 256 us each
    microsecond has a bucket of its own."""

    counts: dict[int, int] = field(default_factory=dict)
    count: int = 0
    total: float = 0.0
    longest: float = 0.0

    def add(self, seconds: float) -> None:
        """A negative value (two clocks that disagree) counts as 0."""
        index = bucket(max(0, round(seconds * 1e6)))
        self.counts[index] = self.counts.get(index, 0) + 1
        self.count += 1
        self.total += seconds
        self.longest = max(self.longest, seconds)

    def merge(self, other: Histogram) -> None:
        for index, count in other.counts.items():
            self.counts[index] = self.counts.get(index, 0) + count
        self.count += other.count
        self.total += other.total
        self.longest = max(self.longest, other.longest)

    def percentile(self, share: float) -> float | None:
        """The value in seconds that `share` (0 to 1) of all do not exceed, up to the width of its bucket.

        None when there are too few values to tell: p99.9 of 500 would only be the longest under another name.
        """
        if self.count == 0 or self.count * (1 - share) < 1 - 1e-9:
            return None
        rank = math.ceil(self.count * share - 1e-9)
        for index in sorted(self.counts):
            rank -= self.counts[index]
            if rank <= 0:
                return min(upper_end(index) / 1e6, self.longest)
        return self.longest

    def buckets(self) -> list[tuple[int, int]]:
        """Upper end in microseconds and count of each bucket that holds something, ascending."""
        return [(upper_end(index), self.counts[index]) for index in sorted(self.counts)]


def merged(parts: Iterable[Histogram]) -> Histogram:
    """One histogram of all values."""
    whole = Histogram()
    for part in parts:
        whole.merge(part)
    return whole


def bucket(micros: int) -> int:
    """The bucket of a whole number of microseconds."""
    shift = max(0, micros.bit_length() - _BITS - 1)
    return (shift << _BITS) + (micros >> shift)


def upper_end(index: int) -> int:
    """The largest number of microseconds in a bucket."""
    shift = max(0, (index >> _BITS) - 1)
    return ((index - (shift << _BITS) + 1) << shift) - 1
