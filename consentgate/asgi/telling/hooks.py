"""Owns calling the app's own functions when a visitor changed their mind; never delays an answer
for long, and never lets one of them stand in a withdrawal's way.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from functools import partial

from consentgate.asgi.faults import Faults
from consentgate.asgi.telling.change import Change

Hook = Callable[[Change], Awaitable[object] | object]
"""A function of the app's, plain or ``async``; a plain one is called in a thread."""
HOOK_SECONDS = 0.3
"""How long an answer waits for a function of the app's, which then goes on by itself."""
_running: set[asyncio.Future[object]] = set()
"""Those that go on; the event loop itself holds a task only loosely."""


@dataclass(frozen=True, slots=True)
class ChoiceHooks:
    """The app's own functions."""

    on_change: Hook | None = None
    """Called after every choice that changed anything."""
    on_withdraw: Hook | None = None
    """Called after every choice that took anything back."""

    async def tell(self, change: Change, faults: Faults) -> None:
        """Call those that a change concerns, once each. Never raises."""
        if change.is_withdrawal and self.on_withdraw is not None:
            await _call(self.on_withdraw, "on_withdraw", change, faults)
        has_changed = change.is_withdrawal or change.given or change.services_given
        if has_changed and self.on_change is not None:
            await _call(self.on_change, "on_change", change, faults)


NO_HOOKS = ChoiceHooks()


async def _call(hook: Hook, name: str, change: Change, faults: Faults) -> None:
    task: asyncio.Future[object] = asyncio.ensure_future(_answer(hook, change))
    _running.add(task)
    task.add_done_callback(partial(_ended, name, faults))
    await asyncio.wait({task}, timeout=HOOK_SECONDS)


async def _answer(hook: Hook, change: Change) -> object:
    """What a hook gives: one that is not ``async`` may block, and is called in a thread."""
    call = getattr(hook, "__call__", None)  # noqa: B004  # of an object, which may be async
    if inspect.iscoroutinefunction(hook) or inspect.iscoroutinefunction(call):
        return await hook(change)  # type: ignore[misc]  # what an async function gives
    answer = await asyncio.to_thread(hook, change)
    return await answer if inspect.isawaitable(answer) else answer


def _ended(name: str, faults: Faults, task: asyncio.Future[object]) -> None:
    _running.discard(task)
    if task.cancelled():
        return
    try:
        task.result()
    except Exception:
        faults.failed(name, f"{name} failed; the choice stands")
