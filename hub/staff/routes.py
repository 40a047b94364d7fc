"""HTTP of the staff, under /api/v1/staff."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hub.staff import own_routes, people_routes, session_routes
from hub.staff.links import Links

if TYPE_CHECKING:
    from hub.security.hosts import Hosts
    from hub.staff.office import Office
    from hub.web.endpoint import Endpoint
    from hub.web.gate import Gate


def routes(gate: Gate, hosts: Hosts, office: Office) -> list[Endpoint]:
    links = Links(hosts, office.settings.public_url)
    return [
        *session_routes.routes(gate, links, office),
        *own_routes.routes(gate, links, office),
        *people_routes.routes(gate, links, office),
    ]
