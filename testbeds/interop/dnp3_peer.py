"""What the DNP3 peers share: point lists, flags in plain words, the plant behind an outstation and a master's book. Each peer's stack is its own."""

import json
import random
import threading
import time

import plant
from ledger import HOST, Ledger, obey_standard_input, say

__all__ = ["HOST", "Ledger", "obey_standard_input", "say"]

MONITORED = ("binary", "double", "binary_output", "counter", "frozen_counter", "analog", "analog_output")
COMMANDED = ("binary_command", "analog_command")
STATES = ("binary", "double")
ANALOGS = ("analog", "analog_output")
COUNTERS = ("counter", "frozen_counter")

ONLINE = 0x01
# IEEE 1815-2012 11.6.1: five flags are common to all, two depend on the type.
COMMON_FLAGS = {"ONLINE": ONLINE, "RESTART": 0x02, "COMM_LOST": 0x04, "REMOTE_FORCED": 0x08, "LOCAL_FORCED": 0x10}
FLAGS = {
    **{of: {**COMMON_FLAGS, "CHATTER": 0x20} for of in STATES},
    **{of: {**COMMON_FLAGS, "OVER_RANGE": 0x20, "REFERENCE_ERR": 0x40} for of in ANALOGS},
    **{of: {**COMMON_FLAGS, "ROLLOVER": 0x20, "DISCONTINUITY": 0x40} for of in COUNTERS},
    "binary_output": COMMON_FLAGS,
}
# Validity (01 invalid, 11 questionable) and details as `bridge_model::Quality::to_bits` packs them.
QUESTIONABLE, INVALID = 0b11, 0b01
OVERFLOW, OUT_OF_RANGE, BAD_REFERENCE, OSCILLATORY, OLD_DATA, SUBSTITUTED = 1 << 2, 1 << 3, 1 << 4, 1 << 5, 1 << 7, 1 << 10
MEANINGS = {
    "RESTART": (QUESTIONABLE, OLD_DATA),
    "COMM_LOST": (QUESTIONABLE, OLD_DATA),
    "REMOTE_FORCED": (0, SUBSTITUTED),
    "LOCAL_FORCED": (0, SUBSTITUTED),
    "CHATTER": (QUESTIONABLE, OSCILLATORY),
    "OVER_RANGE": (QUESTIONABLE, OVERFLOW | OUT_OF_RANGE),
    "REFERENCE_ERR": (INVALID, BAD_REFERENCE),
}


def load_points(path, types):
    """The point list: a JSON array of objects with `type`, `index`, `name` and what the README lists. `types` are those that the peer has."""
    with open(path, encoding="utf-8") as file:
        points = json.load(file)
    seen = set()
    for point in points:
        for key in ("type", "index", "name"):
            if key not in point:
                raise SystemExit(f"{path}: a point has no {key!r}: {point}")
        if point["type"] not in types:
            raise SystemExit(f"{path}: {point['name']}: {point['type']} is no type that this peer knows")
        for key in ((point["type"], point["index"]), point["name"]):
            if key in seen:
                raise SystemExit(f"{path}: {point['name']}: {key} is used twice")
            seen.add(key)
    return points


def flags_of(of, text):
    """`good`, or names joined by `+`; a name alone does not imply ONLINE."""
    return ONLINE if text == "good" else sum(FLAGS[of][name] for name in text.split("+") if name)


def quality_bits(of, flags):
    """The ledgers' quality of a flag octet; state bits are passed over."""
    names = [name for name, bit in FLAGS[of].items() if flags & bit]
    validity = {meaning[0] for name in names if (meaning := MEANINGS.get(name))} | ({INVALID} if not flags & ONLINE else set())
    details = 0
    for name in names:
        details |= MEANINGS.get(name, (0, 0))[1]
    return details | (INVALID if INVALID in validity else max(validity, default=0))


def now_ms():
    return time.time_ns() // 1_000_000


def facts(of, flags, stamp_ms):
    """Quality and time of a value; without a time the writer's own clock stands in. An object without flags is plainly on line."""
    quality = quality_bits(of, ONLINE if flags is None else flags)
    if stamp_ms is None:
        return {"quality": quality, "stamp": time.time_ns(), "by": "receipt"}
    return {"quality": quality, "stamp": stamp_ms * 1_000_000, "by": "device"}


def truth(text):
    if text not in ("on", "off"):
        raise ValueError(f"{text!r} is neither on nor off")
    return text == "on"


class Point:
    """One value of the plant: its truth, and its place on the wire."""

    def __init__(self, spec, whole):
        self.name, self.type, self.index = spec["name"], spec["type"], spec["index"]
        self.event_class = spec.get("class", 1)
        self.whole = whole or self.type not in ANALOGS
        self.value = self.on_wire(spec.get("value", 0))
        self.flags = flags_of(self.type, spec.get("flags", "good"))
        self.toggle_s = spec.get("toggle_ms", 0) / 1000
        self.noise = spec.get("noise", 0.0)
        self.next_toggle = time.monotonic() + self.toggle_s
        self.stamp_ms = now_ms()

    def on_wire(self, value):
        """The value as the outstation's objects can say it."""
        return int(value) if self.whole else float(value)

    def record(self, ledger, kind, cause):
        ledger.write(kind, self.name, float(self.value), **facts(self.type, self.flags, self.stamp_ms), cause=cause)


class Control(plant.Control):
    """One output of an outstation."""

    def __init__(self, spec):
        super().__init__(spec)
        self.type, self.index = spec["type"], spec["index"]
        self.model = spec.get("model", "latch")


def switched(model, operation, trip_close):
    """What a control relay output block means for an output of a model: 1, 0, or None if it is not legal for it (11.6.2)."""
    meanings = {
        "latch": {("LATCH_ON", "NUL"): 1, ("LATCH_OFF", "NUL"): 0},
        "pulse": {("PULSE_ON", "NUL"): 1},
        "trip_close": {("PULSE_ON", "CLOSE"): 1, ("PULSE_ON", "TRIP"): 0},
    }
    return meanings[model].get((operation, trip_close))


def control_code(model, value):
    """The reverse: (operation, trip-close code) that asks an output of a model for a state."""
    if model == "pulse":
        return "PULSE_ON", "NUL"
    if model == "trip_close":
        return "PULSE_ON", "CLOSE" if value else "TRIP"
    return "LATCH_ON" if value else "LATCH_OFF", "NUL"


class Plant(plant.Plant):
    """The process behind an outstation. `show(point, event)` puts a point's value on the wire, with an event if it is a change."""

    def __init__(self, specs, ledger, show, whole=False, seed=1):
        points = {spec["name"]: Point(spec, whole) for spec in specs if spec["type"] in MONITORED}
        controls = [Control(spec) for spec in specs if spec["type"] in COMMANDED]
        super().__init__(points, controls, ledger, seed)
        self.show = show
        self.by_place = {(control.type, control.index): control for control in controls}
        self.refusal = None

    def start(self):
        for point in self.points.values():
            point.record(self.ledger, "change", "initial")
            self.show(point, False)
        super().start()

    def how_of(self, point, text):
        return flags_of(point.type, text)

    def toggled(self, point):
        return (2 if point.value == 1 else 1) if point.type == "double" else point.value + 1 if point.type in COUNTERS else 1 - point.value

    def echoed(self, point, value):
        return value + 1 if point.type == "double" else value

    def change(self, point, value, flags=None):
        """The plant changes: written down first, then told to whoever listens. What stays as it was is no change."""
        before = (point.value, point.flags)
        point.value = point.on_wire(value)
        point.flags = point.flags if flags is None else flags
        if (point.value, point.flags) == before:
            return
        # At most one change in each millisecond of the stamp: equal stamps and values could not be told from a repetition.
        point.stamp_ms = max(now_ms(), point.stamp_ms + 1)
        point.record(self.ledger, "event" if point.type in STATES else "change", "spontaneous")
        self.show(point, True)

    def command(self, of, index, value, step, codes=("", "")):
        """A command of step `select`, `operate` or `direct`: the name of the status that answers it. `value` None: an illegal code."""
        control = self.by_place.get((of, index))
        if control is None:
            self.ledger.write("refused", str(index), value, text=f"{step} NOT_SUPPORTED: no such output")
            return "NOT_SUPPORTED"
        if of == "binary_command":
            value = switched(control.model, *codes)
        status = self._judge(control, value, step)
        if status != "SUCCESS":
            self.ledger.write("refused", control.name, value, text=f"{step} {status}")
        elif step == "select":
            self.ledger.write("select", control.name, value, text="select")
        else:
            self.ledger.write("execute", control.name, value, text=" ".join((step, *codes)).strip())
            self.work.put((control, value))
        return status

    def _judge(self, control, value, step):
        if self.refusal:
            return self.refusal
        if value is None or (step == "direct" and control.select):
            return "NOT_SUPPORTED"
        return "SUCCESS" if control.low <= value <= control.high else "OUT_OF_RANGE"

    def freeze(self, clear):
        """Every counter's value goes to the frozen counter of the same index."""
        counters = {point.index: point for point in self.points.values() if point.type == "counter"}
        for point in self.points.values():
            if point.type == "frozen_counter" and point.index in counters:
                self.change(point, counters[point.index].value)
        if clear:
            for point in counters.values():
                self.change(point, 0)

    def obey(self, words):
        """A line of standard input that every outstation knows; False for any other. See the README."""
        if words[0] == "refuse":
            self.refusal = None if words[1] == "none" else words[1]
            say(f"REFUSES {words[1]}")
            return True
        return super().obey(words)


class MasterBook:
    """What a master writes down and says, whatever its stack: values by name, commands with their identities, answers."""

    def __init__(self, options):
        self.options = options
        self.ledger = Ledger(options.ledger)
        specs = load_points(options.points, MONITORED + COMMANDED) if options.points else []
        self.names = {(spec["type"], spec["index"]): spec["name"] for spec in specs}
        self.controls = {spec["name"]: spec for spec in specs if spec["type"] in COMMANDED}
        self.random = random.Random(options.seed)
        self.opened = threading.Event()

    def value(self, of, index, value, flags, stamp_ms, event, text=None):
        kind = "event" if event and of in STATES else "change"
        name = self.names.get((of, index), f"{of}.{index}")
        cause = "spontaneous" if event else "interrogated"
        self.ledger.write(kind, name, float(value), **facts(of, flags, stamp_ms), cause=cause, text=text)

    def link(self, is_open):
        self.ledger.write("link", text="started" if is_open else "down")
        if is_open:
            self.opened.set()
        say("OPEN" if is_open else "CLOSED")

    def note(self, name, outcome):
        self.ledger.write("note", text=f"{name} {outcome}")
        say(f"ANSWER {name} {outcome}")

    def command(self, name, value):
        """A new command's line; returns its identity."""
        identity = "{:08x}-{:04x}-{:04x}-{:04x}-{:012x}".format(*(self.random.getrandbits(bits) for bits in (32, 16, 16, 16, 48)))
        not_after = time.time_ns() + self.options.command_timeout_ms * 1_000_000
        self.ledger.write("command", name, value, id=identity, not_after=not_after, text=f"set {value}")
        return identity

    def step(self, kind, name, value, identity, text=None):
        self.ledger.write(kind, name, value, id=identity, text=text)

    def settled(self, name, value, identity, status):
        """The end of a command: the status's name, or what kept it from one."""
        if status == "SUCCESS":
            self.ledger.write("confirmed", name, value, id=identity)
        self.ledger.write("settled", name, value, id=identity, text="completed" if status == "SUCCESS" else f"refused: {status}")
        say(f"ANSWER {name} {status}")


def master_arguments(parser):
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", required=True, help="JSON lines of what this master was told")
    parser.add_argument("--points", help="JSON point list: names for the ledger, and how each output is commanded")
    parser.add_argument("--master", type=int, default=1, help="this master's link address (default 1)")
    parser.add_argument("--outstation", type=int, default=10, help="the outstation's link address (default 10)")
    parser.add_argument("--seed", type=int, default=1, help="seed of the commands' identities")
    parser.add_argument("--command-timeout-ms", type=int, default=10_000)
    parser.add_argument("--response-timeout-ms", type=int, default=2_000)
    tls_arguments(parser)


def outstation_arguments(parser):
    parser.add_argument("points", help="JSON point list")
    parser.add_argument("--port", type=int, required=True)
    parser.add_argument("--ledger", required=True, help="JSON lines of what happened here")
    parser.add_argument("--master", type=int, default=1, help="the master's link address (default 1)")
    parser.add_argument("--outstation", type=int, default=10, help="this outstation's link address (default 10)")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--select-timeout-ms", type=int, default=10_000)
    parser.add_argument("--confirm-timeout-ms", type=int, default=2_000)
    parser.add_argument("--events", type=int, default=1_000, help="room for events of each type or class (default 1000)")
    parser.add_argument("--need-time", action="store_true", help="asks for the time until a master writes it")


def tls_arguments(parser):
    parser.add_argument("--cert", help="certificate of this side: TLS, both sides proven")
    parser.add_argument("--key")
    parser.add_argument("--roots", help="what the other side's certificate is held against")
