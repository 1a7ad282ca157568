"""Cards of the metrics. `name@0.2` in a study means the metric at that fixed threshold; the bare name, at the tuned one.

Metrics that order examples by probability need no threshold, and take none.
"""

from __future__ import annotations

from bakeoff.catalog.cards import MetricCard


def _score(name: str, summary: str, higher: bool = True) -> MetricCard:
    return MetricCard(
        name=name,
        summary=summary,
        source="equal to scikit-learn's, zero where undefined",
        path=f"bakeoff.metrics.scores:{name}",
        higher_is_better=higher,
    )


def _ranked(name: str, summary: str) -> MetricCard:
    return MetricCard(
        name=name,
        summary=summary,
        source="equal to scikit-learn's average_precision_score, not interpolated, zero for a label without positives",
        path=f"bakeoff.metrics.ranking:{name}",
        thresholded=False,
    )


METRICS = (
    _score("f1_macro", "F1 averaged over labels; a label without positives and predictions scores 0"),
    _score("f1_micro", "F1 over all decisions"),
    _score("f1_weighted", "F1 averaged over labels, weighted by support"),
    _score("precision_macro", "precision averaged over labels"),
    _score("recall_macro", "recall averaged over labels"),
    _score("precision_micro", "precision over all decisions"),
    _score("recall_micro", "recall over all decisions"),
    _score("precision_weighted", "precision averaged over labels, weighted by support"),
    _score("recall_weighted", "recall averaged over labels, weighted by support"),
    _score("jaccard_samples", "intersection over union of an example's label sets, averaged over examples"),
    _score("jaccard_macro", "intersection over union of a label's example sets, averaged over labels"),
    _score("hamming_loss", "share of all decisions that are wrong", higher=False),
    _score("subset_accuracy", "share of examples with every label right"),
    _ranked("average_precision_macro", "average precision averaged over labels; a label without positives scores 0"),
    _ranked("average_precision_micro", "average precision over all decisions"),
)
