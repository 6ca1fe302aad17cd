"""Undoing from the change log: who set each field last, and so which changes of a run may go back (product.md §5.5).

For each field there is a stack of the changes that set it. An undo takes the undone change off its stack again, so
that what a run changed and an undo put back counts as if it had never been.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from uuid import UUID

from msgspec import Struct, field

from ropewalk.core.values import JSON


class LoggedChange(Struct, frozen=True):
    """A row of the change log. `run_id` None: by hand. `fields`: name -> (old, new)."""

    id: int
    account_id: UUID
    contact_id: UUID | None
    run_id: UUID | None
    created: bool
    fields: Mapping[str, tuple[JSON, JSON]]


_Set = tuple[int, UUID | None]


class Standing(Struct):
    """What of the log still stands. `undoes`: of the runs in the log that are undos, the run that each undid."""

    undoes: Mapping[UUID, UUID]
    _stacks: dict[UUID, dict[tuple[UUID | None, str], list[_Set]]] = field(default_factory=dict)

    def add(self, log: Iterable[LoggedChange]) -> None:
        """In the order of the log."""
        for change in log:
            stacks = self._stacks.setdefault(change.account_id, {})
            undone = None if change.run_id is None else self.undoes.get(change.run_id)
            for name in change.fields:
                stack = stacks.setdefault((change.contact_id, name), [])
                if undone is None:
                    stack.append((change.id, change.run_id))
                elif stack and stack[-1][1] == undone:
                    stack.pop()

    def last(self, change: LoggedChange, name: str) -> bool:
        """Whether nothing has set this field since."""
        stack = self._stack(change, name)
        return bool(stack) and stack[-1][0] == change.id

    def gone(self, change: LoggedChange, name: str) -> bool:
        """Whether an undo has put this back before."""
        return all(change_id != change.id for change_id, _ in self._stack(change, name))

    def take_back(self, change: LoggedChange, name: str) -> None:
        self._stack(change, name).pop()

    def setter(self, change: LoggedChange, name: str) -> UUID | None:
        """The run that set this field last; None: it was by hand."""
        return self._stack(change, name)[-1][1]

    def others(self, change: LoggedChange, *, whole_account: bool = False) -> list[UUID | None]:
        """Who else has touched the change's contact or account, contacts of the account included; each once."""
        found: dict[UUID | None, None] = {}
        for (contact_id, _), stack in self._stacks.get(change.account_id, {}).items():
            if whole_account or contact_id == change.contact_id:
                found.update((run_id, None) for _, run_id in stack if run_id != change.run_id)
        return list(found)

    def _stack(self, change: LoggedChange, name: str) -> list[_Set]:
        return self._stacks.get(change.account_id, {}).get((change.contact_id, name), [])
