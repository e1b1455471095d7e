"""Texts of a data set with a prompt in front: an instruction, or the name of its domain."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from dipole.data.examples import Examples, arrow
from dipole.encoders.base import SIDES, Role
from dipole.errors import InputError
from dipole.training.batches import ENCODED, LISTS, VIEWED


def roles_in(examples: Examples) -> set[str]:
    """The roles in which fields of examples are encoded."""
    return set(_roles(examples).values())


def prompted(examples: Examples, prompts: Mapping[Any, str]) -> Examples:
    """The same examples, `prompts["query"]` in front of what is encoded as a query and
    `prompts["document"]` of everything else.

    >>> from dipole.data import Pairs
    >>> pairs = Pairs.from_columns({"anchor": ["a cat"], "positive": ["ein Kater"]})
    >>> prompted(pairs, {"query": "Translate: "})[0]["anchor"]
    'Translate: a cat'
    """
    if not any(prompts.values()):
        return examples
    table = examples.table
    for field, role in _roles(examples).items():
        if prompt := prompts.get(role, ""):
            place = table.column_names.index(field)
            column = table.column(field)
            table = table.set_column(place, field, _with(column, prompt, field in LISTS))
    return type(examples)(
        table, origin=examples.origin, skipped=examples.skipped, columns=examples.columns
    )


def _roles(examples: Examples) -> dict[str, Role]:
    """Field -> its role, of those that have one whatever the encoder is."""
    known = {field: role for field, (_, role) in ENCODED.items()} | dict.fromkeys(VIEWED, SIDES[1])
    return {field: known[field] for field in examples.FIELDS if field in known}


def _with(column: Any, prompt: str, is_list: bool) -> Any:
    import pyarrow.compute as pc

    pa = arrow()
    kind = column.type.value_type if is_list else column.type
    if not pa.types.is_string(kind):
        raise InputError(f"prompts: found {kind} to put them before; expected texts")
    if not is_list:
        return pc.binary_join_element_wise(pa.scalar(prompt), column, "")
    lengths = np.asarray(pc.list_value_length(column), dtype=np.int32)
    offsets = pa.array(np.concatenate([[0], np.cumsum(lengths)]).astype(np.int32))
    flat = pc.binary_join_element_wise(pa.scalar(prompt), pc.list_flatten(column), "")
    flat = flat.combine_chunks() if isinstance(flat, pa.ChunkedArray) else flat
    return pa.chunked_array([pa.ListArray.from_arrays(offsets, flat)])
