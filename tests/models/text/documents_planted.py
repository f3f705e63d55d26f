"""A few hundred short documents whose words say what they are."""

import dataclasses

import numpy as np

from crm_pipelines.documents.inputs import TextInputs

TELLING = (("awful", "broke", "refund"), ("okay", "average", "middling"), ("great", "love", "perfect"))
FILLING = ("the", "guitar", "string", "pedal", "came", "with", "a", "case", "and", "cable", "today", "again")


def documents(planted: bool = True, n: int = 240, seed: int = 0) -> TextInputs:
    """One telling word among nine others, and one in ten at odds with its label; labels are random if not planted."""
    draw = np.random.default_rng(seed)
    labels = draw.choice(3, n, p=[0.3, 0.2, 0.5])
    told = np.where(draw.random(n) < 0.9, labels, draw.integers(0, 3, n)) if planted else draw.integers(0, 3, n)
    texts = []
    for tone in told:
        words = draw.choice(FILLING, 9).tolist()
        words.insert(int(draw.integers(0, 10)), str(draw.choice(TELLING[tone])))
        texts.append(" ".join(words))
    inputs = TextInputs.of_texts([None] * n, texts, ("negative", "neutral", "positive"))
    train, validation, test = np.split(np.arange(n), [n // 2, n * 3 // 4])
    return dataclasses.replace(
        inputs, labels=labels.astype(np.int64), train=train, validation=validation, test=test, protocol="stratified"
    )
