import numpy as np
import pytest
import torch

from dipole.errors import InputError
from dipole.evaluation.geometry.gradient_lens import VECTORS, lens
from dipole.evaluation.geometry.lens_picture import draw_lens, draw_pair_weights, grouped
from dipole.objectives import MultiSimilarity
from dipole.objectives.contract.registry import OBJECTIVES, build_objective
from dipole.objectives.labels.pair_weighting import pair_weights
from support.spec import Spec

# Each feature, or pair of features, counts by itself.
WITHOUT_PAIRS = ("angle", "barlow-twins", "vicreg", "w-mse")


@pytest.fixture(scope="module")
def views():
    rng = torch.Generator().manual_seed(0)
    base = torch.randn(12, 6, generator=rng, dtype=torch.float64)
    return [base + 0.5 * torch.randn(12, 6, generator=rng, dtype=torch.float64) for _ in range(2)]


def cosines(first, second):
    unit = torch.nn.functional.normalize
    return (unit(first) @ unit(second).T).numpy()


def softmax(scores):
    e = np.exp(scores - scores.max(1, keepdims=True))
    return e / e.sum(1, keepdims=True)


@pytest.mark.parametrize("temperature", [0.05, 0.5])
def test_infonce_of_one_direction_by_its_equations(views, temperature):
    """dL_i/ds_ij = P_ij / t, dL_i/ds_ii = -(1 - P_ii) / t; the push is a Boltzmann law."""
    objective = build_objective("infonce", temperature=temperature, symmetric=False)
    seen = lens(objective, anchor=views[0], positive=views[1])
    s = cosines(*views)
    p = softmax(s / temperature)
    scores, weights = seen.between("anchor", "positive")
    np.testing.assert_allclose(scores, s)
    np.testing.assert_allclose(weights, (p - np.eye(12)) / temperature, rtol=1e-5, atol=1e-7)
    np.testing.assert_allclose(seen.coupling, 1 - np.diag(p), rtol=1e-5)
    negatives = s / temperature
    np.fill_diagonal(negatives, -np.inf)
    rows = seen.relative_penalty[seen.places["anchor"], seen.places["positive"]]
    np.testing.assert_allclose(rows, softmax(negatives), rtol=1e-5, atol=1e-8)
    # Anchors do not meet each other.
    assert not seen.between("anchor", "anchor")[1].any()
    # As much pull as push on every anchor.
    np.testing.assert_allclose(seen.pull[:12], seen.push[:12], rtol=1e-5)


def test_couplings_of_ntxent_and_dcl(views):
    temperature = 0.2
    z = torch.cat(views)
    s = cosines(z, z) / temperature
    np.fill_diagonal(s, -np.inf)
    p = softmax(s)
    own = [(p[i, i + 12] + p[i + 12, i]) / 2 for i in range(12)]
    batch = dict(zip(("anchor", "positive"), views, strict=True))
    ntxent = lens(build_objective("ntxent", temperature=temperature), **batch)
    np.testing.assert_allclose(ntxent.coupling, 1 - np.array(own), rtol=1e-5)
    dcl = lens(build_objective("dcl", temperature=temperature), **batch)
    np.testing.assert_allclose(dcl.coupling, 1, rtol=1e-5)


def test_multi_similarity_as_general_pair_weighting_has_it(views):
    """Two roads to the same weights: the score matrix as a leaf, and coordinates of one's own."""
    labels = torch.arange(12) % 4
    seen = lens(build_objective("multi-similarity"), views=views[0][None], labels=labels)
    of_rows = pair_weights(MultiSimilarity().per_row, torch.tensor(seen.scores), labels).numpy()
    both = of_rows + of_rows.T  # a cosine stands in the rows of both
    np.testing.assert_allclose(seen.weights, both, rtol=1e-5, atol=1e-8)
    assert (seen.weights != 0).any()


def test_squared_distances_and_a_global_logarithm(views):
    """align: |u - v|^2 = 2 - 2 cos, so -2 for every positive; uniformity pushes by exp(2 t cos)."""
    seen = lens(build_objective("align-uniform", t=1.5), anchor=views[0], positive=views[1])
    np.testing.assert_allclose(np.diag(seen.between("anchor", "positive")[1]), -2, rtol=1e-5)
    s, weights = seen.between("anchor", "anchor")
    share = np.exp(3 * s) * (1 - np.eye(12))
    share /= share.sum()
    # n / 2 of one side's uniformity, in which a pair stands twice, times 2 t.
    np.testing.assert_allclose(weights, 12 / 2 * 2 * 3 * share, rtol=1e-5, atol=1e-9)


def test_every_registered_objective():
    """Its gradient is explained by pair weights, or the error says why there are none."""
    seen = []
    for name in sorted(OBJECTIVES):
        spec = Spec(name, None)
        try:
            objective, batch = spec.build({}), spec.inputs(6, 4, 5)
            objective(**batch)
        except (InputError, TypeError):
            continue  # needs a batch or a setting of its own kind
        if not {*VECTORS} & batch.keys():  # scores or log-probabilities, made elsewhere
            with pytest.raises(InputError, match="lens: no vectors in"):
                lens(objective, **batch)
            continue
        if name in WITHOUT_PAIRS:
            with pytest.raises(InputError, match="no function of the inner products"):
                lens(objective, **batch)
            continue
        found = lens(objective, **batch)  # checks itself against the plain gradient
        assert np.isfinite(found.weights).all(), name
        assert not np.diag(found.weights).any(), name
        seen.append(name)
    assert len(seen) >= 45


def test_the_objective_is_left_as_it_was(views):
    objective = build_objective("infonce", reduction="none")
    before = {key: value.clone() for key, value in objective.state_dict().items()}
    batch = dict(zip(("anchor", "positive"), views, strict=True))
    first, second = lens(objective, **batch), lens(objective, **batch)
    np.testing.assert_array_equal(first.weights, second.weights)
    assert objective.reduction == "none"
    assert all(torch.equal(before[key], value) for key, value in objective.state_dict().items())


def test_numbers(views):
    batch = dict(zip(("anchor", "positive"), views, strict=True))
    sharp, blunt = (
        lens(build_objective("infonce", temperature=t), **batch).numbers() for t in (0.05, 1.0)
    )
    assert sharp["negatives"] < blunt["negatives"] <= 11
    assert sharp["hardest tenth"] > blunt["hardest tenth"] > 0.1
    assert blunt["acting"] == pytest.approx(2 * 144 / (24 * 23))
    triplet = lens(build_objective("siglip"), **batch)
    assert triplet.numbers()["loss"] == triplet.value


def test_picture(tmp_path, views):
    pytest.importorskip("matplotlib")
    batch = dict(zip(("anchor", "positive"), views, strict=True))
    lenses = {t: lens(build_objective(t), **batch) for t in ("infonce", "dcl")}
    assert all(file.exists() for file in draw_lens(tmp_path / "x", lenses))
    x, y = grouped(np.arange(100.0)[::-1], np.arange(100.0))
    assert len(x) == 24
    assert (np.diff(x) > 0).all()
    assert (np.diff(y) < 0).all()
    with pytest.raises(InputError, match="one weight >= 0 per similarity"):
        draw_pair_weights(tmp_path / "y", {"a": ([0.1], [-1.0])}, {})
    with pytest.raises(InputError, match="no curves"):
        draw_pair_weights(tmp_path / "y", {}, {})


@pytest.mark.parametrize(
    ("batch", "match"),
    [
        ({}, "no vectors in an empty batch; expected anchor, positive"),
        ({"anchor": torch.full((2, 2), torch.nan), "positive": torch.ones(2, 2)}, "not finite"),
        ({"anchor": [1, 2], "positive": torch.ones(2, 2)}, "no tensor of vectors"),
        ({"anchor": torch.ones(4000, 2), "positive": torch.ones(4000, 2)}, "at most 4,096"),
        ({"anchor": torch.ones(2, 2), "positive": torch.ones(3, 2)}, "expected"),
    ],
)
def test_bad_input(batch, match):
    with pytest.raises(InputError, match=match):
        lens(build_objective("infonce"), **batch)


def test_unknown_block(views):
    seen = lens(build_objective("infonce"), anchor=views[0], positive=views[1])
    with pytest.raises(InputError, match="no input 'negative'; expected anchor, positive"):
        seen.between("anchor", "negative")
