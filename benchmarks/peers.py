"""Run one peer over folders of HTML pages: peers.py NAME OUT.jsonl FOLDER... (in the peers' own environment)."""

import gzip
import json
import sys
from pathlib import Path


def trafilatura_text(html: bytes) -> str:
    import trafilatura

    return trafilatura.extract(html, include_comments=False) or ""


def readability_text(html: bytes) -> str:
    from lxml.html import fromstring
    from readability import Document

    summary = Document(html.decode("utf-8", "replace")).summary(html_partial=True)
    return "\n".join(t for t in fromstring(summary).itertext() if t.strip())


def main() -> None:
    name, out, *folders = sys.argv[1:]
    extract = {"trafilatura": trafilatura_text, "readability-lxml": readability_text}[name]
    with open(out, "w", encoding="utf-8") as rows:
        for folder in folders:
            for path in sorted(Path(folder).glob("*.html.gz")):
                try:
                    text = extract(gzip.decompress(path.read_bytes()))
                except Exception as error:  # a peer that fails on a page has no text for it
                    print(f"{name}: {path.name}: {error}", file=sys.stderr)
                    text = ""
                rows.write(json.dumps({"id": path.name.removesuffix(".html.gz"), "text": text}) + "\n")


if __name__ == "__main__":
    main()
