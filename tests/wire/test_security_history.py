# SPDX-License-Identifier: Apache-2.0
"""What broke other brokers (../shared/security-history.md), each row that a plain-TCP broker can show.

Rows about TLS, WebSocket, ACL and password files, plugins, bridges, persistence and the dashboard belong to
the issues that bring those; what a hostile broker sends to clients is for src/client's tests and fuzz/fuzz_client.c.
"""
import random
import time

import pytest

from conftest import each_version
from support import mqtt
from support.broker import Broker
from support.mqtt import PUBREC, V5, V311
from support.peer import Closed, once_left_alone

MB = 1 << 20


# --------------------------------------------------------------------------- before CONNECT


def test_huge_announced_connect_costs_no_memory(client, broker):
    """Mosquitto 2017-7651, EMQX 2021-33175: 256 MB announced, 20 bytes sent, a hundred times."""
    before = broker.rss_bytes()
    peers = [client.raw(V311).send(b"\x10\xff\xff\xff\x7f\x00\x04MQTT\x04\x02\0\0\0\1a") for _ in range(100)]
    client(V311).fence()
    assert broker.rss_bytes() - before < 20 * MB
    for peer in peers:
        peer.close()


def test_first_packet_that_is_not_connect_costs_no_memory(client, broker):
    """Mosquitto 2023-0809: a PUBLISH of 256 MB as first packet is dropped before anything is asked for."""
    before = broker.rss_bytes()
    for _ in range(100):
        client.raw(V311).send(b"\x30\xff\xff\xff\x7f" + b"\x00\x01a" * 10).expect_closed()
    assert broker.rss_bytes() - before < 20 * MB


def test_client_that_sends_connack_is_closed(client):
    """Mosquitto 2021-28166."""
    client.raw(V311).send(b"\x20\x02\x00\x00").expect_closed()
    client(V311).send(b"\x20\x02\x00\x00").expect_closed()
    client(V5).send(b"\x20\x03\x00\x00\x00").expect_disconnect(0x81, 0x82)


def test_puback_before_connect_is_closed(client):
    """sol #15. [MQTT311-3.1.0-1]"""
    client.raw(V311).send(mqtt.ack(mqtt.PUBACK, 1)).expect_closed()


def test_rejected_connect_closes_the_socket(start, broker_kind):
    """tinyMQTT 2025-56352: without waiting for the client or for any time to pass. [MQTT311-3.2.2-5]"""
    broker = start("listener {port} 127.0.0.1\n" + ("connect_timeout 65535\n" if broker_kind == "nightjar" else ""))
    for version in mqtt.VERSIONS:
        with broker.peer(version) as peer:
            peer.connect("a", keepalive=0, code=0x87 if version == V5 else 5)
            peer.expect_closed()


def test_failed_connects_leave_nothing_behind(client, broker):
    """Mosquitto 2017-7654, 2023-3592: CONNECTs refused late, with will properties and user properties."""
    big = {"topic": "w", "payload": "x" * 1000, "properties": [("user_property", ("k" * 100, "v" * 100))] * 5}
    connect = mqtt.connect("x", V5, will=big, username="u" * 1000,
                           properties=[("user_property", ("a", "b"))] * 20)

    def storm(count):
        for _ in range(count):
            client.raw(V5).send(mqtt.packet(mqtt.CONNECT, 0, bytes(connect[3:-2]))).drain()
            client.raw(V5).send(mqtt.connect("x", V5, will=big, properties={
                "authentication_method": "none"})).drain()

    storm(100)
    before = broker.rss_bytes()
    storm(400)
    assert broker.rss_bytes() - before < 8 * MB


def test_connections_that_say_nothing_are_cut_off(start):
    """SlowITe, protocol 2020-13849: no place is held by who never sends a CONNECT, byte by byte or at all."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nconnect_timeout 1\n")
    before = time.monotonic()
    silent = broker.peer(V311)
    slow = broker.peer(V311)
    whole = mqtt.connect("slow")
    try:
        for n in range(200):
            slow.send(whole[n:n + 1] if n < len(whole) - 1 else b"")
            time.sleep(0.1)
            if time.monotonic() - before > 1.2:
                slow.expect_closed()
                break
    except (ConnectionError, Closed):
        pass
    silent.expect_closed()
    assert broker.log.wait("connect_timeout")


# ------------------------------------------------------------------------- topics and UTF-8


@pytest.mark.parametrize("bad", [b"\xc3\x28", b"\xed\xa0\x80", b"a\x00", b"\xf4\x90\x80\x80", b"\xc1\xbf"],
                         ids=lambda b: b.hex())
def test_invalid_utf8_disconnects_its_sender_only(client, bad, uid):
    """Mosquitto 2017-7653."""
    watcher = client(V311)
    watcher.subscribe("#")
    client(V311).send(mqtt.publish(uid.encode() + bad, "x")).expect_closed()
    watcher.publish(uid, "fence")
    while watcher.receive().payload != b"fence":
        pass


@pytest.mark.parametrize("topic", ("$", "$x", "$SYS", "$SYS/x", "$share", "$share/g", "$share/g/a", "$CONTROL",
                                   "$CONTROL/broker/v1", "$SYS/broker/version"))
def test_dollar_topics_are_harmless(client, topic):
    """Mosquitto 2018-12543, 2.0.16: publish, will, and subscribe, retained or not."""
    for version in (V311, V5):
        will = client.raw(version).send(mqtt.connect("", version, will={
            "topic": topic, "payload": "w", "retain": True}))
        # The broker's own topics may be refused to a will, others are like any topic.
        owned = topic.startswith(("$SYS", "$share", "$CONTROL"))
        assert will.expect(mqtt.CONNACK).code in ((0, 5, 0x87, 0x90) if owned else (0,))
        will.close()
        peer = client(version)
        try:
            for qos in (0, 1, 2):
                peer.send(mqtt.publish(topic, "x", qos, 9, retain=True, version=version))
                if qos == 2:
                    peer.send(mqtt.ack(mqtt.PUBREL, 9))
        except ConnectionError:
            pass
        peer.close()
    watcher = client(V311)
    watcher.send(mqtt.subscribe(1, [("$SYS/broker/version", 0)])).pick(mqtt.SUBACK)
    assert b"version" in watcher.pick(mqtt.PUBLISH).payload


@each_version
@pytest.mark.parametrize("levels", (199, 200, 201, 5000, 65535))
def test_deep_topics_are_bounded(client, version, levels):
    """Mosquitto 2019-11779, VerneMQ 2021-33176: no stack, no memory follows the depth."""
    topic = "/" * (levels - 1)
    packets = [mqtt.publish(topic, "x", version=version), mqtt.subscribe(1, [(topic, 0)], version),
               mqtt.unsubscribe(1, [topic], version)]
    for packet in packets:
        peer = client(version).send(packet, mqtt.PINGREQ_BYTES)
        got = taken(peer)
        assert all(p.kind in (mqtt.PINGRESP, mqtt.DISCONNECT, mqtt.SUBACK, mqtt.UNSUBACK) for p in got)
        if levels <= 200:
            assert got[-1].kind == mqtt.PINGRESP


def taken(peer):
    """What comes until a PINGRESP or the end."""
    got = []
    try:
        while not got or got[-1].kind != mqtt.PINGRESP:
            got.append(peer.next())
    except Closed:
        pass
    return got


def test_empty_topic_with_and_without_alias(client, uid):
    """Mosquitto 2021-34432. [MQTT5-4.7.3-1]"""
    client(V5).send(mqtt.publish("", "x", version=V5)).expect_disconnect(0x82)
    peer = client(V5)
    peer.subscribe(uid)
    peer.publish(uid, "a", properties={"topic_alias": 1})
    peer.publish("", "b", properties={"topic_alias": 1})
    assert [peer.receive(uid).payload for _ in range(2)] == [b"a", b"b"]


# ----------------------------------------------------------------------------- cost and size


def test_many_user_properties_take_linear_time(client, broker):
    """Mosquitto 2021-41039, EMQX #17569: four times the properties, no more than some eight times the time."""
    def cost(count):
        pair = mqtt.prop("user_property", ("k", "v"))
        packet = mqtt.publish("t", "x", version=V5, properties=pair * count)
        packets = 4000000 // count  # enough to see it in ticks of 10 ms
        before = broker.cpu_seconds()
        for _ in range(packets):
            peer = client(V5).send(packet, mqtt.PINGREQ_BYTES)
            taken(peer)
            peer.close()
        return (broker.cpu_seconds() - before) / packets + 1e-4

    small, large = cost(20000), cost(200000)
    assert large < small * 40


def test_user_properties_have_a_ceiling(client, broker):
    """EMQX #17569: more than max_user_properties ends the connection, and the log names the option."""
    pair = mqtt.prop("user_property", ("k", "v"))
    mark = broker.mark()
    client(V5).send(mqtt.publish("t", "x", version=V5, properties=pair * 1000)).fence()
    client(V5).send(mqtt.publish("t", "x", version=V5, properties=pair * 1001)).expect_disconnect(0x97)
    broker.log.wait("max_user_properties", mark)


def test_qos_2_flood_is_bounded(client, broker, uid):
    """Mosquitto 2023-28366: the same and other identifiers again and again, never released."""
    before = 0
    for n in range(20):
        for version in (V311, V5):
            peer = client(version)
            peer.send(b"".join(mqtt.publish(uid, "x" * 1000, 2, 1, dup=k > 0, version=version)
                               for k in range(500)), mqtt.PINGREQ_BYTES)
            assert all(p.kind in (PUBREC, mqtt.PINGRESP) for p in taken(peer))
            peer.close()
        before = before or broker.rss_bytes()
    assert broker.rss_bytes() - before < 10 * MB


def test_more_identifiers_than_the_window_cost_a_311_client_its_connection_or_wait(client, broker, uid):
    """A 3.1.1 client that opens 65,535 QoS 2 exchanges holds identifiers, not messages without end."""
    before = broker.rss_bytes()
    peer = client(V311)
    try:
        for start in range(1, 65536, 5000):
            peer.send(b"".join(mqtt.publish(uid, "x" * 100, 2, mid) for mid in range(start, min(start + 5000, 65536))))
    except ConnectionError:
        pass
    taken_in = 0
    try:
        while taken_in < 65535 and peer.next(timeout=2).kind == PUBREC:
            taken_in += 1
    except (AssertionError, Closed):
        pass
    assert broker.rss_bytes() - before < 60 * MB


def test_flood_without_reading_does_not_stop_others(start):
    """NanoMQ 2024-48077: a subscriber that never reads, a publisher that never stops, a third that lives."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_output_bytes 2000000\n", args=())
    with broker.peer(V311, rcvbuf=4096) as deaf, broker.peer(V311) as publisher, broker.peer(V311) as other:
        deaf.connect("deaf", keepalive=0)
        deaf.subscribe("flood")
        publisher.connect("publisher")
        other.connect("other")
        other.subscribe("other", qos=1)
        payload = mqtt.publish("flood", "x" * 10000)
        for n in range(100):
            publisher.send(payload * 20)
            publisher.fence()
            other.publish("other", str(n), qos=1)
            other.receive("other", str(n))
        assert broker.rss_bytes() < 300 * MB


def test_slow_reader_meets_its_ceiling_and_the_log_says_which(start):
    """It is cut off or loses QoS 0; max_output_bytes is named."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_output_bytes 3000000\n")
    with broker.peer(V311, rcvbuf=4096) as deaf, broker.peer(V311) as publisher:
        deaf.connect("deaf", keepalive=0)
        deaf.subscribe("flood")
        publisher.connect("publisher")
        for _ in range(60):
            publisher.send(mqtt.publish("flood", "x" * 100000) * 5)
            publisher.fence()
        broker.log.wait("max_output_bytes")


def test_retained_bytes_have_a_budget(start):
    """FlashMQ #169: max_retained_bytes 1 MB holds, and is named."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_retained_bytes 1000000\n", args=())
    with broker.peer(V5) as peer:
        peer.connect("a")
        codes = [peer.publish(f"r/{n}", "x" * 10000, qos=1, retain=True).code for n in range(200)]
        assert codes[0] in (0, 0x10) and codes[-1] == 0x97
        broker.log.wait("max_retained_bytes")
        peer.publish("r/0", "", qos=1, retain=True)
        peer.publish("r/new", "y" * 5000, qos=1, retain=True)
        peer.subscribe("r/new")
        peer.receive("r/new", retain=True)


# --------------------------------------------------------------------- sequences and timing


def test_will_delay_longer_than_the_session(client, uid):
    """Mosquitto 2019-11778: timers in either order. [MQTT5-3.1.2-8]"""
    watcher = client(V5)
    watcher.subscribe(uid)
    for delay, expiry in ((5, 1), (1, 5), (1, 1), (0, 1), (1, 0), (0xFFFFFFFF, 1), (0xFFFFFFFF, 0)):
        name = f"{uid}-{delay}-{expiry}"
        client(V5, name, properties={"session_expiry_interval": expiry}, will={
            "topic": uid, "payload": name, "properties": {"will_delay_interval": delay}}).drop()
    assert len({watcher.receive(uid).payload for _ in range(7)}) == 7


def test_random_subscriptions_and_shares_stay_consistent(client, uid):
    """Mosquitto 2024-8376: subscribe, share, unsubscribe, vanish in any order; then one message comes right."""
    dice = random.Random(11)
    filters = [f"{uid}/{t}" for t in ("a", "+", "#", "a/b")] + \
        [f"$share/{g}/{uid}/{t}" for g in "gh" for t in ("a", "#", "+/b")]
    peers = [client(V5, f"{uid}-m{n}", clean=False, properties={"session_expiry_interval": 30})
             for n in range(6)]
    publisher = client(V5)
    for step in range(400):
        n = dice.randrange(len(peers))
        move = dice.random()
        if move < 0.45:
            peers[n].send(mqtt.subscribe(dice.randrange(1, 65535), [(dice.choice(filters), dice.randrange(3))],
                                         V5))
        elif move < 0.8:
            peers[n].send(mqtt.unsubscribe(dice.randrange(1, 65535), [dice.choice(filters)], V5))
        elif move < 0.95:
            publisher.publish(f"{uid}/a", str(step), qos=dice.randrange(3))
        else:
            peers[n].close()
            peers[n] = client(V5, f"{uid}-m{n}", clean=dice.random() < 0.5,
                              properties={"session_expiry_interval": 30})
    for peer in peers:
        peer.close()
    for n in range(6):
        client(V5, f"{uid}-m{n}").disconnect()
    last = client(V5)
    last.subscribe(f"{uid}/a", qos=1)
    assert publisher.publish(f"{uid}/a", "end", qos=1).code == 0
    last.receive(f"{uid}/a", "end")


def test_reconnect_and_take_over_jitter(client, uid):
    """NanoMQ 2026-22040: the same name from many sockets, some vanish half way."""
    dice = random.Random(5)
    for n in range(200):
        peer = client.raw(dice.choice((V311, V5)))
        peer.send(mqtt.connect(uid, peer.version, clean=dice.random() < 0.5,
                               properties={"session_expiry_interval": 20} if peer.version == V5 else None),
                  mqtt.subscribe(1, [(uid, 1)], peer.version))
        if dice.random() < 0.5:
            peer.reset()

    def lives():
        last = client(V5, uid)
        last.subscribe(uid, qos=1)
        last.publish(uid, "alive", qos=1)
        last.receive(uid, "alive")

    once_left_alone(lives, 200)


@pytest.mark.parametrize("length", (b"\xff\xff\xff\xff\xff", b"\x80\x80\x80\x80\x00", b"\xff\xff\xff\xff\x7f"),
                         ids=lambda b: b.hex())
def test_five_byte_lengths_are_refused(client, length):
    """NanoMQ 2026-21888. [MQTT5-1.5.5-1]"""
    client.raw(V311).send(b"\x10" + length).expect_closed()
    client(V5).send(b"\x30" + length).expect_disconnect(0x81)


@pytest.mark.parametrize("inner", (0x80, 0xFF7F, 0xFFFFFF7F))
def test_property_length_beyond_the_packet(client, inner):
    """CVE 2026-8686, ActiveMQ 2025-66168."""
    section = inner.to_bytes((inner.bit_length() + 7) // 8, "big") if inner > 0xFF else b"\x80\x01"
    for kind, head in ((mqtt.PUBLISH, b"\0\1a"), (mqtt.DISCONNECT, b"\0")):
        client(V5).send(mqtt.packet(kind, 0, head + section)).expect_disconnect(0x81)
    client.raw(V5).send(mqtt.packet(mqtt.CONNECT, 0, b"\0\4MQTT\5\2\0\0" + section + b"\0\1a")).drain()


def test_packets_cut_at_every_byte(client, broker, uid):
    """RabbitMQ 2021-22116 and the parsers of others: every prefix of a session, then silence."""
    stream = mqtt.connect(uid, V5, will={"topic": "w", "payload": "x"}) + \
        mqtt.subscribe(1, [(uid, 1)], V5, {"subscription_identifier": 5}) + \
        mqtt.publish(uid, "x", 2, 9, version=V5, properties={"topic_alias": 1, "content_type": "y"}) + \
        mqtt.ack(mqtt.PUBREL, 9, 0, {"reason_string": "r"}) + mqtt.unsubscribe(2, [uid], V5) + mqtt.disconnect(4)
    for n in range(len(stream)):
        client.raw(V5).send(stream[:n]).close()
    client(V311).fence()


def test_every_byte_of_a_session_changed(client, uid):
    """One bit flipped at each place of a session's bytes."""
    stream = mqtt.connect(uid, V5) + mqtt.subscribe(1, [(uid, 1)], V5) + \
        mqtt.publish(uid, "x", 1, 9, version=V5, properties={"user_property": ("k", "v")}) + mqtt.disconnect()
    for n in range(len(stream)):
        for bit in (0x01, 0x80):
            bent = bytearray(stream)
            bent[n] ^= bit
            peer = client.raw(V5)
            try:
                peer.send(bytes(bent))
            except ConnectionError:
                pass
            peer.close()
    client(V311).fence()


@pytest.mark.parametrize("config", ["max_inflight_messages 0", "max_inflight_messages 1",
                                    "max_inflight_messages 65535", "max_queued_messages 0",
                                    "max_queued_messages 1", "max_packet_size 20", "max_keepalive 65535",
                                    "sys_interval 0", "sys_interval 65535", "retain_expiry_interval 1",
                                    "message_size_limit 1", "max_inflight_bytes 1"])
def test_extreme_settings_work(start, config):
    """FlashMQ 2026-42209: a broker at the edge of its configuration still passes a small message on."""
    broker = start(f"listener {{port}} 127.0.0.1\nallow_anonymous true\n{config}\n")
    with broker.peer(V5) as peer:
        peer.connect("a", keepalive=60)
        peer.subscribe("t", qos=2)
        for qos in (0, 1, 2):
            peer.publish("t", "x", qos=qos)
            peer.receive("t", "x")


def test_refused_secrets_do_not_reach_the_log(start):
    """EMQX 6.2.1: passwords and payloads are not written, even at log_type all."""
    broker = start("listener {port} 127.0.0.1\n")
    with broker.peer(V5) as peer:
        peer.connect("a", code=0x87, username="user", password="hunter2-secret",
                     will={"topic": "w", "payload": "will-secret"})
        peer.expect_closed()
    broker.stop()
    assert "not authorised" in broker.log.text and "secret" not in broker.log.text


def test_payloads_do_not_reach_the_log(client, broker, uid):
    peer = client(V5, will={"topic": uid, "payload": "will-secret"})
    peer.subscribe(uid)
    peer.publish(uid, "payload-secret", qos=1)
    peer.receive(uid)
    peer.drop()
    broker.mark()
    assert "-secret" not in broker.log.text


@pytest.mark.parametrize("name", ["a\nb", "a\x1b[31m", "é\u202e", "%s%n", "a\tb"])
def test_names_cannot_forge_log_lines(client, broker, name, uid):
    """HiveMQ 2020-13821 in the log: control characters of a client id or topic do not start a new line."""
    mark = broker.mark()
    peer = client.raw(V311).send(mqtt.connect(uid + name), mqtt.publish("t/" + name, "x"), mqtt.PINGREQ_BYTES)
    taken(peer)
    peer.close()
    broker.log.wait(uid, mark)
    broker.mark()
    assert not any(line.startswith(("b as", "b (", "b'", "b.")) for line in broker.log.since(mark))
    assert "\x1b[31m" not in "\n".join(broker.log.lines[mark:])


def test_descriptors_run_out_and_come_back(request, broker_kind):
    """Architecture: accepting pauses when descriptors are out, without spinning, and goes on afterwards."""
    broker = Broker(broker_kind, "listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 0\n", nofile=100)
    request.node.brokers = [broker]
    broker.start()
    peers = []
    try:
        for _ in range(150):
            peers.append(broker.peer(V311))
        alive = 0
        for n, peer in enumerate(peers[:40]):
            peer.connect(f"a{n}")
            alive += 1
        before, since = broker.cpu_seconds(), time.monotonic()
        peers[0].fence()
        time.sleep(0.5)
        assert (broker.cpu_seconds() - before) / (time.monotonic() - since) < 0.5
        for peer in peers[1:]:
            peer.close()
        with broker.peer(V311) as late:
            late.connect("late")
            late.fence()
        peers[0].fence()
    finally:
        for peer in peers:
            peer.close()
        assert broker.stop() == 0
