"""Every operation of the API against data that its own description allows, and data that it forbids."""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING, Any, Final, TypeAlias
from uuid import uuid4

import httpx
import pytest
import requests
import schemathesis
from hypothesis import HealthCheck, given
from hypothesis import settings as limits
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.checks import not_a_server_error
from schemathesis.config import SchemathesisConfig
from schemathesis.specs.openapi import checks

from hub.documents import openapi_document
from hub.web.gate import IDEMPOTENCY_KEY
from tests.realtime.screens import token_of
from tests.security.generated import Ids, ids_of, with_ids

if TYPE_CHECKING:
    from hub.db.pool import Connection
    from hub.security.principal import Principal
    from tests.database.strangers import Two

Everybody: TypeAlias = "dict[str, Principal]"
CHECKS: Final = [
    not_a_server_error,
    checks.status_code_conformance,
    checks.content_type_conformance,
    checks.response_headers_conformance,
    checks.response_schema_conformance,
    checks.positive_data_acceptance,
    checks.negative_data_rejection,
]
# Fields that an operation may leave out in one state of what it is about, and not in another.
OF_THE_STATE: Final = {
    "cancelOrder": ("reason",),
    # a step of the ladder never comes before the one under it, whichever of the two is set
    "changeSettings": (
        "alert_unseen_seconds",
        "alert_hook_seconds",
        "alert_chime_seconds",
        "alert_page_seconds",
        # a night ends at another time than it begins; a charge needs a tax rate, a capacity a station, and
        # dishes their headings
        "categories",
        "night_end",
        "night_start",
        "service_charge_bp",
        "station_capacity",
    ),
    # what has begun to hold stays
    "addTaxRate": ("valid_from",),
}
# Fields whose rules are told in words: texts without hidden characters, addresses, cursors.
IN_WORDS: Final = frozenset(
    {
        "after",
        "allergens",
        "allowed_domain",
        "building",
        "business_day_cutover",
        "client",
        "confirm_slug",
        "contact_email",
        "contact_phone",
        "content_en",
        "content_ja",
        "contract_end",
        "custom_domain",
        "description",
        "device_name",
        "due_at",
        "email",
        "expires_at",
        "floor",
        "floors",
        "guest_name",
        "guest_phone",
        "items",
        "key",
        "name",
        "name_en",
        "name_ja",
        "new",
        "options",
        "password",
        "permissions",
        "phone",
        "pin",
        "published_at",
        "reason",
        "role",
        "room",
        "room_number",
        "room_type",
        "settings",
        "slug",
        "stations",
        "summary_en",
        "summary_ja",
        "tax_class",
        "time_zone",
        "title_en",
        "title_ja",
        "to",
        "totp_roles",
        "trip_id",
        "url",
        "user_code",
    }
)
bounded = limits(
    max_examples=8,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


def unguarded() -> dict[str, Any]:
    """The description without its tokens: the tests bring their own, so that no example is lost on a 401."""
    document: dict[str, Any] = json.loads(openapi_document())
    del document["security"]
    for methods in document["paths"].values():
        for operation in methods.values():
            operation.pop("security", None)
    return document


def operations(*, nul: bool) -> list[Any]:
    """Every operation; with `nul`, texts may hold NUL, which the description forbids in words alone."""
    config = SchemathesisConfig()
    config.projects.default.generation.allow_x00 = nul
    found: list[Any] = list(schemathesis.openapi.from_dict(unguarded(), config=config).get_all_operations())
    return [operation.ok() for operation in found]


OPERATIONS: Final = operations(nul=False)
WITH_INPUT: Final = [
    operation
    for operation in operations(nul=True)
    if operation.body or operation.query or operation.headers or operation.path_parameters
]


@pytest.fixture(scope="module")
async def known(admin: Connection, two: Two) -> Ids:
    """Ids that do exist, so that not every answer is a 404."""
    return await ids_of(admin, two.owners, two.ours.tenant_id)


async def check(web: httpx.AsyncClient, everybody: Everybody, case: Any, data: st.DataObject) -> None:
    """Send a generated request as one of ours, and hold the answer against the description."""
    actors = case.operation.definition.raw.get("x-actors", ["tablet"])
    principal = everybody[data.draw(st.sampled_from(actors))]
    case.headers["Authorization"] = f"Bearer {token_of(principal)}"
    request = requests.Request(**case.as_transport_kwargs(base_url="http://hub")).prepare()
    headers = [(_octets(name), _octets(value)) for name, value in request.headers.items()]
    body: Any = request.body
    answer = await web.request(str(request.method), str(request.url), headers=headers, content=body)
    refused = answer.json()["details"].get("field") if answer.status_code == 400 else None
    of_the_state = refused in OF_THE_STATE.get(case.operation.definition.raw["operationId"], ())
    in_words = refused and re.sub(r"\[\d+\]", "", refused).rpartition(".")[2] in IN_WORDS
    excluded = [checks.positive_data_acceptance] if of_the_state or in_words else []
    if not str(request.headers.get("Content-Type", "application/json")).startswith("application/json"):
        # the description says nothing of the bytes of a picture
        excluded += [checks.positive_data_acceptance, checks.negative_data_rejection]
    if answer.status_code == 413 and len(body) > answer.json()["details"]["limit_bytes"]:
        # how many bytes its characters take is nothing that a description can say
        excluded += [checks.positive_data_acceptance, checks.negative_data_rejection]
    case.validate_response(answer, checks=CHECKS, excluded_checks=excluded)


def as_integers(value: Any) -> Any:
    """The same value with 2 for 2.0, as the description asks; JSON Schema knows no difference."""
    match value:
        case dict():
            return {name: as_integers(part) for name, part in value.items()}
        case list():
            return [as_integers(part) for part in value]
        case float() if value.is_integer():
            return int(value)
        case _:
            return value


def _octets(text: str | bytes) -> bytes:
    return text.encode("latin-1") if isinstance(text, str) else text


@pytest.mark.parametrize("operation", OPERATIONS, ids=lambda operation: operation.label)
@given(data=st.data())
@bounded
async def test_what_the_description_allows(
    web: httpx.AsyncClient, everybody: Everybody, known: Ids, operation: Any, data: st.DataObject
) -> None:
    case = data.draw(operation.as_strategy(generation_mode=GenerationMode.POSITIVE))
    if data.draw(st.booleans()):
        pick = data.draw(st.randoms(use_true_random=False))
        case.path_parameters = with_ids(known, pick, case.path_parameters)
        case.body = with_ids(known, pick, case.body)
    case.body = as_integers(case.body)
    if IDEMPOTENCY_KEY in case.headers:
        # a generated one comes twice, for two requests
        case.headers[IDEMPOTENCY_KEY] = str(uuid4())
    await check(web, everybody, case, data)


@pytest.mark.parametrize("operation", WITH_INPUT, ids=lambda operation: operation.label)
@given(data=st.data())
@bounded
async def test_what_the_description_forbids(
    web: httpx.AsyncClient, everybody: Everybody, operation: Any, data: st.DataObject
) -> None:
    case = data.draw(operation.as_strategy(generation_mode=GenerationMode.NEGATIVE))
    await check(web, everybody, case, data)
