# SPDX-License-Identifier: Apache-2.0
"""Certificates for tests, made by the openssl command in a directory of their own."""
import os
import subprocess
import tempfile
import time


def openssl(*args, cwd, stdin=None):
    done = subprocess.run(["openssl", *args], cwd=cwd, input=stdin, capture_output=True, check=False)
    if done.returncode != 0:
        raise AssertionError(f"openssl {' '.join(args)}: {done.stderr.decode()}")
    return done.stdout


class Authority:
    """A CA and what it signs: files NAME.crt and NAME.key below `dir`."""

    def __init__(self, directory=None, subject="/O=ISIS/CN=the CA", name="ca"):
        self.dir = directory or tempfile.mkdtemp(prefix="nj-certs-")
        self.name = name
        self.key(name)
        openssl("req", "-x509", "-new", "-key", f"{name}.key", "-out", f"{name}.crt", "-days", "100",
                "-subj", subject, cwd=self.dir)

    def path(self, name):
        return os.path.join(self.dir, name)

    @property
    def ca(self):
        return self.path(self.name + ".crt")

    def key(self, name, kind=("ec", "ec_paramgen_curve:P-256")):
        openssl("genpkey", "-algorithm", kind[0], "-pkeyopt", kind[1], "-out", f"{name}.key", cwd=self.dir)

    def issue(self, name, subject=None, sans=None, usage=None, days=90, bare=False, key=None, extra=""):
        """`bare`: version 1, as without an extension file. Returns (certificate, key)."""
        if key is None:
            self.key(name)
        openssl("req", "-new", "-key", f"{key or name}.key", "-out", f"{name}.csr",
                "-subj", subject or f"/CN={name}", cwd=self.dir)
        args = ["x509", "-req", "-in", f"{name}.csr", "-CA", f"{self.name}.crt", "-CAkey", f"{self.name}.key",
                "-CAcreateserial", "-out", f"{name}.crt", "-days", str(days)]
        if not bare:
            lines = ["basicConstraints=CA:FALSE", "subjectKeyIdentifier=hash", "authorityKeyIdentifier=keyid"]
            lines += [f"subjectAltName={sans}"] if sans else []
            lines += [f"extendedKeyUsage={usage}"] if usage else []
            with open(self.path("ext"), "w", encoding="ascii") as f:
                f.write("\n".join(lines) + "\n" + extra)
            args += ["-extfile", "ext"]
        openssl(*args, cwd=self.dir)
        return self.path(f"{name}.crt"), self.path(f"{name}.key")

    def crl(self, *revoked, days=30, age=0):
        """The list of those that are revoked, made `age` days ago, which ends `days` from now; its path."""
        with open(self.path("ca.conf"), "w", encoding="ascii") as f:
            f.write("[ca]\ndefault_ca=d\n[d]\ndatabase=index.txt\ndefault_md=sha256\ncrlnumber=crlnumber\n")
        open(self.path("index.txt"), "a", encoding="ascii").close()
        if not os.path.exists(self.path("crlnumber")):
            with open(self.path("crlnumber"), "w", encoding="ascii") as f:
                f.write("01\n")
        pair = ["-config", "ca.conf", "-cert", f"{self.name}.crt", "-keyfile", f"{self.name}.key"]
        for name in revoked:
            if not os.path.exists(self.path(f"{name}.revoked")):
                openssl("ca", *pair, "-revoke", f"{name}.crt", cwd=self.dir)
            open(self.path(f"{name}.revoked"), "a", encoding="ascii").close()
        made, ends = (time.strftime("%y%m%d%H%M%SZ", time.gmtime(time.time() + n * 86400)) for n in (-age, days))
        openssl("ca", *pair, "-gencrl", "-crl_lastupdate", made, "-crl_nextupdate", ends, "-out", "crl.new", cwd=self.dir)
        os.replace(self.path("crl.new"), self.path("crl.pem"))
        return self.path("crl.pem")

    def ocsp(self, name, days=7):
        """A response of the CA's that `name` is good, which ends in so long; NAME.ocsp."""
        serial = openssl("x509", "-in", f"{name}.crt", "-noout", "-serial", cwd=self.dir).decode().split("=")[1].strip()
        with open(self.path("good.txt"), "w", encoding="ascii") as f:
            f.write(f"V\t350101000000Z\t\t{serial}\tunknown\t/CN={name}\n")
        ca = f"{self.name}.crt"
        openssl("ocsp", "-issuer", ca, "-cert", f"{name}.crt", "-reqout", f"{name}.req", cwd=self.dir)
        openssl("ocsp", "-index", "good.txt", "-rsigner", ca, "-rkey", f"{self.name}.key", "-CA", ca,
                "-reqin", f"{name}.req", "-respout", f"{name}.ocsp.new", "-ndays", str(days), cwd=self.dir)
        os.replace(self.path(f"{name}.ocsp.new"), self.path(f"{name}.ocsp"))
        return self.path(f"{name}.ocsp")
