"""What every image tower does, on each of the three."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
import torch

from dipole.encoders import fingerprint, load_encoder
from dipole.encoders.conv import ConvImage
from dipole.encoders.image import ImageEncoder
from dipole.encoders.registry import make_encoder
from dipole.encoders.resnet import ResNetImage
from dipole.encoders.vit import ViTImage
from dipole.errors import InputError
from dipole.training.gradient_cache import encode_chunks

TOWERS = ["conv", "resnet", "vit"]


def images(n: int, *shape: int, seed: int = 0) -> list[np.ndarray]:
    return list(np.random.default_rng(seed).integers(0, 256, (n, *shape), dtype=np.uint8))


def tower(name: str, given: list[np.ndarray], **options: object) -> ImageEncoder:
    torch.manual_seed(0)
    made = make_encoder(name, given, given, **options)
    assert isinstance(made, ImageEncoder)
    return made


@pytest.mark.parametrize("name", TOWERS)
@pytest.mark.parametrize("shape", [(8, 8), (14, 14), (28, 28, 1), (32, 32, 3)])
def test_vectors_of_images_of_any_usual_size(name: str, shape: tuple[int, ...]) -> None:
    given = images(5, *shape)
    encoder = tower(name, given)
    vectors = encoder.encode(given)
    assert vectors.shape == (5, encoder.dim)
    np.testing.assert_allclose(np.linalg.norm(vectors, axis=1), 1, atol=1e-5)
    assert np.abs(vectors[0] - vectors[1]).max() > 1e-4
    features = encoder.prepare(given)
    maps, tokens = encoder.maps(features), encoder.tokens(features)
    assert maps.shape[:2] == (5, encoder.dim)
    torch.testing.assert_close(tokens[:, maps.shape[3] + 1], maps[:, :, 1, 1])  # row by row
    pooled = tokens.mean(1)
    expected = pooled / pooled.norm(dim=1, keepdim=True)
    torch.testing.assert_close(torch.from_numpy(vectors), expected, atol=1e-5, rtol=0)


@pytest.mark.parametrize("name", TOWERS)
def test_what_is_saved_is_loaded(name: str, tmp_path: Path) -> None:
    given = images(6, 14, 14)
    encoder = tower(name, given)
    encoder.save(tmp_path / "model")
    loaded = load_encoder(tmp_path)
    assert type(loaded) is type(encoder)
    np.testing.assert_array_equal(loaded.encode(given), encoder.encode(given))
    assert fingerprint(loaded) == fingerprint(encoder)
    assert not any(key.startswith("head") for key in loaded.state_dict())
    assert fingerprint(tower(name, images(6, 14, 14, seed=1))) != fingerprint(encoder)


@pytest.mark.parametrize("name", TOWERS)
def test_a_vector_does_not_depend_on_its_batch(name: str) -> None:
    given = images(7, 14, 14)
    encoder = tower(name, given)
    together = encoder.encode(given)
    alone = np.concatenate([encoder.encode([image]) for image in given])
    np.testing.assert_allclose(together, alone, atol=1e-5)


@pytest.mark.parametrize("name", TOWERS)
def test_pieces_of_a_batch_give_the_same_gradient(name: str) -> None:
    given = images(6, 8, 8)
    encoder = tower(name, given, head=16).double().train()
    features = {"image": encoder.prepare(given)["image"].double()}
    pieces = [{"image": part} for part in features["image"].split(2)]
    weight = torch.randn(6, 16, dtype=torch.float64)

    def gradients(batch: list[dict[str, torch.Tensor]]) -> list[torch.Tensor]:
        encoder.zero_grad()
        (encode_chunks(encoder, batch) * weight).sum().backward()
        return [p.grad.clone() for p in encoder.parameters() if p.grad is not None]

    for whole, cut in zip(gradients([features]), gradients(pieces), strict=True):
        torch.testing.assert_close(whole, cut, atol=1e-10, rtol=1e-8)


@pytest.mark.parametrize("name", TOWERS)
def test_the_head_is_for_training(name: str) -> None:
    given = images(4, 8, 8)
    encoder = tower(name, given, head=24)
    features = encoder.prepare(given)
    assert encoder.train()(features).shape == (4, 24)
    assert encoder.eval()(features).shape == (4, encoder.dim)
    assert tower(name, given, head=0).train()(features).shape == (4, encoder.dim)
    named = tower(name, given, head={"out": 5, "hidden": 7}).train()
    assert named(features).shape == (4, 5)


@pytest.mark.parametrize("name", TOWERS)
def test_a_tower_learns(name: str) -> None:
    """Bright or dark on the left: a few steps part the two."""
    torch.manual_seed(0)
    given = images(32, 8, 8)
    labels = torch.arange(32) % 2
    for image, label in zip(given, labels, strict=True):
        image[:, :4] = image[:, :4] // 2 + (127 if label else 0)
    encoder = tower(name, given, head=0).train()
    classes = torch.nn.Linear(encoder.dim, 2)
    optimizer = torch.optim.Adam([*encoder.parameters(), *classes.parameters()], lr=3e-3)
    features = encoder.prepare(given)
    losses = []
    for _ in range(25):
        loss = torch.nn.functional.cross_entropy(10 * classes(encoder(features)), labels)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        losses.append(loss.item())
    assert losses[-1] < 0.3 * losses[0]


def test_pooling_is_by_area() -> None:
    given = images(3, 28, 28)
    encoder = tower("conv", given, size=14)
    pooled = encoder.prepare(given)["image"]
    expected = np.stack(given).reshape(3, 1, 14, 2, 14, 2).mean((3, 5)) / 255
    np.testing.assert_allclose(pooled.numpy(), expected, atol=1e-6)
    assert tower("conv", given, size=[7, 14]).prepare(given)["image"].shape == (3, 1, 7, 14)


def test_mean_and_deviation_are_those_of_the_pooled_images() -> None:
    given = images(50, 28, 28, 3)
    encoder = tower("conv", given, size=14)
    values = np.stack(given).reshape(50, 14, 2, 14, 2, 3).mean((2, 4)) / 255
    np.testing.assert_allclose(encoder.mean.flatten(), values.mean((0, 1, 2)), atol=1e-5)
    np.testing.assert_allclose(encoder.std.flatten(), values.std((0, 1, 2)), rtol=1e-3)
    normal = encoder.normalised(encoder.prepare(given))
    assert normal.mean((0, 2, 3)).abs().max() < 1e-4
    assert (normal.std((0, 2, 3)) - 1).abs().max() < 1e-3


def test_a_channel_that_never_varies_is_no_division_by_zero() -> None:
    given = images(4, 8, 8, 3)
    for image in given:
        image[..., 1] = 7
    assert np.isfinite(tower("conv", given).encode(given)).all()


@pytest.mark.parametrize(
    ("bad", "message"),
    [
        (["text"], "is a str; expected an image as a uint8 array"),
        ([np.zeros((8, 8))], r"is an array of float64 \(8, 8\); expected an image"),
        ([np.zeros(8, np.uint8)], r"is an array of uint8 \(8,\); expected an image"),
        (images(1, 8, 8) + images(1, 8, 9), r"image 1: found \(8, 9\); expected \(8, 8\)"),
        (images(1, 8, 8, 3), "image: found 8x8 pixels in 3 channels; expected at least 8x8 in 1"),
        (images(1, 7, 8), "image: found 7x8 pixels in 1 channels; expected at least 8x8 in 1"),
    ],
)
def test_what_is_no_image_is_refused(bad: list[object], message: str) -> None:
    encoder = tower("conv", images(3, 8, 8))
    with pytest.raises(InputError, match=message):
        encoder.prepare(bad)


@pytest.mark.parametrize("size", [0, 9, [8], [8, 9]])
def test_a_size_that_images_do_not_have_is_refused(size: object) -> None:
    with pytest.raises(InputError, match=r"size: found .* for images of 8x8 pixels; expected"):
        tower("conv", images(3, 8, 8), size=size)


def test_no_images_are_refused() -> None:
    with pytest.raises(InputError, match="found no images"):
        tower("conv", [])
    with pytest.raises(
        InputError, match=r"ConvImage reads images .* found text, which is read by static"
    ):
        tower("conv", ["a text"])  # type: ignore[list-item]
    assert tower("conv", images(2, 8, 8)).encode([]).shape == (0, 128)


def test_a_broken_folder_is_refused(tmp_path: Path) -> None:
    encoder = tower("conv", images(3, 8, 8))
    encoder.save(tmp_path)
    config = json.loads((tmp_path / "config.json").read_text())
    (tmp_path / "config.json").write_text(json.dumps(config | {"widths": [8, 8]}))
    with pytest.raises(InputError, match="not a saved ConvImage"):
        load_encoder(tmp_path)
    (tmp_path / "config.json").write_text(json.dumps(config | {"depth": 3}))
    with pytest.raises(InputError, match=r"not a saved ConvImage .*'depth'"):
        load_encoder(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    with pytest.raises(InputError, match=r"no model\.safetensors"):
        load_encoder(tmp_path)


def test_many_images_are_read_evenly() -> None:
    assert isinstance(tower("conv", images(3, 8, 8) * 4000), ConvImage)


def test_classes_are_what_names_say() -> None:
    made = [type(tower(name, images(2, 8, 8))) for name in TOWERS]
    assert made == [ConvImage, ResNetImage, ViTImage]
