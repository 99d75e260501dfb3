# SPDX-License-Identifier: Apache-2.0
"""A plugin of pytest: one JSON line per step of a test into the file NJ_TEST_OUTCOMES, so that
scripts/run-tests can count even when pytest itself dies half way."""

import json
import os


def record(name, outcome):
    with open(os.environ["NJ_TEST_OUTCOMES"], "a", encoding="utf-8") as out:
        out.write(json.dumps([name, outcome]) + "\n")


def pytest_runtest_logreport(report):
    record(report.nodeid, report.outcome)


def pytest_collectreport(report):
    if report.failed:
        record(report.nodeid, "failed")
