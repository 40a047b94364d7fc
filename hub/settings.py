"""The settings: what each is called, what it may be, what it is when nobody sets it. Made by
`hub.environment.load`, frozen, and passed down.

The name of a setting is `HUB_` and the name of its field in capitals. Secrets are never repeated in a `repr`.
"""

from __future__ import annotations

from typing import Annotated, Literal

from msgspec import Meta, Struct


class MasterKey(Struct, frozen=True):
    """A key that wraps the other keys: those that sign tokens, those of the hotels' data (AES-256-GCM)."""

    kid: Annotated[str, Meta(pattern=r"\A[A-Za-z0-9._-]{1,64}\Z")]
    secret: Annotated[bytes, Meta(min_length=32, max_length=32)]

    def __repr__(self) -> str:
        return f"MasterKey(kid={self.kid!r})"


Password = Annotated[str | None, Meta(description="a password")]
Seconds = Annotated[float, Meta(gt=0, le=300, description="seconds, up to 300")]
PemFile = Annotated[str | None, Meta(description="the path of a PEM file")]
Origin = Annotated[str, Meta(pattern=r"\Ahttps?://[A-Za-z0-9.:\[\]_-]+\Z")]
# `600/minute`, `20/15 minutes`. Counted over a window that slides, so a limit is also the largest burst.
Rate = Annotated[
    str,
    Meta(
        pattern=r"\A[1-9]\d{0,8}/([1-9]\d{0,3} )?(second|minute|hour|day)s?\Z",
        description="a number and a time, as in 600/minute or 20/15 minutes",
    ),
]


class Settings(Struct, frozen=True, kw_only=True):
    """All settings. Sizes in bytes, times in seconds unless the name says `ms`."""

    # Server and database; each pool connects to it as its own role. Of several, as in `host:port,host:port`,
    # the one that is the primary is found, again after each promotion. It may lead to a pooler: PgBouncer.
    database_url: Annotated[
        str, Meta(pattern=r"\Apostgres(ql)?://", description="postgresql://host:port/database")
    ]
    # Behind a pooler: PostgreSQL itself, for LISTEN, locks and migrations. Unset: `database_url` is that.
    direct_database_url: Annotated[
        Annotated[str, Meta(pattern=r"\Apostgres(ql)?://")] | None,
        Meta(description="postgresql://host:port/database"),
    ] = None
    # Prepared statements that a connection keeps. Unset: 512, and none behind a pooler, which in transaction
    # mode forgets them: PgBouncer before 1.21 always, since then without its max_prepared_statements.
    statement_cache: Annotated[
        Annotated[int, Meta(ge=0, le=10_000)] | None, Meta(description="statements, 0 to 10000")
    ] = None
    # A password per role; unset where the server trusts the connection (a local socket, a certificate).
    api_password: Password = None
    relay_password: Password = None
    auth_password: Password = None
    admin_password: Password = None
    migrator_password: Password = None
    # Connections of all workers together, seven of each beside those of requests; the start fails when the
    # server allows fewer.
    db_connections: Annotated[int, Meta(ge=8, le=10_000, description="connections, 8 to 10000")] = 100

    # One server, or redis+sentinel://h1:26379,h2:26379/service, or redis+cluster://h1:6379,h2:6379.
    # Unset: nodes poll the heads, screens stay live but up to `heads_alone_seconds` later.
    redis_url: Annotated[
        Annotated[str, Meta(pattern=r"\A(rediss?(\+sentinel|\+cluster)?|unix)://")] | None,
        Meta(description="redis://, rediss://, unix://, redis+sentinel:// or redis+cluster:// and addresses"),
    ] = None
    # Replicas of the primary for reads that may be some seconds old: menus, pictures, lists of orders and of
    # the audit, states for screens that join. One server each, with the passwords of above; each process
    # takes as many connections to each of them as to the primary, and one more.
    replica_url: Annotated[
        tuple[Annotated[str, Meta(pattern=r"\Apostgres(ql)?://")], ...],
        Meta(description="postgresql://host:port/database, comma between replicas"),
    ] = ()
    # The oldest that such a read may be; a replica that lags more is left out until it has caught up.
    replica_lag_seconds: Seconds = 5.0

    # Prefix of every Redis channel and key: two hubs on one Redis must differ here, or they hear each other.
    namespace: Annotated[str, Meta(pattern=r"\A[a-z0-9_-]{1,64}\Z", description="1-64 of a-z 0-9 _ -")] = (
        "hub"
    )

    # They wrap the keys in the database. The first wraps, all unwrap: `hub keys new-master` makes one; put it
    # last for every process, then first, run `hub keys reencrypt`, then drop the old one. Without them sealed
    # personal data is lost for ever.
    master_keys: Annotated[
        tuple[MasterKey, ...],
        Meta(description="kid:base64secret, comma between keys, no kid twice, secrets of exactly 32 bytes"),
    ] = ()
    # How often each process looks for new keys; one that is made is used only some looks later. The same for
    # all processes and for `hub keys`.
    keys_seconds: Seconds = 5.0
    # Life of a device token: a stolen one is good for so long; each device asks for a new one as often.
    token_seconds: Annotated[int, Meta(ge=60, le=86_400, description="seconds, 60 to 86400")] = 900
    # A device whose credential is older is told to get a new one; the old one stays good until that is used.
    credential_days: Annotated[float, Meta(gt=0, le=3650, description="days, up to 3650")] = 30.0

    # Letters to staff: invitations, forgotten passwords. smtp:// goes over to TLS before it says anything and
    # sends nothing without; smtps:// begins with TLS. A `:`, `/` or `@` in the password is written as %3A,
    # %2F, %40. Unset: nothing can be sent, and whoever forgets a password needs another administrator.
    smtp_url: Annotated[
        Annotated[
            str,
            Meta(
                pattern=r"\Asmtps?://([^\s:/@]+:[^\s:/@]+@)?(\[[0-9A-Fa-f:.]+\]|[^\s:/@\[\]]+)(:\d{1,5})?/?\Z"
            ),
        ]
        | None,
        Meta(description="smtp://user:password@host:587 or smtps://user:password@host:465"),
    ] = None
    # The sender of these letters; the mail server must let it pass.
    mail_from: Annotated[
        Annotated[str, Meta(pattern=r"\A[^\s@<>,]+@[^\s@<>,]+\Z", max_length=254)] | None,
        Meta(description="an e-mail address"),
    ] = None

    # Hotels may let themselves be told of orders that nobody accepts at addresses of their own: on the public
    # internet, over https. True lets these be inside this network too, and plain http: only where all
    # managers may reach whatever the hub can reach.
    webhook_private: Annotated[bool, Meta(description="true or false")] = False

    # How staff sign in. `<slug>.<base_domain>` is the address of each hotel that has no domain of its own.
    # Unset: the page asks for the hotel's short name.
    base_domain: Annotated[
        Annotated[str, Meta(pattern=r"\A[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?\Z")] | None,
        Meta(description="a host name in lower case, as in hub.example"),
    ] = None
    # After so many wrong passwords in a row an account is locked for a while, right password or not.
    sign_in_attempts: Annotated[int, Meta(ge=1, le=100, description="attempts, 1 to 100")] = 5
    # The first lock; each further wrong password doubles it, up to the longest. A longer one hinders a
    # guesser more, and also whoever is locked out by one.
    sign_in_lock_seconds: Annotated[float, Meta(gt=0, le=3600, description="seconds, up to 3600")] = 30.0
    sign_in_lock_longest_seconds: Annotated[
        float, Meta(gt=0, le=86_400, description="seconds, up to 86400")
    ] = 3600.0
    # Cost of a password's hash: one more doubles the time, 12 is a quarter of a second. Who has a hash of
    # another cost gets one of this with the next sign-in.
    bcrypt_rounds: Annotated[int, Meta(ge=4, le=16, description="rounds, 4 to 16")] = 12
    # Processes that hash, beside each process of the hub; together they should leave a core to the kitchen.
    password_processes: Annotated[int, Meta(ge=1, le=64, description="processes, 1 to 64")] = 1
    # Sign-ins that wait for one of them; whoever comes then is told to try again: four wait a second.
    password_waiting: Annotated[int, Meta(ge=0, le=10_000, description="sign-ins, 0 to 10000")] = 32
    # A sign-in is good for so long, however it is used: a forgotten browser signs itself out.
    staff_session_days: Annotated[float, Meta(gt=0, le=365, description="days, up to 365")] = 30.0
    # The same when nobody uses it.
    staff_idle_days: Annotated[float, Meta(gt=0, le=365, description="days, up to 365")] = 7.0
    # A refresh token that comes a second time within this gets a fresh one too: its answer was lost, or two
    # tabs asked at once. Later it ends the session: one of the two who have it has stolen it.
    refresh_grace_seconds: Annotated[float, Meta(ge=0, le=60, description="seconds, 0 to 60")] = 10.0
    # Life of the link of a forgotten password, and of an invitation or the proof of a new address.
    reset_minutes: Annotated[float, Meta(gt=0, le=1440, description="minutes, up to 1440")] = 60.0
    invitation_days: Annotated[float, Meta(gt=0, le=90, description="days, up to 90")] = 7.0

    # Events older than this are pruned; a screen that was away for longer gets a snapshot.
    events_days: Annotated[float, Meta(gt=0, le=3650, description="days, up to 3650")] = 7.0
    # Answers of operations are kept so long: a client that repeats one later makes a second change.
    operations_hours: Annotated[float, Meta(ge=24, le=8760, description="hours, 24 to 8760")] = 48.0
    # What a hotel knows of its guests - names, phone numbers, what they must not eat - is emptied so long
    # after they have left.
    guest_data_days: Annotated[float, Meta(gt=0, le=3650, description="days, up to 3650")] = 30.0
    # Ended sign-ins, used refresh tokens and old codes are kept so long, for questions about them; the audit
    # keeps what happened for longer.
    sign_in_days: Annotated[float, Meta(ge=1, le=3650, description="days, 1 to 3650")] = 30.0
    # What was sent to the hotels' own addresses and to managers is kept so long, with what became of it.
    deliveries_days: Annotated[float, Meta(ge=2, le=365, description="days, 2 to 365")] = 14.0
    # The audit goes by whole months, of all hotels alike; look at the law before you keep less.
    audit_months: Annotated[int, Meta(ge=1, le=240, description="months, 1 to 240")] = 24
    # How often the process that is the relay prunes.
    retention_seconds: Annotated[float, Meta(ge=1, le=86_400, description="seconds, 1 to 86400")] = 600.0

    host: Annotated[str, Meta(min_length=1, description="an address to listen on")] = "127.0.0.1"
    port: Annotated[int, Meta(ge=0, le=65_535, description="a TCP port, 0 picks a free one")] = 8080
    # Processes on one port. More than about one per core gains nothing.
    workers: Annotated[int, Meta(ge=1, le=256, description="processes, 1 to 256")] = 1
    # Longest HTTP body: an order of 50 lines with notes is under 40 KiB; the rest answers 413, unread.
    body_bytes: Annotated[int, Meta(ge=1024, le=2**26, description="bytes, 1024 to 67108864")] = 65_536
    # Longest WebSocket message from a client; a longer one closes the socket with 1009.
    frame_bytes: Annotated[int, Meta(ge=1024, le=2**24, description="bytes, 1024 to 16777216")] = 65_536
    # Longest request line with its headers; a longer one answers 431. A token takes about 1 KiB of it.
    header_bytes: Annotated[int, Meta(ge=1024, le=2**20, description="bytes, 1024 to 1048576")] = 16_384
    # A connection whose request line and headers are not complete by then is closed, a silent one too.
    header_seconds: Seconds = 10.0
    # The same for a whole request, body and all: a slow line carries 64 KiB in that time.
    request_seconds: Seconds = 60.0
    # /metrics for Prometheus, in plain HTTP on an address of its own. Unset: there is none.
    metrics_port: Annotated[Annotated[int, Meta(ge=1, le=65_535)] | None, Meta(description="a TCP port")] = (
        None
    )
    # They name no hotel and no guest, but they tell how busy all of them are. Where others than this machine
    # can ask, a token is a must.
    metrics_host: Annotated[str, Meta(min_length=1, description="an address to listen on")] = "127.0.0.1"
    # Set: only who brings it gets an answer, as `Authorization: Bearer <token>`.
    metrics_token: Annotated[
        Annotated[str, Meta(pattern=r"\A[!-~]{16,256}\Z")] | None,
        Meta(description="16 to 256 visible ASCII characters"),
    ] = None
    # Addresses and networks whose X-Forwarded-For and -Proto are believed. Unset: nobody's; behind a proxy
    # all clients then count as one address and no answer carries HSTS.
    trusted_proxies: Annotated[
        tuple[str, ...], Meta(description="addresses or networks, as in 10.0.0.2, 192.168.7.0/24")
    ] = ()
    # Both set: the hub itself speaks TLS, 1.3 only. Unset: plain HTTP, for a proxy in front or one machine.
    tls_certificate: PemFile = None
    tls_key: PemFile = None
    # Where the hub is reached from outside: in links of mails and QR codes. Unset: there are no such links.
    public_url: Annotated[Origin | None, Meta(description="https:// and a host, without a path")] = None
    # Pages of these origins may open a socket and use staff cookies, as those of the hub's own host and of
    # `public_url` may; to all others the hub answers 403.
    allowed_origins: Annotated[
        tuple[Origin, ...], Meta(description="origins, as in https://hub.example, comma between them")
    ] = ()
    # New sockets that a process lets in, and how many at once after a calm time; the rest gets 503 and comes
    # again. More at once would only make those wait who are inside.
    accepts_per_second: Annotated[
        float, Meta(ge=1, le=100_000, description="sockets a second, 1 to 100000")
    ] = 1000
    accepts_burst: Annotated[int, Meta(ge=1, le=1_000_000, description="sockets, 1 to 1000000")] = 1000
    # A socket that has not said hello by then is closed with 4502.
    hello_seconds: Seconds = 5.0
    # Heartbeat of a screen; it calls itself stale after two. Each costs one small frame per socket.
    kitchen_position_seconds: Seconds = 2.0
    tablet_position_seconds: Seconds = 20.0
    # How often a node compares positions with the database: the longest time that a lost last message hides.
    heads_seconds: Seconds = 2.0
    # The same without a broker, where it is how events arrive at all.
    heads_alone_seconds: Seconds = 0.25
    # Sessions go to another hub when this one has no database and the other has had it for so long. Longer
    # than a promotion takes, or they go to a hub that still reaches the old primary.
    handover_seconds: Seconds = 10.0
    # What may wait for one slow client; past either it is lagging and nothing more is queued.
    outbound_bytes: Annotated[int, Meta(ge=4096, le=2**28, description="bytes, 4096 to 268435456")] = 262_144
    outbound_frames: Annotated[int, Meta(ge=8, le=100_000, description="frames, 8 to 100000")] = 512
    # A client lagging for longer is cut off with 4008.
    lagging_seconds: Seconds = 10.0
    # Events per query while catching up; more at once hold memory, fewer cost round trips.
    replay_page: Annotated[int, Meta(ge=1, le=10_000, description="events, 1 to 10000")] = 500
    # A client further behind gets a snapshot, which is then the cheaper answer.
    replay_max_events: Annotated[int, Meta(ge=1, le=1_000_000, description="events, 1 to 1000000")] = 1000
    # States of hotels that a process keeps for screens that join; past it the oldest go, and are read again.
    state_bytes: Annotated[int, Meta(ge=0, le=2**34, description="bytes, 0 to 17179869184")] = 67_108_864
    # Protocol ping, and how long its answer may take: a dead peer is closed with 4012 after both.
    ping_seconds: Seconds = 25.0
    pong_seconds: Seconds = 10.0
    # Window in which a disconnected client comes back, at a random moment: wider is kinder to the hub.
    retry_ms: Annotated[int, Meta(ge=100, le=600_000, description="milliseconds, 100 to 600000")] = 3000
    # Time to say goodbye to all sockets at a stop; keep it below what the supervisor waits before it kills.
    drain_seconds: Annotated[float, Meta(ge=0, le=600, description="seconds, 0 to 600")] = 25.0

    # Rate limits, shared by all processes through Redis. Past one, a request answers 429 and when to return.
    # Every HTTP request from one address. A hotel of 300 tablets is one address: after an outage all of them
    # ask for token and menu, some twenty requests each within a minute.
    limit_ip: Rate = "12000/minute"
    # One device or person, signed in: ten a second is more than a cook with both hands.
    limit_device: Rate = "600/minute"
    # All devices of one tenant, so that no hotel takes the database from the others.
    limit_tenant: Rate = "30000/minute"
    # Passwords tried from one address: the whole staff at the start of a shift, each mistyping once.
    limit_sign_in_ip: Rate = "300/15 minutes"
    # Passwords tried for one account: a person stops long before, and a guesser gets about 1000 a day.
    limit_sign_in_account: Rate = "10/15 minutes"
    # Codes tried from one address: 300 tablets are set up in one morning, each with a retry.
    limit_claim_ip: Rate = "600/hour"
    # Pairings begun at one address: the same morning, and a tablet that is restarted begins anew.
    limit_pairing_ip: Rate = "1200/hour"
    # Pairings of one tenant, from wherever: rooms are set up from several addresses at once.
    limit_pairing_tenant: Rate = "1200/hour"
    # Mails to one account: a person asks twice when the first is slow; nobody's inbox is flooded.
    limit_mail_account: Rate = "5/hour"

    log_level: Annotated[
        Literal["debug", "info", "warning", "error"], Meta(description="debug, info, warning or error")
    ] = "info"
    # One JSON object a line for machines, or columns for people.
    log_format: Annotated[Literal["json", "human"], Meta(description="json or human")] = "json"

    def __repr__(self) -> str:
        return f"Settings(namespace={self.namespace!r}, host={self.host!r}, port={self.port})"
