"""The command line `bench`. Each command imports what it needs when it runs, so that `--help` is quick."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path

import click

from bench.commands import connections, fanout, mix, storm, tenants
from bench.peers.command import peers
from hub.errors import HubError

_LIMITED = ("place", "frame", "change", "screen", "bump")
_MAX_RATE = 10_000.0


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def commands() -> None:
    """Measure the hub: the one that the bench starts itself, or one elsewhere."""


for command in (connections, fanout, mix, storm, tenants, peers):
    commands.add_command(command)


class Several(click.Command):
    """Lets `--rate 20 50 100` stand for `--rate 20 --rate 50 --rate 100`."""

    def parse_args(self, ctx: click.Context, args: list[str]) -> list[str]:
        spelled: list[str] = []
        open_option = False
        for word in args:
            number = re.fullmatch(r"[0-9.]+", word) is not None
            if open_option and number and spelled[-1] != "--rate":
                spelled.append("--rate")
            open_option = word == "--rate" or (open_option and number)
            spelled.append(word)
        return super().parse_args(ctx, spelled)


class Thresholds(click.ParamType[dict[str, float]]):
    """`place=50,frame=20`."""

    name = "MEASURE=MS,..."

    def convert(
        self, value: str | dict[str, float], param: click.Parameter | None, ctx: click.Context | None
    ) -> dict[str, float]:
        if isinstance(value, dict):
            return value
        found: dict[str, float] = {}
        for part in value.split(","):
            name, _, number = part.partition("=")
            if name not in _LIMITED or re.fullmatch(r"\d+(\.\d+)?", number) is None:
                self.fail(f"{part!r} is not one of {', '.join(_LIMITED)} with =MILLISECONDS", param, ctx)
            found[name] = float(number)
        return found


@commands.command(cls=Several)
@click.option(
    "--rate",
    "rates",
    type=click.FloatRange(0.1, _MAX_RATE),
    multiple=True,
    default=(20, 50, 100),
    show_default=True,
    help="Orders offered a second, by all guests together; several may follow.",
)
@click.option(
    "--seconds",
    type=click.FloatRange(1, 3600),
    default=10,
    show_default=True,
    help="Length of each rate's measured part.",
)
@click.option(
    "--warmup",
    type=click.FloatRange(0, 600),
    default=2,
    show_default=True,
    help="Seconds before it that do not count.",
)
@click.option(
    "--repeat",
    type=click.IntRange(1, 100),
    default=1,
    show_default=True,
    help="Run all rates so often, in turn, and show medians.",
)
@click.option(
    "--arrivals",
    type=click.Choice(["poisson", "even"]),
    default="poisson",
    show_default=True,
    help="How orders come: at random, or equally spaced.",
)
@click.option(
    "--bumps",
    type=click.FloatRange(0, 4),
    default=1,
    show_default=True,
    help="Steps the kitchen takes each order, on average: 0.5 starts every second one, 4 delivers all.",
)
@click.option(
    "--seen/--no-seen",
    default=True,
    show_default=True,
    help="Kitchens tell which tickets they have painted, as the page does.",
)
@click.option("--clients", type=click.IntRange(1, 64), default=1, show_default=True, help="Client processes.")
@click.option(
    "--drain",
    "drain_seconds",
    type=click.FloatRange(0.1, 600),
    default=10,
    show_default=True,
    help="Seconds that late replies and frames have at the end of a rate.",
)
@click.option(
    "--hotels",
    type=click.IntRange(1, 2000),
    default=20,
    show_default=True,
    help="Hotels of the bench's own hub, with a kitchen each.",
)
@click.option(
    "--rooms",
    type=click.IntRange(1, 500),
    default=5,
    show_default=True,
    help="Rooms of each, with a tablet each.",
)
@click.option(
    "--workers",
    type=click.IntRange(1, 64),
    default=1,
    show_default=True,
    help="Processes of the bench's own hub.",
)
@click.option(
    "--pin/--no-pin",
    default=True,
    show_default=True,
    help="Give hub and clients cores of their own, where there are enough.",
)
@click.option(
    "--changes",
    type=click.FloatRange(0.1, _MAX_RATE),
    help="Instead of --rate: so many changes of orders a second (placed, seen, bumped).",
)
@click.option(
    "--saturate",
    is_flag=True,
    help="Afterwards: durable orders a second in saturation, in turns with the same SQL alone.",
)
@click.option("--url", help="Measure the hub at http(s)://HOST:PORT instead.")
@click.option("--token-file", type=click.Path(path_type=Path), help="Tokens for it, see above.")
@click.option(
    "--max-p99-ms",
    type=Thresholds(),
    multiple=True,
    help="Exit with 1 when a p99 is longer: place=50,frame=20 (also change, screen, bump).",
)
@click.option(
    "--max-errors",
    "max_errors_percent",
    type=click.FloatRange(0, 100),
    default=0,
    show_default=True,
    help="Exit with 1 when more percent of the orders fail.",
)
@click.option("--json", type=click.Path(path_type=Path), help="Write the result there.")
@click.option("--save", is_flag=True, help="Write it to bench/results/orders-<date>.json.")
@click.pass_context
def orders(ctx: click.Context, /, **given: object) -> None:
    """How long from a guest's order to the kitchen's screen.

    Orders are placed by an open loop: a schedule made beforehand says when each is due, whatever the hub
    does, and latencies count from that moment, not from when the client got to send it.

    \b
    place   place -> reply           the guest knows that the kitchen has it
    frame   commit -> kitchen frame  from the event's `at` to its arrival at a kitchen screen
    change  the same                 of every change of an order: placed, seen, bumped
    screen  place -> kitchen frame   by the client's monotonic clock alone
    bump    bump -> reply            the kitchen's own commands, a closed loop

    `at` is the clock of the database when the event was written, inside the committing transaction:
    `frame` therefore includes the commit's flush to disk. It has whole milliseconds, rounded down, so
    `frame` is up to 1 ms too long. On one machine database and clients read the same clock; for a hub on
    another machine `frame` and `change` are left out.

    500 changes a second over 500 hotels: --changes 500 --hotels 500 --rooms 1 --workers 2 --no-pin.

    A percentile is shown when there are enough orders to tell it (p99.9: 1000).

    By default everything is started and removed again: PostgreSQL with fsync, Redis, the hub on a core of its
    own. For a hub elsewhere, `bench hotels` makes hotels and the token file: JSON lines
    {"kind": "tablet" or "kitchen", "token": "...", "hotel": "any name"}; each hotel needs both kinds, and
    the tokens must last.

    \b
    Exit codes
      0    good
      1    slower than a threshold, or errors
      2    it cannot be run
      3    a confirmed order was missing, repeated or out of order in the kitchen
      130  stopped by Ctrl+C
    """
    from bench.orders import Options, run

    limits = given.pop("max_p99_ms")
    assert isinstance(limits, tuple)
    merged = {name: limit for limit_set in limits for name, limit in limit_set.items()}
    import msgspec

    raise SystemExit(run(msgspec.convert({**given, "max_p99_ms": merged}, Options)))


@commands.command()
@click.option("--hotels", type=click.IntRange(1, 2000), default=20, show_default=True, help="How many.")
@click.option(
    "--rooms",
    type=click.IntRange(1, 10_000),
    default=5,
    show_default=True,
    help="Rooms of each, with a tablet and a guest.",
)
@click.option(
    "--screens", type=click.IntRange(1, 1000), default=1, show_default=True, help="Kitchen screens of each."
)
@click.option(
    "--token-seconds",
    type=click.IntRange(60, 86_400),
    default=14_400,
    show_default=True,
    help="Life of the tokens.",
)
@click.option("--out", type=click.Path(path_type=Path), required=True, help="The token file to write.")
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
