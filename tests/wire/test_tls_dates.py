# SPDX-License-Identifier: Apache-2.0
"""What ends by itself is told before it does: by the log, and under $SYS/broker/certificates/. (The steps in turn, day
by day: src/daemon/expiry_test.c.)"""
import os
import shutil

import pytest

from support.certs import Authority, openssl

pytestmark = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is missing")


@pytest.fixture
def certs(broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("Mosquitto says nothing of dates")
    a = Authority()
    yield a
    shutil.rmtree(a.dir)


class Topics:
    """The last value of each topic about certificates, as a subscriber sees them come."""

    def __init__(self, broker):
        self.peer, self.values = broker.peer(5), {}
        self.peer.connect("watch")
        self.peer.subscribe("$SYS/broker/certificates/#")

    def until(self, **wanted):
        wanted = {name.replace("__", "/").replace("_", " "): value for name, value in wanted.items()}
        while not all(self.values.get(name) in value for name, value in wanted.items()):
            p = self.peer.receive()
            self.values[p.topic.removeprefix("$SYS/broker/certificates/")] = p.payload.decode()
        return self.values


def test_all_that_ends_is_told_and_what_is_renewed_is_told_anew(certs, start):
    certs.issue("broker", days=20)
    certs.crl(days=5, age=30)
    broker = start("allow_anonymous true\nsys_interval 1\nlistener {port} 127.0.0.1\nlistener {port2} 127.0.0.1\n"
                   f"certfile {certs.path('broker.crt')}\nkeyfile {certs.path('broker.key')}\ncafile {certs.ca}\n"
                   f"crlfile {certs.path('crl.pem')}\nrequire_certificate true\n")
    broker.log.wait(rf'Warning: The certificate "\S+broker.crt" of port {broker.port2} expires in (19|20) days\.')
    broker.log.wait(rf'Warning: The CRL of "CN=the CA,O=ISIS" in "\S+crl.pem" of port {broker.port2} ends in [45] days')
    topics = Topics(broker)
    topics.until(days_left=("19", "20"), ca__days_left=("99", "100"), crl__days_left=("4", "5"), warnings=("2",))

    mark = broker.log.mark
    certs.issue("broker", days=5)
    broker.log.wait('"[^"]+broker.crt" of port [0-9]+ expires in [45] days', mark)
    topics.until(days_left=("4", "5"), warnings=("3",))

    mark = broker.log.mark
    certs.issue("broker", days=1)
    broker.log.wait('"[^"]+broker.crt" of port [0-9]+ expires in 2[34] hours', mark)
    topics.until(days_left=("0", "1"), warnings=("4",))

    mark = broker.log.mark
    certs.issue("broker", days=-1)
    certs.crl(days=-1, age=30)
    broker.log.wait('Error: The certificate "[^"]+broker.crt" of port [0-9]+ has expired: clients refuse it', mark)
    broker.log.wait("Error: The CRL of .* is out of date: every client of that CA is refused", mark)
    topics.until(days_left=("-1", "-2"), crl__days_left=("-1", "-2"), warnings=("6",))

    mark = broker.log.mark
    certs.issue("broker", days=90)
    certs.crl(days=90)
    broker.log.wait("certificates on the disk are in force", mark)
    topics.until(days_left=("89", "90"), crl__days_left=("89", "90"))
    assert topics.values["warnings"] == "6"
    # Both were looked at before they were published.
    assert not [line for line in broker.log.since(mark) if line.startswith(("Warning: The C", "Error: The C"))]


def test_what_capath_and_ocspfile_hold_is_told_too(certs, start):
    """A CA is told of once, however many links lead to it, and one that is no CA of clients is not."""
    certs.issue("broker")
    certs.ocsp("broker", days=90)
    os.mkdir(certs.path("trusted"))
    for name, days in (("soon", 20), ("late", 90)):
        openssl("req", "-x509", "-nodes", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-keyout", f"{name}.key",
                "-out", f"trusted/{name}.pem", "-days", str(days), "-subj", f"/CN={name}", cwd=certs.dir)
    openssl("rehash", "-compat", "trusted", cwd=certs.dir)
    assert len([n for n in os.listdir(certs.path("trusted")) if n.endswith(".0")]) == 4
    pair = f"certfile {certs.path('broker.crt')}\nkeyfile {certs.path('broker.key')}\n"
    broker = start("allow_anonymous true\nsys_interval 1\nlistener {port} 127.0.0.1\nlistener {port2} 127.0.0.1\n"
                   f"{pair}capath {certs.path('trusted')}\nrequire_certificate true\nocspfile {certs.path('broker.ocsp')}\n"
                   f"listener 0 {certs.path('sock')}\n{pair}capath {certs.path('trusted')}\n")
    broker.log.wait(rf'Warning: The CA "CN=soon" in "\S+/trusted/soon.pem" of port {broker.port2} expires in (19|20) days: ')
    topics = Topics(broker)
    topics.until(ca__days_left=("19", "20"), ocsp__days_left=("89", "90"), warnings=("1",))

    certs.ocsp("broker", days=3)
    topics.until(ocsp__days_left=("2", "3"))
    assert topics.values["warnings"] == "1"
    assert len([line for line in broker.log.since() if "expires in" in line or "ends in" in line]) == 1


def test_a_list_in_capath_is_told_where_lists_are_asked(certs, start):
    """OpenSSL asks the lists of the directory only with a crlfile; one that is not asked is not told of."""
    certs.issue("broker", days=90)
    os.mkdir(certs.path("trusted"))
    shutil.copy(certs.crl(days=3, age=30), certs.path("trusted/near.pem"))
    shutil.copy(certs.ca, certs.path("trusted/ca.pem"))
    openssl("rehash", "trusted", cwd=certs.dir)
    assert [n for n in os.listdir(certs.path("trusted")) if ".r" in n]
    crlfile = certs.crl(days=90)
    trust = (f"certfile {certs.path('broker.crt')}\nkeyfile {certs.path('broker.key')}\n"
             f"capath {certs.path('trusted')}\nrequire_certificate true\n")
    broker = start("allow_anonymous true\nlistener {port} 127.0.0.1\nlistener {port2} 127.0.0.1\n"
                   f"{trust}crlfile {crlfile}\n")
    broker.log.wait(rf'Warning: The CRL of "CN=the CA,O=ISIS" in "\S+/near.pem" of port {broker.port2} ends in [23] days')
    unasked = start("allow_anonymous true\nlistener {port} 127.0.0.1\nlistener {port2} 127.0.0.1\n" + trust)
    unasked.mark()
    assert "near.pem" not in unasked.log.text


def test_a_broker_without_tls_has_no_such_topics(start, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("Mosquitto says nothing of dates")
    broker = start("allow_anonymous true\nsys_interval 1\nlistener {port} 127.0.0.1\n")
    with broker.peer(5) as p:
        p.connect("watch")
        p.subscribe("$SYS/broker/certificates/#", "$SYS/broker/uptime")
        for _ in range(2):
            assert p.receive().topic == "$SYS/broker/uptime"
