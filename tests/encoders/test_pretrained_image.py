"""Pretrained image models: transformers' own vectors, batches that do not matter, folders."""

import json

import numpy as np
import pytest
import torch

import dipole
from dipole.encoders import fingerprint, load_encoder
from dipole.encoders.onnx_export import export_onnx
from dipole.encoders.pretrained_image import PretrainedImage
from dipole.encoders.registry import make_encoder
from dipole.errors import InputError
from support.tiny_clip import pictures, processor, save_image_model

# What each is pooled to by default.
KINDS = {
    "vit": "cls", "dinov2": "pooler", "siglip": "pooler", "swin": "pooler", "resnet": "pooler",
    "convnext": "pooler",
}  # fmt: skip


@pytest.fixture(scope="module")
def folders(tmp_path_factory):
    """A folder of each kind, and the model in it."""
    made = {kind: tmp_path_factory.mktemp(kind) for kind in KINDS}
    return {kind: (folder, save_image_model(folder, kind)) for kind, folder in made.items()}


def theirs(model, images):
    """The model's output as transformers computes it."""
    coloured = [np.repeat(x[..., None], 3, 2) if x.ndim == 2 else x for x in images]
    pixels = processor()(coloured, return_tensors="pt", input_data_format="channels_last")
    with torch.no_grad():
        return model(**pixels)


@pytest.mark.parametrize("kind", KINDS)
def test_vectors_are_those_of_transformers(folders, kind):
    folder, model = folders[kind]
    encoder, images = load_encoder(folder), pictures(4)
    assert (encoder.pooling, encoder.dtype) == (KINDS[kind], "auto")
    found = theirs(model, images)
    expected = {
        "cls": found.last_hidden_state[:, 0],
        "pooler": found.pooler_output.flatten(1),
    }[encoder.pooling]
    expected = expected / expected.norm(dim=1, keepdim=True)
    vectors = encoder.encode(images, dtype="float32")
    np.testing.assert_allclose(vectors, expected.numpy(), atol=1e-6)
    assert encoder.dim == vectors.shape[1]


@pytest.mark.parametrize("kind", KINDS)
def test_places_of_the_last_layer(folders, kind):
    """The map has the states where their patches are; tokens are its rows."""
    folder, model = folders[kind]
    encoder, images = load_encoder(folder), pictures(3)
    states = theirs(model, images).last_hidden_state
    maps = encoder.maps(encoder.prepare(images))
    if states.ndim == 3:  # without what is not a place, which stands first
        assert maps.shape[2] == maps.shape[3] == 4
        states = states[:, -16:].transpose(1, 2).reshape(len(images), -1, 4, 4)
    torch.testing.assert_close(maps, states)
    shown = encoder.outputs(encoder.prepare(images), ["tokens", "mask"])
    torch.testing.assert_close(shown["tokens"], maps.flatten(2).transpose(1, 2))
    pooled = PretrainedImage.load(folder, pooling="mean").encode(images, dtype="float32")
    mean = states.mean((2, 3))
    np.testing.assert_allclose(pooled, mean / mean.norm(dim=1, keepdim=True), atol=1e-6)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_saved_and_loaded(folders, kind, tmp_path):
    encoder, images = load_encoder(folders[kind][0]), pictures(4)
    encoder.save(tmp_path)
    again = load_encoder(tmp_path)
    np.testing.assert_array_equal(again.encode(images), encoder.encode(images))
    assert fingerprint(again) == fingerprint(encoder)
    smaller = PretrainedImage.load(tmp_path, size=16)
    assert fingerprint(smaller) != fingerprint(encoder)
    smaller.save(tmp_path / "smaller")
    assert load_encoder(tmp_path / "smaller").size == (16, 16)


def test_another_size_moves_the_positions(folders):
    folder, model = folders["vit"]
    encoder = PretrainedImage.load(folder, size=48)
    features = encoder.prepare(pictures(2))
    assert features["image"].shape == (2, 3, 48, 48)
    assert encoder.maps(features).shape[2:] == (6, 6)
    with torch.no_grad():
        found = model(pixel_values=encoder.normalised(features), interpolate_pos_encoding=True)
    expected = torch.nn.functional.normalize(found.last_hidden_state[:, 0], dim=1)
    torch.testing.assert_close(encoder(features), expected)


@pytest.mark.parametrize("kind", ["vit", "resnet"])
def test_a_vector_does_not_depend_on_its_batch(folders, kind):
    """In training neither: the statistics of batch normalisation stay."""
    encoder = PretrainedImage.load(folders[kind][0], head=8).train()
    features = encoder.prepare(pictures(4))
    whole = encoder(features)
    parts = [encoder({"image": part}) for part in features["image"].split(1)]
    torch.testing.assert_close(torch.cat(parts), whole, atol=1e-5, rtol=0)
    assert whole.shape == (4, 8)
    before = {k: v.clone() for k, v in encoder.state_dict().items() if "running" in k}
    assert bool(before) == (kind == "resnet")
    for name, value in before.items():
        torch.testing.assert_close(encoder.state_dict()[name], value)


def test_weights_that_no_vector_depends_on_are_frozen(folders):
    encoder = load_encoder(folders["vit"][0])
    frozen = {name for name, p in encoder.named_parameters() if not p.requires_grad}
    assert frozen == {"model.pooler.dense.weight", "model.pooler.dense.bias"}
    encoder.train()(encoder.prepare(pictures(2))).sum().backward()
    assert all(p.grad is not None for p in encoder.parameters() if p.requires_grad)


def test_trained_through_the_trainer(folders, tmp_path):
    rng = np.random.default_rng(0)
    images = [rng.integers(0, 255, (40, 40, 3), dtype=np.uint8) for _ in range(16)]
    run = dipole.fit(
        dipole.data.Inputs.from_columns({"input": images}),
        str(folders["dinov2"][0]),
        "ntxent",
        encoder_options={"head": 8, "size": 16},
        view=["simclr"],
        batch_size=8,
        max_steps=2,
        out=tmp_path / "run",
        show_progress=False,
    )
    assert run.encoder.size == (16, 16)
    before = PretrainedImage.load(folders["dinov2"][0], size=16).encode(images)
    assert np.abs(load_encoder(tmp_path / "run").encode(images) - before).max() > 1e-6


def test_what_is_wrong_is_said(folders, tmp_path):
    folder, model = folders["vit"]
    model.save_pretrained(tmp_path / "bare")
    with pytest.raises(InputError, match=r"no preprocessor_config\.json"):
        load_encoder(tmp_path / "bare")
    with pytest.raises(InputError, match="ResNetModel, which has no such token"):
        PretrainedImage.load(folders["resnet"][0], pooling="cls")
    with pytest.raises(InputError, match="reads images"):
        make_encoder(str(folder), ["a text"], ["another"])
    with pytest.raises(InputError, match="encoder option 'sizes'"):
        make_encoder(str(folder), pictures(2), pictures(2), sizes=3)
    save_image_model(tmp_path / "wide", "vit")
    path = tmp_path / "wide" / "preprocessor_config.json"
    settings = json.loads(path.read_text()) | {"do_center_crop": False}
    path.write_text(json.dumps(settings))
    with pytest.raises(InputError, match="no crop"):
        load_encoder(tmp_path / "wide")
    path.write_text(json.dumps(settings | {"do_center_crop": True, "rescale_factor": 1 / 127.5}))
    with pytest.raises(InputError, match="expected 1/255"):
        load_encoder(tmp_path / "wide")


def test_a_pooler_without_weights_is_left_out(tmp_path):
    from transformers import ViTConfig, ViTModel

    from support.tiny_clip import VISION

    ViTModel(ViTConfig(**VISION), add_pooling_layer=False).save_pretrained(tmp_path)
    processor().save_pretrained(tmp_path)
    assert load_encoder(tmp_path).pooling == "cls"
    with pytest.raises(InputError, match="not its weights"):
        PretrainedImage.load(tmp_path, pooling="pooler")


def test_exported_to_onnx(folders, tmp_path):
    encoder, images = load_encoder(folders["dinov2"][0]), pictures(4)
    assert export_onnx(encoder, tmp_path) < 1e-5
    again = load_encoder(tmp_path)
    expected = encoder.encode(images, dtype="float32")
    np.testing.assert_allclose(again.encode(images), expected, atol=1e-5)
    again.save(tmp_path / "copy")
    np.testing.assert_array_equal(
        load_encoder(tmp_path / "copy").encode(images), again.encode(images)
    )
