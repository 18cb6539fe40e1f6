# SPDX-License-Identifier: GPL-2.0-or-later
"""A stand-in for cleave-hv or cleave-dm: speaks QMP, does what $FAKE_HV or $FAKE_DM says (JSON).

"fail": text           one line on standard error and exit status 2
"signal": n            kills itself with that signal before it is up
"mute": true           never answers
"noise": text          a line on standard error while it starts
"cont": [step, ...]    done after the first cont; "again": after the later ones; "stop": after
                       each stop. A step is
                       ["sleep", s], ["event", name, data], ["serial", text], ["echo"],
                       ["die", signal], ["exit", status]
"quit": status         exit status of quit
"$FAKE_LOG"            gets one line per command line and command
"""
import array
import json
import os
import select
import signal
import socket
import struct
import sys
import time

STATS_EXITS, STATS_IOREQS, STATS_BUCKETS, STATS_PORTS = 11, 7, 32, 192


class Half:
    def __init__(self, name, monitor_fd, streams, core_fd):
        self.name = name
        self.plan = json.loads(os.environ.get("FAKE_" + name.upper(), "{}"))
        self.streams = streams
        self.conts = 0
        self.width = 8
        self.log("argv " + " ".join(sys.argv[1:]))
        if "noise" in self.plan:
            sys.stderr.write(self.plan["noise"] + "\n")
        if "fail" in self.plan:
            sys.stderr.write("cleave-%s: %s\n" % (name, self.plan["fail"]))
            sys.exit(2)
        if "signal" in self.plan:
            os.kill(os.getpid(), self.plan["signal"])
        self.sock = socket.socket(fileno=monitor_fd)
        self.core = socket.socket(fileno=core_fd)
        self.text = b""

    def log(self, line):
        if "FAKE_LOG" in os.environ:
            with open(os.environ["FAKE_LOG"], "a", encoding="ascii") as f:
                f.write("%s %s\n" % (self.name, line))

    def send(self, message, fds=()):
        data = json.dumps(message).encode() + b"\r\n"
        aux = [(socket.SOL_SOCKET, socket.SCM_RIGHTS, array.array("i", fds))] if fds else []
        self.sock.sendmsg([data], aux)

    def steps(self, steps):
        for step in steps:
            kind, args = step[0], step[1:]
            if kind == "sleep":
                time.sleep(args[0])
            elif kind == "event":
                self.send({"event": args[0], "data": args[1], "timestamp": {}})
            elif kind == "serial":
                self.streams[0].setblocking(True)
                self.streams[0].sendall(args[0].encode())
            elif kind == "echo":
                select.select([self.streams[0]], [], [])
                data = self.streams[0].recv(4096)
                self.log("serial %r" % data)
                self.streams[0].sendall(b"<" + data + b">")
            elif kind == "die":
                os.kill(os.getpid(), args[0])
            elif kind == "exit":
                os._exit(args[0])

    def memfd(self, data):
        fd = os.memfd_create("fake")
        os.write(fd, data)
        return fd

    def screendump(self):
        if self.plan.get("bad_picture"):
            return {"width": 100000, "height": 3, "stride": 4}, [self.memfd(b"")]
        row = b"".join(bytes([x * 16, 128, 255 - x, 0]) for x in range(self.width)) + bytes(8)
        return ({"width": self.width, "height": 4, "stride": len(row)}, [self.memfd(row * 4)])

    def stats(self):
        def vcpu(base):
            v = list(range(base, base + STATS_EXITS)) + list(range(STATS_IOREQS))
            v += [0] * 10 + [5, 20, 1] + [0] * (STATS_BUCKETS - 13) + [25, 1]
            ports = [1 << 63 | 0x1f7, 10 * base, 1 << 63 | 0x60, 3] + [0] * (2 * STATS_PORTS - 4)
            return v + ports
        values = vcpu(100) + vcpu(200)
        data = struct.pack("=QII", 0x5354415453564c43, 1, 2)
        return {}, [self.memfd(data + struct.pack("=%dQ" % len(values), *values))]

    def command(self, message):
        name = message["execute"]
        if name not in ("qmp_capabilities", "query-status"):
            self.log(name + (" " + json.dumps(message["arguments"], sort_keys=True)
                             if "arguments" in message else ""))
        value, fds = {}, []
        if name == "query-status":
            value = {"status": "prelaunch"}
        elif name == "screendump":
            value, fds = self.screendump()
        elif name == "query-stats":
            value, fds = self.stats()
        self.send({"return": value, "id": message.get("id")}, fds)
        if name == "quit":
            os._exit(self.plan.get("quit", 0))
        if name == "cont":
            self.conts += 1
            self.steps(self.plan.get("cont" if self.conts == 1 else "again", []))
        if name == "stop":
            self.steps(self.plan.get("stop", []))

    def run(self):
        if self.plan.get("mute"):
            time.sleep(1000)
        self.send({"QMP": {"version": {}, "capabilities": []}})
        watched = [self.core] if self.name == "dm" else []
        while True:
            ready, _, _ = select.select([self.sock] + watched, [], [])
            if self.core in ready and self.core.recv(1) == b"":
                os._exit(1)  # the core is gone
            if self.sock not in ready:
                continue
            data = self.sock.recv(4096)
            if not data:
                os._exit(1)
            self.text += data
            while b"\n" in self.text:
                line, self.text = self.text.split(b"\n", 1)
                self.command(json.loads(line))


signal.signal(signal.SIGPIPE, signal.SIG_DFL)
