# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar pki`: what it makes is good in the eyes of openssl, mosquitto and paho; what it refuses, it explains."""
import contextlib
import ipaddress
import json
import os
import pathlib
import pty
import queue
import re
import shutil
import stat
import subprocess

import pytest

from support.broker import MOSQUITTO, NIGHTJAR, Broker
from support.peer import TIMEOUT
from support.setup import Place
from support.tool import environment, run

GOOD, FOUND, COULD_NOT = 0, 1, 2


class Authority:
    """A folder `pki` of its own, and the command in the folder above it."""

    def __init__(self, place):
        self.place = pathlib.Path(place)
        self.dir = self.place / "pki"

    def __call__(self, *words, code=GOOD, stdin="", told="", **options):
        """`told`: what is said on stderr besides."""
        done = subprocess.run([NIGHTJAR, "pki", *map(str, words)], cwd=self.place, input=stdin, text=True, check=False,
                              capture_output=True, timeout=60, env={**environment(), **options.pop("env", {})}, **options)
        assert done.returncode == code, done.stdout + done.stderr
        assert told in done.stderr and not (code == GOOD and done.stderr and not told), done.stderr
        return done.stderr if code == COULD_NOT else done.stdout

    def file(self, name):
        return str(self.dir / name)

    def openssl(self, *words, code=0, stdin=None):
        done = subprocess.run(["openssl", *map(str, words)], cwd=self.place, capture_output=True, text=True,
                              input=stdin, timeout=60, check=False)
        assert done.returncode == code, done.stdout + done.stderr
        return done.stdout + done.stderr

    def verify(self, certificate, *words, code=0):
        return self.openssl("verify", "-x509_strict", "-CAfile", self.file("ca.crt"), *words, self.file(certificate),
                            code=code)

    def text(self, certificate):
        return self.openssl("x509", "-in", self.file(certificate), "-noout", "-text")

    def field(self, certificate, *words):
        return self.openssl("x509", "-in", self.file(certificate), "-noout", *words).strip()

    def request(self, subject, *words, key="own.key", out="own.csr"):
        """A signing request made with openssl, whose key stays where it is."""
        self.openssl("req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout", key,
                     "-utf8", "-subj", subject, "-out", out, *words)
        return self.place / out


@pytest.fixture
def pki(tmp_path):
    return Authority(tmp_path)


@pytest.fixture
def ready(pki):
    """An authority with a broker and a client."""
    pki("init", "--name", "Lab CA")
    pki("server", "broker", "--san", "localhost,127.0.0.1,::1")
    pki("client", "sensor1")
    return pki


def mode(path):
    return stat.S_IMODE(os.stat(path).st_mode)


# ---------------------------------------------------------------------------- what it makes


@pytest.mark.parametrize("kind", [[], ["--rsa"]], ids=["ecdsa", "rsa"])
def test_what_it_makes_passes_openssl_verify_strict(pki, kind):
    pki("init", *kind)
    pki("server", "broker.example", "--san", "192.168.56.101,fd00::5", *kind)
    pki("client", "sensor1", *kind)
    pki.verify("ca.crt")
    for how in (["-verify_hostname", "broker.example"], ["-verify_ip", "192.168.56.101"], ["-verify_ip", "fd00::5"]):
        pki.verify("hosts/broker.example/server.crt", "-purpose", "sslserver", *how)
    pki.verify("clients/sensor1/client.crt", "-purpose", "sslclient")
    # Each for its own use, and for no other name.
    pki.verify("hosts/broker.example/server.crt", "-purpose", "sslclient", code=2)
    pki.verify("clients/sensor1/client.crt", "-purpose", "sslserver", code=2)
    pki.verify("hosts/broker.example/server.crt", "-verify_ip", "192.168.56.102", code=2)


def test_extensions_and_algorithms_are_as_documented(ready):
    authority, server, client = (ready.text(f) for f in
                                 ("ca.crt", "hosts/broker/server.crt", "clients/sensor1/client.crt"))
    for text in authority, server, client:
        assert "Version: 3" in text and "ecdsa-with-SHA256" in text and "NIST CURVE: P-256" in text
    assert re.search(r"Basic Constraints: critical\s+CA:TRUE, pathlen:0\n", authority)
    assert re.search(r"Key Usage: critical\s+Certificate Sign, CRL Sign\n", authority)
    for text, use in (server, "Server"), (client, "Client"):
        assert re.search(r"Basic Constraints: critical\s+CA:FALSE\n", text)
        assert re.search(r"Key Usage: critical\s+Digital Signature\n", text)
        assert re.search(rf"Extended Key Usage: \n\s+TLS Web {use} Authentication\n", text)
        assert "Subject Key Identifier" in text and "Authority Key Identifier" in text
    assert "DNS:broker, DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1" in server
    assert "Alternative Name" not in client


def test_an_rsa_servers_key_may_also_encipher_for_tls_1_2(pki):
    pki("init")
    pki("server", "broker", "--san", "broker", "--rsa")
    text = pki.text("hosts/broker/server.crt")
    assert "Digital Signature, Key Encipherment" in text and "Public-Key: (2048 bit)" in text


def test_without_san_a_server_has_all_names_of_the_machine_and_they_are_printed(pki):
    pki("init")
    said = pki("server", "broker")
    names = re.search(r"names: (.*)", said)[1].split(", ")
    host = os.uname().nodename
    assert {"DNS:broker", "DNS:localhost", "IP:127.0.0.1", "IP:::1", f"DNS:{host}"} <= set(names)
    assert "names of this machine" in said
    pki.verify("hosts/broker/server.crt", "-verify_hostname", host)
    pki.verify("hosts/broker/server.crt", "-verify_ip", "127.0.0.1")


@pytest.mark.skipif(not shutil.which("ip"), reason="iproute2 is not installed")
def test_without_san_a_server_has_every_address_of_the_machine(pki):
    """But for those that are good on one link alone, and mean another host on the next."""
    interfaces = json.loads(subprocess.run(["ip", "-j", "address", "show", "up"], capture_output=True, check=True,
                                           timeout=10).stdout)
    there = {ipaddress.ip_address(a["local"]) for i in interfaces for a in i.get("addr_info", ())}
    pki("init")
    names = re.search(r"names: (.*)", pki("server", "broker"))[1].split(", ")
    given = {ipaddress.ip_address(n[3:]) for n in names if n.startswith("IP:")}
    loopback = {ipaddress.ip_address("127.0.0.1"), ipaddress.ip_address("::1")}
    assert given == {a for a in there if a.version == 4 or not a.is_link_local} | loopback


def test_serial_numbers_are_random_and_positive(ready):
    serials = [ready.field(f, "-serial").split("=")[1] for f in
               ("ca.crt", "hosts/broker/server.crt", "clients/sensor1/client.crt")]
    assert len(set(serials)) == 3
    assert all(len(s) == 32 and s[0] in "4567" for s in serials)


def test_an_existing_ca_srl_is_counted_on(pki):
    """As `openssl x509 -CAserial` does: the same file, either tool's turn."""
    pki("init")
    (pki.dir / "ca.srl").write_text("0F\n")
    pki("client", "a")
    assert pki.field("clients/a/client.crt", "-serial") == "serial=10"
    csr = pki.request("/CN=b")
    pki.openssl("x509", "-req", "-in", csr, "-CA", pki.file("ca.crt"), "-CAkey", pki.file("ca.key"), "-CAserial",
                pki.file("ca.srl"), "-out", "b.crt")
    assert "serial=11" in pki.openssl("x509", "-in", "b.crt", "-noout", "-serial")
    pki("client", "c")
    assert pki.field("clients/c/client.crt", "-serial") == "serial=12"


def test_files_are_readable_as_they_should_be_whatever_the_umask(pki):
    for mask in 0o000, 0o077:
        shutil.rmtree(pki.dir, ignore_errors=True)
        old = os.umask(mask)
        try:
            pki("init")
            pki("client", "sensor1", "--profile", "esp32")
            pki("export", "sensor1", "--pem")
        finally:
            os.umask(old)
        for name in "ca.key", "clients/sensor1/client.key", "clients/sensor1/client.h", "clients/sensor1/client.pem":
            assert mode(pki.file(name)) == 0o600, name
        for name in "ca.crt", "crl.pem", "index.txt", "clients/sensor1/client.crt", "clients/sensor1/ca.crt":
            assert mode(pki.file(name)) == 0o644, name
        assert mode(pki.dir) == mode(pki.dir / "clients" / "sensor1") == 0o755
    assert not list(pki.dir.glob("**/.nightjar*"))


def test_no_certificate_outlives_its_authority(pki):
    pki("init", "--days", 100)
    assert "as long as the authority itself" in pki("client", "sensor1")
    assert pki.field("clients/sensor1/client.crt", "-enddate") == pki.field("ca.crt", "-enddate")
    pki("client", "sensor2", "--days", 10)
    assert pki.field("clients/sensor2/client.crt", "-enddate") != pki.field("ca.crt", "-enddate")


def test_the_esp32_profile_is_small_and_comes_as_a_header_that_compiles(ready):
    ready("client", "esp", "--profile", "esp32")
    ready.verify("clients/esp/client.crt", "-purpose", "sslclient")
    size = len(subprocess.run(["openssl", "x509", "-in", ready.file("clients/esp/client.crt"), "-outform", "der"],
                              capture_output=True, check=True).stdout)
    usual = len(subprocess.run(["openssl", "x509", "-in", ready.file("clients/sensor1/client.crt"), "-outform", "der"],
                               capture_output=True, check=True).stdout)
    assert size < usual and size < 420
    assert (ready.dir / "clients/esp/client.key").read_text().startswith("-----BEGIN EC PRIVATE KEY-----")
    program = ready.place / "print.c"
    program.write_text(f'#include "{ready.file("clients/esp/client.h")}"\n#include <stdio.h>\n'
                       "int main(void) { return fputs(ca_crt, stdout) < 0 || fputs(client_crt, stdout) < 0 ||"
                       " fputs(client_key, stdout) < 0; }\n")
    subprocess.run(["cc", "-Wall", "-Werror", "-o", ready.place / "print", program], check=True, timeout=60)
    printed = subprocess.run([ready.place / "print"], capture_output=True, check=True, text=True, timeout=10).stdout
    assert printed == "".join((ready.dir / "clients/esp" / f).read_text() for f in ("ca.crt", "client.crt", "client.key"))


def test_the_default_profile_is_the_one_without_a_word(ready):
    ready("client", "usual", "--profile", "default")
    usual, other = (re.sub(r"sensor1|usual|[0-9a-fA-F]{2}(:[0-9a-fA-F]{2})+:?", "", ready.text(f"clients/{name}/client.crt"))
                    for name in ("usual", "sensor1"))
    assert re.findall("X509v3 .*", usual) == re.findall("X509v3 .*", other)
    assert sorted(os.listdir(ready.dir / "clients/usual")) == ["ca.crt", "client.crt", "client.key"]


def test_a_name_in_any_script_is_kept(ready):
    ready("client", "étudiant-1")
    assert "CN = étudiant-1" in ready.field("clients/étudiant-1/client.crt", "-subject", "-nameopt", "utf8,oneline,-esc_msb")


# ---------------------------------------------------------------------------- what it refuses


def test_nothing_is_replaced_without_force(ready):
    before = {f: f.read_bytes() for f in ready.dir.glob("**/*") if f.is_file()}
    assert "there is an authority in pki already" in ready("init", code=COULD_NOT)
    assert "server.crt is there already" in ready("server", "broker", code=COULD_NOT)
    assert "client.crt is there already" in ready("client", "sensor1", code=COULD_NOT)
    ready("export", "sensor1", "--pem", "--out", "x.pem")
    assert "x.pem is there already" in ready("export", "sensor1", "--pem", "--out", "x.pem", code=COULD_NOT)
    assert {f: f.read_bytes() for f in ready.dir.glob("**/*") if f.is_file()} == before
    ready("client", "sensor1", "--force")
    assert (ready.dir / "clients/sensor1/client.key").read_bytes() != before[ready.dir / "clients/sensor1/client.key"]


def test_a_subject_equal_to_the_authoritys_is_refused_with_the_labs_story(pki):
    pki("init", "--name", "broker")
    for words in ["server", "broker"], ["client", "broker"], ["sign", pki.request("/CN=broker")]:
        said = pki(*words, code=COULD_NOT)
        assert "looks self-signed" in said and '"unknown ca"' in said
    assert not (pki.dir / "hosts").exists() and not (pki.dir / "clients").exists()
    assert (pki.dir / "index.txt").read_text() == ""


def test_the_labs_own_request_to_the_labs_own_authority_is_refused(pki):
    """Its commands: a version 1 authority, the same answers given twice."""
    pki.dir.mkdir()
    subject = "/C=FR/ST=France/O=ISIS"
    pki.openssl("genrsa", "-out", pki.file("ca.key"), "2048")
    pki.openssl("req", "-new", "-x509", "-days", "100", "-key", pki.file("ca.key"), "-subj", subject, "-out",
                pki.file("ca.crt"))
    said = pki("sign", pki.request(subject), "--san", "192.168.56.101", "--name", "broker", code=COULD_NOT)
    assert "/C=FR/ST=France/O=ISIS is that of the authority itself" in said
    # With a name of its own it is signed by the lab's authority.
    pki("sign", pki.request(subject + "/CN=broker"), "--san", "192.168.56.101")
    pki.openssl("verify", "-CAfile", pki.file("ca.crt"), "-purpose", "sslserver", "-verify_ip", "192.168.56.101",
                pki.file("hosts/broker/server.crt"))


@pytest.mark.parametrize("name, why", [
    ("../x", "begins with '.'"), (".hidden", "begins with '.'"), ("a/b", "a path"), ("a#", "a topic"), ("a+b", "a topic"),
    ("a b", "blank"), ("a;b", "a shell"), ("a$b", "a shell"), ("a\nb", "control"), ("x" * 65, "longer than the 64"), ("", "empty"),
    ("a*", "a shell"), ("a\\b", "a shell"), ("a\u202enimda", "U+202E in it, which turns"), ("a\u200bb", "U+200B in it, which cannot be seen"),
    ("a\u00a0b", "U+00A0 in it, a blank")])
def test_names_that_are_no_safe_file_names_are_refused(ready, name, why):
    for verb in "client", "renew":
        assert why in ready(verb, "--", name, code=COULD_NOT)
    assert sorted(p.name for p in (ready.dir / "clients").iterdir()) == ["sensor1"]


@pytest.mark.parametrize("san, why", [
    ("DNS:192.168.1.1", "address written as a DNS name"), ("IP:broker", "no IP address"), ("a..b", "neither a host name"),
    ("bröker", "neither a host name"), ("a,,b", "neither a host name"), ("URI:", "empty"), (",".join(f"a{i}" for i in range(70)), "more than 64")])
def test_names_that_no_client_would_find_are_refused(ready, san, why):
    assert why in ready("server", "other", "--san", san, code=COULD_NOT)
    assert not (ready.dir / "hosts/other").exists()


def test_without_an_authority_it_says_how_to_make_one(pki):
    for words in ["server", "a"], ["client", "a"], ["list"], ["crl"], ["revoke", "a"], ["renew"]:
        said = pki(*words, code=COULD_NOT)
        assert "no ca.crt" in said and "nightjar pki init" in said


def test_a_ca_crt_that_is_no_authority_is_refused(pki):
    pki.dir.mkdir()
    pki.openssl("req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", pki.file("ca.key"), "-out", pki.file("ca.crt"),
                "-subj", "/CN=x", "-addext", "basicConstraints=critical,CA:FALSE")
    assert "is no certificate of an authority" in pki("client", "a", code=COULD_NOT)


def test_a_key_of_another_authority_is_refused(ready, tmp_path):
    other = Authority(tmp_path / "other")
    other.place.mkdir()
    other("init")
    shutil.copy(other.file("ca.key"), ready.file("ca.key"))
    assert "is not the key of pki/ca.crt" in ready("client", "a", code=COULD_NOT)
    assert not (ready.dir / "clients/a").exists()


def test_an_expired_authority_signs_nothing_and_can_be_renewed(pki):
    pki.dir.mkdir()
    subprocess.run(["openssl", "req", "-new", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-keyout",
                    pki.file("ca.key"), "-subj", "/CN=Old CA", "-out", "ca.csr"], cwd=pki.place, check=True, timeout=30,
                   capture_output=True)
    conf = pki.place / "ca.conf"
    conf.write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={pki.place}/db\nnew_certs_dir={pki.place}\nrand_serial=yes\n"
                    "default_md=sha256\npolicy=p\nx509_extensions=e\n[p]\ncommonName=supplied\n[e]\n"
                    "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n")
    (pki.place / "db").touch()
    pki.openssl("ca", "-config", conf, "-selfsign", "-batch", "-in", "ca.csr", "-keyfile", pki.file("ca.key"), "-out",
                pki.file("ca.crt"), "-notext", "-startdate", "20200101000000Z", "-enddate", "20210101000000Z")
    assert "pki renew --ca" in pki("client", "a", code=COULD_NOT)
    pki("renew", "--ca")
    pki("client", "a")
    pki.verify("clients/a/client.crt", "-purpose", "sslclient")


def test_an_index_it_does_not_understand_is_not_written_over(ready):
    index = ready.dir / "index.txt"
    index.write_text(index.read_text() + "half a line")
    assert "index.txt, line 3" in ready("client", "a", code=COULD_NOT)
    assert index.read_text().endswith("half a line")


# ---------------------------------------------------------------------------- what was killed


def test_a_command_that_was_killed_can_be_given_again(pki):
    """What kill -9 leaves, made by hand, at each point where it leaves anything."""
    pki("init")
    pki("server", "broker", "--san", "broker")
    pki("client", "sensor1")
    key, crl, other = (pki.dir / name for name in ("clients/sensor1/client.key", "crl.pem", ".nightjar-AbCdEf"))
    before, empty = key.read_bytes(), crl.read_bytes()

    (pki.dir / "clients/sensor1/client.crt").unlink()           # its key is written, its certificate not
    other.touch()                                               # a file on its way to its place
    said = "pki: removed 1 temporary file of a command that was ended before its time"
    pki("client", "sensor1", "--rsa", code=COULD_NOT, told=said)
    pki("client", "sensor1", told="client.key was there without a certificate")
    assert not other.exists() and key.read_bytes() == before
    pki.verify("clients/sensor1/client.crt")
    assert pki.openssl("pkey", "-in", key, "-pubout").strip() == pki.field("clients/sensor1/client.crt", "-pubkey")

    pki("revoke", "sensor1")
    crl.write_bytes(empty)                                      # revoked in the index, not in the list
    assert "certificates of sensor1" in pki("revoke", "sensor1")
    pki.verify("clients/sensor1/client.crt", "-crl_check", "-CRLfile", crl, code=2)
    assert "is good now" in pki("revoke", "sensor1", code=COULD_NOT)

    shutil.copy(key, pki.file("hosts/broker/server.key"))       # renew --new-key: the key, not the certificate
    assert "is not the key of" in pki("renew", "broker", code=COULD_NOT)
    pki("renew", "broker", "--new-key")
    pki("renew", "broker")


@pytest.mark.parametrize("left", [["ca.key"], ["ca.key", "index.txt", "crl.pem"]])
def test_an_authority_that_was_not_finished_is_finished(pki, left):
    pki("init", "--encrypt", "--passin", "pass:open sesame")
    for file in set(os.listdir(pki.dir)) - set(left):
        (pki.dir / file).unlink()
    before = (pki.dir / "ca.key").read_bytes()
    assert "does not open" in pki("init", "--encrypt", "--passin", "pass:wrong", code=COULD_NOT)
    assert "encrypted" in pki("init", code=COULD_NOT)
    assert "no variable" in pki("init", "--encrypt", "--passin", "env:NOT_THERE", code=COULD_NOT)
    assert "another kind" in pki("init", "--encrypt", "--rsa", "--passin", "pass:open sesame", code=COULD_NOT)
    pki("init", "--encrypt", "--passin", "pass:open sesame", told="ca.key was there without a certificate")
    assert (pki.dir / "ca.key").read_bytes() == before
    pki("client", "a", "--passin", "pass:open sesame")
    pki.verify("clients/a/client.crt", "-crl_check", "-CRLfile", pki.file("crl.pem"))


# ---------------------------------------------------------------------------- requests


def test_a_request_is_signed_and_its_key_never_comes_here(ready):
    csr = ready.request("/O=Lab/CN=gate.example", "-addext", "subjectAltName=DNS:gate.example,IP:10.0.0.7")
    said = ready("sign", csr)
    assert "DNS:gate.example, IP:10.0.0.7" in said
    ready.verify("hosts/gate.example/server.crt", "-purpose", "sslserver", "-verify_ip", "10.0.0.7")
    assert re.search(f"copy to it:\n  {ready.dir}/hosts/gate.example/server.crt\n  {ready.dir}/hosts/gate.example/ca.crt$", said)
    assert "O = Lab, CN = gate.example" in ready.field("hosts/gate.example/server.crt", "-subject")
    assert sorted(os.listdir(ready.dir / "hosts/gate.example")) == ["ca.crt", "server.crt"]
    public = ready.openssl("pkey", "-in", "own.key", "-pubout")
    assert ready.field("hosts/gate.example/server.crt", "-pubkey") == public.strip()


def test_extensions_that_a_request_asks_for_are_not_granted(ready):
    csr = ready.request("/CN=sly", "-addext", "basicConstraints=critical,CA:TRUE", "-addext",
                        "keyUsage=keyCertSign", "-addext", "extendedKeyUsage=codeSigning", "-addext", "1.2.3.4=ASN1:NULL")
    said = ready("sign", csr)
    text = ready.text("clients/sly/client.crt")
    assert "CA:FALSE" in text and "TLS Web Client" in text
    for not_granted in "CA:TRUE", "Certificate Sign", "Code Signing", "1.2.3.4":
        assert not_granted not in text
    assert re.search(r"not granted: to be an authority \(CA:TRUE\), keyCertSign, Code Signing, 1\.2\.3\.4$", said, re.M)


def test_a_request_that_is_not_signed_with_its_key_is_refused(ready):
    csr = ready.request("/CN=sly", "-outform", "der")
    data = bytearray(csr.read_bytes())
    data[-1] ^= 1
    csr.write_bytes(data)
    assert "not signed with the key in it" in ready("sign", csr, code=COULD_NOT)
    assert not (ready.dir / "clients/sly").exists()


def test_what_a_request_is_for_is_asked_for_or_said(ready):
    ready("sign", ready.request("/CN=c1"))
    ready("sign", ready.request("/CN=c2", "-addext", "subjectAltName=DNS:c2", "-addext", "extendedKeyUsage=clientAuth"))
    ready("sign", ready.request("/CN=s1", "-addext", "extendedKeyUsage=serverAuth"))
    ready("sign", ready.request("/CN=s2"), "--as", "server")
    ready("sign", ready.request("/CN=two words"), "--as", "server", "--san", "10.1.1.1", "--name", "two")
    for name in "s1", "s2":  # a server without names is known by its common name
        ready.verify(f"hosts/{name}/server.crt", "-purpose", "sslserver", "-verify_hostname", name)
    ready.verify("hosts/two/server.crt", "-verify_ip", "10.1.1.1")
    for name in "c1", "c2":
        ready.verify(f"clients/{name}/client.crt", "-purpose", "sslclient")


@pytest.mark.parametrize("subject, words, why", [
    ("/CN=two words", ["--as", "server"], "neither names nor addresses"),
    ("/CN=two words", [], "blank"),
    ("/", [], "neither a subject nor a name"),
    ("/CN=sensor/CN=admin", [], "more than one common name"),
    ("/CN=x", ["--as", "broker"], "server or client"),
    ("/CN=a\u202enimda", ["--name", "x"], "U+202E"),
    ("/O=a\u200bb/CN=x", [], "request's organizationName has U+200B"),
    ("/CN=a#", ["--name", "x"], "means something in a topic"),
    ("/CN=x" + "".join(f"/O={c * 60}" for c in "abcdef"), [], "longer than 256"),
    ("/CN=sensor1", ["--name", "x"], "take its owner for that client"),
    ("/O=Else/CN=sensor1", ["--name", "x"], "take its owner for that client")])
def test_requests_that_would_make_a_useless_certificate_are_refused(ready, subject, words, why):
    assert why in ready("sign", ready.request(subject), *words, code=COULD_NOT)


def test_an_address_that_a_request_writes_as_a_name_is_refused(ready):
    csr = ready.request("/CN=x", "-addext", "subjectAltName=DNS:10.0.0.1")
    said = ready("sign", csr, code=COULD_NOT)
    assert "address written as a DNS name" in said and "--san" in said
    ready("sign", csr, "--san", "10.0.0.1")


@pytest.mark.parametrize("names, words, why", [
    ("DNS:*.example", ["--allow-wildcard"], "pass for every host of that domain"),
    ("DNS:x.example,URI:urn:x", ["--san", "x.example,URI:urn:x"], "no client of MQTT compares"),
    ("email:a@b.example", ["--san", "email:a@b.example"], "no client of MQTT compares"),
    ("DNS:x.example,DNS:BROKER", ["--san", "x.example,BROKER"], "a name of hosts/broker/server.crt"),
    ("DNS:localhost,IP:127.0.0.1", [], None)])
def test_names_that_would_let_it_pass_for_others_are_the_operators_to_give(ready, names, words, why):
    csr = ready.request("/CN=x", "-addext", f"subjectAltName={names}")
    if why:
        assert why in ready("sign", csr, code=COULD_NOT)
    assert "names: " + names.replace(",", ", ") in ready("sign", csr, *words)


def test_all_names_that_are_granted_are_shown(ready):
    names = ",".join(f"DNS:host-with-a-long-name-{i}.example" for i in range(64))
    assert ready("sign", ready.request("/CN=x", "-addext", f"subjectAltName={names}")).count("DNS:") == 64
    csr = ready.request("/CN=y", "-addext", f"subjectAltName={names},DNS:one.more")
    assert "more than 64 names" in ready("sign", csr, code=COULD_NOT)


@pytest.mark.parametrize("key, words, why", [
    (["rsa:1024"], [], "RSA 1024) is too short"),
    (["ec", "-pkeyopt", "ec_paramgen_curve:P-192"], [], "too short"),
    (["ec", "-pkeyopt", "ec_paramgen_curve:secp256k1"], [], "TLS 1.3 does not sign"),
    (["ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-pkeyopt", "ec_param_enc:explicit"], [], "TLS 1.3 does not sign"),
    (["rsa:2048"], ["-sha1"], "SHA1, which can be forged")])
def test_a_weak_key_is_not_certified(ready, key, words, why):
    ready.openssl("req", "-new", "-newkey", *key, "-nodes", "-keyout", "w.key", "-subj", "/CN=weak", "-out", "w.csr", *words)
    assert why in ready("sign", "w.csr", code=COULD_NOT)


@pytest.mark.parametrize("content", [b"", b"rubbish", b"-----BEGIN CERTIFICATE REQUEST-----\nAAAA\n-----END CERTIFICATE REQUEST-----\n"])
def test_a_file_that_is_no_request_is_refused(ready, content):
    (ready.place / "x.csr").write_bytes(content)
    assert "x.csr" in ready("sign", "x.csr", code=COULD_NOT)
    assert "x.csr" in ready("inspect", "x.csr", code=COULD_NOT)


# ---------------------------------------------------------------------------- revoke, crl, renew, list


def test_a_revoked_client_is_refused_by_the_list(ready):
    check = ["-crl_check", "-CRLfile", ready.file("crl.pem")]
    ready.verify("clients/sensor1/client.crt", *check)  # the empty list that init wrote
    ready("revoke", "sensor1", "--reason", "keyCompromise")
    assert "certificate revoked" in ready.verify("clients/sensor1/client.crt", *check, code=2)
    ready.verify("hosts/broker/server.crt", *check)
    text = ready.openssl("crl", "-in", ready.file("crl.pem"), "-noout", "-text", "-CAfile", ready.file("ca.crt"))
    assert "verify OK" in text and "Key Compromise" in text and re.search(r"CRL Number: \n\s+2\n", text)
    assert "is good now" in ready("revoke", "sensor1", code=COULD_NOT)
    assert "no reason that a CRL knows" in ready("revoke", "broker", "--reason", "boredom", code=COULD_NOT)


def test_revoking_a_name_reaches_what_was_renewed_and_a_serial_number_only_that(ready):
    first = ready.field("clients/sensor1/client.crt", "-serial").split("=")[1]
    shutil.copy(ready.file("clients/sensor1/client.crt"), ready.place / "first.crt")
    ready("renew", "sensor1")
    assert "1 certificate of" in ready("revoke", first.lower())
    ready("renew", "sensor1")
    assert "2 certificates of" in ready("revoke", "clients/sensor1")
    ready("revoke", ready.file("hosts/broker/server.crt"))
    assert [r["state"] for r in json.loads(ready("list", "--json"))["certificates"]] == ["revoked"] * 4


def test_what_was_revoked_is_renewed_with_another_key_only(ready):
    """Else whoever has the key would be let in again."""
    key = ready.field("clients/sensor1/client.crt", "-pubkey")
    before = (ready.dir / "clients/sensor1/client.crt").read_bytes()
    ready("revoke", "sensor1", "--reason", "keyCompromise")
    said = ready("inspect", ready.file("clients/sensor1/client.crt"), code=FOUND)
    assert re.search(r"^Verdict: fault: .* is revoked by .*/crl.pem\.$", said, re.M)
    assert "is revoked: renewed for the same key" in ready("renew", "sensor1", code=COULD_NOT)
    assert (ready.dir / "clients/sensor1/client.crt").read_bytes() == before
    ready("renew", "sensor1", "--new-key")
    assert ready.field("clients/sensor1/client.crt", "-pubkey") != key
    ready.verify("clients/sensor1/client.crt", "-crl_check", "-CRLfile", ready.file("crl.pem"))
    assert "Verdict: good" in ready("inspect", ready.file("clients/sensor1/client.crt"))
    ready("sign", ready.request("/CN=far"))
    ready("revoke", "far")
    assert "--new-key" in ready("renew", "far", code=COULD_NOT)


def test_a_host_and_a_client_of_one_name_have_to_be_told_apart(ready):
    ready("client", "broker")
    for words in ["renew", "broker"], ["revoke", "broker"], ["export", "broker", "--pem"]:
        assert "hosts/broker or clients/broker" in ready(*words, code=COULD_NOT)
    ready("revoke", "hosts/broker")
    ready("renew", "clients/broker")


def test_the_list_lasts_as_long_as_its_authority_or_as_asked_for(ready):
    """At its end nobody is let in: neither init, revoke, crl nor renew --ca writes one that ends sooner."""
    def end():
        text = ready.openssl("crl", "-in", ready.file("crl.pem"), "-noout", "-nextupdate")
        return text.split("=")[1].strip()

    for words in ["crl", "--days", 3], ["revoke", "sensor1", "--days", 4]:
        assert end() == ready.field("ca.crt", "-enddate").split("=")[1]
        ready(*words)
        assert end() != ready.field("ca.crt", "-enddate").split("=")[1]
        ready("crl")
    ready("renew", "--ca", "--days", 5000)
    assert end() == ready.field("ca.crt", "-enddate").split("=")[1]
    ready.verify("hosts/broker/server.crt", "-crl_check", "-CRLfile", ready.file("crl.pem"))


@pytest.mark.skipif(os.geteuid() != 0, reason="only root gives files to others")
def test_what_is_renewed_keeps_owner_group_and_mode(ready):
    files = {"hosts/broker/server.key": 0o640, "hosts/broker/server.crt": 0o640, "crl.pem": 0o604}
    for file, rights in files.items():
        os.chown(ready.file(file), 65534, 65533)
        os.chmod(ready.file(file), rights)
    ready("renew", "broker", "--new-key")
    ready("crl")
    for file, rights in files.items():
        st = os.stat(ready.file(file))
        assert (st.st_uid, st.st_gid, stat.S_IMODE(st.st_mode)) == (65534, 65533, rights), file


def test_openssl_ca_reads_and_continues_the_index(ready):
    ready("revoke", "sensor1")
    conf = ready.place / "ca.conf"
    conf.write_text(f"[ca]\ndefault_ca=x\n[x]\ndatabase={ready.file('index.txt')}\ndefault_md=sha256\ndefault_crl_days=3\n")
    with_ca = "-config", conf, "-keyfile", ready.file("ca.key"), "-cert", ready.file("ca.crt")
    ready.openssl("ca", *with_ca, "-revoke", ready.file("hosts/broker/server.crt"))
    ready.openssl("ca", *with_ca, "-gencrl", "-out", "crl2.pem")
    assert ready.openssl("crl", "-in", "crl2.pem", "-noout", "-text").count("Serial Number") == 2
    assert [r["state"] for r in json.loads(ready("list", "--json"))["certificates"]] == ["revoked", "revoked"]


def test_renewing_keeps_key_subject_names_and_use(ready):
    before = {w: ready.field("hosts/broker/server.crt", w) for w in ("-subject", "-pubkey", "-serial")}
    names = ready.field("hosts/broker/server.crt", "-ext", "subjectAltName")
    ready("renew", "broker", "--days", 400)
    after = {w: ready.field("hosts/broker/server.crt", w) for w in ("-subject", "-pubkey", "-serial")}
    assert after["-subject"] == before["-subject"] and after["-pubkey"] == before["-pubkey"]
    assert after["-serial"] != before["-serial"]
    assert ready.field("hosts/broker/server.crt", "-ext", "subjectAltName") == names
    ready.verify("hosts/broker/server.crt", "-purpose", "sslserver", "-verify_hostname", "localhost")
    ready("renew", "broker", "--new-key")
    public = ready.field("hosts/broker/server.crt", "-pubkey")
    assert public != before["-pubkey"]
    assert ready.openssl("pkey", "-in", ready.file("hosts/broker/server.key"), "-pubout").strip() == public
    assert mode(ready.file("hosts/broker/server.key")) == 0o600


def test_renewing_can_give_other_names_also_where_the_key_is_elsewhere(ready):
    ready("sign", ready.request("/CN=far.example", "-addext", "subjectAltName=DNS:far.example"))
    for host in "hosts/broker", "hosts/far.example":
        public = ready.field(f"{host}/server.crt", "-pubkey")
        said = ready("renew", host, "--san", "new.example,10.0.0.9")
        assert "names: DNS:new.example, IP:10.0.0.9\n" in said
        assert "DNS:new.example, IP Address:10.0.0.9" in ready.text(f"{host}/server.crt")
        assert ready.field(f"{host}/server.crt", "-pubkey") == public
    assert sorted(os.listdir(ready.dir / "hosts/far.example")) == ["ca.crt", "server.crt"]
    said = ready("inspect", ready.file("hosts/broker/server.crt"), "--host", "old.example", code=FOUND)
    mend = said.splitlines()[-1].split()
    assert mend[:3] == ["nightjar", "pki", "renew"]
    ready(*mend[2:])
    for name in "new.example", "old.example":
        assert "Verdict: good" in ready("inspect", ready.file("hosts/broker/server.crt"), "--host", name)
    for words in ["renew", "--san", "x.example"], ["renew", "--ca", "--san", "x.example"]:
        assert "say which" in ready(*words, code=COULD_NOT)


def test_a_small_client_stays_small_and_its_header_follows(ready):
    ready("client", "esp", "--profile", "esp32")
    ready("renew", "esp", "--new-key")
    assert "Subject Key Identifier" not in ready.text("clients/esp/client.crt")
    middle = (ready.dir / "clients/esp/client.crt").read_text().splitlines()[2]
    assert middle in (ready.dir / "clients/esp/client.h").read_text()


def test_a_certificate_whose_key_is_elsewhere_is_renewed_for_that_key_only(ready):
    ready("sign", ready.request("/CN=far"))
    ready("renew", "far")
    ready.verify("clients/far/client.crt", "-purpose", "sslclient")
    assert "made on its own host" in ready("renew", "far", "--new-key", code=COULD_NOT)


def test_what_ends_soon_is_renewed_without_naming_it(ready):
    ready("client", "soon", "--days", 20)
    assert "ends soon" in ready("list")
    said = ready("renew")
    assert "clients/soon/client.crt" in said and "sensor1" not in said
    assert "Nothing ends within 30 days" in ready("renew")
    assert ready("renew", "--within", 1000).count("Renewed:") == 3


def test_what_ends_with_the_authority_is_not_renewed_in_vain(pki):
    pki("init", "--days", 20)
    pki("client", "soon")
    said = pki("list")
    assert re.search(r"^Authority .* good only until \d{4}-\d\d-\d\d\n  nightjar pki renew --ca$", said, re.M)
    before = pki.field("clients/soon/client.crt", "-serial")
    pki("renew", code=FOUND, told="the authority ends on ")
    assert pki.field("clients/soon/client.crt", "-serial") == before
    pki("renew", "--ca")
    assert "Renewed: pki/clients/soon/client.crt" in pki("renew")
    assert "only until" not in pki("list")


def test_the_authority_is_renewed_with_its_key_and_all_stays_good(ready):
    before = ready.field("ca.crt", "-pubkey")
    ready("renew", "--ca", "--days", 5000)
    assert ready.field("ca.crt", "-pubkey") == before
    ready.verify("hosts/broker/server.crt", "-purpose", "sslserver")
    for folder in "hosts/broker", "clients/sensor1":
        assert (ready.dir / folder / "ca.crt").read_bytes() == (ready.dir / "ca.crt").read_bytes()
    assert "another key is another authority" in ready("renew", "--ca", "--new-key", code=COULD_NOT)


def test_the_list_shows_state_and_end_and_its_exit_code_what_expired(ready):
    ready("renew", "sensor1")
    rows = re.findall(r"^(good|replaced|revoked|expired|ends soon) +(\d{4}-\d\d-\d\d) +([0-9A-F]+) +(\S+)$", ready("list"), re.M)
    assert [(r[0], r[3]) for r in rows] == [("good", "hosts/broker/server.crt"), ("replaced", "clients/sensor1/client.crt"),
                                            ("good", "clients/sensor1/client.crt")]
    index = ready.dir / "index.txt"
    index.write_text(index.read_text().replace("V\t2", "V\t1", 1))  # the broker's ended ten years ago
    assert re.search(r"^expired .*hosts/broker", ready("list", code=FOUND), re.M)
    one = json.loads(ready("list", "--json", code=FOUND))["certificates"][0]
    assert one["state"] == "expired" and one["subject"] == "/CN=broker" and one["revoked"] is None


# ---------------------------------------------------------------------------- pass phrases


def test_an_encrypted_key_opens_with_its_pass_phrase_only(pki, tmp_path):
    (tmp_path / "secret").write_text("open sesame\nnot this\n")
    pki("init", "--encrypt", "--passin", "file:secret")
    assert "BEGIN ENCRYPTED PRIVATE KEY" in (pki.dir / "ca.key").read_text()
    pki("client", "a", "--passin", "pass:open sesame")
    pki("client", "b", "--passin=stdin", stdin="open sesame\n")
    pki("client", "c", "--passin", "env:PHRASE", env={"PHRASE": "open sesame"})
    pki.verify("clients/c/client.crt")
    pki("list")  # needs no key
    wrong = pki("client", "d", "--passin", "pass:wrong", code=COULD_NOT)
    assert "ca.key: the passphrase does not open this key" in wrong and "openssl pkey" not in wrong
    mute = pki("client", "d", code=COULD_NOT, start_new_session=True)
    assert mute.count("no terminal") == 1 and "--passin file:PATH" in mute and "openssl pkey" not in mute
    unset = pki("client", "d", "--passin", "env:NOT_THERE", code=COULD_NOT)
    assert unset.count("no variable NOT_THERE") == 1 and "openssl pkey" not in unset
    assert "does not say so" in pki("client", "d", "--passin", "secret", code=COULD_NOT)
    assert not (pki.dir / "clients/d").exists()


def test_the_terminal_is_asked_twice_without_echo(pki):
    def talk(words, answers):
        pid, tty = pty.fork()
        if pid == 0:
            os.chdir(pki.place)
            os.execv(NIGHTJAR, [NIGHTJAR, "pki", *words])
        seen = b""
        with contextlib.suppress(OSError):  # the end of a terminal
            while True:
                piece = os.read(tty, 1024)
                if not piece:
                    break
                seen += piece
                if seen.endswith(b": ") and answers:
                    os.write(tty, answers.pop(0) + b"\n")
        os.close(tty)
        return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), seen

    code, seen = talk(["init", "--encrypt"], [b"one phrase", b"another phrase"])
    assert code == COULD_NOT and b"not the same" in seen and not (pki.dir / "ca.crt").exists()
    code, seen = talk(["init", "--encrypt"], [b"one phrase", b"one phrase"])
    assert code == GOOD and b"one phrase" not in seen, seen
    code, seen = talk(["client", "a"], [b"one phrase"])
    assert code == GOOD and b"Pass phrase of pki/ca.key" in seen, seen


# ---------------------------------------------------------------------------- inspect, export, explain


def test_inspect_shows_what_openssl_shows_and_no_secret(ready):
    csr = ready.request("/CN=x")
    for words, file in (["x509"], "hosts/broker/server.crt"), (["crl"], "crl.pem"):
        ours = ready("inspect", ready.file(file))
        theirs = ready.openssl(*words, "-in", ready.file(file), "-noout", "-text", "-nameopt", "oneline,-esc_msb")
        assert set(theirs.split()) <= set(ours.split())
    assert "Certificate Request" in ready("inspect", csr)
    key = ready("inspect", ready.file("ca.key"))
    assert "ECDSA P-256, not encrypted" in key and "priv:" not in key
    assert "there is no" in (said := ready("inspect", "nowhere", code=COULD_NOT)) or "nowhere" in said


def test_inspect_ends_with_a_verdict(ready):
    for file in "ca.crt", "hosts/broker/server.crt", "clients/sensor1/client.crt", "crl.pem", "ca.key":
        assert re.search("^Verdict: good: ", ready("inspect", ready.file(file)), re.M)
    assert "for DNS:broker" in ready("inspect", ready.file("hosts/broker/server.crt"), "--host", "localhost")
    assert "Verdict: good: a request for a client's" in ready("inspect", ready.request("/CN=x"))
    said = ready("inspect", ready.request("/CN=a\u202enimda"), code=FOUND)
    assert "Verdict: fault: the request's commonName has U+202E" in said and "\u202e" not in said and "\\E2\\80\\AE" in said
    said = ready("inspect", ready.file("hosts/broker/server.crt"), "--host", "10.9.8.7", code=FOUND)
    assert re.search(r"^Verdict: fault: .*10\.9\.8\.7", said, re.M)
    (ready.place / "other").mkdir()
    other = Authority(ready.place / "other")
    other("init")
    said = ready("inspect", ready.file("hosts/broker/server.crt"), "--cafile", other.file("ca.crt"), code=FOUND)
    assert "Verdict: fault" in said
    shutil.copy(ready.file("clients/sensor1/client.crt"), ready.place / "alone.crt")
    assert "its issuer was not looked at" in ready("inspect", "alone.crt")


def test_the_labs_mistake_is_named_by_inspect(pki):
    pki.openssl("req", "-new", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", "ca.key", "-subj", "/O=ISIS", "-out", "ca.crt")
    pki.openssl("req", "-new", "-newkey", "rsa:2048", "-nodes", "-keyout", "b.key", "-subj", "/O=ISIS", "-out", "b.csr")
    pki.openssl("x509", "-req", "-in", "b.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-out", "b.crt")
    assert "same subject as the CA" in pki("inspect", "b.crt", code=FOUND)


def test_exports_open_elsewhere(ready):
    ready("export", "sensor1", "--p12", "--passout", "pass:abcdef")
    p12 = ready.file("clients/sensor1/client.p12")
    text = ready.openssl("pkcs12", "-in", p12, "-passin", "pass:abcdef", "-nodes")
    assert text.count("BEGIN CERTIFICATE") == 2 and text.count("BEGIN PRIVATE KEY") == 1 and "friendlyName: sensor1" in text
    assert mode(p12) == 0o600
    ready("export", "broker", "--pem", "--out", "all.pem")
    ready.openssl("verify", "-CAfile", ready.file("ca.crt"), "all.pem")
    assert "BEGIN PRIVATE KEY" in (ready.place / "all.pem").read_text()
    ready("export", "broker", "--c-header")
    assert "server_key[]" in (ready.dir / "hosts/broker/server.h").read_text()
    ready("sign", ready.request("/CN=far"))
    assert "exported there" in ready("export", "far", "--pem", code=COULD_NOT)
    assert "shorter than 4" in ready("export", "broker", "--p12", "--passout", "pass:abc", code=COULD_NOT)
    for words in [], ["--pem", "--p12"]:
        assert "needs one of" in ready("export", "broker", *words, code=COULD_NOT)
    assert "name it" in ready("export", "broker", "--pem", "--out", "-", code=COULD_NOT)


def numbers(text, name):
    """A value of --explain: its lines of digits, joined."""
    found = re.search(rf"^ +{re.escape(name)} +([0-9a-f]+(?:\n +[0-9a-f]+$)*)", text, re.M)
    return "".join(found[1].split())


def test_explain_shows_the_real_values(pki):
    pki("init", "--name", "Lab CA")
    said = pki("client", "sensor1", "--explain")
    steps = re.split(r"^\d\. ", said, flags=re.M)
    assert [s.split()[0] for s in steps[1:]] == ["Key", "Request:", "Certificate:", "Hash,"]
    public = re.sub(r"[\s:]", "", re.search(r"pub:([\s0-9a-f:]+)ASN1", pki.text("clients/sensor1/client.crt"))[1])
    assert "04" + numbers(said, "x") + numbers(said, "y") == public
    der = subprocess.run(["openssl", "x509", "-in", pki.file("clients/sensor1/client.crt"), "-outform", "der"],
                         capture_output=True, check=True, timeout=10).stdout
    signed = re.search(r"bytes of DER:\n((?: +[0-9a-f]+\n)+)", steps[4])[1]
    signed = bytes.fromhex("".join(signed.split()))
    assert signed in der
    (pki.place / "tbs").write_bytes(signed)
    digest = pki.openssl("dgst", "-sha256", "-r", "tbs").split()[0]
    assert numbers(steps[4], "SHA-256") == digest
    assert numbers(steps[4], "r") in der.hex() and numbers(steps[4], "s") in der.hex()
    secret = pki.openssl("pkey", "-in", pki.file("clients/sensor1/client.key"), "-noout", "-text")
    secret = re.sub(r"[\s:]", "", re.search(r"priv:([\s0-9a-f:]+)pub", secret)[1])
    assert secret not in said


def test_explain_undoes_an_rsa_signature(pki):
    said = pki("init", "--rsa", "--explain")
    assert numbers(said, "s^e").endswith(numbers(said, "SHA-256"))
    assert numbers(said, "s^e").startswith("0001ffff")
    n, e, s = (int(numbers(said, name), 16) for name in ("n", "e", "s"))
    assert pow(s, e, n) == int(numbers(said, "s^e"), 16)


@pytest.mark.parametrize("words", [["server", "b", "--san", "b"], ["client", "c"], ["crl"], ["revoke", "sensor1"],
                                   ["renew", "broker"], ["renew", "--ca"]])
def test_every_verb_that_makes_something_explains_itself(ready, words):
    assert "verified     yes" in ready(*words, "--explain")


# ---------------------------------------------------------------------------- words


def test_help_lists_verbs_and_options(pki):
    said = pki("--help")
    for word in "init", "server NAME", "sign REQUEST", "renew [NAME]", "--san NAMES", "--explain":
        assert word in said
    one = pki("revoke", "--help")
    assert "--reason" in one and "--san" not in one
    assert run([NIGHTJAR, "help", "pki"])[1].decode() == said


@pytest.mark.parametrize("words, why", [
    (["sever", "x"], "did you mean 'server'?"), (["server"], "needs its NAME"), (["server", "a", "b"], "takes no 'b'"),
    (["init", "--sann", "x"], "did you mean '--san'?"), (["list", "--san", "x"], "`list` has no option --san"),
    (["init", "--days"], "needs its DAYS"), (["init", "--days", "0"], "from 1 to 36500"), (["client", "a", "--profile", "esp"], "no profile"),
    (["init", "--days=0"], "from 1 to 36500"), (["init", "--rsa=yes"], "takes no value"), (["init", "--", "a"], "takes no 'a'"),
    (["client", "a", "--profile", "esp32", "--rsa"], "leave out --rsa")])
def test_mistakes_on_the_command_line(pki, words, why):
    assert why in pki(*words, code=COULD_NOT)
    assert not pki.dir.exists()


def test_commands_that_are_advised_are_for_the_same_folder(pki):
    where = ["--dir", "my ca"]
    option = "--dir 'my ca'"
    for verb in ["list"], ["client", "a"]:
        assert f"nightjar pki init {option}" in pki(*verb, *where, code=COULD_NOT)
    assert f"nightjar pki server NAME {option}," in pki("init", "--days", 20, *where)
    pki("client", "a", *where)
    assert f"nightjar pki renew a {option};" in pki("client", "a", *where, code=COULD_NOT)
    for words in ["renew", "b"], ["revoke", "b"], ["export", "b", "--pem"]:
        assert f"nightjar pki list {option}" in pki(*words, *where, code=COULD_NOT)
    assert f"nightjar pki renew --ca {option}\n" in pki("list", *where)
    pki("renew", *where, code=FOUND, told=f"nightjar pki renew --ca {option}\n")
    (pki.place / "my ca/crl.pem").unlink()
    assert f"nightjar pki crl {option}\n" in pki("list", *where, code=FOUND)


def test_without_a_verb_the_help_is_shown_and_nothing_is_done(pki):
    assert "usage: nightjar pki" in pki(code=COULD_NOT)


# ---------------------------------------------------------------------------- in use


@pytest.mark.parametrize("kind", ["nightjar", pytest.param("mosquitto", marks=pytest.mark.skipif(
    not os.access(MOSQUITTO, os.X_OK), reason="mosquitto is not installed"))])
@pytest.mark.parametrize("who", ["certificate", "password"])
def test_printed_lines_are_a_configuration_and_options_that_work(kind, who):
    """Also what is printed for root, whose broker becomes somebody else."""
    place = Place()
    try:
        pki = Authority(place.dir)
        pki("init")
        first, other = pki("server", "broker").split("or for those with a password")
        lines = re.findall(r"^  ((?:listener|certfile|keyfile|cafile|require_\w+|use_\w+|crlfile) .*)$", first, re.M)
        words = pki("client", "sensor1").splitlines()[-1].split()
        command = re.search(r"^  (chown (\S+) .*)$", other, re.M)
        assert (command is not None) == (os.geteuid() == 0)
        if command:
            subprocess.run(["sh", "-c", command[1]], check=True, timeout=10)
            lines += [f"user {command[2]}"]
        if who == "password":
            file = place / "users"
            assert run([NIGHTJAR, "passwd", "-c", "-b", file, "ciel", "secret"])[0] == 0
            if command:
                shutil.chown(file, command[2])
            lines = [x for x in lines if x.split()[0] in ("listener", "certfile", "keyfile", "user")]
            lines += [re.search(r"^  (password_file) FILE$", other, re.M)[1] + f" {file}"]
            words = [*words[:2], "-u", "ciel", "-P", "secret"]
        assert lines[0] == "listener 8883"
        broker = Broker(kind, "\n".join(["listener {port}", *lines[1:], ""])).start()
        try:
            for program in [NIGHTJAR, "pub"], ["mosquitto_pub"]:
                done = run([*program, "-h", "localhost", "-p", str(broker.port), *words, "-t", "a", "-m", "b"])
                assert done == (0, b"", b""), broker.log.text
        finally:
            broker.stop()
    finally:
        place.remove()


def test_a_handshake_with_openssls_own_client_and_server(ready):
    server = subprocess.Popen(["openssl", "s_server", "-accept", "127.0.0.1:0", "-cert", ready.file("hosts/broker/server.crt"),
                               "-key", ready.file("hosts/broker/server.key"), "-CAfile", ready.file("ca.crt"), "-Verify", "3",
                               "-verify_return_error", "-naccept", "1"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                              stderr=subprocess.STDOUT)
    try:
        port = next(m[1] for m in (re.match(rb"ACCEPT .*:(\d+)", line) for line in server.stdout) if m)
        said = ready.openssl("s_client", "-connect", f"127.0.0.1:{port.decode()}", "-CAfile", ready.file("clients/sensor1/ca.crt"),
                             "-cert", ready.file("clients/sensor1/client.crt"), "-key", ready.file("clients/sensor1/client.key"),
                             "-verify_ip", "127.0.0.1", "-verify_return_error", "-x509_strict", stdin="Q\n")
        assert "Verify return code: 0 (ok)" in said
    finally:
        server.stdin.close()
        server.terminate()
        server.wait(TIMEOUT)


@pytest.fixture(params=[[], ["--rsa"]], ids=["ecdsa", "rsa"])
def mutual(request, pki):
    """Debian's mosquitto with certificates of ours, which asks for the client's and reads our CRL."""
    pki("init", *request.param)
    pki("server", "broker", "--san", "localhost,127.0.0.1", *request.param)
    for name in "good", "bad":
        pki("client", name, *request.param)
    pki("revoke", "bad")
    broker = Broker("mosquitto", "listener {port} 127.0.0.1\nallow_anonymous true\nrequire_certificate true\n"
                                 "use_identity_as_username true\n"
                                 f"cafile {pki.file('ca.crt')}\ncertfile {pki.file('hosts/broker/server.crt')}\n"
                                 f"keyfile {pki.file('hosts/broker/server.key')}\ncrlfile {pki.file('crl.pem')}\n").start()
    yield pki, broker
    broker.stop()


def bundle(pki, name):
    return [pki.file(f"clients/{name}/{file}") for file in ("ca.crt", "client.crt", "client.key")]


def test_mosquitto_and_mosquitto_pub_speak_mutual_tls_with_them(mutual):
    pki, broker = mutual

    def publish(name):
        ca, crt, key = bundle(pki, name)
        return run(["/usr/bin/mosquitto_pub", "-h", "localhost", "-p", str(broker.port), "--cafile", ca, "--cert", crt,
                    "--key", key, "-t", "test", "-m", "hello", "-q", "1"])

    code, _, err = publish("good")
    assert code == 0, err
    broker.log.wait(r"New client connected .* u'good'")
    assert publish("bad")[0] != 0
    broker.log.wait("certificate verify failed")


def test_paho_speaks_mutual_tls_with_them(mutual):
    paho = pytest.importorskip("paho.mqtt.client", reason="python3-paho-mqtt is not installed")
    pki, broker = mutual
    answers = queue.Queue()
    ca, crt, key = bundle(pki, "good")
    client = paho.Client("paho")
    client.tls_set(ca, crt, key)
    client.on_connect = lambda c, u, flags, rc: answers.put(rc)
    client.connect("127.0.0.1", broker.port)
    client.loop_start()
    try:
        assert answers.get(timeout=TIMEOUT) == 0
    finally:
        client.disconnect()
        client.loop_stop()
