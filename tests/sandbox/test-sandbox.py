#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The processes of a guest from outside: what each of them still holds, sees and may do."""

import contextlib
import os
import pathlib
import re
import shutil
import stat
import subprocess

import loader
from harness import (BUILD, CLEAVE, SOURCE, Guest, Skip, cleave, descendants, equal, kvm_needed,
                     process_parents, run_base, test, test_each, tests_main, wait_for, work_dir)

HALVES = ("cleave-hv", "cleave-dm")
MAX_CALLS = 30
NAMESPACES = ("mnt", "net", "ipc", "uts", "cgroup", "pid", "user")
LISTS = {"cleave-dm": "dm/sandbox.c", "cleave-hv": "hypervisor/sandbox.c"}


def halting_program(work):
    """A loader for a guest that does nothing."""
    program = work / "halting.elf"
    program.write_bytes(loader.halting())
    return program


@contextlib.contextmanager
def guest_running(*arguments, prefix=(), **environment):
    """A guest that halts, with a disk; its .halves are name -> pid."""
    kvm_needed()
    with work_dir() as work:
        disk = work / "disk.img"
        disk.write_bytes(bytes(1 << 20))
        with GuestOf(prefix, environment, "--loader", halting_program(work), "--disk", disk,
                     *arguments, serial=None) as guest:
            guest.disk = disk

            def sealed():
                found = descendants(guest.process.pid)
                return set(HALVES) <= set(found) and found if guest.answers() else None
            guest.halves_found = wait_for(sealed, 30, lambda: f"guest ({guest.err.text!r})")
            yield guest
            guest.process.terminate()
            guest.wait()


class GuestOf(Guest):
    """A guest whose `cleave` is started by another program."""

    def __init__(self, prefix, environment, *arguments, **settings):
        self.prefix, self.environment = list(map(str, prefix)), environment
        if not prefix:
            super().__init__(*arguments, **settings)
            return
        popen = subprocess.Popen

        def start(argv, **more):
            return popen([*self.prefix, *map(str, argv)], env=dict(os.environ, **environment),
                         **more)
        subprocess.Popen = start
        try:
            super().__init__(*arguments, **settings)
        finally:
            subprocess.Popen = popen

    def answers(self):
        """Whether the guest runs: then both halves are locked down."""
        base = self.environment.get("XDG_RUNTIME_DIR")
        path = (pathlib.Path(base) / "cleave" if base else run_base()) / self.name / "control"
        if self.process.poll() is not None:
            self.err.join(5)
            raise AssertionError(f"cleave ended: {self.err.text}")
        found = descendants(self.process.pid)
        return path.exists() and "S (sleeping)" in status_lines(self.process.pid)["State"] and \
            set(HALVES) <= set(found) and all(filtered(found[name]) for name in HALVES)


def status_lines(pid, task=None):
    """/proc/PID/status as a table."""
    path = f"/proc/{pid}/task/{task}/status" if task else f"/proc/{pid}/status"
    text = pathlib.Path(path).read_text(encoding="ascii")
    return dict(line.split(":\t", 1) for line in text.splitlines() if ":\t" in line)


def filtered(pid):
    """Whether a process has its filter."""
    return status_lines(pid)["Seccomp"] == "2"


def threads(pid):
    """The threads of a process."""
    return [int(t) for t in os.listdir(f"/proc/{pid}/task")]


def privileges_check(pid, name, bounded=True):
    """Every thread: a filter, no capabilities, no way to get more."""
    for thread in threads(pid):
        status = status_lines(pid, thread)
        what = f"{name} thread {thread} {status['Name']}"
        if not status["Name"].startswith("iou-"):  # the kernel's, and it never returns to us
            equal(status["Seccomp"], "2", f"{what}: Seccomp")
        equal(status["NoNewPrivs"], "1", f"{what}: NoNewPrivs")
        for kind in ("CapInh", "CapPrm", "CapEff", "CapAmb", *(["CapBnd"] if bounded else [])):
            equal(int(status[kind], 16), 0, f"{what}: {kind}")


def root_check(pid, name):
    """An empty root directory in which nothing can be made."""
    equal(os.listdir(f"/proc/{pid}/root/"), [], f"{name}: files in its root directory")
    try:
        os.close(os.open(f"/proc/{pid}/root/file", os.O_CREAT | os.O_WRONLY))
    except OSError:
        return
    raise AssertionError(f"{name}: a file could be made in its root directory")


def namespaces_missing():
    """Why namespaces cannot be had here, or None."""
    done = subprocess.run(["unshare", "-Umnipu", "true"], capture_output=True, check=False)
    return done.stderr.decode().strip() if done.returncode else None


@test
def privileges():
    """every thread of both halves has a filter, no capability, no_new_privs, no root"""
    with guest_running("--vcpus", 2) as guest:
        for name in HALVES:
            pid = guest.halves_found[name]
            assert name == "cleave-dm" or len(threads(pid)) >= 4, "threads of cleave-hv"
            privileges_check(pid, name)
            if os.geteuid() == 0 and not namespaces_missing():
                uids = set(status_lines(pid)["Uid"].split())
                assert uids and "0" not in uids, f"{name} runs as root: {uids}"


@test
def own_users():
    """as root, no two processes of guests are the same user"""
    if os.geteuid() != 0:
        raise Skip("not root: all are this user's")
    with guest_running() as one, guest_running() as two:
        uids = [status_lines(g.halves_found[name])["Uid"].split()[0]
                for g in (one, two) for name in HALVES]
        equal(len(set(uids)), 4, f"different users among {uids}")


@test
def namespaces():
    """each half has namespaces of its own, with no network and no other process"""
    reason = namespaces_missing()
    if reason:
        raise Skip(f"namespaces cannot be had here: {reason}")
    with guest_running() as guest:
        for kind in NAMESPACES:
            links = [os.readlink(f"/proc/{pid}/ns/{kind}")
                     for pid in ("self", *(guest.halves_found[n] for n in HALVES))]
            equal(len(set(links)), 3, f"different {kind} namespaces in {links}")
        for name in HALVES:
            pid = guest.halves_found[name]
            status = status_lines(pid)
            equal(status["NSpid"].split()[-1], "1", f"{name}: its number in its namespace")
            net = pathlib.Path(f"/proc/{pid}/net/dev").read_text(encoding="ascii")
            equal(re.findall(r"(\w+):", net), ["lo"], f"{name}: network devices")


@test
def root_directory():
    """each half has an empty root directory that cannot be written"""
    with guest_running() as guest:
        for name in HALVES:
            pid = guest.halves_found[name]
            root_check(pid, name)
            mounts = pathlib.Path(f"/proc/{pid}/mounts").read_text(encoding="ascii").splitlines()
            if not namespaces_missing():
                equal(len(mounts), 1, f"{name}: mounts {mounts}")
                assert {"ro", "nosuid", "nodev", "noexec"} <= set(mounts[0].split()[3].split(",")), \
                    f"{name}: {mounts}"


@test
def limits():
    """core files, open files, file sizes and tasks are limited"""
    with guest_running() as guest:
        for name in HALVES:
            pid = guest.halves_found[name]
            text = pathlib.Path(f"/proc/{pid}/limits").read_text(encoding="ascii")
            hard = {row[0].strip(): row[2] for row in
                    (re.split(r"  +", line) for line in text.splitlines()[1:])}
            equal(hard["Max core file size"], "0", f"{name}: core files")
            assert int(hard["Max open files"]) <= 1024, f"{name}: {hard}"
            equal(hard["Max file size"], str(16 << 30), f"{name}: file sizes")
            if not namespaces_missing():
                assert int(hard["Max processes"]) <= 128, f"{name}: {hard}"


def descriptors(pid):
    """fd -> what it is."""
    found = {}
    for fd in os.listdir(f"/proc/{pid}/fd"):
        with contextlib.suppress(OSError):
            found[int(fd)] = os.readlink(f"/proc/{pid}/fd/{fd}")
    return found


@test
def open_files():
    """no half holds a file that it does not need, or any directory"""
    common = [r"/dev/null", r"pipe:\[\d+\]", r"socket:\[\d+\]", r"anon_inode:\[eventfd\]",
              r"/memfd:[\w-]+ \(deleted\)"]
    of = {"cleave-dm": [r"anon_inode:\[(eventpoll|signalfd|io_uring)\]", "DISK"],
          "cleave-hv": [r"/dev/kvm", r"anon_inode:(kvm-vm|kvm-vcpu:\d+|\[timerfd\])",
                        r"/.*/(hvmloader|halting\.elf)", r"/.*/bios-256k\.bin"]}
    with guest_running() as guest:
        for name in HALVES:
            pid = guest.halves_found[name]
            wanted = common + [p.replace("DISK", re.escape(str(guest.disk))) for p in of[name]]
            held = descriptors(pid)
            for fd, what in held.items():
                if name == "cleave-dm" and re.search(r"/(vgabios|bios)[\w-]*\.bin$", what):
                    continue  # what a read-only ROM image says is no secret
                assert any(re.fullmatch(p, what) for p in wanted), f"{name}: holds {fd}: {what}"
                mode = os.stat(f"/proc/{pid}/fd/{fd}").st_mode
                assert not stat.S_ISDIR(mode), f"{name}: {fd} is a directory"
            if name == "cleave-dm":
                assert "/dev/kvm" not in held.values(), "cleave-dm holds /dev/kvm"
            else:
                assert str(guest.disk) not in held.values(), "cleave-hv holds a disk"


@test
def memory():
    """no memory can be both written and executed"""
    with guest_running() as guest:
        for name in HALVES:
            maps = pathlib.Path(f"/proc/{guest.halves_found[name]}/maps").read_text("ascii")
            both = [line for line in maps.splitlines() if re.match(r"\S+ .wx", line)]
            equal(both, [], f"{name}: memory that is writable and executable")


@test
def janitor():
    """the janitor has a filter, too, and no privileges but to end the halves"""
    with guest_running() as guest:
        pids = [pid for pid, (parent, name) in process_parents().items()
                if parent == guest.process.pid and name == "cleave-janitor"]
        equal(len(pids), 1, "janitors")
        status = status_lines(pids[0])
        equal(status["Seccomp"], "2", "Seccomp")
        equal(status["NoNewPrivs"], "1", "NoNewPrivs")
        assert int(status["CapEff"], 16) & ~(1 << 5 | 1 << 1) == 0, status["CapEff"]


@test
def monitor():
    """the monitor cannot get new privileges"""
    with guest_running() as guest:
        equal(status_lines(guest.process.pid)["NoNewPrivs"], "1", "NoNewPrivs")


@test
def switched_off():
    """--no-sandbox leaves both halves as they were started"""
    kvm_needed()
    with work_dir() as work:
        with Guest("--loader", halting_program(work), "--no-sandbox", serial=None) as guest:
            found = wait_for(lambda: set(HALVES) <= set(descendants(guest.process.pid)) and
                             (run_base() / guest.name / "control").exists(), 20, "guest")
            found = descendants(guest.process.pid)
            wait_for(lambda: any("io_uring" in d for d in
                                 descriptors(found["cleave-dm"]).values()), 10, "device model")
            for name in HALVES:
                equal(status_lines(found[name])["Seccomp"], "0", f"{name}: Seccomp")
                equal(os.readlink(f"/proc/{found[name]}/ns/pid"),
                      os.readlink("/proc/self/ns/pid"), f"{name}: process namespace")
            guest.process.terminate()
            guest.wait()


# --- other people, other places ---

def nobody_prefix(work):
    """A command that runs another as an ordinary user who may use /dev/kvm."""
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    if not shutil.which("setpriv") or not shutil.which("unshare"):
        raise Skip("setpriv or unshare is missing")
    node, runtime = work / "kvm", work / "runtime"
    os.mknod(node, stat.S_IFCHR | 0o666, os.stat("/dev/kvm").st_rdev)
    os.chmod(node, 0o666)
    runtime.mkdir()
    os.chown(runtime, 65533, 65533)
    os.chmod(work, 0o755)
    try:
        os.close(os.open(node, os.O_RDWR))
    except OSError as error:
        raise Skip(f"device files do not work in {work}: {error.strerror}") from None
    script = f'mount --bind {node} /dev/kvm && exec setpriv --reuid 65533 --regid 65533 ' \
             '--clear-groups "$@"'
    return ["unshare", "-m", "sh", "-c", script, "sh"], {"XDG_RUNTIME_DIR": str(runtime)}


@test
def ordinary_user():
    """an ordinary user's guest is locked down as root's is"""
    kvm_needed()
    if namespaces_missing():
        raise Skip("no namespaces here")
    with work_dir() as work:
        prefix, environment = nobody_prefix(work)
        done = subprocess.run([*prefix, CLEAVE, "version"], capture_output=True, check=False)
        if done.returncode:
            raise Skip("the build directory is closed to other users")
        done = subprocess.run([*prefix, "unshare", "-U", "true"], capture_output=True, check=False)
        if done.returncode:
            raise Skip(f"users have no namespaces here: {done.stderr.decode().strip()}")
        disk = work / "disk.img"
        disk.write_bytes(bytes(1 << 20))
        os.chown(disk, 65533, 65533)
        program = halting_program(work)
        with GuestOf(prefix, environment, "--loader", program, "--disk", disk,
                     serial=None) as guest:
            wait_for(guest.answers, 30, lambda: f"guest ({guest.err.text!r})")
            found = wait_for(lambda: (f := descendants(guest.process.pid)) and
                             set(HALVES) <= set(f) and f, 10, "halves")
            for name in HALVES:
                privileges_check(found[name], name)
                root_check(found[name], name)
                for kind in NAMESPACES:
                    assert os.readlink(f"/proc/{found[name]}/ns/{kind}") != \
                        os.readlink(f"/proc/{guest.process.pid}/ns/{kind}"), f"{name}: {kind}"
                equal(status_lines(found[name])["NSpid"].split()[-1], "1", f"{name}: number")
            guest.process.terminate()
            guest.wait()


@test
def no_namespaces():
    """where the host permits no namespaces, filter, privileges and root directory remain"""
    if os.geteuid() != 0 or namespaces_missing():
        raise Skip("needs root and namespaces, to take the right to namespaces away")
    script = "for kind in user pid mnt net ipc uts cgroup; do " \
             "echo 0 >/proc/sys/user/max_${kind}_namespaces || exit 9; done; exec \"$@\""
    prefix = ["unshare", "-Ur", "sh", "-c", script, "sh"]
    with guest_running("-v", prefix=prefix, PATH=os.environ["PATH"]) as guest:
        for name in HALVES:
            pid = guest.halves_found[name]
            privileges_check(pid, name)
            root_check(pid, name)
            equal(os.readlink(f"/proc/{pid}/ns/net"), os.readlink("/proc/self/ns/net"),
                  f"{name}: network namespace")
        assert "sandbox: no namespaces" in guest.err.text, guest.err.text


# --- settings of the device model, as a toolstack gives them ---

@test_each(setting=("-runas", "-chroot"))
def refused(setting):
    """a user or a root directory that cannot be had is one line"""
    status, _, said = dm_alone([setting, "/nonexistent"])
    equal(status, 2, f"exit status ({said!r})")
    assert f"{setting} /nonexistent" in said and said.count("cleave-dm:") == 1, said


@test
def toolstack_settings():
    """-runas, -chroot and -run-with give that user and that root directory; qtest goes on"""
    if os.geteuid() != 0:
        raise Skip("needs root, to become somebody else")
    for words in (["-runas", "65533:65532", "-chroot", "ROOT"],
                  ["-run-with", "user=65533:65532,chroot=ROOT"]):
        with work_dir() as work:
            (work / "inside").mkdir()
            words = [w.replace("ROOT", str(work)) for w in words]
            dm = subprocess.Popen([*DM_ALONE, *words], stdin=subprocess.PIPE,
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE)
            try:
                wait_for(lambda dm=dm: dm.poll() is not None or filtered(dm.pid), 20, "filter")
                dm.stdin.write(b"outl 0xcf8 0x80000000\ninl 0xcfc\n")
                dm.stdin.flush()
                equal([dm.stdout.readline() for _ in range(2)],
                      [b"OK\n", b"OK 0x12378086\n"], "qtest's answers")
                privileges_check(dm.pid, "cleave-dm")
                status = status_lines(dm.pid)
                equal(status["Uid"].split(), ["65533"] * 4, "user")
                equal(status["Gid"].split(), ["65532"] * 4, "group")
                equal(os.listdir(f"/proc/{dm.pid}/root/"), ["inside"], "root directory")
            finally:
                dm.kill()
                dm.communicate()


DM_ALONE = [BUILD / "cleave-dm", "-machine", "pc,accel=qtest", "-qtest", "stdio", "-display",
            "none", "-sandbox", "on"]


def dm_alone(arguments):
    """cleave-dm without a guest, with the sandbox on: status, out, err."""
    done = subprocess.run([*DM_ALONE, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=30, check=False)
    return done.returncode, done.stdout.decode(), done.stderr.decode()


# --- the lists ---

def calls_in_source(path, tables=None):
    """The system calls that a list allows, or some of its tables do."""
    text = (SOURCE / path).read_text(encoding="utf-8")
    text = text.replace("#define KVM_CALL(name) LOCKDOWN_IF(ioctl", "")
    if tables:
        text = "".join(re.search(rf"\b{table}\[\] = {{.*?^}};", text, re.S | re.M).group(0)
                       for table in tables)
    found = set(re.findall(r"LOCKDOWN_(?:CALL|IF)\((\w+)", text))
    found |= set(re.findall(r"SCMP_SYS\((\w+)\)", text))
    return found | ({"ioctl"} if "KVM_CALL(" in text else set())


@test_each(program=tuple(LISTS))
def documented(program):
    """docs/security.md lists the calls that are allowed"""
    text = (SOURCE / "docs" / "security.md").read_text(encoding="utf-8")
    listed = re.search(rf"`{program}` may make (\d+) system calls:\n((?:`\w+`[,.][ \n])+)", text)
    assert listed, f"no list of {program} in docs/security.md"
    calls = calls_in_source(LISTS[program], ["rules"] if program == "cleave-dm" else None)
    if program == "cleave-dm":
        calls.add("epoll_pwait2")  # or epoll_wait
    names = re.findall(r"`(\w+)`", listed.group(2))
    equal(sorted(names), sorted(calls), f"calls of {program}")
    equal(int(listed.group(1)), len(calls), f"number of calls of {program}")
    if program == "cleave-dm":
        calls |= calls_in_source(LISTS[program], ["xen_rules", "server_rules"])
        assert len(calls) <= MAX_CALLS, f"{len(calls)} calls under Xen, with a server socket"
        equal(calls_in_source(LISTS[program]) - calls, {"epoll_wait"}, "calls that are nowhere")
    else:
        source = (SOURCE / LISTS[program]).read_text(encoding="utf-8")
        requests = len(re.findall(r"\bKVM_[A-Z]\w+\),", source))
        assert f"`ioctl` stands for {requests} requests" in text, f"{requests} requests to KVM"


@test
def never():
    """neither list has a call that opens, connects, executes or makes processes or rings"""
    bad = {"open", "openat", "openat2", "creat", "socket", "connect", "bind", "listen", "execve",
           "execveat", "fork", "vfork", "clone", "clone3", "ptrace", "kill", "tkill",
           "prctl", "io_uring_setup", "io_uring_register", "process_vm_readv",
           "process_vm_writev", "setns", "unshare", "mount", "bpf", "keyctl"}
    for program, path in LISTS.items():
        equal(calls_in_source(path) & bad, set(), f"calls of {program}")
    equal(calls_in_source(LISTS["cleave-dm"], ["rules"]) & {"ioctl", "accept", "accept4"}, set(),
          "calls of cleave-dm that only Xen and servers need")


@test
def no_backdoor():
    """this build's cleave-dm has no backdoor"""
    program = (BUILD / "cleave-dm").read_bytes()
    assert b"backdoor" not in program, "cleave-dm was built with -Dtest_backdoor=true"
    status, _, _ = cleave("version")
    equal(status, 0, "exit status of cleave version")
    kvm_needed()
    with work_dir() as work:
        shown, attack = work / "shown", work / "attack.elf"
        blob = b"\x10\0\0\0\0\0\0\0\xc7\x07\x78\x56\x34\x12\xc3\x90"  # movl $0x12345678, (%rdi); ret
        attack.write_bytes(loader.attacking(blob, 0, len(blob)))
        with Guest("--loader", attack, "--vga", "none", "--debug-exit", "--debugcon",
                   f"file:{shown}", serial=None) as guest:
            equal(guest.wait(20), loader.EXIT_STATUS, "exit status")
        equal(shown.read_bytes(), blob, "what the port did to memory")


if __name__ == "__main__":
    tests_main(needs_kvm=False)
