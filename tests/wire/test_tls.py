# SPDX-License-Identifier: Apache-2.0
"""TLS as OpenSSL, Python and Mosquitto's clients see it: who is let in, what a refusal says, what a
reload changes and what it does not."""
import fcntl
import os
import pty
import re
import shutil
import signal
import socket
import ssl
import subprocess
import termios
import threading

import pytest

from support import mqtt, peer, wiretap
from support.broker import Broker, Log, NotStarted, during, free_port
from support.certs import Authority, openssl

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")


@pytest.fixture(scope="module")
def certs():
    a = Authority()
    a.issue("broker", sans="DNS:localhost,IP:127.0.0.1", usage="serverAuth")
    a.issue("second", sans="DNS:second.example", usage="serverAuth")
    a.issue("ciel", subject="/O=ISIS/CN=ciel", usage="clientAuth")
    a.issue("two", subject="/CN=sensor/CN=admin", usage="clientAuth")
    a.issue("nobody", subject="/O=ISIS", usage="clientAuth")
    a.issue("revoked", subject="/CN=revoked", usage="clientAuth")
    a.issue("wrong", subject="/CN=wrong", usage="serverAuth")
    a.issue("twin", subject="/O=ISIS/CN=the CA", bare=True)
    yield a
    shutil.rmtree(a.dir)


class Doors:
    """One broker with a plain listener and one for each way of TLS."""

    def __init__(self, certs, extra="", args=("-v",)):
        self.certs = certs
        self.tls, self.mutual, self.psk, self.named = free_port(), free_port(), free_port(), free_port()
        shutil.copy(certs.path("broker.crt"), certs.path("live.crt"))
        shutil.copy(certs.path("broker.key"), certs.path("live.key"))
        pair = f"certfile {certs.path('live.crt')}\nkeyfile {certs.path('live.key')}\n"
        second = f"certfile {certs.path('second.crt')}\nkeyfile {certs.path('second.key')}\n"
        with open(certs.path("psk"), "w", encoding="ascii") as f:
            f.write("sensor:c0ffee00\n")
        self.broker = Broker("nightjar", f"allow_anonymous true\npsk_file {certs.path('psk')}\n{extra}"
                             "listener {port} 127.0.0.1\n"
                             f"listener {self.tls} 127.0.0.1\n{pair}{second}"
                             f"listener {self.mutual} 127.0.0.1\n{pair}cafile {certs.ca}\n"
                             f"crlfile {certs.crl('revoked')}\n"
                             "require_certificate true\nuse_identity_as_username true\n"
                             f"listener {self.psk} 127.0.0.1\npsk_hint hint\nuse_identity_as_username true\n"
                             f"listener {self.named} 127.0.0.1\n{pair}cafile {certs.ca}\n"
                             "require_certificate true\nuse_subject_as_username true\n"
                             "use_username_as_clientid true\n",
                             args=args)

    def context(self, name=None, ca=None):
        c = ssl.create_default_context(cafile=ca or self.certs.ca)
        if name:
            c.load_cert_chain(self.certs.path(name + ".crt"), self.certs.path(name + ".key"))
        return c

    def peer(self, port, context=None, version=4, host="localhost", session=None):
        p = self.broker.peer(version, port=port)
        p.sock = (context or self.context()).wrap_socket(p.sock, server_hostname=host, session=session)
        return p

    def ticket(self, port, name=None):
        """A context that has been here, and the session that it may come back with."""
        context = self.context(name)
        with self.peer(port, context) as p:
            p.connect("ticket")
            p.fence()
            return context, p.sock.session


@pytest.fixture(scope="module")
def doors(certs, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")
    d = Doors(certs)
    d.broker.start()
    yield d
    assert d.broker.stop() == 0


@pytest.fixture
def b(request, doors):
    with during(request, doors.broker):
        yield doors


def since(request):
    return request.node.log_mark


# ---------------------------------------------------------------------------- who is let in

@pytest.mark.parametrize("newest", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
def test_messages_cross_between_tls_and_plain(b, newest, request):
    context = b.context()
    context.maximum_version = newest
    context.set_alpn_protocols(["mqtt"])
    with b.peer(b.tls, context) as secure, b.broker.peer() as plain:
        assert secure.sock.selected_alpn_protocol() == "mqtt"
        secure.connect("secure")
        plain.connect("plain")
        secure.subscribe("up")
        plain.subscribe("down")
        plain.publish("up", b"a" * 300)
        secure.receive("up", b"a" * 300)
        secure.publish("down", b"b" * 300)
        plain.receive("down", b"b" * 300)
        secure.send(mqtt.packet(mqtt.PINGREQ, 0, b""))
        secure.expect(mqtt.PINGRESP)
    words = {ssl.TLSVersion.TLSv1_2: "TLSv1.2", ssl.TLSVersion.TLSv1_3: "TLSv1.3"}[newest]
    b.broker.log.wait(rf"Client secure negotiated {words} cipher \S+$", since(request))


@pytest.mark.parametrize("size", [1, 16384, 16385, 100_000, 1_000_000])
def test_any_size_passes_whole(b, size):
    payload = os.urandom(size)
    with b.peer(b.tls) as p:
        p.connect("sizes")
        p.subscribe("s")
        p.publish("s", payload, qos=1)
        p.receive("s", payload)


def test_bytes_of_the_handshake_may_come_one_by_one(b):
    """And what follows in the same segment as the end of the handshake is read, too."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = b.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", b.tls), peer.TIMEOUT) as s:
        s.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                for byte in outgoing.read():
                    s.send(bytes([byte]))
                incoming.write(s.recv(65536))
        tls.write(mqtt.connect("bytes"))
        s.sendall(outgoing.read())
        while True:
            try:
                assert tls.read(4) == b"\x20\x02\x00\x00"
                break
            except ssl.SSLWantReadError:
                incoming.write(s.recv(65536))


def test_certificate_is_chosen_by_the_name_that_is_asked_for(b):
    for host in ("localhost", "second.example"):
        with b.peer(b.tls, host=host) as p:
            p.connect("sni")
    context = b.context()
    context.check_hostname = False
    with b.peer(b.tls, context, host="third.example") as p:
        names = [n for kind, n in p.sock.getpeercert()["subjectAltName"] if kind == "DNS"]
        assert names == ["localhost"]


def test_session_is_resumed_by_ticket(b):
    context, session = b.ticket(b.tls)
    with b.peer(b.tls, context, session=session) as p:
        assert p.sock.session_reused
        p.connect("second")


def test_resumed_session_has_the_certificate_of_the_first(b, request):
    context, session = b.ticket(b.mutual, "ciel")
    with b.peer(b.mutual, context, session=session) as p:
        assert p.sock.session_reused
        p.connect("resumed")
    b.broker.log.wait(r"New client connected from .* as resumed \(p4, c1, k60, u'ciel'\)", since(request))


def test_ticket_of_another_listener_does_not_resume(b):
    """One that wants no certificate gives none that stands for a certificate elsewhere."""
    context, session = b.ticket(b.tls, "ciel")
    with b.peer(b.mutual, context, session=session) as p:
        assert not p.sock.session_reused


def test_client_certificate_is_the_user(b, request):
    with b.peer(b.mutual, b.context("ciel")) as p:
        p.connect("mutual")
    b.broker.log.wait(r"New client connected from .* as mutual \(p4, c1, k60, u'ciel'\)", since(request))


def test_first_of_two_common_names_is_the_user(b, request):
    with b.peer(b.mutual, b.context("two")) as p:
        p.connect("twice")
    b.broker.log.wait(r"as twice \(p4, c1, k60, u'sensor'\)", since(request))


def test_certificate_may_name_the_client_too(b, request):
    with b.peer(b.named, b.context("ciel")) as p:
        p.connect("whoever")
    b.broker.log.wait(r"as CN=ciel,O=ISIS \(p4, c1, k60, u'CN=ciel,O=ISIS'\)", since(request))


@pytest.mark.parametrize("version,code", [(4, 4), (5, 0x86)])
def test_certificate_without_common_name_is_no_user(b, version, code, request):
    with b.peer(b.mutual, b.context("nobody"), version) as p:
        p.connect("mutual", code=code)
    b.broker.log.wait("refused: no user name in the client certificate", since(request))


def test_pre_shared_key_is_the_user(b, request):
    for version in ("-tls1_2", "-tls1_3"):
        mark = b.broker.log.mark
        with subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{b.psk}", version, "-quiet",
                               "-psk_identity", "sensor", "-psk", "c0ffee00"],
                              stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as client:
            client.stdin.write(mqtt.connect("psk"))
            client.stdin.flush()
            assert client.stdout.read(4) == b"\x20\x02\x00\x00"
            client.kill()
        b.broker.log.wait(r"as psk \(p4, c1, k60, u'sensor'\)", mark)


@pytest.mark.skipif(shutil.which("mosquitto_pub") is None, reason="mosquitto-clients are missing")
def test_clients_of_mosquitto_are_let_in(b, certs):
    common = ["-h", "localhost", "-t", "m", "-q", "1", "-m", "hello"]
    for port, more in ((b.tls, ["--cafile", certs.ca]),
                       (b.mutual, ["--cafile", certs.ca, "--cert", certs.path("ciel.crt"),
                                   "--key", certs.path("ciel.key")]),
                       (b.psk, ["--psk", "c0ffee00", "--psk-identity", "sensor"])):
        done = subprocess.run(["mosquitto_pub", *common, "-p", str(port), *more], capture_output=True,
                              timeout=20, check=False)
        assert (done.returncode, done.stderr) == (0, b""), port


# ------------------------------------------------------------------------------- refusals

def refused(b, port, context, host="localhost"):
    """Connect and read until it ends: TLS 1.3 clients learn of it after their handshake."""
    try:
        with b.peer(port, context, host=host) as p:
            p.send(mqtt.connect("refused"))
            assert p.sock.recv(100) == b""
    except (ssl.SSLError, OSError):
        pass


@pytest.mark.parametrize("name,words", [
    (None, "the client showed no certificate, and require_certificate asks for one"),
    ("revoked", "revoked"),
    ("wrong", "extendedKeyUsage"),
    ("twin", "same subject as"),
])
def test_broker_says_why_it_refuses_a_certificate(b, name, words, request):
    refused(b, b.mutual, b.context(name))
    line = b.broker.log.wait("TLS handshake with .* failed: refused here: ", since(request)).string
    assert words in line and "to mend it: " in line
    if name:
        assert "subject" in line and "issuer" in line


def test_broker_explains_the_alert_of_a_client(b, certs, request):
    refused(b, b.tls, b.context(ca=certs.path("ciel.crt")))
    line = b.broker.log.wait("TLS handshake with .* failed: refused by the client", since(request)).string
    assert "alert 48 unknown_ca" in line and "most likely first" in line


@pytest.mark.parametrize("data,words", [
    (mqtt.connect("x"), "the client speaks MQTT without TLS"),
    (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", "the client speaks HTTP without TLS"),
    (b"SSH-2.0-x\r\n", "the client speaks SSH, not TLS"),
    (b"PROXY TCP4 192.0.2.1 192.0.2.2 50000 8883\r\n", "a header of the PROXY protocol"),
    (b"\r\n\r\n\0\r\nQUIT\n\x21\x11\x00\x0c", "a header of the PROXY protocol"),
    (b"\x00\x01\x02\x03\x04\x05\x06\x07\x08", "is not TLS"),
    (b"\x16\x03\x01\x00\x05\x01\x00\x00\x01\xff", "breaks the rules of TLS"),
])
def test_what_is_no_tls_is_called_what_it_is(b, data, words, request):
    with b.broker.peer(port=b.tls) as p:
        p.send(data)
        p.sock.settimeout(peer.TIMEOUT)
        while p.sock.recv(100):
            pass
    assert words in b.broker.log.wait("TLS handshake with .* failed: ", since(request)).string


def test_tls_on_a_plain_port_is_called_that(b, request):
    refused(b, b.broker.port, b.context())
    b.broker.log.wait("appears to be using TLS to connect to a non-TLS listener", since(request))


def test_end_in_the_middle_is_called_that(b, request):
    with b.broker.peer(port=b.tls) as p:
        p.send(b"\x16\x03\x01\x02\x00\x01")
    b.broker.log.wait("the client ended the connection in the middle of the handshake", since(request))


def test_wrong_psk_is_told_from_an_unknown_identity(b):
    for identity, words in (("sensor", "pre-shared key"), ("stranger", '"stranger"')):
        mark = b.broker.log.mark
        subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{b.psk}", "-psk_identity", identity,
                        "-psk", "00"], input=b"", capture_output=True, timeout=20, check=False)
        assert words in b.broker.log.wait("TLS handshake with .* failed: ", mark).string


def test_last_refusals_are_told_on_sigusr2(b, request):
    refused(b, b.mutual, b.context())
    b.broker.log.wait("failed: refused here", since(request))
    mark = b.broker.log.mark
    b.broker.signal(signal.SIGUSR2)
    b.broker.log.wait(r"\d+ s ago: TLS handshake with .* the client showed no certificate", mark)


def test_flipped_byte_ends_the_connection(b, request):
    """A proxy that changes one byte of a record: it is not delivered, and the log says so."""
    incoming, outgoing = ssl.MemoryBIO(), ssl.MemoryBIO()
    tls = b.context().wrap_bio(incoming, outgoing, server_hostname="localhost")
    with socket.create_connection(("127.0.0.1", b.tls), peer.TIMEOUT) as s:
        while True:
            try:
                tls.do_handshake()
                break
            except ssl.SSLWantReadError:
                s.sendall(outgoing.read())
                incoming.write(s.recv(65536))
        tls.write(mqtt.connect("flipped"))
        data = bytearray(outgoing.read())
        data[-1] ^= 1
        s.sendall(data)
        while s.recv(65536):
            pass
    line = b.broker.log.wait("TLS with .* failed: refused here: ", since(request)).string
    assert "something between client and broker changes bytes" in line


# --------------------------------------------------------------------------------- reload

def serial(b, port):
    with b.peer(port) as p:
        return p.sock.getpeercert()["serialNumber"]


def renew(certs, name="broker"):
    certs.issue("fresh", sans="DNS:localhost,IP:127.0.0.1", usage="serverAuth")
    shutil.copy(certs.path("fresh.key"), certs.path("live.key"))
    shutil.copy(certs.path("fresh.crt"), certs.path("live.crt"))


def reload(b, words="certificates on the disk are in force"):
    mark = b.broker.log.mark
    b.broker.signal(signal.SIGHUP)
    b.broker.log.wait(words, mark)
    return mark


def test_changed_files_are_taken_up_and_connections_stay(b, certs, request):
    with b.peer(b.tls) as old:
        old.connect("stays")
        before = serial(b, b.tls)
        renew(certs)
        b.broker.log.wait("Files of TLS have changed", since(request))
        b.broker.log.wait("certificates on the disk are in force", since(request))
        assert serial(b, b.tls) != before
        old.fence()


def test_reload_is_all_or_nothing(b, certs):
    renew(certs)
    reload(b)
    before = serial(b, b.tls)
    with open(certs.path("live.key"), "rb") as f:
        good = f.read()
    with open(certs.path("live.key"), "wb") as f:
        f.write(b"nonsense")
    mark = reload(b, "configuration in force stays")
    assert "live.key" in "".join(b.broker.log.since(mark))
    assert serial(b, b.tls) == before
    with open(certs.path("live.key"), "wb") as f:
        f.write(good)
    reload(b)


def test_ticket_of_before_a_reload_does_not_resume(b):
    """So who was revoked meanwhile shows its certificate again."""
    context, session = b.ticket(b.tls)
    reload(b)
    with b.peer(b.tls, context, session=session) as p:
        assert not p.sock.session_reused


# ---------------------------------------------------------------------------- at the start

def start(config, certs, **kw):
    text = "listener {port} 127.0.0.1\n" + config.replace("{certs}", certs.dir)
    broker = Broker("nightjar", text, **kw)
    try:
        broker.start()
    except NotStarted as e:
        return e.code, e.log
    assert broker.stop() == 0
    return 0, broker.log.text


PAIR = "certfile {certs}/broker.crt\nkeyfile {certs}/broker.key\n"


@pytest.mark.parametrize("config,words", [
    ("certfile {certs}/brocker.crt\nkeyfile {certs}/broker.key\n", ["Check certfile", "brocker.crt"]),
    ("certfile {certs}/broker.crt\nkeyfile {certs}/ciel.key\n", ["does not belong to the certificate"]),
    ("certfile {certs}/broker.key\nkeyfile {certs}/broker.crt\n", ["Check certfile", "broker.key"]),
    ("certfile {certs}/broker.crt\n", ["Both certfile and keyfile must be provided"]),
    (PAIR + "require_certificate true\n", ["neither cafile nor capath"]),
    (PAIR + "cafile {certs}/nowhere.crt\n", ["Check cafile", "nowhere.crt"]),
    (PAIR + "capath {certs}\n", ["openssl rehash"]),
    (PAIR + "crlfile {certs}/broker.crt\n", ["Check crlfile"]),
    (PAIR + "ciphers nonsense\n", ["Check cipher list"]),
    ("psk_hint h\npsk_file {certs}/broker.crt\n", ["no line IDENTITY:KEY"]),
])
def test_wrong_files_end_the_start_and_say_what_to_do(certs, broker_kind, config, words):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")
    code, log = start(config, certs)
    assert code != 0
    assert [w for w in words if w not in log] == []


def test_encrypted_key_without_terminal_is_called_that(certs, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")
    subprocess.run(["openssl", "pkey", "-in", certs.path("broker.key"), "-aes256", "-passout", "pass:x",
                    "-out", certs.path("closed.key")], check=True, capture_output=True)
    code, log = start("certfile {certs}/broker.crt\nkeyfile {certs}/closed.key\n", certs)
    assert code != 0 and "encrypted" in log


def test_passphrase_of_a_key_is_asked_for_once_and_kept_for_reloads(certs, broker_kind):
    """Nobody is at the terminal when SIGHUP comes. A key with another passphrase is refused, with the reason."""
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")
    broker = Broker("nightjar", "listener {port} 127.0.0.1\nallow_anonymous true\n"
                    f"certfile {certs.path('locked.crt')}\nkeyfile {certs.path('locked.key')}\n")
    broker.port = broker.port2 = free_port()
    phrase = "horse staple"

    def lock(passphrase):
        certs.issue("locked", sans="DNS:localhost,IP:127.0.0.1", usage="serverAuth")
        openssl("pkey", "-in", "locked.key", "-aes256", "-passout", f"pass:{passphrase}", "-out", "locked.new",
                cwd=certs.dir)
        os.replace(certs.path("locked.new"), certs.path("locked.key"))

    lock(phrase)
    terminal, slave = pty.openpty()
    with subprocess.Popen(broker.command(), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          start_new_session=True, pass_fds=[slave], env={**os.environ, "XDG_STATE_HOME": broker.dir},
                          preexec_fn=lambda: fcntl.ioctl(slave, termios.TIOCSCTTY, 0)) as process:
        os.close(slave)
        log, seen = Log(process.stdout), b""
        while b"pass phrase for" not in seen:
            seen += os.read(terminal, 1024)
        os.write(terminal, phrase.encode() + b"\n")
        log.wait("version .* running")
        for word, words in ((phrase, "certificates on the disk are in force"), ("other", "in force stays as it was")):
            mark = log.mark
            lock(word)
            process.send_signal(signal.SIGHUP)
            log.wait(words, mark)
        assert "passphrase" in "".join(log.since(mark)) and phrase not in log.text
        process.terminate()
        assert process.wait(peer.TIMEOUT) == 0
        log.to_the_end()
    os.close(terminal)
    shutil.rmtree(broker.dir)


def test_every_certificate_of_a_listener_is_judged_at_the_start(certs, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")
    code, log = start(PAIR + "certfile {certs}/twin.crt\nkeyfile {certs}/twin.key\n", certs)
    assert code == 0 and re.search(r"Warning: \S+twin.crt: the broker's certificate has the same subject as the CA", log)


def test_expiry_is_told_before_it_comes(certs, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")
    certs.issue("soon", sans="DNS:localhost,IP:127.0.0.1", days=5)
    code, log = start("certfile {certs}/soon.crt\nkeyfile {certs}/soon.key\n", certs)
    assert code == 0 and re.search(r'soon.crt" of port \d+ expires in [45] days', log)


# ------------------------------------------------------------------------------- under load

def test_storm_of_handshakes_does_not_delay_who_is_connected(b):
    """A hundred strangers shake hands again and again; a client's ping is answered meanwhile."""
    stop = threading.Event()

    def storm():
        while not stop.is_set():
            try:
                with socket.create_connection(("127.0.0.1", b.tls), peer.TIMEOUT) as s:
                    with b.context().wrap_socket(s, server_hostname="localhost"):
                        pass
            except OSError:
                pass

    with b.peer(b.tls) as p:
        p.connect("calm")
        threads = [threading.Thread(target=storm) for _ in range(8)]
        for t in threads:
            t.start()
        try:
            for _ in range(50):
                p.send(mqtt.packet(mqtt.PINGREQ, 0, b""))
                p.expect(mqtt.PINGRESP)
        finally:
            stop.set()
            for t in threads:
                t.join()


def test_connect_timeout_covers_the_handshake(certs, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")
    broker = Broker("nightjar", "connect_timeout 1\nlistener {port} 127.0.0.1\n" + PAIR.replace("{certs}", certs.dir))
    broker.start()
    try:
        mark = broker.log.mark
        with broker.peer() as p:
            p.send(b"\x16\x03\x01")
            p.expect_closed()
        broker.log.wait("no CONNECT within connect_timeout", mark)
    finally:
        assert broker.stop() == 0


def test_response_of_ocsp_is_stapled(certs, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own option")
    certs.ocsp("broker")
    certs.key("rsa", ("RSA", "rsa_keygen_bits:2048"))
    certs.issue("rsa", sans="DNS:localhost", usage="serverAuth", key="rsa")
    pairs = PAIR + "certfile {certs}/rsa.crt\nkeyfile {certs}/rsa.key\nocspfile {certs}/broker.ocsp\n"
    broker = Broker("nightjar", "listener {port} 127.0.0.1\n" + pairs.replace("{certs}", certs.dir))
    broker.start()

    def ask(signature):
        return subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{broker.port}", "-status", "-sigalgs",
                               signature, "-CAfile", certs.ca], input=b"", capture_output=True, timeout=20,
                              check=False).stdout
    try:
        shown = ask("ECDSA+SHA256")
        assert b"OCSP Response Status: successful" in shown and b"Cert Status: good" in shown
        shown = ask("RSA-PSS+SHA256")               # another certificate, of which the response says nothing
        assert b"CN = rsa" in shown and b"OCSP response: no response sent" in shown
    finally:
        assert broker.stop() == 0


def test_response_about_another_certificate_is_not_sent(certs, broker_kind):
    """The broker starts: a certificate that was renewed has no response for a while."""
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own option")
    certs.ocsp("second")
    broker = Broker("nightjar", "listener {port} 127.0.0.1\nocspfile {certs}/second.ocsp\n"
                    .replace("{certs}", certs.dir) + PAIR.replace("{certs}", certs.dir))
    broker.start()
    try:
        assert re.search(r"Warning: \S+second.ocsp: the OCSP response is not about the first certificate", broker.log.text)
        done = subprocess.run(["openssl", "s_client", "-connect", f"127.0.0.1:{broker.port}", "-status",
                               "-CAfile", certs.ca], input=b"", capture_output=True, timeout=20, check=False)
        assert b"OCSP response: no response sent" in done.stdout
    finally:
        assert broker.stop() == 0


def test_keylog_lets_wireshark_read(certs, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("about nightjar's own words")
    reason = wiretap.refused()
    if reason:
        pytest.skip(reason)
    d = Doors(certs, args=("-v", "--tls-keylog", "{dir}/keys"))
    d.broker.start()
    try:
        path = os.path.join(d.broker.dir, "keys")
        with wiretap.Wiretap(d.tls) as tap, d.peer(d.tls) as p:
            p.connect("logged")
            p.publish("secret/topic", b"x", qos=1)
        assert os.stat(path).st_mode & 0o777 == 0o600
        assert tap.fields("mqtt.topic", "mqtt.topic", speaks="tls") == []
        assert tap.fields("mqtt.topic", "mqtt.topic", speaks="tls", keys=path) == [("secret/topic",)]
        tap.close()
    finally:
        assert d.broker.stop() == 0
