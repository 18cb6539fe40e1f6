# SPDX-License-Identifier: GPL-2.0-or-later
"""The disks of the guests that run under Xen."""

import pathlib
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
import disk  # pylint: disable=wrong-import-position

# From the build directory; tests of the firmware folder.
FROM_BUILD = ["cdrom.iso", "load-a.img", "load-b.img", "mark-hda.img", "mark-hdb.img"]
LINUX = "linux.img"
LINUX_MEGABYTES = 192

# What runs in the Linux guest: it does what it is told on its serial line. Every line that the
# scenarios look for begins with "guest:".
LINUX_INIT = """#!/bin/busybox sh
export PATH=/bin
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mount -t devtmpfs dev /dev 2>/dev/null
mount -t tmpfs tmp /tmp
stty -F /dev/ttyS0 -echo
exec 3</dev/ttyS0
say() { echo "guest: $*" >/dev/ttyS0; }
check() {
    echo 3 >/proc/sys/vm/drop_caches
    if [ "$(md5sum </data)" = "$(cat /data.md5)" ]; then say "data good"; else say "data BAD"; fi
}
part() { dd if=/data bs=1M count=4 skip=$(($1 % 16 * 4)) 2>/dev/null; }
load() {
    n=0
    while [ ! -e /tmp/stop ]; do
        n=$((n + 1))
        part $n | dd of=/load.$((n % 4)) bs=1M conv=fsync 2>/dev/null
        echo 3 >/proc/sys/vm/drop_caches
        if [ "$(part $n | md5sum)" = "$(md5sum </load.$((n % 4)))" ]; then
            say "load round $n good"
        else
            say "load round $n BAD"
        fi
    done
    say "load ended after $n rounds"
}
facts() {
    cd /sys/bus/pci/devices
    for d in *; do
        say "fact pci ${d#0000:} $(cat $d/vendor):$(cat $d/device) class $(cat $d/class)" \\
            "rev $(cat $d/revision) sub $(cat $d/subsystem_vendor):$(cat $d/subsystem_device)" \\
            "irq $(cat $d/irq)"
        n=0
        while read start end flags; do
            case $start in
            0x0000000000000000) ;;
            *) say "fact bar ${d#0000:} $n $start $end $flags" ;;
            esac
            n=$((n + 1))
        done <$d/resource
    done
    cd /
    say "fact acpi $(cd /sys/firmware/acpi/tables && echo *)"
    say "fact disk $(cat /sys/block/sda/device/model) $(cat /sys/block/sda/size) sectors," \\
        "$(cat /sys/class/ata_device/dev1.0/dma_mode)," \\
        "$(cat /sys/block/sda/queue/write_cache), rotational $(cat /sys/block/sda/queue/rotational)"
    dmesg | grep -oE 'ata[0-9]+(\\.[0-9]+)?: .*|ACPI: PM-Timer.*|RTC.*' | while read line; do
        say "fact dmesg $line"
    done
    say "facts end"
}
complaints() {
    dmesg | grep -E 'exception Emask|failed command|Oops|BUG:|WARNING: CPU|EXT4-fs error' \\
        | while read line; do
        say "kernel complains: $line"
    done
    say "complaints end"
}
# A processor that was added: it appears, and is switched on.
processor() {
    cpu=/sys/devices/system/cpu/cpu$1
    n=0
    while [ ! -e $cpu ] && [ $n -lt 60 ]; do
        sleep 1
        n=$((n + 1))
    done
    [ "$(cat $cpu/online)" = 1 ] || echo 1 >$cpu/online
    say "$(grep -c ^processor /proc/cpuinfo) processors"
}
say "user space, $(grep -c ^processor /proc/cpuinfo) cpus, kernel $(uname -r)"
say "disk transfers by $(cat /sys/class/ata_device/dev1.0/dma_mode)"
if [ -e /data.md5 ]; then check; fi
while read -r word argument <&3; do
    case $word in
    echo) say "echo $argument" ;;
    write)
        dd if=/dev/urandom of=/data bs=1M count=64 2>/dev/null
        md5sum </data >/data.md5
        sync
        check
        ;;
    check) check ;;
    load) rm -f /tmp/stop; load & ;;
    stop) touch /tmp/stop ;;
    facts) facts ;;
    complaints) complaints ;;
    idle)
        sync
        say "idle"
        ;;
    processor) processor $argument ;;
    reboot)
        say "reboot"
        sync
        mount -o remount,ro /
        reboot -f
        ;;
    poweroff)
        say "power off"
        sync
        mount -o remount,ro /
        poweroff -f
        ;;
    esac
done
say "no more commands"
sleep 3600
"""


def add_all(host, build):
    """Puts the guests' disks on the second disk of a host, in the folder guests/."""
    for name in FROM_BUILD:
        host.add(pathlib.Path(build) / "firmware" / "guests" / name, f"guests/{name}")
    image = host.work / LINUX
    disk.disk_make(image, host.kernel(), LINUX_MEGABYTES, "xen_emul_unplug=never", LINUX_INIT)
    host.add(image, f"guests/{LINUX}")
