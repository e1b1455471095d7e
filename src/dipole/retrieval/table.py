"""The LanceDB table of an index: its columns, its two search indexes, its two searches."""

from __future__ import annotations

import json
import os
import re
from collections.abc import Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal

import numpy as np

from dipole.encoders.quantizing import VectorPrecision, quantize
from dipole.errors import optional
from dipole.lexical.words import split_words
from dipole.retrieval import filters, postings, token_vectors
from dipole.retrieval import small_vectors as small
from dipole.retrieval.scan import fits

# What a document has: a vector, a sparse one, or one for each token.
VectorKind = Literal["dense", "sparse", "tokens"]
NAME = "documents"
FILE = f"{NAME}.lance"
# From so many rows on an approximate vector index is built, unless the vectors fit into memory
# (`scan`); below, every vector is compared.
ANN_ROWS = 50_000
# What is read of the rows that were found.
SHOWN = ["id", "text", "metadata"]
# How many of its candidates the approximate index has compared again with the exact vectors,
# as a multiple of k, and how many of its cells it looks into.
REFINE = 4
PROBES = 64
# How many candidates by their signs are ranked again, as a multiple of k, in an index of bits.
RESCORE = 4
_NOW, _FOREVER = timedelta(milliseconds=1), timedelta(days=36_500)
# The tag of the version that is published; LanceDB refuses to clear a version that has a tag.
_TAG = "published"
# Ids in one condition of a delete.
_AT_ONCE = 1000
# Between getFile|Name and between HTTP|Server.
_CAMEL = re.compile(r"(?<=[a-z0-9])(?=[A-Z])|(?<=[A-Z])(?=[A-Z][a-z])")


def create(
    folder: Path, dim: int, precision: VectorPrecision = "float32", kind: VectorKind = "dense"
) -> Any:
    """An empty table for vectors of `dim` numbers, kept at a precision, or for sparse ones, or for
    a vector of each token."""
    pa = optional("pyarrow", "search")
    schema = pa.schema(
        [
            pa.field("id", pa.string(), nullable=False),
            pa.field("text", pa.string(), nullable=False),
            pa.field("words", pa.string(), nullable=False),  # what the full-text index reads
            pa.field("metadata", pa.string(), nullable=False),  # json
            pa.field(filters.MARK, pa.string()),  # see filters.py
            *_fields(dim, precision, kind),
        ]
    )
    return _connect(folder).create_table(NAME, schema=schema)


def _fields(dim: int, precision: VectorPrecision, kind: VectorKind) -> list[Any]:
    if kind == "sparse":
        return postings.fields()
    return token_vectors.fields(dim) if kind == "tokens" else small.fields(precision, dim)


def open_latest(folder: Path) -> Any:
    """The newest version of the table, published or not; for a writer."""
    return _connect(folder).open_table(NAME)


def open_version(folder: Path, version: int) -> Any:
    """One version of the table, which no later write changes; for a reader."""
    table = open_latest(folder)
    table.checkout(version)
    return table


def _connect(folder: Path) -> Any:
    # Its warnings speak to its developers ("partition 21 is empty"), in the middle of our bar.
    os.environ.setdefault("LANCEDB_LOG", "error")
    return optional("lancedb", "search").connect(str(folder.absolute()))


def rows(
    table: Any,
    ids: Sequence[str],
    texts: Sequence[str],
    metadata: Sequence[Mapping[str, Any]],
    vectors: Any,
    ranges: np.ndarray | None = None,
) -> Any:
    """An Arrow table of documents and their vectors, an array, CSR or a list of arrays; `ranges`
    are those of a table of int8."""
    import pyarrow as pa

    if postings.is_sparse(table):
        kept = postings.columns(vectors)
    elif token_vectors.is_of_tokens(table):
        inner = table.schema.field(token_vectors.TOKENS).type.value_type
        kept = token_vectors.columns(vectors, inner.list_size)
    else:
        kept = small.columns(vectors, table.schema.names, ranges)
    return pa.table(
        {
            "id": pa.array(ids, pa.string()),
            "text": pa.array(texts, pa.string()),
            "words": pa.array([words(text, characters=True) for text in texts], pa.string()),
            "metadata": pa.array(
                [json.dumps(dict(m), default=_plain) for m in metadata], pa.string()
            ),
            **filters.columns(metadata, table.schema.names),
            **kept,
        },
        schema=table.schema,
    )


def words(text: str, *, characters: bool = False) -> str:
    """The words of a text (`split_words`) separated by blanks; identifiers give their parts.

    MRR@10 of words alone on stdlib-code (test, three seeds): 0.417, and 0.389 without the parts.
    """
    found = split_words(text, characters=characters)
    return " ".join(_CAMEL.sub(" ", word.replace("_", " ")) for word in found)


def _plain(value: Any) -> Any:
    """A number of numpy as a number, anything else (a date) as it prints."""
    return value.item() if isinstance(value, np.generic) else str(value)


def upsert(table: Any, new: Any) -> None:
    """Replace the rows whose id is in `new`, add the others."""
    merge = table.merge_insert("id").when_matched_update_all().when_not_matched_insert_all()
    merge.execute(new)


def delete(table: Any, ids: Sequence[str]) -> None:
    """Remove the rows with these ids."""
    for start in range(0, len(ids), _AT_ONCE):
        table.delete(_among(ids[start : start + _AT_ONCE]))


def take(table: Any, ids: Sequence[str]) -> dict[str, dict[str, Any]]:
    """The rows with these ids, by id, without their vectors."""
    found: list[dict[str, Any]] = []
    for start in range(0, len(ids), _AT_ONCE):
        part = ids[start : start + _AT_ONCE]
        found += table.search().where(_among(part)).select(SHOWN).limit(len(part)).to_list()
    return {row["id"]: row for row in found}


def ids_where(table: Any, where: str) -> set[str]:
    """The ids of the rows that a condition holds for."""
    query = table.search().where(where).select(["id"]).limit(max(table.count_rows(), 1))
    return set(query.to_arrow()["id"].to_pylist())


def _among(ids: Sequence[str]) -> str:
    quoted = ("'" + i.replace("'", "''") + "'" for i in ids)
    return f"id IN ({', '.join(quoted)})"


def known(table: Any, ids: Sequence[str]) -> list[str]:
    """Those of `ids` that the table has."""
    import pyarrow as pa
    import pyarrow.compute as pc

    wanted = pa.array(ids, pa.string())
    found: list[str] = []
    for batch in table.search().select(["id"]).to_batches():
        found += batch.column("id").filter(pc.is_in(batch.column("id"), wanted)).to_pylist()
    return found


def update_indexes(table: Any) -> None:
    """Bring both search indexes up to the rows; compact; throw no version away."""
    from lancedb.index import FTS, IvfFlat, IvfSq

    indexed = {column for index in table.list_indices() for column in index.columns}
    if "words" not in indexed:
        table.create_index("words", config=FTS(base_tokenizer="whitespace", max_token_length=255))
    column, rows = searched(table), table.count_rows()
    of_bits = column == small.BITS
    dim = table.schema.field(column).type.list_size if column == small.VECTOR else 0
    if column and column not in indexed and rows >= ANN_ROWS and not (dim and fits(rows, dim)):
        config = IvfFlat(distance_type="hamming") if of_bits else IvfSq(distance_type="dot")
        table.create_index(column, config=config)
    for _ in range(3):  # until it says there is nothing left to do
        before = table.version
        table.optimize(cleanup_older_than=_FOREVER)
        if table.version == before:
            break


def prune(table: Any) -> None:
    """Clear all versions but this one, which is published; a failure costs space and no more."""
    try:
        if _TAG in table.tags.list():
            table.tags.update(_TAG, table.version)
        else:
            table.tags.create(_TAG, table.version)
        # Being the only writer, no unfinished transaction can own a file nothing refers to.
        table.optimize(cleanup_older_than=_NOW, delete_unverified=True)
    except (RuntimeError, OSError):
        return


def nearest(
    table: Any,
    vector: np.ndarray,
    k: int,
    *,
    exact: bool,
    rescore: int = RESCORE,
    ranges: np.ndarray | None = None,
    where: str | None = None,
) -> list[dict[str, Any]]:
    """The k rows whose vectors have the largest dot product with `vector`, as `score`; where: of
    those that a condition holds for.

    In a table of bits these are the best k of the `rescore` times k that differ in the fewest.
    """
    if searched(table) == small.BITS:
        kept = [n for n in (small.CODES, small.BITS) if n in table.schema.names][:1]
        signs = quantize(vector[None], "ubinary")[0]
        query = table.search(signs, vector_column_name=small.BITS, query_type="vector")
        query = query.distance_type("hamming").limit(rescore * k)
        query = query.bypass_vector_index() if exact else query.nprobes(PROBES)
        query = query if where is None else query.where(where, prefilter=True)
        found = query.select(["id", "text", "metadata", *kept]).to_list()
        return small.rescored(found, vector, ranges, k)
    query = table.search(vector, vector_column_name=small.VECTOR, query_type="vector")
    query = query.distance_type("dot").limit(k).select(["id", "text", "metadata", "_distance"])
    query = query.bypass_vector_index() if exact else query.nprobes(PROBES).refine_factor(REFINE)
    query = query if where is None else query.where(where, prefilter=True)
    # LanceDB's dot distance is 1 - dot.
    return [{**row, "score": 1.0 - row["_distance"]} for row in query.to_list()]


def searched(table: Any) -> str:
    """The column that is searched by meaning; "" where vectors are sparse, or of tokens."""
    if postings.is_sparse(table) or token_vectors.is_of_tokens(table):
        return ""
    return small.BITS if small.BITS in table.schema.names else small.VECTOR


def matching(table: Any, text: str, k: int, where: str | None = None) -> list[dict[str, Any]]:
    """The k rows that match the words of `text` best, BM25 as `score`; no more than do match."""
    from lancedb.query import MatchQuery

    query = table.search(MatchQuery(words(text), "words"), query_type="fts")
    query = query.limit(k).select(["id", "text", "metadata", "_score"])
    query = query if where is None else query.where(where, prefilter=True)
    return [{**row, "score": row["_score"]} for row in query.to_list()]
