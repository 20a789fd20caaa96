import json
from pathlib import Path

import pytest

from transforms.core.error_page import obstacle
from transforms.core.segment import label_blocks, parse_page
from transforms.settings import SegmentSettings
from transforms.types import Page, Source

PAGES = [
    json.loads(line)
    for line in (Path(__file__).parents[1] / "data/obstacles.jsonl").read_text(encoding="utf-8").splitlines()
]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page["id"])
def test_pages_that_hold_an_obstacle_say_so_and_no_others_do(page):
    labelled = label_blocks(parse_page(Page(page["id"], page["form"], page["content"], Source("f"))), SegmentSettings())
    parsed = labelled.parsed
    assert obstacle(parsed.blocks, [x.role for x in labelled.labels], parsed.metadata) == page["flag"]
