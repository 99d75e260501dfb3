# SPDX-License-Identifier: Apache-2.0
"""What was acknowledged is there again after SIGTERM and after SIGKILL, whatever MQTT calls it."""
import os
import pwd
import re
import signal
import stat

import pytest

from support import mqtt
from support.broker import Broker, NotStarted
from support.kept import CONFIG, again, end as end_of, keep
from support.mqtt import V311, V5

pytestmark = pytest.mark.usefixtures("broker_kind")
END = {"stopped": signal.SIGTERM, "killed": signal.SIGKILL}


@pytest.fixture
def durable(start):
    return start(CONFIG, args=())


@pytest.fixture(params=END)
def end(request):
    return END[request.param]


@pytest.mark.parametrize("version", [V311, V5])
def test_session_its_subscriptions_and_what_waits_for_it(durable, end, version):
    with durable.peer(version) as c:
        keep(c, "c", present=False)
        c.subscribe("a/+", qos=1)
        c.subscribe("b", qos=2)
        c.disconnect()
    with durable.peer(version) as p:
        p.connect("p")
        for n in range(3):
            p.publish(f"a/{n}", f"one {n}", qos=1)
            p.publish("b", f"two {n}", qos=2)
    again(durable, end)
    with durable.peer(version) as c:
        keep(c, "c", present=True)
        got = [c.receive() for _ in range(6)]
        assert [p.payload for p in got if p.qos == 1] == [b"one 0", b"one 1", b"one 2"]
        assert [p.payload for p in got if p.qos == 2] == [b"two 0", b"two 1", b"two 2"]
        with durable.peer(version) as p:
            p.connect("p")
            p.publish("a/new", "x", qos=1)
        c.receive("a/new", "x")
    again(durable, end)
    with durable.peer(version) as c:
        keep(c, "c", present=True)
        c.send(mqtt.PINGREQ_BYTES)
        got = c.next()
        while end == signal.SIGKILL and got.kind in (mqtt.PUBLISH, mqtt.PUBREL):
            # Nobody was told that its last PUBACK and PUBCOMP were safe: those may be asked for again.
            assert got.kind == mqtt.PUBREL or got.topic == "a/new"
            got = c.next()
        assert got.kind == mqtt.PINGRESP


def test_what_was_unsubscribed_or_ended_stays_away(durable, end):
    with durable.peer(V5) as c, durable.peer(V5) as d, durable.peer(V5) as e:
        keep(c, "c")
        c.subscribe("t", "u", qos=1)
        c.unsubscribe("t")
        keep(d, "d")
        d.subscribe("t", qos=1)
        keep(e, "e")
        e.disconnect(properties={"session_expiry_interval": 0})
    with durable.peer(V5) as d:
        d.connect("d", clean=True)
    again(durable, end)
    with durable.peer(V5) as p:
        p.connect("p")
        p.publish("t", "no", qos=1)
        p.publish("u", "yes", qos=1)
    with durable.peer(V5) as c, durable.peer(V5) as d, durable.peer(V5) as e:
        keep(c, "c", present=True)
        c.receive("u", "yes")
        c.fence()
        keep(d, "d", present=False)
        keep(e, "e", present=False)


def test_retained_messages(durable, end):
    properties = {"content_type": "text/plain", "user_property": ("k", "v")}
    with durable.peer(V5) as p:
        p.connect("p")
        p.publish("kept", "old", qos=1, retain=True)
        p.publish("kept", "new", qos=1, retain=True, properties=properties)
        p.publish("gone", "x", qos=1, retain=True)
        p.publish("gone", "", qos=1, retain=True)
    again(durable, end)
    with durable.peer(V5) as c:
        c.connect("c")
        c.subscribe("kept", "gone", qos=1)
        got = c.receive("kept", "new", retain=True)
        assert got.props.get("content_type") == "text/plain"
        assert got.props.get("user_property") == ("k", "v")
        c.fence()


def test_exactly_once_goes_on_where_it_was(durable, end):
    """The publisher sends again what it was not told of, with DUP; the receiver is sent what it did not release."""
    with durable.peer(V5) as c, durable.peer(V5) as p:
        keep(c, "c")
        c.subscribe("t", qos=2)
        keep(p, "p")
        p.send(mqtt.publish("t", "once", 2, 7, version=V5))
        p.pick(mqtt.PUBREC, mid=7)
        first = c.expect(mqtt.PUBLISH, payload=b"once", qos=2)
        c.send(mqtt.ack(mqtt.PUBREC, first.mid))
        c.pick(mqtt.PUBREL, mid=first.mid)
        again(durable, end)
    with durable.peer(V5) as c, durable.peer(V5) as p:
        keep(c, "c", present=True)
        c.expect(mqtt.PUBREL, mid=first.mid)
        keep(p, "p", present=True)
        p.send(mqtt.publish("t", "once", 2, 7, dup=True, version=V5))
        p.pick(mqtt.PUBREC, mid=7)
        p.send(mqtt.ack(mqtt.PUBREL, 7))
        p.pick(mqtt.PUBCOMP, mid=7, code=0)
        c.send(mqtt.ack(mqtt.PUBCOMP, first.mid))
        c.fence()


def test_publish_that_was_under_way_comes_again_under_its_identifier(durable, end):
    """[MQTT5-4.4.0-1] [MQTT5-3.3.1-1]"""
    with durable.peer(V5) as c, durable.peer(V5) as p:
        keep(c, "c")
        c.subscribe("t", qos=2)
        p.connect("p")
        p.publish("t", "x", qos=2)
        first = c.expect(mqtt.PUBLISH, qos=2, dup=False)
        again(durable, end)
    with durable.peer(V5) as c:
        keep(c, "c", present=True)
        c.receive("t", "x", mid=first.mid, dup=True)
        c.fence()


def test_wills_of_those_who_were_connected(durable):
    """Killed, the broker could not publish them. [MQTT5-3.1.2-8]"""
    with durable.peer(V5) as c, durable.peer(V5) as lost, durable.peer(V311) as clean:
        keep(c, "c")
        c.subscribe("will/#", qos=1)
        keep(lost, "lost", will={"topic": "will/lost", "payload": "a", "qos": 1})
        clean.connect("clean", will={"topic": "will/clean", "payload": "b", "qos": 1, "retain": True})
        with durable.peer(V5) as polite:
            polite.connect("polite", will={"topic": "will/polite", "payload": "no", "qos": 1})
            polite.disconnect()
        c.publish("later", "x", qos=1, retain=True)  # nobody waits for a will to be written, and this comes behind
        durable.mark()
        again(durable, signal.SIGKILL)
    with durable.peer(V5) as c:
        keep(c, "c", present=True)
        assert {c.receive().topic, c.receive().topic} == {"will/lost", "will/clean"}
        c.fence()


def test_a_delayed_will_is_left_to_the_next_process(durable, end):
    """Whoever comes back in time, to whichever process, has not vanished. [MQTT5-3.1.3-9]"""
    with durable.peer(V5) as c, durable.peer(V5) as soon, durable.peer(V5) as late:
        keep(c, "c")
        c.subscribe("will/#", qos=1)
        for peer, topic, delay in ((late, "will/late", 600), (soon, "will/soon", 1)):
            keep(peer, topic[5:], will={"topic": topic, "payload": "x", "qos": 1,
                                        "properties": {"will_delay_interval": delay}})
        durable.mark()
        again(durable, end)
    with durable.peer(V5) as c:
        keep(c, "c", present=True)
        c.receive("will/soon")
        c.fence()


def test_share_group_goes_on(durable, end):
    with durable.peer(V5) as c:
        keep(c, "c")
        c.subscribe("$share/g/t", qos=1)
        c.disconnect()
    with durable.peer(V5) as p:
        p.connect("p")
        p.publish("t", "waits", qos=1)
    again(durable, end)
    with durable.peer(V5) as c:
        keep(c, "c", present=True)
        c.receive("t", "waits")
        c.fence()


def test_share_group_whose_members_are_all_away_loses_nothing(durable):
    """Each message is offered to another member of the group; it is acknowledged once one of them has it for sure."""
    for name in "ab":
        with durable.peer(V5) as c:
            keep(c, name)
            c.subscribe("$share/g/t", qos=1)
            c.disconnect()
    for n in range(6):                                     # in the home of one member, or of the other
        with durable.peer(V5) as p:
            p.connect(f"p{n}")
            for i in range(20):
                p.publish("t", f"{n} {i}", qos=1, code=0)
            again(durable, signal.SIGKILL)
    got = set()
    for name in "ab":
        with durable.peer(V5) as c, durable.peer(V5) as p:
            keep(c, name, present=True)
            c.subscribe("end", qos=1)
            p.connect("p")
            p.publish("end", "", qos=1)
            while (payload := c.receive().payload) != b"":
                got.add(payload)
            c.disconnect()
    assert got == {b"%d %d" % (n, i) for n in range(6) for i in range(20)}


def test_message_expiry_goes_on_while_nobody_runs(durable):
    with durable.peer(V5) as c:
        keep(c, "c")
        c.subscribe("t", qos=1)
        c.disconnect()
    with durable.peer(V5) as p:
        p.connect("p")
        p.publish("t", "long", qos=1, properties={"message_expiry_interval": 1000})
        p.publish("t", "short", qos=1, properties={"message_expiry_interval": 1})
    durable.signal(signal.SIGKILL)
    durable.process.wait(60)
    signal.sigtimedwait([], 1.2)
    durable.spawn()
    durable.wait_listening()
    with durable.peer(V5) as c:
        keep(c, "c", present=True)
        got = c.receive("t", "long")
        assert 990 <= got.props.get("message_expiry_interval") < 1000
        c.fence()


def backed_up(broker):
    """The path of one more backup."""
    mark = broker.log.mark
    broker.signal(signal.SIGUSR1)
    return broker.log.wait(r"The store is backed up as (\S+), in \d+ ms", mark)[1]


def damage(path):
    with open(path, "r+b") as f:
        size = f.seek(0, os.SEEK_END)
        f.seek(2 * 4096)
        f.write(b"\xa5" * (size - 2 * 4096))


def test_a_damaged_store_goes_on_from_its_newest_backup(durable):
    store = os.path.join(durable.dir, "store")
    with durable.peer(V5) as c, durable.peer(V5) as p:
        keep(c, "c")
        c.subscribe("t", qos=1)
        c.disconnect()
        p.connect("p")
        p.publish("t", "before", qos=1)
        p.publish("kept", "before", qos=1, retain=True)
        older = backed_up(durable)
        p.publish("t", "between", qos=1)
        newer = backed_up(durable)
        p.publish("t", "after", qos=1)
        p.publish("kept", "after", qos=1, retain=True)
    durable.kill()
    damage(os.path.join(store, "data.mdb"))
    damage(os.path.join(newer, "data.mdb"))
    durable.spawn()
    durable.wait_listening()
    said = durable.log.wait(r"is damaged \(.*\)\. It is put aside as (\S+)\. The backup of (\S+) (\S+) UTC \((\S+)\) is in "
                            r"its place\. What was acknowledged after that time is lost")
    assert said[4] == older
    assert os.path.basename(older).endswith("-" + said[2].replace("-", "") + "T" + said[3].replace(":", "") + "Z")
    durable.log.wait(f"The backup {re.escape(newer)} is of no use")
    with open(os.path.join(said[1], "report"), encoding="utf-8") as f:
        assert older in f.read()
    with durable.peer(V5) as c:
        keep(c, "c", present=True)
        c.receive("t", "before")
        c.fence()
        c.subscribe("kept")
        c.receive("kept", "before", retain=True)
    assert backed_up(durable) > older


def test_without_a_backup_a_damaged_store_begins_anew(durable):
    with durable.peer(V5) as c:
        keep(c, "c")
    durable.kill()
    damage(os.path.join(durable.dir, "store", "data.mdb"))
    durable.spawn()
    durable.wait_listening()
    durable.log.wait(r"There is no backup that is whole\. What it held is lost")
    with durable.peer(V5) as c:
        keep(c, "c", present=False)


def test_a_store_whose_file_is_gone_is_told_of(durable):
    """It was closed well; a first start has no such mark, and nothing to tell."""
    assert "is gone" not in durable.log.text
    end_of(durable, signal.SIGTERM)
    os.unlink(os.path.join(durable.dir, "store", "data.mdb"))
    durable.spawn()
    durable.wait_listening()
    durable.log.wait(r"is damaged \(its file is gone\)\. There is no backup that is whole")


def test_two_brokers_do_not_share_a_store(durable):
    other = Broker("nightjar", CONFIG.replace("{dir}", durable.dir), args=())
    try:
        with pytest.raises(NotStarted) as refused:
            other.start()
        assert refused.value.code == 1
        assert str(durable.process.pid) in refused.value.log
        assert os.path.join(durable.dir, "store") in refused.value.log
    finally:
        other.kill()


def test_nothing_is_kept_without_persistence(start, end):
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n", args=())
    with broker.peer(V5) as c:
        keep(c, "c")
    again(broker, end)
    with broker.peer(V5) as c:
        keep(c, "c", present=False)


def test_the_usual_place_is_told_by_the_port(start, tmp_path):
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\n", args=(), env={"XDG_STATE_HOME": str(tmp_path)})
    place = tmp_path / "nightjar" / str(broker.port)
    assert stat.S_IMODE(place.stat().st_mode) == 0o700
    broker.log.wait(re.escape(f"kept in {place}: what is acknowledged is on the disk."))


def test_without_a_word_all_of_it_is_kept(start, end):
    """persistence is true where a configuration does not say otherwise, also with a place for it alone."""
    for config in "", "persistence_location {dir}/here/\n":
        broker = start("listener {port} 127.0.0.1\nallow_anonymous true\n" + config, args=())
        with broker.peer(V5) as c:
            keep(c, "c", present=False)
        again(broker, end)
        with broker.peer(V5) as c:
            keep(c, "c", present=True)
    assert stat.S_IMODE(os.stat(os.path.join(broker.dir, "here")).st_mode) == 0o700


def test_the_next_broker_on_a_port_goes_on_from_the_one_before(start, tmp_path):
    """Two in turn, of two configurations, with the same usual place."""
    first = start("listener {port} 127.0.0.1\nallow_anonymous true\n", args=(), env={"XDG_STATE_HOME": str(tmp_path)})
    with first.peer(V5) as c:
        keep(c, "c", present=False)
    first.signal(signal.SIGTERM)
    assert first.wait() == 0
    second = Broker("nightjar", "allow_anonymous true\nlistener {port}\n", args=(), env={"XDG_STATE_HOME": str(tmp_path)})
    second.port = second.port2 = first.port
    second.spawn()
    try:
        second.wait_listening()
        with second.peer(V5) as c:
            keep(c, "c", present=True)
    finally:
        assert second.stop() == 0


@pytest.mark.parametrize("place", ["XDG_STATE_HOME", "persistence_location"])
def test_a_place_that_cannot_be_made_is_refused_with_the_mend(start, place):
    """Rather than to run without: who starts it believes that it keeps its word."""
    is_said = place == "persistence_location"
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\n"
                   + ("persistence_location /dev/null/here\n" if is_said else ""), wait=False,
                   args=(), env=None if is_said else {"XDG_STATE_HOME": "/dev/null"})
    assert broker.wait() == 1
    where = "/dev/null/here" if is_said else f"/dev/null/nightjar/{broker.port}"
    broker.log.wait(f"Error: Unable to make the directory {where}: Not a directory")
    broker.log.wait("persistence_location.* or say persistence false")
    without = start("listener {port} 127.0.0.1\nallow_anonymous true\npersistence false\n", args=(),
                    env={"XDG_STATE_HOME": "/dev/null"})
    without.log.wait("end with this process")


def become_nobody():
    if os.getuid() == 0:
        os.setgroups([])
        os.setgid(pwd.getpwnam("nobody").pw_gid)
        os.setuid(pwd.getpwnam("nobody").pw_uid)


@pytest.mark.parametrize("home, why", [("", "HOME is not set"), ("/dev/null", "/dev/null/.local/state/nightjar")])
def test_without_a_home_it_asks_for_a_place(start, home, why):
    """As in a container that runs as another user; root's is below /var/lib."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\n", wait=False, args=(), preexec=become_nobody,
                   env={"XDG_STATE_HOME": "", "HOME": home})
    assert broker.wait() == 1
    broker.log.wait(why)
    broker.log.wait("persistence_location.* or say persistence false")


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another")
def test_root_makes_the_place_for_whom_the_broker_becomes(start):
    """Its folders above are root's: the other could not make it. One that is there already is left as it is."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\npersistence_location {dir}/a/b/\nuser nobody\n",
                   args=())
    place = os.path.join(broker.dir, "a", "b")
    assert (os.stat(place).st_uid, stat.S_IMODE(os.stat(place).st_mode)) == (pwd.getpwnam("nobody").pw_uid, 0o700)
    assert (os.stat(os.path.dirname(place)).st_uid, os.stat(os.path.dirname(place)).st_mode & 0o777) == (0, 0o755)
    broker.signal(signal.SIGTERM)
    assert broker.wait() == 0
    os.chown(place, 0, 0)
    broker.spawn()
    assert broker.wait() == 1
    broker.log.wait(f"{re.escape(place)}.*Permission denied")
    broker.log.wait(rf"As root: chown -R {pwd.getpwnam('nobody').pw_uid} {re.escape(place)}")
    assert os.stat(place).st_uid == 0


def test_what_mosquitto_has_saved_there_is_told_of():
    """It is not read, and who comes from Mosquitto is told what reads it; once there is a store, no more."""
    broker = Broker("nightjar", CONFIG, args=())
    place = os.path.join(broker.dir, "store")
    os.mkdir(place)
    with open(os.path.join(place, "mosquitto.db"), "wb"):
        pass
    broker.start()
    broker.log.wait(re.escape(f"nightjar migrate run {place}/mosquitto.db {place}"))
    again(broker, signal.SIGTERM)
    assert broker.stop() == 0
    assert "migrate" not in broker.log.text


@pytest.mark.parametrize("durability", ["interval 20", "none"])
def test_other_promises_survive_a_stop(start, durability):
    broker = start(CONFIG + f"durability {durability}\n", args=())
    with broker.peer(V5) as c, broker.peer(V5) as p:
        keep(c, "c")
        c.subscribe("t", qos=1)
        c.disconnect()
        p.connect("p")
        p.publish("t", "x", qos=1)
    again(broker, signal.SIGTERM)
    with broker.peer(V5) as c:
        keep(c, "c", present=True)
        c.receive("t", "x")


def test_another_number_of_workers_finds_all_of_it(start, end):
    """Sessions have another home then, and messages numbers of homes that are no more."""
    broker = start(CONFIG + "workers 3\n", args=())
    names = [f"c{n}" for n in range(12)]
    for name in names:
        with broker.peer(V5) as c:
            keep(c, name)
            c.subscribe(f"{name}/+", qos=2)
    for round_, workers in enumerate((1, 4, 2)):
        with broker.peer(V5) as p:
            p.connect("p")
            for name in names:
                p.publish(f"{name}/{round_}", f"one {round_}", qos=1)
                p.publish(f"{name}/{round_}", f"two {round_}", qos=2)
        broker.config = CONFIG + f"workers {workers}\n"
        again(broker, end)
        for name in names:
            with broker.peer(V5) as c:
                keep(c, name, present=True)
                assert [(p.qos, p.payload) for p in (c.receive(), c.receive())] == \
                    [(1, b"one %d" % round_), (2, b"two %d" % round_)]
                # Its last acknowledgements have been told, before what p publishes next and is told to be safe.
                c.send(mqtt.PINGREQ_BYTES)
                c.expect(mqtt.PINGRESP)
