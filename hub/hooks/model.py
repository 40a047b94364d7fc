"""Addresses that a hotel wants told, and what becomes of what is sent to them. Pure."""

from __future__ import annotations

from datetime import datetime
from typing import Annotated, Final, Literal, TypeAlias
from uuid import UUID

from msgspec import UNSET, Meta, Struct, UnsetType

MOST_WEBHOOKS: Final = 10
URL_LENGTH: Final = 2000
DESCRIPTION_LENGTH: Final = 200

Event: TypeAlias = Literal["order.unseen", "order.unaccepted", "order.paged"]
Kind: TypeAlias = Literal["order.unseen", "order.unaccepted", "order.paged", "webhook.test"]
# Why an attempt failed.
Fault: TypeAlias = Literal[
    "unknown_name",
    "private_address",
    "no_connection",
    "bad_certificate",
    "timed_out",
    "redirected",
    "refused",
    "no_answer",
    "not_wanted",
    "bad_mailbox",
    "mail_server",
    "internal",
]
Url: TypeAlias = Annotated[str, Meta(min_length=1, max_length=URL_LENGTH)]
Events: TypeAlias = Annotated[tuple[Event, ...], Meta(min_length=1, max_length=10)]
Description: TypeAlias = Annotated[str, Meta(max_length=DESCRIPTION_LENGTH)]


class NewWebhook(Struct, frozen=True, forbid_unknown_fields=True):
    """`url` begins with https://. `events` are what it is told."""

    url: Url
    events: Events
    description: Description | None = None
    is_active: bool = True

    def __repr__(self) -> str:
        return f"NewWebhook(events={self.events!r})"


class ChangeWebhook(Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """What is left out stays as it is."""

    url: Url | UnsetType = UNSET
    events: Events | UnsetType = UNSET
    description: Description | UnsetType | None = UNSET
    is_active: bool | UnsetType = UNSET

    def __repr__(self) -> str:
        return f"ChangeWebhook(events={self.events!r}, is_active={self.is_active!r})"


class Attempt(Struct, frozen=True):
    """The last thing that was tried. `status` is that of the answer, `error` why it failed; both are null
    while it is on its way."""

    kind: Kind
    at: datetime
    delivered_at: datetime | None
    status: int | None
    error: Fault | None


class Webhook(Struct, frozen=True):
    """An address that is told `events`; one that is not active is told nothing."""

    id: UUID
    url: str
    events: list[Event]
    description: str | None
    is_active: bool
    created_at: datetime
    last_attempt: Attempt | None


class Webhooks(Struct, frozen=True):
    webhooks: list[Webhook]


class WebhookReply(Struct, frozen=True):
    webhook: Webhook


class NewWebhookReply(Struct, frozen=True):
    """`secret` signs what is sent, as Standard Webhooks say, and is never shown again."""

    webhook: Webhook
    secret: str

    def __repr__(self) -> str:
        return f"NewWebhookReply(webhook={self.webhook.id!s})"


class Delivery(Struct, frozen=True):
    """One message to an address; `id` is its header webhook-id. It is tried again at `next_attempt_at`, and
    no more when that is null."""

    id: UUID
    kind: Kind
    order_id: UUID | None
    attempts: int
    created_at: datetime
    last_attempt_at: datetime | None
    next_attempt_at: datetime | None
    delivered_at: datetime | None
    last_status: int | None
    last_error: Fault | None


class Deliveries(Struct, frozen=True):
    """The latest, newest first."""

    deliveries: list[Delivery]


class DeliveryReply(Struct, frozen=True):
    delivery: Delivery


class Deleted(Struct, frozen=True):
    """Nothing is said of what is gone."""
