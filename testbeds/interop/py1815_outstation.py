#!/usr/bin/env python3
"""An independent DNP3 outstation on py1815: its events carry their times, and it says whether its clock was set."""

import argparse
import asyncio
import hashlib
import ssl
import sys
import threading

from py1815 import OutstationServer, Session, UnknownObject, control, objects
from py1815.application import FunctionCode
from py1815.events import EventBuffers, EventClass

import dnp3_peer as peer

TYPES = ("binary", "counter", "frozen_counter", "analog", *peer.COMMANDED)
GROUPS = {1: "binary", 20: "counter", 21: "frozen_counter", 30: "analog"}
CLASS_DATA = 60
RESTART_DELAY_MS = 1_500
STEPS = {FunctionCode.SELECT: "select", FunctionCode.OPERATE: "operate"}


def runs(points):
    """Points of one type in runs of indices without a gap, as ranges on the wire want them."""
    run = []
    for index in sorted(points):
        if run and index != run[-1] + 1:
            yield run
            run = []
        run.append(index)
    if run:
        yield run


class Image:
    """What is read and frozen. The library calls it on its own loop, where all of it is changed too."""

    def __init__(self):
        self.values = {of: {} for of in GROUPS.values()}
        self.plant = None

    def read(self, headers):
        return b"".join(self.read_blocks(headers))

    def read_blocks(self, headers):
        blocks = []
        for header in headers:
            groups = list(GROUPS) if (header.group, header.variation) == (CLASS_DATA, 1) else [header.group]
            for group in groups:
                if group not in GROUPS:
                    raise UnknownObject(f"group {group}")
                blocks += self._range(GROUPS[group], header.start, header.stop)
        return blocks

    def _range(self, of, start, stop):
        held = self.values[of]
        wanted = {index: held[index] for index in held if start is None or start <= index <= stop}
        encode = {
            "binary": objects.binary_range,
            "counter": objects.counter_range,
            "frozen_counter": objects.frozen_counter_range,
            "analog": objects.analog_range,
        }[of]
        return [encode(run[0], [wanted[index] for index in run]) for run in runs(wanted)]

    def freeze(self, headers, *, clear):
        self.plant.freeze(clear)

    def select(self, controls):
        return [self._ask(asked, "select") for asked in controls]

    def operate(self, controls):
        return [self._ask(asked, STEPS.get(asked.function, "direct")) for asked in controls]

    def _ask(self, asked, step):
        command = asked.command
        if isinstance(command, control.AnalogOutput):
            status = self.plant.command("analog_command", asked.index, float(command.value), step)
        else:
            codes = (command.operation.name, command.trip_close.name)
            status = self.plant.command("binary_command", asked.index, None, step, codes)
        return control.CommandStatus[status]


class Station:
    def __init__(self, options):
        self.ledger = peer.Ledger(options.ledger)
        specs = peer.load_points(options.points, TYPES)
        self.image = Image()
        # Whole numbers on the wire: g30v1, g32v3.
        self.plant = self.image.plant = peer.Plant(specs, self.ledger, self.show, whole=True, seed=options.seed)
        self.events = EventBuffers(capacity=options.events)
        self.session = Session(
            self.image,
            control_provider=self.image,
            events=self.events,
            outstation_address=options.outstation,
            master_address=options.master,
            max_response=options.max_fragment,
            select_timeout=options.select_timeout_ms / 1000,
            freeze_provider=self.image,
            time_sink=self.clock,
            need_time=options.need_time,
            confirm_timeout=options.confirm_timeout_ms / 1000,
            unsolicited_confirm_timeout=options.confirm_timeout_ms / 1000,
            restart_handler=self.restart,
            unsolicited=not options.no_unsolicited,
        )
        # The library's own rule: TLS only with a list of who may come in.
        allowed = frozenset({fingerprint(options.peer)}) if options.cert else None
        self.server = OutstationServer(
            self.session,
            bind=f"{peer.HOST}:{options.port}",
            ssl_context=context(options) if options.cert else None,
            authorized_peers=allowed,
            unsolicited_interval=0.02,
            connection_observer=self.connection,
        )
        self.loop = asyncio.new_event_loop()
        self.thread = threading.Thread(target=self.loop.run_forever, daemon=True)

    def show(self, point, event):
        """All of the library is touched on its loop only."""
        self.loop.call_soon_threadsafe(self._show, point, point.value, point.flags, point.stamp_ms, event)

    def _show(self, point, value, flags, stamp_ms, event):
        held = self.image.values[point.type]
        about = {"event_class": EventClass(point.event_class), "timestamp_ms": stamp_ms}
        if point.type == "binary":
            made = held[point.index] = objects.BinaryPoint(bool(value), flags)
            self.events.record_binary(point.index, made, **about) if event else self.events.prime_binary(point.index, made)
        elif point.type == "analog":
            made = held[point.index] = objects.AnalogPoint(float(value), flags)
            self.events.record_analog(point.index, made, **about) if event else self.events.prime_analog(point.index, made)
        elif point.type == "counter":
            # The library has no events of running counters.
            held[point.index] = objects.CounterPoint(value, flags)
        else:
            made = objects.CounterPoint(value, flags)
            held[point.index] = (made, stamp_ms)
            if event:
                self.events.record_frozen_counter(point.index, made, **about)
        if event:
            self.server.notify()

    def clock(self, milliseconds):
        self._tell(f"clock {milliseconds}")

    def restart(self):
        self._tell("restart cold")
        return RESTART_DELAY_MS

    def _tell(self, what):
        self.ledger.write("note", text=what)
        peer.say(f"TOLD {what}")

    def connection(self, event):
        is_open = event.outcome.name in ("ACCEPTED", "CONNECTED")
        self.ledger.write("link", text="started" if is_open else "down")
        peer.say("OPEN" if is_open else f"CLOSED {event.reason}")

    def obey(self, words):
        if self.plant.obey(words):
            return
        if words[0] == "restart":
            self.loop.call_soon_threadsafe(self.session.restart)
        elif words[0] == "need_time":
            self.loop.call_soon_threadsafe(setattr, self.session, "need_time", peer.truth(words[1]))
        elif words[0] == "drop":
            self._wait(self.server.stop())
            threading.Event().wait(float(words[1]) / 1000 if len(words) > 1 else 0.0)
            self._wait(self.server.start())
            peer.say("DROPPED")
        else:
            raise ValueError(f"no such order: {words[0]}")

    def _wait(self, coroutine):
        return asyncio.run_coroutine_threadsafe(coroutine, self.loop).result()

    def run(self):
        self.thread.start()
        self.plant.start()
        self._wait(self.server.start())
        peer.say("READY")
        peer.obey_standard_input(sys.stdin, self.obey)
        self.plant.stop()
        self._wait(self.server.stop())
        self.loop.call_soon_threadsafe(self.loop.stop)
        self.thread.join()
        self.loop.close()
        self.ledger.close()
        peer.say("END")


def context(options):
    made = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH, cafile=options.roots)
    made.verify_mode = ssl.CERT_REQUIRED
    made.load_cert_chain(options.cert, options.key)
    return made


def fingerprint(path):
    with open(path, encoding="ascii") as file:
        return "sha256:" + hashlib.sha256(ssl.PEM_cert_to_DER_cert(file.read())).hexdigest()


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    peer.outstation_arguments(parser)
    peer.tls_arguments(parser)
    parser.add_argument("--peer", help="certificate of the only master that is let in")
    parser.add_argument("--no-unsolicited", action="store_true")
    parser.add_argument("--max-fragment", type=int, default=2048, help="octets of the longest response (default 2048)")
    Station(parser.parse_args()).run()


if __name__ == "__main__":
    main()
