#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""The scenarios, run in dom0:  scenarios.py DM NAME...  (DM: cleave or qemu)

A line of TAP per scenario and one with its seconds; "measure ..." and "fact ..." lines between.
The scenarios of the Linux guest follow each other on one guest; who needs a guest that is not
there makes it.
"""

import os
import pathlib
import re
import struct
import subprocess
import sys
import time

import measure
from domain import LOGS, WORK, Domain, Failure, disk, process_alive, sh, wait_until, xenstore

MARK = r"mark (\w+) drive (\w+) mode (\w+) vga (\w+)\n"
LINUX_BOOT = 420  # seconds; GRUB alone reads 12 MiB through the BIOS
XEN_BIN = pathlib.Path("/usr/lib/xen-4.17/bin")


class World:
    """What scenarios share: the device model under test, and the guest that is up."""

    def __init__(self, dm):
        self.dm = dm
        self.guests = []
        self.linux = None
        self.image = None

    def domain(self, name, **settings):
        """A guest that is cleaned up at the end of the scenario."""
        one = Domain(f"{name}-{self.dm}", self.dm, **settings)
        self.guests.append(one)
        return one

    def clean(self):
        """Ends the guests of one scenario."""
        for one in self.guests:
            one.clean()
        self.guests = []

    def linux_drop(self):
        """Ends the Linux guest."""
        if self.linux:
            self.linux.clean()
        self.linux = None


def require(good, text):
    """Failure with `text` unless good."""
    if not good:
        raise Failure(text)


# Boot sectors ------------------------------------------------------------------------------------

def mark_boot(world, disks, expected, **settings):
    """Boots and returns the words of the guest's line; it must be said by `expected`."""
    guest = world.domain("mark", disk=disks, serial=f"file:{WORK}/serial",
                         on_poweroff="preserve", **settings)
    (WORK / "serial").unlink(missing_ok=True)
    guest.create()
    words = guest.expect(MARK if expected != "cdrom" else r"(cdrom) ok\n()()()", 90).groups()
    require(words[0] == expected, f"booted from {words[0]}, not from {expected}")
    guest.destroy()
    return words


def boot_hda(world):
    """A boot sector from hda, without a display adapter."""
    words = mark_boot(world, [disk("mark-hda.img")[0]], "hda")
    require(words[1] == "80", f"BIOS drive {words[1]}")
    require(words[3] == "none", f"vga none, but there is {words[3]}")


def boot_stdvga(world):
    """The same with stdvga: the adapter is there, in text mode."""
    words = mark_boot(world, [disk("mark-hda.img")[0]], "hda", vga="stdvga", videoram=16)
    require(words[3] == "12341111", f"display adapter {words[3]}")
    require(words[2] == "03", f"video mode {words[2]}")


def boot_cdrom(world):
    """A boot image from CD (El Torito), which reads 256 sectors; hda is there, too."""
    mark_boot(world, [disk("mark-hda.img")[0], disk("cdrom.iso", "hdc", "cdrom")[0]], "cdrom",
              boot="dc")


def boot_second(world):
    """A bootable CD is hda, a disk hdb: `boot` makes the second one the first; it is drive 80."""
    cdrom = disk("cdrom.iso", "hda", "cdrom")[0]
    words = mark_boot(world, [cdrom, disk("mark-hdb.img", "hdb")[0]], "hdb", boot="c")
    require(words[1] == "80", f"BIOS drive {words[1]}")


def boot_order(world):
    """CD first, but its drive is empty: the disk."""
    empty = "vdev=hdc,access=ro,devtype=cdrom,target="
    mark_boot(world, [disk("mark-hda.img")[0], empty], "hda", boot="dc")


# Linux -------------------------------------------------------------------------------------------

def linux_guest(world, vcpus=1):
    """The Linux guest, idle at its prompt, with 64 MiB written; made where there is none."""
    if world.linux and world.linux.domid and world.linux.settings["vcpus"] == vcpus:
        return world.linux
    world.linux_drop()
    entry, world.image = disk("linux.img")
    guest = Domain(f"linux{vcpus}-{world.dm}", world.dm, memory=256, vcpus=vcpus,
                   maxvcpus=max(2, vcpus), disk=[entry], on_reboot="restart", on_poweroff="destroy")
    guest.create()
    world.linux = guest
    found = guest.expect(r"guest: user space, (\d+) cpus, kernel .*\n", LINUX_BOOT)
    require(found.group(1) == str(vcpus), f"{found.group(1)} CPUs in the guest, not {vcpus}")
    guest.expect(r"guest: disk transfers by XFER_(UDMA|MW_DMA)_", 20)
    guest.ask("write", "guest: data good\n", 300)
    complaints(guest)
    return guest


def complaints(guest):
    """The kernel of the guest must not have complained."""
    mark = len(guest.text)
    guest.ask("complaints", "guest: complaints end\n", 60)
    found = re.findall(r"guest: kernel complains: (.*)", guest.text[mark:])
    require(not found, f"the guest's kernel complains: {'; '.join(found[:3])}")


def load_start(guest):
    """Disk load; returns when some rounds are done."""
    guest.say("load")
    load_goes_on(guest, 2)


def load_goes_on(guest, rounds):
    """So many more rounds must come."""
    guest.expect(rf"(?s)(guest: load round \d+ (good|BAD).*?){{{rounds}}}", 60 + 60 * rounds,
                 len(guest.text))


def load_stop(guest):
    """The load ends, all of it was right, and so is the file from before."""
    guest.ask("stop", r"guest: load ended after \d+ rounds", 180)
    require("BAD" not in guest.text, "the guest read other data than it had written")
    guest.ask("check", "guest: data good\n", 180)
    complaints(guest)


def linux_boot(world):
    """Debian's kernel by GRUB from an ext4 root on hda, by ata_piix; 64 MiB written, checked."""
    world.linux_drop()
    guest = linux_guest(world)
    mark = len(guest.text)
    guest.ask("facts", "guest: facts end\n", 120)
    for line in re.findall(r"guest: (fact .*)", guest.text[mark:]):
        print(f"{world.dm} {line}")
    guest.ask("idle", "guest: idle\n", 60)
    time.sleep(8)  # what a journal still has to write
    measure.idle_report(guest)


def linux_pause(world):
    """Paused under disk load nothing moves; unpaused all goes on."""
    guest = linux_guest(world)
    load_start(guest)
    for _ in range(3):
        sh("xl", "pause", guest.name)
        time.sleep(2)
        before = len(guest.text)
        ticks = cpu_ticks(guest.pid)
        time.sleep(3)
        require(len(guest.text) == before, "a paused guest said something")
        used = cpu_ticks(guest.pid) - ticks
        require(used <= 30, f"the device model of a paused guest used {used * 10} ms in 3 s")
        sh("xl", "unpause", guest.name)
        load_goes_on(guest, 1)
    load_stop(guest)


def cpu_ticks(pid):
    """Processor time that the process has used, in ticks of 10 ms."""
    fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return int(fields[11]) + int(fields[12])


def linux_save(world):
    """Saved and restored under disk load: a new device model, nothing lost."""
    guest = linux_guest(world)
    load_start(guest)
    domid, pid = guest.domid, guest.pid
    image = WORK / "linux.save"
    sh("xl", "save", guest.name, image, timeout=240)
    require(guest.domid is None, "the guest is still there after xl save")
    wait_until("end of the saved guest's device model", lambda: not process_alive(pid), 10)
    sh("xl", "restore", "-p", image, timeout=240)
    image.unlink()
    guest.listen()
    require(guest.domid not in (None, domid), "no new domain after xl restore")
    sh("xl", "unpause", guest.name)
    load_goes_on(guest, 3)
    load_stop(guest)


def linux_checkpoint(world):
    """xl save -c under disk load: the same guest with the same device model goes on."""
    guest = linux_guest(world)
    load_start(guest)
    domid, pid = guest.domid, guest.pid
    image = WORK / "linux.checkpoint"
    sh("xl", "save", "-c", guest.name, image, timeout=240)
    image.unlink()
    require(guest.domid == domid and guest.pid == pid, "another domain or device model")
    load_goes_on(guest, 3)
    load_stop(guest)


def linux_reboot(world):
    """Reboot from inside: a new domain and a new device model; the written data are there."""
    guest = linux_guest(world)
    domid, pid = guest.domid, guest.pid
    guest.say("reboot")
    wait_until("a new domain after the reboot", lambda: guest.domid not in (None, domid), 60)
    wait_until("end of the old device model", lambda: not process_alive(pid), 10)
    guest.listen()
    mark = len(guest.past)
    guest.expect(r"guest: user space, \d+ cpus", LINUX_BOOT, mark)
    guest.expect("guest: data good\n", 180, mark)
    require(guest.pid != pid, "the same device model process")


def linux_commands(world):
    """xl's other commands: a second processor by vcpu-set, power button, xentop, list -l."""
    guest = linux_guest(world)
    sh("xl", "vcpu-set", "--ignore-host", guest.name, 2)
    guest.ask("processor 1", "guest: 2 processors\n", 90)
    sh("xl", "trigger", guest.name, "power")
    sh("xl", "shutdown", "-F", guest.name)
    require(guest.name in sh("xentop", "-b", "-i", "1", "-f"), "xentop does not show the guest")
    require(f'"{guest.name}"' in sh("xl", "list", "-l", guest.name), "xl list -l does not tell it")
    guest.ask("check", "guest: data good\n", 180)
    complaints(guest)


def linux_poweroff(world, vcpus=1):
    """Power-off from inside: domain and device model go; the file system is clean."""
    guest = linux_guest(world, vcpus)
    pid = guest.pid
    guest.say("poweroff")
    wait_until("end of the domain", lambda: guest.domid is None, 90)
    wait_until("end of its device model", lambda: not process_alive(pid), 10)
    sh("e2fsck", "-fn", f"{world.image}?offset=1048576", timeout=180)
    world.linux_drop()


def linux_smp(world):
    """The Debian guest on 4 vCPUs, with load, to power-off."""
    guest = linux_guest(world, 4)
    load_start(guest)
    load_stop(guest)
    linux_poweroff(world, 4)


# Several guests, and their end -------------------------------------------------------------------

def pattern_check(path, key):
    """Sectors 2048..2303 of a load guest's disk: every dword of sector N is N ^ key."""
    with open(path, "rb") as image:
        image.seek(2048 * 512)
        for sector in range(2048, 2304):
            if image.read(512) != struct.pack("<I", sector ^ key) * 128:
                raise Failure(f"sector {sector} of {path.name} holds other data")


def two_guests(world):
    """Two guests write their disks at once; each disk holds its own data."""
    one, path_one = disk("load-a.img")
    two, path_two = disk("load-b.img")
    first = world.domain("load-a", disk=[one]).create()
    second = world.domain("load-b", disk=[two]).create()
    first.expect("a round 3\n", 120)
    second.expect("b round 3\n", 120)
    require("FAIL" not in first.text + second.text, "a guest read other data than it had written")
    marks = len(first.text), len(second.text)
    first.expect(r"a round \d+\n", 60, marks[0])
    second.expect(r"b round \d+\n", 60, marks[1])
    require(first.pid != second.pid, "one device model for two guests")
    first.destroy()
    mark = len(second.text)
    second.expect(r"b round \d+\n", 60, mark)
    second.destroy()
    pattern_check(path_one, 0xA5A5A5A5)
    pattern_check(path_two, 0x0BADCAFE)


def small_save(world, name):
    """A small guest, saved to a file."""
    entry, _ = disk("load-a.img")
    guest = world.domain(name, disk=[entry], memory=32).create()
    guest.expect("a round 1\n", 120)
    image = WORK / f"{name}.save"
    sh("xl", "save", guest.name, image, timeout=120)
    return guest, image


def emulator_record(data):
    """(offset, length) of the device model's own bytes in a saved guest: the last record but the
    end of libxl's stream (docs/specs/libxl-migration-stream: type 3, then id and index)."""
    at = len(data)
    while True:
        at = data.rfind(struct.pack("<I", 3), 0, at + 3)
        require(at >= 0, "no device model's record in the saved guest")
        if at + 16 <= len(data):
            length, ident, index = struct.unpack_from("<III", data, at + 4)
            if at + 8 + (length + 7 & ~7) + 8 == len(data) and ident == 2 and index == 0:
                return at + 16, length - 8


def altered(world):
    """A saved guest whose device model state was altered is refused, and nothing is left; the
    unaltered one goes on."""
    guest, image = small_save(world, "altered")
    data = bytearray(image.read_bytes())
    start, length = emulator_record(data)
    print(f"measure {world.dm} saved_state_bytes {length}")
    places = {"first byte": start}
    if world.dm == "cleave":  # QEMU's stream has no checksum
        places.update({"middle": start + length // 2, "last byte": start + length - 1})
    before = domains(), device_models()
    for what, place in places.items():
        bad = bytearray(data)
        bad[place] ^= 0x10
        path = WORK / "altered.bad"
        path.write_bytes(bad)
        logs = [LOGS / f"qemu-dm-{guest.name}{end}.log" for end in ("", "--incoming")]
        for log in logs:
            log.unlink(missing_ok=True)
        done = subprocess.run(["xl", "restore", path], capture_output=True, text=True,
                              timeout=180, check=False)
        require(done.returncode != 0, f"{what} altered: restored all the same")
        wait_until("xl list and device models as before",
                   lambda: (domains(), device_models()) == before, 20)
        lines = [line for log in logs if log.exists()
                 for line in log.read_text(errors="replace").splitlines() if line.strip()]
        require(lines, f"{what} altered: no line in the device model's log")
        print(f"# {what} altered: {lines[-1]}", flush=True)
    sh("xl", "restore", "-p", image, timeout=120)
    guest.listen()
    sh("xl", "unpause", guest.name)
    guest.expect(r"a round \d+\n", 60, len(guest.past))
    require("FAIL" not in guest.text, "the restored guest read other data")
    guest.destroy()


def domains():
    """The names of all domains."""
    return {line.split()[0] for line in sh("xl", "list").splitlines()[1:]}


def device_models():
    """(pid, command line) of the device models of guests, not of dom0's own disk back end."""
    found = set()
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            argv = path.read_bytes().decode(errors="replace").split("\0")
        except OSError:
            continue
        if "-xen-domid" in argv and argv[argv.index("-xen-domid") + 1] != "0" \
                and process_alive(int(path.parent.name)):
            found.add((int(path.parent.name), argv[0]))
    return found


def standing():
    """What could leak: sets and numbers."""
    def lines(*argv):
        return sorted(sh(*argv, check=False).splitlines())

    paths = [line.split(" = ")[0] for line in lines("xenstore-ls", "-f")]
    info = sh("xl", "info")
    return {
        "xenstore": set(paths),
        "event channels": len(lines(XEN_BIN / "lsevtchn", "0")),
        "free MiB": int(re.search(r"free_memory\s*: (\d+)", info).group(1)),
        "device models": device_models(),
        "loop devices": set(lines("losetup", "-a")),
        "files in /run/xen": {p.name for p in pathlib.Path("/run/xen").iterdir()},
        "files in /var/lib/xen": {p.name for p in pathlib.Path("/var/lib/xen").iterdir()},
        "domains": domains(),
        "processes of xl": sum("xl\0" in text for text in commands()),
    }


def commands():
    """The command lines of all processes."""
    for path in pathlib.Path("/proc").glob("[0-9]*/cmdline"):
        try:
            yield path.read_bytes().decode(errors="replace")
        except OSError:
            continue


def leaks(world):
    """20 creations and destructions leave nothing: xenstore, event channels, memory, processes."""
    world.linux_drop()
    entry, _ = disk("mark-hda.img")

    def once():
        guest = world.domain("leak", disk=[entry], memory=32)
        guest.create(listen=False)
        guest.destroy()
        world.guests.remove(guest)

    once()
    before = wait_until_steady()
    for _ in range(20):
        once()
    after = wait_until_steady()
    wrong = []
    for name, old in before.items():
        new = after[name]
        if isinstance(old, set):
            left = sorted(map(str, new - old))
            if left:
                wrong.append(f"{name}: {len(left)} left, such as {left[:4]}")
        elif name == "free MiB" and new < old - 1 or name != "free MiB" and new > old:
            wrong.append(f"{name}: {old} before, {new} after")
    require(not wrong, "; ".join(wrong))


def wait_until_steady():
    """standing() when it no longer changes: Xen frees a domain's memory in the background."""
    last = standing()
    for _ in range(15):
        time.sleep(2)
        now = standing()
        if now == last:
            break
        last = now
    return last


def killed(world):
    """kill -9 of the device model: the domain can still be destroyed."""
    entry, path = disk("load-a.img")
    guest = world.domain("killed", disk=[entry]).create()
    guest.expect("a round 2\n", 120)
    pid, domid = guest.pid, guest.domid
    os.kill(pid, 9)
    wait_until("end of the device model", lambda: not process_alive(pid), 10)
    require(guest.domid == domid, "the domain went with its device model")
    sh("xl", "destroy", guest.name)
    wait_until("end of the domain", lambda: guest.domid is None, 15)
    wait_until("end of the domain in the hypervisor",
               lambda: "(null)" not in sh("xl", "list"), 15)
    require(xenstore(f"/local/domain/0/device-model/{domid}/state") is None,
            "the device model's state is left in xenstore")
    pattern_check(path, 0xA5A5A5A5)


SCENARIOS = {
    "boot-hda": boot_hda, "boot-stdvga": boot_stdvga, "boot-cdrom": boot_cdrom,
    "boot-second": boot_second, "boot-order": boot_order,
    "two-guests": two_guests, "altered": altered, "killed": killed,
    "linux-boot": linux_boot, "linux-pause": linux_pause, "linux-checkpoint": linux_checkpoint,
    "linux-save": linux_save, "linux-reboot": linux_reboot,
    "linux-commands": linux_commands, "linux-poweroff": linux_poweroff, "linux-smp": linux_smp,
    "leaks": leaks,
}


def run(world, name):
    """Runs one scenario and prints its line."""
    start = time.monotonic()
    title = f"{world.dm}: {name}: {' '.join(SCENARIOS[name].__doc__.split())}"
    try:
        SCENARIOS[name](world)
    except Failure as failure:
        print(f"not ok {title}")
        for line in str(failure).splitlines():
            print(f"# {line}")
        if world.linux:
            world.linux_drop()
    except Exception as wrong:  # pylint: disable=broad-except
        print(f"not ok {title}")
        print(f"# {type(wrong).__name__}: {wrong} at line "
              f"{wrong.__traceback__.tb_next.tb_lineno if wrong.__traceback__.tb_next else '?'}")
        world.linux_drop()
    else:
        print(f"ok {title}")
    print(f"# {world.dm} {name}: {time.monotonic() - start:.0f} s", flush=True)
    world.clean()


def main():
    """Runs the scenarios that the arguments name."""
    WORK.mkdir(exist_ok=True)
    world = World(sys.argv[1])
    for name in sys.argv[2:] or SCENARIOS:
        run(world, name)
    world.linux_drop()
    print("scenarios end", flush=True)


if __name__ == "__main__":
    main()
