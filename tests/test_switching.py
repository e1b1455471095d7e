"""Every "yes" of docs/switching.md has a test behind it, most of which begin with what the other
library wrote: its folder, or its loss and gradients (tests/parity/fixtures)."""

# ruff: noqa: E501

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dipole.encoders.names import NEW, PREFIXES
from dipole.objectives.contract.registry import OBJECTIVES
from dipole.training.naming import PARTS
from dipole.training.samplers import SAMPLERS
from dipole.views import VIEWS

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "switching.md").read_text(encoding="utf-8")

# Heading -> the first cell of a row up to its second back quote -> a test, or a fixture of parity.
BEHIND = {
    "Models": {
        "`SentenceTransformer(folder).encode_query(texts)`": "encoders/test_st_modules.py::test_every_pooling",
        "`encode_multi_process`": "encoders/test_workers.py::test_a_file_by_two_workers_is_that_of_one",
        "every mode of `Pooling`": "encoders/test_st_modules.py::test_every_pooling",
        "`Dense`": "encoders/test_st_modules.py::test_modules_after_the_pooling",
        "`StaticEmbedding`": "encoders/test_st_static.py::test_the_layout_of_model2vec",
        "prompts, `default_prompt_name`": "encoders/test_st_modules.py::test_prompts_of_any_name_stay",
        "`truncate_dim`": "encoders/test_st_modules.py::test_truncated_vectors",
        "`model.save(folder)`": "encoders/test_st_export.py::test_transformers",
        "`quantize_embeddings(precision=...)`": "encoders/test_quantizing.py::test_values_are_those_of_sentence_transformers",
        "`backend=\"onnx\"`": "encoders/test_onnx.py::test_transformers",
        "`SentenceTransformer(\"clip-ViT-B-32\")`": "encoders/test_clip_folder.py::test_what_sentence_transformers_saved",
        "`push_to_hub`": "cli/test_push.py::test_what_is_published",
        "`util.paraphrase_mining`": "retrieval/test_similar_pairs.py::test_pairs_are_those_of_the_whole_matrix",
        "`util.community_detection`": "retrieval/test_similar_pairs.py::test_groups_are_those_of_sentence_transformers",
    },
    "Training": {
        "`MultipleNegativesRankingLoss(scale=20)`": "infonce-st",
        "`CachedMultipleNegativesRankingLoss`": "training/test_gradient_cache.py::test_two_views_with_dropout_give_the_gradient_of_the_whole_graph",
        "`CoSENTLoss`": "cosent-st",
        "`ContrastiveLoss`": "contrastive-st-default",
        "`OnlineContrastiveLoss`": "online-contrastive-st",
        "`CosineSimilarityLoss`": "cosine-similarity-st",
        "`AnglELoss`": "angle-st",
        "`GISTEmbedLoss`": "gist-st-negatives",
        "`MegaBatchMarginLoss`": "mega-batch-margin-st",
        "`TripletLoss`": "objectives/pairs/test_triplet.py::test_explicit_triplets_are_those_of_torch",
        "`BatchHardTripletLoss`": "triplet-batch-hard-st",
        "`MatryoshkaLoss`": "matryoshka-st",
        "`MarginMSELoss`": "margin-mse-st",
        "`DistillKLDivLoss`": "kl-listwise-st",
        "`mine_hard_negatives`": "mining-relative-margin",
        "`BatchSamplers.NO_DUPLICATES`": "sampling/test_unique.py::test_every_row_once_and_no_key_twice",
    },
    "Cross-encoders": {
        "`CrossEncoder(folder).predict(pairs)`": "encoders/test_cross_text.py::test_their_folder_is_read_and_ours_by_them",
        "`CrossEncoder.rank`": "retrieval/test_rerank.py::test_the_best_hundred_are_judged",
        "`CrossEncoderTrainer`": "encoders/test_cross_text.py::test_it_is_trained",
        "`BinaryCrossEntropyLoss`": "objectives/lists/test_list_logits.py::TestPairBCE",
        "`RankNetLoss`": "objectives/lists/test_list_logits.py::TestRankNet",
        "`LambdaLoss`": "objectives/lists/test_list_logits.py::TestLambdaLoss",
        "`ListNetLoss`": "objectives/lists/test_list_logits.py::TestListSoftmax",
        "`ListMLELoss`": "objectives/lists/test_list_logits.py::TestPlackettLuce",
        "`MarginMSELoss`": "objectives/lists/test_list_logits.py::TestScoreDistil",
        "`CrossEncoderRerankingEvaluator`": "evaluation/test_judged.py::test_lists_are_ordered_by_the_scores",
        "`CrossEncoderCorrelationEvaluator`": "evaluation/test_judged.py::test_pairs_are_measured_by_the_scores",
    },
    "Sparse models and evaluation": {
        "`InformationRetrievalEvaluator`": "evaluation-ndcg-10-ranx",
        "`EmbeddingSimilarityEvaluator`": "evaluation/tasks/test_sts.py::test_evaluate_sts",
        "`BinaryClassificationEvaluator`": "evaluation-best-threshold-f1",
        "`RerankingEvaluator`": "evaluation/tasks/test_reranking.py::test_by_hand",
        "`TripletEvaluator`": "evaluation/tasks/test_triplets.py::test_that_of_sentence_transformers",
        "`TranslationEvaluator`": "evaluation/tasks/test_bitext.py::test_every_cosine_written_out",
        "`MultiVectorEncoder(folder)`": "encoders/test_multi_vector_text.py::test_sentence_transformers_reads_ours_and_we_read_its_folder",
        "`MultiVectorEncoderTrainer`": "encoders/test_multi_vector_text.py::test_it_is_trained_and_saved",
        "`SparseEncoder(folder).encode(texts)`": "encoders/test_sparse_text.py::test_their_folder_is_read_and_ours_by_them",
        "`SparseEncoderTrainer`": "encoders/test_sparse_text.py::test_it_is_trained_and_flops_makes_it_sparser",
        "`SpladeLoss` with `SparseMultipleNegativesRankingLoss`": "objectives/dimensions/test_sparsity.py::test_it_is_the_loss_of_splade_in_sentence_transformers",
        "`SparseInformationRetrievalEvaluator`": "evaluation/tasks/test_sparse_search.py::test_the_measures_are_those_of_the_dense_vectors",
    },
    "pytorch-metric-learning": {
        "`SupConLoss`": "supcon-out",
        "`MultiSimilarityLoss`": "objectives/labels/test_multi_similarity.py::TestMultiSimilarity",
        "`CircleLoss`": "circle-pml",
        "`ContrastiveLoss`": "contrastive-batch-pml",
        "`TripletMarginLoss`": "triplet-batch-hard-pml",
        "`NPairsLoss`": "n-pair-pml-cosine",
        "`GeneralizedLiftedStructureLoss`": "lifted-balanced-pml",
        "`VICRegLoss`": "vicreg",
        "`ArcFaceLoss`": "arcface-pml",
        "`ProxyAnchorLoss`": "proxy-anchor-pml",
        "`SmoothAPLoss`": "smooth-ap-pml",
        "`FastAPLoss`": "fast-ap-pml",
        "`MPerClassSampler`": "training/test_samplers.py::test_classes",
        "`DistributedLossWrapper`": "training/test_distributed.py::test_several_processes_end_as_one",
        "`AccuracyCalculator`": "evaluation/tasks/test_neighbours.py::test_scikit_learn_agrees_where_no_vote_is_tied",
    },
    "lightly": {
        "`NTXentLoss`": "simclr-ntxent-google",
        "`NTXentLoss(memory_bank_size=4096)`": "moco-queue",
        "`BarlowTwinsLoss`": "vicreg-lightly",
        "`NegativeCosineSimilarity`": "siamese-lightly",
        "`SwaVLoss`": "swav",
        "`DCLLoss`": "dcl-dclw-lightly",
        "`SimCLRTransform`": "views/test_image.py::test_the_seed_decides_a_view_and_values_stay_values",
        "pretrained towers (ViT, DINOv2, Swin, ConvNeXt, ResNet)": "encoders/test_pretrained_image.py::test_vectors_are_those_of_transformers",
        "`BenchmarkModule`": "evaluation-knn-majority",
    },
    "open_clip": {
        "`ClipLoss`": "clip-open-clip",
        "`SigLipLoss`": "siglip-open-clip-bias0",
        "`CLIPModel`": "encoders/test_clip_folder.py::test_both_towers_give_the_vectors_of_transformers",
        "`--lock-image`": "training/test_locking.py::test_a_locked_tower_is_encoded_once_and_stays",
        "two towers of two kinds": "encoders/test_named_towers.py::test_a_column_goes_to_the_tower_of_its_modality",
        "`--accum-freq`": "training/test_gradient_cache.py::test_two_views_with_dropout_give_the_gradient_of_the_whole_graph",
        "webdataset shards": "data/test_shards.py::test_images_with_texts_and_with_classes",
        "zero-shot classifiers with templates": "evaluation/tasks/test_zero_shot.py::test_the_ensemble_by_hand",
    },
    "FlagEmbedding and PyLate": {
        "data with `query`": "data/test_columns.py::test_ranked",
        "`hn_mine`": "sampling/test_mining.py::test_equals_a_loop_over_all_texts",
        "`FlagReranker`": "encoders/test_cross_text.py::test_pairs_are_joined_as_the_tokenizer_joins_them",
        "training of a reranker": "encoders/test_cross_text.py::test_it_is_trained",
        "`models.ColBERT(folder)`": "encoders/test_multi_vector_text.py::test_the_vectors_are_those_of_pylate",
        "`losses.Contrastive`": "encoders/test_multi_vector_text.py::test_the_loss_and_its_gradient_are_those_of_pylate",
        "`losses.Distillation`": "encoders/test_multi_vector_text.py::test_logits_of_lists_are_its_scores",
        "`rank.rerank`": "retrieval/test_token_vectors.py::test_several_queries_at_once_and_reranking",
        "MaxSim search": "retrieval/test_token_vectors.py::test_searches_are_exact_after_every_change",
    },
    "model2vec": {
        "`distill(model_name, pca_dims=256)`": "encoders/test_distilling.py::test_vectors_are_the_teachers_along_its_principal_directions",
        "`StaticModel.from_pretrained(folder)`": "encoders/test_st_static.py::test_the_layout_of_model2vec",
        "tuning": "encoders/test_distilling.py::test_sentence_transformers_reads_it_and_training_goes_on",
    },
}  # fmt: skip


def rows() -> list[tuple[str, list[str]]]:
    """(heading, cells) of every row of a table."""
    found, heading = [], ""
    for line in PAGE.splitlines():
        if line.startswith("#"):
            heading = line.lstrip("# ")
        elif line.startswith("|") and not line.startswith(("| theirs", "|---")):
            found.append((heading, [cell.strip() for cell in line.strip("|").split("|")]))
    return found


def behind(heading: str, theirs: str) -> str | None:
    """What stands behind a row: the entry with the longest key that it begins with."""
    keys = [key for key in BEHIND.get(heading, {}) if theirs.startswith(key)]
    return BEHIND[heading][max(keys, key=len)] if keys else None


def test_every_row_says_yes_or_not_yet() -> None:
    said = [cells[-1] for _, cells in rows()]
    assert set(said) == {"yes", "not yet"}
    assert said.count("yes") > 50
    assert all(len(cells) == 4 for _, cells in rows())


@pytest.mark.parametrize(
    ("heading", "cells"), rows(), ids=lambda x: x if isinstance(x, str) else x[0]
)
def test_a_yes_has_a_test_and_not_yet_has_none(heading: str, cells: list[str]) -> None:
    found = behind(heading, cells[0])
    if cells[-1] == "not yet":
        assert found is None
        return
    assert found is not None, "no test behind it"
    assert cells[1], "yes, and nothing to call"
    file, _, name = found.partition("::")
    if not file.endswith(".py"):
        assert (ROOT / "tests" / "parity" / "fixtures" / f"{found}.json").is_file()
        return
    text = (ROOT / "tests" / file).read_text(encoding="utf-8")
    assert not name or re.search(rf"^(def|class) {name}\b", text, re.MULTILINE), found


def test_nothing_stands_behind_a_row_that_is_gone() -> None:
    used = {(heading, behind(heading, cells[0])) for heading, cells in rows()}
    for heading, tests in BEHIND.items():
        assert {(heading, test) for test in tests.values()} <= used


def test_names_of_ours_are_there() -> None:
    tables = (
        ("objective", OBJECTIVES), ("view", VIEWS), ("sampler", SAMPLERS), ("part", PARTS),
        ("encoder", {*NEW, *PREFIXES}),
    )  # fmt: skip
    ours = " ".join(cells[1] for _, cells in rows())
    for option, known in tables:
        named = re.findall(rf"--{option} ([a-z0-9-]+)", ours)
        assert named
        assert set(named) <= {*known, "unique"}, option
