"""The method `tfidf`: TF-IDF features and one logistic regression a label. A transformer below it is flagged."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression

from bakeoff.catalog.methods import TfidfSettings
from bakeoff.data.treatments.drawing import draws_of
from bakeoff.errors import DataError
from bakeoff.training.work import Work

EDGE = 30.0
"""Logit of a label that training never, or always, shows."""


def fit_label(
    features: Any, target: NDArray[Any], settings: TfidfSettings, seed: int, weights: NDArray[np.float64] | None = None
) -> LogisticRegression | float:
    """One label's classifier, from the examples in which it was decided on.

    Args:
        features: sparse [N, F].
        target: [N] 0 or 1, negative where nobody decided.
        settings: penalty and class weights.
        seed: of the solver's shuffling.
        weights: how much each example counts, [N]; None for all alike.

    Returns:
        A fitted logistic regression, or a constant logit for a label of one class.
    """
    if target.min() < 0:
        known = target >= 0
        features, target, weights = features[known], target[known], None if weights is None else weights[known]
    if not len(target) or target.min() == target.max():
        return EDGE if len(target) and target[0] else -EDGE
    weight = None if settings.class_weight == "none" else settings.class_weight
    model = LogisticRegression(C=settings.c, class_weight=weight, solver="liblinear", random_state=seed % 2**32)
    return model.fit(features, target, sample_weight=weights)


def example_weights(work: Work) -> NDArray[np.float64] | None:
    """How much each training example counts: as often as an epoch draws it in the mean, by the recipe's mix or sampling.

    Args:
        work: the trial.

    Returns:
        Weights with a mean of 1 over the examples that are drawn at all, 0 for the others, [N]; None where all count alike.
    """
    spec = work.trial.recipe.treatment
    if spec is None or (spec.mix is None and spec.sampling is None):
        return None
    expected = draws_of(spec, work.dataset, work.rows("train")).expected()
    return np.asarray(expected / expected[expected > 0].mean(), dtype=np.float64)


def fit_features(texts: list[str], settings: TfidfSettings) -> tuple[TfidfVectorizer, Any]:
    """Learn the terms of the training texts: words, and single signs, which carry feeling.

    Args:
        texts: the training texts.
        settings: n-grams and how many terms are kept.

    Returns:
        The fitted vectorizer, and the texts' features, sparse [N, F]. Where no term reaches `min_df`, as in a corpus of a
        few texts, every term counts.

    Raises:
        DataError: if the texts have no term at all.
    """
    for min_df in (settings.min_df, 1):
        vectorizer = TfidfVectorizer(
            ngram_range=(1, settings.ngrams),
            min_df=min_df,
            max_features=settings.max_features,
            sublinear_tf=True,
            token_pattern=r"(?u)\b\w+\b|[^\w\s]",  # noqa: S106  (no password)
        )
        try:
            return vectorizer, vectorizer.fit_transform(texts)
        except ValueError:  # scikit-learn's word for "no term is left"
            continue
    raise DataError("the training texts have no word", "tfidf", "give texts that are not blank")


def logits_of(models: list[LogisticRegression | float], features: Any) -> NDArray[np.float32]:
    """Logits of some texts.

    Args:
        models: one a label.
        features: sparse [N, F].

    Returns:
        [N, L].
    """
    columns = [
        np.full(features.shape[0], model) if isinstance(model, float) else model.decision_function(features) for model in models
    ]
    return np.stack(columns, axis=1).astype(np.float32)


def run(work: Work) -> None:
    """Fit on the training texts and hand in outputs on validation and test.

    Args:
        work: the trial.
    """
    settings = TfidfSettings.model_validate(work.trial.recipe.method.settings)
    texts = {split: work.texts(split) for split in ("train", "validation", "test")}
    gold, weights = work.judged("train"), example_weights(work)
    if weights is not None:
        drawn = np.flatnonzero(weights)
        gold, weights = gold[drawn], weights[drawn]
        texts["train"] = [texts["train"][row] for row in drawn.tolist()]
    vectorizer, features = fit_features(texts["train"], settings)
    labels = gold.shape[1]
    work.progress.say("begin", steps=labels, examples=len(texts["train"]))
    models: list[LogisticRegression | float] = []
    for label in range(labels):
        work.progress.check()
        models.append(fit_label(features, gold[:, label], settings, work.trial.seed, weights))
        if work.progress.due:
            work.progress.say("step", step=label + 1)
    outputs = {split: logits_of(models, vectorizer.transform(texts[split])) for split in ("validation", "test")}
    scores = work.score(outputs["validation"])
    work.progress.say("validation", step=labels, epoch=1.0, scores={work.trial.task.metric: scores[work.trial.task.metric]})
    facts = {
        "steps": labels,
        "examples": len(texts["train"]),
        "features": len(vectorizer.vocabulary_),
        "parameters": sum(1 if isinstance(model, float) else model.coef_.size + 1 for model in models),
        "history": [],
    }
    work.hand_in(outputs["validation"], outputs["test"], scores, facts)
