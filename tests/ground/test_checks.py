# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""Every check finds the fault it is there for. Each test plants one in a tree of its own."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"


@pytest.fixture
def tree(tmp_path):
    """A project with the scripts of ours and one clean header."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts",
                    ignore=shutil.ignore_patterns("__pycache__"))
    plant(tmp_path, "src/base/str.h", "#ifndef S\n#define S\nstruct nj_str { const char *p; };\n#endif\n")
    return tmp_path


def plant(tree, path, content, licence=LICENCE):
    file = tree / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(licence + content)


def found_by(tree, check):
    """What the check says; empty when it is content, which the exit code must confirm."""
    done = subprocess.run([tree / "scripts" / f"check-{check}"], cwd=tree, capture_output=True, text=True,
                          check=False)
    assert done.stderr == ""
    assert (done.returncode == 0) == (done.stdout == "")
    return done.stdout


def test_a_clean_tree_passes(tree):
    for check in ("layers", "headers", "calls"):
        assert found_by(tree, check) == ""


@pytest.mark.parametrize("path, include, why", [
    ("src/base/a.c", '"mqtt/packet.h"', "base may not include mqtt"),
    ("src/mqtt/a.c", '"topic/index.h"', "mqtt may not include topic"),
    ("src/broker/a.c", '"server/conn.h"', "broker may not include server"),
    ("src/store/a.c", '"broker/session.h"', "store may not include broker"),
    ("src/io/a.c", '"config/opts.h"', "io may not include config"),
    ("src/cmd/pub.c", '"server/conn.h"', "cmd may not include server"),
    ("src/cmd/bench/a.c", '"mqtt/packet.h"', "cmd/bench may not include mqtt"),
    ("src/cmd/bench/a.c", "<nightjar/client.h>", "does not use the installed headers"),
    ("src/sniff/wire/a.c", '"sniff/report/report.h"', "sniff/wire may not include sniff/report"),
    ("src/sniff/wire/a.c", '"mqtt/packet.h"', "sniff/wire may not include mqtt"),
    ("src/daemon/a.c", '"server/conn_priv.h"', "is private to server/"),
    ("src/base/a.c", '"base/absent.h"', "does not exist"),
    ("src/base/a.c", '"str.h"', "is not written from src/"),
    ("src/base/a.c", "<nightjar/version.h>", "does not use the installed headers"),
    ("src/broker/a.c", "<openssl/ssl.h>", "belongs behind"),
    ("src/topic/a.c", "<urcu.h>", "belongs behind"),
    ("src/base/a_test.c", "<cmocka.h>", "belongs behind"),
    ("src/base/a.c", "<zlib.h>", "that no rule knows"),
    ("src/attic/a.c", '"base/str.h"', "a room that no rule knows"),
    ("include/nightjar/a.h", '"base/str.h"', "stand on the C library alone"),
])
def test_layers_refuse_an_arrow_that_is_not_drawn(tree, path, include, why):
    for header in ("mqtt/packet.h", "topic/index.h", "server/conn.h", "server/conn_priv.h",
                   "broker/session.h", "config/opts.h", "sniff/report/report.h"):
        plant(tree, f"src/{header}", "")
    plant(tree, path, f"\n#include {include}\n")
    found = found_by(tree, "layers")
    assert found.startswith(f"{path}:3: {include[1:-1]}: ")
    assert why in found
    assert found.count("\n") == 1


def test_layers_allow_what_is_drawn(tree):
    plant(tree, "src/broker/ports.h", "")
    plant(tree, "src/broker/opts.h", "")
    plant(tree, "src/mqtt/msg.h", "")
    plant(tree, "src/store/a.c", '#include "broker/ports.h"\n#include "mqtt/msg.h"\n')
    plant(tree, "src/config/a.c", '#include "broker/opts.h"\n')
    plant(tree, "src/base/rcu.c", "#include <urcu-qsbr.h>\n#include <pthread.h>\n")
    plant(tree, "src/daemon/a.c", '#include "broker/ports.h"\n')
    plant(tree, "src/cmd/bench/b.h", "")
    plant(tree, "src/cmd/bench/a.c", '#include "cmd/bench/b.h"\n#include "base/str.h"\n')
    assert found_by(tree, "layers") == ""


def test_headers_must_bring_what_they_need(tree):
    plant(tree, "src/base/needy.h", "struct nj_needy { uint32_t n; };\n")
    assert "src/base/needy.h does not compile alone" in found_by(tree, "headers")


def test_headers_must_bear_to_be_included_twice(tree):
    plant(tree, "src/base/twice.h", "struct nj_twice { int n; };\n")
    assert "redefinition" in found_by(tree, "headers")


def test_installed_headers_must_be_good_cxx(tree):
    plant(tree, "include/nightjar/a.h", "#ifndef A\n#define A\nint nj_a(int *restrict class);\n#endif\n")
    assert "-xc++" in found_by(tree, "headers")


@pytest.mark.parametrize("call", ["strcpy(a, b)", "sprintf(a, b)", "x = atoi(b)", "malloc(1)", "free(a)",
                                  "rand()", "system(a)", "localtime(t)", "usleep(3)"])
def test_calls_refuse_what_is_banned(tree, call):
    plant(tree, "src/base/a.c", f"void f(void) {{\n    {call};\n}}\n")
    assert found_by(tree, "calls").startswith("src/base/a.c:3: ")


def test_calls_look_neither_into_comments_nor_into_strings(tree):
    plant(tree, "src/base/a.c",
          '/* free(p) and\n malloc(1) */ const char *s = "strcpy(a, b) \\" rand()"; // gets(s)\n'
          "void f(struct o *o) { nj_free(o); o->free(o); }\n")
    assert found_by(tree, "calls") == ""


def test_calls_leave_the_heap_to_its_owner(tree):
    plant(tree, "src/base/mem.c", "void f(void *p) { free(p); }\n")
    assert found_by(tree, "calls") == ""


def test_a_file_begins_with_its_licence(tree):
    plant(tree, "src/base/a.c", "int x;\n", licence="")
    assert "licence" in found_by(tree, "calls")


def test_pure_archives_ask_for_nothing_of_the_world(tree):
    room = tree / "build" / "src" / "mqtt"
    room.mkdir(parents=True)

    def archive_of(code):
        (room / "a.c").write_text(code)
        subprocess.run(["gcc", "-c", "a.c", "-o", "a.o"], cwd=room, check=True)
        (room / "libnj_mqtt.a").unlink(missing_ok=True)
        subprocess.run(["ar", "rcs", "libnj_mqtt.a", "a.o"], cwd=room, check=True)
        done = subprocess.run([tree / "scripts" / "check-pure", "build"], capture_output=True, text=True,
                              check=False)
        return done.returncode, done.stdout

    assert archive_of("#include <string.h>\nint f(char *p) { return (int)strlen(p); }\n") == (0, "")
    assert archive_of("#include <time.h>\nlong f(void) { return time(0); }\n") == \
        (1, "mqtt/a.o: uses time\n")
