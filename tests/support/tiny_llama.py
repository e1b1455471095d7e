"""A plain Hugging Face folder of a causal language model: a random Llama of 2 layers that reads
bytes."""

from pathlib import Path

# A template in the manner of ChatML, whose marks are tokens of the tiny tokenizer.
TEMPLATE = (
    "{% for m in messages %}<|im_start|>{{ m['role'] }}\n{{ m['content'] }}<|im_end|>\n{% endfor %}"
    "{% if add_generation_prompt %}<|im_start|>assistant\n{% endif %}"
)
END, START = "<|im_end|>", "<|im_start|>"


def byte_tokenizer(*, template=TEMPLATE, end=END):
    """A token for every byte, and two marks."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers
    from transformers import PreTrainedTokenizerFast

    letters = pre_tokenizers.ByteLevel.alphabet()
    vocabulary = {letter: number for number, letter in enumerate(sorted(letters))}
    tokenizer = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    tokenizer.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
    tokenizer.decoder = decoders.ByteLevel()
    tokenizer.add_special_tokens([START, END])
    made = PreTrainedTokenizerFast(tokenizer_object=tokenizer, eos_token=end, pad_token=end)
    made.chat_template = template
    return made


def save_tiny_llama(folder: Path, *, positions=96, seed=0, **tokenizer) -> Path:
    """With a byte-level tokenizer of 258 tokens; `tokenizer`: its template and end."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    torch.manual_seed(seed)
    config = LlamaConfig(
        vocab_size=258,
        hidden_size=16,
        intermediate_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        num_key_value_heads=1,
        max_position_embeddings=positions,
        initializer_range=0.2,
        attention_dropout=0.1,
        bos_token_id=None,
        eos_token_id=257,
        pad_token_id=257,
    )
    LlamaForCausalLM(config).save_pretrained(folder)
    byte_tokenizer(**tokenizer).save_pretrained(folder)
    return folder
