"""The times of the ladder, as a hotel sets them: after how many seconds each step is taken for an order that
nobody sees or accepts. Pure; the database holds the same order."""

from __future__ import annotations

import itertools
from collections.abc import Mapping
from typing import Annotated, Any, Final, TypeAlias

from msgspec import Meta

from hub.errors import InvalidInput

Unseen: TypeAlias = Annotated[int, Meta(ge=3, le=3600)]
Hook: TypeAlias = Annotated[int, Meta(ge=3, le=3600)]
Chime: TypeAlias = Annotated[int, Meta(ge=3, le=3600)]
Page: TypeAlias = Annotated[int, Meta(ge=3, le=7200)]
Every: TypeAlias = Annotated[int, Meta(ge=5, le=600)]

# In the order in which they come, with what they are when a hotel says nothing.
USUAL: Final = {
    "alert_unseen_seconds": 10,
    "alert_hook_seconds": 30,
    "alert_chime_seconds": 90,
    "alert_page_seconds": 180,
}


def check_order(kept: Mapping[str, Any], given: Mapping[str, Any]) -> None:
    """No step comes before the one below it. `kept` is what will stand, `given` what was asked for.

    Raises InvalidInput at the step that was given.
    """
    steps = [(name, kept.get(name) or usual) for name, usual in USUAL.items()]
    for (below, earlier), (above, later) in itertools.pairwise(steps):
        if later < earlier:
            raise InvalidInput(
                f"{above} is {later}: it must not be less than {below}, which is {earlier}.",
                field=above if above in given else below,
            )
