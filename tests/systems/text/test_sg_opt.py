"""SG-OPT: the contrast by a double loop, what the frozen copy shows, and weights that stay near."""

import math

import pytest
import torch
import torch.nn.functional as F

import dipole
from dipole.encoders import StaticText
from dipole.encoders.layers_text import LayersText
from dipole.errors import InputError
from dipole.systems.text.sg_opt import SelfGuide, SGOpt, StayNear
from support.parts import bound
from support.tiny_bert import save_tiny_bert

TEXTS = ["open the file and read a line of it", "close it", "write all of the lines down again"]
INPUTS = {"anchor": True, "layer_vectors": True, "weight_distance": True}


@pytest.fixture
def folder(tmp_path):
    return save_tiny_bert(tmp_path / "bert", TEXTS)


@pytest.fixture
def encoder(folder):
    return LayersText.from_inputs(model=str(folder), last=1, pooling="cls", normalize=False).eval()


def naive(a, h, temperature):
    n, k = h.shape[:2]

    def phi(i, j, layer):
        return math.exp(F.cosine_similarity(a[i], h[j, layer], dim=0).item() / temperature)

    total = 0.0
    for i in range(n):
        rest = sum(phi(i, j, l) for j in range(n) if j != i for l in range(k))
        for layer in range(k):
            own = phi(i, i, layer)
            total -= math.log(own / (own + rest)) / (n * k)
    return total


@pytest.mark.parametrize("executor", ["dense", "tiled"])
@pytest.mark.parametrize("layers", [1, 3])
def test_each_positive_has_its_own_denominator(layers, executor):
    generator = torch.Generator().manual_seed(0)
    a = torch.randn(4, 6, dtype=torch.float64, generator=generator)
    h = torch.randn(4, layers, 6, dtype=torch.float64, generator=generator)
    found = SGOpt(0.1, executor=executor)(a, h)
    assert found.item() == pytest.approx(naive(a, h, 0.1), rel=1e-9)


def test_gradients_at_small_temperatures():
    a, h = (torch.randn(*s, dtype=torch.float64, requires_grad=True) for s in ((3, 4), (3, 2, 4)))
    assert torch.autograd.gradcheck(SGOpt(0.05), (a, h))
    alone = SGOpt()(a[:1], h[:1])
    assert alone.item() == 0  # nothing to tell it from
    with pytest.raises(InputError, match="layer_vectors: found shape"):
        SGOpt()(a, h[:, 0])


def test_the_copy_shows_every_layer_without_dropout(encoder):
    part = bound(SelfGuide(width=8), INPUTS, encoder=encoder).train()
    features = encoder.prepare(TEXTS)
    found = part.encode({"anchor": [features]})["layer_vectors"]
    assert found.shape == (3, encoder.layers + 1, encoder.dim)
    assert not found.requires_grad
    # the second text alone, without padding
    alone = encoder.transformer(**encoder.prepare(TEXTS[1:2]), output_hidden_states=True)
    for layer, states in enumerate(alone.hidden_states):
        torch.testing.assert_close(found[1, layer], states[0].mean(0), rtol=1e-4, atol=1e-5)
    assert torch.equal(found, part.encode({"anchor": [features]})["layer_vectors"])


def test_both_sides_pass_one_head(encoder):
    part = bound(SelfGuide(width=8), INPUTS, encoder=encoder)
    x = torch.randn(3, encoder.dim)
    made = part.before({"anchor": x, "layer_vectors": x[:, None]})
    assert made["anchor"].shape == (3, 8)
    torch.testing.assert_close(made["layer_vectors"][:, 0], made["anchor"])
    assert made["weight_distance"].item() == 0


def test_the_distance_is_that_of_all_weights(encoder):
    encoder.requires_grad_(True)
    part = bound(SelfGuide(width=8), INPUTS, encoder=encoder)
    with torch.no_grad():
        for parameter in encoder.parameters():
            parameter += 0.1
    count = sum(parameter.numel() for parameter in encoder.parameters())
    batch = {"anchor": torch.zeros(1, encoder.dim), "layer_vectors": torch.zeros(1, 1, encoder.dim)}
    found = StayNear()(part.before(batch)["weight_distance"])
    assert found.item() == pytest.approx(0.01 * count, rel=1e-3)


def test_a_large_weight_keeps_the_model_where_it_was(folder, encoder, tmp_path):
    here = "dipole.systems.text.sg_opt"
    common = {"recipe": "sg-opt", "parts": [{f"{here}:SelfGuide": {"width": 8}}], "max_steps": 3}
    common |= {"encoder_options": {"model": str(folder)}, "learning_rate": 1e-2, "warmup": 0}
    before = encoder.transformer.state_dict()

    def moved(name, weight):
        run = dipole.fit(
            TEXTS * 2, out=tmp_path / name, objective=f"{here}:SGOpt + {weight} * {here}:StayNear",
            **common,
        )  # fmt: skip
        after = run.encoder.transformer.state_dict()
        assert torch.equal(*(s["embeddings.word_embeddings.weight"] for s in (before, after)))
        return sum((after[name] - before[name]).square().sum().item() for name in before)

    assert 0 < moved("near", 1e6) < moved("free", 1e-6)


def test_an_encoder_without_layers_is_refused():
    static = StaticText.from_texts(TEXTS, TEXTS, dim=8)
    with pytest.raises(InputError, match="self-guide: found StaticText; expected a transformer"):
        bound(SelfGuide(), INPUTS, encoder=static)
