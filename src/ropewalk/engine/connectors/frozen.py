"""The settings a run was made with: whatever is saved meanwhile, it goes on with these (product.md §5.1)."""

from __future__ import annotations

from typing import Any, Self, TypeVar, cast

from msgspec import Struct
from pydantic import BaseModel

from ropewalk.core.checking import check
from ropewalk.core.errors import MustFix
from ropewalk.core.limits import ANY_CEILING
from ropewalk.core.values import digest
from ropewalk.sources import readable
from ropewalk.sources.base import Derivation, Kind, Needs, Source, StreamKind
from ropewalk.store.models import Connector, Stream

M = TypeVar("M", bound=BaseModel)


class Frozen(Struct, frozen=True):
    """`resets` counts how often the stream's baseline was: hashes of before an undo or another mapping don't hold."""

    source: Source
    kind: Kind
    connector: BaseModel
    stream: Any
    baseline: str
    resets: int

    @classmethod
    def of(cls, connector: Connector, stream: Stream) -> Self:
        return cls._read(
            connector.source, stream.kind, connector.settings, stream.settings, stream.baseline, stream.resets
        )

    @classmethod
    def load(cls, record: dict[str, Any]) -> Self:
        return cls._read(
            record["source"],
            record["kind"],
            record["connector"],
            record["stream"],
            record["baseline"],
            record["resets"],
        )

    @classmethod
    def _read(
        cls,
        slug: str,
        kind: str,
        connector: dict[str, Any],
        stream: dict[str, Any],
        baseline: str,
        resets: int,
    ) -> Self:
        """Raises `MustFix` (unknown_source, invalid_settings): another version may have saved them."""
        known = cast(Kind, kind)
        source = readable(slug)
        if source is None or known not in source.kinds:
            raise MustFix(
                "unknown_source", f"This version of Ropewalk can't read {kind} from a source called {slug}."
            )
        return cls(
            source,
            known,
            _saved(source.settings, connector),
            _saved(source.kinds[known].settings, stream),
            baseline,
            resets,
        )

    @staticmethod
    def record(connector: Connector, stream: Stream) -> dict[str, Any]:
        return {
            "source": connector.source,
            "kind": stream.kind,
            "connector": connector.settings,
            "stream": stream.settings,
            "baseline": stream.baseline,
            "resets": stream.resets,
        }

    @property
    def reading(self) -> StreamKind:
        return self.source.kinds[self.kind]

    @property
    def derivation(self) -> Derivation | None:
        return self.reading.derivation(self.stream) if self.reading.derivation is not None else None

    def needs(self) -> Needs:
        return self.source.needs(self.connector, self.stream)

    def still_holds(self, stream: Stream) -> bool:
        return (stream.baseline, stream.resets) == (self.baseline, self.resets)

    def salt(self, *more: str) -> bytes:
        return digest("\n".join((self.baseline, str(self.resets), *more)).encode())


def _saved(model: type[M], settings: dict[str, Any]) -> M:
    try:
        return check(model, settings, ANY_CEILING)
    except MustFix as error:
        found = "; ".join(f"{one.path}: {one.message}" if one.path else one.message for one in error.problems)
        message = f"The saved settings can't be used any more; save them again. {found}"
        raise MustFix(error.code, message, error.problems) from None
