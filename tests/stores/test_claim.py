"""Claims: one writer at a time, none held for ever, and only what a claim was begun for is gone on with."""

import json
import subprocess
import sys
import time

import pytest

import flowroi
from flowroi.errors import OutputExistsError
from flowroi.stores import as_path
from flowroi.stores.claim import Claim, claim_of
from tests.stores.conftest import OPTIONS, files_of


@pytest.fixture
def target(request):
    return as_path(f"memory://claims/{request.node.name.replace('[', '-').rstrip(']')}/small.ome.zarr")


def change(target, **changes):
    place = claim_of(target)
    place.write(json.dumps({**json.loads(place.read_bytes()), **changes}).encode())


def test_second_writer_is_refused(target, raw):
    with Claim(target), pytest.raises(OutputExistsError, match="another process is writing"):
        flowroi.compress(raw, target, **OPTIONS)
    assert not claim_of(target).exists()


def test_second_writer_is_refused_by_the_server(s3):
    with Claim(as_path(s3.url("small.ome.zarr"))), pytest.raises(OutputExistsError, match="another process"):
        Claim(as_path(s3.url("small.ome.zarr"))).__enter__()
    assert s3.files() == {}


@pytest.mark.parametrize("how", ["dead", "expired"])
def test_claim_of_who_died_is_taken_over(target, raw, how):
    claim = Claim(target).__enter__()
    claim.begin()
    (target / "0/zarr.json").write(b"a part")
    dead = subprocess.Popen([sys.executable, "-c", ""])
    dead.wait()
    change(target, **({"pid": dead.pid} if how == "dead" else {"machine": "elsewhere", "until": time.time() - 1}))
    flowroi.compress(raw, target, **OPTIONS)
    assert flowroi.open_archive(target).is_intact()
    assert not claim_of(target).exists()
    with pytest.raises(OutputExistsError, match="took this output over"):
        claim.confirm()


def test_claim_of_another_machine_is_waited_for(target, raw):
    Claim(target).__enter__()
    change(target, machine="elsewhere", pid=1 << 30)
    with pytest.raises(OutputExistsError, match="runs out in"):
        flowroi.compress(raw, target, **OPTIONS)


def test_claim_that_was_not_begun_vouches_for_nothing(target, raw):
    # It died before it had looked at what is there.
    Claim(target).__enter__()
    change(target, machine="elsewhere", until=0)
    (target / "0/zarr.json").write(b"somebody's")
    with pytest.raises(OutputExistsError, match="no run of ours"):
        flowroi.compress(raw, target, **OPTIONS)
    assert (target / "0/zarr.json").read_bytes() == b"somebody's"
    assert not claim_of(target).exists()


@pytest.mark.parametrize("name", ["notes.txt", "A/1/0/zarr.json"])
def test_what_was_begun_holds_nothing_of_others(target, raw, name):
    Claim(target).__enter__().begin()
    change(target, machine="elsewhere", until=0)
    (target / name).write(b"somebody's")
    with pytest.raises(OutputExistsError, match="not of an archive of ours"):
        flowroi.compress(raw, target, **OPTIONS)
    assert (target / name).read_bytes() == b"somebody's"


def test_what_is_no_claim_is_left_alone(target, raw):
    claim_of(target).write(b"somebody's")
    with pytest.raises(OutputExistsError, match="is none"):
        flowroi.compress(raw, target, **OPTIONS)
    assert claim_of(target).read_bytes() == b"somebody's"


@pytest.mark.parametrize("overwrite", [False, True])
def test_raw_movie_is_never_replaced(target, raw, overwrite):
    for name, data in files_of(raw).items():
        (target / name).write(data)
    with pytest.raises(OutputExistsError):
        flowroi.compress(raw, target, overwrite=overwrite, **OPTIONS)
    assert {name: (target / name).read_bytes() for name in target.names_below()} == files_of(raw)


def test_lost_claim_ends_the_upload_before_the_mark(target, raw, monkeypatch):
    from flowroi.stores import upload

    send = upload._send

    def taken_over(local, place, there, name, *facts):
        send(local, place, there, name, *facts)
        if name == "zarr.json":
            change(target, token="another's")

    monkeypatch.setattr(upload, "_send", taken_over)
    with pytest.raises(OutputExistsError, match="took this output over"):
        flowroi.compress(raw, target, **OPTIONS)
    assert "COMPLETE" not in target.names_below()
    assert json.loads(claim_of(target).read_bytes())["token"] == "another's"


def test_two_that_take_over_the_claim_of_a_dead_one_at_the_same_moment(target, monkeypatch):
    from flowroi.stores import claim

    Claim(target).__enter__()
    change(target, machine="elsewhere", until=time.time() - 1)
    first, second, refuse_held = Claim(target), Claim(target), claim._refuse_held

    def late(place, held):
        # The second one has looked; before it removes the claim, the first one has done so, and put its own.
        monkeypatch.setattr(claim, "_refuse_held", refuse_held)
        first.__enter__()
        refuse_held(place, held)

    monkeypatch.setattr(claim, "_refuse_held", late)
    with second:
        second.begin()
        with pytest.raises(OutputExistsError, match="took this output over"):
            first.begin()
