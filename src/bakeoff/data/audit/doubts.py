"""Labels that are probably wrong, by confident learning on out-of-fold predictions of a cheap model.

Northcutt, Jiang and Chuang, Confident Learning: Estimating Uncertainty in Dataset Labels, JAIR 70, 2021: an example is taken to
be of class j with confidence if its probability of j, predicted by a model that did not see it, is at least the mean over
examples that bear j. Where labels do not exclude one another, each is a question of its own with the answers yes and no (as in
Thyagarajan et al., Identifying Incorrect Annotations in Multi-Label Classification Data, 2022), and an answer must be more
probable than not as well: of a label that the model hardly knows the mean alone is a low bar. The model is logistic regression
on TF-IDF features of words and pairs of words, all labels at once.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import minimize
from scipy.sparse import csr_array

from bakeoff.data.audit.corpus import Corpus
from bakeoff.data.audit.options import AuditOptions, Progress, counted, share
from bakeoff.data.splitting import stratified_split
from bakeoff.records.audits import AuditExample, AuditFinding, LabelDoubt

FOLDS = 4
FEWEST, MOST_LABELS = 20, 100
"""Labels with fewer examples are not doubted: no model knows them; nor are more than so many, the most frequent ones."""
FEATURES = 20_000
PENALTY = 1.0
STEPS = 30
DOUBTED_WARNING = 0.2
SEED = 0


@dataclass(frozen=True)
class Doubts:
    """Labels that are probably wrong.

    Attributes:
        rows: the row of each doubt, the strongest first, [D].
        labels: the label that is doubted, [D].
        given: whether the row bears it, [D]; where labels exclude one another, always.
        instead: where they do, the label that it probably should bear, [D]; else -1.
        probability: of the label, by the model, [D].
        quality: average precision of the model on each label, out of fold, [L]; nan for labels that are not doubted.
    """

    rows: NDArray[np.int64]
    labels: NDArray[np.int64]
    given: NDArray[np.bool_]
    instead: NDArray[np.int64]
    probability: NDArray[np.float64]
    quality: NDArray[np.float64]


def find_doubts(corpus: Corpus, texts: list[str], groups: NDArray[np.int64], progress: Progress) -> Doubts:
    """Doubt the labels of all rows.

    Args:
        corpus: all rows.
        texts: theirs, plain.
        groups: of rows that are alike: a fold has all of a group or none, or the model would have seen what it judges.
        progress: told of each fold.

    Returns:
        The doubts.
    """
    dense = corpus.targets.toarray() > 0
    counts = dense.sum(axis=0)
    judged = np.flatnonzero((counts >= FEWEST) & (counts <= corpus.rows - FEWEST))
    judged = np.sort(judged[np.argsort(-counts[judged], kind="stable")][:MOST_LABELS])
    quality = np.full(len(counts), np.nan)
    if not len(judged):
        nothing = np.zeros(0, dtype=np.int64)
        return Doubts(nothing, nothing, nothing.astype(bool), nothing, nothing.astype(float), quality)
    targets = dense[:, judged]
    logits = _out_of_fold(texts, targets, groups, progress)
    for place, label in enumerate(judged):
        quality[label] = average_precision(targets[:, place], logits[:, place])
    found = _exclusive(targets, logits) if corpus.exclusive else _each(targets, logits, _decided(corpus, judged))
    rows, places, given, instead, probability = found
    return Doubts(rows, judged[places], given, np.where(instead >= 0, judged[instead], -1), probability, quality)


def _decided(corpus: Corpus, judged: NDArray[np.int64]) -> NDArray[np.bool_] | None:
    annotated = corpus.annotated(np.arange(corpus.rows)) if corpus.dataset.patterns else None
    return None if annotated is None else annotated[:, judged]


def _features(texts: list[str]) -> csr_array:
    from sklearn.feature_extraction.text import TfidfVectorizer

    for least in (3, 1):
        vectorizer = TfidfVectorizer(
            ngram_range=(1, 2),
            min_df=least,
            max_features=FEATURES,
            sublinear_tf=True,
            dtype=np.float32,
            token_pattern=r"(?u)\b\w+\b|[^\w\s]",  # noqa: S106  (no password)
        )
        try:
            return csr_array(vectorizer.fit_transform(texts))
        except ValueError:  # scikit-learn's word for "no term is left"
            continue
    return csr_array((len(texts), 1), dtype=np.float32)


def _out_of_fold(
    texts: list[str], targets: NDArray[np.bool_], groups: NDArray[np.int64], progress: Progress
) -> NDArray[np.float32]:
    """Logits of each row by a model that saw neither it nor what is like it, [N, L]."""
    features = _features(texts)
    folds = stratified_split(targets.astype(np.uint8), [1.0] * FOLDS, SEED, [f"{group}" for group in groups.tolist()])
    logits = np.zeros(targets.shape, dtype=np.float32)
    for number, held in enumerate(folds):
        progress(f"doubting labels, fold {number + 1} of {FOLDS}")
        kept = np.setdiff1d(np.arange(len(texts)), held)
        if not len(kept) or not len(held):  # all rows are alike: nothing is left to learn from
            continue
        weights = fit_logistic(features[kept], targets[kept].astype(np.float32))
        logits[held] = features[held] @ weights[:-1] + weights[-1]
    return logits


def fit_logistic(features: csr_array, targets: NDArray[np.float32]) -> NDArray[np.float32]:
    """A logistic regression for each label, all at once by L-BFGS.

    Args:
        features: [N, F].
        targets: [N, L], 0 or 1.

    Returns:
        Weights, the last row the intercepts, [F + 1, L]; the penalty is that of scikit-learn's `C = 1`.
    """
    width, labels = features.shape[1], targets.shape[1]
    turned = csr_array(features.T)
    rates = np.clip(targets.mean(axis=0), 1e-6, 1 - 1e-6)
    start = np.zeros((width + 1, labels), dtype=np.float32)
    start[-1] = np.log(rates / (1 - rates))

    def value(flat: NDArray[np.float64]) -> tuple[float, NDArray[np.float64]]:
        weights = flat.astype(np.float32).reshape(width + 1, labels)
        logits = features @ weights[:-1] + weights[-1]
        loss = np.logaddexp(0, logits).sum(dtype=np.float64) - (logits * targets).sum(dtype=np.float64)
        rest = 1 / (1 + np.exp(-logits)) - targets
        slope = np.concatenate([turned @ rest + PENALTY * weights[:-1], rest.sum(axis=0)[None]])
        return float(loss + PENALTY / 2 * np.square(weights[:-1], dtype=np.float64).sum()), slope.astype(np.float64).ravel()

    with np.errstate(over="ignore"):
        found = minimize(value, start.astype(np.float64).ravel(), jac=True, method="L-BFGS-B", options={"maxiter": STEPS})
    return np.asarray(found.x, dtype=np.float32).reshape(width + 1, labels)


def average_precision(target: NDArray[np.bool_], score: NDArray[np.float32]) -> float:
    """Area under precision over recall, as scikit-learn's `average_precision_score` without ties.

    Args:
        target: [N].
        score: [N].

    Returns:
        From 0 to 1.
    """
    ranked = target[np.argsort(-score, kind="stable")]
    precision = np.cumsum(ranked) / np.arange(1, len(ranked) + 1)
    return float(precision[ranked].mean()) if ranked.any() else 0.0


Found = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.bool_], NDArray[np.int64], NDArray[np.float64]]


def _each(targets: NDArray[np.bool_], logits: NDArray[np.float32], decided: NDArray[np.bool_] | None) -> Found:
    """Doubts where each label is a question of its own: rows, labels, whether given, -1, probabilities."""
    with np.errstate(over="ignore"):
        yes = 1 / (1 + np.exp(-logits.astype(np.float64)))
    certain_yes = (yes * targets).sum(axis=0) / targets.sum(axis=0)
    certain_no = ((1 - yes) * ~targets).sum(axis=0) / (~targets).sum(axis=0)
    missing = ~targets & (yes >= np.maximum(certain_yes, 0.5))
    given = targets & (1 - yes >= np.maximum(certain_no, 0.5))
    if decided is not None:
        missing &= decided
    rows, places = np.nonzero(missing | given)
    held = targets[rows, places]
    probability = yes[rows, places]
    # how far beyond the confidence that its answer needs, so that rare and frequent labels stand in one list
    beyond = np.where(held, (1 - probability) - certain_no[places], probability - certain_yes[places])
    scale = np.where(held, 1 - certain_no[places], 1 - certain_yes[places])
    order = np.argsort(-beyond / np.maximum(scale, 1e-9), kind="stable")
    return rows[order], places[order], held[order], np.full(len(order), -1), probability[order]


def _exclusive(targets: NDArray[np.bool_], logits: NDArray[np.float32]) -> Found:
    """Doubts where labels exclude one another: rows, given labels, True, the labels instead, probabilities of the given."""
    wide = logits.astype(np.float64)
    wide = np.exp(wide - wide.max(axis=1, keepdims=True))
    each = wide / wide.sum(axis=1, keepdims=True)
    certain = (each * targets).sum(axis=0) / targets.sum(axis=0)
    confident = np.where(each >= certain, each, -1.0)
    best = confident.argmax(axis=1)
    known = targets.any(axis=1)
    given = targets.argmax(axis=1)
    rows = np.flatnonzero(known & (confident.max(axis=1) >= 0) & (best != given))
    gap = each[rows, best[rows]] - each[rows, given[rows]]
    rows = rows[np.argsort(-gap, kind="stable")[: int((gap > 0).sum())]]
    return rows, given[rows], np.ones(len(rows), dtype=bool), best[rows], each[rows, given[rows]]


def doubt_finding(corpus: Corpus, doubts: Doubts, options: AuditOptions) -> list[AuditFinding]:
    """The finding that doubts make.

    Args:
        corpus: all rows.
        doubts: of its labels.
        options: how many cases are kept.

    Returns:
        One finding; none without doubts.
    """
    rows = np.unique(doubts.rows)
    if not len(rows):
        return []
    names = corpus.dataset.labels
    cases = [
        AuditExample(rows=corpus.shown((int(doubts.rows[place]),)), why=_why(doubts, names, place))
        for place in range(min(options.examples, len(doubts.rows)))
    ]
    part = share(len(rows), corpus.rows)
    return [
        AuditFinding(
            kind="label-noise",
            severity="warning" if part >= DOUBTED_WARNING else "note",
            what=f"{counted(len(doubts.rows), 'label')} of {counted(len(rows), 'row')} ({part:.1%}) may be wrong",
            found=len(rows),
            of=corpus.rows,
            remedy="look at the strongest doubts first (--examples 50); a cheap model doubts much that is right",
            examples=cases,
        )
    ]


def _why(doubts: Doubts, names: tuple[str, ...], place: int) -> str:
    label, chance = names[doubts.labels[place]], doubts.probability[place]
    if doubts.instead[place] >= 0:
        return f"{label}, probability {chance:.2f}: rather {names[doubts.instead[place]]}?"
    return f"{label} is {'given' if doubts.given[place] else 'not given'}, probability {chance:.2f}"


def doubts_by_label(corpus: Corpus, doubts: Doubts) -> list[LabelDoubt]:
    """How much each label is doubted.

    Args:
        corpus: all rows.
        doubts: of its labels.

    Returns:
        The labels that were judged, those with most doubts first.
    """
    found = []
    for label, name in enumerate(corpus.dataset.labels):
        if np.isnan(doubts.quality[label]):
            continue
        given = int(((doubts.labels == label) & doubts.given).sum())
        missing = int(((doubts.labels == label) & ~doubts.given).sum() + (doubts.instead == label).sum())
        quality = round(float(doubts.quality[label]), 3)
        found.append(LabelDoubt(label=name, wrongly_given=given, wrongly_missing=missing, quality=quality))
    return sorted(found, key=lambda doubt: -(doubt.wrongly_given + doubt.wrongly_missing))
