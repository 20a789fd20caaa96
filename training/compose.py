"""Compose pages whose every label is known, new ones each time.

Hand-labelled pages hold a few hundred teasers; here any two stories make more. A composed page is one story with,
in a layout drawn at random: navigation on top, interruptions between paragraphs, an author box, teasers of other
stories (title, image caption, summary paragraphs, a "read more" line, in every combination), comments, a footer.
The connecting lines (chrome, labels of teaser blocks, "read more" lines, author boxes, comments) are lines of real
pages of the training folds; only what joins a name to a byline or a credit is written here.
"""

from __future__ import annotations

import random
import re
from collections.abc import Callable, Sequence

import numpy as np

from training.data import BIT, MAIN, TEASER, LabelledPage
from training.pools import Pools, Run, StoryText
from transforms.core.features import Hints
from transforms.core.lines import text_blocks

Line = tuple[str, int, int]  # text, allowed roles, teaser number
_SENTENCE = re.compile(r"(?<=[.!?…。！？।؟])[\"”»’]?(?:\s+|(?<=[。！？]))")


class Composer:
    """Draws composed pages; the same seed and pools give the same pages."""

    def __init__(self, stories: Sequence[StoryText], pools: Pools, seed: int) -> None:
        self.stories, self.pools, self.rng = list(stories), pools, random.Random(seed)
        self.by_id = {story.id: story for story in self.stories}
        self.by_language: dict[str, list[StoryText]] = {}
        for story in self.stories:
            self.by_language.setdefault(story.language, []).append(story)

    def page(self) -> LabelledPage:
        rng, pools = self.rng, self.pools
        # News stories are few beside wcxb's but are the better labelled and the more varied in language.
        news = [s for s in self.stories if s.language != "wcxb"]
        story = rng.choice(news) if news and rng.random() < 0.35 else rng.choice(self.stories)
        lines: list[Line] = []
        self.teasers = 0
        if rng.random() < 0.75 and pools.top:
            size = rng.choice((1, 1, 2, 3, 8, 30))
            lines += self._some(pools.top)[-size:] if rng.random() < 0.5 else self._some(pools.top)[:size]
        if rng.random() < 0.1:
            lines += self.teasers_of(story, rng.randint(1, 5))
        lines += self._head(story)
        lines += self._body(story)
        lines += self._tail(story)
        return self._labelled(story, lines)

    def _as(self, texts: Sequence[str], role: str) -> list[Line]:
        return [(t, BIT[role], 0) for t in texts]

    def _some(self, runs: list[Run]) -> list[Line]:
        return [(text, mask, 0) for text, mask in self.rng.choice(runs)] if runs else []

    def _head(self, story: StoryText) -> list[Line]:
        rng, lines = self.rng, []
        if rng.random() < 0.92:
            lines += self._as([story.title], "title")
        if story.dek and rng.random() < 0.7:
            lines += self._as([story.dek], "dek")
        if rng.random() < 0.6:
            if story.author and rng.random() < 0.6:
                lines += self._as([rng.choice(("", "By ", "by ", "Von ", "Por ")) + story.author], "byline")
            else:
                lines += self._some(self.pools.byline)
        if rng.random() < 0.3:
            lines += self._some(self.pools.interruption)
        if rng.random() < 0.4:
            lines += self._caption(story)
        return lines

    def _caption(self, story: StoryText) -> list[Line]:
        rng = self.rng
        seen_on = story if story.captions and rng.random() < 0.7 else self.other(story)
        if not seen_on.captions or rng.random() < 0.25:
            return self._some(self.pools.caption)
        lines = self._as([self._picture(seen_on)], "caption")
        if rng.random() < 0.6:  # only the credit tells a short caption from a heading
            lines += self._as(self._credit(story), "caption")
        return lines

    def _picture(self, story: StoryText) -> str:
        """What stands below a picture: a sentence, or only the thing that is seen, as alternative texts have it."""
        rng = self.rng
        text = rng.choice(story.captions)
        words = text.split()
        kind = rng.random()
        if kind < 0.45 and len(words) > 3:
            words = words[: rng.randint(2, 5)]
            text = " ".join(words).rstrip(".,;:")
            if kind < 0.2:
                text = " ".join(w[:1].upper() + w[1:] for w in text.split())
        elif kind < 0.55:
            text = text.lower().rstrip(".")
        return text

    def _credit(self, story: StoryText) -> list[str]:
        """A picture's credit: one seen on a page, or a name and an outlet joined as credits join them."""
        rng = self.rng
        seen = [run[-1][0] for run in self.pools.caption if len(run[-1][0]) < 60]
        name = self.other(story).author
        if seen and (not name or rng.random() < 0.4):
            return [rng.choice(seen)]
        outlet = self.other(story).domain.split(".")[0].title()
        if not name:
            return [outlet]
        forms = ("{}/{}", "{}/{} Images", "{} / {}", "{} for {}", "{}, {}", "© {} {}", "{} | {}", "{}", "Image: {1}")
        return [rng.choice(forms).format(name, outlet)]

    def _body(self, story: StoryText) -> list[Line]:
        rng, lines = self.rng, []
        start = 0 if rng.random() < 0.6 else rng.randint(0, max(0, len(story.parts) - 2))
        parts = self._recut(story.parts[start : start + rng.choice((1, 2, 3, 4, 6, 8, 12, 20, 40))])
        rate = rng.choice((0.0, 0.05, 0.12, 0.25))
        for i, (text, mask) in enumerate(parts):
            lines.append((text, mask, 0))
            if i + 1 < len(parts) and rng.random() < rate:
                kind = rng.random()
                if kind < 0.2:
                    lines += self._as([self._marker([])], "boilerplate")
                elif kind < 0.42:
                    lines += self._some(self.pools.interruption)
                elif kind < 0.72:
                    lines += self._caption(story)
                elif kind < 0.86:
                    lines += self._in_text_teaser(story)
                else:
                    lines += self.teasers_of(story, rng.randint(1, 3))
        return lines

    def _recut(self, parts: Sequence[tuple[str, int]]) -> list[tuple[str, int]]:
        """Paragraphs cut and joined at sentence ends, so that no line is seen often enough to be known by heart."""
        rng = self.rng
        rate = rng.choice((0.0, 0.3, 0.6))
        out: list[tuple[str, int]] = []
        for text, mask in parts:
            if not (mask & BIT["body"] and len(text) > 120 and rng.random() < rate):
                out.append((text, mask))
            elif rng.random() < 0.7:
                pieces = self.in_two(text)
                if len(pieces) > 1 and rng.random() < 0.2:
                    pieces.pop(rng.randrange(2))
                out += [(piece, mask) for piece in pieces]
            elif out and out[-1][1] == mask and len(out[-1][0]) > 120:
                out[-1] = (out[-1][0] + " " + text, mask)
            else:
                out.append((text, mask))
        return out

    def _in_text_teaser(self, story: StoryText) -> list[Line]:
        rng = self.rng
        other = self.other(story)
        prefix = rng.choice(self.pools.teaser_prefix) if self.pools.teaser_prefix and rng.random() < 0.7 else ""
        self.teasers += 1
        return [(prefix + other.title, BIT["teaser_title"], self.teasers)]

    def other(self, story: StoryText) -> StoryText:
        pool = self.by_language[story.language]
        pool = self.stories if self.rng.random() < 0.1 or len(pool) < 4 else pool
        while True:
            other = self.rng.choice(pool)
            if other.id != story.id:
                return other

    def teasers_of(self, story: StoryText, count: int) -> list[Line]:
        """Teasers in one style, as a template would print them."""
        rng, lines = self.rng, []
        if rng.random() < 0.4:
            lines += self._as([self._marker(self.pools.before_teaser)], "boilerplate")
        caption, summary = rng.random() < 0.5, rng.choice((0, 0, 0, 1, 1, 2, 3))
        picture_first = rng.random() < 0.25
        meta = rng.choice(("", "", "", "before", "after"))
        stamps = rng.choice((1, 1, 1, 2, 3))  # lines such as a date, a category, minutes of reading
        mark = rng.choice(("", "", "", "", "", "• ", "{}. "))
        twice = rng.random() < 0.07  # as a picture's link and as the headline's
        untitled = summary > 0 and rng.random() < 0.12  # summaries alone, one after the other
        more_line = self._marker(self.pools.after_teaser) if rng.random() < 0.45 else ""
        for _ in range(count):
            other = self.other(story)
            self.teasers += 1
            number = self.teasers
            seen = self.pools.teaser_meta
            stamp = [(rng.choice(seen), BIT["teaser_text"], number) for _ in range(stamps)] if seen else []
            picture = []
            if caption and other.captions and rng.random() < 0.9:
                picture = [(self._picture(other), BIT["teaser_caption"], number)]
            related = self._related(story) if rng.random() < 0.35 and story.title.count(" ") > 2 else None
            title = other.title
            if not summary and not picture and self.pools.headline and rng.random() < 0.6:
                title = rng.choice(self.pools.headline)
            if related:
                title = related(title, 3)
                picture = [(related(text, 1), mask, n) for text, mask, n in picture]
            lines += picture if picture_first else []
            lines += stamp if meta == "before" else []
            if not untitled:
                lines += [(mark.format(number) + title, BIT["teaser_title"], number)] * (1 + twice)
            lines += stamp if meta == "after" else []
            lines += [] if picture_first else picture
            body = [t for t, _ in other.parts if len(t) > 60 or ord(t[0]) > 0x2E80]
            start = 0 if rng.random() < 0.7 else rng.randint(0, max(0, len(body) - summary))
            for text in body[start : start + summary]:
                if rng.random() < 0.4:
                    text = rng.choice(self.in_two(text))
                if related:
                    text = related(text, 5)
                lines.append((self.cut(text), BIT["teaser_text"], number))
            headings = [t for t, _ in other.parts if len(t) < 50]
            if summary > 1 and headings and rng.random() < 0.25:
                lines.append((rng.choice(headings), BIT["teaser_text"], number))
            if more_line:
                lines.append((more_line, BIT["boilerplate"], 0))
        return lines

    def _related(self, story: StoryText) -> Callable[[str, int], str]:
        """Puts words of the story into another's: what a site recommends is often about the same thing."""
        rng = self.rng
        source = story.title if rng.random() < 0.5 else story.title + " " + rng.choice(story.parts)[0]
        words = [w.strip('.,:;!?"“”()') for w in source.split()]
        words = [w for w in words if len(w) >= 5] or [story.title]
        chosen = rng.sample(words, min(len(words), rng.randint(1, 3)))

        def swapped(text: str, most: int) -> str:
            own = text.split()
            if len(own) < 4:  # a script without spaces
                return text
            places = [i for i, w in enumerate(own) if len(w) >= 5]
            for i in rng.sample(places, min(len(places), rng.randint(1, most))):
                own[i] = rng.choice(chosen)
            return " ".join(own)

        return swapped

    def _marker(self, seen: list[str]) -> str:
        """A line that labels or ends teasers: one seen in that place, or any short line, as on a site never seen."""
        pool = seen if seen and self.rng.random() < 0.4 else self.pools.short
        return self.rng.choice(pool)

    def cut(self, text: str) -> str:
        rng = self.rng
        if rng.random() < 0.3 and len(text) > 120:
            end = rng.randint(60, min(len(text) - 1, 250))
            return text[: text.rfind(" ", 0, end) if " " in text[:end] else end] + rng.choice(("…", "...", " […]"))
        return text

    def _tail(self, story: StoryText) -> list[Line]:
        rng, pools, lines = self.rng, self.pools, []
        parts = []
        if rng.random() < 0.25:
            parts.append(self._some(pools.interruption))
        if rng.random() < 0.45:
            parts.append(self.bio(story))
        if rng.random() < 0.7:
            parts.append(self.teasers_of(story, rng.choice((1, 2, 3, 3, 4, 5, 8))))
        if rng.random() < 0.2:
            parts.append(self.comments())
        if rng.random() < 0.2:
            rng.shuffle(parts)
        for part in parts:
            lines += part
        if rng.random() < 0.4:
            lines += self._some(pools.bottom)[: rng.choice((1, 3, 10, 40))]
        return lines

    def comments(self) -> list[Line]:
        """A thread: from one comment to far more text than the story has, whole or as a list of what was said."""
        rng = self.rng
        mark = rng.choice(("", "", "", "{}. ", "• "))
        spoken_only = rng.random() < 0.35
        lines: list[Line] = []
        for _ in range(rng.choice((1, 1, 2, 4, 8, 16, 30))):
            run = self._some(self.pools.comment)
            if spoken_only:
                run = [line for line in run if len(line[0]) >= 40 and line[1] == BIT["comment"]]
            lines += run
        lines = lines[: rng.choice((6, 20, 60, 150))]
        every = rng.random() < 0.5
        return [
            (mark.format(i + 1) + text if spoken_only and (every or rng.random() < 0.5) else text, mask, number)
            for i, (text, mask, number) in enumerate(lines)
        ]

    def bio(self, story: StoryText) -> list[Line]:
        """An author box; the name is often another's, the text often cut as a template cuts it."""
        rng = self.rng
        lines = self._some(self.pools.bio)
        if len(lines) > 1 and rng.random() < 0.6:
            name = story.author if story.author and rng.random() < 0.5 else self.other(story).author
            old = lines[0][0]
            if name and len(name) < 40 and 4 < len(old) < 40:
                first, new_first = old.split()[0], name.split()[0]
                lines = [(t.replace(old, name).replace(first, new_first), m, n) for t, m, n in lines]
        if rng.random() < 0.35:
            lines = [(self.cut(t) if len(t) > 120 and rng.random() < 0.7 else t, m, n) for t, m, n in lines]
        return lines

    def in_two(self, text: str) -> list[str]:
        """A paragraph as two, cut after a sentence."""
        ends = [m.end() for m in _SENTENCE.finditer(text) if 40 < m.end() < len(text) - 40]
        if not ends:
            return [text]
        end = self.rng.choice(ends)
        return [text[:end].strip(), text[end:].strip()]

    def _labelled(self, story: StoryText, lines: list[Line]) -> LabelledPage:
        rng = self.rng
        layout = rng.choice(("tight", "loose", "mixed", "grouped"))
        out = []
        for i, (text, mask, _) in enumerate(lines):
            text = " ".join(text.split())
            if i == 0:
                gap = ""
            elif layout == "tight":
                gap = "\n"
            elif layout == "loose":
                gap = "\n\n"
            elif layout == "mixed":
                gap = rng.choice(("\n", "\n\n"))
            else:  # paragraphs apart, the lines of a box together
                gap = "\n\n" if mask & MAIN or lines[i - 1][1] & MAIN or mask == BIT["title"] else "\n"
            out.append(gap + text)
        blocks = text_blocks("".join(out))
        kept = [line for line in lines if line[0].split()]
        masks = np.array([m for _, m, _ in kept], np.int32)
        # A line of a real page that may be a teaser's has no number here.
        numbers = np.array([-1 if not t and m & TEASER else t for _, m, t in kept], np.int32)
        weight = np.ones(len(blocks), np.float32)
        return LabelledPage(
            f"{story.id}-composed", story.domain, "composed", "composed", blocks, self.address(story), masks, weight,
            numbers,
        )  # fmt: skip

    def address(self, story: StoryText) -> Hints:
        """An address that says the headline's words, as many do; often none is known."""
        rng = self.rng
        if rng.random() < 0.6:
            return Hints()
        words = [w for w in re.findall(r"[^\W_]+", story.title.lower()) if len(w) > 2 or rng.random() < 0.6]
        return Hints(url="https://site.example/" + "-".join(words[: rng.choice((4, 7, 20))]))
