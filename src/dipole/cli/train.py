"""`dipole train`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from dipole.cli.options import Device, TrustCode, with_options
from dipole.showing import counted, terminal
from dipole.training.config import Config

if TYPE_CHECKING:
    from dipole.training.run.folder import Run


@with_options(Config)
def train(
    out: Annotated[
        Path, typer.Option(help="Folder for the run; must be new, except with --resume.")
    ],
    recipe: Annotated[
        str | None,
        typer.Option(
            "--recipe",
            "--config",
            help="Settings to start from: the name of a system (see dipole systems), a yaml "
            "file, or your own Recipe (file.py:NAME). Options override them.",
        ),
    ] = None,
    resume: Annotated[
        bool,
        typer.Option(
            "--resume",
            help="Continue the run in --out from where it stopped. With more --epochs or "
            "--max-steps, a finished run continues as well.",
        ),
    ] = False,
    changed_data: Annotated[
        bool,
        typer.Option(
            "--changed-data", help="With --resume: continue even if the data have changed."
        ),
    ] = False,
    device: Device = None,
    trust_code: TrustCode = False,
    **settings: Any,
) -> None:
    """Train an encoder.

    Pairs in a file: dipole train --data pairs.csv --anchor question --positive answer --out runs/a

    Texts alone, a published method: dipole train --recipe simcse --data texts.csv --out runs/b

    Images: dipole train --data photos --encoder conv --view simclr --out runs/c

    Arrays, your own encoder: dipole train --data a.npz --encoder mlp.py:MLP --out runs/d

    Rows from your own function: dipole train --data rows.py:pairs --out runs/e
    """
    from dipole.training.fit import fit
    from dipole.training.run.processes import is_main

    run = fit(out=out, recipe=recipe, resume=resume, changed_data=changed_data, **settings)
    if not is_main():
        return
    console = terminal()
    result = run.result
    score = (
        f", validation {result['measure']} {result['best']:.4f} at step {result['best_step']}"
        if result["measure"]
        else ""
    )
    steps, seconds = result["step"], result["seconds"]
    trained = f"trained {counted(steps, 'step')} in {seconds:.1f} s{score}"
    console.print(f"{trained}; model: {run.folder / 'model'}", soft_wrap=True)
    if (data := _unseen(run)) is not None:
        console.print(
            f"better than BM25? dipole evaluate {out} --data {data} --baseline bm25",
            soft_wrap=True,
        )


def _unseen(run: Run) -> str | None:
    """What a run of pairs of texts is compared with BM25 on: what it held out, its validation, or
    whatever the user has; None for other runs."""
    from dipole.cli.trained import settings_of, trained_on
    from dipole.training.held import HELD

    held = run.folder / HELD
    if held.is_file():
        return str(held)
    parts = [part for part in trained_on(str(run.folder)) if part["role"] == "training"]
    is_pairs = any({"anchor", "positive"} <= part["columns"].keys() for part in parts)
    encoder: Any = run.encoder
    towers = [encoder.tower(name) for name in getattr(encoder, "names", ())] or [encoder]
    if not is_pairs or not all(tower.can_read("a text") for tower in towers):
        return None
    validation = str(settings_of(str(run.folder)).get("validation"))
    return validation if Path(validation).is_file() else "UNSEEN.csv"
