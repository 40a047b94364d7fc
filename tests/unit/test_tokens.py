from typing import Any
from uuid import UUID

import jwt
import pytest

from hub.db.ids import uuid7
from hub.errors import TokenExpired, Unauthorized
from hub.security.principal import Principal
from hub.security.tokens import TokenKey, Tokens

KEY = TokenKey("first", "HS256", b"1" * 32)
OTHER = TokenKey("second", "HS256", b"2" * 32)
TENANT, DEVICE, STAY = uuid7(), uuid7(), uuid7()
NOW = 1_795_262_400
CLAIMS: dict[str, Any] = {
    "iss": "hub",
    "sub": str(DEVICE),
    "tid": str(TENANT),
    "kind": "tablet",
    "room": "1203",
    "stay": str(STAY),
    "stations": [],
    "iat": NOW,
    "exp": NOW + 60,
}


class Clock:
    def __init__(self) -> None:
        self.now = float(NOW)

    def __call__(self) -> float:
        return self.now


def issue(tokens: Tokens, stay_id: UUID | None = STAY) -> str:
    token, _ = tokens.issue(
        Principal(
            tenant_id=TENANT,
            id=DEVICE,
            kind="tablet",
            room_number="1203",
            stay_id=stay_id,
            stations=("bar",),
            expires_at=0,
        )
    )
    return token


def forge(
    claims: dict[str, Any], key: bytes = KEY.secret, algorithm: str = "HS256", kid: str | None = "first"
) -> str:
    headers = {} if kid is None else {"kid": kid}
    return jwt.encode(claims, key, algorithm, headers=headers)


def test_a_token_says_who_it_is_for_and_how_long() -> None:
    clock = Clock()
    tokens = Tokens((KEY,), 60, clock)
    principal = tokens.verify(issue(tokens))
    assert (principal.tenant_id, principal.id, principal.kind) == (TENANT, DEVICE, "tablet")
    assert (principal.room_number, principal.stay_id, principal.stations) == ("1203", STAY, ("bar",))
    assert principal.expires_at == NOW + 60


def test_a_token_expires_at_its_second_even_when_it_was_verified_before() -> None:
    clock = Clock()
    tokens = Tokens((KEY,), 60, clock)
    token = issue(tokens)
    clock.now = NOW + 59.9
    tokens.verify(token)
    clock.now = NOW + 60
    for _ in range(2):
        with pytest.raises(TokenExpired):
            tokens.verify(token)


def test_keys_rotate_without_a_logout() -> None:
    clock = Clock()
    old = issue(Tokens((KEY,), 60, clock))
    rotated = Tokens((OTHER, KEY), 60, clock)
    assert rotated.verify(old).id == DEVICE
    new = issue(rotated)
    assert jwt.get_unverified_header(new)["kid"] == "second"
    with pytest.raises(Unauthorized):
        Tokens((OTHER,), 60, clock).verify(old)


@pytest.mark.parametrize(
    "token",
    [
        "",
        "x",
        "a.b.c",
        "e30.e30.e30",
        "\ud800",
        "日本語",
        "x" * 1_000_000,
        jwt.encode(CLAIMS, "", "none", headers={"kid": "first"}),
        forge(CLAIMS, key=OTHER.secret),
        forge(CLAIMS, kid="second"),
        forge(CLAIMS, kid="unknown"),
        forge(CLAIMS, kid=None),
        forge(CLAIMS, key=b"1" * 64, algorithm="HS512"),
        *(
            forge({name: value for name, value in CLAIMS.items() if name != gone})
            for gone in ("iss", "sub", "tid", "kind", "iat", "exp")
        ),
        forge({**CLAIMS, "kind": "staff"}),
        forge({**CLAIMS, "kind": "staff", "role": "manager"}),
        forge({**CLAIMS, "kind": "staff", "role": "owner", "sid": str(STAY)}),
        forge({**CLAIMS, "sid": str(STAY), "role": "manager"}),
        forge({**CLAIMS, "iss": "someone"}),
        forge({**CLAIMS, "sub": "not-an-id"}),
        forge({**CLAIMS, "kind": "admin"}),
        forge({**CLAIMS, "exp": "never"}),
    ],
)
def test_whatever_else_is_not_a_token(token: str) -> None:
    with pytest.raises(Unauthorized) as caught:
        Tokens((KEY,), 60, Clock()).verify(token)
    assert caught.value.code == "unauthorized"


def test_every_changed_character_is_noticed() -> None:
    tokens = Tokens((KEY,), 60, Clock())
    token = issue(tokens)
    # The last character of a part carries bits that base64 ignores; every other one counts.
    for at in range(0, len(token) - 1, 7):
        if token[at] == "." or token[at + 1] == ".":
            continue
        changed = token[:at] + ("A" if token[at] != "A" else "B") + token[at + 1 :]
        with pytest.raises(Unauthorized):
            tokens.verify(changed)
