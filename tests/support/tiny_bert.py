"""A plain Hugging Face folder: a randomly initialised BERT of 2 layers and 32 dimensions."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any


def word_pieces(texts: Sequence[str]) -> Any:
    """A tokeniser of BERT's kind, made of these texts."""
    from tokenizers import Tokenizer, models, normalizers, pre_tokenizers, processors, trainers

    tokenizer = Tokenizer(models.WordPiece(unk_token="[UNK]"))
    tokenizer.normalizer = normalizers.BertNormalizer(lowercase=False)
    tokenizer.pre_tokenizer = pre_tokenizers.BertPreTokenizer()
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    trainer = trainers.WordPieceTrainer(vocab_size=150, special_tokens=special, show_progress=False)
    tokenizer.train_from_iterator(texts, trainer)
    tokenizer.post_processor = processors.BertProcessing(("[SEP]", 3), ("[CLS]", 2))
    return tokenizer


def save_tiny_bert(
    folder: Path, texts: Sequence[str], *, masked: bool = False, dropout: float = 0.1
) -> Path:
    """With a tokeniser of its own, made of `texts`; dropout 0.1, as BERT has it.

    masked: with the head of a masked language model.
    """
    import torch
    from transformers import BertConfig, BertForMaskedLM, BertModel, PreTrainedTokenizerFast

    torch.manual_seed(0)
    config = BertConfig(
        vocab_size=150,
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
        initializer_range=0.3,
        hidden_dropout_prob=dropout,
        attention_probs_dropout_prob=dropout,
    )
    model = BertForMaskedLM(config) if masked else BertModel(config, add_pooling_layer=False)
    model.save_pretrained(folder)
    PreTrainedTokenizerFast(
        tokenizer_object=word_pieces(texts),
        pad_token="[PAD]",
        unk_token="[UNK]",
        cls_token="[CLS]",
        sep_token="[SEP]",
        mask_token="[MASK]",
    ).save_pretrained(folder)
    return folder
