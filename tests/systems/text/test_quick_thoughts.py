"""Quick-Thoughts against loops over its equation; what is a neighbour; its two towers."""

import json
import math

import numpy as np
import pytest
import torch

import dipole
from dipole.data import Inputs, Pairs
from dipole.encoders import load_encoder
from dipole.errors import InputError
from dipole.systems.text.quick_thoughts import (
    Consecutive,
    Places,
    QuickThoughts,
    TwoReaders,
    apart,
    cut,
    sentences,
)
from support.parts import bound

DOCUMENTS = [
    f"The {a} tool opens a {b}. It reads its lines! Then the {a} tool closes the {b}."
    for a in ("red", "blue", "green")
    for b in ("file", "socket", "list", "page")
]


def by_loops(f, g, documents, places, context):
    losses = []
    for i in range(len(f)):
        s = [float(f[i] @ g[j]) if i != j else 0.0 for j in range(len(g))]
        near = [
            j
            for j in range(len(g))
            if documents[i] == documents[j] and 0 < abs(places[i] - places[j]) <= context
        ]
        if near:
            far = math.log(sum(map(math.exp, s)))
            losses.append(far - sum(s[j] for j in near) / len(near))
    return np.mean(losses)


@pytest.mark.parametrize("context", [1, 2])
def test_the_loss_is_that_of_the_equation(context):
    torch.manual_seed(0)
    f, g = torch.randn(2, 7, 4, dtype=torch.double)
    # Two documents with a third of one sentence between, which has no neighbour.
    documents, places = torch.tensor([0, 0, 0, 1, 2, 2, 2]), torch.tensor([3, 4, 5, 0, 0, 1, 2])
    objective = QuickThoughts(context)
    expected = by_loops(f, g, documents.tolist(), places.tolist(), context)
    np.testing.assert_allclose(objective(f, g, documents, places).item(), expected, rtol=1e-12)
    order = torch.tensor([4, 0, 6, 2, 5, 1, 3])  # neighbours are so by their places, not the rows'
    moved = objective(f[order], g[order], documents[order], places[order])
    np.testing.assert_allclose(moved.item(), expected, rtol=1e-12)
    inputs = (f.requires_grad_(), g.requires_grad_())
    assert torch.autograd.gradcheck(lambda a, b: objective(a, b, documents, places), inputs)


def test_a_batch_in_which_nobody_has_a_neighbour_teaches_nothing():
    f, g = torch.ones(2, 3, 4, requires_grad=True)
    loss = QuickThoughts()(f, g, torch.arange(3), torch.zeros(3, dtype=torch.long))
    assert loss.item() == 0


def test_texts_are_cut_at_the_ends_of_sentences():
    assert cut('He said "no!" Then 3.14 files. ') == ['He said "no!"', "Then 3.14 files."]
    assert cut("これは文です。次の文です。") == ["これは文です。", "次の文です。"]
    assert cut("a title\n\nThe text") == ["a title", "The text"]
    assert cut("no end") == ["no end"]


def test_sentences_keep_their_order_and_their_document():
    found = sentences(Inputs.from_columns({"input": ["A b. C d.", "One", "E. F. G."]}), None)
    assert list(found.column("anchor")) == ["A b.", "C d.", "One", "E.", "F.", "G."]
    assert list(found.column("positive")) == list(found.column("anchor"))
    assert list(found.column("id")) == ["0:0", "0:1", "1:0", "2:0", "2:1", "2:2"]
    part = bound(Places(), {"places": True}, examples=found)
    given = part.before({"rows": torch.tensor([5, 0, 2])})
    assert given["documents"].tolist() == [2, 0, 1]
    assert given["places"].tolist() == [2, 0, 0]


def test_rows_may_be_the_sentences_of_one_document():
    rows = Inputs.from_columns({"input": ["One", "Two", "Three"]})
    for texts in ("auto", "sentences"):
        assert list(sentences(rows, None, texts=texts).column("id")) == ["0:0", "0:1", "0:2"]
    with pytest.raises(InputError, match=r"found no document of two sentences in .*expected texts"):
        sentences(rows, None, texts="documents")
    documents = Inputs.from_columns({"input": DOCUMENTS})
    assert list(sentences(documents, None, texts="sentences").column("anchor")) == DOCUMENTS


def test_ids_that_name_no_place_are_refused():
    pairs = Pairs.from_columns({"anchor": ["a"], "positive": ["b"]}, ids=["first"])
    with pytest.raises(InputError, match="places: found ids as 'first'; expected DOCUMENT:NUMBER"):
        bound(Places(), {"places": True}, examples=pairs)


def test_the_baseline_has_the_same_sentences_elsewhere():
    examples = Inputs.from_columns({"input": DOCUMENTS})
    ordered, moved = sentences(examples, None), apart(examples, None, seed=0)
    assert sorted(ordered.column("anchor")) == sorted(moved.column("anchor"))
    assert list(ordered.column("id")) == list(moved.column("id"))
    assert list(ordered.column("anchor")) != list(moved.column("anchor"))


def test_batches_are_in_order():
    plan = Consecutive(7, 3)
    assert [rows.tolist() for rows in plan.epoch(4)] == [[0, 1, 2], [3, 4, 5], [6]]
    assert plan.length(0) == 3


def test_towers_are_apart_in_training_and_side_by_side_in_use(tmp_path):
    torch.manual_seed(0)
    towers = TwoReaders.from_inputs(DOCUMENTS, DOCUMENTS, words=9, embedding=6, width=8, longest=5)
    texts = ["The red tool opens a file.", "unknown words alone", "", "It reads"]
    with torch.no_grad():
        f = towers.train()(towers.prepare(texts, "query"))
        g = towers(towers.prepare(texts, "document"))
    assert f.shape == (4, 8)
    assert not torch.allclose(f, g)
    found = towers.eval().encode(texts)
    np.testing.assert_allclose(found, torch.cat([f, g], 1).numpy(), rtol=1e-5)
    assert max(abs(w).max() for w in towers.state_dict().values()) <= 0.1
    towers.save(tmp_path / "saved")
    np.testing.assert_allclose(TwoReaders.load(tmp_path / "saved").encode(texts), found, rtol=1e-5)


def test_a_vector_is_the_last_state_of_each_direction():
    """Whatever else is in the batch, and read word by word."""
    torch.manual_seed(0)
    towers = TwoReaders(["a", "b", "c"], embedding=5, width=6).eval()
    rows, reader = [2, 4, 3], towers.readers[0]
    hidden = []
    for ending, order in (("", rows), ("_reverse", rows[::-1])):
        cell = torch.nn.GRUCell(5, 3)
        cell.load_state_dict(
            {name: getattr(reader, f"{name}_l0{ending}") for name in cell.state_dict()}
        )
        state = torch.zeros(1, 3)
        for word in order:
            state = cell(towers.words[0].weight[word][None], state)
        hidden.append(state[0])
    found = towers.encode(["a c b", "a c b a a a a"])[0, :6]
    np.testing.assert_allclose(found, torch.cat(hidden).detach().numpy(), rtol=1e-5)


def test_a_file_trains_with_one_command_and_its_model_loads(tmp_path):
    data = tmp_path / "documents.csv"
    data.write_text("text\n" + "".join(f'"{text}"\n' for text in DOCUMENTS), encoding="utf-8")
    small = {"width": 8, "embedding": 6}
    run = dipole.fit(
        str(data), recipe="quick-thoughts", out=tmp_path / "run", encoder_options=small,
        batch_size=12, max_steps=60, learning_rate=3e-2, show_progress=False,
    )  # fmt: skip
    assert load_encoder(run.folder / "model").encode(["a file"]).shape == (1, 16)
    lines = (run.folder / "metrics.jsonl").read_text(encoding="utf-8").splitlines()
    first, *_, last = [found["loss"] for found in map(json.loads, lines) if "loss" in found]
    assert last < first - 0.3
