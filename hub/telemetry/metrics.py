"""Every figure that /metrics shows: its name, what it says, and how the processes of one service become one.

No label names a tenant, a device, an address or a text from outside: their number is bounded by the code.
"""

from __future__ import annotations

from typing import Final, Literal, TypeAlias

from msgspec import Struct

from hub.telemetry.histogram import TURNS, WAITS, Histogram

# Labels and numbers of each sample, by the name of its metric. A counter and a gauge have one number, a
# histogram its sum and then its counts.
Rows: TypeAlias = dict[str, dict[tuple[str, ...], list[float]]]


class Metric(Struct, frozen=True):
    """`fold` says how the values of several workers become one; `each` keeps them apart under a label
    `worker`. Bounds make it a histogram."""

    name: str
    kind: Literal["counter", "gauge", "histogram"]
    help: str
    labels: tuple[str, ...] = ()
    fold: Literal["sum", "max", "each"] = "sum"
    bounds: tuple[float, ...] = ()


BUILD = Metric("hub_build_info", "gauge", "Always 1; which hub runs.", ("version", "python"), "max")
WORKERS = Metric("hub_workers", "gauge", "Processes of this service that serve.")
STARTS = Metric(
    "hub_worker_starts_total",
    "counter",
    "Processes that have served for this service. Each one over its workers has replaced one that died.",
)
REPORT_AGE = Metric(
    "hub_worker_report_age_seconds",
    "gauge",
    "Age of what a worker says of itself here. More than a few seconds: its event loop stands still.",
    fold="each",
)

SESSIONS = Metric("hub_sessions", "gauge", "Sessions that are open, by who they belong to.", ("kind",))
STREAMS = Metric(
    "hub_streams", "gauge", "Of the sessions, those over HTTP: event streams and long polls that wait."
)
HANDSHAKES = Metric(
    "hub_handshakes_total",
    "counter",
    "Upgrades that were answered: accepted, or refused because the process is draining, the origin or the"
    " subprotocol is not allowed, or too many came at once (crowded).",
    ("outcome",),
)
CLOSES = Metric(
    "hub_closes_total",
    "counter",
    "Sockets that ended, by the close code that the hub gave. 4008 is a client that was too slow; client is"
    " one that left by itself, or whose long poll was answered.",
    ("code",),
)
DELIVERIES = Metric(
    "hub_deliveries_total", "counter", "Events times the sessions that each of them was handed to."
)
FAN_OUT = Metric(
    "hub_fan_out_seconds", "histogram", "Handing one event to all its sessions in this process.", bounds=TURNS
)
COMMIT_TO_FRAME = Metric(
    "hub_commit_to_frame_seconds",
    "histogram",
    "From an event's own time until it was handed to its sessions. The database writes that time, in"
    " milliseconds by its own clock, while the transaction commits and before it is on disk; so the figure"
    " has the commit itself in it, and the difference of the two clocks. Events that had to be read from"
    " the log count as well.",
    bounds=WAITS,
)
JOINS = Metric(
    "hub_join_seconds",
    "histogram",
    "From the wish to join until the session is live: by a snapshot, by a replay of what it had missed, or"
    " with nothing to read.",
    ("way",),
    bounds=WAITS,
)
REPLAYED = Metric("hub_replayed_events_total", "counter", "Events that joins have read from the log.")
FILLED = Metric(
    "hub_filled_events_total", "counter", "Events read from the log because the broker had not brought them."
)
HEADS_AGE = Metric(
    "hub_heads_age_seconds",
    "gauge",
    "Time since this process last compared its positions with the database; of the worst worker. Screens"
    " are not told that they are up to date when it is several times HUB_HEADS_SECONDS.",
    fold="max",
)
BROKER = Metric(
    "hub_broker_connected", "gauge", "1 while the broker brings events, 0 while heads are polled.", (), "each"
)

RELAY = Metric("hub_relay_active", "gauge", "1 where the relay of the fleet runs; over all services it is 1.")
RELAY_LAG = Metric(
    "hub_relay_lag_seconds",
    "histogram",
    "From an event's own time, as above, until the relay has published it.",
    bounds=WAITS,
)
RELAY_BEHIND = Metric(
    "hub_relay_behind_events", "gauge", "Events that waited for the relay when it looked last."
)

ALERTS = Metric(
    "hub_order_alerts_total",
    "counter",
    "Steps taken for orders that no screen has shown (unseen, hook) or nobody has accepted (chime, page).",
    ("step",),
)
HOOKS = Metric(
    "hub_hook_attempts_total",
    "counter",
    "Attempts at telling a hotel's addresses, or its managers by letter, and how each ended.",
    ("kind", "outcome"),
)

DATABASE_CONNECTIONS = Metric(
    "hub_database_connections", "gauge", "Connections of a pool, in use or idle.", ("pool", "state")
)
DATABASE_MOST = Metric("hub_database_connections_max", "gauge", "As many a pool may open.", ("pool",))
DATABASE_WAITING = Metric("hub_database_waiting", "gauge", "Who waits for a connection of a pool.", ("pool",))
DATABASE_ACQUIRE = Metric(
    "hub_database_acquire_seconds",
    "histogram",
    "Waiting for a connection of a pool.",
    ("pool",),
    bounds=WAITS,
)

REPLICAS = Metric(
    "hub_replica_serves", "gauge", "Workers that read from this replica; 0 while none does.", ("replica",)
)

COMMANDS = Metric(
    "hub_command_seconds",
    "histogram",
    "Commands over sockets and HTTP, commit included. The outcome is ok, the code of the error, or cancelled"
    " when the client left. Names that are not in the table count as unknown.",
    ("command", "outcome"),
    bounds=WAITS,
)
REQUESTS = Metric(
    "hub_http_requests_total",
    "counter",
    "HTTP requests that were answered, by the route's template. What no route took counts as unmatched, and"
    " a client that left before the answer as none.",
    ("route", "method", "status"),
)
REQUEST_SECONDS = Metric(
    "hub_http_request_seconds",
    "histogram",
    "HTTP requests, until their answer began.",
    ("route", "method"),
    bounds=WAITS,
)
LIMIT_REFUSALS = Metric("hub_limit_refusals_total", "counter", "Hits over a rate limit, by rule.", ("rule",))
LIMITS_ALONE = Metric(
    "hub_limits_alone",
    "gauge",
    "1 while a process counts rate limits by itself because Redis does not answer.",
    fold="each",
)
PASSWORD_LINE = Metric("hub_password_line", "gauge", "Passwords that are hashed now or wait for it.")
PASSWORD_REFUSALS = Metric(
    "hub_password_refusals_total", "counter", "Sign-ins sent away because that line was full."
)

LOOP_LAG = Metric(
    "hub_event_loop_lag_seconds",
    "histogram",
    "How late a timer of the event loop was: as long everybody else waited too.",
    bounds=WAITS,
)
MEMORY = Metric("hub_process_resident_memory_bytes", "gauge", "Resident memory.", fold="each")
CPU = Metric("hub_process_cpu_seconds_total", "counter", "Processor time, user and system.", fold="each")
DESCRIPTORS = Metric("hub_process_open_fds", "gauge", "Open file descriptors.", fold="each")
DESCRIPTORS_MOST = Metric("hub_process_max_fds", "gauge", "Most file descriptors.", fold="each")

ALL: Final = tuple(value for value in globals().copy().values() if isinstance(value, Metric))


class Figures:
    """What one process says of itself at one moment."""

    def __init__(self) -> None:
        self.rows: Rows = {}

    def put(self, metric: Metric, value: float | Histogram, *labels: str) -> None:
        """One sample; its labels in the order of the metric's."""
        numbers = [value.sum, *value.counts] if isinstance(value, Histogram) else [value]
        self.rows.setdefault(metric.name, {})[labels] = numbers
