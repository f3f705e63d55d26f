"""What the members of CNN-GRU+ are worth, on folds that are not the reported ones.

    kedro run --pipelines=documents --params=source=amazon_instruments,raw_root=DIR
    python benchmarks/sentiment_members.py data amazon_instruments

Folds are those of `StratifiedKFold(5, shuffle=True, random_state=7)`, the reported ones have 42. As in the model,
judges and offsets rest on what cross-fitted members say of the other folds. Prints macro-F1 and neutral F1, means over
folds, of questions about classes, about grades, and both; of networks alone; of both with one network or all averaged;
and with networks that are asked only where the questions leave doubt. `--changes '{"pool": 4}'` tries other networks.
"""

import argparse
import dataclasses
import json
from pathlib import Path

import numpy as np
import pandas as pd
from sklearn.metrics import f1_score
from sklearn.model_selection import StratifiedKFold

from crm_pipelines.documents.preparation import assemble
from crm_pipelines.evaluation.decision import fit_decision_rule
from crm_pipelines.models.text.cnn_gru_plus import CNNGRUPlus, CNNGRUPlusConfig, Judge, average_of
from crm_pipelines.training.seeds import seed_everything

SEED, FOLDS, NEUTRAL = 7, 5, 1
SURE = (0.9, 0.95, 0.98)


def main() -> None:
    """Print a line for each choice of questions."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("data_root", type=Path)
    parser.add_argument("source")
    parser.add_argument("--folds", type=int, default=4, help="of the five")
    parser.add_argument("--changes", type=json.loads, default={}, help="of the pool's hyper-parameters, as JSON")
    options = parser.parse_args()
    seed_everything(42, threads=1)
    words = pd.read_parquet(options.data_root / "03_primary" / options.source / "document_words.parquet")
    folder = options.data_root / "04_feature" / options.source / "sentiment_arrays"
    arrays = {p.relative_to(folder).with_suffix("").as_posix(): np.load(p) for p in folder.rglob("*.npy")}
    splits = options.data_root / "08_reporting" / options.source / "documents" / "splits.json"
    inputs = assemble(json.loads(splits.read_text())[0], arrays, words)
    labels, classes = inputs.labels, len(inputs.classes)
    folding = StratifiedKFold(FOLDS, shuffle=True, random_state=SEED).split(labels, labels)
    scores: dict[str, list[np.ndarray]] = {}
    for fold, (known, tested) in enumerate(folding):
        if fold == options.folds:
            break
        pool = CNNGRUPlus(CNNGRUPlusConfig(**options.changes), 42)
        everything = dataclasses.replace(inputs, train=known)
        asked, said = pool.questions.fit(everything), pool.questions.said(inputs, tested)
        unseen, networks, _ = pool.cross_fit(everything)
        new = inputs.only(tested)

        def judged(learnt: np.ndarray, of_new: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
            judge = Judge.of(learnt, labels[known], classes, pool.config.penalty)  # noqa: B023 -- called in its round
            return judge.probabilities(learnt), judge.probabilities(of_new)

        both = judged(asked, said)
        averaged = judged(np.hstack([unseen, asked]), np.hstack([average_of(networks, new), said]))
        choices = {
            "classes": judged(asked[:, :classes], said[:, :classes]),
            "grades": judged(asked[:, classes:], said[:, classes:]),
            "both": both,
            "networks": judged(unseen, average_of(networks, new)),
            "both and a network": judged(np.hstack([unseen, asked]), np.hstack([average_of(networks[:1], new), said])),
            "both and networks": averaged,
        }
        for sure in SURE:
            doubtful = [each.max(axis=1, keepdims=True) < sure for each in both]
            choices[f"in doubt below {sure}"] = tuple(
                np.where(d, b, a) for d, b, a in zip(doubtful, averaged, both, strict=True)
            )
            print(f"fold {fold}: {doubtful[1].mean():.3f} of documents in doubt below {sure}", flush=True)
        for name, (learnt, of_new) in choices.items():
            rule = fit_decision_rule(learnt, labels[known])
            by_class = f1_score(labels[tested], rule.apply(of_new), average=None)
            scores.setdefault(name, []).append(np.array([by_class.mean(), by_class[NEUTRAL]]))
    for name, found in scores.items():
        macro, neutral = np.mean(found, axis=0)
        print(f"{name:20} macro-F1 {macro:.4f}, neutral F1 {neutral:.4f} over {len(found)} folds")


if __name__ == "__main__":
    main()
