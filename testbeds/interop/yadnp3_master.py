#!/usr/bin/env python3
"""An independent DNP3 master on yadnp3 (opendnp3): polls, writes down every value it is told, and commands what it is told to."""

import argparse
import sys
import time

import opendnp3 as dnp3

import dnp3_peer as peer
from yadnp3_kit import Listener, milliseconds, tls

CONNECT_PATIENCE_S = 30
KINDS = {
    dnp3.Binary: "binary",
    dnp3.DoubleBitBinary: "double",
    dnp3.BinaryOutputStatus: "binary_output",
    dnp3.Counter: "counter",
    dnp3.FrozenCounter: "frozen_counter",
    dnp3.Analog: "analog",
    dnp3.AnalogOutputStatus: "analog_output",
}
STATIC_GROUPS = {"binary": 1, "double": 3, "binary_output": 10, "counter": 20, "frozen_counter": 21, "analog": 30, "analog_output": 40}
ANALOG_OUTPUTS = {1: dnp3.AnalogOutputInt32, 2: dnp3.AnalogOutputInt16, 3: dnp3.AnalogOutputFloat32, 4: dnp3.AnalogOutputDouble64}
# Names of flags only: what an octet holds beside them is the state.
FLAG_BITS = {of: sum(bits.values()) for of, bits in peer.FLAGS.items()}


class Values(dnp3.ISOEHandler):
    def __init__(self, book):
        super().__init__()
        self.book = book

    def BeginFragment(self, info):
        pass

    def EndFragment(self, info):
        self.book.ledger.write("note", text="unsolicited response" if info.unsolicited else "response")

    def Process(self, info, values):
        for item in values:
            of = KINDS.get(type(item.value))
            if of is None:
                continue
            stamped = info.tsquality != dnp3.TimestampQuality.INVALID and info.isEventVariation
            stamp = item.value.time.value if stamped else None
            unsure = "unsynchronised" if stamped and info.tsquality == dnp3.TimestampQuality.UNSYNCHRONIZED else None
            flags = item.value.flags.value & FLAG_BITS[of] if info.flagsValid else None
            value = item.value.value.value if of == "double" else item.value.value
            self.book.value(of, item.index, value, flags, stamp, info.isEventVariation, unsure)


class Application(dnp3.IMasterApplication):
    """Tells how each task of the library ended, and of indications as they change."""

    def __init__(self, book):
        super().__init__()
        self.book, self.indications = book, None

    def Now(self):
        return dnp3.UTCTimestamp(peer.now_ms())

    def OnReceiveIIN(self, iin):
        if self.indications != (iin.LSB, iin.MSB):
            self.indications = (iin.LSB, iin.MSB)
            self.book.ledger.write("note", text=f"IIN {iin.LSB:02x} {iin.MSB:02x}")

    def OnTaskStart(self, type, id):
        pass

    def OnTaskComplete(self, info):
        if info.type != dnp3.MasterTaskType.USER_TASK:
            self.book.note(info.type.name, info.result.name)


class Master:
    def __init__(self, options):
        self.options = options
        self.book = peer.MasterBook(options)
        config = dnp3.MasterStackConfig()
        config.link.LocalAddr, config.link.RemoteAddr = options.master, options.outstation
        config.link.KeepAliveTimeout = milliseconds(options.keep_alive_ms)
        config.master.responseTimeout = milliseconds(options.response_timeout_ms)
        modes = {"none": getattr(dnp3.TimeSyncMode, "None"), "lan": dnp3.TimeSyncMode.LAN, "non_lan": dnp3.TimeSyncMode.NonLAN}
        config.master.timeSyncMode = modes[options.time_sync]
        self.manager = dnp3.DNP3Manager(1)
        # Kept here: the library holds callbacks that Python has forgotten.
        self.listener, self.values, self.application = Listener(self.book.link), Values(self.book), Application(self.book)
        retry = dnp3.ChannelRetry(milliseconds(200), milliseconds(200))
        common = ("master", dnp3.LogLevels.none(), retry, [dnp3.IPEndpoint(peer.HOST, options.port)], peer.HOST)
        if options.cert:
            self.channel = self.manager.AddTLSClient(*common, tls(options), self.listener)
        else:
            self.channel = self.manager.AddTCPClient(*common, self.listener)
        self.master = self.channel.AddMaster("master", self.values, self.application, config)

    def obey(self, words):
        order, rest = words[0], words[1:]
        if order == "integrity":
            self._scan(dnp3.ClassField.AllClasses())
        elif order == "class":
            wanted = {int(number) for number in rest}
            self._scan(dnp3.ClassField(*(number in wanted for number in range(4))))
        elif order == "read":
            group, variation = STATIC_GROUPS.get(rest[0]) or int(rest[0]), int(rest[3]) if len(rest) > 3 else 0
            header = dnp3.Header.Range16(group, variation, int(rest[1]), int(rest[2])) if len(rest) > 1 else dnp3.Header.AllObjects(group, 0)
            self.master.Scan([header], self.values)
        elif order == "unsolicited":
            function = dnp3.FunctionCode.ENABLE_UNSOLICITED if peer.truth(rest[0]) else dnp3.FunctionCode.DISABLE_UNSOLICITED
            classes = [int(number) for number in rest[1:]] or [1, 2, 3]
            self._function(function, [dnp3.Header.AllObjects(60, number + 1) for number in classes])
        elif order == "clock":
            time_object = bytes((50, 1, 7, 1)) + peer.now_ms().to_bytes(6, "little")
            self._function(dnp3.FunctionCode.WRITE, [dnp3.Header.Raw(time_object)])
        elif order == "freeze":
            kind = dnp3.FreezeType.FreezeAndClear if "clear" in rest else dnp3.FreezeType.ImmediateFreeze
            self.master.Freeze(kind, [dnp3.Header.AllObjects(20, 0)])
        elif order == "restart":
            kind = dnp3.RestartType.WARM if "warm" in rest else dnp3.RestartType.COLD
            self.master.Restart(kind, lambda done: self.book.note("restart", f"{done.summary.name} {done.restartTime}"))
        elif order == "set":
            self._command(rest[0], float(rest[1]), rest[2] if len(rest) > 2 else None)
        elif order == "link":
            self.master.CheckLinkStatus(lambda *done: self.book.note("link", " ".join(str(part) for part in done)))
        elif order == "drop":
            self.master.Disable()
            time.sleep(float(rest[0]) / 1000 if rest else 0.0)
            self.master.Enable()
            peer.say("DROPPED")
        else:
            self._file(order, rest)

    def _scan(self, classes):
        self.master.ScanClasses(classes, self.values)

    def _function(self, function, headers):
        self.master.PerformFunction(function.name, function, headers)

    def _command(self, name, value, mode):
        spec = self.book.controls[name]
        select = spec.get("select", False) if mode is None else mode == "select"
        if spec["type"] == "analog_command":
            variation = spec.get("variation", 3)
            command = ANALOG_OUTPUTS[variation](value if variation >= 3 else int(value))
        else:
            operation, trip_close = peer.control_code(spec.get("model", "latch"), value)
            command = dnp3.ControlRelayOutputBlock(getattr(dnp3.OperationType, operation), getattr(dnp3.TripCloseCode, trip_close))
        identity = self.book.command(name, value)

        def done(result):
            points = result.to_list()
            ended = result.summary == dnp3.TaskCompletion.SUCCESS and points
            self.book.settled(name, value, identity, points[0].status.name if ended else result.summary.name)

        send = self.master.SelectAndOperate if select else self.master.DirectOperate
        send(command, spec["index"], done)

    def _file(self, order, rest):
        def told(result):
            status = getattr(result, "statusCode", None)
            entries = " ".join(entry.fileName for entry in getattr(result, "entries", ()))
            data = getattr(result, "data", b"")
            more = f" {entries}" if entries else f" {bytes(data).hex()}" if data else ""
            self.book.note(order, f"{result.summary.name} {status.name if status is not None else ''}{more}".strip())

        if order == "ls":
            self.master.ReadDirectory(rest[0], told)
        elif order == "get":
            self.master.ReadFile(rest[0], told)
        elif order == "put":
            self.master.WriteFile(rest[0], " ".join(rest[1:]).encode(), dnp3.FilePermissions(), told)
        elif order == "rm":
            self.master.DeleteFile(rest[0], told)
        elif order == "info":
            self.master.GetFileInfo(rest[0], told)
        else:
            raise ValueError(f"no such order: {order}")

    def run(self):
        self.master.Enable()
        if not self.book.opened.wait(CONNECT_PATIENCE_S):
            raise SystemExit(f"no connection to {peer.HOST}:{self.options.port} within {CONNECT_PATIENCE_S} s")
        peer.say("READY")
        peer.obey_standard_input(sys.stdin, self.obey)
        self.manager.Shutdown()
        self.book.ledger.close()
        peer.say("END")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    peer.master_arguments(parser)
    parser.add_argument("--time-sync", choices=("none", "lan", "non_lan"), default="lan", help="how NEED_TIME is answered (default lan)")
    parser.add_argument("--keep-alive-ms", type=int, default=60_000)
    Master(parser.parse_args()).run()


if __name__ == "__main__":
    main()
