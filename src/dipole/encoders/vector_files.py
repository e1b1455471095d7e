"""Files of vectors: .npy with the ids beside it, .parquet and .jsonl with ids and columns in it."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np

from dipole.errors import InputError, optional
from dipole.files import replaced

# What stands in a file beside the columns that were kept.
ID, VECTOR = "id", "vector"


class Block(NamedTuple):
    """Some rows: ids (n), kept columns by name, each (n), and vectors (n, width)."""

    ids: list[str]
    kept: dict[str, list[Any]]
    vectors: np.ndarray


# Every call reads all rows anew.
Blocks = Callable[[], Iterator[Block]]


def write_vectors(out: Path, blocks: Blocks, count: int, kept: Sequence[str] = ()) -> None:
    """Write a file of `count` vectors, whole or not at all, in the format that its name ends in.

    .npy is one array, (n, width), and NAME.txt beside it holds an id a line, as `load_vectors`
    reads them; .parquet and .jsonl have the columns `id`, those kept, and `vector`.
    """
    WRITERS[out.suffix](out, blocks, count, kept)


def check_format(out: Path, kept: Sequence[str]) -> None:
    """Raise InputError where no file of this name can hold these columns."""
    if out.suffix not in WRITERS:
        raise InputError(f"out: found {out}; expected a name that ends in {', '.join(WRITERS)}")
    if kept and out.suffix == ".npy":
        raise InputError(
            f"keep: found '{kept[0]}' for a .npy file, which holds vectors alone; expected a "
            "file that ends in .parquet or .jsonl"
        )
    for name in kept:
        if name in (ID, VECTOR):
            raise InputError(f"keep: found '{name}', a column that is written anyway; expected "
                             "others")  # fmt: skip


def ids_beside(out: Path) -> Path:
    """The file of ids that belongs to a .npy."""
    return out.with_suffix(".txt")


def _npy(out: Path, blocks: Blocks, count: int, kept: Sequence[str]) -> None:
    with ExitStack() as stack:
        ids = stack.enter_context(replaced(ids_beside(out))).open("w", encoding="utf-8", newline="")
        file = stack.enter_context(replaced(out)).open("wb")
        with ids, file:
            for number, block in enumerate(blocks()):
                if not number:
                    write_header(file, (count, block.vectors.shape[1]), block.vectors.dtype)
                for identity in block.ids:
                    if len(identity.splitlines()) != 1:
                        raise InputError(f"{out}: the id {identity!r} has a line break; expected "
                                         "a file that ends in .parquet or .jsonl")  # fmt: skip
                    ids.write(f"{identity}\n")
                file.write(np.ascontiguousarray(block.vectors).data)


def _jsonl(out: Path, blocks: Blocks, count: int, kept: Sequence[str]) -> None:
    with replaced(out) as new, new.open("w", encoding="utf-8", newline="") as file:
        for block in blocks():
            # Nine digits are all that a float32 has.
            number = "{:.9g}".format if block.vectors.dtype.kind == "f" else str
            for row, identity in enumerate(block.ids):
                known = {ID: identity} | {name: block.kept[name][row] for name in kept}
                vector = ", ".join(map(number, block.vectors[row].tolist()))
                text = json.dumps(known, ensure_ascii=False)
                file.write(f'{text[:-1]}, "{VECTOR}": [{vector}]}}\n')


def _parquet(out: Path, blocks: Blocks, count: int, kept: Sequence[str]) -> None:
    pa, parquet = optional("pyarrow", "text"), optional("pyarrow.parquet", "text")
    types = _types(kept, blocks()) if kept else {}
    schema, writer = None, None
    with ExitStack() as stack:
        new = stack.enter_context(replaced(out))
        for block in blocks():
            if writer is None:
                width, number = block.vectors.shape[1], pa.from_numpy_dtype(block.vectors.dtype)
                fields = {ID: pa.string(), **types, VECTOR: pa.list_(number, width)}
                schema = pa.schema(list(fields.items()))
                writer = stack.enter_context(parquet.ParquetWriter(new, schema))
            flat = np.ascontiguousarray(block.vectors).reshape(-1)
            vectors = pa.FixedSizeListArray.from_arrays(pa.array(flat), width)
            columns = [_column(block.kept[name], types[name]) for name in kept]
            ids = pa.array(block.ids, pa.string())
            writer.write_table(pa.table([ids, *columns, vectors], schema=schema))


def _types(kept: Sequence[str], blocks: Iterable[Block]) -> dict[str, Any]:
    """The Arrow type of every kept column, of all its values: text where they are of several."""
    pa = optional("pyarrow", "text")
    types = {name: pa.null() for name in kept}
    for block in blocks:
        for name in kept:
            both = [pa.schema([(name, types[name])])]
            try:
                both.append(pa.schema([(name, pa.array(block.kept[name]).type)]))
                merged = pa.unify_schemas(both, promote_options="permissive")
                types[name] = merged.field(name).type
            except pa.ArrowException:
                types[name] = pa.string()
    return {n: pa.string() if t == pa.null() else t for n, t in types.items()}


def _column(values: list[Any], kind: Any) -> Any:
    import pyarrow as pa

    if kind == pa.string():
        values = [v if v is None or isinstance(v, str) else json.dumps(v) for v in values]
    return pa.array(values, kind)


def write_header(file: Any, shape: tuple[int, int], dtype: np.dtype[Any]) -> None:
    """The beginning of a .npy file: rows follow, as they lie in memory."""
    described = {"descr": np.lib.format.dtype_to_descr(dtype), "fortran_order": False}
    np.lib.format.write_array_header_1_0(file, described | {"shape": shape})


WRITERS = {".npy": _npy, ".parquet": _parquet, ".jsonl": _jsonl}
