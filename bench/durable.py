"""Durable orders a second in saturation: through the hub, and the same SQL from a driver alone, in turns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from bench.ceiling.sql import CONNECTIONS, prepared
from bench.mix.crew import assembled
from bench.mix.words import PLACE_ONLY
from bench.place import Meter
from bench.report import Column, Row, Table, percentiles

if TYPE_CHECKING:
    from bench.target import Target

_TURNS: Final = 3


async def measure(
    target: Target, clients: int, seconds: float, cores: tuple[int, ...] | None, *, turns: int = _TURNS
) -> list[Row]:
    """A row for each turn: both rates, and their ratio. Raises Unavailable."""
    assert target.settings is not None
    rows: list[Row] = []
    async with (
        assembled(target.address, target.devices, "sockets", clients=clients, cores=cores) as crew,
        prepared(target.settings, target.devices, clients=clients, cores=cores) as ceiling,
    ):
        await crew.saturate(CONNECTIONS, min(1.0, seconds))
        await ceiling.run(PLACE_ONLY, min(1.0, seconds))
        for turn in range(turns):
            meter = Meter(target.roots)
            tally = await crew.saturate(2 * CONNECTIONS, seconds)
            used = meter.read()
            hub = tally.done / seconds
            alone = await ceiling.measured(PLACE_ONLY, seconds, target.roots)
            rows.append(
                {
                    "turn": turn + 1,
                    "hub": round(hub, 1),
                    "sql": round(alone.rate, 1),
                    "ratio": round(hub / alone.rate, 3) if alone.rate else None,
                    **percentiles(tally.whole(), 50, 99),
                    "errors": sum(tally.errors.values()),
                    "hub_cores": used.cores("hub"),
                    "postgres_cores": used.cores("PostgreSQL"),
                    "client_cores": round(tally.cpu_seconds / seconds, 2),
                    "sql_postgres_cores": alone.postgres,
                    "sql_client_cores": alone.client,
                }
            )
    return rows


def failed(rows: list[Row], seconds: float) -> float:
    """How many percent of the orders of all turns failed, each `seconds` long."""
    errors = sum(float(row["errors"] or 0) for row in rows)
    stored = sum(float(row["hub"] or 0) * seconds for row in rows)
    return 100 * errors / (errors + stored) if errors else 0.0


def table(rows: list[Row]) -> Table:
    """The turns, and their medians."""
    ratios = sorted(float(row["ratio"]) for row in rows if isinstance(row["ratio"], float))
    middle = f"{ratios[len(ratios) // 2]:.2f}" if ratios else "-"
    return Table(
        "durable",
        f"durable orders/s in saturation, and the same SQL alone; the hub does {middle} of it (median)",
        [
            Column("turn", "turn"),
            Column("hub", "hub/s", 1),
            Column("sql", "SQL/s", 1),
            Column("ratio", "ratio", 2),
            Column("p50", "p50 ms", 1),
            Column("p99", "p99 ms", 1),
            Column("errors", "errors"),
            Column("hub_cores", "hub cores", 2),
            Column("postgres_cores", "PostgreSQL", 2),
            Column("client_cores", "clients", 2),
            Column("sql_postgres_cores", "alone: PostgreSQL", 2),
            Column("sql_client_cores", "driver", 2),
        ],
        rows,
    )
