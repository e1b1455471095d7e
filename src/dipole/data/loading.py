"""`load_pairs` and its sisters: one argument that may be a file, a folder, a name, a hub id, a
table in memory or a function of one's own."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, cast

from dipole.data.beir import beir_pairs, is_beir, read_beir
from dipole.data.bundles import Bundles, plan_bundles
from dipole.data.converting import OnBadRow, convert
from dipole.data.cranfield import is_cranfield, read_cranfield
from dipole.data.examples import Examples, Inputs, Labeled, Pairs, Ranked, Scored, Triplets
from dipole.data.hub import (
    folder_source,
    is_datasets_folder,
    parts_from_hub,
    rows_source,
)
from dipole.data.image_captions import captioned_source, is_captioned
from dipole.data.images import from_class_folders, from_idx_folder, is_idx_folder
from dipole.data.memory import Held, in_memory, is_held, table_source
from dipole.data.named import NAMED, locate, wrong_kind
from dipole.data.named_loading import labeled_by_name, retrieval_by_name, scored_by_name
from dipole.data.parted import has_splits
from dipole.data.plans import (
    Plan,
    plan_inputs,
    plan_labeled,
    plan_pairs,
    plan_ranked,
    plan_scored,
)
from dipole.data.readers import file_source
from dipole.data.refusals import check_given, no_columns, no_resize, one_size_already
from dipole.data.retrieval import RetrievalData, retrieval_from_pairs
from dipole.data.rows import Source
from dipole.data.sample import Sample
from dipole.data.shards import is_shards
from dipole.data.splits import WHOLE, check_whole
from dipole.errors import InputError

# For a file these mean all of it: scored pairs are trained on as well as measured with.
_SCORED = ("test", "train", "all")

MakePlan = Callable[[Source, Sample], Plan]


def load_pairs(
    source: Any,
    anchor: str | None = None,
    positive: str | None = None,
    negative: str | Sequence[str] | None = None,
    split: str = "train",
    on_bad_row: OnBadRow = "error",
    seed: int = 0,
    resize: int | str | Sequence[int] | None = None,
) -> Pairs | Triplets:
    """Pairs, or Triplets where there are negatives.

    Args:
        source: a file (jsonl, csv, tsv, parquet, npz, tar), a folder (BEIR, `datasets` on disk,
            shards of webdataset), a name (`stdlib-code`), the id of a data set on the Hugging Face
            hub, a table in memory (a DataFrame, a list of dicts or tuples, a dict of columns, a
            `datasets.Dataset`), or a function of yours that gives one, as `file.py:function`.
        anchor, positive, negative: column names (numbers from 1 for a table without a header
            line); not given: those that names settle (`anchor` and `positive`, `query` and `pos`,
            `question` and `answer`, ...), or the only two columns of text, with `negative`,
            `negative_1`, ... as negatives. `.origin` says what was taken.
        split: which part of a source that has parts ("all": every part).
        on_bad_row: "error" stops at the first bad row; "skip" leaves them out, see `.skipped`.
        seed: decides the split of `stdlib-code`.
        resize: pixels of images, 64 or (height, width): scaled to cover it and cropped in the
            middle; not given: they must be of one size.

    A column of paths of image files (from the table's folder) or of their bytes is one of images,
    read when a row is; a folder of images with a text file of the same name beside each is pairs of
    image and text.

    Raises:
        InputError: one line that says file, row, what was found and what was expected; also where
            the columns are open, or the rows are no pairs but have scores, classes or preferences,
            unless `anchor` and `positive` are named.
    """
    named = {"anchor": anchor, "positive": positive, "negative": negative}

    def plan(rows: Source, sample: Sample) -> Plan:
        return plan_pairs(rows, sample, anchor, positive, negative, resize)

    if (held := in_memory(source, split)) is not None:
        check_given(source, split, resize)
        found = _of_held(held, split, plan, on_bad_row, named, Pairs, Triplets)
        return cast(Pairs | Triplets, found)
    place = locate(source)
    if place in NAMED or (isinstance(place, Path) and place.is_dir() and is_beir(place)):
        no_resize(place, resize)
    if place == "stdlib-code":
        from dipole.data.stdlib_code import stdlib_code

        no_columns(place, named)
        return stdlib_code(split, seed)
    if place in NAMED:
        raise wrong_kind(str(place), "pairs")
    if isinstance(place, Path) and place.is_dir() and is_beir(place):
        no_columns(place, named)
        return beir_pairs(place, split, on_bad_row)
    columns = [anchor, positive, *([negative] if isinstance(negative, str) else negative or [])]
    return cast(Pairs | Triplets, _load(place, split, plan, columns, on_bad_row))


def load_scored(
    source: Any,
    first: str | None = None,
    second: str | None = None,
    score: str | None = None,
    split: str = "test",
    on_bad_row: OnBadRow = "error",
    resize: int | str | Sequence[int] | None = None,
) -> Scored:
    """Pairs of texts with a score.

    Not named: `score` (or `label`, `similarity`, ..., else the only column of numbers) and two text
    columns as in `load_pairs`. Arguments and errors as there.
    """
    named = {"first": first, "second": second, "score": score}

    def plan(rows: Source, sample: Sample) -> Plan:
        return plan_scored(rows, sample, first, second, score, resize)

    if (held := in_memory(source, split, whole=_SCORED)) is not None:
        check_given(source, split, resize, _SCORED)
        found = _of_held(held, split, plan, on_bad_row, named, Scored, whole=_SCORED)
        return cast(Scored, found)
    place = locate(source)
    if place in NAMED:
        no_columns(place, named)
        no_resize(place, resize)
        return scored_by_name(str(place), split, on_bad_row)
    return cast(Scored, _load(place, split, plan, [first, second, score], on_bad_row, _SCORED))


def load_labeled(
    source: Any,
    input: str | None = None,
    label: str | None = None,
    split: str = "train",
    on_bad_row: OnBadRow = "error",
    seed: int = 0,
    resize: int | str | Sequence[int] | None = None,
    numbers: bool = False,
) -> Labeled:
    """Inputs (texts, or images as uint8 arrays) with a class, a whole number or a name.

    A table (not named: `label`, `class` or `category`, else the last of two columns, and the column
    `text`, `sentence`, ..., or the only one of text), a folder of idx files, a folder or zip file
    of images (CLASS/FILE, or SPLIT/CLASS/FILE where there are splits), a `datasets` folder or hub
    id, a name (`digits`, ...).
    Classes are whole numbers where every one is written as one (`0012` is not), else names.
    Arguments and errors as in `load_pairs`; of images that cannot be read, too.

    resize: pixels of images, 64 or (height, width): scaled to cover it and cropped in the middle;
        not given: they must be of one size.
    numbers: labels of a table may have fractions: a quantity, and no class.
    """

    def plan(rows: Source, sample: Sample) -> Plan:
        return plan_labeled(rows, sample, input, label, numbers, resize)

    found = _load_inputs(source, input, label, split, on_bad_row, seed, resize, plan)
    return cast(Labeled, found)


def load_inputs(
    source: Any,
    input: str | None = None,
    split: str = "train",
    on_bad_row: OnBadRow = "error",
    seed: int = 0,
    resize: int | str | Sequence[int] | None = None,
) -> Inputs | Labeled:
    """Inputs (texts or images) without a partner; Labeled where the source has a class too.

    A table (not named: as in `load_labeled`), a folder or zip file of images without classes, or
    anything that `load_labeled` reads.
    """

    def plan(rows: Source, sample: Sample) -> Plan:
        return plan_inputs(rows, sample, input, resize)

    return load_any_inputs(source, input, split, on_bad_row, resize, plan, seed)


def load_any_inputs(
    source: Any,
    input: str | None,
    split: str,
    on_bad_row: OnBadRow,
    resize: int | str | Sequence[int] | None,
    plan: MakePlan,
    seed: int = 0,
) -> Inputs | Labeled:
    """What `load_inputs` reads, of a table by a plan of the caller's."""
    found = _load_inputs(
        source, input, None, split, on_bad_row, seed, resize, plan, with_labels=False
    )
    return cast(Inputs | Labeled, found)


def _load_inputs(
    source: Any,
    input: str | None,
    label: str | None,
    split: str,
    on_bad_row: OnBadRow,
    seed: int,
    resize: int | str | Sequence[int] | None,
    plan: MakePlan,
    with_labels: bool = True,
) -> Examples:
    columns = {"input": input, "label": label}
    if (held := in_memory(source, split)) is not None:
        check_given(source, split, resize)
        kinds = (Labeled,) if with_labels else (Inputs, Labeled)
        return _of_held(held, split, plan, on_bad_row, columns, *kinds)
    place = locate(source)
    if place in NAMED:
        no_columns(place, columns)
        return labeled_by_name(str(place), split, seed, on_bad_row, resize)
    if isinstance(place, str) or is_shards(place) or (place.is_dir() and is_datasets_folder(place)):
        pass  # tables, read as such
    elif place.is_dir() and is_idx_folder(place):
        no_columns(place, columns)
        if resize is not None:
            raise one_size_already(str(place), resize)
        return from_idx_folder(place, split)
    elif place.is_dir() or place.suffix.lower() == ".zip":
        no_columns(place, columns)
        return from_class_folders(place, split, on_bad_row, resize, with_labels=with_labels)
    return _load(place, split, plan, [input, label], on_bad_row)


def load_ranked(
    source: Any,
    split: str = "train",
    on_bad_row: OnBadRow = "error",
    query: str | None = None,
    candidates: str | None = None,
    relevance: str | None = None,
) -> Ranked:
    """Queries with candidates and the relevance of each.

    Columns `query`, `candidates`, `relevance` (or those named), or `query`, `pos`, `neg` with
    `pos_scores` and `neg_scores` where they are given (else 1 and 0).
    """
    named = {"query": query, "candidates": candidates, "relevance": relevance}

    def plan(rows: Source, sample: Sample) -> Plan:
        return plan_ranked(rows, sample, query, candidates, relevance)

    return cast(Ranked, load_planned(source, split, on_bad_row, plan, named, Ranked))


def load_planned(
    source: Any,
    split: str,
    on_bad_row: OnBadRow,
    plan: MakePlan,
    named: dict[str, Any],
    kind: type[Examples],
) -> Examples:
    """Examples of a kind, of a table by a plan of the caller's; `named`: the columns it names."""
    if (held := in_memory(source, split)) is not None:
        check_given(source, split)
        return _of_held(held, split, plan, on_bad_row, named, kind)
    place = locate(source)
    if place in NAMED:
        raise wrong_kind(str(place), kind.__name__.lower())
    return _load(place, split, plan, list(named.values()), on_bad_row)


def load_bundles(
    source: Any,
    first: str | None = None,
    others: Sequence[str] = (),
    split: str = "train",
    on_bad_row: OnBadRow = "error",
    resize: int | str | Sequence[int] | None = None,
) -> Bundles:
    """Rows of several things that belong together (texts, images, arrays), a column for each.

    Not named: every such column, in the source's order, `first` before the others.
    """

    def plan(rows: Source, sample: Sample) -> Plan:
        return plan_bundles(rows, sample, first, others, resize)

    if (held := in_memory(source, split)) is not None:
        check_given(source, split, resize)
        named = {"first": first, "others": list(others) or None}
        return cast(Bundles, _of_held(held, split, plan, on_bad_row, named, Bundles))
    place = locate(source)
    if place in NAMED:
        raise wrong_kind(str(place), "modalities")
    return cast(Bundles, _load(place, split, plan, [first, *others], on_bad_row))


def load_retrieval(
    source: Any,
    split: str = "test",
    seed: int = 0,
    on_bad_row: OnBadRow = "error",
    anchor: str | None = None,
    positive: str | None = None,
    resize: int | str | Sequence[int] | None = None,
) -> RetrievalData:
    """Corpus, queries and judgements of a split.

    A BEIR folder, a name (`stdlib-code`: queries are docstrings, the corpus is the code of the
    split's functions), or what `load_pairs` reads: every anchor a query, every positive a document
    (`anchor`, `positive`: their columns).
    """
    if is_held(source):
        part = "all" if split == "test" and not has_splits(source) else split
        check_given(source, part, resize)
        held = in_memory(source, part)
        if isinstance(held, RetrievalData):
            no_columns(held.origin or "data", {"anchor": anchor, "positive": positive})
            return held
        if isinstance(held, Examples):  # of that split, in this size
            part, resize = "all", None
        return retrieval_from_pairs(
            load_pairs(held, anchor, positive, split=part, on_bad_row=on_bad_row, resize=resize)
        )
    place = locate(source)
    is_folder = (
        isinstance(place, Path) and place.is_dir() and (is_beir(place) or is_cranfield(place))
    )
    if place in NAMED or is_folder:
        no_columns(place, {"anchor": anchor, "positive": positive})
        no_resize(place, resize)
    if place in NAMED and place != "stdlib-code":
        return retrieval_by_name(str(place), split, on_bad_row)
    if isinstance(place, Path) and place.is_dir():
        if is_beir(place):
            return read_beir(place, split, on_bad_row)
        if is_cranfield(place):
            return read_cranfield(place, split, on_bad_row)
    if split == "test" and not has_splits(place):
        split = "all"  # as a test set all of it is meant
    pairs = load_pairs(
        place,
        anchor=anchor,
        positive=positive,
        split=split,
        on_bad_row=on_bad_row,
        seed=seed,
        resize=resize,
    )
    return retrieval_from_pairs(pairs)


def _of_held(
    held: Any,
    split: str,
    plan: MakePlan,
    on_bad_row: OnBadRow,
    named: dict[str, Any],
    *kinds: type[Examples],
    whole: tuple[str, ...] = WHOLE,
) -> Examples:
    """Examples of one of these kinds as they are, or made of a table in memory."""
    if isinstance(held, Held):
        return convert(table_source(held, split, whole), plan, on_bad_row)
    if not isinstance(held, kinds):
        expected = " or ".join(kind.__name__ for kind in kinds)
        raise InputError(f"data: found {held!r}; expected {expected}")
    no_columns(held.origin, named)
    return held


def _load(
    place: Path | str,
    split: str,
    plan: MakePlan,
    columns: Sequence[str | None],
    on_bad_row: OnBadRow,
    whole: tuple[str, ...] = WHOLE,
) -> Examples:
    if isinstance(place, Path) and is_captioned(place):
        return convert(captioned_source(place, split, whole), plan, on_bad_row)
    if isinstance(place, str) or (place.is_dir() and not is_shards(place)):
        if isinstance(place, Path) and not is_datasets_folder(place):
            raise InputError(
                f"{place}: found a folder with neither corpus.jsonl nor data that `datasets` "
                "reads; expected a BEIR folder or a folder of `datasets`"
            )
        if isinstance(place, Path):
            return convert(folder_source(place, split, columns, whole), plan, on_bad_row)
        return convert(rows_source(place, parts_from_hub(place, split)), plan, on_bad_row)
    check_whole(split, place, "a file", whole)
    return convert(file_source(place, columns), plan, on_bad_row)
