"""trafilatura's metadata: metadata_peer.py GOLD.jsonl HTML_FOLDER OUT.jsonl (in the peers' own environment)."""

import gzip
import json
import sys
import time
from pathlib import Path

from trafilatura.metadata import extract_metadata


def main() -> None:
    gold, folder, out = map(Path, sys.argv[1:])
    with gold.open(encoding="utf-8") as lines, out.open("w", encoding="utf-8") as rows:
        for row in map(json.loads, lines):
            html = gzip.decompress((folder / f"{row['id']}.html.gz").read_bytes())
            start = time.process_time()
            try:
                found = extract_metadata(html, default_url=row["url"])
                title, author, published = found.title, found.author, found.date
            except Exception as error:  # a page on which it fails has no metadata for it
                print(f"trafilatura: {row['id']}: {error}", file=sys.stderr)
                title = author = published = None
            seconds = time.process_time() - start
            authors = author.split("; ") if author else []
            record = {"id": row["id"], "title": title, "authors": authors, "published": published, "seconds": seconds}
            rows.write(json.dumps(record) + "\n")


if __name__ == "__main__":
    main()
