# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""-S of pub, sub and rr: the hosts of a domain as its SRV records name them, in a network whose name server is
the test's."""
import os
import subprocess

import pytest

from support.broker import NIGHTJAR, Log
from support.certs import Authority
from support.dns import Network
from support.peer import TIMEOUT
from support.tool import Running, environment, run

DOMAIN = "example.test"
PLAIN, SECURE = f"_mqtt._tcp.{DOMAIN}", f"_secure-mqtt._tcp.{DOMAIN}"
HOSTS = {f"b{i}.{DOMAIN} A": [f"127.0.0.{i}"] for i in (2, 3, 9)}        # nobody listens on the last
LOOKUP_ERROR, TLS_ERROR = 15, 8


@pytest.fixture(scope="module")
def network():
    with Network(HOSTS, search=DOMAIN) as network:
        reason = network.refused()
        if reason:
            pytest.skip(reason)
        yield network


@pytest.fixture(scope="module")
def authority():
    """Certificates for the domain and for one of the hosts that serve it."""
    authority = Authority()
    authority.issue("domain", sans=f"DNS:{DOMAIN}", usage="serverAuth")
    authority.issue("host", sans=f"DNS:b2.{DOMAIN}", usage="serverAuth")
    return authority


@pytest.fixture(scope="module")
def log(network, authority, tmp_path_factory):
    """Of a broker with two plain ports, and two with TLS: on one of them the certificate of the host comes first, on
    the other there is no other."""
    config = tmp_path_factory.mktemp("broker") / "broker.conf"
    pairs = {name: f"certfile {authority.path(name)}.crt\nkeyfile {authority.path(name)}.key\n"
             for name in ("host", "domain")}
    config.write_text("allow_anonymous true\n" + ("user root\n" if os.getuid() == 0 else "") +
                      "listener 1883 127.0.0.2\nlistener 1884 127.0.0.3\n"
                      f"listener 8883 127.0.0.2\n{pairs['host']}{pairs['domain']}"
                      f"listener 8884 127.0.0.2\n{pairs['host']}")
    process = subprocess.Popen([*network.inside, NIGHTJAR, "broker", "-v", "-c", config], stdin=subprocess.DEVNULL,
                               stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                               env={**environment(), "XDG_STATE_HOME": str(config.parent)})
    log = Log(process.stdout)
    log.wait(r"version \S+ running$")
    yield log
    process.terminate()
    assert process.wait(TIMEOUT) == 0


def pub(network, *words):
    """(exit code, what it said on stderr)."""
    code, _, err = run([*network.inside, NIGHTJAR, "pub", "-t", "a", "-m", "b", "-q", "1", *words])
    return code, err.decode()


def serve(network, *records, at=PLAIN):
    network.publish({**HOSTS, f"{at} SRV": list(records)})


# -------------------------------------------------------------------------------- where to

def test_host_and_port_are_those_of_the_record(network, log):
    mark = log.mark
    serve(network, f"0 0 1884 b3.{DOMAIN}")
    assert pub(network, "-S", "-h", DOMAIN, "-p", "1883") == (0, "")
    log.wait("New connection from .* on port 1884", mark)


def test_without_a_host_the_domain_is_that_of_the_machine(network, log):
    mark = log.mark
    serve(network, f"0 0 1883 b2.{DOMAIN}")
    assert pub(network, "-S") == (0, "")
    log.wait("New connection from .* on port 1883", mark)


def test_the_next_target_is_tried_when_one_has_no_address_or_takes_no_connection(network, log):
    mark = log.mark
    serve(network, f"30 0 1884 b3.{DOMAIN}", f"20 0 1883 b9.{DOMAIN}", f"10 9 1883 nowhere.{DOMAIN}")
    assert pub(network, "-S", "-h", DOMAIN) == (0, "")
    log.wait("New connection from .* on port 1884", mark)


def test_an_answer_too_large_for_a_datagram_is_read_whole(network, log):
    mark = log.mark
    serve(network, *(f"{i} 0 1883 b9.{DOMAIN}" for i in range(60, 1, -1)), f"1 0 1884 b3.{DOMAIN}")
    assert pub(network, "-S", "-h", DOMAIN) == (0, "")
    log.wait("New connection from .* on port 1884", mark)


def test_a_reconnect_asks_anew(network, log):
    mark = log.mark
    serve(network, f"0 0 1883 b2.{DOMAIN}")
    words = [*network.inside, NIGHTJAR, "sub", "-t", "a", "-S", "-h", DOMAIN, "-i", "mover"]
    with Running(words) as sub:
        log.wait("Sending SUBACK to mover", mark)
        serve(network, f"0 0 1884 b3.{DOMAIN}")
        mark = log.mark
        assert pub(network, "-h", "127.0.0.2", "-i", "mover") == (0, "")       # takes its place
        log.wait("New connection from .* on port 1884", mark)
        log.wait("Sending SUBACK to mover", mark)
        assert sub.process.poll() is None


# ------------------------------------------------------------------------------ nowhere to

def test_without_a_target_the_error_names_the_question(network):
    network.publish(HOSTS)
    assert pub(network, "-S", "-h", DOMAIN) == (
        LOOKUP_ERROR, f"Error: SRV lookup failed: {PLAIN}: there is no such name in the DNS.\n")
    assert pub(network, "-S", "-h", DOMAIN, "--cafile", os.devnull)[0] == 1   # files first
    serve(network)
    assert pub(network, "-S", "-h", DOMAIN) == (
        LOOKUP_ERROR, f"Error: SRV lookup failed: {PLAIN}: the name has no SRV record.\n")
    serve(network, "0 0 0 .")
    assert pub(network, "-S", "-h", DOMAIN) == (
        LOOKUP_ERROR, f"Error: SRV lookup failed: {PLAIN}: the domain says that it has no such service.\n")
    network.publish({f"{PLAIN} SRV": None})
    assert pub(network, "-S", "-h", DOMAIN) == (
        LOOKUP_ERROR, f"Error: SRV lookup failed: {PLAIN}: the name servers gave no answer.\n")
    serve(network, f"0 0 1883 nowhere.{DOMAIN}")
    code, err = pub(network, "-S", "-h", DOMAIN)
    assert code == LOOKUP_ERROR and f"nowhere.{DOMAIN}, which serves {DOMAIN} by its SRV record: " in err


def test_what_cannot_go_together_is_refused(network):
    code, err = pub(network, "-S", "--unix", "/nowhere")
    assert code == 1 and "-S and --unix cannot be used together" in err
    code, err = pub(network, "-S", "--tls-use-os-certs")
    assert code == 1 and "-S with TLS needs -h" in err


# -------------------------------------------------------------------------------- with TLS

def test_the_certificate_has_to_be_for_the_domain_which_sni_names(network, log, authority):
    mark = log.mark
    serve(network, f"0 0 8883 b2.{DOMAIN}", at=SECURE)
    assert pub(network, "-S", "-h", DOMAIN, "--cafile", authority.ca) == (0, "")
    log.wait("New connection from .* on port 8883", mark)


def test_a_certificate_for_the_target_alone_is_refused(network, log, authority):
    serve(network, f"0 0 8884 b2.{DOMAIN}", at=SECURE)
    code, err = pub(network, "-S", "-h", DOMAIN, "--cafile", authority.ca)
    assert code == TLS_ERROR and f"b2.{DOMAIN}" in err
    assert pub(network, "-S", "-h", DOMAIN, "--cafile", authority.ca, "--insecure")[0] == 0


# -------------------------------------------------------------------------------- the doctor

def doctor(network, *words):
    code, out, _ = run([*network.inside, NIGHTJAR, "doctor", *words])
    return code, out.decode()


def test_the_doctor_goes_the_same_way(network, log):
    serve(network, f"0 0 1884 b3.{DOMAIN}")
    code, out = doctor(network, "-S", "-h", DOMAIN)
    assert code == 0 and "127.0.0.3 port 1884" in out


def test_the_doctor_says_that_a_domain_has_no_records(network):
    serve(network)
    code, out = doctor(network, "-S", "-h", DOMAIN)
    assert code == 1 and "name_unknown" in out and PLAIN in out
