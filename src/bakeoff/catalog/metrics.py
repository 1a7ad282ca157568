"""Cards of the metrics. `name@0.2` in a study means the metric at that fixed threshold; the bare name, at the tuned one.

Metrics that order examples by probability need no threshold, and take none.
"""

from __future__ import annotations

from bakeoff.catalog.cards import MetricCard

BOTH = ("multilabel", "single-label")
SHARE = (0.0, 1.0)


def _score(name: str, summary: str, higher: bool = True, tasks: tuple[str, ...] = ("multilabel",)) -> MetricCard:
    return MetricCard(
        name=name,
        summary=summary,
        source="equal to scikit-learn's, zero where undefined",
        path=f"bakeoff.metrics.scores:{name}",
        higher_is_better=higher,
        tasks=tasks,
        bounds=SHARE,
    )


def _single(name: str, summary: str, source: str, bounds: tuple[float, float] = SHARE) -> MetricCard:
    return MetricCard(
        name=name,
        summary=summary,
        source=source,
        path=f"bakeoff.metrics.single:{name}",
        thresholded=False,
        tasks=("single-label",),
        bounds=bounds,
    )


def _answer(name: str, summary: str) -> MetricCard:
    return MetricCard(
        name=name,
        summary=summary,
        source="the published evaluation of SQuAD v2: Rajpurkar, Jia and Liang, ACL 2018",
        path=f"bakeoff.metrics.answer_scores:{name}",
        tasks=("qa",),
        bounds=SHARE,
    )


def _ranked(name: str, summary: str) -> MetricCard:
    return MetricCard(
        name=name,
        summary=summary,
        source="equal to scikit-learn's average_precision_score, not interpolated, zero for a label without positives",
        path=f"bakeoff.metrics.ranking:{name}",
        thresholded=False,
        bounds=SHARE,
    )


METRICS = (
    _score("f1_macro", "F1 averaged over labels; a label without positives and predictions scores 0", tasks=BOTH),
    _score("f1_micro", "F1 over all decisions"),
    _score("f1_weighted", "F1 averaged over labels, weighted by support", tasks=BOTH),
    _score("precision_macro", "precision averaged over labels", tasks=BOTH),
    _score("recall_macro", "recall averaged over labels", tasks=BOTH),
    _score("precision_micro", "precision over all decisions"),
    _score("recall_micro", "recall over all decisions"),
    _score("precision_weighted", "precision averaged over labels, weighted by support", tasks=BOTH),
    _score("recall_weighted", "recall averaged over labels, weighted by support", tasks=BOTH),
    _score("jaccard_samples", "intersection over union of an example's label sets, averaged over examples"),
    _score("jaccard_macro", "intersection over union of a label's example sets, averaged over labels"),
    _score("hamming_loss", "share of all decisions that are wrong", higher=False),
    _score("subset_accuracy", "share of examples with every label right"),
    _ranked("average_precision_macro", "average precision averaged over labels; a label without positives scores 0"),
    _ranked("average_precision_micro", "average precision over all decisions"),
    _single("accuracy", "share of examples whose label is right", "equal to scikit-learn's accuracy_score"),
    _single("f1", "F1 of the last label: the positive one of a task with two", "equal to scikit-learn's f1_score"),
    _single("mcc", "Matthews' correlation coefficient", "equal to scikit-learn's matthews_corrcoef; Gorodkin, 2004", (-1, 1)),
    _answer("answer_f1", "F1 of the words of an answer and of the accepted one that it fits best, averaged over questions"),
    _answer("exact_match", "share of questions whose answer is an accepted one, or that rightly get none"),
    _answer("has_answer_f1", "F1 of words, averaged over the questions that have an answer"),
    _answer("has_answer_exact_match", "share of the questions with an answer that get an accepted one"),
    _answer("no_answer_accuracy", "share of the questions without an answer that rightly get none"),
)
