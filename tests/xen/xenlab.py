# SPDX-License-Identifier: GPL-2.0-or-later
"""A Xen host in the machine: QEMU's TCG runs Debian's Xen 4.17, `xl` in its dom0 starts guests.

The emulated processor has SVM with nested paging, so HVM guests run there wherever the tests
themselves may run. What is to happen in dom0 comes on a second disk, results go out on the second
serial line and, as files, on a third disk.
"""

import pathlib
import shutil
import subprocess
import sys
import tempfile
import threading
import time

HERE = pathlib.Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent / "lab"))
# pylint: disable=wrong-import-position
import image

# Other processor models of QEMU's crash dom0.
CPU = "qemu64,+svm,+npt"
# One processor, as in the lab (see there): hosts with two came to a stop here, too.
CPUS = 1
XEN_OPTIONS = ("console=com1 com1=115200,8n1 dom0_mem=1024M loglvl=all guest_loglvl=all "
               "hvm_debug=1 cpufreq=none")
KERNEL_OPTIONS = "console=hvc0 quiet loglevel=4 mitigations=off"
OUT_MEGABYTES = 64
# dom0 says that it is alive every 5 s; its own start is the longest silence.
SILENCE = 150
ALIVE = "xenlab: alive"


# What dom0 runs, and how it ends: logs go to the third disk, then the machine is switched off.
START = """export PYTHONDONTWRITEBYTECODE=1
exec >/dev/ttyS1 2>&1 </dev/null
stty -F /dev/ttyS1 115200 -echo -onlcr
echo "# dom0 is up after $(cut -d' ' -f1 /proc/uptime) s"
mkdir -p /lab-out
(while sleep 5; do echo "@ALIVE@"; done) &
cd /lab
sh ./command
echo "xenlab: end with status $?"
cp -r /var/log/xen /lab-out/log
xl dmesg >/lab-out/xl-dmesg 2>&1
dmesg >/lab-out/dmesg 2>&1
for disk in /sys/block/sd*; do
    [ $(cat $disk/size) = @OUT_SECTORS@ ] && tar -C /lab-out -cf /dev/${disk##*/} .
done
sync
echo o >/proc/sysrq-trigger
sleep 20
poweroff -f
"""


class XenLabError(Exception):
    """The emulated Xen host could not be made or did not run to its end."""


class Host:
    """One Xen host: put files on its second disk, then run()."""

    def __init__(self, memory=2048, cpus=CPUS, megabytes=1024):
        self.image = image.get()
        self.memory = memory
        self.cpus = cpus
        self.megabytes = megabytes
        # pylint: disable-next=consider-using-with
        self.folder = tempfile.TemporaryDirectory(prefix="cleave-xen-")
        self.work = pathlib.Path(self.folder.name)
        self.disk = self.work / "disk"
        self.disk.mkdir()

    def add(self, source, name=None):
        """A file (or a folder) for the second disk, which dom0 mounts as /lab."""
        source = pathlib.Path(source)
        target = self.disk / (name or source.name)
        target.parent.mkdir(parents=True, exist_ok=True)
        if source.is_dir():
            shutil.copytree(source, target, ignore=shutil.ignore_patterns("__pycache__"))
        else:
            # Images are sparse, and stay it.
            subprocess.run(["cp", "--sparse=always", source, target], check=True)

    def kernel(self):
        """dom0's kernel, for guests."""
        return image.kernel_of(self.image)

    def _disks(self):
        scenario = self.work / "scenario.img"
        with open(scenario, "wb") as disk:
            disk.truncate(self.megabytes << 20)
        subprocess.run(["/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L",
                        "cleave-lab", "-E", "root_owner=0:0", "-d", self.disk, "-F", scenario],
                       check=True)
        out = self.work / "out.img"
        with open(out, "wb") as disk:
            disk.truncate(OUT_MEGABYTES << 20)
        return [(self.image / "root.img", "on"), (scenario, "off"), (out, "off")]

    def _argv(self, disks, console):
        threads = "multi" if self.cpus > 1 else "single"
        # It must not outlive the one that reads its report, however that ends.
        argv = ["setpriv", "--pdeathsig", "KILL", "qemu-system-x86_64", "-machine", "pc",
                "-accel", f"tcg,thread={threads}", "-cpu", CPU,
                "-smp", str(self.cpus), "-m", str(self.memory),
                "-nodefaults", "-display", "none", "-no-reboot",
                "-kernel", str(self.image / "xen"), "-append", XEN_OPTIONS,
                "-initrd", f"{self.image / 'vmlinuz'} {KERNEL_OPTIONS},{self.image / 'initrd.img'}",
                "-chardev", f"file,id=console,path={console}", "-serial", "chardev:console",
                "-chardev", "stdio,id=report,signal=off", "-serial", "chardev:report"]
        for path, snapshot in disks:
            argv += ["-drive", f"file={path},format=raw,if=ide,cache=unsafe,snapshot={snapshot}"]
        return argv

    def run(self, command, line=print, timeout=900, keep=None):
        """Boots the host and runs the shell command in dom0, in /lab.

        `line` gets each line of its report. Logs and whatever it left in /lab-out go to the
        directory `keep`. Returns the command's exit status; raises XenLabError where the host
        ended without one.
        """
        keep = pathlib.Path(keep or self.work / "keep")
        keep.mkdir(parents=True, exist_ok=True)
        start = START.replace("@OUT_SECTORS@", str(OUT_MEGABYTES << 11)).replace("@ALIVE@", ALIVE)
        (self.disk / "start").write_text(start, encoding="utf-8")
        (self.disk / "command").write_text(command + "\n", encoding="utf-8")
        status = None
        disks = self._disks()
        # pylint: disable-next=consider-using-with
        process = subprocess.Popen(self._argv(disks, keep / "console.log"),
                                   stdin=subprocess.DEVNULL, stdout=subprocess.PIPE)
        guard = _Guard(process, timeout)
        try:
            for raw in process.stdout:
                guard.heard = time.monotonic()
                text = raw.decode(errors="replace").replace("\r", "").rstrip("\n")
                if text.startswith("xenlab: end with status "):
                    status = int(text.split()[-1])
                elif text == ALIVE:
                    continue
                else:
                    line(text)
            process.wait()
        finally:
            guard.end()
            self._results(disks[2][0], keep)
            self.folder.cleanup()
        if guard.why:
            raise XenLabError(f"the emulated Xen host {guard.why} (its console: "
                              f"{keep / 'console.log'})")
        if status is None:
            raise XenLabError(f"the emulated Xen host ended early (its console: "
                              f"{keep / 'console.log'})")
        return status

    @staticmethod
    def _results(path, keep):
        # A host that ended early left none. tar takes no path that leads out of its directory.
        subprocess.run(["tar", "-x", "--no-same-owner", "-f", path, "-C", keep],
                       stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)


class _Guard:
    """Ends a process when its time is over, when it says nothing for long, or by end()."""

    def __init__(self, process, seconds):
        self.process = process
        self.why = None
        self.over = time.monotonic() + seconds
        self.heard = time.monotonic()
        self.done = threading.Event()
        self.thread = threading.Thread(target=self._watch, daemon=True)
        self.thread.start()

    def _watch(self):
        while not self.done.wait(1):
            if time.monotonic() > self.over:
                self.why = "did not end in time"
            elif time.monotonic() > self.heard + SILENCE:
                self.why = f"said nothing for {SILENCE} s"
            if self.why:
                self.process.kill()
                return

    def end(self):
        """Nothing of it is left afterwards."""
        self.done.set()
        if self.process.poll() is None:
            self.process.kill()
            self.process.wait()
