"""An objective that is given other tensors of the batch is the same objective of those."""

import pytest
import torch

from dipole.errors import InputError
from dipole.objectives import SCT, InfoNCE, RelaxedMover
from dipole.objectives.contract.base import Over
from dipole.objectives.contract.given import Given, ids_of, roles_of
from dipole.objectives.dimensions.matryoshka import Matryoshka
from dipole.objectives.views.multi_view import EveryPair


def vectors(*names):
    generator = torch.Generator().manual_seed(0)
    return {name: torch.randn(4, 6, generator=generator) for name in names}


def test_it_is_the_objective_of_those_tensors():
    batch = vectors("anchor", "positive", "past", "anchor_view")
    batch |= {"anchor_ids": torch.tensor([1, 2, 2, 3]), "past_ids": torch.tensor([1, 5, 6, 7])}
    plain = InfoNCE(1.0, symmetric=False)
    one = plain.given(anchor="positive", positive="anchor_view", negative="past")
    expected = plain(
        batch["positive"], batch["anchor_view"], batch["past"], ids=batch["anchor_ids"],
        negative_ids=batch["past_ids"],
    )  # fmt: skip
    assert one(**one.pick(batch)).item() == pytest.approx(expected.item())
    without = {name: x for name, x in batch.items() if name != "past_ids"}
    assert one(**one.pick(without)).item() > expected.item()


def test_one_tensor_may_be_two_inputs():
    batch = vectors("anchor", "positive", "queue")
    own = SCT().given(teacher_anchor="anchor", teacher_positive="positive")
    assert own.inputs() == {"anchor": True, "positive": True, "queue": False}
    expected = SCT()(batch["anchor"], batch["positive"], batch["anchor"], batch["positive"])
    assert own(batch["anchor"], batch["positive"]).item() == pytest.approx(expected.item())


def test_a_sum_names_its_terms_and_knows_the_roles():
    both = InfoNCE() + 0.5 * InfoNCE().given(negative="past")
    assert both.names() == ["infonce", "infonce_2"]
    assert both.inputs()["past"] is False
    assert roles_of(both) == {"past": "negative"}
    batch = vectors("anchor", "positive", "past")
    loss = both(**both.pick(batch))
    far = InfoNCE()(batch["anchor"], batch["positive"], batch["past"])
    near = InfoNCE()(batch["anchor"], batch["positive"])
    assert loss.item() == pytest.approx((near + far / 2).item())


def test_short_vectors_of_all_that_is_given():
    batch = vectors("anchor", "positive", "past")
    loss = Matryoshka(InfoNCE().given(negative="past"), dims=[2])
    found = loss(**loss.pick(batch)).item()
    cut = InfoNCE()(*(batch[name][:, :2] for name in ("anchor", "positive", "past")))
    whole = InfoNCE()(*batch.values())
    assert found == pytest.approx(((cut + whole) / 2).item())


def tokens(*names):
    generator = torch.Generator().manual_seed(1)
    found = {f"{name}_tokens": torch.randn(4, 3, 6, generator=generator) for name in names}
    masks = {f"{name}_mask": torch.rand(4, 3, generator=generator) < 0.8 for name in names}
    return found | {name: mask | (torch.arange(3) == 0) for name, mask in masks.items()}


def test_tokens_follow_the_column_that_is_given():
    batch = vectors("anchor", "positive") | tokens("anchor", "positive")
    turned = RelaxedMover().given(anchor="positive", positive="anchor")
    assert turned.asks() >= {"anchor_tokens", "positive_tokens", "anchor_mask", "positive_mask"}
    expected = RelaxedMover()(
        batch["positive_tokens"], batch["anchor_tokens"],
        anchor_mask=batch["positive_mask"], positive_mask=batch["anchor_mask"],
    )  # fmt: skip
    assert turned(**turned.pick(batch)).item() == pytest.approx(expected.item())
    for both in (InfoNCE() + turned, InfoNCE() + 1.0 * turned):
        assert both.asks() == turned.asks()
        whole = InfoNCE()(batch["anchor"], batch["positive"]) + expected
        assert both(**both.pick(batch)).item() == pytest.approx(whole.item())


def test_tokens_are_cut_as_vectors_are():
    batch = vectors("anchor", "positive") | tokens("anchor", "positive")
    loss = Matryoshka(RelaxedMover(), dims=[2])
    assert loss.asks() == RelaxedMover().asks()
    masks = {name: batch[name] for name in ("anchor_mask", "positive_mask")}
    parts = [
        RelaxedMover()(batch["anchor_tokens"][..., :k], batch["positive_tokens"][..., :k], **masks)
        for k in (2, 6)
    ]
    assert loss(**loss.pick(batch)).item() == pytest.approx(sum(parts).item() / 2)
    with pytest.raises(InputError, match="layers: found RelaxedMover, which takes anchor_mask"):
        Matryoshka(RelaxedMover(), dims=[2], layers=True)


@pytest.mark.parametrize(
    "over",
    [
        lambda o: o.given(negative="past"), lambda o: Matryoshka(o, [2]), lambda o: o + 0.1 * o,
        EveryPair,
    ],
)  # fmt: skip
def test_what_is_inside_is_told_all(over):
    told = []

    class Told(InfoNCE):
        def bind(self, examples):
            told.append(examples)

        def at(self, done):
            told.append(done)

    made = over(Told())
    assert isinstance(made, Over)
    made.bind(7)
    assert set(told) == {7}
    made.at(0.5)
    assert 0.5 in told


def test_an_input_that_it_has_not():
    with pytest.raises(InputError, match="found input 'negativ'; did you mean 'negative'"):
        Given(InfoNCE(), {"negativ": "past"})


@pytest.mark.parametrize(
    ("tensor", "ids"),
    [("teacher_anchor_view", "anchor_ids"), ("positive", "ids"), ("negative", "negative_ids"),
     ("candidates", "candidate_ids"), ("past", "past_ids")],
)  # fmt: skip
def test_where_content_hashes_are(tensor, ids):
    assert ids_of(tensor) == ids
