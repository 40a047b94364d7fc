"""The command line of `hub rehearse`."""

from __future__ import annotations

from pathlib import Path

import click

from hub.rehearse.script import MOST_ROOMS

_FILE = click.Path(path_type=Path, dir_okay=False)
_HOTEL = "Slug of the hotel whose menu is rehearsed with (default: the demo's)."
_MINUTES = "Length of the rush in minutes of the hotel: 10 made up, or the first so many of a recording."
_SPEED = "Times as fast as in the hotel: ten minutes at speed 4 are over in two and a half."
_URL = "A hub that serves HUB_DATABASE_URL already (default: one of the rehearsal's own)."
_HOST = "Address of this machine that the screens reach (default: 127.0.0.1, for screens here)."
_HEADLESS = "Open the kitchen screens here, in Chromium without a window."
_BY_HAND = "People bump; without it a simulated crew does."
_RECORD = "Instead: write what this hotel sold into --out, for --from."
_MOMENT = "moment of the hotel's clock, as 2026-05-02T18:00"


@click.command(
    epilog="Exit code 1: an order failed or was never painted; 2: it could not be rehearsed; 3: a confirmed "
    "order was missing, repeated or out of order."
)
@click.option("--hotel", default=None, help=_HOTEL)
@click.option("--from", "recording", type=_FILE, default=None, help="Replay this recording.")
@click.option("--minutes", type=click.FloatRange(0.1, 1440), default=None, help=_MINUTES)
@click.option("--speed", type=click.FloatRange(0.1, 100), default=4.0, show_default=True, help=_SPEED)
@click.option("--orders", type=click.IntRange(1, 10_000), default=30, show_default=True, help="Made up.")
@click.option(
    "--rooms", type=click.IntRange(1, MOST_ROOMS), default=20, show_default=True, help="That order."
)
@click.option("--seed", type=int, default=None, help="The same seed makes up the same evening.")
@click.option("--url", default=None, help=_URL)
@click.option("--host", default=None, help=_HOST)
@click.option(
    "--port", type=click.IntRange(0, 65535), default=None, help="Its port (default: 8080, or free)."
)
@click.option("--screens", type=click.IntRange(1, 20), default=1, show_default=True, help="Kitchen screens.")
@click.option("--headless", is_flag=True, help=_HEADLESS)
@click.option(
    "--wait",
    type=click.FloatRange(1, 3600),
    default=120.0,
    show_default=True,
    help="Seconds for them to come.",
)
@click.option("--by-hand", is_flag=True, help=_BY_HAND)
@click.option(
    "--json",
    "as_json",
    type=click.Path(path_type=Path, dir_okay=False, allow_dash=True),
    default=None,
    help="Write the figures there; - is the standard output.",
)
@click.option("--record", "recorded", metavar="SLUG", default=None, help=_RECORD)
@click.option("--since", default=None, help=f"With --record: from this {_MOMENT}.")
@click.option("--until", default=None, help="With --record: before this moment (default: now).")
@click.option("--out", type=_FILE, default=None, help="With --record: the file.")
@click.pass_context
def rehearse(
    context: click.Context,
    /,
    recorded: str | None,
    since: str | None,
    until: str | None,
    out: Path | None,
    **given: object,
) -> None:
    """Play a dinner rush into a sandbox, on the real kitchen screens, and measure it.

    The sandbox is a hotel of its own with the menu of --hotel; nothing is ever written into another one, and
    the hub that is started for it beside those of HUB_DATABASE_URL does nothing for other hotels. Open
    the printed addresses on the screens of the kitchen: when all have come, guests order as an evening would
    have it. Measured is how long an order takes from its commit until a screen has painted it, and from the
    order until it is accepted, ready at each station, and delivered.
    """
    from hub.rehearse import command

    if recorded is not None:
        named = [
            param.opts[0]
            for param in context.command.params
            if param.name in given
            and context.get_parameter_source(param.name) is not click.core.ParameterSource.DEFAULT
        ]
        if since is None or out is None:
            raise click.UsageError("--record needs --since and --out.")
        if named:
            raise click.UsageError(f"--record goes without {named[0]}.")
        raise SystemExit(command.record(recorded, since, until, out))
    if since or until or out:
        raise click.UsageError("--since, --until and --out belong to --record.")
    if given["recording"] is not None and given["hotel"] is not None:
        raise click.UsageError("a recording has the menu of its hotel: leave --hotel out.")
    given["json"] = given.pop("as_json")
    raise SystemExit(command.run(command.Options(**given)))  # type: ignore[arg-type]
