"""Every part, term and setting that a recipe of texts names is used: without it, other weights."""

import pytest

from dipole.data import Inputs, Pairs
from support import kinds
from support.switching import differ, trained

SMALL = {"encoder_options": {"dim": 8, "buckets": 64, "shared": True}}


def pairs():
    anchors, positives = zip(*kinds.ROWS, strict=True)
    return Pairs.from_columns({"anchor": list(anchors), "positive": list(positives)})


def test_every_part_and_term_of_clusterns(tmp_path):
    texts = Inputs.from_columns({"input": [anchor for anchor, _ in kinds.ROWS]})
    centroids = {"count": 4, "start": 1.0, "rate": 0.5}
    found = {}
    for name, given in {
        "clusterns": {},
        "without a band": {"objective": "infonce"},
        "heavier": {"objective": "infonce + 0.5 * bidirectional-margin"},
        "later": {"parts": [{"centroids": centroids | {"start": 0.01}}]},
        "slower": {"parts": [{"centroids": centroids | {"rate": 0.0}}]},
        "anew": {"parts": [{"centroids": centroids | {"every": 1.0}}]},
    }.items():
        given = {"parts": [{"centroids": centroids}]} | given
        if name == "without a band":
            given["objective_options"] = {"symmetric": False, "temperature": 0.05}
        found[name] = trained("clusterns", texts, tmp_path / name, **SMALL | given)
    values = list(found.values())
    assert all(differ(a, b) for i, a in enumerate(values) for b in values[:i])


def test_pieces_of_grad_cache_change_nothing_and_the_batch_does(tmp_path):
    rows = pairs()
    whole = trained("grad-cache", rows, tmp_path / "whole", chunk=None, **SMALL)
    pieces = trained("grad-cache", rows, tmp_path / "pieces", chunk=3, **SMALL)
    small = trained("grad-cache", rows, tmp_path / "small", **SMALL | {"batch_size": 4})
    for name, value in whole.items():
        assert value.allclose(pieces[name], atol=1e-5)
    assert differ(whole, small)


@pytest.mark.parametrize(
    "off", [{"matryoshka": [8]}, {"objective_options": {"matryoshka.layers": False}}]
)
def test_sizes_and_layers_of_matryoshka_2d(off, tmp_path):
    from support.tiny_bert import save_tiny_bert

    texts = [text for row in kinds.ROWS for text in row]
    encoder = str(save_tiny_bert(tmp_path / "bert", texts))
    given = {"encoder": encoder, "matryoshka": [8, 16], "learning_rate": 1e-2}
    whole = trained("matryoshka-2d", pairs(), tmp_path / "whole", **given)
    assert differ(whole, trained("matryoshka-2d", pairs(), tmp_path / "off", **given | off))
