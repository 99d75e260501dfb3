# SPDX-License-Identifier: Apache-2.0
"""Who is connected when the files change: it stays, unless its certificate or key would not be let in any more."""
import os
import shutil
import signal
import ssl
import subprocess

import pytest

from support import mqtt
from support.broker import Broker, during, free_port
from support.certs import Authority, openssl

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")


def join(path, parts):
    with open(path + ".new", "wb") as f:
        for part in parts:
            with open(part, "rb") as one:
                f.write(one.read())
    os.replace(path + ".new", path)


class Site:
    """A broker whose listeners take certificates of `ca` and keys of a file, and the files, which may change."""

    def __init__(self):
        self.ca, self.other = Authority(), Authority(subject="/O=ISIS/CN=another CA")
        self.twin = Authority()             # of the name of `ca`, so under the same hash
        self.ca.issue("broker", sans="DNS:localhost,IP:127.0.0.1", usage="serverAuth")
        for name in ("ciel", "thief"):
            self.ca.issue(name, usage="clientAuth")
        self.other.issue("guest", usage="clientAuth")
        self.port, self.by_directory, self.by_key = free_port(), free_port(), free_port()
        self.trust(self.ca)
        self.fill_directory(self.ca)
        with open(self.at("keys"), "w", encoding="ascii") as f:
            f.write("here:00\ngone:00\nchanged:00\n")
        pair = f"certfile {self.ca.path('broker.crt')}\nkeyfile {self.ca.path('broker.key')}\n"
        self.broker = Broker("nightjar", "allow_anonymous true\nlistener {port} 127.0.0.1\n"
                             f"listener {self.port} 127.0.0.1\n{pair}require_certificate true\n"
                             f"cafile {self.at('trusted.crt')}\ncrlfile {self.at('lists.pem')}\n"
                             f"listener {self.by_directory} 127.0.0.1\n{pair}require_certificate true\n"
                             f"capath {self.at('trusted')}\n"
                             f"listener {self.by_key} 127.0.0.1\npsk_hint hint\npsk_file {self.at('keys')}\n")
        self.broker.start()

    def at(self, name):
        return self.ca.path(name)

    def fill_directory(self, *authorities):
        directory = self.at("trusted")
        shutil.rmtree(directory, ignore_errors=True)
        os.mkdir(directory)
        for i, authority in enumerate(authorities):
            shutil.copy(authority.ca, os.path.join(directory, f"{i}.pem"))
        openssl("rehash", directory, cwd=self.ca.dir)

    def trust(self, *authorities):
        """These, and the list of each of them."""
        join(self.at("trusted.crt"), [authority.ca for authority in authorities])
        join(self.at("lists.pem"), [authority.crl() for authority in authorities])

    def come(self, name, port=None, version=5, authority=None, newest=None):
        context = ssl.create_default_context(cafile=self.ca.ca)
        if newest:
            context.maximum_version = newest
        authority = authority or self.ca
        context.load_cert_chain(authority.path(name + ".crt"), authority.path(name + ".key"))
        p = self.broker.peer(version, port=port or self.port)
        p.sock = context.wrap_socket(p.sock, server_hostname="localhost")
        p.connect(f"{name}-{p.port}")
        return p

    def come_with_key(self, name):
        client = subprocess.Popen(["openssl", "s_client", "-connect", f"127.0.0.1:{self.by_key}", "-quiet",
                                   "-psk_identity", name, "-psk", "00"],
                                  stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL)
        client.stdin.write(mqtt.connect(name))
        client.stdin.flush()
        assert client.stdout.read(4) == b"\x20\x02\x00\x00"
        return client

    def reload(self):
        mark = self.broker.log.mark
        self.broker.signal(signal.SIGHUP)
        self.broker.log.wait("certificates on the disk are in force", mark)
        return mark


@pytest.fixture(scope="module")
def module_site(broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("Mosquitto keeps those who are connected")
    site = Site()
    yield site
    assert site.broker.stop() == 0
    for authority in (site.ca, site.other, site.twin):
        shutil.rmtree(authority.dir)


@pytest.fixture
def site(module_site, request):
    with during(request, module_site.broker):
        yield module_site
    module_site.trust(module_site.ca)
    module_site.reload()


def test_whose_certificate_was_revoked_is_ended_with_the_reason(site):
    """By the next reload, in the middle of its session: DISCONNECT 0x87, a line that says why, its will."""
    old = [site.come("thief", version=v, newest=n) for v in (4, 5)
           for n in (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3)]
    honest = site.come("ciel")
    honest.subscribe("wills")
    with site.broker.peer() as p:
        p.connect("plain")
        site.ca.crl("thief")
        site.trust(site.ca)
        mark = site.reload()
        for thief in old:
            thief.expect_disconnect(0x87)
        line = site.broker.log.wait("is ended after a reload", mark).string
        assert "is revoked by" in line and "lists.pem" in line and "subject CN=thief" in line
        site.broker.log.wait(r"Client thief-\d+ \[\S+\] disconnected: certificate or key no longer trusted\.$", mark)
        honest.fence()
        p.fence()
    mark = site.broker.log.mark
    site.broker.signal(signal.SIGUSR2)
    site.broker.log.wait(r"\d+ s ago: Client thief-\d+ .* is ended after a reload", mark)


@pytest.mark.parametrize("newest", (ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3))
def test_whose_certificate_was_revoked_does_not_come_back_by_its_ticket(site, newest):
    name = f"robber-{newest.name}"
    site.ca.issue(name, usage="clientAuth")
    context = ssl.create_default_context(cafile=site.ca.ca)
    context.maximum_version = newest
    context.load_cert_chain(site.at(name + ".crt"), site.at(name + ".key"))

    def come(session):
        p = site.broker.peer(5, port=site.port)
        p.sock = context.wrap_socket(p.sock, server_hostname="localhost", session=session)
        return p

    first = come(None)
    first.connect("robber")
    session = first.sock.session
    assert come(session).sock.session_reused
    site.ca.crl(name)
    site.trust(site.ca)
    mark = site.reload()
    with pytest.raises((ssl.SSLError, ConnectionError)):
        again = come(session)
        assert not again.sock.session_reused
        again.sock.recv(1)
    site.broker.log.wait("TLS handshake with .* failed: refused here: .*is revoked by", mark)


def test_whose_authority_has_left_the_file_is_ended(site):
    site.trust(site.ca, site.other)
    site.reload()
    guest, own = site.come("guest", authority=site.other), site.come("ciel")
    site.trust(site.ca)
    mark = site.reload()
    guest.expect_disconnect(0x87)
    assert "CN=another CA" in site.broker.log.wait("is ended after a reload", mark).string
    own.fence()


def test_whose_authority_has_left_the_directory_is_ended(site):
    site.fill_directory(site.ca, site.other)
    site.reload()
    guest, own = site.come("guest", site.by_directory, authority=site.other), site.come("ciel", site.by_directory)
    site.fill_directory(site.ca)
    site.reload()
    guest.expect_disconnect(0x87)
    own.fence()


def test_directory_counts_again_when_a_file_in_it_is_written_over(site):
    """The directory itself does not change; who comes next is judged by what is there, and who is there is looked at."""
    site.twin.issue("guest", usage="clientAuth")
    site.fill_directory(site.ca)
    site.reload()
    own = site.come("ciel", site.by_directory)
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        site.come("guest", site.by_directory, authority=site.twin)
    mark = site.broker.log.mark
    with open(site.twin.ca, "rb") as new, open(os.path.join(site.at("trusted"), "0.pem"), "wb") as f:
        f.write(new.read())
    site.broker.log.wait("Files of TLS have changed", mark)
    site.broker.log.wait("certificates on the disk are in force", mark)
    own.expect_disconnect(0x87)
    site.come("guest", site.by_directory, authority=site.twin).fence()
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        site.come("ciel", site.by_directory)
    site.fill_directory(site.ca)
    site.reload()


def test_who_is_of_no_authority_of_the_directory_is_told_so(site):
    site.fill_directory(site.ca)
    mark = site.reload()
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        site.come("guest", site.by_directory, authority=site.other)
    line = site.broker.log.wait("failed: refused here: .*", mark).string
    assert f"is signed by CN=another CA,O=ISIS, which is not in {site.at('trusted')}" in line


def test_chain_with_an_intermediate_stays(site):
    """Only the client has the intermediate, which it showed once."""
    os.mkdir(site.at("m"))
    middle = Authority(site.at("m"))
    with open(site.at("ext.ca"), "w", encoding="ascii") as f:
        f.write("basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n")
    openssl("req", "-new", "-key", "m/ca.key", "-subj", "/CN=middle", "-out", "middle.csr", cwd=site.ca.dir)
    openssl("x509", "-req", "-in", "middle.csr", "-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial",
            "-days", "9", "-extfile", "ext.ca", "-out", "m/ca.crt", cwd=site.ca.dir)
    crt, _ = middle.issue("leaf", usage="clientAuth")
    join(crt, [crt, middle.ca])
    leaf = site.come("leaf", site.by_directory, authority=middle)
    mark = site.reload()
    site.come("leaf", site.by_directory, authority=middle).fence()
    leaf.fence()
    assert not any("is ended" in line for line in site.broker.log.since(mark))


def test_whose_identity_or_key_has_left_psk_file_is_ended(site):
    """As whose user has left password_file."""
    here, gone, changed = (site.come_with_key(name) for name in ("here", "gone", "changed"))
    with open(site.at("keys"), "w", encoding="ascii") as f:
        f.write("here:00\nchanged:01\n")
    mark = site.reload()
    for client in (gone, changed):
        assert client.stdout.read() == b""
    for name in ("gone", "changed"):
        site.broker.log.wait(f'is ended after a reload: psk_file has no longer the identity "{name}"', mark)
    here.stdin.write(mqtt.PINGREQ_BYTES)
    here.stdin.flush()
    assert here.stdout.read(2) == b"\xd0\x00"
    for client in (here, gone, changed):
        client.kill()
        client.communicate()


@pytest.mark.parametrize("what", ("out of date", "of another authority"))
def test_list_that_is_of_no_use_ends_nobody_who_is_here(site, what):
    """Who comes now is refused; that is an operator's slip, and no reason to end everybody."""
    here = site.come("ciel")
    if what == "out of date":
            openssl("ca", "-config", "ca.conf", "-cert", "ca.crt", "-keyfile", "ca.key", "-gencrl", "-crl_lastupdate",
                "20200101000000Z", "-crl_nextupdate", "20200102000000Z", "-out", "lists.pem", cwd=site.ca.dir)
    else:
        shutil.copy(site.other.crl(), site.at("lists.pem"))
    mark = site.reload()
    with pytest.raises((ssl.SSLError, ConnectionError, AssertionError)):
        site.come("ciel")
    site.broker.log.wait("failed: refused here: ", mark)
    here.fence()


def test_certificate_of_the_broker_alone_makes_nobody_be_looked_at(site):
    here = site.come("ciel")
    site.ca.issue("fresh", sans="DNS:localhost,IP:127.0.0.1", usage="serverAuth")
    shutil.copy(site.at("fresh.key"), site.at("broker.key"))
    shutil.copy(site.at("fresh.crt"), site.at("broker.crt"))
    site.reload()
    here.fence()
    here.send(mqtt.disconnect()).expect_closed()
