"""Settings become parts: the same seed the same weights, each option where it belongs."""

import pytest
import torch

from dipole.data import Inputs, Labeled, Pairs, Scored, Triplets
from dipole.errors import InputError
from dipole.objectives import InfoNCE
from dipole.training.build import (
    build_encoder,
    build_objective,
    build_parts,
    load_examples,
    load_validation,
)
from dipole.training.config import make_config


@pytest.fixture
def table(tmp_path):
    path = tmp_path / "rows.csv"
    path.write_text("q,a,no,s,c\n" + "".join(f"q{i},a{i},n{i},{i},{i % 2}\n" for i in range(40)))
    return str(path)


def test_the_kind_of_examples_follows_the_columns(table):
    def kind(**columns):
        config = make_config(data=table, anchor="q", **columns)
        return type(load_examples(config, table, "train"))

    assert kind(positive="a") is Pairs
    assert kind(positive="a", negative=["no"]) is Triplets
    assert kind(positive="a", score="s") is Scored
    assert kind(label="c") is Labeled


def test_the_seed_decides_the_first_weights(table):
    def vectors(seed):
        config = make_config(
            data=table, anchor="q", positive="a", seed=seed, encoder_options={"dim": 8}
        )
        return build_encoder(config, load_examples(config, table, "train")).vectors

    assert torch.equal(vectors(1), vectors(1))
    assert not torch.equal(vectors(1), vectors(2))


def test_options_reach_the_objective():
    config = make_config(data="x", temperature=0.2, objective_options={"symmetric": False})
    objective = build_objective(config)
    assert objective.temperature.value == 0.2
    assert objective.symmetric is False


@pytest.mark.parametrize(
    ("validation", "message"),
    [
        ("1.5", "expected a fraction between 0 and 1"),
        ("dev", "is a file, which has no splits"),
    ],
)
def test_a_validation_that_is_none(table, validation, message):
    config = make_config(data=table, anchor="q", positive="a", validation=validation)
    with pytest.raises(InputError, match=message):
        load_validation(config, load_examples(config, table, "train"))


def test_validation_by_fraction_file_and_not_at_all(table, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("q,a\nx,y\nz,w\n")

    def sizes(validation):
        config = make_config(data=table, anchor="q", positive="a", validation=validation)
        training, held = load_validation(config, load_examples(config, table, "train"))
        return len(training), None if held is None else len(held)

    assert sizes(None) == (40, None)
    assert sizes(str(other)) == (40, 2)
    training, held = sizes("0.3")
    assert training + held == 40


@pytest.mark.parametrize(
    ("parts", "given", "message"),
    [
        (["teacher"], "inputs", "holds anchor, found a teacher of the positives; expected --pa"),
        ([], "pairs", "holds anchor, found pairs; expected holds=positive"),
    ],
)
def test_a_queue_of_anchors_is_one_of_first_views(parts, given, message, tiny_encoder):
    texts = {"anchor": ["a", "b"], "positive": ["b", "a"]}
    examples = Inputs.from_columns({"input": ["a", "b"]})
    if given == "pairs":
        examples = Pairs.from_columns(texts)
    config = make_config(data="x", parts=["queue:size=4,holds=anchor", *parts])
    with pytest.raises(InputError, match=rf"^queue: {message}"):
        build_parts(config, tiny_encoder, examples, InfoNCE())


def test_a_queue_that_no_machine_holds_is_one_line(tiny_encoder):
    examples = Pairs.from_columns({"anchor": ["a", "b"], "positive": ["b", "a"]})
    config = make_config(data="x", parts="queue:size=99999999999999")
    with pytest.raises(InputError, match=r"^queue: 99,999,999,999,999 vectors: needs .* GB of mem"):
        build_parts(config, tiny_encoder, examples, InfoNCE())
