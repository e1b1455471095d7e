"""SynCSE: what writers make of sentences, and what of it is kept."""

import numpy as np
import pytest

from dipole.data import Inputs
from dipole.errors import InputError
from dipole.systems.text.syncse import (
    contracted,
    is_kept,
    moved,
    progressive,
    synthesised,
    trimmed,
    written,
)

RNG = np.random.default_rng(0)


def test_rules_say_the_same_otherwise():
    assert contracted("It is not red", RNG) == "It isn't red"
    assert contracted("it isn't red", RNG) == "it is not red"
    assert moved("In the end, all was well.", RNG) == "all was well, In the end"
    assert trimmed("A man plays the guitar", RNG) == "man plays guitar"
    assert progressive("A man is playing a guitar", RNG) == "there is A man playing a guitar"
    assert progressive("There are some men singing", RNG) == "some men are singing"
    assert all(rule("Wow", RNG) is None for rule in (contracted, moved, trimmed, progressive))


@pytest.mark.parametrize(
    "found", ["a RED cup.", "I'm sorry, a red cup", "cup " * 10, "As an AI I have no cups"]
)
def test_copies_refusals_and_other_lengths_are_left_out(found):
    assert not is_kept("a red cup", found)
    assert is_kept("a red cup", "a blue cup")


def test_the_first_writer_with_something_to_say_is_taken():
    pool = {"none": lambda text, rng: None, "copy": lambda text, rng: text}
    assert written("a red cup", pool, RNG) is None
    assert written("a red cup", pool | {"last": lambda text, rng: "one cup"}, RNG) == "one cup"


def test_sentences_become_triplets():
    texts = ["A man is playing a guitar", "Wow"]
    found = synthesised(Inputs.from_columns({"input": texts}), None, seed=0)
    assert list(found.column("anchor")) == texts
    assert found[0]["positive"] != texts[0]
    assert found[1]["positive"] == "Wow"
    assert len(found[0]["negatives"]) == 1
    assert len(found[1]["negatives"]) == 0


def test_a_pool_is_a_mapping():
    examples = Inputs.from_columns({"input": ["a"]})
    with pytest.raises(InputError, match="writers: found"):
        synthesised(examples, None, seed=0, positives="dipole.systems.text.syncse:moved")
