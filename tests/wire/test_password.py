# SPDX-License-Identifier: Apache-2.0
"""User names and passwords against a password file that Debian's mosquitto_passwd has made."""
import os
import shutil
import signal
import socket
import ssl
import subprocess
import threading
import time

import pytest

from conftest import each_version
from support import mqtt
from support.broker import Broker, NotStarted
from support.certs import Authority
from support.mqtt import CONNACK, V5, V311

CONFIG = "listener {port} 127.0.0.1\npassword_file {dir}/users\nlistener {port2} 127.0.0.1\n"
USERS = {"alice": ("secret", "sha512-pbkdf2"), "bob": ("pass word:1", "sha512"), "größe": ("ß", "sha512-pbkdf2")}
PASSWD = shutil.which("mosquitto_passwd")

pytestmark = pytest.mark.skipif(PASSWD is None, reason="mosquitto_passwd is missing")


def write_users(directory, users):
    path = os.path.join(directory, "users")
    with open(path + ".new", "w", encoding="utf-8"):
        os.chmod(path + ".new", 0o600)
    for name, (password, kind) in users.items():
        subprocess.run([PASSWD, "-H", kind, "-b", path + ".new", name, password], check=True)
    os.rename(path + ".new", path)


def broker_with_users(kind, config, users=None, **kw):
    broker = Broker(kind, config, **kw)
    write_users(broker.dir, USERS if users is None else users)
    return broker


@pytest.fixture(scope="module")
def module_broker(broker_kind):
    broker = broker_with_users(broker_kind, CONFIG)
    broker.start()
    yield broker
    assert broker.stop() == 0


@pytest.fixture
def start_with_users(request, broker_kind):
    started = []

    def run(config=CONFIG, users=None, **kw):
        started.append(broker_with_users(broker_kind, config, users, **kw))
        request.node.brokers = started
        return started[-1].start()

    yield run
    codes = [b.stop() for b in started if b.exit_code is None]
    assert codes == [0] * len(codes)


def refused(version):
    return 0x87 if version == V5 else 5


# ------------------------------------------------------------------- who is let in

@each_version
@pytest.mark.parametrize("name", USERS)
def test_right_password_lets_in(client, version, name):
    client(version, username=name, password=USERS[name][0]).fence()


REFUSED = {
    "nobody": {}, "wrong password": {"username": "alice", "password": "Secret"},
    "another's password": {"username": "alice", "password": "pass word:1"},
    "empty password": {"username": "alice", "password": ""},
    "no password": {"username": "alice"},
    "unknown": {"username": "carol", "password": "secret"},
    "unknown without password": {"username": "carol"},
    "empty name": {"username": "", "password": "secret"},
    "long password": {"username": "alice", "password": "x" * 65535},
}


@each_version
@pytest.mark.parametrize("who", REFUSED)
def test_everybody_else_is_refused_in_the_same_words(client, version, who):
    """The client cannot tell an unknown user from a wrong password. [MQTT5-3.1.4-2]"""
    peer = client.raw(version)
    connack = peer.connect("x", code=refused(version), **REFUSED[who])
    assert connack.session_present is False
    if version == V5:
        assert connack.props.get("reason_string") in (None, "not authorised")
    peer.expect_closed()


def test_password_ends_before_its_first_nul(client):
    """Clients that send a terminating NUL along have always been let in."""
    client(username="alice", password=b"secret\0")
    peer = client.raw()
    peer.connect("x", code=5, username="alice", password=b"\0secret")


def test_password_without_name_is_anonymous(client):
    """A user name is what somebody is known by; MQTT 5 allows a password alone."""
    client.raw(V5).connect("x", code=0x87, password="secret")


def test_log_tells_the_operator_what_was_wrong(client, broker, broker_kind):
    if broker_kind == "mosquitto":
        pytest.skip("the line is ours")
    for who, words in (("nobody", "no user name, and anonymous clients are not allowed."),
                       ("wrong password", r"wrong password \(u'alice'\)."),
                       ("unknown", r"unknown user \(u'carol'\)."),
                       ("no password", r"user name without password \(u'alice'\).")):
        mark = broker.log.mark
        client.raw().connect("who", code=5, **REFUSED[who])
        broker.log.wait(rf"Client who \[127.0.0.1:\d+\] refused: {words}$", mark)
        broker.log.wait(r"Client who \[127.0.0.1:\d+\] disconnected: not authorised\.$", mark)
    assert "secret" not in broker.log.text.lower()


def test_log_names_the_user(client, broker):
    peer = client(username="alice", password="secret")
    broker.log.wait(r"New client connected from 127.0.0.1:\d+ as \S+ \(p\d, c1, k60, u'alice'\)\.$")
    peer.fence()


def test_refused_client_disturbs_nobody_of_its_name(client, uid):
    """No take-over and no session before the password fits. [MQTT5-3.1.4-3]"""
    first = client(V5, uid, username="alice", password="secret", clean=False,
                   properties={"session_expiry_interval": 100})
    first.subscribe(f"{uid}/x", qos=1)
    for _ in range(20):
        client.raw(V5).connect(uid, code=0x87, username="alice", password="no", clean=True)
    first.fence()
    client(username="bob", password="pass word:1").publish(f"{uid}/x", b"still", qos=1)
    first.receive(f"{uid}/x", b"still")


def test_packets_behind_connect_wait_for_the_password(client, uid):
    """A client need not wait for CONNACK. [MQTT5-3.1.4-5]"""
    peer = client.raw(V5)
    peer.send(mqtt.connect(uid, V5, username="alice", password="secret")
              + mqtt.subscribe(1, [(f"{uid}/#", 0)], V5) + mqtt.publish(f"{uid}/a", b"1", version=V5))
    peer.expect(CONNACK, code=0)
    peer.pick(mqtt.SUBACK)
    peer.receive(f"{uid}/a", b"1")


def test_packets_behind_a_refused_connect_have_no_effect(client, uid):
    """[MQTT5-3.1.4-6]"""
    watcher = client(V5, username="alice", password="secret")
    watcher.subscribe(f"{uid}/#")
    peer = client.raw(V5)
    peer.send(mqtt.connect(uid, V5, username="alice", password="wrong")
              + mqtt.publish(f"{uid}/a", b"1", version=V5, retain=True))
    peer.expect(CONNACK, code=0x87)
    peer.expect_closed()
    watcher.publish(f"{uid}/b", b"2")
    watcher.receive(f"{uid}/b", b"2")


def test_peers_that_go_while_their_password_is_checked(client, broker):
    for i in range(200):
        peer = client.raw()
        peer.send(mqtt.connect(f"gone{i}", username="alice", password="secret"))
        peer.reset() if i % 2 else peer.close()
    client(username="alice", password="secret").fence()


def test_password_of_mqtt_over_second_listener_is_asked_too(client, broker):
    """Without per_listener_settings a password file is everybody's."""
    peer = broker.peer(port=broker.port2)
    peer.connect("x", code=5)
    peer.close()


def memory_of(pid):
    """All that a process has written to and could still read, piece by piece."""
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb", 0) as mem:
        for line in maps:
            fields = line.split()
            begin, end = (int(n, 16) for n in fields[0].split("-"))
            if not fields[1].startswith("rw") or end - begin > 1 << 30:    # a sanitizer's shadow
                continue
            try:
                mem.seek(begin)
                yield mem.read(end - begin)
            except OSError:
                continue


def test_password_is_nowhere_in_memory_once_it_was_checked(start_with_users, tmp_path):
    """Neither one that fits nor one that does not, plain or through TLS."""
    certs = Authority(str(tmp_path))
    certs.issue("broker", sans="DNS:localhost,IP:127.0.0.1")
    right, wrong = "right-" + os.urandom(9).hex(), "wrong-" + os.urandom(9).hex()
    broker = start_with_users("listener {port} 127.0.0.1\npassword_file {dir}/users\nlistener {port2} 127.0.0.1\n"
                              f"certfile {certs.path('broker.crt')}\nkeyfile {certs.path('broker.key')}\n",
                              users={"alice": (right, "sha512-pbkdf2")})
    peers = []
    context = ssl.create_default_context(cafile=certs.ca)
    for port in (broker.port, broker.port2):
        for password, code in ((right, 0), (wrong, 5)):
            for in_pieces in (False, True):
                p = broker.peer(port=port)
                peers.append(p)
                if port == broker.port2:
                    p.sock = context.wrap_socket(p.sock, server_hostname="localhost")
                packet = mqtt.connect(f"c{p.port}", username="alice", password=password)
                p.send_slowly(packet, 40) if in_pieces else p.send(packet)
                p.expect(CONNACK, code=code)
    left = [what for what in (right, wrong) if any(what.encode() in piece for piece in memory_of(broker.process.pid))]
    assert left == []


# ------------------------------------------------------------------- settings

def test_anonymous_may_be_allowed_beside_users(start_with_users):
    broker = start_with_users("listener {port} 127.0.0.1\npassword_file {dir}/users\nallow_anonymous true\n")
    for version in mqtt.VERSIONS:
        broker.peer(version).connect("a")
        broker.peer(version).connect("b", username="alice", password="secret")
        broker.peer(version).connect("c", code=refused(version), username="alice", password="x")
        broker.peer(version).connect("d", code=refused(version), username="carol", password="x")
        broker.peer(version).connect("e", code=refused(version), username="alice")


def test_settings_may_belong_to_listeners(start_with_users):
    broker = start_with_users("per_listener_settings true\nlistener {port} 127.0.0.1\npassword_file {dir}/users\n"
                              "listener {port2} 127.0.0.1\nallow_anonymous true\n")
    broker.peer().connect("a", username="alice", password="secret")
    broker.peer().connect("b", code=5)
    broker.peer(port=broker.port2).connect("c")
    broker.peer(port=broker.port2).connect("d", username="alice", password="anything")


def test_listener_may_allow_anonymous_alone(start_with_users, broker_kind):
    if broker_kind == "mosquitto":
        pytest.skip("listener_allow_anonymous is new in 2.1")
    broker = start_with_users("password_file {dir}/users\nlistener {port} 127.0.0.1\n"
                              "listener {port2} 127.0.0.1\nlistener_allow_anonymous true\n")
    broker.peer().connect("a", code=5)
    broker.peer(port=broker.port2).connect("b")
    broker.peer(port=broker.port2).connect("c", code=5, username="alice", password="x")


def test_user_name_may_become_the_client_id(start_with_users):
    broker = start_with_users("listener {port} 127.0.0.1\nuse_username_as_clientid true\n"
                              "password_file {dir}/users\n")
    peer = broker.peer(V5)
    peer.connect("whatever", username="alice", password="secret")
    broker.log.wait(r"New client connected from \S+ as alice ")
    broker.peer(V5).connect("alice", code=0x87, username="alice", password="wrong")
    peer.fence()
    broker.peer(V5).connect("alice", code=0x87)


# ------------------------------------------------------------------- files

def ends_with(broker_kind, config, prepare):
    broker = broker_with_users(broker_kind, config)
    prepare(os.path.join(broker.dir, "users"))
    with pytest.raises(NotStarted) as failure:
        broker.start()
    return failure.value.code, failure.value.log


def test_missing_file_ends_the_start_with_13(broker_kind):
    code, log = ends_with(broker_kind, CONFIG, os.unlink)
    assert code == 13 and "Unable to open" in log and "users" in log


@pytest.mark.parametrize("line, words", (
    ("carol:plain", "'carol': the password is not hashed"), ("carol:", "nothing behind its ':'"),
    ("alice:$6$AAAA$BBBB", "stands here for the second time"), (":x", "no name before its ':'"),
    ("carol:$7$1$x$y", "salt")))
def test_mistake_ends_the_start_by_file_and_line(broker_kind, line, words):
    def append(path):
        with open(path, "a", encoding="utf-8") as f:
            f.write("# comment\n\n" + line + "\n")

    code, log = ends_with(broker_kind, CONFIG, append)
    assert code == 3 and words in log and "/users:6." in log


def test_rights_for_everybody_are_warned_of(broker_kind):
    if broker_kind == "mosquitto":
        pytest.skip("new in 2.1")
    broker = broker_with_users(broker_kind, CONFIG)
    os.chmod(os.path.join(broker.dir, "users"), 0o644)
    broker.start()
    broker.log.wait(r"Warning: File \S+/users has world readable permissions")
    assert broker.stop() == 0


# ------------------------------------------------------------------- reload

def test_reload_knows_new_users_and_forgets_old_ones(start_with_users):
    broker = start_with_users()
    alice, bob = broker.peer(V5), broker.peer()
    alice.connect("a", username="alice", password="secret")
    bob.connect("b", username="bob", password="pass word:1")
    with open(os.path.join(broker.dir, "users"), encoding="utf-8") as f:
        kept = [line for line in f if line.startswith("alice:")]
    write_users(broker.dir, {"carol": ("new", "sha512")})
    with open(os.path.join(broker.dir, "users"), "a", encoding="utf-8") as f:
        f.writelines(kept)
    broker.signal(signal.SIGHUP)
    bob.expect_closed()
    alice.fence()
    broker.peer(V5).connect("c", username="carol", password="new")
    broker.peer(V5).connect("b", code=0x87, username="bob", password="pass word:1")


def test_reload_with_a_mistake_changes_nothing(start_with_users, broker_kind):
    if broker_kind == "mosquitto":
        pytest.skip("2.0 passes over the line, 2.1 ends")
    broker = start_with_users()
    alice = broker.peer(V5)
    alice.connect("a", username="alice", password="secret")
    with open(os.path.join(broker.dir, "users"), "w", encoding="utf-8") as f:
        f.write("alice:plain\n")
    broker.signal(signal.SIGHUP)
    broker.log.wait("The configuration in force stays as it was")
    alice.fence()
    broker.peer(V5).connect("b", username="alice", password="secret")


def test_reload_that_forbids_the_anonymous_ends_them(start_with_users):
    config = "listener {port} 127.0.0.1\nallow_anonymous %s\npassword_file {dir}/users\n"
    broker = start_with_users(config % "true")
    alice, nobody = broker.peer(), broker.peer()
    alice.connect("a", username="alice", password="secret")
    nobody.connect("n")
    broker.write_config(config % "false")
    broker.signal(signal.SIGHUP)
    nobody.expect_closed()
    alice.fence()


# ------------------------------------------------------------------- a storm

def storm(port, count, name="alice"):
    """`count` CONNECTs with a wrong password, at once; the answers."""
    sockets = []
    for i in range(count):
        s = socket.create_connection(("127.0.0.1", port), 30)
        s.sendall(mqtt.connect(f"storm{i}", username=name, password="wrong"))
        sockets.append(s)
    answers = []
    for s in sockets:
        s.settimeout(60)
        answers.append(s.recv(4))
        s.close()
    return answers


def test_storm_of_wrong_passwords_does_not_delay_who_is_connected(client, broker, uid):
    """A thousand hashes take a second of processor time; a message takes its usual way meanwhile."""
    peer = client(username="alice", password="secret")
    peer.subscribe(f"{uid}/tick")
    answers, delays = [], []
    thread = threading.Thread(target=lambda: answers.extend(storm(broker.port, 1000)))
    thread.start()
    while thread.is_alive() or len(delays) < 20:
        begun = time.monotonic()
        peer.publish(f"{uid}/tick", b"x")
        peer.receive(f"{uid}/tick", b"x", timeout=60)
        delays.append(time.monotonic() - begun)
    thread.join()
    assert set(answers) <= {b"\x20\x02\x00\x05", b"\x20\x02\x00\x03"} and len(answers) == 1000
    delays.sort()
    assert delays[len(delays) // 2] < 0.1, (len(delays), delays[-5:])
    print(f"{len(delays)} messages, median {delays[len(delays) // 2] * 1e3:.2f} ms, "
          f"99th percentile {delays[len(delays) * 99 // 100] * 1e3:.2f} ms")


@pytest.fixture
def slow_hashes(start_with_users, broker_kind):
    """A broker that takes long for alice's password, and bob as a client of it."""
    if broker_kind == "mosquitto":
        pytest.skip("it checks them one after the other, and does nothing else meanwhile")
    broker = start_with_users()
    with open(os.path.join(broker.dir, "users"), encoding="utf-8") as f:
        lines = f.read().splitlines()
    slow = [line.replace("$7$101$", "$7$100000$") for line in lines if line.startswith("alice:")]
    with open(os.path.join(broker.dir, "users"), "w", encoding="utf-8") as f:
        f.write("\n".join(slow + [line for line in lines if line.startswith("bob:")]) + "\n")
    watcher = broker.peer()
    watcher.connect("w", username="bob", password="pass word:1")
    broker.signal(signal.SIGHUP)
    broker.log.wait("Reloading config")
    watcher.fence()
    return broker, watcher


def test_end_of_the_broker_refuses_who_waits_for_his_password(slow_hashes):
    """CONNACK has no code 0x8B: the server is unavailable. [MQTT5-3.2.2-8]"""
    broker, _ = slow_hashes
    waiting = [broker.peer(version) for version in (V311, V5) * 20]
    for i, peer in enumerate(waiting):
        peer.send(mqtt.connect(f"s{i}", version=peer.version, username="alice", password="secret"))
        broker.log.wait(f"New connection from 127.0.0.1:{peer.port} ")
    broker.signal(signal.SIGTERM)
    codes = {(peer.version, peer.expect(CONNACK).code) for peer in waiting}
    assert codes - {(V311, refused(V311)), (V5, refused(V5))} == {(V311, 3), (V5, 0x88)}
    assert broker.wait() == 0


def test_more_passwords_than_may_wait_are_refused_as_busy(slow_hashes):
    """Slow hashes fill the queue: 1,024 wait, the rest is refused at once, and the broker goes on."""
    broker, watcher = slow_hashes
    sockets = []
    mark = broker.log.mark
    for i in range(1100):
        s = socket.create_connection(("127.0.0.1", broker.port), 30)
        s.sendall(mqtt.connect(f"s{i}", username="alice", password="wrong"))
        sockets.append(s)
    broker.log.wait(r"refused: too many passwords wait to be checked \(u'alice'\)\.$", mark)
    watcher.fence()
    for s in sockets:
        s.close()
    watcher.fence()
