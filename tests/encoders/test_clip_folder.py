"""CLIP checkpoints as two towers: transformers' and sentence-transformers' vectors."""

import numpy as np
import pytest
import torch

import dipole
from dipole.encoders import load_encoder
from dipole.encoders.pretrained_image import PretrainedImage
from dipole.encoders.registry import make_encoder
from dipole.errors import InputError
from support.tiny_clip import pictures, processor, save_tiny_clip

TEXTS = ["a red dog", "the big blue house in the tree", "cat", "a small green cat on the red house"]


@pytest.fixture(scope="module")
def clip(tmp_path_factory):
    """A folder of transformers, and the model in it."""
    folder = tmp_path_factory.mktemp("clip")
    return folder, save_tiny_clip(folder)


def unit(tensor):
    return torch.nn.functional.normalize(tensor, dim=1).numpy()


def test_both_towers_give_the_vectors_of_transformers(clip):
    from transformers import AutoTokenizer

    folder, model = clip
    encoder = load_encoder(folder)
    pixels = processor()(pictures(4)[:3], return_tensors="pt", input_data_format="channels_last")
    tokens = AutoTokenizer.from_pretrained(folder)(TEXTS, padding=True, return_tensors="pt")
    tokens.pop("token_type_ids", None)
    with torch.no_grad():
        found = model(**pixels, **tokens)
    images = encoder.encode(pictures(4)[:3], role="image", dtype="float32")
    texts = encoder.encode(TEXTS, role="text", dtype="float32")
    np.testing.assert_allclose(images, unit(found.image_embeds), atol=1e-6)
    np.testing.assert_allclose(texts, unit(found.text_embeds), atol=1e-6)
    # By the side they stand on, whichever it is.
    np.testing.assert_array_equal(encoder.encode(TEXTS, "query", dtype="float32"), texts)
    np.testing.assert_array_equal(encoder.encode(pictures(4)[:3], "query", dtype="float32"), images)


def test_what_sentence_transformers_saved(clip, tmp_path):
    from PIL import Image
    from sentence_transformers import SentenceTransformer

    model = SentenceTransformer(str(clip[0]), device="cpu", local_files_only=True)
    model.save_pretrained(str(tmp_path), create_model_card=False)
    encoder = load_encoder(tmp_path)
    images = pictures(4)[:3]
    for inputs, role, own in [
        (TEXTS, "text", TEXTS),
        (images, "image", [Image.fromarray(x) for x in images]),
    ]:
        expected = unit(torch.as_tensor(model.encode(own)))
        np.testing.assert_allclose(
            encoder.encode(inputs, role, dtype="float32"), expected, atol=1e-5
        )


def test_saved_trained_and_loaded(clip, tmp_path):
    rng = np.random.default_rng(0)
    rows = {
        "anchor": [rng.integers(0, 255, (40, 40, 3), dtype=np.uint8) for _ in range(8)],
        "positive": [
            f"a {a} {b}" for a in ("red", "blue") for b in ("dog", "cat", "tree", "house")
        ],
    }
    run = dipole.fit(
        dipole.data.Pairs.from_columns(rows), str(clip[0]), "infonce", temperature=0.01,
        batch_size=4, max_steps=2, out=tmp_path / "run", show_progress=False,
    )  # fmt: skip
    again = load_encoder(tmp_path / "run")
    for inputs in rows.values():
        np.testing.assert_array_equal(again.encode(inputs), run.encoder.encode(inputs))


def test_the_image_tower_alone(clip):
    folder, _ = clip
    alone = load_encoder(f"image:{folder}")
    assert isinstance(alone, PretrainedImage)
    both = load_encoder(folder)
    np.testing.assert_array_equal(alone.encode(pictures(3)), both.encode(pictures(3), "image"))
    smaller = make_encoder(f"image:{folder}", pictures(3), pictures(3), size=16)
    assert smaller.size == (16, 16)


def test_what_is_wrong_is_said(clip, tmp_path):
    with pytest.raises(InputError, match=r"encoder option 'size': .* holds two towers"):
        make_encoder(str(clip[0]), pictures(2), TEXTS, size=16)
    (tmp_path / "config.json").write_text(
        '{"model_type": "siglip", "vision_config": {}, "text_config": {}}'
    )
    with pytest.raises(InputError, match=r"found siglip.*image tower alone: image:"):
        load_encoder(tmp_path)
