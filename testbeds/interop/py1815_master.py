#!/usr/bin/env python3
"""An independent DNP3 master on py1815: polls, writes down every value it is told, commands and misbehaves as it is told to."""

import argparse
import ssl
import sys
import threading

from py1815.application import FunctionCode
from py1815.decode import PointType
from py1815.master import sync
from py1815.master.association import Outcome
from py1815.master.tasks import Tasks

import dnp3_peer as peer

CONNECT_PATIENCE_S = 30
# Double-bit inputs are not among the library's point types: their objects come without one.
KINDS = {
    PointType.BINARY_INPUT: "binary",
    PointType.BINARY_OUTPUT: "binary_output",
    PointType.COUNTER: "counter",
    PointType.FROZEN_COUNTER: "frozen_counter",
    PointType.ANALOG_INPUT: "analog",
    PointType.ANALOG_OUTPUT: "analog_output",
}
READ_NAMES = {
    "binary": "binary_inputs",
    "binary_output": "binary_outputs",
    "counter": "counters",
    "frozen_counter": "frozen_counters",
    "analog": "analog_inputs",
    "analog_output": "analog_outputs",
}
CODES = {
    ("LATCH_ON", "NUL"): "latch_on",
    ("LATCH_OFF", "NUL"): "latch_off",
    ("PULSE_ON", "NUL"): "pulse_on",
    ("PULSE_ON", "CLOSE"): "close",
    ("PULSE_ON", "TRIP"): "trip",
}


# g20v0, all of them (qualifier 06).
ALL_COUNTERS = bytes((20, 0, 6))


class Master:
    def __init__(self, options):
        self.options = options
        self.book = peer.MasterBook(options)
        classes = tuple(int(number) for number in options.unsolicited.split(",") if number)
        tasks = Tasks(enable_unsolicited=classes, time_procedure=options.time_sync, write_time=not options.no_time)
        self.master = sync.Master()
        self.outstation = self.master.add(
            "station",
            host=peer.HOST,
            port=options.port,
            outstation_address=options.outstation,
            master_address=options.master,
            response_timeout=options.response_timeout_ms / 1000,
            read_retries=0,
            tls=self._tls(),
            tasks=tasks,
            reconnect=0.2,
            wait=CONNECT_PATIENCE_S,
            on_unsolicited=self.unsolicited,
            on_exchange=self.exchange,
            on_connection=self.book.link,
        )

    def _tls(self):
        if not self.options.cert:
            return None
        context = ssl.create_default_context(ssl.Purpose.SERVER_AUTH, cafile=self.options.roots)
        context.load_cert_chain(self.options.cert, self.options.key)
        context.check_hostname = False
        return context

    def unsolicited(self, response):
        self._objects(response.objects)
        self._undecoded([response.undecoded] if response.undecoded else [])
        self.book.ledger.write("note", text="unsolicited response")

    def exchange(self, exchange):
        """Every request's end: what was read, and how a task of the library's own went."""
        self._objects(exchange.objects)
        self._undecoded(exchange.undecoded)
        if exchange.task:
            self.book.note(exchange.task, "SUCCESS" if exchange.outcome is Outcome.COMPLETE else exchange.outcome.name)

    def _undecoded(self, fragments):
        for decoded in fragments:
            self.book.ledger.write("note", text=f"undecoded: {decoded.problem}")
            peer.say(f"UNDECODED {decoded.problem}")

    def _objects(self, objects):
        for item in objects:
            of = KINDS.get(item.point)
            if of is None or item.index is None or item.value is None:
                continue
            stamp = item.time_ms if item.event else None
            unsure = "unsynchronised" if item.synchronized is False else None
            self.book.value(of, item.index, item.value, item.flags, stamp, item.event, unsure)

    def obey(self, words):
        order, rest = words[0], words[1:]
        station = self.outstation
        if order == "integrity":
            self._told(order, station.integrity_poll())
        elif order == "class":
            if len(rest) > 1:
                self._told(order, station.scan("events"))
            else:
                self._told(order, station.scan(f"class{rest[0]}"))
        elif order == "read":
            indices = list(range(int(rest[1]), int(rest[2]) + 1)) if len(rest) > 1 else "all"
            self._told(order, station.read(**{READ_NAMES[rest[0]]: indices}))
        elif order == "unsolicited":
            send = station.enable_unsolicited if peer.truth(rest[0]) else station.disable_unsolicited
            self._told(order, send(*(int(number) for number in rest[1:])))
        elif order == "clock":
            done = station.synchronize_time(rest[0] if rest else "lan")
            self.book.note(order, "SUCCESS" if done.written else "FAILURE")
        elif order == "freeze":
            self._told(order, station.freeze(clear="clear" in rest))
        elif order == "restart":
            self._told(order, station.restart("warm" if "warm" in rest else "cold"))
        elif order == "set":
            self._command(rest[0], float(rest[1]), rest[2] if len(rest) > 2 else None)
        elif order == "broadcast":
            self._told(order, station.broadcast(FunctionCode.IMMED_FREEZE_NR, ALL_COUNTERS))
        elif order == "deviate":
            self._deviate(rest[0], peer.truth(rest[1]))
        elif order == "drop":
            station.close()
            # The library waits between its own attempts; a connection that was closed on order is opened on order.
            if "stay" not in rest:
                station.connect(wait=CONNECT_PATIENCE_S)
            peer.say("DROPPED")
        elif order == "connect":
            station.connect(wait=CONNECT_PATIENCE_S)
        else:
            raise ValueError(f"no such order: {order}")

    def _told(self, order, exchange):
        iin = exchange.iin
        said = f" IIN {iin.to_bytes().hex(' ')}" if iin is not None else ""
        self.book.note(order, ("SUCCESS" if exchange.outcome is Outcome.COMPLETE else exchange.outcome.name) + said)

    def _deviate(self, name, on):
        """A named misbehaviour of the library: `withhold_confirmation`, `wrong_confirmation_sequence`…"""
        self.outstation.deviations.set(name, on)
        peer.say(f"DEVIATES {name} {'on' if on else 'off'}")

    def _command(self, name, value, mode):
        spec = self.book.controls[name]
        select = spec.get("select", False) if mode is None else mode == "select"
        identity = self.book.command(name, value)
        if spec["type"] == "analog_command":
            outputs, variation = {"analog_outputs": {spec["index"]: value}}, spec.get("variation", 3)
        else:
            code = CODES[peer.control_code(spec.get("model", "latch"), value)]
            outputs, variation = {"binary_outputs": {spec["index"]: code}}, None
        done = self.outstation.operate(**outputs, mode="select" if select else "direct", variation=variation)
        self._settle(name, value, identity, done)

    def _settle(self, name, value, identity, done):
        statuses = [point.status.name for point in done.statuses if point.status is not None]
        if done.accepted:
            if len(done.exchanges) > 1:
                self.book.step("selected", name, value, identity, "select")
            self.book.settled(name, value, identity, "SUCCESS")
        else:
            last = done.exchanges[-1]
            self.book.settled(name, value, identity, statuses[0] if statuses else last.outcome.value.upper())

    def run(self):
        peer.say("READY")
        peer.obey_standard_input(sys.stdin, self.obey)
        self.master.close()
        self.book.ledger.close()
        peer.say("END")


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    peer.master_arguments(parser)
    parser.add_argument("--unsolicited", default="1,2,3", help="classes to enable after start-up; empty for none (default 1,2,3)")
    parser.add_argument("--time-sync", choices=("lan", "non_lan"), default="lan", help="how NEED_TIME is answered (default lan)")
    parser.add_argument("--no-time", action="store_true", help="leaves NEED_TIME unanswered")
    Master(parser.parse_args()).run()


if __name__ == "__main__":
    main()
