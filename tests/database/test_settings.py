"""The database holds the limits of a hotel's settings, whoever writes them."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import asyncpg
import pytest

from tests.factories import Hotel

if TYPE_CHECKING:
    from hub.db.pool import Connection

SAVE = "UPDATE app.tenants SET settings = $2 WHERE id = $1"


@pytest.mark.parametrize(
    "kept",
    [
        {},
        {"station_capacity": {}},
        {"station_capacity": {"kitchen": 1, "cold_2": 50}},
        {"service_charge_bp": 0, "delivery_minutes": 0, "idle_seconds": 30, "legal_age": 0},
        {"service_charge_bp": 3000, "delivery_minutes": 120, "idle_seconds": 3600, "legal_age": 30},
        {"night_start": "00:00"},
        {"night_start": "23:59", "night_end": "09:30"},
        {"throttle_interval_minutes": 5, "throttle_orders": 1, "throttle_minutes": 1},
        {"throttle_interval_minutes": 60, "throttle_orders": 1000, "throttle_minutes": 10_000},
    ],
    ids=str,
)
async def test_what_can_be(admin: Connection, hotel: Hotel, kept: dict[str, Any]) -> None:
    await admin.execute(SAVE, hotel.tenant_id, json.dumps(kept))


@pytest.mark.parametrize(
    ("constraint", "kept"),
    [
        ("station_capacity", {"station_capacity": {"kitchen": 0}}),
        ("station_capacity", {"station_capacity": {"kitchen": 51}}),
        ("station_capacity", {"station_capacity": {"kitchen": 2.5}}),
        ("station_capacity", {"station_capacity": {"kitchen": "3"}}),
        ("station_capacity", {"station_capacity": {"kitchen": None}}),
        ("station_capacity", {"station_capacity": {"kitchen": [3]}}),
        ("station_capacity", {"station_capacity": {"kitchen": {"day": 3}}}),
        ("station_capacity", {"station_capacity": {"bar": 3, "Kitchen": 3}}),
        ("station_capacity", {"station_capacity": {"kitchen\n": 3}}),
        ("station_capacity", {"station_capacity": {"k" * 41: 3}}),
        ("station_capacity", {"station_capacity": [3]}),
        ("station_capacity", {"station_capacity": 3}),
        ("station_capacity", {"station_capacity": None}),
        ("service_charge_bp", {"service_charge_bp": 3001}),
        ("delivery_minutes", {"delivery_minutes": 121}),
        ("idle_seconds", {"idle_seconds": 29}),
        ("legal_age", {"legal_age": 31}),
        ("night", {"night_start": "24:00"}),
        ("night", {"night_end": "7:00"}),
        ("throttle", {"throttle_interval_minutes": 7}),
        ("throttle", {"throttle_orders": 0}),
        ("throttle", {"throttle_minutes": 10_001}),
    ],
    ids=str,
)
async def test_what_cannot(admin: Connection, hotel: Hotel, constraint: str, kept: dict[str, Any]) -> None:
    with pytest.raises(asyncpg.CheckViolationError, match=f"tenants_settings_{constraint}"):
        await admin.execute(SAVE, hotel.tenant_id, json.dumps(kept))
