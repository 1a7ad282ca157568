"""A sentence as words with their places, and a reader that says exactly at which word it could not go on."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass

from bakeoff.catalog.registry import nearest

WORD = re.compile(r"\s*(?P<word>[\[\],%]|[^\s\[\],%]+)")
LONGEST = 2_000
SHOWN = 60
NUMBER = re.compile(r"[-+]?(?:[0-9]{1,15}(?:\.[0-9]{1,15})?|\.[0-9]{1,15})")


@dataclass(frozen=True)
class Word:
    """A word of a sentence.

    Attributes:
        text: the word; empty for the end of the sentence.
        place: number of its first character, from 1.
    """

    text: str
    place: int

    @property
    def shown(self) -> str:
        """The word as a fault names it."""
        if not self.text:
            return "at its end"
        text = self.text if len(self.text) <= SHOWN else self.text[:SHOWN] + "…"
        return f"at `{text}` (character {self.place})"


class SentenceError(Exception):
    """A sentence that cannot be read on from a word.

    Args:
        word: where it stops.
        problem: what is wrong there.
        allowed: what could stand there.
        suggestion: the nearest spelling, or empty.
    """

    def __init__(self, word: Word, problem: str, allowed: str, suggestion: str = "") -> None:
        super().__init__(f"{word.shown}: {problem}")
        self.word = word
        self.problem = problem
        self.allowed = allowed
        self.suggestion = suggestion


class Reader:
    """Reads a sentence from left to right.

    Args:
        text: the sentence.

    Raises:
        SentenceError: if it is empty or longer than 2,000 characters.
    """

    def __init__(self, text: str) -> None:
        if len(text) > LONGEST:
            raise SentenceError(Word(text[LONGEST:], LONGEST + 1), "the sentence is too long", f"at most {LONGEST} characters")
        self._words = [Word(found["word"], found.start("word") + 1) for found in WORD.finditer(text)]
        self._end = Word("", len(text) + 1)
        self._at = 0

    @property
    def here(self) -> Word:
        """The next word."""
        return self._words[self._at] if self._at < len(self._words) else self._end

    @property
    def at_end(self) -> bool:
        """Whether nothing is left."""
        return self._at >= len(self._words)

    @property
    def place(self) -> int:
        """A mark that `back_to` returns to."""
        return self._at

    def find(self, text: str) -> Word:
        """The first word of the sentence that reads so.

        Args:
            text: the word, as written.

        Returns:
            The word; the end of the sentence if there is none.
        """
        return next((word for word in self._words if word.text == text), self._end)

    def back_to(self, place: int) -> None:
        """Return to a mark.

        Args:
            place: what `place` said there.
        """
        self._at = place

    def take(self) -> Word:
        """The next word; the reader goes on behind it.

        Returns:
            The word; one without text at the end.
        """
        word = self.here
        self._at += 1
        return word

    def accept(self, *phrases: str) -> str:
        """Go on behind the first phrase that stands here, if any does.

        Args:
            *phrases: words with single spaces; case does not count.

        Returns:
            The phrase, or empty.
        """
        for phrase in phrases:
            wanted = phrase.split()
            found = [word.text.lower() for word in self._words[self._at : self._at + len(wanted)]]
            if found == wanted:
                self._at += len(wanted)
                return phrase
        return ""

    def expect(self, *phrases: str, after: str) -> str:
        """Go on behind the first phrase that stands here.

        Args:
            *phrases: as for `accept`.
            after: what was read before, for the message.

        Returns:
            The phrase.

        Raises:
            SentenceError: if none does; it points at the first word that does not fit.
        """
        found = self.accept(*phrases)
        if found:
            return found
        longest = max(phrases, key=self._fitting)
        fitting = self._fitting(longest)
        self._at += fitting
        allowed = sorted(
            {phrase.split()[fitting] for phrase in phrases if phrase.split()[:fitting] == longest.split()[:fitting]}
        )
        raise self.fault(f"cannot go on after {after}", allowed)

    def _fitting(self, phrase: str) -> int:
        """How many words of a phrase stand here."""
        wanted = phrase.split()
        for count, word in enumerate(wanted):
            behind = self._at + count
            if behind >= len(self._words) or self._words[behind].text.lower() != word:
                return count
        return len(wanted)

    def fault(self, problem: str, allowed: Sequence[str] | str, word: Word | None = None) -> SentenceError:
        """A fault at a word.

        Args:
            problem: what is wrong.
            allowed: what could stand there: words, of which the nearest is suggested, or a description.
            word: which word; the next one without it.

        Returns:
            The error, to be raised.
        """
        word = word or self.here
        if isinstance(allowed, str):
            return SentenceError(word, problem, allowed)
        near = nearest(word.text, list(allowed)) if word.text else ""
        return SentenceError(word, problem, ", ".join(allowed), near if near != word.text else "")

    def number(self, after: str) -> float:
        """A number.

        Args:
            after: what was read before, for the message.

        Returns:
            The number.

        Raises:
            SentenceError: if none stands here.
        """
        if not NUMBER.fullmatch(self.here.text):
            raise self.fault(f"no number after {after}", "a number, such as 0.42")
        return float(self.take().text)
