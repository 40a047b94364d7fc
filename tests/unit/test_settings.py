import base64

import pytest

from hub.errors import SettingError
from hub.settings import TO_MIGRATE, load

SECRET = base64.b64encode(b"\x01" * 32).decode()
GOOD = {"HUB_DATABASE_URL": "postgresql://db/hub", "HUB_TOKEN_KEYS": f"2026-11:HS256:{SECRET}"}


def test_two_settings_are_enough_and_the_rest_has_defaults() -> None:
    settings = load({**GOOD, "PATH": "/bin", "HUB_HOME": "/var/lib/hub"})
    assert (settings.port, settings.workers, settings.namespace, settings.redis_url) == (8080, 1, "hub", None)
    assert settings.token_keys[0].kid == "2026-11"
    assert settings.token_keys[0].secret == b"\x01" * 32


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({**GOOD, "HUB_REDIS_URL": " ", "HUB_PORT": ""}).port == 8080


def test_several_keys_keep_their_order() -> None:
    settings = load({**GOOD, "HUB_TOKEN_KEYS": f"new:HS256:{SECRET}, old:HS256:{SECRET}"})
    assert [key.kid for key in settings.token_keys] == ["new", "old"]


def test_migrating_needs_no_token_keys() -> None:
    assert load({"HUB_DATABASE_URL": "postgresql://db/hub"}, TO_MIGRATE).token_keys == ()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("HUB_DATABASE_URL", "", "postgresql://"),
        ("HUB_DATABASE_URL", "mysql://db/hub", "postgresql://"),
        ("HUB_REDIS_URL", "http://cache", "redis://"),
        ("HUB_PORT", "99999", "TCP port"),
        ("HUB_PORT", "http", "TCP port"),
        ("HUB_WORKERS", "0", "1 to 256"),
        ("HUB_WORKERS", "1.5", "1 to 256"),
        ("HUB_PING_SECONDS", "nan", "up to 300"),
        ("HUB_PING_SECONDS", "-1", "up to 300"),
        ("HUB_NAMESPACE", "Two Words", "a-z"),
        ("HUB_LOG_LEVEL", "loud", "debug, info"),
        ("HUB_TOKEN_KEYS", "", "kid:HS256:"),
        ("HUB_TOKEN_KEYS", "just-a-secret", "kid:HS256:"),
        ("HUB_TOKEN_KEYS", f"a:none:{SECRET}", "kid:HS256:"),
        ("HUB_TOKEN_KEYS", "a:HS256:c2hvcnQ=", "32"),
        ("HUB_TOKEN_KEYS", f"a:HS256:{SECRET},a:HS256:{SECRET}", "no kid twice"),
    ],
)
def test_a_missing_or_wrong_setting_is_named_with_what_is_expected(
    name: str, value: str, expected: str
) -> None:
    with pytest.raises(SettingError) as caught:
        load({**GOOD, name: value})
    assert caught.value.field == name
    assert caught.value.message.startswith(name)
    assert expected in caught.value.message


def test_a_misspelt_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="did you mean HUB_REDIS_URL") as caught:
        load({**GOOD, "HUB_REDIS_URI": "redis://cache"})
    assert caught.value.field == "HUB_REDIS_URI"


@pytest.mark.parametrize("name", ["HUB_DATABASE_URL", "HUB_REDIS_URL", "HUB_TOKEN_KEYS"])
def test_a_wrong_secret_is_not_repeated(name: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({**GOOD, name: "wrong-but-private"})
    assert "private" not in caught.value.message


def test_secrets_do_not_show_in_a_repr() -> None:
    settings = load({**GOOD, "HUB_API_PASSWORD": "open sesame"})
    assert "sesame" not in repr(settings)
    assert "postgresql" not in repr(settings)
    assert "x01" not in repr(settings.token_keys)
