"""The statements that everybody waits for, with values as they come, and the indexes that each of them reads:
one that it must, and all that it may."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    pass


EXPECTED: list[tuple[str, str, str, set[str]]] = [
    (
        "orders.active_orders",
        "'{tenant}', '2020-01-01', '{stay}', 100",
        "orders_active",
        {"orders_active", "order_items_pkey"},
    ),
    (
        "orders.active_orders_of_stay",
        "'{tenant}', '2020-01-01', '{stay}', 100, '{stay}'",
        "orders_",  # the active ones, or those of the stay: both are few
        {"orders_active", "orders_stay", "order_items_pkey"},
    ),
    ("orders.document", "'{tenant}', '{order}', NULL", "orders_pkey", {"orders_pkey", "order_items_pkey"}),
    ("orders.lock_order", "'{tenant}', '{order}', '{stay}'", "orders_pkey", {"orders_pkey", "tenants_pkey"}),
    (
        "orders.menu_items_of_order",
        "'{tenant}', '{order}', NULL",
        "orders_pkey",
        {"orders_pkey", "order_items_pkey"},
    ),
    (
        "orders.mark_shown",
        "'{tenant}', ARRAY['{order}'::uuid], now()",
        "orders_pkey",
        # a plan for any number of ids may look them up in the orders of the hotel, while those are few
        {"orders_pkey", "orders_keyset"},
    ),
    (
        "orders.update_order",
        "'{tenant}', '{order}', 'cooking', NULL, NULL, NULL, NULL, NULL, NULL, '{{}}', false, NULL, '{{}}',"
        " NULL, 0, NULL, '{{1}}', '{{ready}}'",
        "order",
        {"orders_pkey", "order_items_pkey"},
    ),
    (
        "orders.basis",
        "'{tenant}', '{stay}', ARRAY['{item}'::uuid], now(), true",
        "orders_active",
        {
            "stays_pkey",
            "tenants_pkey",
            "orders_active",
            "order_items_pkey",
            "menu_items_pkey",
            "menu_items_visible",
            "tax_rates_one_per_day",
            "tax_rates_pkey",
        },
    ),
    (
        "orders.terms",
        "'{tenant}', '{stay}', now(), true",
        "orders_active",
        {
            "stays_pkey",
            "tenants_pkey",
            "orders_active",
            "order_items_pkey",
            "tax_rates_one_per_day",
            "tax_rates_pkey",
        },
    ),
    (
        "orders.slots_taken",
        "'{tenant}', now()",
        "orders_active",
        {"orders_active", "orders_finished", "order_items_pkey"},
    ),
    (
        "orders.stay_in_room",
        "'{tenant}', '101'",
        "stays_one_open_per_room",
        {"stays_one_open_per_room"},
    ),
    (
        "devices.admitted",
        "'{tenant}', ARRAY['{item}'::uuid], '{{tablet}}', '{{101}}', '{{1}}', ARRAY['{stay}'::uuid],"
        " '{{NULL}}', '{{}}'",
        "device_rooms",
        {"tenants_pkey", "device_rooms_pkey", "stays_one_open_per_room", "stays_pkey"},
    ),
    (
        "orders.menu_items",
        "'{tenant}', ARRAY['{item}'::uuid]",
        "menu_items",
        {"menu_items_pkey", "menu_items_visible"},
    ),
    ("orders.lock_stock", "'{tenant}', ARRAY['{item}'::uuid]", "menu_items", {"menu_items_pkey"}),
    (
        "menu.menu",
        "'{tenant}'",
        "menu_items",
        {"menu_items_pkey", "menu_items_visible", "tenants_pkey"},
    ),
    ("hotel.used", "'{tenant}'", "menu_items", {"menu_items_pkey", "menu_items_visible"}),
    ("rates.rates", "'{tenant}'", "tax_rates", {"tax_rates_one_per_day", "tax_rates_pkey"}),
    ("orders.share_stay", "'{tenant}', '{stay}'", "stays_pkey", {"stays_pkey"}),
    (
        "stays.open_stays",
        "'{tenant}', '', NULL, 200",
        "stays_one_open_per_room",
        {"stays_one_open_per_room", "device_rooms_one_tablet_per_room", "orders_active", "orders_stay"},
    ),
    (
        "stays.stays_of_phone",
        "'{tenant}', ARRAY[sha256('x')], 200",
        "stays_guest_phone",
        {"stays_guest_phone", "device_rooms_one_tablet_per_room", "orders_active", "orders_stay"},
    ),
    (
        "stays.tablet",
        "'{tenant}', '101'",
        "device_rooms_one_tablet_per_room",
        {"device_rooms_one_tablet_per_room"},
    ),
    (
        "stays.open_orders",
        "'{tenant}', '{stay}'",
        "orders_",
        {"orders_active", "orders_stay"},
    ),
    ("orders.stay_is_open", "'{tenant}', '{stay}'", "stays_pkey", {"stays_pkey"}),
    (
        "log.state",
        "'{tenant}', now()",
        "orders_active",
        {
            "orders_active",
            "orders_unacknowledged",
            "orders_finished",
            "order_items_pkey",
            "menu_items_visible",
            "menu_items_pkey",
            "pages_shown",
            "device_rooms_phones",
            "device_rooms_screens",
            "device_presence_silent",
            "stays_declared",
            "tenant_heads_pkey",
            "tenants_pkey",
        },
    ),
    (
        "log.events_after",
        "'{tenant}', 1900, 500",
        "events_pkey",
        {"events_pkey", "tenant_heads_pkey"},
    ),
    ("operations.stored", "'{tenant}', '{stay}', '{order}'", "idempotency_pkey", {"idempotency_pkey"}),
    (
        "devices.device",
        "'{tenant}', '{device}'",
        "device_rooms_pkey",
        {"device_rooms_pkey", "stays_one_open_per_room", "stays_pkey", "tenants_pkey"},
    ),
    (
        "devices.open_sessions",
        "'{tenant}', ARRAY['{device}'::uuid], ARRAY[now()], ARRAY[0.5::float8]",
        "device_rooms_pkey",
        {"device_rooms_pkey", "device_presence_pkey"},
    ),
    (
        "devices.see_sessions",
        "'{tenant}', ARRAY['{device}'::uuid], ARRAY[1::bigint], ARRAY[now()]",
        "device_presence_pkey",
        {"device_presence_pkey"},
    ),
    (
        "devices.close_sessions",
        "'{tenant}', ARRAY['{device}'::uuid], ARRAY[1::bigint], ARRAY[now()]",
        "device_presence_pkey",
        {"device_presence_pkey"},
    ),
]


# What no named query asks yet, but the indexes are there for.
TO_COME: dict[str, tuple[str, str, str]] = {
    "keyset paging, newest first": (
        "SELECT id FROM app.orders WHERE tenant_id = $1 AND (created_at, id) < ($2, $3)"
        " ORDER BY created_at DESC, id DESC LIMIT 20",
        "'{tenant}', now(), '{order}'",
        "orders_keyset",
    ),
    "the history of a room": (
        "SELECT id FROM app.orders WHERE tenant_id = $1 AND room_number = $2"
        " ORDER BY created_at DESC LIMIT 20",
        "'{tenant}', '107'",
        "orders_room",
    ),
    "the history of a stay": (
        "SELECT id FROM app.orders WHERE tenant_id = $1 AND stay_id = $2"
        " ORDER BY created_at DESC, id DESC LIMIT 20",
        "'{tenant}', '{stay}'",
        "orders_stay",
    ),
}


# As hub_relay, over all tenants.
OF_THE_RELAY: list[tuple[str, str, str]] = [
    ("log.new_events", "'{xid}', 5001", "events_xid"),
    ("log.events_of_many", "ARRAY['{tenant}'::uuid], ARRAY[1900::bigint], 500", "events_pkey"),
]


# With one id each in these tests, and a plan that is made for ten: they are short, and quickly planned. What
# a new order of one dish reads is on the border, and falls to either side by the sample of the statistics.
OF_MANY: Final = {
    "devices.admitted",
    "devices.close_sessions",
    "devices.see_sessions",
    "orders.basis",
    "orders.lock_stock",
    "orders.mark_shown",
    "orders.menu_items",
}


ONCE: Final = [row[:2] for row in EXPECTED if row[0] not in OF_MANY]


# What the functions of hot statements read, which their callers' plans do not show: function, where its query
# stands, its arguments, values, indexes.
INSIDE: Final = [
    (
        "order_now",
        r"RETURN \((.*)\);",
        ("tenant", "wanted"),
        "'{tenant}', '{order}'",
        "orders_pkey",
        {"orders_pkey", "order_items_pkey"},
    ),
    (
        "order_items_now",
        r"RETURN \((.*)\);",
        ("tenant", "wanted"),
        "'{tenant}', '{order}'",
        "order_items_pkey",
        {"order_items_pkey"},
    ),
    (
        "claim_operation",
        r"RETURN QUERY (.*?);",
        ("principal", "op"),
        "'{stay}', '{order}'",
        "idempotency_pkey",
        {"idempotency_pkey"},
    ),
]
