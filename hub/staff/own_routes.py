"""HTTP of what people do about their own account."""

from __future__ import annotations

from http import HTTPStatus
from typing import TYPE_CHECKING, Final

from hub.errors import Conflict, InvalidInput, Unauthorized
from hub.security.permissions import Permission
from hub.staff.account import Accounts
from hub.staff.documents import (
    Done,
    EmailProof,
    NewPin,
    PasswordChange,
    PasswordForgotten,
    PasswordReset,
    RecoveryCodes,
    ResetAccepted,
    TotpEnd,
    TotpProof,
    TotpSecret,
)
from hub.staff.second_factor import SecondFactors
from hub.web.endpoint import Endpoint, Guarded, Spec

if TYPE_CHECKING:
    from starlette.requests import Request

    from hub.security.principal import Principal
    from hub.staff.links import Links
    from hub.staff.office import Office
    from hub.web.gate import Gate

_STAFF: Final = "/api/v1/staff"


def routes(gate: Gate, links: Links, office: Office) -> list[Endpoint]:
    accounts, factors = Accounts(office), SecondFactors(office)

    async def change_password(request: Request, principal: Principal) -> Done:
        asked = await gate.read(request, PasswordChange)
        await accounts.change_password(principal, asked.old, asked.new)
        return Done()

    async def forgot(request: Request) -> ResetAccepted:
        asked = await gate.read(request, PasswordForgotten)
        place = await links.place(request, asked.hotel)
        await accounts.forgot(place, asked.email, await links.base(request))
        return ResetAccepted()

    async def reset(request: Request) -> Done:
        asked = await gate.read(request, PasswordReset)
        await accounts.reset_password(asked.code, asked.password)
        return Done()

    async def verify(request: Request) -> Done:
        await accounts.verify_email((await gate.read(request, EmailProof)).code)
        return Done()

    async def begin_totp(_: Request, principal: Principal) -> TotpSecret:
        return await factors.begin(principal)

    async def confirm_totp(request: Request, principal: Principal) -> RecoveryCodes:
        asked = await gate.read(request, TotpProof)
        return await factors.confirm(principal, asked.password, asked.code)

    async def end_totp(request: Request, principal: Principal) -> Done:
        asked = await gate.read(request, TotpEnd)
        await factors.end(principal, asked.password, asked.code)
        return Done()

    async def set_pin(request: Request, principal: Principal) -> Done:
        asked = await gate.read(request, NewPin)
        await accounts.set_pin(principal, asked.pin, asked.password)
        return Done()

    return [
        Guarded(
            gate,
            Permission.SELF,
            "POST",
            f"{_STAFF}/password",
            change_password,
            Spec(
                name="changePassword",
                summary="Another password; every other sign-in ends",
                tag="staff",
                body=PasswordChange,
                result=Done,
            ),
        ),
        Endpoint(
            "POST",
            f"{_STAFF}/password/forgot",
            forgot,
            Spec(
                name="forgotPassword",
                summary="Ask for a letter with a link to a new password",
                tag="staff",
                body=PasswordForgotten,
                result=ResetAccepted,
                status=HTTPStatus.ACCEPTED,
            ),
        ),
        Endpoint(
            "POST",
            f"{_STAFF}/password/reset",
            reset,
            Spec(
                name="resetPassword",
                summary="A new password by the code of a letter",
                tag="staff",
                body=PasswordReset,
                result=Done,
                errors=(Unauthorized,),
            ),
        ),
        Endpoint(
            "POST",
            f"{_STAFF}/email/verify",
            verify,
            Spec(
                name="verifyEmail",
                summary="Prove an address by the code of a letter",
                tag="staff",
                body=EmailProof,
                result=Done,
                errors=(Unauthorized,),
            ),
        ),
        Guarded(
            gate,
            Permission.SELF,
            "POST",
            f"{_STAFF}/totp/begin",
            begin_totp,
            Spec(
                name="beginSecondFactor",
                summary="A secret for an app; it counts when it is confirmed",
                tag="staff",
                result=TotpSecret,
                errors=(Conflict,),
            ),
        ),
        Guarded(
            gate,
            Permission.SELF,
            "POST",
            f"{_STAFF}/totp/confirm",
            confirm_totp,
            Spec(
                name="confirmSecondFactor",
                summary="The app's first code; every other sign-in ends",
                tag="staff",
                body=TotpProof,
                result=RecoveryCodes,
                errors=(Conflict, InvalidInput),
            ),
        ),
        Guarded(
            gate,
            Permission.SELF,
            "POST",
            f"{_STAFF}/totp/end",
            end_totp,
            Spec(
                name="endSecondFactor",
                summary="No second factor any more",
                tag="staff",
                body=TotpEnd,
                result=Done,
                errors=(Conflict,),
            ),
        ),
        Guarded(
            gate,
            Permission.SELF,
            "PUT",
            f"{_STAFF}/pin",
            set_pin,
            Spec(
                name="setPin",
                summary="A PIN for shared kitchen screens",
                tag="staff",
                body=NewPin,
                result=Done,
            ),
        ),
    ]
