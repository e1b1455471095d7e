"""KaLM-V2's mixtures as a part: whose they are, and the stage that has them."""

import pytest
import torch

import dipole
from dipole.data import Triplets
from dipole.kernels.draws import Rows, drawing
from dipole.systems.text.kalm_embedding_v2 import OwnMixtures

WORDS = [f"{a}{b}" for a in "bcdfgl" for b in ("an", "et", "ig", "op", "us", "ar")]


def triplets():
    lists = [[WORDS[(i + k) % len(WORDS)] for k in range(1, 1 + i % 4)] for i in range(len(WORDS))]
    columns = {"anchor": [f"say {w}" for w in WORDS], "positive": WORDS, "negatives": lists}
    return Triplets.from_columns(columns)


def batch(seed=0):
    generator = torch.Generator().manual_seed(seed)
    return {
        "anchor": torch.randn(3, 4, generator=generator),
        "rows": torch.tensor([5, 2, 9]),
        "negative": torch.randn(6, 4, generator=generator),
        "negative_rows": torch.tensor([5, 5, 9, 9, 9, -1]),  # row 2 lists none; one of a queue
    }


def test_mixtures_are_of_the_rows_own_negatives():
    given = batch()
    made = OwnMixtures(pairs=3).before(given)
    assert made["candidates"].shape == (3, 4, 4)
    assert made["mask"].tolist() == [[True] * 4, [False] * 4, [True] * 4]
    own = torch.nn.functional.normalize(given["negative"], dim=1)
    for row, (start, stop) in {0: (0, 2), 2: (2, 5)}.items():
        for mixture in made["candidates"][row]:  # in the span of the row's own
            weights = torch.linalg.lstsq(own[start:stop].T, mixture[:, None]).solution
            assert torch.allclose(own[start:stop].T @ weights, mixture[:, None], atol=1e-5)
            assert (weights > -1e-5).all()


def test_draws_belong_to_rows():
    given = batch()
    with drawing(Rows((0, 7), 0, 3, 3)):
        whole = OwnMixtures().before(given)["candidates"]
    with drawing(Rows((0, 7), 2, 1, 3)):  # the last row alone, on another process
        part = {"anchor": given["anchor"][2:], "rows": given["rows"][2:]}
        part |= {name: given[name][2:5] for name in ("negative", "negative_rows")}
        one = OwnMixtures().before(part)["candidates"]
    torch.testing.assert_close(one[0], whole[2])


def test_without_lists_there_are_none():
    given = {name: x for name, x in batch().items() if not name.startswith("negative")}
    assert OwnMixtures().before(given) == given


def test_a_stage_has_its_own_source(tmp_path):
    """Weak pairs first, then what is marked for the second stage, with the mixtures."""
    from support import kinds

    weak = kinds.write("pairs", tmp_path)
    run = dipole.fit(
        weak, out=tmp_path / "run", recipe="kalm-embedding-v2", max_steps=2, batch_size=8,
        sources=[{triplets(): {"stage": 2}}], encoder_options={"dim": 8, "buckets": 64},
        show_progress=False,
    )  # fmt: skip
    found = [stage["examples"] for stage in run.result["stages"]]
    assert found == [len(kinds.ROWS), len(WORDS)]
    with pytest.raises(dipole.errors.InputError, match="stage: found 3 of 2; expected a recipe"):
        dipole.fit(
            weak, out=tmp_path / "no", recipe="kalm-embedding-v2", sources=[f"{weak}:stage=3"]
        )
