# SPDX-License-Identifier: Apache-2.0
"""Each option of the store does what the manual says, also across a restart. (Their usual values: test_persistence.py;
what a durability loses with the power: tests/crash.)"""
import os
import select
import signal
import time

import pytest

from support import mqtt, peer
from support.broker import Broker
from support.kept import CONFIG, again, end, keep
from support.mqtt import V311, V5

pytestmark = pytest.mark.usefixtures("broker_kind")


def absent(broker, client_id="c", qos=1, version=V5):
    """A session that is away, and gets what is published to t."""
    with broker.peer(version) as c:
        keep(c, client_id)
        c.subscribe("t", qos=qos)
        c.disconnect()


def publish(broker, *payloads, qos=1):
    with broker.peer(V5) as p:
        p.connect("p")
        for payload in payloads:
            p.publish("t", payload, qos=qos)
        p.fence()


def taken(broker, client_id="c"):
    """The payloads that have waited for it."""
    payloads, before = [], -1
    with broker.peer(V5) as c:
        keep(c, client_id, present=True)
        while len(payloads) > before:
            before = len(payloads)
            c.send(mqtt.PINGREQ_BYTES)
            got = c.next()
            while got.kind == mqtt.PUBLISH:
                c.acknowledge(got)
                payloads.append(got.payload)
                got = c.next()
            assert got.kind == mqtt.PINGRESP
    return payloads


# --------------------------------------------------------------------------- sessions

@pytest.mark.parametrize("how", [signal.SIGTERM, signal.SIGKILL])
@pytest.mark.parametrize("limit, is_there", [("1s", False), ("1h", True)])
def test_persistent_client_expiration_goes_on_while_nobody_runs(start, how, limit, is_there):
    """For a session of MQTT 3.1.1 that was away before, and for one of 5.0 that asked for more."""
    broker = start(CONFIG + f"persistent_client_expiration {limit}\n", args=())
    absent(broker, "old", version=V311)
    absent(broker, "new", version=V5)
    again(broker, signal.SIGTERM)  # nobody waits until it is safe that they are away, but a stop does
    end(broker, how)
    signal.sigtimedwait([], 1.2)
    broker.spawn()
    broker.wait_listening()
    for version, client_id in (V311, "old"), (V5, "new"):
        with broker.peer(version) as c:
            keep(c, client_id, present=is_there)


def test_max_queued_messages_counts_what_a_start_finds(start):
    broker = start(CONFIG + "workers 1\nmax_queued_messages 5\n", args=())
    absent(broker)
    publish(broker, "0", "1", "2")
    again(broker, signal.SIGKILL)
    publish(broker, *(str(n) for n in range(3, 9)))
    broker.log.wait("max_queued_messages")
    assert taken(broker) == [b"0", b"1", b"2", b"3", b"4"]
    again(broker, signal.SIGTERM)
    assert taken(broker) == []  # what was dropped is not kept either


def test_max_queued_bytes_counts_what_a_start_finds(start):
    """3000 bytes hold two messages of 1000, and what belongs to them."""
    broker = start(CONFIG + "workers 1\nmax_queued_bytes 3000\n", args=())
    absent(broker)
    publish(broker, "a" * 1000, "b" * 1000)
    again(broker, signal.SIGKILL)
    publish(broker, "c" * 1000)
    broker.log.wait("max_queued_bytes")
    assert [payload[:1] for payload in taken(broker)] == [b"a", b"b"]


def test_max_queued_messages_total_counts_what_a_start_finds(start):
    broker = start(CONFIG + "workers 1\nmax_queued_messages_total 5\n", args=())
    absent(broker, "c")
    publish(broker, "0", "1", "2")
    again(broker, signal.SIGKILL)
    absent(broker, "d")
    publish(broker, "3", "4")
    assert len(taken(broker, "c")) + len(taken(broker, "d")) == 5


def test_qos_0_that_waits_ends_with_the_process(start):
    """queue_qos0_messages: it does wait, and it is kept in memory alone."""
    broker = start(CONFIG + "queue_qos0_messages true\n", args=())
    absent(broker)
    publish(broker, "waits", qos=0)
    assert taken(broker) == [b"waits"]
    publish(broker, "in memory", qos=0)
    publish(broker, "on the disk", qos=1)
    again(broker, signal.SIGTERM)
    assert taken(broker) == [b"on the disk"]


# --------------------------------------------------------------------------- the disk

def test_an_interval_is_what_a_kill_may_lose(start):
    """Acknowledged at once, and an hour before it would be written; with a short one it is there soon."""
    broker = start(CONFIG + "durability interval 3600000\n", args=())
    broker.log.wait("what is acknowledged is on the disk 3600000 ms later")
    absent(broker)
    again(broker, signal.SIGKILL)
    with broker.peer(V5) as c:
        keep(c, "c", present=False)


def test_durability_none_leaves_it_to_the_system(start):
    broker = start(CONFIG + "durability none\n", args=())
    broker.log.wait("what is acknowledged is on the disk when the system writes it")
    absent(broker)
    publish(broker, "x")
    again(broker, signal.SIGKILL)
    assert taken(broker) == [b"x"]


def test_the_least_store_takes_something_and_then_no_more(start):
    broker = start(CONFIG + "store_max_bytes 524288\n", args=())
    absent(broker)
    with broker.peer(V5) as p:
        p.connect("p")
        codes = [p.publish("t", "x" * 10000, qos=1).code]
        while codes[-1] < 0x80:
            codes.append(p.publish("t", "x" * 10000, qos=1).code)
    assert codes[0] == 0 and codes[-1] == 0x97
    assert os.path.getsize(os.path.join(broker.dir, "store", "data.mdb")) <= 524288
    again(broker, signal.SIGTERM)
    assert len(taken(broker)) == len(codes) - 1


def test_a_full_store_heals_whatever_size_the_messages_have(start):
    broker = start(CONFIG + "store_max_bytes 1000000\n", args=())
    absent(broker)
    with broker.peer(V5) as p:
        p.connect("p")
        assert p.publish("t", "x" * 200000, qos=1).code == 0x97  # more than its part of what room there is
        codes = [0]
        while codes[-1] < 0x80:
            codes.append(p.publish("t", "x" * 60000, qos=1).code)
        assert len(codes) > 5
        assert len(taken(broker)) == len(codes) - 2
        deadline = time.monotonic() + peer.TIMEOUT
        while p.publish("t", "x" * 60000, qos=1).code >= 0x80:
            assert time.monotonic() < deadline, "it stays full"
            time.sleep(0.1)


def test_a_store_that_is_too_small_is_refused_with_the_least_value(start):
    broker = start(CONFIG + "store_max_bytes 16384\n", wait=False, args=())
    assert broker.wait() == 3
    broker.log.wait(r"Invalid 'store_max_bytes' value \(16384\)")
    broker.log.wait("A store needs 524288 bytes at least")


def test_store_backup_interval(start):
    """Nobody has to ask for it; with 0 nobody can."""
    broker = start(CONFIG + "store_backup_interval 1\n", args=())
    absent(broker)
    made = broker.log.wait(r"The store is backed up as (\S+), in \d+ ms")[1]
    assert os.path.exists(os.path.join(made, "data.mdb"))
    never = start(CONFIG + "store_backup_interval 0\n", args=())
    absent(never)
    never.signal(signal.SIGUSR1)
    never.log.wait(r"no backups are made \(store_backup_interval 0\)")
    never.signal(signal.SIGTERM)
    assert never.wait() == 0
    assert not [name for name in os.listdir(os.path.join(never.dir, "store")) if name.startswith("backup")]


def test_what_mosquitto_needs_is_accepted_and_said_to_be_needless(start):
    broker = start(CONFIG + "autosave_interval 5\nautosave_on_changes true\npersistence_file other.db\n", args=())
    for option in "autosave_interval", "autosave_on_changes":
        broker.log.wait(f"The '{option}' option has no effect: what is acknowledged is saved before")
    broker.log.wait("The 'persistence_file' option has no effect: the store has files of its own")
    absent(broker)
    publish(broker, "x")
    again(broker, signal.SIGKILL)
    assert taken(broker) == [b"x"]


def test_mosquittos_database_is_looked_for_under_its_name():
    broker = Broker("nightjar", CONFIG + "persistence_file other.db\n", args=())
    place = os.path.join(broker.dir, "store")
    os.mkdir(place)
    for name in "mosquitto.db", "other.db":
        with open(os.path.join(place, name), "wb"):
            pass
    broker.start()
    broker.log.wait(f"nightjar migrate run {place}/other.db {place}")
    assert broker.stop() == 0
    assert "mosquitto.db" not in broker.log.text


# --------------------------------------------------------------------------- the start

def test_who_connects_while_a_store_loads_is_answered_when_it_is_loaded(start):
    """The start is held where it looks at the file, by a file that nobody writes to."""
    broker = start(CONFIG, args=())
    absent(broker)
    publish(broker, "x")
    end(broker, signal.SIGKILL)
    store = os.path.join(broker.dir, "store", "data.mdb")
    os.rename(store, store + ".real")
    os.mkfifo(store)
    broker.spawn()
    broker.log.wait("Looking at all of it")
    with broker.peer(V5) as c:
        c.send(mqtt.connect("c", V5, clean=False, properties={"session_expiry_interval": 1000}))
        assert not select.select([c.sock], [], [], 0)[0]
        os.link(store, store + ".held")
        os.rename(store + ".real", store)  # at no moment is there none
        let_go(store + ".held", until=c.sock)
        assert c.expect(mqtt.CONNACK, code=0).session_present
        c.receive("t", "x")


def let_go(fifo, until):
    """Who has it open, or is about to: if nobody is, `until` tells that the start has gone by."""
    while not select.select([until], [], [], 0.01)[0]:
        try:
            os.close(os.open(fifo, os.O_WRONLY | os.O_NONBLOCK))
            return
        except OSError:
            pass
