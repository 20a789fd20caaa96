"""Corpora composed of real stories for ``benchmarks/clusters.py``: what belongs together is known by construction.

Everything is drawn from ``random.Random`` with a fixed seed and the story's own id, so a corpus is the same on every
machine and a story's variants do not depend on the other stories.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from random import Random

from transforms.core.lexical import normalise

AGENCIES = ("Reuters", "AP", "AFP", "dpa", "PA Media", "EFE", "Kyodo")
BYLINES = ("Tam Ashgrove", "Ona Reed", "Ines Calder", "Joss Varley", "Mika Lund")
PLACES = ("SALLOW", "ALDERMOOR", "NORTHMARK", "LINDOW")
SHORT = (60, 120, 250)  # words to which some stories are cut first: most pages are long, most news is not

Words = list[str]


@dataclass(frozen=True, slots=True)
class Text:
    """One text of a composed corpus. Texts with equal ``group`` belong together."""

    id: str
    group: str
    kind: str
    text: str


def paragraphs(text: str) -> list[str]:
    return [line.strip() for line in text.split("\n") if line.strip()]


def cut(text: str, words: int) -> str:
    """The first paragraphs of a text until ``words`` words are reached, the last one cut."""
    kept: list[str] = []
    for paragraph in paragraphs(text):
        kept.append(" ".join(paragraph.split()[:words]))
        words -= len(paragraph.split())
        if words <= 0:
            break
    return "\n\n".join(kept)


def duplicate_corpus(stories: Sequence[tuple[str, str]], wrappers: Sequence[list[str]], seed: int = 0) -> list[Text]:
    """Each story, six copies that an editor would call the same text, and decoys that are other news.

    Args:
        stories: Id and text; near copies among them are the caller's to remove.
        wrappers: Lines around the text on pages of other sites: the boilerplate.
        seed: Another one draws other variants.
    """
    corpus = []
    for number, (id, text) in enumerate(stories):
        rng = Random(f"{seed} {id}")
        if number % 2:
            text = cut(text, rng.choice(SHORT))
        other = stories[(number + 1 + rng.randrange(len(stories) - 1)) % len(stories)][1]
        wrapper = wrappers[rng.randrange(len(wrappers))]
        copies: dict[str, Callable[[], str]] = {
            "original": lambda text=text: text,
            "byline": lambda text=text, rng=rng: _byline(text, rng),
            "cut": lambda text=text: cut(text, round(0.7 * len(text.split()))),
            "dropped": lambda text=text, rng=rng: _dropped(text, rng),
            "case": lambda text=text, rng=rng: _case(text, rng),
            "paragraph": lambda text=text, other=other, rng=rng: _paragraph(text, other, rng),
            "wrapped": lambda text=text, wrapper=wrapper: _wrapped(text, wrapper),
        }
        corpus += [Text(f"{id}.{kind}", id, kind, make()) for kind, make in copies.items()]
        for kind, decoy in (("numbers", _other_numbers(text, rng)), ("names", _other_names(text, other, rng))):
            if decoy is not None:
                corpus.append(Text(f"{id}.{kind}", f"{id}.{kind}", kind, decoy))
    return corpus


def _byline(text: str, rng: Random) -> str:
    agency, place = rng.choice(AGENCIES), rng.choice(PLACES)
    writer, reporter, editor = (rng.choice(BYLINES) for _ in range(3))
    return (
        f"By {writer}\nPublished 14 March 2026, 09:{rng.randrange(10, 60)}\n{place} ({agency}) - {text}\n\n"
        f"(Reporting by {reporter}; editing by {editor})\n(c) {agency} 2026. All rights reserved."
    )


def _dropped(text: str, rng: Random) -> str:
    """The text without a random tenth of its words."""
    return "\n".join(" ".join(word for word in line.split() if rng.random() >= 0.1) for line in paragraphs(text))


def _case(text: str, rng: Random) -> str:
    text = text.upper() if rng.random() < 0.3 else text.lower()
    return re.sub(r"[,;:\"\u201c\u201d()]", "", text).replace(" - ", " \u2014 ").replace(".", "!")


def _paragraph(text: str, other: str, rng: Random) -> str:
    """The text with one paragraph replaced by one of another story; a third of a text of one paragraph."""
    lines = paragraphs(text)
    if len(lines) < 3:
        words = text.split()
        third = len(words) // 3
        lines = [" ".join(words[:third]), " ".join(words[third : 2 * third]), " ".join(words[2 * third :])]
    fits = [i for i, line in enumerate(lines) if len(line.split()) <= sum(len(x.split()) for x in lines) / 3] or [0]
    at = rng.choice(fits)
    lines[at] = cut(rng.choice(paragraphs(other)), max(10, len(lines[at].split())))
    return "\n\n".join(lines)


def _wrapped(text: str, wrapper: list[str]) -> str:
    """The text with the boilerplate of another page around it, half as many words as it has at most."""
    room = len(text.split()) // 2
    kept = []
    for line in wrapper:
        room -= len(line.split())
        if room < 0:
            break
        kept.append(line)
    return "\n".join([*kept[: len(kept) // 2], text, *kept[len(kept) // 2 :]])


def _other_numbers(text: str, rng: Random) -> str | None:
    """The text with other digits in every number; None if it has fewer than two numbers."""
    if len(re.findall(r"\d+", text)) < 2:
        return None

    def changed(match: re.Match[str]) -> str:
        return "".join(str((int(digit) + rng.randrange(1, 10)) % 10) for digit in match.group())

    return re.sub(r"[0-9]+", changed, text)


_INSIDE = re.compile(r"(?<=[a-z,;] )[A-Z][a-z]{2,}")  # a capital inside a sentence


def _other_names(text: str, other: str, rng: Random) -> str | None:
    """The text with the names of another story in place of its own; None if it has fewer than three."""
    names, others = _names(text), sorted(set(_names(other)) - set(_names(text)))
    if len(names) < 3 or not others:
        return None
    new = {name: rng.choice(others) for name in names}
    return re.sub(rf"\b(?:{'|'.join(names)})\b", lambda match: new[match.group()], text)


def _names(text: str) -> list[str]:
    """Words with a capital inside a sentence that never stand there without one."""
    return sorted({name for name in _INSIDE.findall(text) if not re.search(rf"\b{name.lower()}\b", text)})


def distinct(stories: Sequence[tuple[str, str]], most: float = 0.2) -> list[tuple[str, str]]:
    """The stories without those that share more than ``most`` of their 4-shingles with an earlier one."""
    seen: dict[str, int] = {}
    kept: list[tuple[str, str]] = []
    for id, text in stories:
        words = normalise(text).split()
        shingles = {" ".join(words[i : i + 4]) for i in range(len(words) - 3)}
        shared: dict[int, int] = {}
        for shingle in shingles:
            if shingle in seen:
                shared[seen[shingle]] = shared.get(seen[shingle], 0) + 1
        if shingles and max(shared.values(), default=0) <= most * len(shingles):
            seen.update(dict.fromkeys(shingles, len(kept)))
            kept.append((id, text))
    return kept


def link_corpus(pages: Sequence[dict[str, str]], seed: int = 0) -> tuple[list[dict[str, str]], list[dict[str, str]]]:
    """Stories, and teasers of which some point to one of them and some to a story that is not there.

    Every second page is left out of the stories. Its teasers must not be linked: the other reports of the same
    event and of the same topic, which are there, are the nearest wrong answers.

    Args:
        pages: With ``id``, ``title`` and ``text``.
        seed: Another one draws other teasers.

    Returns:
        The stories, and teasers with ``id``, ``title``, ``text``, ``kind`` and ``story``, the id of the
        story that is meant, or "" if it is not there.
    """
    stories, teasers = [], []
    # First sentences stand for titles; headlines are shorter.
    titles = {page["id"]: " ".join((page["title"] or "").split()[:14]) for page in pages}
    copies = Counter(normalise(title) for title in titles.values())
    for number, page in enumerate(sorted(pages, key=lambda page: page["id"])):
        title = titles[page["id"]]
        # Of a title that two stories have word for word, nobody can say whose it is.
        if len(title.split()) < 4 or not page["text"] or copies[normalise(title)] > 1:
            continue
        rng = Random(f"{seed} {page['id']}")
        kept = number % 2 == 0
        if kept:
            stories.append({"id": page["id"], "title": title, "text": page["text"]})
        words = title.split()
        lead = " ".join(page["text"].split()[:25])
        variants = {
            "same": (title, ""),
            "capitals": (title.upper(), ""),
            "shortened": (" ".join(words[: max(4, round(0.7 * len(words)))]) + "\u2026", ""),
            "summary": (title, lead),
            "kicker": (f"{rng.choice(('Video', 'Live', 'Analysis', 'Opinion'))}: {title}", ""),
        }
        kind = list(variants)[len(teasers) % len(variants)]
        teasers.append(
            {
                "id": f"home#t{len(teasers) + 1}",
                "title": variants[kind][0],
                "text": variants[kind][1],
                "kind": kind,
                "story": page["id"] if kept else "",
            }
        )
    return stories, teasers
