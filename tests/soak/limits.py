"""Pages at and beyond the limits: each in a process of its own, with its processor time and its largest memory."""

from __future__ import annotations

import multiprocessing
import resource
import time
from collections.abc import Callable, Iterator

from tests.hostile.check import segment

_SENTENCE = "The harbour was closed on Tuesday after a ferry had hit the breakwater in thick fog. "
MEGABYTE = 1_000_000
# What docs/operations.md promises of a page within the limits.
MOST_SECONDS = 240.0
MOST_MEGABYTES = 3_000

# Name -> (kind, maker). None of these is kept in memory before its turn.
PAGES: dict[str, tuple[str, Callable[[], bytes]]] = {
    "elements nested 100,000 deep": ("html", lambda: b"<div>" * 100_000 + b"x" + b"</div>" * 100_000),
    "2,000 levels with classes, 5,000 paragraphs": (
        "html",
        lambda: b"".join(b"<div class='c%d'>" % i for i in range(2_000)) + b"<p>word</p>" * 5_000,
    ),
    "a million links": ("html", lambda: b"<a href='/x'>link</a>" * 1_000_000),
    "100,000 links in paragraphs": (
        "html",
        lambda: b"".join(b"<p><a href='/%d'>link</a></p>" % i for i in range(100_000)),
    ),
    "a million lines": ("text", lambda: b"".join(b"line number %d\n" % i for i in range(1_000_000))),
    "ten million lines": ("text", lambda: b"a\n" * 10_000_000),
    "one line of 20 MB": ("text", lambda: _SENTENCE.encode() * (20 * MEGABYTE // len(_SENTENCE))),
    "one paragraph of 20 MB": ("html", lambda: b"<p>" + _SENTENCE.encode() * (20 * MEGABYTE // len(_SENTENCE))),
    "200 MB of paragraphs": ("html", lambda: f"<p>{_SENTENCE}</p>".encode() * (200 * MEGABYTE // len(_SENTENCE))),
    "an attribute of 18 MB": ("html", lambda: b"<p class='" + b"a " * 9 * MEGABYTE + b"'>x</p>"),
    "a million attributes": ("html", lambda: b"<p " + b" ".join(b"a%d=1" % i for i in range(1_000_000)) + b">x"),
    "a title of 8 MB": ("html", lambda: b"<title>" + b"a | " * 2_000_000 + b"</title><p>x"),
    "headings within headings": ("html", lambda: b"<h1>Title " * 2_000 + b"word " * MEGABYTE),
    "300,000 meta elements": ("html", lambda: b"".join(b"<meta name=a%d content=date>" % i for i in range(300_000))),
    "4 million entities": ("html", lambda: b"<p>" + b"&amp;" * 4_000_000),
    "entities of entities": (
        "html",
        lambda: b"<!DOCTYPE a [<!ENTITY b '" + b"&a;" * 1_000 + b"'>]><p>" + b"&b;" * 1_000,
    ),
    "500,000 open formatting elements": ("html", lambda: b"<b><p>" * 400_000),
    "tables within tables": ("html", lambda: b"<table><tr><td>" * 300_000),
    "15 MB of NULs": ("html", lambda: b"\0" * 15 * MEGABYTE),
    "JSON-LD nested 900,000 deep": ("html", lambda: b"<script type='application/ld+json'>" + b"[" * 900_000),
    "20 MB of white space": ("html", lambda: b"<p>x" + b" " * 19 * MEGABYTE + b"x"),
    "20 MB without a space": ("text", lambda: "渡".encode() * 6 * MEGABYTE),
    "60,000 teasers": (
        "html",
        lambda: b"".join(
            b"<div class=teaser><h3><a href='/%d'>Story %d of the harbour</a></h3><p>The ferry %d</p></div>" % (i, i, i)
            for i in range(60_000)
        ),
    ),
}


def measured(name: str) -> tuple[str, float, int]:
    """The outcome, the processor seconds and the peak of memory in MB of one page."""
    kind, make = PAGES[name]
    content = make()
    start = time.process_time()
    result = segment(content, kind)
    seconds = time.process_time() - start
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024
    outcome = "refused" if result is None else ", ".join((result.page.status, *result.page.flags))
    return outcome, seconds, peak


def rows() -> Iterator[tuple[str, str, float, int]]:
    context = multiprocessing.get_context("spawn")
    for name in PAGES:
        with context.Pool(1) as pool:
            yield (name, *pool.apply(measured, (name,)))
