"""Which rows a task learns from and which it is measured on."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from dipole.data import Labeled
from dipole.errors import InputError
from dipole.evaluation import evaluate_few_shot, evaluate_knn
from dipole.evaluation.tasks.registry import DATA, Wanted, pixels

Image = pytest.importorskip("PIL.Image")


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two classes in two splits; one of two test images is in train, too."""
    for split, shift in (("train", 0), ("test", 1)):
        for number, name in enumerate("ab"):
            (tmp_path / "set" / split / name).mkdir(parents=True)
            for i in range(2):
                image = Image.new("L", (2, 2), 100 * number + 10 * i + 10 * shift)
                image.save(tmp_path / "set" / split / name / f"{i}.png")
    return tmp_path / "set"


def load(*arguments: object, **options: object) -> tuple[Labeled, Labeled]:
    train, test = DATA["train and test"].load(Wanted(*arguments, **options))  # type: ignore[arg-type]
    return train, test


def test_neighbours_are_learnt_from_train_and_asked_of_test(folder: Path) -> None:
    train, test = load(str(folder))
    assert "split 'train'" in train.origin
    assert "split 'test'" in test.origin
    again, _ = load(str(folder / "test"), train=str(folder / "train"))
    assert again.column("label") == train.column("label")
    with pytest.raises(InputError, match="no split 'nonsense'; splits found: test, train"):
        load(str(folder), "nonsense")


def test_a_folder_without_splits_has_nothing_to_learn_from(folder: Path) -> None:
    with pytest.raises(
        InputError, match="a folder without splits has no train split; expected --tr"
    ):
        load(str(folder / "train"))
    with pytest.raises(InputError, match="found split='test' for a folder, which has no splits"):
        load(str(folder / "train"), "test", str(folder / "train"))


def test_what_is_in_train_and_in_test_is_counted_or_refused(folder: Path) -> None:
    train, test = load(str(folder))
    result = evaluate_knn(pixels, train, test, k=1)
    assert result.notes[0].startswith("test examples whose content is in train, too: 2 of 4;")
    with pytest.raises(InputError, match="knn: all 4 test examples are in train, too"):
        evaluate_knn(pixels, *load(str(folder / "train"), train=str(folder / "train")), k=1)


def test_an_episode_with_an_example_twice_is_said() -> None:
    images = np.random.default_rng(0).integers(0, 256, (12, 2, 2), dtype=np.uint8)
    labels = [0, 1] * 6

    def notes() -> tuple[str, ...]:
        data = Labeled.from_columns({"input": images, "label": labels})
        return evaluate_few_shot(pixels, data, ways=2, shots=1, episodes=3).notes

    assert len(notes()) == 1
    images[2] = images[0]
    assert notes()[0].startswith("examples with the content of another one: 1 of 12")


def test_images_of_many_sizes_are_measured_in_one(folder: Path) -> None:
    Image.new("L", (3, 2)).save(folder / "train/a/9.png")
    with pytest.raises(InputError, match="--resize"):
        load(str(folder))
    train, _ = load(str(folder), resize="2x2")
    assert np.asarray(train.column("input")).shape == (5, 2, 2)
