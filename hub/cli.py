"""The command line `hub`. Each command imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import asyncio
import os
import sys

import click

from hub import __version__
from hub.errors import HubError
from hub.keys.cli import keys
from hub.rehearse.cli import rehearse
from hub.staff.cli import staff
from hub.tenants.cli import tenant

Port = click.IntRange(0, 65535)
Speed = click.FloatRange(0.1, 100)


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="hub")
def commands() -> None:
    """Live orders between a hotel's guest tablets and its kitchen screens."""


commands.add_command(keys)
commands.add_command(rehearse)
commands.add_command(staff)
commands.add_command(tenant)


@commands.command()
@click.option("--check", is_flag=True, help="Drive one order to the end on servers of its own, then stop.")
@click.option("--fresh", is_flag=True, help="Start over with a new demo hotel.")
@click.option("--port", type=Port, default=None, help="Port of the pages (default: 8080, or a free one).")
@click.option("--workers", type=click.IntRange(1, 64), default=1, show_default=True, help="Hub processes.")
@click.option("--busy", is_flag=True, help="Other guests order by themselves, and a crew cooks and delivers.")
@click.option(
    "--speed", type=Speed, default=4.0, show_default=True, help="With --busy: times as fast as people."
)
@click.option("--seed", type=int, default=None, help="Of --busy: the same seed throws the same dice.")
def demo(
    check: bool, fresh: bool, port: int | None, workers: int, busy: bool, speed: float, seed: int | None
) -> None:
    """Run a demo hotel and print the addresses of its screens."""
    from hub.demo import command

    if check and busy:
        raise click.UsageError("--check plays one order by itself: leave --busy out.")
    raise SystemExit(
        command.run(check=check, fresh=fresh, port=port, workers=workers, busy=busy, speed=speed, seed=seed)
    )


@commands.command()
@click.option("--workers", type=click.IntRange(1, 256), default=1, show_default=True, help="Hub processes.")
@click.option("--embedded", is_flag=True, help="Start PostgreSQL and Redis where their URLs are not set.")
@click.option("--host", default=None, help="Address to listen on; wins over HUB_HOST.")
@click.option("--port", type=Port, default=None, help="Port to listen on; wins over HUB_PORT.")
def serve(workers: int, embedded: bool, host: str | None, port: int | None) -> None:
    """Run the hub as the settings in the environment say."""
    from hub.serve import run

    raise SystemExit(run(workers=workers, embedded=embedded, host=host, port=port))


@commands.command()
@click.option("--to", "version", type=click.IntRange(0), help="Version to reach (default: the newest).")
@click.option("--down", is_flag=True, help="Allow the way down: it drops what later versions added.")
def migrate(version: int | None, down: bool) -> None:
    """Bring the database of HUB_DATABASE_URL to a version of the schema."""
    from hub.db.migrate import migrate as run
    from hub.environment import TO_MIGRATE, load

    ran = asyncio.run(run(load(os.environ, TO_MIGRATE), to=version, down=down, say=click.echo))
    if not ran:
        click.echo("nothing to do")


@commands.command()
@click.option("--json", "as_json", is_flag=True, help="For machines.")
def doctor(as_json: bool) -> None:
    """Check everything that the hub stands on, and say what to do; exit code 1 on errors."""
    from hub.ops.doctor.command import run

    raise SystemExit(run(as_json=as_json))


@commands.command(context_settings={"ignore_unknown_options": True})
@click.option(
    "--all", "everything", is_flag=True, help="Browsers, slow tests and the distribution's servers too."
)
@click.option("--rest", is_flag=True, help="Only what a run without options leaves out.")
@click.argument("arguments", nargs=-1, type=click.UNPROCESSED)
def test(everything: bool, rest: bool, arguments: tuple[str, ...]) -> None:
    """Run the tests; further ARGUMENTS go to pytest."""
    from hub.legs import run

    raise SystemExit(run(quick=everything or not rest, rest=everything or rest, arguments=arguments))


@commands.command()
@click.option("--all", is_flag=True, expose_value=False, help="With what `test --all` needs.")
def sync() -> None:
    """Only set up the environment. In a checkout that has happened before this command begins."""
    click.echo(f"hub {__version__} is ready in {sys.prefix}")


@commands.command()
def openapi() -> None:
    """Print the OpenAPI 3.1 document of the HTTP interface."""
    from hub.documents import openapi_document

    click.echo(openapi_document())


@commands.command()
def asyncapi() -> None:
    """Print the AsyncAPI 3.0 document of the WebSocket."""
    from hub.documents import asyncapi_document

    click.echo(asyncapi_document())


def main() -> None:
    """Run a command. An error that the hub raises on purpose is one line, and exit code 2."""
    try:
        commands()
    except HubError as error:
        click.secho("hub: ", fg="red", bold=True, nl=False, err=True)
        click.echo(" ".join(error.message.split()), err=True)
        sys.exit(2)
