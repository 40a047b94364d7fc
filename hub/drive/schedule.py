"""When each order is due, decided before the first one is sent.

An open loop: a guest who is hungry does not wait until the hub has served the others. A client that sent the
next order only after the last answer would slow down together with the hub and hide how long guests wait
("coordinated omission"). Latencies therefore count from the moment in this schedule.
"""

from __future__ import annotations

import random
from typing import Literal, TypeAlias

from msgspec import Struct

Arrivals: TypeAlias = Literal["poisson", "even"]


class Arrival(Struct, frozen=True):
    """Order `number` is due `moment` seconds after the start, on that tablet."""

    number: int
    moment: float
    tablet: int


def schedule(rate: float, seconds: float, tablets: int, kind: Arrivals, seed: int) -> list[Arrival]:
    """The arrivals of `seconds` at `rate` a second, tablets drawn at random; the same seed, the same list.

    `poisson` is how independent guests order: gaps of exponential length, so orders come in bunches. `even`
    spaces them equally, half a gap from the start.
    """
    chance = random.Random(seed)
    arrivals: list[Arrival] = []
    moment = chance.expovariate(rate) if kind == "poisson" else 0.5 / rate
    while moment < seconds:
        arrivals.append(Arrival(len(arrivals), moment, chance.randrange(tablets)))
        moment += chance.expovariate(rate) if kind == "poisson" else 1 / rate
    return arrivals


def steps(number: int, average: float) -> int:
    """How many bumps order `number` gets, so that all together get `average` each, without chance."""
    return int((number + 1) * average + 1e-9) - int(number * average + 1e-9)
