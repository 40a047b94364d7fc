import re
from datetime import UTC, datetime, timedelta
from urllib.parse import parse_qs, urlsplit

import pyotp
import pytest

from hub.security import totp
from hub.security.credentials import digest
from hub.security.totp import new_recovery_codes, recovery_digest, verify

# RFC 6238, appendix B: this secret has these codes (their last six digits) at these times.
SECRET = "GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ"
NOW = datetime.fromtimestamp(1_111_111_109, UTC)
STEP = 1_111_111_109 // 30


@pytest.mark.parametrize(
    ("seconds", "code"), [(59, "287082"), (1_111_111_109, "081804"), (2_000_000_000, "279037")]
)
def test_the_codes_are_those_of_the_standard(seconds: int, code: str) -> None:
    assert verify(SECRET, code, datetime.fromtimestamp(seconds, UTC), None) == seconds // 30


@pytest.mark.parametrize(
    ("seconds", "counts"), [(-60, False), (-30, True), (0, True), (30, True), (60, False)]
)
def test_a_clock_may_be_one_step_off(seconds: int, counts: bool) -> None:
    at = NOW + timedelta(seconds=seconds)
    assert verify(SECRET, "081804", at, None) == (STEP if counts else None)


def test_a_code_is_good_once() -> None:
    assert verify(SECRET, "081804", NOW, STEP - 1) == STEP
    assert verify(SECRET, "081804", NOW, STEP) is None
    assert verify(SECRET, "081804", NOW, STEP + 1) is None
    later = pyotp.TOTP(SECRET).generate_otp(STEP + 1)
    assert verify(SECRET, later, NOW, STEP) == STEP + 1


def test_two_steps_with_one_code_are_used_up_together(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pyotp.TOTP, "generate_otp", lambda self, step: "123456")
    assert verify(SECRET, "123456", NOW, None) == STEP + 1


@pytest.mark.parametrize(
    "code",
    [
        "",
        "81804",
        "0081804",
        "081805",
        " 081804",
        "081804\n",
        "+81804",
        "08180a",
        "０８１８０４",
        "٠٨١٨٠٤",
        "08180⁴",
        "\ud800" * 6,
        "0" * 1_000_000,
    ],
)
def test_nothing_else_is_the_code(code: str) -> None:
    assert verify(SECRET, code, NOW, None) is None


def test_the_address_for_an_app_says_who_and_where() -> None:
    secret = totp.new_secret()
    address = urlsplit(totp.uri(secret, "hanako:1@hotel.example", "Hotel 花 & Co"))
    assert (address.scheme, address.netloc) == ("otpauth", "totp")
    assert address.path == "/Hotel%20%E8%8A%B1%20%26%20Co:hanako%3A1%40hotel.example"
    assert parse_qs(address.query) == {"secret": [secret], "issuer": ["Hotel 花 & Co"]}
    assert len(secret) == 32
    assert secret != totp.new_secret()


def test_recovery_codes_are_ten_and_readable() -> None:
    codes = new_recovery_codes()
    assert len(set(codes)) == 10
    assert all(re.fullmatch(r"([0-9a-hjkmnp-tv-z]{4}-){3}[0-9a-hjkmnp-tv-z]{4}", code) for code in codes)
    assert len({recovery_digest(code) for code in codes}) == 10


@pytest.mark.parametrize(
    "typed",
    [
        "7k2m-04xq-b19d-t6wz",
        "7K2M 04XQ B19D T6WZ",
        "7k2mo4xqbl9dt6wz",
        "７ｋ２ｍ－０４ｘｑ－ｂ１９ｄ－ｔ６ｗｚ ",
    ],
)
def test_a_recovery_code_may_be_typed_as_it_is_read(typed: str) -> None:
    assert recovery_digest(typed) == digest("7k2m04xqb19dt6wz")


def test_another_recovery_code_is_another() -> None:
    assert recovery_digest("7k2m-04xq-b19d-t6wy") != digest("7k2m04xqb19dt6wz")
    assert recovery_digest("\ud800") != recovery_digest("")
