"""What both IEC 60870-5-104 peers share: the ledger, point lists, values and qualities in plain words."""

import datetime
import json
import struct
import threading
import time

import c104

HOST = "127.0.0.1"

QUALITY_BITS = (
    (c104.Quality.Invalid, "IV"),
    (c104.Quality.NonTopical, "NT"),
    (c104.Quality.Substituted, "SB"),
    (c104.Quality.Blocked, "BL"),
    (c104.Quality.Overflow, "OV"),
    (c104.Quality.ElapsedTimeInvalid, "EI"),
)


class Ledger:
    """One JSON object a line, flushed at once, so that a killed process loses nothing it wrote."""

    def __init__(self, path):
        self._file = open(path, "w", encoding="utf-8", buffering=1)
        self._lock = threading.Lock()
        self._seq = 0

    def write(self, kind, point="", value=None, **more):
        """Kinds and fields are those of the simulated stations' ledgers (`bridge_sim::ledger::Entry`), so that one judge reads both."""
        with self._lock:
            self._seq += 1
            line = {"t": time.time_ns(), "kind": kind, "point": point, "value": value, **more, "seq": self._seq}
            self._file.write(json.dumps({key: field for key, field in line.items() if field not in (None, "")}) + "\n")

    def close(self):
        with self._lock:
            self._file.close()


def say(line):
    """One line for whoever started this process."""
    print(line, flush=True)


def load_points(path):
    """The point list: a JSON array of objects with `ioa`, `ti`, `name` and what the README lists."""
    with open(path, encoding="utf-8") as file:
        points = json.load(file)
    seen = set()
    for point in points:
        for key in ("ioa", "ti", "name"):
            if key not in point:
                raise SystemExit(f"{path}: a point has no {key!r}: {point}")
        if not hasattr(c104.Type, point["ti"]):
            raise SystemExit(f"{path}: {point['name']}: {point['ti']} is no type that this peer knows")
        if point["ioa"] in seen:
            raise SystemExit(f"{path}: {point['name']}: object address {point['ioa']} is used twice")
        seen.add(point["ioa"])
    return points


def is_command(type_name):
    return type_name.startswith("C_")


def is_event(type_name):
    """Single- and double-point information: the sequence of events."""
    return type_name.startswith(("M_SP_", "M_DP_"))


def has_stamp(type_name):
    return type_name.split("_")[2][0] == "T"


def quality_bits(quality):
    """Validity (00 good, 01 invalid, 11 questionable) and details, packed as `bridge_model::Quality::to_bits` does."""
    if not isinstance(quality, c104.Quality):
        return 0
    names = {name for bit, name in QUALITY_BITS if (quality & bit).is_any()}
    details = sum(DETAILS[name] for name in names if name in DETAILS)
    validity = 0b01 if "IV" in names else 0b11 if names & {"NT", "BL", "OV"} else 0b00
    return details | validity


DETAILS = {"OV": 1 << 2, "NT": 1 << 7, "SB": 1 << 10, "BL": 1 << 12}


def facts(quality, type_name, stamp):
    """Quality and time of a value; without a time tag the writer's own clock stands in."""
    if has_stamp(type_name) and stamp is not None:
        return {"quality": quality_bits(quality), "stamp": nanoseconds(stamp), "by": "device"}
    return {"quality": quality_bits(quality), "stamp": time.time_ns(), "by": "receipt"}


def quality_of(text):
    quality = c104.Quality()
    for bit, name in QUALITY_BITS:
        if name in text.split("+"):
            quality |= bit
    return quality


def plain(value):
    """A point's value as JSON: a number for every type here."""
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, c104.Double):
        return int(value.value)
    if isinstance(value, (int, float)):
        return value
    return int(value) if hasattr(value, "__int__") else float(value)


def information(type_name, value, quality, stamp):
    """The information object of a monitoring point; `stamp` is an aware datetime or None."""
    if type_name.startswith("M_SP_"):
        return c104.SingleInfo(on=bool(value), quality=quality, recorded_at=stamp)
    if type_name.startswith("M_DP_"):
        return c104.DoubleInfo(state=DOUBLES[int(value)], quality=quality, recorded_at=stamp)
    if type_name in ("M_ME_NC_1", "M_ME_TF_1"):
        return c104.ShortInfo(actual=float(value), quality=quality, recorded_at=stamp)
    if type_name in ("M_ME_NB_1", "M_ME_TE_1"):
        return c104.ScaledInfo(actual=c104.Int16(int(value)), quality=quality, recorded_at=stamp)
    if type_name in ("M_ME_NA_1", "M_ME_TD_1"):
        return c104.NormalizedInfo(actual=c104.NormalizedFloat(float(value)), quality=quality, recorded_at=stamp)
    raise SystemExit(f"{type_name} is not served by this peer")


DOUBLES = (c104.Double.INTERMEDIATE, c104.Double.OFF, c104.Double.ON, c104.Double.INDETERMINATE)


def now():
    """Now in UTC, cut to the millisecond that CP56Time2a can carry."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def command_of(apdu):
    """A command's frame as the octets say it: (type, cause, negative, select, object address, value or None); None for any other frame.

    The library answers a SELECT by itself and does not tell of it, and its client's own verdict comes late or never.
    """
    if len(apdu) < 16 or apdu[2] & 1 or not (45 <= apdu[6] <= 64 or apdu[6] == 100):
        return None
    qualifier = {50: 19, 63: 19, 45: 15, 46: 15, 58: 15, 59: 15}.get(apdu[6])
    select = qualifier is not None and len(apdu) > qualifier and bool(apdu[qualifier] & 0x80)
    value = struct.unpack_from("<f", apdu, 15)[0] if apdu[6] in (50, 63) and len(apdu) >= 20 else None
    return apdu[6], apdu[8] & 0x3F, bool(apdu[8] & 0x40), select, int.from_bytes(apdu[12:15], "little"), value


OBJECT_OCTETS = {30: 11, 31: 11, 36: 15}


def is_substituted(frame, ioa, moment):
    """Whether the time tag of this object says GEN (RES1 = 1, IEC 60870-5-101 7.2.6.18): set on the way, not by the source at the change.

    The library does not tell this bit; the frame's octets do. Address and milliseconds find the object.
    """
    asdu = bytes(frame[6:] if frame[0] == 0x68 else frame)
    size = OBJECT_OCTETS.get(asdu[0])
    if size is None or asdu[1] & 0x80 or moment is None:
        return False
    ms = moment.second * 1000 + moment.microsecond // 1000
    for start in range(6, 6 + (asdu[1] & 0x7F) * size, size):
        item = asdu[start : start + size]
        if int.from_bytes(item[:3], "little") == ioa and int.from_bytes(item[-7:-5], "little") == ms:
            return bool(item[-5] & 0x40)
    return False


def nanoseconds(moment):
    """Nanoseconds since 1970 UTC, exact; None stays None."""
    if moment is None:
        return None
    epoch = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
    microseconds = (moment.astimezone(datetime.timezone.utc) - epoch) // datetime.timedelta(microseconds=1)
    return microseconds * 1000
