# SPDX-License-Identifier: Apache-2.0
"""paho-mqtt for Python (Debian's 1.6.1): every version and QoS through somebody else's client."""
import queue
import time

import pytest

from support.peer import TIMEOUT

paho = pytest.importorskip("paho.mqtt.client", reason="python3-paho-mqtt is not installed")
from paho.mqtt.packettypes import PacketTypes                 # noqa: E402
from paho.mqtt.properties import Properties                   # noqa: E402
from paho.mqtt.subscribeoptions import SubscribeOptions       # noqa: E402

VERSIONS = (paho.MQTTv31, paho.MQTTv311, paho.MQTTv5)
each_version = pytest.mark.parametrize("version", VERSIONS, ids=lambda v: f"v{v}")


class Client:
    """A paho client whose callbacks end in queues."""

    def __init__(self, broker, name, version, clean=True, will=None, connect_properties=None):
        kw = {} if version == paho.MQTTv5 else {"clean_session": clean}
        self.events = {k: queue.Queue() for k in ("connect", "message", "subscribe", "publish", "unsubscribe",
                                                  "disconnect")}
        self.paho = paho.Client(name, protocol=version, **kw)
        self.paho.on_connect = lambda c, u, flags, rc, props=None: self.events["connect"].put((flags, rc, props))
        self.paho.on_message = lambda c, u, message: self.events["message"].put(message)
        self.paho.on_subscribe = lambda c, u, mid, codes, props=None: self.events["subscribe"].put(codes)
        self.paho.on_unsubscribe = lambda *a: self.events["unsubscribe"].put(a)
        self.paho.on_publish = lambda c, u, mid: self.events["publish"].put(mid)
        self.paho.on_disconnect = lambda c, u, rc, props=None: self.events["disconnect"].put(rc)
        if will:
            self.paho.will_set(*will)
        if version == paho.MQTTv5:
            self.paho.connect("127.0.0.1", broker.port, 60, clean_start=clean, properties=connect_properties)
        else:
            self.paho.connect("127.0.0.1", broker.port, 60)
        self.paho.loop_start()
        self.flags, code, self.properties = self.get("connect")
        assert int(getattr(code, "value", code)) == 0

    def get(self, event):
        return self.events[event].get(timeout=TIMEOUT)

    def subscribe(self, *args, **kw):
        self.paho.subscribe(*args, **kw)
        return [int(getattr(c, "value", c)) for c in self.get("subscribe")]

    def publish(self, *args, **kw):
        self.paho.publish(*args, **kw).wait_for_publish(TIMEOUT)

    def end(self):
        self.paho.disconnect()
        self.paho.loop_stop()

    def vanish(self):
        """Close the socket without DISCONNECT."""
        self.paho.loop_stop()
        self.paho.socket().close()
        self.end = lambda: None


@pytest.fixture
def connect(broker, uid):
    clients = []

    def make(name, version=paho.MQTTv311, **kw):
        clients.append(Client(broker, f"{uid}-{name}", version, **kw))
        return clients[-1]

    yield make
    for c in clients:
        c.end()


@each_version
@pytest.mark.parametrize("qos", (0, 1, 2))
def test_messages_of_every_qos(connect, version, qos, uid):
    subscriber, publisher = connect("s", version), connect("p", version)
    assert subscriber.subscribe(uid + "/#", qos) == [qos]
    for n in range(100):
        publisher.publish(f"{uid}/{n}", f"payload {n}", qos)
    got = [subscriber.get("message") for _ in range(100)]
    assert [(m.topic, m.payload, m.qos, m.retain) for m in got] == [
        (f"{uid}/{n}", b"payload %d" % n, qos, 0) for n in range(100)]


@each_version
def test_large_payload(connect, version, uid):
    client = connect("c", version)
    client.subscribe(uid, 1)
    payload = bytes(range(256)) * 7000
    client.publish(uid, payload, 1)
    assert client.get("message").payload == payload


@each_version
def test_retained_and_cleared(connect, version, uid):
    publisher, late = connect("p", version), connect("l", version)
    publisher.publish(uid, "kept", 1, True)
    late.subscribe(uid, 1)
    message = late.get("message")
    assert (message.payload, message.retain) == (b"kept", 1)
    publisher.publish(uid, b"", 1, True)
    assert late.get("message").payload == b""


@each_version
def test_will(connect, version, uid):
    watcher = connect("w", version)
    watcher.subscribe(uid, 2)
    connect("gone", version, will=(uid, "last words", 2, False)).vanish()
    message = watcher.get("message")
    assert (message.payload, message.qos) == (b"last words", 2)


@each_version
def test_session_is_resumed_by_the_same_client(connect, version, uid):
    """Messages published while it was away come after reconnect()."""
    expiry = None
    if version == paho.MQTTv5:
        expiry = Properties(PacketTypes.CONNECT)
        expiry.SessionExpiryInterval = 60
    first = connect("same", version, clean=False, connect_properties=expiry)
    first.subscribe(uid + "/#", 2)
    first.end()
    publisher = connect("p", version)
    for n in range(30):
        publisher.publish(f"{uid}/x", str(n), 1)
    second = connect("same", version, clean=False, connect_properties=expiry)
    assert version == paho.MQTTv31 or second.flags["session present"] == 1
    assert [second.get("message").payload for _ in range(30)] == [b"%d" % n for n in range(30)]


def test_properties_of_5(connect, uid):
    """Content type, user properties and the rest as paho reads them."""
    subscriber, publisher = connect("s", paho.MQTTv5), connect("p", paho.MQTTv5)
    subscriber.subscribe(uid, options=SubscribeOptions(qos=1))
    sent = Properties(PacketTypes.PUBLISH)
    sent.ContentType = "text/plain"
    sent.ResponseTopic = "answer/here"
    sent.CorrelationData = b"\x00\x01"
    sent.PayloadFormatIndicator = 1
    sent.MessageExpiryInterval = 100
    sent.UserProperty = [("a", "1"), ("b", "2"), ("a", "3")]
    publisher.publish(uid, "x", 1, properties=sent)
    got = subscriber.get("message").properties
    assert (got.ContentType, got.ResponseTopic, got.CorrelationData) == ("text/plain", "answer/here", b"\x00\x01")
    assert got.PayloadFormatIndicator == 1 and 90 <= got.MessageExpiryInterval <= 100
    assert got.UserProperty == [("a", "1"), ("b", "2"), ("a", "3")]


def test_subscription_options_of_5(connect, uid):
    """No local, retain as published, retain handling, subscription identifier."""
    client, other = connect("c", paho.MQTTv5), connect("o", paho.MQTTv5)
    other.publish(uid, "kept", 1, True)
    identifier = Properties(PacketTypes.SUBSCRIBE)
    identifier.SubscriptionIdentifier = 77
    client.subscribe(uid, options=SubscribeOptions(1, noLocal=True, retainAsPublished=True, retainHandling=2),
                     properties=identifier)
    client.publish(uid, "mine", 1)
    other.publish(uid, "theirs", 1, True)
    message = client.get("message")
    assert (message.payload, message.retain) == (b"theirs", 1)
    assert message.properties.SubscriptionIdentifier == [77]


def test_shared_subscription(connect, uid):
    one, two = connect("1", paho.MQTTv5), connect("2", paho.MQTTv5)
    for client in (one, two):
        client.subscribe(f"$share/{uid}/{uid}", 1)
    publisher = connect("p", paho.MQTTv5)
    for n in range(40):
        publisher.publish(uid, str(n), 1)
    got = [[], []]
    deadline = time.monotonic() + TIMEOUT
    while len(got[0] + got[1]) < 40 and time.monotonic() < deadline:
        for i, client in enumerate((one, two)):
            try:
                got[i].append(client.events["message"].get(timeout=0.05).payload)
            except queue.Empty:
                continue
    assert sorted(map(int, got[0] + got[1])) == list(range(40)) and got[0] and got[1]


def test_connack_of_5(connect):
    """What paho understands of our capabilities."""
    client = connect("c", paho.MQTTv5)
    assert (client.properties.TopicAliasMaximum, client.properties.ReceiveMaximum) == (10, 20)


def test_refused_client_hears_why(start):
    broker = start("listener {port} 127.0.0.1\n")
    for version, expected in ((paho.MQTTv31, 5), (paho.MQTTv311, 5), (paho.MQTTv5, 0x87)):
        codes = queue.Queue()
        client = paho.Client("x", protocol=version)
        client.on_connect = lambda c, u, flags, rc, props=None: codes.put(int(getattr(rc, "value", rc)))
        client.connect("127.0.0.1", broker.port)
        client.loop_start()
        assert codes.get(timeout=TIMEOUT) == expected
        client.loop_stop()


@each_version
def test_unsubscribe(connect, version, uid):
    client = connect("c", version)
    client.subscribe([(uid + "/a", 1), (uid + "/b", 1)])
    client.paho.unsubscribe(uid + "/a")
    client.get("unsubscribe")
    client.publish(uid + "/a", "x", 1)
    client.publish(uid + "/b", "y", 1)
    assert client.get("message").payload == b"y"


@each_version
def test_two_hundred_in_flight(connect, version, uid):
    """paho fills its own window; ours paces it, and nothing is lost or doubled.

    Two clients: one that publishes and receives at QoS 2 miscounts its own window in 1.6.1 (each message
    it has received frees a place), goes beyond our receive maximum and is disconnected, as it must be."""
    subscriber, publisher = connect("s", version), connect("p", version)
    subscriber.subscribe(uid, 2)
    infos = [publisher.paho.publish(uid, str(n), 2) for n in range(200)]
    assert [subscriber.get("message").payload for _ in range(200)] == [b"%d" % n for n in range(200)]
    infos[-1].wait_for_publish(TIMEOUT)
    assert all(info.is_published() for info in infos)
