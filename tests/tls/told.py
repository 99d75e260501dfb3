# SPDX-License-Identifier: Apache-2.0
"""Whether a line of ours, of a client's or of the broker's log, tells a mistake."""
import os
import re

from support.broker import ROOT


def words():
    """The table's sentence for each finding, for client and broker."""
    text = open(os.path.join(ROOT, "src", "pki", "finding.def"), encoding="utf-8").read()
    found = re.findall(r'^X\(\w+, "(\w+)", \w+,\s*"(.*?)",\s*"(.*?)",\s*"(?:.*)"\)', text, re.M)
    return {name: sentences for name, *sentences in found}


# Sentences that are sharpened with names and files: what stays of them.
SHARP = {
    "same_name_as_ca": "has the same subject as the CA that signed it",
    "host_address": "by which the client reaches it", "host_name": "by which the client reaches it",
    "host_as_text": "only as text", "unknown_issuer": "is not in |is none of the system's|signed by an issuer",
    "other_ca_of_this_name": "another generation of the CA", "leaf_as_ca": "holds the broker's certificate itself",
    "file_missing": "No such file or directory", "file_unreadable": "Permission denied",
    "file_der": "in DER; only PEM", "file_other_kind": "holds a private key, where a certificate is wanted",
    "file_empty": "is empty", "self_signed": "signed by itself", "expired": "expired on",
    "not_yet_valid": "is valid from .* on|is not valid yet", "clock_behind": "the clock of the (client|broker) is behind",
    "key_mismatch": "does not belong to the certificate", "half_a_pair": "Both certfile and keyfile must be provided",
    "not_a_ca": "but is no CA itself", "ca_may_not_sign": "lacks keyCertSign", "path_too_long": "pathlen",
    "weak_key": "too small|has 1024 bits", "weak_digest": "SHA-1|sha1", "weak_ca_key": "1024 bits",
    "capath_unhashed": "hashed name", "capath_missing": "No such file or directory", "key_encrypted": "is encrypted",
    "wrong_purpose": "extendedKeyUsage lacks", "no_intermediate": "does not send",
    "no_version": "--tls-version is tlsv1.2 or tlsv1.3",          # before anything is sent
    "no_root": "the root .* above it is missing", "ca_not_given": "was given no CA of its own|neither cafile nor capath",
    "chain_order": "belongs to certificate 2 in .*, not to the first", "revoked": "is revoked by",
    "crl_expired": "is out of date, so", "no_crl": "holds no list of the CA that signed",
}


def is_told(name, err):
    patterns = [SHARP[name]] if name in SHARP else []
    patterns += [re.escape(sentence) for sentence in words()[name]]
    return any(re.search(p, err) for p in patterns)
