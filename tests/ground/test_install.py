# SPDX-License-Identifier: Apache-2.0
# run-tests: once
"""What `./dev install` puts in place is complete and works from there."""
import os
import pathlib
import shutil
import subprocess

import pytest

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = pathlib.Path(os.environ.get("NIGHTJAR_BUILD", ROOT / "build" / "release"))
LINKS = "mosquitto", "mosquitto_pub", "mosquitto_sub", "mosquitto_rr", "mosquitto_passwd"

USER = r"""
#include <nightjar/client.h>
#include <nightjar/version.h>
#include <stdio.h>
int main(void)
{
    struct nj_client_opts opts;
    nj_client_opts_init(&opts);
    printf("%s %s\n", NJ_VERSION, nj_client_error_text(NJ_CLIENT_ETIMEOUT));
    return 0;
}
"""


def output(*command, **options):
    return subprocess.run(command, check=True, capture_output=True, text=True, **options).stdout


@pytest.fixture(scope="module")
def installed(tmp_path_factory):
    """Where the installed tree begins: the prefix that the build was told, below a folder of ours."""
    destdir = tmp_path_factory.mktemp("root")
    output("meson", "install", "-C", str(BUILD), "--no-rebuild", "--tags",
           "runtime,devel,man,completion", env=dict(os.environ, DESTDIR=str(destdir)))
    return next(destdir.glob("**/bin")).parent


def complete(installed, *words):
    """What bash offers for the last of the words."""
    script = installed / "share" / "bash-completion" / "completions" / f"{words[0]}.bash"
    line = " ".join(f"'{word}'" for word in words)
    return output("bash", "-c", f"source {script}; COMP_WORDS=({line}); COMP_CWORD={len(words) - 1}; "
                  "_nightjar; echo \"${COMPREPLY[@]}\"").split()


def test_the_programs_of_mosquitto_are_links_to_the_one_binary(installed):
    for name in LINKS:
        assert os.readlink(installed / "bin" / name) == "nightjar"
    assert "nightjar" in output(installed / "bin" / "nightjar", "version")
    assert not (installed / "bin" / "mosquitto_ctrl").exists()


def test_there_is_a_manual_page_of_every_command(installed):
    pages = {page.name for page in (installed / "share" / "man").glob("man*/*")}
    assert {"nightjar.1", "nightjar-broker.1", "nightjar-pub.1", "nightjar-sub.1", "nightjar-rr.1", "nightjar-passwd.1",
            "nightjar-pki.1", "nightjar-doctor.1", "nightjar.conf.5"} <= pages
    for page in (installed / "share" / "man").glob("man*/*"):
        assert ".Sh NAME" in page.read_text()


def test_completion_offers_commands_and_their_options(installed):
    assert {"pub", "sub", "rr", "broker"} <= set(complete(installed, "nightjar", ""))
    assert complete(installed, "nightjar", "bro") == ["broker"]
    assert "--config-file" in complete(installed, "nightjar", "broker", "--c")
    assert "--retain" in complete(installed, "nightjar", "pub", "--re")
    assert "--files" in complete(installed, "nightjar", "doctor", "--fi")
    assert "--retained-only" in complete(installed, "mosquitto_sub", "--retained")


def test_a_program_is_built_and_run_with_the_library(installed, tmp_path):
    (tmp_path / "user.c").write_text(USER)
    pc = next(installed.glob("lib/**/nightjar.pc"))
    prefix = f"--define-variable=prefix={installed}"
    env = dict(os.environ, PKG_CONFIG_PATH=str(pc.parent))
    flags = output("pkg-config", prefix, "--cflags", "--libs", "nightjar", env=env).split()
    for compiler in filter(shutil.which, ("gcc", "clang")):
        output(compiler, "user.c", "-o", "user", *flags, cwd=tmp_path)
        said = output(tmp_path / "user", env=dict(os.environ, LD_LIBRARY_PATH=str(pc.parent.parent)))
        assert said.startswith("0.1.0 ")


def test_the_library_shows_nothing_but_its_interface(installed):
    library = next(installed.glob("lib/**/libnightjar.so"))
    symbols = [line.split()[-1] for line in output("nm", "-D", "--defined-only", library).splitlines()]
    assert symbols
    assert [name for name in symbols if not name.startswith("nj_client_")] == []
