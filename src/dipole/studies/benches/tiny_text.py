"""A transformer of texts that starts from nothing and trains in seconds, for claims without labels.

A pretrained sentence encoder has seen labelled pairs, so what it learns without them shows little.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import torch

from dipole.encoders.transformer_text import TransformerText
from dipole.errors import optional

SPECIAL = ("[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]")


def tiny_text(
    texts: Sequence[str],
    *,
    seed: int,
    dim: int = 64,
    layers: int = 2,
    vocabulary: int = 4096,
    dropout: float = 0.1,
    max_length: int = 32,
) -> TransformerText:
    """A BERT of random weights over word pieces made of `texts`, mean pooled.

    The seed decides the weights; the pieces are a function of the texts.
    """
    transformers = optional("transformers", "text")
    torch.manual_seed(seed)
    tokenizer = word_pieces(texts, vocabulary)
    config = transformers.BertConfig(
        vocab_size=len(tokenizer),
        hidden_size=dim,
        num_hidden_layers=layers,
        num_attention_heads=max(1, dim // 32),
        intermediate_size=2 * dim,
        max_position_embeddings=2 * max_length,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    model = transformers.BertModel(config, add_pooling_layer=False)
    return TransformerText(model, tokenizer, pooling="mean", max_length=max_length)


def word_pieces(texts: Sequence[str], size: int) -> Any:
    """A fast tokenizer of at most `size` word pieces in lower case, with BERT's frame."""
    tokenizers = optional("tokenizers", "text")
    transformers = optional("transformers", "text")
    made = tokenizers.Tokenizer(tokenizers.models.WordPiece(unk_token="[UNK]"))
    made.normalizer = tokenizers.normalizers.BertNormalizer(lowercase=True)
    made.pre_tokenizer = tokenizers.pre_tokenizers.BertPreTokenizer()
    trainer = tokenizers.trainers.WordPieceTrainer(
        vocab_size=size, special_tokens=list(SPECIAL), show_progress=False
    )
    made.train_from_iterator(texts, trainer)
    frame = [(name, made.token_to_id(name)) for name in ("[SEP]", "[CLS]")]
    made.post_processor = tokenizers.processors.BertProcessing(*frame)
    return transformers.PreTrainedTokenizerFast(
        tokenizer_object=made,
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    )
