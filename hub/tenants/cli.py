"""The group `hub tenant`. Its modules are imported when a command runs, so that `--help` is quick."""

from __future__ import annotations

import asyncio

import click

Limit = click.IntRange(min=1)


@click.group()
def tenant() -> None:
    """Hotels: made, closed, opened again."""


@tenant.command()
@click.argument("slug")
@click.argument("name")
@click.option("--domain", help="The hotel's own host name.")
@click.option(
    "--plan", type=click.Choice(["basic", "standard", "premium"]), default="basic", show_default=True
)
@click.option("--rooms", type=Limit, help="Rooms with a tablet.")
@click.option("--users", type=Limit, help="People.")
@click.option("--storage", type=Limit, help="Bytes of pictures.")
@click.option("--time-zone", help="As in Asia/Tokyo.")
@click.option("--locale", type=click.Choice(["ja", "en"]))
@click.option("--contract-start", help="The first day, as in 2026-04-01.")
@click.option("--contract-end", help="The last day.")
def create(slug: str, name: str, **options: str | int | None) -> None:
    """Make a hotel with the name SLUG in addresses."""
    from hub.tenants import command

    asyncio.run(command.create(slug, name, options))


@tenant.command("list")
@click.option("--status", type=click.Choice(["active", "suspended", "ended"]))
def list_tenants(status: str | None) -> None:
    """Show the hotels."""
    from hub.tenants import command

    asyncio.run(command.show(status))


@tenant.command()
@click.argument("slug")
@click.option("--reason", required=True, help="Shown on the hotel's screens.")
def suspend(slug: str, reason: str) -> None:
    """Close a hotel for a while."""
    from hub.tenants import command

    asyncio.run(command.suspend(slug, reason))


@tenant.command()
@click.argument("slug")
def resume(slug: str) -> None:
    """Open a suspended hotel again."""
    from hub.tenants import command

    asyncio.run(command.resume(slug))


@tenant.command()
@click.argument("slug")
@click.option("--confirm", required=True, metavar="SLUG", help="The slug once more: nothing brings it back.")
def end(slug: str, confirm: str) -> None:
    """Close a hotel for good; its data stay."""
    from hub.tenants import command

    asyncio.run(command.end(slug, confirm))


@tenant.command()
@click.argument("slug")
@click.option("--rooms", type=Limit, help="Rooms with a tablet.")
@click.option("--users", type=Limit, help="People.")
@click.option("--storage", type=Limit, help="Bytes of pictures.")
def limits(slug: str, rooms: int | None, users: int | None, storage: int | None) -> None:
    """Show what a hotel uses of its plan, and set other limits."""
    from hub.tenants import command

    asyncio.run(command.limits(slug, rooms, users, storage))
