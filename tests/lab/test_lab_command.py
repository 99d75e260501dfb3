# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar lab`: what its pages show is what it prints; a mistake of its exam can be found."""
import importlib.machinery
import importlib.util
import os
import re
import shutil
import socket
import subprocess
import tempfile

import pytest

from support.broker import NIGHTJAR, free_port

PAGES = os.path.join(os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__)))), "scripts", "lab-pages")
PATIENCE_S = 120
NOBODY = 65534
MISTAKES = 7

loader = importlib.machinery.SourceFileLoader("lab_pages", PAGES)
pages = importlib.util.module_from_spec(importlib.util.spec_from_loader("lab_pages", loader))
loader.exec_module(pages)
pages.NIGHTJAR = NIGHTJAR


@pytest.fixture
def port():
    """One that is free, and so is the one for TLS above it."""
    while True:
        plain = free_port()
        if plain + pages.SECURE > 32000:
            continue
        try:
            with socket.socket() as s:
                s.bind(("127.0.0.1", plain + pages.SECURE))
            return plain
        except OSError:
            continue


def lab(*words, nightjar=NIGHTJAR, answers="", **kw):
    return subprocess.run([nightjar, "lab", "--lang", "en", *map(str, words)], input=answers, capture_output=True, text=True,
                          timeout=PATIENCE_S, check=False, **kw)


def said(done):
    return done.stdout + done.stderr


@pytest.mark.parametrize("language", pages.LANGUAGES)
def test_its_pages_show_what_it_prints(language, port):
    differences, could_not = pages.check(language, port)
    if could_not and "may not capture" in differences:
        pytest.skip(differences)
    assert differences is None, differences


def test_a_page_that_shows_something_else_is_found_out():
    with open(pages.page_of("en"), encoding="utf-8") as f:
        page = f.read()
    kept = pages.comparable(page, pages.PORT)
    for shown, instead in (("world hello", "world hallo"), ("Connect Command", "Publish Message [x]"),
                           ("[SYN] Seq", "[FIN] Seq"), ("alert 48 unknown_ca", "alert 42 bad_certificate")):
        assert shown in page
        assert pages.comparable(page.replace(shown, instead), pages.PORT) != kept, shown


def test_one_step_alone_is_shown(port):
    done = lab("--step", 6, "--port", port)
    assert done.returncode == 0, said(done)
    assert re.findall(r"^=== (\d)\.", done.stdout, re.M) == ["6"]
    assert "same_name_as_ca" in done.stdout and "$ nightjar pki init" not in done.stdout


def test_nothing_is_left_unless_it_is_kept(port, tmp_path):
    tmp_path.chmod(0o755)
    place = {"env": {**os.environ, "TMPDIR": str(tmp_path) if len(str(tmp_path)) <= 30 else "/tmp"}}
    done = lab("--step", 1, "--port", port, "--keep", **place)
    assert done.returncode == 0, said(done)
    kept = done.stdout.splitlines()[-1]
    try:
        assert os.path.exists(os.path.join(kept, "open.conf"))
        if os.getuid() == 0:                              # nobody may change what nobody made, and nothing else
            assert [os.stat(os.path.join(kept, name)).st_uid for name in (".", "..", "../bin", "../bin/nightjar")] == [
                NOBODY, 0, 0, 0]
    finally:
        shutil.rmtree(os.path.dirname(kept))
    done = lab("--exam", 6, "--port", port, **place)
    where = re.search(r"^  (/\S+)$", done.stdout, re.M)[1]
    assert not os.path.exists(os.path.dirname(where))


@pytest.mark.parametrize("which", range(1, MISTAKES + 1))
def test_a_planted_mistake_can_be_found(which, port):
    wrong = which % MISTAKES + 1
    done = lab("--exam", which, "--port", port, answers=f"what?\n{wrong}\n{which}\n")
    assert done.returncode == 0, said(done)
    assert done.stdout.count("Look again") == 1 and "What mends it" in done.stdout


def test_who_gives_up_is_told(port):
    done = lab("--exam", 2, "--port", port)
    assert done.returncode == 1, said(done)
    assert done.stdout.endswith("does not have the name that the client calls.\n")


@pytest.mark.parametrize("words, complaint", [
    (("--step", 0), "--step wants a number, 1 to 8"), (("--step", 9), "1 to 8"), (("--exam", 8), "1 to 7"),
    (("--lang", "de"), "en or fr"), (("--port",), "--port wants PORT"), (("--stop",), "did you mean '--step'?"),
    (("--port", "60000"), "1 to 58535")])
def test_a_command_line_that_makes_no_sense_is_refused(words, complaint):
    done = lab(*words)
    assert done.returncode == 2 and complaint in done.stderr, said(done)


def test_a_port_that_is_taken_is_said(port):
    with socket.create_server(("127.0.0.1", port)):
        done = lab("--step", 1, "--port", port)
    assert done.returncode == 1 and "Address already in use" in done.stderr, said(done)


def test_it_goes_the_same_where_new_files_are_private(port):
    done = lab("--step", 7, "--port", port, umask=0o077)
    assert done.returncode == 0, said(done)


@pytest.mark.skipif(os.getuid() != 0, reason="only root can become somebody who may not capture")
def test_without_the_right_to_capture_the_rest_is_done(port):
    with tempfile.TemporaryDirectory(dir="/tmp") as folder:
        os.chmod(folder, 0o755)                           # that of the tests is not for nobody
        done = lab("--port", port, nightjar=shutil.copy(NIGHTJAR, folder), user=NOBODY, group=NOBODY, extra_groups=[],
                   env={**os.environ, "TMPDIR": "/tmp"})
    assert done.returncode == 0, said(done)
    assert done.stdout.count("and may not") == 1
    assert "=== 8." in done.stdout and "$ nightjar sniff" not in done.stdout
