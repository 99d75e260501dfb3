# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""The same rows with mosquitto as the broker: mosquitto_pub prints what the table says, so the
fixture reproduces the row; then `nightjar doctor` names the mistake to the client's user."""
import json
import os
import re
import subprocess
import time

import pytest

import rows
from support.broker import MOSQUITTO, NIGHTJAR, Broker, Log, NotStarted
from support.dns import Network
from support.peer import TIMEOUT
from support.tool import environment

IDS = sorted(rows.ROWS)

# mosquitto 2.0 prints either, as the timing falls; with -d the alert is not always seen.
LOST = ("Error: The connection was lost.", "Error: Protocol error")

# What doctor can name from the client's side: "known" for certain, "perhaps" among the causes that it
# lists, most likely first. Rows without a word here work, or are named by the client's own files.
LIVE = {
    "01": {"same_name_as_ca", "host_address"},
    "12b": {"no_version"}, "12c": {"no_version"}, "12d": {"no_cipher"}, "12e": {"no_version"},
    "03": {"unknown_root"},                                  # mosquitto sends its root along
    "20b": {"not_allowed"},
}
# The broker refuses, and the client sees an alert: one of these is the mistake, among the guesses.
GUESSED = {"04b", "05b", "07", "07b", "07c", "07d", "07e", "16b", "17e", "18", "18b", "18c", "19", "01g",
           "06", "11e", "12b", "12c", "12d"}
# Of these, certificates that the broker refuses in the handshake, by files of its own.
OF_CERTIFICATES = GUESSED - {"07e", "12b", "12c", "12d", "19"}
# The broker does not start.
NOT_STARTED = {"08b", "09b", "09c", "09d", "20", "11", "11c", "15b", "17d"}


# Where nightjar is another broker than mosquitto: it sends no root along.
OURS = {"03": {"unknown_issuer"}}
# About this port alone, whose meaning clients know.
OF_8883 = {"13"}
# Nightjar does not start: nobody could ever connect.
REFUSED = {"07e"}


class Running:
    """A broker with the row's settings."""

    def __init__(self, setup, kind="mosquitto"):
        self.broker = Broker(kind, setup.config(), args=["-v"], env=setup.broker_env)
        self.setup = setup
        self.error = None

    def __enter__(self):
        if self.setup.broker_user == "nobody":
            self.setup.broker_user = "mosquitto"      # it becomes that before it reads keys
            self.broker.config = self.setup.config()
        try:
            self.broker.start()
            self.port = self.broker.port
        except NotStarted as e:
            self.error = e
        return self

    def __exit__(self, *_):
        if self.broker.alive:
            self.broker.stop()
        else:
            self.broker.kill()

    @property
    def log(self):
        return self.error.log if self.error else self.broker.log.text

    def says(self, text, clean):
        """Once its reader has it: the broker may write it after its client has gone."""
        deadline = time.monotonic() + TIMEOUT
        while text not in clean(self.log) and self.error is None and time.monotonic() < deadline:
            time.sleep(0.01)
        return text in clean(self.log)


def user_of(setup):
    return setup.client_user if setup.client_user != "root" and os.getuid() == 0 else None


def mosquitto_pub(setup, port, inside=()):
    command = [*inside, "/usr/bin/mosquitto_pub", "-h", setup.host, "-p", str(port), "-t", "t", "-m", "m", "-d",
               *setup.client_args()]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=30, check=False,
                          start_new_session=True, user=user_of(setup),
                          env={**environment(), **setup.client_env})
    return (done.stdout + done.stderr).decode()


# What OpenSSL says of a signature by another key depends on the two keys, which are made anew each time.
OTHER_KEY = {"invalid padding", "padding check failed"}


def reasons(cell):
    """The parts of a cell of the table that must be found in an output, without OpenSSL's numbers."""
    parts = re.split(r" ; | / |`", cell)
    texts = [re.sub(r"^[0-9A-F]{8}:", "", p.strip()) for p in parts]
    said = [t.split("::")[-1] for t in texts if t and t not in ("nothing (works)", "nothing", "connected")]
    return ["rsa routines" if text in OTHER_KEY else text for text in said]


def clean(text):
    return re.sub(r'"[^"]*"', '""', text)


def assert_said(shown, measured):
    """By mosquitto_pub, as the table has it."""
    if measured.client in LOST:
        assert any(text in shown for text in LOST), shown
    else:
        for text in reasons(measured.client) + reasons(measured.client_debug):
            # With -d the last line is another: "Unable to connect (A TLS error occurred.)."
            assert clean(text.removeprefix("Error: ")) in clean(shown), shown
    if "works" in measured.client:
        assert "Error" not in shown, shown


@pytest.mark.parametrize("number", sorted(set(IDS) - OF_8883))
def test_mosquitto_says_what_the_table_says(lab, number):
    measured = rows.table().get(number)
    if measured is None:
        pytest.skip("the table is not at hand")
    setup = rows.ROWS[number].make(lab)
    with Running(setup) as running:
        if measured.client == "(broker did not start)":
            assert running.error, running.log
        else:
            assert not running.error, running.log
            assert_said(mosquitto_pub(setup, running.port), measured)
        # While it runs: told to end, it no longer reads what its client has sent.
        for text in reasons(measured.broker):
            if "New connection" not in text and "CLIENT" not in text and "<unknown>" not in text:
                assert running.says(clean(text), clean), running.log


def doctor(setup, port, inside=(), config=None):
    command = [*inside, NIGHTJAR, "doctor", f"{setup.host}:{port}", "--json", *setup.client_args(),
               *(("--config", str(config)) if config else ())]
    done = subprocess.run(command, capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False,
                          user=user_of(setup), env={**environment(), **setup.client_env})
    assert done.returncode in (0, 1), (done.stdout + done.stderr).decode()
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize("number", sorted(set(IDS) - NOT_STARTED - OF_8883))
@pytest.mark.parametrize("kind", ("mosquitto", "nightjar"))
def test_doctor_names_the_mistake(lab, kind, number):
    row = rows.ROWS[number]
    setup = row.make(lab)
    with Running(setup, kind) as running:
        if kind == "nightjar" and number in REFUSED:
            assert running.error, "a broker that cannot work should not start"
            return
        assert not running.error, running.log
        code, report = doctor(setup, running.port)
    found = [f for s in report["steps"] for f in s["findings"]]
    certain = {f["name"] for f in found if f["severity"] == "fault" and not f["is_guess"]}
    named = certain | {f["name"] for f in found if f["is_guess"]}
    shown = json.dumps(report, indent=1)
    expected = LIVE.get(number, row.faults)
    if kind == "nightjar":
        expected = OURS.get(number, expected)
    if number in GUESSED:
        assert expected <= named, shown
    else:
        assert certain == expected, shown
    assert code == (1 if expected else 0), shown
    if not expected:
        # Debian's mosquitto has TLS before 1.2 switched on, for clients without its security level.
        assert {f["name"] for f in found} <= row.asides | ({"old_version"} if kind == "mosquitto" else set()), shown


@pytest.mark.parametrize("number", sorted(OF_CERTIFICATES))
def test_doctor_is_certain_where_it_has_the_brokers_files(lab, number):
    row = rows.ROWS[number]
    setup = row.make(lab)
    with Running(setup, "nightjar") as running:
        assert not running.error, running.log
        code, report = doctor(setup, running.port, config=running.broker.config_path)
    found = step(report, "certificate")["findings"]
    assert code == 1 and {f["name"] for f in found if not f["is_guess"]} == row.faults, report
    assert {f["name"] for f in found if f["is_guess"]} <= {"clock_ahead"}, report


# What the lab's author tried, and what he was not told.

def step(report, name):
    return next(s for s in report["steps"] if s["step"] == name)


@pytest.mark.parametrize("kind", ("mosquitto", "nightjar"))
def test_the_systems_store_does_not_change_error_18(lab, kind):
    setup = rows.ROWS["01"].make(lab)
    setup.client_env = {"SSL_CERT_FILE": setup.client["cafile"]}
    setup.args = ("--tls-use-os-certs",)
    with Running(setup, kind) as running:
        reports = [doctor(setup, running.port)]
        del setup.client["cafile"]                       # the store alone
        reports.append(doctor(setup, running.port))
    for code, report in reports:
        found = {f["name"]: f for f in step(report, "chain")["findings"]}
        assert code == 1 and set(found) == {"same_name_as_ca"}
        assert "whatever CA is given and whatever the system's store holds" in found["same_name_as_ca"]["cause"]


@pytest.mark.parametrize("kind", ("mosquitto", "nightjar"))
def test_the_name_of_a_clients_certificate_is_no_hosts(lab, kind):
    for subject in ("/CN=no host anywhere", "/C=FR/O=Internet Widgits Pty Ltd"):
        setup = lab.setup(client=lab.client(subject=subject))
        with Running(setup, kind) as running:
            code, report = doctor(setup, running.port)
        assert code == 0, report
        assert "compares its name with no host" in step(report, "certificate")["came"]


def test_a_broker_of_broken_versions_alone(lab):
    setup = lab.setup()
    setup.broker_env = lab.limits(MinProtocol="TLSv1.1", MaxProtocol="TLSv1.1", CipherString="DEFAULT@SECLEVEL=0")
    with Running(setup, "mosquitto") as running:
        code, report = doctor(setup, running.port)
    found = [f for s in report["steps"] for f in s["findings"]]
    assert code == 1 and [f["name"] for f in found] == ["no_version"], report
    assert "TLS older than 1.2" in found[0]["cause"] and not found[0]["is_guess"]


def test_the_broker_names_two_mistakes_of_one_certificate(lab):
    setup = lab.setup(client=lab.client(start=-20 * rows.DAY, end=-10 * rows.DAY, ext=rows.SERVER))
    with Running(setup, "nightjar") as running:
        doctor(setup, running.port)
        line = running.broker.log.wait("refused here: .*")
    assert "expired on" in line.string and "extendedKeyUsage lacks clientAuth" in line.string


@pytest.mark.parametrize("kind", ("mosquitto", "nightjar"))
@pytest.mark.parametrize("number", sorted(OF_8883))
def test_port_8883_itself(lab, tmp_path, kind, number):
    """In a network of its own, where the port is free."""
    row = rows.ROWS[number]
    setup = row.make(lab)
    config = tmp_path / "broker.conf"
    config.write_text(setup.config(8883))
    program = [NIGHTJAR, "broker"] if kind == "nightjar" else [MOSQUITTO]
    with Network({}) as network:
        if reason := network.refused():
            pytest.skip(reason)
        with subprocess.Popen([*network.inside, *program, "-v", "-c", config], stdin=subprocess.DEVNULL,
                              stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                              env={**environment(), "XDG_STATE_HOME": str(tmp_path)}) as broker:
            log = Log(broker.stdout)
            log.wait(r"version \S+ running$")
            if number in rows.table():
                assert_said(mosquitto_pub(setup, 8883, network.inside), rows.table()[number])
                for text in reasons(rows.table()[number].broker) if kind == "mosquitto" else []:
                    log.wait(re.escape(text))
            code, report = doctor(setup, 8883, network.inside)
            broker.terminate()
    found = {f["name"] for s in report["steps"] for f in s["findings"] if f["severity"] == "fault"}
    assert (code, found) == (1, row.faults), json.dumps(report, indent=1)
