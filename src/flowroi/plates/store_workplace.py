"""Where a plate is put together in a store: at the target itself, as stores rename nothing; its mark comes last."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from types import TracebackType
from typing import Self

from flowroi.archives.manifest import COMPLETE_NAME, MANIFEST_NAME, complete_mark
from flowroi.errors import MissingInputError, OutputExistsError, printable
from flowroi.plates.base import Position
from flowroi.plates.record import RECORD_NAME, is_record_there
from flowroi.plates.storage import PlateFormat, place_of
from flowroi.stores.claim import claim_of
from flowroi.stores.path import StorePath, at_once

# What a plate of ours has around its positions, and where these are.
_AROUND = re.compile(r"plate\.json|COMPLETE|([A-Z]{1,2}/)?([0-9]{1,2}/)?(zarr\.json|\.zgroup|\.zattrs)")
_IN_A_POSITION = re.compile(r"([A-Z]{1,2}/[0-9]{1,2}/[0-9]{1,5})/.+", re.DOTALL)
_CLAIM = re.compile(r"[A-Z]{1,2}/[0-9]{1,2}/\.[0-9]{1,5}\.flowroi-claim")


class StoreWorkplace:
    """As `Workplace`, for a target in a store; writers keep each other off position by position (see `Claim`).

    Parameters
    ----------
    target : StorePath
    plate_format : PlateFormat
    positions : tuple of Position
        All that the plate will have.
    well_by_well : bool
        Whether only some of them are written now, beside other processes that write others.
    overwrite : bool
        Whether a plate that stands at the target is replaced. It loses its mark of completeness first.

    Raises
    ------
    OutputExistsError
        If the target holds what is not of this plate, or, where it is to be replaced, of no plate of ours.
    """

    def __init__(
        self,
        target: StorePath,
        plate_format: PlateFormat,
        positions: tuple[Position, ...],
        *,
        well_by_well: bool,
        overwrite: bool,
    ) -> None:
        self.root = target
        self._format = plate_format
        # What another run finished with other settings is refused, unless all is made anew.
        self.in_place = not overwrite or well_by_well
        if self.in_place:
            self._refuse_strays({place_of(position, plate_format) for position in positions})
        else:
            self._begin_anew()

    def place(self, position: Position) -> StorePath:
        """Return where a position's archive is to be."""
        return self.root / place_of(position, self._format)

    def tidy(self, kept: tuple[Position, ...]) -> None:
        """Remove claims that were left, what was begun and is not kept, and what an older plate had besides."""
        places = {place_of(position, self._format) for position in kept}
        names = self.root.names_below()
        claimed = {str(claim_of(self.root / place).relative_to(self.root)): place for place in _positions_in(names)}
        dropped = {place for claim, place in claimed.items() if claim in names} - places
        for name in names:
            within = _IN_A_POSITION.fullmatch(name)
            begun = within is not None and within[1] in dropped
            old = not self.in_place and _belongs(name) and (within is None or within[1] not in places)
            if _CLAIM.fullmatch(name) or begun or old:
                (self.root / name).unlink(missing_ok=True)

    def confirm(self, digests: Mapping[Position, str]) -> None:
        """Raise OutputExistsError if a position is not, any more, the archive that this run finished or found."""

        def is_still(item: tuple[Position, str]) -> bool:
            position, digest = item
            mark = complete_mark(digest)
            try:
                return (self.place(position) / COMPLETE_NAME).read_part(0, len(mark) + 1) == mark
            except MissingInputError:
                return False

        with at_once(self.root) as threads:
            for position, same in zip(digests, threads.map(is_still, digests.items()), strict=True):
                if not same:
                    raise OutputExistsError(
                        "another process replaced this archive meanwhile; the plate is not finished: let one of them "
                        "write it",
                        path=self.place(position),
                    )

    def publish(self) -> None:
        """Nothing is to be done: the mark of completeness was the last object."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is not None:
            error.add_note(f"what is finished is kept in {self.root}: the same command goes on from there")

    def _begin_anew(self) -> None:
        """Take a plate that is to be replaced its mark of completeness, if it is one of ours and nothing else."""
        names = self.root.names_below()
        if names and not is_record_there(self.root) and COMPLETE_NAME in names:
            self._refuse(COMPLETE_NAME)
        for name in names:
            if not _belongs(name):
                self._refuse(name)
        self._refuse_metadata_alone(names)
        for place in _positions_in(names):
            claim = str(claim_of(self.root / place).relative_to(self.root))
            if f"{place}/{MANIFEST_NAME}" not in names and claim not in names:
                self._refuse(f"{place}/...")
        for name in (COMPLETE_NAME, RECORD_NAME):
            if name in names:
                (self.root / name).unlink(missing_ok=True)

    def _refuse_strays(self, places: set[str]) -> None:
        names = self.root.names_below()
        for name in names:
            within = _IN_A_POSITION.fullmatch(name)
            if not _belongs(name) or (within is not None and within[1] not in places):
                self._refuse(name)
        self._refuse_metadata_alone(names)

    def _refuse_metadata_alone(self, names: Iterable[str]) -> None:
        """Refuse the metadata of a group around nothing of ours: they are another's."""
        first = next(iter(names), None)
        if first and not any(name.endswith(f"/{MANIFEST_NAME}") or _CLAIM.fullmatch(name) for name in names):
            self._refuse(first)

    def _refuse(self, name: str) -> None:
        raise OutputExistsError(
            f"the store holds {printable(name)!r} there, which is not of this plate; nothing was written: choose "
            "another name, or remove it yourself",
            path=self.root,
        )


def _belongs(name: str) -> bool:
    return any(pattern.fullmatch(name) for pattern in (_AROUND, _IN_A_POSITION, _CLAIM))


def _positions_in(names: Mapping[str, object]) -> set[str]:
    return {found[1] for name in names if (found := _IN_A_POSITION.fullmatch(name))}
