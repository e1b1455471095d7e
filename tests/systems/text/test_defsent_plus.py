"""DefSent+ against loops over its equation; the entries that a model makes; its two trainings."""

import math

import numpy as np
import pytest
import torch
from transformers.models.bert.modeling_bert import BertPooler

import dipole
from dipole.data import Inputs, Labeled
from dipole.encoders import StaticText, TransformerText, load_encoder
from dipole.errors import InputError
from dipole.systems.text.defsent_plus import Entries, EntrySoftmax, averages, isotropic
from dipole.training.batches import class_ids
from support.parts import bound
from support.tiny_bert import save_tiny_bert

TEXTS = [
    "to open the file", "to read a line of it", "a line of text", "an open file",
    "all of the lines", "what is read again",
]  # fmt: skip
LABELS = ["open", "read", "line", "open", "line", "read"]


@pytest.fixture
def tower(tmp_path):
    found = TransformerText.load(save_tiny_bert(tmp_path / "bert", TEXTS), normalize=False)
    found.dtype = "float32"
    return found.eval()


def dictionary():
    return Labeled.from_columns({"input": TEXTS, "label": LABELS})


def test_the_loss_is_the_cross_entropy_of_all_entries():
    torch.manual_seed(0)
    h, entries, labels = torch.randn(3, 4), torch.randn(5, 4), [4, 0, 4]
    lost = []
    for row, label in zip(h, labels, strict=True):
        logits = [float(row @ entry) for entry in entries]
        lost.append(math.log(sum(map(math.exp, logits))) - logits[label])
    found = EntrySoftmax()(h, entries, torch.tensor(labels))
    np.testing.assert_allclose(found.item(), np.mean(lost), rtol=1e-6)


def test_an_entry_is_the_mean_of_its_definitions_as_the_tower_pools_them(tower):
    part = bound(Entries(), {"entries": True}, encoder=tower, examples=dictionary())
    torch.manual_seed(1)
    x = torch.randn(6, tower.dim)
    given = part.before({"anchor": x, "labels": class_ids(LABELS)})
    vectors = tower.encode(TEXTS)
    for i, label in enumerate(LABELS):
        own = np.mean([vectors[j] for j in range(6) if LABELS[j] == label], 0)
        entry = given["entries"][given["labels"][i]]
        np.testing.assert_allclose(entry.numpy(), own, rtol=1e-4, atol=1e-6)
    assert given["entries"].shape == (3, tower.dim)
    assert not given["entries"].requires_grad
    expected = torch.tanh(x @ part.pooler.weight.T + part.pooler.bias)
    torch.testing.assert_close(given["anchor"], expected)


def test_entries_may_be_pooled_otherwise_than_sentences(tower):
    which = torch.arange(6)
    first = averages(tower, TEXTS, which, "cls")
    with torch.no_grad():
        states = [tower.transformer(**tower.prepare([t])).last_hidden_state[0, 0] for t in TEXTS]
    torch.testing.assert_close(first, torch.stack(states), rtol=1e-4, atol=1e-5)
    assert tower.pooling == "mean"
    assert not torch.allclose(first, averages(tower, TEXTS, which))


def test_a_pooler_of_the_transformers_own_is_where_training_begins(tower):
    tower.transformer.pooler = BertPooler(tower.transformer.config)
    part = bound(Entries(), {"entries": True}, encoder=tower, examples=dictionary())
    assert torch.equal(part.pooler.weight, tower.transformer.pooler.dense.weight)


def test_isotropic_entries_are_uncorrelated_and_of_one_length():
    torch.manual_seed(0)
    # Laplace's distribution: as far from a normal one as a source should be.
    sources = torch.distributions.Laplace(0.0, 1.0).sample((4000, 5))
    mixed = sources @ torch.randn(5, 5) + 7
    found = isotropic(mixed)
    torch.testing.assert_close(found.T @ found / 4000, 100.0**2 * torch.eye(5), rtol=0, atol=1)
    assert found.mean(0).abs().max() < 1e-2
    # The sources, up to their order and sign: independent, not only uncorrelated.
    match = torch.corrcoef(torch.cat([sources, found], 1).T)[:5, 5:].abs()
    assert (match.max(1).values > 0.95).all()
    with pytest.raises(InputError, match="found 4 of 5 dimensions to make isotropic"):
        isotropic(mixed[:4])


def test_what_is_no_dictionary_is_refused(tower):
    with pytest.raises(InputError, match="entries: found Inputs; expected definitions with"):
        bound(
            Entries(), {"entries": True}, encoder=tower,
            examples=Inputs.from_columns({"input": TEXTS}),
        )  # fmt: skip
    bag = StaticText.from_texts(TEXTS, TEXTS, dim=8)
    with pytest.raises(InputError, match="found pooling cls for StaticText; expected a trans"):
        averages(bag, TEXTS, torch.arange(6), "cls")


def test_the_second_training_begins_anew_with_entries_of_the_first(tmp_path, monkeypatch):
    folder = save_tiny_bert(tmp_path / "bert", TEXTS)
    data = tmp_path / "dictionary.csv"
    rows = [f"{text},{label}" for text, label in zip(TEXTS, LABELS, strict=True)]
    data.write_text("\n".join(["text,label", *rows]), encoding="utf-8")
    seen, bind = [], Entries.bind

    def told(part, setup):
        bind(part, setup)
        weights = {k: x.clone() for k, x in setup.encoder.state_dict().items()}
        seen.append((part.entries.clone(), weights))

    monkeypatch.setattr(Entries, "bind", told)
    run = dipole.fit(
        str(data), recipe="defsent-plus", out=tmp_path / "run", max_steps=4, batch_size=6,
        encoder_options={"model": str(folder)}, learning_rate=1e-2, show_progress=False,
        precision="fp32",
    )  # fmt: skip
    (first, start), (second, restart) = seen
    assert all(torch.equal(start[name], restart[name]) for name in start)
    trained = load_encoder(tmp_path / "run" / "stages" / "1" / "model")
    assert trained.pooling == "cls"
    which = torch.unique(class_ids(LABELS), return_inverse=True)[1]
    torch.testing.assert_close(second, averages(trained, TEXTS, which, "cls"), rtol=0.02, atol=0.02)
    assert not torch.allclose(first, second, rtol=0.1, atol=0.1)
    lengths = np.linalg.norm(run.encoder.encode(TEXTS), axis=1)
    assert abs(lengths - 1).min() > 0.1  # as they are pooled
