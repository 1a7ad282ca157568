"""Cards of the losses."""

from __future__ import annotations

from bakeoff.catalog.cards import LossCard
from bakeoff.catalog.loss_settings import (
    AsymmetricSettings,
    BceSettings,
    ClassBalancedSettings,
    CombinedSettings,
    CrossEntropySettings,
    DistributionBalancedSettings,
    FocalSettings,
)

LOSSES = (
    LossCard(
        name="bce",
        summary="binary cross-entropy on each label",
        source="the mean of -y log p - (1 - y) log(1 - p), in the stable log-sigmoid form",
        path="bakeoff.losses.bce:Bce",
        settings=BceSettings,
    ),
    LossCard(
        name="focal",
        summary="binary cross-entropy that discounts what is already right",
        source="Lin et al., Focal Loss for Dense Object Detection, ICCV 2017, eq. 5",
        path="bakeoff.losses.focal:Focal",
        settings=FocalSettings,
    ),
    LossCard(
        name="asymmetric",
        summary="focal loss with a stronger discount for negatives, and a margin below which they cost nothing",
        source="Ben-Baruch et al., Asymmetric Loss for Multi-Label Classification, ICCV 2021, eq. 4-7",
        path="bakeoff.losses.asymmetric:Asymmetric",
        settings=AsymmetricSettings,
    ),
    LossCard(
        name="class-balanced",
        summary="BCE or focal loss, each label weighted by the inverse of its effective number of examples",
        source="Cui et al., Class-Balanced Loss Based on Effective Number of Samples, CVPR 2019, eq. 2 and 4; a weight a label "
        "as in Huang et al., Balancing Methods for Multi-label Text Classification, EMNLP 2021",
        path="bakeoff.losses.class_balanced:ClassBalanced",
        settings=ClassBalancedSettings,
    ),
    LossCard(
        name="distribution-balanced",
        summary="weights that undo the re-sampling of co-occurring labels, and negatives whose pull fades sooner",
        source="Wu et al., Distribution-Balanced Loss for Multi-Label Classification, ECCV 2020, sec. 3",
        path="bakeoff.losses.distribution_balanced:DistributionBalanced",
        settings=DistributionBalancedSettings,
    ),
    LossCard(
        name="combined",
        summary="a weighted sum of asymmetric, focal and BCE; weights fixed, scheduled or learned",
        source="learned weights: Kendall et al., Multi-Task Learning Using Uncertainty to Weigh Losses, CVPR 2018, eq. 10",
        path="bakeoff.losses.combined:Combined",
        settings=CombinedSettings,
        example={"asymmetric": 0.7, "focal": 0.3},
    ),
    LossCard(
        name="cross-entropy",
        summary="cross-entropy over labels that exclude one another, or over the tokens that an answer may begin or end at",
        source="the mean of -log softmax(x) at the true label; equal to torch.nn.functional.cross_entropy",
        path="bakeoff.losses.cross_entropy:CrossEntropy",
        settings=CrossEntropySettings,
        tasks=("single-label", "qa"),
    ),
)
