"""awesome-align: links that are probable for both words, from the states of a multilingual encoder.

    dipole align corpus.de corpus.en --method softmax --model bert-base-multilingual-cased

What is here is how links are extracted, by softmax or 1.5-entmax, which agrees with the authors'
code. Their fine-tuning on parallel texts (TLM, self-training, consistency, parallel sentences) is
not: its losses leave out special tokens, which no encoder tells apart from others yet.
"""

from __future__ import annotations

from dipole.systems.base import System

SYSTEM = System(
    id="awesome-align",
    paper=(
        "Dou and Neubig 2021, Word Alignment by Fine-tuning Embeddings on Parallel Corpora, "
        "arXiv 2101.08231"
    ),
    place="dipole.aligning.words.thresholding:both_ways",
)
