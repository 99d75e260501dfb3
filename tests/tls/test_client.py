# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""pub beside a broker that is set up with each mistake of the table: the client says what is wrong where it is
the one to know, or what may be where only the broker is; set-ups that work bring no complaint."""
import os
import re

import pytest

import rows
from support import mqtt
from support.broker import Broker, NotStarted
from support.script import Script
from support.tool import NIGHTJAR_TOOLS, Running, run
from told import is_told

FILES, TLS = 1, 8

# What the broker cannot start with, or refuses by CONNACK, is not for TLS in the client to tell; 13a is a
# client without TLS, which can only guess: a test of its own.
NOT_THE_CLIENTS = {"08b", "09b", "09c", "09d", "11", "11c", "15b", "17d", "20", "20b", "19", "13a"}
# Mosquitto's clients take an address as text in a certificate; OpenSSL, which checks names here, does not.
HOST_AS_TEXT = {"01e", "02c", "10"}
# Two mistakes of one certificate are told both; OpenSSL looks at names before it looks at signatures.
TWO = {"01": {"same_name_as_ca", "host_address"}, "03b": {"host_as_text", "other_ca_of_this_name"}}


@pytest.fixture
def publish(tmp_path):
    """(exit code, what was said) of a pub that is set up as a row says."""
    started = []

    def go(setup):
        broker = Broker("mosquitto", setup.config(), env=setup.broker_env)
        started.append(broker)
        try:
            broker.start()
        except NotStarted:
            return None
        command = NIGHTJAR_TOOLS.command("pub") + ["-h", setup.host, "-p", str(broker.port), "-t", "t", "-m", "x"]
        if setup.port_is_8883:                   # that port stands for the system's CAs
            command += ["--tls-use-os-certs"]
        if setup.client_user != "root":
            command = ["setpriv", f"--reuid={setup.client_user}", "--clear-groups", "--inh-caps=-all"] + command
        code, out, err = run(command + setup.client_args(), env=setup.client_env)
        assert out == b""
        return code, err.decode()

    yield go
    for broker in started:
        broker.kill()


@pytest.mark.parametrize("number", sorted(set(rows.ROWS) - NOT_THE_CLIENTS))
def test_client_tells_the_mistake(lab, number, publish):
    row = rows.ROWS[number]
    setup = row.make(lab)
    if setup.client_user != "root" and os.getuid() != 0:
        pytest.skip("needs root to become another user")
    done = publish(setup)
    assert done is not None, "the broker did not start"
    code, err = done
    wanted = TWO.get(number) or row.faults | row.live
    if number in HOST_AS_TEXT:
        wanted = {"host_as_text"}
    if not wanted:
        assert (code, err) == (0, "")
        return
    assert code in (FILES, TLS), err
    told = [is_told(name, err) for name in wanted]
    assert all(told) if number in TWO else any(told), f"{wanted} is not in:\n{err}"
    assert err.startswith("Error: ") and not re.fullmatch(r"Error: A TLS error occurred\W*", err)


HINT = "add --cafile FILE with its CA, or -L mqtts://..."


@pytest.mark.parametrize("kind", ("mosquitto", "nightjar"))
def test_client_without_tls_is_told_of_a_port_for_it(lab, kind, request):
    """Row 13a. Either broker hangs up without a word: that it may be for want of TLS is a guess, and said so."""
    broker = Broker(kind, rows.ROWS["13a"].make(lab).config())
    request.addfinalizer(broker.kill)
    broker.start()
    at = ["-h", "127.0.0.1", "-p", str(broker.port), "-t", "t"]
    for program, more in (("pub", ["-m", "x"]), ("rr", ["-m", "x", "-e", "e", "-V", "5"])):
        code, out, err = run(NIGHTJAR_TOOLS.command(program) + at + more)
        assert (code, out, err.decode().splitlines()) == (7, b"", [
            "Error: The connection was lost.",
            "(the broker hung up without an answer to CONNECT. If its port is for TLS, " + HINT + ")"])
    with Running(NIGHTJAR_TOOLS.command("sub") + at) as child:        # goes on trying
        child.err.wait(re.escape(HINT))


@pytest.mark.parametrize("words", (["pub", "-m", "x"], ["sub"], ["rr", "-m", "x", "-e", "e"]), ids=lambda w: w[0])
def test_client_without_tls_knows_an_alert(words):
    with Script([(mqtt.CONNECT, bytes.fromhex("15030300020246"))]) as broker:
        code, out, err = run(NIGHTJAR_TOOLS.command(words[0]) + broker.at() + ["-t", "t"] + words[1:])
    assert (code, out) == (2, b"")
    assert err.decode().splitlines()[1:] == ["(the broker answered CONNECT with an alert of TLS: " + HINT + ")"]
