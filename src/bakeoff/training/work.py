"""What every method gets, and how every method hands in what it found."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from bakeoff.data.clusters import find_clusters
from bakeoff.data.dataset import Dataset
from bakeoff.data.limits import sample_rows
from bakeoff.records.mixing import choosing
from bakeoff.records.paths import AttemptFolder, TrialFolder
from bakeoff.records.results import Outputs, Result, file_entry, judged
from bakeoff.records.specs import TrialSpec
from bakeoff.tasks.kinds import TaskKind, make_task
from bakeoff.training.progress import Progress
from bakeoff.training.ranks import ALONE, Ranks

LIMITED_SPLITS = ("train", "validation", "test")


@dataclass
class Work:
    """One trial as a method sees it.

    Attributes:
        trial: what to run.
        dataset: the imported dataset.
        model: folder of the pretrained model; None for methods that need none.
        tokens: folder of the token store; None likewise.
        features: folder of the feature store; None where the method reads none, or makes its own.
        attempt: where to write.
        progress: the child's log.
        keep_model: whether the trained model stays in the product.
        dead_probes: looks in a row at constant outputs that end the trial; None never ends it.
        resume: folders of earlier attempts, newest first, from whose checkpoints it may go on.
        checkpoint_seconds: longest time between two checkpoints; None means no limit.
        checkpoint_steps: the same in optimizer steps.
        micro_batch_size: examples per forward pass that memory allows; None means the recipe's.
        evaluation_tokens: tokens per forward pass of an evaluation that memory allows; None means the usual number.
        phase: what is being done, for the runner, should memory not suffice.
        deviations: what the machine forced; added to by the method.
        ranks: the processes that share the trial; the first of them writes the product.
        shared: the folder of that first process, whose checkpoints all may read; None where there is but one.
        asks: whether the runner is asked after each validation but the last whether to go on.
        made_of: folders of the trials that it is made of, by id.
    """

    trial: TrialSpec
    dataset: Dataset
    model: Path | None
    tokens: Path | None
    attempt: AttemptFolder
    progress: Progress
    keep_model: bool = False
    dead_probes: int | None = None
    resume: list[Path] = field(default_factory=list)
    checkpoint_seconds: float | None = None
    checkpoint_steps: int | None = None
    micro_batch_size: int | None = None
    evaluation_tokens: int | None = None
    phase: Literal["loading", "training", "evaluation"] = "loading"
    deviations: list[str] = field(default_factory=list)
    ranks: Ranks = ALONE
    shared: AttemptFolder | None = None
    features: Path | None = None
    asks: bool = False
    made_of: dict[str, TrialFolder] = field(default_factory=dict)

    @property
    def leader(self) -> AttemptFolder:
        """The attempt's own folder, in which the first of its processes writes."""
        return self.shared or self.attempt

    @property
    def task(self) -> TaskKind:
        """The task kind's part."""
        return make_task(self.trial.task.kind, self.dataset.labels, self.trial.task.metric)

    def passes(self) -> dict[str, Any]:
        """What was being done, and how large a forward pass was.

        Returns:
            `phase`, `micro_batch_size` and `evaluation_tokens`; the sizes only where they are known.
        """
        training = self.trial.recipe.training
        usual = training.micro_batch_size if training else None
        sizes = {"micro_batch_size": self.micro_batch_size or usual, "evaluation_tokens": self.evaluation_tokens}
        return {"phase": self.phase, **{name: size for name, size in sizes.items() if size}}

    @contextmanager
    def in_phase(self, phase: Literal["training", "evaluation"]) -> Iterator[None]:
        """Do something as a part of a phase; the phase stays what it was where memory does not suffice.

        Args:
            phase: which.

        Yields:
            Nothing.
        """
        before, self.phase = self.phase, phase
        yield
        self.phase = before

    def rows(self, split: str) -> NDArray[np.int64]:
        """The rows that the study uses: the same for all its trials.

        Args:
            split: the split.

        Returns:
            Row numbers, ascending.
        """
        task = self.trial.task
        limits = dict(zip(LIMITED_SPLITS, (task.train_limit, task.validation_limit, task.test_limit), strict=True))
        return sample_rows(self.dataset, split, limits[split], task.data_seed)

    def texts(self, split: str) -> list[str]:
        """Texts of those rows; of a pair, both, one below the other.

        Args:
            split: the split.

        Returns:
            One text a row.
        """
        rows = self.rows(split)
        first = self.dataset.texts(split, rows)
        if not self.dataset.has("seconds"):
            return first
        return [f"{a}\n{b}" for a, b in zip(first, self.dataset.seconds(split, rows), strict=True)]

    def gold(self, split: str) -> NDArray[np.uint8]:
        """Targets of those rows.

        Args:
            split: the split.

        Returns:
            [N, L].
        """
        return self.dataset.targets(split, self.rows(split))

    def judged(self, split: str) -> NDArray[Any]:
        """Targets of those rows, as losses and metrics take them.

        Args:
            split: the split.

        Returns:
            [N, L]; -1 where nobody decided.
        """
        return judged(self.gold(split), self.dataset.annotated(split, self.rows(split)))

    def sources(self, split: str) -> NDArray[np.int32]:
        """The source of each of those rows.

        Args:
            split: the split.

        Returns:
            Places in the dataset's source names, [N].
        """
        return self.dataset.source_numbers(split, self.rows(split))

    def score(self, logits: NDArray[np.float32]) -> dict[str, float]:
        """Scores on validation, of the examples that may choose: those of the sources that the recipe is trained on.

        Args:
            logits: of the validation rows, [N, L].

        Returns:
            The task's metric and its like.
        """
        treatment = self.trial.recipe.treatment
        judged = self.judged("validation")
        mix = treatment.mix if treatment is not None else None
        chooses = choosing(mix, self.dataset.source_names, self.sources("validation"))
        return self.task.score(logits[chooses], judged[chooses])

    def origins(self, split: str) -> dict[str, Any]:
        """Which source those rows are from, and what is annotated in them.

        Args:
            split: the split.

        Returns:
            `sources` [N] where the dataset has several, `annotated` [N, L] where not all is annotated, and, of texts that are
            classified, `lengths` [N].
        """
        rows = self.rows(split)
        found: dict[str, Any] = {}
        if not self.trial.task.finds_spans:
            found["lengths"] = self.lengths(split)
        if self.dataset.source_names:
            found["sources"] = self.dataset.source_numbers(split, rows)
        annotated = self.dataset.annotated(split, rows)
        return found if annotated is None else {**found, "annotated": annotated}

    def lengths(self, split: str) -> NDArray[np.int32]:
        """How long the texts of those rows are, before anything is cut.

        Args:
            split: the split.

        Returns:
            Characters, of both texts of a pair, [N].
        """
        rows = self.rows(split)
        parts = [self.dataset.texts(split, rows)]
        if self.dataset.has("seconds"):
            parts.append(self.dataset.seconds(split, rows))
        return np.array([sum(map(len, texts)) for texts in zip(*parts, strict=True)], dtype=np.int32)

    def clusters(self, split: str) -> NDArray[np.int32] | None:
        """What those rows belong to, for the statistics: examples of one dialogue, or near duplicates, say less than as many
        of their own.

        Args:
            split: the split.

        Returns:
            A number a row, the same for rows that belong together, [N]; None where every row stands alone.
        """
        return find_clusters(self.dataset, split, self.rows(split), self.trial.task.clusters)

    def hand_in(
        self,
        validation: NDArray[np.float32] | Outputs,
        test: NDArray[np.float32] | Outputs,
        scores: dict[str, Any],
        facts: dict[str, Any],
    ) -> None:
        """Write the product: outputs of both splits (test unscored) and the result with its manifest.

        Nothing here is synced: the runner does that when it puts the product into place.

        Args:
            validation: logits of the validation rows, [N, L], or whole outputs.
            test: logits of the test rows, [N, L], or whole outputs.
            scores: validation scores.
            facts: facts of training, deterministic.
        """
        product = self.attempt.product
        product.mkdir(parents=True, exist_ok=True)
        for split, given in (("validation", validation), ("test", test)):
            rows = self.rows(split)
            outputs = given if isinstance(given, Outputs) else Outputs(self.dataset.ids(split, rows), given, self.gold(split))
            outputs = replace(outputs, clusters=self.clusters(split), **self.origins(split))
            outputs.write(product / f"{split}.npz", durable=False)
        # model/ stays outside: whether it is kept may change after completion; `weights_sha256` names its content
        manifest = {name: file_entry(product / name) for name in ("test.npz", "validation.npz")}
        result = Result(
            trial=self.trial.id,
            definition=self.trial.definition_hash,
            validation=scores,
            training={
                "labels": list(self.dataset.labels),
                **({"pairs": True} if self.dataset.has("seconds") else {}),
                **({"sources": list(self.dataset.source_names)} if self.dataset.source_names else {}),
                "train_examples": len(self.rows("train")),
                **facts,
            },
            manifest=manifest,
        )
        result.write(product / "result.json", durable=False)
