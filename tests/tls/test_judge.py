# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""Every mistake of the table is named by its files alone, where its files can show it, and nothing
else is; set-ups that work bring no complaint."""
import ctypes
import json
import os
import shlex
import shutil
import subprocess
import sys
import time

import pytest

import rows
from support.broker import NIGHTJAR, Log, free_port
from support.tool import environment, run

IDS = sorted(rows.ROWS)


def user_of(setup):
    users = {setup.broker_user, setup.client_user} - {"root"}
    return users.pop() if users == {"nobody"} and os.getuid() == 0 else None


def doctor(setup, *more, cwd=None, user=None, env=None, program=NIGHTJAR):
    """(exit code, report) of `nightjar doctor --files --json` for both ends, or for the broker's alone."""
    port = 8883 if setup.port_is_8883 else 18883
    config = os.path.join(cwd, "broker.conf")
    with open(config, "w", encoding="ascii") as f:
        f.write(setup.config(port))
    os.chmod(config, 0o644)
    where = [f"{setup.host}:{port}"] if setup.client else []
    command = [program, "doctor", *where, "--config", config, "--files", "--json", *more]
    command += [a for name, path in setup.client.items() if path for a in (f"--{name}", path)]
    done = subprocess.run(command, capture_output=True, cwd=cwd, user=user, check=False,
                          env={**environment(), **(env or {})}, timeout=60)
    assert done.returncode in (0, 1), done.stderr.decode()
    return done.returncode, json.loads(done.stdout)


def findings(report, *severities):
    return {f["name"]: f for s in report["steps"] for f in s["findings"] if f["severity"] in severities
            and not f["is_guess"] and s["step"] != "config"}


def test_every_row_of_the_table_is_made():
    table = rows.table()
    if not table:
        pytest.skip("the table is not at hand")
    assert set(table) == set(rows.ROWS)
    assert len(table) == 82


@pytest.mark.parametrize("number", IDS)
def test_files_name_the_mistake(lab, number, tmp_path):
    row = rows.ROWS[number]
    setup = row.make(lab)
    os.chmod(tmp_path, 0o755)
    code, report = doctor(setup, cwd=str(tmp_path), user=user_of(setup))
    faults = findings(report, "fault")
    shown = json.dumps(report["steps"], indent=1)
    assert set(faults) == row.faults, shown
    assert row.asides <= set(findings(report, "warning", "note")), shown
    assert code == (1 if row.faults else 0), shown
    for f in faults.values():
        assert f["cause"] and f["mend"], f


# What mends by files of its own, or by copies: run as it stands. The rest is advice, asks at the terminal,
# or would change files that the other rows need.
RUNNABLE = ("nightjar ", "openssl rehash ", "openssl x509 ")


@pytest.fixture
def workshop(tmp_path_factory):
    """A folder with an authority, as the operator's who types the commands; and `nightjar` to type."""
    folder = tmp_path_factory.mktemp("workshop")
    (folder / "bin").mkdir()
    (folder / "bin" / "nightjar").symlink_to(NIGHTJAR)
    env = environment()
    env["PATH"] = f"{folder}/bin:{env['PATH']}"
    subprocess.run(["nightjar", "pki", "init"], cwd=folder, env=env, check=True, capture_output=True)
    return folder, env


@pytest.mark.parametrize("number", IDS)
def test_commands_that_mend_work_as_they_stand(lab, number, tmp_path, workshop):
    folder, env = workshop
    setup = rows.ROWS[number].make(lab)
    os.chmod(tmp_path, 0o755)
    _, report = doctor(setup, cwd=str(tmp_path), user=user_of(setup))
    for finding in findings(report, "fault").values():
        for command in finding["mend"].split("\n"):
            if not command.startswith(RUNNABLE):
                continue
            done = subprocess.run(command, shell=True, cwd=folder, env=env, capture_output=True, timeout=60,
                                  check=False)
            assert done.returncode == 0, (command, done.stdout + done.stderr)


def test_lab_report_mended_by_what_is_printed_works(lab, tmp_path, workshop):
    """The broker of the lab's report, with the certificates that the printed commands make."""
    folder, env = workshop
    setup = rows.ROWS["01"].make(lab)
    os.chmod(tmp_path, 0o755)
    code, report = doctor(setup, cwd=str(tmp_path))
    assert code == 1
    mend = findings(report, "fault")["same_name_as_ca"]["mend"]
    for command in (mend, "nightjar pki client olivier --force"):
        subprocess.run(command, shell=True, cwd=folder, env=env, check=True, capture_output=True)
    host, client = folder / "pki" / "hosts" / "127.0.0.1", folder / "pki" / "clients" / "olivier"
    setup.broker.update(certfile=host / "server.crt", keyfile=host / "server.key", cafile=host / "ca.crt")
    setup.client.update(cafile=client / "ca.crt", cert=client / "client.crt", key=client / "client.key")
    code, report = doctor(setup, cwd=str(tmp_path))
    assert code == 0 and not findings(report, "fault", "warning"), json.dumps(report, indent=1)


def test_what_pki_made_is_renewed_or_replaced_in_its_place(tmp_path, workshop):
    folder, env = workshop
    pki = folder / "pki"

    def type_in(command):
        subprocess.run(command, shell=True, cwd=tmp_path, env=env, check=True, capture_output=True)

    type_in(f"nightjar pki server broker --san 127.0.0.1 --days 10 --dir {pki}")
    type_in(f"nightjar pki client olivier --days 10 --dir {pki}")
    broker = {"certfile": pki / "hosts/broker/server.crt", "keyfile": pki / "hosts/broker/server.key",
              "cafile": pki / "ca.crt", "require_certificate": "true"}
    client = {"cafile": pki / "ca.crt", "cert": pki / "clients/olivier/client.crt",
              "key": pki / "clients/olivier/client.key"}
    code, report = doctor(rows.Setup(broker, client), cwd=str(tmp_path))
    mends = {f["mend"] for s in report["steps"] for f in s["findings"] if f["name"] == "expires_soon"}
    assert code == 0
    assert mends == {f"nightjar pki renew hosts/broker --dir {pki}", f"nightjar pki renew clients/olivier --dir {pki}"}
    for command in mends:
        type_in(command)
    code, report = doctor(rows.Setup(broker, client, host="10.1.2.3"), cwd=str(tmp_path))
    found = findings(report, "fault", "warning")
    assert code == 1 and set(found) == {"host_address"}
    type_in(found["host_address"]["mend"])
    for host in ("10.1.2.3", "127.0.0.1"):
        code, report = doctor(rows.Setup(broker, client, host=host), cwd=str(tmp_path))
        assert code == 0 and not findings(report, "fault", "warning")


@pytest.mark.parametrize("subject, name", (
    ("/CN=the CA", "broker"), ("/O=ISIS/CN=A lamp", "A-lamp"), ("/CN=\\$(touch pwned);#", "--touch-pwned---")))
def test_names_that_no_authority_takes_are_advised_as_names_that_one_takes(lab, tmp_path, workshop, subject, name):
    folder, env = workshop
    ca = lab.ca("blank", "/CN=the CA")
    setup = rows.Setup({"certfile": lab.server(ca, subject, ext=None).path, "keyfile": lab.key("broker"), "cafile": ca.path}, {})
    code, report = doctor(setup, cwd=str(tmp_path))
    found = findings(report, "fault", "warning")
    name = "broker" if name.startswith("-") else name
    mends = {f["mend"] for f in found.values()}
    assert code == (subject == "/CN=the CA") and mends == {f"nightjar pki server {name} --force"}
    subprocess.run(mends.pop(), shell=True, cwd=folder, env=env, check=True, capture_output=True)
    assert (folder / "pki" / "hosts" / name / "server.crt").exists() and not (folder / "pwned").exists()


@pytest.mark.parametrize("host, mend", ((None, "nightjar pki server broker"), ("lab", "nightjar pki server broker --san lab"),
                                        ("127.0.0.1", "nightjar pki server 127.0.0.1")))
def test_an_authority_does_not_give_its_own_name_to_another(lab, tmp_path, workshop, host, mend):
    """Nor does a quote in the path of the authority end the command early."""
    folder, env = workshop
    place = folder / "the lab's pki"
    if not place.exists():
        subprocess.run(["nightjar", "pki", "init", "--name", "lab", "--dir", place], cwd=folder, env=env, check=True, capture_output=True)
    ca = rows.Cert(str(place / "ca.crt"), str(place / "ca.key"), "/CN=lab")
    setup = rows.Setup({"certfile": lab.server(ca, "/CN=lab", ext=None).path, "keyfile": lab.key("broker"), "cafile": ca.path},
                       {"cafile": ca.path} if host else {}, host)
    mended = findings(doctor(setup, cwd=str(tmp_path))[1], "fault")["same_name_as_ca"]["mend"]
    assert shlex.split(mended) == [*mend.split(), "--force", "--dir", str(place)]
    subprocess.run(mended, shell=True, cwd=folder, env=env, check=True, capture_output=True)
    made = place / "hosts" / mend.split()[3]
    setup.broker.update(certfile=made / "server.crt", keyfile=made / "server.key")
    code, report = doctor(setup, cwd=str(tmp_path))
    assert code == 0 and not findings(report, "fault", "warning"), json.dumps(report, indent=1)


def test_a_star_in_a_name_stays_a_star(tmp_path, workshop):
    folder, env = workshop
    (tmp_path / "a.lab.example,10.1.2.3").touch()          # what a shell would make of it
    subprocess.run(["nightjar", "pki", "server", "stars", "--san", "*.lab.example"], cwd=folder, env=env, check=True, capture_output=True)
    made = folder / "pki/hosts/stars"
    setup = rows.Setup({"certfile": made / "server.crt", "keyfile": made / "server.key"}, {"cafile": made / "ca.crt"}, "10.1.2.3")
    mend = findings(doctor(setup, cwd=str(tmp_path))[1], "fault")["host_address"]["mend"]
    subprocess.run(mend, shell=True, cwd=tmp_path, env=env, check=True, capture_output=True)
    for host in ("10.1.2.3", "b.lab.example"):
        setup.host = host
        assert doctor(setup, cwd=str(tmp_path))[0] == 0


def test_a_line_of_the_configuration_is_not_quoted(lab, tmp_path):
    folder = tmp_path / "my certs"
    folder.mkdir()
    cert, key, ca = (shutil.copy(path, folder) for path in (lab.server().path, lab.server().key, lab.ca().path))
    setup = lab.setup(broker={"certfile": key, "keyfile": cert})
    setup.client = {}
    mend = findings(doctor(setup, cwd=str(tmp_path))[1], "fault")["file_other_kind"]["mend"]
    setup.broker.update(line.split(" ", 1) for line in mend.split("\n"))
    assert doctor(setup, cwd=str(tmp_path))[0] == 0
    setup = lab.setup(broker_ca=lab.ca("other", "/O=Somebody else/CN=Other CA"))
    setup.client["cert"], setup.client["key"] = shutil.copy(lab.client().path, folder), lab.client().key
    mend = findings(doctor(setup, cwd=str(tmp_path))[1], "fault")["unknown_issuer"]["mend"]
    assert mend == f"in the broker's configuration: cafile {ca}"


def pki(*words, cwd):
    subprocess.run([NIGHTJAR, "pki", *words], cwd=cwd, check=True, capture_output=True)


def test_the_list_of_another_authority_gives_way_to_that_of_the_ca(lab, tmp_path):
    for name in ("mine", "other"):
        pki("init", "--dir", name, "--name", name, cwd=tmp_path)
    pki("server", "broker", "--dir", "mine", cwd=tmp_path)
    host = tmp_path / "mine/hosts/broker"
    for cafile in (host / "ca.crt", tmp_path / "mine/ca.crt"):
        setup = lab.setup(broker={"certfile": str(host / "server.crt"), "keyfile": str(host / "server.key"),
                                  "cafile": str(cafile), "crlfile": str(tmp_path / "other/crl.pem")})
        setup.client = {}
        mend = findings(doctor(setup, cwd=str(tmp_path))[1], "fault")["no_crl"]["mend"]
        assert mend == f"in the broker's configuration: crlfile {tmp_path}/mine/crl.pem"
        setup.broker["crlfile"] = mend.split("crlfile ")[1]
        assert doctor(setup, cwd=str(tmp_path))[0] == 0


def test_a_brokers_ca_file_without_a_ca_is_found_without_a_client(lab, tmp_path):
    setup = lab.setup(broker_ca=lab.client())
    setup.client = {}
    code, report = doctor(setup, cwd=str(tmp_path))
    found = findings(report, "fault")
    assert code == 1 and set(found) == {"leaf_as_ca"} and found["leaf_as_ca"]["file"] == lab.client().path
    setup.broker["cafile"] = lab.joined(lab.client(), lab.ca())  # a CA among them is enough
    assert doctor(setup, cwd=str(tmp_path))[0] == 0


@pytest.mark.parametrize("ends, name", ((-10, "expired"), (10, "expires_soon")))
def test_an_intermediate_that_is_over_is_found_in_its_file(lab, tmp_path, ends, name):
    intermediate = lab.intermediate(start=-20 * rows.DAY, end=ends * rows.DAY)
    leaf = lab.server(intermediate)
    setup = lab.setup(leaf, broker={"certfile": lab.joined(leaf, intermediate)})
    for alone in (True, False):
        if alone:
            setup.client = {}
        else:
            setup.client = lab.setup().client
        code, report = doctor(setup, cwd=str(tmp_path))
        found = findings(report, "fault", "warning")
        assert name in found and code == (name == "expired"), json.dumps(report, indent=1)
        assert found[name]["file"] == setup.broker["certfile"] and "intermediate" in found[name]["mend"]


def test_each_certificate_of_a_listener_is_judged_and_a_client_meets_that_of_its_host(lab, tmp_path):
    other = lab.server(subject="/CN=other", ext=rows.SERVER + "subjectAltName=DNS:other.example\n", key=lab.key("inter"))
    met, wrong = lab.server(), lab.server(rows.short_ca(lab), rows.SHORT_SUBJECT, None, key=lab.key("other"))
    lines = f"certfile {met.path}\nkeyfile {met.key}\n"
    code, report = doctor(lab.setup(other, lines=lines), cwd=str(tmp_path))
    assert code == 0 and not findings(report, "fault"), json.dumps(report, indent=1)
    lines += f"certfile {wrong.path}\nkeyfile {wrong.key}\n"
    code, report = doctor(lab.setup(other, lines=lines), cwd=str(tmp_path))
    assert code == 1 and findings(report, "fault")["same_name_as_ca"]["file"] == wrong.path
    assert set(findings(report, "fault")) == {"same_name_as_ca"}


def test_an_intermediate_that_is_not_sent_is_missed_without_a_client(lab, tmp_path):
    leaf = lab.server(lab.intermediate())
    setup = lab.setup(leaf)
    setup.client = {}
    code, report = doctor(setup, cwd=str(tmp_path))
    found = findings(report, "fault")
    assert code == 1 and set(found) == {"no_intermediate"} and found["no_intermediate"]["mend"].startswith("cat ")
    for certfile, ca in ((lab.joined(leaf, lab.intermediate()), lab.ca().path),
                         (leaf.path, lab.joined(lab.ca(), lab.intermediate()))):      # OpenSSL finds it there
        setup.broker.update(certfile=certfile, cafile=ca)
        assert doctor(setup, cwd=str(tmp_path))[0] == 0


def test_a_path_that_its_own_ca_does_not_allow_is_found_without_a_client(lab, tmp_path):
    whole, broken = rows.ROWS["00"].make(lab), rows.ROWS["10e"].make(lab)
    root = broken.broker["cafile"]
    for setup in (whole, broken):
        setup.client = {}
    assert doctor(whole, cwd=str(tmp_path))[0] == 0
    code, report = doctor(broken, cwd=str(tmp_path))
    found = findings(report, "fault")
    assert code == 1 and set(found) == {"path_too_long"} and found["path_too_long"]["file"] == root
    assert found["path_too_long"]["cause"].startswith("the CA CN=ISIS lab CA,")
    broken.broker["cafile"] = lab.ca("other", "/O=Somebody else/CN=Other CA").path        # the root is nowhere here
    assert doctor(broken, cwd=str(tmp_path))[0] == 0


def test_a_list_of_the_revoked_that_ends_soon_is_warned_of(lab, tmp_path):
    for days, names in ((3, {"crl_expires_soon"}), (20, set())):
        setup = lab.setup(broker={"crlfile": lab.crl(lab.ca(), last=-rows.DAY, upto=days * rows.DAY)})
        code, report = doctor(setup, cwd=str(tmp_path))
        assert code == 0 and set(findings(report, "warning")) == names


def test_a_ca_is_called_by_its_file_and_subject_whoever_was_given_it(lab, tmp_path):
    setup = rows.ROWS["04c"].make(lab)
    for given in ("broker", "client"):
        if given == "client":
            setup.broker = lab.setup(broker_ca=lab.ca("other", "/O=Somebody else/CN=Other CA")).broker
        expired = findings(doctor(setup, cwd=str(tmp_path))[1], "fault")["expired"]
        assert expired["cause"].startswith("the CA certificate (CN=ISIS lab CA,") and expired["file"] == setup.client["cafile"]


# ------------------------------------------------------------------------------------- names of files

@pytest.mark.parametrize("wrong, right, names", (
    ("broker.crt", "brocker.crt", {"file_missing"}), ("certfile ", "certfle ", {"config_refused"}),
    ("keyfile ", "key_file ", {"config_refused"})))
def test_a_slip_of_the_pen_is_one_mistake(lab, tmp_path, wrong, right, names):
    files = {name: tmp_path / f"broker.{end}" for name, end in (("certfile", "crt"), ("keyfile", "key"))}
    for name, path in files.items():
        shutil.copy(lab.setup().broker[name], path)
    setup = lab.setup(broker={name: str(path) for name, path in files.items()})
    setup.client = {}
    text = setup.config().replace(wrong, right)
    setup.config = lambda _: text.format(port=18883)
    code, report = doctor(setup, cwd=str(tmp_path))
    found = {f["name"]: f for s in report["steps"] for f in s["findings"]}
    assert code == 1 and set(found) == names, json.dumps(report, indent=1)
    assert wrong.strip() in next(iter(found.values()))["mend"]


@pytest.mark.skipif(os.getuid() != 0, reason="only root becomes another")
def test_a_folder_that_the_brokers_user_may_not_enter(lab, tmp_path):
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o700)
    shutil.copy(lab.server().path, closed / "broker.crt")
    (closed / "broker.crt").chmod(0o644)
    for folder in (tmp_path, *tmp_path.parents):
        if len(folder.parts) > 2:
            folder.chmod(folder.stat().st_mode | 0o011)
    setup = lab.setup(broker={"certfile": str(closed / "broker.crt"), "keyfile": lab.of_root(lab.server().key, 0o644)},
                      broker_user="nobody")
    setup.client = {}
    found = findings(doctor(setup, cwd=str(tmp_path))[1], "warning")
    assert f"may not enter {closed}, so cannot read {closed}/broker.crt" in found["file_of_another"]["cause"]
    assert found["key_exposed"]["mend"].split("\n")[0].startswith("chown nobody ")


# ------------------------------------------------------------------------------------- the clock

SOON = 11 * 86400
SET_CLOCK = "timedatectl set-ntp true"


@pytest.fixture(scope="module")
def from_the_future(tmp_path_factory):
    """The same program, built in eleven days."""
    program = tmp_path_factory.mktemp("future") / "nightjar"
    shutil.copy(NIGHTJAR, program)
    os.utime(program, (time.time() + SOON,) * 2)
    return program


def test_a_program_of_the_future_shows_that_the_clock_is_behind(lab, tmp_path, from_the_future):
    setup = rows.ROWS["05"].make(lab)
    code, report = doctor(setup, cwd=str(tmp_path), program=from_the_future)
    found = findings(report, "fault")
    assert code == 1 and set(found) == {"clock_behind"}
    assert found["clock_behind"]["mend"] == SET_CLOCK
    code, report = doctor(rows.ROWS["00"].make(lab), cwd=str(tmp_path), program=from_the_future)
    assert code == 0 and findings(report, "warning")["clock_behind"]["mend"] == SET_CLOCK


def test_a_file_of_the_future_is_doubted(lab, tmp_path):
    setup = lab.setup()
    ca = tmp_path / "ca.crt"
    shutil.copy(setup.client["cafile"], ca)
    os.utime(ca, (time.time() + SOON,) * 2)
    setup.client["cafile"] = str(ca)
    code, report = doctor(setup, cwd=str(tmp_path))
    found = findings(report, "warning")
    assert code == 0 and set(found) == {"clock_behind"} and str(ca) in found["clock_behind"]["cause"]


def test_a_list_of_the_future_is_a_matter_of_clocks(lab, tmp_path):
    setup = lab.setup(broker={"crlfile": lab.crl(lab.ca(), last=10 * rows.DAY, upto=20 * rows.DAY)})
    code, report = doctor(setup, cwd=str(tmp_path))
    found = findings(report, "fault")
    assert code == 1 and set(found) == {"crl_not_yet_valid"}
    assert found["crl_not_yet_valid"]["mend"] == SET_CLOCK


@pytest.mark.parametrize("days, name, says, before", (
    (1000, "clock_ahead", "the broker's clock is ahead", ["crl_expired"]), (-1000, "clock_behind", "the broker's clock is behind", [])))
def test_a_broker_with_another_clock_is_known_by_its_refusal(lab, days, name, says, before):
    """No broker has an option for that; a server of openssl's has."""
    setup, port = lab.setup(), free_port()
    command = ["openssl", "s_server", "-accept", f"127.0.0.1:{port}", "-cert", setup.broker["certfile"], "-key",
               setup.broker["keyfile"], "-CAfile", setup.broker["cafile"], "-Verify", "1", "-verify_return_error",
               "-attime", str(int(time.time()) + days * 86400)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.STDOUT) as server:
        Log(server.stdout).wait("^ACCEPT")
        options = [a for option, path in setup.client.items() for a in (f"--{option}", path)]
        code, out, _ = run([NIGHTJAR, "doctor", f"127.0.0.1:{port}", "--json", "-W", "5", *options])
        server.kill()
    guesses = [f for s in json.loads(out)["steps"] for f in s["findings"] if f["is_guess"]]
    clock = guesses[len(before)]
    assert code == 1 and (clock["name"], clock["end"]) == (name, "broker") and says in clock["cause"]
    assert [f["name"] for f in guesses[:len(before)]] == before
    assert not {"expired", "not_yet_valid"} & {f["name"] for f in guesses}


def is_clock_kept():
    state = ctypes.create_string_buffer(512)
    assert ctypes.CDLL(None).adjtimex(state) >= 0
    return not int.from_bytes(state[40:44], sys.byteorder) & 0x40     # STA_UNSYNC


def test_where_nobody_keeps_the_clock_it_may_be_ahead(lab, tmp_path):
    for number, has_expired in (("04", True), ("00", False)):
        report = doctor(rows.ROWS[number].make(lab), cwd=str(tmp_path))[1]
        guesses = {f["name"]: f["mend"] for s in report["steps"] for f in s["findings"] if f["is_guess"]}
        assert guesses == ({"clock_ahead": SET_CLOCK} if has_expired and not is_clock_kept() else {})
