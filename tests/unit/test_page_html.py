"""The HTML of pages: what people write stays, what could do anything goes, and nothing leads out."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final
from uuid import UUID

import nh3
import pytest
from hypothesis import given
from hypothesis import strategies as st

from hub.errors import InvalidInput
from hub.pages.html import CLASSES, DEEPEST, LONGEST, MOST_WRITTEN, TAGS, clean

HOTEL: Final = UUID("01890a5d-ac96-774b-bcce-b302099a8057")
OTHER: Final = UUID(int=7)
FILE: Final = f"/api/v1/files/{HOTEL}/{UUID(int=9)}"


def cleaned(text: str) -> str:
    return clean(text, HOTEL, "content_ja")


@pytest.mark.parametrize(
    "text",
    [
        "<h2>朝食</h2><p>七時から<strong>十時</strong>まで。<br>一階「花」にて。</p>",
        '<ul><li>和食</li><li>洋食</li></ul><ol start="3"><li>三</li></ol>',
        '<table class="wide"><caption>時間</caption><thead><tr><th scope="col">曜日</th></tr></thead>'
        '<tbody><tr><td colspan="2">月</td></tr></tbody></table>',
        f'<figure><img src="{FILE}" alt="露天風呂" width="800" height="450"><figcaption>露天</figcaption>'
        "</figure>",
        '<img src="/static/art/seigaiha.svg" alt="">',
        '<p class="note">お電話は<a href="tel:+81-3-0000-0000">こちら</a>、<a href="tel:9">内線</a>。</p>',
        '<p><a href="#page=open-air-bath">露天風呂</a> <span lang="en">open-air bath</span></p>',
        "<dl><dt>電圧</dt><dd>100 V</dd></dl><hr><blockquote>静</blockquote>",
    ],
)
def test_what_a_page_needs_stays(text: str) -> None:
    assert cleaned(text) == text


@pytest.mark.parametrize(
    ("text", "left"),
    [
        ("<script>alert(1)</script><p>a</p>", "<p>a</p>"),
        ("<p onclick=\"x()\" onmouseover='y()'>a</p>", "<p>a</p>"),
        ("<style>p{display:none}</style><p style=\"color:red\">a</p>", "<p>a</p>"),
        ("<iframe src=//evil.example></iframe>a", "a"),
        ('<object data="x"><embed src="x"></object>a', "a"),
        ('<form action="https://evil.example"><input name="card"><button>OK</button></form>', "OK"),
        ("<svg><script>alert(1)</script><a xlink:href='javascript:1'>x</a></svg>a", "a"),
        ("<math><mtext><table><mglyph><style><img src=x onerror=alert(1)>", ""),
        ('<meta http-equiv="refresh" content="0;url=https://evil.example">a', "a"),
        ('<base href="https://evil.example/"><link rel="stylesheet" href="//evil.example/x.css">a', "a"),
        ("<!-- [if IE]><script>x</script><![endif] -->a", "a"),
        ('<p id="main" name="hub" data-page="menu" tabindex="1">a</p>', "<p>a</p>"),
        ('<p class="note evil bar">a</p><p class="evil">b</p>', '<p class="note">a</p><p>b</p>'),
        ('<p lang="x&quot;y">a</p>', "<p>a</p>"),
        ("<h1>a</h1><details open>b</details>", "ab"),
        ("<video autoplay><source src=x></video><audio src=x></audio>a", "a"),
        ('<td>a</td><table><tr><td colspan="99999">b</td></tr></table>',
         "a<table><tbody><tr><td>b</td></tr></tbody></table>"),
    ],
)  # fmt: skip
def test_what_could_do_anything_goes(text: str, left: str) -> None:
    assert cleaned(text) == left


@pytest.mark.parametrize(
    "address",
    [
        "javascript:alert(1)",
        " java\nscript:alert(1)",
        "JaVaScRiPt:1",
        "&#106;avascript:1",
        "data:text/html,<script>1</script>",
        "vbscript:1",
        "https://evil.example",
        "//evil.example",
        "/staff",
        "/tablet#claim=abc",
        "#claim=abc",
        "#page=../x",
        "#page=",
        "#page=BATH",
        "#page=bath#claim=x",
        "mailto:a@evil.example",
        "tel:1;phone-context=evil",
        "tel:",
        "tel:*21*5550100#",
        "sms:123",
        "blob:x",
        "",
    ],
)
def test_a_link_dials_or_leads_to_a_page(address: str) -> None:
    assert cleaned(f'<a href="{address}" target="_top" rel="opener">x</a>') == "<a>x</a>"


@pytest.mark.parametrize(
    "source",
    [
        "https://evil.example/x.png",
        "//evil.example/x.png",
        "data:image/png;base64,AAAA",
        "javascript:1",
        f"/api/v1/files/{OTHER}/{UUID(int=9)}",
        f"{FILE}?x=1",
        f"{FILE}/../../orders",
        "/api/v1/orders",
        "/static/../x.png",
        "/static/%2e%2e/x.png",
        "/static/hub.js",
        "/static//evil.example/x.png",
        "x.png",
        "",
    ],
)
def test_a_picture_is_of_the_house(source: str) -> None:
    with pytest.raises(InvalidInput, match="one of the hotel's files") as refused:
        cleaned(f'<img src="{source}" alt="x">')
    assert refused.value.field == "content_ja"


def test_a_picture_has_words_for_those_who_cannot_see_it() -> None:
    with pytest.raises(InvalidInput, match="needs its words"):
        cleaned(f'<p>a</p><img src="{FILE}">')
    assert 'alt=""' in cleaned(f'<img src="{FILE}" alt="" srcset="x 2x" onerror="x()" loading="lazy">')


def test_a_text_ends_somewhere() -> None:
    assert len(cleaned("a" * LONGEST)) == LONGEST
    with pytest.raises(InvalidInput, match="too long"):
        cleaned("&" * (LONGEST // 2))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("x" * (MOST_WRITTEN + 1), "too long"),
        ("<ul><li>" * 7375, "too many elements"),
        ("<div></b>" * 6000, "too many elements"),
        (
            "<p>" + "".join(f"<b class=a{n}>" for n in range(200)) + "<p>x" * 2000,
            "too many elements like <font>",
        ),
    ],
)
def test_what_costs_too_much_is_not_cleaned(text: str, reason: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some of these take seconds and hundreds of megabytes."""
    monkeypatch.setattr(nh3, "clean", lambda *_, **__: pytest.fail("it was cleaned"))
    with pytest.raises(InvalidInput, match=reason) as refused:
        cleaned(text)
    assert refused.value.field == "content_ja"


def test_elements_do_not_stand_in_one_another_without_an_end() -> None:
    deep = "<div>" * DEEPEST + "<hr>" + "</div>" * DEEPEST
    assert cleaned(deep) == deep
    assert len(cleaned("<ul>" + "<li>a<br>" * 800)) > 800
    with pytest.raises(InvalidInput, match=f"at most {DEEPEST} elements in one another"):
        cleaned("<blockquote>" * (DEEPEST + 1))


class _Walk(HTMLParser):
    """All that a browser could find."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[tuple[str, str | None, str | None]] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.seen += [(tag, None, None), *((tag, name, value) for name, value in attrs)]


PIECES: Final = st.sampled_from(
    [
        "<p>", "</p>", "<a href='", "'>", '">', "<img src=x alt=", "<script>", "</script>", "<style>",
        "<svg>", "<math>", "<table>", "<tr>", "<td>", "<!--", "-->", "<![CDATA[", "]]>", "javascript:",
        "tel:9", "#page=bath", "onerror=x", "<h2>", "<ul><li>", "<noscript>", "<template>", "&lt;",
        "&#x6a;", "湯", " ", "<b", "/>", "<plaintext>", "<xmp>", "<select><option>", "</table>",
        "class=note", "style=x",
    ]
)  # fmt: skip


@given(st.lists(st.one_of(PIECES, st.text(max_size=6)), max_size=25).map("".join))
def test_whatever_is_written(text: str) -> None:
    try:
        once = cleaned(text)
    except InvalidInput:
        return
    assert cleaned(once) == once
    walk = _Walk()
    walk.feed(once)
    for tag, name, value in walk.seen:
        assert tag in TAGS
        match name:
            case None | "alt" | "width" | "height" | "colspan" | "rowspan" | "scope" | "start" | "lang":
                pass
            case "class":
                assert set((value or "").split()) <= CLASSES
            case "href":
                assert re.fullmatch(r"tel:[+0-9()-]+|#page=[a-z0-9-]+", value or "")
            case "src":
                assert (value or "").startswith(("/static/", f"/api/v1/files/{HOTEL}/"))
            case _:
                raise AssertionError(f"{name} stays")
