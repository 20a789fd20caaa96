"""The model's evidence in words: what a feature says when it is low and when it is high."""

from __future__ import annotations

_PHRASES: dict[str, tuple[str, str]] = {
    "chars": ("short", "long"),
    "words": ("few words", "many words"),
    "word_length": ("short words", "long words"),
    "sentence_ends": ("no whole sentence", "whole sentences"),
    "ends_sentence": ("does not end as a sentence", "ends as a sentence"),
    "ends_colon": ("no colon at the end", "ends in a colon"),
    "ends_ellipsis": ("not cut off", "cut off by dots"),
    "ends_letter": ("ends in a mark", "ends without a mark"),
    "starts_upper": ("no capital at the start", "starts with a capital"),
    "starts_lower": ("does not start in lower case", "starts in lower case"),
    "starts_digit": ("does not start with a number", "starts with a number"),
    "starts_bullet": ("no list mark", "starts with a list mark"),
    "starts_quote": ("no opening quote", "starts with a quote"),
    "starts_sign": ("no sign at the start", "starts with a sign"),
    "upper_words": ("few capitalised words", "capitalised words"),
    "upper_chars": ("few capitals", "many capitals"),
    "digits": ("few digits", "many digits"),
    "punctuation": ("little punctuation", "much punctuation"),
    "commas": ("no commas", "commas"),
    "quotes": ("no quotes", "quotes"),
    "separators": ("no separators", "separators"),
    "brackets": ("no brackets", "brackets"),
    "signs": ("no symbols", "symbols"),
    "at_signs": ("no handles or tags", "handles or tags"),
    "colons": ("no colons", "colons"),
    "copyright": ("no copyright sign", "a copyright sign"),
    "long": ("not running text", "running text"),
    "from_start": ("near the top", "far from the top"),
    "from_end": ("near the end", "far from the end"),
    "relative": ("early on the page", "late on the page"),
    "text_before": ("little text before it", "most text before it"),
    "text_after": ("little text after it", "most text after it"),
    "gap_before": ("no gap before it", "a gap before it"),
    "gap_after": ("no gap after it", "a gap after it"),
    "repeats": ("occurs once", "occurs several times"),
    "repeats_but_digits": ("alone of its form", "the form of other lines"),
    "opens_later": ("not the start of a later line", "a later line starts with it"),
    "opened_by_earlier": ("does not start with an earlier line", "starts with an earlier line"),
    "repeat_of_earlier": ("not seen before", "seen before on the page"),
    "repeat_before_near": ("no repeated marker before it", "a repeated marker before it"),
    "repeat_after_near": ("no repeated marker after it", "a repeated marker after it"),
    "length_prev": ("after a short line", "after a long line"),
    "length_next": ("before a short line", "before a long line"),
    "long_before_near": ("no running text before it", "running text before it"),
    "long_after_near": ("no running text after it", "running text after it"),
    "distance_long_before": ("right after running text", "far after running text"),
    "distance_long_after": ("right before running text", "far before running text"),
    "novel_words": ("no new words", "new words"),
    "novel_before_near": ("words of the lines before", "words new here"),
    "reused_later": ("words not used again", "words used again later"),
    "sense_words": ("no word of known meaning", "words of known meaning"),
    "like_meta_title": ("unlike the page's title", "like the page's title"),
    "is_meta_title": ("not the page's title", "the page's title"),
    "like_description": ("unlike the page's description", "like the page's description"),
    "in_article_body": ("not in the declared article", "in the declared article"),
    "in_address": ("not in the page's address", "in the page's address"),
    "link_names_it": ("its link does not name it", "its link names it"),
    "names_author": ("does not name the author", "names the author"),
    "link_share": ("no links", "mostly links"),
    "has_link": ("no link", "has a link"),
    "all_link": ("not all link", "all link"),
    "depth": ("high up in the tree", "deep in the tree"),
    "hidden": ("visible", "hidden"),
    "parent_text": ("its parent holds little text", "its parent holds the page's text"),
    "grandparent_text": ("its section holds little text", "its section holds the page's text"),
    "parent_links": ("few links around it", "many links around it"),
    "same_path_prev": ("set apart from the block before", "in one list with the block before"),
    "same_path_next": ("set apart from the block after", "in one list with the block after"),
    "same_container_prev": ("in another section than the block before", "in the section of the block before"),
    "same_container_next": ("in another section than the block after", "in the section of the block after"),
    "cjk": ("no Han or kana", "Han or kana"),
    "rtl": ("not right to left", "right to left"),
    "other_script": ("Latin script", "a script of its own"),
    "path_count": ("alone of its kind", "one of many of its kind"),
}


_NEIGHBOURS = {
    "prev": "the line before", "next": "the line after", "prev3": "the lines before", "next3": "the lines after",
    "before": "the text before", "after": "the text after", "core": "the page's text", "lead": "the first paragraphs",
    "prev_long": "the paragraph before", "next_long": "the paragraph after", "first_long": "the first paragraph",
    "nearest_before": "any paragraph before", "nearest_after": "any paragraph after",
}  # fmt: skip
_PHRASES |= {f"like_{k}": (f"shares no words with {v}", f"shares words with {v}") for k, v in _NEIGHBOURS.items()}
_PHRASES |= {f"sense_{k}": (f"about something else than {v}", f"about the same as {v}") for k, v in _NEIGHBOURS.items()}
_PHRASES |= {
    "like_seam": ("other words from here on", "the words go on"),
    "sense_seam": ("something else begins here", "the subject goes on"),
}


def phrase(feature: str, value: float) -> str:
    """What a standardised feature value says, in words.

    >>> phrase("ends_sentence", -1.2), phrase("tag_h1", 2.0), phrase("in_nav", -1.0)
    ('does not end as a sentence', 'in <h1>', 'not in <nav>')
    """
    high = value > 0
    if feature in _PHRASES:
        return _PHRASES[feature][high]
    kind, _, name = feature.partition("_")
    if kind in ("tag", "in"):
        return f"{'' if high else 'not '}in <{name}>"
    return f"{'high' if high else 'low'} {feature.replace('_', ' ')}"


CONTEXT = "the lines around it"  # says little by itself: nearly every line is decided by it in part


def main_reason(reason: str) -> str:
    """Return what tells most of a segment's reason: what came first, and was more than the lines around it.

    >>> main_reason("the lines around it, its class names, short; not teaser_title")
    'its class names'
    >>> main_reason("the title again; in <h1>; not body")
    'the title again'
    """
    first = reason.split("; ")[0]
    parts = [part for part in first.split(", ") if part != CONTEXT]
    return parts[0] if parts else first
