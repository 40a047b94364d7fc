"""HTTP of the devices: both addresses are public, because who comes here has no token yet."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.devices.commands import Claim, Claimed, Devices, Issued, Renew
from hub.errors import Conflict, Forbidden, Unauthorized
from hub.web.endpoint import Endpoint, Spec

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.web.gate import Gate


def routes(gate: Gate, devices: Devices) -> list[Endpoint]:
    async def claim(request: Request) -> Claimed:
        return await devices.claim((await gate.read(request, Claim)).code)

    async def token(request: Request) -> Issued:
        return await devices.token((await gate.read(request, Renew)).credential)

    return [
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
                errors=(Unauthorized, Forbidden, Conflict),
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
                errors=(Unauthorized, Forbidden),
            ),
        ),
    ]
