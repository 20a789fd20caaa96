from transforms.core.labels import document_frequencies, keywords, label

FERRY = (("ferry", 3), ("the", 5), ("harbour", 2))
HARBOUR = (("harbour", 2), ("the", 4), ("dredger", 1))
CUP = (("cup", 2), ("the", 3), ("final", 1))


def test_document_frequencies_count_documents():
    assert document_frequencies([FERRY, HARBOUR, CUP]) == {
        "ferry": 1, "the": 3, "harbour": 2, "dredger": 1, "cup": 1, "final": 1,
    }  # fmt: skip


def test_keywords_set_a_cluster_apart():
    frequencies = document_frequencies([FERRY, HARBOUR, CUP])
    # Shares times log(3 / df): ferry .3 * 1.10, harbour (.2 + .29) * .41, dredger .14 * 1.10, the 0.
    assert keywords([FERRY, HARBOUR], frequencies, 3) == ("ferry", "harbour", "dredger")


def test_keywords_of_a_single_document_are_its_most_frequent_words():
    assert keywords([FERRY], document_frequencies([FERRY]), 1) == ("the", "ferry", "harbour")


def test_at_most_eight_keywords_equal_ones_in_alphabetical_order():
    terms = tuple((word, 1) for word in "jihgfedcba")
    assert keywords([terms], document_frequencies([terms, CUP]), 2) == tuple("abcdefgh")


def test_a_story_is_named_by_its_medoid_and_a_topic_by_keywords():
    words = ("ferry", "harbour", "dredger", "tide", "pilot")
    assert label("story", " Ferry hits\nbreakwater ", words) == "Ferry hits breakwater"
    assert label("duplicate", "", words) == "ferry, harbour, dredger, tide"
    assert label("topic", "Ferry hits breakwater", words) == "ferry, harbour, dredger, tide"
    assert label("topic", "", ()) == ""
