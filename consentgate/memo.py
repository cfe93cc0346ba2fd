"""Owns answers that are kept for who asks the same next: so many of them, and none too large."""

from __future__ import annotations

from collections.abc import Callable
from typing import TypeVar

Question = TypeVar("Question")
Answer = TypeVar("Answer")


class Kept(dict[Question, Answer]):
    """``kept[question]``: the answer, found out if need be.

    Where one more than ``most`` would be kept, all are forgotten: whoever asks for made-up things
    does not fill the memory.
    """

    def __init__(
        self,
        answer: Callable[[Question], Answer],
        most: int,
        *,
        is_small: Callable[[Question], bool] = lambda question: True,
    ) -> None:
        """Start with none.

        Args:
            answer: finds it out.
            most: how many are kept.
            is_small: whether a question may be kept with its answer.
        """
        super().__init__()
        self._answer = answer
        self._most = most
        self._is_small = is_small

    def __missing__(self, question: Question) -> Answer:
        answer = self._answer(question)
        if self._is_small(question):
            if len(self) >= self._most:
                self.clear()
            self[question] = answer
        return answer
