#!/usr/bin/python3
"""Logins by Kerberos (SASL's GSSAPI): ZooKeeper's zkCli.sh with keys of a KDC of the test's own, at servers of both
kinds; what a server makes of names, whom it refuses, what an operator can mistype."""
import os
import pathlib
import re
import subprocess
import sys
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import Ensemble, run_tests  # noqa: E402
from kdc import REALM, Kdc  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.security import make_acl  # noqa: E402

PROVIDER = {"authProvider.1": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"}
MODULE = "com.sun.security.auth.module.Krb5LoginModule"
SERVICE = "zookeeper/localhost"
kdc = None
KEYS = {}


def jaas(name, section, keytab, principal, more="storeKey=true useTicketCache=false"):
    path = kdc.folder / f"{name}.jaas"
    path.write_text(f'{section} {{\n  {MODULE} required\n    useKeyTab=true keyTab="{keytab}"\n    {more}\n'
                    f'    principal="{principal}@{REALM}";\n}};\n')
    return path


def servers(kind="quorate", count=1, file=None, options=(), **settings):
    file = file or jaas("server", "Server", KEYS[SERVICE], SERVICE)
    lines = {**PROVIDER, "java.security.auth.login.config": file, **settings}
    ensemble = Ensemble([kind] * count, lines)
    for server in ensemble.servers:
        server.jvm_options = [f"-Djava.security.auth.login.config={file}", f"-Djava.security.krb5.conf={kdc.config}",
                              *options]
    return ensemble


def zkcli(address, who, *commands, service=SERVICE):
    """What zkCli.sh prints for the commands, logged in by Kerberos."""
    file = jaas(f"client-{who.replace('/', '-')}-{threading.get_ident()}", "Client", KEYS[who], who)
    flags = (f"-Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.security.auth.login.config={file} "
             f"-Djava.security.krb5.conf={kdc.config} -Dzookeeper.server.principal={service}")
    done = subprocess.run(["/usr/share/zookeeper/bin/zkCli.sh", "-server", address], timeout=60, text=True,
                          input="".join(line + "\n" for line in (*commands, "quit")), capture_output=True,
                          cwd=kdc.folder, env={**os.environ, "CLIENT_JVMFLAGS": flags, "ZOO_LOG_DIR": str(kdc.folder)})
    return done.stdout + done.stderr


def name_of(text):
    found = re.search(r"^sasl: (.*)$", text, re.M)
    return found and found[1]


def names(address):
    return [name_of(zkcli(address, who, "whoami")) for who in ("bob", "svc/client.example")]


def the_same_names_at_both_kinds():
    for settings, expected in (
            ({}, [f"bob@{REALM}", f"svc/client.example@{REALM}"]),
            ({"kerberos.removeHostFromPrincipal": "true"}, [f"bob@{REALM}", f"svc@{REALM}"]),
            ({"kerberos.removeRealmFromPrincipal": "true"}, ["bob", "svc/client.example"])):
        for kind in ("zookeeper", "quorate"):
            with servers(kind, **settings).start() as ensemble:
                assert names(ensemble[1].address) == expected, (kind, settings)


def kazoo_wants_proof():
    """Its GSSAPI has this server prove itself, too, which Java's does not ask for."""
    subprocess.run(["kinit", "-k", "-t", KEYS["bob"], "bob"], check=True, env=kdc.environment)
    os.environ["KRB5_CONFIG"] = str(kdc.config)  # Found by kazoo's library in this process.
    for kind in ("zookeeper", "quorate"):
        with servers(kind).start() as ensemble:
            client = KazooClient(hosts=f"localhost:{ensemble[1].client_port}",
                                 sasl_options={"mechanism": "GSSAPI", "service": "zookeeper"})
            client.start(timeout=20)
            client.create("/own", b"x", acl=[make_acl("sasl", f"bob@{REALM}", all=True)])
            assert client.get("/own")[0] == b"x", kind
            client.stop()
            client.close()


def lists_and_super_user():
    """At a follower, too: what it believes the leader believes."""
    with servers(count=3, **{"superUser": f"root@{REALM}"}).start() as ensemble:
        leader = ensemble.leader()
        follower = next(server for server in ensemble.servers if server is not leader)
        text = zkcli(follower.address, "bob", f"create /bobs mine sasl:bob@{REALM}:cdrwa", "get /bobs")
        assert "Created /bobs" in text and "\nmine\n" in text, text
        text = zkcli(leader.address, "svc/client.example", "get /bobs")
        assert "Insufficient permission : /bobs" in text, text
        assert "\nmine\n" in zkcli(leader.address, "root", "sync /bobs", "get /bobs")


def refused():
    """A key that is not the server's any more; a password where a ticket is asked for; nobody else notices."""
    with servers(sessionRequireClientSASLAuth="true").start() as ensemble:
        at = ensemble[1].address
        kdc.run("kadmin.local", "-r", REALM, "-q", "addprinc -randkey other/localhost")
        text = zkcli(at, "bob", "get /zookeeper", service="other/localhost")
        assert "AuthFailed" in text and "cZxid" not in text, text
        log = ensemble[1].log.read_text()
        assert "sasl-login-failed" in log and "reason=" in log, log
        shell = subprocess.run([os.environ.get("QUORATE_BIN", "build/release/bin") + "/quorate-shell", "-server", at,
                                "--sasl-user", "bob", "whoami"], capture_output=True, text=True, timeout=30,
                               stdin=subprocess.DEVNULL, env={**os.environ, "QUORATE_SASL_PASSWORD": "x"})
        assert shell.returncode == 3 and "AuthFailed" in shell.stderr, shell
        assert names(at)[0] == f"bob@{REALM}"


def mistakes():
    def fails(file, expected, **settings):
        with servers(file=file, **settings) as ensemble:
            ensemble.start(serving=False)
            assert ensemble[1].process.wait(20) == 2, ensemble.describe()
            log = ensemble[1].log.read_text()
            assert expected in log, log

    missing = kdc.folder / "none.keytab"
    fails(jaas("bad", "Server", missing, SERVICE), f"no key of {SERVICE}@{REALM} in {missing}")
    fails(jaas("bad", "Server", KEYS["bob"], SERVICE), "`klist -k` names the principals of a keytab")
    fails(jaas("bad", "Server", KEYS["bob"], "bob"),
          f'bad.jaas:5: Server: principal: "bob@{REALM}": expected SERVICE/HOST@REALM')
    fails(jaas("bad", "Server", "", SERVICE), "bad.jaas:2: Server: names no keytab or no principal; expected useKeyTab")
    fails(jaas("server", "Server", KEYS[SERVICE], SERVICE), "security.auth_to_local: rules for names of Kerberos",
          **{"security.auth_to_local": "RULE:[1:$1]"})


if __name__ == "__main__":
    kdc = Kdc()
    try:
        for principal in (SERVICE, "bob", "svc/client.example", "root"):
            KEYS[principal] = kdc.keytab(principal)
        run_tests([the_same_names_at_both_kinds, kazoo_wants_proof, lists_and_super_user, refused, mistakes])
    finally:
        kdc.close()
