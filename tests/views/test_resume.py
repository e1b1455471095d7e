"""Views through the trainer: a run that was stopped and resumed draws the same ones."""

from __future__ import annotations

import itertools
from pathlib import Path

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Labeled
from dipole.errors import RunError
from dipole.training.loop import Trainer

pytest.importorskip("kornia")


@pytest.mark.parametrize(
    ("view", "objective"), [(["simclr"], "ntxent"), (["multi-crop"], "mv-infonce")]
)
def test_a_resumed_run_ends_with_the_same_weights(
    view: list[str], objective: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pixels = np.random.default_rng(0).integers(0, 256, (24, 8, 8), dtype=np.uint8)
    data = Labeled.from_columns({"input": pixels, "label": [0, 1] * 12})

    def train(name: str, **more: object) -> dict[str, torch.Tensor]:
        run = dipole.fit(
            data,
            "conv",
            objective,
            out=tmp_path / name,
            view=view,
            batch_size=8,
            max_steps=6,
            checkpoint_every=2,
            encoder_options={"widths": [8, 16]},
            show_progress=False,
            **more,  # type: ignore[arg-type]
        )
        return dict(run.encoder.state_dict())

    whole = train("whole")
    step, count = Trainer._step, itertools.count(1)

    def breaks(self: Trainer, batch: object) -> object:
        if next(count) == 4:
            raise RunError("the power is gone")
        return step(self, batch)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(Trainer, "_step", breaks)
        with pytest.raises(RunError, match="power"):
            train("stopped")
    resumed = train("stopped", resume=True)
    assert all(torch.equal(whole[name], resumed[name]) for name in whole)
