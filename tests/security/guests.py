"""Sealed data of a hotel for tests: guests with a name and a phone number, staff with an e-mail address, all
written and read as a process of the hub does it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct

from hub.db.database import Database
from hub.db.ids import uuid7
from hub.db.queries import Query
from hub.db.scope import Actor

if TYPE_CHECKING:
    from hub.db.scope import Scope
    from hub.security.vault import Vault

ACTOR: Final = Actor(user_id=None, role="sign_in", request_id=uuid7())
ADD_GUEST: Final = Query(
    "test.add_guest",
    "INSERT INTO app.stays (tenant_id, id, room_number, ended_at, guest_name_encrypted,"
    " guest_phone_encrypted, guest_phone_index) VALUES ($1, $2, '101', now(), $3, $4, $5)"
    " ON CONFLICT (tenant_id, id) DO UPDATE SET guest_name_encrypted = excluded.guest_name_encrypted,"
    " guest_phone_encrypted = excluded.guest_phone_encrypted, guest_phone_index = excluded.guest_phone_index",
    writes=True,
    replica=False,
)
FIND_GUEST: Final = Query(
    "test.find_guest",
    "SELECT id, guest_name_encrypted AS name, guest_phone_encrypted AS phone FROM app.stays"
    " WHERE tenant_id = $1 AND guest_phone_index = ANY ($2)",
    writes=False,
    replica=False,
)
ADD_PERSON: Final = Query(
    "test.add_person",
    "INSERT INTO app.staff (tenant_id, id, email_index, email_encrypted, totp_encrypted, pin_hash,"
    " password_hash, name, role) VALUES ($1, $2, $3, $4, $5, $6, 'x', 'A', 'front')",
    writes=True,
    replica=False,
)
FIND_PERSON: Final = Query(
    "test.find_person",
    "SELECT id, email_encrypted, totp_encrypted, pin_hash FROM app.staff"
    " WHERE tenant_id = $1 AND email_index = ANY ($2)",
    writes=False,
    replica=False,
)


class Guest(Struct, frozen=True):
    """Somebody who has stayed here."""

    id: UUID
    name: str
    phone: str


class Person(Struct, frozen=True):
    """A member of staff."""

    id: UUID
    email: str
    totp: str
    pin: str


class Desk:
    """One process that writes and reads what a hotel seals."""

    def __init__(self, database: Database, vault: Vault, tenant_id: UUID) -> None:
        self.vault = vault
        self._database = database
        self._tenant_id = tenant_id

    async def write(self, guest: Guest) -> None:
        """Write the guest, or write them again."""

        async def work(scope: Scope) -> None:
            await scope.execute(
                ADD_GUEST,
                self._tenant_id,
                guest.id,
                await self.vault.seal(scope, "stays", "guest_name_encrypted", guest.id, guest.name),
                await self.vault.seal(scope, "stays", "guest_phone_encrypted", guest.id, guest.phone),
                await self.vault.index(scope, "stays.guest_phone", guest.phone),
            )

        await self._database.transaction(self._tenant_id, ACTOR, work, idempotent=True)

    async def find(self, phone: str) -> Guest:
        """The one guest with this number. Raises AssertionError when there is none, or more."""
        async with self._database.read(self._tenant_id, ACTOR) as scope:
            rows = await scope.fetch(
                FIND_GUEST, self._tenant_id, await self.vault.indexes(scope, "stays.guest_phone", phone)
            )
            assert len(rows) == 1, f"{len(rows)} guests where one was written"
            (row,) = rows
            return Guest(
                row["id"],
                await self.vault.open(scope, "stays", "guest_name_encrypted", row["id"], row["name"]),
                await self.vault.open(scope, "stays", "guest_phone_encrypted", row["id"], row["phone"]),
            )

    async def hire(self, person: Person) -> None:
        """Write a member of staff."""

        async def work(scope: Scope) -> None:
            await scope.execute(
                ADD_PERSON,
                self._tenant_id,
                person.id,
                await self.vault.index(scope, "staff.email", person.email),
                await self.vault.seal(scope, "staff", "email_encrypted", person.id, person.email),
                await self.vault.seal(scope, "staff", "totp_encrypted", person.id, person.totp),
                await self.vault.digest(scope, f"staff.pin {person.id}", person.pin),
            )

        await self._database.transaction(self._tenant_id, ACTOR, work, idempotent=True)

    async def sign_in(self, email: str, pin: str) -> Person | None:
        """The member of staff with this address; the PIN shows as given when it is right, else as empty."""
        async with self._database.read(self._tenant_id, ACTOR) as scope:
            row = await scope.fetchrow(
                FIND_PERSON, self._tenant_id, await self.vault.indexes(scope, "staff.email", email)
            )
            if row is None:
                return None
            right = row["pin_hash"] == await self.vault.digest(scope, f"staff.pin {row['id']}", pin)
            return Person(
                row["id"],
                await self.vault.open(scope, "staff", "email_encrypted", row["id"], row["email_encrypted"]),
                await self.vault.open(scope, "staff", "totp_encrypted", row["id"], row["totp_encrypted"]),
                pin if right else "",
            )
