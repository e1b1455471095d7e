"""Draws are functions of a seed and a row: parts of a batch together draw what the whole does."""

import itertools

import numpy as np
import pytest
import torch

from dipole.kernels.draws import (
    RowGenerator,
    Rows,
    again,
    apart,
    drawing,
    for_rows,
    kept,
    keys,
    of_row,
    uniform,
)
from dipole.objectives.labels.regression_mixtures import mix_negatives, mix_positives


def test_keys_differ_and_are_those_of_the_row():
    whole = keys((3, 7, 0), np.arange(1000))
    assert len(whole.unique()) == 1000
    assert torch.equal(keys((3, 7, 0), np.arange(400, 1000)), whole[400:])
    for other in [(3, 7, 1), (3, 8, 0), (4, 7, 0)]:
        assert not (keys(other, np.arange(1000)) == whole).any()
    items = keys((3, 7, 0), np.array([5, 5, 6]), np.array([0, 1, 0]))
    assert len(items.unique()) == 3
    assert not (again({"draws": whole, "x": items})["draws"] == whole).any()
    assert torch.equal(again({"draws": whole, "x": items})["x"], items)


def test_elements_stay_with_their_probability_and_apart_from_each_other():
    lengths = np.random.default_rng(0).integers(0, 300, 400)
    starts, count = np.cumsum(lengths) - lengths, int(lengths.sum())
    for p in (0.1, 0.3, 0.9):
        stays = kept(keys((0, 1), np.arange(400)), torch.from_numpy(starts), count, p)
        assert abs(stays.float().mean() - (1 - p)) < 5 * (p * (1 - p) / count) ** 0.5
    starts = torch.arange(20) * 20
    fates = [kept(keys((0, step), np.arange(20)), starts, 400, 0.5) for step in range(900)]
    found = torch.corrcoef(torch.stack(fates).double().T).fill_diagonal_(0)  # of places and of rows
    assert found.abs().max() < 6 / 900**0.5
    assert abs(found.square().mean() * 900 - 1) < 0.05


def test_a_part_of_the_rows_keeps_what_the_whole_keeps():
    lengths = [3, 0, 5, 1]
    starts = torch.tensor([0, 3, 3, 8])
    whole = kept(keys((1,), np.arange(4)), starts, 9, 0.5)
    part = kept(keys((1,), np.arange(2, 4)), torch.tensor([0, 5]), sum(lengths[2:]), 0.5)
    assert torch.equal(part, whole[3:])


def test_uniform_numbers():
    numbers = uniform(keys((2,), np.arange(300)), 200)
    assert numbers.min() >= 0
    assert numbers.max() < 1
    histogram = torch.histc(numbers, 50, 0, 1)
    assert ((histogram - 1200) ** 2 / 1200).sum() < 100  # chi squared, 49 degrees of freedom
    assert torch.equal(uniform(keys((2,), np.arange(5, 9)), 30), numbers[5:9, :30])
    assert torch.corrcoef(numbers.T[:60]).fill_diagonal_(0).abs().max() < 0.35


def test_a_generator_with_a_stream_for_every_row():
    whole, part = RowGenerator((1, 2)), RowGenerator((1, 2), 3)
    expected = [whole.row(i).integers(1000, size=5).tolist() for i in range(6)]
    assert [part.row(i).integers(1000, size=5).tolist() for i in (2, 0, 1)] == [
        expected[i] for i in (5, 3, 4)
    ]
    assert len({tuple(row) for row in expected}) == 6
    assert whole.batch().random() == part.batch().random() != whole.row(0).random()
    assert RowGenerator((1, 2), 3).random() == whole.row(3).random()  # where nobody moves it
    plain = np.random.default_rng(0)
    assert of_row(plain, 3) is plain


def parts_of(draw, total, cuts):
    """What the parts of a batch find, together."""
    found = []
    for start, stop in itertools.pairwise(cuts):
        torch.manual_seed(start)  # every process has its own numbers
        with drawing(Rows((5, 6), start, stop - start, total)):
            found.append(draw(start, stop))
    return [torch.cat(parts) for parts in zip(*found, strict=True)]


def test_rows_draw_as_in_the_whole_batch():
    def draw(start, stop):
        first = for_rows(lambda n: {"x": torch.rand(n, 3), "one": torch.rand(2)}, stop - start)
        second = for_rows(lambda n: {"x": torch.randn(n)}, 2 * (stop - start))["x"]
        return first["x"], second, first["one"].expand(stop - start, 2)

    (whole, pairs, one), *others = [
        parts_of(draw, 7, cuts) for cuts in ([0, 7], [0, 4, 7], [0, 2, 4, 6, 7])
    ]
    assert whole.shape == (7, 3)
    assert pairs.shape == (14,)
    for found in others:
        assert all(torch.equal(a, b) for a, b in zip(found, (whole, pairs, one), strict=True))


def test_outside_a_step_the_generators_numbers_are_drawn_and_inside_they_are_left_alone():
    torch.manual_seed(0)
    plain = torch.rand(4)
    torch.manual_seed(0)
    assert torch.equal(for_rows(lambda n: {"x": torch.rand(n)}, 4)["x"], plain)
    torch.manual_seed(0)
    with drawing(Rows((1,), 0, 4, 4)):
        for_rows(lambda n: {"x": torch.rand(n)}, 4)
        assert torch.equal(torch.rand(4), plain)


@pytest.mark.parametrize("most", [2, 50])
def test_mixtures_of_labels_belong_to_their_rows(most):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(12, 4, generator=generator)
    y = torch.randn(12, generator=generator)

    def draw(start, stop):
        rows = slice(start, stop)
        negative = mix_negatives(z[rows], y[rows], z, y, most=most)
        positive = mix_positives(y[rows], z, y, most=most)
        # As many columns as the widest row has: sums over those that are there.
        return [
            (m.there.unsqueeze(-1) * m.vectors.square()).sum((1, 2)) for m in (negative, positive)
        ]

    whole = parts_of(draw, 12, [0, 12])
    for cuts in ([0, 6, 12], [0, 5, 6, 9, 12]):
        for found, expected in zip(parts_of(draw, 12, cuts), whole, strict=True):
            torch.testing.assert_close(found, expected)


def test_a_stream_apart_moves_no_draw_and_is_moved_by_none():
    def draw(n):
        return {"x": torch.rand(n)}

    def drawn(before, after):
        with drawing(Rows((1, 2), 0, 4, 4)):
            first = [for_rows(draw, 4)["x"] for _ in range(before)]
            with apart("words"):
                own = for_rows(draw, 4)["x"]
            return own, first + [for_rows(draw, 4)["x"] for _ in range(after)]

    (own, plain), (same, others) = drawn(0, 2), drawn(1, 1)
    assert torch.equal(own, same)
    assert all(torch.equal(a, b) for a, b in zip(plain, others, strict=True))
    assert not any(torch.equal(own, x) for x in plain)
