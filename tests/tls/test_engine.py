# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""Private keys in a PKCS#11 token (SoftHSM's), by way of OpenSSL's engine: broker and clients use them without ever
holding them; what is wrong with a token is said, its PIN is not. mosquitto_pub 2.0.11 has the options too, and looks
for a file of the key's name."""
import concurrent.futures
import json
import os
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from support.broker import MOSQUITTO, NIGHTJAR, Broker
from support.peer import TIMEOUT
from support.tool import Running, run

PIN = "834712"


def missing():
    if not shutil.which("softhsm2-util"):
        return "softhsm2 is not installed"
    code, out, _ = run(["openssl", "engine", "-t", "pkcs11"])
    return None if code == 0 and b"[ available ]" in out else "libengine-pkcs11-openssl is not installed"


class Token:
    """A token named `nj`, and the certificates of the keys in it, whose files are gone."""

    def __init__(self, place):
        self.place, self.env = place, {"SOFTHSM2_CONF": str(place / "softhsm2.conf")}
        (place / "tokens").mkdir()
        (place / "softhsm2.conf").write_text(f"directories.tokendir = {place}/tokens\nlog.level = ERROR\n")
        self.do("softhsm2-util", "--init-token", "--free", "--label", "nj", "--pin", PIN, "--so-pin", "1234567")
        self.pki("init")
        for number, (kind, name, *more) in enumerate([("server", "broker", "--san", "localhost,127.0.0.1"),
                                                      ("server", "later", "--rsa", "--san", "localhost,127.0.0.1"),
                                                      ("client", "lamp")]):
            self.pki(kind, name, *more)
            key = place / f"pki/{kind.replace('server', 'host')}s/{name}/{kind}.key"
            self.do("softhsm2-util", "--import", key, "--token", "nj", "--label", name, "--id", f"0{number}", "--pin", PIN)
            key.unlink()
        self.pki("client", "plain")

    def do(self, *words):
        subprocess.run([*map(str, words)], cwd=self.place, env={**os.environ, **self.env}, check=True, timeout=60,
                       capture_output=True)

    def pki(self, *words):
        self.do(NIGHTJAR, "pki", *words)

    def file(self, name):
        return str(self.place / "pki" / name)

    @staticmethod
    def key(name, pin=PIN, token="nj"):
        return f"pkcs11:token={token};object={name}" + (f";pin-value={pin}" if pin else "")

    def config(self, name="broker", key=None):
        return ("listener {port} 127.0.0.1\nallow_anonymous true\nrequire_certificate true\n"
                f"use_identity_as_username true\ncafile {self.file('ca.crt')}\n"
                f"certfile {self.file(f'hosts/{name}/server.crt')}\nkeyfile {key or self.key(name)}\n"
                "tls_keyform engine\ntls_engine pkcs11\n")

    def client(self, broker, key=None):
        return ["-h", "localhost", "-p", str(broker.port), "-t", "a", "--cafile", self.file("ca.crt"), "--cert",
                self.file("clients/lamp/client.crt"), "--key", key or self.key("lamp"), "--keyform", "engine",
                "--tls-engine", "pkcs11"]

    def handshake(self, broker):
        """The serial number of the broker's certificate, as a client sees it whose key is a file."""
        context = ssl.create_default_context(cafile=self.file("ca.crt"))
        context.load_cert_chain(*(self.file(f"clients/plain/client.{e}") for e in ("crt", "key")))
        with socket.create_connection(("127.0.0.1", broker.port), TIMEOUT) as raw, \
                context.wrap_socket(raw, server_hostname="localhost") as s:
            return s.getpeercert()["serialNumber"]

    def serial(self, name):
        out = run(["openssl", "x509", "-noout", "-serial", "-in", self.file(f"hosts/{name}/server.crt")])[1]
        return out.decode().strip().split("=")[1]


@pytest.fixture(scope="module")
def token(tmp_path_factory):
    if missing():
        pytest.skip(missing())
    return Token(tmp_path_factory.mktemp("token"))


@pytest.fixture
def broker(token):
    broker = Broker("nightjar", token.config(), env=token.env).start()
    yield broker
    assert broker.stop() == 0


@pytest.mark.parametrize("kind", ["nightjar", pytest.param("mosquitto", marks=pytest.mark.skipif(
    not os.access(MOSQUITTO, os.X_OK), reason="mosquitto is not installed"))])
def test_broker_and_clients_use_keys_that_stay_in_the_token(token, kind):
    broker = Broker(kind, token.config(), env=token.env).start()
    with Running([NIGHTJAR, "sub", *token.client(broker), "-C", "1"], env=token.env) as child:
        broker.log.wait("New client connected .*u'lamp'")
        broker.log.wait("Sending SUBACK")
        with open(f"/proc/{child.process.pid}/cmdline", encoding="utf-8") as f:
            assert "pin-value=xxxxxx" in (words := f.read()) and PIN not in words
        assert run([NIGHTJAR, "pub", *token.client(broker), "-m", "hello", "-q", "1"], env=token.env) == (0, b"", b"")
        assert child.wait() == 0 and child.out.text == "hello"
    assert PIN not in broker.log.text
    broker.stop()


def test_many_handshakes_at_once_share_the_token(token, broker):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        seen = [pool.submit(token.handshake, broker) for _ in range(32)]
        assert {one.result(TIMEOUT) for one in seen} == {token.serial("broker")}


def test_a_reload_takes_another_key_of_the_token_or_keeps_the_old(token, broker):
    mark = broker.log.mark
    broker.write_config(token.config("later"))
    broker.signal(signal.SIGHUP)
    broker.log.wait("certificates on the disk are in force", mark)
    assert token.handshake(broker) == token.serial("later")

    mark = broker.log.mark
    broker.write_config(token.config("broker", token.key("nobody")))
    broker.signal(signal.SIGHUP)
    broker.log.wait('Unable to load engine private key file "pkcs11:token=nj;object=nobody;pin-value=…": there is no such', mark)
    assert token.handshake(broker) == token.serial("later")


def test_a_token_that_is_open_asks_for_no_pin_again(token, broker):
    """So a wrong one goes unnoticed until the next start. To ask would be to log out, and to end the key in use."""
    mark = broker.log.mark
    broker.write_config(token.config("later", token.key("later", "999999")))
    broker.signal(signal.SIGHUP)
    broker.log.wait("certificates on the disk are in force", mark)
    assert token.handshake(broker) == token.serial("later")


def test_what_is_wrong_with_a_token_is_said_without_its_pin(token, broker):
    def said(key, env=None, more=()):
        code, out, err = run([NIGHTJAR, "pub", *token.client(broker, key), "-m", "x", *more], env={**token.env, **(env or {})})
        assert code == 1 and out == b"" and PIN not in err.decode() and "999999" not in err.decode()
        return err.decode()

    assert "the token refuses the PIN" in said(token.key("lamp", "999999"))
    assert "the token refuses the PIN" in said(token.key("lamp", None), {"NIGHTJAR_KEY_PASSWORD": "999999"})
    assert "wants a PIN, and nobody gave one" in said(token.key("lamp", None))
    assert "no such token, or no such key" in said(token.key("lamp", token="other"))
    assert "no such token, or no such key" in said(token.key("nobody"))
    assert "not the name of a key in a token" in said("lamp.key")
    assert "does not belong to the certificate" in said(token.key("broker"))
    assert "no token could be reached" in said(token.key("lamp"), {"SOFTHSM2_CONF": "/nonexistent"})
    assert "pkcs11 does not take one" in said(token.key("lamp"), more=["--tls-engine-kpass-sha1", "7c4a8d09" * 5])
    for key, env in (token.key("lamp", None), {"NIGHTJAR_KEY_PASSWORD": PIN}), \
                    (token.key("lamp", None) + f"?pin-source=file:{token.place}/pin", {}):
        (token.place / "pin").write_text(PIN)
        assert run([NIGHTJAR, "pub", *token.client(broker, key), "-m", "x"], env={**token.env, **env}) == (0, b"", b"")


def test_doctor_misses_no_file_where_the_key_is_in_a_token(token, broker):
    words = token.client(broker)
    del words[4:6]                                              # the topic
    code, out, _ = run([NIGHTJAR, "doctor", *words], env=token.env)
    assert code == 0 and PIN not in out.decode(), out.decode()
    code, out, _ = run([NIGHTJAR, "doctor", "--config", broker.config_path, "--files"], env=token.env)
    assert "half_a_pair" not in out.decode() and "file_missing" not in out.decode(), out.decode()


@pytest.mark.parametrize("key, says", (
    (Token.key("lamp", "999999"), "the token refuses the PIN"), (Token.key("lamp", None), "the token wants a PIN"),
    (Token.key("nobody"), "no such key in it")))
@pytest.mark.parametrize("ca", ("ca.crt", "clients/lamp/client.crt"))      # also beside another mistake
def test_doctor_names_what_is_wrong_with_a_token(token, broker, key, says, ca):
    words = ["localhost:" + str(broker.port), *token.client(broker, key)[6:], "--json"]
    words[words.index("--cafile") + 1] = token.file(ca)
    # Without a key the engine is unloaded, and libp11 then leaves its tables of methods behind.
    env = {**token.env, "LSAN_OPTIONS": "detect_leaks=0"}
    code, out, _ = run([NIGHTJAR, "doctor", *words], env=env)
    steps = {s["step"]: s for s in json.loads(out)["steps"]}
    (found,) = steps["key"]["findings"]
    assert (code, found["name"]) == (1, "key_in_token") and says in found["cause"] and found["mend"]
    assert "999999" not in out.decode() and "no_certificate" not in out.decode()
    assert ca == "ca.crt" or steps["certificate"]["result"] == "skipped"


def test_a_broker_that_cannot_open_its_token_does_not_start(token):
    broker = Broker("nightjar", token.config("broker", token.key("broker", "999999")), env=token.env)
    broker.start(wait=False)
    assert broker.wait() == 1
    assert "the token refuses the PIN" in broker.log.text and "999999" not in broker.log.text
    shutil.rmtree(broker.dir)
