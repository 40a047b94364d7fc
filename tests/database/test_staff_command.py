"""`hub staff`: accounts made by an operator, before anybody can sign in."""

from __future__ import annotations

import asyncio
import base64
from collections.abc import Callable, Coroutine
from typing import TYPE_CHECKING, Any, TypeAlias
from uuid import uuid4

import bcrypt
import pytest
from click.testing import CliRunner, Result

from hub import cli
from hub.errors import Conflict, InvalidInput, LimitReached, NotFound
from hub.security.principal import PLATFORM
from tests.factories import Hotel, make_person, signed_in
from tests.keys import MASTER_KEY

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.settings import Settings

Run: TypeAlias = Callable[..., Coroutine[Any, Any, Result]]
PASSWORD = "correct horse battery"


@pytest.fixture
def staff(settings: Settings, monkeypatch: pytest.MonkeyPatch) -> Run:
    """Runs `hub staff` with these arguments and this standard input, as an operator's shell would."""
    monkeypatch.setenv("HUB_DATABASE_URL", settings.database_url)
    secret = base64.b64encode(MASTER_KEY.secret).decode()
    monkeypatch.setenv("HUB_MASTER_KEYS", f"{MASTER_KEY.kid}:{secret}")
    monkeypatch.setenv("HUB_BCRYPT_ROUNDS", "4")

    async def run(*arguments: str, typed: str = "") -> Result:
        return await asyncio.to_thread(CliRunner().invoke, cli.commands, ["staff", *arguments], input=typed)

    return run


def new(hotel: Hotel, email: str, *more: str) -> list[str]:
    return ["create", "--hotel", hotel.slug, "--email", email, "--name", "Aiko", "--role", "manager", *more]


async def row(admin: Connection, tenant_id: object, role: str = "manager") -> Any:
    return await admin.fetchrow(
        "SELECT * FROM app.staff WHERE tenant_id = $1 AND role = $2 ORDER BY created_at DESC", tenant_id, role
    )


def has(stored: Any, password: str) -> bool:
    return bcrypt.checkpw(password.encode(), stored["password_hash"].encode())


async def test_a_first_manager(staff: Run, admin: Connection, hotel: Hotel) -> None:
    email = f"{uuid4().hex}@hotel.example"
    made = await staff(*new(hotel, email, "--password-file", "-"), typed=f"{PASSWORD}\nsecond line")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    stored = await row(admin, hotel.tenant_id)
    assert has(stored, PASSWORD)
    assert (stored["name"], stored["email_verified"]) == ("Aiko", True)
    audit = await admin.fetchrow(
        "SELECT user_role FROM app.audit_logs WHERE tenant_id = $1 AND record = $2",
        hotel.tenant_id,
        str(stored["id"]),
    )
    assert audit is not None
    assert audit["user_role"] == "operator"
    listed = await staff("list", "--hotel", hotel.slug)
    assert email in listed.output
    again = await staff(*new(hotel, email.upper(), "--password-file", "-"), typed=PASSWORD)
    assert isinstance(again.exception, Conflict)


async def test_a_password_is_asked_for_twice(staff: Run, admin: Connection, hotel: Hotel) -> None:
    email = f"{uuid4().hex}@hotel.example"
    made = await staff(*new(hotel, email), typed=f"{PASSWORD}\nother\n{PASSWORD}\n{PASSWORD}\n")
    assert made.exit_code == 0, made.output
    assert PASSWORD not in made.output
    assert has(await row(admin, hotel.tenant_id), PASSWORD)


async def test_a_super_admin(staff: Run, admin: Connection) -> None:
    email = f"{uuid4().hex}@platform.example"
    arguments = ("create", "--platform", "--email", email, "--name", "Root", "--password-file", "-")
    made = await staff(*arguments, typed=PASSWORD)
    assert made.exit_code == 0, made.output
    assert has(await row(admin, PLATFORM, "super_admin"), PASSWORD)
    assert email in (await staff("list", "--platform")).output


async def test_a_damaged_address_hides_nobody(staff: Run, admin: Connection, hotel: Hotel) -> None:
    email = f"{uuid4().hex}@hotel.example"
    await make_person(admin, hotel.tenant_id, "manager", email=email)
    damaged = await make_person(admin, hotel.tenant_id, "runner")
    await admin.execute("UPDATE app.staff SET email_encrypted = 'v1:' WHERE id = $1", damaged)
    listed = await staff("list", "--hotel", hotel.slug)
    assert listed.exit_code == 0, listed.output
    assert email in listed.output
    assert "(cannot be opened)" in listed.output


async def test_unlocking(staff: Run, admin: Connection, hotel: Hotel) -> None:
    email = f"{uuid4().hex}@hotel.example"
    staff_id = await make_person(admin, hotel.tenant_id, "manager", email=email)
    await admin.execute(
        "UPDATE app.staff SET failed_login_attempts = 9, locked_until = now() + interval '1 hour'"
        " WHERE id = $1",
        staff_id,
    )
    assert "locked for a while" in (await staff("list", "--hotel", hotel.slug)).output
    done = await staff("unlock", "--hotel", hotel.slug, "--email", email)
    assert done.exit_code == 0, done.output
    stored = await row(admin, hotel.tenant_id)
    assert (stored["failed_login_attempts"], stored["locked_until"]) == (0, None)


async def test_another_password(staff: Run, admin: Connection, hotel: Hotel) -> None:
    email = f"{uuid4().hex}@hotel.example"
    staff_id = await make_person(admin, hotel.tenant_id, "manager", email=email)
    principal = await signed_in(admin, hotel.tenant_id, staff_id, "manager")
    await admin.execute(
        "UPDATE app.staff SET totp_enabled = true, totp_encrypted = 'v1:' WHERE id = $1", staff_id
    )
    reset = ("reset-password", "--hotel", hotel.slug, "--email", email, "--password-file", "-")
    done = await staff(*reset, typed=PASSWORD)
    assert done.exit_code == 0, done.output
    stored = await row(admin, hotel.tenant_id)
    assert has(stored, PASSWORD)
    assert stored["totp_enabled"]
    reason = "SELECT end_reason FROM app.staff_sessions WHERE id = $1"
    assert await admin.fetchval(reason, principal.session_id) == "password_changed"
    assert (await staff(*reset, "--second-factor", typed=PASSWORD)).exit_code == 0
    assert not (await row(admin, hotel.tenant_id))["totp_enabled"]


async def test_what_cannot_be(staff: Run, admin: Connection, hotel: Hotel) -> None:
    email = f"{uuid4().hex}@hotel.example"
    short = await staff(*new(hotel, email, "--password-file", "-"), typed="short")
    assert isinstance(short.exception, InvalidInput)
    nowhere = await staff("list", "--hotel", "nowhere")
    assert isinstance(nowhere.exception, NotFound)
    nobody = await staff("unlock", "--hotel", hotel.slug, "--email", email)
    assert isinstance(nobody.exception, NotFound)
    await admin.execute("UPDATE app.tenants SET user_limit = 1 WHERE id = $1", hotel.tenant_id)
    await make_person(admin, hotel.tenant_id, "front")
    full = await staff(*new(hotel, email, "--password-file", "-"), typed=PASSWORD)
    assert isinstance(full.exception, LimitReached)


@pytest.mark.parametrize(
    "arguments",
    [
        ["list"],
        ["list", "--platform", "--hotel", "x"],
        ["create", "--platform", "--email", "a@b.example", "--name", "A", "--role", "manager"],
        ["create", "--hotel", "x", "--email", "a@b.example", "--name", "A"],
        ["create", "--hotel", "x", "--email", "a@b.example", "--name", "A", "--role", "super_admin"],
        ["unlock", "--hotel", "x"],
    ],
)
async def test_wrong_arguments(staff: Run, arguments: list[str]) -> None:
    assert (await staff(*arguments)).exit_code == 2
