"""Signing in by e-mail and password. Unknown hotel, unknown address, wrong password, locked, dismissed, not
yet proven: one answer, after the same work."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Literal, TypeAlias

from hub.errors import RateLimited, SecondFactorRequired, TenantClosed, Unauthorized
from hub.security import events
from hub.security.credentials import digest, new_secret
from hub.security.limits import Rule
from hub.security.principal import PLATFORM
from hub.security.words import canonical_email
from hub.staff import second_factor, store
from hub.staff.model import Account
from hub.staff.office import before_sign_in, client_ip
from hub.staff.sessions import Opened, open_session

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.scope import Scope
    from hub.security.hosts import Place
    from hub.staff.documents import SignInRequest
    from hub.staff.office import Office

_Refused: TypeAlias = Literal["wrong", "wrong code", "code missing"]


class SignIn:
    """`office.passwords` does the work that a guesser must wait for."""

    def __init__(self, office: Office) -> None:
        self._office = office
        settings = office.settings
        # One more than are hashed at a time, which is looked up meanwhile. The others wait without having
        # cost anything: fifty at once must not be fifty transactions in front of an order.
        self._turn = asyncio.Semaphore(settings.password_processes + 1)
        self._most = settings.password_processes + settings.password_waiting
        self._here = 0

    async def __call__(self, place: Place | None, asked: SignInRequest) -> Opened:
        """Raises InvalidInput for what is no e-mail address, RateLimited, Unauthorized, SecondFactorRequired
        when only the code is missing, TenantClosed to those who know the password."""
        email = canonical_email(asked.email)
        if self._here >= self._most:
            raise RateLimited("Too many people sign in at this moment; try again.", retry_after_seconds=1)
        self._here += 1
        try:
            async with self._turn:
                return await self._sign_in(place, asked, email)
        finally:
            self._here -= 1

    async def _sign_in(self, place: Place | None, asked: SignInRequest, email: str) -> Opened:
        office = self._office
        # An unknown hotel costs the same: the platform stands in for it, where nobody is called like that.
        tenant_id = PLATFORM if place is None else place.tenant_id
        await office.limiter.hit(Rule.SIGN_IN_IP, client_ip())
        await office.limiter.hit(Rule.SIGN_IN_ACCOUNT, None if place is None else tenant_id, email)

        async def look(scope: Scope) -> Account | None:
            indexes = await office.vault.indexes(scope, "staff.email", email)
            if place is None:
                indexes = [digest(new_secret()) for _ in indexes]
            return await store.account_by_email(scope, indexes)

        database = office.database
        account = await database.transaction(tenant_id, before_sign_in(None), look, idempotent=True)
        # No transaction and no connection is held meanwhile.
        good = await office.passwords.verify(asked.password, account.password_hash if account else None)
        if account is None or place is None or not good or not account.may_sign_in(database.clock()):
            office.failed(tenant_id, account.id if account else None)
            raise refused()
        if place.state != "active":
            raise TenantClosed(f"This hotel is {place.state.replace('_', ' ')}.", tenant_status=place.state)
        opened = await self._open(tenant_id, account, asked.code)
        if isinstance(opened, Account):
            # Hashed anew by a sign-in beside this one, or changed: is it the same password?
            account, opened = opened, "wrong"
            if await office.passwords.verify(asked.password, account.password_hash):
                opened = await self._open(tenant_id, account, asked.code)
        match opened:
            case Account():
                raise refused()
            case "code missing":
                raise SecondFactorRequired("The code of your second factor is needed as well.", field="code")
            case "wrong" | "wrong code":
                office.failed(
                    tenant_id, account.id, "sign_in.failed" if opened == "wrong" else "second_factor.failed"
                )
                raise refused()
        if office.passwords.needs_rehash(account.password_hash):
            office.after.do(self._rehash(tenant_id, account, asked.password))
        return opened

    async def _open(
        self, tenant_id: UUID, verified: Account, code: str | None
    ) -> Opened | _Refused | Account:
        """The session, why there is none, or the account when it has another password hash by now."""

        async def work(scope: Scope) -> Opened | _Refused | Account:
            account = await store.lock_account(scope, verified.id)
            # Much can happen while a password is checked.
            if account is None or not account.may_sign_in(scope.now):
                return "wrong"
            if account.password_hash != verified.password_hash:
                return account
            used = second_factor.Used(account.totp_last_step, account.recovery_hashes)
            if account.totp_enabled:
                if code is None:
                    return "code missing"
                found = await second_factor.check(self._office.vault, scope, account, code)
                if found is None:
                    return "wrong code"
                used = found
            left = (used.last_step, used.recovery_hashes)
            await scope.execute(store.SIGNED_IN, tenant_id, account.id, scope.now, *left)
            opened = await open_session(self._office, scope, account, second_factor=account.totp_enabled)
            await events.record(scope, "sign_in.succeeded", account.id, {"session": opened.session_id})
            return opened

        return await self._office.database.transaction(
            tenant_id, before_sign_in(verified.id), work, idempotent=False
        )

    async def _rehash(self, tenant_id: UUID, account: Account, password: str) -> None:
        """The same password under a hash of today's cost."""
        hashed = await self._office.passwords.hash(password)

        async def work(scope: Scope) -> None:
            await scope.execute(store.REHASH, tenant_id, account.id, account.password_hash, hashed)

        await self._office.database.transaction(tenant_id, before_sign_in(account.id), work, idempotent=True)


def refused() -> Unauthorized:
    """The one answer."""
    return Unauthorized("E-mail or password is wrong, or the account is locked for a while.")
