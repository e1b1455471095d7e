"""Answers that a model draws: whose they are, which are kept, and a run that goes on the same."""

import json

import numpy as np
import pytest

import dipole
from dipole.data import load_preferences
from dipole.encoders import load_encoder
from dipole.encoders.base import fingerprint
from dipole.errors import InputError
from dipole.language.causal import CausalLM
from dipole.language.self_samples import chosen_answers, rescored, self_samples
from dipole.studies.benches import preferences as bench
from dipole.studies.benches.enum_policy import EnumPolicy, reference, reward
from dipole.studies.benches.enum_world import number_of
from dipole.studies.benches.enum_writer import EnumWriter

WRITER = "dipole.studies.benches.enum_writer"
TRUE = {"reward": f"{WRITER}:golden", "vectors": f"{WRITER}:letter_vectors"}
SMALL = {
    "encoder": f"{WRITER}:EnumWriter", "batch_size": 16, "max_steps": 2, "learning_rate": 1e-3,
    "schedule": "constant", "show_progress": False,
}  # fmt: skip


@pytest.fixture(scope="module")
def rows():
    return bench.rows("train", quick=True).select(np.arange(48))


def test_a_writer_draws_from_its_table():
    model = EnumWriter()
    assert all(
        a.equal(b) for a, b in zip(model.parameters(), EnumPolicy().parameters(), strict=True)
    )
    (drawn,) = model.write_answers(["world 0, topic 1, tone 2"], 20_000, 0)
    counts = np.bincount([number_of(a) for a in drawn], minlength=4096)
    chances = np.exp(reference()[6])
    common = np.argsort(-chances)[:5]
    error = np.sqrt(chances[common] / 20_000)
    assert (np.abs(counts[common] / 20_000 - chances[common]) < 5 * error).all()


def test_the_best_and_the_worst_of_what_it_drew(rows):
    found = self_samples(rows, EnumWriter(), samples=5, choose="ends", **TRUE)
    world, prompts, answers = bench.numbers_of(found)
    worth = reward(world)[prompts[:, None], np.array(answers)]
    np.testing.assert_allclose(np.array(found.column("ratings").take(range(len(found)))), worth)
    assert (worth[:, 0] > worth[:, 1]).all()
    whole = self_samples(rows, EnumWriter(), samples=5, **TRUE)
    assert [row[0] for row in whole.column("answers")] == [a[0] for a in found.column("answers")]
    other = self_samples(rows, EnumWriter(), samples=5, choose="ends", draw=1, **TRUE)
    assert list(other.column("answers")) != list(found.column("answers"))


def test_a_bad_answer_of_the_data_is_kept_and_stands_last(rows):
    found = self_samples(rows, EnumWriter(), samples=3, keep="worst")
    for given, own, ratings in zip(
        rows.column("answers"), found.column("answers"), found.column("ratings"), strict=True
    ):
        assert own[-1] == given[-1]
        assert ratings == [1.0] * (len(own) - 1) + [0.0]


def test_a_share_of_the_pairs_that_are_least_alike(rows):
    vectors = {"vectors": f"{WRITER}:letter_vectors"}
    half = chosen_answers(rows, EnumWriter(), share=0.5, **vectors)

    def shared(pair):
        return sum(a == b for a, b in zip(*pair, strict=True))

    alike = {tuple(pair): shared(pair) for pair in rows.column("answers")}
    kept = [alike[tuple(pair)] for pair in half.column("answers")]
    assert len(kept) == 24
    assert sorted(kept) == sorted(alike.values())[:24]


def one_vector(texts):
    return np.ones((len(texts), 2))


def test_what_is_equally_near_is_chosen_blindly():
    """The order of the answers is that of their ratings, which a choice by vectors must not see."""
    rows = bench.listed(0, 300)
    found = chosen_answers(rows, EnumWriter(), vectors=f"{__file__}:one_vector")
    places = [
        [given.index(answer) for answer in own]
        for given, own in zip(rows.column("answers"), found.column("answers"), strict=True)
    ]
    counts = np.bincount(np.ravel(places), minlength=4)
    assert (np.abs(counts - 150) < 50).all()  # 600 answers on four places


def test_new_ratings_leave_the_order_unless_asked(rows):
    judge = {"reward": f"{WRITER}:golden"}
    assert list(rescored(rows, EnumWriter(), **judge).column("answers")) == list(
        rows.column("answers")
    )
    found = rescored(rows, EnumWriter(), reorder=True, **judge)
    assert all(a >= b for a, b in found.column("ratings"))
    assert list(found.column("answers")) != list(rows.column("answers"))


def test_every_stage_draws_with_the_model_as_it_is_then_and_goes_on_the_same(
    rows, tmp_path, monkeypatch
):
    mine = {"source": "self-samples", "samples": 2, "reward": "implicit", "judge": "stage:0"}
    settings = SMALL | {
        "objective": "ipo", "parts": ["reference:model=stage:0"],
        "stages": [{"mine": {**mine, "reward": TRUE["reward"]}}, {"mine": mine | {"draw": 1}}],
    }  # fmt: skip
    run = dipole.fit(rows, out=tmp_path / "whole", **settings)
    first = run.folder / "stages" / "1"
    note = json.loads((run.folder / "stages" / "2" / "mined.json").read_text())
    assert note["model"] == fingerprint(load_encoder(first))
    assert note["mine"]["draw"] == 1
    before = load_encoder(run.folder / "stages" / "0")
    assert fingerprint(before) == fingerprint(EnumWriter())
    assert (run.folder / "stages" / "2" / "mined.jsonl").read_text().count("\n") > 40

    from dipole.training import one

    train, count = one.train, [0]

    def stopped(*given, **more):
        count[0] += 1
        if count[0] == 2:
            raise KeyboardInterrupt
        return train(*given, **more)

    monkeypatch.setattr(one, "train", stopped)
    with pytest.raises(KeyboardInterrupt):
        dipole.fit(rows, out=tmp_path / "again", **settings)
    again = dipole.fit(rows, out=tmp_path / "again", resume=True, **settings)
    for key, value in run.encoder.state_dict().items():
        assert value.equal(again.encoder.state_dict()[key])


def test_a_language_model_answers_its_prompts(tiny):
    asked = load_preferences([{"prompt": "2 + 2 =", "chosen": " 4", "rejected": " 5"}] * 3)
    found = self_samples(asked, CausalLM.load(tiny), samples=3, keep="worst", max_new_tokens=4)
    assert all(len(row) >= 2 and row[-1] == " 5" for row in found.column("answers"))
    messages = load_preferences(
        [
            {
                "prompt": [{"role": "user", "content": "2 + 2"}],
                "chosen": [{"role": "assistant", "content": "4"}],
                "rejected": [{"role": "assistant", "content": "5"}],
            }
        ]
    )
    found = self_samples(messages, CausalLM.load(tiny), samples=3, keep="all", max_new_tokens=4)
    (one,) = found.read([0])
    assert one.answers[-1] == [{"role": "assistant", "content": "5"}]
    assert one.answers[0][0]["role"] == "assistant"


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({}, "reward: found none; expected bradley-terry"),
        ({"samples": 0, "keep": "worst"}, "samples: found 0; expected 1 or more"),
        ({"keep": "worst", "choose": "best"}, "choose: found 'best'"),
        ({"keep": "worst", "count": 0}, "count: found 0"),
    ],
)
def test_wrong_options_are_one_line(rows, options, message):
    with pytest.raises(InputError, match=message):
        self_samples(rows, EnumWriter(), **options)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"choose": "best", "keep": "worst"}, "choose: found 'best'"),
        ({"reward": "judge"}, "reward: found 'judge'"),
        ({"reward": "nowhere.py:mine"}, "found 'nowhere.py:mine'"),
    ],
)
def test_wrong_names_are_found_before_anything_is_written(rows, options, message):
    with pytest.raises(InputError, match=message):
        self_samples(rows, EnumPolicy(), **options)  # which would be refused as it writes nothing


def test_a_policy_that_writes_nothing_is_refused(rows):
    with pytest.raises(InputError, match="found EnumPolicy, which writes no answers"):
        self_samples(rows, EnumPolicy(), keep="worst")
    with pytest.raises(InputError, match="expected preferences: prompts and answers"):
        self_samples(dipole.data.Inputs.from_columns({"input": ["a"]}), EnumPolicy(), keep="worst")
