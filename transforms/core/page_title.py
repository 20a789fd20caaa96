"""The title of a page: what is the story's and what the site adds to it.

A head writes "Story - Section | Site" or "Site: Story". Which part is the site's is learned from the page itself:
its declared names, its host, and the headings that agree with a part.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Sequence
from functools import lru_cache

# What stands between a title and a site's name: a sign with space on both sides, or a bar.
# Each alternative begins where white space begins, so that a long run of it is not tried from each of its characters.
_BETWEEN = re.compile(
    r"(?<!\s)\s+(?:[-–—|│｜•·∙»›>«‹/⁄\\~*⋆⎸]|::|--|<)\s+|(?<!\s)\s*[|│｜]\s*|(?<=\S):\s+|(?<!\s)\s+:\s+"
)
_ANCHOR = re.compile(r"(?<!\s)\s*[¶§]\s*$|(?<!\s)\s+#\s*$")  # the sign of a link to the heading itself
_MOST_GAPS = 30  # a title has fewer; one with more is no title, and each run of its parts would be looked at
_LEAST_NAME = 4  # letters from which one name may be a part of another


@lru_cache(maxsize=4096)
def squashed(text: str) -> str:
    """Letters and digits alone, folded: what two spellings of one title share.

    >>> squashed("The “Pier”: 2 March") == squashed('the "pier" - 2 MARCH')
    True
    """
    return "".join(c for c in unicodedata.normalize("NFKD", text.casefold()) if c.isalnum())


def without_site(title: str, sites: Iterable[str | None], host: str | None, headings: Sequence[str] = ()) -> str:
    """A title without the affixes of its site.

    Args:
        title: as the page's head gives it.
        sites: the names that the page gives its site or publisher.
        host: its host name.
        headings: other forms of the title on the page; a part of ``title`` that equals one of them is the title.

    >>> without_site("Ferry strikes pier - News | The Courier", ["The Courier"], None, ["Ferry strikes pier"])
    'Ferry strikes pier'
    >>> without_site("Harbour: what now? - courier.example", [], "www.courier.example")
    'Harbour: what now?'
    """
    gaps = list(_BETWEEN.finditer(title))
    if not gaps or len(gaps) > _MOST_GAPS:
        return title
    starts = [0, *(g.end() for g in gaps)]
    ends = [*(g.start() for g in gaps), len(title)]
    count = len(starts)
    wanted = {squashed(h) for h in headings} - {""}
    if squashed(title) not in wanted:
        for size in range(count - 1, 0, -1):  # the longest run of parts that is a heading
            for first in range(count - size + 1):
                run = title[starts[first] : ends[first + size - 1]]
                if squashed(run) in wanted:
                    return run
    is_site = _site_test(sites, host)
    parts = [squashed(title[a:b]) for a, b in zip(starts, ends, strict=True)]
    first, last = 0, count
    while last - first > 1 and is_site(parts[last - 1]):
        last -= 1
    while last - first > 1 and is_site(parts[first]):
        first += 1
    return title[starts[first] : ends[last - 1]].strip() or title


def _site_test(sites: Iterable[str | None], host: str | None) -> Callable[[str], bool]:
    """A test for whether a squashed part of a title is a name of the site."""
    names = {squashed(s) for s in sites if s} - {""}
    labels = {squashed(x) for x in (host or "").split(".")[:-1]} - {"www", ""}
    whole = squashed((host or "").removeprefix("www."))

    def is_site(part: str) -> bool:
        if not part or part in names or part in labels or part == whole:
            return True
        if len(part) < _LEAST_NAME:
            return False
        if any(n.startswith(part) or (part.startswith(n) and 2 * len(n) > len(part)) for n in names):
            return True
        # "courier.example" of "The Harbour Courier", and the other way round
        long = [x for x in labels if len(x) >= _LEAST_NAME]
        return any(part in x or (x in part and 2 * len(x) > len(part)) for x in long)

    return is_site


def best_title(shown: str | None, headings: Sequence[str], heads: Sequence[str]) -> str | None:
    """The title of a story, from what the page shows and what its head says.

    The headline that readers see wins; the head decides where there is none, where it has the headline without
    what stands before it (a section, a date), and how a headline in capitals is spelt.

    Args:
        shown: the line that the role model takes for the title, without affixes of the site.
        headings: the page's first-level headings.
        heads: the titles in the head, without affixes, the most telling first.

    >>> best_title("HOME NEWS FERRY STRIKES PIER", [], ["Ferry strikes pier"])
    'Ferry strikes pier'
    """
    shown = _ANCHOR.sub("", shown) if shown else None
    headings = [_ANCHOR.sub("", h) for h in headings]
    by_form = {squashed(h): h for h in reversed(heads)}
    by_form.pop("", None)
    if shown is None or not squashed(shown):
        agreed = next((h for h in headings if squashed(h) in by_form), None)
        return agreed or next(iter(heads), None) or next((h for h in headings if squashed(h)), None)
    form = squashed(shown)
    if form in by_form:
        other = by_form[form]
        respaced = "".join(shown.split()) == "".join(other.split())  # elements side by side lose or gain a space
        return other if respaced or (_one_case(shown) and not _one_case(other)) else shown
    agreed = next((h for h in headings if squashed(h) in by_form), None)
    if agreed is not None and all(squashed(h) != form for h in headings):
        return agreed
    tail = next((h for f, h in by_form.items() if form.endswith(f) and 2 * len(f) > len(form)), None)
    return tail or shown


def _one_case(text: str) -> bool:
    """Whether a text of several letters has them all in one case, so that its spelling is a matter of style."""
    return (text.isupper() or text.islower()) and sum(c.isalpha() for c in text) > 3
