#!/usr/bin/python3
"""Logins by SASL (DIGEST-MD5): frames by hand, kazoo with pure-sasl, ZooKeeper's zkCli.sh with a JAAS file.

QUORATE_ORACLE=1 asks ZooKeeper 3.8.0 the same.
"""
import hashlib
import logging
import os
import pathlib
import re
import struct
import subprocess
import sys
import tempfile
import threading

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, run_tests, wait_for  # noqa: E402
from frames import Frames, raises  # noqa: E402

from kazoo.client import KazooClient  # noqa: E402
from kazoo.exceptions import InvalidACLError, NoAuthError  # noqa: E402
from kazoo.security import make_acl  # noqa: E402

logging.getLogger("kazoo").setLevel(logging.CRITICAL)

ORACLE = bool(os.environ.get("QUORATE_ORACLE"))
GET, AUTH, SASL, WHO_AM_I, PING = 4, 100, 102, 107, 11
OK, AUTH_FAILED, SASL_REQUIRED = 0, -115, -124
CLOSED = "closed"

FOLDER = pathlib.Path(tempfile.mkdtemp(prefix="quorate-sasl-"))
JAAS = FOLDER / "server.jaas"
JAAS.write_text("""// Users of the test.
Server {
  org.apache.zookeeper.server.auth.DigestLoginModule required
    user_bob="bobsecret"
    user_ann="ann's \\"secret\\""
    user_super="adminsecret"
    user_root="rootsecret";
};
""")
PASSWORDS = {"bob": "bobsecret", "ann": "ann's \"secret\"", "super": "adminsecret", "root": "rootsecret"}
PROVIDER = {"authProvider.1": "org.apache.zookeeper.server.auth.SASLAuthenticationProvider"}


def servers(count=1, jaas=JAAS, kind="quorate", **settings):
    lines = {**PROVIDER, "superUser.1": "root", **settings}
    if jaas:
        lines["java.security.auth.login.config"] = jaas  # ZooKeeper hears of it below only.
    ensemble = Ensemble([kind] * count, lines)
    for server in ensemble.servers:
        server.jvm_options = [f"-Djava.security.auth.login.config={jaas}"] if jaas else []
    return ensemble.start()


# ---- Frames by hand ------------------------------------------------------------------------------
class Raw(Frames):
    """A session of frames."""

    def ask(self, op, body=b""):
        """(error, body) of the reply, or CLOSED."""
        self.xid += 1
        try:
            self.send(struct.pack(">ii", self.xid, op) + body)
            reply = self.receive()
        except (EOFError, ConnectionError):
            return CLOSED
        got, zxid, error = struct.unpack(">iqi", reply[:16])
        assert got == (-2 if op == PING else self.xid), (got, self.xid)
        assert op != SASL or zxid == 0, zxid
        return error, reply[16:]

    def token(self, token):
        """(error, token) of the answer, or CLOSED."""
        size = -1 if token is None else len(token)
        answer = self.ask(SASL, struct.pack(">i", size) + (token or b""))
        if answer == CLOSED:
            return CLOSED
        error, body = answer
        size = struct.unpack(">i", body[:4])[0]
        assert len(body) == 4 + max(size, 0), body
        return error, None if size < 0 else body[4:]

    def is_closed(self):
        try:
            self.read(1)
            return False
        except (EOFError, ConnectionError):
            return True

    def who(self):
        error, body = self.ask(WHO_AM_I)
        assert error == OK, error
        words, at = [], 4
        while at < len(body):
            size = struct.unpack(">i", body[at:at + 4])[0]
            words.append(body[at + 4:at + 4 + size].decode())
            at += 4 + size
        return dict(zip(words[::2], words[1::2]))


def md5(text):
    return hashlib.md5(text).digest()


class Digest:
    """The client's part of RFC 2831; the fields can be falsified."""

    def __init__(self, challenge, user="bob", password=None, **fields):
        self.challenge = challenge.decode()
        match = re.fullmatch(r'realm="zk-sasl-md5",nonce="([A-Za-z0-9+/=]+)",charset=utf-8,algorithm=md5-sess',
                             self.challenge)
        assert match, challenge
        self.password = PASSWORDS.get(user, "x") if password is None else password
        self.fields = {"charset": "utf-8", "username": user, "realm": "zk-sasl-md5", "nonce": match[1],
                       "nc": "00000001", "cnonce": "0123456789abcdef", "digest-uri": "zookeeper/zk-sasl-md5",
                       "maxbuf": "65536", "qop": "auth"}
        self.fields.update({name.replace("_", "-"): value for name, value in fields.items()})

    def hashed(self, method):
        f = {name: (value or "") for name, value in self.fields.items()}
        secret = md5(f"{f['username']}:{f['realm']}:{self.password}".encode())
        a1 = secret + f":{f['nonce']}:{f['cnonce']}".encode()
        if "authzid" in f:
            a1 += f":{f['authzid']}".encode()
        a2 = f"{method}:{f['digest-uri']}".encode()
        return md5(f"{md5(a1).hex()}:{f['nonce']}:00000001:{f['cnonce']}:{f['qop'] or 'auth'}:{md5(a2).hex()}"
                   .encode()).hex()

    def token(self, extra=""):
        plain = ("charset", "nc", "maxbuf", "qop")
        fields = {**self.fields, "response": self.hashed("AUTHENTICATE")}
        escape = lambda value: value.replace("\\", "\\\\").replace('"', '\\"')  # noqa: E731
        return (",".join(f"{name}={value}" if name in plain + ("response",) else f'{name}="{escape(value)}"'
                         for name, value in fields.items() if value is not None) + extra).encode()


def begun(port, first=b""):
    raw = Raw(port)
    error, challenge = raw.token(first)
    assert error == OK, error
    return raw, challenge


def logged_in(port, user="bob", extra="", first=b"", **fields):
    raw, challenge = begun(port, first)
    digest = Digest(challenge, user, **fields)
    error, proof = raw.token(digest.token(extra))
    assert (error, proof) == (OK, b"rspauth=" + digest.hashed("").encode()), (error, proof)
    return raw


def frames():
    with servers() as ensemble:
        port = ensemble[1].client_port
        for user in PASSWORDS:
            with logged_in(port, user) as raw:
                who = raw.who()
                assert who.pop("ip") == "127.0.0.1" and who.pop("sasl") == user, who
                assert who == ({"super": ""} if user == "root" else {}), who
                assert raw.ask(GET, struct.pack(">i", 1) + b"/\0")[0] == OK
        # For whom a client wants to act does not count; case of the host, a count, a missing qop neither.
        for fields in ({"authzid": "ann"}, {"authzid": ""}, {"digest_uri": "ZooKeeper/ZK-SASL-MD5"}, {"nc": None},
                       {"nc": "2"}, {"qop": None}, {"charset": None}, {"maxbuf": None},
                       {"extra": ', ,x=1,x="2",lone'}, {"first": b"any words"}):
            with logged_in(port, **fields) as raw:
                assert raw.who()["sasl"] == "bob", fields


def refusals():
    """Whatever is wrong: -115 with a null token, then the end of the connection; never of the server."""
    with servers() as ensemble:
        port = ensemble[1].client_port
        odd = []

        def refused(raw, token, what):
            answer = raw.token(token)
            if answer != (AUTH_FAILED, None) or not raw.is_closed():
                odd.append((what, answer))
            raw.sock.close()

        for token in (b"x" * 4097, b"x" * 100000):
            refused(Raw(port), token, f"first token of {len(token)} bytes")
        for fields in ({"password": "wrong"}, {"password": ""}, {"user": "eve"}, {"user": " bob"},
                       {"realm": "other"}, {"realm": ""}, {"nonce": "AAAA"}, {"digest_uri": "zookeeper/localhost"},
                       {"digest_uri": "kafka/zk-sasl-md5"}, {"qop": "auth-int"}, {"qop": "auth-conf"},
                       {"charset": "latin1"}, {"username": None}, {"nonce": None}, {"cnonce": None},
                       {"realm": None}, {"digest_uri": None}):
            raw, challenge = begun(port)
            refused(raw, Digest(challenge, **fields).token(), fields)
        # ZooKeeper 3.8.0 looks such a name up under that of the login before (one handler for all); 3.9 does not.
        for user in () if ORACLE else ("bob@zk-sasl-md5", "eve", ""):
            logged_in(port).sock.close()
            raw, challenge = begun(port)
            refused(raw, Digest(challenge, user, "bobsecret").token(), user)
        for extra in (',username="bob"', ',nonce="x"', ",response=00", ",x=", ',x="', ",a,b=c", ",=x", ",qop=auth"):
            raw, challenge = begun(port)
            refused(raw, Digest(challenge).token(extra), extra)
        for token in (b"", b"garbage", b"=", b'"' * 4096, b"," * 4096, bytes(4096), b"\xff" * 4096, b"x" * 4097,
                      b"y" * 100000):
            raw, challenge = begun(port)
            refused(raw, token, token[:8])
        # What one connection has said is worth nothing on another one, nor again.
        one, challenge = begun(port)
        heard = Digest(challenge).token()
        other, _ = begun(port)
        refused(other, heard, "replay on another connection")
        assert one.token(heard)[0] == OK
        refused(one, heard, "replay on its own")
        for token in (b"", b"garbage"):
            refused(logged_in(port), token, "after a login")
        # Through the packets of other schemes nobody comes in.
        with Raw(port) as raw:
            text = lambda value: struct.pack(">i", len(value)) + value  # noqa: E731
            assert raw.ask(AUTH, struct.pack(">i", 0) + text(b"sasl") + text(b"bob"))[0] == AUTH_FAILED
        # Without an answer, as without a token at all.
        with Raw(port) as raw:
            assert raw.token(None) == CLOSED
        with Raw(port) as raw:
            assert raw.ask(SASL) == CLOSED
        with Raw(port) as raw:
            assert raw.ask(SASL, struct.pack(">i", 50) + b"short") == CLOSED
        with logged_in(port) as raw:
            assert raw.who()["sasl"] == "bob"
        assert not odd, odd


def required():
    """Who has not logged in gets -124, and so does whoever fails to; alone or among other schemes."""
    for settings in ({"sessionRequireClientSASLAuth": "true", "allowSaslFailedClients": "true"},
                     {"enforce.auth.enabled": "true", "enforce.auth.schemes": "sasl"}):
        with servers(**settings) as ensemble:
            port = ensemble[1].client_port
            with logged_in(port) as raw:
                assert raw.ask(GET, struct.pack(">i", 1) + b"/\0")[0] == OK
            for op, body in ((GET, struct.pack(">i", 1) + b"/\0"), (PING, b""), (WHO_AM_I, b"")):
                with Raw(port) as raw:
                    raw.send(struct.pack(">ii", 5, op) + body)
                    assert struct.unpack(">iqi", raw.receive()) == (5, 0, SASL_REQUIRED)
                    assert raw.is_closed()
            raw, challenge = begun(port)
            assert raw.token(Digest(challenge, password="wrong").token()) == (SASL_REQUIRED, None)
            assert raw.is_closed()
            raw.sock.close()


def failed_clients_may_stay():
    with servers(allowSaslFailedClients="true") as ensemble:
        raw, challenge = begun(ensemble[1].client_port)
        with raw:
            assert raw.token(Digest(challenge, password="wrong").token()) == (OK, None)
            # There is no second try on the connection.
            assert raw.token(Digest(challenge).token()) == (OK, None)
            assert raw.token(b"") == (OK, None)
            assert raw.who() == {"ip": "127.0.0.1"}
        with Raw(ensemble[1].client_port) as raw:
            assert raw.token(b"x" * 5000) == (OK, None)
            error, challenge = raw.token(b"")
            assert error == OK and raw.token(b"x" * 5000) == (OK, None)
            assert raw.token(Digest(challenge).token())[1].startswith(b"rspauth=")
            assert raw.token(b"too late") == (OK, None)
            assert raw.who()["sasl"] == "bob"


def without_login():
    with servers(jaas=None) as ensemble:
        with Raw(ensemble[1].client_port) as raw:
            assert raw.token(b"") == raw.token(b"anything") == (OK, None)
            assert raw.who() == {"ip": "127.0.0.1"}
        if not ORACLE:
            # Nor is the library's module in the process.
            maps = pathlib.Path(f"/proc/{ensemble[1].process.pid}/maps").read_text()
            assert "digestmd5" not in maps


# ---- kazoo ---------------------------------------------------------------------------------------
def client(hosts, user=None, password=None, start=True):
    options = {"mechanism": "DIGEST-MD5", "username": user,
               "password": PASSWORDS[user] if password is None else password} if user else None
    c = KazooClient(hosts=hosts, timeout=6.0, randomize_hosts=False, sasl_options=options)
    if start:
        c.start(timeout=30)
    return c


def lists_of_two_users(connect, other=None):
    """bob's nodes and ann; the SASL user super and a superUser. `other`: where ann and the others are."""
    bob, ann, boss, root, nobody = (client(at, user) for at, user in (
        (connect, "bob"), (other or connect, "ann"), (other or connect, "super"), (connect, "root"),
        (other or connect, None)))
    bobs = [make_acl("sasl", "bob", all=True)]
    bob.create("/bob", b"b", acl=bobs)
    bob.create("/bob/auth", b"a", acl=[make_acl("auth", "", all=True)])
    bob.create("/shared", b"s", acl=bobs + [make_acl("sasl", "ann", read=True)])
    assert [(a.perms, a.id.scheme, a.id.id) for a in bob.get_acls("/bob/auth")[0]] == [(31, "sasl", "bob")]
    for c in (ann, boss, nobody):
        c.sync("/")
    for c in (ann, nobody):
        for path in ("/bob", "/bob/auth"):
            raises(NoAuthError, c.get, path)
        raises(NoAuthError, c.set, "/shared", b"x")
        raises(NoAuthError, c.create, "/bob/x", b"")
    assert ann.get("/shared")[0] == b"s"
    raises(NoAuthError, nobody.get, "/shared")
    # super passes where the list names somebody of SASL, root everywhere.
    assert boss.get("/bob")[0] == b"b" and boss.get("/bob/auth")[0] == b"a"
    bob.create("/digest", b"", acl=[make_acl("digest", "x:y", all=True)])
    boss.sync("/")
    raises(NoAuthError, boss.get, "/digest")
    assert root.get("/digest")[0] == b""
    root.set_acls("/bob", [make_acl("sasl", "ann", all=True)])
    ann.sync("/")
    assert ann.get("/bob")[0] == b"b"
    raises(NoAuthError, bob.get, "/bob")
    for name in ("svc@R", "svc/host@R", "a/b/c", "a/@"):
        nobody.ensure_path("/names")
        nobody.create("/names/n", b"", acl=[make_acl("sasl", name, all=True)])
        nobody.delete("/names/n")
    for name in ("a@b@c", "a/b/c@R", "a@R/x"):
        raises(InvalidACLError, nobody.create, "/names/n", b"", acl=[make_acl("sasl", name, all=True)])
    for c in (bob, ann, boss, root, nobody):
        c.stop()
        c.close()


def kazoo_and_lists():
    with servers() as ensemble:
        lists_of_two_users(ensemble.connect)
        wrong = client(ensemble.connect, "bob", "wrong", start=False)
        states, told = [], wrong._session_callback
        wrong._session_callback = lambda state: (states.append(state), told(state))
        wrong.start_async()
        wait_for("kazoo has given up", lambda: "AUTH_FAILED" in states)
        wrong.stop()


def learners_serve_logins():
    """A login belongs to a connection: each server of an ensemble takes it, and the leader believes it."""
    with servers(3) as ensemble:
        leader = ensemble.leader()
        followers = [s for s in ensemble.servers if s is not leader]
        lists_of_two_users(followers[0].address, leader.address)
        with logged_in(followers[1].client_port) as raw:
            assert raw.who()["sasl"] == "bob"
        # A session that moves has to log in again.
        bob = client(",".join(s.address for s in followers), "bob")
        bob.create("/moving", b"", acl=[make_acl("sasl", "bob", all=True)])
        followers[0].kill()
        wait_for("kazoo is elsewhere", lambda: bob.connected and bob.retry(bob.get, "/moving"))
        bob.stop()


# ---- zkCli.sh ------------------------------------------------------------------------------------
def zkcli(address, user, password, commands):
    jaas = FOLDER / f"client-{user}-{threading.get_ident()}.jaas"
    escaped = password.replace("\\", "\\\\").replace('"', '\\"')
    jaas.write_text("Client {\n  org.apache.zookeeper.server.auth.DigestLoginModule required\n"
                    f'    username="{user}"\n    password="{escaped}";\n}};\n')
    flags = f"-Xmx128m -XX:TieredStopAtLevel=1 -XX:+UseSerialGC -Djava.security.auth.login.config={jaas}"
    done = subprocess.run(["/usr/share/zookeeper/bin/zkCli.sh", "-server", address], timeout=60, text=True,
                          input="".join(line + "\n" for line in commands), capture_output=True, cwd=FOLDER,
                          env={**os.environ, "CLIENT_JVMFLAGS": flags, "ZOO_LOG_DIR": str(FOLDER)})
    return done.stdout + done.stderr


def java_clients():
    """The JVMs run side by side: one start of one takes a second."""
    with servers() as ensemble:
        at = ensemble[1].address
        said = {}

        def run(name, *arguments):
            said[name] = zkcli(at, *arguments)

        bob = ["create /java mine sasl:bob:cdrwa", "getAcl /java", "whoami", "get /java", "quit"]
        first = threading.Thread(target=run, args=("bob", "bob", PASSWORDS["bob"], bob))
        wrong = threading.Thread(target=run, args=("wrong", "bob", "wrong", ["get /zookeeper", "quit"]))
        first.start(), wrong.start()
        first.join(), wrong.join()
        text = said["bob"]
        assert "Created /java" in text and "'sasl,'bob\n: cdrwa" in text and "\nmine\n" in text, text
        assert "sasl: bob" in text and "ip: 127.0.0.1" in text, text
        assert "AuthFailed" in said["wrong"] and "\nmine\n" not in said["wrong"], said["wrong"]
        others = [threading.Thread(target=run, args=(user, user, PASSWORDS[user], ["get /java", "quit"]))
                  for user in ("ann", "root")]
        for thread in others:
            thread.start()
        for thread in others:
            thread.join()
        assert "Insufficient permission : /java" in said["ann"], said["ann"]
        assert "\nmine\n" in said["root"], said["root"]


# ---- Our own client ------------------------------------------------------------------------------
def shell(address, user, password, *command):
    """(exit code, stdout, stderr); the password by a file or, of ann, by the environment."""
    secret = FOLDER / "password"
    secret.write_text(password + "\n")
    by_file = [] if user == "ann" else ["--sasl-password-file", str(secret)]
    done = subprocess.run([BIN / "quorate-shell", "-server", address, "--sasl-user", user, *by_file, *command],
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=30,
                          env={**os.environ, **({"QUORATE_SASL_PASSWORD": password} if user == "ann" else {})})
    return done.returncode, done.stdout, done.stderr


def own_shell():
    """At servers of both kinds; a server without logins is told from a wrong password."""
    for kind in ("quorate", "zookeeper"):
        with servers(kind=kind) as ensemble:
            at = ensemble[1].address
            for user in ("bob", "ann"):
                code, out, err = shell(at, user, PASSWORDS[user], "whoami")
                assert code == 0 and f"sasl: {user}" in out, (kind, code, out, err)
            assert shell(at, "bob", PASSWORDS["bob"], "create", "/mine", "x", "sasl:bob:cdrwa")[0] == 0
            assert "x" in shell(at, "bob", PASSWORDS["bob"], "get", "/mine")[1]
            assert "Insufficient permission" in shell(at, "ann", PASSWORDS["ann"], "get", "/mine")[2]
            for user in ("bob", "eve"):
                code, out, err = shell(at, user, "wrong", "whoami")
                assert code == 3 and "AuthFailed" in err and "check --sasl-user" in err, (kind, code, out, err)
    if not ORACLE:
        with servers(jaas=None) as ensemble:
            code, out, err = shell(ensemble[1].address, "bob", "x", "whoami")
            assert code == 3 and "AuthFailed" in err, (code, out, err)


# ---- What an operator can mistype ----------------------------------------------------------------
def start_fails(text, expected, **settings):
    """The server ends with exit code 2 and says what is wrong."""
    jaas = FOLDER / "bad.jaas"
    if text is not None:
        jaas.write_text(text)
    lines = {**PROVIDER, "java.security.auth.login.config": jaas, **settings}
    ensemble = Ensemble(["quorate"], {key: value for key, value in lines.items() if value is not None})
    with ensemble:
        ensemble.start(serving=False)
        assert ensemble[1].process.wait(20) == 2, ensemble.describe()
        assert expected in ensemble[1].log.read_text(), ensemble[1].log.read_text()


def mistakes():
    if ORACLE:
        return
    module = "org.apache.zookeeper.server.auth.DigestLoginModule"
    start_fails(f'Server {{\n  {module} required\n    user_bob="secret"\n}};\n',
                'bad.jaas:4: found "}", expected an option name="value", or ";" behind the last one')
    start_fails("Server {\n  com.sun.security.auth.module.Krb5LoginModule required useKeyTab=true;\n};\n",
                "bad.jaas:2: Server: names no keytab or no principal")
    start_fails(f"Server {{ {module} required; }};", "bad.jaas:1: Server: names no user")
    start_fails(f'Client {{ {module} required user_bob="x"; }};',
                'sessionRequireClientSASLAuth: "true": nobody could log in',
                sessionRequireClientSASLAuth="true")
    start_fails(None, "none.jaas cannot be read", **{"java.security.auth.login.config": FOLDER / "none.jaas"})
    start_fails(f'Server {{ {module} required user_bob="x"; }};', "SASL needs a line authProvider.1=",
                sessionRequireClientSASLAuth="true", **{"authProvider.1": None})
    os.environ["SASL_PATH"] = str(FOLDER / "no-modules")
    try:
        start_fails(f'Server {{ {module} required user_bob="x"; }};', "comes with the package libsasl2-modules")
    finally:
        del os.environ["SASL_PATH"]


def flags_of_the_start_script():
    """JVMFLAGS as a site has them, and another section."""
    if ORACLE:
        return
    jaas = FOLDER / "other.jaas"
    jaas.write_text('Other { org.apache.zookeeper.server.auth.DigestLoginModule required user_bob="bobsecret" '
                    'user_super="old"; };')
    os.environ["SERVER_JVMFLAGS"] = (
        f"-Xmx1g -Djava.security.auth.login.config={jaas} -Dzookeeper.sasl.serverconfig=Other "
        "-Dzookeeper.superUser=bob -Dzookeeper.SASLAuthenticationProvider.superPassword=adminsecret")
    try:
        with servers(jaas=None) as ensemble:
            with logged_in(ensemble[1].client_port) as raw:
                assert raw.who() == {"ip": "127.0.0.1", "sasl": "bob", "super": ""}
            logged_in(ensemble[1].client_port, "super").sock.close()
            # Nothing a client says about itself makes lines of its own.
            raw, challenge = begun(ensemble[1].client_port)
            raw.token(Digest(challenge, user="a\nERROR b").token())
            raw.sock.close()
            log = ensemble[1].log.read_text()
            assert "user=a?ERROR b" in log, log
            assert not any(secret in log for secret in ("bobsecret", "adminsecret")), log
    finally:
        del os.environ["SERVER_JVMFLAGS"]


if __name__ == "__main__":
    run_tests([frames, refusals, required, failed_clients_may_stay, without_login, kazoo_and_lists,
               learners_serve_logins, java_clients, own_shell, mistakes, flags_of_the_start_script])
