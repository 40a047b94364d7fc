"""The letters to staff, in the language of the hotel."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, Literal, TypeAlias

from hub.staff.mail import Letter

if TYPE_CHECKING:
    from hub.staff.store import Hotel

Kind: TypeAlias = Literal["invitation", "reset", "verify"]
_TEXTS: Final[dict[tuple[Kind, str], tuple[str, str]]] = {
    ("invitation", "en"): (
        "{hotel}: your account",
        "{name},\n\nyou can work with the orders of {hotel} now. Choose a password here, within {life}:\n\n"
        "{link}\n\nThe link is good once.",
    ),
    ("invitation", "ja"): (
        "{hotel}: アカウントのご案内",
        "{name} 様\n\n{hotel} の注文システムをご利用いただけます。{life}以内に次のリンクからパスワードを"
        "設定してください。\n\n{link}\n\nこのリンクは一度だけ使えます。",
    ),
    ("reset", "en"): (
        "{hotel}: a new password",
        "{name},\n\nchoose a new password here, within {life}:\n\n{link}\n\nThe link is good once. If you "
        "have not asked for it, do nothing: your password stays as it is.",
    ),
    ("reset", "ja"): (
        "{hotel}: パスワードの再設定",
        "{name} 様\n\n{life}以内に次のリンクから新しいパスワードを設定してください。\n\n{link}\n\n"
        "このリンクは一度だけ使えます。お心当たりのない場合は何もしないでください。パスワードは変わりません。",
    ),
    ("verify", "en"): (
        "{hotel}: your e-mail address",
        "{name},\n\nconfirm here, within {life}, that this address is yours:\n\n{link}\n\n"
        "Until then you cannot sign in with it.",
    ),
    ("verify", "ja"): (
        "{hotel}: メールアドレスの確認",
        "{name} 様\n\n{life}以内に次のリンクからメールアドレスをご確認ください。\n\n{link}\n\n"
        "確認が済むまで、このアドレスではログインできません。",
    ),
}
_HOUR: Final = 60
_DAY: Final = 24 * _HOUR


def compose(kind: Kind, hotel: Hotel, *, name: str, to: str, link: str, minutes: float) -> Letter:
    """`link` is good for `minutes`."""
    subject, text = _TEXTS[kind, hotel.locale]
    words = {"hotel": hotel.name, "name": name, "link": link, "life": _life(minutes, hotel.locale)}
    return Letter(to=to, subject=subject.format(**words), text=text.format(**words) + "\n")


def _life(minutes: float, locale: str) -> str:
    for size, en, ja in ((_DAY, "days", "日"), (_HOUR, "hours", "時間"), (1, "minutes", "分")):
        if minutes >= 2 * size or size == 1:
            count = round(minutes / size)
            return f"{count}{ja}" if locale == "ja" else f"{count} {en}"
    raise AssertionError
