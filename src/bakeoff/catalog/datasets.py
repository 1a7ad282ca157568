"""Cards of the datasets."""

from __future__ import annotations

from bakeoff.catalog.cards import DatasetCard, HubFiles

EMOTIONS = (
    "admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval disgust "
    "embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief remorse sadness "
    "surprise neutral"
)
GOEMOTIONS_LABELS = tuple(EMOTIONS.split())

DATASETS = (
    DatasetCard(
        name="goemotions",
        summary="Reddit comments with 28 emotions, multi-label and long-tailed (the simplified version)",
        source="Demszky et al., GoEmotions: A Dataset of Fine-Grained Emotions, ACL 2020",
        path="bakeoff.data.goemotions:read_folder",
        labels=GOEMOTIONS_LABELS,
        expected={"train": 43_410, "validation": 5_426, "test": 5_427},
        terms="Google Research, Apache-2.0",
        hub=HubFiles(
            repository="google-research-datasets/go_emotions",
            revision="add492243ff905527e67aeb8b80c082af02207c3",
            files={split: f"simplified/{split}-00000-of-00001.parquet" for split in ("train", "validation", "test")},
        ),
    ),
    DatasetCard(
        name="demo",
        summary="comments in the manner of a forum with the 28 GoEmotions labels, written for Bakeoff",
        source="written for this project; docs/demo-corpus.md says how",
        path="bakeoff.data.demo:read_folder",
        labels=GOEMOTIONS_LABELS,
        terms="Apache-2.0",
        packaged=True,
    ),
)
