"""The group `hub keys`. Its modules are imported when a command runs, so that `--help` is quick."""

from __future__ import annotations

import asyncio

import click


@click.group()
def keys() -> None:
    """Keys of tokens and of the hotels' sealed data."""


@keys.command("list")
def list_keys() -> None:
    """Show the keys: what each is for, how old it is, which master key wraps it."""
    from hub.keys import command

    asyncio.run(command.show())


@keys.command()
@click.option("--data", is_flag=True, help="New keys for the hotels' data, in place of one for tokens.")
@click.option("--hotel", metavar="SLUG", help="With --data: of this hotel only.")
def rotate(data: bool, hotel: str | None) -> None:
    """Make a new key; the old one goes on for as long as something needs it."""
    from hub.keys import command

    if hotel is not None and not data:
        raise click.UsageError("--hotel needs --data: keys for tokens belong to no hotel.")
    asyncio.run(command.rotate_data(hotel) if data else command.rotate())


@keys.command()
@click.option("--hotel", metavar="SLUG", help="This hotel only; then signing keys are left alone.")
@click.option(
    "--forget-pins", is_flag=True, help="Take all PINs away where index keys have changed, with their key."
)
def reencrypt(hotel: str | None, forget_pins: bool) -> None:
    """Bring everything sealed to the newest keys, and every key to the first master key.

    Runs beside the hub, and may be stopped and begun again. Keys that nothing needs any more are removed.
    PINs stay with the key that they were hashed with: nobody knows them, so --forget-pins is the way to be
    rid of it, and every cook sets a new one.
    """
    from hub.keys import command

    raise SystemExit(asyncio.run(command.reencrypt(hotel, forget_pins=forget_pins)))


@keys.command("new-master")
def new_master() -> None:
    """Print a fresh master key for HUB_MASTER_KEYS. Keep it: nothing can replace it.

    Put it last for every process, and when all of them know it, first; then run `hub keys reencrypt`.
    """
    from hub.keys.master import new_master_key

    click.echo(new_master_key())
