# SPDX-License-Identifier: Apache-2.0
"""`nightjar store`: what a broker keeps, looked at, copied and brought back, also while it runs."""
import json
import os
import re
import signal
import subprocess
import time

import pytest

from support.broker import NIGHTJAR
from support.mqtt import V5
from support.tool import run

CONFIG = """\
listener {port} 127.0.0.1
allow_anonymous true
persistence true
persistence_location {dir}/store
"""
FOR_LONG = {"session_expiry_interval": 1000}


def store(*args):
    code, out, err = run([NIGHTJAR, "store", *map(str, args)])
    return code, out.decode(), err.decode()


@pytest.fixture
def broker(start):
    """One that holds something of everything; its store is at .place."""
    broker = start(CONFIG, args=())
    broker.place = os.path.join(broker.dir, "store")
    with broker.peer(V5) as c, broker.peer(V5) as p:
        c.connect("c", clean=False, properties=FOR_LONG)
        c.subscribe("t", qos=1, properties={"subscription_identifier": 7})
        c.disconnect()
        p.connect("p")
        p.publish("t", "queued", qos=1)
        p.publish("t", b"\xff\x00", qos=1)
        p.publish("kept", "retained", qos=1, retain=True)
    return broker


def end(broker):
    broker.signal(signal.SIGTERM)
    broker.process.wait(60)


def records(place):
    code, out, err = store("dump", place)
    assert code == 0, err
    return [json.loads(line) for line in out.splitlines()]


def test_check_counts_also_while_the_broker_runs(broker):
    code, out, _ = store("check", broker.place)
    assert code == 0 and "A broker has it" in out and "Nothing is damaged." in out
    end(broker)
    code, out, _ = store("check", broker.place)
    assert code == 0 and "A broker has it" not in out
    assert dict(re.findall(r"^(\w+) +(\d+) records", out, re.M)) == {
        "sessions": "1", "subscriptions": "1", "messages": "2", "queue": "2", "released": "0", "received": "0",
        "retained": "1", "wills": "0"}


def test_dump_tells_every_record(broker):
    found = records(broker.place)
    assert [r["client_id"] for r in found if r["table"] == "sessions"] == ["c"]
    assert [r["filter"] for r in found if r["table"] == "subscriptions"] == ["t"]
    assert [r.get("payload", r.get("payload_base64")) for r in found if r["table"] == "messages"] == ["queued", "/wA="]
    assert [r["subscription_identifiers"] for r in found if r["table"] == "queue"] == [[7], [7]]
    assert [r["topic"] for r in found if r["table"] == "retained"] == ["kept"]


def test_a_backup_of_a_running_broker_is_a_store_like_any_other(broker, start, tmp_path):
    there = tmp_path / "backup"
    assert store("backup", broker.place, there)[0] == 0
    assert store("backup", broker.place, there)[0] == 2  # never over another one
    before = [r for r in records(broker.place)]
    with broker.peer(V5) as p:
        p.connect("p")
        p.publish("t", "later", qos=1)
    assert records(there) == before
    again = start(CONFIG.replace("{dir}/store", str(there)), args=())
    with again.peer(V5) as c:
        assert c.connect("c", clean=False, properties=FOR_LONG).session_present
        c.receive("t", "queued")
        c.receive("t", b"\xff\x00")
        c.fence()


def test_a_backup_can_be_slow(broker, tmp_path):
    with broker.peer(V5) as p:
        p.connect("p")
        for n in range(8):
            p.publish(f"large/{n}", bytes(100000), qos=1, retain=True)
    began = time.monotonic()
    assert store("backup", "--rate", 1, broker.place, tmp_path / "b")[0] == 0
    assert time.monotonic() - began > 0.6  # more than 800 kB at 1 MiB a second
    assert store("backup", "--rate", "x", broker.place, tmp_path / "c")[0] == 2


def test_restore_makes_a_store_anew_and_replaces_none(broker, tmp_path):
    assert store("backup", broker.place, tmp_path / "b")[0] == 0
    code, _, err = store("restore", tmp_path / "b", broker.place)
    assert code == 2 and str(broker.process.pid) in err
    end(broker)
    code, _, err = store("restore", tmp_path / "b", broker.place)
    assert code == 2 and "already" in err
    assert store("restore", tmp_path / "b", tmp_path / "new")[0] == 0
    assert records(tmp_path / "new") == records(tmp_path / "b")


def test_what_stands_in_the_way_is_said_with_the_mend(broker, tmp_path):
    assert store("backup", broker.place, tmp_path / "b")[0] == 0
    code, _, err = store("compact", broker.place)
    assert code == 2 and err.endswith("Stop that process first.\n"), err
    code, _, err = store("restore", tmp_path / "b", broker.place)
    assert code == 2 and "Stop that process first, or name another directory." in err, err
    code, _, err = store("restore", tmp_path / "b", str(tmp_path / "b") + "/")
    assert code == 2 and "are the same directory" in err, err
    end(broker)
    code, _, err = store("restore", tmp_path / "b", broker.place)
    assert code == 2 and "move its data.mdb elsewhere first" in err, err
    os.rename(os.path.join(broker.place, "data.mdb"), tmp_path / "elsewhere")
    assert store("restore", tmp_path / "b", broker.place)[0] == 0


@pytest.mark.parametrize("action", ["check", "dump"])
def test_output_that_nobody_keeps_is_no_success(broker, action):
    with open("/dev/full", "wb") as full:
        done = subprocess.run([NIGHTJAR, "store", action, broker.place], stdout=full, stderr=subprocess.PIPE, check=False)
    assert done.returncode == 2 and b"Not all of the output could be written" in done.stderr


def test_what_a_killed_copy_has_left_is_removed(broker):
    part = os.path.join(broker.place, "data.mdb.part")
    with open(part, "wb") as f:
        f.write(bytes(4096))
    end(broker)
    broker.spawn()
    broker.wait_listening()
    assert not os.path.exists(part)


def test_what_a_link_names_is_not_removed(broker, tmp_path):
    """Root looks after directories of others, who may have put it where a part of a store would be."""
    end(broker)
    other = tmp_path / "other"
    other.mkdir()
    (other / "kept").touch()
    link = os.path.join(broker.place, "new-part")
    os.symlink(other, link)
    assert store("compact", broker.place)[0] == 0
    assert (other / "kept").exists() and not os.path.lexists(link)


@pytest.mark.skipif(os.getuid() != 0, reason="mount namespaces are made by root only")
def test_what_cannot_be_written_can_be_read(broker, tmp_path):
    """A backup on a medium, or in a snapshot, that is mounted read-only."""
    kept = tmp_path / "b"
    assert store("backup", broker.place, kept)[0] == 0
    lines = records(kept)
    (kept / "clean").unlink()
    there = sorted(os.listdir(kept))

    def sealed(*words):
        script = 'mount --bind "$1" "$1" && mount -o remount,bind,ro "$1" || exit 77; shift; exec "$@"'
        done = subprocess.run(["unshare", "--mount", "sh", "-c", script, "sh", kept, NIGHTJAR, "store", *words],
                              capture_output=True, text=True, check=False)
        if done.returncode == 77:
            pytest.skip("no mount namespaces here")
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout

    assert "Nothing is damaged" in sealed("check", kept)
    assert sealed("dump", kept)
    sealed("restore", kept, tmp_path / "new")
    assert records(tmp_path / "new") == lines and sorted(os.listdir(kept)) == there


def test_compact_gives_room_back_and_nobody_may_have_it(broker):
    with broker.peer(V5) as p:
        p.connect("p")
        for value in (bytes(300000), b""):
            for n in range(5):
                p.publish(f"large/{n}", value, qos=1, retain=True)
    assert store("compact", broker.place)[0] == 2
    end(broker)
    before, large = records(broker.place), os.path.getsize(os.path.join(broker.place, "data.mdb"))
    code, out, err = store("compact", broker.place)
    assert code == 0, out + err
    assert os.path.getsize(os.path.join(broker.place, "data.mdb")) < large / 4
    assert records(broker.place) == before
    broker.spawn()
    broker.wait_listening()


def test_a_damaged_record_is_named_and_put_aside_by_the_broker(broker):
    end(broker)
    path = os.path.join(broker.place, "data.mdb")
    data = bytearray(open(path, "rb").read())
    at = [m.start() for m in re.finditer(b"retained", bytes(data))]
    for place in at:
        if data[place - 4:place] == b"kept":
            data[place] ^= 1
    open(path, "wb").write(data)
    code, out, _ = store("check", broker.place)
    assert code == 1 and "retained, record" in out and "1 records are damaged" in out, out
    assert store("dump", broker.place)[0] == 1
    code, out, _ = store("restore", broker.place, os.path.join(broker.dir, "restored"))
    assert code == 1 and "1 records of" in out, out
    broker.spawn()
    broker.wait_listening()
    assert any(name.startswith("quarantine-") for name in os.listdir(broker.place))
    assert store("check", broker.place)[0] == 0


def test_an_empty_name_is_said_to_be_one(tmp_path):
    for words in (["check", ""], ["dump", ""], ["restore", "", tmp_path / "b"], ["backup", tmp_path, ""]):
        assert store(*words) == (2, "", "Error: The name of a directory is empty.\n")


def test_what_is_no_store_is_said_to_be_none(tmp_path):
    for action in ("check", "dump", "compact"):
        code, _, err = store(action, tmp_path)
        assert code == 2 and "There is no store in" in err
    (tmp_path / "data.mdb").write_bytes(b"x" * 8192)
    assert store("check", tmp_path)[0] == 1
    assert store("backup", tmp_path, tmp_path / "b")[0] == 2
    assert not (tmp_path / "b" / "data.mdb").exists()
    assert store()[0] == 2
    assert store("--help")[0] == 0
