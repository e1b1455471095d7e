from __future__ import annotations

import threading
from collections.abc import Iterator, Sequence
from typing import Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from dipole.encoders.base import Encoder, Features, Role, fingerprint
from dipole.errors import InputError


class Letters(Encoder):
    """The mean of the vectors of a text's letters: every vector is known without batches."""

    def __init__(self) -> None:
        super().__init__()
        self.dim = 3
        self.embedding = nn.Embedding(128, 3)
        self.dropout = nn.Dropout(0.5)
        self.padded: list[int] = []

    def prepare(self, inputs: Sequence[str], role: Role = "document") -> Features:
        width = max(map(len, inputs))
        self.padded.append(width * len(inputs))
        ids = torch.zeros(len(inputs), width, dtype=torch.int64)
        for i, text in enumerate(inputs):
            ids[i, : len(text)] = torch.tensor([ord(c) for c in text])
        return {"ids": ids}

    def forward(self, features: Features) -> Tensor:
        real = features["ids"].ne(0).unsqueeze(2)
        vectors = (self.dropout(self.embedding(features["ids"])) * real).sum(1) / real.sum(1)
        return nn.functional.normalize(vectors, dim=-1)

    def settings(self) -> dict[str, Any]:
        return {"letters": 128}

    def lengths(self, inputs: Sequence[str]) -> np.ndarray:
        return np.array([len(text) for text in inputs], dtype=np.int64)


@pytest.fixture(scope="module")
def letters() -> Letters:
    torch.manual_seed(0)
    return Letters()


def one_by_one(encoder: Letters, texts: Sequence[str]) -> np.ndarray:
    table = encoder.embedding.weight.detach().numpy().astype(np.float64)
    rows = [table[[ord(c) for c in text]].mean(0) for text in texts]
    return np.array([row / np.linalg.norm(row) for row in rows]).reshape(-1, 3)


words = st.lists(st.text("abcdefgh", min_size=1, max_size=30), max_size=30)


@settings(deadline=None)
@given(words, st.integers(1, 200))
def test_order_and_values_do_not_depend_on_batching(texts: list[str], budget: int) -> None:
    encoder = Letters()
    vectors = encoder.encode(texts, token_budget=budget)
    assert vectors.dtype == np.float32
    assert vectors.shape == (len(texts), 3)
    np.testing.assert_allclose(vectors, one_by_one(encoder, texts), atol=1e-5)
    assert all(padded <= max(budget, 30) for padded in encoder.padded)


@pytest.fixture(params=[1, 3])
def threads(request: pytest.FixtureRequest) -> Iterator[int]:
    before = torch.get_num_threads()
    torch.set_num_threads(request.param)
    yield request.param
    torch.set_num_threads(before)


def test_threads_take_batches_and_are_given_back(threads: int) -> None:
    class Watched(Letters):
        """Remembers who encoded with how many threads."""

        def forward(self, features: Features) -> Tensor:
            seen.add((threading.get_ident(), torch.get_num_threads()))
            return super().forward(features)

    seen: set[Any] = set()
    encoder = Watched()
    texts = ["abcdefgh"[: 1 + i % 8] for i in range(400)]
    vectors = encoder.encode(texts, token_budget=8)
    np.testing.assert_allclose(vectors, one_by_one(encoder, texts), atol=1e-5)
    assert {count for _, count in seen} == {1}
    assert len(seen) <= threads
    assert (threading.get_ident() in {who for who, _ in seen}) == (threads == 1)
    assert torch.get_num_threads() == threads
    seen.clear()
    encoder.encode(texts)  # one batch has all threads
    assert seen == {(threading.get_ident(), threads)}


def test_an_error_of_one_batch_is_raised(threads: int) -> None:
    with pytest.raises(IndexError):
        Letters().encode(["a"] * 50 + ["\u1234"] + ["b"] * 50, token_budget=4)
    assert torch.get_num_threads() == threads


class Counted(Sequence[str]):
    """A sequence that is no list and knows how often each of its texts was read."""

    def __init__(self, texts: list[str]) -> None:
        self.texts = texts
        self.reads = [0] * len(texts)

    def __len__(self) -> int:
        return len(self.texts)

    def __getitem__(self, index: Any) -> Any:
        self.reads[index] += 1
        return self.texts[index]

    def __iter__(self) -> Iterator[str]:
        return iter(self.texts)


def test_any_sequence_is_read_in_place(letters: Letters) -> None:
    texts = ["abc", "d", "efghab"]
    sequence = Counted(texts)
    np.testing.assert_array_equal(letters.encode(sequence), letters.encode(texts))
    assert sequence.reads == [1, 1, 1]


def test_eval_mode_inside_and_every_part_as_it_was_afterwards() -> None:
    encoder = Letters()
    encoder.train()
    encoder.embedding.eval()
    np.testing.assert_array_equal(encoder.encode(["abc"] * 3)[0], encoder.encode(["abc"])[0])
    assert encoder.training
    assert encoder.dropout.training
    assert not encoder.embedding.training


def test_modes_come_back_after_an_error() -> None:
    encoder = Letters()
    with pytest.raises(IndexError):
        encoder.encode(["\u1234"])
    assert encoder.training


def test_one_text_is_not_a_list_of_letters(letters: Letters) -> None:
    with pytest.raises(InputError, match=r"^encode: inputs: found one text; expected a list"):
        letters.encode("abc")


def test_an_unknown_role_is_refused(letters: Letters) -> None:
    with pytest.raises(InputError, match="role is 'passage'; expected 'query' or 'document'"):
        letters.encode(["abc"], role="passage")  # type: ignore[arg-type]


def test_progress_goes_to_stderr_and_only_if_asked(
    letters: Letters, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    letters.encode(["abc"])
    assert capsys.readouterr() == ("", "")
    letters.encode(["abc"], show_progress=True)
    out, err = capsys.readouterr()
    assert out == ""
    assert "1/1" in err


def test_the_fingerprint_is_settings_and_weights() -> None:
    first, second = Letters(), Letters()
    assert fingerprint(first) != fingerprint(second)
    second.load_state_dict(first.state_dict())
    assert fingerprint(first) == fingerprint(second)
    with torch.no_grad():
        second.embedding.weight[5, 1] += 1e-6
    assert fingerprint(first) != fingerprint(second)


def test_the_fingerprint_sees_settings_and_not_precision(monkeypatch: pytest.MonkeyPatch) -> None:
    encoder = Letters()
    before = fingerprint(encoder)
    encoder.dtype = "bfloat16"
    assert fingerprint(encoder) == before
    monkeypatch.setattr(Letters, "settings", lambda self: {"letters": 127})
    assert fingerprint(encoder) != before


def test_any_column_is_encoded_by_position(letters: Letters) -> None:
    texts = ["abc", "a", "ab"]
    expected = letters.encode(texts)
    for column in (
        pd.Series(texts, index=[2, 0, 1]),
        np.array(texts),
        pa.array(texts),
        iter(texts),
        tuple(texts),
    ):
        np.testing.assert_array_equal(letters.encode(column), expected)  # type: ignore[arg-type]


@pytest.mark.parametrize("given", [{"a": "b"}, {"a"}, b"a", None, pd.DataFrame({"a": ["b"]})])
def test_what_has_no_order_or_is_one_thing_is_refused(letters: Letters, given: Any) -> None:
    with pytest.raises(InputError, match=r"^encode: inputs: found .*; expected"):
        letters.encode(given)
