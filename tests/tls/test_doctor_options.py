# SPDX-License-Identifier: Apache-2.0
"""`nightjar doctor` with the options of the clients: what pub would do with them, the doctor does."""
import json

import pytest

from support.broker import NIGHTJAR, Broker
from support.tool import run

PSK, IDENTITY = "00112233445566778899aabbccddeeff", "lamp7"


@pytest.fixture(scope="module", params=["nightjar", "mosquitto"])
def secure(request, tmp_path_factory, lab):
    """A broker that wants certificates on one port and a shared key on the other."""
    keys = tmp_path_factory.mktemp("psk") / "keys"
    keys.write_text(f"{IDENTITY}:{PSK}\n")
    yield from run_broker(request.param, lab.setup().config() +
                          f"listener {{port2}} 127.0.0.1\npsk_hint here\npsk_file {keys}\n")


@pytest.fixture(scope="module", params=["nightjar", "mosquitto"])
def plain(request, tmp_path_factory):
    """One on a port and on a Unix socket."""
    path = tmp_path_factory.mktemp("local") / "socket"
    for broker in run_broker(request.param, f"listener {{port}} 127.0.0.1\nlistener 0 {path}\nallow_anonymous true\n"):
        broker.unix = path
        yield broker


def run_broker(kind, config):
    broker = Broker(kind, config)
    broker.start()
    yield broker
    assert broker.stop() == 0


def doctor(*words, env=None):
    """(exit code, findings by name, steps by name, stderr)"""
    code, out, err = run([NIGHTJAR, "doctor", "--json", *words], env=env)
    steps = json.loads(out)["steps"] if out else []
    return code, {f["name"]: f for s in steps for f in s["findings"]}, {s["step"]: s for s in steps}, err


WORKS = {"clock", "name", "tcp", "connect", "subscribe", "publish"}


@pytest.mark.parametrize("words, does", (
    (["-h", "127.0.0.1", "-p", "{port}"], WORKS), (["127.0.0.1:{port}"], WORKS), (["mqtt://127.0.0.1:{port}"], WORKS),
    (["-L", "mqtt://127.0.0.1:{port}/some/topic"], WORKS), (["localhost:{port}", "-A", "127.0.0.1"], WORKS),
    (["--unix", "{unix}"], WORKS - {"name", "tcp"} | {"unix"}), (["-o", "{file}"], WORKS),
    (["127.0.0.1:{port}", "-V", "5", "-I", "doc", "-k", "30", "--will-topic", "gone", "-q", "0"], WORKS),
    (["127.0.0.1:{port}", "-t", "some/#"], WORKS)), ids=" ".join)
def test_every_way_to_the_broker_is_gone(plain, tmp_path, words, does):
    (tmp_path / "options").write_text(f"# pub's, say\n-h 127.0.0.1\n-p {plain.port}\n-i one\n")
    words = [w.format(port=plain.port, unix=plain.unix, file=tmp_path / "options") for w in words]
    code, found, steps, err = doctor(*words)
    assert (code, found, err) == (0, {}, b"")
    assert set(steps) == does


@pytest.mark.parametrize("words", (["-m", "x"], ["-c"], ["-r"], ["-x", "5"], ["--debug"]), ids=" ".join)
def test_options_that_decide_nothing_are_refused(words):
    code, _, _, err = doctor("localhost", *words)
    assert code == 2 and f"Option '{words[0]}' is not for the doctor".encode() in err


@pytest.mark.parametrize("words", (["--nonsense"], ["a", "-p", "x"], ["a:0"], ["--psk", "00"], ["--cafile"], ["--config"],
                                   ["-L", "http://a/"], ["--config", "/nowhere/broker.conf"]), ids=" ".join)
def test_what_cannot_be_understood_ends_with_2(words):
    code, _, _, err = doctor(*words)
    assert code == 2 and err


def test_help_and_version_end_with_0():
    assert [doctor_says(word)[0] for word in ("--help", "--version")] == [0, 0]
    assert b"--psk-identity" in doctor_says("--help")[1]


def doctor_says(word):
    return run([NIGHTJAR, "doctor", word])


# ------------------------------------------------------------------------------------- shared keys

@pytest.mark.parametrize("key, identity, names", (
    (PSK, IDENTITY, set()), ("ff" + PSK[2:], IDENTITY, {"wrong_psk"}), (PSK, "lamp8", {"unknown_identity"}),
    ("zz", IDENTITY, {"option_refused"})))
def test_shared_key(secure, key, identity, names):
    code, found, steps, _ = doctor(f"localhost:{secure.port2}", "--psk", key, "--psk-identity", identity)
    assert set(found) - {"old_version"} == names
    assert code == (1 if names else 0)
    assert names or steps["tls"]["came"].endswith("by the shared key of lamp7")


def test_certificates_where_a_shared_key_is_wanted(secure):
    code, found, _, _ = doctor(f"localhost:{secure.port2}", "--tls-use-os-certs")
    assert (code, set(found)) == (1, {"no_psk"})


def test_shared_key_where_certificates_are_wanted(secure):
    code, found, _, _ = doctor(f"localhost:{secure.port}", "--psk", PSK, "--psk-identity", IDENTITY)
    assert (code, set(found) - {"old_version"}) == (1, {"unknown_identity"})


# ------------------------------------------------------------------------------------- certificates

def client(setup, **more):
    return [w for name, path in {**setup.client, **more}.items() for w in (f"--{name}", path)]


@pytest.mark.parametrize("password, name", (("secret", None), ("wrong", "key_passphrase"), (None, "key_encrypted")))
def test_password_of_a_key_comes_from_the_environment(secure, lab, password, name):
    setup = lab.setup()
    words = client(setup, key=lab.encrypted(setup.client["key"]))
    code, found, steps, _ = doctor(f"127.0.0.1:{secure.port}", *words, env=password and {"NIGHTJAR_KEY_PASSWORD": password})
    assert code == (1 if name else 0)
    assert name is None or not found[name]["is_guess"]
    assert name is None or set(found) <= {name, "old_version"} and steps["certificate"]["result"] == "skipped"
    assert name is not None or set(found) <= {"old_version"}


@pytest.mark.parametrize("more, names", (({}, {"half_a_pair"}), ({"key": "/nowhere/client.key"}, {"file_missing"})), ids=str)
def test_a_certificate_that_cannot_be_shown_is_one_mistake(secure, lab, more, names):
    setup = lab.setup()
    words = client(setup, **more)
    if not more:
        del words[words.index("--key"):]
    code, found, steps, _ = doctor(f"127.0.0.1:{secure.port}", *words)
    assert (code, set(found) - {"old_version"}) == (1, names)
    assert steps["certificate"]["result"] == "skipped" and "1.2" in steps["versions"]["came"]


def test_no_certificate_is_certain_where_tls_1_3_says_so(secure, lab):
    code, found, _, _ = doctor(f"127.0.0.1:{secure.port}", "--cafile", lab.setup().client["cafile"])
    assert (code, set(found) - {"old_version"}, found["no_certificate"]["is_guess"]) == (1, {"no_certificate"}, False)


def test_protocol_that_the_broker_does_not_speak(secure, lab):
    code, found, _, _ = doctor(f"127.0.0.1:{secure.port}", *client(lab.setup()), "--tls-alpn", "h2")
    # Mosquitto 2.0 passes over what is asked for.
    assert (code, "no_protocol" in found) == ((1, True) if secure.kind == "nightjar" else (0, False))


def test_version_that_no_client_speaks(secure, lab):
    code, found, _, _ = doctor(f"127.0.0.1:{secure.port}", *client(lab.setup()), "--tls-version", "tlsv1.1")
    assert code == 1 and not found["no_version"]["is_guess"] and found["no_version"]["mend"] == "--tls-version tlsv1.2"
