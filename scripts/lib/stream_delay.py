"""stream_delay NAME COMMAND...: runs `ferd stream` on something live, until that ends, and prints how late its lines were,
as one JSON line.

Lines tell the time of day down to milliseconds, rounded down: delays are up to a millisecond too large.
"""

import datetime
import json
import os
import signal
import subprocess
import sys
import time


def percentile(values, share):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else None


def milliseconds(seconds):
    return None if seconds is None else round(seconds * 1e3, 1)


def main():
    name, command = sys.argv[1], sys.argv[2:]
    began = time.monotonic()
    child = subprocess.Popen(command, stdout=subprocess.PIPE, bufsize=0)
    for number in (signal.SIGINT, signal.SIGTERM):
        signal.signal(number, lambda number, _: child.send_signal(number))
    delays, faces, lost, scans, classified = [], 0, {"at_start": 0}, {}, 0
    is_over = False
    rest = b""
    first = last = None
    while True:
        chunk = os.read(child.stdout.fileno(), 1 << 16)
        now = time.time()
        if not chunk:
            break
        *lines, rest = (rest + chunk).split(b"\n")
        for line in lines:
            record = json.loads(line)
            if record["type"] == "frame":
                taken = datetime.datetime.fromisoformat(record["wall"].replace("Z", "+00:00")).timestamp()
                delays.append(now - taken)
                faces += len(record["faces"])
                classified += sum(face["raw_seq"] == record["seq"] for face in record["faces"])
                scans[record["scan"]] = scans.get(record["scan"], 0) + 1
                first = first or taken
                last = taken
            elif record["type"] == "gap" and record["reason"] == "reconnect":
                # The server has sent everything.
                if not is_over:
                    is_over = True
                    child.send_signal(signal.SIGTERM)
            elif record["type"] == "gap":
                count = record["seq_to"] - record["seq_from"] + 1
                reason = "at_start" if first is None or last - first < 2 else record["reason"]
                lost[reason] = lost.get(reason, 0) + count
    _, status, usage = os.wait4(child.pid, 0)
    third = max(1, len(delays) // 3)
    streamed = last - first if delays else None
    print(
        json.dumps(
            {
                "what": "stream",
                "clip": name,
                "seconds": round(time.monotonic() - began, 1),
                "frames": len(delays),
                "lost": lost,
                "p50_ms": milliseconds(percentile(delays, 0.5)),
                "p99_ms": milliseconds(percentile(delays, 0.99)),
                "max_ms": milliseconds(max(delays, default=None)),
                "first_third_p50_ms": milliseconds(percentile(delays[:third], 0.5)),
                "last_third_p50_ms": milliseconds(percentile(delays[-third:], 0.5)),
                "faces_per_frame": round(faces / max(1, len(delays)), 2),
                "classified_per_frame": round(classified / max(1, len(delays)), 2),
                "scans": scans,
                "processors": round((usage.ru_utime + usage.ru_stime) / streamed, 2) if streamed else None,
                "status": os.waitstatus_to_exitcode(status),
            }
        ),
        flush=True,
    )
    # Ended by our signal.
    return 0 if os.waitstatus_to_exitcode(status) in (0, 143) else 1


if __name__ == "__main__":
    sys.exit(main())
