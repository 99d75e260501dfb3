# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar sniff --report`: what an eavesdropper learns from the captures of ../shared/captures."""
import html.parser
import os
import pathlib
import re
import subprocess

import pytest

from support.broker import NIGHTJAR, ROOT

CAPTURES = pathlib.Path(ROOT).parent / "shared" / "captures"
NAMES = sorted(p.name for p in CAPTURES.glob("*.pcap*"))

pytestmark = pytest.mark.skipif(not NAMES, reason=f"{CAPTURES} is not there")


def run(name, *words, **environment):
    env = {k: v for k, v in os.environ.items() if k not in ("LANG", "LC_ALL", "LC_MESSAGES")} | environment
    file = CAPTURES / (name if "." in name else f"{name}.pcap")
    done = subprocess.run([NIGHTJAR, "sniff", "-r", file, *words], capture_output=True, timeout=60, check=False, env=env)
    assert done.returncode == 0, done.stderr
    return done.stdout.decode()


def report(name, *words, **environment):
    """Its words, with lines that were folded joined."""
    return " ".join(run(name, "--report", *words, **environment).split())


def test_the_frame_of_the_course_gives_its_password_away():
    hidden = report("seed000_10frames_reconstructed")
    assert "192.168.1.74:1883 with authentication / without encryption" in hidden
    assert "user mystere, password ********" in hidden and "GreatJ0b" not in hidden
    assert "mqttx_badclient 192.168.1.99:1321" in hidden and "MQTT 5.0, published 1" in hidden
    assert "ciel text: 51" in hidden
    assert "Confidentiality NO" in hidden and "Integrity NO" in hidden and "Authentication WEAK" in hidden
    assert "nightjar init DIR --level tls --host 192.168.1.74" in hidden
    assert "password GreatJ0b" in report("seed000_10frames_reconstructed", "--show-secrets")


def test_the_lab_is_not_confidential():
    text = report("seed002_plain_v311")
    assert "without authentication / without encryption" in text
    assert "the messages travel in clear between the hosts" in text
    assert "world text: hello" in text and "cheese/strudel text: hello" in text
    assert "# QoS 0 mosqsub-A (stream 0) ← hears everything" in text


def test_it_speaks_french_where_the_locale_does():
    for text in (report("seed002_plain_v311", LANG="fr_FR.UTF-8"), report("seed002_plain_v311", LANG="en_US", LC_ALL="fr_FR.UTF-8"),
                 report("seed002_plain_v311", "--lang", "fr")):
        assert "Cet échange n'est pas confidentiel : les messages transitent en clair entre les hôtes." in text
        assert "sans chiffrement" in text
    assert "not confidential" in report("seed002_plain_v311", "--lang", "en", LANG="fr_FR.UTF-8")


def test_a_version_without_connect_is_marked():
    assert "MQTT 3.1.1 (inferred)" in report("crafted_midstream_no_connect")
    assert "inferred" not in report("seed002_plain_v311")


def test_tls_hides_what_is_said():
    text = report("tls13_mqtts_ok")
    assert "Confidentiality YES" in text and "Integrity YES" in text
    assert "Authentication NOT SEEN" in text and "Topics" not in text


def test_tls_1_2_shows_the_certificates():
    text = report("tls12_mqtts_ok")
    assert "by certificates on both sides" in text
    assert "certificate of the broker: FR, France, ISIS, broker; issued by: FR, France, ISIS, Lab CA" in text
    assert "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384" in text


def test_the_lab_that_failed_is_explained():
    text = report("tls12_alert_unknown_ca_student")
    assert "TLS was tried, and failed" in text and "Unknown CA (48)" in text
    assert "has the same name as its CA" in text
    assert "nightjar doctor --cafile ca.crt 127.0.0.101:8883" in text


@pytest.mark.parametrize("language, cause", [("en", "Internal Error (80), the certificate is not for this host, as clients"),
                                             ("fr", "n'est pas pour cet hôte, comme le disent les clients")])
def test_an_alert_has_its_likely_cause_in_each_language(language, cause):
    assert cause in report("tls12_alert_hostname", "--lang", language)


def test_what_a_key_log_opens_is_not_called_clear():
    text = report("tls13_with_keylog", "--keylog", str(CAPTURES / "tls13_with_keylog.keylog.txt"))
    assert "Confidentiality YES" in text and "opened by the key log" in text
    assert "coffre/secret (opened by the key log) text: chiffre" in text


def test_wills_json_and_retained_messages():
    text = report("v5_all_types_properties")
    assert 'ciel/props (retained: 2) JSON: {"t":21}' in text
    assert "Wills ciel/will QoS 1 binary: 00 01 62 69 6e (paho5)" in text


def test_what_breaks_the_standard_is_named():
    text = report("malformed_v5")
    assert "frame 4, stream 0, client: CONNECT: property given twice" in text
    assert "broker: DISCONNECT: Malformed Packet (129)" in text
    assert "PUBLISH: wildcard in a topic name" in text


def faults(name, language):
    """What is said of each, behind who has done it."""
    section = run(name, "--report", "--lang", language).split({"en": "Errors and refusals\n", "fr": "Erreurs et refus\n"}[language])[1]
    return [re.split(r"(?:broker|client)\u00a0?: ", line, maxsplit=1)[1] for line in section.split("\n\n")[0].split("\n") if line]


@pytest.mark.parametrize("name", ["malformed_v3", "malformed_v5", "v5_topic_alias_both_ways"])
def test_in_french_only_codes_have_english_names(name):
    english, french = faults(name, "en"), faults(name, "fr")
    assert len(english) == len(french) > 0
    for ours, theirs in zip(french, english):
        words = ours.split("\u00a0: ")[-1]
        assert words == theirs.split(": ")[-1] if re.search(r" \(\d+\)$", theirs) else words not in theirs, ours


def test_what_a_client_without_tls_sent_was_in_clear():
    text = report("plain_client_on_tls_port")
    assert "Confidentiality NO What the client sent went in clear" in text and "Integrity NO" in text
    assert "nothing could be read" not in text


def test_what_a_capture_of_tls_1_3_hides_the_doctor_shows():
    assert "shows what the capture cannot: who proves what" in report("tls13_mqtts_ok")
    assert "says what fails" not in report("tls13_mqtts_ok")


@pytest.mark.parametrize("name", NAMES)
def test_every_capture_has_a_report(name):
    for language in ("en", "fr"):
        text = run(name, "--report", "--lang", language)
        assert all(c == "\n" or (ord(c) >= 32 and not 0x7f <= ord(c) < 0xa0) for c in text)
        assert "{}" not in text.replace("text: {}", "").replace("texte\u00a0: {}", "")
        assert not any(line.strip(" ")[:1] in tuple(";:?!»") for line in text.splitlines() if line.strip(" "))


def test_a_language_that_is_none():
    done = subprocess.run([NIGHTJAR, "sniff", "-r", "x", "--report", "--lang", "de"], capture_output=True, check=False)
    assert done.returncode == 2 and b"en or fr" in done.stderr


class Page(html.parser.HTMLParser):
    """A page whose elements must be closed in order, and which must load and run nothing."""

    VOID = {"meta", "br"}

    def __init__(self, text):
        super().__init__()
        self.open, self.text, self.texts = [], "", []
        self.feed(text)
        self.close()
        assert not self.open
        self.text = " ".join(" ".join(self.texts).split())

    def handle_starttag(self, tag, attrs):
        assert tag not in ("script", "link", "img", "iframe", "object") and "href" not in dict(attrs) and "src" not in dict(attrs)
        assert not any(name.startswith("on") for name, _ in attrs)
        if tag not in self.VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag, attrs):
        pass

    def handle_endtag(self, tag):
        assert self.open.pop() == tag

    def handle_data(self, data):
        if self.open and self.open[-1] != "style":
            self.texts.append(data)


def test_the_page_says_what_the_text_says():
    page = run("seed000_10frames_reconstructed", "--report=html")
    text = Page(page).text
    assert '<html lang="en">' in page and "url(" not in page and "http://" not in page.replace("http://www.w3.org/2000/svg", "")
    assert "Confidentiality NO" in text and "mystere" in text and "GreatJ0b" not in page
    assert "nightjar init DIR --level tls --host 192.168.1.74" in text
    for arrow in ("SYN", "SYN, ACK", "CONNECT mqttx_badclient, mystere / ***", "CONNACK (0) Connection Accepted", "PUBLISH ciel: 51"):
        assert f">{arrow}</text>" in page
    assert "GreatJ0b" in run("seed000_10frames_reconstructed", "--report=html", "--show-secrets")


def test_the_page_is_french_too():
    page = run("seed002_plain_v311", "--report=html", "--lang", "fr")
    assert '<html lang="fr">' in page
    assert "Cet échange n'est pas confidentiel" in Page(page).text


def test_the_diagram_of_the_page_is_of_the_stream_asked_for():
    assert "PUBLISH cheese/strudel: hello</text>" in run("seed002_plain_v311", "--report=html", "--stream", "2")
    assert "SUBSCRIBE #</text>" in run("seed002_plain_v311", "--report=html")


@pytest.mark.parametrize("name", NAMES)
def test_every_capture_has_a_page(name):
    for language in ("en", "fr"):
        Page(run(name, "--report=html", "--lang", language))


LADDER = """\
stream 1      127.0.0.1:40064                                           127.0.0.101:1883
              │                                                                        │
0.500786      │─ SYN ─────────────────────────────────────────────────────────────────▶│
0.500796      │◀──────────────────────────────────────────────────────────── SYN, ACK ─│
0.500805      │─ ACK ─────────────────────────────────────────────────────────────────▶│
0.501017      │─ CONNECT  ────────────────────────────────────────────────────────────▶│
0.501896      │◀───────────────────────────────────── CONNACK (0) Connection Accepted ─│
0.501948      │─ PUBLISH world: hello ────────────────────────────────────────────────▶│
0.501960      │─ DISCONNECT ──────────────────────────────────────────────────────────▶│
0.501960      │─ FIN, ACK ────────────────────────────────────────────────────────────▶│
0.502420      │◀───────────────────────────────────────────────────────────────── ACK ─│
0.502443      │◀──────────────────────────────────────────────────────────── FIN, ACK ─│
0.502451      │─ ACK ─────────────────────────────────────────────────────────────────▶│
Empty acknowledgements of TCP that are not drawn: 2.
"""


def test_a_conversation_is_drawn_from_syn_to_fin():
    assert run("seed002_plain_v311", "--ladder", "--stream", "1", LC_ALL="C.UTF-8") == LADDER


def test_without_utf_8_it_is_drawn_in_ascii():
    plain = LADDER.translate(str.maketrans("│─▶◀", "|-><"))
    assert run("seed002_plain_v311", "--ladder", "--stream", "1", LC_ALL="C") == plain


def test_without_a_number_all_are_drawn():
    text = run("seed002_plain_v311", "--ladder", LC_ALL="C")
    assert [line.split()[1] for line in text.splitlines() if line.startswith("stream ")] == ["0", "1", "2"]


@pytest.mark.parametrize("name", NAMES)
def test_every_capture_has_a_ladder(name):
    text = run(name, "--ladder", LC_ALL="C")
    assert all(c == "\n" or 32 <= ord(c) < 127 for c in text)
    rows = [line for line in text.splitlines() if line[14:15] == "|"]
    assert rows and all(len(line) == 88 and line[-1] == "|" for line in rows)


def test_a_stream_without_a_ladder():
    done = subprocess.run([NIGHTJAR, "sniff", "-r", "x", "--stream", "1"], capture_output=True, check=False)
    assert done.returncode == 2 and b"--ladder" in done.stderr
