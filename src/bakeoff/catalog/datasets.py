"""Cards of the datasets."""

from __future__ import annotations

from bakeoff.catalog.cards import DatasetCard, HubFiles

EMOTIONS = (
    "admiration amusement anger annoyance approval caring confusion curiosity desire disappointment disapproval disgust "
    "embarrassment excitement fear gratitude grief joy love nervousness optimism pride realization relief remorse sadness "
    "surprise neutral"
)
GOEMOTIONS_LABELS = tuple(EMOTIONS.split())

SEMEVAL_LABELS = (
    "anger",
    "anticipation",
    "disgust",
    "fear",
    "joy",
    "love",
    "optimism",
    "pessimism",
    "sadness",
    "surprise",
    "trust",
)
ISEAR_LABELS = ("joy", "fear", "anger", "sadness", "disgust", "shame", "guilt")
MELD_LABELS = ("neutral", "surprise", "fear", "sadness", "joy", "disgust", "anger")
RTE_LABELS = ("entailment", "not_entailment")
SST2_LABELS = ("negative", "positive")
MRPC_LABELS = ("not_equivalent", "equivalent")
SQUAD_LABELS = ("unanswerable", "answerable")

GLUE_COMMIT = "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"


def _labelled(repository: str, commit: str, folder: str) -> HubFiles:
    """The two parts with public labels, as the hub has them; the first is cut for validation, the second is the test."""
    files = {split: f"{folder}/{split}-00000-of-00001.parquet" for split in ("train", "validation")}
    return HubFiles(repository, commit, files)


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
    DatasetCard(
        name="semeval2018_ec",
        summary="tweets with any of eleven emotions",
        source="Mohammad et al., SemEval-2018 Task 1: Affect in Tweets, E-c English",
        path="bakeoff.data.emotions:read_semeval",
        labels=SEMEVAL_LABELS,
        expected={"train": 6_838 - 886, "validation": 886, "test": 886},
        terms="research use",
    ),
    DatasetCard(
        name="isear",
        task="single-label",
        summary="reports of when people felt one of seven emotions",
        source="Scherer and Wallbott, International Survey on Emotion Antecedents and Reactions, 1994",
        path="bakeoff.data.emotions:read_isear",
        labels=ISEAR_LABELS,
        terms="research use",
    ),
    DatasetCard(
        name="meld",
        task="single-label",
        summary="utterances of television dialogues with one of seven emotions",
        source="Poria et al., MELD: A Multimodal Multi-Party Dataset for Emotion Recognition in Conversations, ACL 2019",
        path="bakeoff.data.emotions:read_meld",
        labels=MELD_LABELS,
        expected={"train": 9_989, "validation": 1_109, "test": 2_610},
        terms="GPL-3.0",
    ),
    DatasetCard(
        name="mrpc",
        task="single-label",
        summary="pairs of sentences from news: do they say the same?",
        source="Dolan and Brockett, Automatically Constructing a Corpus of Sentential Paraphrases, IWP 2005",
        path="bakeoff.data.glue:read_mrpc",
        labels=MRPC_LABELS,
        published={"train": 3_668, "validation": 408, "test": 1_725},
        metrics=("f1", "accuracy"),
        terms="research use",
        hub=_labelled("nyu-mll/glue", GLUE_COMMIT, "mrpc"),
    ),
    DatasetCard(
        name="rte",
        task="single-label",
        summary="pairs of sentences: does the first entail the second?",
        source="Wang et al., GLUE, ICLR 2019: Recognizing Textual Entailment 1 to 3 and 5",
        path="bakeoff.data.glue:read_rte",
        labels=RTE_LABELS,
        expected={"train": 2_490 - 277, "validation": 277, "test": 277},
        published={"train": 2_490, "validation": 277, "test": 3_000},
        metrics=("accuracy",),
        terms="research use",
        hub=_labelled("nyu-mll/glue", GLUE_COMMIT, "rte"),
    ),
    DatasetCard(
        name="sst2",
        task="single-label",
        summary="phrases from film reviews: positive or negative?",
        source="Socher et al., Recursive Deep Models for Semantic Compositionality, EMNLP 2013, as in GLUE",
        path="bakeoff.data.glue:read_sst2",
        labels=SST2_LABELS,
        expected={"train": 67_349 - 872, "validation": 872, "test": 872},
        published={"train": 67_349, "validation": 872, "test": 1_821},
        metrics=("accuracy",),
        terms="research use",
        hub=_labelled("nyu-mll/glue", GLUE_COMMIT, "sst2"),
    ),
    DatasetCard(
        name="squad_v2",
        task="qa",
        summary="questions on paragraphs of an encyclopedia, some without an answer there",
        source="Rajpurkar, Jia and Liang, Know What You Don't Know: Unanswerable Questions for SQuAD, ACL 2018",
        path="bakeoff.data.squad:read_folder",
        labels=SQUAD_LABELS,
        published={"train": 130_319, "validation": 11_873},
        metrics=("answer_f1", "exact_match"),
        terms="CC BY-SA 4.0",
        hub=_labelled("rajpurkar/squad_v2", "3ffb306f725f7d2ce8394bc1873b24868140c412", "squad_v2"),
    ),
)
