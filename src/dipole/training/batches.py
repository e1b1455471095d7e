"""From row numbers to what a step needs: features of every column and tensors of the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from dipole.encoders.base import Encoder, Features, Role

if TYPE_CHECKING:
    from dipole.data import Examples

T = TypeVar("T")

# Field of an example -> arguments of the objective, with the side of the encoder. A labelled input
# is encoded twice: dropout makes two views of it.
ENCODED: dict[str, list[tuple[str, Role]]] = {
    "anchor": [("anchor", "query")],
    "positive": [("positive", "document")],
    "negatives": [("negative", "document")],
    "first": [("anchor", "document")],
    "second": [("positive", "document")],
    "input": [("anchor", "document"), ("positive", "document")],
}
# Argument of the objective -> the argument that carries its content hashes.
IDS = {"positive": "ids", "negative": "negative_ids"}
# Two rows that share a text in one of these never meet in a batch.
UNIQUE = ("anchor", "positive")


@dataclass(frozen=True)
class Batch:
    """One process's part of a batch.

    `columns` maps an argument of the objective to the features of its pieces (one piece, unless
    the gradient cache cuts the batch); `tensors` are arguments that are no vectors.
    """

    row_ids: list[str]
    columns: dict[str, list[Features]]
    tensors: dict[str, Tensor]


def unique_keys(examples: Examples) -> np.ndarray:
    """Content hashes that must not repeat in a batch, (n, k) uint64; k = 0 where all may meet."""
    keys = [examples.keys(field) for field in UNIQUE if field in examples.FIELDS]
    return np.stack(keys, axis=1) if keys else np.zeros((len(examples), 0), dtype=np.uint64)


def collate(
    examples: Examples, rows: np.ndarray, encoder: Encoder, *, chunk: int | None = None
) -> Batch:
    """Read, tokenise and cut the rows of one step.

    Content hashes travel along as `ids` (and `negative_ids`): equal content is never a negative.
    """
    taken = examples.take(rows)
    columns: dict[str, list[Features]] = {}
    tensors: dict[str, Tensor] = {}
    # In this order: it decides which random numbers a column draws.
    for field in (field for field in ENCODED if field in taken):
        inputs = taken[field]
        if field == "negatives":
            inputs = [text for row in inputs for text in row]
        if not inputs:
            continue
        size = chunk or len(inputs)
        for argument, role in ENCODED[field]:
            if argument in IDS:
                tensors[IDS[argument]] = content_ids(inputs)
            columns[argument] = [
                encoder.prepare(inputs[start : start + size], role)
                for start in range(0, len(inputs), size)
            ]
    if "score" in taken:
        tensors["scores"] = torch.tensor(taken["score"], dtype=torch.float32)
    if "label" in taken:  # only equality counts: a name's hash is as good as a number
        tensors["labels"] = content_ids(taken["label"])
    return Batch(row_ids=taken["id"], columns=columns, tensors=tensors)


def content_ids(inputs: list[Any]) -> Tensor:
    """Content hashes as the signed integers that torch has, (n,) int64."""
    from dipole.data import content_key

    keys = np.fromiter((content_key(value) for value in inputs), np.uint64, len(inputs))
    return torch.from_numpy(keys.view(np.int64))


def ahead(make: Callable[[Any], T], items: Iterable[Any], *, depth: int = 2) -> Iterator[T]:
    """`map(make, items)`, with the next results made in a thread while one is used."""
    with ThreadPoolExecutor(1, thread_name_prefix="dipole-batches") as pool:
        pending = deque()  # type: ignore[var-annotated]
        for item in items:
            pending.append(pool.submit(make, item))
            if len(pending) > depth:
                yield pending.popleft().result()
        while pending:
            yield pending.popleft().result()
