#!/usr/bin/env python3
"""opendnp3 (yadnp3) in the place of our session, for the bench `dnp3`: what it costs, or how long it takes, in the same pair of processes.

The binding's own cost is measured with it: Python is asked once for each object header and looks at no value, but the binding makes every value
for it. Events that are served are made before and put in again, so that Python adds little to them.
"""

import argparse
import json
import random
import socket
import threading
import time

import opendnp3 as dnp3

import dnp3_peer as peer
from yadnp3_kit import Listener, milliseconds

WARM_UP_S = 0.5
PATIENCE_S = 30
# Events put in at once, and room for those that wait: some batches, so that none is dropped.
BATCH = 2_000
CAPACITY = 10 * BATCH


def quantile(samples, q):
    samples.sort()
    return samples[round((len(samples) - 1) * q)]


def quantiles(taken_s, warm, unit, factor):
    counted = [taken * factor for taken in taken_s[warm:]]
    return {f"p50_{unit}": quantile(counted, 0.5), f"p99_{unit}": quantile(counted, 0.99)}


def wait(so, what):
    until = time.monotonic() + PATIENCE_S
    while not so():
        if time.monotonic() > until:
            raise SystemExit(f"{what} did not come")
        time.sleep(0.005)


def measured(count, seconds):
    """Processor seconds per million of what `count` counts, and its rate, over a span that begins when everything is warm."""
    time.sleep(WARM_UP_S)
    before, cpu, began = count(), time.process_time(), time.monotonic()
    time.sleep(seconds)
    done, used, wall = count() - before, time.process_time() - cpu, time.monotonic() - began
    return {"cpu_s_per_m": used * 1e6 / done, "rate": done / wall}


class Headers(dnp3.ISOEHandler):
    def __init__(self):
        super().__init__()
        self.events = 0

    def BeginFragment(self, info):
        pass

    def EndFragment(self, info):
        pass

    def Process(self, info, values):
        self.events += info.isEventVariation


class MasterApplication(dnp3.IMasterApplication):
    """Tells when the start is over, and how each request ended that was asked here."""

    def __init__(self):
        super().__init__()
        self.started, self.ended, self.result = threading.Event(), threading.Event(), None

    def Now(self):
        return dnp3.UTCTimestamp(peer.now_ms())

    def OnTaskComplete(self, info):
        if info.type == dnp3.MasterTaskType.ENABLE_UNSOLICITED:
            self.started.set()
        elif info.type == dnp3.MasterTaskType.USER_TASK:
            self.result = info.result
            self.ended.set()


class Master:
    def __init__(self, port):
        config = dnp3.MasterStackConfig()
        config.link.LocalAddr, config.link.RemoteAddr = 1, 10
        self.manager = dnp3.DNP3Manager(1)
        # Kept here: the library holds callbacks that Python has forgotten.
        self.listener, self.headers, self.application = Listener(lambda _open: None), Headers(), MasterApplication()
        retry = dnp3.ChannelRetry(milliseconds(50), milliseconds(50))
        endpoint = dnp3.IPEndpoint(peer.HOST, port)
        self.channel = self.manager.AddTCPClient("master", dnp3.LogLevels.none(), retry, [endpoint], peer.HOST, self.listener)
        self.master = self.channel.AddMaster("master", self.headers, self.application, config)
        self.master.Enable()

    def receive(self, options):
        wait(lambda: self.headers.events > 0, "an event")
        return measured(lambda: self.headers.events * options.events, options.seconds)

    def integrity(self, options):
        wait(self.application.started.is_set, "the end of the start")
        taken = []
        for _ in range(options.warm + options.times):
            self.application.ended.clear()
            began = time.monotonic()
            self.master.ScanClasses(dnp3.ClassField.AllClasses(), self.headers)
            if not self.application.ended.wait(PATIENCE_S) or self.application.result != dnp3.TaskCompletion.SUCCESS:
                raise SystemExit("a poll failed")
            taken.append(time.monotonic() - began)
        return quantiles(taken, options.warm, "ms", 1e3)

    def command(self, options):
        wait(self.application.started.is_set, "the end of the start")
        taken, ended, results = [], threading.Event(), []

        def done(result):
            results.append(result.summary)
            ended.set()

        for number in range(options.warm + options.times):
            ended.clear()
            began = time.monotonic()
            self.master.SelectAndOperate(dnp3.AnalogOutputFloat32(float(number % 1000)), number % 10, done)
            if not ended.wait(PATIENCE_S) or results.pop() != dnp3.TaskCompletion.SUCCESS:
                raise SystemExit("a command failed")
            taken.append(time.monotonic() - began)
        return quantiles(taken, options.warm, "us", 1e6)


class OutstationApplication(dnp3.IOutstationApplication):
    def __init__(self):
        super().__init__()
        self.confirmed, self.left = threading.Event(), 0

    def OnConfirmProcessed(self, is_unsolicited, num_class1, num_class2, num_class3):
        self.left = num_class1
        self.confirmed.set()


class Commands(dnp3.ICommandHandler):
    """Nothing is commanded."""

    def Begin(self):
        pass

    def End(self):
        pass


class Outstation:
    def __init__(self, options):
        with socket.socket() as free:
            free.bind((peer.HOST, 0))
            port = free.getsockname()[1]
        config = dnp3.OutstationStackConfig(dnp3.DatabaseConfig(options.points))
        config.outstation.eventBufferConfig = dnp3.EventBufferConfig.AllTypes(CAPACITY)
        config.outstation.params.allowUnsolicited = True
        config.link.LocalAddr, config.link.RemoteAddr = 10, 1
        self.manager = dnp3.DNP3Manager(1)
        self.listener, self.commands, self.application = Listener(lambda _open: None), Commands(), OutstationApplication()
        endpoint = dnp3.IPEndpoint(peer.HOST, port)
        accept = dnp3.ServerAcceptMode.CloseExisting
        self.channel = self.manager.AddTCPServer("outstation", dnp3.LogLevels.none(), accept, endpoint, self.listener)
        self.outstation = self.channel.AddOutstation("outstation", self.commands, self.application, config)
        self.outstation.Enable()
        self.applied = 0
        peer.say(port)
        # The null response that announces the start.
        if not self.application.confirmed.wait(PATIENCE_S):
            raise SystemExit("no master came")

    def _updates(self, first, count, points):
        builder = dnp3.UpdateBuilder()
        for number in range(first, first + count):
            builder.Update(dnp3.Analog(200.0 + number % 8192), number % points, dnp3.EventMode.Force)
        return builder.Build()

    def serve(self, options):
        """Events as fast as they are confirmed: prepared ones are put in while there is room, in a thread of its own."""
        updates = self._updates(0, BATCH, options.points)
        stopping = threading.Event()

        def feed():
            while not stopping.is_set():
                self.outstation.Apply(updates)
                self.applied += BATCH
                # More once there is not much left; what a CONFIRM leaves is known only behind one.
                is_low = False
                while not is_low and not stopping.is_set():
                    self.application.confirmed.clear()
                    is_low = self.application.confirmed.wait(0.1) and self.application.left <= BATCH

        feeder = threading.Thread(target=feed, daemon=True)
        feeder.start()
        found = measured(lambda: self.applied - self.application.left, options.seconds)
        stopping.set()
        feeder.join()
        return found

    def emit(self, options):
        """One value at a time on an idle link; when each was set, on the machine's clock."""
        time.sleep(0.2)
        pause, instants = random.Random(1), []
        for number in range(options.times):
            updates = self._updates(number, 1, options.points)
            instants.append(time.time_ns())
            self.outstation.Apply(updates)
            # 11 to 26 ms: no beat with anything else on the machine.
            time.sleep(0.011 + 0.015 * pause.random())
        return instants


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("case", choices=("master", "outstation", "integrity", "sbo", "unsolicited"))
    parser.add_argument("--port", type=int, help="where the outstation listens, of a master")
    parser.add_argument("--seconds", type=float, default=2.0)
    parser.add_argument("--events", type=int, default=1, help="events in a header, of a master")
    parser.add_argument("--points", type=int, default=10_000, help="points of each type, of an outstation")
    parser.add_argument("--warm", type=int, default=0, help="times before those that count")
    parser.add_argument("--times", type=int, default=1)
    options = parser.parse_args()
    half = Outstation(options) if options.case in ("outstation", "unsolicited") else Master(options.port)
    runs = {"master": "receive", "outstation": "serve", "integrity": "integrity", "sbo": "command", "unsolicited": "emit"}
    print(json.dumps(getattr(half, runs[options.case])(options)), flush=True)
    half.manager.Shutdown()


if __name__ == "__main__":
    main()
