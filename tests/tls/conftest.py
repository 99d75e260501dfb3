# SPDX-License-Identifier: Apache-2.0
"""A lab for the session: keys and certificates are made once, however many rows want them."""
import os

import pytest

import rows


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    directory = tmp_path_factory.mktemp("lab")
    for parent in (directory, *directory.parents):
        if len(parent.parts) > 2 and parent.stat().st_uid == os.getuid():
            parent.chmod(parent.stat().st_mode | 0o011)    # rows run as other users, too
    return rows.Lab(directory)
