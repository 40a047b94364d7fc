"""What the hub can be asked: the services behind its addresses and commands, and who may see what of a
log."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TYPE_CHECKING, Final, get_args

from msgspec import Struct

from hub.audit import routes as audit_routes
from hub.db.database import Database
from hub.devices import fleet_routes, phone_routes
from hub.devices import routes as device_routes
from hub.devices.commands import Devices
from hub.devices.cooks import CookCommands
from hub.devices.pairing import APPROVE, Pairing
from hub.devices.phones import Phones
from hub.devices.screens import CONFIGURE
from hub.hooks import routes as hook_routes
from hub.hooks.desk import HookDesk
from hub.menu import commands as menu_commands
from hub.menu import routes as menu_routes
from hub.operations import Operations
from hub.ops import health
from hub.orders import commands as order_commands
from hub.orders import kitchen_routes, taking_routes
from hub.orders import routes as order_routes
from hub.pages import routes as page_routes
from hub.realtime.protocol import SUBPROTOCOL, ClientFrame, CloseCode, Command, Done, Failed, HubFrame
from hub.security.hosts import Hosts
from hub.security.limits import Limiter
from hub.security.passwords import Passwords
from hub.security.permissions import Permission
from hub.security.sealing import MasterKeys
from hub.security.vault import Vault
from hub.staff import routes as staff_routes
from hub.staff.after import After
from hub.staff.mail import Outbox, SmtpMailer
from hub.staff.office import Office
from hub.staff.people import Team
from hub.stays import routes as stay_routes
from hub.stays.allergens import DECLARE
from hub.stays.commands import FrontDesk
from hub.tenants import file_routes, hotel, rate_routes
from hub.tenants import routes as tenant_routes
from hub.tenants.commands import Platform
from hub.tenants.residence import Residence
from hub.web import asyncapi
from hub.web.gate import Gate

if TYPE_CHECKING:
    from starlette.routing import BaseRoute

    from hub.db.pool import Pool
    from hub.db.reach import Reach
    from hub.db.replicas import Replicas
    from hub.operations import Operation
    from hub.security.principal import Principal
    from hub.security.tokens import Tokens
    from hub.settings import Settings
    from hub.staff.mail import Mailer
    from hub.staff.people import Hire

SOCKET: Final = asyncapi.Socket(
    path="/ws",
    subprotocol=SUBPROTOCOL,
    command=Command,
    received=get_args(ClientFrame),
    sent=get_args(HubFrame),
    replies=(Done, Failed),
    close_codes=tuple(asyncapi.Close(code, code.name, code.reason, code.reconnect) for code in CloseCode),
)


class Pools(Struct, frozen=True):
    """A pool for each role that serves clients; `replicas` answer some of what hub_api reads, `reach` knows
    whether the primary answers."""

    api: Pool
    auth: Pool
    admin: Pool
    replicas: Replicas | None = None
    reach: Reach | None = None


class Services(Struct, frozen=True):
    """What the addresses and the socket call."""

    gate: Gate
    residence: Residence
    limiter: Limiter
    tokens: Tokens
    vault: Vault
    database: Database
    platform: Database
    operations: Operations
    devices: Devices
    pairing: Pairing
    approvals: Operations
    public_url: str | None
    tenants: Platform
    hosts: Hosts
    office: Office
    hooks: HookDesk
    mailer: Mailer | None


def commands(vault: Vault, public_url: str | None = None) -> tuple[Operation, ...]:
    """Every command of the socket; most of them stand behind HTTP too. `public_url` is where guests find the
    hub, when that is not where they ask."""
    return (
        *order_commands.operations(),
        *menu_commands.OPERATIONS,
        *FrontDesk(vault).operations(),
        DECLARE,
        CONFIGURE,
        *CookCommands(vault).operations(),
        *Phones(public_url).operations(),
    )


def build(
    settings: Settings,
    pools: Pools,
    tokens: Tokens,
    limiter: Limiter,
    *,
    clock: Callable[[], datetime],
    mailer: Mailer | None = None,
) -> Services:
    """The services of one process. `mailer` sends letters in place of the mail server of the settings."""
    if mailer is None and settings.smtp_url is not None and settings.mail_from is not None:
        mailer = SmtpMailer(settings.smtp_url, settings.mail_from)
    database = Database(pools.api, clock=clock, replicas=pools.replicas, reach=pools.reach)
    platform = Database(pools.admin, clock=clock, reach=pools.reach)
    vault = Vault(MasterKeys(settings.master_keys), fresh_seconds=settings.keys_seconds)
    hosts = Hosts(pools.auth, settings.base_domain)
    residence = Residence(hosts, database)
    devices = Devices(pools.auth, database, tokens, credential_days=settings.credential_days)
    office = Office(
        database=database,
        vault=vault,
        tokens=tokens,
        passwords=Passwords(
            processes=settings.password_processes,
            waiting=settings.password_waiting,
            rounds=settings.bcrypt_rounds,
        ),
        limiter=limiter,
        after=After(),
        outbox=None if mailer is None else Outbox(mailer),
        settings=settings,
    )

    public = () if settings.public_url is None else (settings.public_url,)

    async def invite(email: str, name: str) -> Hire:
        return await Team(office).first_manager(email, name, settings.public_url)

    return Services(
        gate=Gate(
            tokens,
            settings.body_bytes,
            limiter=limiter,
            at_home=residence.check,
            # as browsers write them; the same that may open a socket
            origins=frozenset(origin.lower() for origin in (*settings.allowed_origins, *public)),
        ),
        residence=residence,
        limiter=limiter,
        tokens=tokens,
        vault=vault,
        database=database,
        platform=platform,
        tenants=Platform(platform, vault, base_domain=settings.base_domain, invite=invite),
        operations=Operations(database, vault, commands(vault, settings.public_url)),
        devices=devices,
        pairing=Pairing(pools.auth, database, devices, limiter),
        approvals=Operations(database, vault, [APPROVE]),
        public_url=settings.public_url,
        hosts=hosts,
        office=office,
        hooks=HookDesk(database, vault, private=settings.webhook_private),
        mailer=mailer,
    )


def http_routes(services: Services, watch: health.Health) -> list[BaseRoute]:
    """Every address but the pages and the socket."""
    gate, database = services.gate, services.database
    return [
        *device_routes.routes(
            gate, services.devices, services.pairing, services.limiter, services.public_url
        ),
        *fleet_routes.routes(gate, services.pairing, services.approvals, database),
        *phone_routes.routes(gate, Phones(services.public_url), database),
        *menu_routes.routes(gate, services.operations, database),
        *page_routes.routes(gate, database),
        # before those of one order, which would take "recent" for its id
        *kitchen_routes.routes(gate, services.operations),
        *taking_routes.routes(gate, services.operations),
        *order_routes.routes(gate, services.operations, database),
        *stay_routes.routes(gate, services.operations, database, services.vault),
        *staff_routes.routes(gate, services.hosts, services.office),
        *audit_routes.routes(gate, database, services.platform),
        *tenant_routes.routes(gate, services.tenants),
        *file_routes.routes(gate, database),
        *hotel.routes(gate, services.hosts, database),
        *rate_routes.routes(gate, database),
        *hook_routes.routes(gate, services.hooks),
        *health.routes(watch),
        asyncapi.route(SOCKET, commands(services.vault)),
    ]


def topics_of(principal: Principal) -> frozenset[str]:
    """What a principal may see of its tenant's log. A guest's topic is the stay, never the room."""
    topics = {"tenant"}
    if principal.kind == "staff":
        topics.add(f"session:{principal.session_id}")
    else:
        topics.add(f"device:{principal.id}")
    if principal.may(Permission.MENU_READ):
        topics.add("menu")
    if principal.kind in ("tablet", "phone"):
        topics.add("pages")
        if principal.stay_id is not None:
            topics.add(f"stay:{principal.stay_id}")
    elif principal.may(Permission.ORDER_READ):
        topics.add("kitchen")
    return frozenset(topics)
