"""HTTP of the devices themselves: every address is public, because who comes here has no token yet."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from hub.devices.commands import Claim, Claimed, Devices, Issued, Renew, ReportWiped, Rotated, Wiped
from hub.devices.documents import Poll, Polled, Started, StartPairing
from hub.errors import Conflict, Forbidden, StayEnded, TenantClosed, Unauthorized
from hub.security.limits import Limiter, Rule
from hub.telemetry.context import current
from hub.web.context import own_origin
from hub.web.endpoint import Endpoint, Spec

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.devices.pairing import Pairing
    from hub.web.gate import Gate

_CLOSED: Final = (Unauthorized, Forbidden, StayEnded, TenantClosed)


def routes(
    gate: Gate, devices: Devices, pairing: Pairing, limiter: Limiter, public_url: str | None
) -> list[Endpoint]:
    async def start(request: Request) -> Started:
        wish = await gate.read(request, StartPairing)
        return await pairing.start(wish, public_url or own_origin(), client_ip())

    async def poll(request: Request) -> Polled:
        return await pairing.poll(await gate.read(request, Poll))

    async def claim(request: Request) -> Claimed:
        wish = await gate.read(request, Claim)
        await limiter.hit(Rule.CLAIM_IP, client_ip())
        return await devices.claim(wish.code)

    async def token(request: Request) -> Issued:
        return await devices.token((await gate.read(request, Renew)).credential)

    async def rotate(request: Request) -> Rotated:
        return await devices.rotate((await gate.read(request, Renew)).credential)

    async def wiped(request: Request) -> Wiped:
        report = await gate.read(request, ReportWiped)
        return await devices.wiped(report.credential, report.requested_at)

    return [
        Endpoint(
            "POST",
            "/api/v1/devices/pairing",
            start,
            Spec(
                name="startPairing",
                summary="Show a code for staff to approve",
                tag="devices",
                body=StartPairing,
                result=Started,
                status=HTTPStatus.CREATED,
            ),
        ),
        Endpoint(
            "POST",
            "/api/v1/devices/pairing/poll",
            poll,
            Spec(
                name="pollPairing",
                summary="Ask whether the pairing was approved",
                tag="devices",
                body=Poll,
                result=Polled,
                errors=_CLOSED,
            ),
        ),
        Endpoint(
            "POST",
            "/api/v1/devices/claim",
            claim,
            Spec(
                name="claimDevice",
                summary="Exchange a single-use code for the device's credential and a first token",
                tag="devices",
                body=Claim,
                result=Claimed,
                errors=(*_CLOSED, Conflict),
            ),
        ),
        Endpoint(
            "POST",
            "/api/v1/devices/token",
            token,
            Spec(
                name="renewToken",
                summary="Get a fresh token",
                tag="devices",
                body=Renew,
                result=Issued,
                errors=_CLOSED,
            ),
        ),
        Endpoint(
            "POST",
            "/api/v1/devices/rotate",
            rotate,
            Spec(
                name="rotateCredential",
                summary="Get the next credential; the present one is good until the next one is used",
                tag="devices",
                body=Renew,
                result=Rotated,
                errors=_CLOSED,
            ),
        ),
        Endpoint(
            "POST",
            "/api/v1/devices/wiped",
            wiped,
            Spec(
                name="reportWiped",
                summary="Say that nothing of the last guest is on the tablet any more",
                tag="devices",
                body=ReportWiped,
                result=Wiped,
                errors=(*_CLOSED, Conflict),
            ),
        ),
    ]


def client_ip() -> str | None:
    """Where the request comes from, as far as the hub can know."""
    context = current.get()
    return None if context is None else context.ip
