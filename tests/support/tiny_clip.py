"""Tiny image models and a tiny CLIP in the folders of transformers."""

from pathlib import Path

import numpy as np
import torch

SMALL = {
    "hidden_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 64,
}  # fmt: skip
VISION = {**SMALL, "image_size": 32, "patch_size": 8}
WORDS = [
    "a",
    "an",
    "the",
    "red",
    "blue",
    "green",
    "dog",
    "cat",
    "tree",
    "house",
    "on",
    "in",
    "of",
    "is",
    "big",
    "small",
]


def processor():
    """Scales the shorter side to 36 and crops 32 x 32, as CLIP's does to 224."""
    from transformers.models.clip.image_processing_pil_clip import CLIPImageProcessorPil

    size, crop = {"shortest_edge": 36}, {"height": 32, "width": 32}
    return CLIPImageProcessorPil(size=size, crop_size=crop)


def save_image_model(folder: Path, kind: str):
    """A random model of a kind in a folder; returned too."""
    import transformers as t

    in_stages = {"depths": [1, 1], "num_heads": [1, 1], "window_size": 4, "embed_dim": 8}
    in_two = {"hidden_sizes": [8, 16], "depths": [1, 1]}
    configs = {
        "vit": (t.ViTModel, t.ViTConfig(**VISION)),
        "dinov2": (t.Dinov2Model, t.Dinov2Config(**VISION)),
        "siglip": (t.SiglipVisionModel, t.SiglipVisionConfig(**VISION)),
        "swin": (t.SwinModel, t.SwinConfig(image_size=32, patch_size=4, **in_stages)),
        "resnet": (t.ResNetModel, t.ResNetConfig(embedding_size=8, **in_two)),
        "convnext": (t.ConvNextModel, t.ConvNextConfig(hidden_sizes=[8] * 4, depths=[1] * 4)),
    }
    cls, config = configs[kind]
    torch.manual_seed(0)
    model = cls(config).eval()
    model.save_pretrained(folder)
    processor().save_pretrained(folder)
    return model


def save_tiny_clip(folder: Path):
    """A random CLIP with a tokenizer of words, in the layout of transformers; returned too."""
    import transformers as t
    from tokenizers import Tokenizer, models, pre_tokenizers, processors

    names = ["<|startoftext|>", "<|endoftext|>", "<unk>", *WORDS]
    vocabulary = {name: i for i, name in enumerate(names)}
    words = Tokenizer(models.WordLevel(vocabulary, unk_token="<unk>"))
    words.pre_tokenizer = pre_tokenizers.Whitespace()
    words.post_processor = processors.TemplateProcessing(
        single=f"{names[0]} $A {names[1]}", special_tokens=[(names[0], 0), (names[1], 1)]
    )
    tokenizer = t.PreTrainedTokenizerFast(
        tokenizer_object=words, bos_token=names[0], eos_token=names[1], pad_token=names[1],
        unk_token="<unk>", model_max_length=16,
    )  # fmt: skip
    ends = {"bos_token_id": 0, "eos_token_id": 1, "pad_token_id": 1}
    text = {**SMALL, "vocab_size": len(names), "max_position_embeddings": 16, **ends}
    config = t.CLIPConfig(text_config=text, vision_config=dict(VISION), projection_dim=16)
    torch.manual_seed(0)
    model = t.CLIPModel(config).eval()
    for half in (model.text_projection, model.visual_projection):
        torch.nn.init.normal_(half.weight)
    model.save_pretrained(folder)
    t.CLIPProcessor(processor(), tokenizer).save_pretrained(folder)
    processor().save_pretrained(folder)
    return model


def pictures(n: int, *, seed: int = 0) -> list[np.ndarray]:
    """Images of different sizes, the last one grey."""
    rng = np.random.default_rng(seed)
    shapes = [(40 + i, 60 - i, 3) for i in range(n - 1)]
    return [rng.integers(0, 255, shape, dtype=np.uint8) for shape in [*shapes, (33, 40)]]
