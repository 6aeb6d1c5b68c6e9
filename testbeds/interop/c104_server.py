#!/usr/bin/env python3
"""An independent controlled station (RTU): serves a point list, follows set-points, makes events, writes down what truly happened."""

import argparse
import datetime
import queue
import random
import sys
import threading
import time

import c104

import peer

TICK_S = 0.1


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


class Control:
    """One set-point: an execute moves the echo at once and ramps the point it drives."""

    def __init__(self, spec, station, plant):
        self.name = spec["name"]
        self.plant = plant
        self.echo = spec.get("echo")
        self.drives = spec.get("drives")
        self.ramp_per_s = spec.get("ramp_per_s", 5.0)
        self.low = spec.get("min", float("-inf"))
        self.high = spec.get("max", float("inf"))
        self.target = None
        # A station that wants only the first step of a ramp selected: an execute opens the way for direct ones for so long.
        self.then_direct_s = spec.get("then_direct_s", 0)
        self.direct_until = None
        mode = c104.CommandMode.SELECT_AND_EXECUTE if spec.get("select") else c104.CommandMode.DIRECT
        self.wire = station.add_point(io_address=spec["ioa"], type=getattr(c104.Type, spec["ti"]), command_mode=mode)
        plant.by_wire[self.wire.io_address] = self
        self.wire.on_receive(callable=on_command)

    def open_way(self):
        if self.then_direct_s:
            self.wire.command_mode = c104.CommandMode.DIRECT
            self.direct_until = time.monotonic() + self.then_direct_s

    def close_way(self):
        if self.direct_until is not None and time.monotonic() >= self.direct_until:
            self.direct_until = None
            self.wire.command_mode = c104.CommandMode.SELECT_AND_EXECUTE

    def receive(self, message):
        value = peer.commanded(message.info.value)
        lawful = self.low <= value <= self.high
        if lawful:
            self.plant.ledger.write("execute", self.name, value, text="executed")
        else:
            self.plant.ledger.write("refused", self.name, value, text="outside its limits")
        if lawful:
            self.plant.work.put((self, value))
        return c104.ResponseState.SUCCESS if lawful else c104.ResponseState.FAILURE


class Plant:
    """The process behind the station. One thread moves it; the library's callbacks only queue."""

    def __init__(self, station, specs, ledger, seed):
        self.ledger = ledger
        self.random = random.Random(seed)
        self.work = queue.Queue()
        self.by_wire = {}
        self.points = {spec["name"]: Point(spec, station) for spec in specs if not peer.is_command(spec["ti"])}
        self.controls = [Control(spec, station, self) for spec in specs if peer.is_command(spec["ti"])]
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def record_start(self):
        for point in self.points.values():
            point.record(self.ledger, "change", "initial")

    def _run(self):
        tick_at = time.monotonic() + TICK_S
        while not self.stopping.is_set():
            try:
                what, value = self.work.get(timeout=max(0.0, tick_at - time.monotonic()))
            except queue.Empty:
                tick_at += TICK_S
                self._tick()
                continue
            if isinstance(what, Control):
                self._take(what, value)
            else:
                what(value)

    def _take(self, control, value):
        control.target = value
        control.open_way()
        if control.echo in self.points:
            self.points[control.echo].change(self.ledger, value)

    def _tick(self):
        for control in self.controls:
            control.close_way()
            self._ramp(control)
        now = time.monotonic()
        for point in self.points.values():
            if point.toggle_s and now >= point.next_toggle:
                point.next_toggle += point.toggle_s
                self._toggle(point)
            if point.noise:
                point.change(self.ledger, point.value + self.random.uniform(-point.noise, point.noise))

    def _ramp(self, control):
        driven = self.points.get(control.drives)
        if driven is None or control.target is None or driven.value == control.target:
            return
        step = control.ramp_per_s * TICK_S
        gap = control.target - driven.value
        driven.change(self.ledger, control.target if abs(gap) <= step else driven.value + (step if gap > 0 else -step))

    def _toggle(self, point):
        point.change(self.ledger, (2 if point.value == 1 else 1) if point.ti.startswith("M_DP_") else 1 - int(point.value))

    def obey(self, words):
        """A line of standard input: see the README."""
        if words[0] == "set":
            point, value = self.points[words[1]], float(words[2])
            quality = peer.quality_of(words[3]) if len(words) > 3 else None
            self.work.put((lambda v: point.change(self.ledger, v, quality), value))
        elif words[0] == "burst":
            self.work.put((lambda _: self._burst(self.points[words[1]], int(words[2]), float(words[3]) / 1000), None))
        else:
            raise ValueError(f"no such order: {words[0]}")

    def _burst(self, point, count, spacing_s):
        due = time.monotonic()
        for _ in range(count):
            self._toggle(point)
            due += spacing_s
            time.sleep(max(0.0, due - time.monotonic()))
        peer.say(f"BURST {point.name} {count}")


PLANT = None


# The library checks the annotations of callbacks against its own, letter by letter.
def on_command(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
    return PLANT.by_wire[point.io_address].receive(message)


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
    PLANT.thread.start()
    peer.say("READY")
    peer.obey_standard_input(sys.stdin, PLANT.obey)
    PLANT.stopping.set()
    PLANT.thread.join()
    server.stop()
    ledger.close()
    peer.say("END")


if __name__ == "__main__":
    main()
