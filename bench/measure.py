"""The course that measures take: start a hub, measure it, show and write what was found."""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Mapping
from typing import TYPE_CHECKING, Any, TypeVar

import uvloop
from msgspec import Struct
from msgspec.structs import asdict

from bench.machine import Cores
from bench.place import Live, Where, opened
from bench.report import Findings, Output, console, finish, now

if TYPE_CHECKING:
    from bench.hotels import Hotels
    from bench.target import Target


class Asked(Struct, frozen=True, kw_only=True):
    """The options that all measures have."""

    where: Where
    output: Output

    def check(self) -> None:
        """Before anything is started. Raises SettingError."""
        self.where.check()
        self.output.check()


class Site(Struct, frozen=True):
    """What a measure works with: the hub, cores for it and for so many `clients`, a line that says how far
    it is."""

    target: Target
    cores: Cores
    clients: int
    live: Live


Options = TypeVar("Options", bound=Asked)


def measured(
    name: str,
    options: Options,
    work: Callable[[Options, Site], Coroutine[Any, Any, Findings]],
    hotels: Hotels,
    *,
    environ: Mapping[str, str],
    others: Hotels | None = None,
    needs_both: bool = True,
) -> int:
    """Do the work at the hub that the options name, or at one of the bench's own with these hotels and these
    settings; the exit code. Raises HubError when it cannot be done."""
    shown, started, where = console(), now(), options.where
    cores = where.cores()
    with opened(where, cores, shown, hotels, others=others, environ=environ, needs_both=needs_both) as target:
        with Live(shown) as live:
            findings = uvloop.run(work(options, Site(target, cores, where.clients, live)))
        return finish(
            name,
            started,
            findings,
            target=target,
            cores=cores,
            options=asdict(options),
            output=options.output,
            console=shown,
        )
