# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar lab`: what its pages show is what it prints; a mistake of its exam can be found."""
import concurrent.futures
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
# What `nightjar doctor` calls each mistake of the exam, in its order: for certain, or among the causes that it lists because
# only the broker knows (its log, which the exam then shows, says which).
FOUND = ("unknown_issuer", "ca_not_given", "other_ca_of_this_name", "leaf_as_ca", "file_der", "same_name_as_ca",
         "host_address", "host_address", "expired", "not_yet_valid", "expired", "no_intermediate", "no_certificate",
         "unknown_issuer", "unknown_issuer", "expired", "wrong_purpose", "revoked", "crl_expired", "no_common_name",
         "key_mismatch", "file_unreadable", "weak_key", "key_mismatch", "file_missing", "tls_on_plain", "plain_mqtt",
         "no_version", "not_allowed")
LOGGED = {
    13: "the client showed no certificate", 14: "signed by CN=Another CA, which is not in pki/ca.crt",
    15: "signed by CN=Lab CA, which is not in other/ca.crt", 16: "the client's certificate (CN=A) expired on 2025-01-01",
    17: "is not for clients", 18: "is revoked by pki/crl.pem", 19: "pki/crl.pem is out of date",
    20: "no user name in the client certificate", 28: "no version of TLS", 29: "anonymous clients are not allowed",
}
AT_ONCE = 4                                               # exams: most of their time is waiting

loader = importlib.machinery.SourceFileLoader("lab_pages", PAGES)
pages = importlib.util.module_from_spec(importlib.util.spec_from_loader("lab_pages", loader))
loader.exec_module(pages)
pages.NIGHTJAR = NIGHTJAR


def free_pair(taken=()):
    """A port that is free, and so is the one for TLS above it."""
    while True:
        plain = free_port()
        if plain in taken or plain + pages.SECURE > 32000:
            continue
        try:
            with socket.socket() as s:
                s.bind(("127.0.0.1", plain + pages.SECURE))
            return plain
        except OSError:
            continue


@pytest.fixture
def port():
    return free_pair()


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


# The lab's document (../shared/seeds/002) from its first command to its last: its questions in its own words, its commands
# as nightjar's. Only that somebody listens before something is said comes earlier here.
COURSE = (
    r"\$ nightjar sub -h localhost .*-t '#' -v", r"\$ nightjar pub -h \S+ .*-m hello -t world", r"world hello",
    r"Received PUBLISH from B \(d0, q0, r0, m0, 'world', \.\.\. \(5 bytes\)\)", r"La publication et la souscription fonctionnent",
    r"\$ nightjar sniff -i lo .*-w", r"\$ nightjar pub .*-t world", r"\*\*Le TCP handshake est-il présent dans la capture \?\*\*",
    r"\$ nightjar sniff .*-Y mqtt -T fields -e mqtt.topic", r"\$ nightjar pub .*-m hello -t cheese/strudel", r"\ncheese/strudel\n",
    r"\*\*Vous publiez sur « cheese/strudel »", r"\*\*Que concluez-vous quant à la confidentialité de l'échange \?",
    r"\*\*Rappelez le lien entre les certifica\w+ et le chiffrement asymétrique", r"\*\*Rappelez le processus de génération d'un certifica\w+",
    r"\$ nightjar pki init", r"\*\*Quelle est la version d'OpenSSL installée \?", r"\*\*Quel algorithme de chiffrement est utilisé \?",
    r"\*\*Quelle est la durée de validité du certifica\w+ \?", r"le broker doit connaître trois fichiers",
    r"\*\*Comment choisissez-vous de transférer ces fichiers au broker \?",
    r"\$ openssl x509 -req -in \S*broker.csr -CA \S*ca.crt -CAkey \S*ca.key -CAcreateserial -out \S*broker.crt -days 100",
    r"\nlistener \d+ \S+\nprotocol mqtt\nallow_anonymous true\ncafile \S+\ncertfile \S+\nkeyfile \S+\nrequire_certificate true\n",
    r"\*\*Sur quels ports le serveur écoute-t-il \?",
    r"\$ nightjar pub -p \d+ --cafile \S+ --cert home/olivier/TP/certs/client/client.crt --key \S+ -h \S+ -m hello -t world",
    r"\$ nightjar pub -p \d+ --cafile \S+ --cert \S+ --key \S+ -h \S+ -m hello -t world\nError: A TLS error occurred",
    r"alert 48 unknown_ca", r"\$ openssl x509 -in \S*broker.crt -text -noout\n", r"Issuer: C = FR, ST = France, O = ISIS",
    r"Subject: C = FR, ST = France, O = ISIS\n", r"\$ openssl x509 -in \S*client.crt -text -noout\n",
    r"Subject: C = FR, ST = France, O = Internet Widgits Pty Ltd", r"refaire celui du client ; ajouter l'autorité au magasin du système",
    r"\$ nightjar pub .*--insecure .*-m hello -t world", r"Que reste-t-il à lire \?",
)


def test_what_the_course_types_and_asks_has_its_place_in_the_page():
    with open(pages.page_of("fr"), encoding="utf-8") as f:
        page = f.read()
    at = 0
    for words in COURSE:
        found = re.compile(words).search(page, at)
        assert found, f"not behind what comes before it in the course: {words}"
        at = found.end()


def test_the_page_has_as_many_questions_and_commands_in_english():
    counts = []
    for language in pages.LANGUAGES:
        with open(pages.page_of(language), encoding="utf-8") as f:
            page = f.read()
        counts.append([len(re.findall(mark, page, re.M)) for mark in (r"^## ", r"^\*\*", r"^\$ ", r"^`\S+\.conf`")])
    assert counts[0] == counts[1]


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


@pytest.fixture(scope="module")
def exams():
    """What each exam prints to who answers nonsense, a wrong number, then the right one."""
    ports = []
    for _ in FOUND:
        ports.append(free_pair(ports))

    def sit(which):
        wrong = which % len(FOUND) + 1
        return lab("--exam", which, "--port", ports[which - 1], answers=f"what?\n{wrong}\n{which}\n")

    with concurrent.futures.ThreadPoolExecutor(AT_ONCE) as pool:
        return list(pool.map(sit, range(1, len(FOUND) + 1)))


@pytest.mark.parametrize("which", range(1, len(FOUND) + 1))
def test_a_planted_mistake_can_be_found(which, exams):
    done = exams[which - 1]
    assert done.returncode == 0, said(done)
    assert done.stdout.count("Look again") == 1, said(done)
    asked, _, answer = done.stdout.partition("\nYes.\n")
    assert len(re.findall(r"^ +\d+  \S", asked, re.M)) == len(FOUND), "the choice is among all"
    assert "Error" in asked or "refused" in asked, asked
    found = re.findall(r"^    (fault|perhaps) +(\w+)", answer, re.M)
    assert FOUND[which - 1] in [name for _, name in found], answer
    assert which in LOGGED or "fault" in dict(found), "what doctor does not know for certain, the log says"
    assert "What mends it: " in answer
    log = re.split(r"^\$ grep .* broker.out\n", answer, flags=re.M)[1:]
    assert len(log) == (which in LOGGED) and LOGGED.get(which, "") in "".join(log), answer


def test_a_key_that_its_owner_may_not_read_wants_another_mode(exams):
    assert "chmod u+r pki/clients/A/client.key" in exams[FOUND.index("file_unreadable")].stdout


def test_who_gives_up_is_told(port):
    done = lab("--exam", 7, "--port", port, "--lang", "fr")
    assert done.returncode == 1, said(done)
    assert "ne porte pas le nom qu'appelle le client.\nLa chaîne est bonne" in done.stdout
    assert "Le remède : " in done.stdout and "host_address" in done.stdout


@pytest.mark.parametrize("words, complaint", [
    (("--step", 0), "--step wants a number, 1 to 8"), (("--step", 9), "1 to 8"), (("--exam", len(FOUND) + 1), f"1 to {len(FOUND)}"),
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
