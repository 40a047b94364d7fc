"""Who may do what: one pure table. A device has the permissions of its kind, a member of staff those of
the role and the ones given to that person besides."""

from __future__ import annotations

from enum import StrEnum
from typing import Final, Literal, TypeAlias


class Permission(StrEnum):
    """What a caller may be allowed to do. Every operation and every address that is not public names one."""

    ORDER_PLACE = "order.place"
    ORDER_READ = "order.read"
    ORDER_COOK = "order.cook"
    ORDER_DELIVER = "order.deliver"
    ORDER_CANCEL = "order.cancel"
    ORDER_RUSH = "order.rush"
    MENU_READ = "menu.read"
    MENU_STOCK = "menu.stock"
    FILE_MANAGE = "file.manage"
    PAGE_MANAGE = "page.manage"
    PHONE_INVITE = "phone.invite"
    COOK_SWITCH = "cook.switch"
    SCREEN_CONFIGURE = "screen.configure"
    ALLERGEN_DECLARE = "allergen.declare"
    STAY_READ = "stay.read"
    STAY_MANAGE = "stay.manage"
    DEVICE_READ = "device.read"
    DEVICE_PAIR = "device.pair"
    DEVICE_MANAGE = "device.manage"
    STAFF_MANAGE = "staff.manage"
    AUDIT_READ = "audit.read"
    WEBHOOK_MANAGE = "webhook.manage"
    TAX_MANAGE = "tax.manage"
    TENANT_MANAGE = "tenant.manage"
    # one's own password, second factor, sessions: everybody who signs in
    SELF = "self"


Kind: TypeAlias = Literal["tablet", "phone", "kitchen", "staff"]
StaffRole: TypeAlias = Literal["front", "kitchen", "runner", "menu_editor", "manager", "super_admin"]

_P = Permission
_KITCHEN: Final = frozenset(
    {
        _P.ORDER_READ,
        _P.ORDER_COOK,
        _P.ORDER_DELIVER,
        _P.ORDER_CANCEL,
        _P.ORDER_RUSH,
        _P.MENU_READ,
        _P.MENU_STOCK,
    }
)
_GUEST: Final = frozenset({_P.ORDER_PLACE, _P.ORDER_READ, _P.ORDER_CANCEL, _P.MENU_READ, _P.ALLERGEN_DECLARE})
_OWN: Final = frozenset({_P.SELF})

DEVICES: Final[dict[str, frozenset[Permission]]] = {
    "tablet": _GUEST | {_P.PHONE_INVITE},
    "phone": _GUEST,
    "kitchen": _KITCHEN | {_P.COOK_SWITCH, _P.SCREEN_CONFIGURE},
}
ROLES: Final[dict[StaffRole, frozenset[Permission]]] = {
    "front": _OWN
    | {
        _P.ORDER_PLACE,
        _P.ORDER_READ,
        _P.ORDER_CANCEL,
        _P.ORDER_RUSH,
        _P.MENU_READ,
        _P.STAY_READ,
        _P.STAY_MANAGE,
        _P.ALLERGEN_DECLARE,
        _P.DEVICE_READ,
        _P.DEVICE_PAIR,
    },
    "kitchen": _OWN | _KITCHEN,
    "runner": _OWN | {_P.ORDER_READ, _P.ORDER_DELIVER, _P.MENU_READ},
    "menu_editor": _OWN | {_P.MENU_READ, _P.MENU_STOCK, _P.FILE_MANAGE, _P.PAGE_MANAGE},
    "manager": frozenset(Permission)
    - {_P.PHONE_INVITE, _P.COOK_SWITCH, _P.SCREEN_CONFIGURE, _P.TENANT_MANAGE},
    "super_admin": _OWN | {_P.TENANT_MANAGE, _P.STAFF_MANAGE, _P.AUDIT_READ},
}
# What a manager may give to a person besides the role: nothing that reaches beyond the hotel or raises
# oneself, nor orders on a guest's bill.
GRANTABLE: Final = ROLES["manager"] - {_P.STAFF_MANAGE, _P.WEBHOOK_MANAGE, _P.ORDER_PLACE}


def permissions_of(kind: Kind, role: StaffRole | None, extra: frozenset[str]) -> frozenset[Permission]:
    """All that a caller may do. Extra permissions that nobody can give count for nothing."""
    if kind != "staff":
        return DEVICES[kind]
    if role is None:
        return frozenset()
    given = frozenset(permission for permission in GRANTABLE if permission in extra)
    return ROLES[role] if role == "super_admin" else ROLES[role] | given


def holders(permission: Permission) -> list[str]:
    """The kinds of devices and the roles of staff that have it, sorted; staff as `staff:<role>`."""
    devices = [kind for kind, has in DEVICES.items() if permission in has]
    return sorted([*devices, *(f"staff:{role}" for role, has in ROLES.items() if permission in has)])
