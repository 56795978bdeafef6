"""The real recording's way in: nilearn's own download, from a server of our own.

nilearn's fetcher ignores its url argument, so the one request that it makes is led to
localhost, below all of its logic: download, unpacking and file handling are nilearn's.
"""

import errno
import gzip
import os
import shutil
import socket
import tarfile
import threading
import traceback
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from types import SimpleNamespace
from urllib.parse import urlsplit

import nibabel
import numpy as np
import pytest
import requests
from real_layout import AFFINE, archive_of, mask_values, write_layout

from helpers import data
from helpers._files import DataError, fetching
from helpers._twin.files import MARK

TWIN_WORKS = 'the simulated twin still works: unset BOOK_DATA or call load(source="twin").'


class Handler(BaseHTTPRequestHandler):
    """Answer with what the test has put into `server.answer`."""

    def do_GET(self):
        answer = self.server.answer
        self.server.requests += 1
        self.send_response(answer.status)
        if answer.length is not None:
            self.send_header("Content-Length", str(answer.length))
        self.end_headers()
        self.wfile.write(answer.body)

    def log_message(self, *args):
        """Keep quiet."""


@pytest.fixture(scope="module")
def layout(tmp_path_factory):
    """Write the small recording once."""
    return write_layout(tmp_path_factory.mktemp("layout"))


@pytest.fixture(scope="module")
def archive(layout):
    """Pack the small recording as the server has it."""
    return archive_of(layout)


@pytest.fixture
def home(tmp_path, monkeypatch):
    """Give the test a data folder and a home folder of its own."""
    for name in ("BOOK_DATA", "NILEARN_DATA", "NILEARN_SHARED_DATA"):
        monkeypatch.delenv(name, raising=False)
    for name in ("HOME", "USERPROFILE"):
        monkeypatch.setenv(name, str(tmp_path / "user"))
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path / "data"))
    (tmp_path / "data").mkdir()
    return tmp_path / "data"


@pytest.fixture
def server(home, monkeypatch):
    """Serve on localhost in the place of the recording's real host."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    server.requests, server.port = 0, server.server_address[1]
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    send = requests.adapters.HTTPAdapter.send

    def send_here(adapter, request, **options):
        url = urlsplit(request.url)
        assert (url.hostname, url.path.split("/")[-1]) == ("www.nitrc.org", "miyawaki2008.tgz")
        request.url = f"http://127.0.0.1:{server.port}{url.path}"
        return send(adapter, request, **(options | {"proxies": {}}))

    monkeypatch.setattr(requests.adapters.HTTPAdapter, "send", send_here)
    yield server
    server.shutdown()
    thread.join()
    server.server_close()


def answer(body, status=200, length="right"):
    """Describe an answer; the length is that of the body, or what is given."""
    return SimpleNamespace(
        body=body, status=status, length=len(body) if length == "right" else length
    )


def tree(folder):
    """List everything below a folder, hidden files too."""
    return sorted(p.relative_to(folder).as_posix() for p in folder.rglob("*"))


def test_a_good_archive(server, home, archive, layout, capsys):
    server.answer = answer(archive)
    dataset = data.load("real")
    assert server.requests == 1
    assert dataset.source == "real"
    assert dataset.truth is None
    there = home / "real" / "miyawaki2008"
    assert Path(dataset.background) == there / "bg.nii.gz"
    assert tree(there) == tree(layout)
    assert all(
        (there / f).read_bytes() == (layout / f).read_bytes() for f in tree(layout) if "." in f
    )
    got = data.recording(dataset)
    table = np.loadtxt(layout / "label/data_random_run02_label.csv", delimiter=",")
    image = table[5].reshape(10, 10, order="F")
    np.testing.assert_array_equal(got.stimuli[22 + 5].reshape(10, 10), image)
    assert got.bold.shape == (440, mask_values().sum())
    assert [p.name for p in home.iterdir() if p.name != "cache"] == ["real"]
    printed = capsys.readouterr()
    assert printed.out.count("\n") == 1
    assert "153 MB" in printed.out
    assert printed.err == ""


def test_the_second_time_nothing_is_fetched(server, archive, monkeypatch, capsys):
    server.answer = answer(archive)
    monkeypatch.setenv("BOOK_DATA", "real")
    first = data.load()
    capsys.readouterr()
    assert data.load().func == first.func
    assert server.requests == 1
    assert capsys.readouterr().out == ""


def damaged_gzip(layout):
    """Return a run whose last compressed block does not match its checksum."""
    content = bytearray((layout / "func/data_random_run07.nii.gz").read_bytes())
    content[-6] ^= 0xFF
    return bytes(content)


def short_image(layout):
    """Return a run that is well compressed but ends before its last volume."""
    content = gzip.decompress((layout / "func/data_random_run07.nii.gz").read_bytes())
    return gzip.compress(content[:-100])


def two_rows(layout):
    return (layout / "label/data_random_run07_label.csv").read_bytes()[: 2 * 101]


RUN, LABEL = "func/data_random_run07.nii.gz", "label/data_random_run07_label.csv"
BROKEN = "the connection to www.nitrc.org broke in the middle of the download"
TRUNCATED = "the downloaded archive is truncated"
ANSWERS = {
    "403": (lambda a, _: answer(b"no", 403), "the server www.nitrc.org answered 403 Forbidden"),
    "404": (lambda a, _: answer(b"no", 404), "the server www.nitrc.org answered 404 Not Found"),
    "503": (lambda a, _: answer(b"", 503), "the server www.nitrc.org answered 503 Service"),
    "broken in the middle": (lambda a, _: answer(a[: len(a) // 2], length=len(a)), BROKEN),
    "truncated": (lambda a, _: answer(a[: len(a) // 2]), TRUNCATED),
    "truncated by a byte": (lambda a, _: answer(a[:-1]), TRUNCATED),
    "truncated, length unknown": (lambda a, _: answer(a[:9999], length=None), TRUNCATED),
    "length too long": (lambda a, _: answer(a, length=len(a) + 7), BROKEN),
    "nothing": (lambda a, _: answer(b""), "sent something else than the archive"),
    "a web page": (lambda a, _: answer(b"<html>down</html>"), "sent something else than the"),
    "no label file": (
        lambda a, lay: answer(archive_of(lay, leave_out=[LABEL])),
        "the downloaded archive lacks the file data_random_run07_label.csv",
    ),
    "no background": (
        lambda a, lay: answer(archive_of(lay, leave_out=["bg.nii.gz"])),
        "the downloaded archive lacks the file bg.nii.gz",
    ),
    "corrupt image": (
        lambda a, lay: answer(archive_of(lay, replace={RUN: damaged_gzip(lay)})),
        f"the archive's file {RUN} is damaged",
    ),
    "image not compressed": (
        lambda a, lay: answer(archive_of(lay, replace={RUN: b"hello"})),
        f"the archive's file {RUN} is damaged",
    ),
    "short image": (
        lambda a, lay: answer(archive_of(lay, replace={RUN: short_image(lay)})),
        f"the archive's file {RUN} ends after 24828 of 24928 bytes",
    ),
    "bad labels": (
        lambda a, lay: answer(archive_of(lay, replace={LABEL: b"0,0,7\n"})),
        f"the archive's file {LABEL} is damaged",
    ),
    "short labels": (
        lambda a, lay: answer(archive_of(lay, replace={LABEL: b",".join([b"0"] * 100)})),
        "the archive's data_random_run07 has the shape (8, 8, 4, 24) but 1 label rows",
    ),
}


def assert_one_sentence(error, what):
    """Check that the reader sees one sentence, with what happened and what to do."""
    message = str(error)
    assert message.startswith("The real recording cannot be fetched: ")
    assert what in message
    assert message.endswith(TWIN_WORKS)
    assert "\n" not in message
    assert len(message) < 300
    assert ".real-" not in message  # no path of a folder that is gone
    shown = "".join(traceback.format_exception(error))
    assert shown.count("Traceback") == 1  # nor requests' own pages of causes


@pytest.mark.parametrize("case", ANSWERS)
def test_a_bad_answer_leaves_nothing_behind(server, home, archive, layout, capsys, case):
    make, what = ANSWERS[case]
    server.answer = make(archive, layout)
    (home / "kept.txt").write_text("mine", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        data.load("real")
    assert_one_sentence(caught.value, what)
    assert tree(home.parent) == ["data", "data/kept.txt"]
    assert capsys.readouterr().err == ""
    server.answer = answer(archive)
    assert data.recording(data.load("real")).bold.shape == (440, mask_values().sum())


def test_a_server_that_is_down(server, home, archive):
    port = server.port
    with socket.socket() as unused:  # bound but not listening: connections are refused
        unused.bind(("127.0.0.1", 0))
        server.port = unused.getsockname()[1]
        with pytest.raises(DataError) as caught:
            data.load("real")
    assert_one_sentence(caught.value, "the server www.nitrc.org cannot be reached")
    assert tree(home.parent) == ["data"]
    server.port, server.answer = port, answer(archive)
    assert len(data.load("real").func) == 32


@pytest.mark.parametrize("place", ["download", "unpack", "move"])
def test_a_full_disk(server, home, archive, monkeypatch, place):
    """No space while downloading, while unpacking (nilearn keeps only the text), at the end."""
    server.answer = answer(archive)

    def full(*args, **kwargs):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    with monkeypatch.context() as patch:
        if place == "download":
            patch.setattr("nilearn.datasets._utils._chunk_read_", full)
        elif place == "unpack":
            patch.setattr(tarfile.TarFile, "extractall", full)
        else:
            patch.setattr(Path, "rename", full)
        with pytest.raises(DataError) as caught:
            data.load("real")
    assert_one_sentence(caught.value, "the disk is full")
    assert not [name for name in tree(home) if name != "real"]
    assert len(data.load("real").func) == 32


def test_a_folder_that_cannot_be_written(server, home, archive):
    home.rmdir()
    home.write_text("a file in the way", encoding="utf-8")
    with pytest.raises(DataError) as caught:
        data.load("real")
    assert_one_sentence(caught.value, home.name)  # the system words the rest
    assert server.requests == 0


@pytest.mark.skipif(os.pathsep == ";", reason="Windows separates folders by another character")
def test_a_folder_that_nilearn_would_split(server, home, tmp_path, monkeypatch):
    """It would put the recording into both halves of the name."""
    monkeypatch.setenv("BOOK_DATA_DIR", str(tmp_path / "a:b"))
    with pytest.raises(ValueError, match=r'":" separates folders there; expected .*BOOK_DATA_DIR'):
        data.load("real")
    assert server.requests == 0
    assert tree(tmp_path) == ["a:b", "data"]


def test_an_interrupted_download(server, home, archive, monkeypatch):
    server.answer = answer(archive)

    def interrupt(*args, **kwargs):
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr("nilearn.datasets._utils._chunk_read_", interrupt)
        with pytest.raises(KeyboardInterrupt):
            data.load("real")
    assert tree(home.parent) == ["data"]
    assert len(data.load("real").func) == 32


def test_what_a_killed_download_left_is_removed_after_a_day(server, home, archive):
    server.answer = answer(archive)
    for name, hours in (("old", 25), ("new", 1)):
        left = home / f".real-{name}"
        (left / "miyawaki2008").mkdir(parents=True)
        then = left.stat().st_mtime - hours * 3600
        os.utime(left, (then, then))
    data.load("real")
    assert sorted(p.name for p in home.iterdir()) == [".real-new", "real"]


# Recordings that are there already


@pytest.mark.parametrize("variable", ["NILEARN_DATA", "NILEARN_SHARED_DATA", None])
def test_nilearns_own_folders_are_used(server, home, layout, tmp_path, monkeypatch, variable):
    there = tmp_path / "user" / "nilearn_data"
    if variable:
        there = tmp_path / "elsewhere"
        monkeypatch.setenv(variable, f"{tmp_path / 'none'}{os.pathsep}{there}")
    shutil.copytree(layout, there / "miyawaki2008")
    dataset = data.load("real")
    assert Path(dataset.mask) == there / "miyawaki2008/mask/mask.nii.gz"
    assert server.requests == 0
    assert tree(home) == []


def test_an_incomplete_copy_is_left_alone(server, home, layout, archive, tmp_path, monkeypatch):
    """A folder of nilearn's that lacks a file is neither used nor filled."""
    there = tmp_path / "nilearn"
    shutil.copytree(layout, there / "miyawaki2008")
    (there / "miyawaki2008" / LABEL).unlink()
    before = tree(there)
    monkeypatch.setenv("NILEARN_DATA", str(there))
    server.answer = answer(archive)
    assert Path(data.load("real").mask).is_relative_to(home / "real")
    assert tree(there) == before


def test_our_own_incomplete_copy_is_reported(server, home, layout):
    shutil.copytree(layout, home / "real" / "miyawaki2008")
    (home / "real" / "miyawaki2008" / LABEL).unlink()
    with pytest.raises(DataError, match=rf"lacks {LABEL}: delete that folder and load again"):
        data.load("real")
    assert server.requests == 0


def test_another_download_was_faster(server, home, layout, archive, monkeypatch):
    """Two chapters may fetch at the same time; the second finds the first one's recording."""
    server.answer = answer(archive)
    check = fetching._check_recording

    def check_slowly(folder):
        check(folder)
        shutil.copytree(layout, home / "real" / "miyawaki2008")

    monkeypatch.setattr(fetching, "_check_recording", check_slowly)
    assert Path(data.load("real").mask).is_relative_to(home / "real")
    assert tree(home / "real" / "miyawaki2008") == tree(layout)
    assert [p.name for p in home.iterdir()] == ["real"]


# The twin must never pass for the real recording


@pytest.fixture
def twin(layout, tmp_path):
    """Write a folder that `is_twin` knows by the mark in its images; the truth is not there."""
    folder = tmp_path / "twin"
    shutil.copytree(layout, folder / "miyawaki2008")
    mask_file = folder / "miyawaki2008" / "mask" / "mask.nii.gz"
    image = nibabel.Nifti1Image(mask_values(), AFFINE)
    image.header["descrip"] = MARK
    nibabel.save(image, mask_file)
    assert fetching.is_twin(folder)
    return folder


@pytest.mark.parametrize("variable", ["NILEARN_DATA", "NILEARN_SHARED_DATA"])
def test_a_twin_in_nilearns_folder_is_refused(server, home, twin, monkeypatch, variable):
    monkeypatch.setenv(variable, str(twin))
    with pytest.raises(DataError, match="holds the simulated twin, not the real recording: let"):
        data.load("real")
    assert server.requests == 0
    assert tree(home) == []


def test_a_twin_behind_a_link_is_refused(server, home, twin, tmp_path, monkeypatch):
    (tmp_path / "linked").mkdir()
    try:
        (tmp_path / "linked" / "miyawaki2008").symlink_to(twin / "miyawaki2008")
    except OSError:
        pytest.skip("this system does not let us make links")
    monkeypatch.setenv("NILEARN_DATA", str(tmp_path / "linked"))
    with pytest.raises(DataError, match="holds the simulated twin"):
        data.load("real")


def test_a_twin_in_our_own_folder_is_refused(server, home, twin):
    shutil.copytree(twin, home / "real")
    with pytest.raises(DataError, match=r"real holds the simulated twin.*load\(source=\"twin\"\)"):
        data.load("real")
