"""What both IEC 60870-5-104 peers share: the ledger, point lists, values and qualities in plain words."""

import datetime
import json
import struct
import time

import c104

from ledger import HOST, Ledger, obey_standard_input, say

__all__ = ["HOST", "Ledger", "obey_standard_input", "say"]

QUALITY_BITS = (
    (c104.Quality.Invalid, "IV"),
    (c104.Quality.NonTopical, "NT"),
    (c104.Quality.Substituted, "SB"),
    (c104.Quality.Blocked, "BL"),
    (c104.Quality.Overflow, "OV"),
    (c104.Quality.ElapsedTimeInvalid, "EI"),
)


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
    if isinstance(value, (c104.Double, c104.Step)):
        return int(value.value)
    if isinstance(value, c104.Byte32):
        return int.from_bytes(bytes(value), "little")
    if isinstance(value, c104.NormalizedFloat):
        return float(value)
    if isinstance(value, (int, float)):
        return value
    return int(value) if hasattr(value, "__int__") else float(value)


def byte32(value):
    """Thirty-two bits; from a small number the library makes zero."""
    return c104.Byte32(int(value).to_bytes(4, "little"))


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
    if type_name.startswith("M_ST_"):
        return c104.StepInfo(state=c104.Int7(int(value)), transient=False, quality=quality, recorded_at=stamp)
    if type_name.startswith("M_BO_"):
        return c104.BinaryInfo(blob=byte32(value), quality=quality, recorded_at=stamp)
    if type_name.startswith("M_IT_"):
        return c104.BinaryCounterInfo(counter=int(value), sequence=c104.UInt5(0), quality=c104.BinaryCounterQuality(), recorded_at=stamp)
    raise SystemExit(f"{type_name} is not served by this peer")


def command(type_name, value, stamp):
    """The information object of a command: states as 0 and 1 (off and on, lower and higher), normalised values as fractions of 1."""
    kind = type_name[:5] if not type_name.startswith("C_SE_") else "C_SE_" + type_name[6]
    stamp = stamp if has_stamp(type_name) else None
    if kind == "C_SC_":
        return c104.SingleCmd(on=bool(value), recorded_at=stamp)
    if kind == "C_DC_":
        return c104.DoubleCmd(state=c104.Double.ON if value else c104.Double.OFF, recorded_at=stamp)
    if kind == "C_RC_":
        return c104.StepCmd(direction=c104.Step.HIGHER if value else c104.Step.LOWER, recorded_at=stamp)
    if kind == "C_SE_A":
        return c104.NormalizedCmd(target=c104.NormalizedFloat(float(value)), recorded_at=stamp)
    if kind == "C_SE_B":
        return c104.ScaledCmd(target=c104.Int16(int(value)), recorded_at=stamp)
    if kind == "C_SE_C":
        return c104.ShortCmd(target=float(value), recorded_at=stamp)
    return c104.BinaryCmd(blob=byte32(value), recorded_at=stamp)


def commanded(value):
    """What a command wants, as a number: states and steps as 0 and 1."""
    return plain(value) - 1 if isinstance(value, (c104.Double, c104.Step)) else plain(value)


DOUBLES = (c104.Double.INTERMEDIATE, c104.Double.OFF, c104.Double.ON, c104.Double.INDETERMINATE)


def now():
    """Now in UTC, cut to the millisecond that CP56Time2a can carry."""
    moment = datetime.datetime.now(datetime.timezone.utc)
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def command_of(apdu):
    """A command's frame as the octets say it: (type, cause, negative, select, object address, value or None); None for any other frame.

    The library answers a SELECT by itself and does not tell of it, and its client's own verdict comes late or never.
    """
    if len(apdu) < 15 or apdu[2] & 1 or not (45 <= apdu[6] <= 64 or 100 <= apdu[6] <= 107):
        return None
    type_id, body = apdu[6], apdu[15:]
    value, qualifier = None, None
    if type_id in (45, 46, 47, 58, 59, 60) and body:
        qualifier, value = body[0], body[0] & 1 if type_id in (45, 58) else (body[0] & 3) - 1
    elif type_id in (48, 49, 61, 62) and len(body) >= 3:
        number = struct.unpack_from("<h", body)[0]
        qualifier, value = body[2], number / 32768 if type_id in (48, 61) else number
    elif type_id in (50, 63) and len(body) >= 5:
        qualifier, value = body[4], struct.unpack_from("<f", body)[0]
    elif type_id in (51, 64) and len(body) >= 4:
        value = struct.unpack_from("<I", body)[0]
    select = bool(qualifier is not None and qualifier & 0x80)
    return type_id, apdu[8] & 0x3F, bool(apdu[8] & 0x40), select, int.from_bytes(apdu[12:15], "little"), value


SYSTEM = {100: "interrogation", 101: "counters", 102: "read", 103: "clock", 105: "reset", 107: "test"}
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
