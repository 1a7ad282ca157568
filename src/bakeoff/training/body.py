"""What a head stands on: a pretrained model that runs, or the features that one left."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from bakeoff.training.batches import Batch
from bakeoff.training.embedding import TokenTable


class Body(nn.Module):
    """Makes one vector of each row.

    Attributes:
        packed: whether it runs without padding.
        note: why it cannot, where it cannot.
    """

    packed: bool = False
    note: str = ""

    @property
    def width(self) -> int:
        """Width D of its vectors."""
        raise NotImplementedError

    @property
    def context(self) -> int | None:
        """Tokens that a row may have at most; None where nothing limits them."""
        return None

    @property
    def padding(self) -> int:
        """Id of the token that fills batches; 0 where there is none."""
        return 0

    @property
    def dropout(self) -> float:
        """Dropout probability that its family uses before a classification head."""
        return 0.0

    @property
    def last_matrix(self) -> nn.Parameter | None:
        """The last weight matrix that is trained; None if it has no weights."""
        return None

    @property
    def token_table(self) -> TokenTable | None:
        """The table of token vectors; None if it reads no tokens."""
        return None

    def rate_factor(self, name: str) -> float:  # noqa: ARG002  (bodies with layers use it)
        """By what the body's learning rate is multiplied for one of its parameters.

        Args:
            name: the parameter's name within the body.

        Returns:
            The factor.
        """
        return 1.0

    def facts(self) -> dict[str, Any]:
        """What a result says of it beside what every result says.

        Returns:
            Facts by name; none for a model that is here.
        """
        return {}

    def set_packed(self, packed: bool) -> None:
        """Switch between packed and padded batches.

        Args:
            packed: which.
        """
        self.packed = packed

    def tokens(self, batch: Batch) -> Tensor:
        """Make a vector of each token, for heads that point at tokens.

        Args:
            batch: rows in ascending order of length.

        Returns:
            One vector a token, row after row, [T, D].

        Raises:
            NotImplementedError: always: a body that can do so defines its own.
        """
        raise NotImplementedError

    def forward(self, batch: Batch) -> Tensor:
        """Make the vectors.

        Args:
            batch: rows in ascending order of length.

        Returns:
            One vector a row, in the batch's order, [B, D].

        Raises:
            NotImplementedError: always: a body defines its own.
        """
        raise NotImplementedError
