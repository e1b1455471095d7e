import pytest
import yaml

from dipole.training.yaml_loading import load_yaml


def test_plain_values_as_safe_yaml_has_them():
    text = "a: 1\nb: [1.5, x]\nc: {d: null}\nbase: &b {x: 1}\nmore: {<<: *b, y: 2}\n"
    assert load_yaml(text) == yaml.safe_load(text)
    with pytest.raises(yaml.YAMLError):
        load_yaml("!!python/object/apply:os.getcwd []")


@pytest.mark.parametrize("text", ["a: 1\nb: 2\na: 3\n", "x: {a: 1, a: 1}", "- {a: 1, 'a': 2}"])
def test_a_key_twice_is_an_error(text):
    with pytest.raises(yaml.YAMLError, match="found the key 'a' twice"):
        load_yaml(text)
