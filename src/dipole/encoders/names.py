"""The encoders of ours by name; a module is imported when its name is used."""

from __future__ import annotations

from typing import TYPE_CHECKING

from dipole.lookup import find

if TYPE_CHECKING:
    from dipole.encoders.base import Encoder

# Name -> module:class; `from_inputs(queries, documents, **options)` makes a new one.
NEW = {
    "static": "static_text:StaticText",
    "dan": "dan_text:DanText",
    "conv": "conv:ConvImage",
    "resnet": "resnet:ResNetImage",
    "vit": "vit:ViTImage",
    "perceptron": "perceptron:PerceptronImage",
    "two-towers": "two_towers:TwoTowers",
    "towers": "named_towers:NamedTowers",
    "layers": "layers_text:LayersText",
    "spans": "span_text:SpanText",
    "masked": "masked_text:MaskedText",
    "inner": "inner_text:InnerText",
    "template": "template_text:TemplateText",
    "prompted": "prompted_text:PromptedText",
    "cross": "cross_text:CrossText",
    "sparse": "sparse_text:SparseText",
    "pixel-text": "pixel_text:PixelText",
    "token-graph": "token_graph_text:TokenGraphText",
}
# The class that a saved folder's config.json names -> module:class; it has `load(folder)`.
SAVED = {
    "StaticText": "static_text:StaticText",
    "DanText": "dan_text:DanText",
    "TransformerText": "transformer_text:TransformerText",
    "AdaptedText": "adapters:AdaptedText",
    "LayersText": "layers_text:LayersText",
    "SpanText": "span_text:SpanText",
    "MaskedText": "masked_text:MaskedText",
    "InnerText": "inner_text:InnerText",
    "TemplateText": "template_text:TemplateText",
    "PromptedText": "prompted_text:PromptedText",
    "CrossText": "cross_text:CrossText",
    "SparseText": "sparse_text:SparseText",
    "PixelText": "pixel_text:PixelText",
    "MultiVectorText": "multi_vector_text:MultiVectorText",
    "ConvImage": "conv:ConvImage",
    "ResNetImage": "resnet:ResNetImage",
    "ViTImage": "vit:ViTImage",
    "PerceptronImage": "perceptron:PerceptronImage",
    "PretrainedImage": "pretrained_image:PretrainedImage",
    "TwoTowers": "two_towers:TwoTowers",
    "NamedTowers": "named_towers:NamedTowers",
    "OnnxEncoder": "onnx_encoder:OnnxEncoder",
}

# What may stand before a folder or hub id, `lm:FOLDER` -> the class that loads it, by a string:
# one is in a room above this one.
PREFIXES = {
    "lm": "dipole.language.causal:CausalLM",
    "image": "dipole.encoders.pretrained_image:PretrainedImage",
    "colbert": "dipole.encoders.multi_vector_text:MultiVectorText",
}


def prefixed(name: str) -> tuple[type[Encoder], str] | None:
    """The class and the folder or hub id of `lm:FOLDER`, None of a name without a prefix."""
    prefix, _, source = name.partition(":")
    if prefix not in PREFIXES or not source:
        return None
    found: type[Encoder] = find("encoder", prefix, PREFIXES)
    return found, source


def has_prefix(name: str) -> bool:
    """Whether a name is one of `prefixed`; imports nothing."""
    prefix, _, source = name.partition(":")
    return prefix in PREFIXES and bool(source)


def new_classes() -> dict[str, type[Encoder]]:
    """Those that are made from scratch."""
    return {name: find("encoder", name, NEW, package=__package__) for name in NEW}


def saved_class(name: str) -> type[Encoder] | None:
    """The class that reads a folder of this kind, or None."""
    if name not in SAVED:
        return None
    found: type[Encoder] = find("encoder", name, SAVED, package=__package__)
    return found
