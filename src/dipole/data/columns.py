"""Which columns of a source are taken: those the user named, or those that names and many rows
settle; what stays open is refused with the options that settle it."""

from __future__ import annotations

from collections.abc import Sequence

from dipole.data.names import (
    DOCUMENTS,
    IDS,
    LABELS,
    PREFERENCES,
    SCORES,
    find,
    is_text,
    pair_by_name,
)
from dipole.data.rows import Source
from dipole.data.sample import ARRAYS, CLASSES, MANY, NUMBERS, TEXT, Sample
from dipole.errors import InputError
from dipole.lookup import close_to, nearest


class ColumnsError(InputError):
    """Columns that the user has to name; the message says by which options.

    kind: what the columns look like instead: "texts" (one column), "scored", "labelled", "judged"
    (pairs with labels in words), "preferences", or "" for none of these.
    """

    def __init__(self, message: str, kind: str = "") -> None:
        super().__init__(message)
        self.kind = kind


def id_column(sample: Sample) -> str | None:
    """The column that holds ids, if there is one: at least half of the rows have it."""
    return next((name for name in IDS if sample.share(name) >= 0.5), None)


def check_named(source: Source, sample: Sample, named: Sequence[tuple[str, str | None]]) -> None:
    """Every column that the user named, as (option, column), is there; none is named twice."""
    seen: dict[str, str] = {}
    for option, column in named:
        if column is None:
            continue
        if column not in sample:
            hint = f"; {nearest(column, sample)}" if close_to(column, sample) else ""
            raise InputError(
                f"{source.name}: no column '{column}' ({option}); columns found: {sample}{hint}"
            )
        if column in seen:
            both = option if seen[column] == option else f"{seen[column]} and {option}"
            raise InputError(
                f"{source.name}: found the column '{column}' twice, for {both}; "
                "expected different columns"
            )
        seen[column] = option


def texts_and_body(sample: Sample, without: Sequence[str | None]) -> tuple[list[str], str | None]:
    """The columns that may be texts, and that one which a column `title` belongs to, if there is.

    Such a title is no text of its own. Columns in `without` are the user's, and left out. Where
    there are no texts, those that hold arrays.
    """
    texts = sample.texts(without) or sample.arrays(without)
    title, body = find(texts, ["title"]), find(texts, DOCUMENTS)
    if title is None or body is None:
        return texts, None
    return [name for name in texts if name != title], body


def choose_pair(
    source: Source, sample: Sample, texts: Sequence[str], options: tuple[str, str]
) -> tuple[str, str]:
    """Two columns of text in their order, by their names, or the only two in the file's order."""
    # Names that leave nothing open hold even where a column has no text: its rows are bad ones.
    found = pair_by_name(texts) or pair_by_name(sample, strictly=True)
    if found is None:
        raise ColumnsError(
            f"{source.name}: {_found(texts, sample)}; expected two "
            f"(or name them: {options[0]}, {options[1]})",
            "texts" if len(texts) == 1 else "",
        )
    return found


def choose_text(
    source: Source, sample: Sample, texts: Sequence[str], wanted: Sequence[str], option: str
) -> str:
    """One column of text: the first of the `wanted` names that is there, else the only one."""
    found = find(texts, wanted) or (texts[0] if len(texts) == 1 else find(sample, wanted))
    if found is None:
        raise ColumnsError(
            f"{source.name}: {_found(texts, sample)}; expected one (or name it: {option})"
        )
    return found


def choose_score(source: Source, sample: Sample, without: Sequence[str | None]) -> str:
    """The column of scores: by its name, else the only column of numbers."""
    known = find((name for name in sample if name not in without), SCORES)
    if known is not None:
        return known
    numbers = [
        name
        for name in sample
        if name not in (*IDS, *without) and sample.kind(name) == NUMBERS
    ]  # fmt: skip
    if len(numbers) != 1:
        raise ColumnsError(
            f"{source.name}: found {len(numbers) or 'no'} column{'s' * (len(numbers) > 1)} of "
            f"numbers among {sample}; expected one, the score (or name it: --score)"
        )
    return numbers[0]


def choose_label(source: Source, sample: Sample, without: Sequence[str | None]) -> str:
    """The column of classes: by its name, else the only one with few values, or the last of two
    columns unless its texts are all different."""
    label = label_column(sample, without)
    if label is not None:
        return label
    classes = [name for name in sample if name not in without and sample.kind(name) == CLASSES]
    if len(classes) == 1:
        return classes[0]
    others = [name for name in sample if name not in (*IDS, *without)]
    if len(others) > 2 or not others or not _may_be_classes(sample, others[-1]):
        raise ColumnsError(
            f"{source.name}: found no label among {sample}; expected a column 'label' "
            "(or name it: --label)"
        )
    return others[-1]


def _may_be_classes(sample: Sample, name: str) -> bool:
    values = [str(value) for value in sample.values(name)]
    many_texts = sample.kind(name) == TEXT and len(set(values)) == len(values) >= MANY
    arrays = sample.kind(name) == ARRAYS
    return not (is_text(name) or many_texts or arrays or name.lower() in PREFERENCES)


def label_column(sample: Sample, without: Sequence[str | None] = ()) -> str | None:
    """The column that is called a label, if there is one."""
    return find((name for name in sample if name not in without), LABELS)


def check_pairs(source: Source, sample: Sample, texts: Sequence[str]) -> None:
    """Preferences, graded pairs and labelled texts are not trained on as pairs without a word."""
    if all(find(sample, [name]) for name in PREFERENCES):
        raise ColumnsError(
            f"{source.name}: found preferences (columns 'chosen' and 'rejected'); expected pairs "
            "(or --anchor and --positive to name two columns that are some; preferences are for "
            "a language model: --encoder lm:FOLDER --objective dpo)",
            "preferences",
        )
    graded = find(sample, SCORES)
    if graded is not None and graded not in texts and sample.values(graded) and len(texts) > 1:
        numbers = sample.kind(graded) == NUMBERS
        raise ColumnsError(
            f"{source.name}: found {'scores' if numbers else 'labels'} of pairs in '{graded}' "
            f"beside the texts {', '.join(texts)}; expected pairs that all belong together "
            "(or --anchor and --positive to take every row as such a pair)",
            "scored" if numbers else "judged",
        )
    classes = label_column(sample) or find(sample, [n for n in sample if _classes(sample, n)])
    if classes is not None and len(texts) == 1:
        raise ColumnsError(
            f"{source.name}: {_found(texts, sample)}, with classes in '{classes}'; expected two "
            "(or name them: --anchor, --positive)",
            "labelled",
        )


def _classes(sample: Sample, name: str) -> bool:
    return sample.kind(name) == CLASSES


def _found(texts: Sequence[str], sample: Sample) -> str:
    kind = "array" if any(sample.kind(name) == ARRAYS for name in texts) else "text"
    if len(texts) > 1:
        return f"found {len(texts)} {kind} columns ({', '.join(texts)}) among {sample}"
    return f"found {f'one {kind} column' if texts else 'no text column'} among {sample}"
