"""soak_clients.py FERD FOLDER MINUTES: the clients of scripts/soak. Needs Python's standard library alone.

One thread looks after everything: 50 clients at 30 lines a second are 1,500 lines a second.
"""

import array
import json
import os
import random
import re
import select
import selectors
import signal
import socket
import subprocess
import sys
import time

HEALTHY, STALLING, VANISHING, GARBAGE = 35, 5, 5, 5
MAXIMUM_GROWTH = 5 * 1024 * 1024

problems = []


def complain(who, what):
    if len(problems) < 20:
        print(f"PROBLEM {who}: {what}", flush=True)
    problems.append(f"{who}: {what}")


class Lines:
    """Takes a stream apart into lines and holds them against what is promised."""

    def __init__(self, who, every=1, faces_only=False, fields=None):
        self.who = who
        self.every, self.faces_only, self.fields = every, faces_only, fields
        self.rest = b""
        self.next = None
        self.has_hello = self.has_end = self.has_error = False
        self.frames = array.array("q")
        self.with_faces = array.array("q")
        # A request takes effect on its way: the first lines may still be whole.
        self.grace = 30
        self.gaps = []
        self.slow_gaps = 0
        self.lost = 0

    def take(self, data):
        parts = (self.rest + data).split(b"\n")
        self.rest = parts.pop()
        for part in parts:
            self.line(part)

    def line(self, text):
        try:
            line = json.loads(text)
        except ValueError:
            return complain(self.who, f"no JSON: {text[:80]!r}")
        kind = line.get("type")
        if self.has_end or self.has_error:
            complain(self.who, f"a line after the last one: {text[:80]!r}")
        if kind == "hello":
            self.has_hello = True
        elif kind == "error":
            self.has_error = True
        elif not self.has_hello:
            complain(self.who, f"a line before hello: {text[:80]!r}")
        elif kind == "frame":
            self.advance(line["seq"], line["seq"])
            self.frames.append(line["seq"])
            has_begun = len(self.frames) > self.grace
            if has_begun and self.fields and set(line) - {"v", "type", "seq", "faces"}:
                complain(self.who, f"more fields than asked for: {sorted(line)}")
            if line.get("faces"):
                self.with_faces.append(line["seq"])
            elif self.faces_only and has_begun:
                complain(self.who, f"a frame without faces: {text[:80]!r}")
        elif kind == "gap":
            self.advance(line["seq_from"], line["seq_to"])
            self.gaps.append((line["seq_from"], line["seq_to"]))
            if line["reason"] == "slow-reader":
                self.slow_gaps += 1
                self.lost += line["seq_to"] - line["seq_from"] + 1
        elif kind == "end":
            self.has_end = True
        else:
            complain(self.who, f"an unknown line: {text[:80]!r}")

    def advance(self, first, last):
        if first > last or (self.next is not None and first < self.next):
            complain(self.who, f"numbers go back: {first} to {last} where {self.next} was due")
        elif self.every == 1 and not self.faces_only and self.next is not None and first != self.next:
            complain(self.who, f"{self.next} to {first - 1} are missing")
        self.next = last + 1


class Client:
    """One connection; the kinds of clients differ in what they do with it."""

    def __init__(self, soak, name):
        self.soak, self.name = soak, name
        self.socket = None
        self.lines = None
        self.connections = 0

    def connect(self, request=None, **subscription):
        self.socket = socket.socket(socket.AF_UNIX)
        try:
            self.socket.connect(self.soak.path)
        except OSError as error:
            self.socket.close()
            self.socket = None
            if not self.soak.is_ending:
                complain(self.name, f"cannot connect: {error}")
            return False
        self.connections += 1
        self.lines = Lines(self.name, **subscription)
        if request:
            self.socket.sendall(request)
        self.socket.setblocking(False)
        self.soak.selector.register(self.socket, selectors.EVENT_READ, self)
        return True

    def close(self):
        if self.socket:
            if self.socket in self.soak.selector.get_map():
                self.soak.selector.unregister(self.socket)
            self.socket.close()
            self.socket = None

    def readable(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if data:
            self.lines.take(data)
        else:
            self.ended()

    def ended(self):
        self.close()

    def tick(self, now):
        """Called some twenty times a second."""


class Healthy(Client):
    def __init__(self, soak, number):
        super().__init__(soak, f"healthy {number}")
        kinds = [
            ({}, None),
            ({}, None),
            ({}, None),
            ({}, None),
            ({"every": 3}, {"every": 3}),
            ({"faces_only": True}, {"faces": "only"}),
            ({"fields": True}, {"fields": ["emotion", "confidence"]}),
        ]
        subscription, request = kinds[number % len(kinds)]
        self.connect(request and json.dumps(request).encode() + b"\n", **subscription)

    def ended(self):
        if not self.lines.has_end:
            complain(self.name, "disconnected before the end")
        super().ended()


class Stalling(Client):
    """Reads its first lines, then nothing until it is disconnected, then what is left; comes back."""

    def __init__(self, soak, number):
        super().__init__(soak, f"stalling {number}")
        self.begin()

    def begin(self):
        if not self.connect():
            return
        self.stops_at = time.monotonic() + 1
        self.is_stalled = False
        self.is_disconnected = False
        self.poll = None

    def tick(self, now):
        if self.socket is None:
            if not self.soak.is_ending:
                self.begin()
        elif not self.is_stalled and now > self.stops_at:
            self.is_stalled = True
            self.soak.selector.unregister(self.socket)
            self.poll = select.poll()
            self.poll.register(self.socket, select.POLLRDHUP)
        elif self.is_stalled and not self.is_disconnected and self.poll.poll(0):
            self.is_disconnected = True
            self.soak.selector.register(self.socket, selectors.EVENT_READ, self)

    def ended(self):
        if self.is_disconnected:
            self.soak.stalls += 1
        self.close()


class Vanishing(Client):
    """Reads for up to a second, closes in the middle of it, and comes back every second."""

    def __init__(self, soak, number):
        super().__init__(soak, f"vanishing {number}")
        self.next = time.monotonic() + random.random()
        self.until = 0

    def tick(self, now):
        if self.socket is not None and now > self.until:
            self.close()
        if self.socket is None and now > self.next and not self.soak.is_ending:
            self.next = now + 1
            self.until = now + random.random() * 0.9
            self.connect()

    def ended(self):
        if not self.soak.is_ending:
            complain(self.name, "disconnected")
        self.close()


class Garbage(Client):
    """Sends what is no request, wants to be told so, and comes back every second."""

    def __init__(self, soak, number):
        super().__init__(soak, f"garbage {number}")
        self.next = time.monotonic() + random.random()
        self.sent_at = None

    def tick(self, now):
        if self.socket is not None and now > self.sent_at + 5:
            if not self.slowly:
                complain(self.name, "was not disconnected")
            self.close()
        if self.socket is None and now > self.next and not self.soak.is_ending:
            self.next = now + 1
            self.slowly = False
            kind = random.randrange(5)
            if not self.connect():
                return
            self.sent_at = now
            if kind == 0:
                self.send(random.randbytes(300) + b"\n")
            elif kind == 1:
                self.send(b"x" * random.randrange(5000, 100000))
            elif kind == 2:
                self.send(b'{"faces":"maybe"}\n')
            elif kind == 3:
                self.send(b"\n" * 10000)
            else:
                # An endless request, byte by byte.
                self.slowly = True
                self.next = now + 5
        elif self.socket is not None and self.slowly:
            self.send(b"[")

    def send(self, data):
        try:
            self.socket.send(data)
        except OSError:
            pass

    def ended(self):
        if not self.lines.has_error and not self.soak.is_ending:
            complain(self.name, "disconnected without being told why")
        self.soak.refused += 1
        self.close()


class Events(Client):
    """Reads server-sent events."""

    def __init__(self, soak, number):
        super().__init__(soak, f"events {number}")
        self.socket = socket.create_connection(("127.0.0.1", soak.port))
        self.connections += 1
        self.lines = Lines(self.name)
        self.socket.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
        self.socket.setblocking(False)
        self.raw = b""
        soak.selector.register(self.socket, selectors.EVENT_READ, self)

    def readable(self):
        try:
            data = self.socket.recv(1 << 18)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        if not data:
            if not self.lines.has_end:
                complain(self.name, "disconnected before the end")
            return self.close()
        # Chunks have sizes of their own between the events: only lines with data count.
        parts = (self.raw + data).split(b"\n")
        self.raw = parts.pop()
        for part in parts:
            if part.startswith(b"data: "):
                self.lines.line(part[6:])


class Printed:
    """Standard output of the program."""

    def __init__(self, soak, pipe):
        self.pipe, self.soak = pipe, soak
        self.lines = Lines("standard output")
        os.set_blocking(pipe.fileno(), False)
        soak.selector.register(pipe, selectors.EVENT_READ, self)

    def readable(self):
        data = self.pipe.read(1 << 18)
        if data:
            self.lines.take(data)
        elif data == b"":
            self.soak.selector.unregister(self.pipe)
            self.pipe.close()


class Soak:
    def __init__(self, ferd, folder, minutes):
        self.selector = selectors.DefaultSelector()
        self.path = os.path.join(folder, "socket")
        self.log = os.path.join(folder, "log")
        self.minutes = minutes
        self.is_ending = False
        self.stalls = self.refused = 0
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            self.port = probe.getsockname()[1]
        command = [ferd, "stream", os.path.join(folder, "clip.mkv"), "--loop", "--socket", self.path]
        command += ["--http", f"127.0.0.1:{self.port}"]
        with open(self.log, "wb") as log:
            self.process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=log, stdin=subprocess.DEVNULL)
        self.printed = Printed(self, self.process.stdout)
        self.samples = []

    def run(self):
        self.wait_until_ready()
        descriptors = self.descriptors()
        self.clients = [Healthy(self, n) for n in range(HEALTHY)] + [Events(self, n) for n in range(2)]
        self.clients += [Stalling(self, n) for n in range(STALLING)]
        self.clients += [Vanishing(self, n) for n in range(VANISHING)]
        self.clients += [Garbage(self, n) for n in range(GARBAGE)]
        start = time.monotonic()
        duration = self.minutes * 60
        next_sample = start
        next_word = start + 60
        while (now := time.monotonic()) < start + duration:
            self.serve(now)
            if now > next_sample:
                next_sample = now + 2
                self.samples.append((now - start, self.resident()))
            if now > next_word:
                next_word += 60
                print(f"{(now - start) / 60:.0f} min: {self.resident() / 1e6:.1f} MB, "
                      f"{self.descriptors()} descriptors, {len(self.printed.lines.frames)} frames", flush=True)
            if self.process.poll() is not None:
                complain("ferd", f"ended by itself with status {self.process.returncode}: {self.tail()}")
                return self.report(start, descriptors)
        self.check_leaks(descriptors)
        self.end()
        self.check_readers()
        return self.report(start, descriptors)

    def serve(self, now):
        for key, _ in self.selector.select(0.05):
            key.data.readable()
        for client in self.clients:
            client.tick(now)

    def wait_until_ready(self):
        deadline = time.monotonic() + 60
        while not self.printed.lines.frames:
            if time.monotonic() > deadline or self.process.poll() is not None:
                sys.exit(f"ferd does not start: {self.tail()}")
            for key, _ in self.selector.select(0.1):
                key.data.readable()

    def check_leaks(self, before):
        """When those that come and go are gone, there are as many descriptors as clients that stay."""
        self.is_ending = True
        for client in self.clients:
            if not isinstance(client, (Healthy, Events)):
                client.close()
        deadline = time.monotonic() + 5
        expected = before + HEALTHY + 2
        while time.monotonic() < deadline and self.descriptors() != expected:
            self.serve(time.monotonic())
        if self.descriptors() != expected:
            complain("ferd", f"{self.descriptors()} descriptors where {expected} were due")

    def end(self):
        sent = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        ended_at = None
        while time.monotonic() < sent + 5:
            self.serve(time.monotonic())
            if ended_at is None and self.process.poll() is not None:
                ended_at = time.monotonic()
            if ended_at and not any(client.socket for client in self.clients) and not self.selector.get_map():
                break
        self.ending = (ended_at or time.monotonic()) - sent
        if ended_at is None or self.ending > 1:
            complain("ferd", f"took {self.ending:.2f} s to end")
        if self.process.poll() not in (0, 143):
            complain("ferd", f"ended with status {self.process.poll()}: {self.tail()}")
        if os.path.exists(self.path):
            complain("ferd", "left its socket behind")

    def check_readers(self):
        whole = self.printed.lines
        if not whole.has_end:
            complain("standard output", "no end")
        numbers = {"frames": list(whole.frames), "faces": list(whole.with_faces)}
        for client in self.clients:
            if not isinstance(client, (Healthy, Events)):
                continue
            lines = client.lines
            if not lines.has_end:
                complain(client.name, "no end")
            if lines.slow_gaps:
                complain(client.name, f"lost {lines.lost} lines in {lines.slow_gaps} gaps")
            # What comes before a subscription holds is left out.
            got = list(lines.frames)
            if lines.every > 1:
                got = [n for i, n in enumerate(got) if n > got[0] + lines.grace]
                due = [n for n in numbers["frames"] if got and n >= got[0]][:: lines.every]
            elif lines.faces_only:
                got = [n for n in got if n > lines.frames[0] + lines.grace]
                due = [n for n in numbers["faces"] if got and n >= got[0]]
            else:
                due = [n for n in numbers["frames"] if n >= got[0]]
            if not got or got != due:
                missing = sorted(set(due) - set(got))
                complain(client.name, f"{len(got)} frames where {len(due)} were due; missing: {missing[:5]}")

    def report(self, start, descriptors):
        settled = min(300, self.minutes * 30)
        before = [size for at, size in self.samples if settled - 30 <= at <= settled]
        after = [size for at, size in self.samples if at > settled]
        growth = max(after) - max(before) if before and after else 0
        if growth >= MAXIMUM_GROWTH:
            complain("ferd", f"memory grew by {growth / 1e6:.1f} MB after {settled / 60:.0f} minutes")
        if self.minutes >= 2 and not self.stalls:
            complain("stalling", "nobody was disconnected")
        frames = len(self.printed.lines.frames)
        seconds = time.monotonic() - start
        by_kind = lambda kind: sum(c.connections for c in self.clients if isinstance(c, kind))
        result = {
            "minutes": round(seconds / 60, 1),
            "frames": frames,
            "frames_per_second": round(frames / seconds, 2),
            "skipped_in_gaps": sum(b - a + 1 for a, b in self.printed.lines.gaps),
            "lines_checked": sum(len(c.lines.frames) for c in self.clients if c.lines),
            "resident_mb_settled": round(max(before, default=0) / 1e6, 1),
            "resident_mb_largest_after": round(max(after, default=0) / 1e6, 1),
            "growth_mb": round(growth / 1e6, 2),
            "descriptors_before_clients": descriptors,
            "connections": {"vanishing": by_kind(Vanishing), "garbage": by_kind(Garbage), "stalling": by_kind(Stalling)},
            "stalled_and_disconnected": self.stalls,
            "refused": self.refused,
            "seconds_to_end": round(getattr(self, "ending", -1), 3),
            "problems": len(problems),
        }
        print(json.dumps(result, indent=2))
        if self.process.poll() is None:
            self.process.kill()
        return 1 if problems else 0

    def resident(self):
        try:
            with open(f"/proc/{self.process.pid}/status") as status:
                return int(re.search(r"VmRSS:\s+(\d+) kB", status.read()).group(1)) * 1024
        except (OSError, AttributeError):
            return 0

    def descriptors(self):
        try:
            return len(os.listdir(f"/proc/{self.process.pid}/fd"))
        except OSError:
            return 0

    def tail(self):
        with open(self.log, errors="replace") as log:
            text = log.read()
        # The beginning of a crash's report says most.
        crash = text.find("*** Signal")
        return text[crash:crash + 4000] if crash >= 0 else text[-1000:]


if __name__ == "__main__":
    soak = Soak(sys.argv[1], sys.argv[2], float(sys.argv[3]))
    try:
        sys.exit(soak.run())
    finally:
        if soak.process.poll() is None:
            soak.process.kill()
