# SPDX-License-Identifier: Apache-2.0
"""A lab for the session: keys and certificates are made once, however many rows want them."""
import pytest

import rows


@pytest.fixture(scope="session")
def lab(tmp_path_factory):
    directory = tmp_path_factory.mktemp("lab")
    for parent in (directory, *directory.parents):
        if parent.stat().st_uid == 0 and str(parent).startswith("/tmp/pytest"):
            parent.chmod(0o755)                       # rows run as other users, too
    return rows.Lab(directory)
