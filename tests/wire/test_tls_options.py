# SPDX-License-Identifier: Apache-2.0
"""What a listener's directives about TLS do, one listener each: each test fails where its directive is not heeded."""
import os
import shutil
import signal
import socket
import ssl
import subprocess

import pytest

from support import mqtt, peer
from support.broker import Broker, during, free_port
from support.certs import Authority, openssl

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")

LISTENERS = {
    "ciphers": "ciphers ECDHE-ECDSA-CHACHA20-POLY1305\n",
    "suites": "ciphers_tls1.3 TLS_CHACHA20_POLY1305_SHA256\n",
    "newest": "tls_version tlsv1.3\n",
    "plain": "",
    "directory": "capath {certs}/hashed\nrequire_certificate true\n",
    "dates": "cafile {certs}/ca.crt\nrequire_certificate true\ndisable_client_cert_date_checks true\n",
    "strict": "cafile {certs}/ca.crt\nrequire_certificate true\n",
}


class Site:
    def __init__(self):
        self.certs = Authority()
        self.certs.issue("broker", sans="DNS:localhost,IP:127.0.0.1", usage="serverAuth")
        self.certs.issue("ciel", usage="clientAuth")
        self.certs.issue("past", usage="clientAuth", days=-1)
        os.mkdir(self.certs.path("hashed"))
        shutil.copy(self.certs.ca, self.certs.path("hashed/ca.pem"))
        openssl("rehash", self.certs.path("hashed"), cwd=self.certs.dir)
        pair = f"certfile {self.certs.path('broker.crt')}\nkeyfile {self.certs.path('broker.key')}\n"
        self.port = {name: free_port() for name in LISTENERS}
        lines = "".join(f"listener {self.port[name]} 127.0.0.1\n{pair}" + more.replace("{certs}", self.certs.dir)
                        for name, more in LISTENERS.items())
        self.broker = Broker("nightjar", "allow_anonymous true\ndhparamfile /nowhere\nlistener {port} 127.0.0.1\n"
                             f"{lines}listener 0 {{dir}}/tls.sock\n{pair}")
        self.broker.start()

    def context(self, name=None, newest=None, ciphers=None):
        c = ssl.create_default_context(cafile=self.certs.ca)
        if newest:
            c.maximum_version = newest
        if ciphers:
            c.set_ciphers(ciphers)
        if name:
            c.load_cert_chain(self.certs.path(name + ".crt"), self.certs.path(name + ".key"))
        return c

    def come(self, listener, **kw):
        p = self.broker.peer(port=self.port[listener])
        p.sock = self.context(**kw).wrap_socket(p.sock, server_hostname="localhost")
        p.connect(f"{listener}-{p.port}")
        return p

    def is_refused(self, listener, words, **kw):
        mark = self.broker.log.mark
        with pytest.raises((ssl.SSLError, ConnectionError, AssertionError, peer.Closed)):
            self.come(listener, **kw)
        return words in self.broker.log.wait("TLS handshake with .* failed: ", mark).string


@pytest.fixture(scope="module")
def module_site(broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")
    site = Site()
    yield site
    assert site.broker.stop() == 0
    shutil.rmtree(site.certs.dir)


@pytest.fixture
def site(module_site, request):
    with during(request, module_site.broker):
        yield module_site


def test_ciphers_of_1_2(site):
    assert site.come("ciphers", newest=ssl.TLSVersion.TLSv1_2).sock.cipher()[0] == "ECDHE-ECDSA-CHACHA20-POLY1305"
    assert site.is_refused("ciphers", "no cipher in common", newest=ssl.TLSVersion.TLSv1_2,
                           ciphers="ECDHE-ECDSA-AES128-GCM-SHA256")


def test_cipher_suites_of_1_3(site):
    assert site.come("suites").sock.cipher()[0] == "TLS_CHACHA20_POLY1305_SHA256"
    assert site.come("plain").sock.cipher()[0] != "TLS_CHACHA20_POLY1305_SHA256"


def test_oldest_version(site):
    assert site.come("newest").sock.version() == "TLSv1.3"
    assert site.is_refused("newest", "no version of TLS", newest=ssl.TLSVersion.TLSv1_2)
    assert site.come("plain", newest=ssl.TLSVersion.TLSv1_2).sock.version() == "TLSv1.2"


def test_authorities_of_a_directory(site):
    site.come("directory", name="ciel").fence()
    assert site.is_refused("directory", "showed no certificate")


def test_dates_of_clients_may_be_passed_over(site):
    site.come("dates", name="past").fence()
    assert site.is_refused("strict", "expired", name="past")
    site.come("strict", name="ciel").fence()


def test_dhparamfile_is_taken_and_not_needed(site):
    assert "Warning: dhparamfile is no longer required." in site.broker.log.text


def test_unix_socket_may_have_tls(site):
    with peer.Peer(os.path.join(site.broker.dir, "tls.sock")) as p:
        p.sock = site.context().wrap_socket(p.sock, server_hostname="localhost")
        p.connect("unix")
        p.subscribe("u")
        p.publish("u", b"x" * 70000, qos=1)
        p.receive("u", b"x" * 70000)
    mark = site.broker.log.mark
    with peer.Peer(os.path.join(site.broker.dir, "tls.sock")) as p:
        p.send(mqtt.connect("plain"))
        while p.sock.recv(100):
            pass
    assert "speaks MQTT without TLS" in site.broker.log.wait("TLS handshake with .* failed: ", mark).string


def test_new_files_are_shown_on_every_transport_and_connections_stay(site):
    def come(path):
        p = peer.Peer(path) if path else site.broker.peer(port=site.port["plain"])
        p.sock = site.context().wrap_socket(p.sock, server_hostname="localhost")
        p.connect(f"reload-{id(p)}")
        return p, p.sock.getpeercert()["serialNumber"]

    ways = (None, os.path.join(site.broker.dir, "tls.sock"))
    old = [come(way) for way in ways]
    site.certs.issue("broker", sans="DNS:localhost,IP:127.0.0.1", usage="serverAuth", key="broker")
    mark = site.broker.log.mark
    site.broker.signal(signal.SIGHUP)
    site.broker.log.wait("certificates on the disk are in force", mark)
    for (before, serial), way in zip(old, ways):
        assert come(way)[1] != serial
        before.fence()


def s_client(site, *words, say=b""):
    done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{site.port['plain']}", "-CAfile",
                           site.certs.ca, *words], input=say, capture_output=True, timeout=30, check=False)
    return (done.stdout + done.stderr).decode(errors="replace")


def test_no_compression_and_no_early_data(site):
    assert "Compression: NONE" in s_client(site, "-tls1_2", "-comp")
    assert "Early data was not sent" in s_client(site, "-tls1_3")
    assert "Max Early Data: 0" in s_client(site, "-tls1_3", "-ign_eof", say=mqtt.connect("e") + mqtt.disconnect())


def test_no_renegotiation(site):
    mark = site.broker.log.mark
    assert "no renegotiation" in s_client(site, "-tls1_2", say=b"R\n").lower()
    site.broker.log.wait("TLS with .* failed: refused here: the client asks to negotiate anew", mark)


def test_certificates_without_end_are_not_read(site):
    """A client that shows a megabyte of them: 32 KiB is the most."""
    with open(site.certs.path("ciel.crt"), "rb") as own, open(site.certs.ca, "rb") as ca, \
            open(site.certs.path("long.crt"), "wb") as f:
        f.write(own.read() + ca.read() * 2000)
    shutil.copy(site.certs.path("ciel.key"), site.certs.path("long.key"))
    assert site.is_refused("strict", "larger than", name="long")
    site.come("strict", name="ciel").fence()


def test_hello_that_claims_a_hundred_kilobytes_is_refused_at_once(site):
    mark = site.broker.log.mark
    with site.broker.peer(port=site.port["plain"]) as p:
        p.send(b"\x16\x03\x01\x00\x04\x01" + (100_000).to_bytes(3, "big"))
        p.sock.settimeout(peer.TIMEOUT)
        assert p.sock.recv(100) == b"\x15\x03\x03\x00\x02\x02\x32"  # fatal, decode_error
        assert p.sock.recv(100) == b""
    site.broker.log.wait(r"TLS handshake with .* failed: refused here: the client's first message \(ClientHello\) "
                         "claims to be of 100000 bytes", mark)


def test_memory_of_openssl_is_counted(site, start):
    """Strangers who stop in the handshake: at memory_limit no more of them are taken; when they go, all is as before."""
    pair = f"certfile {site.certs.path('broker.crt')}\nkeyfile {site.certs.path('broker.key')}\n"
    broker = start(f"memory_limit 8000000\nlistener {{port}} 127.0.0.1\nallow_anonymous true\n"
                   f"listener {{port2}} 127.0.0.1\n{pair}")
    mark, strangers = broker.log.mark, []
    for _ in range(700):
        strangers.append(broker.peer(port=broker.port2))
        strangers[-1].send(b"\x16\x03\x01\x40\x00\x01\x00\x3f\xfc" + bytes(1000))
    broker.log.wait("denied: out of memory, or memory_limit reached", mark)
    for stranger in strangers:
        with stranger:
            try:
                stranger.sock.shutdown(socket.SHUT_WR)
                while stranger.sock.recv(1000):
                    pass
            except OSError:
                pass
    with broker.peer() as p:
        p.connect("afterwards")
