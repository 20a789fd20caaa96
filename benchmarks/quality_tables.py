"""The figures of an evaluation as tables."""

from __future__ import annotations

PEERS = ("trafilatura", "readability-lxml")


def tables(result: dict) -> str:
    """The tables of ``benchmarks/results/quality.md``, in Markdown."""
    versions = result["versions"]
    lines = [
        f"Measured {result['date']} by `make eval`; "
        + ", ".join(f"{k} {v}" for k, v in sorted(versions.items()))
        + ". Each page is read by a model that never saw its site.",
        "",
        "| main story, word F1 (95 % interval) | pages | copydesk | bar | trafilatura | readability-lxml | "
        "text untouched |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in result["stories"]:
        cells = [_with_interval(row[s]) if s in row else "" for s in ("trafilatura", "readability-lxml", "untouched")]
        ours = f"**{_with_interval(row['copydesk'])}**"
        lines.append(f"| {row['set']} | {row['pages']} | {ours} | {row['bar']:.3f} | " + " | ".join(cells) + " |")
    lines += [
        "",
        "| the same pages | 4-gram precision | recall | F1 | token-exact pages | related lines left in the story | "
        "pages with any |",
        "| --- | --- | --- | --- | --- | --- | --- |",
    ]
    for row in result["stories"]:
        for tool in ("copydesk", *PEERS):
            if tool in row:
                score = row[tool]
                related = score["related"]
                lines.append(
                    f"| {row['set']}, {tool} | {score['shingle_p']:.3f} | {score['shingle_r']:.3f} | "
                    f"{score['shingle_f1']:.3f} | {score['exact']:.0%} | {related['lines_left_in']:.1%} | "
                    f"{related['pages_with_any']:.1%} of {related['pages']} |"
                )
    lines += ["", "| news by language, word F1 | English | other languages |", "| --- | --- | --- |"]
    for row in result["stories"]:
        for tool in ("copydesk", *PEERS):
            if "languages" in row.get(tool, ()):
                cells = " | ".join(f"{mean:.3f} ({pages})" for pages, mean in row[tool]["languages"].values())
                lines.append(f"| {row['set']}, {tool} | {cells} |")
    roles, clusters = result["roles"], result["clusters"]
    lines += [
        "",
        "| roles and teasers, text pages | accuracy | macro F1 | teasers F1 | teasers F1, mean over pages |",
        "| --- | --- | --- | --- | --- |",
        _role_row(f"hand-labelled pages, by site folds ({roles['pages']:.0f})", roles),
        _role_row(f"composed pages, by site folds ({result['composed']['pages']:.0f})", result["composed"]),
        *(_role_row(f"{name} ({score['pages']:.0f})", score) for name, score in result["own"].items()),
        "",
        "| confidence of a line's role, hand-labelled pages | lines | right |",
        "| --- | --- | --- |",
        *(f"| {sure:.2f} | {n} | {right:.2f} |" for n, sure, right in roles["reliability"]),
        "",
        f"Expected calibration error: {roles['calibration_error']:.3f}.",
        "",
        "| clusters, ECB+ (483 texts) | B-cubed P | R | F1 |",
        "| --- | --- | --- | --- |",
    ]
    for level, score in clusters.items():
        lines.append(f"| {level} | {score['bcubed_p']:.3f} | {score['bcubed_r']:.3f} | {score['bcubed_f1']:.3f} |")
    return "\n".join(lines) + "\n"


def _with_interval(score: dict) -> str:
    low, high = score["word_f1_interval"]
    return f"{score['word_f1']:.3f} ({low:.3f} to {high:.3f})"


def _role_row(name: str, score: dict[str, float]) -> str:
    keys = ("accuracy", "macro_f1", "teaser_f1", "teaser_page_f1")
    return f"| {name} | " + " | ".join(f"{score[key]:.3f}" for key in keys) + " |"
