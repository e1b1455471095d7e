"""`dipole merge`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, cast

import typer

from dipole.errors import InputError

if TYPE_CHECKING:
    from collections.abc import Callable

    from dipole.encoders.base import Encoder

METHODS = ("uniform", "greedy", "delta", "task")


def merge(
    runs: Annotated[list[str], typer.Argument(help="Runs, model folders or hub ids of one base.")],
    out: Annotated[Path, typer.Option(help="Folder of the merged model; must be new.")],
    method: Annotated[
        str,
        typer.Option(
            help="uniform (a soup), greedy (a soup of those that help on --validation), delta "
            "(per tensor, by how far each moved from --base), task (task arithmetic)."
        ),
    ] = "uniform",
    base: Annotated[
        str | None,
        typer.Option(help="Model that all were trained from (delta, task)."),
    ] = None,
    weight: Annotated[
        list[float] | None,
        typer.Option(help="Weight of a run, in their order (uniform, task); repeatable."),
    ] = None,
    scale: Annotated[float, typer.Option(help="Factor of all deltas (task).")] = 1.0,
    validation: Annotated[
        str | None, typer.Option(help="Pairs to measure on, MRR@10 (greedy; shown for all).")
    ] = None,
    split: Annotated[
        str | None,
        typer.Option(help="Split of --validation. Default: validation; of a file, all of it."),
    ] = None,
) -> None:
    """Make one model of several trainings of one base.

    Example: dipole merge runs/a runs/b runs/c --out merged --method greedy --validation dev.csv
    """
    from dipole.encoders import fingerprint, load_encoder
    from dipole.encoders.folder import write_json
    from dipole.training.checkpoints import write_folder
    from dipole.training.merging import merge as merged

    if method not in METHODS:
        raise InputError(f"--method {method}: expected one of {', '.join(METHODS)}")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise InputError(f"{out}: exists; expected a new folder")
    if len(runs) < 2 and not (Path(runs[0]) / "model" / "adapter.safetensors").exists():
        raise InputError(f"found one model, {runs[0]}; expected two or more to merge")
    if method == "greedy" and validation is None:
        raise InputError("--method greedy: expected --validation DATA to measure on")
    encoders = [_folded(load_encoder(run)) for run in runs]
    start = None if base is None else load_encoder(base)
    score = None if validation is None else _measure(validation, split)
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
        made.save(folder)
        write_json(folder / "merge.json", note)

    if score is not None:
        for run, encoder in zip(runs, encoders, strict=True):
            typer.echo(f"MRR@10 {score(encoder):.4f}  {run}")
        typer.echo(f"MRR@10 {score(made):.4f}  {out}")
    write_folder(out, write)
    typer.echo(f"merged {len(runs)} models ({method}) into {out}")


def _folded(encoder: Any) -> Any:
    """LoRA becomes part of the weights; other additions are merged as they are."""
    return encoder.folded() if getattr(encoder, "kind", None) == "lora" else encoder


def _measure(data: str, split: str | None) -> Callable[[Encoder], float]:
    from dipole.data import load_pairs
    from dipole.data.splits import has_splits
    from dipole.training.validation import make_validation

    part = split or ("validation" if has_splits(data) else "all")
    _, measure = make_validation(load_pairs(data, split=part))
    return measure
