# SPDX-License-Identifier: Apache-2.0
"""What Debian's mosquitto 2.0.11 does otherwise, test by test, and why the tests ask for what they ask.

Key: `module::test`, `module::test[param]` or a whole `module`. Each such test must fail against
mosquitto (strict xfail), so this table can neither rot nor hide a test that cannot fail.
"""

DIFFERENCES = {}
