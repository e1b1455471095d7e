"""Copies merge to the same model, bit for bit; methods by hand; strangers are refused."""

import copy

import numpy as np
import pytest
import torch

import dipole
from dipole.encoders.static_text import StaticText
from dipole.errors import InputError
from dipole.training.merging import add_tasks, fuse_deltas, merge, soup


def moved(encoder, seed, size=0.01):
    """The encoder with noise on its weights: a training of it."""
    other = copy.deepcopy(encoder)
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for p in other.parameters():
            p += size * torch.randn(p.shape, generator=generator)
    return other


def same(a, b):
    mine, theirs = a.state_dict(), b.state_dict()
    return mine.keys() == theirs.keys() and all(mine[k].equal(theirs[k]) for k in mine)


@pytest.mark.parametrize("copies", [2, 3])
@pytest.mark.parametrize("method", ["uniform", "greedy", "delta", "task"])
def test_copies_of_a_model_merge_to_that_model(tiny_encoder, method, copies):
    trained = moved(tiny_encoder, 1)
    found = merge(
        [trained] * copies, method, base=tiny_encoder if method in ("delta", "task") else None,
        scale=1 / copies if copies == 2 and method == "task" else 1,
        weights=None if copies == 2 or method != "task" else [0.5, 0.25, 0.25],
        score=lambda encoder: 0.0,
    )  # fmt: skip
    assert same(found, trained)
    assert found is not trained


def test_methods_by_hand():
    base = {"w": torch.tensor([[1.0, 1.0]]), "n": torch.tensor(3)}
    a = {"w": torch.tensor([[1.0, 4.0]]), "n": torch.tensor(3)}  # moved by 3
    b = {"w": torch.tensor([[2.0, 1.0]]), "n": torch.tensor(3)}  # moved by 1
    assert soup([a, b])["w"].tolist() == [[1.5, 2.5]]
    assert soup([a, b], [3, 1])["w"].tolist() == [[1.25, 3.25]]
    assert fuse_deltas([a, b], base)["w"].tolist() == [[1.25, 3.25]]  # 3/4 and 1/4
    assert fuse_deltas([a, b], base, kind="inverse")["w"].tolist() == [[1.75, 1.75]]
    e = np.exp([1.0, 1 / 3])
    e /= e.sum()
    found = fuse_deltas([a, b], base, kind="softmax")["w"]
    torch.testing.assert_close(found, torch.tensor([[1 + e[1], 1 + 3 * e[0]]]).float())
    assert fuse_deltas([base, base], base, kind="inverse")["w"].equal(base["w"])
    assert fuse_deltas([base, a], base, kind="inverse")["w"].equal(base["w"])
    assert add_tasks([a, b], base, scale=0.5)["w"].tolist() == [[1.5, 2.5]]
    assert add_tasks([a], base, weights=[-1])["w"].tolist() == [[1.0, -2.0]]  # unlearns
    assert soup([a, b])["n"].item() == 3


def test_greedy_leaves_out_what_lowers_the_score(tiny_encoder):
    target = moved(tiny_encoder, 9)
    good = [moved(target, seed, 0.02) for seed in (1, 2, 3)]
    bad = moved(target, 4, 0.2)

    def score(encoder):
        pairs = zip(encoder.parameters(), target.parameters(), strict=True)
        return -sum(float((a - b).detach().square().sum()) for a, b in pairs)

    found = merge([bad, *good], "greedy", score=score)
    assert same(found, merge([good[k] for k in np.argsort([-score(g) for g in good])], "uniform"))
    assert score(found) > max(map(score, good))


def test_models_without_a_common_base_are_refused(tiny_encoder):
    def from_texts(seed, words, dim=16):
        torch.manual_seed(seed)
        return StaticText.from_texts(words, words, dim=dim)

    words = [f"word{i} and word{i + 1}" for i in range(200)]
    one = from_texts(0, words)
    with pytest.raises(InputError, match=r"b: the cosine of its weights .* of a is -?0\.[01]"):
        merge([one, from_texts(1, words)], names=["a", "b"])
    with pytest.raises(InputError, match="model 2: its dim is not that of model 1"):
        merge([one, from_texts(0, words, dim=8)])
    with pytest.raises(InputError, match="its tensors are not those of model 1"):
        merge([one, from_texts(0, words[:100])])
    renamed = [text.replace("word", "term") for text in words]
    with pytest.raises(InputError, match="its known is not that of model 1"):
        merge([one, from_texts(0, renamed)])
    with pytest.raises(InputError, match=r"model 2: its \w+ is not that of model 1"):
        merge([one, tiny_encoder])


def test_what_is_missing_is_said(tiny_encoder):
    two = [tiny_encoder, tiny_encoder]
    with pytest.raises(InputError, match="method: delta needs a base"):
        merge(two, "delta")
    with pytest.raises(InputError, match="method greedy: found nothing to measure by"):
        merge(two, "greedy")
    with pytest.raises(InputError, match="method: found 'mean', expected uniform"):
        merge(two, "mean", base=tiny_encoder)
    with pytest.raises(InputError, match="weights: found 1 for 2 models"):
        merge(two, weights=[1])
    with pytest.raises(InputError, match="weights: found a sum of 0"):
        merge(two, weights=[1, -1])
    with pytest.raises(InputError, match=r"weights\[1\]: found nan; expected a finite number"):
        merge(two, weights=[1, float("nan")])
    with pytest.raises(InputError, match="weights: greedy weighs by itself"):
        merge(two, "greedy", weights=[1, 1], score=lambda encoder: 0.0)
    with pytest.raises(InputError, match="merge: model 2 is a str; expected an encoder"):
        merge([tiny_encoder, "runs/b"])
    with pytest.raises(InputError, match="delta_weights: found 'size', expected one of norm"):
        merge(two, "delta", base=tiny_encoder, delta_weights="size")


def test_real_trainings_of_one_base_are_merged(pairs, tmp_path):
    """A table of random vectors, trained twice in other orders, is still one base's."""
    torch.manual_seed(0)
    base = StaticText.from_texts(pairs.column("anchor"), pairs.column("positive"), dim=16)
    runs = [
        dipole.fit(
            pairs, copy.deepcopy(base), out=tmp_path / str(seed), seed=seed, epochs=5,
            batch_size=10, show_progress=False,
        ).encoder
        for seed in (1, 2)
    ]  # fmt: skip
    assert not same(*runs)
    half = merge(runs, "delta", base=base)
    for name, value in half.state_dict().items():
        if value.is_floating_point():
            low, high = torch.stack([run.state_dict()[name] for run in runs]).aminmax(dim=0)
            assert ((value >= low - 1e-6) & (value <= high + 1e-6)).all()
