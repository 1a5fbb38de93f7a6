"""What the metadata files of an OME-Zarr archive say: Zarr v3 with OME-Zarr 0.5, or Zarr v2 with OME-Zarr 0.4."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Literal

from flowroi.archives.manifest import canonical_json, sha256
from flowroi.archives.shard import chunks_per_shard

OmeZarrVersion = Literal["0.5", "0.4"]
# Paths within the image group.
FRAMES = "0"
LABELS = "labels"
MASKS_NAME = "roi"
MASKS = f"{LABELS}/{MASKS_NAME}/0"
_JPEG2000 = "imagecodecs_jpeg2k"
Axes = Literal["tczyx", "tyx"]
_AXES: Axes = "tczyx"
_TYPES = {"t": ("time", "second"), "c": ("channel", None), **dict.fromkeys("zyx", ("space", "micrometer"))}


def metadata_files(manifest: Mapping[str, Any], version: OmeZarrVersion) -> dict[str, bytes]:
    """Return the metadata files of an image group: their bytes by their name within it.

    Parameters
    ----------
    manifest : mapping
        Of the archive; its `files` may be missing.
    version : {"0.5", "0.4"}
        Of OME-Zarr.

    Examples
    --------
    >>> manifest = dict(shape=[2, 4, 6], dtype="uint8", significant_bits=8, name="m", masks_kept=False, flowroi="1.0")
    >>> manifest |= dict(pixel_size_um=None, frame_interval_s=8.0, lossy=False, lossy_method=[], lossy_ratio=[])
    >>> manifest |= dict(roi={"method": "none"}, encode={}, frames=[])
    >>> sorted(metadata_files(manifest, "0.5")), sorted(metadata_files(manifest, "0.4"))
    (['0/zarr.json', 'zarr.json'], ['.zattrs', '.zgroup', '0/.zarray'])
    """
    files = group_files("", _image_attributes(manifest, version), version)
    files |= _array_files(FRAMES, manifest, manifest["dtype"], version)
    if manifest["masks_kept"]:
        files |= group_files(LABELS, ome_attributes({"labels": [MASKS_NAME]}, version), version)
        files |= group_files(f"{LABELS}/{MASKS_NAME}", _label_attributes(manifest, version), version)
        files |= _array_files(MASKS, manifest, "uint8", version)
    return files


def group_files(path: str, attributes: Mapping[str, Any], version: OmeZarrVersion) -> dict[str, bytes]:
    """Return the files of a Zarr group at a path within the store ("" for its root).

    Examples
    --------
    >>> group_files("A", {}, "0.4")
    {'A/.zgroup': b'{"zarr_format":2}'}
    """
    within = f"{path}/" if path else ""
    if version == "0.5":
        return {
            f"{within}zarr.json": canonical_json({"zarr_format": 3, "node_type": "group", "attributes": attributes})
        }
    files = {f"{within}.zgroup": canonical_json({"zarr_format": 2})}
    return files | ({f"{within}.zattrs": canonical_json(attributes)} if attributes else {})


def ome_attributes(content: Mapping[str, Any], version: OmeZarrVersion) -> dict[str, Any]:
    """Return OME-Zarr metadata as attributes of a group: under `ome` since 0.5, beside all others before.

    Examples
    --------
    >>> ome_attributes({"labels": ["roi"]}, "0.5")
    {'ome': {'version': '0.5', 'labels': ['roi']}}
    """
    return {"ome": {"version": version, **content}} if version == "0.5" else dict(content)


def _image_attributes(manifest: Mapping[str, Any], version: OmeZarrVersion) -> dict[str, Any]:
    return {**ome_attributes(image_content(manifest, version), version), "flowroi": provenance(manifest)}


def image_content(manifest: Mapping[str, Any], version: OmeZarrVersion, axes: Axes = _AXES) -> dict[str, Any]:
    """Return the OME-Zarr metadata of a movie's image: axes, units and scales, and how bright its samples can be."""
    most = 2 ** manifest["significant_bits"] - 1
    channel = {
        "active": True,
        "color": "FFFFFF",
        "label": manifest["name"],
        "window": {"min": 0, "max": most, "start": 0, "end": most},
    }
    return {
        "multiscales": [multiscale(manifest, manifest["name"], version, axes)],
        "omero": {"channels": [channel]},
    }


def provenance(manifest: Mapping[str, Any]) -> dict[str, Any]:
    """Return what the attribute `flowroi` says: how the frames were made, and a digest that binds it to them.

    The manifest's own digest cannot stand here, since the manifest holds the checksum of the file that this is in.
    """
    kept = ("flowroi", "lossy", "lossy_method", "lossy_ratio", "significant_bits", "roi", "encode")
    frames = "sha256:" + sha256(canonical_json(manifest["frames"]))
    return {**{key: manifest[key] for key in kept}, "frames_digest": frames}


def _label_attributes(manifest: Mapping[str, Any], version: OmeZarrVersion) -> dict[str, Any]:
    label: dict[str, Any] = {
        "colors": [{"label-value": 1, "rgba": [255, 200, 0, 128]}],
        "source": {"image": "../../"},
    }
    if version == "0.4":
        label["version"] = version
    return ome_attributes({"image-label": label, "multiscales": [multiscale(manifest, MASKS_NAME, version)]}, version)


def multiscale(manifest: Mapping[str, Any], name: str, version: OmeZarrVersion, axes: Axes = _AXES) -> dict[str, Any]:
    """Return the axes, units and scales of a movie in one resolution, the array `0`.

    Examples
    --------
    >>> made = multiscale({"pixel_size_um": 0.5, "frame_interval_s": None}, "m", "0.5", "tyx")
    >>> made["axes"][0], made["axes"][2], made["datasets"][0]["coordinateTransformations"][0]["scale"]
    ({'name': 't', 'type': 'time'}, {'name': 'x', 'type': 'space', 'unit': 'micrometer'}, [1.0, 0.5, 0.5])
    """
    step = {"t": manifest["frame_interval_s"], "y": manifest["pixel_size_um"], "x": manifest["pixel_size_um"]}
    described: list[dict[str, Any]] = []
    for axis in axes:
        kind, unit = _TYPES[axis]
        # A unit is only said where the size in it is known; a plane has no depth.
        known = {"unit": unit} if step.get(axis) is not None else {}
        described.append({"name": axis, "type": kind, **known})
    scale = [float(step.get(axis) or 1.0) for axis in axes]
    dataset = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": scale}]}
    content = {"name": name, "axes": described, "datasets": [dataset]}
    return content if version == "0.5" else {**content, "version": version}


def _array_files(path: str, manifest: Mapping[str, Any], dtype: str, version: OmeZarrVersion) -> dict[str, bytes]:
    frames, height, width = manifest["shape"]
    shape, chunk = [frames, 1, 1, height, width], [1, 1, 1, height, width]
    masks = path == MASKS
    if version == "0.4":
        compressor = {"id": "zlib", "level": 9} if masks else {"id": _JPEG2000}
        array = {
            "zarr_format": 2,
            "shape": shape,
            "chunks": chunk,
            "dtype": "|u1" if dtype == "uint8" else "<u2",
            "compressor": compressor,
            "filters": None,
            "fill_value": 0,
            "order": "C",
            "dimension_separator": "/",
        }
        return {f"{path}/.zarray": canonical_json(array)}
    codecs: list[dict[str, Any]] = [{"name": _JPEG2000}]
    if masks:
        codecs = [{"name": "bytes"}, {"name": "gzip", "configuration": {"level": 9}}]
    index_codecs = [{"name": "bytes", "configuration": {"endian": "little"}}, {"name": "crc32c"}]
    sharding = {
        "chunk_shape": chunk,
        "codecs": [*codecs, {"name": "crc32c"}],
        "index_codecs": index_codecs,
        "index_location": "end",
    }
    grid = [chunks_per_shard(frames), 1, 1, height, width]
    array = {
        "zarr_format": 3,
        "node_type": "array",
        "shape": shape,
        "data_type": dtype,
        "chunk_grid": {"name": "regular", "configuration": {"chunk_shape": grid}},
        "chunk_key_encoding": {"name": "default", "configuration": {"separator": "/"}},
        "fill_value": 0,
        "codecs": [{"name": "sharding_indexed", "configuration": sharding}],
        "attributes": {},
        "dimension_names": list(_AXES),
    }
    return {f"{path}/zarr.json": canonical_json(array)}
