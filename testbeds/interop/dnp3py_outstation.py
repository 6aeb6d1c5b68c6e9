#!/usr/bin/env python3
"""An independent DNP3 outstation on dnp3py: serves a point list to polls, follows commands, writes down what truly happened."""

import argparse
import asyncio
import sys
import threading

from dnp3.core.enums import CommandStatus
from dnp3.core.flags import AnalogQuality, BinaryQuality, CounterQuality
from dnp3.core.timestamp import DNP3Timestamp
from dnp3.database import Database, DatabaseConfig
from dnp3.database.event_buffer import EventBufferConfig
from dnp3.database.point import AnalogInputConfig, AnalogOutputConfig, BinaryInputConfig, BinaryOutputConfig, CounterConfig, EventClass
from dnp3.outstation.config import OutstationConfig
from dnp3.outstation.handler import CommandResult
from dnp3.outstation.outstation import Outstation
from dnp3.outstation.tcp_runner import OutstationTcpRunner

import dnp3_peer as peer

TYPES = ("binary", "binary_output", "counter", "frozen_counter", "analog", "analog_output", *peer.COMMANDED)
RESTART_DELAY_MS = 1_500
# The library sends an output's events as a binary input's and a frozen counter's as a counter's: these have none here.
WITHOUT_EVENTS = ("binary_output", "frozen_counter", "analog_output")
CONFIGS = {
    "binary": BinaryInputConfig,
    "binary_output": BinaryOutputConfig,
    "counter": CounterConfig,
    "frozen_counter": CounterConfig,
    "analog": AnalogInputConfig,
    "analog_output": AnalogOutputConfig,
}
QUALITIES = {
    "binary": BinaryQuality,
    "binary_output": BinaryQuality,
    "counter": CounterQuality,
    "frozen_counter": CounterQuality,
    "analog": AnalogQuality,
    "analog_output": AnalogQuality,
}
IN_DATABASE = {"binary": "binary_input", "analog": "analog_input"}


class Commands:
    """What the library asks of its application."""

    def __init__(self, plant):
        self.plant = plant

    def _switch(self, index, code, step):
        codes = (code.op_type.name, code.tcc.name)
        return result(self.plant.command("binary_command", index, None, step, codes))

    def _set(self, index, value, step):
        return result(self.plant.command("analog_command", index, float(value), step))

    def select_binary_output(self, index, code, count, on_time, off_time):
        return self._switch(index, code, "select")

    def operate_binary_output(self, index, code, count, on_time, off_time, select_sequence):
        return self._switch(index, code, "operate")

    def direct_operate_binary_output(self, index, code, count, on_time, off_time):
        return self._switch(index, code, "direct")

    def select_analog_output(self, index, value):
        return self._set(index, value, "select")

    def operate_analog_output(self, index, value, select_sequence):
        return self._set(index, value, "operate")

    def direct_operate_analog_output(self, index, value):
        return self._set(index, value, "direct")

    def cold_restart(self):
        return self._restart("cold")

    def warm_restart(self):
        return self._restart("warm")

    def _restart(self, kind):
        self.plant.ledger.write("note", text=f"restart {kind}")
        peer.say(f"TOLD restart {kind}")
        return RESTART_DELAY_MS

    def freeze_counters(self, start, stop, clear):
        self.plant.freeze(clear)
        return CommandResult.success()


def result(status):
    return CommandResult(status=CommandStatus[status])


class Runner(OutstationTcpRunner):
    """The library's server, told of its connections; `drop` closes the one there is."""

    def told(self, tell):
        self.tell, self.channel = tell, None
        return self

    async def _handle_connection(self, channel):
        self.channel = channel
        self.tell(True)
        try:
            await super()._handle_connection(channel)
        finally:
            self.channel = None
            self.tell(False)


class Station:
    def __init__(self, options):
        self.ledger = peer.Ledger(options.ledger)
        specs = peer.load_points(options.points, TYPES)
        # Whole numbers on the wire: g30v1, g32v1, g40v2.
        self.plant = peer.Plant(specs, self.ledger, self.show, whole=True, seed=options.seed)
        room = {f"max_{of}_events": options.events for of in ("binary", "analog", "counter")}
        self.database = Database(DatabaseConfig(event_buffer_config=EventBufferConfig(**room)))
        config = OutstationConfig(
            address=options.outstation,
            master_address=options.master,
            max_fragment_size=options.max_fragment,
            select_timeout=options.select_timeout_ms / 1000,
            confirm_timeout=options.confirm_timeout_ms / 1000,
            time_sync_required=options.need_time,
        )
        self.outstation = Outstation(config, self.database, Commands(self.plant), self.clock)
        self.runner = Runner(self.outstation, peer.HOST, options.port).told(self.link)
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self._serve, daemon=True)

    def _serve(self):
        asyncio.set_event_loop(self.loop)
        self.loop.run_until_complete(self.runner.run())

    def show(self, point, event):
        """All of the database is touched by the server's thread only."""
        what = self._update if event else self._add
        self.loop.call_soon_threadsafe(what, point, point.value, point.flags, point.stamp_ms)

    def _add(self, point, value, flags, stamp_ms):
        name = IN_DATABASE.get(point.type, point.type)
        number = 0 if point.type in WITHOUT_EVENTS else point.event_class
        config = CONFIGS[point.type](event_class=EventClass(number))
        if point.type == "analog_output":
            config.track_commands = False
        add = getattr(self.database, f"add_{name}")
        if point.type == "frozen_counter":
            frozen = add(point.index, config)
            frozen.value, frozen.quality = value, CounterQuality(flags)
        else:
            add(point.index, config, value, QUALITIES[point.type](flags))

    def _update(self, point, value, flags, stamp_ms):
        if point.type == "frozen_counter":
            frozen = self.database.frozen_counters[point.index]
            frozen.value, frozen.quality = value, CounterQuality(flags)
            return
        value = bool(value) if point.type in ("binary", "binary_output") else value
        update = getattr(self.database, f"update_{IN_DATABASE.get(point.type, point.type)}")
        update(point.index, value, QUALITIES[point.type](flags), DNP3Timestamp(stamp_ms))

    def clock(self, stamp):
        self.ledger.write("note", text=f"clock {stamp.milliseconds}")
        peer.say(f"TOLD clock {stamp.milliseconds}")

    def link(self, is_open):
        self.ledger.write("link", text="started" if is_open else "down")
        peer.say("OPEN" if is_open else "CLOSED")

    def obey(self, words):
        if self.plant.obey(words):
            return
        state = self.outstation._state
        if words[0] == "restart":
            self.loop.call_soon_threadsafe(state.set_restart)
        elif words[0] == "need_time":
            self.loop.call_soon_threadsafe(state.set_need_time if peer.truth(words[1]) else state.clear_need_time)
        elif words[0] == "drop":
            channel = self.runner.channel
            if channel is not None:
                asyncio.run_coroutine_threadsafe(channel.close(), self.loop).result()
            peer.say("DROPPED")
        else:
            raise ValueError(f"no such order: {words[0]}")

    def run(self):
        self.plant.start()
        self.thread.start()
        while not self.runner.is_running:
            if not self.thread.is_alive():
                raise SystemExit("the server did not start")
            threading.Event().wait(0.01)
        peer.say("READY")
        peer.obey_standard_input(sys.stdin, self.obey)
        self.plant.stop()
        asyncio.run_coroutine_threadsafe(self.runner.stop(), self.loop).result()
        self.thread.join()
        self.ledger.close()
        peer.say("END")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    peer.outstation_arguments(parser)
    parser.add_argument("--max-fragment", type=int, default=2048, help="octets of the longest response (default 2048)")
    Station(parser.parse_args()).run()


if __name__ == "__main__":
    main()
