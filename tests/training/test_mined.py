"""What a training mines first: kept in its folder, made anew only for others, refused in a line."""

import json

import pytest

from dipole.data import Inputs, Pairs, Ranked, Triplets, load_preferences
from dipole.errors import InputError
from dipole.sampling.mining import mine_negatives
from dipole.training import mined
from dipole.training.fit import fit
from dipole.training.recipe import Recipe, over
from dipole.training.run.origin import read_data
from support.tiny import word_pairs

WORDS = ["open", "read", "sort", "join", "copy", "list"]
PAIRS = Pairs.from_columns(
    {
        "anchor": [f"{a} the {b}" for a in WORDS for b in WORDS[:3]],
        "positive": [f"it will {a} what {b} holds" for a in WORDS for b in WORDS[:3]],
    }
)
SMALL = {
    "encoder_options": {"dim": 8, "buckets": 64}, "batch_size": 6, "max_steps": 3,
    "show_progress": False,
}  # fmt: skip


def neighbours(examples, encoder, seed, *, more="!"):
    """Every text with itself, louder: pairs of texts."""
    texts = list(examples.column("input"))
    return Pairs.from_columns({"anchor": texts, "positive": [text + more for text in texts]})


def nothing(examples, encoder):
    return []


def test_the_negatives_are_those_of_mining(tmp_path, monkeypatch):
    seen = []
    monkeypatch.setattr(
        "dipole.training.one.train", lambda *given, **_: seen.append(given[2][0].examples) or None
    )
    fit(PAIRS, out=tmp_path / "run", mine={"source": "bm25", "negatives": 2}, **SMALL)
    (found,) = seen
    assert isinstance(found, Triplets)
    expected = mine_negatives(PAIRS, "bm25", negatives=2)
    assert list(found.column("negatives")) == list(expected.column("negatives"))


def test_lists_where_the_objective_compares_lists(tmp_path, monkeypatch):
    """With the scores of whoever judges: what a distillation learns from."""
    seen = []
    monkeypatch.setattr(
        "dipole.training.one.train", lambda *given, **_: seen.append(given[2][0].examples) or None
    )
    fit(PAIRS, None, "kl-listwise", out=tmp_path / "run", mine={"source": "bm25"}, **SMALL)
    (found,) = seen
    assert isinstance(found, Ranked)
    expected = mine_negatives(PAIRS, "bm25")
    assert list(found.column("relevance")[0]) == pytest.approx(list(expected.scores[0]), abs=1e-5)


def test_a_run_that_goes_on_mines_no_more(tmp_path, monkeypatch):
    settings = SMALL | {"mine": {"source": "encoder", "negatives": 2}}
    run = fit(PAIRS, out=tmp_path / "run", **settings)
    before = (run.folder / mined.MINED).read_text()
    monkeypatch.setattr(mined, "_by_search", None)
    fit(PAIRS, out=tmp_path / "run", resume=True, **settings | {"max_steps": 5})
    assert (run.folder / mined.MINED).read_text() == before
    assert read_data(run.folder)["rows"] == len(PAIRS)


def test_data_that_have_negatives_are_left_alone(tmp_path):
    triplets = mine_negatives(PAIRS, "bm25", negatives=1)
    run = fit(triplets, out=tmp_path / "run", mine={"source": "bm25"}, **SMALL)
    assert not (run.folder / mined.MINED).exists()


def test_a_function_of_ones_own_makes_the_examples(tmp_path):
    texts = Inputs.from_columns({"input": list(PAIRS.column("anchor"))})
    mine = {"source": f"{__file__}:neighbours", "more": "?"}
    run = fit(texts, out=tmp_path / "run", wants=["texts"], mine=mine, **SMALL)
    line = json.loads((run.folder / mined.MINED).read_text().splitlines()[0])
    assert line["positive"] == line["anchor"] + "?"


def test_every_stage_mines_with_the_encoder_as_it_is_then(tmp_path):
    stages = [{"max_steps": 2}, {"max_steps": 2, "mine": {"source": "encoder", "negatives": 1}}]
    run = fit(PAIRS, out=tmp_path / "run", stages=stages, **SMALL)
    assert (run.folder / "stages" / "2" / mined.MINED).exists()


@pytest.mark.parametrize(
    ("objective", "mine", "message"),
    [
        ("ntxent", {"source": "bm25"}, "mine: ntxent takes no hard negatives"),
        ("infonce", {"source": "bm25", "negative": 3}, "did you mean 'negatives'"),
        ("infonce", {"source": "bm25", "depth": 0}, "depth"),
        ("infonce", {"source": "bm25", "most": -5.0}, "mine: found no negatives"),
        ("infonce", {"source": f"{__file__}:nothing"}, r"gave \[\]; expected examples"),
        ("infonce", {"source": f"{__file__}:neighbours", "mor": 1}, "did you mean 'more'"),
    ],
)
def test_what_cannot_be_mined_is_one_line_and_leaves_nothing(tmp_path, objective, mine, message):
    with pytest.raises(InputError, match=message):
        fit(PAIRS, None, objective, out=tmp_path / "run", mine=mine, **SMALL)
    assert not [path for path in tmp_path.glob("run/*") if "lock" not in path.name]


def test_texts_have_no_negatives_to_mine(tmp_path):
    texts = Inputs.from_columns({"input": list(word_pairs(20).column("anchor"))})
    with pytest.raises(InputError, match=r"found Inputs .* expected pairs of texts"):
        fit(texts, out=tmp_path / "run", mine={"source": "bm25"}, **SMALL)


def test_what_a_recipe_mines_is_taken_back_or_another_sources(tmp_path):
    recipe = Recipe(objective="infonce", mine={"source": "bm25", "negatives": 2})
    run = fit(PAIRS, out=tmp_path / "none", recipe=recipe, mine={"source": "none"}, **SMALL)
    assert not (run.folder / mined.MINED).exists()
    found = over(recipe.settings, {"mine": {"source": "encoder", "share": 0.9}})["mine"]
    assert found == {"source": "encoder", "share": 0.9}
    found = over(recipe.settings, {"mine": {"share": 0.9}})["mine"]
    assert found == {"source": "bm25", "negatives": 2, "share": 0.9}
    staged = {"stages": [{}, {"mine": {"source": "bm25"}}]}
    found = over(staged, {"mine": {"share": 0.9}})
    assert found == {"stages": [{}, {"mine": {"source": "bm25", "share": 0.9}}]}


def test_a_source_that_finds_no_answers_is_one_line(tmp_path):
    rows = load_preferences([{"prompt": "a", "chosen": "b", "rejected": "c"}] * 4)
    with pytest.raises(InputError, match="found the source 'bm25' for preferences; expected self-"):
        fit(rows, None, "dpo", out=tmp_path / "run", mine={"source": "bm25"}, **SMALL)


TRIPLETS = Triplets.from_columns(
    {"anchor": ["a", "b"], "positive": ["c", "d"], "negatives": [["e"], ["f"]]}
)


def first_of(examples: Triplets, encoder):
    """One triplet less."""
    return examples.select([0])


def of_texts(examples: Inputs, encoder):
    raise AssertionError("these are triplets")


@pytest.mark.parametrize(("name", "kept"), [("first_of", 1), ("of_texts", 2), ("nothing", 2)])
def test_a_function_is_given_triplets_if_it_says_so(name, kept, tmp_path, monkeypatch):
    """Of others the triplets of the data are left alone."""
    seen = []
    monkeypatch.setattr(
        "dipole.training.one.train", lambda *given, **_: seen.append(given[2][0].examples) or None
    )
    mine = {"source": f"{__file__}:{name}"}
    fit(TRIPLETS, out=tmp_path / "run", mine=mine, **SMALL | {"batch_size": 2})
    (found,) = seen
    assert len(found) == kept
