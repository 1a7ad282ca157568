"""The pretrained model: loaded from safetensors alone, run packed where its family allows it, padded otherwise."""

from __future__ import annotations

import inspect
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
import transformers
from safetensors import SafetensorError
from torch import Tensor, nn

from bakeoff.errors import ModelError
from bakeoff.records.specs import Pooling
from bakeoff.tasks.remote_code import refused_code
from bakeoff.training import attention
from bakeoff.training.batches import Batch
from bakeoff.training.body import Body
from bakeoff.training.dropout import checkpoint_contexts, replace_dropout
from bakeoff.training.embedding import TokenTable
from bakeoff.training.layers import count_layers, layer_of
from bakeoff.training.packing import TOKEN_STEP, Packing, pack
from bakeoff.training.pooling import pool_packed, pool_padded

if TYPE_CHECKING:
    from bakeoff.training.disentangled import Layout

DISENTANGLED = ("deberta-v2",)
"""Families whose attention is our own: the library's interface does not reach it."""
POSITIONS_AFTER_PADDING = ("roberta", "xlm-roberta")
"""Families whose first position is the padding id + 1."""


def load_config(folder: Path) -> Any:
    """Read a model's configuration.

    Args:
        folder: holds config.json.

    Returns:
        A `PreTrainedConfig`.

    Raises:
        ModelError: if it is missing, needs code of its own, or names an architecture that transformers does not know.
    """
    try:
        return transformers.AutoConfig.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
    except (OSError, ValueError, KeyError) as error:
        if (refused := refused_code(folder)) is not None:
            raise refused from error
        raise ModelError(
            f"config.json cannot be used: {error}", str(folder), "bakeoff model show NAME checks the model's files"
        ) from error


def why_padded(config: Any) -> str:
    """Why a model cannot run without padding.

    Args:
        config: its configuration.

    Returns:
        One sentence; empty if it can, which is checked on real rows before a step is made.
    """
    family = str(config.model_type)
    kind = transformers.AutoModel._model_mapping.get(type(config), None)
    if family in DISENTANGLED:
        # a convolution over neighbours would see those of other rows
        return f"layers of this {family} look at neighbouring places" if getattr(config, "conv_kernel_size", 0) else ""
    return "" if getattr(kind, "_supports_attention_backend", False) else f"the library's interface does not reach {family}"


def load_pretrained(folder: Path, packed: bool, pooler: bool = False, blank: bool = False) -> Any:
    """Load a bare encoder or decoder in float32.

    Args:
        folder: holds config.json and safetensors.
        packed: whether its attention shall be the packed one.
        pooler: whether it comes with the checkpoint's pooler.
        blank: whether its weights are left to be filled in by someone who has them all: the folder then needs none.

    Returns:
        A `PreTrainedModel`.

    Raises:
        ModelError: if weights are missing or torn, do not fit the configuration, are no safetensors, or its family has no
            pooler.
    """
    transformers.logging.set_verbosity_error()
    transformers.logging.disable_progress_bar()
    config = load_config(folder)
    try:
        kind = transformers.AutoModel._model_mapping[type(config)]
        has_pooler = "add_pooling_layer" in inspect.signature(kind.__init__).parameters
        if pooler and not has_pooler:
            raise ModelError(f"models of the family {config.model_type} have no pooler", str(folder), "pooling: first")
        extra = {"add_pooling_layer": pooler} if has_pooler else {}
        how = attention.NAME if packed and config.model_type not in DISENTANGLED else None
        if blank:
            # a config's default would be taken for a wish, and not looked up for the family
            wish = {} if how is None else {"attn_implementation": how}
            return kind._from_config(config, dtype=torch.float32, **wish, **extra)
        model, report = kind.from_pretrained(
            str(folder),
            config=config,
            local_files_only=True,
            use_safetensors=True,
            dtype=torch.float32,
            attn_implementation=how,
            output_loading_info=True,
            **extra,
        )
    # RuntimeError: weights of other shapes than the configuration says
    except (OSError, ValueError, KeyError, RuntimeError, SafetensorError) as error:
        raise ModelError(
            f"the model cannot be loaded: {error}", str(folder), "bakeoff model show NAME checks its files"
        ) from error
    if report["missing_keys"]:
        some = ", ".join(sorted(report["missing_keys"])[:3])
        raise ModelError(
            f"{len(report['missing_keys'])} weights are missing, such as {some}", str(folder), "fetch the model again"
        )
    return model


class Backbone(Body):
    """A pretrained model with pooling.

    Args:
        folder: holds config.json and safetensors.
        pooling: how token vectors become one.
        packed: whether it runs without padding; None means if its family can.
        dropout: probability that overrides the model's own; None keeps them.
        blank: whether weights are left to be filled in.

    Attributes:
        model: the `PreTrainedModel`.
        family: its `model_type`.
        pooling: how token vectors become one.
        packed: whether it runs without padding.
        note: why it cannot, if it cannot.
        layer_decay: factor between the rates of a layer and of the one below it.
        small_step: what a packed batch of few tokens is rounded up to a multiple of; less than in training where single
            short texts are to be answered soon.
    """

    def __init__(
        self,
        folder: Path,
        pooling: Pooling,
        packed: bool | None = None,
        dropout: float | None = None,
        blank: bool = False,
    ) -> None:
        super().__init__()
        config = load_config(folder)
        self.family: str = config.model_type
        self.pooling: Pooling = pooling
        self.layer_decay = 1.0
        self.small_step = TOKEN_STEP
        self.note = why_padded(config)
        self.packed = not self.note if packed is None else packed
        self.model = load_pretrained(folder, self.packed, pooling == "pooler", blank)
        self.model.config.use_cache = False  # nothing is generated
        self.layout = _adopt(self.model, self.family)
        replace_dropout(self.model, dropout)
        if dropout is not None:
            _override_attention_dropout(self.model, dropout)
        TokenTable.adopt(self.model.get_input_embeddings())

    @property
    def width(self) -> int:
        """Width D of its vectors."""
        return int(self.model.config.hidden_size)

    @property
    def context(self) -> int | None:
        """Tokens that a row may have at most; None where the configuration names no limit."""
        positions = getattr(self.model.config, "max_position_embeddings", None)
        if positions and self.family in POSITIONS_AFTER_PADDING:
            positions -= self._first_position
        return positions or None

    @property
    def _first_position(self) -> int:
        """Position of a row's first token."""
        return int(self.model.config.pad_token_id) + 1 if self.family in POSITIONS_AFTER_PADDING else 0

    @property
    def padding(self) -> int:
        """Id of the token that fills batches; 0 where the model has none: nothing looks at it."""
        return int(getattr(self.model.config, "pad_token_id", None) or 0)

    @property
    def dropout(self) -> float:
        """Dropout probability that its family uses before a classification head."""
        config = self.model.config
        for key in ("classifier_dropout", "seq_classif_dropout", "hidden_dropout_prob", "attention_dropout", "resid_pdrop"):
            if getattr(config, key, None) is not None:
                return float(getattr(config, key))
        return 0.0

    @property
    def last_matrix(self) -> nn.Parameter:
        """The last weight matrix of the body that is trained: what health is measured by; the last of all if none is."""
        matrices: list[nn.Parameter] = [parameter for parameter in self.model.parameters() if parameter.ndim == 2]
        trained = [matrix for matrix in matrices if matrix.requires_grad]
        return (trained or matrices)[-1]

    @property
    def token_table(self) -> TokenTable:
        """The table of token vectors."""
        table = self.model.get_input_embeddings()
        assert isinstance(table, TokenTable)
        return table

    def rate_factor(self, name: str) -> float:
        """By what the rate is multiplied for a parameter: 1 in the last layer, each below has `layer_decay` of it.

        Args:
            name: the parameter's name within the backbone.

        Returns:
            The factor; 1 for what belongs to no layer.
        """
        layer = layer_of(name)
        if layer is None or self.layer_decay == 1.0:
            return 1.0
        last = count_layers(known for known, _ in self.model.named_parameters()) - 1
        return float(self.layer_decay ** (last - layer))

    def set_packed(self, packed: bool) -> None:
        """Switch between packed and padded batches; the weights stay.

        Args:
            packed: which.
        """
        self.packed = packed
        if self.layout is None:
            self.model.set_attn_implementation(attention.NAME if packed else "sdpa")

    def checkpoint_activations(self) -> None:
        """Recompute activations in the backward pass instead of keeping them."""
        # the method's name since transformers 5.10; the non-reentrant form lets a packing pass as a keyword
        enable = getattr(self.model, "activation_checkpointing_enable", None) or self.model.gradient_checkpointing_enable
        enable({"use_reentrant": False, "context_fn": checkpoint_contexts})

    def forward(self, batch: Batch) -> Tensor:
        """Run the model and pool.

        Args:
            batch: rows in ascending order of length.

        Returns:
            One vector a row, in the batch's order, [B, D].
        """
        if not self.packed:
            hidden, mask = self._run_padded(batch)
            return self._through_pooler(pool_padded(hidden, mask, self.pooling))
        hidden, packing = self._run_packed(batch)
        return self._through_pooler(pool_packed(hidden, packing.starts, packing.lengths, packing.rows, self.pooling))

    def tokens(self, batch: Batch) -> Tensor:
        """Run the model without pooling.

        Args:
            batch: rows in ascending order of length.

        Returns:
            One vector a token, row after row, [T, D].
        """
        if not self.packed:
            hidden, mask = self._run_padded(batch)
            return hidden[mask.bool()]
        hidden, packing = self._run_packed(batch)
        return hidden[: len(packing.rows) - packing.filling]

    def layers(self, batch: Batch, pooling: Pooling) -> Tensor:
        """What each layer makes of the rows, pooled.

        Args:
            batch: rows in ascending order of length.
            pooling: how token vectors become one.

        Returns:
            [K, B, D] in the batch's order: of the embeddings first, then of each layer.
        """
        device = self.model.device
        if not self.packed:
            ids, mask = (part.to(device) for part in batch.padded(self.padding))
            words = {"input_ids": ids, "attention_mask": mask, **self._segments(batch.padded_segments())}
            states = self.model(**words, output_hidden_states=True).hidden_states
            return torch.stack([pool_padded(state, mask, pooling) for state in states])
        words, packing = self._packed_words(batch)
        states = self.model(**words, output_hidden_states=True).hidden_states
        places = packing.starts, packing.lengths, packing.rows
        return torch.stack([pool_packed(state[0], *places, pooling) for state in states])

    def _run_padded(self, batch: Batch) -> tuple[Tensor, Tensor]:
        """Vectors [B, longest, D] and the mask of real tokens."""
        device = self.model.device
        if self.layout is not None:
            self.layout.packing = None
        ids, mask = batch.padded(self.padding)
        ids, mask = ids.to(device), mask.to(device)
        hidden = self.model(input_ids=ids, attention_mask=mask, **self._segments(batch.padded_segments())).last_hidden_state
        return hidden, mask

    def _run_packed(self, batch: Batch) -> tuple[Tensor, Packing]:
        """Vectors [T + filling, D] and where the rows are."""
        words, packing = self._packed_words(batch)
        return self.model(**words).last_hidden_state[0], packing

    def _packed_words(self, batch: Batch) -> tuple[dict[str, Any], Packing]:
        """What the model is called with, and where the rows are."""
        device = self.model.device
        packing = pack(batch.lengths, device, self.small_step)
        positions = packing.positions + self._first_position
        # filling tokens are padding tokens: no gradient reaches their row of the token table
        ids = nn.functional.pad(batch.tokens, (0, packing.filling), value=self.padding).to(device)[None]
        segments = batch.segments
        packed = None if segments is None else nn.functional.pad(segments, (0, packing.filling))[None]
        words = {"input_ids": ids, "position_ids": positions[None], **self._segments(packed)}
        if self.layout is None:
            return {**words, "packing": packing}, packing
        # it stays until the next pass: recomputed activations need it in the backward pass
        self.layout.packing = packing
        return {**words, "attention_mask": (packing.rows >= 0).to(torch.int64)[None]}, packing

    def _segments(self, segments: Tensor | None) -> dict[str, Tensor]:
        """The argument that tells segments apart, for models that know more than one kind."""
        kinds = getattr(self.model.config, "type_vocab_size", 0) or 0
        return {"token_type_ids": segments.to(self.model.device)} if segments is not None and kinds > 1 else {}

    def _through_pooler(self, pooled: Tensor) -> Tensor:
        """The vectors [B, D] as they are, or through the checkpoint's pooler, which takes the first of [B, 1, D]."""
        if self.pooling != "pooler":
            return pooled
        vectors: Tensor = self.model.pooler(pooled[:, None])
        return vectors


def _adopt(model: Any, family: str) -> Layout | None:
    """For a family with attention of our own, what tells its layers of a batch."""
    if family not in DISENTANGLED:
        return None
    from bakeoff.training.disentangled import adopt  # imports the family's model code

    return adopt(model)


def _override_attention_dropout(model: nn.Module, probability: float) -> None:
    """Some families keep the probability of their attention as a number, not as a module."""
    layers: list[Any] = [module for module in model.modules() if isinstance(getattr(module, "attention_dropout", None), float)]
    for layer in layers:
        layer.attention_dropout = probability
