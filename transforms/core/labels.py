"""Names of clusters, without lists of any language's words: headlines and keywords."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

KEYWORDS = 8  # keywords of a cluster
LABEL_KEYWORDS = 4  # of them, those that name a topic

Terms = Sequence[tuple[str, int]]


def document_frequencies(documents: Iterable[Terms]) -> Counter[str]:
    """Return in how many of the documents, each given by its ``lexical.terms``, each word occurs."""
    return Counter(word for terms in documents for word, _ in terms)


def keywords(members: Iterable[Terms], frequencies: Mapping[str, int], documents: int) -> tuple[str, ...]:
    """Return the words that set a cluster apart from all documents, best first.

    Class-based TF-IDF: the share that a word has of a member's words, summed over members so that long
    texts get no more say than short ones, times the logarithm of how rare it is among all documents.
    A word of every document ("the") weighs nothing; it is named only where all words are like that.

    Args:
        members: The ``lexical.terms`` of each member.
        frequencies: ``document_frequencies`` of all documents.
        documents: Number of all documents.
    """
    share: dict[str, float] = {}
    for terms in members:
        total = sum(count for _, count in terms)
        for word, count in terms:
            share[word] = share.get(word, 0.0) + count / total
    score = {word: value * math.log(documents / frequencies[word]) for word, value in share.items()}
    telling = [word for word in score if score[word] > 0] or list(score)
    return tuple(sorted(telling, key=lambda word: (-score[word], -share[word], word))[:KEYWORDS])


def label(level: str, title: str, keywords: Sequence[str]) -> str:
    """Return a cluster's name: a member's title, or for a topic (or without a title) its first keywords."""
    title = " ".join(title.split())
    return title if title and level != "topic" else ", ".join(keywords[:LABEL_KEYWORDS])
