import pickle
from collections.abc import Iterator

import msgspec

from hub import errors
from hub.errors import HubError


def tree(root: type[HubError]) -> Iterator[type[HubError]]:
    """The errors of the tree; a part of the hub may have narrower ones of its own."""
    yield root
    for child in root.__subclasses__():
        if child.__module__ == errors.__name__:
            yield from tree(child)


def test_the_drawn_tree_is_the_real_one() -> None:
    drawn = {
        line.replace("│", " ").split("── ", 1)[-1].split()[0]: line
        for line in (errors.__doc__ or "").splitlines()
        if "── " in line or line.strip() == "HubError"
    }
    real = {error.__name__: error for error in tree(HubError)}
    assert set(drawn) == set(real)
    for name, error in real.items():
        if error not in (HubError, errors.SettingError):
            assert f"{error.status} {error.code}" in drawn[name]
            assert ("temporary" in drawn[name]) == error.temporary


def test_each_code_is_its_own() -> None:
    # A client must not be able to tell a broken seal from another bug.
    codes = [error.code for error in tree(HubError) if error not in (HubError, errors.SealBroken)]
    assert len(codes) == len(set(codes))


def test_an_error_is_data() -> None:
    error = errors.PriceChanged(
        "the total is now 1100 yen", field="quoted_total", quote=msgspec.Raw(b'{"a":1}')
    )
    assert error.field == "quoted_total"
    assert msgspec.json.decode(msgspec.json.encode(error.to_data())) == {
        "code": "price_changed",
        "message": "the total is now 1100 yen",
        "temporary": False,
        "details": {"field": "quoted_total", "quote": {"a": 1}},
    }


def test_an_error_crosses_processes() -> None:
    error = pickle.loads(pickle.dumps(errors.NotFound("no such order", field="order_id")))
    assert (error.code, error.field) == ("not_found", "order_id")
