"""Documents on their way into an index: checked, encoded, in batches."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence, Sized
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from dipole.data.arrays import checked_array
from dipole.data.converting import SeenIds
from dipole.data.inputs import described
from dipole.data.rows import BadValueError, shown, text_of
from dipole.encoders.reading import gives_tokens
from dipole.errors import InputError
from dipole.progress import counting

if TYPE_CHECKING:
    from dipole.encoders import Encoder

# A batch ends at so many documents or characters: what is held in memory at once.
_DOCUMENTS = 8192
_CHARACTERS = 2**24
# With a vector for each token: of 180 tokens and 128 numbers 94 MB.
_OF_TOKENS = 1024


@dataclass(frozen=True)
class Document:
    """A text or an array with an id, and what else is known of it (for code: file, line, name)."""

    id: str
    text: Any
    metadata: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True)
class Batch:
    """Some documents and their vectors, (n, dim); scipy's CSR if they are sparse, and if each
    token has one a list of (t, dim)."""

    documents: Sequence[Document]
    vectors: Any


def is_sparse(encoder: Any) -> bool:
    """Whether an encoder gives sparse vectors, which are kept as such."""
    return hasattr(encoder, "encode_sparse")


def encoded(
    documents: Iterable[Document],
    encoder: Encoder,
    check: Callable[[list[str]], None] | None = None,
    *,
    show_progress: bool = False,
) -> Iterator[Batch]:
    """Batches of documents with their vectors; an InputError names the first bad document.

    `check` sees the ids of a batch before it is encoded, which is what takes time.
    """
    total = len(documents) if isinstance(documents, Sized) else None
    with counting("indexing", total, show_progress) as advance:
        most = _OF_TOKENS if gives_tokens(encoder) else _DOCUMENTS
        for batch in _batches(_checked(documents), most):
            if check is not None:
                check([document.id for document in batch])
            texts = [document.text for document in batch]
            if is_sparse(encoder):
                sparse: Any = encoder
                vectors = sparse.encode_sparse(texts, "document")
                finite = np.isfinite(np.asarray(vectors.sum(axis=1))[:, 0])
            elif gives_tokens(encoder):
                vectors = cast(Any, encoder).encode_tokens(texts, "document")
                finite = np.array([np.isfinite(found).all() for found in vectors])
            else:
                vectors = encoder.encode(texts, role="document")
                finite = np.isfinite(vectors).all(axis=1)
            if not finite.all():
                worst = batch[int(np.argmin(finite))]
                raise InputError(
                    f"document {shown(worst.id)}: the model gave a vector that is not finite; "
                    "expected a model whose training did not diverge"
                )
            yield Batch(batch, vectors)
            advance(len(batch))


def _checked(documents: Iterable[Document]) -> Iterator[Document]:
    if isinstance(documents, (Document, str, Mapping)) or not isinstance(documents, Iterable):
        raise InputError(
            f"documents: found {described(documents)}; expected a list of "
            "dipole.retrieval.Document(id, text, metadata)"
        )
    seen = SeenIds()
    for number, document in enumerate(documents, start=1):
        if not isinstance(document, Document):
            raise InputError(
                f"document {number}: found {type(document).__name__}; "
                "expected dipole.retrieval.Document(id, text, metadata)"
            )
        try:
            text_of(document.id, "id")
            if isinstance(document.text, np.ndarray):
                checked_array(document.text, document.text.dtype)
            else:
                text_of(document.text, "text")
        except BadValueError as error:
            raise InputError(f"document {number}, id {shown(document.id)}: {error}") from None
        if not isinstance(document.metadata, Mapping) or not all(
            isinstance(name, str) for name in document.metadata
        ):
            raise InputError(
                f"document {number}, id {shown(document.id)}: metadata is "
                f"{described(document.metadata)}; expected a dict of names and values"
            )
        first = seen.first_row(document.id, number)
        if first is not None:
            raise InputError(
                f"document {number}: found the id {shown(document.id)} of document {first} again; "
                "expected every id once"
            )
        yield document


def _batches(documents: Iterable[Document], most: int) -> Iterator[list[Document]]:
    batch: list[Document] = []
    characters = 0
    for document in documents:
        batch.append(document)
        text = document.text
        characters += text.nbytes if isinstance(text, np.ndarray) else len(text)
        if len(batch) >= most or characters >= _CHARACTERS:
            yield batch
            batch, characters = [], 0
    if batch:
        yield batch
