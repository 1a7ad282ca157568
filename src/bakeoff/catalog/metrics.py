"""Cards of the metrics. `name@0.2` in a study means the metric at that fixed threshold; the bare name, at the tuned one."""

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


METRICS = (
    _score("f1_macro", "F1 averaged over labels; a label without positives and predictions scores 0"),
    _score("f1_micro", "F1 over all decisions"),
    _score("f1_weighted", "F1 averaged over labels, weighted by support"),
    _score("precision_macro", "precision averaged over labels"),
    _score("recall_macro", "recall averaged over labels"),
    _score("precision_micro", "precision over all decisions"),
    _score("recall_micro", "recall over all decisions"),
    _score("subset_accuracy", "share of examples with every label right"),
)
