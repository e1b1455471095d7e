"""From row numbers to what a step needs: features of every column and tensors of the rest."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from itertools import compress
from typing import TYPE_CHECKING, Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from dipole.data.bundles import Bundles
from dipole.data.preferences import Preferences
from dipole.data.same import content_key, exact_key
from dipole.encoders.base import SIDES, Encoder, Features, Role
from dipole.kernels.draws import keys
from dipole.training.kinds import numbers_of
from dipole.training.rendering import (
    SideView,
    prepare,
    prepare_side,
    prepare_sides,
    prepare_views,
    view_name,
)

if TYPE_CHECKING:
    from dipole.data import Examples
    from dipole.views.base import View

T = TypeVar("T")

# Field of an example -> argument of the objective, with the side of the encoder.
ENCODED: dict[str, tuple[str, Role]] = {
    "anchor": ("anchor", "query"),
    "positive": ("positive", "document"),
    "negatives": ("negative", "document"),
    "query": ("anchor", "query"),
    "candidates": ("candidates", "document"),
    "first": ("anchor", "document"),
    "second": ("positive", "document"),
}
# A field whose examples have no partner: their views are what belongs together.
VIEWED = ("input", "text")
# Fields that are read together: a prompt with each of its answers.
ASKED = ("prompt", "answers")
# Fields with a list in every row.
LISTS = ("negatives", "candidates", "answers")
# Argument of the objective -> the argument that carries its content hashes.
IDS = {
    "anchor": "anchor_ids", "positive": "ids", "negative": "negative_ids",
    "candidates": "candidate_ids",
}  # fmt: skip
# Two rows that share a text in one of these never meet in a batch.
UNIQUE = ("anchor", "positive")


@dataclass(frozen=True)
class Batch:
    """One process's part of a batch.

    `columns` maps an argument of the objective to the features of its pieces (one piece, unless
    the gradient cache cuts the batch); `tensors` are arguments that are no vectors, `rows` (the
    numbers of the examples) among them.
    """

    row_ids: list[str]
    columns: dict[str, list[Features]]
    tensors: dict[str, Tensor]
    start: int = 0  # the place of the first row in the batch of all processes
    total: int = 0  # and how many rows that has
    replicated: bool = False  # every process holds all of the batch
    task: int = 0  # the number of the task it is of
    source: str = ""  # and its name, where there are several


def encoded_fields(examples: Examples) -> list[str]:
    """The fields of examples that an encoder reads, in their order."""
    is_own = isinstance(examples, Bundles)
    known = (*ENCODED, *VIEWED, *ASKED)
    return [field for field in examples.FIELDS if is_own or field in known]


def unique_keys(examples: Examples) -> np.ndarray:
    """Content hashes that must not repeat in a batch, (n, k) uint64; k = 0 where all may meet."""
    fields = examples.FIELDS if isinstance(examples, Bundles) else UNIQUE
    keys = [examples.keys(field) for field in fields if field in examples.FIELDS]
    return np.stack(keys, axis=1) if keys else np.zeros((len(examples), 0), dtype=np.uint64)


def role_of(field: str, encoder: Encoder) -> Role:
    """The role in which a field of examples is encoded; of bundles their own name, if it has a
    tower."""
    return ENCODED[field][1] if field in ENCODED else field if field in encoder.roles else SIDES[1]


def tensor_names(examples: Examples) -> set[str]:
    """The names of all that a batch of these examples may bring, vectors among them."""
    fields = examples.FIELDS
    found = {"rows", *(argument for field, (argument, _) in ENCODED.items() if field in fields)}
    found |= {"anchor", "positive"} if any(field in fields for field in VIEWED) else set()
    if isinstance(examples, Bundles):
        found |= {"ids", *(view_name(number) for number in range(len(fields)))}
    found |= {IDS[name] for name in found & IDS.keys()}
    found |= {"negative_rows"} if "negative" in found else set()
    found |= {"mask"} if "candidates" in found else set()
    found |= {"answers", "answer_mask", "ratings"} if isinstance(examples, Preferences) else set()
    found |= {"teacher_scores"} if "relevance" in fields else set()
    named = {"score": "scores", "relevance": "relevance", "label": "labels"}
    found |= {"numbers"} if "label" in fields else set()
    return found | {name for field, name in named.items() if field in fields}


def collate(
    examples: Examples,
    rows: np.ndarray,
    encoder: Encoder,
    *,
    chunk: int | None = None,
    views: Sequence[View] = (),
    sides: Sequence[SideView] = (),
    seed: tuple[int, ...] = (0,),
    start: int = 0,
    total: int | None = None,
    replicated: bool = False,
    no_negatives: np.ndarray | None = None,
    no_negative_anchors: np.ndarray | None = None,
) -> Batch:
    """Read, tokenise and cut the rows of one step.

    Content hashes travel along as `ids` (and `negative_ids`): equal content is never a negative.
    A listed negative that is among `no_negatives` (content hashes of anchors of the batch and of
    what belongs to them by the data, `KnownPairs.no_negatives`) is left out; which of the listed
    ones are there travels as `negative_there`, and the hashes as `no_negatives`, for the parts;
    `no_negative_anchors` are those of the other side.
    `views` render examples without a partner, `sides` one side of pairs. What they and the encoder
    draw is a function of `seed`, the column and the row's place among the `total` rows of all
    processes, which the rows here take from `start` on.
    """
    taken = examples.take(rows)
    columns: dict[str, list[Features]] = {}
    tensors = {"rows": torch.from_numpy(np.asarray(rows, dtype=np.int64))}
    if no_negatives is not None:
        tensors["no_negatives"] = torch.from_numpy(no_negatives.view(np.int64))
    if no_negative_anchors is not None:
        found = torch.from_numpy(no_negative_anchors.view(np.int64))
        tensors["no_negative_anchors"] = found
    places = start + np.arange(len(rows))
    # In this order: it decides which random numbers a column draws.
    seen = UNIQUE if any(view.of_side for view in views) else ()  # by their views alone
    if seen:
        both = {side: taken[side] for side in seen}
        columns |= prepare_sides(encoder, both, views, chunk=chunk, seed=seed, start=start)
    for number, (field, (argument, role)) in enumerate(ENCODED.items()):
        inputs, drawn = taken.get(field, []), (*seed, number)
        if field in LISTS:
            lengths = [len(row) for row in inputs]
            items = np.concatenate([np.arange(length) for length in lengths] or [places])
            numbers = keys(drawn, np.repeat(places, lengths), items) if inputs else None
            inputs = [text for row in inputs for text in row]
        else:
            numbers = keys(drawn, places) if inputs else None
        if field in taken and argument in IDS and (inputs or argument == "negative"):
            tensors[IDS[argument]] = content_ids(inputs)
        if field in taken and argument == "negative":  # the row each was listed for
            tensors["negative_rows"] = tensors["rows"].repeat_interleave(torch.tensor(lengths))
            if no_negatives is not None:
                inputs = _without_positives(inputs, tensors)
                numbers = None if numbers is None else numbers[tensors["negative_there"]]
        if inputs and argument not in (*seen, *(side.column for side in sides)):
            assert numbers is not None
            columns[argument] = prepare(encoder, inputs, role, chunk, numbers)
        for side in sides:
            if inputs and side.side == argument:
                columns[side.column] = prepare_side(
                    encoder, inputs, role, side.view, chunk=chunk, seed=drawn, start=start
                )
        if argument == "candidates" and inputs:
            tensors["mask"] = mask = torch.arange(max(lengths)) < torch.tensor(lengths)[:, None]
            tensors["candidate_ids"] = padded(tensors["candidate_ids"], mask)
    if isinstance(examples, Bundles):
        tensors["ids"] = content_ids(taken[list(examples.FIELDS)[1]])
        for number, field in enumerate(examples.FIELDS):
            columns[view_name(number)] = prepare(
                encoder,
                taken[field],
                role_of(field, encoder),
                chunk,
                keys((*seed, number), places),
            )
        return Batch(
            taken["id"], columns, tensors, start, len(rows) if total is None else total, replicated
        )
    if isinstance(examples, Preferences):
        counts = torch.tensor([len(answers) for answers in taken["answers"]])
        tensors["answer_mask"] = mask = torch.arange(int(counts.max())) < counts[:, None]
        flat = torch.tensor([x for row in taken["ratings"] for x in row], dtype=torch.float32)
        tensors["ratings"] = padded(flat, mask)
        asked = examples.read(rows.tolist())
        columns["answers"] = prepare(encoder, asked, "document", chunk, keys((*seed, 0), places))
    for field in (field for field in VIEWED if field in taken):
        tensors["ids"] = tensors["anchor_ids"] = content_ids(taken[field])
        columns |= prepare_views(encoder, taken[field], views, chunk=chunk, seed=seed, start=start)
    if "score" in taken:
        tensors["scores"] = torch.tensor(taken["score"], dtype=torch.float32)
    if "relevance" in taken:
        flat = torch.tensor([x for row in taken["relevance"] for x in row], dtype=torch.float32)
        tensors["relevance"] = padded(flat, tensors["mask"])
    if "label" in taken:
        tensors["labels"] = class_ids(taken["label"])
        if (amounts := numbers_of(taken["label"])) is not None:
            tensors["numbers"] = torch.tensor(amounts, dtype=torch.float32)
    return Batch(
        row_ids=taken["id"],
        columns=columns,
        tensors=tensors,
        start=start,
        total=len(rows) if total is None else total,
        replicated=replicated,
    )


def _without_positives(negatives: list[Any], tensors: dict[str, Tensor]) -> list[Any]:
    """The negatives that belong to no anchor of the batch; their tensors follow."""
    there = ~torch.isin(tensors["negative_ids"], tensors["no_negatives"])
    tensors["negative_there"] = there
    for name in ("negative_ids", "negative_rows"):
        tensors[name] = tensors[name][there]
    return list(compress(negatives, there.tolist()))


def padded(flat: Tensor, mask: Tensor) -> Tensor:
    """Lists one after the other (t, ...) -> (n, k, ...), zero where the mask (n, k) is False."""
    out = flat.new_zeros(*mask.shape, *flat.shape[1:])
    out[mask] = flat
    return out


def class_ids(labels: list[Any]) -> Tensor:
    """Whole numbers as they are (some objectives count classes), of names the hashes, (n,) int64.

    Equality is what counts elsewhere, and for that a hash is as good as a number.
    """
    if all(type(label) is int for label in labels):
        return torch.tensor(labels, dtype=torch.int64)
    return _ids(exact_key, labels)


def content_ids(inputs: list[Any]) -> Tensor:
    """Content hashes as the signed integers that torch has, (n,) int64."""
    return _ids(content_key, inputs)


def _ids(key: Callable[[Any], int], values: list[Any]) -> Tensor:
    keys = np.fromiter(map(key, values), np.uint64, len(values))
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
