# SPDX-License-Identifier: Apache-2.0
"""`nightjar migrate`: what Debian's mosquitto has saved, in a nightjar that goes on from it."""
import os
import re
import signal
import struct
import subprocess

import pytest

from support import mqtt
from support.broker import Broker, MOSQUITTO, NIGHTJAR
from support.mqtt import V311, V5
from support.tool import run

MOSQUITTOS = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {dir}/
"""
OURS = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {dir}/store
"""


def migrate(*args):
    code, out, err = run([NIGHTJAR, "migrate", *map(str, args)])
    return code, out.decode(), err.decode()


@pytest.fixture
def saved(tmp_path):
    """What a mosquitto with a bit of everything writes when it stops."""
    if not os.access(MOSQUITTO, os.X_OK):
        pytest.skip("mosquitto is not installed")
    broker = Broker("mosquitto", MOSQUITTOS)
    broker.start()
    with broker.peer(V311) as c:
        c.connect("three", clean=False)
        c.subscribe("a/#", qos=2)
        c.disconnect()
    with broker.peer(V5) as c:
        c.connect("five", clean=False, properties={"session_expiry_interval": 1000})
        c.subscribe("b/+", qos=1, properties={"subscription_identifier": 9}, no_local=True)
        c.disconnect()
    with broker.peer(V5) as p, broker.peer(V311) as taken:
        p.connect("p")
        for n in range(3):
            p.publish("a/1", f"one {n}", qos=1)
            p.publish("a/2", f"two {n}", qos=2)
        p.publish("b/x", "five", qos=1, properties={"user_property": ("k", "v"), "message_expiry_interval": 500})
        p.publish("kept", "retained", qos=1, retain=True, properties={"content_type": "text/plain"})
        taken.connect("taken", clean=False)
        taken.send(mqtt.publish("a/3", "half done", 2, 5))
        taken.pick(mqtt.PUBREC, mid=5)
    broker.signal(signal.SIGTERM)
    broker.process.wait(60)
    path = tmp_path / "mosquitto.db"
    path.write_bytes(open(os.path.join(broker.dir, "mosquitto.db"), "rb").read())
    broker.stop()
    return path


def test_all_that_mosquitto_saved_goes_on_here(saved, start):
    code, out, _ = migrate("check", saved)
    assert code == 0
    assert "3 sessions" in out and "2 subscriptions" in out and "7 messages waiting" in out, out
    assert "1 messages from clients" in out and "1 retained" in out, out

    broker = start(OURS, args=())
    broker.signal(signal.SIGTERM)
    broker.process.wait(60)
    store = os.path.join(broker.dir, "store")
    for name in os.listdir(store):
        os.unlink(os.path.join(store, name))
    code, out, err = migrate("run", saved, store)
    assert code == 0, out + err
    broker.spawn()
    broker.wait_listening()

    with broker.peer(V311) as c:
        assert c.connect("three", clean=False).session_present
        got = [c.receive() for _ in range(7)]
        assert [p.payload for p in got if p.qos == 1] == [b"one 0", b"one 1", b"one 2"]
        assert [p.payload for p in got if p.topic == "a/2"] == [b"two 0", b"two 1", b"two 2"]
        assert [p.payload for p in got if p.topic == "a/3"] == [b"half done"]
        c.fence()
    with broker.peer(V311) as taken:
        assert taken.connect("taken", clean=False).session_present
        taken.send(mqtt.ack(mqtt.PUBREL, 5))
        taken.pick(mqtt.PUBCOMP, mid=5)
    with broker.peer(V5) as c:
        assert c.connect("five", clean=False, properties={"session_expiry_interval": 1000}).session_present
        got = c.receive("b/x", "five", qos=1)
        assert got.props.get("user_property") == ("k", "v")
        assert got.props.get("subscription_identifier") == 9
        assert got.props.get("message_expiry_interval") <= 500
        c.publish("b/own", "no local", qos=1)
        c.fence()
        c.subscribe("kept", qos=1)
        assert c.receive("kept", "retained", retain=True).props.get("content_type") == "text/plain"


def test_a_store_that_is_in_use_is_left_alone(saved, start):
    broker = start(OURS, args=())
    with broker.peer(V311) as c:
        c.connect("c", clean=False)
    store = os.path.join(broker.dir, "store")
    code, _, err = migrate("run", saved, store)
    assert code == 2 and str(broker.process.pid) in err
    broker.signal(signal.SIGTERM)
    broker.process.wait(60)
    code, _, err = migrate("run", saved, store)
    assert code == 2 and "There is a store in" in err


def test_what_is_no_mosquitto_db_is_said_to_be_none(tmp_path):
    (tmp_path / "x").write_text("{}")
    assert migrate("check", tmp_path / "x")[0] == 2
    assert migrate("check", tmp_path / "none")[0] == 2
    assert migrate("check", tmp_path)[0] == 2
    assert migrate("run", tmp_path / "x", tmp_path / "store")[0] == 2
    assert not (tmp_path / "store").exists()
    assert migrate()[0] == 2
    code, out, _ = migrate("--help")
    assert code == 0 and "migrate run FILE DIRECTORY" in out


def test_a_store_that_could_not_take_all_is_no_success(tmp_path):
    def record(kind, body):
        return struct.pack(">II", kind, len(body)) + body

    payload = bytes(4 << 20)
    message = struct.pack("=Qq", 1, 0) + struct.pack(">IHHHHHBB", len(payload), 0, 0, 0, 4, 1883, 1, 1)
    saved = tmp_path / "mosquitto.db"
    saved.write_bytes(b"\0\xb5\0mosquitto db" + struct.pack(">II", 0, 6) +
                      record(1, struct.pack("=QBB6x", 9, 1, 8)) +
                      record(2, message + b"kept" + payload) + record(4, struct.pack("=Q", 1)))
    assert migrate("check", saved)[0] == 0
    store = tmp_path / "store"
    store.mkdir(mode=0o700)
    (store / "clean").touch()  # of one that was closed, and whose file is gone: that is still to be told
    limited = f"trap '' XFSZ; ulimit -f 2048; exec {NIGHTJAR} migrate run {saved} {tmp_path}/store"
    code, out, err = run(["sh", "-c", limited])
    assert code == 2 and b"Taken over" not in out, out
    assert b"could not take all of it" in err, err
    assert not (store / "data.mdb").exists()  # nobody takes a part of it for the whole
    assert (store / "clean").exists()
    code, out, err = run([NIGHTJAR, "migrate", "run", str(saved), f"{store}"])
    assert code == 0, err


def test_what_was_killed_leaves_no_part_of_a_store(saved, tmp_path):
    """A broker that is started there would take it for all there was."""
    killed = subprocess.run([NIGHTJAR, "migrate", "run", saved, tmp_path / "store"], check=False,
                            env={**os.environ, "NIGHTJAR_CRASH_POINT": "COMMITTED"})
    assert killed.returncode == -signal.SIGKILL
    assert not (tmp_path / "store" / "data.mdb").exists()
    code, out, err = migrate("run", saved, tmp_path / "store")
    assert code == 0, out + err
    assert sorted(os.listdir(tmp_path / "store")) == ["clean", "data.mdb", "ends", "lock"]


def test_a_file_that_is_cut_off_is_taken_as_far_as_it_goes(saved, tmp_path):
    whole = saved.read_bytes()
    saved.write_bytes(whole[:-3])
    code, out, _ = migrate("check", saved)
    assert code == 1 and re.search(r"ends within a record.* its last \d\d? bytes cannot be read", out), out
    code, out, _ = migrate("run", saved, tmp_path / "store")
    assert code == 1 and "3 sessions" in out
