"""`dipole align`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.options import Device, TrustCode, key_values
from dipole.cli.outputs import check_new_file
from dipole.errors import InputError
from dipole.showing import counted, print_json, say

if TYPE_CHECKING:
    from dipole.evaluation.statistics.intervals import Interval

# Rows without words that are named.
_NAMED = 5


def align(
    source: Annotated[
        str,
        typer.Argument(
            metavar="SRC",
            help="Text file, a sentence a line; alone, of lines SRC ||| TGT, or a table.",
        ),
    ],
    target: Annotated[
        str | None,
        typer.Argument(metavar="TGT", help="Text file with the translations, line by line."),
    ] = None,
    method: Annotated[
        str,
        typer.Option(
            help="fast-align, ibm1, hmm (learn from the texts); argmax, itermax, mwmf, softmax, "
            "entmax, ot (compare vectors of --model); file.py:Class."
        ),
    ] = "fast-align",
    model: Annotated[
        str | None, typer.Option(help="Encoder for vectors: run, folder or hub id.")
    ] = None,
    symmetrise: Annotated[
        str | None,
        typer.Option(
            help="How two directions become one: forward, reverse, intersect, union, grow-diag, "
            "grow-diag-final, grow-diag-final-and.",
            show_default="the method's own",
        ),
    ] = None,
    option: Annotated[
        list[str] | None,
        typer.Option(metavar="KEY=VALUE", help="Option of the method. Repeatable."),
    ] = None,
    lower_case: Annotated[
        bool, typer.Option("--lower-case", help="Compare words in lower case.")
    ] = False,
    gold: Annotated[
        str | None,
        typer.Option(
            help="File with gold links of the first pairs (0-0 sure, 0p0 possible): print "
            "precision, recall, F1 and AER."
        ),
    ] = None,
    first_word: Annotated[
        int | None,
        typer.Option(help="Number of a first word in --gold, 0 or 1.", show_default="found in it"),
    ] = None,
    out: Annotated[
        Path | None,
        typer.Option(help="New file for the links.", show_default="print them, without --gold"),
    ] = None,
    source_column: Annotated[
        str | None, typer.Option(help="Column with the source.", show_default="source")
    ] = None,
    target_column: Annotated[
        str | None, typer.Option(help="Column with the target.", show_default="target")
    ] = None,
    as_json: Annotated[
        bool, typer.Option("--json", help="Print the measures as one JSON object.")
    ] = False,
    device: Device = None,
    trust_code: TrustCode = False,
) -> None:
    """Align the words of parallel texts.

    Learnt from your texts: dipole align corpus.de corpus.en --out corpus.align

    By vectors: dipole align corpus.txt --method itermax --model FOLDER

    Measured: dipole align test.txt --method ibm1 --gold test.gold
    """
    from dipole.aligning.words.aligning import align_words, check_encoder, check_symmetry
    from dipole.aligning.words.bitext import read_bitext
    from dipole.aligning.words.links import written
    from dipole.aligning.words.measuring import measure, read_gold
    from dipole.aligning.words.methods import aligner
    from dipole.encoders import load_encoder
    from dipole.files import replaced

    how = aligner(method, key_values(option or [], "--option"))
    check_symmetry(how, symmetrise)
    check_encoder(how, model is not None)
    if gold is None and (as_json or first_word is not None):
        raise InputError("--json, --first-word: found without --gold; expected gold links")
    if out is not None:
        check_new_file("--out", out)
    texts = read_bitext(source, target, source_column=source_column, target_column=target_column)
    say(f"{counted(len(texts), 'pair')} from {texts.origin or texts.name}", error=True)
    _say_empty(texts.name, texts.empty)
    truth = None if gold is None else read_gold(gold, texts, first_word=first_word)
    encoder = None if model is None else load_encoder(model)
    links = align_words(texts, how, encoder=encoder, symmetrise=symmetrise, lower_case=lower_case)
    if out is not None:
        with replaced(out) as new:
            new.write_text("".join(f"{written(own)}\n" for own in links), encoding="utf-8")
        say(f"wrote the links of {counted(len(links), 'pair')} to {out}", error=as_json)
    elif truth is None:
        for own in links:
            say(written(own))
    if truth is not None:
        found = measure(links[: len(truth)], truth)
        _say_measures(found, len(truth), as_json)


def _say_empty(name: str, rows: Sequence[int]) -> None:
    if rows:
        named = ", ".join(map(str, rows[:_NAMED])) + (" ..." if len(rows) > _NAMED else "")
        say(
            f"{name}: {counted(len(rows), 'pair')} with an empty side (row {named}), aligned to "
            "nothing",
            error=True,
        )


def _say_measures(found: dict[str, Interval], pairs: int, as_json: bool) -> None:
    from dipole.tables import Table

    if as_json:
        numbers: dict[str, Any] = {
            name: {part: _number(value) for part, value in one._asdict().items()}
            for name, one in found.items()
        }
        print_json(numbers | {"pairs": pairs})
        return
    rows = [
        (name, f"{one.value:.3f}", f"{one.low:.3f} to {one.high:.3f}")
        for name, one in found.items()
    ]
    title = f"{counted(pairs, 'pair')} with gold links"
    for line in str(Table(title, rows, ("measure", "value", "95 % interval"))).splitlines():
        say(line)


def _number(value: float) -> float | None:
    return value if math.isfinite(value) else None
