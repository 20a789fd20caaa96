"""The 25 kinds of bad input that a run must take: a record or a failure with its place, never a crash or a hang.

What fits into one run is in one run: all files are written first, and each test looks at what became of its own.
"""

import gzip
import json
from collections.abc import Sequence
from pathlib import Path
from random import Random
from typing import Any

import pytest
import zstandard

from pipeline import UsageError, config, runner
from pipeline.request import Request
from pipeline.sinks import read_table
from transforms.core.encoders import HashingEncoder

STORY = (
    "The harbour was closed on Tuesday after a ferry had hit the breakwater in thick fog, the harbour master said.",
    "Nobody was hurt, but forty passengers spent the night in the sailors' mission, where the kitchen stayed open.",
    "Divers will look at the hull on Wednesday, and the ferry will not sail again before the weekend, its owner said.",
    "An inquiry is to find out why the fog signal was silent, although it had been tested only a week before.",
)
HASHING = config.load(None, ["embed.model=hashing"])
TITLE = "Ferry hits breakwater in thick fog"
OTHER_STORY = (
    "A tram left its rails at the market on Friday morning and came to rest against the fountain, the company said.",
    "The driver had felt a blow beneath the second axle, and stopped within twenty metres, with nobody on board hurt.",
    "Mechanics lifted the carriage back at noon, while buses took the passengers of three lines round the old town.",
    "The rail at that place was laid in the spring, and the builders now have to show what steel they used for it.",
    "Until the answer is known, trams will pass the market at walking pace, and the timetable gives four minutes more.",
)
LIVE = (
    "21.40 Goal! Harriers lead.", "21.35 Corner to Harriers.", "21.20 Yellow card for Bell.", "21.05 Nothing yet.",
    "20.58 The fog is thick.", "20.45 Kick-off.",
)  # fmt: skip
POEM = (
    "The fog came in", "on the evening tide,", "and the bell was dumb.", "Nobody rang", "for the ferry's boat",
    "that would not come.",
)  # fmt: skip
SCRIPTS = {
    "chinese": (
        "渡轮在浓雾中撞上防波堤",
        "港务长说，星期二清晨一艘渡轮在浓雾中撞上防波堤，港口随即关闭，船上四十名乘客无人受伤。",
        "乘客们在海员之家过夜，厨房通宵开放，厨师为所有人准备了热汤，并没有向船主收取任何费用。",
        "潜水员将于星期三检查船体，船主表示，渡轮在周末之前不会再次出海，已购船票可以退款。",
        "调查将查明雾号为何没有响起，尽管一周之前它刚刚接受过测试，当时一切正常。",
    ),
    "thai": (
        "เรือข้ามฟากชนเขื่อนกันคลื่นในหมอกหนา",
        "นายท่ากล่าวว่าเรือข้ามฟากชนเขื่อนกันคลื่นในหมอกหนาเมื่อเช้าวันอังคารและท่าเรือถูกปิดโดยไม่มีผู้ใดได้รับบาดเจ็บ",
        "ผู้โดยสารสี่สิบคนพักค้างคืนที่บ้านพักลูกเรือซึ่งห้องครัวเปิดตลอดทั้งคืนและแม่ครัวทำซุปร้อนให้ทุกคน",
        "นักประดาน้ำจะตรวจสอบลำเรือในวันพุธและเจ้าของเรือกล่าวว่าเรือจะไม่ออกเดินทางอีกก่อนสุดสัปดาห์นี้",
        "การสอบสวนจะค้นหาสาเหตุที่สัญญาณหมอกไม่ดังแม้ว่าจะได้รับการทดสอบเพียงหนึ่งสัปดาห์ก่อนหน้านี้",
    ),
    "arabic": (
        "عبّارة تصطدم بحاجز الأمواج في ضباب كثيف",
        "قال مدير الميناء إن عبّارة اصطدمت بحاجز الأمواج في ضباب كثيف صباح الثلاثاء، فأُغلق الميناء ولم يُصب أحد.",
        "وأمضى أربعون راكبًا ليلتهم في دار البحّارة، حيث بقي المطبخ مفتوحًا وأعدّت الطاهية حساءً ساخنًا للجميع.",
        "وسيفحص الغوّاصون بدن السفينة يوم الأربعاء، ولن تبحر العبّارة مرة أخرى قبل نهاية الأسبوع، كما قال مالكها.",
        "وسيكشف التحقيق سبب صمت إشارة الضباب، مع أنها اختُبرت قبل أسبوع واحد فقط وكانت تعمل على ما يرام.",
    ),
}
MAX_BYTES, MAX_ELEMENTS, MAX_LINES = 200_000, 20_000, 2_000


def article(*paragraphs: str, title: str = TITLE, head: str = "") -> str:
    body = "".join(f"<p>{paragraph}</p>" for paragraph in paragraphs)
    return (
        f"<html><head>{head}<title>{title}</title></head><body><article><h1>{title}</h1>{body}</article></body></html>"
    )


def longer(story: Sequence[str]) -> list[str]:
    """Twice the text in as many paragraphs."""
    return [f"{one} {next}" for one, next in zip(story, [*story[1:], story[0]], strict=True)]


class Written:
    """A folder of inputs, and the tables of the run over them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.tables: dict[str, list[dict[str, Any]]] = {}
        self.manifest: dict[str, Any] = {}

    def write(self, name: str, content: str | bytes) -> None:
        (self.folder / name).write_bytes(content.encode() if isinstance(content, str) else content)

    def of(self, table: str, file: str) -> list[dict[str, Any]]:
        """The rows of pages, stories or failures that stand in a file."""
        path = str(self.folder / file)
        return sorted(
            (r for r in self.tables[table] if r["source"]["file"] == path), key=lambda r: r["source"]["offset"]
        )

    def failures(self, file: str) -> list[tuple[int, str]]:
        return [(row["source"]["offset"], row["error"]) for row in self.of("failures", file)]

    def page(self, file: str) -> dict[str, Any]:
        (page,) = self.of("pages", file)
        return page

    def segments(self, file: str) -> list[dict[str, Any]]:
        page = self.page(file)["id"]
        return sorted((row for row in self.tables["segments"] if row["page_id"] == page), key=lambda row: row["order"])

    def text_of(self, file: str) -> str:
        return "\n".join(segment["text"] for segment in self.segments(file))

    def story(self, file: str) -> str:
        (story,) = self.of("stories", file)
        return story["text"]


@pytest.fixture(scope="module")
def ran(tmp_path_factory: pytest.TempPathFactory) -> Written:
    folder = tmp_path_factory.mktemp("bad") / "in"
    folder.mkdir()
    all = Written(folder)
    all.write("01-empty.html", b"")
    all.write("01-blank.txt", b" \n\t\n ")
    records = (
        {"id": "null", "text": None},
        {"id": "none"},
        {"id": "number", "text": 5},
        {"id": "r2", "text": STORY[0]},
    )
    all.write("02.jsonl", "".join(json.dumps(record) + "\n" for record in records))
    all.write(
        "03.jsonl", b'{"id": "first", "text": "' + STORY[0].encode() + b'"}\n\n  \n{"id": "cut", "text": "\n[1]\n'
    )
    noise = Random(4)
    texts = (" ".join(noise.choices(" ".join(STORY).split(), k=900)) for _ in range(80))
    whole = b"".join(json.dumps({"id": f"packed-{n}", "text": text}).encode() + b"\n" for n, text in enumerate(texts))
    all.write("04.jsonl.gz", gzip.compress(whole, mtime=0)[:-4_000])
    all.write("04.jsonl.zst", zstandard.compress(whole.replace(b"packed-", b"frame-"))[:-4_000])
    all.write("05.html.gz", gzip.compress(b"<p>" + bytes(50_000_000), mtime=0))
    all.write("06-over.html", "<p>" + STORY[0] * (MAX_BYTES // len(STORY[0]) + 1))
    all.write("06-under.html", "<p>" + STORY[0] * (MAX_BYTES // len(STORY[0]) - 1))
    deep = "<div>" * 15_000
    all.write("07.html", f"{deep}<p>{STORY[0]}</p>{'</div>' * 15_000}<p>{STORY[1]}</p>")
    cells = f"<table><tr><td colspan=9007199254740991 rowspan=99999999999>{STORY[0]}</td></tr></table>"
    all.write("08.html", article(*STORY).replace("</article>", cells + "</article>"))
    all.write("09-lines.txt", "\n".join([*STORY, *(f"Item {n} of the list" for n in range(3 * MAX_LINES))]))
    all.write("09-links.html", "<a href=/x>a</a>" * (MAX_ELEMENTS // 2 + 1) + "<b>a</b>" * (MAX_ELEMENTS // 2))
    all.write("10.html", article(STORY[0], "a\x00b\x01c\x1bd\x85e", *STORY[1:]))
    all.write("10.jsonl", b'{"id": "surrogate", "text": "' + STORY[0].encode() + b' \\ud800 \\udc00 \\u0000 end"}\n')
    umlauts = [paragraph.replace("a", "ä").replace("o", "ö") for paragraph in STORY]
    all.write("11-lies.html", article(*umlauts, head="<meta charset=koi8-r>"))
    all.write("11-legacy.html", article(*umlauts, head="<meta charset=windows-1252>").encode("cp1252"))
    all.write("11-wide.html", article(*STORY).encode("utf-16-le"))
    declared = f"<?xml version='1.0' encoding='utf-16'?>{article(*STORY)}"
    all.write("12.jsonl", json.dumps({"id": "declared", "html": declared}) + "\n")
    all.write("13-pdf.html", b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n1 0 obj\n<<>>\nendobj\n")
    all.write("13-image.txt", b"\x89PNG\r\n\x1a\n\x00\x00\x00\rIHDR\x00\x00\x01\x00")
    for name, title, text in (
        ("403", "403 Forbidden", "You don't have permission to access this resource."),
        ("captcha", "Attention Required!", "Please complete the security check to access the site. Enter the captcha."),
        ("script", "Just a moment...", "Please enable JavaScript and cookies to continue."),
    ):
        all.write(f"14-{name}.html", article(text, title=title))
    cookies = (
        "We value your privacy. We and our partners store and access information on your device, such as cookies.",
        "You can accept all cookies, reject them or manage your choices at any time.",
    )
    consent = "".join(f"<p>{line}</p>" for line in cookies) + "<button>Accept all</button><button>Reject all</button>"
    all.write(
        "15.html", f"<html><head><title>Cookies</title></head><body><div class=consent>{consent}</div></body></html>"
    )
    plans = ("bridge", "tramway", "library", "fish market", "lighthouse", "school roof", "swimming bath", "archive")
    teasers = "".join(
        f"<div class=teaser><h3><a href='/news/{n}'>Council votes to mend the {plan} at last</a></h3>"
        f"<p>The {plan} has waited {n + 3} years for money, and work begins in {2027 + n}.</p></div>"
        for n, plan in enumerate(plans)
    )
    all.write(
        "16.html", f"<html><head><title>News</title></head><body><main><h1>News</h1>{teasers}</main></body></html>"
    )
    prose = (
        "Recommended by the inspector, the repairs began at once.",
        "Read more slowly, the teacher told the ferry's boy.",
    )
    all.write("17.html", article(STORY[0], prose[0], STORY[1], prose[1], STORY[2]))
    all.write("18-live.html", article(*LIVE, title="Live: Harriers against Town"))
    all.write("18-poem.html", article(*POEM, title="Fog signal, a poem"))
    signed = [
        article(f"By {author}", *longer(story), title=title).replace("<p>By", "<p class=byline>By")
        for author, title, story in (("Ada Reed", TITLE, STORY), ("Bo Lin", "Tram leaves its rails", OTHER_STORY))
    ]
    two = signed[0].partition("</body>")[0] + signed[1].partition("<body>")[2]
    all.write("19.html", two)
    for name, paragraphs in SCRIPTS.items():
        all.write(f"20-{name}.html", article(*paragraphs[1:], title=paragraphs[0]))
    twins = [{"id": "twin", "text": STORY[0]}, {"id": "twin", "text": STORY[1]}, {"id": "twin", "text": STORY[0]}]
    all.write("21.jsonl", "".join(json.dumps(record) + "\n" for record in twins))
    all.write("22.jsonl", "".join(json.dumps({"id": f"copy-{n:03}", "text": STORY[3]}) + "\n" for n in range(150)))
    all.write("25 día [1]*.html", article(*STORY, title="Odd name"))
    settings = (
        "embed.model=hashing", f"input.max_bytes={MAX_BYTES}", f"segment.max_elements={MAX_ELEMENTS}",
        f"segment.max_lines={MAX_LINES}",
    )  # fmt: skip
    out = folder.parent / "out"
    all.manifest = runner.run(Request([str(folder)], str(out), config.load(None, settings)))
    all.tables = {name: list(read_table(str(out / name))) for name in all.manifest["tables"]}
    return all


def test_01_an_empty_document_is_a_record_without_segments(ran: Written) -> None:
    for file in ("01-empty.html", "01-blank.txt"):
        assert (ran.page(file)["status"], ran.segments(file)) == ("no_story", [])


def test_02_a_record_without_text_is_a_failure_and_the_run_goes_on(ran: Written) -> None:
    assert [error for _, error in ran.failures("02.jsonl")] == ["bad_record"] * 3
    assert ran.page("02.jsonl")["id"] == "r2"


def test_03_blank_lines_are_nothing_and_a_malformed_one_is_a_failure_at_its_byte(ran: Written) -> None:
    content = (ran.folder / "03.jsonl").read_bytes()
    assert ran.page("03.jsonl")["id"] == "first"
    assert ran.failures("03.jsonl") == [
        (content.index(b'{"id": "cut"'), "bad_record"),
        (content.index(b"[1]"), "bad_record"),
    ]


@pytest.mark.parametrize("file", ["04.jsonl.gz", "04.jsonl.zst"])
def test_04_what_precedes_the_cut_in_a_compressed_file_is_kept_with_one_failure(file: str, ran: Written) -> None:
    pages = ran.of("pages", file)
    assert 20 < len(pages) < 80
    ((offset, error),) = ran.failures(file)
    assert error == "truncated" and offset > pages[-1]["source"]["offset"]


def test_05_a_bomb_is_too_large(ran: Written) -> None:
    assert ran.failures("05.html.gz") == [(0, "too_large")]


def test_06_one_line_of_html_beyond_the_limit_is_too_large_and_below_it_is_read(ran: Written) -> None:
    assert ran.failures("06-over.html") == [(0, "too_large")]
    assert len(ran.text_of("06-under.html")) > MAX_BYTES - 2 * len(STORY[0])


def test_07_nesting_without_end_is_read_with_a_flag(ran: Written) -> None:
    assert "deep_dom" in ran.page("07.html")["flags"]
    assert STORY[0] in ran.text_of("07.html") and STORY[1] in ran.text_of("07.html")


def test_08_a_cell_that_spans_all_columns_there_are_is_one_cell(ran: Written) -> None:
    assert ran.text_of("08.html").count(STORY[0]) == 2
    assert STORY[3] in ran.story("08.html")


def test_09_lines_beyond_the_limit_are_flagged_and_elements_beyond_it_refused(ran: Written) -> None:
    assert "many_lines" in ran.page("09-lines.txt")["flags"]
    assert f"Item {3 * MAX_LINES - 1} of the list" in ran.text_of("09-lines.txt")
    assert ran.failures("09-links.html") == [(0, "too_large")]


def test_10_control_characters_and_lone_surrogates_leave_offsets_valid(ran: Written) -> None:
    for file in ("10.html", "10.jsonl"):
        segments = ran.segments(file)
        assert all(s["end"] - s["start"] == len(s["text"]) for s in segments)
        assert "\x00" not in ran.text_of(file) and ran.text_of(file).encode()
    assert "end" in ran.text_of("10.jsonl") and STORY[3] in ran.text_of("10.html")


def test_11_wrong_legacy_and_wide_encodings_are_read_and_named(ran: Written) -> None:
    expected = {"11-lies.html": "utf-8", "11-legacy.html": "windows-1252", "11-wide.html": "utf-16-le"}
    for file, encoding in expected.items():
        assert ran.page(file)["encoding"].lower() in (encoding, encoding.replace("windows-", "cp"))
        assert "ferr" in ran.text_of(file)
    assert "härböur" in ran.text_of("11-lies.html") and "härböur" in ran.text_of("11-legacy.html")


def test_12_an_encoding_declared_in_text_that_is_already_decoded_is_ignored(ran: Written) -> None:
    assert STORY[3] in ran.story("12.jsonl")


def test_13_what_is_no_text_is_a_failure(ran: Written) -> None:
    for file in ("13-pdf.html", "13-image.txt"):
        assert ran.failures(file) == [(0, "not_text")]


@pytest.mark.parametrize("name", ["403", "captcha", "script"])
def test_14_a_page_that_refuses_the_reader_is_an_error_page_without_a_story(name: str, ran: Written) -> None:
    assert ran.page(f"14-{name}.html")["kind"] == "error"
    assert ran.of("stories", f"14-{name}.html") == []


def test_15_a_cookie_wall_is_no_story(ran: Written) -> None:
    assert ran.of("stories", "15.html") == []
    assert {segment["role"] for segment in ran.segments("15.html")} <= {"boilerplate", "title"}


def test_16_a_section_front_has_teasers_and_no_story(ran: Written) -> None:
    assert ran.page("16.html")["kind"] == "index"
    assert ran.of("stories", "16.html") == []
    assert len([row for row in ran.tables["teasers"] if row["page_id"] == ran.page("16.html")["id"]]) == 8


def test_17_words_of_teasers_within_a_sentence_are_prose(ran: Written) -> None:
    story = ran.story("17.html")
    assert "Recommended by the inspector" in story and "Read more slowly" in story


def test_18_a_story_of_short_lines_is_kept(ran: Written) -> None:
    assert ran.story("18-live.html").split("\n\n") == list(LIVE)
    kept = "\n".join(row["text"] for row in ran.segments("18-poem.html") if row["role"] in ("dek", "heading", "body"))
    assert [line for line in POEM if line in kept] == list(POEM)


def test_19_two_articles_on_one_page_are_flagged(ran: Written) -> None:
    assert "multi_article" in ran.page("19.html")["flags"]


@pytest.mark.parametrize("name", ["chinese", "thai", "arabic"])
def test_20_scripts_without_spaces_or_from_right_to_left_keep_their_text(name: str, ran: Written) -> None:
    file = f"20-{name}.html"
    assert [line for line in ran.story(file).split("\n\n") if line in SCRIPTS[name]] == list(SCRIPTS[name][1:])


def test_21_a_second_record_of_an_id_gets_a_suffix_and_a_repeated_one_is_reported(ran: Written) -> None:
    ids = [page["id"] for page in ran.of("pages", "21.jsonl")]
    assert len(ids) == len(set(ids)) == 2 and all(id.partition("~")[0] == "twin" for id in ids)
    assert sorted(map(len, ids)) == [4, 13]
    assert [error for _, error in ran.failures("21.jsonl")] == ["repeated_record"]
    assert ran.manifest["phases"]["survey"]["counts"]["ids_renamed"] == 1


def test_22_copies_of_one_document_are_one_duplicate_cluster(ran: Written) -> None:
    clusters = {story["duplicate_cluster"] for story in ran.of("stories", "22.jsonl")}
    assert len(ran.of("stories", "22.jsonl")) == 150 and len(clusters) == 1
    # Copies are encoded once, and meet as one.
    counts = ran.manifest["phases"]["embed"]["counts"]
    assert counts["encoded"] <= counts["texts"] - 149


def test_23_a_model_that_is_missing_ends_the_run_before_any_work(ran: Written, tmp_path: Path) -> None:
    no_such_model = config.load(None, ["embed.model=/no-such-model"])
    with pytest.raises(UsageError, match="no-such-model"):
        runner.run(Request([str(ran.folder)], str(tmp_path / "out"), no_such_model))
    assert not (tmp_path / "out").exists()


def test_23_a_vector_that_is_no_number_is_a_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    encode = HashingEncoder.encode

    def broken(self: HashingEncoder, texts: Sequence[str]) -> Any:
        vectors = encode(self, texts)
        vectors[[n for n, text in enumerate(texts) if STORY[0] in text]] = float("nan")
        return vectors

    monkeypatch.setattr(HashingEncoder, "encode", broken)
    records = ({"id": f"{n}", "text": text} for n, text in enumerate(STORY))
    (tmp_path / "in.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records), encoding="utf-8")
    manifest = runner.run(Request([str(tmp_path / "in.jsonl")], str(tmp_path / "out"), HASHING))
    assert manifest["failures"] == {"embed: no_vector": 1}
    assert manifest["counts"]["pages"] == 4


def test_24_a_directory_that_holds_anything_else_is_refused(ran: Written, tmp_path: Path) -> None:
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "part-00000.parquet").write_bytes(b"PAR1")
    with pytest.raises(UsageError, match=r"is not empty \(part-00000\.parquet\) and was not made by copydesk"):
        runner.run(Request([str(ran.folder / "02.jsonl")], str(tmp_path / "out"), HASHING))


def test_25_an_odd_name_is_a_name(ran: Written) -> None:
    assert ran.page("25 día [1]*.html")["id"] == "25 día [1]*"


def test_all_that_came_in_came_out(ran: Written) -> None:
    counts = ran.manifest["counts"]
    assert counts["inputs"] == counts["pages"] + counts["failures"]
    assert {row["error"] for row in ran.tables["failures"]} <= {
        "bad_record", "truncated", "too_large", "not_text", "repeated_record",
    }  # fmt: skip
