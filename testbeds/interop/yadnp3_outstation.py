#!/usr/bin/env python3
"""An independent DNP3 outstation on yadnp3 (opendnp3): serves a point list, follows commands, makes events, writes down what truly happened."""

import argparse
import os
import sys
import threading
import time

import opendnp3 as dnp3

import dnp3_peer as peer
from yadnp3_kit import Listener, milliseconds, tls

TYPES = ("binary", "double", "binary_output", "counter", "frozen_counter", "analog", "analog_output", *peer.COMMANDED)
DOUBLE_STATE_SHIFT = 6
BINARY_STATE = 0x80
FILE_HANDLE_BASE = 100


def measurement(point):
    """The library's value of a point. States live in the flag octet too, so the flags are set with them."""
    stamp = dnp3.DNPTime(point.stamp_ms, dnp3.TimestampQuality.SYNCHRONIZED)
    if point.type == "binary":
        return dnp3.Binary(bool(point.value), dnp3.Flags(point.flags), stamp)
    if point.type == "analog":
        return dnp3.Analog(float(point.value), dnp3.Flags(point.flags), stamp)
    if point.type == "counter":
        return dnp3.Counter(point.value, dnp3.Flags(point.flags), stamp)
    if point.type == "double":
        made, state = dnp3.DoubleBitBinary(DOUBLES[point.value]), point.value << DOUBLE_STATE_SHIFT
    elif point.type == "binary_output":
        made, state = dnp3.BinaryOutputStatus(bool(point.value)), BINARY_STATE if point.value else 0
    else:
        made, state = dnp3.AnalogOutputStatus(float(point.value)), 0
    made.flags, made.time = dnp3.Flags(point.flags | state), stamp
    return made


DOUBLES = (dnp3.DoubleBit.INTERMEDIATE, dnp3.DoubleBit.DETERMINED_OFF, dnp3.DoubleBit.DETERMINED_ON, dnp3.DoubleBit.INDETERMINATE)
ANALOG_OUTPUTS = (dnp3.AnalogOutputInt16, dnp3.AnalogOutputInt32, dnp3.AnalogOutputFloat32, dnp3.AnalogOutputDouble64)


class Commands(dnp3.ICommandHandler):
    def __init__(self, plant):
        super().__init__()
        self.plant = plant

    def Begin(self):
        pass

    def End(self):
        pass

    def Select(self, command, index):
        return self._ask(command, index, "select")

    def Operate(self, command, index, _handler, operate_type):
        return self._ask(command, index, "operate" if operate_type == dnp3.OperateType.SelectBeforeOperate else "direct")

    def _ask(self, command, index, step):
        if isinstance(command, ANALOG_OUTPUTS):
            status = self.plant.command("analog_command", index, float(command.value), step)
        else:
            codes = (command.opType.name, command.tcc.name)
            status = self.plant.command("binary_command", index, None, step, codes)
        return getattr(dnp3.CommandStatus, status)


class Application(dnp3.IOutstationApplication):
    def __init__(self, ledger, needs_time):
        super().__init__()
        self.ledger = ledger
        # Only what a master wrote ends it: the library's own master writes the time in a tight loop while the bit stands.
        self.needs_time = needs_time
        self.local, self.trouble = False, False

    def Now(self):
        return dnp3.DNPTime(peer.now_ms())

    def GetApplicationIIN(self):
        indications = dnp3.ApplicationIIN()
        indications.needTime, indications.localControl, indications.deviceTrouble = self.needs_time, self.local, self.trouble
        return indications

    def SupportsWriteAbsoluteTime(self):
        return True

    def WriteAbsoluteTime(self, timestamp):
        self.needs_time = False
        self._tell(f"clock {timestamp.msSinceEpoch}")
        return True

    def ColdRestartSupport(self):
        return dnp3.RestartMode.SUPPORTED_DELAY_FINE

    def WarmRestartSupport(self):
        return dnp3.RestartMode.SUPPORTED_DELAY_FINE

    def ColdRestart(self):
        self._tell("restart cold")
        return RESTART_DELAY_MS

    def WarmRestart(self):
        self._tell("restart warm")
        return RESTART_DELAY_MS

    def OnConfirmProcessed(self, is_unsolicited, num_class1, num_class2, num_class3):
        left = f"{num_class1} {num_class2} {num_class3}"
        self.ledger.write("note", text=f"confirmed {'unsolicited' if is_unsolicited else 'solicited'}, left {left}")

    def _tell(self, what):
        self.ledger.write("note", text=what)
        peer.say(f"TOLD {what}")


RESTART_DELAY_MS = 1_500


class Files(dnp3.IFileHandler):
    """Files of one flat folder, to be read and deleted. The library has no call for a block that is written."""

    def __init__(self, folder, ledger):
        super().__init__()
        self.folder, self.ledger = folder, ledger
        self.open_files = {}

    def _path(self, name):
        path = os.path.join(self.folder, os.path.basename(name))
        return path if os.path.isfile(path) else None

    def OpenFile(self, filename, authKey, permissions, mode, maxBlockSize, requestId):
        result = dnp3.FileOpenResult()
        path = self._path(filename)
        if path is None or mode != dnp3.FileMode.READ:
            result.status = dnp3.FileStatus.NOT_EXIST if path is None else dnp3.FileStatus.PERMISSION_DENIED
            return result
        with open(path, "rb") as file:
            content = file.read()
        handle = FILE_HANDLE_BASE + len(self.open_files)
        self.open_files[handle] = (content, maxBlockSize)
        result.status, result.fileHandle = dnp3.FileStatus.SUCCESS, handle
        result.fileSize, result.maxBlockSize = len(content), maxBlockSize
        self.ledger.write("note", text=f"file opened {filename}")
        return result

    def ReadBlock(self, fileHandle, blockNum):
        result = dnp3.FileBlockResult()
        content, size = self.open_files[fileHandle]
        result.data = list(content[blockNum * size : (blockNum + 1) * size])
        result.lastBlock = (blockNum + 1) * size >= len(content)
        result.status = dnp3.FileStatus.SUCCESS
        return result

    def CloseFile(self, fileHandle, requestId):
        self.ledger.write("note", text="file closed")
        return dnp3.FileStatus.SUCCESS if self.open_files.pop(fileHandle, None) else dnp3.FileStatus.NOT_OPENED

    def AbortFile(self, fileHandle):
        self.open_files.pop(fileHandle, None)

    def DeleteFile(self, filename):
        path = self._path(filename)
        if path is None:
            return dnp3.FileStatus.NOT_EXIST
        os.remove(path)
        self.ledger.write("note", text=f"file deleted {filename}")
        return dnp3.FileStatus.SUCCESS

    def GetFileInfo(self, filename):
        result = dnp3.FileCommandResult()
        result.status = dnp3.FileStatus.SUCCESS if self._path(filename) else dnp3.FileStatus.NOT_EXIST
        return result

    def AuthenticateFile(self, username, password):
        return dnp3.OutstationFileAuthResult()


class Station:
    def __init__(self, options):
        self.options = options
        self.ledger = peer.Ledger(options.ledger)
        specs = peer.load_points(options.points, TYPES)
        # Classes, dead-bands and variations of points cannot be set from Python, and analogues are whole numbers on the wire (g30v1, g32v1).
        self.plant = peer.Plant(specs, self.ledger, self.show, whole=True, seed=options.seed)
        config = dnp3.OutstationStackConfig(dnp3.DatabaseConfig(1 + max(spec["index"] for spec in specs)))
        config.outstation.eventBufferConfig = dnp3.EventBufferConfig.AllTypes(options.events)
        params = config.outstation.params
        params.allowUnsolicited = not options.no_unsolicited
        params.selectTimeout = milliseconds(options.select_timeout_ms)
        params.solConfirmTimeout = params.unsolConfirmTimeout = milliseconds(options.confirm_timeout_ms)
        params.maxTxFragSize = options.max_fragment
        config.link.LocalAddr, config.link.RemoteAddr = options.outstation, options.master
        self.manager = dnp3.DNP3Manager(1)
        endpoint = dnp3.IPEndpoint(peer.HOST, options.port)
        # Kept here: the library holds callbacks that Python has forgotten.
        self.listener = Listener(self.link)
        self.commands = Commands(self.plant)
        self.application = Application(self.ledger, options.need_time)
        self.files = Files(options.files, self.ledger) if options.files else None
        common = ("outstation", dnp3.LogLevels.none())
        accept = dnp3.ServerAcceptMode.CloseExisting
        if options.cert:
            self.channel = self.manager.AddTLSServer(*common, accept, endpoint, tls(options), self.listener)
        else:
            self.channel = self.manager.AddTCPServer(*common, accept, endpoint, self.listener)
        self.outstation = self.channel.AddOutstation("outstation", self.commands, self.application, config, self.files)
        self.lock = threading.Lock()

    def show(self, point, event):
        if point.type == "frozen_counter":
            # Only a freeze sets one, and the library answers a master's FREEZE by itself.
            return
        builder = dnp3.UpdateBuilder()
        mode = dnp3.EventMode.Force if event else dnp3.EventMode.Suppress
        builder.Update(measurement(point), point.index, mode)
        with self.lock:
            self.outstation.Apply(builder.Build())

    def link(self, is_open):
        self.ledger.write("link", text="started" if is_open else "down")
        peer.say("OPEN" if is_open else "CLOSED")

    def obey(self, words):
        if self.plant.obey(words):
            return
        if words[0] == "restart":
            self.outstation.SetRestartIIN()
        elif words[0] == "need_time":
            self.application.needs_time = peer.truth(words[1])
        elif words[0] == "local":
            self.application.local = peer.truth(words[1])
        elif words[0] == "trouble":
            self.application.trouble = peer.truth(words[1])
        elif words[0] == "drop":
            # The last session of a channel that is switched off takes the connection with it; events stay.
            self.outstation.Disable()
            time.sleep(float(words[1]) / 1000 if len(words) > 1 else 0.0)
            self.outstation.Enable()
            peer.say("DROPPED")
        else:
            raise ValueError(f"no such order: {words[0]}")

    def run(self):
        self.plant.start()
        self.outstation.Enable()
        peer.say("READY")
        peer.obey_standard_input(sys.stdin, self.obey)
        self.plant.stop()
        self.manager.Shutdown()
        self.ledger.close()
        peer.say("END")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    peer.outstation_arguments(parser)
    peer.tls_arguments(parser)
    parser.add_argument("--no-unsolicited", action="store_true")
    parser.add_argument("--max-fragment", type=int, default=2048, help="octets of the longest response (default 2048)")
    parser.add_argument("--files", help="a folder whose files may be read")
    Station(parser.parse_args()).run()


if __name__ == "__main__":
    main()
