# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""The count of ./dev test is true, whatever a test program does."""

import pathlib
import re
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]

MESON = """
project('small', 'c')
cmocka = dependency('cmocka')
foreach name : ['good', 'bad', 'crash', 'leave', 'hang']
  test('small/' + name, executable(name, name + '_test.c', dependencies: cmocka),
       timeout: name == 'hang' ? 1 : 60)
endforeach
test('small/plain', executable('plain', 'plain.c'))
"""

PROGRAM = """
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <setjmp.h>
#include <cmocka.h>
#include <stdlib.h>
#include <unistd.h>
static void first(void **s) { (void)s; }
static void second(void **s) { (void)s; %s; }
int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(first), cmocka_unit_test(second)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
"""

PYTHON = """
import pytest
def test_one(): pass
def test_two(): assert 1 == 2
def test_three(): pytest.skip("not here")
@pytest.fixture
def torn():
    yield
    assert False
def test_four(torn): pass
"""


@pytest.fixture(scope="module")
def project(tmp_path_factory):
    root = tmp_path_factory.mktemp("small")
    (root / "scripts").mkdir()
    shutil.copy(ROOT / "scripts" / "run-tests", root / "scripts")
    shutil.copytree(ROOT / "scripts" / "pytest", root / "scripts" / "pytest")
    (root / "meson.build").write_text(MESON)
    bodies = {"good": "", "bad": "assert_true(0)", "crash": "__builtin_trap()", "leave": "_exit(0)",
              "hang": "pause()"}
    for name, body in bodies.items():
        (root / f"{name}_test.c").write_text(PROGRAM % body)
    (root / "plain.c").write_text("int main(void) { return 0; }\n")
    (root / "tests").mkdir()
    (root / "tests" / "test_python.py").write_text(PYTHON)
    (root / "tests" / "test_broken.py").write_text("import no_such_module\n")
    subprocess.run(["meson", "setup", "build/release"], cwd=root, check=True, capture_output=True)
    subprocess.run(["ninja", "-C", "build/release"], cwd=root, check=True, capture_output=True)
    return root


def run(project, *arguments):
    done = subprocess.run(["scripts/run-tests", "build/release", *arguments], cwd=project,
                          capture_output=True, text=True, check=False)
    return done.returncode, done.stdout


@pytest.mark.parametrize("pattern, last", [
    ("small/good", "2 passed, 0 failed"),
    ("small/plain", "1 passed, 0 failed"),
    ("small/bad", "1 passed, 1 failed"),
    ("small/leave", "1 passed, 1 failed"),
    ("small/hang", "1 passed, 1 failed"),
    ("test_python", "1 passed, 2 failed, 1 skipped"),
    ("test_broken", "0 passed, 1 failed"),
    ("good|python", "3 passed, 2 failed, 1 skipped"),
])
def test_the_last_line_counts_functions(project, pattern, last):
    status, said = run(project, pattern)
    assert said.splitlines()[-1] == last
    assert (status == 0) == (" 0 failed" in last)


def test_a_crash_is_a_failure(project):
    status, said = run(project, "small/crash")
    assert status == 1
    assert re.fullmatch(r"\d passed, [12] failed", said.splitlines()[-1])


def test_a_pattern_may_name_a_function(project):
    status, said = run(project, "^test_one$")
    assert (status, said.splitlines()[-1]) == (0, "1 passed, 0 failed")


def test_a_failure_shows_what_the_test_said(project):
    assert "1 == 2" in run(project, "test_python")[1]
    assert "hung" in run(project, "small/hang")[1]


def test_a_pattern_that_matches_nothing_is_no_success(project):
    assert run(project, "no_such_test")[0] == 1
