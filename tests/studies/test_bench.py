from dataclasses import replace

import numpy as np
import pytest

from dipole.errors import InputError
from dipole.studies.bench import NAMES, Numbers, bench, numbers, read_numbers, write_numbers
from dipole.studies.measuring import bench_page, measure_bench
from support.studies import FOLDED, SMALL


@pytest.mark.parametrize("name", NAMES)
def test_a_bench_says_all_of_itself(name):
    found = bench(name)
    assert found.id == name
    assert found.delta > 0
    assert found.data.startswith(f"dipole.studies.benches.{name}:")
    if found.pretrained:
        return
    measured = numbers()[name]
    assert measured.trained > measured.untrained
    assert measured.ceiling >= measured.trained - measured.seed_sd


def test_a_bench_of_ones_own_goes_by_its_place():
    assert bench("support.studies:SMALL") is SMALL
    with pytest.raises(InputError, match="bench: found 'pair'; did you mean 'pairs'"):
        bench("pair")


def test_a_bench_decides_in_the_place_of_a_recipe_and_a_claim_over_it():
    recipe = {"wants": ["pairs"], "objective": "dcl", "batch_size": 4096, "view": ["same"]}
    found = SMALL.arm(recipe, {"batch_size": 8}, {"objective": "siglip", "epochs": 3})
    assert found == {
        "data": SMALL.data, "encoder_options": {"dim": 16, "buckets": 64}, "batch_size": 8,
        "view": ["same"], "objective": "siglip", "epochs": 3,
    }  # fmt: skip


@pytest.mark.parametrize("where", [SMALL, FOLDED])
def test_what_is_measured(where, tmp_path):
    found = measure_bench(where, root=tmp_path, jobs=0)
    assert found.trivial == 100.0
    assert 0 < found.untrained < 100
    assert found.seeds == 10
    assert found.seed_sd > 0
    assert len(found.data) == 64
    assert found == measure_bench(where, root=tmp_path, jobs=0)
    page = bench_page(where, found)
    assert f"# The bench {where.id}" in page
    assert "| the tower untrained | " in page
    assert ("not admitted" in page) != found.admitted
    assert ("2 seeds on each of 5 folds" in page) == bool(where.folds)


def test_numbers_are_kept_beside_the_pages(tmp_path, monkeypatch):
    found = Numbers(1.0, 2.0, 30.0, 40.0, 0.5, 0.1, 3.0, 5, "abc", "2026-11-29")
    assert found.room == 56
    assert found.admitted
    assert not replace(found, trained=6.9).admitted
    assert replace(found, seed_sd=0.0).admitted
    assert not replace(found, seed_sd=0.0, trained=1.0).admitted
    write_numbers(tmp_path, "pairs", found)
    write_numbers(tmp_path, "views", found)
    assert read_numbers(tmp_path / "numbers.json") == {"pairs": found, "views": found}
    assert read_numbers(tmp_path / "none.json") == {}


def test_what_the_data_of_benches_are():
    """Folds are disjoint and hold everything; classes that are tested are never trained on."""
    from dipole.studies.benches import classes, pairs

    ids = [set(pairs.rows("test", fold=fold).column("id")) for fold in range(pairs.FOLDS + 1)]
    assert all(ids)
    assert sum(map(len, ids)) == len(set.union(*ids))
    train = set(pairs.rows("train", fold=3).column("id"))
    assert train | ids[3] == set.union(*ids)
    assert not train & ids[3]
    one, other = (classes.rows(split, quick=True) for split in ("train", "test"))
    assert not set(one.column("label")) & set(other.column("label"))


def test_map_at_r_is_that_of_its_equation():
    from dipole.studies.benches.classes import found

    rng = np.random.default_rng(0)
    vectors = rng.normal(size=(30, 4))
    labels = np.repeat(np.arange(5), 6)
    expected = []
    for i in range(30):
        others = sorted((j for j in range(30) if j != i), key=lambda j: -vectors[i] @ vectors[j])
        right = [labels[j] == labels[i] for j in others[:5]]
        expected.append(sum(right[k] * sum(right[: k + 1]) / (k + 1) for k in range(5)) / 5)
    measured = found(vectors, labels)["MAP@R"]
    np.testing.assert_allclose(measured, 100 * np.array(expected), rtol=1e-12)
