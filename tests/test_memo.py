"""The memory of answers: the same answers as without it, bounded, and never thrown away whole."""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Hashable
from itertools import chain, islice, repeat

import pytest
from hypothesis import given
from hypothesis import strategies as st

from consentgate.memo import Memo, remember, up_to
from tests.alone import alone

questions = st.lists(st.one_of(st.integers(0, 30), st.text(max_size=3)), max_size=200)


class Told:
    """A function that counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[Hashable] = []

    def __call__(self, question: Hashable) -> str:
        self.asked.append(question)
        return f"answer to {question!r}"


@given(questions, st.integers(2, 20))
def test_the_answers_are_those_of_the_bare_function(asked: list[Hashable], most: int) -> None:
    """Whatever is asked in whatever order, nothing but the cost differs, and the bound holds."""
    bare, memo = Told(), Memo[Hashable, str](Told(), most)
    for question in asked:
        assert memo[question] == bare(question)
        assert memo.size <= most


@given(questions, st.integers(2, 20))
def test_what_is_asked_in_each_half_is_found_out_once(asked: list[Hashable], most: int) -> None:
    """A question that comes back before a half is full of others is never found out again."""
    told = Told()
    memo = Memo[Hashable, str](told, most)
    for question in chain.from_iterable(zip(repeat(("usual",)), asked, strict=False)):
        _ = memo[question]
    if most >= 4:
        assert told.asked.count(("usual",)) <= 1


def test_a_flood_takes_no_more_than_what_nobody_asks_again() -> None:
    """The answers of a usual day outlast a hundred times as many made-up questions."""
    told = Told()
    memo = Memo[Hashable, str](told, 100)
    usual = range(10)
    for made_up in range(10_000):
        _ = memo[f"made up {made_up}"]
        _ = memo[usual[made_up % 10]]
    assert [told.asked.count(question) for question in usual] == [1] * 10
    assert len(told.asked) == 10_010


def test_a_question_asked_before_costs_no_call() -> None:
    """A hit is the plain look of a dict: the class has nothing of its own to say about it."""
    assert Memo.__getitem__ is dict.__getitem__
    assert Memo.get is dict.get


def test_what_is_large_is_answered_and_forgotten() -> None:
    """A question over the limit is found out each time and takes no room."""
    told = Told()
    memo = Memo[str, str](told, 10, is_small=up_to(5))
    assert [memo["larger"], memo["larger"], memo["small"], memo["small"]] == [
        *["answer to 'larger'"] * 2,
        *["answer to 'small'"] * 2,
    ]
    assert told.asked == ["larger", "larger", "small"]
    assert list(memo) == ["small"]


@pytest.mark.parametrize(
    ("question", "is_small"),
    [
        ("four", True),
        ("fives", False),
        (b"four", True),
        (b"fives", False),
        (("two", "2"), True),
        (("two", b"two"), False),
        ((1, None, "four"), True),
        (None, True),
        (9, True),
    ],
)
def test_the_texts_of_a_question_count_together(question: object, is_small: bool) -> None:
    """A text, or a tuple of texts, is measured; what has no length is small."""
    assert up_to(4)(question) is is_small


def test_a_failure_is_not_remembered() -> None:
    """What the function raises is raised each time, until it answers."""
    answers = iter([ValueError("not yet"), None])

    def answer(question: str) -> str:
        failure = next(answers)
        if failure is not None:
            raise failure
        return question

    memo = Memo[str, str](answer, 4)
    with pytest.raises(ValueError, match="not yet"):
        _ = memo["a"]
    assert memo["a"] == memo["a"] == "a"


def test_an_answer_may_be_nothing() -> None:
    """None is an answer like any other, in both halves."""
    asked: list[int] = []
    memo: Memo[int, None] = Memo(asked.append, 4)
    assert [memo[number] for number in (1, 2, 3, 1, 2)] == [None] * 5
    assert asked == [1, 2, 3]


def test_an_answer_may_need_more_than_its_question() -> None:
    """What only the caller knows how to find out is found out once, by whoever asks first."""
    memo = Memo[str, int](None, 4)
    assert [
        memo.recall("a", lambda: 1),
        memo.recall("a", lambda: 2),
        memo.recall("b", lambda: 3),
    ] == [1, 1, 3]
    with pytest.raises(KeyError, match="unknown"):
        _ = memo["unknown"]


@pytest.mark.parametrize("most", [-1, 0, 1])
def test_there_is_room_for_two(most: int) -> None:
    """Less than one answer in each half is a mistake, and said."""
    with pytest.raises(ValueError, match="at least two answers"):
        Memo(str, most)


def test_a_function_remembers() -> None:
    """The decorated function answers as before, of one argument or several."""
    asked: list[object] = []

    @remember(10, is_small=up_to(8))
    def doubled(text: str) -> str:
        asked.append(text)
        return text * 2

    @remember(10, is_small=up_to(8))
    def joined(text: str, times: int) -> str:
        """Join them."""
        asked.append((text, times))
        return text * times

    assert [doubled("a"), doubled("a"), joined("b", 2), joined("b", 2)] == ["aa", "aa", "bb", "bb"]
    assert asked == ["a", ("b", 2)]
    assert joined("far too long", 1) == joined("far too long", 1)
    assert len(asked) == 4
    assert (joined.__name__, joined.__doc__) == ("joined", "Join them.")


def a_million_questions() -> tuple[int, int, int]:
    """Answers remembered, most bytes held, and at the peak."""
    memo = Memo[int, bytes](lambda number: b"%064d" % number, 512)
    numbers = iter(range(1_000_000))
    held = []
    tracemalloc.start()
    for count in (1_000, 9_000, 90_000, 900_000):
        for number in islice(numbers, count):
            _ = memo[number]
        held.append(tracemalloc.get_traced_memory()[0])
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return memo.size, max(held), peak


def test_a_million_questions_leave_the_memory_flat() -> None:
    """From the thousandth made-up question to the millionth, the memory holds no more."""
    size, held, peak = alone("tests.test_memo", "a_million_questions")
    assert size <= 512
    assert held < 120_000
    assert peak < 180_000


def test_several_threads_may_ask_at_once() -> None:
    """Each gets the right answers, and the bound holds but for one answer a thread."""
    memo = Memo[int, int](lambda number: number * 2, 64)
    wrong: list[int] = []
    largest: list[int] = []

    def ask(start: int) -> None:
        for step in range(20_000):
            number = (start + step * 7) % 211
            if memo[number] != number * 2:
                wrong.append(number)
            if step % 100 == 0:
                largest.append(memo.size)

    threads = [threading.Thread(target=ask, args=(start,)) for start in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
    assert max(largest) <= 64 + 2 * len(threads)


def test_two_threads_that_find_it_full_do_not_throw_it_away() -> None:
    """Where another thread has just made the young half the old one, it is not done again."""
    memo = Memo[int, int](lambda number: number, 4)
    _ = memo[1], memo[2]
    memo._turn()
    memo._turn()
    assert memo.size == 2
    assert memo._old == {1: 1, 2: 2}
