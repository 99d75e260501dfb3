# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar sniff` of MQTT in WebSocket: the session of ../shared beside the same without WebSocket, sessions made here and cut
in any way, also in TLS; and what is WebSocket but no MQTT beside tshark."""
import json
import random
import shutil
import ssl
import subprocess

import pytest

from sniff import websocket_session as ws
from sniff.differences import UNWRAPPED
from sniff.test_captures import CAPTURES, as_expected, sniff as sniff_shared
from sniff.test_tls import CONNACK, CONNECT, in_pieces, publish, sniff, topics
from sniff.tls_session import Session, capture

NEEDS_CAPTURES = pytest.mark.skipif(not CAPTURES.exists(), reason=f"{CAPTURES} is not there")
NEEDS_TSHARK = pytest.mark.skipif(shutil.which("tshark") is None, reason="tshark is not there")
MQTT = CONNECT + publish(b"a/1", b"x" * 300) + publish(b"a/2", b"y" * 70000) + publish(b"a/3", b"z") + b"\xe0\x00"


def framed(data, seed):
    """As one stream of messages and fragments, with pings between them."""
    dice, out = random.Random(seed), []
    while data:
        n = dice.choice([1, 2, 10, 125, 126, 5000, 66000])
        is_final = dice.random() < 0.6 or n >= len(data)
        is_first = not out or out[-1][1]
        out.append((ws.frame(ws.BINARY if is_first else ws.CONTINUATION, data[:n], is_final=is_final, key=dice.randbytes(4)), is_final))
        data = data[n:]
        if dice.random() < 0.2:
            out[-1] = (out[-1][0] + ws.frame(ws.PING, b"?"), is_final)
    return b"".join(piece for piece, _ in out)


def session(seed):
    return ws.UPGRADE + [(True, framed(MQTT, seed)), (False, ws.frame(ws.BINARY, CONNACK, is_client=False)),
                         (False, ws.frame(ws.BINARY, publish(b"b/1", b"u"), is_client=False)),
                         (True, ws.frame(ws.CLOSE, b"\x03\xe8bye"))]


def flat(rows):
    return [topic for row in rows for topic in row.split(",")]


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("port", [8080, 9001])
def test_messages_and_segments_are_cut_anyhow(tmp_path, seed, port):
    path = capture(tmp_path / "cut.pcap", session(seed), in_pieces(seed), port=port)
    assert flat(topics(path)) == ["a/1", "a/2", "a/3", "b/1"]


@pytest.mark.parametrize("version", [ssl.TLSVersion.TLSv1_2, ssl.TLSVersion.TLSv1_3])
@pytest.mark.parametrize("port", [8883, 8084])
def test_it_is_read_in_tls_that_can_be_opened(tmp_path, version, port):
    tls = Session(tmp_path, version)
    for is_client, data in session(1):
        tls.send(is_client, *[data[i:i + 16000] for i in range(0, len(data), 16000)])
    path = capture(tmp_path / "tls.pcap", tls.wire, in_pieces(1), port=port)
    assert flat(topics(path, "--keylog", tls.keylog)) == ["a/1", "a/2", "a/3", "b/1"]
    assert "WebSocket Connection Close" in sniff(path, "--keylog", tls.keylog)[0]
    assert topics(path) == []


def test_another_protocol_is_not_taken_for_mqtt(tmp_path):
    wire = [(c, data.replace(b": mqtt\r\n", b": chat\r\n")) for c, data in ws.UPGRADE]
    path = capture(tmp_path / "chat.pcap", wire + [(True, ws.frame(ws.BINARY, b"\x30\x03\x00\x01a"))], port=8080)
    assert topics(path) == []


def test_without_a_named_protocol_a_connect_is_mqtt(tmp_path):
    wire = [(c, data.replace(b"Sec-WebSocket-Protocol: mqtt\r\n", b"")) for c, data in ws.UPGRADE]
    path = capture(tmp_path / "bare.pcap", wire + [(True, ws.frame(ws.BINARY, MQTT))], in_pieces(1), port=8080)
    assert flat(topics(path)) == ["a/1", "a/2", "a/3"]


def test_a_capture_that_begins_with_the_response_is_read(tmp_path):
    path = capture(tmp_path / "late.pcap", session(2)[1:], in_pieces(2), port=8080)
    assert flat(topics(path)) == ["a/1", "a/2", "a/3", "b/1"]


def test_compressed_messages_are_named_and_counted(tmp_path):
    packed = ws.frame(ws.BINARY, b"abc", rsv=4, is_final=False) + ws.frame(ws.CONTINUATION, b"def")
    wire = ws.UPGRADE + [(True, ws.frame(ws.BINARY, CONNECT)), (True, packed), (True, ws.frame(ws.BINARY, publish(b"a/1", b"x")))]
    path = capture(tmp_path / "packed.pcap", wire, port=8080)
    shown, said = sniff(path, "-Y", "websocket", "-T", "fields", "-e", "_ws.expert.message", "-e", "mqtt.topic")
    note = "compressed (permessage-deflate), and not read"
    assert shown == f"\t\n{note},{note}\t\n\ta/1\n"
    assert "compressed, and so not read: 1." in said


def test_what_stands_beside_a_compressed_message_is_read(tmp_path):
    packed = ws.frame(ws.BINARY, b"abc", rsv=4, is_final=False) + ws.frame(ws.PING, b"") + ws.frame(ws.CONTINUATION, b"def")
    first, second = publish(b"a/1", b"x"), publish(b"a/2", b"y" * 40)
    segment = ws.frame(ws.BINARY, first + second[:9]) + packed + ws.frame(ws.BINARY, second) + packed + ws.frame(ws.BINARY, first)
    path = capture(tmp_path / "packed.pcap", [*ws.UPGRADE, (True, ws.frame(ws.BINARY, CONNECT)), (True, segment)], port=8080)
    assert flat(topics(path)) == ["a/1", "a/2", "a/1"]
    said = sniff(path)[1]
    assert "compressed, and so not read: 2." in said
    assert "Bytes that could not be put in order: 9." in said  # the beginning of a packet


def without(path, *texts):
    """The capture without the frames that have one of them."""
    data, kept, at = path.read_bytes(), [], 24
    while at < len(data):
        end = at + 16 + int.from_bytes(data[at + 8:at + 12], "little")
        if not any(text in data[at:end] for text in texts):
            kept.append(data[at:end])
        at = end
    path.write_bytes(data[:24] + b"".join(kept))
    return path


def test_behind_a_gap_frames_are_found_again(tmp_path):
    wire = ws.UPGRADE + [(True, ws.frame(ws.BINARY, publish(b"a/%d" % i, b"x" * 20))) for i in range(4)]
    path = capture(tmp_path / "gap.pcap", wire, port=8080)
    assert topics(without(path, wire[3][1])) == ["a/0", "a/2", "a/3"]


# ---- captures that begin later ----

def without_beginning(path, source, count):
    """The capture without its first frames; how many it has left."""
    data, at, ends = source.read_bytes(), 24, []
    while at < len(data):
        at += 16 + int.from_bytes(data[at + 8:at + 12], "little")
        ends.append(at)
    path.write_bytes(data[:24] + data[ends[count - 1]:])
    return len(ends) - count


PACKETS = ["-Y", "mqtt", "-T", "fields", *[word for field in ("mqtt.msgtype", "mqtt.topic", "mqtt.msgid", "mqtt.unknown_version")
                                           for word in ("-e", field)]]


@NEEDS_CAPTURES
def test_wherever_a_capture_begins_its_packets_are_read(tmp_path):
    """A client that sends the byte of a packet's type in a frame of its own is met at its next packet, or at an answer."""
    whole, path = CAPTURES / "websocket_mqttjs_v5.pcap", tmp_path / "later.pcap"
    rows = sniff(whole, *PACKETS[:2], "-T", "fields", "-e", "frame.number")[0].split()
    wanted = dict(zip(map(int, rows), sniff(whole, *PACKETS)[0].splitlines(), strict=True))
    for count in range(7, 150, 5):
        without_beginning(path, whole, count)
        got = sniff(path, *PACKETS)[0].splitlines()
        rest = [row.rstrip("\t") for number, row in wanted.items() if number > count]
        assert all(row.endswith("\t1") for row in got)  # it is said that the version was inferred
        got = [row.removesuffix("\t1").rstrip("\t") for row in got]
        assert got == rest[len(rest) - len(got):]
        assert len(rest) - len(got) <= 2, count


@pytest.mark.parametrize("words", [[], ["--port", "8080"]], ids=["any-port", "its-port"])
def test_in_the_middle_of_a_message_the_next_ones_are_read(tmp_path, words):
    dice = random.Random(1)
    large = ws.frame(ws.BINARY, publish(b"large", dice.randbytes(60000)))
    wire = [(True, large[i:i + 1460]) for i in range(0, len(large), 1460)]
    wire += [(True, ws.frame(ws.BINARY, publish(b"a/1", b"x"))), (False, ws.frame(ws.PING, b"", is_client=False)),
             (False, ws.frame(ws.BINARY, publish(b"b/1", b"u"), is_client=False)), (True, large), (True, ws.frame(ws.BINARY, b"\xe0\0"))]
    path, later = capture(tmp_path / "whole.pcap", wire, port=8080), tmp_path / "later.pcap"
    for count in (4, 20):
        without_beginning(later, path, count)
        assert flat(topics(later, *words)) == ["a/1", "b/1", "large"]


def test_an_upgrade_in_a_gap_is_done_without(tmp_path):
    path = capture(tmp_path / "gap.pcap", [*ws.UPGRADE, (True, ws.frame(ws.BINARY, CONNECT)), (False, ws.frame(ws.BINARY, CONNACK, is_client=False)),
                                           (True, ws.frame(ws.BINARY, publish(b"a/1", b"u")))], port=8080)
    assert flat(topics(without(path, b"GET /mqtt", b"HTTP/1.1 101"))) == ["a/1"]
    path = capture(tmp_path / "answer.pcap", [*ws.UPGRADE, (False, ws.frame(ws.BINARY, CONNACK, is_client=False)),
                                              (True, ws.frame(ws.BINARY, publish(b"a/1", b"u")))], port=8080)
    assert flat(topics(without(path, b"HTTP/1.1 101"))) == ["a/1"]


def test_mqtt_on_a_port_that_is_named_is_read_wherever_it_begins(tmp_path):
    """Without WebSocket: 0x82 begins a SUBSCRIBE as well as a message."""
    subscribe = b"\x82\x08\x12\x34\0\3a/b\0"
    wire = [(True, publish(b"large", b"x" * 3000)[1500:]), (True, subscribe), (True, publish(b"a/1", b"x")), (False, publish(b"b/1", b"u"))]
    without_beginning(tmp_path / "later.pcap", capture(tmp_path / "whole.pcap", wire, port=8080), 3)
    assert flat(topics(tmp_path / "later.pcap", "--port", "8080")) == ["a/b", "a/1", "b/1"]
    assert topics(tmp_path / "later.pcap") == []


def test_a_websocket_of_something_else_is_not_taken_for_mqtt_wherever_it_begins(tmp_path):
    path, later = capture(tmp_path / "chat.pcap", list(chat()), port=8080), tmp_path / "later.pcap"
    for count in range(7, 40, 4):
        without_beginning(later, path, count)
        assert sniff(later, "-Y", "websocket or mqtt")[0] == ""


def test_a_refused_upgrade_is_http_and_no_more(tmp_path):
    wire = [(True, ws.REQUEST), (False, b"HTTP/1.1 404 Not Found\r\nContent-Length: 3\r\n\r\nno\n"), (True, ws.frame(ws.BINARY, CONNECT))]
    path = capture(tmp_path / "refused.pcap", wire, port=8080)
    rows = sniff(path, "-Y", "http")[0].splitlines()
    assert [row.split(" ", 1)[1].rsplit("HTTP ", 1)[0] != "" for row in rows] == [True, True]
    assert rows[0].endswith("GET /mqtt HTTP/1.1 ") and rows[1].endswith("HTTP/1.1 404 Not Found ")
    assert sniff(path, "-Y", "websocket or mqtt")[0] == ""


# ---- the capture of ../shared ----

def without_place(frames):
    """What MQTT says, whatever stands around it. The segments there are later than here, for they have their own time."""
    return [(frame["packets"], frame["src"], frame.get("malformed")) for frame in frames]


def frames_of(name):
    return [json.loads(line) for line in sniff_shared(name, "-T", "jsonl").split("\n")[:-1]]


@NEEDS_CAPTURES
@pytest.mark.parametrize("name", UNWRAPPED)
def test_it_says_what_the_same_session_says_without_websocket(name):
    wanted = json.loads((CAPTURES / f"{UNWRAPPED[name]}.json").read_text(encoding="utf-8"))
    got = [as_expected(frame) for frame in frames_of(name) if any(layer["name"] == "mqtt" for layer in frame["layers"])]
    assert without_place(got) == without_place(wanted)
    for path in (f"{name}.topics.txt", f"{name}.tsv"):
        assert not (CAPTURES / path).read_text(encoding="utf-8").strip(), "tshark says something of MQTT, after all"


@NEEDS_CAPTURES
@pytest.mark.parametrize("name", UNWRAPPED)
def test_its_list_is_tsharks_but_for_the_rows_of_mqtt(name):
    """There the words are those of the session without WebSocket."""
    theirs = (CAPTURES / f"{name}.summary.txt").read_text(encoding="utf-8").split("\n")
    words = [row.split(" MQTT ", 1)[1].split(" ", 1)[1]
             for row in (CAPTURES / f"{UNWRAPPED[name]}.summary.txt").read_text(encoding="utf-8").split("\n") if " MQTT " in row]
    is_mqtt = [any(layer["name"] == "mqtt" for layer in frame["layers"]) for frame in frames_of(name)] + [False]
    wanted = []
    for row, has_mqtt in zip(theirs, is_mqtt, strict=True):
        before, found, after = row.partition(" WebSocket ")
        assert found or not has_mqtt
        wanted.append(f"{before} MQTT {after.split(' ', 1)[0]} {words.pop(0)}" if has_mqtt else row)
    assert not words
    assert sniff_shared(name).split("\n") == wanted


# ---- beside tshark ----

FIELDS = ["frame.number", "http.request.method", "http.request.uri", "http.request.version", "http.response.version",
          "http.response.code", "http.response.phrase", "http.host", "http.user_agent", "http.server", "http.authorization", "http.cookie",
          "http.connection", "http.upgrade", "http.sec_websocket_version", "http.sec_websocket_key", "http.sec_websocket_accept",
          "http.sec_websocket_protocol", "http.sec_websocket_extensions",
          "websocket.fin", "websocket.rsv", "websocket.opcode", "websocket.mask", "websocket.payload_length",
          "websocket.payload_length_ext_16", "websocket.payload_length_ext_64", "websocket.masking_key",
          "websocket.masked_payload", "websocket.payload", "websocket.payload.continue", "websocket.payload.text",
          "websocket.payload.ping", "websocket.payload.pong", "websocket.payload.unknown", "websocket.payload.close",
          "websocket.payload.close.status_code", "websocket.payload.close.reason"]


def tshark(path, *words):
    return subprocess.run(["tshark", "-n", "-r", path, *words], capture_output=True, timeout=60, check=True).stdout.decode()


def columns():
    return ["-T", "fields", *[word for field in FIELDS for word in ("-e", field)]]


@NEEDS_TSHARK
@NEEDS_CAPTURES
@pytest.mark.parametrize("name", UNWRAPPED)
def test_its_fields_of_http_and_websocket_are_tsharks(name):
    path = CAPTURES / f"{name}.pcap"
    assert sniff(path, *columns())[0] == tshark(path, *columns())


def chat():
    """Everything there is, none of it MQTT."""
    f = ws.frame
    extra = b"User-Agent: test\r\nAuthorization: Basic dTpw\r\nCookie: a=b\r\n\r\n"
    yield True, ws.REQUEST.replace(b": mqtt\r\n", b": chat\r\n")[:-2] + extra
    yield False, ws.RESPONSE.replace(b": mqtt\r\n", b": chat\r\n")[:-2] + b"Server: test\r\n\r\n"
    yield True, f(ws.TEXT, b"hello")
    yield False, f(ws.TEXT, "\u00e9\xff".encode() + b"\xff", is_client=False)
    yield True, f(ws.BINARY, b"abc", is_final=False)
    yield True, f(ws.CONTINUATION, b"def", is_final=False)
    yield True, f(ws.PING, b"p")
    yield False, f(ws.PONG, b"p", is_client=False) + f(ws.PONG, b"", is_client=False)
    yield True, f(ws.CONTINUATION, b"ghi")
    yield False, f(ws.BINARY, b"b" * 126, is_client=False) + f(ws.TEXT, b"t", is_client=False)
    yield True, f(ws.BINARY, b"c" * 30000)
    yield True, f(3, b"abc")
    whole = f(ws.TEXT, b"in two")
    yield True, whole[:1]
    yield True, whole[1:7]
    yield True, whole[7:]
    yield True, f(ws.CLOSE, b"\x03\xe8bye")
    yield False, f(ws.CLOSE, b"\x03", is_client=False)
    yield False, f(ws.CLOSE, b"", is_client=False)


@NEEDS_TSHARK
@pytest.mark.parametrize("port", [8080, 9001])
def test_what_is_no_mqtt_is_tsharks(tmp_path, port):
    path = capture(tmp_path / "chat.pcap", chat(), port=port)
    assert sniff(path)[0] == tshark(path)
    assert sniff(path, *columns())[0] == tshark(path, *columns())
