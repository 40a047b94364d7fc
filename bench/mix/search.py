"""The highest offered rate that is held: doubled until it is not, then halved in between."""

from __future__ import annotations

from collections.abc import Awaitable, Callable


async def highest(
    try_: Callable[[float], Awaitable[bool]], start: float, most: float, steps: int
) -> float | None:
    """The highest rate that held, to about one part in 2**steps of it; None when not even the lowest did."""
    held, failed = 0.0, 0.0
    rate = start
    while rate <= most:
        if await try_(rate):
            held = rate
            rate *= 2
        else:
            failed = rate
            break
    if not held:  # even the first was too much
        rate = start
        for _ in range(steps):
            rate /= 2
            failed = 2 * rate
            if await try_(rate):
                held = rate
                break
    if not held:
        return None
    if not failed:
        return held
    for _ in range(steps):
        rate = (held + failed) / 2
        if await try_(rate):
            held = rate
        else:
            failed = rate
    return held
