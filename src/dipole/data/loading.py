"""`load_pairs` and its sisters: one argument that may be a file, a folder, a name or a hub id."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from dipole.data.columns import Plan, plan_labeled, plan_pairs, plan_ranked, plan_scored
from dipole.data.converting import OnBadRow, convert
from dipole.data.examples import Examples, Labeled, Pairs, Ranked, Scored, Triplets
from dipole.data.readers import file_source
from dipole.data.retrieval import RetrievalData, retrieval_from_pairs
from dipole.data.rows import Source
from dipole.errors import InputError

MakePlan = Callable[[Source, dict[str, Any]], Plan]


def load_pairs(
    source: str | Path,
    anchor: str | None = None,
    positive: str | None = None,
    negative: str | Sequence[str] | None = None,
    split: str = "train",
    on_bad_row: OnBadRow = "error",
    seed: int = 0,
) -> Pairs | Triplets:
    """Pairs, or Triplets where there are negatives.

    Args:
        source: a file (jsonl, csv, tsv, parquet), a folder (BEIR, `datasets` on disk), a name
            (`stdlib-code`) or the id of a data set on the Hugging Face hub.
        anchor, positive, negative: column names (numbers from 1 for a table without a header
            line); not given: `anchor` and `positive`, `query` and `pos`, or the first two text
            columns, with `negative`, `negative_1`, ... as negatives. `.origin` says what was taken.
        split: which part of a source that has parts ("all": every part).
        on_bad_row: "error" stops at the first bad row; "skip" leaves them out, see `.skipped`.
        seed: decides the split of `stdlib-code`.

    Raises:
        InputError: one line that says file, row, what was found and what was expected.
    """
    if str(source) == "stdlib-code":
        from dipole.data.stdlib_code import stdlib_code

        return stdlib_code(split, seed)
    path = Path(source).expanduser()
    if path.is_dir():
        from dipole.data.beir import beir_pairs

        return beir_pairs(path, split, on_bad_row)

    def plan(rows: Source, row: dict[str, Any]) -> Plan:
        return plan_pairs(rows, row, anchor, positive, negative)

    columns = [anchor, positive, *([negative] if isinstance(negative, str) else negative or [])]
    return cast(Pairs | Triplets, _load(source, split, plan, columns, on_bad_row))


def load_scored(
    source: str | Path,
    first: str | None = None,
    second: str | None = None,
    score: str | None = None,
    split: str = "test",
    on_bad_row: OnBadRow = "error",
) -> Scored:
    """Pairs of texts with a score.

    Not named: `score` (or `scores`, `label`, `similarity`, else the only column of numbers) and the
    first two text columns. Arguments and errors as in `load_pairs`.
    """

    def plan(rows: Source, row: dict[str, Any]) -> Plan:
        return plan_scored(rows, row, first, second, score)

    return cast(Scored, _load(source, split, plan, [first, second, score], on_bad_row))


def load_labeled(
    source: str | Path,
    input: str | None = None,
    label: str | None = None,
    split: str = "train",
    on_bad_row: OnBadRow = "error",
) -> Labeled:
    """Inputs with a class.

    Not named: `label` (or `class`, `category`, else the last of two columns) and the first text
    column. Arguments and errors as in `load_pairs`.
    """

    def plan(rows: Source, row: dict[str, Any]) -> Plan:
        return plan_labeled(rows, row, input, label)

    return cast(Labeled, _load(source, split, plan, [input, label], on_bad_row))


def load_ranked(source: str | Path, split: str = "train", on_bad_row: OnBadRow = "error") -> Ranked:
    """Queries with candidates and the relevance of each.

    Columns `query`, `candidates`, `relevance`, or `query`, `pos`, `neg` with `pos_scores` and
    `neg_scores` where they are given (else 1 and 0).
    """
    return cast(Ranked, _load(source, split, plan_ranked, [], on_bad_row))


def load_retrieval(
    source: str | Path, split: str = "test", seed: int = 0, on_bad_row: OnBadRow = "error"
) -> RetrievalData:
    """Corpus, queries and judgements of a split.

    A BEIR folder; `stdlib-code` (queries are docstrings, the corpus is the code of the split's
    functions); or whatever `load_pairs` reads: every anchor a query, every positive a document.
    """
    path = Path(source).expanduser()
    if path.is_dir():
        from dipole.data.beir import read_beir

        return read_beir(path, split, on_bad_row)
    return retrieval_from_pairs(load_pairs(source, split=split, on_bad_row=on_bad_row, seed=seed))


def _load(
    source: str | Path,
    split: str,
    plan: MakePlan,
    columns: Sequence[str | None],
    on_bad_row: OnBadRow,
) -> Examples:
    path = Path(source).expanduser()
    if path.is_file():
        return convert(file_source(path, columns), plan, on_bad_row)
    raise InputError(f"{source}: no such file")
