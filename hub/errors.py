"""Every error that the hub raises on purpose, and what each tells a client.

    HubError
    ├── SettingError              (start only) a setting is missing or wrong
    ├── InvalidInput              400 invalid_input
    │   ├── MethodNotAllowed      405 method_not_allowed
    │   └── UnsupportedMediaType  415 unsupported_media_type
    ├── TooLarge                  413 too_large
    │   └── HeadersTooLong        431 headers_too_long
    ├── Unauthorized              401 unauthorized
    │   ├── TokenExpired          401 token_expired
    │   └── SecondFactorRequired  401 second_factor_required
    ├── Forbidden                 403 forbidden
    │   └── TenantClosed          403 tenant_closed
    ├── NotFound                  404 not_found
    │   └── UnknownCommand        404 unknown_command
    ├── Conflict                  409 conflict
    │   ├── InvalidTransition     409 invalid_transition
    │   ├── VersionMismatch       409 version_mismatch
    │   ├── PriceChanged          409 price_changed
    │   ├── LaterThanQuoted       409 later_than_quoted
    │   ├── OutOfStock            409 out_of_stock
    │   ├── ItemUnavailable       409 item_unavailable
    │   ├── AlreadyPreparing      409 already_preparing
    │   ├── IdCheckRequired       409 id_check_required
    │   ├── AllergyNotAcknowledged 409 allergy_not_acknowledged
    │   ├── AgeNotAttested        409 age_not_attested
    │   ├── AllergenConflict      409 allergen_conflict
    │   ├── KitchenPaused         409 kitchen_paused
    │   ├── SlotFull              409 slot_full
    │   ├── StayEnded             409 stay_ended
    │   ├── RoomOccupied          409 room_occupied
    │   ├── WipePending           409 wipe_pending
    │   ├── OrdersOpen            409 orders_open
    │   ├── LimitReached          409 limit_reached
    │   └── OperationInProgress   409 operation_in_progress  temporary
    ├── OperationMismatch         422 operation_mismatch
    ├── RateLimited               429 rate_limited           temporary
    ├── Unavailable               503 unavailable            temporary
    └── Internal                  500 internal
        └── SealBroken            500 internal

An error is data: `code` is stable and for programs, `message` is for people, `temporary` says that the
very same request may succeed later, `details` carries what a client needs to go on (the field at fault, the
current order, what is left in stock). A WebSocket reply and an HTTP problem document carry the same four.
"""

from __future__ import annotations

from typing import ClassVar, TypedDict


class ErrorData(TypedDict):
    """An error as it travels; `details` holds only what msgspec can encode."""

    code: str
    message: str
    temporary: bool
    details: dict[str, object]


class HubError(Exception):
    """Base of the tree. `field` names the input at fault, as in `lines[2].quantity`; it joins `details`."""

    code: ClassVar[str] = "internal"
    status: ClassVar[int] = 500
    temporary: ClassVar[bool] = False
    title: ClassVar[str] = "Internal error"

    def __init__(self, message: str, /, *, field: str | None = None, **details: object) -> None:
        super().__init__(message)
        self.message = message
        self.details: dict[str, object] = details if field is None else {"field": field, **details}

    @property
    def field(self) -> str | None:
        """The input at fault, when one is known."""
        value = self.details.get("field")
        return value if isinstance(value, str) else None

    def to_data(self) -> ErrorData:
        """The error as a client reads it, in a reply frame or inside a problem document."""
        return {
            "code": self.code,
            "message": self.message,
            "temporary": self.temporary,
            "details": self.details,
        }


class SettingError(HubError):
    """A setting is missing or wrong: the hub does not start. `field` is the setting's name."""

    code = "setting"
    title = "Wrong setting"


class InvalidInput(HubError):
    """The request can never succeed as it stands."""

    code = "invalid_input"
    status = 400
    title = "Invalid input"

    @classmethod
    def from_validation(cls, text: str, *, whole: str | None = None) -> InvalidInput:
        """msgspec's words as ours: "Expected `int`, got `str` - at `$.lines[0]`" becomes text and field.

        `whole` is the field when the fault is not in a part.
        """
        message, _, path = text.partition(" - at `$")
        return cls(message, field=path.rstrip("`").lstrip(".") or whole)


class MethodNotAllowed(InvalidInput):
    code = "method_not_allowed"
    status = 405
    title = "Method not allowed"


class UnsupportedMediaType(InvalidInput):
    code = "unsupported_media_type"
    status = 415
    title = "Unsupported media type"


class TooLarge(HubError):
    code = "too_large"
    status = 413
    title = "Too large"


class HeadersTooLong(TooLarge):
    code = "headers_too_long"
    status = 431
    title = "Headers too long"


class Unauthorized(HubError):
    """No credential, or one that proves nothing. The message never says which part was wrong."""

    code = "unauthorized"
    status = 401
    title = "Not signed in"


class TokenExpired(Unauthorized):
    """The token was good once: get a fresh one with the device's credential and try again."""

    code = "token_expired"
    title = "Token expired"


class SecondFactorRequired(Unauthorized):
    """The password is right: sign in again with the code of the second factor as well."""

    code = "second_factor_required"
    title = "Second factor required"


class Forbidden(HubError):
    code = "forbidden"
    status = 403
    title = "Not allowed"


class TenantClosed(Forbidden):
    """The hotel is suspended, has ended, or its contract does not run today; `tenant_status` says which, and
    `status_reason` why, where somebody has said so."""

    code = "tenant_closed"
    title = "This hotel is closed"


class NotFound(HubError):
    """It does not exist, or it belongs to another tenant: both give the same answer."""

    code = "not_found"
    status = 404
    title = "Not found"


class UnknownCommand(NotFound):
    code = "unknown_command"
    title = "Unknown command"


class Conflict(HubError):
    """The request is well formed but does not fit the present state; `details` carry that state."""

    code = "conflict"
    status = 409
    title = "Conflict"


class InvalidTransition(Conflict):
    code = "invalid_transition"
    title = "Not possible in this state"


class VersionMismatch(Conflict):
    code = "version_mismatch"
    title = "Changed in the meantime"


class PriceChanged(Conflict):
    code = "price_changed"
    title = "The price has changed"


class LaterThanQuoted(Conflict):
    code = "later_than_quoted"
    title = "Later than was said"


class OutOfStock(Conflict):
    code = "out_of_stock"
    title = "Not enough left"


class ItemUnavailable(Conflict):
    code = "item_unavailable"
    title = "Not available now"


class AlreadyPreparing(Conflict):
    code = "already_preparing"
    title = "Already being prepared"


class IdCheckRequired(Conflict):
    code = "id_check_required"
    title = "The guest's ID must be checked"


class AllergyNotAcknowledged(Conflict):
    """A station makes what the guest has declared, and none of its cooks has taken note of it; `conflicts`
    lists the lines with their allergens."""

    code = "allergy_not_acknowledged"
    title = "The allergy must be acknowledged first"


class AgeNotAttested(Conflict):
    code = "age_not_attested"
    title = "The guest's age must be confirmed"


class AllergenConflict(Conflict):
    """Lines hold, or may hold, what the stay has declared; `conflicts` lists them, with the allergens."""

    code = "allergen_conflict"
    title = "The guest must confirm the allergens"


class KitchenPaused(Conflict):
    """The kitchen takes no orders; `pause` says since when, until when and why."""

    code = "kitchen_paused"
    title = "The kitchen is paused"


class SlotFull(Conflict):
    """The kitchen takes on no more for that time; `free` lists the next times that can be wished."""

    code = "slot_full"
    title = "The kitchen has no room then"


class StayEnded(Conflict):
    code = "stay_ended"
    title = "The stay has ended"


class RoomOccupied(Conflict):
    """A guest lives in this room."""

    code = "room_occupied"
    title = "The room is occupied"


class WipePending(Conflict):
    """The tablet of the room (`tablet_id`) has not yet said that it holds nothing of the last guest."""

    code = "wipe_pending"
    title = "The tablet is not wiped yet"


class OrdersOpen(Conflict):
    """The stay has orders under way; `open_orders` lists them."""

    code = "orders_open"
    title = "Orders are under way"


class LimitReached(Conflict):
    """The plan of the hotel allows no more; `limit` is rooms, users or storage, with `allowed` and `used`."""

    code = "limit_reached"
    title = "The plan allows no more"


class OperationInProgress(Conflict):
    """The same operation id is being worked on at this moment: ask again with the same id."""

    code = "operation_in_progress"
    temporary = True
    title = "Still in progress"


class OperationMismatch(HubError):
    """The operation id was already used for a different request."""

    code = "operation_mismatch"
    status = 422
    title = "Operation id used before"


class RateLimited(HubError):
    """Too many requests of this kind; `details.retry_after_seconds` says when the next one may succeed."""

    code = "rate_limited"
    status = 429
    temporary = True
    title = "Too many requests"


class Unavailable(HubError):
    """Something that the hub needs does not answer; nothing was changed, or it is safe to repeat."""

    code = "unavailable"
    status = 503
    temporary = True
    title = "Temporarily unavailable"


class Internal(HubError):
    """A bug. The client learns a reference for the log, and nothing of the inside."""


class SealBroken(Internal):
    """Sealed data cannot be opened: its key is missing, or it was changed or moved. For a client it is a bug
    like any other: the answer says nothing about keys or stored texts."""
