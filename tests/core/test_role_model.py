import itertools
import json
from pathlib import Path

import numpy as np
import pytest

from transforms.core import role_model
from transforms.core.features import page_features
from transforms.core.lines import text_blocks
from transforms.core.role_model import TEMPERATURE, ModelError, load_model, viterbi, with_doubtful_text
from transforms.types import ROLES

PAGE = text_blocks(
    "Skip to content\nFerry strikes pier at Northmark\n"
    "The ferry struck the pier at Northmark on Monday morning, and forty passengers were taken to hospital.\n"
    "Passengers said that the ferry had turned towards the pier before it struck, and that nobody gave a warning.\n"
    "An inquiry into the accident has been opened, a spokesman for the harbour office said on Tuesday evening.\n"
    "The ferry, built in 1994, had passed its last inspection in March, according to the register of the port.\n"
    "Read more"
)


def test_a_label_per_block_with_role_confidence_and_reason():
    labels = load_model().label_page(PAGE)
    assert len(labels) == 7
    assert all(x.role in ROLES and 0 <= x.confidence <= 1 and 0 <= x.starts_teaser <= 1 and x.reason for x in labels)
    assert labels[2].role in ("dek", "body") and [x.role for x in labels[3:6]] == ["body"] * 3
    assert labels[0].role == labels[6].role == "boilerplate"


def test_the_parts_of_the_scores_add_up_to_the_confidence():
    model, features = load_model(), page_features(PAGE, load_model().lexicon)
    parts, _ = model.scores(features)
    scores = sum(parts.values()) / TEMPERATURE
    scores -= scores.max(1, keepdims=True)
    p = np.exp(scores) / np.exp(scores).sum(1, keepdims=True)
    for i, label in enumerate(model.label(features)):
        assert label.confidence == pytest.approx(p[i, ROLES.index(label.role)], abs=1e-5)


def test_viterbi_finds_the_best_sequence():
    rng = np.random.default_rng(1)
    scores, step = rng.normal(size=(5, 3)), rng.normal(size=(3, 3))

    def value(path):
        return sum(scores[i, r] for i, r in enumerate(path)) + sum(step[a, b] for a, b in itertools.pairwise(path))

    best = max(np.ndindex(*(3,) * 5), key=value)
    assert tuple(viterbi(scores, step)) == best


def test_blocks_that_are_sure_of_their_role_do_not_change_the_best_sequence():
    rng = np.random.default_rng(4)
    for _ in range(20):
        scores = rng.normal(size=(12, 4)) * rng.choice([1, 30], size=(12, 1))
        step = rng.normal(size=(4, 4))
        best = {r: (scores[0, r], (r,)) for r in range(4)}
        for row in scores[1:]:
            best = {r: max((v + step[path[-1], r] + row[r], (*path, r)) for v, path in best.values()) for r in range(4)}
        assert tuple(viterbi(scores, step)) == max(best.values())[1]


def test_one_block_is_labelled():
    assert len(load_model().label_page(text_blocks("x"))) == 1


def test_a_missing_model_says_what_to_do(tmp_path):
    path = tmp_path / "no.npz"
    with pytest.raises(ModelError) as error:
        load_model(str(path))
    assert str(error.value) == (
        f"role model {path}: No such file or directory; give segment.model a file made by `make train`"
    )


def test_a_file_that_is_no_model_is_refused(tmp_path):
    path = tmp_path / "bad.npz"
    path.write_bytes(b"not a zip")
    with pytest.raises(ModelError, match="not an artefact of `make train`"):
        load_model(str(path))


def test_a_model_of_other_features_is_refused(tmp_path):
    path = tmp_path / "old.npz"
    card = np.frombuffer(json.dumps({"format": 1, "features": "0"}).encode(), np.uint8)
    np.savez(path, card=card, mean=np.zeros(2))
    with pytest.raises(ModelError) as error:
        load_model(str(path))
    assert str(error.value) == (
        f"role model {path}: made for other features than this version's; rebuild it with `make train`"
    )


def test_a_model_that_lacks_a_layer_is_refused_once_and_not_page_by_page(tmp_path):
    with np.load(Path(role_model.__file__).parents[1] / "models" / "roles.npz") as packaged:
        arrays = {name: packaged[name] for name in packaged.files}
    assert {*arrays} == {"card", *role_model._ARRAYS}
    del arrays["conv3.w"]
    path = tmp_path / "part.npz"
    np.savez(path, **arrays)
    with pytest.raises(ModelError) as error:
        load_model(str(path))
    assert str(error.value) == f"role model {path}: not an artefact of `make train` (it lacks conv3.w)"


def test_the_packaged_model_is_small_and_has_a_card():
    model = load_model()
    assert sum(w.size for w in model.weights.values()) * 2 < 5_000_000
    assert model.card["fold_left_out"] is None
    assert len(model.hash) == 64


def test_text_in_doubt_goes_to_the_story_where_the_story_gains():
    body, heading, boilerplate = (ROLES.index(r) for r in ("body", "heading", "boilerplate"))
    chars = np.array([400, 400, 300, 300, 30], np.float32)
    main = [0.99, 0.98, 0.45, 0.05, 0.45]
    p = np.zeros((5, len(ROLES)), np.float32)
    p[:, body], p[:, boilerplate] = main, 1 - np.array(main)
    roles = np.where(p[:, body] > 0.5, body, boilerplate)
    kept = with_doubtful_text(roles, p, chars)
    assert kept.tolist() == [body, body, body, boilerplate, boilerplate]  # not what is unlikely, nor what is short
    p[2, heading], p[2, body] = 0.4, 0.05
    assert with_doubtful_text(roles, p, chars)[2] == heading
    # Where the model is sure of everything else, a line as likely as not is no gain.
    p[2] = 0
    p[2, body], p[2, boilerplate] = 0.15, 0.85
    assert with_doubtful_text(roles, p, chars).tolist() == roles.tolist()
