"""What a user should know about the data before training, a line each."""

from __future__ import annotations

from collections.abc import Iterator

from dipole.lexical.languages import UNKNOWN
from dipole.showing import counted
from dipole.training.advice.findings import Field, Findings

# Words from which most transformers cut a text, roughly: 256 tokens.
_LONG = 200
_RARE = 0.05


def notes_on(found: Findings) -> list[str]:
    """Copies, likely false negatives, classes, lengths and languages that matter."""
    return [*_copies(found), *_related(found), *_classes(found), *_texts(found)]


def _copies(found: Findings) -> Iterator[str]:
    if found.copies:
        yield (
            f"copies: {counted(found.copies, 'row')} of {found.rows:,} repeat an earlier one; they "
            "never meet in a batch, but they count twice"
        )
    for field in found.texts():
        near = field.different - (field.loosely or field.different)
        if near > 0 and field.looked_at == found.rows:
            yield (
                f"near copies: {counted(near, f'{field.name} text')} with the words of another, in "
                "other case or punctuation; to dipole these are different texts, so one may be a "
                "false negative of the other: write them alike"
            )


def _related(found: Findings) -> Iterator[str]:
    if found.same:
        yield (
            f"same text on both sides: {counted(found.same, 'row')}; they teach nothing, so leave "
            "them out"
        )
    if found.several:
        yield (
            f"several positives: {counted(found.several, 'anchor')}; none of them is ever a "
            "negative of another"
        )
    if found.shared:
        yield (
            f"several anchors: {counted(found.shared, 'positive')}; rows that share one never meet "
            "in a batch"
        )
    if found.crowded > 0.5:
        yield (
            f"shared texts: {found.crowded:.0%} of the rows share one with another row, which they "
            "may not meet; batches can get small"
        )


def _classes(found: Findings) -> Iterator[str]:
    if not found.classes:
        return
    single = sum(count == 1 for count in found.classes.values())
    if single:
        yield f"classes with one row, and so no positive: {single:,} of {len(found.classes):,}"
    name, largest = next(iter(found.classes.items()))
    if largest > found.rows / 2 and len(found.classes) > 2:
        yield f"class {name!r} has {largest / found.rows:.0%} of the rows; the sampler evens it out"


def _texts(found: Findings) -> Iterator[str]:
    for field in found.texts():
        if field.words is not None and field.words[1] > _LONG:
            yield (
                f"{field.name}: one text of twenty has more than {field.words[1]:,} words; a "
                "transformer cuts long ones (--encoder-option max_length=N)"
            )
    others = {name for field in found.texts() for name in _spoken(field) if name != "English"}
    if others:
        yield (
            f"languages: {', '.join(sorted(others))}; if you use a pretrained model, take one that "
            "was trained on them"
        )


def _spoken(field: Field) -> list[str]:
    return [n for n, share in field.languages.items() if n != UNKNOWN and share >= _RARE]
