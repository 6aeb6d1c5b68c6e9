#!/usr/bin/env python3
"""An independent controlling station (EMS): interrogates, writes down every value it is told, and sends set-points it is told to send."""

import argparse
import random
import sys
import threading
import time
import uuid

import c104

import peer

CONNECT_PATIENCE_S = 30


class Ems:
    def __init__(self, options):
        self.options = options
        self.ledger = peer.Ledger(options.ledger)
        self.names = {}
        self.controls = {}
        listed = peer.load_points(options.points) if options.points else []
        for spec in listed:
            self.names[spec["ioa"]] = spec["name"]
            if peer.is_command(spec["ti"]):
                self.controls[spec["ioa"]] = spec
        self.client = c104.Client(tick_rate_ms=50, command_timeout_ms=options.command_timeout_ms)
        self.connection = self.client.add_connection(ip=peer.HOST, port=options.port, init=c104.Init.NONE)
        self.station = self.connection.add_station(common_address=options.ca)
        self.points = {ioa: self._control(ioa, spec) for ioa, spec in self.controls.items()}
        # The library gives a point one type for good, and passes over frames of any other.
        self.types = {spec["ioa"]: spec["ti"] for spec in listed if not peer.is_command(spec["ti"])}
        for ioa, type_name in self.types.items():
            point = self.station.add_point(io_address=ioa, type=getattr(c104.Type, type_name))
            point.on_receive(callable=on_update)
        self.connection.on_receive_raw(callable=on_raw)
        self.client.on_new_point(callable=on_new_point)
        self.issued = {}
        self.refused = set()
        self.random = random.Random(options.seed)
        self.was_open = False
        self.stopping = threading.Event()

    def name(self, ioa):
        return self.names.get(ioa, str(ioa))

    def _control(self, ioa, spec):
        mode = c104.CommandMode.SELECT_AND_EXECUTE if spec.get("select") else c104.CommandMode.DIRECT
        return self.station.add_point(io_address=ioa, type=getattr(c104.Type, spec["ti"]), command_mode=mode)

    def update(self, point, message):
        info, type_name, cause = message.info, message.type.name, cause_name(message.cot.name)
        topical = not isinstance(info.quality, c104.Quality) or not (info.quality & c104.Quality.NonTopical).is_any()
        stamped = peer.has_stamp(type_name) and not peer.is_substituted(message.raw, point.io_address, info.recorded_at)
        # A state told again carries a time that its source did not set at a change: it is no line of the sequence of events.
        event = peer.is_event(type_name) and stamped and cause in SENT_AS_CHANGE and topical
        facts = peer.facts(info.quality, type_name, info.recorded_at)
        if not stamped:
            facts["by"] = "receipt"
        self.ledger.write("event" if event else "change", self.name(point.io_address), float(peer.plain(info.value)), **facts, cause=cause)

    def answer(self, apdu):
        """A mirrored command or interrogation."""
        command = peer.command_of(apdu)
        if command is None:
            return
        type_id, cause, negative, select, ioa, value = command
        cause = CAUSES.get(cause, str(cause))
        name = peer.SYSTEM.get(type_id) or self.name(ioa)
        peer.say(f"ANSWER {name} {cause}{' SELECT' if select else ''}{' NEGATIVE' if negative else ''}")
        if type_id >= 100:
            self.ledger.write("note", text=f"{name} {cause}{' NEGATIVE' if negative else ''}")
            return
        about = {"id": self.issued.get(ioa), "text": "select" if select else None}
        if negative:
            text = "refused at select" if select and cause == "ACTIVATION_CON" else "refused"
            self.ledger.write("settled", self.name(ioa), value, **about | {"text": text})
            self.refused.add(self.issued.get(ioa))
        elif cause == "ACTIVATION_CON":
            self.ledger.write("selected" if select else "confirmed", self.name(ioa), value, **about)
        elif cause == "ACTIVATION_TERMINATION":
            self.ledger.write("terminated", self.name(ioa), value, **about)
            if self.issued.get(ioa) not in self.refused:
                self.ledger.write("settled", self.name(ioa), value, **about | {"text": "completed"})

    def watch(self):
        """Tells of the link's state; interrogates after each opening."""
        while not self.stopping.wait(0.02):
            is_open = self.connection.state == c104.ConnectionState.OPEN
            if self.connection.state == c104.ConnectionState.OPEN_MUTED:
                self.connection.unmute()
            if is_open != self.was_open:
                self.was_open = is_open
                self.ledger.write("link", text="started" if is_open else "down")
                peer.say("OPEN" if is_open else "CLOSED")
                if is_open:
                    self.connection.interrogation(common_address=self.options.ca, wait_for_response=False)

    def obey(self, words):
        ca, number = self.options.ca, int(words[1]) if len(words) > 1 else None
        if words[0] == "gi":
            qualifier = c104.Qoi.STATION if number in (None, 20) else getattr(c104.Qoi, f"GROUP_{number - 20}")
            self.connection.interrogation(common_address=ca, qualifier=qualifier, wait_for_response=False)
        elif words[0] == "ci":
            qualifier = c104.Rqt.GENERAL if number in (None, 5) else getattr(c104.Rqt, f"GROUP_{number}")
            self.connection.counter_interrogation(common_address=ca, qualifier=qualifier, wait_for_response=False)
        elif words[0] == "clock":
            self.connection.clock_sync(common_address=ca, wait_for_response=False)
        elif words[0] == "test":
            self.connection.test(common_address=ca, wait_for_response=False)
        elif words[0] == "read":
            self.station.get_point(io_address=number).read()
        elif words[0] == "set":
            self.send(int(words[1]), float(words[2]), words[3] if len(words) > 3 else None)
        else:
            raise ValueError(f"no such order: {words[0]}")

    def send(self, ioa, value, mode):
        if ioa not in self.points:
            self.points[ioa] = self._control(ioa, {"ti": "C_SE_NC_1"})
        point = self.points[ioa]
        if mode is not None:
            point.command_mode = c104.CommandMode.SELECT_AND_EXECUTE if mode == "select" else c104.CommandMode.DIRECT
        type_name = self.controls.get(ioa, {"ti": "C_SE_NC_1"})["ti"]
        point.info = peer.command(type_name, value, peer.now())
        self.issued[ioa] = str(uuid.UUID(int=self.random.getrandbits(128)))
        life_ns = self.options.command_timeout_ms * 1_000_000
        self.ledger.write("command", self.name(ioa), value, id=self.issued[ioa], not_after=time.time_ns() + life_ns, text=f"set {value}")
        # Blocks until the library has seen its confirmation or given up; the truth is in the answers.
        point.transmit(cause=c104.Cot.ACTIVATION)


CAUSES = {getattr(c104.Cot, name).value: name for name in dir(c104.Cot) if name[0].isupper()}
SENT_AS_CHANGE = ("spontaneous", "return_remote", "return_local")
CAUSE_NAMES = {
    "SPONTANEOUS": "spontaneous",
    "PERIODIC": "cyclic",
    "BACKGROUND_SCAN": "background",
    "REQUEST": "requested",
    "RETURN_INFO_REMOTE": "return_remote",
    "RETURN_INFO_LOCAL": "return_local",
}
EMS = None


def cause_name(library_name):
    """A cause of transmission as the ledgers write it."""
    return "interrogated" if library_name.startswith("INTERROGATED") else CAUSE_NAMES.get(library_name, library_name.lower())


# The library checks the annotations of callbacks against its own, letter by letter.
def on_new_point(client: c104.Client, station: c104.Station, io_address: int, point_type: c104.Type) -> None:
    point = station.add_point(io_address=io_address, type=point_type)
    point.on_receive(callable=on_update)


def on_update(point: c104.Point, previous_info: c104.Information, message: c104.IncomingMessage) -> c104.ResponseState:
    EMS.update(point, message)
    return c104.ResponseState.SUCCESS


def on_raw(connection: c104.Connection, data: bytes) -> None:
    EMS.answer(data)


def main():
    global EMS
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", required=True, help="JSON lines of what this station was told")
    parser.add_argument("--points", help="JSON point list: names for the ledger, and which controls are selected first")
    parser.add_argument("--ca", type=int, default=21, help="common address (default 21)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the commands' identities")
    parser.add_argument("--command-timeout-ms", type=int, default=10_000)
    EMS = Ems(parser.parse_args())

    EMS.client.start()
    EMS.connection.connect()
    watcher = threading.Thread(target=EMS.watch, daemon=True)
    watcher.start()
    give_up = time.monotonic() + CONNECT_PATIENCE_S
    while not EMS.was_open:
        if time.monotonic() > give_up:
            raise SystemExit(f"no connection to {peer.HOST}:{EMS.options.port} within {CONNECT_PATIENCE_S} s")
        time.sleep(0.02)
    peer.say("READY")
    peer.obey_standard_input(sys.stdin, EMS.obey)
    EMS.stopping.set()
    watcher.join()
    EMS.client.stop()
    EMS.ledger.close()
    peer.say("END")


if __name__ == "__main__":
    main()
