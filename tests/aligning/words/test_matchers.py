"""Matchers over the vectors of any encoder: a transformer's pieces, words by themselves."""

import numpy as np
import pytest
import torch

from dipole.aligning.words import METHODS, Bitext, Matcher, align_words, aligner
from dipole.aligning.words.states import Units, folded, middle, states
from dipole.encoders import StaticText, load_encoder
from dipole.encoders.transformer_text import TransformerText
from dipole.errors import InputError
from support.tiny_bert import save_tiny_bert

SENTENCES = ["the small house stands here", "a book", "here stands the small book"]
BITEXT = Bitext.of([(text, text) for text in SENTENCES] + [("", "x")])
VECTORS = [name for name in METHODS if name not in ("ibm1", "fast-align", "hmm")]


@pytest.fixture(scope="module")
def bert(tmp_path_factory):
    folder = save_tiny_bert(tmp_path_factory.mktemp("bert") / "tiny", [*SENTENCES, "hou boo sta"])
    return TransformerText.load(folder)


@pytest.fixture(scope="module")
def static():
    torch.manual_seed(0)
    return StaticText.from_texts(SENTENCES, SENTENCES, dim=32)


def test_states_are_those_of_the_whole_sentence(bert):
    """As the encoder's own hidden states of the text, special tokens left out."""
    texts = [*SENTENCES, "books standing"]
    found = states(bert, [text.split() for text in texts], "query", layer=1)
    bert.eval()
    for text, units in zip(texts, found, strict=True):
        with torch.no_grad():
            hidden = bert.outputs(bert.prepare([text]), ["hidden"])["hidden"][0, 1, 1:-1]
        assert units.vectors == pytest.approx(hidden.numpy(), abs=1e-5)
        whole = bert.tokenizer(text.split(), is_split_into_words=True).word_ids()[1:-1]
        assert units.words.tolist() == whole
    assert any(len(units.words) > len(set(units.words)) for units in found)  # pieces
    assert (middle(12), middle(6)) == (8, 4)


def test_pieces_beyond_the_longest_text_are_missing(bert):
    (units,) = states(bert, [["book"] * 200], "query")
    assert 0 < units.words.max() < 64


def test_any_other_encoder_gives_words_by_themselves(static):
    units = states(static, [["a", "book", "a"], []], "query")
    assert units[0].vectors[0] == pytest.approx(static.encode(["a"], role="query")[0], abs=1e-6)
    assert (units[0].vectors[0] == units[0].vectors[2]).all()
    assert len(units[1].words) == 0


@pytest.mark.parametrize("name", VECTORS)
def test_a_text_is_aligned_with_itself(name, bert, static):
    options = {"temperature": 0.05} if name in ("softmax", "entmax") else {}
    if name == "ot":
        options = {"problem": "balanced", "threshold": 0.5}
    for encoder in (static, bert):
        found = align_words(BITEXT, name, encoder=encoder, layer=None, **options)
        for text, links in zip(SENTENCES, found, strict=False):
            size = len(text.split())
            assert {(i, i) for i in range(size)} <= links, (name, links)
        assert found[-1] == frozenset()


def test_words_are_linked_where_pieces_are():
    source = Units(np.zeros((3, 1)), np.array([0, 0, 1]))
    target = Units(np.zeros((2, 1)), np.array([0, 2]))
    assert folded(frozenset({(0, 0), (1, 0), (2, 1)}), source, target) == {(0, 0), (1, 2)}
    one = Units(np.array([[1.0], [3.0], [5.0]]), np.array([0, 0, 4])).averaged()
    assert one.vectors.tolist() == [[2.0], [5.0]]
    assert one.words.tolist() == [0, 4]


def test_argmax_takes_a_symmetrisation(static):
    by = {how: align_words(BITEXT, "argmax", encoder=static, symmetrise=how)
          for how in ("forward", "reverse", "intersect", "union")}  # fmt: skip
    for n in range(len(BITEXT)):
        assert by["forward"][n] & by["reverse"][n] == by["intersect"][n]
        assert by["forward"][n] | by["reverse"][n] == by["union"][n]
    assert by["intersect"] == align_words(BITEXT, "argmax", encoder=static)


def test_a_matcher_of_ones_own(static):
    class Nearest(Matcher):
        def match(self, x, y, symmetry):
            return frozenset((i, int((x[i] @ y.T).argmax())) for i in range(len(x)))

    assert align_words(BITEXT, Nearest(), encoder=static)[1] == {(0, 0), (1, 1)}


def test_saved_encoders_align_alike(static, tmp_path):
    static.save(tmp_path / "model")
    again = load_encoder(tmp_path / "model")
    assert align_words(BITEXT, "mwmf", encoder=again) == align_words(BITEXT, "mwmf", encoder=static)


@pytest.mark.parametrize(
    ("method", "options", "said"),
    [
        ("itermax", {"encoder": None}, "model: found none, and IterMax compares vectors"),
        ("ibm1", {}, "model: found one, and IBM1 reads no vectors"),
        ("itermax", {"symmetrise": "union"}, "symmetrise: found union for IterMax, which has no"),
        ("argmax", {"layer": 3}, "layer: found 3 for StaticText, which has no layers"),
        ("ot", {"problem": "exact"}, "problem: found 'exact'"),
        ("ot", {"problem": "partial", "tau": 2.0}, "tau: found 2.0; expected at most 1"),
        ("softmax", {"temperature": 0}, "temperature: found 0"),
    ],
)
def test_what_is_wrong_is_one_line(method, options, said, static):
    with pytest.raises(InputError, match=said):
        align_words(BITEXT, method, **{"encoder": static} | options)


def test_a_layer_that_is_not_there(bert):
    with pytest.raises(InputError, match="layer: found 9; expected 0 to 2"):
        align_words(BITEXT, aligner("argmax", {"layer": 9}), encoder=bert)
