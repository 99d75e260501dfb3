# SPDX-License-Identifier: Apache-2.0
"""The second document's lab from its first command to its capture: two hosts, mutual TLS with `nightjar init`, and
tshark between them. Two network namespaces and the cable between them stand for the hosts."""
import re

import pytest

from support import wiretap
from support.hosts import BROKER, CLIENT
from support.setup import Setup
from support.tool import run

TOPIC, TEXT = "cheese/strudel", "hello"


@pytest.fixture(scope="module", autouse=True)
def may_capture():
    reason = wiretap.refused()
    if reason:
        pytest.skip(reason)


def lab(hosts, place, level, tools):
    """The set-up on the broker's host, the client's folder on the client's, and what passes between them."""
    setup = Setup(level, place / "home", "--host", BROKER, "--port", 8883 if level == "mtls" else 1883,
                  inside=hosts.broker)
    sub, pub = (re.sub(r"-t test.*", "", line) for line in setup.of(tools))
    with setup.broker(inside=hosts.broker) as broker, \
            wiretap.Wiretap(setup.port, hosts.wire, CLIENT, hosts.broker) as tap:
        said = broker.exchange(f"{sub} -v -t '#'", f"{pub} -t {TOPIC} -m {TEXT}", TOPIC, inside=hosts.client)
        peers = set(re.findall(r"New client connected from (\S+?):\d+", broker.log.text))
    assert said == f"{TOPIC} {TEXT}" and peers == {CLIENT}
    return setup, tap


@pytest.mark.parametrize("tools", ("nightjar", "mosquitto"))
def test_with_mutual_tls_the_capture_holds_no_topic(hosts, place, tools):
    setup, tap = lab(hosts, place, "mtls", tools)
    assert tap.fields("mqtt", "mqtt.topic", speaks="tls") == []
    # Read as MQTT, what is encrypted may by chance look like a packet with some topic.
    assert not any(TOPIC in row for row in tap.fields("mqtt", "mqtt.topic"))
    assert not any(tap.has(word.encode()) for word in (TOPIC, "strudel", setup.user))
    talk = tap.fields("tls.app_data", "ip.src", "ip.dst", speaks="tls")
    assert set(talk) == {(BROKER, CLIENT), (CLIENT, BROKER)}, "that they talk is all there is to see"
    tap.close()


@pytest.mark.parametrize("tools", ("nightjar", "mosquitto"))
def test_with_a_password_alone_the_capture_holds_all(hosts, place, tools):
    setup, tap = lab(hosts, place, "password", tools)
    assert (TOPIC, TEXT.encode().hex()) in tap.fields("mqtt.msgtype == 3", "mqtt.topic", "mqtt.msg")
    assert set(tap.fields("mqtt.msgtype == 1", "mqtt.username", "mqtt.passwd")) == {(setup.user, setup.password)}
    tap.close()


def test_a_host_without_the_key_gets_no_further_than_the_handshake(hosts, place):
    setup = Setup("mtls", place / "home", "--host", BROKER, inside=hosts.broker)
    with setup.broker(inside=hosts.broker) as broker:
        words = ["-h", BROKER, "-p", str(setup.port), "--cafile", setup.client("ca.crt"), "-t", TOPIC, "-m", TEXT]
        code, _, err = run([*hosts.client, "mosquitto_pub", *words])
        assert code != 0 and err
        assert "New client connected" not in broker.log.text
