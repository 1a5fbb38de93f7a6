"""What all verbs share: start-up, versions, how errors are told, exit codes."""

import subprocess
import sys
import time

import pytest

import flowroi
import flowroi.cli.app
from flowroi import errors
from flowroi.cli.app import exit_code_of

VERBS = ("demo", "compress", "decompress", "roi", "inspect", "bench")
HEAVY = ("numpy", "cv2", "tifffile", "imagecodecs", "av", "rich", "PIL")


def fastest(command, repeats=3):
    """Seconds of the quickest of a few runs: the others met a busy machine."""
    times = []
    for _ in range(repeats):
        start = time.perf_counter()
        subprocess.run(command, check=True, capture_output=True)
        times.append(time.perf_counter() - start)
    return min(times)


def imported_by(statement):
    code = f"import sys; {statement}; print(*[m for m in {HEAVY!r} if m in sys.modules])"
    return subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()


def test_importing_flowroi_imports_nothing_heavy():
    assert imported_by("import flowroi") == []


def test_the_verbs_import_nothing_heavy():
    assert imported_by("import flowroi.cli.app") == []


def test_import_takes_less_than_50_ms():
    nothing = fastest([sys.executable, "-c", "pass"])
    assert fastest([sys.executable, "-c", "import flowroi"]) - nothing < 0.05


def test_help_takes_less_than_400_ms():
    assert fastest([sys.executable, "-m", "flowroi", "--help"]) < 0.4


def test_help_names_every_verb_and_exit_code(flow):
    result = flow("--help")
    assert result.code == 0
    for verb in VERBS:
        assert f"\n  {verb} " in result.out
    assert "3 partly done" in result.out


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_has_help_and_json(flow, verb):
    result = flow(verb, "--help")
    assert result.code == 0
    assert "--json" in result.out


def test_versions_of_flowroi_and_its_codecs(flow):
    result = flow("--version")
    versions = dict(line.split(maxsplit=1) for line in result.out.splitlines())
    assert result.code == 0
    assert versions["flowroi"] == flowroi.__version__
    assert versions["openjpeg"].count(".") == 2
    assert {"imagecodecs", "tifffile", "opencv-python-headless"} <= set(versions)


def test_public_names_can_be_had_and_are_listed():
    for name in flowroi.__all__:
        assert getattr(flowroi, name) is not None
    assert set(dir(flowroi)) >= {"compress", "encode", "decode", "extract_roi", "open_archive", "synthetic_movie"}
    assert flowroi.errors is errors
    with pytest.raises(AttributeError, match="no_such_name"):
        flowroi.no_such_name  # noqa: B018


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (errors.InvalidParameterError("rate is 0"), 2),
        (errors.InvalidParameterError("the mask has shape (1, 1)", path="a.png", frame=3), 1),
        (errors.CorruptDataError("cut short"), 1),
        (errors.OutputExistsError("exists"), 1),
        (errors.VerificationError("changed"), 4),
        (errors.QualityTargetError("too few bytes"), 5),
        (OSError("no space"), 1),
    ],
)
def test_exit_codes(error, code):
    assert exit_code_of(error) == code


def test_no_verb_shows_the_help(flow):
    result = flow()
    assert result.code == 2
    assert "compress" in result.out + result.err


def test_unknown_verb_and_option_are_usage_errors(flow, movie):
    assert flow("shrink", movie).code == 2
    result = flow("compress", movie, "-o", "a.ome.tif", "--quality", "90", "--json")
    assert result.code == 2
    assert result.objects[0]["type"] == "error"
    assert result.objects[0]["exit_code"] == 2
    assert "--quality" in result.err


def test_an_error_is_one_line_with_the_file(flow):
    result = flow("inspect", "missing.ome.tif")
    assert result.code == 1
    assert result.out == ""
    assert result.err == "flowroi: error: missing.ome.tif: no such file or folder\n"


def test_an_error_is_json_where_json_was_asked_for(flow):
    (error,) = flow("inspect", "missing.ome.tif", "--json").objects
    assert error["type"] == "error"
    assert error["path"] == "missing.ome.tif"
    assert error["exit_code"] == 1


@pytest.mark.parametrize("how", ["option", "variable"])
def test_debug_shows_where_an_error_came_up(flow, monkeypatch, how):
    if how == "variable":
        monkeypatch.setenv("FLOWROI_DEBUG", "1")
    with pytest.raises(errors.MissingInputError):
        flow("inspect", "missing.ome.tif", *(["--debug"] if how == "option" else []))


def test_our_own_faults_are_one_line_too(flow, monkeypatch, movie):
    def broken(*_, **__):
        raise ZeroDivisionError("division by zero")

    monkeypatch.setattr("flowroi.compression.compress", broken)
    result = flow("compress", movie, "-o", "a.ome.tif")
    assert result.code == 1
    assert result.err.count("\n") == 1
    assert "ZeroDivisionError" in result.err
    assert "--debug" in result.err


def test_system_errors_name_the_file(flow, monkeypatch, movie):
    def full(*_, **__):
        raise OSError(28, "No space left on device", "a.ome.tif")

    monkeypatch.setattr("flowroi.compression.compress", full)
    result = flow("compress", movie, "-o", "a.ome.tif")
    assert result.code == 1
    assert "a.ome.tif: No space left on device" in result.err


def test_a_reader_that_leaves_is_no_fault(process, archive):
    running = process("inspect", archive, "--frames")
    running.stdout.close()
    assert b"Traceback" not in running.stderr.read()
    running.stderr.close()
    assert running.wait() in (0, 1)
