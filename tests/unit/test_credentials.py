from uuid import UUID

import pytest

from hub.db.ids import uuid7
from hub.errors import Unauthorized
from hub.security.credentials import Credential, digest, matches, new_secret


def test_a_credential_survives_its_text() -> None:
    credential = Credential(uuid7(), uuid7(), new_secret())
    assert Credential.parse(credential.encode()) == credential
    assert credential.secret not in repr(credential)


def test_only_the_secret_itself_matches_its_hash() -> None:
    secret = new_secret()
    assert matches(secret, digest(secret))
    assert not matches(secret + "x", digest(secret))
    assert not matches("\ud800", digest(secret))
    assert not matches(secret, None)


@pytest.mark.parametrize(
    "text", ["", ".", "..", "a.b.c", "x" * 10_000, f"{UUID(int=1)}.é.x", "\x00.\x00.\x00"]
)
def test_what_cannot_be_a_credential_is_refused(text: str) -> None:
    with pytest.raises(Unauthorized):
        Credential.parse(text)
