"""OME-XML of an archive: dimensions, pixel size, time, and provenance for people."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any
from xml.etree import ElementTree

from flowroi.archives.manifest import canonical_json, sha256

_NAMESPACE = "http://www.openmicroscopy.org/Schemas/OME/2016-06"
MANIFEST_NAMESPACE = "flowroi/manifest"
PROVENANCE_NAMESPACE = "flowroi/provenance"
_LOSSY, _METHODS, _RATES, _UNKNOWN = "Lossy image compression", "Lossy method", "Compression rate", "unknown"


def ome_xml(manifest: dict[str, Any]) -> bytes:
    """Return the OME-XML, pure ASCII; frames are IFDs 0..T-1, kept masks IFDs T..2T-1 of a second image."""
    root = ElementTree.Element("OME", {"xmlns": _NAMESPACE, "Creator": f"flowroi {manifest['flowroi']}"})
    masks = manifest["masks_kept"]
    _image(root, 0, manifest, manifest["name"], manifest["dtype"], manifest["significant_bits"], 0)
    if masks:
        _image(root, 1, manifest, f"{manifest['name']} RoI", "uint8", 8, manifest["shape"][0])
    annotations = ElementTree.SubElement(root, "StructuredAnnotations")
    pairs = ElementTree.SubElement(
        annotations, "MapAnnotation", {"ID": "Annotation:0", "Namespace": PROVENANCE_NAMESPACE}
    )
    value = ElementTree.SubElement(pairs, "Value")
    for key, text in provenance_pairs(manifest).items():
        ElementTree.SubElement(value, "M", {"K": key}).text = text
    xml: bytes = ElementTree.tostring(root, encoding="ascii", xml_declaration=True)
    return xml


def manifest_text(xml: str) -> str | None:
    """Return the manifest's JSON from OME-XML, or None if there is none."""
    if "<!DOCTYPE" in xml or "<!ENTITY" in xml:
        return None
    try:
        root = ElementTree.fromstring(xml)  # noqa: S314
    except ElementTree.ParseError:
        return None
    for comment in root.iterfind(".//{*}CommentAnnotation"):
        if comment.get("Namespace") == MANIFEST_NAMESPACE:
            return comment.findtext("{*}Value")
    return None


def _image(
    root: ElementTree.Element, number: int, manifest: dict[str, Any], name: str, dtype: str, bits: int, first_ifd: int
) -> None:
    frames, height, width = manifest["shape"]
    image = ElementTree.SubElement(root, "Image", {"ID": f"Image:{number}", "Name": xml_text(name)})
    attributes = {
        "ID": f"Pixels:{number}",
        "DimensionOrder": "XYCZT",
        "Type": dtype,
        "SignificantBits": str(bits),
        "SizeX": str(width),
        "SizeY": str(height),
        "SizeC": "1",
        "SizeZ": "1",
        "SizeT": str(frames),
    }
    if manifest["pixel_size_um"] is not None:
        for axis in "XY":
            # In µm, the schema's default unit; the letter itself would not be ASCII.
            attributes[f"PhysicalSize{axis}"] = repr(manifest["pixel_size_um"])
    if manifest["frame_interval_s"] is not None:
        attributes["TimeIncrement"] = repr(manifest["frame_interval_s"])
    pixels = ElementTree.SubElement(image, "Pixels", attributes)
    ElementTree.SubElement(pixels, "Channel", {"ID": f"Channel:{number}:0", "SamplesPerPixel": "1"})
    ElementTree.SubElement(pixels, "TiffData", {"IFD": str(first_ifd), "PlaneCount": str(frames)})
    _times(pixels, manifest)
    ElementTree.SubElement(image, "AnnotationRef", {"ID": "Annotation:0"})


def _times(pixels: ElementTree.Element, manifest: dict[str, Any]) -> None:
    """Say when each frame was taken, where some are missing: elsewhere the time increment says it."""
    interval = manifest["frame_interval_s"]
    if interval is None or not manifest["gaps"]:
        return
    missing = {gap["before"]: gap["missing"] for gap in manifest["gaps"]}
    late = 0
    for t in range(manifest["shape"][0]):
        late += missing.get(t, 0)
        attributes = {"TheZ": "0", "TheC": "0", "TheT": str(t), "DeltaT": repr((t + late) * interval)}
        ElementTree.SubElement(pixels, "Plane", attributes)


def provenance_pairs(manifest: dict[str, Any]) -> dict[str, str]:
    """Return what people read of how a movie was made, and of its losses."""
    files = manifest["source"]["files"]
    known = {
        "FlowRoI version": manifest["flowroi"],
        _LOSSY: "yes" if manifest["lossy"] else "no",
        _METHODS: ", ".join(manifest["lossy_method"]),
        _RATES: ", ".join(_UNKNOWN if r is None else f"{r:.3g}:1" for r in manifest["lossy_ratio"]),
        "Masks SHA-256": manifest["masks_sha256"] or "",
        "Source": manifest["source"]["name"],
        "Source files": str(len(files)) if files else "",
        "Source SHA-256": files[0]["sha256"] if len(files) == 1 else sha256(canonical_json(files)) if files else "",
        "RoI": _summary(manifest["roi"]),
        "Encoding": _summary(manifest["encode"]),
    }
    return {key: xml_text(text) for key, text in known.items() if text}


def losses_from_pairs(pairs: Mapping[Any, str]) -> dict[str, Any] | None:
    """Return what `provenance_pairs` says of losses as a manifest has it; None if it says nothing.

    Examples
    --------
    >>> losses_from_pairs({_LOSSY: "yes", _METHODS: "a, b", _RATES: "8:1, unknown"})
    {'lossy': True, 'lossy_method': ['a', 'b'], 'lossy_ratio': [8.0, None]}
    """
    if pairs.get(_LOSSY) != "yes":
        return None
    methods = pairs.get(_METHODS, _UNKNOWN).split(", ")
    known = [re.fullmatch(r"(\d+(?:\.\d+)?(?:e[+-]?\d+)?):1", text) for text in pairs.get(_RATES, "").split(", ")]
    ratios = [None if match is None else float(match[1]) for match in known[: len(methods)]]
    return {"lossy": True, "lossy_method": methods, "lossy_ratio": ratios + [None] * (len(methods) - len(ratios))}


def _summary(parameters: dict[str, Any] | None) -> str:
    given = {key: value for key, value in (parameters or {}).items() if value is not None}
    return ", ".join(f"{key}={value}" for key, value in given.items())


def xml_text(text: str) -> str:
    """Replace the characters that XML cannot hold, not even escaped."""
    return "".join(c if c in "\t\n" or (c >= " " and not "\ud800" <= c <= "\udfff") else "\ufffd" for c in text)
