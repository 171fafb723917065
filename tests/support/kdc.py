"""A Kerberos key distribution centre of its own, on the loopback, for as long as a test needs one."""
import os
import pathlib
import shutil
import subprocess
import tempfile

from ensemble import free_ports, wait_for

REALM = "QUORATE.TEST"


class Kdc:
    def __init__(self):
        self.folder = pathlib.Path(tempfile.mkdtemp(prefix="quorate-kdc-"))
        port = free_ports(1)[0]
        self.config = self.folder / "krb5.conf"
        self.config.write_text(f"""[libdefaults]
  default_realm = {REALM}
  dns_lookup_kdc = false
  dns_lookup_realm = false
  dns_canonicalize_hostname = false
  rdns = false
  udp_preference_limit = 1
  default_ccache_name = FILE:{self.folder}/ccache
  default_rcache_name = dfl:
[realms]
  {REALM} = {{
    kdc = 127.0.0.1:{port}
  }}
[domain_realm]
  localhost = {REALM}
""")
        profile = self.folder / "kdc.conf"
        profile.write_text(f"""[kdcdefaults]
  kdc_listen = 127.0.0.1:{port}
  kdc_tcp_listen = 127.0.0.1:{port}
[realms]
  {REALM} = {{
    database_name = {self.folder}/principal
    key_stash_file = {self.folder}/stash
    max_life = 1h
  }}
[logging]
  kdc = FILE:{self.folder}/kdc.log
""")
        self.environment = {**os.environ, "KRB5_CONFIG": str(self.config), "KRB5_KDC_PROFILE": str(profile),
                            "PATH": os.environ["PATH"] + ":/usr/sbin:/sbin"}
        self.run("kdb5_util", "create", "-s", "-r", REALM, "-P", "master")
        self.process = subprocess.Popen(["krb5kdc", "-n", "-r", REALM], env=self.environment,
                                        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        wait_for("the KDC", lambda: "commencing operation" in self.log())

    def run(self, *command):
        done = subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False)
        assert done.returncode == 0, (command, done.stdout, done.stderr)

    def log(self):
        file = self.folder / "kdc.log"
        return file.read_text() if file.exists() else ""

    def keytab(self, principal):
        """The file with the keys of a new principal, NAME or NAME/HOST."""
        file = self.folder / (principal.replace("/", "-") + ".keytab")
        self.run("kadmin.local", "-r", REALM, "-q", f"addprinc -randkey {principal}")
        self.run("kadmin.local", "-r", REALM, "-q", f"ktadd -norandkey -k {file} {principal}")
        return file

    def close(self):
        self.process.terminate()
        self.process.wait()
        shutil.rmtree(self.folder, ignore_errors=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()
