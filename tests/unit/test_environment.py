import base64
from pathlib import Path

import pytest

from hub.environment import TO_MIGRATE, is_set, load
from hub.errors import SettingError

SECRET = base64.b64encode(b"\x01" * 32).decode()
LONGER = base64.b64encode(b"\x01" * 33).decode()
GOOD = {"HUB_DATABASE_URL": "postgresql://db/hub", "HUB_MASTER_KEYS": f"2026-11:{SECRET}"}


def test_two_settings_are_enough_and_the_rest_has_defaults() -> None:
    settings = load({**GOOD, "PATH": "/bin", "HUB_HOME": "/var/lib/hub"})
    assert (settings.port, settings.workers, settings.namespace, settings.redis_url) == (8080, 1, "hub", None)
    assert settings.master_keys[0].kid == "2026-11"
    assert settings.master_keys[0].secret == b"\x01" * 32


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load({**GOOD, "HUB_REDIS_URL": " ", "HUB_PORT": ""}).port == 8080


def test_several_keys_keep_their_order() -> None:
    settings = load({**GOOD, "HUB_MASTER_KEYS": f"new:{SECRET}, old:{SECRET}"})
    assert [key.kid for key in settings.master_keys] == ["new", "old"]


def test_several_addresses_and_origins() -> None:
    lists = {
        "HUB_TRUSTED_PROXIES": "10.0.0.2, 192.168.7.0/24,::1",
        "HUB_ALLOWED_ORIGINS": "https://a.example, http://b:81",
    }
    settings = load({**GOOD, **lists})
    assert settings.trusted_proxies == ("10.0.0.2", "192.168.7.0/24", "::1")
    assert settings.allowed_origins == ("https://a.example", "http://b:81")


@pytest.mark.parametrize("name", ["HUB_TLS_CERTIFICATE", "HUB_TLS_KEY"])
def test_a_certificate_and_its_key_come_together(name: str) -> None:
    with pytest.raises(SettingError, match="or none of them") as caught:
        load({**GOOD, name: "/etc/hub/file.pem"})
    assert {name, caught.value.field} == {"HUB_TLS_CERTIFICATE", "HUB_TLS_KEY"}


def test_migrating_needs_no_keys() -> None:
    assert load({"HUB_DATABASE_URL": "postgresql://db/hub"}, TO_MIGRATE).master_keys == ()


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
        ("HUB_TRUSTED_PROXIES", "the-proxy", "10.0.0.2"),
        ("HUB_TRUSTED_PROXIES", "10.0.0.1/8", "192.168.7.0/24"),
        ("HUB_TRUSTED_PROXIES", "10.0.0.1,,10.0.0.2", "10.0.0.2"),
        ("HUB_TRUSTED_PROXIES", "*", "10.0.0.2"),
        ("HUB_ALLOWED_ORIGINS", "https://a.example/page", "https://hub.example"),
        ("HUB_ALLOWED_ORIGINS", "*", "https://hub.example"),
        ("HUB_PUBLIC_URL", "hub.example", "https://"),
        ("HUB_LIMIT_IP", "0/minute", "600/minute"),
        ("HUB_LIMIT_IP", "many", "600/minute"),
        ("HUB_LIMIT_IP", "5/0 minutes", "600/minute"),
        ("HUB_MASTER_KEYS", "", "kid:base64secret"),
        ("HUB_MASTER_KEYS", SECRET, "kid:base64secret"),
        ("HUB_MASTER_KEYS", f"a b:{SECRET}", "kid:base64secret"),
        ("HUB_MASTER_KEYS", f"a:HS256:{SECRET}", "kid:base64secret"),
        ("HUB_MASTER_KEYS", f"a:{LONGER}", "exactly 32"),
        ("HUB_MASTER_KEYS", "a:c2hvcnQ=", "exactly 32"),
        ("HUB_MASTER_KEYS", f"a:{SECRET},a:{SECRET}", "no kid twice"),
        ("HUB_SMTP_URL", "mail.example", "smtps://"),
        ("HUB_SMTP_URL", "smtp://user@mail.example", "smtps://"),
        ("HUB_SMTP_URL", "smtp://user:p@ss@mail.example", "smtps://"),
        ("HUB_SMTP_URL", "smtp://mail.example:587/path", "smtps://"),
        ("HUB_SMTP_URL", "smtp://mail.example:65536", "smtps://"),
        ("HUB_SMTP_URL", "smtp://mail.example:0", "smtps://"),
        ("HUB_SMTP_URL", "smtp://[:::]", "smtps://"),
        ("HUB_MAIL_FROM", "the hub", "e-mail address"),
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


@pytest.mark.parametrize("name", ["HUB_DATABASE_URL", "HUB_REDIS_URL", "HUB_MASTER_KEYS", "HUB_SMTP_URL"])
def test_a_wrong_secret_is_not_repeated(name: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({**GOOD, name: "wrong-but-private"})
    assert "private" not in caught.value.message


def test_secrets_do_not_show_in_a_repr() -> None:
    settings = load({**GOOD, "HUB_API_PASSWORD": "open sesame", "HUB_MASTER_KEYS": f"a:{SECRET}"})
    assert "sesame" not in repr(settings)
    assert "postgresql" not in repr(settings)
    assert "x01" not in repr(settings.master_keys)


def test_master_keys_are_32_bytes_with_a_name() -> None:
    keys = load({**GOOD, "HUB_MASTER_KEYS": f"new:{SECRET}, old:{SECRET}"}).master_keys
    assert [(key.kid, key.secret) for key in keys] == [("new", b"\x01" * 32), ("old", b"\x01" * 32)]


@pytest.mark.parametrize(
    "url",
    [
        "smtp://hub:pass%40word@mail.example:587",
        "smtps://hub%40hotel.example:x@mail.example",
        "smtp://[::1]:25",
        "smtp://mail",
    ],
)
def test_addresses_of_mail_servers(url: str) -> None:
    assert load({**GOOD, "HUB_SMTP_URL": url}).smtp_url == url


def test_any_setting_can_stand_in_a_file(tmp_path: Path) -> None:
    password, keys, port = tmp_path / "password", tmp_path / "keys", tmp_path / "port"
    password.write_text(" open sesame \r\n")
    keys.write_text(f"new:{SECRET},\nold:{SECRET}\n")
    port.write_text("8081")
    environ = {
        "HUB_DATABASE_URL": GOOD["HUB_DATABASE_URL"],
        "HUB_API_PASSWORD_FILE": str(password),
        "HUB_MASTER_KEYS_FILE": str(keys),
        "HUB_PORT_FILE": str(port),
        "HUB_REDIS_URL_FILE": "",
    }
    settings = load(environ)
    assert (settings.api_password, settings.port, settings.redis_url) == (" open sesame ", 8081, None)
    assert [key.kid for key in settings.master_keys] == ["new", "old"]
    assert is_set(environ, "HUB_MASTER_KEYS")
    assert is_set(environ, "HUB_DATABASE_URL")
    assert not is_set(environ, "HUB_REDIS_URL")


def test_a_setting_and_its_file_exclude_each_other(tmp_path: Path) -> None:
    file = tmp_path / "port"
    file.write_text("8081")
    with pytest.raises(SettingError, match="HUB_PORT and HUB_PORT_FILE are both set") as caught:
        load({**GOOD, "HUB_PORT": "8080", "HUB_PORT_FILE": str(file)})
    assert caught.value.field == "HUB_PORT_FILE"


@pytest.mark.parametrize(
    ("content", "problem"),
    [
        (None, "No such file"),
        (b"", "empty"),
        (b" \n", "empty"),
        (b"private\xff", "UTF-8"),
        (b"private" * 10_000, "65536 bytes"),
        (b"private", "a TCP port"),
        (b"8081\nprivate", "a TCP port"),
    ],
)
def test_a_file_that_does_not_help_is_named_without_its_content(
    tmp_path: Path, content: bytes | None, problem: str
) -> None:
    file = tmp_path / "value"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(SettingError) as caught:
        load({**GOOD, "HUB_PORT_FILE": str(file)})
    assert caught.value.field == "HUB_PORT_FILE"
    assert caught.value.message.startswith("HUB_PORT_FILE")
    assert problem in caught.value.message
    assert "private" not in caught.value.message
    assert caught.value.__cause__ is None


@pytest.mark.parametrize("path", ["/", "/dev/zero", "a\0b"])
def test_a_path_that_is_no_file_is_refused(path: str) -> None:
    with pytest.raises(SettingError) as caught:
        load({**GOOD, "HUB_PORT_FILE": path})
    assert caught.value.field == "HUB_PORT_FILE"


def test_a_misspelt_file_setting_is_refused_with_the_nearest_name() -> None:
    with pytest.raises(SettingError, match="did you mean HUB_API_PASSWORD_FILE"):
        load({**GOOD, "HUB_API_PASWORD_FILE": "/run/secrets/api"})


@pytest.mark.parametrize("host", ["0.0.0.0", "::", "10.0.0.7", "hub.internal"])
def test_metrics_that_others_can_reach_need_a_token(host: str) -> None:
    with pytest.raises(SettingError, match="HUB_METRICS_TOKEN is missing") as caught:
        load({**GOOD, "HUB_METRICS_HOST": host})
    assert caught.value.field == "HUB_METRICS_TOKEN"
    token = "0123456789abcdef"
    settings = load({**GOOD, "HUB_METRICS_HOST": host, "HUB_METRICS_TOKEN": token})
    assert settings.metrics_token == token
    assert token not in repr(settings)


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_metrics_for_this_machine_need_none(host: str) -> None:
    assert load({**GOOD, "HUB_METRICS_HOST": host, "HUB_METRICS_PORT": "9464"}).metrics_token is None
    assert load(GOOD).metrics_port is None


@pytest.mark.parametrize("token", ["private", "a private blank in it", "private" * 40, "private\u00ef" * 4])
def test_a_wrong_token_is_not_repeated(token: str) -> None:
    with pytest.raises(SettingError, match="16 to 256") as caught:
        load({**GOOD, "HUB_METRICS_TOKEN": token})
    assert "private" not in caught.value.message
