# SPDX-License-Identifier: Apache-2.0
"""The broker as a program: options, configuration errors, exit codes, listeners, signals."""
import os
import signal
import socket
import stat
import time

import pytest

from support import mqtt
from support.broker import MOSQUITTO, NIGHTJAR, NotStarted, free_port
from support.mqtt import V5, V311
from support.peer import TIMEOUT, Peer
from support.tool import run

OPEN = "listener {port} 127.0.0.1\nallow_anonymous true\n"


@pytest.fixture
def broker_program(broker_kind):
    """run(args): the broker's program to its end."""
    program = [NIGHTJAR, "broker"] if broker_kind == "nightjar" else [MOSQUITTO]
    return lambda *args, **kw: run(program + list(args), **kw)


@pytest.fixture
def config(tmp_path):
    """config(text): path of a configuration file."""
    def write(text, name="broker.conf"):
        path = tmp_path / name
        path.write_text(text, encoding="utf-8")
        return str(path)
    return write


# -------------------------------------------------------------------------- command line


@pytest.mark.parametrize("option", ("-h", "--help"))
def test_help_is_0(broker_program, option):
    code, out, err = broker_program(option)
    assert code == 0 and all(word in (out + err) for word in (b"-c", b"-p", b"-v", b"-d", b"--test-config"))


def test_version_is_0(broker_program):
    code, out, _ = broker_program("--version")
    assert code == 0 and b" version " in out.splitlines()[0] or out.splitlines()[0].split()[0] in (
        b"nightjar", b"mosquitto")


@pytest.mark.parametrize("args", [("--frobnicate",), ("-c",), ("-p", "0"), ("-p", "65536"), ("-p", "x"), ("-p",)])
def test_bad_command_lines_are_3(broker_program, args):
    code, out, err = broker_program(*args)
    assert code == 3 and (b"Error" in out + err)


def test_unknown_option_is_named(broker_program):
    code, out, err = broker_program("--frobnicate")
    assert code == 3 and b"Error: Unknown option '--frobnicate'." in out + err


def test_test_config_accepts_a_good_file(broker_program, config):
    code, out, err = broker_program("--test-config", "-c", config("listener 1883\nallow_anonymous true\n"))
    assert code == 0 and b"Configuration file is OK." in out + err


def test_test_config_needs_a_file(broker_program):
    code, out, err = broker_program("--test-config")
    assert code == 3 and b"Please provide a configuration file to test." in out + err


BAD = [("frobnicate 1\n", 1, ["Unknown configuration variable 'frobnicate'"]),
       ("# fine\n\nlistener 1883\nallow_anonymus true\n", 4, ["allow_anonymus", "allow_anonymous"]),
       ("allow_anonymous yes\n", 1, ["allow_anonymous"]),
       ("max_inflight_messages many\n", 1, ["max_inflight_messages"]),
       ("max_inflight_messages 70000\n", 1, ["max_inflight_messages"]),
       ("max_packet_size 19\n", 1, ["max_packet_size"]),
       ("listener 70000\n", 1, ["port", "70000"]), ("listener\n", 1, ["listener"]),
       ("log_type\n", 1, ["log_type"]), ("log_dest nowhere\n", 1, ["log_dest", "nowhere"]),
       ("persistent_client_expiration 5x\n", 1, ["persistent_client_expiration"]),
       ("max_qos 3\n", 1, ["max_qos"])]


@pytest.mark.parametrize("text,line,words", BAD, ids=[b[0].splitlines()[-1] for b in BAD])
def test_bad_files_are_3_and_say_where(broker_program, config, text, line, words):
    path = config(text)
    for args in (("--test-config", "-c", path), ("-c", path)):
        code, out, err = broker_program(*args)
        said = (out + err).decode()
        assert code == 3
        assert f"Error found at {path}:{line}." in said
        assert [w for w in words if w not in said] == []


LATER = ["connection a", "acl_file /x", "plugin /x", "protocol websockets",
         "enable_proxy_protocol 1"]


@pytest.mark.parametrize("line", LATER)
def test_directives_of_later_issues_are_refused_by_name(broker_program, broker_kind, config, line):
    """Never silently ignored."""
    code, out, err = broker_program("--test-config", "-c", config(f"listener 1883\n{line}\n"))
    said = (out + err).decode()
    assert code == 3 and "not supported yet" in said and line.split()[0] in said


@pytest.mark.parametrize("line", ["persistence false", "require_certificate false", "protocol mqtt",
                                  "per_listener_settings false", "enable_control_api false",
                                  "use_identity_as_username false", "retained_persistence false"])
def test_values_that_ask_for_what_already_is_are_accepted(broker_program, config, line):
    code, out, err = broker_program("--test-config", "-c", config(f"listener 1883\n{line}\n"))
    assert code == 0, out + err


def test_missing_file_is_3(broker_program):
    code, out, err = broker_program("-c", "/nonexistent/broker.conf")
    assert code == 3 and b"Error: Unable to open config file '/nonexistent/broker.conf'." in out + err


def test_file_grammar_of_mosquitto(broker_program, config):
    """Comments at the first byte, leading blanks, CRLF, hexadecimal and octal numbers, words after a boolean."""
    code, out, err = broker_program("--test-config", "-c", config(
        "# comment\r\n\r\n   max_inflight_messages 0x10\nmax_queued_messages 010\nallow_anonymous true false\n"
        "listener 1883 # all\nretry_interval 20\nmax_connections -1\n"))
    assert code == 0, out + err


def test_include_dir_reads_conf_files_in_order(start, tmp_path):
    """Upper and lower case sort alike; the last value stands."""
    folder = tmp_path / "conf.d"
    folder.mkdir()
    for name, value in (("b.conf", 3), ("A.conf", 2), ("c.conf", 4), ("d.txt", 9)):
        (folder / name).write_text(f"max_inflight_messages {value}\n", encoding="utf-8")
    os.chmod(tmp_path, 0o755)
    os.chmod(folder, 0o755)
    broker = start(OPEN + f"include_dir {folder}\n")
    with broker.peer(V5) as peer:
        assert peer.connect("a").props.get("receive_maximum") == 4
    broker.log.wait("version .* running")
    order = [line for line in broker.log.since() if line.startswith("Loading config file")]
    assert [os.path.basename(line.rstrip("'")) for line in order] == ["A.conf", "b.conf", "c.conf"]


def test_error_in_an_included_file_is_located(broker_program, config, tmp_path):
    folder = tmp_path / "conf.d"
    folder.mkdir()
    (folder / "x.conf").write_text("allow_anonymous true\nnonsense 1\n", encoding="utf-8")
    code, out, err = broker_program("--test-config", "-c", config(f"include_dir {folder}\n"))
    assert code == 3 and f"{folder}/x.conf:2" in (out + err).decode()


# ----------------------------------------------------------------------------- listeners


def test_without_configuration_only_the_loopback_listens(start):
    """127.0.0.1 and ::1 on the port of -p, anonymous, and nothing else."""
    broker = start(None)
    for host in ("127.0.0.1", "::1"):
        with broker.peer(V311, host=host) as peer:
            peer.connect("")
            peer.fence()
    assert listening(broker.process.pid) == {("127.0.0.1", broker.port), ("::1", broker.port)}


def listening(pid):
    """(address, port) of each TCP socket this process listens on, from /proc."""
    inodes = set()
    for fd in os.listdir(f"/proc/{pid}/fd"):
        try:
            target = os.readlink(f"/proc/{pid}/fd/{fd}")
        except OSError:
            continue
        if target.startswith("socket:["):
            inodes.add(target[8:-1])
    found = set()
    for path, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        with open(f"/proc/{pid}/net/{path}", encoding="ascii") as f:
            for line in f.readlines()[1:]:
                fields = line.split()
                if fields[3] != "0A" or fields[9] not in inodes:
                    continue
                address, port = fields[1].split(":")
                raw = bytes.fromhex(address)
                packed = b"".join(raw[i:i + 4][::-1] for i in range(0, len(raw), 4))
                found.add((socket.inet_ntop(family, packed), int(port, 16)))
    return found


def test_listener_on_every_address(start):
    """Both families, and the log warns that everybody can read along."""
    broker = start("listener {port}\nallow_anonymous true\n")
    for host in ("127.0.0.1", "::1"):
        with broker.peer(V311, host=host) as peer:
            peer.connect("")


def test_several_listeners(start):
    broker = start("listener {port} 127.0.0.1\nlistener {port2} ::1\nallow_anonymous true\n")
    with broker.peer(V311) as one, broker.peer(V311, host="::1", port=broker.port2) as two:
        one.connect("one")
        two.connect("two")
        two.subscribe("t", qos=1)
        one.publish("t", "x", qos=1)
        two.receive("t", "x")


@pytest.mark.parametrize("domain,host,other", [("ipv4", "127.0.0.1", "::1"), ("ipv6", "::1", "127.0.0.1")])
def test_socket_domain(start, domain, host, other):
    broker = start("listener {port}\nsocket_domain " + domain + "\nallow_anonymous true\n", wait=False)
    broker.log.wait("version .* running")
    with broker.peer(V311, host=host) as peer:
        peer.connect("")
    with pytest.raises(OSError):
        broker.peer(V311, host=other)


def test_unix_socket(start):
    """A listener on a path; it is gone after the end, and may be started again."""
    for _ in range(2):
        broker = start("listener 0 {dir}/broker.sock\nlistener {port} 127.0.0.1\nallow_anonymous true\n")
        path = os.path.join(broker.dir, "broker.sock")
        assert stat.S_ISSOCK(os.stat(path).st_mode)
        with Peer(path, V5) as peer, broker.peer(V311) as other:
            peer.connect("unix")
            peer.subscribe("t", qos=2)
            other.connect("tcp")
            other.publish("t", "x", qos=2)
            peer.receive("t", "x")
        directory = broker.dir
        broker.signal(signal.SIGTERM)
        assert broker.wait() == 0
        assert not os.path.exists(os.path.join(directory, "broker.sock"))


def test_second_broker_on_the_port_fails(start, broker_program, config):
    """No sharing of ports: Error: Address already in use, exit code 1."""
    broker = start(OPEN)
    code, out, err = broker_program("-c", config(f"listener {broker.port} 127.0.0.1\n"))
    assert code == 1 and b"Error: Address already in use" in out + err
    with broker.peer(V311) as peer:
        peer.connect("still")


def test_address_of_nobody_fails(broker_program, config):
    code, out, err = broker_program("-c", config(f"listener {free_port()} 192.0.2.1\n"))
    assert code == 1 and b"Error: " in out + err


def test_port_is_free_at_once_after_the_end(start):
    """Restart with connections in TIME_WAIT."""
    first = start(OPEN)
    with first.peer(V311) as peer:
        peer.connect("a")
        port = first.port
        first.signal(signal.SIGTERM)
        assert first.wait() == 0
    second = start(OPEN.replace("{port}", str(port)), wait=False)
    second.port = port
    second.wait_listening()


# -------------------------------------------------------------------------------- signals


@pytest.mark.parametrize("number", (signal.SIGTERM, signal.SIGINT))
def test_termination_is_0_and_orderly(start, number):
    """Connected v5 clients hear 0x8B, and the log says so."""
    broker = start(OPEN)
    with broker.peer(V5) as peer, broker.peer(V311) as old:
        peer.connect("a")
        old.connect("b")
        broker.signal(number)
        peer.expect_disconnect(0x8B)
        old.expect_closed()
        assert broker.wait() == 0
    assert [line for line in broker.log.since() if line.endswith("terminating")]


def test_two_terminations_are_still_0(start):
    broker = start(OPEN)
    broker.signal(signal.SIGTERM)
    try:
        broker.signal(signal.SIGTERM)
    except ProcessLookupError:
        pass
    assert broker.wait() == 0


def reload(broker, text=None):
    """SIGHUP, and the line that says it was heard."""
    mark = broker.log.mark
    if text is not None:
        broker.write_config(text)
    broker.signal(signal.SIGHUP)
    broker.log.wait("Reloading config", mark)
    return mark


def test_reload_takes_a_good_file(start):
    """allow_anonymous off: the next anonymous client is refused."""
    broker = start(OPEN)
    with broker.peer(V311) as peer:
        peer.connect("a")
    reload(broker, "listener {port} 127.0.0.1\nallow_anonymous false\n")
    assert eventually(lambda: connack_code(broker) == 5)


def connack_code(broker):
    with broker.peer(V311) as peer:
        peer.send(mqtt.connect(""))
        return peer.expect(mqtt.CONNACK).code


def eventually(condition):
    """No event tells of it (a reload reaches each worker by itself): look until it is so."""
    deadline = time.monotonic() + TIMEOUT
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(0.01)
    return False


@pytest.mark.parametrize("text", ["allow_anonymous maybe\n", "nonsense 1\n", "certfile /x\n",
                                  "max_inflight_messages 5\nlistener 1\n"], ids=str.strip)
def test_reload_of_a_bad_file_changes_nothing_and_says_why(start, text):
    """Mosquitto 2017-7652 the other way round: the policy in force stays, connections too."""
    broker = start("listener {port} 127.0.0.1\nallow_anonymous true\nmax_inflight_messages 7\n")
    with broker.peer(V311) as peer:
        peer.connect("stays")
        mark = reload(broker, "listener {port} 127.0.0.1\nallow_anonymous false\n" + text)
        broker.log.wait("Error|not supported|not currently possible", mark)
        peer.fence()
        for n in range(8):
            with broker.peer(V5) as other:
                assert other.connect(f"n{n}").props.get("receive_maximum") == 7


def test_reload_of_a_missing_file_changes_nothing(start):
    broker = start(OPEN)
    os.unlink(broker.config_path)
    mark = reload(broker)
    broker.log.wait("Unable to open config file", mark)
    assert connack_code(broker) == 0


def test_reload_cannot_add_or_remove_listeners(start):
    broker = start(OPEN)
    mark = reload(broker, OPEN + "listener {port2} 127.0.0.1\n")
    broker.log.wait("It is not currently possible to add/remove listeners when reloading the config file", mark)
    assert connack_code(broker) == 0


def test_reload_without_a_file_is_harmless(start):
    broker = start(None)
    broker.signal(signal.SIGHUP)
    assert connack_code(broker) == 0


def test_log_settings_follow_a_reload(start):
    broker = start(OPEN + "log_dest stdout\nlog_type error\n", args=())
    reload_quiet = OPEN + "log_dest stdout\nlog_type all\n"
    broker.write_config(reload_quiet)
    broker.signal(signal.SIGHUP)
    with broker.peer(V311) as peer:
        peer.connect("x")
        assert eventually(lambda: peer.publish("t", "y", qos=1) and "Received PUBLISH" in broker.log.text)


def test_usr1_and_usr2_are_harmless(start):
    """USR1 would save the database; USR2 prints the subscription tree to stdout."""
    broker = start(OPEN)
    with broker.peer(V311) as peer:
        peer.connect("a")
        peer.subscribe("some/+/filter", "$share/g/other/#")
        broker.signal(signal.SIGUSR1)
        peer.fence()
        mark = broker.log.mark
        broker.signal(signal.SIGUSR2)
        broker.log.wait(r"some|filter|subscription", mark)
        peer.fence()


def test_sigpipe_and_reset_connections_are_harmless(start):
    broker = start(OPEN)
    with broker.peer(V311) as publisher:
        publisher.connect("p")
        for n in range(20):
            peer = broker.peer(V311)
            peer.connect(f"s{n}")
            peer.subscribe("t")
            peer.reset()
            publisher.publish("t", "x" * 10000, qos=1)
        broker.signal(signal.SIGPIPE)
        publisher.fence()


def test_pid_file_is_written_and_removed(start):
    broker = start(OPEN + "pid_file {dir}/broker.pid\n")
    path = os.path.join(broker.dir, "broker.pid")
    with open(path, encoding="ascii") as f:
        assert f.read() == str(broker.process.pid)
    broker.signal(signal.SIGTERM)
    assert broker.wait() == 0
    assert not os.path.exists(path)


def test_daemon_goes_to_the_background(config, tmp_path, broker_program):
    """-d: the command returns 0, the broker runs on and ends by its pid file."""
    port = free_port()
    os.chmod(tmp_path, 0o777)
    path = config(f"listener {port} 127.0.0.1\nallow_anonymous true\npid_file {tmp_path}/pid\nlog_dest none\n"
                  + ("user root\n" if os.getuid() == 0 else ""))
    code, _, _ = broker_program("-c", path, "-d", env={"XDG_STATE_HOME": str(tmp_path)})
    assert code == 0
    assert can_connect(port)  # it returns when clients may come
    pid_path = tmp_path / "pid"
    os.kill(int(pid_path.read_text()), signal.SIGTERM)
    assert eventually(lambda: not pid_path.exists() and not can_connect(port))


@pytest.mark.parametrize("line, code, why", [
    ("persistence_location /dev/null/here", 1, "Unable to make the directory /dev/null/here"),
    ("pid_file /dev/null/here", 14, "Unable to write pid file '/dev/null/here'")])
def test_daemon_that_cannot_start_says_so_before_the_command_returns(config, broker_program, tmp_path, line, code, why):
    """Its log goes nowhere, and it has no standard error of its own any more."""
    path = config(f"listener {free_port()} 127.0.0.1\n{line}\nlog_dest none\n" + ("user root\n" if os.getuid() == 0 else ""))
    ended, _, err = broker_program("-c", path, "-d", env={"XDG_STATE_HOME": str(tmp_path)})
    assert ended == code
    assert why in err.decode()


def can_connect(port):
    try:
        socket.create_connection(("127.0.0.1", port), 1).close()
        return True
    except OSError:
        return False


def test_start_failure_is_reported_by_the_harness(start):
    """A broker that cannot start raises NotStarted here, so no test can pass by mistake."""
    with pytest.raises(NotStarted):
        start("nonsense true\n")
