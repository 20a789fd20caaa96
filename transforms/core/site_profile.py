"""Which lines recur across the pages of a site, and what that says of a line on one of them.

A line that stands on many pages of a site, around other stories each time, belongs to the site and not to the story.
Three things must not be taken for that: a story that is published on several pages of the site, a page that is read
twice, and a few pages that happen to share a line. So pages with the same story count once; a page never counts for
its own lines; and the evidence is a likelihood ratio that grows with the number of other stories.

Only whole lines are compared, by 64-bit hashes: nothing is learned of, or decided inside, a sentence.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from datetime import date
from functools import cached_property, lru_cache
from math import exp, lgamma, log

import numpy as np
from numpy.typing import NDArray
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from transforms.core.role_model import Label
from transforms.types import Block

PAGES = 200  # pages of a site that are remembered: a share of a tenth is then known to a fiftieth
LINES = 400  # lines of a page that are remembered
KEPT_LINES = 2_000  # recurring lines of a site that are kept

_MAIN = ("body", "heading")
_DECIDED = ("body", "dek", "caption")  # titles, headings, bylines, bios and teasers recur and are what they are
_SHORTEST = 15  # characters from which a line is decided: short ones, such as "Serves 4", recur in stories as well
_COPY = 0.5  # share of the shorter page's main text from which two pages show the same story
_LEAST = 2  # other stories that a line must stand with
# Beta priors of the share of a site's stories with which a line stands: of the site's own lines, and of a story's.
_OF_SITE, _OF_STORY = (0.5, 0.5), (0.02, 2.0)
_SURE = 0.999  # a label is never taken for surer than that


def line_hash(text: str) -> int:
    """Return 64 bits of a line; case and white space do not count."""
    folded = " ".join(text.casefold().split())
    return int.from_bytes(hashlib.blake2b(folded.encode("utf-8", "replace"), digest_size=8).digest(), "little")


@dataclass(frozen=True, slots=True)
class PageLines:
    """What is remembered of a page.

    ``page`` is the hash of its id and ``seen`` the date on which it was read (ISO 8601), or empty. ``lines`` are the
    hashes of its distinct lines in reading order, as packed little-endian uint64; ``sizes`` are, for each, the
    characters of the main story in it, 0 where it is something else, as packed uint16.
    """

    page: int
    seen: str
    lines: bytes
    sizes: bytes


def page_lines(page_id: str, blocks: Sequence[Block], labels: Sequence[Label], seen: str = "") -> PageLines:
    """Return what a profile learns from a labelled page: at most ``LINES`` lines, from its beginning and its end."""
    distinct: dict[int, int] = {}
    for block, label in zip(blocks, labels, strict=True):
        size = min(len(block.text), 65_535) if label.role in _MAIN else 0
        distinct.setdefault(line_hash(block.text), size)
    items = list(distinct.items())
    if len(items) > LINES:
        items = items[: LINES // 2] + items[-(LINES // 2) :]
    lines = np.array([line for line, _ in items], "<u8")
    sizes = np.array([size for _, size in items], "<u2")
    return PageLines(line_hash(page_id), seen, lines.tobytes(), sizes.tobytes())


def sample(pages: Iterable[PageLines]) -> tuple[PageLines, ...]:
    """Return the ``PAGES`` pages that a site is judged by: those seen last, and of one day those with the largest hash.

    The sample of samples is the sample of all pages, in whatever order and groups they come.
    """
    latest: dict[int, PageLines] = {}
    for page in pages:
        known = latest.get(page.page)
        if known is None or _order(page) > _order(known):
            latest[page.page] = page
    return tuple(sorted(latest.values(), key=_order, reverse=True)[:PAGES])


def _order(page: PageLines) -> tuple[str, int, bytes, bytes]:
    return page.seen, page.page, page.lines, page.sizes


def is_remembered(page: PageLines, run_date: str, keep_days: int) -> bool:
    """Whether a page of an earlier run still counts: for ``keep_days``; without dates, or with 0 days, for ever."""
    if not (page.seen and run_date and keep_days):
        return True
    return (date.fromisoformat(run_date) - date.fromisoformat(page.seen)).days <= keep_days


@dataclass(frozen=True)
class SiteProfile:
    """The lines of a site that stand with at least two stories.

    ``stories`` is the number of different stories on the site's pages, ``lines`` and ``counts`` are the hashes of
    lines, ascending, and with how many of the stories each stands. ``pages`` are the hashes of the pages that it was
    learned from, ascending. All are packed little-endian, uint64 and counts uint16.
    """

    site: str
    stories: int
    lines: bytes
    counts: bytes
    pages: bytes

    @cached_property
    def _lines(self) -> dict[int, int]:
        lines = np.frombuffer(self.lines, "<u8").tolist()
        return dict(zip(lines, np.frombuffer(self.counts, "<u2").tolist(), strict=True))

    @cached_property
    def _pages(self) -> frozenset[int]:
        return frozenset(np.frombuffer(self.pages, "<u8").tolist())


def profile(site: str, pages: Iterable[PageLines]) -> SiteProfile | None:
    """Return what recurs on a site's pages; None if they show fewer than three stories, which prove nothing."""
    known = sample(pages)
    if len(known) <= _LEAST:
        return None
    lines = [np.frombuffer(page.lines, "<u8") for page in known]
    hashes, column = np.unique(np.concatenate(lines), return_inverse=True)
    row = np.repeat(np.arange(len(known)), [len(page) for page in lines])
    sizes = np.concatenate([_weights(page) for page in known])
    stories, story = _stories(row, column, sizes, len(known))
    if stories <= _LEAST:
        return None
    with_story = np.unique(column.astype(np.int64) * stories + story[row])  # each line with each of its stories once
    counts = np.bincount(with_story // stories, minlength=len(hashes))
    recurs = np.flatnonzero(counts >= 2)
    best = recurs[np.lexsort((hashes[recurs], -counts[recurs]))][:KEPT_LINES]
    best.sort()
    ids = np.sort(np.array([page.page for page in known], "<u8"))
    return SiteProfile(
        site, stories, hashes[best].astype("<u8").tobytes(), counts[best].astype("<u2").tobytes(), ids.tobytes()
    )


def _weights(page: PageLines) -> NDArray[np.float64]:
    """Characters of main text per line; where a page has none, all of its lines count alike."""
    sizes = np.frombuffer(page.sizes, "<u2").astype(np.float64)
    return sizes if sizes.any() else np.ones_like(sizes)


def _stories(
    row: NDArray[np.int64], column: NDArray[np.int64], sizes: NDArray[np.float64], pages: int
) -> tuple[int, NDArray[np.int64]]:
    """The number of stories, and the story of each page: pages that share their main text show the same one."""
    main = sizes > 0
    weight = coo_array((sizes[main], (row[main], column[main]))).tocsr()
    has = weight.astype(bool).astype(np.float64)
    shared = (weight @ has.T).toarray()
    total = np.asarray(weight.sum(axis=1)).ravel()
    shared, total = _padded(shared, pages), np.pad(total, (0, pages - len(total)))
    smaller = np.minimum(total[:, None], total[None, :])
    copies = (np.minimum(shared, shared.T) >= _COPY * smaller) & (smaller > 0)
    number, story = connected_components(coo_array(copies), directed=False)
    return int(number), story.astype(np.int64)


def _padded(square: NDArray[np.float64], size: int) -> NDArray[np.float64]:
    """With rows and columns of zeros for the last pages, where they have no lines at all."""
    missing = size - len(square)
    return np.pad(square, ((0, missing), (0, missing)))


def relabel(site: SiteProfile | None, page_id: str, blocks: Sequence[Block], labels: Sequence[Label]) -> list[Label]:
    """Return the labels of a page, with lines of the story that belong to the site made boilerplate.

    The odds that the model sees against a line's role are multiplied by the likelihood ratio of how often the line
    recurs. Without a profile, and for lines that recur with fewer than two other stories or are short, nothing changes.
    """
    labels = list(labels)
    if site is None:
        return labels
    counts = [site._lines.get(line_hash(block.text), 0) for block in blocks]
    main = [len(b.text) if x.role in _MAIN else 0 for b, x in zip(blocks, labels, strict=True)]
    recurring = sum(size for size, count in zip(main, counts, strict=True) if count)
    # Its own story does not count: it was learned from the page itself, or from a copy of it.
    own = line_hash(page_id) in site._pages or recurring >= _COPY * max(sum(main), 1)
    others = site.stories - own
    for number, (block, label, count) in enumerate(zip(blocks, list(labels), counts, strict=True)):
        count -= own
        if label.role not in _DECIDED or count < _LEAST or len(block.text) < _SHORTEST:
            continue
        sure = min(label.confidence, _SURE)
        odds = log((1 - sure) / sure) + evidence(count, others)
        if odds > 0:
            reason = f"recurs with {count} of {others} other stories of the site; else {label.role}"
            confidence = 1 / (1 + exp(-odds))
            labels[number] = replace(label, role="boilerplate", confidence=confidence, reason=reason)
    return labels


@lru_cache(maxsize=100_000)
def evidence(count: int, others: int) -> float:
    """Return the log likelihood ratio, site to story, of a line that stands with ``count`` of ``others`` stories.

    Counts are beta-binomial: the share of stories with which a line stands is spread over all of [0, 1] for lines of
    the site, and nearly always next to none for lines of a story.
    """
    return _log_likelihood(count, others, *_OF_SITE) - _log_likelihood(count, others, *_OF_STORY)


def _log_likelihood(k: int, n: int, a: float, b: float) -> float:
    """Log of the beta-binomial probability of k in n, without the binomial coefficient."""
    return lgamma(a + k) + lgamma(b + n - k) - lgamma(a + b + n) - lgamma(a) - lgamma(b) + lgamma(a + b)
