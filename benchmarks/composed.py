"""Composed pages of a fold: its own stories, and the chrome of its own sites, in layouts with exact teaser labels."""

from __future__ import annotations

from collections.abc import Sequence

from training.compose import Composer
from training.data import FOLDS, LabelledPage, fold_of
from training.pools import StoryText, collect_pools
from transforms.types import ROLES

_SEED = 20_261  # not one that training uses


def composed_pages(
    pages: Sequence[LabelledPage], stories: Sequence[StoryText], each: int = 80
) -> list[tuple[int, dict]]:
    """Pages with their fold, in the form of ``gold/roles.jsonl``; only pages of which every line's role is known."""
    out = []
    for fold in range(FOLDS):
        inside = [page for page in pages if page.origin != "own" and fold_of(page.domain) == fold]
        composer = Composer([s for s in stories if fold_of(s.domain) == fold], collect_pools(inside), _SEED + fold)
        made = 0
        while made < each:
            page = composer.page()
            roles = [_role(mask) for mask in page.allowed.tolist()]
            if None in roles or (page.teaser < 0).any() or not (page.teaser > 0).any():
                continue
            text = "".join(
                "\n" * (b.start - a.end if a else 0) + b.text
                for a, b in zip((None, *page.blocks), page.blocks, strict=False)
            )
            lines = [
                {"text": b.text, "role": role, "teaser": int(number) or None}
                for b, role, number in zip(page.blocks, roles, page.teaser, strict=True)
            ]
            out.append((fold, {"id": f"composed-{fold}-{made}", "text": text, "lines": lines}))
            made += 1
    return out


def _role(mask: int) -> str | None:
    """The role that a mask leaves; main text is body where no heading is known."""
    names = [role for i, role in enumerate(ROLES) if mask >> i & 1]
    if set(names) == {"body", "heading"}:
        return "body"
    return names[0] if len(names) == 1 else None
