"""Parallel texts: two files line by line, one file of `source ||| target`, or a table."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import zip_longest
from pathlib import Path
from typing import Any, ClassVar, cast

from dipole.data.columns import ColumnsError, check_named
from dipole.data.examples import Examples
from dipole.data.fields import TEXT
from dipole.data.lines import lines_of
from dipole.data.loading import load_planned
from dipole.data.paths import looks_like_path, missing
from dipole.data.plans import Parsed, Plan
from dipole.data.readers import file_format
from dipole.data.reading import get
from dipole.data.rows import Bad, Source, text_of
from dipole.data.sample import Sample
from dipole.errors import InputError

SEPARATOR = "|||"


@dataclass(frozen=True)
class Bitext:
    """Sentence pairs as lists of words, in the order of their lines.

    source, target: (pairs,) lists of words, split at white space; an empty list is an empty side.
    name: what messages call it. origin: where it was read, and of a table the columns.
    """

    source: Sequence[Sequence[str]]
    target: Sequence[Sequence[str]]
    name: str = "bitext"
    origin: str = ""

    def __post_init__(self) -> None:
        if len(self.source) != len(self.target):
            raise InputError(
                f"{self.name}: found {len(self.source):,} source and {len(self.target):,} target "
                "sentences; expected as many on both sides"
            )
        if not any(a and b for a, b in zip(self.source, self.target, strict=True)):
            raise InputError(
                f"{self.name}: found no pair with words on both sides; expected parallel sentences"
            )

    def __len__(self) -> int:
        return len(self.source)

    @property
    def empty(self) -> list[int]:
        """The rows, from 1, that have no words on one side: nothing can be linked there."""
        sides = zip(self.source, self.target, strict=True)
        return [row for row, (a, b) in enumerate(sides, 1) if not (a and b)]

    def swapped(self) -> Bitext:
        """Source and target exchanged."""
        return replace(self, source=self.target, target=self.source)

    def lower_case(self) -> Bitext:
        """The same in lower case, for aligners that count words."""
        ours, theirs = (
            [[word.lower() for word in words] for words in side]
            for side in (self.source, self.target)
        )
        return replace(self, source=ours, target=theirs)

    @classmethod
    def of(cls, pairs: Sequence[tuple[str, str]]) -> Bitext:
        """Of pairs of sentences.

        >>> len(Bitext.of([("das Haus", "the house")]))
        1
        """
        return cls([a.split() for a, _ in pairs], [b.split() for _, b in pairs])


def read_bitext(
    source: Any,
    target: str | Path | None = None,
    *,
    source_column: str | None = None,
    target_column: str | None = None,
) -> Bitext:
    """A bitext of one file or of two.

    Args:
        source: with `target` a text file, a sentence a line. Alone a text file of lines
            `source ||| target`, or a table (csv, tsv, jsonl, json, parquet, a hub id, `file.py:
            function`, rows in memory) with a column for each side.
        target: text file with the translations, line by line.
        source_column, target_column: columns of a table; not given: `source` and `target`, else
            its only two.

    Raises:
        InputError: files of different lengths, a line without a separator, a column that is not
            there; with file and row.
    """
    if target is not None:
        _no_columns(source_column, target_column)
        return _two_files(Path(source).expanduser(), Path(target).expanduser())
    if _is_table(source):
        return _table(source, source_column, target_column)
    _no_columns(source_column, target_column)
    return _one_file(Path(source).expanduser())


def _is_table(source: Any) -> bool:
    if not isinstance(source, str | Path):
        return True
    path = Path(source).expanduser()
    if path.is_file() or looks_like_path(source):
        is_function = isinstance(source, str) and ".py:" in source
        text = path.name.lower().removesuffix(".gz").endswith(".txt")
        return is_function or (file_format(path) is not None and not text)
    return True


def _no_columns(*named: str | None) -> None:
    if any(name is not None for name in named):
        raise InputError("--source-column, --target-column: found text files; expected one table")


def _lines(path: Path) -> Iterator[tuple[int, str]]:
    if not path.is_file():
        what = "is a folder; expected a file" if path.is_dir() else f"no such file{missing(path)}"
        raise InputError(f"{path}: {what}")
    for row, line in lines_of(path):
        if isinstance(line, Bad):
            raise InputError(f"{path}, row {row}: {line.message}")
        yield row, line


def _two_files(source: Path, target: Path) -> Bitext:
    for path in (source, target):
        if file_format(path) not in (None, "tsv"):
            raise InputError(f"{path}: found a table; expected two text files, or the table alone")
    sides: tuple[list[list[str]], list[list[str]]] = ([], [])
    for ours, theirs in zip_longest(_lines(source), _lines(target)):
        for side, line in zip(sides, (ours, theirs), strict=True):
            if line is not None:
                side.append(line[1].split())
    lengths = [len(side) for side in sides]
    if lengths[0] != lengths[1]:
        raise InputError(
            f"{source}, {target}: found {lengths[0]:,} and {lengths[1]:,} lines; expected as many "
            "in both (line n of one is the translation of line n of the other)"
        )
    return Bitext(*sides, f"{source}, {target}")


def _one_file(path: Path) -> Bitext:
    sides: tuple[list[list[str]], list[list[str]]] = ([], [])
    for row, line in _lines(path):
        words = line.split()
        if words and (count := words.count(SEPARATOR)) != 1:
            found = f"{count} separators" if count else f"no separator {SEPARATOR}"
            raise InputError(
                f"{path}, row {row}: found {found}; expected source {SEPARATOR} target, with "
                "spaces around it (for two files: dipole align SOURCE TARGET)"
            )
        cut = words.index(SEPARATOR) if words else 0
        sides[0].append(words[:cut])
        sides[1].append(words[cut + 1 :])
    return Bitext(*sides, str(path))


class _Translations(Examples):
    """(id, source, target): texts, of which one may be empty."""

    FIELDS: ClassVar[dict[str, str]] = {"source": TEXT, "target": TEXT}


def _table(source: Any, ours: str | None, theirs: str | None) -> Bitext:
    def plan(rows: Source, sample: Sample) -> Plan:
        return _plan(rows, sample, ours, theirs)

    named = {"source": ours, "target": theirs}
    found = cast(_Translations, load_planned(source, "train", "error", plan, named, _Translations))
    one, other = ([text.split() for text in found.column(name)] for name in ("source", "target"))
    return Bitext(one, other, found.origin.split(":")[0], found.origin)


def _plan(source: Source, sample: Sample, ours: str | None, theirs: str | None) -> Plan:
    check_named(source, sample, [("--source-column", ours), ("--target-column", theirs)])
    columns = list(sample)
    known: list[str] = [name for name in ("source", "target") if name in columns]
    if len(known) < 2:
        known = columns if len(columns) == 2 else []
    left = [name for name in known if name not in (ours, theirs)]
    one = ours or (left.pop(0) if left else None)
    other = theirs or (left.pop(0) if left else None)
    if one is None or other is None:
        raise ColumnsError(
            f"{source.name}: found the columns {', '.join(columns)}; expected source and target "
            "(or name them: --source-column, --target-column)"
        )

    def text(row: dict[str, Any], column: str) -> str:
        value = get(row, column)
        is_empty = value is None or (isinstance(value, str) and not value.strip())
        return "" if is_empty else text_of(value, column)

    def parse(row: dict[str, Any]) -> Parsed:
        return [{"source": text(row, one), "target": text(row, other)}]

    taken = f"source '{one}', target '{other}'"
    return Plan(_Translations, parse, taken, None, columns={"source": one, "target": other})
