# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar init`: what it prints works as it stands, with nightjar's programs and with others; what must be refused
is; a level can be raised; nothing is overwritten. And what each level shows to who listens on the wire."""
import itertools
import json
import os
import pwd
import queue
import re
import resource
import shlex
import shutil
import signal
import stat
import subprocess

import pytest

from support import wiretap
from support.broker import MOSQUITTO, NIGHTJAR, free_port
from support.mqttjs import installed                        # noqa: F401 (a fixture)
from support.peer import TIMEOUT
from support.setup import LEVELS, Place, Setup, init
from support.tool import environment, run

TOOLS = ("nightjar", "mosquitto")
needs_mosquitto = pytest.mark.skipif(not shutil.which("mosquitto_pub"), reason="mosquitto-clients is not installed")
each_tool = pytest.mark.parametrize("tools", [pytest.param(t, marks=needs_mosquitto if t == "mosquitto" else ())
                                              for t in TOOLS])
is_root = os.geteuid() == 0


@pytest.fixture
def place():
    place = Place()
    yield place
    place.remove()


@pytest.fixture(scope="module")
def made():
    """made(level): a set-up of this level and its broker, the same for the whole module."""
    place, running = Place(), {}

    def get(level):
        if level not in running:
            setup = Setup(level, place / f"my {level} home")
            running[level] = setup, setup.broker().__enter__()
        return running[level]

    yield get
    for _, broker in running.values():
        broker.__exit__()
    place.remove()


def tree(folder):
    return {os.path.relpath(os.path.join(at, name), folder)
            for at, folders, names in os.walk(folder) for name in folders + names}


# --- the printed commands ---

@each_tool
@pytest.mark.parametrize("level", LEVELS)
def test_printed_commands_work_as_typed(made, level, tools):
    setup, broker = made(level)
    assert broker.exchange(*setup.of(tools)) == "test hello"


@pytest.mark.parametrize("level", LEVELS)
def test_what_outlives_the_broker_lies_in_the_set_up(made, level):
    setup, broker = made(level)
    assert broker.exchange(*setup.of("nightjar")) == "test hello"
    with open(setup / "broker.conf", encoding="utf-8") as f:
        account = re.search("^user (.*)$", f.read(), re.M)[1] if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
    state = os.stat(setup / "state")
    assert (pwd.getpwuid(state.st_uid).pw_name, state.st_mode & 0o777) == (account, 0o700)
    assert os.path.getsize(setup / "state/data.mdb") > 0


@pytest.mark.skipif(not os.access(MOSQUITTO, os.X_OK), reason="mosquitto is not installed")
@each_tool
@pytest.mark.parametrize("level", LEVELS)
def test_printed_commands_work_with_mosquitto_as_the_broker(place, level, tools):
    setup = Setup(level, place / "home")
    with setup.broker(setup.theirs[0]) as broker:
        assert broker.exchange(*setup.of(tools)) == "test hello"


def program(tools, name):
    return [NIGHTJAR, name] if tools == "nightjar" else [f"mosquitto_{name}"]


@each_tool
def test_the_courses_first_command(made, tools):
    """mosquitto_pub -h hostname -t test -m "hello" (the port is the test's own)."""
    setup, broker = made("open")
    mark = broker.log.mark
    command = shlex.split(f'-h localhost -t test -m "hello" -p {setup.port}')
    assert run(program(tools, "pub") + command) == (0, b"", b"")
    assert broker.log.wait(r"Received PUBLISH from .*'test', \.\.\. \(5 bytes\)", mark)


@each_tool
def test_the_courses_last_command(place, tools):
    """mosquitto_pub -h hostname -p 8883 --capath /etc/ssl/certs/ -u ciel -P motDePasse …, with a capath of our own: the
    folder that update-ca-certificates makes is made in the same way."""
    setup = Setup("tls", place / "home", "--user", "ciel")
    os.mkdir(place / "certs")
    shutil.copy(setup.client("ca.crt"), place / "certs/nightjar.pem")
    subprocess.run(["openssl", "rehash", place / "certs"], check=True, timeout=TIMEOUT)
    with setup.broker():
        command = f"-h localhost -p {setup.port} --capath {place / 'certs'} -u ciel -P {setup.password} -t test -m hello"
        assert run(program(tools, "pub") + command.split()) == (0, b"", b"")
        code, _, err = run(program(tools, "pub") + command.replace(setup.password, "motDePasse").split())
        assert code != 0 and b"authori" in err.lower(), err


def paho_exchange(setup, change=lambda client: None):
    """What paho receives of its own message; the reason code where it is refused."""
    paho = pytest.importorskip("paho.mqtt.client", reason="python3-paho-mqtt is not installed")
    news = queue.Queue()
    client = paho.Client("paho")
    if setup.level == "tls":
        client.username_pw_set(setup.user, setup.password)
    of = ("ca.crt", "client.crt", "client.key") if setup.level == "mtls" else ("ca.crt",)
    client.tls_set(*map(setup.client, of))
    client.on_connect = lambda c, u, flags, rc: c.subscribe("paho") if rc == 0 else news.put(rc)
    client.on_subscribe = lambda c, u, mid, qos: c.publish("paho", "hello")
    client.on_message = lambda c, u, message: news.put(message.payload)
    change(client)
    client.connect("localhost", setup.port)
    client.loop_start()
    try:
        return news.get(timeout=TIMEOUT)
    finally:
        client.disconnect()
        client.loop_stop()


@pytest.mark.parametrize("level", ("tls", "mtls"))
def test_paho_works_and_verifies(made, level):
    setup, _ = made(level)
    assert paho_exchange(setup) == b"hello"


def test_paho_with_a_wrong_password_is_refused(made):
    setup, _ = made("tls")
    assert paho_exchange(setup, lambda client: client.username_pw_set(setup.user, "wrong")) == 5


@pytest.mark.parametrize("level", ("tls", "mtls"))
def test_mqttjs_works_and_verifies(made, installed, level):  # noqa: F811
    setup, _ = made(level)
    known = {"host": "localhost", "port": setup.port, "protocol": "mqtts", "ca": setup.client("ca.crt")}
    if level == "mtls":
        known.update(cert=setup.client("client.crt"), key=setup.client("client.key"))
    else:
        known.update(username=setup.user, password=setup.password)
    done = subprocess.run(["node", "secure.mjs", json.dumps(known)], cwd=installed, capture_output=True, text=True,
                          timeout=60, check=False, env=environment())
    assert (done.returncode, done.stdout) == (0, "test/js hello\n"), done.stderr


# --- what is refused ---

@each_tool
@pytest.mark.parametrize("level", ("password", "tls"))
def test_a_wrong_password_is_refused(made, level, tools):
    setup, broker = made(level)
    mark = broker.log.mark
    words = [w if w != setup.password else "wrong" for w in setup.options]
    code, _, err = run(program(tools, "pub") + words + ["-t", "test", "-m", "hello"])
    assert code != 0 and b"authori" in err.lower(), err
    assert not any("Received PUBLISH" in line for line in broker.log.since(mark))


@each_tool
@pytest.mark.parametrize("level", ("password", "tls"))
def test_nobody_is_anonymous(made, level, tools):
    setup, _ = made(level)
    words = setup.options[:setup.options.index("-u")]
    code, _, err = run(program(tools, "pub") + words + ["-t", "test", "-m", "hello"])
    assert code != 0 and b"authori" in err.lower(), err


@each_tool
def test_without_a_certificate_nobody_is_let_in(made, tools):
    setup, broker = made("mtls")
    mark = broker.log.mark
    words = setup.options[:setup.options.index("--cert")]
    code, _, err = run(program(tools, "pub") + words + ["-t", "test", "-m", "hello"])
    assert code != 0 and err
    assert not any("Received PUBLISH" in line for line in broker.log.since(mark))


@each_tool
def test_a_certificate_of_another_authority_is_refused(made, place, tools):
    setup, broker = made("mtls")
    other = Setup("mtls", place / "other")
    mark = broker.log.mark
    words = [w.replace(setup.client("client."), other.client("client.")) for w in setup.options]
    code, _, err = run(program(tools, "pub") + words + ["-t", "test", "-m", "hello"])
    assert code != 0 and err
    assert not any("Received PUBLISH" in line for line in broker.log.since(mark))


@each_tool
@pytest.mark.parametrize("level", ("tls", "mtls"))
def test_a_broker_of_another_authority_is_refused(made, place, tools, level):
    """A man in the middle gets no password: the client ends before it says a word."""
    setup, broker = made(level)
    other = Setup(level, place / "other")
    mark = broker.log.mark
    words = [w if w != setup.client("ca.crt") else other.client("ca.crt") for w in setup.options]
    code, _, err = run(program(tools, "pub") + words + ["-t", "test", "-m", "hello"])
    assert code != 0 and err
    assert not any("New client connected" in line for line in broker.log.since(mark))


def test_a_revoked_client_is_let_in_no_more(place):
    setup = Setup("mtls", place / "home")
    code, _, err = run([NIGHTJAR, "pki", "revoke", setup.user, "--dir", setup.dir])
    assert code == 0, err
    with setup.broker() as broker:
        mark = broker.log.mark
        code, _, err = run(["bash", "-c", setup.of("mosquitto")[1]])
        assert code != 0 and err
        assert not any("New client connected" in line for line in broker.log.since(mark))


# --- the files ---

BASE = {"broker.conf", "clients", "clients/client1", "clients/client1/options", "clients/client1/mosquitto_pub",
        "clients/client1/mosquitto_sub", "clients/client1/mosquitto_rr"}
PKI = {"ca.crt", "ca.key", "crl.pem", "index.txt", "hosts", "hosts/broker", "hosts/broker/ca.crt",
       "hosts/broker/server.crt", "hosts/broker/server.key", "clients/client1/ca.crt"}
FILES = {"open": BASE, "password": BASE | {"users"}, "tls": BASE | PKI | {"users"},
         "mtls": BASE | PKI | {"clients/client1/client.crt", "clients/client1/client.key"}}
SECRET = re.compile(r"users|options|.*\.key")


@pytest.mark.parametrize("level", LEVELS)
def test_files_and_their_rights(place, level):
    umask = os.umask(0o077)
    try:
        setup = Setup(level, place / "home")
    finally:
        os.umask(umask)
    assert tree(setup.dir) == FILES[level]
    assert os.listdir(place.dir) == ["home"]
    for name in ["."] + sorted(FILES[level]):
        st = os.lstat(setup / name)
        if stat.S_ISDIR(st.st_mode):
            assert stat.S_IMODE(st.st_mode) == 0o755, name
        elif stat.S_ISREG(st.st_mode):
            is_secret = SECRET.fullmatch(os.path.basename(name)) is not None
            assert stat.S_IMODE(st.st_mode) == (0o600 if is_secret else 0o644), name


@pytest.mark.skipif(not is_root, reason="only root gives files to another account")
def test_the_brokers_account_owns_what_it_must_read_and_nothing_else(place):
    setup = Setup("tls", place / "home")
    owned = {name for name in FILES["tls"] if os.lstat(setup / name).st_uid != 0}
    assert owned == {"users", "hosts/broker/server.key"}


@pytest.mark.skipif(not is_root, reason="nothing is closed for one's own account")
def test_a_place_that_the_brokers_account_cannot_reach_is_refused(tmp_path):
    tmp_path.chmod(0o700)
    code, out, err = init(tmp_path / "home")
    assert (code, out) == (2, "") and f"who may not enter {os.path.realpath(tmp_path)[:12]}" in err
    assert os.listdir(tmp_path) == []


def test_every_directive_says_why(place):
    """A comment stands above each, or above the group it belongs to."""
    setup = Setup("mtls", place / "home")
    with open(setup / "broker.conf", encoding="utf-8") as f:
        paragraphs = f.read().split("\n\n")
    assert all(p.startswith("#") for p in paragraphs)
    assert setup.text.count("client1") > 0


def test_the_commands_that_the_configuration_names_work(place):
    folder = Setup("mtls", place / "a m").dir
    with open(os.path.join(folder, "broker.conf"), encoding="utf-8") as f:
        commands = re.findall(r"nightjar pki \w+(?: NAME)? --dir '.*?'", f.read())
    assert [c.split()[2] for c in commands] == ["client", "revoke", "list"]
    for command in commands:
        code, _, err = run([NIGHTJAR, *shlex.split(command.replace("NAME", "second"))[1:]])
        assert code == 0, (command, err)


def test_the_password_is_strong_and_shown_once(place):
    setup, other = Setup("tls", place / "a"), Setup("tls", place / "b")
    assert re.fullmatch(r"[a-z2-9]{24}", setup.password) and setup.password != other.password
    holding = subprocess.run(["grep", "-rl", setup.password, setup.dir], capture_output=True, text=True, check=False)
    assert holding.stdout.split() == [setup.client("options")]
    assert setup.text.count(setup.password) == 1


def test_the_certificate_has_the_names_asked_for_and_the_machines(place):
    setup = Setup("tls", place / "home", "--host", "broker.example,192.168.56.101", "--host", "other.example")
    done = subprocess.run(["openssl", "x509", "-in", setup / "hosts/broker/server.crt", "-noout", "-ext",
                           "subjectAltName"], capture_output=True, text=True, check=True)
    for name in ("DNS:broker.example", "IP Address:192.168.56.101", "DNS:other.example", "DNS:localhost",
                 "IP Address:127.0.0.1"):
        assert name in done.stdout
    assert setup.options[:2] == ["-h", "broker.example"]
    subprocess.run(["openssl", "verify", "-x509_strict", "-CAfile", setup / "ca.crt",
                    setup / "hosts/broker/server.crt"], check=True, capture_output=True)


# --- what init does not do ---

def test_nothing_is_overwritten(place):
    setup = Setup("open", place / "home")
    before = tree(setup.dir)
    code, out, err = init(setup.dir)
    assert (code, out) == (2, "") and "nothing is overwritten" in err and "--upgrade" in err
    assert tree(setup.dir) == before and os.listdir(place.dir) == ["home"]
    with open(place / "file", "w", encoding="utf-8") as f:
        f.write("mine")
    assert init(place / "file")[0] == 2
    with open(place / "file", encoding="utf-8") as f:
        assert f.read() == "mine"


def test_an_empty_folder_will_do(place):
    os.mkdir(place / "home")
    Setup("tls", place / "home")


MISTAKES = [([], "which folder"), (["a", "b"], "one folder"), (["a", "--level", "high"], "no level 'high'"),
            (["a", "--levle", "tls"], "did you mean '--level'"), (["a", "--port", "0"], "1 to 65535"),
            (["a", "--port", "70000"], "1 to 65535"), (["a", "--port"], "needs its PORT"),
            (["a", "--user", "a:b"], "':'"), (["a", "--user", "../x"], "'../x'"), (["a", "--user", ""], "empty"),
            (["a", "--host", "*.example"], "cannot connect"), (["a", "--level", "open", "--host", "x"], "no --host"),
            (["a'b"], "a quote"), (["none/a"], "none/a"), (["."], "."), (["--upgrade", "a"], "there is no")]


@pytest.mark.parametrize("words, said", MISTAKES, ids=lambda v: " ".join(v) if isinstance(v, list) else None)
def test_mistakes_are_said_and_leave_nothing(place, words, said):
    done = subprocess.run([NIGHTJAR, "init", *words], cwd=place.dir, capture_output=True, text=True, check=False,
                          timeout=TIMEOUT, env=environment())
    assert (done.returncode, done.stdout) == (2, "") and said in done.stderr, done.stderr
    assert os.listdir(place.dir) == []


@pytest.mark.skipif(not shutil.which("prlimit"), reason="prlimit is missing")
@pytest.mark.parametrize("level", ("password", "tls", "mtls"))
def test_a_failure_leaves_nothing_half(place, level):
    """With files of at most so many bytes, each of those that make a set-up is once the one that fails."""
    whole = Setup(level, place / "home")
    sizes = {os.path.getsize(whole / name) for name in FILES[level] if os.path.isfile(whole / name)}
    shutil.rmtree(whole.dir)
    for size in sorted(sizes - {0}):
        words = ["init", whole.dir, "--level", level, "--port", str(whole.port)]
        done = subprocess.run(["prlimit", f"--fsize={size - 1}", NIGHTJAR, *words], capture_output=True, text=True,
                              check=False, timeout=TIMEOUT * 3, preexec_fn=ignore_sigxfsz, env=environment())
        assert done.returncode == 2 and "Password" not in done.stdout, (size, done)
        assert os.listdir(place.dir) == [], size


def ignore_sigxfsz():
    signal.signal(signal.SIGXFSZ, signal.SIG_IGN)


# --- raising ---

def test_raised_from_the_first_level_to_the_last(place):
    setup = Setup("open", place / "home")
    kept = {}
    for level in LEVELS:
        if level != "open":
            setup.upgrade()
            with open(setup / f"broker.conf.{LEVELS[LEVELS.index(level) - 1]}", encoding="utf-8") as f:
                assert f.read() == before
        assert setup.level == level
        for name, text in kept.items():
            with open(setup / name, "rb") as f:
                assert f.read() == text, f"{name} has changed with {level}"
        with setup.broker() as broker:
            for tools in TOOLS:
                assert broker.exchange(*setup.of(tools)) == "test hello"
        for name in FILES[level] & (PKI | {"users"}):
            if os.path.isfile(setup / name) and name not in ("index.txt", "crl.pem"):
                with open(setup / name, "rb") as f:
                    kept.setdefault(name, f.read())
        with open(setup / "broker.conf", encoding="utf-8") as f:
            before = f.read()
    code, _, err = init("--upgrade", setup.dir)
    assert code == 2 and "none above" in err


@each_tool
@pytest.mark.parametrize("old, new", [p for p in itertools.combinations(LEVELS, 2) if p[1] != LEVELS[LEVELS.index(p[0]) + 1]])
def test_a_raise_may_leave_levels_out(place, old, new, tools):
    setup = Setup(old, place / "home")
    setup.upgrade("--level", new)
    assert setup.level == new and "goes by it until it is started again" in setup.text
    with setup.broker() as broker:
        assert broker.exchange(*setup.of(tools)) == "test hello"


def test_a_raise_keeps_the_port_if_it_is_no_usual_one_and_the_operators_lines(place):
    setup = Setup("password", place / "home", "--port", free_port())
    port = setup.port
    with open(setup / "broker.conf", "a", encoding="utf-8") as f:
        f.write("max_connections 7\n")
    setup.upgrade("--level", "mtls")
    assert setup.port == port and "edited" not in setup.text
    with open(setup / "broker.conf", encoding="utf-8") as f:
        assert f.read().endswith("\nmax_connections 7\n")

    usual = Setup("password", place / "usual", "--port", 1883)
    usual.upgrade()
    assert usual.port == 8883


def test_what_was_edited_in_our_part_is_told_of_when_it_is_replaced(place):
    setup = Setup("open", place / "home")
    with open(setup / "broker.conf", "r+", encoding="utf-8") as f:
        text = f.read().replace(" 127.0.0.1", "")
        f.seek(0)
        f.truncate()
        f.write(text)
    setup.upgrade()
    assert "edited above its line of dashes" in setup.text
    with open(setup / "broker.conf.open", encoding="utf-8") as f:
        assert f.read() == text


def test_a_raise_to_mtls_gives_every_user_a_certificate(place):
    setup = Setup("tls", place / "home")
    for user in ("second", "no/certificate"):
        assert run([NIGHTJAR, "passwd", "-b", setup / "users", user, "secret"])[0] == 0
    setup.upgrade()
    assert "1 user cannot connect any more" in setup.text and "'no/certificate'" in setup.text
    assert re.search(r"^  clients/ +the same for 1 other$", setup.text, re.M)
    with setup.broker() as broker:
        mark = broker.log.mark
        folder = setup / "clients/second"
        words = f"-h localhost -p {setup.port} --cafile {folder}/ca.crt --cert {folder}/client.crt " \
            f"--key {folder}/client.key -t test -m hello"
        assert run(program("mosquitto", "pub") + words.split())[0] == 0
        broker.log.wait("New client connected .*u'second'", mark)


def test_a_user_who_was_removed_gets_no_certificate(place):
    setup = Setup("tls", place / "home")
    assert run([NIGHTJAR, "passwd", "-b", setup / "users", "second", "secret"])[0] == 0
    assert run([NIGHTJAR, "passwd", "-D", setup / "users", setup.user])[0] == 0
    setup.upgrade()
    assert os.listdir(setup / "clients/second") and not os.path.exists(setup.client("client.crt"))


def raise_with_full_disk(setup, is_killed):
    """tls to mtls, where files may grow to the size of the old configuration: the new one, written last, does not fit.
    SIGXFSZ ends the program at that point like kill -9; ignored, it is a disk that is full."""
    limit = os.stat(setup / "broker.conf").st_size
    return subprocess.run([NIGHTJAR, "init", "--upgrade", setup.dir], capture_output=True, text=True, timeout=60, check=False,
                          env=environment(), restore_signals=is_killed,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)))


def test_a_raise_that_fails_is_taken_back(place):
    setup = Setup("tls", place / "home")
    with open(setup.client("options"), encoding="utf-8") as f:
        before = f.read()
    done = raise_with_full_disk(setup, is_killed=False)
    assert done.returncode == 2 and "broker.conf: File too large" in done.stderr
    with open(setup.client("options"), encoding="utf-8") as f:
        assert f.read() == before
    assert not os.path.exists(setup.client("options.old"))
    with setup.broker() as broker:
        assert broker.exchange(*setup.of("nightjar")) == "test hello"


def test_a_raise_that_was_killed_can_be_given_again(place):
    setup = Setup("tls", place / "home")
    assert raise_with_full_disk(setup, is_killed=True).returncode == -signal.SIGXFSZ
    setup.upgrade()
    assert setup.level == "mtls" and not os.path.exists(setup.client("options.old"))
    assert not [name for name in tree(setup.dir) if ".nightjar-" in name]
    with setup.broker() as broker:
        assert broker.exchange(*setup.of("nightjar")) == "test hello"


def test_users_that_are_there_keep_their_passwords_and_one_that_is_not_known_is_said(place):
    setup = Setup("open", place / "home")
    assert run([NIGHTJAR, "passwd", "-c", "-b", setup / "users", "client1", "secret"])[0] == 0
    setup.upgrade()
    assert "The password of client1 is not known here" in setup.text and "-P" not in setup.options
    with setup.broker():
        words = setup.options + ["-P", "secret", "-t", "test", "-m", "hello"]
        assert run(program("nightjar", "pub") + words) == (0, b"", b"")


def test_what_a_killed_init_left_is_removed_and_nothing_else(place):
    gone = subprocess.Popen(["true"])
    gone.wait()
    for name in f".home.nightjar-{gone.pid}", f".home.nightjar-{os.getpid()}", ".home.nightjar-old":
        os.mkdir(place / name)
        with open(os.path.join(place / name, "ca.key"), "w", encoding="utf-8"):
            pass
    code, _, err = init(place / "home")
    assert code == 0 and re.fullmatch(rf".*/\.home\.nightjar-{gone.pid}: removed; an init left it .*\n", err), err
    assert sorted(os.listdir(place.dir)) == sorted([f".home.nightjar-{os.getpid()}", ".home.nightjar-old", "home"])


def test_what_a_raise_refuses(place):
    setup = Setup("tls", place / "home")
    with open(setup / "broker.conf", encoding="utf-8") as f:
        before = f.read()
    files = tree(setup.dir)
    for words, said in ((["--level", "password"], "none is ever lowered"), (["--level", "tls"], "already"),
                        (["--user", "another"], "first user"), (["--host", "x.example"], "has its certificate")):
        code, out, err = init("--upgrade", setup.dir, *words)
        assert (code, out) == (2, "") and said in err, err
    with open(setup / "broker.conf", "r+", encoding="utf-8") as f:
        assert f.read() == before and tree(setup.dir) == files
        f.seek(0)
        f.truncate()
        f.write("listener 1883\n")
    code, _, err = init("--upgrade", setup.dir)
    assert code == 2 and "not as nightjar init writes it" in err


# --- the command itself ---

def test_help_manual_and_completion_know_every_option():
    options = ("--level", "--host", "--user", "--port", "--upgrade")
    code, text, _ = init("--help")
    assert code == 0 and all(o in text for o in options)
    manual = run([NIGHTJAR, "help", "--man", "init"])[1].decode()
    assert all(f".It Fl {o[1:]}" in manual for o in options) and ".Dt NIGHTJAR-INIT 1" in manual
    completion = run([NIGHTJAR, "help", "--completion", "bash"])[1].decode()
    assert re.search(r"\binit\)", completion) and all(o in completion for o in options)


# --- what the wire shows ---

@pytest.fixture(scope="module")
def may_capture():
    reason = wiretap.refused()
    if reason:
        pytest.skip(reason)


SECRET_TOPIC, SECRET_TEXT = "nest/eggs/count", "four-speckled-eggs"


def overhear(setup, broker, tools, *more):
    """A capture of one subscriber and one publisher."""
    sub, pub = (re.sub(r"-t test.*", "", line) for line in setup.of(tools))
    with wiretap.Wiretap(setup.port) as tap:
        said = broker.exchange(" ".join([sub, "-v -t", SECRET_TOPIC, *more]),
                               " ".join([pub, "-m", SECRET_TEXT, "-t", SECRET_TOPIC, *more]), SECRET_TOPIC)
    assert said == f"{SECRET_TOPIC} {SECRET_TEXT}"
    return tap


@each_tool
@pytest.mark.parametrize("level", ("open", "password"))
def test_without_tls_the_wire_shows_all(made, may_capture, level, tools):
    setup, broker = made(level)
    tap = overhear(setup, broker, tools)
    assert (SECRET_TOPIC, SECRET_TEXT.encode().hex()) in tap.fields("mqtt.msgtype == 3", "mqtt.topic", "mqtt.msg")
    who = tap.fields("mqtt.msgtype == 1", "mqtt.username", "mqtt.passwd")
    assert who == ([] if level == "open" else [(setup.user, setup.password)] * 2)
    tap.close()


@each_tool
@pytest.mark.parametrize("level", ("tls", "mtls"))
def test_with_tls_the_wire_shows_who_talks_and_the_brokers_name(made, may_capture, level, tools):
    setup, broker = made(level)
    tap = overhear(setup, broker, tools)
    assert tap.fields("mqtt", "mqtt.msgtype", speaks="tls") == []
    # Read as MQTT, what is encrypted may by chance look like a packet with some topic.
    assert not any(SECRET_TOPIC in row for row in tap.fields("mqtt", "mqtt.topic"))
    for secret in (SECRET_TOPIC, SECRET_TEXT, setup.user, getattr(setup, "password", None)):
        assert secret is None or not tap.has(secret.encode())
    names = tap.fields("tls.handshake.extensions_server_name", "tls.handshake.extensions_server_name", speaks="tls")
    assert set(names) == {("localhost",)}
    assert tap.fields("tls.handshake.certificate", "tls.handshake.certificate", speaks="tls") == []
    assert tap.fields("tls.app_data", "ip.src", "tcp.dstport", "tls.record.length", speaks="tls")
    tap.close()


def test_with_tls_1_2_the_wire_shows_the_clients_certificate(made, may_capture):
    setup, _ = made("mtls")
    words = ["-connect", f"127.0.0.1:{setup.port}", "-CAfile", setup.client("ca.crt"), "-verify_return_error",
             "-cert", setup.client("client.crt"), "-key", setup.client("client.key")]
    for version, is_shown in (("-tls1_2", True), ("-tls1_3", False)):
        with wiretap.Wiretap(setup.port) as tap:
            assert run(["openssl", "s_client", version, *words])[0] == 0
        assert tap.has(setup.user.encode()) == is_shown
        tap.close()


@pytest.mark.parametrize("level", LEVELS)
def test_what_init_says_of_the_wire_is_what_was_measured(made, level):
    setup, _ = made(level)
    assert ("reads all" in setup.text) == (level in ("open", "password"))
    assert ("PASSWORD" in setup.text) == (level == "password")
    assert ("the name by\nwhich a client calls the broker" in setup.text) == (level in ("tls", "mtls"))
