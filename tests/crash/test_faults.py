# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""A disk that is full, fails or may not be written, memory that is refused, a clock that jumps: what was acknowledged
is there after the next start, nothing is acknowledged that is not, and where the fault passes, so does the refusal."""
import ctypes
import errno
import os
import random
import shutil
import signal
import socket
import subprocess
import time

import pytest

import powerloss
from powerloss import Control, Disk
from support import mqtt, peer
from support.broker import NIGHTJAR, Broker, NotStarted
from support.mqtt import CONNACK, PUBACK, PUBCOMP, PUBLISH, PUBREC, PUBREL, V311, V5

CONFIG = """listener {port} 127.0.0.1
allow_anonymous true
max_queued_messages 0
persistence true
persistence_location {dir}/store
durability always
"""
QUOTA_EXCEEDED = 0x97
FOR_EVER = 0xFFFFFFFF
HOUR_NS, DAY_NS = 3600 * 10**9, 24 * 3600 * 10**9
CLONE_NEWNS, MS_RDONLY, MS_REC, MS_PRIVATE = 0x20000, 1, 0x4000, 1 << 18
# No answer is an answer where the disk fails: what was taken before that was known waits.
PATIENCE_S = 1

needs_shim = pytest.mark.skipif(not os.path.exists(powerloss.SHIM), reason="no powerloss.so in this build")
needs_root = pytest.mark.skipif(os.getuid() != 0, reason="mount namespaces are made by root only")


def is_sanitized():
    """Its allocator is not the C library's, and gives up by itself."""
    return os.path.basename(os.path.realpath(powerloss.build_dir())) in ("asan", "tsan")


class Books:
    """One persistent subscriber that is away, and what it is owed."""

    def __init__(self, broker, version=V5, expiry=3600):
        self.broker, self.version, self.expiry, self.number = broker, version, expiry, 0
        self.qos = {}                                     # number ->
        self.acknowledged, self.in_doubt, self.refused = [], [], []
        with self.connect("sub") as sub:
            sub.subscribe("f/#", qos=2)
            sub.disconnect()

    def connect(self, name, version=None):
        version = version or self.version
        p = self.broker.peer(version)
        kw = {"properties": {"session_expiry_interval": self.expiry}} if version == V5 else {}
        p.connect(name, clean=False, **kw)
        return p

    def payload(self, number):
        return b"%d " % number + bytes(number * 7 % 251 for _ in range(number * 53 % 3000))

    def send(self, pub, qos=1):
        """Its number."""
        self.qos[self.number] = qos
        self.number += 1
        pub.send(mqtt.publish("f/t", self.payload(self.number - 1), qos, pub.mid(), version=pub.version))
        return self.number - 1

    def answer(self, pub, number, qos=1, patience=None):
        """True: acknowledged. False: refused, the connection has ended, or no answer in time; all but the first may
        come all the same: DISCONNECT speaks of the connection, not of a message."""
        try:
            answer = pub.next(patience)
            if answer.kind == mqtt.DISCONNECT:
                raise peer.Closed(f"DISCONNECT {answer.code:#x}")
            if answer.code >= 0x80:
                self.refused.append(number)
                return False
            assert answer.kind == (PUBACK if qos == 1 else PUBREC)
            self.acknowledged.append(number)
            if qos == 2:
                pub.send(mqtt.ack(PUBREL, answer.mid)).expect(PUBCOMP, patience, mid=answer.mid)
            return True
        except (peer.Closed, ConnectionError, AssertionError) as e:
            if isinstance(e, AssertionError) and patience is None:
                raise
            if number not in self.acknowledged:
                self.in_doubt.append(number)
            return False

    def publish_some(self, count, qos=1, patience=None):
        """On one connection, a new one after each that is closed or says nothing; how many were acknowledged."""
        done, pub = 0, None
        for _ in range(count):
            try:
                if pub is None:
                    pub = self.broker.peer(self.version)
                    pub.connect("pub-clean")
                number = self.send(pub, qos)
            except (AssertionError, ConnectionError, OSError) as e:
                if isinstance(e, AssertionError) and patience is None:
                    raise
                pub = pub and pub.close()
                continue
            if self.answer(pub, number, qos, patience):
                done += 1
            elif number in self.in_doubt:
                pub = pub.close()
        if pub:
            pub.close()
        return done

    def publish_into(self, fault, count=1):
        """While the disk takes nothing: one waits, as it was taken before that was known; the others are refused.
        The connection of the first is returned, with its number."""
        first = self.broker.peer(self.version)
        first.connect("pub-first")
        number = self.send(first)
        self.broker.log.wait(fault)
        assert self.publish_some(count) == 0
        return first, number

    def healed(self, first, number):
        """The one that waited is acknowledged, and others are again."""
        assert self.answer(first, number)
        first.close()
        wait_until(lambda: self.publish_some(1) == 1)

    def balance(self):
        """The subscriber comes back and gets what it is owed, once and in order."""
        with self.connect("sub") as sub:
            sub.send(b"")
            came, fences = [], set()
            with self.connect("fence") as fence:           # QoS 2 waits for the store, and QoS 1 passes it
                fence.send(mqtt.publish("f/t", b"-1 ", 1, 1, version=fence.version)).expect(PUBACK, code=0)
                fence.send(mqtt.publish("f/t", b"-2 ", 2, 2, version=fence.version)).expect(PUBREC, code=0)
            while len(fences) < 2:
                p = sub.pick(PUBLISH)
                number = int(p.payload.split(b" ", 1)[0])
                sub.send(mqtt.ack(PUBACK if p.qos == 1 else PUBREC, p.mid))
                if p.qos == 2:
                    sub.pick(PUBREL, mid=p.mid)
                    sub.send(mqtt.ack(PUBCOMP, p.mid))
                if number < 0:
                    fences.add(number)
                    continue
                assert p.payload == self.payload(number)
                came.append(number)
            sub.disconnect()
        assert len(came) == len(set(came)), "doubled"
        for qos in (1, 2):
            of_one = [n for n in came if self.qos[n] == qos]
            assert of_one == sorted(of_one), f"out of order at QoS {qos}"
        lost = sorted(set(self.acknowledged) - set(came))
        assert not lost, f"{len(lost)} of {len(self.acknowledged)} acknowledged are lost: {lost[:10]}"
        allowed = set(self.acknowledged) | set(self.in_doubt)
        assert set(came) <= allowed, f"refused, and came: {sorted(set(came) - allowed)[:10]}"
        self.acknowledged, self.in_doubt = [], []
        return came


class Faulty:
    """A broker under the shim, with the page by which its faults are asked for."""

    def __init__(self, config=CONFIG, env=None, journals=False):
        self.broker = Broker("nightjar", config, args=())
        self.store = os.path.join(self.broker.dir, "store")
        os.mkdir(self.store, 0o700)
        self.control = Control(os.path.join(self.broker.dir, "control"))
        self.journal = os.path.join(self.broker.dir, "journal") if journals else None
        self.copy = os.path.join(self.broker.dir, "before")
        self.env = env or {}
        self.start()

    def start(self):
        if self.journal:
            powerloss.copy(self.store, self.copy)
            if os.path.exists(self.journal):
                os.unlink(self.journal)
        self.broker.env = {**self.env, **powerloss.environment(self.store, self.journal, self.control)}
        if self.broker.process is None:
            self.broker.start()
        else:
            self.broker.spawn()
            self.broker.wait_listening()

    def crash(self, cuts=None):
        """kill -9, or a power cut; and the next life, without faults."""
        self.broker.kill()
        if cuts is not None:
            Disk(self.copy).replay(self.journal).cut(random.Random(cuts), self.store, "none")
        self.control.heal()
        self.start()

    def end(self):
        self.broker.kill()
        shutil.rmtree(self.broker.dir, ignore_errors=True)


@pytest.fixture
def faulty(request, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("the store is nightjar's")
    made = []

    def make(*args, **kw):
        made.append(Faulty(*args, **kw))
        request.node.brokers = [f.broker for f in made]
        return made[-1]

    yield make
    for f in made:
        f.end()


# ------------------------------------------------------------------------------ the disk

@needs_shim
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("version", [V311, V5], ids=["v4", "v5"])
def test_full_disk_is_said_nothing_is_lost_and_it_heals(faulty, version, number):
    f = faulty()
    books = Books(f.broker, version)
    assert books.publish_some(20) == 20
    f.control.fail("write", number)
    first = books.publish_into(os.strerror(number), 6)
    assert books.publish_some(3, qos=2) == 0
    f.control.heal()
    books.healed(*first)
    assert books.publish_some(20, qos=2) == 20
    f.crash()
    books.balance()


@needs_shim
@pytest.mark.parametrize("comes, expiry", [("before", 3600), ("after", FOR_EVER), ("after", 3600)])
def test_a_full_disk_lets_the_queues_be_drained(faulty, comes, expiry):
    f = faulty()
    books = Books(f.broker, expiry=expiry)
    assert books.publish_some(50) == 50
    with f.broker.peer(V5) as sub:
        if comes == "before":
            sub.connect("sub", clean=False, properties={"session_expiry_interval": expiry, "receive_maximum": 5})
            assert sub.pick(PUBLISH, payload=books.payload(0)).mid == 1
        f.control.fail("write", errno.ENOSPC)
        first = books.publish_into("No space left", 3)
        if comes == "after":
            sub.send(mqtt.connect("sub", V5, clean=False, properties={"session_expiry_interval": expiry}))
            p = sub.expect(CONNACK, timeout=PATIENCE_S, code=0, session_present=True)
        else:
            sub.send(mqtt.ack(PUBACK, 1))
        for n in range(1 if comes == "before" else 0, 50):
            p = sub.pick(PUBLISH)
            assert p.payload == books.payload(n)
            sub.send(mqtt.ack(PUBACK, p.mid))
    f.control.heal()
    # What the subscriber acknowledged while nothing could be written may come again, and is not missing.
    books.in_doubt, books.acknowledged = books.acknowledged, []
    books.healed(*first)
    f.crash()
    books.balance()


@needs_shim
@pytest.mark.parametrize("starts", [1, 2])
def test_a_session_that_came_back_to_a_full_disk_is_there_after_a_start(faulty, starts):
    """The disk knows of the end of the connection before only, and that its interval has passed since."""
    f = faulty()
    books = Books(f.broker)
    left(f.broker, "sub")
    assert books.publish_some(1) == 1                      # the end of the connection is on disk with it
    f.control.fail("write", errno.ENOSPC)
    first, _ = books.publish_into("No space left")
    with f.broker.peer(V5) as sub:
        sub.connect("sub", clean=False, present=True, properties={"session_expiry_interval": 3600})
    first.close()
    f.control.wall_offset_ns = 2 * HOUR_NS
    for _ in range(starts):
        f.crash()
    with f.broker.peer(V5) as sub:
        sub.connect("sub", clean=False, present=True, properties={"session_expiry_interval": 3600})
    books.balance()


@needs_shim
def test_who_waits_for_room_is_named_and_answered_once_there_is_some(faulty):
    """Its CONNACK promises that its will is safe, which cannot be written."""
    f = faulty()
    books = Books(f.broker)
    f.control.fail("write", errno.ENOSPC)
    first = books.publish_into("No space left")
    with f.broker.peer(V5) as sub:
        sub.send(mqtt.connect("sub", V5, clean=False, will={"topic": "w", "payload": b"bye"},
                              properties={"session_expiry_interval": 3600}))
        f.broker.log.wait("Client sub waits for its CONNACK: the store takes no more")
        f.control.heal()
        sub.expect(CONNACK, timeout=PATIENCE_S, code=0, session_present=True)
    books.healed(*first)


@needs_shim
@pytest.mark.parametrize("after", [0, 1, 2, 5, 9])
def test_a_write_that_finds_no_room_breaks_no_promise(faulty, after):
    """The nth write from now on, wherever in a commit it falls; one write long."""
    f = faulty()
    books = Books(f.broker)
    f.control.fail("write", errno.ENOSPC, after=after, count=1)
    books.publish_some(15)
    assert f.control.writes > after
    f.crash()
    books.balance()


@needs_shim
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT], ids=errno.errorcode.get)
@pytest.mark.parametrize("cuts", range(4))
def test_a_sync_that_finds_no_room_heals(faulty, number, cuts):
    """As on a file system that copies on write, or with quotas. Every other sync is that of LMDB's head page, after
    which it takes nothing more. What of it has reached the disk nobody knows; the power is cut afterwards."""
    f = faulty(journals=True)
    books = Books(f.broker)
    for after in (0, 1, 2, 3, 5):
        f.control.fail("sync", number, after=after, count=1)
        wait_until(lambda: books.publish_some(1) == 0 or f.control.syncs >= f.control.sync_from)
        wait_until(lambda: books.publish_some(1) == 1)
    assert any("is opened anew" in line for line in f.broker.log.since(0))
    assert books.publish_some(5, qos=2) == 5
    f.crash(cuts=cuts)
    books.balance()


@needs_shim
@pytest.mark.parametrize("after", [0, 1, 4])
def test_a_short_write_breaks_no_promise(faulty, after):
    f = faulty()
    books = Books(f.broker)
    f.control.fail("short", after=after, count=1)
    books.publish_some(15, patience=PATIENCE_S)
    assert f.control.shorts > after
    f.crash()
    books.balance()


@needs_shim
@pytest.mark.parametrize("after", [0, 1, 2, 5])
@pytest.mark.parametrize("what", ["sync", "write"])
def test_an_io_error_is_said_aloud_and_nothing_is_acknowledged_falsely(faulty, what, after):
    """With the power cut after it: what a sync that failed should have synced is gone."""
    f = faulty(journals=True)
    books = Books(f.broker)
    assert books.publish_some(5) == 5
    f.control.fail(what, errno.EIO, after=after, count=1)
    books.publish_some(8, patience=PATIENCE_S)
    f.broker.log.wait(os.strerror(errno.EIO))
    f.crash(cuts=1)
    books.balance()


@needs_shim
@pytest.mark.parametrize("number", [errno.EIO, errno.EROFS], ids=errno.errorcode.get)
def test_a_disk_that_fails_for_good_acknowledges_nothing(faulty, number):
    """EROFS: as each write and sync ends once ext4 has met an error. (A remount by hand is refused while a file is
    open for writing.)"""
    f = faulty(journals=True)
    books = Books(f.broker)
    assert books.publish_some(5) == 5
    f.control.fail("sync", number)
    f.control.fail("write", number)
    assert books.publish_some(3, patience=PATIENCE_S) == 0
    assert books.publish_some(3, qos=2, patience=PATIENCE_S) == 0
    f.broker.log.wait(os.strerror(number))
    f.crash(cuts=1)
    books.balance()


@needs_shim
@pytest.mark.parametrize("version, qos", [(V5, 1), (V5, 2), (V311, 1)])
def test_who_waits_for_a_disk_that_fails_is_not_left_waiting(faulty, version, qos):
    f = faulty()
    assert Books(f.broker).publish_some(1) == 1            # nothing else is left to be written
    f.control.fail("sync", errno.EIO)
    with f.broker.peer(version) as waits:
        waits.connect("waits")
        waits.send(mqtt.publish("f/t", b"", qos, 1, version=version))
        if version == V5:
            waits.expect(mqtt.DISCONNECT, code=0x97)
        waits.expect_closed()
    with f.broker.peer(version) as late:
        keep = {"properties": {"session_expiry_interval": 3600}} if version == V5 else {}
        late.send(mqtt.connect("late", clean=False, version=version, **keep))
        if version == V5:
            late.expect(mqtt.CONNACK, code=0x97)
        late.expect_closed()


# ---------------------------------------------------------------------------- namespaces

class Mounted(Broker):
    """A broker whose store lies on a tmpfs of its own, in a mount namespace that goes with it."""

    def __init__(self, options):
        super().__init__("nightjar", CONFIG, args=(), preexec=self.enter)
        self.store, self.options = os.path.join(self.dir, "store"), options
        os.mkdir(self.store, 0o700)

    def enter(self):
        libc = ctypes.CDLL(None, use_errno=True)
        flags = MS_RDONLY if "ro" in self.options.split(",") else 0
        options = self.options.replace("ro,", "").encode()
        if libc.unshare(CLONE_NEWNS) != 0 or \
                libc.mount(b"none", b"/", None, MS_REC | MS_PRIVATE, None) != 0 or \
                libc.mount(b"tmpfs", self.store.encode(), b"tmpfs", flags, options) != 0:
            raise OSError(ctypes.get_errno(), "no mount namespace")

    def inside(self):
        return f"/proc/{self.process.pid}/root{self.store}"


@pytest.fixture
def mounted(request, broker_kind):
    if broker_kind != "nightjar":
        pytest.skip("the store is nightjar's")
    made = []

    def make(options):
        if subprocess.run(["unshare", "-m", "true"], check=False, capture_output=True).returncode:
            pytest.skip("no mount namespaces here")
        made.append(Mounted(options))
        request.node.brokers = made
        return made[-1]

    yield make
    for b in made:
        b.kill()
        shutil.rmtree(b.dir, ignore_errors=True)


@needs_root
def test_a_small_file_system_that_is_full_refuses_and_heals(mounted):
    broker = mounted("size=100m,mode=700")
    broker.start()
    books = Books(broker)
    assert books.publish_some(10) == 10
    filler = os.path.join(broker.inside(), "filler")
    with open(filler, "wb", buffering=0) as f:
        try:
            while True:
                f.write(bytes(1 << 20))
        except OSError as e:
            assert e.errno == errno.ENOSPC
    mark = broker.log.mark
    wait_until(lambda: books.publish_some(1, patience=PATIENCE_S) == 0)
    broker.log.wait("is full|No space left", mark)
    assert books.publish_some(3) == 0
    os.unlink(filler)
    wait_until(lambda: books.publish_some(1) == 1)
    assert books.publish_some(10) == 10
    books.balance()
    assert broker.alive


@needs_root
def test_a_store_that_cannot_be_written_is_refused_at_the_start(mounted):
    broker = mounted("ro,mode=700")
    with pytest.raises(NotStarted) as e:
        broker.start()
    assert broker.store in e.value.log and "ead-only" in e.value.log


# ----------------------------------------------------------------------------- processes

def test_the_second_broker_on_a_store_is_told_who_has_it(start):
    first = start(CONFIG, args=())
    books = Books(first)
    assert books.publish_some(5) == 5
    second = Broker("nightjar", CONFIG.replace("{dir}", first.dir), args=())
    try:
        with pytest.raises(NotStarted) as e:
            second.start()
        assert e.value.code != 0
        assert str(first.process.pid) in e.value.log and first.dir in e.value.log
    finally:
        second.kill()
        shutil.rmtree(second.dir, ignore_errors=True)
    assert books.publish_some(5) == 5
    first.kill()
    first.spawn()                                          # the dead one has it no more
    first.wait_listening()
    books.balance()


def store_command(name):
    """Whether `nightjar store` has this command."""
    done = subprocess.run([NIGHTJAR, "store"], capture_output=True, text=True, check=False)
    return f"nightjar store {name} " in done.stdout + done.stderr


@pytest.mark.parametrize("command", ["backup", "compact"])
def test_a_backup_or_compaction_that_is_killed_leaves_the_store_whole(start, command):
    if not store_command(command):
        pytest.skip(f"there is no `nightjar store {command}` yet")
    broker = start(CONFIG, args=())
    books = Books(broker)
    assert books.publish_some(300) == 300
    store = os.path.join(broker.dir, "store")
    dice = random.Random(1)
    if command == "compact":
        broker.signal(signal.SIGTERM)
        broker.wait()
    for n in range(20):
        to = [os.path.join(broker.dir, f"backup{n}")] if command == "backup" else []
        child = subprocess.Popen([NIGHTJAR, "store", command, store, *to], stdout=subprocess.DEVNULL,
                                 stderr=subprocess.DEVNULL)
        try:
            child.wait(dice.uniform(0, 0.02))
        except subprocess.TimeoutExpired:
            child.kill()
            child.wait()
        if command == "backup":
            assert books.publish_some(2) == 2
    broker.kill()
    broker.spawn()
    broker.wait_listening()
    books.balance()


def ask_for_a_backup(broker):
    """What the log says of it, good or not."""
    mark = broker.log.mark
    broker.signal(signal.SIGUSR1)
    return broker.log.wait(r"The store is backed up as (?P<path>\S+),|is not backed up \((?P<why>.*)\)\. It is tried", mark)


def backups(store):
    return sorted(n for n in os.listdir(store) if n.startswith("backup-"))


@pytest.mark.parametrize("point", ["COPYING", "COPIED", "BACKED_UP"])
def test_a_broker_that_is_killed_over_a_backup_has_a_whole_one(start, point):
    broker = start(CONFIG, args=())
    store = os.path.join(broker.dir, "store")
    books = Books(broker)
    for _ in range(2):
        assert books.publish_some(5) == 5
        assert ask_for_a_backup(broker)["path"]
    broker.kill()
    broker.env = {"NIGHTJAR_CRASH_POINT": point}
    broker.spawn()
    broker.wait_listening()
    assert books.publish_some(5) == 5
    broker.signal(signal.SIGUSR1)
    assert broker.wait() == -signal.SIGKILL
    broker.env = {}
    broker.spawn()
    broker.wait_listening()
    names = backups(store)
    assert len(names) == (3 if point == "BACKED_UP" else 2), names
    for name in names:
        subprocess.run([NIGHTJAR, "store", "check", os.path.join(store, name)], check=True, stdout=subprocess.DEVNULL)
    books.balance()
    assert ask_for_a_backup(broker)["path"]
    assert len(backups(store)) == 2


@needs_shim
@pytest.mark.parametrize("what", ["write", "sync"])
@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EIO], ids=errno.errorcode.get)
def test_a_backup_that_cannot_be_written_is_said_and_harms_nobody(faulty, what, number):
    f = faulty()
    books = Books(f.broker)
    assert books.publish_some(20) == 20
    assert ask_for_a_backup(f.broker)["path"]
    with f.broker.peer(V5) as pub:
        pub.connect("pub-clean")
        pub.fence()                                        # the store has nothing to write any more
        kept = backups(f.store)
        books.acknowledged.append(books.send(pub))
        pub.expect(PUBACK, code=0)
        f.control.fail(what, number)
        assert os.strerror(number) in ask_for_a_backup(f.broker)["why"]
        f.control.heal()
        assert backups(f.store) == kept
    assert books.publish_some(20) == 20
    assert ask_for_a_backup(f.broker)["path"]
    f.crash()
    books.balance()


@needs_root
def test_a_backup_leaves_the_store_its_room(mounted):
    """A disk of 100 MB of which the store has a fifth: a backup would take the rest below what the store wants."""
    broker = mounted("size=100m,mode=700")
    broker.start()
    books = Books(broker)
    with broker.peer(V5) as pub:
        pub.connect("pub")
        for n in range(20):
            pub.publish(f"large/{n}", bytes(1 << 20), qos=1, retain=True)
    assert "room" in ask_for_a_backup(broker)["why"]
    assert not backups(broker.inside())
    assert books.publish_some(10) == 10
    books.balance()


# -------------------------------------------------------------------------------- memory

@needs_shim
@pytest.mark.skipif(is_sanitized(), reason="a sanitizer's allocator does not ask ours")
@pytest.mark.parametrize("every", [3, 17, 101])
def test_memory_that_is_refused_loses_nothing_that_was_acknowledged(faulty, every):
    """Each nth allocation while clients come, publish and go; then a start with memory."""
    f = faulty()
    books = Books(f.broker)
    f.control.allocation_every = every
    deadline = time.monotonic() + peer.TIMEOUT
    while f.control.allocations_failed < 20 and time.monotonic() < deadline:
        books.publish_some(4, 1, PATIENCE_S)
        books.publish_some(4, 2, PATIENCE_S)
    f.control.allocation_every = 0
    assert f.control.allocations_failed >= 20
    assert f.broker.alive, f.broker.log.text[-2000:]
    assert "has stopped" not in f.broker.log.text
    wait_until(lambda: books.publish_some(1, 2) == 1)
    f.crash()
    books.balance()


class Insistent:
    """A publisher at QoS 2 that sends a message again, on as many connections as it takes, until it is complete."""

    def __init__(self, books):
        self.books, self.broker, self.peer = books, books.broker, None

    def ask(self, packet, kind):
        """Its answer; None: ask again."""
        try:
            if self.peer is None:
                self.peer = self.broker.peer(V5)
                self.peer.connect("insistent", clean=False, properties={"session_expiry_interval": 3600})
            self.peer.send(packet)
            answer = self.peer.next(PATIENCE_S)
            if answer.kind == kind:
                return answer
        except (peer.Closed, OSError, AssertionError):
            pass
        self.peer = self.peer and self.peer.close()
        return None

    def publish(self, number, deadline):
        mid, tries = number % 50 + 1, 0
        received = completed = None
        while received is None or received.code >= 0x80:
            assert time.monotonic() < deadline, "no PUBREC"
            received = self.ask(mqtt.publish("f/t", self.books.payload(number), 2, mid, dup=tries > 0, version=V5),
                                PUBREC)
            tries += 1
        while completed is None:
            assert time.monotonic() < deadline, "no PUBCOMP"
            completed = self.ask(mqtt.ack(PUBREL, mid), PUBCOMP)
        self.books.qos[number] = 2
        self.books.acknowledged.append(number)


@needs_shim
@pytest.mark.skipif(is_sanitized(), reason="a sanitizer's allocator does not ask ours")
@pytest.mark.parametrize("every", [17, 101])
def test_qos_2_sent_again_while_memory_is_refused_comes_once(faulty, every):
    f = faulty()
    books = Books(f.broker)
    publisher = Insistent(books)
    f.control.allocation_every = every
    deadline = time.monotonic() + peer.TIMEOUT
    while f.control.allocations_failed < 20:
        books.number += 1
        publisher.publish(books.number - 1, deadline)
    f.control.allocation_every = 0
    f.crash()
    assert books.balance() == list(range(books.number))


# --------------------------------------------------------------------------------- clock

@needs_shim
@pytest.mark.parametrize("jump_ns", [HOUR_NS, DAY_NS, -HOUR_NS, -DAY_NS], ids=["hour", "day", "-hour", "-day"])
def test_a_clock_that_jumps_ends_no_session_and_no_message_of_a_running_broker(faulty, jump_ns):
    """Expiry is measured with the clock that does not jump."""
    f = faulty()
    books = Books(f.broker)
    with f.broker.peer(V5) as pub:
        pub.connect("pub")
        pub.send(mqtt.publish("f/t", b"0 ", 1, 1, version=V5, properties={"message_expiry_interval": 1800}))
        pub.expect(PUBACK, code=0)
        f.control.wall_offset_ns = jump_ns
        pub.send(mqtt.publish("f/t", b"1 ", 1, 2, version=V5, properties={"message_expiry_interval": 1800}))
        pub.expect(PUBACK, code=0)
    with f.broker.peer(V5) as sub:
        sub.connect("sub", clean=False, present=True, properties={"session_expiry_interval": 3600})
        for number in (b"0 ", b"1 "):
            p = sub.pick(PUBLISH)
            assert p.payload == number
            assert 1700 < p.props.get("message_expiry_interval") <= 1800
            sub.send(mqtt.ack(PUBACK, p.mid))
    assert books.number == 0


@needs_shim
def test_what_comes_first_after_the_clock_was_set_is_as_old_as_it_is(faulty):
    """A machine without a clock of its own learns the date while the broker runs."""
    f = faulty()
    for_ever = {"session_expiry_interval": FOR_EVER}
    with f.broker.peer(V5) as sub:
        sub.connect("sub", clean=False, properties=for_ever)
        sub.subscribe("f/#", qos=1)
        sub.disconnect()
    left(f.broker, "sub")
    with f.broker.peer(V5) as pub:
        pub.connect("pub")
        for number, jump_ns in enumerate([0, DAY_NS]):
            f.control.wall_offset_ns = jump_ns
            pub.send(mqtt.publish("f/t", b"%d" % number, 1, number + 1, version=V5,
                                  properties={"message_expiry_interval": 7 * 24 * 3600 if jump_ns == 0 else 3600}))
            pub.expect(PUBACK, code=0)
    f.crash()
    with f.broker.peer(V5) as sub:
        sub.connect("sub", clean=False, present=True, properties=for_ever)
        for number in (b"0", b"1"):
            p = sub.pick(PUBLISH)
            assert p.payload == number
            sub.send(mqtt.ack(PUBACK, p.mid))


@needs_shim
def test_a_start_after_a_clock_that_went_forward_lets_expire_what_is_due(faulty):
    """The machine was off for so long, as far as anybody can tell."""
    f = faulty()
    books = Books(f.broker)
    left(f.broker, "sub")
    assert books.publish_some(1) == 1                      # the end of the connection is on disk with it
    f.control.wall_offset_ns = 2 * HOUR_NS
    f.crash()
    with f.broker.peer(V5) as sub:
        sub.connect("sub", clean=False, present=False, properties={"session_expiry_interval": 3600})


@needs_shim
def test_a_start_after_a_clock_that_went_back_lets_nothing_live_longer_than_its_interval(faulty):
    """A session of two seconds that was left in what is now the future has two seconds, not a day."""
    f = faulty()
    f.control.wall_offset_ns = DAY_NS
    with f.broker.peer(V5) as sub:
        sub.connect("short", clean=False, properties={"session_expiry_interval": 2})
        sub.subscribe("f/#", qos=1)
        sub.disconnect()
    with f.broker.peer(V5) as sub:
        sub.connect("long", clean=False, properties={"session_expiry_interval": 3600})
        sub.subscribe("f/#", qos=1)
        sub.disconnect()
    left(f.broker, "short")
    left(f.broker, "long")
    with f.broker.peer(V5) as pub:
        pub.connect("pub")
        pub.send(mqtt.publish("f/t", b"0 ", 1, 1, version=V5, properties={"message_expiry_interval": 2}))
        pub.expect(PUBACK, code=0)
    f.broker.kill()
    f.control.wall_offset_ns = 0
    f.start()
    time.sleep(3)                                          # time itself is the claim
    with f.broker.peer(V5) as sub:
        sub.connect("short", clean=False, present=False, properties={"session_expiry_interval": 2})
    with f.broker.peer(V5) as sub:
        sub.connect("long", clean=False, present=True, properties={"session_expiry_interval": 3600})
        sub.fence()                                        # no message that has expired


def left(broker, name):
    """Wait until the broker knows that this client is gone."""
    broker.log.wait(rf"Client {name} .*disconnected")


def wait_until(condition, timeout=peer.TIMEOUT):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline, "it does not come to pass"
        time.sleep(0.05)
