import pickle

import pytest
from apache_beam import coders

import transforms.ids
import transforms.sites  # noqa: F401  both register coders of their own
from transforms.coders import NounCoder
from transforms.core.ids import Conflict, Sighting
from transforms.core.site_profile import PageLines
from transforms.types import Cluster, Failure, Member, Source, Vector

NOUNS = [
    Source("a.jsonl", 7),
    Failure("read", Source("a.jsonl", 7), "bad_record", "not JSON", None),
    Vector("a", "story", "f", b"h" * 16, b"\x01" * 384, b"", "Títle", None, "ferry 2 fog 1"),
    Member("a", "story", "s0123456789abcdef", 0.9876),
    Cluster("s0", "story", 2, "Label", ("ferry", "fog"), "a", None, "2026-10-01"),
    Sighting(b"h" * 16, "a.jsonl", 7),
    Conflict(Source("a"), None, Source("b", 3)),
    PageLines(1 << 63, "2026-03-01", b"l" * 16, b"s" * 4),
]


@pytest.mark.parametrize("noun", NOUNS, ids=lambda noun: type(noun).__name__)
def test_a_noun_comes_back_as_itself(noun: object) -> None:
    coder = coders.registry.get_coder(type(noun))
    assert isinstance(coder, NounCoder)
    assert coder.to_type_hint() is type(noun)
    decoded = pickle.loads(pickle.dumps(coder)).decode(coder.encode(noun))
    assert decoded == noun
    assert type(decoded) is type(noun)


def test_a_vector_takes_little_more_than_its_bytes() -> None:
    vector = Vector("a" * 20, "story", "f" * 60, b"h" * 16, b"\x01" * 384, b"s" * 512, "t" * 60, None)
    assert len(coders.registry.get_coder(Vector).encode(vector)) < 20 + 5 + 60 + 16 + 384 + 512 + 60 + 60
