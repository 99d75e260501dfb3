# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""What is wrong with the OCSP response of a listener: `doctor` and the broker's start name the same."""
import json
import os
import re
import shutil
import subprocess

import pytest

from support.broker import NIGHTJAR, Broker, NotStarted
from support.certs import Authority, openssl
from support.tool import environment


class Site:
    def __init__(self):
        self.ca, self.other = Authority(), Authority()
        for name in ("broker", "second"):
            self.ca.issue(name, sans="DNS:localhost,IP:127.0.0.1", usage="serverAuth")

    def response(self, name="broker", entry="V", days=7, signer=None):
        """By the CA of whoever has the key `signer`, of which the entry of its index is lent."""
        ca, signer = self.ca, signer or self.ca
        serial = openssl("x509", "-in", f"{name}.crt", "-noout", "-serial", cwd=ca.dir).decode().split("=")[1].strip()
        revoked = "250101000000Z" if entry == "R" else ""
        with open(ca.path("index"), "w", encoding="ascii") as f:
            f.write(f"{entry}\t350101000000Z\t{revoked}\t{serial}\tunknown\t/CN={name}\n" if entry else "")
        openssl("ocsp", "-issuer", "ca.crt", "-cert", f"{name}.crt", "-reqout", "request", cwd=ca.dir)
        openssl("ocsp", "-index", "index", "-rsigner", signer.ca, "-rkey", signer.path("ca.key"), "-CA", "ca.crt",
                "-reqin", "request", "-respout", "made", "-ndays", str(days), cwd=ca.dir)
        with open(ca.path("made"), "rb") as f:
            return f.read()

    def config(self):
        return (f"listener {{port}} 127.0.0.1\ncertfile {self.ca.path('broker.crt')}\nkeyfile {self.ca.path('broker.key')}\n"
                f"cafile {self.ca.ca}\nocspfile {self.ca.path('staple')}\nallow_anonymous true\nuser root\n")


@pytest.fixture(scope="module")
def site():
    site = Site()
    yield site
    for authority in (site.ca, site.other):
        shutil.rmtree(authority.dir)


def doctor(site):
    config = site.ca.path("broker.conf")
    with open(config, "w", encoding="ascii") as f:
        f.write(site.config().format(port=18883))
    done = subprocess.run([NIGHTJAR, "doctor", "--config", config, "--files", "--json"], capture_output=True, check=False,
                          env=environment(), timeout=60)
    return done.returncode, {f["name"]: f for s in json.loads(done.stdout)["steps"] for f in s["findings"]}


def log_of_start(site):
    broker = Broker("nightjar", site.config())
    try:
        broker.start()
    except NotStarted as e:
        return e.log
    assert broker.stop() == 0
    return broker.log.text


UNAUTHORIZED = b"\x30\x03\x0a\x01\x06"
# What is in the file, what doctor names it, what the log says.
STAPLES = {
    "good": (lambda s: s.response(), None, None),
    "of another": (lambda s: s.response("second"), "ocsp_of_another", "staple: the OCSP response is not about the first certificate"),
    "revoked": (lambda s: s.response(entry="R"), "revoked", "is revoked: .*staple says so"),
    "unknown": (lambda s: s.response(entry=""), "ocsp_no_answer", "staple the responder does not know CN=broker"),
    "an error": (lambda s: UNAUTHORIZED, "ocsp_no_answer", "an error of the responder's: unauthorized"),
    "of another CA": (lambda s: s.response(signer=s.other), "ocsp_not_signed", "staple is not signed by the CA of CN=broker"),
    "torn": (lambda s: s.response()[:-1], "file_foreign", "staple\" is no OCSP response in DER"),
    "empty": (lambda s: b"", "file_foreign", "staple\" is no OCSP response in DER"),
}


@pytest.mark.parametrize("what", STAPLES)
def test_doctor_and_the_start_name_the_same(site, what):
    make, name, says = STAPLES[what]
    with open(site.ca.path("staple"), "wb") as f:
        f.write(make(site))
    code, found = doctor(site)
    assert set(found) == ({name} if name else set()), found
    assert code == (name in ("revoked", "file_foreign"))
    if name:
        assert found[name]["file"].endswith("staple")
        assert found[name]["mend"].startswith("nightjar pki server " if name == "revoked" else "openssl ocsp -issuer ")
    log = log_of_start(site)
    lines = [line for line in log.split("\n") if "staple" in line]
    assert bool(lines) == bool(name) and (not says or re.search(says, log)), log


def test_a_response_is_about_the_first_certificate_alone(site):
    with open(site.ca.path("staple"), "wb") as f:
        f.write(site.response())
    second = f"certfile {site.ca.path('second.crt')}\nkeyfile {site.ca.path('second.key')}\n"
    whole = site.config
    site.config = lambda: whole() + second
    code, found = doctor(site)
    site.config = whole
    assert code == 0 and not found
    os.remove(site.ca.path("staple"))
    code, found = doctor(site)
    assert set(found) == {"file_missing"}


def test_a_pipe_is_not_waited_for(site):
    staple = site.ca.path("staple")
    if os.path.exists(staple):
        os.remove(staple)
    os.mkfifo(staple)
    try:
        code, found = doctor(site)
        assert code == 1 and set(found) == {"file_not_regular"}, found
        assert "Unable to open ocspfile" in log_of_start(site)
    finally:
        os.remove(staple)
