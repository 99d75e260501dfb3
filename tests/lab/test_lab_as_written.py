# SPDX-License-Identifier: Apache-2.0
"""The lab as its author did it (../shared/seeds/002): his openssl command, his seven lines of configuration, his
mosquitto_pub. What he could not learn is said at once, and with another subject the same steps work."""
import os
import re
import shlex
import shutil

import pytest

from support import mqtt
from support.broker import NIGHTJAR, SHARED
from support.certs import openssl
from support.hosts import BROKER
from support.setup import RunningBroker
from support.tool import run

DOCUMENT = os.path.join(SHARED, "seeds", "002_33d705fbf92bed3f.txt")
SUBJECT, CLIENT_SUBJECT = "/C=FR/ST=France/O=ISIS", "/C=FR/ST=France/O=Internet Widgits Pty Ltd"
ACCOUNT = "mosquitto"


class Document:
    """The commands and lines as they are printed there."""

    def __init__(self):
        with open(DOCUMENT, encoding="utf-8") as f:
            text = f.read().replace("\\_", "_")
        self.sign = re.search(r"^openssl x509 -req .*$", text, re.M)[0]
        self.publish = re.search(r"^mosquitto_pub -p 8883 .*$", text, re.M)[0]
        block = re.search(r"^(listener 8883\n.*?)^~$", text, re.M | re.S)[1]
        self.config = "".join(line + "\n" for line in block.splitlines() if line)
        lines, characters = re.search(r'confTP.conf" (\d+)L, (\d+)C written', text).groups()
        assert (self.config.count("\n"), len(self.config)) == (int(lines), int(characters)), "as his editor counted"


@pytest.fixture(scope="module")
def document():
    if not os.path.exists(DOCUMENT):
        pytest.skip(f"{DOCUMENT} is not there")
    return Document()


class Lab:
    """Both hosts' files below one folder: `/etc/mosquitto` of the broker's, `/home/olivier/TP/certs` of the client's."""

    def __init__(self, place, document, broker_subject):
        self.place, self.document = place, document
        self.certs = self.at("/home/olivier/TP/certs")
        for who, subject in (("ca", SUBJECT), ("brocker", broker_subject), ("client", CLIENT_SUBJECT)):
            folder = os.path.join(self.certs, who)
            os.makedirs(folder)
            name = {"brocker": "broker"}.get(who, who)
            openssl("genrsa", "-out", f"{name}.key", "2048", cwd=folder)
            if who == "ca":
                openssl("req", "-x509", "-new", "-key", "ca.key", "-days", "100", "-subj", subject, "-out", "ca.crt",
                        cwd=folder)
                continue
            openssl("req", "-new", "-key", f"{name}.key", "-subj", subject, "-out", f"{name}.csr", cwd=folder)
            openssl(*shlex.split(document.sign.replace("broker.", f"{name}."))[1:], cwd=folder)
        for source, target in (("ca/ca.crt", "ca_certificates/ca.crt"), ("brocker/broker.crt", "certs/brocker.crt"),
                               ("brocker/broker.key", "mytls/brocker.key")):
            path = self.at("/etc/mosquitto/" + target)
            os.makedirs(os.path.dirname(path), exist_ok=True)
            shutil.copy(os.path.join(self.certs, source), path)
            if os.getuid() == 0:
                shutil.chown(path, ACCOUNT)
        self.write("/etc/mosquitto/conf.d/confTP.conf", self.moved(document.config))
        self.write("/etc/mosquitto/broker.conf", self.moved("include_dir /etc/mosquitto/conf.d\n"))

    def at(self, path):
        return self.place / path.lstrip("/")

    def __truediv__(self, name):
        return self.at("/etc/mosquitto/" + name)

    def moved(self, text):
        """Whole paths begin in our folder."""
        return re.sub(r"(?<=\s)/?(?=(etc/mosquitto|home/olivier)/)", self.at(""), text)

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.at(path)), exist_ok=True)
        with open(self.at(path), "w", encoding="utf-8") as f:
            f.write(text)

    def broker(self, hosts):
        return RunningBroker(self, f"{NIGHTJAR} broker -c {self / 'broker.conf'}", inside=hosts.broker,
                             env={"XDG_STATE_HOME": self.at("/var/lib")})

    def publish(self, hosts, program="mosquitto_pub", *more):
        """His command, from the folder with the key; the slash that he forgot is put in."""
        words = shlex.split(self.moved(self.document.publish))[1:] + list(more)
        folder = os.path.join(self.certs, "client")
        return run([*hosts.client, "env", "-C", folder, *program.split(), *words])

    def connect(self, hosts, *words):
        """A client that looks at no name: what comes back for its CONNECT, with neither user name nor password."""
        client = os.path.join(self.certs, "client", "client")
        _, out, err = run([*hosts.client, "openssl", "s_client", "-quiet", "-connect", f"{BROKER}:8883", *words]
                          + (["-cert", client + ".crt", "-key", client + ".key"] if not words else []),
                          stdin=mqtt.connect("nobody") + mqtt.disconnect())
        return out, err


@pytest.fixture
def lab(place, document):
    return lambda subject=SUBJECT: Lab(place, document, subject)


def listening(hosts):
    """(protocol, port) of all sockets that wait for somebody on the broker's host."""
    code, out, _ = run([*hosts.broker, "ss", "-Hltun"])
    assert code == 0
    rows = [line.split() for line in out.decode().splitlines()]
    return {(row[0], int(row[4].rsplit(":", 1)[1])) for row in rows}


def test_seven_lines_start_the_broker_and_only_8883_listens(hosts, lab):
    """With the certificates of the lab, and what is wrong with them is said at once: issuer and subject are one."""
    lab = lab()
    with lab.broker(hosts) as broker:
        assert listening(hosts) == {("tcp", 8883)}
        warnings = [line for line in broker.log.since() if line.startswith("Warning: ")]
    own = [w for w in warnings if w.startswith(f"Warning: {lab / 'certs/brocker.crt'}: ")]
    for mistake in ("same subject as the CA", "no subjectAltName"):    # the second hid behind the first
        assert any(mistake in w and "to mend it: nightjar pki server" in w for w in own), "\n".join(warnings)


@pytest.mark.parametrize("program", ("mosquitto_pub", f"{NIGHTJAR} pub"))
@pytest.mark.parametrize("more", ([], ["--insecure"]), ids=("", "insecure"))
def test_what_failed_then_fails_and_the_broker_says_why(hosts, lab, program, more):
    """Also with --insecure, which skips the name alone: where he got through with it, his subjects were others."""
    lab = lab()
    with lab.broker(hosts) as broker:
        code, out, err = lab.publish(hosts, program, *more)
        assert code != 0 and out == b"" and b"A TLS error occurred" in err
        line = broker.log.wait("TLS handshake with .* failed: ").string
    assert "refused by the client with alert 48 unknown_ca" in line
    assert "our own files show why" in line and "same subject as the CA" in line
    if program != "mosquitto_pub":
        assert b"same subject as the CA" in err


def test_a_valid_certificate_without_user_name_is_let_in_and_none_is_refused(hosts, lab):
    """require_certificate with allow_anonymous true: the certificate is all that is asked for."""
    lab = lab("/C=FR/ST=France/O=ISIS/CN=broker")
    with lab.broker(hosts) as broker:
        assert lab.connect(hosts)[0] == b"\x20\x02\x00\x00"
        broker.log.wait(r"New client connected from \S+ as nobody \(p4, c1, k60\)\.$")
        mark = broker.log.mark
        out, err = lab.connect(hosts, "-tls1_2")
        assert out == b"" and b"alert" in err
        broker.log.wait("refused here: the client showed no certificate", mark)


def test_the_name_is_the_second_mistake_and_insecure_skips_that(hosts, lab):
    """With a subject of its own the broker is known by its CA; what is missing now is the name that he types."""
    lab = lab("/C=FR/ST=France/O=ISIS/CN=broker")
    with lab.broker(hosts):
        code, _, err = lab.publish(hosts, f"{NIGHTJAR} pub")
        assert code == 8 and BROKER.encode() in err
        for program in ("mosquitto_pub", f"{NIGHTJAR} pub"):
            assert lab.publish(hosts, program, "--insecure")[0] == 0
