import numpy as np
import pytest

from dipole.data import Labeled
from dipole.errors import InputError
from dipole.evaluation.tasks.zero_shot import class_vectors, evaluate_zero_shot

LETTERS = "abcdefghijklmnopqrstuvwxyz"


def letters(texts, role="query"):
    return np.array([[text.count(letter) for letter in LETTERS] for text in texts], float)


def labeled(inputs, labels):
    return Labeled.from_columns({"input": inputs, "label": labels})


DATA = labeled(["a cat purrs", "my dog barks", "cats", "dogs dig"], ["cat", "dog", "cat", "dog"])


def test_the_ensemble_by_hand():
    found = class_vectors(letters, ["ab", "z"], ["{}", "c{}cc"])
    a, b, c = np.eye(26)[:3]
    plain = (a + b) / np.sqrt(2)
    prompt = (a + b + 3 * c) / np.sqrt(11)
    mean = (plain + prompt) / 2
    np.testing.assert_allclose(found[0], mean / np.linalg.norm(mean))
    np.testing.assert_allclose(np.linalg.norm(found, axis=1), 1)


def test_the_nearest_name():
    result = evaluate_zero_shot(letters, DATA, templates=("{}", "the {}"))
    cosines = []
    for text in DATA.column("input"):
        v = letters([text])[0]
        named = class_vectors(letters, ["cat", "dog"], ("{}", "the {}"))
        cosines.append(named @ v / np.linalg.norm(v))
    expected = np.argmax(cosines, axis=1) == np.array([0, 1, 0, 1])
    np.testing.assert_array_equal(result.per_item["accuracy"], expected)
    assert result.value("accuracy") == 1
    assert result.task == "zero-shot"


def test_names_of_numbers_and_a_tower_for_names():
    images = np.stack([np.eye(26)[LETTERS.index(x)] for x in "cdc"]).astype(np.uint8)
    data = labeled(images, [0, 1, 0])
    result = evaluate_zero_shot(
        lambda images: np.stack(images).astype(float), data, ["c", "d"], name_encoder=letters
    )
    assert result.value("accuracy") == 1
    swapped = evaluate_zero_shot(lambda images: np.stack(images), data, ["d", "c"],
                                 name_encoder=letters)  # fmt: skip
    assert swapped.value("accuracy") == 0


def test_a_label_is_read_as_words():
    seen = []

    def encode(texts, role):
        if role == "document":
            seen.extend(texts)
        return letters(texts)

    evaluate_zero_shot(
        encode, labeled(["x", "y"], ["book_flight", "pay_bill"]), templates=["to {}"]
    )
    assert seen == ["to book flight", "to pay bill"]


@pytest.mark.parametrize(
    ("data", "more", "match"),
    [
        (labeled(["a", "b"], [0, 1]), {}, "labels are numbers .0 ....; expected names"),
        (DATA, {"names": ["one"]}, "1 names for 2 classes; expected one per class"),
        (DATA, {"names": ["cat", "tac"]}, "all 2 names have the same vector"),
        (DATA, {"templates": []}, "no templates; expected at least one"),
        (DATA, {"templates": ["a photo"]}, "template 'a photo' has 0 places for the name"),
        (DATA.select([0, 2]), {}, "data has 1 class; expected at least 2"),
        (DATA, {"name_encoder": lambda t: letters(t)[:, :3]}, "26 dimensions, names 3"),
        (DATA, {"name_encoder": lambda t: letters(t) * np.nan}, "first of prompt 'cat'"),
    ],
)
def test_bad_input(data, more, match):
    with pytest.raises(InputError, match=match):
        evaluate_zero_shot(letters, data, **more)
