"""What people do about their own account: password, forgotten password, address, PIN."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.errors import InvalidInput, RateLimited, Unauthorized
from hub.security import events
from hub.security.limits import Rule
from hub.security.passwords import check_new
from hub.security.words import canonical_email
from hub.staff import store
from hub.staff.model import check_pin
from hub.staff.office import before_sign_in, client_ip
from hub.staff.tickets import Ticket, no_good

if TYPE_CHECKING:
    from uuid import UUID

    from hub.db.scope import Scope
    from hub.security.hosts import Place
    from hub.security.principal import Principal
    from hub.staff.mail import Letter
    from hub.staff.model import Account
    from hub.staff.office import Office


class Accounts:
    """One's own."""

    def __init__(self, office: Office) -> None:
        self._office = office

    async def change_password(self, principal: Principal, old: str, new: str) -> None:
        """Every other sign-in ends. Raises Forbidden for a wrong old one, InvalidInput for a new one that
        will not do, Unauthorized when it was changed by somebody else at this very moment."""
        office = self._office
        verified = await office.confirm_password(principal, old, field="old")
        async with office.database.read(principal.tenant_id, principal.actor()) as scope:
            email = await office.email(scope, verified.id, verified.email)
        try:
            password = check_new(new, email=email, name=verified.name)
        except InvalidInput as error:
            raise InvalidInput(error.message, field="new") from None
        hashed = await office.passwords.hash(password)

        async def work(scope: Scope) -> None:
            account = await store.lock_account(scope, principal.id)
            if account is None or account.password_hash != verified.password_hash:
                raise Unauthorized("The password was changed meanwhile; sign in again.")
            await set_password(scope, account.id, hashed, proven=False)
            await store.end_sessions(scope, account.id, "password_changed", but=principal.session_id)

        await office.database.transaction(principal.tenant_id, principal.actor(), work, idempotent=False)

    async def forgot(self, place: Place | None, text: str, base: str | None) -> None:
        """Everything is done after the answer: it takes the same time for everybody. Raises InvalidInput for
        what is no e-mail address, RateLimited for an address of the network that asks too often."""
        email = canonical_email(text)
        await self._office.limiter.hit(Rule.SIGN_IN_IP, client_ip())
        if place is not None and place.state == "active":
            self._office.after.do(self._send_reset(place.tenant_id, email, base))

    async def _send_reset(self, tenant_id: UUID, email: str, base: str | None) -> None:
        office = self._office
        try:
            await office.limiter.hit(Rule.MAIL_ACCOUNT, tenant_id, email)
        except RateLimited:
            return  # nobody's inbox is flooded

        async def work(scope: Scope) -> None:
            indexes = await office.vault.indexes(scope, "staff.email", email)
            account = await store.account_by_email(scope, indexes)
            known = account is not None and account.is_active
            await events.record(scope, "password.reset_requested", account.id if account else None)
            if account is None or not known or base is None or not office.can_write(base):
                return
            letter = await office.add_code(
                scope, account.id, kind="reset", name=account.name, email=email, base=base
            )
            letters.append(letter)

        letters: list[Letter] = []
        await office.database.transaction(tenant_id, before_sign_in(None), work, idempotent=False)
        for letter in letters:
            office.post(letter)

    async def reset_password(self, text: str, new: str) -> None:
        """A new password by the code of a letter; every sign-in ends, and the address is proven. A password
        that will not do (InvalidInput) leaves the code as it is. Raises Unauthorized, RateLimited."""
        office = self._office
        ticket = Ticket.parse(text, field="code")
        await office.limiter.hit(Rule.SIGN_IN_IP, client_ip())
        async with office.database.read(ticket.tenant_id, before_sign_in(None)) as scope:
            account = await self._code_account(scope, ticket)
            email = await office.email(scope, account.id, account.email)
        hashed = await office.passwords.hash(check_new(new, email=email, name=account.name))

        async def work(scope: Scope) -> None:
            if await store.code_owner(scope, ticket.hash, "reset_password") != account.id:
                raise no_good("code")
            if not await scope.execute(store.USE_CODE, scope.tenant_id, ticket.hash, scope.now):
                raise no_good("code")
            await set_password(scope, account.id, hashed, proven=True)
            await store.end_sessions(scope, account.id, "password_changed")

        await office.database.transaction(
            ticket.tenant_id, before_sign_in(account.id), work, idempotent=False
        )

    async def _code_account(self, scope: Scope, ticket: Ticket) -> Account:
        owner = await store.code_owner(scope, ticket.hash, "reset_password")
        account = None if owner is None else await store.account(scope, owner)
        if account is None:
            raise no_good("code")
        return account

    async def verify_email(self, text: str) -> None:
        """By the code of a letter. Raises Unauthorized."""
        ticket = Ticket.parse(text, field="code")
        await self._office.limiter.hit(Rule.SIGN_IN_IP, client_ip())

        async def work(scope: Scope) -> None:
            owner = await store.code_owner(scope, ticket.hash, "verify_email")
            if owner is None or not await scope.execute(
                store.USE_CODE, scope.tenant_id, ticket.hash, scope.now
            ):
                raise no_good("code")
            await scope.execute(store.VERIFY_EMAIL, scope.tenant_id, owner)

        await self._office.database.transaction(
            ticket.tenant_id, before_sign_in(None), work, idempotent=False
        )

    async def set_pin(self, principal: Principal, pin: str, password: str) -> None:
        """For shared kitchen screens. Raises InvalidInput for one that is too easy, Forbidden for a wrong
        password."""
        check_pin(pin)
        office = self._office
        await office.confirm_password(principal, password, field="password")

        async def work(scope: Scope) -> None:
            hashed = await office.vault.digest(scope, "pin", f"{principal.id}:{pin}")
            await scope.execute(store.SET_PIN, scope.tenant_id, principal.id, hashed)

        await office.database.transaction(principal.tenant_id, principal.actor(), work, idempotent=True)


async def set_password(scope: Scope, staff_id: UUID, hashed: str, *, proven: bool) -> None:
    """Another password; codes that are under way are void. `proven`: its owner has shown that the address is
    the account's."""
    await scope.execute(store.SET_PASSWORD, scope.tenant_id, staff_id, hashed, scope.now, proven)
    await scope.execute(store.VOID_CODES, scope.tenant_id, staff_id, scope.now)
    await events.record(scope, "password.changed", staff_id)
