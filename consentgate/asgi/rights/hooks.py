"""Owns how the app's own data takes part: its hooks, plain or async, and what they are told."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import Any

from starlette.concurrency import run_in_threadpool

DataOf = Callable[[str], Any | Awaitable[Any]]
"""Gives what the app keeps of a subject, as JSON values; None: nothing."""
EraseOf = Callable[[str], Any | Awaitable[Any]]
"""Erases what the app keeps of a subject; what it raises leaves the request open."""
CorrectOf = Callable[[str, str], Any | Awaitable[Any]]
"""Corrects what a visitor gave, by what the visitor writes; true: it is done."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Hooks:
    """What the app adds; None: the app keeps nothing of its own."""

    data_of: DataOf | None = None
    erase_of: EraseOf | None = None
    correct_of: CorrectOf | None = None


async def called(hook: Callable[..., Any], *arguments: str) -> Any:
    """What a hook answers: an async one on the event loop, a plain one in a thread."""
    if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(
        getattr(hook, "__call__", None)  # noqa: B004 - an object whose call is a coroutine
    ):
        return await hook(*arguments)
    answer = await run_in_threadpool(hook, *arguments)
    return await answer if inspect.isawaitable(answer) else answer
