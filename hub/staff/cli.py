"""The group `hub staff`. Its modules are imported when a command runs, so that `--help` is quick."""

from __future__ import annotations

import asyncio
from typing import Any

import click

_ROLES = ("front", "kitchen", "runner", "menu_editor", "manager")
_hotel = click.option("--hotel", metavar="SLUG", help="The hotel, by its short name.")
_platform = click.option("--platform", is_flag=True, help="The platform: its super-admins.")
_email = click.option("--email", required=True, metavar="ADDRESS")
_password_file = click.option(
    "--password-file",
    type=click.File(),
    help="A file whose first line is the password; - is the standard input. Without it, you are asked.",
)


@click.group()
def staff() -> None:
    """The people of a hotel, and the super-admins of the platform."""


@staff.command()
@_hotel
@_platform
@_email
@click.option("--name", required=True)
@click.option("--role", type=click.Choice(_ROLES), help="Not with --platform.")
@_password_file
def create(
    hotel: str | None, platform: bool, email: str, name: str, role: str | None, password_file: Any
) -> None:
    """Make an account that can sign in at once."""
    from hub.staff import command

    where = _where(hotel, platform)
    if platform == (role is not None):
        raise click.UsageError("A hotel's people need --role; on the platform all are super-admins.")
    password = _password(password_file)
    asyncio.run(command.create(where, email, name, role or "super_admin", password))
    click.echo(f"{email} can sign in at {where} now.")


@staff.command("list")
@_hotel
@_platform
def list_people(hotel: str | None, platform: bool) -> None:
    """Show everybody: address, role, and what keeps somebody out."""
    from hub.staff import command

    asyncio.run(command.show(_where(hotel, platform)))


@staff.command()
@_hotel
@_platform
@_email
def unlock(hotel: str | None, platform: bool, email: str) -> None:
    """Forget the failed sign-ins of an account."""
    from hub.staff import command

    asyncio.run(command.unlock(_where(hotel, platform), email))
    click.echo(f"{email} is not locked.")


@staff.command("reset-password")
@_hotel
@_platform
@_email
@_password_file
@click.option("--second-factor", is_flag=True, help="Take the second factor away as well.")
def reset_password(
    hotel: str | None, platform: bool, email: str, password_file: Any, second_factor: bool
) -> None:
    """Give an account another password; all its sign-ins end."""
    from hub.staff import command

    where = _where(hotel, platform)
    password = _password(password_file)
    asyncio.run(command.reset_password(where, email, password, second_factor=second_factor))
    click.echo(f"{email} has the new password; every sign-in has ended.")


def _where(hotel: str | None, platform: bool) -> str:
    """The short name of the hotel, or of the platform."""
    if platform == (hotel is not None):
        raise click.UsageError("Say either --hotel SLUG or --platform.")
    return hotel or "platform"


def _password(file: Any) -> str:
    if file is not None:
        return str(file.readline()).removesuffix("\n").removesuffix("\r")
    return str(click.prompt("Password", hide_input=True, confirmation_prompt=True))
