"""The two towers of a CLIP checkpoint."""

from __future__ import annotations

from pathlib import Path

from dipole.encoders.folder import read_json
from dipole.encoders.named_towers import NamedTowers
from dipole.encoders.pretrained_image import PretrainedImage, as_dense, image_half, read_image_model
from dipole.encoders.transformer_text import TransformerText
from dipole.encoders.transformers_io import read_tokenizer
from dipole.errors import InputError


def read_clip(folder: Path) -> NamedTowers:
    """Towers named `image` and `text` of a CLIP folder of transformers.

    A text's vector is the projected state of its last token, which is its end. SigLIP pads every
    text to one length and reads the padding too; only its image tower can be had, `image:FOLDER`.

    Raises:
        InputError: a file missing or broken; a model that is not CLIP.
    """
    kind = read_json(folder / "config.json").get("model_type")
    if kind != "clip":
        raise InputError(
            f"{folder}: found {kind}, a model of images and texts; expected clip, or its image "
            f"tower alone: image:{folder}"
        )
    model, preprocessing = read_image_model(folder)
    images, projection = image_half(model, folder)
    image = PretrainedImage(images, preprocessing, projection=projection)
    after = as_dense(model.text_projection)
    assert after is not None
    text = TransformerText(model.text_model, read_tokenizer(folder), pooling="last", after=[after])
    return NamedTowers({"image": image, "text": text}, {"query": "text", "document": "image"})
