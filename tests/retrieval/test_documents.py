from __future__ import annotations

from collections.abc import Iterator
from types import ModuleType
from typing import Any

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.retrieval import Document, documents
from dipole.retrieval.documents import encoded


def test_batches_keep_order_and_stream(words: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_DOCUMENTS", 4)
    made = 0

    def source() -> Iterator[Document]:
        nonlocal made
        for document in words.numbered(0, 10):
            made += 1
            yield document

    model = words.Words()
    stream = encoded(source(), model)
    first = next(stream)
    assert made == 4  # nothing is read ahead
    batches = [first, *stream]
    assert [len(batch.documents) for batch in batches] == [4, 4, 2]
    assert [d.id for batch in batches for d in batch.documents] == [str(i) for i in range(10)]
    vectors = np.concatenate([batch.vectors for batch in batches])
    np.testing.assert_array_equal(vectors, model.encode([d.text for d in words.numbered(0, 10)]))


def test_long_texts_end_a_batch_early(words: ModuleType, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(documents, "_CHARACTERS", 30)
    texts = [Document(str(i), "one " * 5) for i in range(4)]
    assert [len(b.documents) for b in encoded(texts, words.Words())] == [2, 2]


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (Document("b", " \n"), r"document 2, id 'b': column 'text': found empty text"),
        (Document("", "one"), r"document 2, id '': column 'id': found empty text"),
        (Document("b", 3), r"document 2, id 'b': column 'text': found 3; expected text"),  # type: ignore[arg-type]
        (Document("b", "\ud800"), r"document 2, id 'b': .* half of a surrogate pair"),
        (Document("a", "two"), r"document 2: found the id 'a' of document 1 again"),
        ("two", r"document 2: found str; expected dipole.retrieval.Document"),
    ],
)
def test_a_bad_document_is_named(words: ModuleType, bad: Any, message: str) -> None:
    with pytest.raises(InputError, match=message):
        list(encoded([Document("a", "one"), bad], words.Words()))


def test_a_diverged_model_is_named(words: ModuleType) -> None:
    class Diverged(words.Words):  # type: ignore[name-defined,misc]
        def encode(self, inputs: Any, *args: Any, **kwargs: Any) -> np.ndarray:
            vectors = super().encode(inputs, *args, **kwargs)
            vectors[1] = np.nan
            return vectors

    with pytest.raises(InputError, match="document '1': the model gave a vector that is not fin"):
        list(encoded(words.numbered(0, 3), Diverged()))


def test_progress_is_drawn_on_stderr(words: ModuleType, capsys: pytest.CaptureFixture[str]) -> None:
    assert len(list(encoded(words.numbered(0, 3), words.Words(), show_progress=True))) == 1
    assert capsys.readouterr().out == ""


def test_ids_are_checked_before_they_are_encoded(words: ModuleType) -> None:
    class Busy(words.Words):  # type: ignore[name-defined,misc]
        def encode(self, inputs: Any, *args: Any, **kwargs: Any) -> np.ndarray:
            raise AssertionError("encoded")

    def check(ids: list[str]) -> None:
        raise InputError(f"{ids} are there")

    with pytest.raises(InputError, match=r"\['3', '4'\] are there"):
        next(encoded(words.numbered(3, 5), Busy(), check))
