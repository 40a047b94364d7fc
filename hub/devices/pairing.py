"""Pairing (RFC 8628): a screen shows a code, a member of staff approves it for a place, and the screen, which
has asked all the time, goes on by itself.

The screen's secret becomes the secret of its credential: however often an answer is lost, it can ask again.
"""

from __future__ import annotations

from datetime import timedelta
from typing import TYPE_CHECKING, Final

from hub.db.ids import uuid7
from hub.devices import rows
from hub.devices.codes import new_code, read_code
from hub.devices.documents import (
    NAME_LENGTH,
    ApproveArgs,
    OneDevice,
    Poll,
    Polled,
    Started,
    StartPairing,
    WaitingDevice,
)
from hub.errors import Conflict, Internal, InvalidInput, NotFound, RateLimited, Unauthorized, Unavailable
from hub.operations import Operation
from hub.security import events, qr
from hub.security.credentials import Credential, digest, new_secret
from hub.security.limits import Limiter, Rule
from hub.security.permissions import Permission
from hub.security.windows import Windows
from hub.security.words import plain_text, room_number

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.database import Database
    from hub.db.pool import Pool
    from hub.db.scope import Scope
    from hub.devices.commands import Devices
    from hub.security.principal import Principal

LIFE: Final = timedelta(minutes=10)
INTERVAL_SECONDS: Final = 3
# So many polls in so many seconds: twice as fast as asked for.
_POLLS: Final = (2, INTERVAL_SECONDS)
_ATTEMPTS: Final = 5
_STATION_LENGTH: Final = 50


class Pairing:
    """`auth_pool` connects as hub_auth: a device that waits has no tenant yet."""

    def __init__(self, auth_pool: Pool, database: Database, devices: Devices, limiter: Limiter) -> None:
        self._auth_pool = auth_pool
        self._database = database
        self._devices = devices
        self._limiter = limiter
        self._polls = Windows(*_POLLS)

    async def start(self, wish: StartPairing, origin: str, ip: str | None) -> Started:
        """Let a device wait; staff find it at `<origin>/staff`. Raises RateLimited, InvalidInput."""
        await self._limiter.hit(Rule.PAIRING_IP, ip)
        client = None if wish.client is None else plain_text(wish.client, "client", 200, empty=True)
        secret = new_secret()
        for _ in range(_ATTEMPTS):
            code = new_code()
            if await rows.start_pairing(
                self._auth_pool, digest(secret), digest(code), wish.device_type, client or None, LIFE
            ):
                break
        else:
            raise Unavailable("no code is free now; try again")
        address = f"{origin}/staff#pair={code}"
        return Started(
            device_code=secret,
            user_code=code,
            verification_uri=address,
            qr=qr.rows(address),
            expires_in=int(LIFE.total_seconds()),
            interval=INTERVAL_SECONDS,
        )

    async def poll(self, wish: Poll) -> Polled:
        """What has become of it. Raises Unauthorized when it is over, RateLimited for one that cannot wait,
        Forbidden when the device has been suspended since."""
        secret = digest(wish.device_code)
        if (seconds := self._polls.hit(secret.hex())) > 0:
            raise RateLimited(
                f"Ask every {INTERVAL_SECONDS} s.", retry_after_seconds=max(INTERVAL_SECONDS, round(seconds))
            )
        found = await rows.poll_pairing(self._auth_pool, secret)
        if found is None:
            raise Unauthorized("This pairing is over; begin a new one.", field="device_code")
        tenant_id, device_id = found
        if tenant_id is None or device_id is None:
            return Polled("pending")
        first = await self._devices.first(Credential(tenant_id, device_id, wish.device_code))
        return Polled(
            "approved",
            first.device_id,
            first.credential,
            first.token,
            first.expires_at,
            rotate=first.rotate,
            wipe=first.wipe,
        )

    async def find(self, principal: Principal, typed: str, ip: str | None) -> WaitingDevice:
        """What waits behind a code. Raises NotFound, RateLimited."""
        await self.limit(principal, ip)
        code = read_code(typed)
        found = None
        if code is not None:
            async with self._database.read(principal.tenant_id, principal.actor()) as scope:
                found = await rows.find_pairing(scope, digest(code))
        if found is None:
            await self.guessed(principal)
            raise _no_pairing()
        return found

    async def limit(self, principal: Principal, ip: str | None) -> None:
        """Count a code that somebody tries, good or not: by the hotel, and by the address. Raises
        RateLimited."""
        await self._limiter.hit(Rule.PAIRING_TENANT, principal.tenant_id)
        await self._limiter.hit(Rule.PAIRING_IP, "code", ip)

    async def guessed(self, principal: Principal) -> None:
        """Write down that somebody tried a code that is not good."""

        async def work(scope: Scope) -> None:
            await events.record(scope, "pairing.guessed")

        await self._database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)


async def approve(scope: Scope, _: Principal, args: ApproveArgs) -> OneDevice:
    """Give the device behind a code a place in the hotel.

    Raises NotFound for a code that is not good any more, InvalidInput, Conflict when the room has a tablet
    and `replace` is not set, LimitReached.
    """
    code = read_code(args.user_code)
    waiting = None if code is None else await rows.find_pairing(scope, digest(code))
    if code is None or waiting is None:
        raise _no_pairing()
    if waiting.device_type == "tablet":
        device_id = await _tablet(scope, args)
    else:
        device_id = await _kitchen_screen(scope, args)
    if not await rows.approve_pairing(scope, digest(code), device_id):
        raise _no_pairing()
    await events.record(scope, "pairing.approved", device_id, {"device_type": waiting.device_type})
    device = await rows.read_device(scope, device_id)
    if device is None:
        raise Internal("a device of this transaction has gone")
    return OneDevice(device)


async def _tablet(scope: Scope, args: ApproveArgs) -> UUID:
    if args.room_number is None:
        raise InvalidInput("A tablet needs a room.", field="room_number")
    if args.stations is not None:
        raise InvalidInput("A tablet has no stations.", field="stations")
    room = room_number(args.room_number)
    name = _name(args, f"Tablet {room}")
    waiting = None
    for tablet in await rows.lock_tablets(scope, room):
        if tablet.status == "pending":
            waiting = tablet.id
        elif not args.replace:
            raise Conflict(
                f"Room {room} already has a tablet: {tablet.device_name}.",
                field="replace",
                device_id=tablet.id,
                device_name=tablet.device_name,
                device_status=tablet.status,
            )
        else:
            await rows.set_status(scope, tablet.id, "retired")
            await events.record(scope, "device.revoked", tablet.id, {"status": "retired"})
    if waiting is not None:
        await rows.prepare_device(scope, waiting, name)
        return waiting
    device_id = uuid7()
    await rows.add_device(scope, device_id, name, "tablet", room, [])
    return device_id


async def _kitchen_screen(scope: Scope, args: ApproveArgs) -> UUID:
    if args.room_number is not None:
        raise InvalidInput("A kitchen screen has no room.", field="room_number")
    stations = stations_of(args.stations or ())
    device_id = uuid7()
    await rows.add_device(
        scope, device_id, _name(args, "Kitchen screen"), "kitchen_screen", None, list(stations)
    )
    return device_id


def stations_of(names: tuple[str, ...]) -> tuple[str, ...]:
    """Each station once, in order. Raises InvalidInput."""
    clean = (plain_text(name, f"stations[{at}]", _STATION_LENGTH) for at, name in enumerate(names))
    return tuple(dict.fromkeys(clean))


def _name(args: ApproveArgs, otherwise: str) -> str:
    return otherwise if args.device_name is None else plain_text(args.device_name, "device_name", NAME_LENGTH)


def _no_pairing() -> NotFound:
    return NotFound("No device waits behind this code; look at the screen for a new one.", field="user_code")


# Not a command of the socket, which would pass by the limit of guesses.
APPROVE: Final = Operation(
    name="device.approve", args=ApproveArgs, run=approve, permission=Permission.DEVICE_PAIR
)
