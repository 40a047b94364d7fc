"""HTML as people write it, reduced to what a page for guests needs: text with headings, lists, tables and
pictures of the house. No script, no style, no way out: links dial a number or lead to another page."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import Final
from uuid import UUID

import nh3

from hub.errors import InvalidInput

# The page's title is its h1.
TAGS: Final = frozenset((
    "a", "b", "blockquote", "br", "caption", "dd", "div", "dl", "dt", "em", "figcaption", "figure", "h2",
    "h3", "h4", "hr", "i", "img", "li", "ol", "p", "small", "span", "strong", "sub", "sup", "table", "tbody",
    "td", "tfoot", "th", "thead", "tr", "ul",
))  # fmt: skip
# These go with all that is in them; of others the text stays.
_GONE: Final = frozenset((
    "embed", "iframe", "math", "noembed", "noframes", "noscript", "object", "script", "select", "style",
    "svg", "template", "textarea", "title", "xmp",
))  # fmt: skip
# What the screen's style sheet knows (static/tablet/page.css).
CLASSES: Final = frozenset(("center", "columns", "note", "price", "warning", "wide"))
_ATTRIBUTES: Final = {
    "*": {"class", "lang"},
    "a": {"href"},
    "img": {"alt", "height", "src", "width"},
    "ol": {"start"},
    "td": {"colspan", "rowspan"},
    "th": {"colspan", "rowspan", "scope"},
}
LONGEST: Final = 40_000
# A body holds 64 KiB, which are some 20,000 characters of Japanese.
MOST_WRITTEN: Final = 60_000
DEEPEST: Final = 50
# What a parser does with hostile HTML grows with the square of these: unclosed elements stand in one another,
# and those that format are opened again in each paragraph, when their attributes tell them apart.
_MOST_ELEMENTS: Final = 2500
_MOST_FORMATTING: Final = 60
_ELEMENT: Final = re.compile(r"<[a-zA-Z]")
_FORMATTING: Final = re.compile(
    r"<(?:b|big|code|em|font|i|nobr|s|small|strike|strong|tt|u)[\s/]", re.IGNORECASE
)
_VOID: Final = frozenset(("br", "hr", "img"))
_SLUG: Final = r"[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?"
_ID: Final = r"[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}"
_NUMBER: Final = re.compile(r"[1-9][0-9]{0,3}")
_FORMS: Final = {
    "colspan": _NUMBER,
    "height": _NUMBER,
    "href": re.compile(rf"tel:\+?[0-9][0-9()-]{{0,29}}|#page={_SLUG}"),
    "lang": re.compile(r"[a-z]{2,3}(?:-[A-Za-z]{2,4})?"),
    "rowspan": _NUMBER,
    "scope": re.compile(r"row|col"),
    "start": _NUMBER,
    "width": _NUMBER,
}
_DRAWN: Final = re.compile(r"/static/(?:[A-Za-z0-9_-]+/)*[A-Za-z0-9_-]+\.(?:avif|jpg|png|svg|webp)")


def clean(text: str, tenant_id: UUID, field: str) -> str:
    """The same without what is not allowed; once more changes nothing. It may take a good tenth of a second.
    Raises InvalidInput for a picture that is not the hotel's or says nothing to those who cannot see it, and
    for a text that is too long or too deep."""
    _bounded(text, field)
    files = re.compile(rf"/api/v1/files/{tenant_id}/{_ID}")

    def fits(_: str, name: str, value: str) -> str | None:
        match name:
            case "alt":
                return value
            case "class":
                return " ".join(dict.fromkeys(one for one in value.split() if one in CLASSES)) or None
            case "src":
                return value if files.fullmatch(value) or _DRAWN.fullmatch(value) else None
            case _:
                # asked for attributes of any tag; an exception here would let one pass
                form = _FORMS.get(name)
                return value if form is not None and form.fullmatch(value) else None

    cleaned = nh3.clean(
        text,
        tags=set(TAGS),
        clean_content_tags=set(_GONE),
        attributes=_ATTRIBUTES,
        attribute_filter=fits,
        link_rel=None,
        url_schemes={"tel"},
    ).strip()
    if len(cleaned) > LONGEST:
        raise InvalidInput(f"This is too long: at most {LONGEST} characters.", field=field)
    found = _Contents()
    found.feed(cleaned)
    if found.deepest > DEEPEST:
        raise InvalidInput(f"This has at most {DEEPEST} elements in one another.", field=field)
    for attributes in found.pictures:
        if "src" not in attributes:
            raise InvalidInput(
                "A picture must be one of the hotel's files, or of /static; upload it first.", field=field
            )
        if "alt" not in attributes:
            raise InvalidInput('A picture needs its words: alt="...", empty for an ornament.', field=field)
    return cleaned


def _bounded(text: str, field: str) -> None:
    """What to clean would cost too much is refused by counting. Raises InvalidInput."""
    if len(text) > MOST_WRITTEN:
        raise InvalidInput(f"This is too long: at most {MOST_WRITTEN} characters.", field=field)
    if len(_ELEMENT.findall(text)) > _MOST_ELEMENTS:
        raise InvalidInput(f"This has too many elements: at most {_MOST_ELEMENTS}.", field=field)
    if len(_FORMATTING.findall(text)) > _MOST_FORMATTING:
        raise InvalidInput(
            "This has too many elements like <font> or <b> with attributes: at most "
            f"{_MOST_FORMATTING}; paste it without its formatting.",
            field=field,
        )


class _Contents(HTMLParser):
    """The attributes of each picture, and how many elements stand in one another."""

    def __init__(self) -> None:
        super().__init__()
        self.pictures: list[set[str]] = []
        self.deepest = 0
        self._depth = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag == "img":
            self.pictures.append({name for name, _ in attrs})
        if tag not in _VOID:
            self._depth += 1
            self.deepest = max(self.deepest, self._depth)

    def handle_endtag(self, tag: str) -> None:
        self._depth -= 1
