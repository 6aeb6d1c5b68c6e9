"""The process behind a peer's station, whatever its protocol: points that change, set-points that are followed."""

import queue
import random
import threading
import time

from ledger import say

TICK_S = 0.1


class Control:
    """One output: an execute moves the echo at once and ramps the point it drives."""

    def __init__(self, spec):
        self.name = spec["name"]
        self.select = spec.get("select", False)
        self.echo, self.drives = spec.get("echo"), spec.get("drives")
        self.ramp_per_s = spec.get("ramp_per_s", 5.0)
        self.low, self.high = spec.get("min", float("-inf")), spec.get("max", float("inf"))
        self.target = None

    def taken(self):
        """An execute was taken."""

    def tick(self):
        """A tenth of a second has passed."""


class Plant:
    """One thread moves it; a library's callbacks only ask and queue.

    A station says how its points change: `change(point, value, how)`, with flags or a quality if they change too, `how_of(point, text)` for these,
    `toggled(point)` for a state's other value, `echoed(point, value)` for what an echo shows of a command. Points have `toggle_s` and `noise`.
    """

    def __init__(self, points, controls, ledger, seed):
        self.points, self.controls, self.ledger = points, controls, ledger
        self.random = random.Random(seed)
        self.work = queue.Queue()
        self.stopping = threading.Event()
        self.thread = threading.Thread(target=self._run, daemon=True)

    def echoed(self, point, value):
        return value

    def start(self):
        self.thread.start()

    def stop(self):
        self.stopping.set()
        self.thread.join()

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
        control.taken()
        echo = self.points.get(control.echo)
        if echo is not None:
            self.change(echo, self.echoed(echo, value))

    def _tick(self):
        for control in self.controls:
            control.tick()
            self._ramp(control)
        now = time.monotonic()
        for point in self.points.values():
            if point.toggle_s and now >= point.next_toggle:
                point.next_toggle += point.toggle_s
                self.change(point, self.toggled(point))
            if point.noise:
                self.change(point, point.value + self.random.uniform(-point.noise, point.noise))

    def _ramp(self, control):
        driven = self.points.get(control.drives)
        if driven is None or control.target is None or driven.value == control.target:
            return
        step = control.ramp_per_s * TICK_S
        gap = control.target - driven.value
        self.change(driven, control.target if abs(gap) <= step else driven.value + (step if gap > 0 else -step))

    def obey(self, words):
        """A line of standard input that every station knows; False for any other. See the README."""
        if words[0] == "set":
            point, value = self.points[words[1]], float(words[2])
            how = self.how_of(point, words[3]) if len(words) > 3 else None
            self.work.put((lambda v: self.change(point, v, how), value))
        elif words[0] == "burst":
            point, count, spacing_s = self.points[words[1]], int(words[2]), float(words[3]) / 1000
            self.work.put((lambda _: self._burst(point, count, spacing_s), None))
        else:
            return False
        return True

    def _burst(self, point, count, spacing_s):
        due = time.monotonic()
        for _ in range(count):
            self.change(point, self.toggled(point))
            due += spacing_s
            time.sleep(max(0.0, due - time.monotonic()))
        say(f"BURST {point.name} {count}")
