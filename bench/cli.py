"""The command line `bench`, assembled of its commands."""

from __future__ import annotations

import sys

import click

from bench.commands.connections import connections
from bench.commands.fanout import fanout
from bench.commands.hotels import hotels
from bench.commands.mix import mix
from bench.commands.orders import orders
from bench.commands.peers import peers
from bench.commands.storm import storm
from bench.commands.tenants import tenants
from hub.errors import HubError


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Measure the hub: the one that the bench starts itself, or one elsewhere."""


for command in (connections, fanout, hotels, mix, orders, peers, storm, tenants):
    commands.add_command(command)


def main() -> None:
    """Run a command. An error that is raised on purpose is one line, and exit code 2."""
    try:
        commands.main(prog_name="bench", standalone_mode=False)
    except click.ClickException as error:
        error.show()
        sys.exit(2)
    except click.Abort:
        click.echo("bench: stopped", err=True)
        sys.exit(130)
    except HubError as error:
        click.secho("bench: ", fg="red", bold=True, nl=False, err=True)
        click.echo(" ".join(error.message.split()), err=True)
        sys.exit(2)
