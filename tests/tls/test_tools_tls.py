# SPDX-License-Identifier: Apache-2.0
"""mosquitto_pub, _sub and _rr beside nightjar pub, sub and rr, with TLS: the same options, the same bytes, the
same words about options that do not fit together. Both sets meet both brokers."""
import os
import pty
import socket
import subprocess
import threading

import pytest

from support.broker import NIGHTJAR, Broker
from support.mqtt import V311
from support.tool import MOSQUITTO_TOOLS, NIGHTJAR_TOOLS, Running, environment, run

BOTH = (MOSQUITTO_TOOLS, NIGHTJAR_TOOLS)
PSK, IDENTITY = "00112233445566778899aabbccddeeff", "lamp7"


@pytest.fixture(scope="module", params=["nightjar", "mosquitto"])
def ends(request, tmp_path_factory, lab):
    """A broker that wants certificates on one port and a shared key on the other."""
    setup = lab.setup()
    keys = tmp_path_factory.mktemp("psk") / "keys"
    keys.write_text(f"{IDENTITY}:{PSK}\n")
    config = setup.config() + f"listener {{port2}} 127.0.0.1\npsk_hint here\npsk_file {keys}\n"
    broker = Broker(request.param, config)
    broker.start()
    yield broker, setup
    assert broker.stop() == 0


def client(setup, *without):
    return [a for name, path in setup.client.items() if name not in without for a in (f"--{name}", path)]


def ways(lab, setup):
    """Options that lead to the listener with certificates."""
    ca = lab.ca()
    hashed = lab.capath("hashed", ca, is_hashed=True)
    pair = client(setup, "cafile")
    return {
        "cafile": client(setup), "capath": ["--capath", hashed] + pair, "os": ["--tls-use-os-certs"] + pair,
        "version": client(setup) + ["--tls-version", "tlsv1.3"], "alpn": client(setup) + ["--tls-alpn", "mqtt"],
        "ciphers": client(setup) + ["--ciphers", "ECDHE-RSA-AES256-GCM-SHA384"],
        "keyform": client(setup) + ["--keyform", "pem"],
    }


@pytest.mark.parametrize("way", ("cafile", "capath", "os", "version", "alpn", "ciphers", "keyform"))
def test_messages_arrive_by_every_option(ends, lab, way):
    broker, setup = ends
    options = ["-h", "127.0.0.1", "-p", str(broker.port), "-t", f"a/{way}"] + ways(lab, setup)[way]
    env = {"SSL_CERT_FILE": setup.client["cafile"]}
    sets = BOTH if way != "os" else [NIGHTJAR_TOOLS]      # 2.0.11 forgets --cert there
    for subscriber, publisher in ((s, p) for s in sets for p in sets):
        mark = broker.log.mark
        with Running(subscriber.command("sub") + options + ["-v", "-C", "1"], env=env) as child:
            broker.log.wait("Sending SUBACK", mark)
            assert run(publisher.command("pub") + options + ["-m", publisher.name, "-q", "2"], env=env) == (0, b"", b"")
            assert (child.wait(), child.out.text) == (0, f"a/{way} {publisher.name}")


def test_url_means_tls(ends, lab):
    broker, setup = ends
    command = NIGHTJAR_TOOLS.command("pub") + client(setup, "cafile") + ["-L", f"mqtts://127.0.0.1:{broker.port}/t", "-m", "x"]
    assert run(command, env={"SSL_CERT_FILE": setup.client["cafile"]}) == (0, b"", b"")
    code, _, err = run(command)
    assert code == 8 and b"was given no CA of its own" in err


def test_shared_key(ends):
    broker = ends[0]
    for tools in BOTH:
        options = ["-h", "127.0.0.1", "-p", str(broker.port2), "-t", "t", "-m", "x", "--psk-identity", IDENTITY, "--psk"]
        assert run(tools.command("pub") + options + [PSK]) == (0, b"", b"")
        code, _, err = run(tools.command("pub") + options + ["ff" + PSK[2:]])
        assert code != 0
    assert code == 8 and b"pre-shared key is not the one in psk_file" in err, err


def test_request_and_answer(ends):
    broker, setup = ends
    options = ["-h", "127.0.0.1", "-p", str(broker.port)] + client(setup)
    for tools in BOTH:
        mark = broker.log.mark
        with Running(NIGHTJAR_TOOLS.command("sub") + options + ["-t", "ask", "-C", "1", "-F", "%R"]) as responder:
            broker.log.wait("Sending SUBACK", mark)
            mark = broker.log.mark
            with Running(tools.command("rr") + options + ["-t", "ask", "-e", "answer", "-m", "?", "-W", "20"]) as asker:
                broker.log.wait("Received PUBLISH", mark)
                assert run(NIGHTJAR_TOOLS.command("pub") + options + ["-t", "answer", "-m", "!"])[0] == 0
                assert (asker.wait(), asker.out.text) == (0, "!")
            assert responder.wait() == 0


def test_a_large_payload_goes_whole_both_ways(ends):
    broker, setup = ends
    options = ["-h", "127.0.0.1", "-p", str(broker.port), "-t", "large", "-q", "1"] + client(setup)
    payload = bytes(range(256)) * 4096
    mark = broker.log.mark
    with subprocess.Popen(NIGHTJAR_TOOLS.command("sub") + options + ["-C", "1", "-N"], stdout=subprocess.PIPE,
                          env=environment()) as child:
        broker.log.wait("Sending SUBACK", mark)
        assert run(NIGHTJAR_TOOLS.command("pub") + options + ["-s"], payload) == (0, b"", b"")
        assert child.communicate(timeout=60)[0] == payload


def test_no_tls_goes_before_all_options(ends, lab):
    """--no-tls is 2.1's: what is sent is plain, whatever else is said."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        for more in (["--no-tls"], []):
            first = []
            thread = threading.Thread(target=lambda got=first: got.append(first_byte(server)), daemon=True)
            thread.start()
            run(NIGHTJAR_TOOLS.command("pub") + ["-h", "127.0.0.1", "-p", str(server.getsockname()[1]), "-t", "t", "-m",
                                                 "x", "--cafile", lab.ca().path] + more)
            thread.join(10)
            assert first == [b"\x10" if more else b"\x16"]


def first_byte(server):
    peer, _ = server.accept()
    with peer:
        return peer.recv(1)


# In a network of its own: listen on 8883, run the words, print the first byte that comes.
LISTEN = """
import socket, subprocess, sys
subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
server = socket.create_server(("127.0.0.1", 8883))
child = subprocess.Popen(sys.argv[1:], stderr=subprocess.DEVNULL)
server.settimeout(20)
peer, _ = server.accept()
print(peer.recv(1).hex())
peer.close()
child.wait()
"""


@pytest.mark.parametrize("options", (["--cafile", "CA"], ["--psk", PSK, "--psk-identity", IDENTITY], ["-p", "8883"],
                                     ["--tls-use-os-certs"]), ids=lambda options: options[0])
def test_tls_and_port_8883_mean_each_other(lab, options):
    options = [lab.ca().path if o == "CA" else o for o in options]
    inside = ["unshare", "-rn"]
    _, _, refused = run(inside + ["true"])
    if refused:
        pytest.skip(f"no network namespaces here: {refused.decode().strip()}")
    # 2.0.11 speaks TLS to 1883 with the last of these.
    for tools in BOTH if options[0] != "--tls-use-os-certs" else [NIGHTJAR_TOOLS]:
        done = run(inside + ["/usr/bin/python3", "-c", LISTEN] + tools.command("pub") +
                   ["-h", "127.0.0.1", "-t", "t", "-m", "x"] + options)
        assert done == (0, b"16\n", b""), tools.name


# ------------------------------------------------------------------------------------- options

def words_of(err):
    return err.split(b"\n\nUse")[0].strip()


@pytest.mark.parametrize("options", (
    ["--cert", "x"], ["--key", "x"], ["--keyform", "pem"], ["--tls-engine-kpass-sha1", "00", "--keyform", "pem"],
    ["--cafile", "x", "--psk", "00", "--psk-identity", "i"], ["--psk", "00"], ["--cafile"], ["--capath"], ["--cert"],
    ["--key"], ["--keyform"], ["--ciphers"], ["--psk"], ["--psk-identity"], ["--tls-alpn"], ["--tls-engine"],
    ["--tls-engine-kpass-sha1"], ["--tls-version"]), ids=" ".join)
@pytest.mark.parametrize("program", ("pub", "sub"))
def test_mistakes_among_options_have_mosquittos_words(program, options):
    given = ["-t", "t"] + (["-m", "x"] if program == "pub" else []) + options
    theirs, ours = (run(tools.command(program) + given) for tools in BOTH)
    assert ours[0] == theirs[0] == 1
    assert words_of(ours[2]) == words_of(theirs[2])


def test_file_that_cannot_be_opened_is_named_with_the_reason():
    code, out, err = run(NIGHTJAR_TOOLS.command("pub") + ["-t", "t", "-m", "x", "--cafile", "/nowhere/ca.crt"])
    assert (code, out) == (1, b"")
    assert err == b"Error: Problem setting TLS options: Unable to load CA certificates. " \
        b"Check cafile \"/nowhere/ca.crt\": No such file or directory\n"


# ------------------------------------------------------------------------------------- secrets

def test_shared_key_is_not_for_ps(ends):
    broker = ends[0]
    mark = broker.log.mark
    with Running(NIGHTJAR_TOOLS.command("sub") + ["-h", "127.0.0.1", "-p", str(broker.port2), "-t", "t", "--psk", PSK,
                                                  "--psk-identity", IDENTITY]) as child:
        broker.log.wait("Sending SUBACK", mark)
        with open(f"/proc/{child.process.pid}/cmdline", "rb") as f:
            assert PSK.encode() not in f.read()


def test_password_of_a_key_comes_from_the_environment(ends, lab):
    broker, setup = ends
    options = ["-h", "127.0.0.1", "-p", str(broker.port), "-t", "t", "-m", "x"] + client(setup, "key") + \
        ["--key", lab.encrypted(setup.client["key"])]
    command = NIGHTJAR_TOOLS.command("pub") + options
    assert run(command, env={"NIGHTJAR_KEY_PASSWORD": "secret"}) == (0, b"", b"")
    code, _, err = run(command, env={"NIGHTJAR_KEY_PASSWORD": "wrong"})
    assert code == 1 and b"pass" in err
    code, _, err = run(command)
    assert code == 1 and b"encrypted" in err


@pytest.fixture(scope="module")
def guarded(tmp_path_factory):
    """A broker that lets in `u` with "open sesame" alone."""
    passwords = tmp_path_factory.mktemp("pw") / "passwords"
    assert run([NIGHTJAR, "passwd", "-b", "-c", str(passwords), "u", "open sesame"])[0] == 0
    broker = Broker("nightjar", f"listener {{port}} 127.0.0.1\npassword_file {passwords}\n")
    broker.start()
    yield ["-h", "127.0.0.1", "-p", str(broker.port), "-t", "t", "-m", "x"]
    assert broker.stop() == 0


def test_password_comes_from_the_environment_or_a_file(guarded, tmp_path):
    command = NIGHTJAR_TOOLS.command("pub") + guarded
    assert run(command + ["-u", "u"])[0] == 5
    assert run(command + ["-u", "u"], env={"NIGHTJAR_PASSWORD": "open sesame"}) == (0, b"", b"")
    assert run(command + ["-u", "u", "-P", "other"], env={"NIGHTJAR_PASSWORD": "open sesame"})[0] == 5
    (tmp_path / "options").write_text("-u u\n-P open sesame\n")
    assert run(command + ["-o", str(tmp_path / "options")]) == (0, b"", b"")


def test_password_is_asked_for_unseen(guarded):
    pid, terminal = pty.fork()
    if pid == 0:
        os.execve(NIGHTJAR, NIGHTJAR_TOOLS.command("pub") + guarded + ["-u", "u", "--ask-pw"], environment())
    seen = b""
    while b"Password: " not in seen:
        seen += os.read(terminal, 1024)
    os.write(terminal, b"open sesame\n")
    try:
        while more := os.read(terminal, 1024):
            seen += more
    except OSError:                              # the terminal's other end is gone
        pass
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0, seen
    assert b"sesame" not in seen
    os.close(terminal)


def test_nobody_at_a_terminal_is_said():
    code, _, err = run(["setsid", "-w"] + NIGHTJAR_TOOLS.command("pub") + ["-t", "t", "-m", "x", "-u", "u", "--ask-pw"])
    assert code == 1 and err.startswith(b"Error: "), err
