"""Conversation context: the turns before an utterance, of the same dialogue and the same split."""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence

from bakeoff.records.compositions import Context


def preceding(texts: Sequence[str], dialogues: Sequence[str], context: Context) -> list[str]:
    """The turns before each utterance as one text, the nearest first: a limit of length cuts the oldest.

    Args:
        texts: the utterances of one split, in the order in which they were said, [N].
        dialogues: the dialogue of each, [N]; an empty one stands alone.
        context: how many turns, and what stands between them.

    Returns:
        One text an utterance, [N]; empty for the first of a dialogue.
    """
    said: dict[str, deque[str]] = {}
    found = []
    for text, dialogue in zip(texts, dialogues, strict=True):
        before = said.setdefault(dialogue, deque(maxlen=context.turns)) if dialogue else deque[str]()
        found.append(context.separator.join(before))
        before.appendleft(text)
    return found
