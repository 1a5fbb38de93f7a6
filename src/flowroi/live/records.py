"""What a journal says: of every frame all that its archive will need, and what was told beside the frames."""

from __future__ import annotations

import zlib
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np

from flowroi.archives.manifest import mask_digest
from flowroi.codec.encoder import EncodedFrame, EncodeStats
from flowroi.coding import Coded
from flowroi.errors import CorruptDataError
from flowroi.live.journal import Record, record_bytes
from flowroi.live.scan import Found, Key
from flowroi.losses import Losses
from flowroi.roi import FrameRoi, RoiDiagnostics
from flowroi.sources.checks import FrameFacts
from flowroi.sources.files import InputFile
from flowroi.sources.ordering import Time

FRAME, NOTE = "frame", "note"


@dataclass(frozen=True, slots=True)
class Opening:
    """What the first frame settles for all of a position.

    Attributes
    ----------
    shape : (int, int)
    dtype : str
        "uint8" or "uint16".
    significant_bits : int
    noise_sigma : float or None
        The camera's noise, grey levels, where the target is one.
    losses : Losses
        What the input had lost before.
    """

    shape: tuple[int, int]
    dtype: str
    significant_bits: int
    noise_sigma: float | None
    losses: Losses

    def to_json(self) -> dict[str, Any]:
        """Return it ready for JSON."""
        lost = {"methods": list(self.losses.methods), "ratios": list(self.losses.ratios)}
        return {**asdict(self), "shape": list(self.shape), "losses": lost}

    @classmethod
    def from_json(cls, data: dict[str, Any]) -> Opening:
        """Return what `to_json` wrote."""
        height, width = data["shape"]
        lost = Losses(tuple(data["losses"]["methods"]), tuple(data["losses"]["ratios"]))
        return cls((height, width), data["dtype"], data["significant_bits"], data["noise_sigma"], lost)


def file_facts(found: Found) -> dict[str, Any]:
    """Return what a journal says of a file, so that it is known again."""
    file = found.file
    return {
        "root": found.key[0],
        "within": found.key[1].encode("utf-8", "surrogateescape").hex(),
        "size_bytes": file.size_bytes,
        "modified_ns": file.modified_ns,
        "inode": found.inode,
    }


def found_of(facts: dict[str, Any], roots: list[Any]) -> Found:
    """Return the file that facts are about."""
    key: Key = (facts["root"], bytes.fromhex(facts["within"]).decode("utf-8", "surrogateescape"))
    file = InputFile(roots[key[0]] / key[1], facts["size_bytes"], facts["modified_ns"])
    return Found(key, file, facts["inode"])


def frame_record(
    coded: Coded,
    *,
    time: Time,
    found: Found,
    sha256: str,
    facts: FrameFacts,
    opening: Opening | None,
    learnt: bool,
    memory: dict[str, Any] | None,
) -> bytes:
    """Return the record of a coded frame.

    Parameters
    ----------
    coded : Coded
    time : tuple of int
        As the file's name tells it.
    found : Found
        The file.
    sha256 : str
        Of the file.
    facts : FrameFacts
        What the frame looks like.
    opening : Opening or None
        With the first frame.
    learnt : bool
        Whether the RoI method has seen the frame; else its mask is that of the frame before.
    memory : dict or None
        What the method knows then, ready for JSON.
    """
    mask = b"" if coded.roi is None else zlib.compress(np.packbits(coded.roi.mask).tobytes(), 1)
    header = {
        "kind": FRAME,
        "t": coded.t,
        "time": list(time),
        "file": {**file_facts(found), "sha256": sha256},
        "stats": asdict(coded.encoded.stats),
        "data_bytes": len(coded.encoded.data),
        "pixels_sha256": coded.pixels_sha256,
        "roi": None if coded.roi is None else asdict(coded.roi.diagnostics),
        "mask_sha256": None if coded.roi is None else mask_digest(coded.roi.mask),
        "facts": asdict(facts),
        "learnt": learnt,
        "memory": memory,
        "opening": None if opening is None else opening.to_json(),
    }
    return record_bytes(header, coded.encoded.data + mask)


def coded_of(record: Record, shape: tuple[int, int]) -> Coded:
    """Return the frame that a record holds.

    Raises
    ------
    CorruptDataError
        If its mask is not the one that was written.
    """
    header, payload = record
    data = payload[: header["data_bytes"]]
    roi = None
    if header["roi"] is not None:
        bits = np.frombuffer(zlib.decompress(payload[len(data) :]), np.uint8)
        mask = np.unpackbits(bits, count=shape[0] * shape[1]).reshape(shape).view(np.bool_)
        if mask_digest(mask) != header["mask_sha256"]:
            raise CorruptDataError("the mask in the journal is not the one that was written", frame=header["t"])
        known = header["roi"]
        drift = known["drift_px"]
        roi = FrameRoi(mask, None, RoiDiagnostics(**{**known, "drift_px": None if drift is None else tuple(drift)}))
    encoded = EncodedFrame(data, EncodeStats(**header["stats"]))
    return Coded(header["t"], encoded, roi, limited=False, pixels_sha256=header["pixels_sha256"])


def note_record(what: str, text: str, found: Found | None = None) -> bytes:
    """Return the record of something that was told: what it is ("late", ...), in words, and of which file."""
    return record_bytes(
        {"kind": NOTE, "what": what, "text": text, "file": None if found is None else file_facts(found)}
    )
