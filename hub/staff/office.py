"""What all of the hub's work with people shares: the parts it needs, failures that count, letters."""

from __future__ import annotations

import logging
from datetime import timedelta
from typing import TYPE_CHECKING, Final
from uuid import UUID

from msgspec import Struct

from hub.db.ids import uuid7
from hub.db.scope import Actor, Scope
from hub.errors import Forbidden, Unauthorized
from hub.security import events
from hub.security.limits import Limiter, Rule
from hub.staff import letters, store
from hub.staff.mail import Letter
from hub.staff.model import Locks
from hub.staff.tickets import Ticket
from hub.telemetry.context import current

if TYPE_CHECKING:
    from hub.db.database import Database
    from hub.security.passwords import Passwords
    from hub.security.principal import Principal
    from hub.security.tokens import Tokens
    from hub.security.vault import Vault
    from hub.settings import Settings
    from hub.staff.after import After
    from hub.staff.mail import Outbox
    from hub.staff.model import Account

_MINUTE: Final = 60
_log = logging.getLogger(__name__)


class Office(Struct, frozen=True):
    """`outbox` is None where no mail server is set."""

    database: Database
    vault: Vault
    tokens: Tokens
    passwords: Passwords
    limiter: Limiter
    after: After
    outbox: Outbox | None
    settings: Settings

    @property
    def locks(self) -> Locks:
        settings = self.settings
        return Locks(
            settings.sign_in_attempts,
            timedelta(seconds=settings.sign_in_lock_seconds),
            timedelta(seconds=settings.sign_in_lock_longest_seconds),
        )

    async def email(self, scope: Scope, staff_id: UUID, sealed: str) -> str:
        return await self.vault.open(scope, "staff", "email_encrypted", staff_id, sealed)

    # failures

    def failed(self, tenant_id: UUID, staff_id: UUID | None, why: str = "sign_in.failed") -> None:
        """Count a failure, after the answer: written before, it would make known accounts slower than unknown
        ones. What is counted is exact, and one account is tried only so often at a time (`limits`)."""
        self.after.do(self._count(tenant_id, staff_id, why))

    async def _count(self, tenant_id: UUID, staff_id: UUID | None, why: str) -> None:
        async def work(scope: Scope) -> None:
            account = None if staff_id is None else await store.lock_account(scope, staff_id)
            if account is not None and not account.locked(scope.now):
                failures = account.failures + 1
                lock = self.locks.after(failures)
                until = None if lock is None else scope.now + lock
                await scope.execute(store.COUNT_FAILURE, tenant_id, staff_id, failures, until)
                if lock is not None:
                    details = {"failures": failures, "seconds": round(lock.total_seconds())}
                    await events.record(scope, "sign_in.locked", staff_id, details)
            await events.record(scope, why, staff_id)

        await self.database.transaction(tenant_id, before_sign_in(staff_id), work, idempotent=True)

    async def confirm_password(self, principal: Principal, password: str, *, field: str) -> Account:
        """The account of a principal who repeats the password before something that matters; a wrong one
        counts like a failed sign-in. Raises Forbidden, RateLimited."""
        await self.limiter.hit(Rule.SIGN_IN_ACCOUNT, principal.tenant_id, principal.id)
        async with self.database.read(principal.tenant_id, principal.actor()) as scope:
            account = await store.account(scope, principal.id)
            now = scope.now
        good = await self.passwords.verify(password, account.password_hash if account else None)
        if account is None or not good or account.locked(now):
            self.failed(principal.tenant_id, principal.id)
            raise Forbidden("The password is wrong, or the account is locked for a while.", field=field)
        return account

    # letters

    async def add_code(
        self, scope: Scope, account_id: UUID, *, kind: letters.Kind, name: str, email: str, base: str
    ) -> Letter:
        """Make a code in this transaction; the letter to post when it is committed. `base` is the address of
        the hub, without a path."""
        settings = self.settings
        minutes = settings.reset_minutes if kind == "reset" else settings.invitation_days * 24 * _MINUTE
        ticket = Ticket.new(scope.tenant_id)
        purpose: store.Purpose = "verify_email" if kind == "verify" else "reset_password"
        until = scope.now + timedelta(minutes=minutes)
        await scope.execute(store.ADD_CODE, scope.tenant_id, ticket.hash, account_id, purpose, until)
        link = f"{base}/staff#{'verify' if kind == 'verify' else 'reset'}={ticket.encode()}"
        hotel = await store.hotel(scope)
        return letters.compose(kind, hotel, name=name, to=email, link=link, minutes=minutes)

    def can_write(self, base: str | None) -> bool:
        """Whether letters go out, and with which links; says in the log what is missing."""
        if self.outbox is None:
            _log.warning("no letter is sent: HUB_SMTP_URL and HUB_MAIL_FROM are not set")
        elif base is None:
            _log.warning("no letter is sent: HUB_PUBLIC_URL is not set, and the address is no hotel's own")
        return self.outbox is not None and base is not None

    def post(self, letter: Letter) -> None:
        if self.outbox is not None:
            self.outbox.post(letter)


def before_sign_in(staff_id: UUID | None) -> Actor:
    """Who acts where nobody has signed in yet."""
    return Actor(user_id=staff_id, role="sign_in", request_id=uuid7())


def client_ip() -> str | None:
    context = current.get()
    return None if context is None else context.ip


def user_agent() -> str | None:
    context = current.get()
    return None if context is None else context.user_agent


def gone() -> Unauthorized:
    return Unauthorized("This session has ended.")
