"""Data sets beside --data: batches of one task, with its objective, share and parts."""

import json
from collections import Counter

import numpy as np
import pytest
import torch
import yaml

import dipole
from dipole.data import Labeled, Pairs, Triplets
from dipole.errors import InputError
from dipole.objectives import CoSENT, InfoNCE
from dipole.training.config import make_config
from dipole.training.loop import Trainer
from dipole.training.tasks import load_tasks
from support.sources import GIVEN, graded, spied
from support.tiny import TinyEncoder, word_pairs


def test_a_batch_is_of_one_task_and_its_loss_is_that_tasks(monkeypatch, tiny_encoder, tmp_path):
    """The gradient of every step is that of the task's own objective on its own rows."""
    pairs, scored = word_pairs(24), graded(24)
    tiny_encoder.dropout.p = 0.0
    steps = spied(monkeypatch)
    found, expected = [], []

    def look(*_):  # called between the gradient and the update
        found.append(tiny_encoder.linear.weight.grad.clone())
        task, ids = steps[-1]
        rows = [int(i) - 1 for i in ids]
        examples, objective = ((pairs, InfoNCE()), (scored, CoSENT()))[task]
        taken = examples.take(rows)
        sides = ("anchor", "positive") if task == 0 else ("first", "second")
        vectors = [tiny_encoder(tiny_encoder.prepare(taken[side])) for side in sides]
        more = {"scores": torch.tensor(taken["score"])} if task else {}
        loss = objective(*vectors, **more)
        expected.append(torch.autograd.grad(loss, tiny_encoder.linear.weight)[0])

    monkeypatch.setattr("dipole.training.towers.Towers.take_turn", look)
    dipole.fit(
        pairs, tiny_encoder, out=tmp_path / "run", sources=[{scored: {"objective": "cosent"}}],
        alternate=["linear"], clip_norm=None, epochs=1, **GIVEN,
    )  # fmt: skip
    assert Counter(task for task, _ in steps) == {0: 3, 1: 3}
    for a, b in zip(found, expected, strict=True):
        torch.testing.assert_close(a, b)


def test_shares_are_of_the_batches(monkeypatch, tiny_encoder, tmp_path):
    steps = spied(monkeypatch)
    dipole.fit(
        word_pairs(48), tiny_encoder, out=tmp_path / "run", epochs=2,
        sources=[{graded(40): {"objective": "cosent", "share": 0.25}}], **GIVEN,
    )  # fmt: skip
    assert Counter(task for task, _ in steps) == {0: 16, 1: 6}  # of 2 x 11 batches
    seen = Counter(i for task, ids in steps if task == 1 for i in ids)
    assert max(seen.values()) - min(seen.values() if len(seen) == 40 else [0]) == 1


def test_without_shares_every_row_comes_once(monkeypatch, tiny_encoder, tmp_path):
    steps = spied(monkeypatch)
    dipole.fit(
        word_pairs(20), tiny_encoder, out=tmp_path / "run", epochs=1,
        sources=[{graded(12): {"objective": "cosent", "batch_size": 4}}], **GIVEN,
    )  # fmt: skip
    for task, count in enumerate((20, 12)):
        rows = [i for t, ids in steps for i in ids if t == task]
        assert sorted(map(int, rows)) == list(range(1, count + 1))
    assert max(len(ids) for task, ids in steps if task == 1) == 4


def test_sources_of_one_kind_and_objective_meet(files, monkeypatch, tmp_path):
    steps = spied(monkeypatch)
    run = dipole.fit(
        files["pairs"], out=tmp_path / "run", sources=[files["more"]], epochs=2, **GIVEN
    )
    names = [{i.rpartition(":")[0] for i in ids} for _, ids in steps]
    assert {files["pairs"], files["more"]} in names
    assert run.result["examples"] == 40
    assert {task for task, _ in steps} == {0}


def test_a_source_with_a_share_has_batches_of_its_own(files):
    config = make_config(data=files["pairs"], sources=[f"{files['more']}:share=0.5"])
    assert [(len(task.examples), task.share) for task in load_tasks(config)] == [
        (24, None),
        (16, 0.5),
    ]


def test_known_positives_stay_apart_within_a_task(monkeypatch, tiny_encoder, tmp_path):
    columns = {"anchor": ["one"] * 4 + list("abcdefgh"), "positive": [f"p{i}" for i in range(12)]}
    steps = spied(monkeypatch)
    other = Pairs.from_columns({k: v[::-1] for k, v in columns.items()})
    dipole.fit(
        Pairs.from_columns(columns), tiny_encoder, out=tmp_path / "run", epochs=3,
        sources=[{other: {"objective": "dcl"}}], **GIVEN,
    )  # fmt: skip
    for task, ids in steps:
        examples = (Pairs.from_columns(columns), other)[task]
        anchors = examples.take([int(i) - 1 for i in ids])["anchor"]
        assert anchors.count("one") <= 1


def test_a_part_is_at_work_where_its_tensors_are_taken(tiny_encoder, tmp_path, monkeypatch):
    kept = {}
    after = Trainer.run

    def look(trainer):
        result = after(trainer)
        kept["parts"] = [[type(p).__name__ for p in task.parts] for task in trainer.tasks]
        kept["queue"] = trainer.tasks[0].parts[0].keys.clone()
        return result

    monkeypatch.setattr(Trainer, "run", look)
    pairs, scored = word_pairs(24), graded(24)
    dipole.fit(
        pairs, tiny_encoder, out=tmp_path / "run", epochs=2, parts="queue:size=12",
        sources=[{scored: {"objective": "cosent"}}], **GIVEN,
    )  # fmt: skip
    assert kept["parts"] == [["Queue"], []]
    known = pairs.keys("positive").view(np.int64)
    assert len(kept["queue"]) == 12
    assert np.isin(kept["queue"].numpy(), known).all()  # nothing of the graded pairs
    with pytest.raises(InputError, match=r"queue: the objective takes no past vectors"):
        dipole.fit(
            graded(), TinyEncoder(), "cosent", out=tmp_path / "none", parts="queue:size=12",
            sources=[{graded(16): {"objective": "pearson"}}], **GIVEN,
        )  # fmt: skip


@pytest.mark.parametrize(
    "settings",
    [
        {"parts": ["queue:size=12", "teacher:decay=0.5"]},
        {"chunk": 3, "objective_options": {"learn_temperature": True}},
    ],
)
def test_stopped_anywhere_and_resumed_it_ends_to_the_bit(tmp_path, monkeypatch, settings):
    """A queue, a teacher and a learnt temperature among what is resumed; shares too."""
    import dipole.encoders
    from support.tiny import load_tiny

    monkeypatch.setattr(dipole.encoders, "load_encoder", load_tiny)

    def fit(out, **more):
        torch.manual_seed(0)
        sources = [{graded(24): {"objective": "cosent", "share": 0.4}}, word_pairs(10)]
        given = GIVEN | {"epochs": 3, "checkpoint_every": 2, "validation": 0.2} | settings | more
        return dipole.fit(
            word_pairs(30), TinyEncoder(), out=tmp_path / out, sources=sources, **given
        )

    whole = fit("whole")
    assert whole.result["step"] > 7
    step = Trainer._step

    def until(trainer, batch):
        if trainer.progress.step == 7:
            raise KeyboardInterrupt
        return step(trainer, batch)

    monkeypatch.setattr(Trainer, "_step", until)
    with pytest.raises(KeyboardInterrupt):
        fit("killed")
    monkeypatch.setattr(Trainer, "_step", step)
    resumed = fit("killed", resume=True)
    for name, value in whole.encoder.state_dict().items():
        torch.testing.assert_close(resumed.encoder.state_dict()[name], value, rtol=0, atol=0)


def test_pieces_change_nothing(tmp_path, monkeypatch):
    import dipole.encoders
    from support.tiny import load_tiny

    monkeypatch.setattr(dipole.encoders, "load_encoder", load_tiny)
    ends = []
    for chunk in (None, 3):
        torch.manual_seed(0)
        encoder = TinyEncoder()
        encoder.dropout.p = 0.0
        run = dipole.fit(
            word_pairs(30), encoder, out=tmp_path / str(chunk), chunk=chunk, epochs=2,
            sources=[{graded(24): {"objective": "pearson"}}], **GIVEN,
        )  # fmt: skip
        ends.append(run.encoder.state_dict())
    for name, value in ends[0].items():
        torch.testing.assert_close(ends[1][name], value, rtol=1e-4, atol=1e-5)


def test_a_fraction_is_held_out_of_each_and_the_first_decides(files, tmp_path):
    run = dipole.fit(
        files["pairs"], out=tmp_path / "run", validation=0.25, epochs=2,
        sources=[{files["graded"]: {"objective": "cosent"}}], **GIVEN,
    )  # fmt: skip
    parts = json.loads((run.folder / "data.json").read_text())["parts"]
    assert [(part["role"], part["rows"]) for part in parts] == [
        ("training", 24 - parts[1]["rows"]), ("validation", parts[1]["rows"]),
        ("training", 40 - parts[3]["rows"]), ("validation", parts[3]["rows"]),
    ]  # fmt: skip
    assert parts[3]["rows"] > 0
    lines = [json.loads(line) for line in (run.folder / "metrics.jsonl").read_text().splitlines()]
    last = next(line for line in reversed(lines) if "validation/MRR@10" in line)
    assert f"validation/{files['graded']}/Spearman" in last
    assert run.result["measure"] == "MRR@10"


def test_what_one_source_alone_is_measured_on_decides(files, tmp_path):
    run = dipole.fit(
        files["pairs"], out=tmp_path / "run", epochs=1,
        sources=[{files["graded"]: {"objective": "cosent", "validation": 0.25}}], **GIVEN,
    )  # fmt: skip
    assert run.result["measure"] == "Spearman"


def test_the_objective_follows_from_the_kind_of_data(files):
    by_kind = {"graded": "cosent", "pairs": {"objective": "dcl", "temperature": 0.2}}
    config = make_config(
        data=files["graded"], by_kind=by_kind,
        sources=[files["pairs"], f"{files['more']}:objective=infonce"],
    )  # fmt: skip
    tasks = load_tasks(config)
    found = [(type(t.examples).__name__, type(t.objective).__name__) for t in tasks]
    assert found == [("Scored", "CoSENT"), ("Pairs", "DCL"), ("Pairs", "InfoNCE")]
    assert tasks[1].config.temperature == 0.2
    # Columns that are named settle it before anything is read.
    config = make_config(data=files["graded"], score="similarity", by_kind=by_kind)
    assert load_tasks(config)[0].config.objective == "cosent"


def test_kinds_without_an_objective_have_the_trainings(files):
    by_kind = {"graded": "cosent"}
    config = make_config(
        data=files["pairs"], objective="dcl", by_kind=by_kind, sources=[files["graded"]]
    )
    assert [task.config.objective for task in load_tasks(config)] == ["dcl", "cosent"]
    triplets = Triplets.from_columns({"anchor": ["a"], "positive": ["b"], "negatives": [["c"]]})
    config = make_config(data="python: x", by_kind={"pairs": "dcl"})
    assert load_tasks(config, triplets)[0].config.objective == "dcl"  # triplets are pairs as well


def test_an_objective_for_a_kind_that_never_comes_is_said(files):
    config = make_config(data=files["pairs"], by_kind={"graded": "cosent"})
    with pytest.raises(InputError, match="objectives for graded, and the data are pairs"):
        load_tasks(config)


def test_an_objective_that_is_given_goes_before_those_of_a_recipe(files, tmp_path):
    recipe = tmp_path / "recipe.yaml"
    recipe.write_text("by_kind: {pairs: dcl}\n")
    for given, expected in (({}, "dcl"), ({"objective": "siglip"}, "siglip")):
        out = tmp_path / f"run {expected}"
        dipole.fit(files["pairs"], out=out, recipe=recipe, max_steps=1, **given, **GIVEN)
        config = yaml.safe_load((out / "config.yaml").read_text())
        assert (config["by_kind"] == {"pairs": "dcl"}) is not bool(given)


def test_a_module_of_python_is_copied_for_other_kinds(tiny_encoder, tmp_path):
    objective = InfoNCE(learn_temperature=True)
    triplets = Triplets.from_columns(
        {
            "anchor": list("abcdefgh"),
            "positive": list("ijklmnop"),
            "negatives": [[c] for c in "qrstuvwx"],
        }
    )
    run = dipole.fit(
        word_pairs(16), tiny_encoder, objective, out=tmp_path / "run", sources=[triplets],
        epochs=2, **GIVEN,
    )  # fmt: skip
    state = torch.load(next((run.folder / "checkpoints").glob("*/state.pt")), weights_only=False)
    names = [name for name in state["towers"] if name.endswith("temperature.log")]
    assert names == ["objective.temperature.log", "others.0.objective.temperature.log"]


def test_the_encoder_is_made_of_all_texts(files, tmp_path):
    run = dipole.fit(
        files["pairs"], out=tmp_path / "run", max_steps=1, **GIVEN,
        sources=[{files["graded"]: {"objective": "cosent"}}],
    )  # fmt: skip
    alone = dipole.fit(files["pairs"], out=tmp_path / "alone", max_steps=1, **GIVEN)
    assert len(run.encoder.vectors) > len(alone.encoder.vectors)


def test_labels_and_pairs(tiny_encoder, tmp_path):
    labelled = Labeled.from_columns({"input": list("abcdefgh"), "label": [0, 1] * 4})
    run = dipole.fit(
        word_pairs(16), tiny_encoder, out=tmp_path / "run", epochs=2,
        sources=[{labelled: {"objective": "supcon"}}], **GIVEN,
    )  # fmt: skip
    assert run.result["step"] == 6
