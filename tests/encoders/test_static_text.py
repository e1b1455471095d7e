"""StaticText: the equation, its views, its memory of texts."""

import math
import re
from collections import Counter

import numpy as np
import pytest
import torch

from dipole.encoders.base import fingerprint
from dipole.encoders.static_text import StaticText
from dipole.encoders.text_bags import PLACES
from dipole.encoders.text_bpe import Pieces
from dipole.errors import InputError

QUERIES = ["open a file", "sort a list of numbers", "split a string at spaces", "close the socket"]
DOCUMENTS = [
    "def open(path, mode): return File(path, mode)",
    "def sort(values): values.sort(); return values",
    "def split(text): return text.split()",
    "class Socket:\n    def close(self): self._handle.close()",
]


def make(**options: object) -> StaticText:
    torch.manual_seed(0)
    encoder = StaticText.from_texts(QUERIES, DOCUMENTS, dim=16, **options)  # type: ignore[arg-type]
    with torch.no_grad():  # weights that differ everywhere
        for parameter in (encoder.token_weights, getattr(encoder, "place_weights", None)):
            if parameter is not None:
                parameter.add_(torch.rand_like(parameter))
    return encoder


def by_the_equation(encoder: StaticText, text: str, role: str) -> np.ndarray:
    """The class's equation token by token, without bags."""
    row = 0 if encoder.shared or role == "query" else 1
    ((tokens, positions),) = encoder.tokenizer([text])
    vector = np.zeros(encoder.dim)
    vectors = encoder.vectors.detach().double().numpy()
    weights = encoder.token_weights.detach().double().numpy()[row]
    if encoder.pooling == "linear":
        for token in tokens:
            vector += weights[token] * vectors[token]
    else:
        places = [max(p for p in range(len(PLACES)) if PLACES[p] <= k) for k in positions]
        for (token, place), count in Counter(zip(tokens, places, strict=True)).items():
            early = math.exp(encoder.place_weights[row, place].item())
            vector += math.log1p(count) * early * weights[token] * vectors[token]
    return vector / np.linalg.norm(vector)


@pytest.mark.parametrize("role", ["query", "document"])
@pytest.mark.parametrize(
    "options",
    [{}, {"pooling": "linear"}, {"shared": True}, {"tokenizer": "bpe"}, {"grams": (2, 4)}],
    ids=str,
)
def test_vectors_are_those_of_the_equation(options: dict, role: str) -> None:
    encoder = make(**options)
    text = DOCUMENTS[1] + " never seen before " * 3
    found = encoder.encode([text], role=role)[0]  # type: ignore[arg-type]
    np.testing.assert_allclose(found, by_the_equation(encoder, text, role), atol=1e-6)


def test_first_weights() -> None:
    encoder = StaticText.from_texts(QUERIES, DOCUMENTS, dim=4, idf_power=0.5, decay=(0.0, 1.0))
    ((rows, _),) = encoder.tokenizer(["def socket"])
    seen = [4, 1]  # documents that have the words
    for row, count in zip(rows[[0, 4]], seen, strict=True):
        idf = math.log(1 + (4 - count + 0.5) / (count + 0.5))
        assert encoder.token_weights[:, row].tolist() == pytest.approx([idf**0.5] * 2)
    assert encoder.place_weights[0].tolist() == [0.0] * len(PLACES)
    assert encoder.place_weights[1].exp().tolist() == pytest.approx([1 / (1 + p) for p in PLACES])


@pytest.mark.parametrize("tokenizer", ["hashed", "bpe"])
def test_a_text_without_tokens_is_zero_and_has_no_gradient(tokenizer: str) -> None:
    encoder = make(tokenizer=tokenizer)
    assert not encoder.encode(["", "  \n"]).any()
    encoder.train()
    encoder(encoder.prepare(["", "open"])).sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


def test_all_tokens_dropped_still_has_finite_gradients() -> None:
    encoder = make(dropout=0.999)
    vectors = encoder.train()(encoder.prepare(["open"] * 3))
    assert not vectors.any()
    vectors.sum().backward()
    assert all(torch.isfinite(p.grad).all() for p in encoder.parameters() if p.grad is not None)


def test_roles_differ_unless_shared() -> None:
    for shared in (False, True):
        encoder = make(shared=shared)
        same = np.allclose(encoder.encode(QUERIES, "query"), encoder.encode(QUERIES, "document"))
        assert same is shared


def test_token_dropout_is_a_view_in_train_mode_from_torchs_generator() -> None:
    encoder = make()
    features = encoder.prepare(DOCUMENTS)

    def vectors(seed: int) -> torch.Tensor:
        torch.manual_seed(seed)
        return encoder(features)

    encoder.train()
    assert torch.equal(vectors(1), vectors(1))
    assert not torch.allclose(vectors(1), vectors(2))
    encoder.eval()
    assert torch.equal(vectors(1), vectors(2))


def test_seed_decides_everything() -> None:
    assert fingerprint(make()) == fingerprint(make())


def test_training_remembers_bags_and_encoding_does_not() -> None:
    encoder = make()
    encoder.encode(["encoded only once"])
    encoder.train()
    first, again = encoder.prepare(DOCUMENTS), encoder.prepare(DOCUMENTS[::-1])
    assert set(encoder._bags) == set(DOCUMENTS)
    assert sorted(first["tokens"].tolist()) == sorted(again["tokens"].tolist())
    assert encoder.eval().prepare(DOCUMENTS)["tokens"].equal(first["tokens"])


def test_vectors_do_not_depend_on_the_batch() -> None:
    encoder = make()
    together = encoder.encode([*QUERIES, *DOCUMENTS, ""])
    alone = np.concatenate([encoder.encode([text]) for text in [*QUERIES, *DOCUMENTS, ""]])
    np.testing.assert_allclose(together, alone, atol=1e-6)


def test_learns_which_document_answers() -> None:
    torch.manual_seed(0)
    words = ["alpha", "beta", "gamma", "delta", "epsilon", "zeta", "eta", "theta"]
    queries, documents = [f"about {w}" for w in words], [f"text {w[::-1]}" for w in words]
    encoder = StaticText.from_texts(queries, documents, dim=32, dropout=0.1)
    optimizer = torch.optim.Adam(encoder.parameters(), lr=0.02)
    for _ in range(60):
        anchor = encoder(encoder.prepare(queries, "query"))
        scores = anchor @ encoder(encoder.prepare(documents, "document")).T / 0.1
        optimizer.zero_grad()
        torch.nn.functional.cross_entropy(scores, torch.arange(len(words))).backward()
        optimizer.step()
    scores = encoder.encode(queries, "query") @ encoder.encode(documents).T
    assert scores.argmax(1).tolist() == list(range(len(words)))


def test_gradients_of_the_weights() -> None:
    encoder = make().double()
    features = encoder.prepare(DOCUMENTS)
    features["counts"] = features["counts"].double()
    names = [name for name, _ in encoder.named_parameters()]

    def vectors(*values: torch.Tensor) -> torch.Tensor:
        state = dict(zip(names, values, strict=True))
        return torch.func.functional_call(encoder.eval(), state, features)

    values = [p.detach().clone().requires_grad_() for p in encoder.parameters()]
    assert torch.autograd.gradcheck(vectors, values, fast_mode=True)


def test_given_vectors() -> None:
    pieces = Pieces.from_texts(QUERIES, size=260)
    vectors = np.random.default_rng(0).normal(size=(pieces.size, 3)).astype(np.float32)
    encoder = StaticText.from_vectors(pieces, vectors)
    ((rows, _),) = pieces(["file"])
    mean = vectors[rows].mean(0)
    np.testing.assert_allclose(encoder.encode(["file"])[0], mean / np.linalg.norm(mean), atol=1e-6)


def test_vectors_that_do_not_fit_the_tokenizer() -> None:
    pieces = Pieces.from_texts(QUERIES, size=260)
    message = f"vectors are (3, 2); expected ({pieces.size}, dim)"
    with pytest.raises(InputError, match=re.escape(message)):
        StaticText.from_vectors(pieces, np.zeros((3, 2)))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"tokenizer": "words"}, "tokenizer is 'words'; expected hashed or bpe"),
        ({"pooling": "mean"}, "pooling is 'mean'; expected sublinear or linear"),
        ({"dropout": 1.0}, "dropout is 1.0; expected 0 up to below 1"),
    ],
)
def test_options_that_are_none(options: dict, message: str) -> None:
    with pytest.raises(InputError, match=message):
        StaticText.from_texts(QUERIES, DOCUMENTS, **options)


def test_no_texts() -> None:
    with pytest.raises(InputError, match="found no texts"):
        StaticText.from_texts([], [])
