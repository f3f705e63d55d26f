"""Word vectors: Word2Vec trained on the corpus at hand, or a GloVe text file that one brings.

Mikolov et al. 2013, "Distributed representations of words and phrases and their compositionality"; Pennington et al.
2014, "GloVe". With one worker and a seed the same corpus gives the same vectors.
"""

import logging
from collections.abc import Sequence
from pathlib import Path

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from crm_pipelines.config import Parameters
from crm_pipelines.errors import UserError

logger = logging.getLogger(__name__)

Floats = NDArray[np.float32]


class WordVectorParameters(Parameters):
    """How words become vectors.

    Attributes:
        width: numbers per word; with a GloVe file that of the file.
        window: words on each side that count as context. epochs: passes over the corpus. negatives: words drawn beside
            each true context. skip_gram: predict the context from the word, else the word from its context.
        glove: path of a text file with ``word number number ...`` lines, used instead of training.
    """

    width: int = Field(default=64, ge=2)
    window: int = Field(default=5, ge=1)
    epochs: int = Field(default=5, ge=1)
    negatives: int = Field(default=5, ge=1)
    skip_gram: bool = True
    glove: str = ""


def word_vectors(
    corpus: Sequence[Sequence[str]], vocabulary: Sequence[str], parameters: WordVectorParameters, seed: int
) -> Floats:
    """Vectors (V, width) of the vocabulary; a word that is not in the GloVe file gets zeros.

    Args:
        corpus: tokenised texts of the training part.
        vocabulary: V words.
        parameters: of the training, or the file.
        seed: of the training.

    Raises:
        UserError: the GloVe file is missing or a line of it cannot be read.
    """
    if parameters.glove:
        return read_glove(Path(parameters.glove), vocabulary)
    return _trained(corpus, vocabulary, parameters, seed)


def _trained(
    corpus: Sequence[Sequence[str]], vocabulary: Sequence[str], parameters: WordVectorParameters, seed: int
) -> Floats:
    from gensim.models import Word2Vec

    logging.getLogger("gensim").setLevel(logging.WARNING)
    wanted = set(vocabulary)
    known = [[word for word in text if word in wanted] for text in corpus]
    out = np.zeros((len(vocabulary), parameters.width), dtype=np.float32)
    if not any(known):
        return out
    model = Word2Vec(
        known,
        vector_size=parameters.width,
        window=parameters.window,
        epochs=parameters.epochs,
        negative=parameters.negatives,
        sg=int(parameters.skip_gram),
        min_count=1,
        workers=1,
        seed=seed,
    )
    for position, word in enumerate(vocabulary):
        if word in model.wv:
            out[position] = model.wv[word]
    return out


def read_glove(path: Path, vocabulary: Sequence[str]) -> Floats:
    """Vectors of the vocabulary from a GloVe text file; all lines must have the same width.

    Raises:
        UserError: no such file, or a line that is not a word and its numbers (with its number).
    """
    if not path.is_file():
        raise UserError(f"word vectors: file '{path}' not found; correct 'vectors.glove' or leave it empty")
    place = {word: position for position, word in enumerate(vocabulary)}
    out: Floats | None = None
    found = 0
    with path.open(encoding="utf-8", errors="replace") as stream:
        for number, line in enumerate(stream, start=1):
            word, *numbers = line.rstrip("\n").split(" ")
            if number == 1 and len(numbers) == 1:  # word2vec's text form begins with its sizes
                continue
            width = len(numbers)
            if out is None:
                out = np.zeros((len(vocabulary), width), dtype=np.float32)
            if width != out.shape[1] or width < 2:
                raise UserError(
                    f"{path}, line {number}: {width} numbers where other lines have {out.shape[1]}; it must be a text "
                    "file of words and their vectors, blank-separated"
                )
            if word in place:
                try:
                    out[place[word]] = np.asarray(numbers, dtype=np.float32)
                except ValueError as error:
                    raise UserError(f"{path}, line {number}: not a word and its numbers ({error})") from error
                found += 1
    if out is None:
        raise UserError(f"word vectors: file '{path}' is empty")
    logger.info("word vectors: %d of %d words found in %s", found, len(vocabulary), path.name)
    return out
