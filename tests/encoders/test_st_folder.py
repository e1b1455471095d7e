from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from dipole.encoders.pooling import POOLINGS, check_pooling
from dipole.encoders.st_folder import read_settings, write_settings
from dipole.errors import InputError


def write(folder: Path, **files: Any) -> Path:
    for name, value in files.items():
        path = folder / name.replace("__", "/")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.with_suffix(".json").write_text(json.dumps(value))
    return folder


def modules(*kinds: str, prefix: str = "sentence_transformers.models.") -> list[dict[str, Any]]:
    paths = ["" if i == 0 else f"{i}_{kind}" for i, kind in enumerate(kinds)]
    return [
        {"idx": i, "name": str(i), "path": p, "type": prefix + k}
        for i, (p, k) in enumerate(zip(paths, kinds, strict=True))
    ]


@pytest.mark.parametrize("pooling", POOLINGS)
@pytest.mark.parametrize("normalize", [True, False])
def test_what_is_written_is_read(tmp_path: Path, pooling: str, normalize: bool) -> None:
    prompts = {"query": "query: ", "document": ""}
    write_settings(
        tmp_path,
        pooling=check_pooling(pooling),
        dim=8,
        normalize=normalize,
        max_length=77,
        prompts=prompts,
    )
    found = read_settings(tmp_path)
    assert (found.pooling, found.normalize, found.max_length) == (pooling, normalize, 77)
    assert found.prompts == prompts
    assert found.transformer == tmp_path


def test_a_plain_folder_has_the_defaults(tmp_path: Path) -> None:
    found = read_settings(tmp_path)
    assert (found.pooling, found.normalize, found.prompts) == ("mean", True, {})


def test_the_names_of_version_6_are_read(tmp_path: Path) -> None:
    listed = modules("Transformer", "Pooling", prefix="sentence_transformers.base.modules.x.")
    pooling = {"embedding_dimension": 8, "pooling_mode": "lasttoken", "include_prompt": True}
    found = read_settings(write(tmp_path, modules=listed, **{"1_Pooling__config": pooling}))
    assert (found.pooling, found.normalize) == ("last", False)


def test_old_pooling_flags_without_any_set_mean_mean(tmp_path: Path) -> None:
    flags = {"word_embedding_dimension": 8, "pooling_mode_cls_token": False}
    write(tmp_path, modules=modules("Transformer", "Pooling"), **{"1_Pooling__config": flags})
    assert read_settings(tmp_path).pooling == "mean"


@pytest.mark.parametrize(
    ("config", "expected"),
    [
        ({}, ("", "")),
        ({"prompts": {"query": "q: ", "passage": "p: "}}, ("q: ", "p: ")),
        ({"prompts": {"all": "x: "}, "default_prompt_name": "all"}, ("x: ", "x: ")),
        (
            {"prompts": {"all": "x: ", "query": "", "document": ""}, "default_prompt_name": "all"},
            ("", ""),
        ),
        ({"prompts": {"query": None}}, ("", "")),
    ],
)
def test_prompts_by_role(tmp_path: Path, config: Any, expected: tuple[str, str]) -> None:
    write(
        tmp_path,
        modules=modules("Transformer", "Pooling"),
        config_sentence_transformers=config,
        **{"1_Pooling__config": {"pooling_mode": "mean"}},
    )
    prompts = read_settings(tmp_path).prompts
    assert (prompts["query"], prompts["document"]) == expected


def test_lower_case_and_length_are_read_from_old_file_names(tmp_path: Path) -> None:
    write(
        tmp_path,
        modules=modules("Transformer", "Pooling"),
        sentence_roberta_config={"max_seq_length": 99, "do_lower_case": True},
        **{"1_Pooling__config": {"pooling_mode": "cls"}},
    )
    found = read_settings(tmp_path)
    assert (found.max_length, found.lower_case) == (99, True)


@pytest.mark.parametrize(
    "kinds",
    [
        ("Transformer", "Pooling", "Dropout"),
        ("Transformer", "Pooling", "Normalize", "CNN"),
        ("Transformer", "Dense", "Pooling"),
        ("Router",),
        ("CLIPModel",),
        ("Transformer",),
        (),
    ],
)
def test_modules_it_cannot_carry_are_named(tmp_path: Path, kinds: tuple[str, ...]) -> None:
    write(tmp_path, modules=modules(*kinds))
    named = ", ".join(kinds) or "none"
    with pytest.raises(InputError, match=rf"modules {named}; expected Transformer, Pooling"):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("pooling", "named"),
    [
        ({"pooling_mode": "median"}, "pooling 'median'; expected some of cls, max, mean, mean_sq"),
        (
            {"pooling_mode": ["cls", "first"]},
            "pooling .*; expected some of",
        ),
        ({"pooling_mode": "mean", "pooling_mode_first": True}, "pooling_mode_first is no setting"),
        ({"pooling_mode": 3}, "pooling 3; expected some of"),
        ({"pooling_mode": "mean", "include_prompt": False}, "include_prompt is false"),
    ],
)
def test_poolings_it_cannot_carry_are_named(
    tmp_path: Path, pooling: dict[str, Any], named: str
) -> None:
    write(
        tmp_path,
        modules=modules("Transformer", "Pooling"),
        config_sentence_transformers={"prompts": {"query": "q: "}},
        **{"1_Pooling__config": pooling},
    )
    with pytest.raises(InputError, match=named):
        read_settings(tmp_path)


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("sentence_bert_config", {"max_seq_length": -1}, "max_seq_length: found -1; expected a w"),
        ("sentence_bert_config", {"max_seq_length": "512"}, "max_seq_length: found '512'; expect"),
        ("sentence_bert_config", {"do_lower_case": "no"}, "do_lower_case is 'no'; expected true"),
        ("sentence_bert_config", {"query_length": 32}, "query_length is 32, which no encoder here"),
        ("sentence_bert_config", {"speed": 9}, "speed is 9, which no encoder here can do"),
        (
            "sentence_bert_config",
            {"transformer_task": "fill-mask"},
            "transformer_task is 'fill-mask', which no encoder",
        ),
        ("sentence_bert_config", {"model_args": {"layers": 1}}, "model_args is .*, which no encod"),
        ("sentence_bert_config", [], "found .*; expected the settings of a Transformer"),
        ("config_sentence_transformers", {"truncate_dim": 0}, "truncate_dim: found 0; expected"),
        ("config_sentence_transformers", {"truncate_dim": True}, "truncate_dim: found True; exp"),
        ("config_sentence_transformers", {"prompts": "q: "}, "prompts are 'q: '; expected names"),
        ("config_sentence_transformers", {"prompts": {"query": 3}}, "prompts are .*; expected na"),
        (
            "config_sentence_transformers",
            {"prompts": {"query": "q: "}, "default_prompt_name": "querry"},
            "default_prompt_name is 'querry'; did you mean 'query'",
        ),
        ("config_sentence_transformers", [1], "found .*; expected the settings of a model"),
    ],
)
def test_settings_that_are_none_are_named(
    tmp_path: Path, name: str, content: Any, message: str
) -> None:
    pooling = {"pooling_mode": "mean"}
    write(tmp_path, modules=modules("Transformer", "Pooling"), **{"1_Pooling__config": pooling})
    with pytest.raises(InputError, match=rf"{name}\.json: {message}"):
        read_settings(write(tmp_path, **{name: content}))


def test_settings_that_change_no_vector_are_no_matter(tmp_path: Path) -> None:
    plain = {"method": "forward", "method_output_name": "last_hidden_state"}
    settings = {
        "transformer_task": "feature-extraction",
        "modality_config": {"text": plain},
        "module_output_name": "token_embeddings",
        "tokenizer_args": {"padding_side": "left"},
        "model_args": {"trust_remote_code": True},
    }
    pooling = {"pooling_mode": "mean"}
    write(tmp_path, modules=modules("Transformer", "Pooling"), sentence_bert_config=settings,
          **{"1_Pooling__config": pooling})  # fmt: skip
    assert read_settings(tmp_path).pooling == "mean"


def test_code_of_a_models_own_is_named(tmp_path: Path) -> None:
    listed = modules("Transformer", "Pooling", prefix="custom_st.")
    with pytest.raises(InputError, match=r"module custom_st\.Transformer is code of its own"):
        read_settings(write(tmp_path, modules=listed))
    listed = modules("Transformer", "Pooling")
    listed[0]["kwargs"] = ["task"]
    with pytest.raises(InputError, match=r"Transformer has kwargs .*; expected none"):
        read_settings(write(tmp_path, modules=listed))


def test_a_default_prompt_is_said(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    pooling = {"pooling_mode": "mean"}
    write(
        tmp_path,
        modules=modules("Transformer", "Pooling"),
        config_sentence_transformers={"prompts": {"all": "x: "}, "default_prompt_name": "all"},
        **{"1_Pooling__config": pooling},
    )
    found = read_settings(tmp_path)
    assert (found.other_prompts, found.default_prompt) == ({"all": "x: "}, "all")
    said = capsys.readouterr().err
    assert "its default prompt 'all' is put before every query and document" in said
    assert said.count("\n") == 1


@pytest.mark.parametrize("content", [{"a": 1}, [1], [{"idx": 0}]])
def test_modules_of_another_shape_are_one_line(tmp_path: Path, content: Any) -> None:
    with pytest.raises(InputError, match="expected a list of modules with path and type"):
        read_settings(write(tmp_path, modules=content))
