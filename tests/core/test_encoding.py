import codecs

import pytest

from transforms.core.encoding import decode, is_binary, replace_unstorable

FRENCH = "Les élèves de la région ont reçu une prime à l'été, déjà très appréciée."
RUSSIAN = "Правительство утвердило новый бюджет на следующий год, сообщили в министерстве."
CHINESE = "国务院总理昨日在北京表示，政府将继续推进改革开放，促进经济增长。"
JAPANESE = "政府は昨日、新しい予算案を発表した。カタカナも使われる。"
POLISH = (
    "Rząd przyjął w środę projekt budżetu na przyszły rok. Jak podkreślił minister, wydatki na "
    "ochronę zdrowia wzrosną o dziesięć procent. Opozycja krytykuje te założenia."
)
PAGE = "<html><head><title>t</title></head>\n<body class='a b'><p>{}</p></body></html>"


@pytest.mark.parametrize(
    ("mark", "encoding"),
    [
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
        (codecs.BOM_UTF32_LE, "utf-32-le"),
        (codecs.BOM_UTF32_BE, "utf-32-be"),
    ],
)
def test_a_byte_order_mark_decides_and_is_no_text(mark: bytes, encoding: str) -> None:
    assert decode(mark + CHINESE.encode(encoding), "text/html; charset=latin-1", True) == (CHINESE, encoding)


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32-le", "utf-32-be"])
@pytest.mark.parametrize("text", ["plain ASCII words", FRENCH, RUSSIAN, PAGE.format(CHINESE), PAGE.format(JAPANESE)])
def test_wide_encodings_without_a_mark_are_told_by_their_nuls(text: str, encoding: str) -> None:
    content = text.encode(encoding)
    assert decode(content, None, False) == (text, encoding)
    assert not is_binary(content)


def test_valid_utf8_wins_over_what_the_page_declares() -> None:
    page = '<meta charset="iso-8859-1"><p>' + FRENCH
    assert decode(page.encode(), "text/html; charset=windows-1251", True) == (page, "utf-8")


def test_a_few_stray_bytes_do_not_make_utf8_another_encoding() -> None:
    content = FRENCH.encode() + b" \xff\xe9 " + FRENCH.encode()
    assert decode(content, None, True) == (FRENCH + " \ufffd\ufffd " + FRENCH, "utf-8")


def test_utf8_cut_within_a_character_loses_only_that() -> None:
    assert decode(RUSSIAN.encode()[:-2], None, False) == (RUSSIAN[:-2] + "\ufffd", "utf-8")


def test_the_declared_encoding_is_used_and_latin1_means_windows_1252() -> None:
    page = '<html><meta http-equiv="Content-Type" content="text/html; charset=iso-8859-1">caf\xe9 \x93q\x94'
    text, encoding = decode(page.encode("latin-1"), None, True)
    assert encoding == "cp1252"
    assert text.endswith("café “q”")


def test_the_http_header_counts_before_the_meta_element() -> None:
    page = '<meta charset="koi8-r"><p>' + RUSSIAN
    assert decode(page.encode("cp1251"), "text/html; charset=windows-1251", True) == (page, "cp1251")


def test_a_meta_element_in_a_text_file_is_text() -> None:
    content = b'caf\xe9 <meta charset="koi8-r">'
    assert decode(content, None, False) == ('café <meta charset="koi8-r">', "cp1252")


@pytest.mark.parametrize("declared", ["utf-8", "utf-16", "rot13", "unicode_escape", "undefined", "no-such", ""])
def test_a_declaration_that_cannot_be_true_is_ignored(declared: str) -> None:
    page = f'<meta charset="{declared}"><p>{FRENCH}'
    assert decode(page.encode("cp1252"), f"text/html; charset={declared}", True) == (page, "cp1252")


@pytest.mark.parametrize(
    ("text", "written", "read"),
    [
        (FRENCH, "cp1252", "cp1252"),
        (RUSSIAN, "cp1251", "cp1251"),
        (RUSSIAN, "koi8_r", "koi8_r"),
        (POLISH, "cp1250", "cp1250"),
        (POLISH, "iso8859_2", "iso8859_2"),
        (CHINESE, "gb18030", "gb18030"),
        (JAPANESE, "cp932", "cp932"),
        (JAPANESE, "euc_jp", "euc_jp"),
        (JAPANESE, "iso2022_jp", "iso2022_jp"),
    ],
)
def test_undeclared_legacy_encodings_are_detected(text: str, written: str, read: str) -> None:
    page = PAGE.format(text)
    assert decode(page.encode(written), None, True) == (page, read)


def test_a_long_ascii_head_does_not_hide_the_text_from_detection() -> None:
    page = "<script>" + "x = 1;" * 20_000 + "</script>" + RUSSIAN
    assert decode(page.encode("cp1251"), None, True) == (page, "cp1251")


def test_every_byte_string_decodes_to_storable_text() -> None:
    for content in (
        b"",
        b"\x00",
        b"\xff",
        b"\xff\xfe\x00",
        b"\x80" * 50,
        bytes(range(256)) * 9,
        b"a\x00\x00b",
    ):
        for html in (True, False):
            text, encoding = decode(content, "text/html; charset=\xff", html)
            assert "\x00" not in text
            assert text.encode() is not None
            assert codecs.lookup(encoding)


def test_nuls_and_lone_surrogates_are_replaced_one_for_one() -> None:
    assert replace_unstorable("a\x00b\ud800c\udfff😀") == "a\ufffdb\ufffdc\ufffd😀"
    assert decode(b"one\x00two words and some more of them", None, False)[0] == (
        "one\ufffdtwo words and some more of them"
    )
    assert decode(b"\xff\xfea\x00\x00\xd8b\x00", None, False)[0] == "a\ufffdb"


@pytest.mark.parametrize(
    "content",
    [
        b"%PDF-1.7\nplain so far",
        b"PK\x03\x04rest",
        b"\x89PNG\r\n\x1a\n",
        b"\xff\xd8\xff\xe0JFIF",
        b"\x1f\x8b\x08\x00",
        b"\x00\x00\x00\x20ftypmp42",
        b"text then \x00\x01\x02\x03\x04\x00\x00\x07",
        bytes(range(256)) * 20,
    ],
)
def test_binary_content_is_seen(content: bytes) -> None:
    assert is_binary(content)


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"plain\n",
        b"RIFFs and PKs",
        b"\x1b[31mred\x1b[0m",
        CHINESE.encode("gb18030"),
        JAPANESE.encode("iso2022_jp"),
    ],
)
def test_text_is_not_binary(content: bytes) -> None:
    assert not is_binary(content)
