"""The second factor: set up, confirmed, ended, and asked for at sign-ins."""

from __future__ import annotations

from typing import TYPE_CHECKING
from uuid import UUID

from msgspec import Struct

from hub.errors import Conflict, Forbidden, InvalidInput
from hub.security import qr, totp
from hub.staff import store
from hub.staff.documents import RecoveryCodes, TotpSecret
from hub.staff.office import gone

if TYPE_CHECKING:
    from hub.db.scope import Scope
    from hub.security.principal import Principal
    from hub.security.vault import Vault
    from hub.staff.model import Account
    from hub.staff.office import Office


class Used(Struct, frozen=True):
    """What is left of a second factor after a code: the last step, and the recovery codes."""

    last_step: int | None
    recovery_hashes: list[bytes]


async def check(vault: Vault, scope: Scope, account: Account, code: str) -> Used | None:
    """What to store when `code` is good, from the app or a recovery code; else None. The account must be
    locked by this transaction: a code is good once."""
    if account.totp is None:
        return None
    secret = await _open(vault, scope, account.id, account.totp)
    step = totp.verify(secret, code.replace(" ", ""), scope.now, account.totp_last_step)
    if step is not None:
        return Used(step, account.recovery_hashes)
    hashed = totp.recovery_digest(code)
    if hashed not in account.recovery_hashes:
        return None
    return Used(account.totp_last_step, [one for one in account.recovery_hashes if one != hashed])


async def _open(vault: Vault, scope: Scope, staff_id: UUID, sealed: str) -> str:
    return await vault.open(scope, "staff", "totp_encrypted", staff_id, sealed)


class SecondFactors:
    """For those who have signed in, about themselves."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def begin(self, principal: Principal) -> TotpSecret:
        """A secret that counts only when it is confirmed; each call makes another one. Raises Conflict when
        there is a second factor already."""
        secret = totp.new_secret()
        office = self._office

        async def work(scope: Scope) -> TotpSecret:
            account = await store.lock_account(scope, principal.id)
            if account is None:
                raise gone()
            if account.totp_enabled:
                raise Conflict("There is a second factor already; end it first.")
            sealed = await office.vault.seal(scope, "staff", "totp_encrypted", principal.id, secret)
            await scope.execute(store.BEGIN_TOTP, scope.tenant_id, principal.id, sealed)
            email = await office.email(scope, account.id, account.email)
            hotel = await store.hotel(scope)
            address = totp.uri(secret, email, hotel.name)
            return TotpSecret(secret, address, qr.rows(address))

        return await office.database.transaction(
            principal.tenant_id, principal.actor(), work, idempotent=True
        )

    async def confirm(self, principal: Principal, password: str, code: str) -> RecoveryCodes:
        """The first code of the app; from now on the second factor counts, and other sign-ins, made without,
        end. Raises Forbidden for a wrong password, InvalidInput for a wrong code, Conflict when there is
        nothing to confirm."""
        codes = totp.new_recovery_codes()
        office = self._office
        await office.confirm_password(principal, password, field="password")

        async def work(scope: Scope) -> None:
            account = await store.lock_account(scope, principal.id)
            if account is None:
                raise gone()
            if account.totp is None or account.totp_enabled:
                raise Conflict("There is no second factor to confirm; begin anew.")
            secret = await _open(office.vault, scope, account.id, account.totp)
            step = totp.verify(secret, code.replace(" ", ""), scope.now, None)
            if step is None:
                raise InvalidInput("This code is wrong; is the clock of the phone right?", field="code")
            hashes = [totp.recovery_digest(one) for one in codes]
            await scope.execute(store.CONFIRM_TOTP, scope.tenant_id, principal.id, step, hashes)
            await scope.execute(store.PROVE_SESSION, scope.tenant_id, principal.session_id, True)
            await store.end_sessions(scope, principal.id, "revoked", but=principal.session_id)

        await office.database.transaction(principal.tenant_id, principal.actor(), work, idempotent=False)
        return RecoveryCodes(codes)

    async def end(self, principal: Principal, password: str, code: str) -> None:
        """Without a second factor from now on. Raises Forbidden for a wrong password or code, Conflict when
        there is none."""
        office = self._office
        await office.confirm_password(principal, password, field="password")

        async def work(scope: Scope) -> bool:
            account = await store.lock_account(scope, principal.id)
            if account is None:
                raise gone()
            if not account.totp_enabled:
                raise Conflict("There is no second factor.")
            if await check(office.vault, scope, account, code) is None:
                return False
            await scope.execute(store.END_TOTP, scope.tenant_id, principal.id)
            await scope.execute(store.PROVE_SESSION, scope.tenant_id, principal.session_id, False)
            return True

        if not await office.database.transaction(
            principal.tenant_id, principal.actor(), work, idempotent=False
        ):
            office.failed(principal.tenant_id, principal.id, "second_factor.failed")
            raise Forbidden("This code is wrong, or it was used before.", field="code")
