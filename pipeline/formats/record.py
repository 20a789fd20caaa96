"""From the fields of a record, as JSON lines and Parquet have them, to a page; and a page's id."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime
from decimal import Decimal
from hashlib import blake2b
from typing import Any

import orjson

from pipeline.formats.input_file import InputFile, failure, not_clean, not_text, too_large
from transforms.core.encoding import is_binary, replace_unstorable
from transforms.settings import InputSettings
from transforms.types import Failure, Page, Source

_ID_LIMIT = 1_000  # characters of an id: each of a page's rows repeats it
_URL_LIMIT = 8_000  # characters of an address; a longer one is none


def page_of_record(record: Any, file: InputFile, offset: int, settings: InputSettings) -> Page | Failure:
    """The page in a JSONL or Parquet record. HTML wins over text where a record has both."""
    if not isinstance(record, Mapping):
        return failure(file, offset, "bad_record", "the record is no object with named fields")
    own_id = _string(record.get(settings.id_key))
    title = _string(record.get(settings.title_key))
    text, html = (_content(record.get(key)) for key in (settings.text_key, settings.html_key))
    if own_id is not None and len(own_id) > _ID_LIMIT:
        detail = f"its id in {settings.id_key!r} has {len(own_id)} characters, more than {_ID_LIMIT}: {own_id[:60]}..."
        return failure(file, offset, "bad_record", detail)
    if settings.clean:
        kind, content = "clean", text or ""
        if html and html.strip() and not content.strip():
            return not_clean(file, offset, own_id)
        if not content.strip() and not title:
            detail = f"both {settings.text_key!r} and {settings.title_key!r} are empty"
            return failure(file, offset, "bad_record", detail, own_id)
    elif html is not None and (html.strip() or text is None):
        kind, content = "html", html
    elif text is not None:
        kind, content = "text", text
    else:
        fields = ", ".join(sorted(map(str, record))) or "none"
        detail = f"neither {settings.text_key!r} nor {settings.html_key!r} is text; its fields are: {fields}"
        return failure(file, offset, "bad_record", detail, own_id)
    if _is_longer(content, settings.max_bytes):
        return too_large(file, offset, settings, own_id)
    if isinstance(content, bytes) and is_binary(content):
        return not_text(file, offset, own_id)
    page = Page(
        "",
        kind,
        content,
        Source(file.path, offset),
        url=address_of(record.get(settings.url_key)),
        title=title,
        published=_string(record.get(settings.date_key)),
        metadata=_metadata(record, settings),
    )
    return identified(page, own_id)


def identified(page: Page, own_id: str | None) -> Page:
    """The page with its id: its own, else its url without fragment if it is not too long, else its content's hash.

    A fragment names a place in a page, and ``#t1`` behind a page's id is the id of a teaser.
    """
    address = (page.url or "").partition("#")[0]
    address = address if len(address) <= _ID_LIMIT else ""
    return replace(page, id=own_id or address or content_hash(page).hex()[:16])


def content_hash(page: Page) -> bytes:
    """16 bytes that are equal for pages of equal kind, title and content, and for no others."""
    content = page.content.encode() if isinstance(page.content, str) else page.content
    digest = blake2b(digest_size=16)
    for part in (page.kind.encode(), (page.title or "").encode(), content):
        digest.update(len(part).to_bytes(8, "little"))
        digest.update(part)
    return digest.digest()


# Fields


def _string(value: Any) -> str | None:
    """A field's value as text; None if it is empty, NaN or no single value."""
    if isinstance(value, datetime | date):
        return value.isoformat()
    if isinstance(value, bytes):  # a binary column of Parquet
        value = value.decode("utf-8", "replace")
    if isinstance(value, bool) or not isinstance(value, str | int | float | Decimal) or value != value:
        return None
    return replace_unstorable(str(value)).strip() or None


def address_of(value: Any) -> str | None:
    """A field's value as an address; None if it is too long for one."""
    address = _string(value)
    return address if address is None or len(address) <= _URL_LIMIT else None


def _content(value: Any) -> str | bytes | None:
    """A field that holds a document: text, or bytes in a binary column of Parquet."""
    if isinstance(value, str):
        return replace_unstorable(value)
    return value if isinstance(value, bytes) else None


def _is_longer(content: str | bytes, limit: int) -> bool:
    if isinstance(content, bytes) or len(content) > limit:
        return len(content) > limit
    return 4 * len(content) > limit and len(content.encode()) > limit


def _metadata(record: Mapping[str, Any], settings: InputSettings) -> tuple[tuple[str, str], ...]:
    """The fields that Copydesk does not read, each as JSON, sorted by name."""
    own = {
        settings.text_key,
        settings.html_key,
        settings.id_key,
        settings.url_key,
        settings.title_key,
        settings.date_key,
    }
    others = ((replace_unstorable(str(key)), _json(value)) for key, value in record.items() if key not in own)
    return tuple(sorted(others))


def _json(value: Any) -> str:
    try:
        return orjson.dumps(value, default=_plain, option=orjson.OPT_NON_STR_KEYS).decode()
    except orjson.JSONEncodeError:  # too deep, or a number beyond 64 bits
        return orjson.dumps(replace_unstorable(str(value))).decode()


def _plain(value: Any) -> str:
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)
