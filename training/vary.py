"""Real pages, a little different each time they are shown, so that none is known by heart."""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace

import numpy as np

from training.compose import Composer, Line
from training.data import BIT, MAIN, LabelledPage, tokens
from training.pools import StoryText
from transforms.core.features import Hints
from transforms.core.lines import text_blocks
from transforms.types import Block

RECAST = 0.2  # share of the pages changed that tell another story
_LONG = 60


class Varier:
    """Changes pages with what a Composer has; the same seed and composer give the same pages."""

    def __init__(self, composer: Composer) -> None:
        self.composer, self.rng = composer, composer.rng

    def varied(self, page: LabelledPage) -> LabelledPage:
        """A real page, a little different each time, so that none is known by heart.

        Runs of chrome are left out. In a text page, paragraphs are cut as well, the head or the tail may be missing,
        and teasers, comments or an author box may follow the story.
        """
        rng = self.rng
        if rng.random() < RECAST and (page.weight > 0).any():
            page = self.recast(page)
        if page.form == "html":
            return self._without_chrome(page)
        if rng.random() < 0.5:
            page = replace(page, hints=Hints())
        known = [(w > 0, a) for w, a in zip(page.weight.tolist(), page.allowed.tolist(), strict=True)]
        main = [i for i, (sure, mask) in enumerate(known) if sure and not mask & ~MAIN]
        if len(main) < 3:
            return page
        keep = self._kept(page, rng.choice((0.0, 0.1, 0.3)))
        begin = rng.choice((0, 0, 0, 0, main[0]))
        end = rng.choice((len(known), len(known), len(known), main[-1] + 1))
        cut = rng.choice((0.0, 0.2, 0.5))
        self.composer.teasers = max(0, int(page.teaser.max()))
        lines: list[tuple[str, str, int, int, float]] = []  # gap, text, allowed roles, teaser, weight
        for i in (i for i in keep if begin <= i < end):
            text, (sure, mask) = page.blocks[i].text, known[i]
            apart = i > 0 and page.blocks[i].start - page.blocks[i - 1].end > 1
            cuttable = mask & BIT["body"] and (not sure or mask & MAIN) and rng.random() < cut
            for piece in self.composer.in_two(text) if cuttable else [text]:
                lines.append(("\n\n" if apart else "\n", piece, mask, int(page.teaser[i]), float(page.weight[i])))
            if i == main[-1] and rng.random() < 0.3:
                gap = rng.choice(("\n", "\n\n"))
                box = ((" ".join(t.split()), mask, number) for t, mask, number in self._box(page))
                lines += [(gap, t, mask, number, 1.0) for t, mask, number in box if t]
        blocks = text_blocks("".join(gap + text for gap, text, *_ in lines))
        return replace(
            page,
            blocks=blocks,
            allowed=np.array([mask for _, _, mask, _, _ in lines], np.int32),
            teaser=np.array([number for _, _, _, number, _ in lines], np.int32),
            weight=np.array([weight for *_, weight in lines], np.float32),
        )

    def _box(self, page: LabelledPage) -> list[Line]:
        """What may follow a story."""
        rng = self.rng
        story = self.composer.by_id.get(page.id) or rng.choice(self.composer.stories)
        kind = rng.random()
        if kind < 0.5:
            return self.composer.teasers_of(story, rng.choice((1, 2, 3, 5)))
        return self.composer.comments() if kind < 0.8 else self.composer.bio(story)

    def _kept(self, page: LabelledPage, rate: float) -> list[int]:
        """The blocks that stay when each run outside the main text is left out at this rate."""
        keep: list[int] = []
        dropped = False
        for i, (mask, weight) in enumerate(zip(page.allowed.tolist(), page.weight.tolist(), strict=True)):
            same = i > 0 and (mask, page.teaser[i]) == (page.allowed[i - 1], page.teaser[i - 1])
            if not same or self.rng.random() < 0.1:
                dropped = self.rng.random() < rate
            if not (dropped and weight > 0 and not mask & MAIN and mask != BIT["title"]):
                keep.append(i)
        return keep or list(range(len(page.blocks)))

    def _without_chrome(self, page: LabelledPage) -> LabelledPage:
        keep = self._kept(page, self.rng.choice((0.05, 0.15, 0.3)))
        hints = page.hints
        if self.rng.random() < 0.3:  # not every page has a head that tells, nor an address
            hints = replace(hints, url="") if self.rng.random() < 0.5 else Hints(url=hints.url)
        blocks, end = [], 0
        for i in keep:
            block = page.blocks[i]
            start = end + (min(2, block.start - page.blocks[i - 1].end) if i else 0)
            end = start + len(block.text)
            blocks.append(replace(block, start=start, end=end))
        return replace(
            page, blocks=blocks, hints=hints, allowed=page.allowed[keep], weight=page.weight[keep],
            teaser=page.teaser[keep],
        )  # fmt: skip

    def recast(self, page: LabelledPage) -> LabelledPage:
        """The same page, its layout and its chrome, with another story and with teasers of other stories.

        What is known of each line stays known. Lines that only fit the old story are left out.
        """
        rng, composer = self.rng, self.composer
        own = composer.by_id.get(page.id)
        same = composer.by_language[own.language] if own else composer.stories
        story = rng.choice(same if len(same) > 4 else composer.stories)
        paragraphs = iter([t for t, _ in story.parts if len(t) >= _LONG])
        headings = iter([t for t, _ in story.parts if len(t) < _LONG])
        parts = iter([t for t, _ in story.parts])
        captions = iter(story.captions)
        titles = [tokens(b.text) for b, m in zip(page.blocks, page.allowed, strict=True) if m == BIT["title"]]
        others: dict[object, tuple[StoryText, Iterator[str]]] = {}
        kept: list[tuple[int, str]] = []
        for i, (block, mask, weight, number) in enumerate(
            zip(page.blocks, page.allowed.tolist(), page.weight.tolist(), page.teaser.tolist(), strict=True)
        ):
            text: str | None = block.text
            long = len(block.text) >= _LONG
            if titles and tokens(block.text) == titles[0]:
                text = story.title
            elif not mask & ~MAIN:
                source = parts if mask == MAIN else paragraphs if mask == BIT["body"] else headings
                text = next(source, None)
            elif weight == 0:
                text = None if long else text
            elif mask == BIT["dek"]:
                text = story.dek or None
            elif mask == BIT["caption"] and long:
                text = next(captions, None)
            elif mask in (BIT["teaser_title"], BIT["teaser_text"]):
                other, summary = self._instead(others, number if number > 0 else i, story)
                if mask == BIT["teaser_title"]:
                    text = other.title
                elif long:
                    text = next(summary, None)
            if text:
                kept.append((i, " ".join(text.split())))
        if len(kept) < 3:
            return page
        keep = [i for i, _ in kept]
        hints = replace(page.hints, url=self.composer.address(story).url, title="", description="", body="")
        if page.hints.title:
            hints = replace(hints, title=story.title, description=story.dek)
        return replace(
            page,
            id=story.id,
            blocks=list(_laid_out(page.blocks, kept)),
            hints=hints,
            allowed=page.allowed[keep],
            weight=page.weight[keep],
            teaser=page.teaser[keep],
        )

    def _instead(
        self, others: dict[object, tuple[StoryText, Iterator[str]]], teaser: object, story: StoryText
    ) -> tuple[StoryText, Iterator[str]]:
        """The story that a teaser is about now, and what is left of it for summaries."""
        if teaser not in others:
            other = self.composer.other(story)
            headlines = self.composer.pools.headline
            if headlines and self.rng.random() < 0.5:
                other = replace(other, title=self.rng.choice(headlines))
            others[teaser] = other, iter([self.composer.cut(t) for t, _ in other.parts if len(t) >= _LONG])
        return others[teaser]


def _laid_out(blocks: list[Block], kept: list[tuple[int, str]]) -> Iterator[Block]:
    """Blocks with other texts, at their new places; a headline's link says the new headline."""
    end = 0
    for order, (i, text) in enumerate(kept):
        block, dom = blocks[i], blocks[i].dom
        start = end + (min(2, block.start - blocks[i - 1].end) if i and order else 0)
        end = start + len(text)
        if dom is not None and text != block.text:
            share = dom.link_chars / len(block.text)
            links = ("https://site.example/" + "-".join(re.findall(r"[^\W_]+", text.lower())),) if dom.links else ()
            dom = replace(dom, link_chars=round(share * len(text)), links=links)
        yield Block(text, start, end, dom)
