"""What an experiment trains: the encoder that comes out, without its run."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

from dipole.data import Examples
from dipole.encoders.base import Encoder
from dipole.training.recipe import Recipe


def trained(
    data: Examples,
    encoder: str | Encoder | None = None,
    *,
    recipe: str | Recipe | None = None,
    seed: int,
    **settings: Any,
) -> Encoder:
    """The encoder after a training whose run is thrown away; settings as those of `dipole.fit`."""
    import dipole

    with tempfile.TemporaryDirectory() as folder:
        return dipole.fit(
            data, encoder, out=Path(folder) / "run", recipe=recipe, seed=seed,
            show_progress=False, **settings,
        ).encoder  # fmt: skip
