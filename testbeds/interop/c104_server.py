#!/usr/bin/env python3
"""An independent controlled station (RTU): serves a point list, follows set-points, makes events, writes down what truly happened."""

import argparse
import datetime
import sys
import time

import c104

import peer
import plant


class Point:
    """One monitoring point of the plant: its truth, and its place on the wire."""

    def __init__(self, spec, station):
        self.name = spec["name"]
        self.ti = spec["ti"]
        self.value = spec.get("value", 0)
        self.quality = c104.Quality()
        self.toggle_s = spec.get("toggle_ms", 0) / 1000
        self.noise = spec.get("noise", 0.0)
        self.next_toggle = time.monotonic() + self.toggle_s
        self.wire = station.add_point(io_address=spec["ioa"], type=getattr(c104.Type, self.ti))
        self.stamp = peer.now()
        self._store()

    def _store(self):
        self.wire.info = peer.information(self.ti, self.value, self.quality, self.stamp if peer.has_stamp(self.ti) else None)

    def record(self, ledger, kind, cause):
        value = float(peer.plain(self.wire.value))
        ledger.write(kind, self.name, value, **peer.facts(self.quality, self.ti, self.stamp), cause=cause)

    def change(self, ledger, value, quality=None):
        """The plant changes: written down first, then told to whoever listens."""
        self.value = value
        self.quality = self.quality if quality is None else quality
        # At most one change in each millisecond of the time tag: equal tags and values could not be told from a repetition.
        self.stamp = max(peer.now(), self.stamp + datetime.timedelta(milliseconds=1))
        self._store()
        self.record(ledger, "event" if peer.is_event(self.ti) and peer.has_stamp(self.ti) else "change", "spontaneous")
        self.wire.transmit(cause=c104.Cot.SPONTANEOUS)


class Control(plant.Control):
    """One set-point."""

    def __init__(self, spec, station):
        super().__init__(spec)
        # A station that wants only the first step of a ramp selected: an execute opens the way for direct ones for so long.
        self.then_direct_s = spec.get("then_direct_s", 0)
        self.direct_until = None
        mode = c104.CommandMode.SELECT_AND_EXECUTE if self.select else c104.CommandMode.DIRECT
        self.wire = station.add_point(io_address=spec["ioa"], type=getattr(c104.Type, spec["ti"]), command_mode=mode)
        self.wire.on_receive(callable=on_command)

    def taken(self):
        if self.then_direct_s:
            self.wire.command_mode = c104.CommandMode.DIRECT
            self.direct_until = time.monotonic() + self.then_direct_s

    def tick(self):
        if self.direct_until is not None and time.monotonic() >= self.direct_until:
            self.direct_until = None
            self.wire.command_mode = c104.CommandMode.SELECT_AND_EXECUTE


class Plant(plant.Plant):
    """The process behind the station."""

    def __init__(self, station, specs, ledger, seed):
        points = {spec["name"]: Point(spec, station) for spec in specs if not peer.is_command(spec["ti"])}
        controls = [Control(spec, station) for spec in specs if peer.is_command(spec["ti"])]
        super().__init__(points, controls, ledger, seed)
        self.by_wire = {control.wire.io_address: control for control in controls}

    def record_start(self):
        for point in self.points.values():
            point.record(self.ledger, "change", "initial")

    def receive(self, control, message):
        value = peer.commanded(message.info.value)
        if not control.low <= value <= control.high:
            self.ledger.write("refused", control.name, value, text="outside its limits")
            return c104.ResponseState.FAILURE
        self.ledger.write("execute", control.name, value, text="executed")
        self.work.put((control, value))
        return c104.ResponseState.SUCCESS

    def change(self, point, value, how=None):
        point.change(self.ledger, value, how)

    def how_of(self, point, text):
        return peer.quality_of(text)

    def toggled(self, point):
        return (2 if point.value == 1 else 1) if point.ti.startswith("M_DP_") else 1 - int(point.value)

    def obey(self, words):
        """A line of standard input: see the README."""
        if not super().obey(words):
            raise ValueError(f"no such order: {words[0]}")


PLANT = None


# The library checks the annotations of callbacks against its own, letter by letter.
def on_command(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
    return PLANT.receive(PLANT.by_wire[point.io_address], message)


def on_raw(server: c104.Server, data: bytes) -> None:
    command = peer.command_of(data)
    if command is None:
        return
    _, cause, _, select, ioa, value = command
    if select and cause == c104.Cot.ACTIVATION.value and ioa in PLANT.by_wire:
        PLANT.ledger.write("select", PLANT.by_wire[ioa].name, value, text="select received")


def main():
    global PLANT
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("points", help="JSON point list")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", required=True, help="JSON lines of what happened here")
    parser.add_argument("--ca", type=int, default=21, help="common address (default 21)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--select-timeout-ms", type=int, default=10_000)
    options = parser.parse_args()

    ledger = peer.Ledger(options.ledger)
    server = c104.Server(ip=peer.HOST, port=options.port, tick_rate_ms=50, select_timeout_ms=options.select_timeout_ms)
    station = server.add_station(common_address=options.ca)
    PLANT = Plant(station, peer.load_points(options.points), ledger, options.seed)
    server.on_receive_raw(callable=on_raw)
    server.start()
    PLANT.record_start()
    PLANT.start()
    peer.say("READY")
    peer.obey_standard_input(sys.stdin, PLANT.obey)
    PLANT.stop()
    server.stop()
    ledger.close()
    peer.say("END")


if __name__ == "__main__":
    main()
