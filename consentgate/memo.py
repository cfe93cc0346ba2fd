"""Owns the memory of answers: bounded, and never thrown away whole. Never knows what is asked."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial, wraps
from typing import Any, Final, TypeVar, TypeVarTuple, cast

Question = TypeVar("Question")
Answer = TypeVar("Answer")
Questions = TypeVarTuple("Questions")

_NONE: Final = object()


class Memo(dict[Question, Answer]):
    """``memo[question]`` is the answer, which is found out at most once while it is remembered.

    The dict itself is the young half, so a question asked before costs one look into a dict. When
    the young half is full it becomes the old one, and the old one is let go. A question that is
    asked again moves from the old half to the young one. Whatever is asked once in each half is
    never found out twice, however many made-up questions come between.

    Several threads may ask at once. Each step on a dict is one operation of the interpreter, and
    an answer depends on its question alone. The worst that threads do to each other is to find
    the same answer twice, or to forget a young one.
    """

    __slots__ = ("_answer", "_half", "_is_small", "_old")

    def __init__(
        self,
        answer: Callable[[Question], Answer] | None,
        most: int,
        *,
        is_small: Callable[[Question], bool] | None = None,
    ) -> None:
        """Start with nothing remembered.

        Args:
            answer: finds an answer out. It depends on the question alone. What it raises is raised
                each time. None: only ``recall`` finds answers out.
            most: how many answers are remembered, at least two.
            is_small: whether a question may be remembered with its answer. None: each may.

        Raises:
            ValueError: ``most`` is less than two.
        """
        if most < 2:
            raise ValueError(f"expected room for at least two answers, not {most}")
        super().__init__()
        self._answer = answer
        self._half = most // 2
        self._is_small = is_small
        self._old: dict[Question, Answer] = {}

    @property
    def size(self) -> int:
        """How many answers are remembered. One that has just moved counts in both halves."""
        return len(self) + len(self._old)

    def remembered(self) -> list[tuple[Question, Answer]]:
        """Every question that is remembered, with its answer; a newer answer comes last."""
        return [*self._old.copy().items(), *self.copy().items()]

    def recall(self, question: Question, find: Callable[[], Answer]) -> Answer:
        """The answer, where finding it out takes more than the question tells.

        Args:
            question: everything that can make the answer another one.
            find: finds it out.
        """
        found = self.get(question, _NONE)
        return cast(Answer, found) if found is not _NONE else self._find_out(question, find)

    def put(self, question: Question, answer: Answer) -> None:
        """Remember an answer in the place of another one."""
        if len(self) >= self._half:
            self._turn()
        self[question] = answer

    def __missing__(self, question: Question) -> Answer:
        if self._answer is None:
            raise KeyError(question)
        return self._find_out(question, partial(self._answer, question))

    def _find_out(self, question: Question, find: Callable[[], Answer]) -> Answer:
        found = self._old.get(question, _NONE)
        answer = find() if found is _NONE else cast(Answer, found)
        if found is _NONE and self._is_small is not None and not self._is_small(question):
            return answer
        if len(self) >= self._half:
            self._turn()
        self[question] = answer
        return answer

    def _turn(self) -> None:
        """Make the young half the old one, unless another thread has just done so."""
        young = self.copy()
        if len(young) >= self._half:
            self._old = young
            self.clear()


def remember(
    most: int, *, is_small: Callable[[Any], bool] | None = None
) -> Callable[[Callable[[*Questions], Answer]], Callable[[*Questions], Answer]]:
    """Remember the answers of a pure function, whose arguments are then given by position.

    Args:
        most: how many answers are remembered, at least two.
        is_small: whether the argument, or the tuple of several arguments, may be remembered.
    """

    def remembering(function: Callable[[*Questions], Answer]) -> Callable[[*Questions], Answer]:
        if function.__code__.co_argcount == 1:
            one = Memo(cast(Callable[[Any], Answer], function), most, is_small=is_small)
            return cast(Callable[[*Questions], Answer], one.__getitem__)
        several: Memo[tuple[*Questions], Answer] = Memo(
            lambda questions: function(*questions), most, is_small=is_small
        )

        @wraps(function)
        def answer(*questions: *Questions) -> Answer:
            return several[questions]

        return answer

    return remembering


def up_to(size: int) -> Callable[[object], bool]:
    """Say which questions are small: a text, or the texts of a tuple together, up to ``size``."""

    def is_small(question: object) -> bool:
        if isinstance(question, str | bytes):
            return len(question) <= size
        if isinstance(question, tuple):
            return sum(len(part) for part in question if isinstance(part, str | bytes)) <= size
        return True

    return is_small
