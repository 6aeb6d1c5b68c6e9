"""An HTTP receiver of CloudEvents batches that shares nothing with the bridge: the standard library only, and a ledger of what it took.

Every request is one line of the ledger, flushed before it is answered: what was answered, and of a batch that was taken each event with its
id and its octets as they came. Orders on standard input: `ok`, `answer STATUS [RETRY_AFTER]`, `hang SECONDS`, `redirect`, `refuse-next`
(answers 400 to every batch that holds the next event of type telemetry that it sees first).
"""

import argparse
import http.server
import json
import sys
import threading
import time

MAX_BODY = 32 << 20


class State:
    def __init__(self, path):
        self.lock = threading.Lock()
        self.file = open(path, "a", encoding="utf-8", buffering=1)
        self.mode = ("ok",)
        self.refused = None
        self.seen = set()
        self.requests = 0
        self.busy = 0
        self.worst = 0


def split(text):
    """The octets of each element of a JSON array, as they stand there."""
    decoder = json.JSONDecoder()
    at = text.index("[") + 1
    while True:
        while text[at] in " \t\r\n,":
            at += 1
        if text[at] == "]":
            return
        value, end = decoder.raw_decode(text, at)
        yield value, text[at:end]
        at = end


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def log_message(self, *_):
        pass

    def answer(self, status, headers=(), body=b""):
        self.send_response(status)
        for name, value in headers:
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def do_GET(self):
        with STATE.lock:
            STATE.file.write(json.dumps({"kind": "followed", "path": self.path}) + "\n")
        self.answer(200)

    def do_POST(self):
        length = int(self.headers.get("Content-Length", "0"))
        body = self.rfile.read(min(length, MAX_BODY))
        with STATE.lock:
            STATE.busy += 1
            STATE.worst = max(STATE.worst, STATE.busy)
        try:
            self.handle_batch(body)
        finally:
            with STATE.lock:
                STATE.busy -= 1

    def handle_batch(self, body):
        text = body.decode("utf-8")
        events = list(split(text))
        ids = [event["id"] for event, _ in events]
        with STATE.lock:
            STATE.requests += 1
            mode = STATE.mode
            if mode[0] == "refuse-next":
                fresh = [e for e, _ in events if e["id"] not in STATE.seen and e["type"] == "in.ies.grid.telemetry.v0"]
                if fresh:
                    STATE.refused = fresh[len(fresh) // 2]["id"]
                    STATE.mode = mode = ("ok",)
                    print(f"REFUSED {STATE.refused}", flush=True)
            status, headers = 204, []
            if mode[0] == "answer":
                status = int(mode[1])
                if len(mode) > 2:
                    headers.append(("Retry-After", mode[2]))
            elif mode[0] == "redirect":
                status, headers = 307, [("Location", f"http://127.0.0.1:{PORT}/elsewhere")]
            elif STATE.refused in ids:
                status = 400
            line = {
                "kind": "request",
                "path": self.path,
                "answer": "hang" if mode[0] == "hang" else status,
                "ids": ids,
                "type": self.headers.get("Content-Type"),
                "key": self.headers.get("X-Api-Key"),
                "authorization": self.headers.get("Authorization"),
                "at": time.time_ns(),
                "length": len(body),
                "worst": STATE.worst,
            }
            taken = status == 204 and mode[0] != "hang"
            if taken:
                line["body"] = text if STATE.requests == 1 or len(STATE.seen) < 2 else None
                line["events"] = [{"id": event["id"], "octets": octets} for event, octets in events]
                STATE.seen.update(ids)
            STATE.file.write(json.dumps(line) + "\n")
        if mode[0] == "hang":
            time.sleep(float(mode[1]))
            return
        self.answer(status, headers, b"{\"why\": \"told to\"}" if status >= 400 else b"")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", required=True)
    parser.add_argument("--refuse", help="go on refusing this event after a restart")
    args = parser.parse_args()
    global STATE, PORT
    STATE, PORT = State(args.ledger), args.port
    STATE.refused = args.refuse
    http.server.ThreadingHTTPServer.allow_reuse_address = True
    server = http.server.ThreadingHTTPServer(("127.0.0.1", args.port), Handler)
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    print("READY", flush=True)
    for order in sys.stdin:
        words = tuple(order.split())
        if words:
            with STATE.lock:
                STATE.mode = words
            print("MODE " + " ".join(words), flush=True)
    print("END", flush=True)


if __name__ == "__main__":
    main()
