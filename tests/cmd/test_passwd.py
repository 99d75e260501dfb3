# SPDX-License-Identifier: Apache-2.0
# run-tests: one thread
"""`nightjar passwd` beside Debian's mosquitto_passwd 2.0: the same faults end in the same words and codes; what
it writes is what 2.1 writes, but for salts that 2.0 reads as well."""
import os
import pty
import re
import shutil
import stat
import subprocess

import pytest

from support.broker import MOSQUITTO, NIGHTJAR, Broker

THEIRS = shutil.which("mosquitto_passwd")
OURS = [NIGHTJAR, "passwd"]


def run(command, *words, typed="", cwd=None):
    return subprocess.run([*command, *words], input=typed, capture_output=True, text=True, timeout=30,
                          check=False, cwd=cwd)


@pytest.fixture
def users(tmp_path):
    path = tmp_path / "users"
    path.write_text("# comment: kept\n\nalice:plain\nno colon\nbob:$6$XruwIZNdKoZ7ES8Y$2buSTxXj3OkZ2TlNCK6HQ4mCZ"
                    "/jArfzBryzyg0HXuS4rEEO8s36rmMQTMmn3AOVRv5vMFSwImExi8BrPZzGFsg==\n", encoding="utf-8")
    path.chmod(0o640)
    return path


# 2.1 refuses -c for a file that is there; 2.0 makes it anew
FAULTS = [["-c", "-D", "f", "u"], ["-c", "-U", "f"], ["-D", "-U", "f"], ["-b", "-D", "f", "u"],
          ["-H"], ["-b", "none", "u", "p"], ["-D", "none", "u"], ["-U", "none"], ["-x", "f"],
          ["-H", "none", "-b", "f", "u", "p"], ["-c"], ["-c", "none"], ["-c", "-b", "none", "u"], ["-D"], ["-D", "f"], ["-U"],
          ["-D", "f", "nobody"], ["-b", "f", "a:b", "p"], ["-b", "f", "a\nb", "p"], ["f", "u"]]


@pytest.mark.skipif(THEIRS is None, reason="mosquitto_passwd is missing")
@pytest.mark.parametrize("words", FAULTS, ids=" ".join)
def test_faults_end_as_mosquittos(tmp_path, words):
    (tmp_path / "f").write_text("", encoding="utf-8")
    ours, theirs = run(OURS, *words, cwd=tmp_path), run([THEIRS], *words, cwd=tmp_path)
    assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr)
    assert (tmp_path / "f").read_text(encoding="utf-8") == ""
    assert os.listdir(tmp_path) == ["f"]


@pytest.mark.skipif(THEIRS is None, reason="mosquitto_passwd is missing")
@pytest.mark.parametrize("typed", ("", "\n", "x\ny\n", "x\n", "x\nx\n"))
def test_prompts_are_mosquittos(tmp_path, typed):
    (tmp_path / "f").write_text("", encoding="utf-8")
    ours, theirs = run(OURS, "f", "u", typed=typed, cwd=tmp_path), run([THEIRS], "f", "u", typed=typed, cwd=tmp_path)
    assert (ours.returncode, ours.stderr) == (theirs.returncode, theirs.stderr)
    assert ours.stdout.startswith(theirs.stdout.rstrip("\n"))


def test_words_that_are_missing_bring_the_usage():
    for words in ([], ["f"], ["-b", "f", "u"], ["-U", "f", "u"], ["-cb", "f", "u", "p"]):
        done = run(OURS, *words)
        assert done.returncode == 1 and done.stdout.startswith("nightjar passwd manages")
    assert run(OURS, "--help").returncode == 0


def test_one_line_changes_and_the_rest_stays(users):
    before = users.read_text(encoding="utf-8").splitlines()
    done = run(OURS, "-b", str(users), "alice", "secret")
    assert (done.returncode, done.stdout) == (0, "Updating password for user alice\n")
    after = users.read_text(encoding="utf-8").splitlines()
    assert [b for b, a in zip(before, after) if b != a] == ["alice:plain"] and len(before) == len(after)
    assert re.fullmatch(r"alice:\$7\$1000\$[A-Za-z0-9+/]{16}\$[A-Za-z0-9+/]{86}==", after[2])
    assert stat.S_IMODE(users.stat().st_mode) == 0o640
    assert os.listdir(users.parent) == ["users"]

    done = run(OURS, "-b", str(users), "carol", "secret")
    assert (done.returncode, done.stdout) == (0, "Adding password for user carol\n")
    assert users.read_text(encoding="utf-8").splitlines()[:-1] == after
    assert run(OURS, "-D", str(users), "alice").returncode == 0
    assert [line.split(":")[0] for line in users.read_text(encoding="utf-8").splitlines() if ":" in line] == \
        ["# comment", "bob", "carol"]


def test_last_line_without_its_end_is_not_run_into_the_next(users):
    users.write_text("alice:x", encoding="utf-8")
    assert run(OURS, "-b", str(users), "bob", "p").returncode == 0
    assert users.read_text(encoding="utf-8").startswith("alice:x\nbob:$7$")


def test_upgrade_hashes_what_is_plain_and_only_that(users):
    before = users.read_text(encoding="utf-8").splitlines()
    assert run(OURS, "-U", str(users)).returncode == 0
    after = users.read_text(encoding="utf-8").splitlines()
    assert [b.split(":")[0] for b, a in zip(before, after) if b != a] == ["alice"]
    assert after[2].startswith("alice:$7$1000$")


def test_new_file_is_for_its_owner_and_is_never_written_over(tmp_path):
    path = tmp_path / "new"
    assert run(OURS, "-c", "-b", str(path), "u", "p").returncode == 0
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    before = path.read_bytes()
    done = run(OURS, "-c", "-b", str(path), "u", "q")
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == f"Error: Unable to open file {path} for writing. File exists.\n"
    assert path.read_bytes() == before


def test_minus_is_the_standard_output():
    done = run(OURS, "-c", "-I", "7", "-b", "-", "u", "p")
    assert done.returncode == 0 and re.fullmatch(r"u:\$7\$7\$\S+\n", done.stdout)
    for kind, begins in (("sha512", "u:$6$"), ("argon2id", "u:$argon2id$v=19$m=47104,t=1,p=1$")):
        assert run(OURS, "-c", "-H", kind, "-b", "-", "u", "p").stdout.startswith(begins)


def test_links_are_not_followed(users, tmp_path):
    (tmp_path / "link").symlink_to(users)
    done = run(OURS, "-b", str(tmp_path / "link"), "u", "p")
    assert done.returncode == 1 and (tmp_path / "link").is_symlink()


def test_terminal_shows_no_password(users):
    """What is typed is not echoed, and the terminal is as it was afterwards."""
    master, slave = pty.openpty()
    with subprocess.Popen([*OURS, str(users), "dave"], stdin=slave, stdout=slave, stderr=slave) as child:
        os.close(slave)
        seen = b""
        for prompt in (b"Password: ", b"Reenter password: "):
            while not seen.endswith(prompt):
                seen += os.read(master, 1000)
            os.write(master, b"hushhush\n")
        try:
            while chunk := os.read(master, 1000):
                seen += chunk
        except OSError:
            pass  # the terminal's other side is closed
        assert child.wait(30) == 0
    os.close(master)
    assert b"hush" not in seen and b"Adding password for user dave" in seen


@pytest.mark.parametrize("program, kind", [*(("nightjar", kind) for kind in ("sha512", "sha512-pbkdf2", "argon2id")),
                                           *(pytest.param("mosquitto", kind, marks=pytest.mark.skipif(
                                               not os.access(MOSQUITTO, os.X_OK), reason="mosquitto is not installed"))
                                             for kind in ("sha512", "sha512-pbkdf2"))])
def test_broker_takes_what_is_made(program, kind):
    """Also Mosquitto 2.0, which knows no salts of 64 bytes."""
    broker = Broker(program, "listener {port} 127.0.0.1\npassword_file {dir}/users\n")
    path = os.path.join(broker.dir, "users")
    assert run(OURS, "-H", kind, "-c", "-b", path, "größe", "ß: x").returncode == 0
    broker.start()
    broker.peer().connect("a", username="größe", password="ß: x")
    broker.peer().connect("b", code=5, username="größe", password="ß")
    assert broker.stop() == 0
