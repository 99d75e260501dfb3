# SPDX-License-Identifier: Apache-2.0
"""Frames 4 and 10 of the course (../shared/seeds/000): the bytes as printed, sent to the broker.

Frame 4 is a CONNECT of MQTT 5 with user name and password, frame 10 a PUBLISH on `ciel`. The bytes
come out of the hex dump itself: Ethernet, IP and TCP headers are taken off here.
"""
import os
import re

import pytest

from support import mqtt
from support.broker import SHARED

COURSE = os.path.join(SHARED, "seeds", "000_10ace93f174f04b1.txt")
FRAME_4, FRAME_10 = 108, 65


def frames():
    """The dumps of the course as bytes; the ASCII column is cut off at the announced frame lengths."""
    with open(COURSE, encoding="utf-8") as f:
        text = f.read()
    lengths = [int(n) for n in re.findall(r"Frame \d+: (\d+) bytes on wire", text)]
    dumps, last = [], None
    for line in text.splitlines():
        found = re.match(r"([0-9a-f]{4})((?: [0-9a-f]{2}){1,16})", line)
        if not found:
            continue
        offset = int(found.group(1), 16)
        if offset == 0:
            dumps.append(bytearray())
        last = dumps[-1]
        assert offset == len(last)
        last += bytes.fromhex(found.group(2))
    return [bytes(d[:n]) for d, n in zip(dumps, lengths)]


def tcp_payload(frame):
    ip = frame[14:]
    tcp = ip[(ip[0] & 0x0F) * 4:int.from_bytes(ip[2:4], "big")]
    return tcp[(tcp[12] >> 4) * 4:]


@pytest.fixture(scope="module")
def course():
    if not os.path.exists(COURSE):
        pytest.skip(f"{COURSE} is not there")
    return [tcp_payload(f) for f in frames()]


def test_frames_are_read_as_the_course_shows_them(course):
    assert [len(f) for f in frames()] == [FRAME_4, FRAME_10]
    assert [len(p) for p in course] == [54, 11]
    assert course[0][:2] == b"\x10\x34" and course[0].endswith(b"GreatJ0b")
    assert course[1] == b"\x30\x09\x00\x04ciel\x00" + b"51"


def test_frame_4_is_answered_and_frame_10_reaches_a_subscriber(course, client, broker):
    """CONNACK with the capabilities Mosquitto 2.1 announces, then `ciel` with the payload 51."""
    subscriber = client(4)
    subscriber.subscribe("ciel")
    mark = broker.mark()
    mqttx = client.raw(5)
    mqttx.send(course[0])
    connack = mqttx.expect(mqtt.CONNACK, code=0, session_present=False)
    expected = "200900000622000a210014" if broker.kind == "mosquitto" else \
        "200e00000b22000a27001e8480210014"
    assert connack.data.hex() == expected
    mqttx.send(course[1])
    subscriber.receive("ciel", "51", qos=0, retain=False)
    broker.log.wait("Received PUBLISH from mqttx_badclient", mark)
    lines = [re.sub(r"127\.0\.0\.1:\d+", "A:P", line) for line in broker.log.since(mark)]
    assert lines[:5] == [
        f"New connection from A:P on port {broker.port}.",
        "New client connected from A:P as mqttx_badclient (p5, c1, k60, u'mystere').",
        "No will message specified.",
        "Sending CONNACK to mqttx_badclient (0, 0)",
        "Received PUBLISH from mqttx_badclient (d0, q0, r0, m0, 'ciel', ... (2 bytes))",
    ]


@pytest.mark.parametrize("step", (1, 2, 3, 7, 50))
def test_frames_in_pieces_mean_the_same(course, client, step):
    subscriber = client(4)
    subscriber.subscribe("ciel")
    mqttx = client.raw(5)
    mqttx.send_slowly(course[0] + course[1], step)
    mqttx.expect(mqtt.CONNACK, code=0)
    subscriber.receive("ciel", "51")


def test_both_frames_in_one_write_mean_the_same(course, client):
    subscriber = client(4)
    subscriber.subscribe("ciel")
    mqttx = client.raw(5)
    mqttx.send(course[0], course[1])
    mqttx.expect(mqtt.CONNACK, code=0)
    subscriber.receive("ciel", "51")
