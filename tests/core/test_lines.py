from transforms.core.lines import text_blocks


def test_each_line_that_is_not_blank_is_a_block_with_its_offsets():
    text = "Home\r\n\n\t A story.  \n\n\nÜber uns\n"
    blocks = text_blocks(text)
    assert [b.text for b in blocks] == ["Home", "A story.", "Über uns"]
    assert all(text[b.start : b.end] == b.text for b in blocks)


def test_blank_text_has_no_blocks():
    assert text_blocks("") == text_blocks(" \n\t\n\u3000\n") == []


def test_every_non_blank_character_is_in_a_block():
    text = "a\x0bb\u2028c\n\x00d \u200b\n"
    covered = "".join(b.text for b in text_blocks(text))
    assert "".join(covered.split()) == "".join(text.split())
