from pathlib import Path

import apache_beam as beam
import pytest
from apache_beam.testing.util import assert_that, equal_to

from pipeline.sources import InputError, InputFile, ReadPages, match_inputs, read_file, require_filesystem
from tests.pipeline.formats.inputs import DEFAULTS, read, read_one, write
from transforms.types import Failure, Page, Source


def test_a_directory_is_searched_at_all_depths_without_hidden_and_foreign_files(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    for name in (
        "b.html",
        "a/x.htm.gz",
        "a/b/c.TXT",
        "d.jsonl.zst",
        "e.parquet",
        "f.warc.gz",
        "g.warc.wet",
        "h.wet",
    ):
        write(tmp_path / name, "x")
    for name in (".hidden.html", ".git/c.html", "a/notes.md", "picture.png", "x.html.zst", "noextension"):
        write(tmp_path / name, "x")
    with caplog.at_level("INFO", "copydesk"):
        files = match_inputs([str(tmp_path)])
    root = str(tmp_path)
    assert files == [
        InputFile(f"{root}/a/b/c.TXT", root, 1, "text"),
        InputFile(f"{root}/a/x.htm.gz", root, 1, "html", "gz"),
        InputFile(f"{root}/b.html", root, 1, "html"),
        InputFile(f"{root}/d.jsonl.zst", root, 1, "jsonl", "zst"),
        InputFile(f"{root}/e.parquet", root, 1, "parquet"),
        InputFile(f"{root}/f.warc.gz", root, 1, "warc", "gz"),
        InputFile(f"{root}/g.warc.wet", root, 1, "wet"),
        InputFile(f"{root}/h.wet", root, 1, "wet"),
    ]
    assert f"{root}: left out 2 hidden files and 4 of other formats" in caplog.text


def test_globs_files_and_directories_mix_and_each_file_comes_once(tmp_path: Path) -> None:
    for name in ("one/a.html", "one/b.html", "two/c.txt", "two/deep/d.txt"):
        write(tmp_path / name, "x")
    one, two = f"{tmp_path}/one", f"{tmp_path}/two"
    patterns = [f"{one}/*.html", f"{one}/a.html", f"{two}/*.txt", f"{tmp_path}/**d.txt"]
    files = match_inputs(patterns)
    assert [(file.path, file.root) for file in files] == [
        (f"{one}/a.html", one),
        (f"{one}/b.html", one),
        (f"{two}/c.txt", two),
        (f"{two}/deep/d.txt", str(tmp_path)),
    ]
    assert match_inputs(patterns[::-1]) == files


def test_the_shorter_root_counts_whatever_the_order(tmp_path: Path) -> None:
    write(tmp_path / "a/b.html", "x")
    for patterns in ([str(tmp_path), f"{tmp_path}/a"], [f"{tmp_path}/a", str(tmp_path)]):
        assert [file.root for file in match_inputs(patterns)] == [str(tmp_path)]


def test_relative_paths_need_no_directory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "a.html", "x")
    write(tmp_path / "sub/b.html", "x")
    monkeypatch.chdir(tmp_path)
    both = [InputFile("a.html", "", 1, "html"), InputFile("sub/b.html", "", 1, "html")]
    assert match_inputs(["."]) == both
    assert match_inputs(["**.html"]) == both
    assert match_inputs(["./a.html", "*.html"]) == both[:1]
    assert match_inputs(["sub/"]) == [InputFile("sub/b.html", "sub", 1, "html")]
    assert [page.id for file in both for page in read_file(file, DEFAULTS)] == ["a", "sub/b"]


def test_names_that_exist_are_taken_literally_with_globs_spaces_and_unicode(tmp_path: Path) -> None:
    odd = tmp_path / "día [1] *?" / "Straße {x}"
    write(odd / "página [2]*.html", "<p>odd")
    write(tmp_path / "día 1 xx" / "other.html", "<p>other")
    assert read(odd.parent) == [Page("Straße {x}/página [2]*", "html", b"<p>odd", Source(f"{odd}/página [2]*.html"))]
    assert [file.path for file in match_inputs([f"{odd}/página [2]*.html"])] == [f"{odd}/página [2]*.html"]


@pytest.mark.parametrize(
    ("pattern", "message"),
    [
        ("missing.html", "{}/missing.html: no such file or directory"),
        ("missing/", "{}/missing/: no such file or directory"),
        ("*.warc", "{}/*.warc: matches no file; * stays within one directory, ** goes deeper"),
        (
            "notes.md",
            "{}/notes.md: unknown format; Copydesk reads "
            ".html .htm .txt .jsonl .parquet .warc .wet, each also .gz (.jsonl also .zst)",
        ),
        (
            "*.md",
            "{}/*.md: holds no file that Copydesk reads (0 hidden files and 1 of other formats); it reads "
            ".html .htm .txt .jsonl .parquet .warc .wet, each also .gz (.jsonl also .zst)",
        ),
        (
            "empty",
            "{}/empty: holds no file that Copydesk reads; it reads "
            ".html .htm .txt .jsonl .parquet .warc .wet, each also .gz (.jsonl also .zst)",
        ),
    ],
)
def test_inputs_that_cannot_be_used_are_refused(tmp_path: Path, pattern: str, message: str) -> None:
    write(tmp_path / "notes.md", "x")
    (tmp_path / "empty").mkdir()
    with pytest.raises(InputError) as error:
        match_inputs([f"{tmp_path}/{pattern}"])
    assert str(error.value) == message.format(tmp_path)


@pytest.mark.parametrize(
    ("url", "module", "extra"),
    [("gs://bucket/x", "google.cloud.storage", "gcp"), ("s3://bucket/x/*.html", "boto3", "aws")],
)
def test_a_remote_filesystem_without_its_package_names_the_extra(
    url: str, module: str, extra: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(__import__("sys").modules, module, None)
    with pytest.raises(InputError) as error:
        match_inputs([url])
    scheme = url.partition(":")[0]
    assert str(error.value) == (
        f"{url}: {scheme}:// needs a package that is missing: pip install 'apache-beam[{extra}]'"
    )


def test_an_unknown_scheme_is_refused() -> None:
    with pytest.raises(InputError, match=r"^http://x/y: unknown filesystem http://; give a local path or one of gs://"):
        match_inputs(["http://x/y"])


@pytest.mark.parametrize("url", ["s3://", "gs://", "hdfs:///x", "no-such://"])
def test_an_address_without_a_place_is_no_directory_of_that_name(url: str) -> None:
    with pytest.raises(InputError):
        require_filesystem(url)


def test_a_file_named_by_its_suffix_alone_has_an_id(tmp_path: Path) -> None:
    assert read_one(write(tmp_path / ".html", "<p>x")) == Page(".html", "html", b"<p>x", Source(f"{tmp_path}/.html"))


def test_a_name_that_is_not_utf8_is_refused(tmp_path: Path) -> None:
    Path(str(tmp_path) + "/bad\udcff.html").write_bytes(b"x")
    with pytest.raises(InputError, match=r"the name is not valid UTF-8, so no table can hold it; rename the file$"):
        match_inputs([str(tmp_path)])


def test_an_empty_input_is_refused() -> None:
    with pytest.raises(InputError, match=r"^an input is empty; name a directory, a file or a glob$"):
        match_inputs([""])


def test_read_pages_divides_pages_from_failures_and_counts_both(tmp_path: Path) -> None:
    write(tmp_path / "a.jsonl", '{"id":"1","text":"one"}\nbad\n{"id":"2","text":"two"}\n')
    write(tmp_path / "b.html", b"%PDF-1.4")
    files = match_inputs([str(tmp_path)])
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        result = pipeline | ReadPages(files, DEFAULTS)
        assert_that(result.out | "Ids" >> beam.Map(lambda page: page.id), equal_to(["1", "2"]), "pages")
        assert_that(
            result.failures | "Errors" >> beam.Map(lambda failure: failure.error),
            equal_to(["bad_record", "not_text"]),
            "failures",
        )
    counters = {
        counter.key.metric.name: counter.committed
        for counter in pipeline.result.metrics().query()["counters"]
        if counter.key.metric.namespace == "read"
    }
    assert counters == {"pages": 2, "failures": 2, "bad_record": 1, "not_text": 1}


def test_a_reader_that_breaks_down_is_a_failure_of_its_file(tmp_path: Path) -> None:
    files = [InputFile(f"{tmp_path}/x", str(tmp_path), 1, "no such kind")]
    with beam.Pipeline(runner="FnApiRunner") as pipeline:
        result = pipeline | ReadPages(files, DEFAULTS)
        assert_that(
            result.failures,
            equal_to([Failure("read", Source(f"{tmp_path}/x"), "KeyError", "'no such kind'")]),
        )
