"""The deep averaging network by hand, saved and loaded, and what it cannot read."""

import zlib

import numpy as np
import pytest
import torch

from dipole.encoders import load_encoder
from dipole.encoders.dan_text import DanText
from dipole.encoders.registry import make_encoder
from dipole.errors import InputError

TEXTS = ["open a file", "close a file", "open it"]


def made(**more):
    torch.manual_seed(0)
    options = {"dim": 3, "width": 4, "layers": 1, "words": 3, "buckets": 5} | more
    return make_encoder("dan", TEXTS, TEXTS, **options)


def bucket(token):
    return 3 + zlib.crc32(token.encode()) % 5


def test_words_and_bigrams_through_the_layers():
    encoder = made()
    assert encoder.vocabulary == ["a", "file", "open"]  # the most frequent, then by the alphabet
    rows = [2, 0, bucket("door"), bucket("open a"), bucket("a door")]
    assert encoder.rows_of("Open a door!") == rows
    table, (first, _, last) = encoder.vectors.detach(), encoder.network
    summed = torch.zeros(4)
    for row in rows:
        summed += table[row] / 5**0.5
    hidden = (first.weight @ summed + first.bias).clamp(min=0)
    expected = last.weight @ hidden + last.bias
    found = encoder.encode(["Open a door!"])[0]
    np.testing.assert_allclose(found, expected.detach(), rtol=1e-5)


def test_no_words_and_no_layers():
    encoder = made(layers=0)
    (last,) = encoder.network
    found = encoder.encode(["...", "open"])
    np.testing.assert_allclose(found[0], last.bias.detach())
    expected = last.weight @ encoder.vectors[2] + last.bias
    np.testing.assert_allclose(found[1], expected.detach(), rtol=1e-5)
    assert encoder.encode([]).shape == (0, 3)


def test_texts_are_apart_before_any_training():
    """Biases that outweigh the words make one vector of all texts."""
    words = [f"word{i}" for i in range(60)]
    encoder = DanText.from_inputs(words, words, dim=64, width=64, buckets=16)
    found = encoder.encode(words)
    found /= np.linalg.norm(found, axis=1, keepdims=True)
    assert (found @ found.T)[~np.eye(60, dtype=bool)].mean() < 0.7


def test_a_batch_changes_no_vector_and_gradients_reach_all():
    encoder = made()
    together = encoder.encode(TEXTS)
    np.testing.assert_allclose(together, [encoder.encode([t])[0] for t in TEXTS], atol=1e-6)
    encoder(encoder.prepare(TEXTS)).sum().backward()
    assert encoder.vectors.grad[:3].abs().sum(1).all()


def test_saved_and_loaded(tmp_path):
    encoder = made()
    encoder.save(tmp_path / "dan")
    loaded = load_encoder(tmp_path / "dan")
    assert type(loaded) is DanText
    np.testing.assert_array_equal(loaded.encode(TEXTS), encoder.encode(TEXTS))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"dim": 0}, "DanText: dim: found 0; expected a whole number, 1 or more"),
        ({"layers": -1}, "DanText: layers: found -1; expected 0 or more"),
        ({"words": 0}, "DanText: words: found 0"),
        ({"buckets": 10**12}, "words and buckets of width 4: needs .* GB of memory"),
        ({"width": "x"}, "option 'width': found 'x'; expected a whole number"),
    ],
)
def test_options_are_checked(options, message):
    with pytest.raises(InputError, match=message):
        made(**options)


def test_inputs_are_texts():
    with pytest.raises(InputError, match="expected"):
        made().encode([3])
