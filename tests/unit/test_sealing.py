import base64
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.db.ids import uuid7
from hub.errors import Internal, SealBroken
from hub.security.sealing import DataKey, MasterKeys, about, blind_index, key_id, kid_of, new_data_key_secret
from hub.settings import MasterKey

OLD, NEW = MasterKey("2026-11", b"1" * 32), MasterKey("2026.12_b", b"2" * 32)
KEY = DataKey(UUID(int=1), new_data_key_secret())
PLACE = about(uuid7(), "stays", "guest_name", uuid7())
SEALED = KEY.seal("Hanako 花子", PLACE)
WRAPPED = MasterKeys((OLD,)).wrap(KEY.secret, PLACE)
TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=80)


@given(TEXT, TEXT)
def test_what_was_sealed_opens_again_in_its_place(text: str, place: str) -> None:
    assert KEY.open(KEY.seal(text, place), place) == text


@given(st.binary(max_size=64), TEXT)
def test_what_was_wrapped_unwraps_again(secret: bytes, place: str) -> None:
    keys = MasterKeys((OLD,))
    assert keys.unwrap(keys.wrap(secret, place), place) == secret


@given(st.data())
def test_every_changed_character_is_noticed(data: st.DataObject) -> None:
    for text, opened in ((SEALED, KEY.open), (WRAPPED, MasterKeys((OLD, NEW)).unwrap)):
        at = data.draw(st.integers(0, len(text) - 1))
        other = data.draw(st.sampled_from(sorted(set("AB:ab=-_ 0é\ud800\n") - {text[at]})))
        for changed in (text[:at] + other + text[at + 1 :], text[:at] + text[at + 1 :], text + other):
            with pytest.raises(SealBroken):
                opened(changed, PLACE)


def test_no_other_spelling_of_the_same_bytes_opens() -> None:
    sealed = KEY.seal("x", PLACE)  # 29 bytes: the last character carries bits that base64 ignores
    letters = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_"
    twin = sealed[:-1] + letters[letters.index(sealed[-1]) ^ 1]
    body = [text.rpartition(":")[2] + "=" for text in (sealed, twin)]
    assert base64.urlsafe_b64decode(body[0]) == base64.urlsafe_b64decode(body[1])
    with pytest.raises(SealBroken):
        KEY.open(twin, PLACE)


@pytest.mark.parametrize(
    "text",
    ["", "v1", "v1:", "v1::", f"v1:{KEY.id.hex}:", f"v1:{KEY.id.hex}:AAAA", f"v2:{KEY.id.hex}:AAAA", ":" * 9],
)
def test_what_is_no_sealed_text_is_refused(text: str) -> None:
    with pytest.raises(SealBroken):
        KEY.open(text, PLACE)
    with pytest.raises(SealBroken):
        MasterKeys((OLD,)).unwrap(text.replace("v", "m"), PLACE)


def test_a_text_opens_only_in_the_place_it_was_sealed_for() -> None:
    tenant, row = uuid7(), uuid7()
    sealed = KEY.seal("Hanako", about(tenant, "stays", "guest_name", row))
    places = [
        about(uuid7(), "stays", "guest_name", row),
        about(tenant, "staff", "guest_name", row),
        about(tenant, "stays", "guest_phone", row),
        about(tenant, "stays", "guest_name", uuid7()),
    ]
    for place in places:
        with pytest.raises(SealBroken):
            KEY.open(sealed, place)


def test_another_key_does_not_open_it() -> None:
    sealed = KEY.seal("Hanako", PLACE)
    for other in (DataKey(uuid7(), KEY.secret), DataKey(KEY.id, new_data_key_secret())):
        with pytest.raises(SealBroken):
            other.open(sealed, PLACE)


def test_the_same_text_is_sealed_differently_each_time() -> None:
    assert len({KEY.seal("Hanako", PLACE) for _ in range(10)}) == 10


def test_master_keys_change_without_losing_what_the_old_one_wrapped() -> None:
    wrapped = MasterKeys((OLD,)).wrap(KEY.secret, PLACE)
    changed = MasterKeys((NEW, OLD))
    assert changed.unwrap(wrapped, PLACE) == KEY.secret
    assert kid_of(wrapped) == "2026-11"
    assert kid_of(changed.wrap(KEY.secret, PLACE)) == changed.current == "2026.12_b"
    with pytest.raises(SealBroken, match="HUB_MASTER_KEYS"):
        MasterKeys((NEW,)).unwrap(wrapped, PLACE)


def test_a_sealed_text_names_its_key() -> None:
    assert key_id(KEY.seal("", PLACE)) == KEY.id
    for text in ("v1:short:AAAA", "m1:2026-11:AAAA"):
        with pytest.raises(SealBroken):
            key_id(text)


def test_a_data_key_is_never_shorter_than_32_bytes() -> None:
    with pytest.raises(ValueError, match="32 bytes"):
        DataKey(UUID(int=1), b"k" * 16)


def test_secrets_do_not_show() -> None:
    assert "1111" not in repr(OLD)
    assert repr(KEY) == f"DataKey(id={KEY.id})"
    assert issubclass(SealBroken, Internal)  # so that the answer to a client is the one for a bug


@given(st.tuples(TEXT, TEXT), st.tuples(TEXT, TEXT))
def test_no_two_labels_and_texts_share_a_blind_index(one: tuple[str, str], other: tuple[str, str]) -> None:
    assert (blind_index(KEY.secret, *one) == blind_index(KEY.secret, *other)) == (one == other)


def test_a_blind_index_keeps_label_and_text_apart_and_needs_the_secret() -> None:
    index = blind_index(KEY.secret, "staff.email", "a@b.example")
    assert len(index) == 32
    assert index == blind_index(KEY.secret, "staff.email", "a@b.example")
    assert index != blind_index(new_data_key_secret(), "staff.email", "a@b.example")
    assert blind_index(KEY.secret, "ab", "c") != blind_index(KEY.secret, "a", "bc")
