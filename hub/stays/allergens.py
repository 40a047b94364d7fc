"""What the party of a stay must not eat, said by a screen of the guest or by the front desk, as codes of the
list of allergens of that day. What is said replaces what was said before.

It changes no order that was placed: an order keeps what held at that moment, and its cooks have seen it.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Final, TypeAlias
from uuid import UUID

from msgspec import Meta, Raw, Struct

from hub.errors import InvalidInput, NotFound, StayEnded
from hub.operations import Operation
from hub.security.permissions import Permission
from hub.stays import store

if TYPE_CHECKING:
    from hub.db.scope import Scope
    from hub.security.principal import Principal

AllergenCode: TypeAlias = Annotated[str, Meta(min_length=1, max_length=40)]
AllergenCodes: TypeAlias = Annotated[tuple[AllergenCode, ...], Meta(max_length=100)]


class DeclareArgs(Struct, frozen=True, forbid_unknown_fields=True):
    """`allergens` are codes of the hotel's list, none: nothing is to be kept away. Screens of a guest speak
    for their own stay, others name it."""

    allergens: AllergenCodes
    stay_id: UUID | None = None

    def __repr__(self) -> str:
        return f"DeclareArgs(stay_id={self.stay_id!s})"


class Declared(Struct, frozen=True):
    """The stay's document."""

    stay: Raw


async def declare(scope: Scope, principal: Principal, args: DeclareArgs) -> Declared:
    """Say what the party of a stay must not eat. Orders that were placed stay as they are.

    Raises InvalidInput for a code that is not on the list, NotFound, StayEnded.
    """
    stay_id = _whose(principal, args.stay_id)
    version, known = await store.allergens(scope)
    for at, code in enumerate(args.allergens):
        if code not in known:
            raise InvalidInput("This is not on the list of allergens.", field=f"allergens[{at}]")
    wanted = [code for code in known if code in args.allergens]
    document = await store.declare(scope, stay_id, wanted, version)
    if document is None:
        if await store.lock(scope, stay_id) is None:
            raise _no_stay()
        raise StayEnded("This stay has ended: please call the front desk.")
    return Declared(document)


def _whose(principal: Principal, named: UUID | None) -> UUID:
    """The stay that this principal may speak for. Raises NotFound, StayEnded, InvalidInput."""
    if principal.kind == "staff":
        if named is None:
            raise InvalidInput("Name the stay.", field="stay_id")
        return named
    if principal.stay_id is None:
        raise StayEnded("This stay has ended: please call the front desk.")
    if named not in (None, principal.stay_id):
        raise _no_stay()
    return principal.stay_id


def _no_stay() -> NotFound:
    return NotFound("There is no such stay.", field="stay_id")


# Not once: what was said is told as a whole, and an answer that tells of a guest is not to be stored.
DECLARE: Final = Operation(
    name="stay.declare",
    args=DeclareArgs,
    run=declare,
    permission=Permission.ALLERGEN_DECLARE,
    once=False,
    personal=True,
)
