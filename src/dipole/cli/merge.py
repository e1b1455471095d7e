"""`dipole merge`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dipole.cli.options import TrustCode
from dipole.cli.outputs import check_place
from dipole.cli.trained import check_bad_rows, choose_columns, say_skipped
from dipole.errors import InputError
from dipole.showing import say

if TYPE_CHECKING:
    from collections.abc import Callable

    from dipole.data.converting import OnBadRow
    from dipole.encoders.base import Encoder

METHODS = ("uniform", "greedy", "delta", "task")


def merge(
    runs: Annotated[
        list[str],
        typer.Argument(
            help="Runs, model folders or hub ids to merge; all trained from the same base."
        ),
    ],
    out: Annotated[Path, typer.Option(help="Folder for the merged model; must be new.")],
    method: Annotated[
        str,
        typer.Option(
            help="uniform (average), greedy (average of those that improve --validation), delta "
            "(weights each tensor by how far it moved from --base), or task (task "
            "arithmetic)."
        ),
    ] = "uniform",
    base: Annotated[
        str | None,
        typer.Option(help="Model that all of them were trained from (delta, task)."),
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option(help="Weight of each model, in order (uniform, task); repeatable."),
    ] = None,
    scale: Annotated[float, typer.Option(help="Factor for all deltas (task).")] = 1.0,
    validation: Annotated[
        str | None, typer.Option(help="Pairs to measure MRR@10 on; greedy needs them.")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(
            help="Split of --validation to use.", show_default="validation; all of a file"
        ),
    ] = None,
    anchor: Annotated[
        str | None,
        typer.Option(
            help="Column of --validation with the queries.",
            show_default="that of the runs, if present",
        ),
    ] = None,
    positive: Annotated[
        str | None,
        typer.Option(
            help="Column of --validation with the answers.",
            show_default="that of the runs, if present",
        ),
    ] = None,
    on_bad_row: Annotated[
        str,
        typer.Option(
            help="What to do with bad rows in --validation: error (stop) or skip (and count them)."
        ),
    ] = "error",
    trust_code: TrustCode = False,
) -> None:
    """Merge several models that were trained from the same base into one.

    Example: dipole merge runs/a runs/b runs/c --out merged --method greedy --validation dev.csv
    """
    from dipole.encoders import fingerprint, load_encoder
    from dipole.encoders.folder import write_json
    from dipole.encoders.own import save_encoder
    from dipole.training.merging import merge as merged
    from dipole.training.run.checkpoints import write_folder

    if method not in METHODS:
        raise InputError(f"--method {method}: expected one of {', '.join(METHODS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists; expected a new folder")
    check_place("--out", out)
    # Of texts, of texts in a template, of language models.
    adapters = ("adapter.safetensors", "tower/adapter.safetensors", "adapter_model.safetensors")
    if len(runs) < 2 and not any((Path(runs[0]) / "model" / name).exists() for name in adapters):
        raise InputError(f"found one model, {runs[0]}; expected two or more to merge")
    if method == "greedy" and validation is None:
        raise InputError("--method greedy: expected --validation DATA to measure on")
    bad_rows = check_bad_rows(on_bad_row)
    given = {"split": split, "anchor": anchor, "positive": positive}
    for option, value in given.items():
        if value is not None and validation is None:
            raise InputError(f"--{option} {value}: found no data for it; expected --validation too")
    encoders = [_folded(load_encoder(run, device="cpu")) for run in runs]
    start = None if base is None else load_encoder(base, device="cpu")
    columns = {f: c for f, c in (("anchor", anchor), ("positive", positive)) if c is not None}
    score = None
    if validation is not None:
        score = _measure(validation, split, columns, bad_rows, runs)
    made = merged(
        encoders,
        cast(Any, method),
        base=start,
        weights=weight or None,
        scale=scale,
        score=score,
        names=runs,
    )
    sources = {run: fingerprint(encoder) for run, encoder in zip(runs, encoders, strict=True)}
    note = {"method": method, "runs": sources, "base": base, "weights": weight or None}

    def write(folder: Path) -> None:
        save_encoder(made, folder)
        write_json(folder / "merge.json", note)

    if score is not None:
        for run, encoder in zip(runs, encoders, strict=True):
            say(f"MRR@10 {score(encoder):.4f}  {run}")
        say(f"MRR@10 {score(made):.4f}  {out}")
    write_folder(out, write)
    say(f"merged {len(runs)} models ({method}) into {out}")


def _folded(encoder: Any) -> Any:
    """LoRA becomes part of the weights; other additions are merged as they are."""
    return encoder.folded() if getattr(encoder, "kind", None) == "lora" else encoder


def _measure(
    data: str, split: str | None, columns: dict[str, str], on_bad_row: OnBadRow, runs: list[str]
) -> Callable[[Encoder], float]:
    """MRR@10 on these data, in the direction that the runs were trained in."""
    from dipole.data import load_pairs
    from dipole.data.parted import has_splits
    from dipole.training.validation import make_validation

    divided = has_splits(data)
    if split is not None and not divided:
        raise InputError(f"--split {split}: {data} is a file, which has no splits; expected none")
    part = split or ("validation" if divided else "all")
    columns, notes = choose_columns(("anchor", "positive"), columns, runs, data, part)
    examples = load_pairs(data, split=part, on_bad_row=on_bad_row, **columns)  # type: ignore[arg-type]
    say(f"measured on {len(examples):,} pairs from {examples.origin}", error=True)
    say_skipped(examples.skipped)
    for run, note in notes.items():
        say(f"note: {run}: {note}", error=True)
    _, measure = make_validation(examples)
    return cast("Callable[[Encoder], float]", measure)  # of pairs it is one number
