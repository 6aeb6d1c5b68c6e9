#!/usr/bin/env python3
"""opendnp3 (yadnp3) as a master that takes events as fast as they come: processor seconds per million, for the bench `dnp3`.

Python is asked once for each object header and looks at no value; what the binding makes of the values for it is measured all the same.
"""

import json
import sys
import time

import opendnp3 as dnp3

import dnp3_peer as peer
from yadnp3_kit import Listener, milliseconds

WARM_UP_S = 0.5
PATIENCE_S = 30


class Headers(dnp3.ISOEHandler):
    def __init__(self):
        super().__init__()
        self.count = 0

    def BeginFragment(self, info):
        pass

    def EndFragment(self, info):
        pass

    def Process(self, info, values):
        self.count += info.isEventVariation


class Application(dnp3.IMasterApplication):
    def Now(self):
        return dnp3.UTCTimestamp(peer.now_ms())


def main():
    port, seconds, events = int(sys.argv[1]), float(sys.argv[2]), int(sys.argv[3])
    config = dnp3.MasterStackConfig()
    config.link.LocalAddr, config.link.RemoteAddr = 1, 10
    manager = dnp3.DNP3Manager(1)
    listener, headers, application = Listener(lambda _open: None), Headers(), Application()
    retry = dnp3.ChannelRetry(milliseconds(50), milliseconds(50))
    channel = manager.AddTCPClient("master", dnp3.LogLevels.none(), retry, [dnp3.IPEndpoint(peer.HOST, port)], peer.HOST, listener)
    master = channel.AddMaster("master", headers, application, config)
    master.Enable()
    until = time.monotonic() + PATIENCE_S
    while headers.count == 0:
        if time.monotonic() > until:
            raise SystemExit("no event came")
        time.sleep(0.01)
    time.sleep(WARM_UP_S)
    count, cpu, began = headers.count, time.process_time(), time.monotonic()
    time.sleep(seconds)
    taken, used, wall = (headers.count - count) * events, time.process_time() - cpu, time.monotonic() - began
    print(json.dumps({"cpu_s_per_m": used * 1e6 / taken, "rate": taken / wall}), flush=True)
    manager.Shutdown()


if __name__ == "__main__":
    main()
