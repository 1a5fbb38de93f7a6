"""Archives made to harm: manifests whose digests fit, and that lie."""

import copy
import json
import shutil
import zlib

import pytest

import flowroi
from flowroi.archives.manifest import COMPLETE_NAME, MANIFEST_NAME, complete_mark, sha256
from flowroi.archives.trailer import append_manifest, read_manifest
from flowroi.cli.app import run
from flowroi.errors import CorruptDataError, FlowRoIError
from flowroi.exports import export

ABSENT = object()
STRANGE = (None, -1, 0, 1.5, 10**30, float("nan"), True, "x", "../../x", [], {}, [1], ABSENT)


@pytest.fixture(scope="module", params=["a.mkv", "a"])
def archive_path(request, tmp_path_factory):
    path = tmp_path_factory.mktemp("archive") / request.param
    movie = flowroi.synthetic_movie(frames=6, height=48, width=64, cells=2, seed=1).frames
    flowroi.compress(movie, path, codec="av1", preset=13, rate=8, gop=4, roi_method="none")
    return path


@pytest.fixture
def forge(archive_path, tmp_path):
    """Writes the archive anew with a manifest that was changed and sealed again."""

    def forged(change):
        path = tmp_path / archive_path.name
        if archive_path.is_dir():
            shutil.copytree(archive_path, path, dirs_exist_ok=True)
            text = sealed(change, (archive_path / MANIFEST_NAME).read_bytes())
            (path / MANIFEST_NAME).write_bytes(text)
            (path / COMPLETE_NAME).write_bytes(complete_mark(json.loads(text)["digest"]))
        else:
            text, size = read_manifest(archive_path)
            path.write_bytes(archive_path.read_bytes()[:size])
            append_manifest(path, "matroska", lambda _: sealed(change, text))
        return path

    return forged


def sealed(change, text):
    manifest = json.loads(text)
    change(manifest)
    del manifest["digest"]
    manifest["digest"] = "sha256:" + sha256(json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode())
    return json.dumps(manifest, sort_keys=True, separators=(",", ":")).encode()


def changes(manifest):
    """Yield changes of every key: gone, or of a value that it never has."""
    places = [(manifest, key) for key in manifest if key not in ("digest", "format", "format_version")]
    places += [(manifest["sequence"], key) for key in ("codec", "preset", "gop")]
    places += [(manifest[kind][0], key) for kind in ("frames", "files") for key in manifest[kind][0]]
    places += [(manifest["source"], key) for key in manifest["source"]]
    for values, key in places:
        for value in STRANGE:
            before = copy.deepcopy(values[key])
            if value is ABSENT:
                del values[key]
            else:
                values[key] = value
            yield manifest
            values[key] = before


def use(path, target):
    with flowroi.open_archive(path) as archive:
        assert archive[5].shape == archive.shape[1:]
        export(archive, target, format="png", overwrite=True)
    flowroi.verify(path, workers=1)
    with flowroi.open_source(path) as source:
        source.read(0)
    assert run(["inspect", str(path)]) == 0


def test_whatever_a_key_says_it_is_read_or_refused_in_our_words(archive_path, forge, tmp_path):
    text = (archive_path / MANIFEST_NAME).read_bytes() if archive_path.is_dir() else read_manifest(archive_path)[0]
    refused = 0
    for changed in changes(json.loads(text)):
        path = forge(lambda manifest, new=changed: (manifest.clear(), manifest.update(copy.deepcopy(new))))
        try:
            use(path, tmp_path / "inner" / "png") if (tmp_path / "inner").exists() else (tmp_path / "inner").mkdir()
        except FlowRoIError:
            refused += 1
    assert refused > 250
    assert {file.name for file in tmp_path.iterdir()} == {archive_path.name, "inner"}
    assert {file.name for file in (tmp_path / "inner").iterdir()} <= {"png"}


@pytest.mark.parametrize("name", ["../out", "a/b", "..", "", "a\0b", "x" * 300, "\ud800"])
def test_a_frame_cannot_be_exported_out_of_its_folder(forge, name):
    path = forge(lambda manifest: manifest["frames"][0].update(name=name))
    with pytest.raises(CorruptDataError, match="frames"):
        flowroi.open_archive(path)


@pytest.mark.parametrize(
    "shape", [[6, 48], [6, -48, 64], [6, 2**30, 2**30], [10**12, 48, 64], [5, 48, 64], [0, 48, 64], [6, 48, 64.0]]
)
def test_a_shape_that_cannot_be_is_refused(forge, shape):
    with pytest.raises(CorruptDataError, match="manifest"):
        flowroi.open_archive(forge(lambda manifest: manifest.update(shape=shape)))


def test_a_shape_that_is_another_is_found_when_a_frame_is_read(forge):
    with flowroi.open_archive(forge(lambda manifest: manifest.update(shape=[6, 96, 128]))) as archive:
        with pytest.raises(CorruptDataError, match=r"48x64 .* the manifest says 96x128"):
            archive[0]
        assert len(flowroi.verify(archive.path).bad_frames) == 2


@pytest.mark.parametrize("kind", ["frames", "files"])
def test_lists_of_another_length_are_refused(forge, kind):
    for change in (lambda known: known.pop(), lambda known: known.append(known[-1])):
        with pytest.raises(CorruptDataError, match=r"manifest|files"):
            flowroi.open_archive(forge(lambda manifest, change=change: change(manifest[kind])))


def test_nesting_without_end_is_refused(tmp_path):
    (tmp_path / MANIFEST_NAME).write_bytes(b"[" * 10**6)
    with pytest.raises(CorruptDataError, match="not readable"):
        flowroi.open_archive(tmp_path)


def test_a_manifest_that_inflates_beyond_all_measure_is_refused(tmp_path, monkeypatch):
    inflated = []

    class Watched:
        def __init__(self):
            self.inner = zlib_decompressobj()

        def decompress(self, data, most):
            inflated.append(most)
            return self.inner.decompress(data, most)

        def __getattr__(self, name):
            return getattr(self.inner, name)

    zlib_decompressobj = zlib.decompressobj
    monkeypatch.setattr("flowroi.archives.trailer.zlib.decompressobj", Watched)
    (tmp_path / "a.mp4").write_bytes(b"")
    append_manifest(tmp_path / "a.mp4", "mp4", lambda _: b" " * (1 << 26))
    with pytest.raises(CorruptDataError, match="too long"):
        flowroi.open_archive(tmp_path / "a.mp4")
    assert max(inflated) <= 1 << 23
