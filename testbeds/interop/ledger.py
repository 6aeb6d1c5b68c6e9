"""What every peer says and writes, whatever its protocol and its stack."""

import json
import threading
import time

HOST = "127.0.0.1"
SPEECH = threading.Lock()


class Ledger:
    """One JSON object a line, flushed at once, so that a killed process loses nothing it wrote."""

    def __init__(self, path):
        self._file = open(path, "w", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._seq = 0

    def write(self, kind, point="", value=None, **more):
        """Kinds and fields are those of the simulated stations' ledgers (`bridge_sim::ledger::Entry`), so that one judge reads both."""
        with self._lock:
            self._seq += 1
            line = {"t": time.time_ns(), "kind": kind, "point": point, "value": value, **more, "seq": self._seq}
            self._file.write(json.dumps({key: field for key, field in line.items() if field not in (None, "")}) + "\n")

    def close(self):
        with self._lock:
            self._file.close()


def say(line):
    """One line for whoever started this process, whole even if several threads speak."""
    with SPEECH:
        print(line, flush=True)


def obey_standard_input(stdin, obey):
    """Hands every line's words to `obey` until standard input ends; what cannot be done is said, not thrown."""
    for line in stdin:
        try:
            if line.split():
                obey(line.split())
        except (KeyError, ValueError, IndexError, AttributeError, TypeError) as error:
            say(f"ERROR {line.strip()}: {error!r}")
