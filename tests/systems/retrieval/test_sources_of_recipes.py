"""Recipes of mixtures: each term and sampler that they name changes what is learnt."""

import dipole
from support import kinds

SMALL = {"encoder_options": {"dim": 8, "buckets": 64, "dropout": 0.0}, "show_progress": False}


def test_gte_takes_sources_by_the_root_of_their_size(tmp_path, monkeypatch):
    """Of 8 and 32 pairs the small one has a third of the batches, and none is of both."""
    from dipole.training.loop import Trainer

    steps = []
    step = Trainer._step

    def told(trainer, batch):
        steps.append({name.split(":")[0] for name in batch.row_ids})
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "_step", told)
    large = kinds.write("pairs", tmp_path)
    small = tmp_path / "small.csv"
    small.write_text("anchor,positive\n" + "".join(f"x{i} y,z{i} y\n" for i in range(8)))
    dipole.fit(
        large, out=tmp_path / "run", recipe="gte", stages=[], sources=[str(small)], epochs=3,
        batch_size=4, **SMALL,
    )  # fmt: skip
    assert all(len(names) == 1 for names in steps)
    share = sum(names == {str(small)} for names in steps) / len(steps)
    assert abs(share - 1 / 3) < 0.04
