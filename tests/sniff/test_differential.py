# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""tshark and `nightjar sniff` on the same random traffic: every mqtt.* field of every frame, byte for byte. Where tshark errs,
differences.py says how and why.

NJ_DIFFERENTIAL_SEEDS=N tries N seeds instead of one; `./dev nightly` does."""
import collections
import os
import re
import shutil
import signal
import socket
import subprocess

import pytest

from sniff import loopback, traffic
from sniff.differences import FIELD_DIFFERENCES, lets_endless_block
from sniff.test_live import Sniff, captures
from support import mqtt
from support.broker import NIGHTJAR, ROOT
from support.peer import TIMEOUT
from support.tool import Running

SEEDS = range(int(os.environ.get("NJ_DIFFERENTIAL_SEEDS", "1")))
CONNECTIONS, PACKETS = 60, 30
PLACE = ["tcp.stream", "tcp.srcport"]

with open(os.path.join(ROOT, "src", "sniff", "tree", "field.def"), encoding="utf-8") as definition:
    FIELDS = re.findall(r'^NJ_FIELD\([^"]*"(mqtt\.[^"]*)"', definition.read(), re.M)

pytestmark = pytest.mark.skipif(not shutil.which("tshark"), reason="tshark is not installed")


@pytest.fixture
def capture(tmp_path):
    """capture(seed, cuts, disorder) gives the path of a capture with that traffic."""
    def make(seed, cuts, disorder=0.0):
        path = tmp_path / f"{cuts.__name__}.pcap"
        data, packets = traffic.make(seed, CONNECTIONS, PACKETS, cuts, disorder)
        assert packets > CONNECTIONS * PACKETS
        path.write_bytes(data)
        return path

    return make


def asking_for(columns):
    return ["-n", "-T", "fields", "-E", "occurrence=a", "-E", "aggregator=|", *(w for c in columns for w in ("-e", c))]


def rows_of(program, path, columns, chosen="mqtt"):
    done = subprocess.run([*program, "-r", str(path), "-Y", chosen, *asking_for(columns)], capture_output=True, timeout=TIMEOUT * 3, check=True)
    return [line.split("\t") for line in done.stdout.decode().split("\n")[:-1]], done.stderr


def of_tshark(path, columns, *words):
    rows, _ = rows_of(["tshark", "-o", "tcp.reassemble_out_of_order:TRUE", *words], path, columns)
    return put_right(rows, columns)


def put_right(rows, columns):
    """What tshark says, where it errs."""
    for difference in FIELD_DIFFERENCES:
        at = columns.index(difference["field"])
        for row in rows:
            if row[at]:
                row[at] = "|".join(difference["right"](value) for value in row[at].split("|"))
    return rows


def of_nightjar(path, columns, *words):
    rows, said = rows_of([NIGHTJAR, "sniff", *words], path, columns)
    assert said == b""  # nothing was lost
    return rows


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("cuts, disorder", [(traffic.whole, 0), (traffic.beside_headers, 0), (traffic.beside_headers, 0.1)],
                         ids=["a-packet-a-segment", "cut", "cut-doubled-late"])
def test_every_field_of_every_frame_is_tsharks(capture, seed, cuts, disorder):
    expect_the_same(capture(seed, cuts, disorder))


@pytest.mark.parametrize("seed", SEEDS)
def test_what_is_malformed_is_shown_as_far_as_tshark_does(tmp_path, seed):
    path = tmp_path / "damaged.pcap"
    path.write_bytes(traffic.make_damaged(seed, CONNECTIONS, PACKETS))
    expect_the_same(path)


def expect_the_same(path, our_words=(), their_words=()):
    columns = ["frame.number", *FIELDS]
    ours, theirs = of_nightjar(path, columns, *our_words), of_tshark(path, columns, *their_words)
    assert [row[0] for row in ours] == [row[0] for row in theirs]
    block = columns.index("mqtt.properties")
    for our, their in zip(ours, theirs):
        if lets_endless_block(our[block], their[block]):
            continue
        assert [(c, o) for c, o, t in zip(columns, our, their) if o != t] == \
            [(c, t) for c, o, t in zip(columns, our, their) if o != t], f"frame {our[0]}"


def by_side(rows):
    """All values of each column, in order, by stream and side: where the segments end plays no part. Without empty ones, since a
    row does not tell whether it has one or none."""
    sides = collections.defaultdict(lambda: collections.defaultdict(list))
    for stream, port, *values in rows:
        for field, value in zip(FIELDS, values):
            sides[stream, port][field] += filter(None, value.split("|"))
    return sides


@pytest.mark.parametrize("seed", SEEDS)
@pytest.mark.parametrize("disorder", [0, 0.1], ids=["in-order", "doubled-late"])
def test_wherever_it_is_cut_it_is_the_same(capture, seed, disorder):
    """Also within a fixed header, where tshark is lost: it is asked about the same packets, each in a segment of its own."""
    ours = by_side(of_nightjar(capture(seed, traffic.anywhere, disorder), [*PLACE, *FIELDS]))
    theirs = by_side(of_tshark(capture(seed, traffic.whole), [*PLACE, *FIELDS]))
    assert ours.keys() == theirs.keys()
    for side, fields in theirs.items():
        assert ours[side] == fields, side


@captures
@pytest.mark.parametrize("seed", SEEDS)
def test_what_passes_the_loopback_is_the_same_at_once_and_later(broker, tmp_path, seed):
    """Clients, a proxy that cuts what they and the broker say, a real broker. Both programs capture side by side, then both read what ours kept."""
    kept, columns = tmp_path / "live.pcapng", ["tcp.srcport", "tcp.dstport", *FIELDS]
    with loopback.Proxy(broker.port, seed) as proxy:
        ports = (proxy.port, broker.port)
        our_words = [word for port in ports for word in ("--port", str(port))]
        their_words = [word for port in ports for word in ("-d", f"tcp.port=={port},mqtt")]
        with Sniff(*our_words, "-w", kept, "-P", *asking_for(columns)) as ours, \
                Running(["tshark", "-i", "lo", "-f", " or ".join(f"tcp port {port}" for port in ports), "-l", *their_words,
                         *asking_for(columns)]) as theirs:
            theirs.err.wait("Capture started")
            packets = loopback.talk(seed, proxy.port, 12, 6)
            last = socket.create_connection(("127.0.0.1", broker.port), TIMEOUT)
            last.sendall(mqtt.connect("the end", mqtt.V311))
            for program in (ours, theirs):
                program.out.wait(r"\bthe end\b")
            last.close()
            ours.stop()
            theirs.process.send_signal(signal.SIGINT)
            theirs.wait()
    assert 2 * packets > 2500  # each passes the loopback twice
    sides = [by_side(row for row in rows if "the end" not in row)
             for rows in ([line.split("\t") for line in ours.out.text.split("\n")],
                          put_right([line.split("\t") for line in theirs.out.text.split("\n")], columns))]
    assert len(sides[0]) >= 12 * 4
    assert sides[0] == sides[1]
    expect_the_same(kept, our_words, their_words)
    in_pieces, _ = rows_of([NIGHTJAR, "sniff", *our_words], kept, ["mqtt.hdrflags"], "tcp.len > 0 and not mqtt")
    assert len(in_pieces) > 500


def test_an_alias_belongs_to_one_direction(tmp_path):
    """tshark 4.0 has one table for both, so that what the server means by 1 becomes what the client meant last."""
    def publish(topic):
        body = traffic.lp(topic) + b"\3\x23\0\1"
        return bytes([0x30]) + traffic.varint(len(body)) + body

    capture = traffic.Capture()
    client = traffic.Connection(capture, traffic.random.Random(1), 0)
    client.segment(True, 0x18, bytes.fromhex("101000044d51545405020000000003") + b"cid")
    client.segment(False, 0x18, publish(b"server"))
    client.segment(True, 0x18, publish(b"client"))
    client.segment(False, 0x18, publish(b""))
    path = tmp_path / "alias.pcap"
    path.write_bytes(capture.bytes())
    topics = [[row[0] for row in read(path, ["mqtt.topic", "mqtt.property_len"])[1:]] for read in (of_nightjar, of_tshark)]
    assert topics == [["server", "client", "server"], ["server", "client", "client"]]
