"""Those who call: one principal of our hotel for each kind that the descriptions know, and tokens that prove
nothing."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any, Final

import jwt

from hub.security.permissions import ROLES, StaffRole
from hub.security.principal import PLATFORM, Principal
from tests.conftest import TOKEN_KEY
from tests.factories import make_person
from tests.realtime.screens import token_of

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.pool import Connection
    from tests.factories import Hotel

SUPER_ADMIN: Final = "staff:super_admin"
_SESSION: Final = """
    INSERT INTO app.staff_sessions (tenant_id, staff_id, expires_at)
    VALUES ($1, $2, now() + interval '1 day') RETURNING id
"""


async def restore(admin: Connection, hotel: Hotel, staff: dict[StaffRole, UUID]) -> None:
    """The hotel, its rooms and its people as they were made, whatever somebody was allowed to do to them."""
    tablets = [room.tablet_id for room in hotel.rooms]
    stays = [room.stay_id for room in hotel.rooms]
    async with admin.transaction():
        await admin.execute(
            "UPDATE app.tenants SET status = 'active', status_reason = NULL, contract_start = NULL,"
            " contract_end = NULL, room_limit = 1000, user_limit = 1000, totp_roles = '{}' WHERE id = $1",
            hotel.tenant_id,
        )
        for role, staff_id in staff.items():
            await admin.execute(
                "UPDATE app.staff SET role = $2, permissions = '{}', is_active = true, deleted_at = NULL,"
                " totp_enabled = false, totp_encrypted = NULL WHERE id = $1",
                staff_id,
                role,
            )
        await admin.execute(
            "UPDATE app.device_rooms SET status = 'retired' WHERE tenant_id = $1 AND id <> ALL ($2::uuid[])"
            " AND device_type = 'tablet' AND status <> 'retired'",
            hotel.tenant_id,
            tablets,
        )
        await admin.execute(
            "UPDATE app.stays SET ended_at = greatest(now(), started_at) WHERE tenant_id = $1"
            " AND id <> ALL ($2::uuid[]) AND ended_at IS NULL",
            hotel.tenant_id,
            stays,
        )
        for room in hotel.rooms:
            await admin.execute(
                "UPDATE app.device_rooms SET room_number = $3 || ' (moving)' WHERE tenant_id = $1 AND id = $2"
                " AND room_number <> $3",
                hotel.tenant_id,
                room.tablet_id,
                room.number,
            )
        for room in hotel.rooms:
            await admin.execute(
                "UPDATE app.stays SET ended_at = NULL, room_number = $3 WHERE tenant_id = $1 AND id = $2",
                hotel.tenant_id,
                room.stay_id,
                room.number,
            )
            await admin.execute(
                "UPDATE app.device_rooms SET status = 'active', room_number = $3, wipe_requested_at = NULL"
                " WHERE tenant_id = $1 AND id = $2",
                hotel.tenant_id,
                room.tablet_id,
                room.number,
            )
        await admin.execute(
            "UPDATE app.device_rooms SET status = 'active', stations = '{kitchen}', wipe_requested_at = NULL"
            " WHERE tenant_id = $1 AND id = $2",
            hotel.tenant_id,
            hotel.kitchen_id,
        )


async def hire(admin: Connection, hotel: Hotel) -> dict[StaffRole, UUID]:
    """One member of staff for each role of the hotel, and a super-admin of the platform; their ids."""
    return {
        role: await make_person(admin, PLATFORM if role == "super_admin" else hotel.tenant_id, role)
        for role in ROLES
    }


async def callers(admin: Connection, hotel: Hotel, staff: dict[StaffRole, UUID]) -> dict[str, Principal]:
    """By the names that stand in `x-actors`; staff have just signed in."""
    everybody = {
        "tablet": hotel.tablet(),
        "phone": await hotel.phone(admin),
        "kitchen": hotel.kitchen(),
    }
    for role, staff_id in staff.items():
        tenant_id = PLATFORM if role == "super_admin" else hotel.tenant_id
        version = "SELECT access_version FROM app.staff WHERE tenant_id = $1 AND id = $2"
        everybody[f"staff:{role}"] = Principal(
            tenant_id=tenant_id,
            id=staff_id,
            kind="staff",
            expires_at=time.time() + 900,
            role=role,
            session_id=await admin.fetchval(_SESSION, tenant_id, staff_id),
            access_version=await admin.fetchval(version, tenant_id, staff_id),
        )
    return everybody


def forgeries(principal: Principal) -> dict[str, str]:
    """Tokens for `principal` that no hub may accept, by what is wrong with them."""
    good = token_of(principal)
    header, payload, signature = good.split(".")
    claims: dict[str, Any] = jwt.decode(good, options={"verify_signature": False})
    kid = jwt.get_unverified_header(good)["kid"]
    algorithm, secret = TOKEN_KEY.algorithm, TOKEN_KEY.secret
    another = b"another secret, 32 bytes or more"
    past = {"iat": int(time.time()) - 7200, "exp": int(time.time()) - 3600}
    other, _, _ = jwt.encode(claims | {"sub": claims["tid"]}, secret, algorithm, {"kid": kid}).rpartition(".")
    return {
        "expired": jwt.encode(claims | past, secret, algorithm, {"kid": kid}),
        "other claims under the old signature": f"{other}.{signature}",
        "a signature of another key": jwt.encode(claims, another, algorithm, {"kid": kid}),
        "a signature cut off": f"{header}.{payload}.",
        "alg none": jwt.encode(claims, "", "none", {"kid": kid}),
        "an unknown kid": jwt.encode(claims, secret, algorithm, {"kid": "nobody"}),
        "no kid": jwt.encode(claims, secret, algorithm),
        "no token at all": "x.y.z",
    }
