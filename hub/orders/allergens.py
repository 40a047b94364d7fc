"""What a guest must not eat, against what is in a dish. Pure. Allergens are codes of the hotel's list.

What nobody has confirmed is never taken for free of anything: where the dish or a chosen option is not
confirmed, everything that the guest has declared is in conflict. Traces (`may_contain`) are in conflict too:
how much is too much, only the guest can tell, and the question costs one touch.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence


def contained(parts: Iterable[Sequence[str] | None]) -> list[str] | None:
    """What is in all the parts together; None, not confirmed, as soon as one part is not."""
    together: dict[str, None] = {}
    for part in parts:
        if part is None:
            return None
        together.update(dict.fromkeys(part))
    return list(together)


def in_conflict(
    declared: Iterable[str], contains: Sequence[str] | None, may_contain: Sequence[str]
) -> tuple[str, ...]:
    """Which of the declared allergens cannot be ruled out, each once, in the order of the declaration."""
    return tuple(
        allergen
        for allergen in dict.fromkeys(declared)
        if contains is None or allergen in contains or allergen in may_contain
    )
