# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""The conformance page says what the citations say. Each test plants a tree of its own."""

import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
LICENCE = "/* SPDX-License-Identifier: Apache-2.0 */\n"
FEW = "id\tside\tstatement\n" + "".join(
    f"{name}\tboth\twords {number}\n" for number, name in enumerate(
        ("MQTT5-1.1.1-1", "MQTT5-1.1.1-2", "MQTT5-1.1.1-4", "MQTT5-1.1.1-5", "MQTT311-1.1.1-1")))

NO_TEST = "**code without test**"


@pytest.fixture
def tree(tmp_path):
    """A project with the scripts of ours, five statements and no citation."""
    subprocess.run(["git", "init", "-q", tmp_path], check=True)
    shutil.copytree(ROOT / "scripts", tmp_path / "scripts", ignore=shutil.ignore_patterns("__pycache__"))
    (tmp_path / "scripts/spec-statements.tsv").write_text(FEW)
    return tmp_path


def plant(tree, path, content):
    file = tree / path
    file.parent.mkdir(parents=True, exist_ok=True)
    file.write_text(content if path.endswith(".py") else LICENCE + content)


def matrix(tree, *options):
    """(whether it is content, what it says)"""
    done = subprocess.run([tree / "scripts/spec-matrix", *options], cwd=tree, capture_output=True, text=True,
                          check=False)
    assert done.stderr == ""
    return done.returncode == 0, done.stdout


def rows(tree):
    """id -> (code, tests, state) of the page, once it is written."""
    assert matrix(tree, "--write")[0]
    table = {}
    version = None
    for line in (tree / "docs/conformance.md").read_text().splitlines():
        if line.startswith("## "):
            version = {"## MQTT 5.0": "MQTT5", "## MQTT 3.1.1": "MQTT311"}[line]
        cells = [cell.strip() for cell in line.split("|")]
        if version and len(cells) == 8 and cells[1][:1].isdigit():
            table[f"{version}-{cells[1]}"] = tuple(cells[4:7])
    return table


def test_code_alone_is_not_enough(tree):
    plant(tree, "src/mqtt/a.h", "/* [MQTT5-1.1.1-1] */\n")
    assert rows(tree)["MQTT5-1.1.1-1"] == ("`src/mqtt/a.h`", "", NO_TEST)
    assert "code without test: 1.1.1-1" in matrix(tree)[1]


def test_the_same_number_means_another_statement_in_another_version(tree):
    plant(tree, "src/mqtt/a.h", "/* [MQTT5-1.1.1-1] */\n")
    assert rows(tree)["MQTT311-1.1.1-1"] == ("", "", "no citation")


def test_a_test_in_c_is_named(tree):
    plant(tree, "src/mqtt/a_test.c", """
/* About [MQTT5-1.1.1-5]. */

/* [MQTT5-1.1.1-1]
 * and [MQTT5-1.1.1-2] */
static void
first_claim(void **state)
{
    (void)state;

    assert(1); /* [MQTT5-1.1.1-4] */
}

static int forward(int);

static void
second_claim(void **state)
{
    (void)state; /* [MQTT5-1.1.1-1] */
}
""")
    table = rows(tree)
    assert table["MQTT5-1.1.1-1"] == ("", "`src/mqtt/a_test.c`: first_claim, second_claim", "shown")
    assert table["MQTT5-1.1.1-2"][1] == table["MQTT5-1.1.1-4"][1] == "`src/mqtt/a_test.c`: first_claim"
    assert table["MQTT5-1.1.1-5"][1] == "`src/mqtt/a_test.c`"


def test_a_test_in_python_is_named(tree):
    plant(tree, "tests/wire/test_a.py", '''"""[MQTT5-1.1.1-1]"""


# [MQTT5-1.1.1-2]
@some.mark
def test_claim():
    """[MQTT5-1.1.1-4]"""


class TestGroup:
    def test_member(self):
        pass  # [MQTT5-1.1.1-5]
''')
    table = rows(tree)
    assert table["MQTT5-1.1.1-1"][1] == "`tests/wire/test_a.py`"
    assert table["MQTT5-1.1.1-2"][1] == table["MQTT5-1.1.1-4"][1] == "`tests/wire/test_a.py`: test_claim"
    assert table["MQTT5-1.1.1-5"][1] == "`tests/wire/test_a.py`: test_member"


@pytest.mark.parametrize("range_", ["[MQTT5-1.1.1-1] … [MQTT5-1.1.1-4]", "[MQTT5-1.1.1-1] ...\n * [MQTT5-1.1.1-4]"])
def test_a_range_means_all_between_and_skips_numbers_never_given(tree, range_):
    plant(tree, "tests/sim/a.c", f"/* {range_} */\n")
    shown = [name for name, (_, _, state) in rows(tree).items() if state == "shown"]
    assert shown == ["MQTT5-1.1.1-1", "MQTT5-1.1.1-2", "MQTT5-1.1.1-4"]


def test_the_harness_shows_nothing(tree):
    plant(tree, "tests/support/differences.py", "# [MQTT5-1.1.1-1]\n")
    assert rows(tree)["MQTT5-1.1.1-1"] == ("", "", "no citation")


@pytest.mark.parametrize("citation", [
    "[MQTT5-1.1.1-3]", "[MQTT5-9.9.9-1]", "[MQTT-1.1.1-1]", "[MQTT311-1.1.1-2]",
    "[MQTT5-1.1.1-1] … [MQTT5-1.1.1-6]", "[MQTT5-1.1.1-4] … [MQTT5-1.1.1-1]", "[MQTT5-1.1.1-1] … [MQTT311-1.1.1-1]"])
@pytest.mark.parametrize("path", ["src/mqtt/a.h", "src/mqtt/a_test.c", "tests/support/a.py"])
def test_a_citation_of_nothing_is_found(tree, path, citation):
    matrix(tree, "--write")
    plant(tree, path, ("# " if path.endswith(".py") else "") + f"{citation}\n")
    matrix(tree, "--write")
    passes, said = matrix(tree, "--check")
    assert not passes
    assert f"{path}:{1 if path.endswith('.py') else 2}: " in said and "is no statement" in said


def test_a_stale_page_is_found_and_one_command_renews_it(tree):
    assert not matrix(tree, "--check")[0]  # there is none yet
    matrix(tree, "--write")
    assert matrix(tree, "--check")[0]
    plant(tree, "src/mqtt/a.h", "/* [MQTT5-1.1.1-1] */\n")
    passes, said = matrix(tree, "--check")
    assert not passes and "docs/conformance.md is stale: scripts/spec-matrix --write" in said
    matrix(tree, "--write")
    assert matrix(tree, "--check")[0]


def test_moving_lines_makes_nothing_stale(tree):
    plant(tree, "src/mqtt/a.h", "/* [MQTT5-1.1.1-1] */\n")
    matrix(tree, "--write")
    plant(tree, "src/mqtt/a.h", "\n\n/* more */\n/* [MQTT5-1.1.1-1] [MQTT5-1.1.1-1] */\n")
    assert matrix(tree, "--check")[0]


def test_every_citation_of_ours_names_a_statement():
    said = matrix(ROOT)[1]
    assert "is no statement" not in said
