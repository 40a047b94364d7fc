"""Hotels for tests, written by a superuser's connection as any other system would write them."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, cast
from uuid import UUID, uuid4

from msgspec import Struct
from msgspec.structs import replace

from hub.db.ids import uuid7
from hub.db.scope import Scope, utc_now
from hub.security.principal import PLATFORM, Principal
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from tests.keys import MASTER_KEY

if TYPE_CHECKING:
    from hub.db.pool import Connection, Pooled
    from hub.security.permissions import StaffRole


class Room(Struct, frozen=True):
    """A room with an open stay and a tablet."""

    number: str
    stay_id: UUID
    tablet_id: UUID


class Hotel(Struct, frozen=True):
    """A tenant and the ids of what stands in it."""

    tenant_id: UUID
    slug: str
    rooms: tuple[Room, ...]
    kitchen_ids: tuple[UUID, ...]
    menu: dict[str, UUID]

    async def phone(self, admin: Connection, room: int = 0, *, seconds: float = 900) -> Principal:
        """The principal of one more phone of a room's guest."""
        place = self.rooms[room]
        phone_id: UUID = await admin.fetchval(
            "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number, stay_id, status)"
            " VALUES ($1, 'Phone ' || $2, 'phone', $2, $3, 'active') RETURNING id",
            self.tenant_id,
            place.number,
            place.stay_id,
        )
        return Principal(
            tenant_id=self.tenant_id,
            id=phone_id,
            kind="phone",
            room_number=place.number,
            stay_id=place.stay_id,
            expires_at=time.time() + seconds,
        )

    @property
    def kitchen_id(self) -> UUID:
        return self.kitchen_ids[0]

    def tablet(self, room: int = 0, *, seconds: float = 900) -> Principal:
        """The principal of a room's tablet."""
        place = self.rooms[room]
        return Principal(
            tenant_id=self.tenant_id,
            id=place.tablet_id,
            kind="tablet",
            room_number=place.number,
            stay_id=place.stay_id,
            stations=(),
            expires_at=time.time() + seconds,
        )

    def kitchen(self, screen: int = 0, *, seconds: float = 900) -> Principal:
        """The principal of one of the kitchen's four screens."""
        return Principal(
            tenant_id=self.tenant_id,
            id=self.kitchen_ids[screen],
            kind="kitchen",
            room_number=None,
            stay_id=None,
            stations=("kitchen",),
            expires_at=time.time() + seconds,
        )

    async def more_kitchens(self, admin: Connection, count: int) -> list[Principal]:
        """The principals of so many more screens of all stations."""
        rows = await admin.fetch(
            "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, status)"
            " SELECT $1, 'More', 'kitchen_screen', 'active' FROM generate_series(1, $2::int) RETURNING id",
            self.tenant_id,
            count,
        )
        return [replace(self.kitchen(), id=row["id"], stations=()) for row in rows]


# name, price, tax class, preparation minutes (0 needs no cooking), stock, from 20 on
MENU = (
    ("soup", 900, "food", 10, None, False),
    ("curry", 1800, "food", 20, None, False),
    ("cake", 700, "food", 0, 3, False),
    ("beer", 800, "alcohol", 0, None, True),
)


async def make_hotel(admin: Connection, *, rooms: int = 2, prices_include_tax: bool = True) -> Hotel:
    """A tenant with rooms 101, 102, ..., a stay and a tablet in each, four kitchen screens, a menu."""
    slug = f"hotel-{uuid4().hex[:12]}"
    tenant_id: UUID = await admin.fetchval(
        "INSERT INTO app.tenants (id, name, slug, prices_include_tax) VALUES ($1, $2, $2, $3) RETURNING id",
        uuid7(),
        slug,
        prices_include_tax,
    )
    made = []
    for index in range(rooms):
        number = str(101 + index)
        stay_id = await admin.fetchval(
            "INSERT INTO app.stays (tenant_id, room_number) VALUES ($1, $2) RETURNING id", tenant_id, number
        )
        tablet_id = await admin.fetchval(
            "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, room_number, status)"
            " VALUES ($1, $2, 'tablet', $3, 'active') RETURNING id",
            tenant_id,
            f"Tablet {number}",
            number,
        )
        made.append(Room(number, stay_id, tablet_id))
    kitchens = await admin.fetch(
        "INSERT INTO app.device_rooms (tenant_id, device_name, device_type, stations, status)"
        " SELECT $1, 'Kitchen ' || screen, 'kitchen_screen', '{kitchen}', 'active'"
        " FROM generate_series(1, 4) AS screen RETURNING id",
        tenant_id,
    )
    menu = {}
    for order, (name, price, tax_class, minutes, stock, adult) in enumerate(MENU):
        menu[name] = await admin.fetchval(
            "INSERT INTO app.menu_items (tenant_id, id, name_ja, name_en, price, category, tax_class,"
            " preparation_minutes, stock_quantity, age_restricted, allergens, display_order)"
            " VALUES ($1, $2, $3, $3, $4, 'meals', $5, $6, $7, $8, '{}', $9) RETURNING id",
            tenant_id,
            uuid7(),
            name,
            price,
            tax_class,
            minutes,
            stock,
            adult,
            order,
        )
    await admin.execute(
        "INSERT INTO app.tax_rates (tenant_id, tax_class, fulfilment, rate_bp, valid_from)"
        " VALUES ($1, 'food', 'room_service', 1000, '2019-10-01'),"
        " ($1, 'alcohol', 'room_service', 1000, '2019-10-01'), ($1, 'food', 'takeaway', 800, '2019-10-01')",
        tenant_id,
    )
    return Hotel(tenant_id, slug, tuple(made), tuple(row["id"] for row in kitchens), menu)


# The hash of a password that nobody has.
_NOBODY = f"$2b$04${'.' * 53}"


async def make_person(
    admin: Connection,
    tenant_id: UUID,
    role: StaffRole,
    *,
    email: str | None = None,
    password_hash: str = _NOBODY,
    permissions: tuple[str, ...] = (),
) -> UUID:
    """A member of staff whose address is proven; the id. The name is the role."""
    # A hotel of the tests has as many people as they need.
    await admin.execute(
        "UPDATE app.tenants SET user_limit = 1000 WHERE id = $1 AND user_limit = 5", tenant_id
    )
    staff_id = uuid7()
    address = email or f"{staff_id.hex}@hotel.example"
    async with admin.transaction():
        await admin.execute("SELECT set_config('app.current_tenant_id', $1, true)", str(tenant_id))
        # A superuser's connection in place of one of the hub's pool.
        scope = Scope(cast("Pooled", admin), tenant_id, utc_now(), writes=True)
        vault = Vault(MasterKeys((MASTER_KEY,)))
        await admin.execute(
            "INSERT INTO app.staff (tenant_id, id, email_index, email_encrypted, password_hash, name, role,"
            " permissions, email_verified) VALUES ($1, $2, $3, $4, $5, $6, $6, $7, true)",
            tenant_id,
            staff_id,
            await vault.index(scope, "staff.email", address),
            await vault.seal(scope, "staff", "email_encrypted", staff_id, address),
            password_hash,
            role,
            list(permissions),
        )
    return staff_id


async def make_staff(admin: Connection, hotel: Hotel, role: StaffRole) -> Principal:
    """A new member of staff who has signed in; a super-admin is one of the platform."""
    tenant_id = PLATFORM if role == "super_admin" else hotel.tenant_id
    return await signed_in(admin, tenant_id, await make_person(admin, tenant_id, role), role)


async def signed_in(admin: Connection, tenant_id: UUID, staff_id: UUID, role: StaffRole) -> Principal:
    """The principal of a new sign-in."""
    session_id: UUID = await admin.fetchval(
        "INSERT INTO app.staff_sessions (tenant_id, staff_id, expires_at)"
        " VALUES ($1, $2, now() + interval '1 day') RETURNING id",
        tenant_id,
        staff_id,
    )
    row = await admin.fetchrow(
        "SELECT access_version, permissions FROM app.staff WHERE tenant_id = $1 AND id = $2",
        tenant_id,
        staff_id,
    )
    assert row is not None
    return Principal(
        tenant_id=tenant_id,
        id=staff_id,
        kind="staff",
        expires_at=time.time() + 900,
        role=role,
        extra=frozenset(row["permissions"]),
        session_id=session_id,
        access_version=row["access_version"],
    )
