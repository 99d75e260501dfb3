# SPDX-License-Identifier: Apache-2.0
"""The broken set-ups of ../shared/tls-mistakes.md, made again with openssl as its authors made them.

    lab = Lab(directory)
    setup = ROWS["01"].make(lab)     files and settings of a broker and a client

Keys and certificates are made once for each Lab, when a row first asks for them. The broker is
reached as 127.0.0.1 (the table's 192.168.56.101); its names are debian2 and localhost.
"""
import dataclasses
import datetime
import os
import re
import shutil
import subprocess

from support.broker import SHARED

TABLE = os.path.join(SHARED, "tls-mistakes.md")

CA_SUBJECT = "/C=FR/ST=France/O=ISIS/CN=ISIS lab CA"
SHORT_SUBJECT = "/C=FR/ST=France/O=ISIS"
CA = "basicConstraints=critical,CA:TRUE\nkeyUsage=critical,keyCertSign,cRLSign\nsubjectKeyIdentifier=hash\n"
NO_IDS = "subjectKeyIdentifier=none\nauthorityKeyIdentifier=none\n"
IDS = "subjectKeyIdentifier=hash\nauthorityKeyIdentifier=keyid\n"
SERVER = "basicConstraints=CA:FALSE\nextendedKeyUsage=serverAuth\n" + IDS
CLIENT = "basicConstraints=CA:FALSE\nextendedKeyUsage=clientAuth\n" + IDS
NAMES = "subjectAltName=IP:127.0.0.1,DNS:debian2,DNS:localhost\n"
DAY = datetime.timedelta(days=1)


@dataclasses.dataclass(frozen=True)
class Cert:
    path: str
    key: str
    subject: str


@dataclasses.dataclass
class Setup:
    """What broker and client are given. `broker` and `client` are paths by option name."""
    broker: dict
    client: dict
    host: str = "127.0.0.1"
    lines: str = ""                    # more of the broker's configuration
    args: tuple = ()                   # more of the client's command line
    port_is_8883: bool = False
    broker_env: dict = dataclasses.field(default_factory=dict)
    client_env: dict = dataclasses.field(default_factory=dict)
    broker_user: str = "root"
    client_user: str = "root"
    tls: bool = True                   # of the listener
    client_tls: bool = True

    def config(self, port="{port}", address="127.0.0.1"):
        lines = [f"listener {port} {address}"]
        if self.tls:
            lines += [f"{name} {path}" for name, path in self.broker.items() if path]
        return "\n".join(lines) + f"\nallow_anonymous true\nuser {self.broker_user}\n{self.lines}"

    def client_args(self):
        args = []
        for name, path in self.client.items():
            args += [f"--{name}", path] if path else []
        return args + list(self.args)


class Lab:
    def __init__(self, directory):
        self.dir = str(directory)
        self.made = {}
        os.chmod(self.dir, 0o755)

    def path(self, *names):
        path = os.path.join(self.dir, *names)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        return path

    def openssl(self, *args):
        done = subprocess.run(["openssl", *args], capture_output=True, check=False, cwd=self.dir)
        assert done.returncode == 0, (args, done.stderr.decode())

    def key(self, name, bits=2048):
        path = self.path("keys", f"{name}.key")
        if not os.path.exists(path):
            self.openssl("genpkey", "-algorithm", "RSA", "-pkeyopt", f"rsa_keygen_bits:{bits}", "-out", path)
            os.chmod(path, 0o600)
        return path

    def write(self, name, text):
        path = self.path(name)
        with open(path, "w", encoding="ascii") as f:
            f.write(text)
        return path

    def once(self, what, make):
        if what not in self.made:
            self.made[what] = make(f"{len(self.made):03d}")
        return self.made[what]

    def cert(self, subject, key, issuer=None, ext=None, days=100, md="sha256", start=None, end=None):
        """`openssl x509 -req`; with dates, which that cannot, `openssl ca`. ext None: version 1."""
        def make(number):
            crt = self.path("certs", number + ".crt")
            csr = self.path("certs", number + ".csr")
            extfile = [] if ext is None else ["-extfile", self.write(f"certs/{number}.ext", ext)]
            self.openssl("req", "-new", "-key", key, "-subj", subject, "-out", csr, "-config", self.config())
            if start is not None or end is not None:
                self.ca_command(number, csr, crt, key, issuer, ext, md, start, end)
            else:
                signer = ["-CA", issuer.path, "-CAkey", issuer.key, "-set_serial", f"0x1000{number}"] \
                    if issuer else ["-signkey", key]
                self.openssl("x509", "-req", "-in", csr, *signer, "-days", str(days), f"-{md}",
                             "-out", crt, *extfile)
            os.chmod(crt, 0o644)
            return Cert(crt, key, subject)
        return self.once(("cert", subject, key, issuer, ext, days, md, start, end), make)

    def config(self):
        return self.once("config", lambda _: self.write(
            "req.cnf", "[req]\ndistinguished_name=dn\nprompt=no\n[dn]\nCN=unused\n"))

    def ca_config(self, number, md="sha256"):
        index = self.write(f"certs/{number}.index", "")
        serial = self.write(f"certs/{number}.serial", f"2000{number[-2:]}\n")
        return index, self.write(
            f"certs/{number}.cnf",
            f"[ca]\ndefault_ca=d\n[d]\ndatabase={index}\nserial={serial}\nnew_certs_dir={self.dir}/certs\n"
            f"default_md={md}\npolicy=p\nunique_subject=no\ndefault_crl_days=30\nemail_in_dn=no\n[p]\n"
            "countryName=optional\nstateOrProvinceName=optional\norganizationName=optional\ncommonName=optional\n")

    def ca_command(self, number, csr, crt, key, issuer, ext, md, start, end):
        now = datetime.datetime.now(datetime.timezone.utc)
        stamp = lambda t: (now + t).strftime("%Y%m%d%H%M%SZ")                        # noqa: E731
        signer = ["-cert", issuer.path, "-keyfile", issuer.key] if issuer else ["-selfsign", "-keyfile", key]
        self.openssl("ca", "-batch", "-notext", "-config", self.ca_config(number, md)[1], "-in", csr,
                     "-out", crt, *signer, "-startdate", stamp(start or -DAY), "-enddate", stamp(end or 100 * DAY),
                     "-extfile", self.write(f"certs/{number}.ext", ext))

    def ca(self, name="ca", subject=CA_SUBJECT, ext=CA, key=None, **kw):
        return self.cert(subject, key or self.key(name), ext=ext, **kw)

    def server(self, issuer=None, subject="/C=FR/ST=France/O=ISIS/CN=broker", ext=SERVER + NAMES, key=None, **kw):
        return self.cert(subject, key or self.key("broker"), issuer or self.ca(), ext, **kw)

    def client(self, issuer=None, subject="/C=FR/ST=France/O=ISIS/CN=olivier", ext=CLIENT, key=None, **kw):
        return self.cert(subject, key or self.key("client"), issuer or self.ca(), ext, **kw)

    def intermediate(self, issuer=None, **kw):
        return self.cert("/C=FR/ST=France/O=ISIS/CN=ISIS intermediate CA", self.key("inter"),
                         issuer or self.ca(), CA + "authorityKeyIdentifier=keyid\n", **kw)

    def joined(self, *certs):
        def make(number):
            path = self.path("certs", number + "-chain.crt")
            with open(path, "wb") as out:
                for cert in certs:
                    with open(cert.path, "rb") as f:
                        out.write(f.read())
            return path
        return self.once(("joined", certs), make)

    def der(self, cert):
        def make(number):
            path = self.path("certs", number + ".der")
            self.openssl("x509", "-in", cert.path, "-outform", "der", "-out", path)
            return path
        return self.once(("der", cert), make)

    def capath(self, name, *certs, is_hashed):
        def make(_):
            path = self.path(name, "x")[:-2]
            for i, cert in enumerate(certs):
                shutil.copy(cert.path, os.path.join(path, f"ca{i}.crt"))
            if is_hashed:
                self.openssl("rehash", path)
            return path
        return self.once(("capath", name), make)

    def crl(self, issuer, revoked=None, last=None, upto=None):
        def make(number):
            index, config = self.ca_config(number)
            path = self.path("certs", number + ".crl")
            if revoked:
                self.openssl("ca", "-config", config, "-cert", issuer.path, "-keyfile", issuer.key,
                             "-revoke", revoked.path)
            now = datetime.datetime.now(datetime.timezone.utc)
            dates = []
            for option, t in (("-crl_lastupdate", last), ("-crl_nextupdate", upto)):
                dates += [option, (now + t).strftime("%Y%m%d%H%M%SZ")] if t else []
            self.openssl("ca", "-config", config, "-cert", issuer.path, "-keyfile", issuer.key,
                         "-gencrl", "-out", path, *dates)
            assert os.path.exists(index)
            return path
        return self.once(("crl", issuer, revoked, last, upto), make)

    def limits(self, **values):
        """An OPENSSL_CONF: MaxProtocol, MinProtocol, CipherString."""
        def make(number):
            rows = "".join(f"{k} = {v}\n" for k, v in values.items())
            return {"OPENSSL_CONF": self.write(
                f"certs/{number}-limits.cnf", "openssl_conf = i\n[i]\nssl_conf = s\n[s]\n"
                f"system_default = d\n[d]\n{rows}")}
        return self.once(("limits", tuple(values.items())), make)

    def encrypted(self, key):
        def make(number):
            path = self.path("keys", number + "-encrypted.key")
            self.openssl("pkey", "-in", key, "-aes256", "-passout", "pass:secret", "-out", path)
            return path
        return self.once(("encrypted", key), make)

    def empty(self):
        return self.write("empty.crt", "")

    def of_root(self, path, mode=0o600):
        """A copy that only root may read."""
        def make(number):
            copy = self.path("closed", f"{number}-{os.path.basename(path)}")
            shutil.copy(path, copy)
            os.chmod(copy, mode)
            return copy
        return self.once(("of_root", path, mode), make)

    def setup(self, server=None, client=None, ca=None, broker_ca=None, client_ca=None, broker=None, of_client=None,
              **kw):
        """All right but for what is given."""
        server = server or self.server()
        client = client or self.client()
        ca = ca or self.ca()
        return Setup(
            {"certfile": server.path, "keyfile": server.key, "cafile": (broker_ca or ca).path,
             "require_certificate": "true", **(broker or {})},
            {"cafile": (client_ca or ca).path, "cert": client.path, "key": client.key, **(of_client or {})}, **kw)


@dataclasses.dataclass
class Row:
    """`faults`: what the judgement of the files alone must name, all of it; `asides`: warnings and
    notes that it must add. `live` where only a connection can show the mistake."""
    id: str
    faults: frozenset
    make: object
    asides: frozenset = frozenset()
    live: frozenset = frozenset()


ROWS = {}


def row(number, *faults, asides=(), live=()):
    def add(make):
        ROWS[number] = Row(number, frozenset(faults), make, frozenset(asides), frozenset(live))
        return make
    return add


def short_ca(lab):
    return lab.ca("short", SHORT_SUBJECT)


def cn_ip(lab, issuer):
    """A certificate of version 1 that mosquitto's clients accept for 127.0.0.1."""
    return lab.server(issuer, "/C=FR/ST=France/O=ISIS/CN=127.0.0.1", None)


# ------------------------------------------------------------------ names of subject, issuer, host

@row("01", "same_name_as_ca", "host_address")
def lab_report(lab):
    ca = short_ca(lab)
    return lab.setup(lab.server(ca, SHORT_SUBJECT, None),
                     lab.client(ca, SHORT_SUBJECT[:-4] + "Internet Widgits Pty Ltd", None), ca)


@row("01h", "same_name_as_ca")
def same_name_with_san(lab):
    ca = short_ca(lab)
    return lab.setup(lab.server(ca, SHORT_SUBJECT, NO_IDS + NAMES), lab.client(ca), ca)


@row("01c", asides=["same_name_as_ca"])
def same_name_with_ids(lab):
    ca = short_ca(lab)
    return lab.setup(lab.server(ca, SHORT_SUBJECT, IDS + NAMES), lab.client(ca), ca)


@row("01g", "same_name_as_ca")
def same_name_of_client(lab):
    ca = short_ca(lab)
    return lab.setup(lab.server(ca), lab.client(ca, SHORT_SUBJECT, None), ca)


@row("01b", "host_address")
def no_name(lab):
    return lab.setup(lab.server(subject="/C=FR/ST=France/O=ISIS/CN=debian2", ext=None))


@row("01e", asides=["host_as_text"])
def cn_is_address(lab):
    return lab.setup(cn_ip(lab, None))


@row("02", "host_address")
def dns_only(lab):
    return lab.setup(lab.server(ext=SERVER + "subjectAltName=DNS:debian2\n"))


@row("02b", "host_address")
def other_address(lab):
    return lab.setup(lab.server(ext=SERVER + "subjectAltName=IP:10.9.8.7\n"))


@row("02c", asides=["host_as_text"])
def address_as_dns(lab):
    return lab.setup(lab.server(ext=SERVER + "subjectAltName=DNS:127.0.0.1\n"))


@row("02d", "host_name")
def address_only(lab):
    return lab.setup(lab.server(ext=SERVER + "subjectAltName=IP:127.0.0.1\n"), host="localhost")


# ------------------------------------------------------------------------------------- the CA file

@row("03", "unknown_issuer")
def foreign_ca(lab):
    return lab.setup(client_ca=lab.ca("other", "/O=Somebody else/CN=Other CA"))


@row("03b", "other_ca_of_this_name")
def old_ca_without_aki(lab):
    return lab.setup(cn_ip(lab, None), client_ca=lab.ca("ca2"))


@row("03c", "other_ca_of_this_name")
def old_ca_with_aki(lab):
    return lab.setup(client_ca=lab.ca("ca2"))


@row("03d", "leaf_as_ca")
def leaf_as_ca(lab):
    return lab.setup(client_ca=lab.server())


def self_signed(lab):
    return lab.cert("/C=FR/ST=France/O=ISIS/CN=broker alone", lab.key("broker"),
                    ext="basicConstraints=critical,CA:TRUE\nsubjectKeyIdentifier=hash\n" + NAMES)


@row("03i")
def self_signed_and_trusted(lab):
    return lab.setup(self_signed(lab), client_ca=self_signed(lab), broker_ca=lab.ca())


@row("03j", "self_signed")
def self_signed_broker(lab):
    return lab.setup(self_signed(lab))


@row("03e", "file_missing")
def cafile_missing(lab):
    return lab.setup(of_client={"cafile": lab.path("nowhere", "ca.crt")})


@row("01f", "file_missing")
def path_without_slash(lab):
    return lab.setup(of_client={"cert": lab.client().path.lstrip("/")})


@row("03f", "file_der")
def cafile_der(lab):
    return lab.setup(of_client={"cafile": lab.der(lab.ca())})


@row("03g", "file_other_kind")
def cafile_is_key(lab):
    return lab.setup(of_client={"cafile": lab.client().key})


@row("03h", "file_empty")
def cafile_empty(lab):
    return lab.setup(of_client={"cafile": lab.empty()})


# ------------------------------------------------------------------------------------------- dates

@row("04", "expired")
def broker_expired(lab):
    return lab.setup(lab.server(start=-20 * DAY, end=-10 * DAY))


@row("04b", "expired")
def client_expired(lab):
    return lab.setup(client=lab.client(start=-20 * DAY, end=-10 * DAY))


@row("04c", "expired")
def ca_expired(lab):
    ca = lab.ca(start=-20 * DAY, end=-10 * DAY)
    return lab.setup(lab.server(ca), lab.client(ca), ca)


@row("05", "not_yet_valid")
def broker_too_early(lab):
    return lab.setup(lab.server(start=10 * DAY))


@row("05b", "not_yet_valid")
def client_too_early(lab):
    return lab.setup(client=lab.client(start=10 * DAY))


@row("05c", "not_yet_valid")
def ca_too_early(lab):
    ca = lab.ca(start=10 * DAY)
    return lab.setup(lab.server(ca), lab.client(ca), ca)


@row("05d", "clock_behind")
def clock_behind(lab):
    """The clock of this machine cannot be moved, so all that was made lies in its future."""
    ca = lab.ca(start=10 * DAY)
    return lab.setup(lab.server(ca, start=10 * DAY), lab.client(ca, start=10 * DAY), ca)


# ------------------------------------------------------------------------- the client's certificate

@row("06", "no_certificate")
def no_certificate(lab):
    return lab.setup(of_client={"cert": None, "key": None})


@row("06b", "half_a_pair")
def no_key(lab):
    return lab.setup(of_client={"key": None})


@row("07", "unknown_issuer")
def client_of_unknown_ca(lab):
    return lab.setup(client=lab.client(lab.ca("other", "/O=Somebody else/CN=Other CA")))


@row("07b", "self_signed")
def client_self_signed(lab):
    return lab.setup(client=lab.cert("/C=FR/ST=France/O=ISIS/CN=olivier", lab.key("client"), ext=CLIENT))


@row("07c", "other_ca_of_this_name")
def client_of_old_ca(lab):
    return lab.setup(client=lab.client(lab.ca("ca2"), ext=NO_IDS + "extendedKeyUsage=clientAuth\n"))


@row("07d", "unknown_issuer")
def broker_with_foreign_ca(lab):
    return lab.setup(broker_ca=lab.ca("other", "/O=Somebody else/CN=Other CA"))


@row("07e", "ca_not_given")
def broker_without_ca(lab):
    return lab.setup(broker={"cafile": None})


@row("08", "key_mismatch")
def client_key_of_another(lab):
    return lab.setup(of_client={"key": lab.key("inter")})


@row("08b", "key_mismatch")
def broker_key_of_another(lab):
    return lab.setup(broker={"keyfile": lab.key("inter")})


@row("08c", "file_other_kind")
def swapped(lab):
    return lab.setup(of_client={"cert": lab.client().key, "key": lab.client().path})


# ------------------------------------------------------------------------------------------ rights

@row("09", "file_unreadable")
def client_key_closed(lab):
    return lab.setup(of_client={"key": lab.of_root(lab.client().key)}, client_user="nobody")


@row("09e", "file_unreadable")
def cafile_closed(lab):
    return lab.setup(of_client={"cafile": lab.of_root(lab.ca().path),
                                "cert": None, "key": None}, broker={"require_certificate": "false"},
                     client_user="nobody")


@row("09b", "file_unreadable")
def broker_key_closed(lab):
    return lab.setup(broker={"keyfile": lab.of_root(lab.server().key), "require_certificate": "false"},
                     of_client={"cert": None, "key": None}, broker_user="nobody")


@row("09c", asides=["file_of_another"])
def broker_key_of_root(lab):
    return lab.setup(broker={"keyfile": lab.of_root(lab.server().key)}, broker_user="mosquitto")


@row("09d", "file_missing")
def keyfile_missing(lab):
    return lab.setup(broker={"keyfile": lab.path("nowhere", "broker.key")})


@row("20", "file_missing")
def certfile_misspelt(lab):
    right = lab.path("misspelt", "broker.crt")
    shutil.copy(lab.server().path, right)
    return lab.setup(broker={"certfile": lab.path("misspelt", "brocker.crt")})


# -------------------------------------------------------------------------------- what a CA must be

@row("10", asides=["ca_of_version_1", "host_as_text"])
def ca_of_version_1(lab):
    ca = lab.ca(ext=None)
    return lab.setup(cn_ip(lab, ca), lab.client(ca, ext=None), ca)


@row("10b", "not_a_ca")
def ca_false(lab):
    ca = lab.ca(ext="basicConstraints=critical,CA:FALSE\nsubjectKeyIdentifier=hash\n")
    return lab.setup(lab.server(ca), lab.client(ca), ca)


@row("10c", "not_a_ca")
def ca_without_constraints(lab):
    ca = lab.ca(ext="subjectKeyIdentifier=hash\n")
    return lab.setup(lab.server(ca), lab.client(ca), ca)


@row("10d", "ca_may_not_sign")
def ca_without_key_cert_sign(lab):
    ca = lab.ca(ext="basicConstraints=critical,CA:TRUE\nkeyUsage=critical,cRLSign\nsubjectKeyIdentifier=hash\n")
    return lab.setup(lab.server(ca), lab.client(ca), ca)


@row("10e", "path_too_long")
def pathlen(lab):
    root = lab.ca(ext=CA.replace("CA:TRUE", "CA:TRUE,pathlen:0"))
    inter = lab.intermediate(root)
    leaf = lab.server(inter)
    return lab.setup(leaf, lab.client(root), root, broker={"certfile": lab.joined(leaf, inter)})


# ------------------------------------------------------------------------------------ keys, digests

@row("11", "weak_key")
def broker_1024(lab):
    return lab.setup(lab.server(key=lab.key("weak", 1024)))


@row("11b", "weak_key")
def client_1024(lab):
    return lab.setup(client=lab.client(key=lab.key("weak", 1024)))


@row("11c", "weak_digest")
def broker_sha1(lab):
    return lab.setup(lab.server(md="sha1"))


@row("11d", "weak_digest")
def client_sha1(lab):
    return lab.setup(client=lab.client(md="sha1"))


@row("11e", "weak_ca_key")
def ca_1024(lab):
    ca = lab.ca(key=lab.key("weak", 1024))
    return lab.setup(lab.server(ca), lab.client(ca), ca)


PERMISSIVE = "ciphers DEFAULT@SECLEVEL=0\n"


@row("11f", "weak_digest")
def broker_sha1_permissive(lab):
    return lab.setup(lab.server(md="sha1"), lines=PERMISSIVE)


@row("11g", "weak_key")
def broker_1024_permissive(lab):
    return lab.setup(lab.server(key=lab.key("weak", 1024)), lines=PERMISSIVE)


# ----------------------------------------------------------------------------------------- versions

@row("12b", live=["no_version"])
def client_12_broker_13(lab):
    return lab.setup(lines="tls_version tlsv1.3\n", client_env=lab.limits(MaxProtocol="TLSv1.2"))


@row("12c", live=["no_version"])
def client_13_broker_12(lab):
    return lab.setup(broker_env=lab.limits(MaxProtocol="TLSv1.2"), args=("--tls-version", "tlsv1.3"))


@row("12d", live=["no_cipher"])
def no_cipher(lab):
    return lab.setup(lines="ciphers ECDHE-RSA-AES256-GCM-SHA384\n", broker_env=lab.limits(MaxProtocol="TLSv1.2"),
                     args=("--ciphers", "ECDHE-RSA-AES128-GCM-SHA256"))


@row("12e", live=["no_version", "no_signature"])
def client_11(lab):
    return lab.setup(client_env=lab.limits(MinProtocol="TLSv1.1", MaxProtocol="TLSv1.1",
                                           CipherString="DEFAULT@SECLEVEL=0"),
                     args=("--tls-version", "tlsv1.1"))


@row("13", "ca_not_given")
def no_option_on_8883(lab):
    return lab.setup(of_client={"cafile": None, "cert": None, "key": None},
                     broker={"require_certificate": "false"}, port_is_8883=True)


@row("13a", "plain_mqtt")
def plain_client(lab):
    return lab.setup(of_client={"cafile": None, "cert": None, "key": None}, broker={"require_certificate": "false"},
                     client_tls=False)


@row("13b", "tls_on_plain")
def plain_listener(lab):
    return lab.setup(tls=False)


# ------------------------------------------------------------------------------------------- capath

@row("14", "capath_unhashed")
def capath_unhashed(lab):
    return lab.setup(of_client={"cafile": None, "capath": lab.capath("unhashed", lab.ca(), is_hashed=False)})


@row("14b")
def capath_hashed(lab):
    return lab.setup(of_client={"cafile": None, "capath": lab.capath("hashed", lab.ca(), is_hashed=True)})


@row("14c", "unknown_issuer")
def capath_of_system(lab):
    path = "/etc/ssl/certs" if os.path.isdir("/etc/ssl/certs") and len(os.listdir("/etc/ssl/certs")) > 10 else \
        lab.capath("system", lab.ca("other", "/O=Somebody else/CN=Other CA"), is_hashed=True)
    return lab.setup(of_client={"cafile": None, "capath": path})


@row("14d", "capath_missing")
def capath_missing(lab):
    return lab.setup(of_client={"cafile": None, "capath": os.path.join(lab.dir, "no-such-directory")})


# ----------------------------------------------------------------------------------- encrypted keys

@row("15", "key_encrypted")
def client_key_encrypted(lab):
    return lab.setup(of_client={"key": lab.encrypted(lab.client().key)})


@row("15b", "key_encrypted")
def broker_key_encrypted(lab):
    return lab.setup(broker={"keyfile": lab.encrypted(lab.server().key)})


@row("16", "wrong_purpose")
def broker_as_client(lab):
    return lab.setup(lab.server(ext=CLIENT + NAMES))


@row("16b", "wrong_purpose")
def client_as_broker(lab):
    return lab.setup(client=lab.client(ext=SERVER))


# ------------------------------------------------------------------------------------ intermediates

@row("17", "no_intermediate")
def intermediate_not_sent(lab):
    return lab.setup(lab.server(lab.intermediate()))


@row("17b")
def intermediate_sent(lab):
    leaf = lab.server(lab.intermediate())
    return lab.setup(leaf, broker={"certfile": lab.joined(leaf, lab.intermediate())})


@row("17c", "no_root")
def intermediate_trusted(lab):
    leaf = lab.server(lab.intermediate())
    return lab.setup(leaf, client_ca=lab.intermediate(), broker={"certfile": lab.joined(leaf, lab.intermediate())})


@row("17d", "chain_order")
def intermediate_first(lab):
    leaf = lab.server(lab.intermediate())
    return lab.setup(leaf, broker={"certfile": lab.joined(lab.intermediate(), leaf)})


@row("17e", "no_intermediate")
def intermediate_of_client(lab):
    return lab.setup(client=lab.client(lab.intermediate()))


# ---------------------------------------------------------------------------------------------- CRL

@row("18", "revoked")
def revoked(lab):
    return lab.setup(broker={"crlfile": lab.crl(lab.ca(), lab.client())})


@row("18b", "crl_expired")
def crl_stale(lab):
    return lab.setup(broker={"crlfile": lab.crl(lab.ca(), last=-20 * DAY, upto=-10 * DAY)})


@row("18c", "no_crl")
def crl_of_another(lab):
    return lab.setup(broker={"crlfile": lab.crl(lab.ca("other", "/O=Somebody else/CN=Other CA"))})


# --------------------------------------------------------------------------------------- after TLS

@row("19", "no_common_name")
def no_common_name(lab):
    return lab.setup(client=lab.client(subject="/C=FR/ST=France/O=Internet Widgits Pty Ltd"),
                     broker={"use_identity_as_username": "true"})


@row("20b", "nobody_may_connect")
def nobody_may_connect(lab):
    return lab.setup(lines="allow_anonymous false\n")


@row("00")
def reference(lab):
    return lab.setup()


# ----------------------------------------------------------------------------------------- the table

@dataclasses.dataclass
class Measured:
    """A line of the table: what mosquitto and openssl said."""
    client: str
    client_debug: str
    broker: str
    verify: str
    s_client: str


def table():
    """The measured lines by row, or none where the table is not at hand."""
    rows = {}
    if not os.path.exists(TABLE):
        return rows
    with open(TABLE, encoding="utf-8") as f:
        for line in f:
            cells = [c.strip() for c in line.strip().strip("|").split("|")]
            if line.startswith("| ") and len(cells) == 9 and re.fullmatch(r"\d\d[a-j]?", cells[0]):
                prints, _, debug = cells[2].partition("<br>-d:")
                rows[cells[0]] = Measured(prints.strip(), debug.strip(), cells[3], cells[4], cells[5])
    return rows
