"""The command line of `bench hotels`."""

from __future__ import annotations

import os
from pathlib import Path

import click

from bench.options import path, whole


@click.command()
@whole("--hotels", 20, 1, 2000, "How many.")
@whole("--rooms", 5, 1, 10_000, "Rooms of each, with a tablet and a guest.")
@whole("--screens", 1, 1, 1000, "Kitchen screens of each.")
@whole("--token-seconds", 14_400, 60, 86_400, "Life of the tokens.")
@path("--out", "The token file to write.", required=True)
def hotels(hotels: int, rooms: int, screens: int, token_seconds: int, out: Path) -> None:
    """Make hotels for a bench in the database of a hub elsewhere, and a file of tokens for their devices.

    HUB_DATABASE_URL, HUB_MASTER_KEYS and the passwords of its roles say where, as they do for that hub. The
    hotels stay there (their slugs begin with bench-): use a database that may be thrown away.
    """
    import asyncio

    from bench.hotels import furnish, write_tokens
    from hub.environment import load

    lines = asyncio.run(furnish(load(os.environ), hotels, rooms, token_seconds, screens))
    write_tokens(out, lines)
    click.echo(f"{hotels} hotels, {len(lines)} tokens in {out}, good for {token_seconds / 60:.0f} minutes")
