"""Pages broken in the ways of the web, and in none: cut, spliced, encoded anew, bytes flipped; seeded."""

import gzip
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from random import Random

DEMO = Path(__file__).parents[1] / "data"
_ENCODINGS = (
    "utf-16",
    "utf-16-le",
    "utf-32",
    "cp1252",
    "cp1251",
    "shift_jis",
    "gb18030",
    "utf-7",
    "utf-8-sig",
    "cp037",
)
_MARKUP = (
    b"<", b">", b"</", b"<!--", b"-->", b"<![CDATA[", b"]]>", b"<script>", b"</script>", b"<style>", b"<template>",
    b"<table><tr><td>", b"</td>", b"<p>", b"</p>", b"<div hidden>", b"</body></html>", b"<html><body>", b"<a href='",
    b"<svg>", b"<math>", b"<plaintext>", b"<textarea>", b"<title>", b"<base href='//'>", b"<meta charset=utf-7>",
    b"<td colspan=9007199254740991>", b"&#0;", b"&#xD800;", b"&#99999999999;", b"&amp;#" + b"9" * 5000 + b";", b"&lt",
    b"<?xml version='1.0' encoding='utf-16'?>", b"<!DOCTYPE a [<!ENTITY b 'c'>]>", b"\x00", b"\x1b$B", b"\xff\xfe",
    "\u202e\u200f".encode(), "\ufeff".encode(), b"\xed\xa0\x80", "e\u0301\u0301\u0301".encode(),
)  # fmt: skip


def pages(folder: Path) -> list[bytes]:
    """All HTML and text below a folder, in the order of the names; compressed or not."""
    found = []
    for path in sorted(folder.rglob("*")):
        if path.name.removesuffix(".gz").endswith((".html", ".htm", ".txt")):
            content = path.read_bytes()
            found.append(gzip.decompress(content) if path.suffix == ".gz" else content)
    return found


def mutants(originals: Sequence[bytes], count: int, seed: int) -> Iterator[tuple[str, bytes]]:
    """``count`` broken pages, each with a name that says how: of the n-th original, by which changes."""
    for number in range(count):
        random = Random(f"{seed}-{number}")
        names, content = changed(originals[number % len(originals)], random, originals)
        yield f"{number}: {number % len(originals)} {names}", content


def changed(content: bytes, random: Random, originals: Sequence[bytes]) -> tuple[str, bytes]:
    """A page with one to three changes, and their names."""
    names = []
    for change in random.choices(_CHANGES, k=random.choice((1, 1, 2, 3))):
        content = change(content, random, originals) or content
        names.append(change.__name__.strip("_"))
    return " ".join(names), content


def _place(content: bytes, random: Random) -> int:
    return random.randrange(len(content) + 1)


def _cut(content: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    return content[: _place(content, random)]


def _behead(content: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    return content[_place(content, random) :]


def _splice(content: bytes, random: Random, originals: Sequence[bytes]) -> bytes:
    other = random.choice(originals)
    return content[: _place(content, random)] + other[_place(other, random) :]


def _repeat(content: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    start, end = sorted((_place(content, random), _place(content, random)))
    piece = content[start : min(end, start + 2_000)]
    return content[:end] + piece * random.choice((2, 50)) + content[end:]


def _remove(content: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    start, end = sorted((_place(content, random), _place(content, random)))
    return content[:start] + content[end:]


def _flip(content: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    changed = bytearray(content)
    for _ in range(1 + len(content) // random.choice((20, 200, 5_000)) if content else 0):
        changed[random.randrange(len(changed))] = random.randrange(256)
    return bytes(changed)


def _encode(content: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    return content.decode("utf-8", "replace").encode(random.choice(_ENCODINGS), "replace")


def _insert(content: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    for _ in range(random.choice((1, 5, 40))):
        place = _place(content, random)
        content = content[:place] + random.choice(_MARKUP) + content[place:]
    return content


def _unclose(content: bytes, random: Random, _: Sequence[bytes]) -> bytes:
    return content.replace(random.choice((b"</", b">", b'"', b"</p>", b"\n", b" ")), b"")


_CHANGES: tuple[Callable[[bytes, Random, Sequence[bytes]], bytes], ...] = (
    _cut, _behead, _splice, _repeat, _remove, _flip, _encode, _insert, _unclose,
)  # fmt: skip
