"""`dipole evaluate` with encoders that need no training, and a small set of data for each task."""

import zlib

import numpy as np
import typer
from typer.testing import CliRunner

from dipole.cli.evaluate import evaluate

WORDS = ["parse", "header", "file", "socket", "thread", "json", "date", "sort", "open", "close"]


class Bag:
    """Counts of hashed words: an encoder good enough to find most."""

    def __init__(self, noise=0.0):
        self.noise = noise

    def encode(self, texts, role, show_progress=False):
        vectors = np.zeros((len(texts), 64))
        for row, text in enumerate(texts):
            for word in text.split():
                vectors[row, zlib.crc32(word.encode()) % 64] += 1
        vectors += self.noise * np.random.default_rng(0).standard_normal(vectors.shape)
        return vectors / np.linalg.norm(vectors, axis=1, keepdims=True)


class Broken(Bag):
    def __init__(self, value):
        self.value = value

    def encode(self, texts, role, show_progress=False):
        return np.full((len(texts), 4), self.value)


ENCODERS = {
    "good": Bag(),
    "worse": Bag(0.7),
    "nan": Broken(np.nan),
    "constant": Broken(0.5),
}


app = typer.Typer()


app.command()(evaluate)


def invoke(*arguments):
    result = CliRunner().invoke(app, [str(a) for a in arguments])
    if result.exception and not isinstance(result.exception, SystemExit):
        raise result.exception
    return result


LABELLED = ["--data", "{labelled}/test.csv", "--input", "text", "--label", "subject"]


TRAIN = [*LABELLED, "--train", "{labelled}/train.csv"]


def run_folder(folder, **config):
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("".join(f"{k}: {v}\n" for k, v in config.items()))
    return str(folder)
