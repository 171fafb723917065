#!/usr/bin/python3
"""The C++ client and a ZooKeeper server that has lost its quorum: read-only, then writable again."""
import pathlib
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "support"))
from ensemble import BIN, Ensemble, four_letter, run_tests, wait_for  # noqa: E402


def there_and_back():
    # localSessionsEnabled: without it 3.8 answers the handshake with something else.
    with Ensemble(["zookeeper"] * 2, {"localSessionsEnabled": "true", "localSessionsUpgradingEnabled": "true"}) as ensemble:
        for server in ensemble.servers:
            server.jvm_options = ["-Dreadonlymode.enabled=true"]
        ensemble.start()
        ensemble[2].kill()
        wait_for("read-only", lambda: four_letter(ensemble[1].client_port, "isro") == "ro")
        heal = ensemble.folder / "heal"
        program = subprocess.Popen([BIN / "test_client_live", f"--servers={ensemble.connect}", "--kind=zookeeper",
                                    f"--heal-file={heal}", "--test-case=read-only*"])
        try:
            wait_for("the client to have read", lambda: heal.exists() or program.poll() is not None)
            ensemble[2].start()
            assert program.wait(60) == 0
        finally:
            program.kill()


if __name__ == "__main__":
    run_tests([there_and_back])
