# SPDX-License-Identifier: GPL-2.0-or-later
"""The disk of the Xen lab's dom0: Debian bookworm with Xen 4.17, built from packages alone.

debootstrap makes the base, apt (with this machine's mirrors) adds Xen, so that dom0 has the same
library versions that our programs were linked against; mke2fs makes the image. It is kept in the
cache, with the hypervisor, the kernel and a small initramfs beside it.
"""

import gzip
import hashlib
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1] / "lab"))
import lab  # pylint: disable=wrong-import-position

RECIPE = 3  # to be counted up with every change of the functions below
RELEASE = "bookworm"
PACKAGES = ["xen-hypervisor-4.17-amd64", "xen-utils-4.17", "linux-image-amd64", "udev",
            "seabios", "qemu-system-xen", "busybox-static", "kmod", "iproute2", "procps",
            "strace", "libseccomp2", "liburing2", "libjansson4", "libpng16-16", "libelf1",
            "libxendevicemodel1", "libxenforeignmemory1", "libxenevtchn1", "libxenstore4"]
ROOT_MODULES = ["ata_piix", "sd_mod", "crc32c_generic", "ext4"]
MEGABYTES = 1600
PATIENCE = 900  # seconds for one command: a mirror may never answer
# What nobody looks at in dom0; kernel modules of hardware that the lab does not have.
LEFT_OUT = ["/usr/share/doc/*", "/usr/share/man/*", "/usr/share/locale/*", "/usr/share/info/*"]
MODULES_LEFT_OUT = ["drivers/gpu", "drivers/media", "drivers/infiniband", "drivers/iio", "sound",
                    "drivers/net/ethernet", "drivers/net/wireless", "drivers/staging",
                    "net/wireless", "drivers/usb", "fs/xfs", "fs/btrfs", "fs/ocfs2", "drivers/isdn",
                    "drivers/hwmon"]
INITRD_INIT = """#!/bin/busybox sh
/bin/busybox mount -t devtmpfs dev /dev
while read module; do
    /bin/busybox insmod $module
done < /modules/order
n=0
# Which disk becomes sda is a matter of chance.
while ! root=$(/bin/busybox findfs LABEL=cleave-dom0) && [ $n -lt 200 ]; do
    /bin/busybox sleep 0.1
    n=$((n + 1))
done
/bin/busybox mkdir -p /newroot
/bin/busybox mount -t ext4 -o noatime $root /newroot
/bin/busybox mount -t devtmpfs dev /newroot/dev
exec /bin/busybox switch_root /newroot /dom0-init
"""

# dom0's first process. systemd and udev would work, too, and take a minute more on an emulated
# processor. Xen's daemons are started by Debian's own script; then the second disk says what to do.
# Debian's kernel makes the device nodes; libxl runs the hotplug scripts itself.
DOM0_INIT = """#!/bin/sh
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8
mount -t proc proc /proc
mount -t sysfs sysfs /sys
mkdir -p /dev/pts /dev/shm
mount -t devpts devpts /dev/pts
mount -t tmpfs shm /dev/shm
mount -t tmpfs run /run
mount -t tmpfs tmp /tmp
mkdir -p /run/lock
ln -s /proc/self/fd /dev/fd
# Without the first one the hotplug scripts wait for their lock for ever.
ln -s fd/0 /dev/stdin
ln -s fd/1 /dev/stdout
ln -s fd/2 /dev/stderr
hostname dom0
ip link set lo up
modprobe -a xen_evtchn xen_gntdev xen_gntalloc xen_privcmd xenfs loop xen_blkback
/etc/init.d/xen start
mount -o noatime LABEL=cleave-lab /lab
setsid sh /lab/start &
while :; do
    sleep 5
done
"""


class ImageError(Exception):
    """The disk could not be built; the text is the reason to skip."""


def as_root():
    """What must stand before a command that needs root."""
    return [] if os.geteuid() == 0 else ["sudo", "-n"]


def run(*argv, log=None, **options):
    """Runs a command as root, its output in `log`; ImageError when it fails or takes too long."""
    where = f" (see {log.name})" if log else ""
    with subprocess.Popen([*as_root(), *map(str, argv)], stdin=subprocess.DEVNULL, stdout=log,
                          stderr=subprocess.STDOUT if log else None, start_new_session=True,
                          **options) as process:
        try:
            status = process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            raise ImageError(f"{argv[0]} did not end within {PATIENCE} s{where}") from None
        finally:
            if process.poll() is None:
                os.killpg(process.pid, signal.SIGKILL)
    if status:
        raise ImageError(f"{argv[0]} failed with status {status}{where}")


def sources():
    """apt's own sources of this release, as lines for sources.list; the first is the base."""
    out = subprocess.run(["apt-get", "indextargets", "--format",
                          "$(REPO_URI) $(RELEASE) $(CODENAME) $(COMPONENT)",
                          "Created-By: Packages"], capture_output=True, text=True,
                         check=False).stdout
    rows = []
    for line in out.splitlines():
        words = line.split()
        if len(words) == 4 and words[2].startswith(RELEASE) and words[3] == "main":
            rows.append((words[2] != RELEASE, words[0], words[2]))
    rows.sort()
    if not rows or rows[0][0]:
        raise ImageError(f"apt knows no {RELEASE} main: run apt-get update, or look at "
                         "/etc/apt/sources.list")
    return [(uri, codename) for _, uri, codename in rows]


def versions():
    """Versions of the packages that matter, as apt would install them."""
    names = ["xen-utils-4.17", "xen-hypervisor-4.17-amd64", "linux-image-amd64", "qemu-system-xen"]
    out = subprocess.run(["apt-cache", "policy", *names], capture_output=True, text=True,
                         check=False).stdout
    found = re.findall(r"Candidate: (\S+)", out)
    if len(found) != len(names) or "(none)" in found:
        raise ImageError("apt does not know Debian 12's Xen packages: run apt-get update")
    return found


def key():
    """Changes whenever the image would."""
    recipe = [RECIPE, RELEASE, PACKAGES, ROOT_MODULES, MEGABYTES, LEFT_OUT, MODULES_LEFT_OUT,
              INITRD_INIT, DOM0_INIT, versions()]
    return hashlib.sha256(repr(recipe).encode()).hexdigest()[:16]


def apt_configuration(root, log):
    """Copies this machine's mirrors, keys, proxy and resolver into `root`."""
    keyrings = sorted({str(p) for folder in ("/usr/share/keyrings", "/etc/apt/trusted.gpg.d",
                                             "/etc/apt/keyrings")
                       for p in pathlib.Path(folder).glob("*.[ga]*") if p.is_file()})
    for path in keyrings:
        run("mkdir", "-p", f"{root}{os.path.dirname(path)}", log=log)
        run("cp", path, f"{root}{path}", log=log)
    lines = [f"deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] {uri} {name} main"
             for uri, name in sources()]
    write(root, "etc/apt/sources.list", "\n".join(lines) + "\n")
    proxy = subprocess.run(["apt-config", "dump", "Acquire"], capture_output=True, text=True,
                           check=False).stdout
    kept = [line for line in proxy.splitlines() if re.match(r"Acquire::https?::Proxy", line)]
    write(root, "etc/apt/apt.conf.d/90lab", "\n".join(
        [*kept, 'APT::Install-Recommends "false";', 'Acquire::Languages "none";']) + "\n")
    run("cp", "-L", "/etc/resolv.conf", f"{root}/etc/resolv.conf", log=log)


def write(root, name, text, mode=0o644):
    """Writes a file below `root`."""
    path = f"{root}/{name}"
    run("mkdir", "-p", os.path.dirname(path))
    subprocess.run([*as_root(), "tee", path], input=text.encode(), stdout=subprocess.DEVNULL,
                   check=True)
    run("chmod", f"{mode:o}", path)


def packages_install(root, log):
    """debootstrap's base, then Xen and the kernel through apt."""
    mirror = sources()[0][0]
    run("debootstrap", "--variant=minbase", "--merged-usr", RELEASE, root, mirror, log=log,
        env=dict(os.environ, DEBIAN_FRONTEND="noninteractive"))
    apt_configuration(root, log)
    write(root, "etc/dpkg/dpkg.cfg.d/90lab", "force-unsafe-io\n" + "".join(
        f"path-exclude={path}\n" for path in LEFT_OUT))
    write(root, "usr/sbin/policy-rc.d", "#!/bin/sh\nexit 101\n", 0o755)
    write(root, "etc/initramfs-tools/conf.d/lab", "MODULES=list\n")
    inside = ["chroot", root, "env", "DEBIAN_FRONTEND=noninteractive", "LC_ALL=C", "apt-get", "-q"]
    run(*inside, "update", log=log)
    run(*inside, "-y", "dist-upgrade", log=log)
    run(*inside, "-y", "install", *PACKAGES, log=log)
    run(*inside, "clean", log=log)


def root_configure(root, log):
    """Makes the installed system start nothing but Xen's daemons and the scenarios; slims it."""
    write(root, "etc/fstab", "")
    write(root, "etc/hostname", "dom0\n")
    write(root, "etc/hosts", "127.0.0.1 localhost dom0\n")
    write(root, "dom0-init", DOM0_INIT, 0o755)
    run("mkdir", "-p", f"{root}/lab", log=log)
    run("sh", "-c", f"rm -rf {root}/var/lib/apt/lists/* {root}/var/cache/apt/*.bin "
        f"{root}/usr/share/doc/* {root}/usr/share/man/* {root}/usr/share/locale/* "
        f"{root}/boot/initrd* {root}/usr/sbin/policy-rc.d", log=log)
    for folder in MODULES_LEFT_OUT:
        run("sh", "-c", f"rm -rf {root}/lib/modules/*/kernel/{folder}", log=log)
    for folder in pathlib.Path(root, "lib/modules").iterdir():
        run("chroot", root, "depmod", folder.name, log=log)


class Kernel(lab.Kernel):
    """dom0's kernel: its image, and the modules below a folder."""

    def __init__(self, kernel, modules):  # pylint: disable=super-init-not-called
        self.image = pathlib.Path(kernel)
        self.modules = {p.stem.replace("-", "_"): p for p in pathlib.Path(modules).rglob("*.ko")}


def kernel_of(target):
    """The kernel in the cached directory, with the modules that a guest's disk needs."""
    return Kernel(target / "vmlinuz", target / "modules")


def initrd_write(path, kernel):
    """dom0's initramfs: the modules of the disk and of ext4."""
    archive = lab.Initramfs(path)
    archive.device("dev/console", 5, 1)
    archive.file("/bin/busybox")
    archive.symlink("bin/sh", "busybox")
    order = kernel.closure(ROOT_MODULES)
    for module in order:
        archive.file(module, f"modules/{module.name}")
    archive.data("modules/order", "".join(f"/modules/{m.name}\n" for m in order).encode())
    archive.data("init", INITRD_INIT.encode(), 0o755)
    archive.close()


def files_copy(root, target):
    """Hypervisor (unpacked), kernel and initramfs, as QEMU's -kernel and -initrd want them."""
    xen = next(pathlib.Path(root, "boot").glob("xen-4.17-amd64.gz"))
    (target / "xen").write_bytes(gzip.decompress(xen.read_bytes()))
    kernel = Kernel(next(pathlib.Path(root, "boot").glob("vmlinuz-*")), root / "lib/modules")
    (target / "vmlinuz").write_bytes(kernel.image.read_bytes())
    initrd_write(target / "initrd.img", kernel)
    (target / "modules").mkdir()
    for module in kernel.closure(ROOT_MODULES):
        shutil.copy(module, target / "modules")


def file_system_make(root, target, log):
    """The root file system as an image, sparse."""
    image = target / "root.img"
    with open(image, "wb") as disk:
        disk.truncate(MEGABYTES << 20)
    run("/sbin/mke2fs", "-q", "-t", "ext4", "-O", "^has_journal", "-L",
        "cleave-dom0", "-d", root, "-F", image, log=log)


def build(target, log):
    """Builds everything into the directory `target`."""
    root = target / "root"
    try:
        packages_install(root, log)
        root_configure(root, log)
        files_copy(root, target)
        file_system_make(root, target, log)
    finally:
        for name in ("proc", "sys"):
            if os.path.ismount(root / name):
                run("umount", root / name, log=log)
        run("rm", "-rf", "--one-file-system", root, log=log)


def get():
    """The cached directory with xen, vmlinuz, initrd.img and root.img; builds it if need be.

    Raises ImageError with the reason where it cannot be had.
    """
    base = lab.cache_dir() / "xen"
    base.mkdir(exist_ok=True)
    target = base / key()
    with lab.cache_lock():
        if (target / "complete").exists():
            return target
        reason = cannot_build()
        if reason:
            raise ImageError(reason)
        for old in base.iterdir():
            shutil.rmtree(old, ignore_errors=True)
        target.mkdir()
        print("# building the disk of dom0 from Debian packages; this takes some minutes",
              flush=True)
        with open(lab.cache_dir() / "xen-build.log", "w", encoding="utf-8") as log:
            build(target, log)
        (target / "complete").write_text("")
    return target


def cannot_build():
    """Why the image cannot be built here; None if it can."""
    for program, package in (("debootstrap", "debootstrap"), ("mke2fs", "e2fsprogs")):
        if not shutil.which(program, path="/usr/sbin:/sbin:/usr/bin:/bin"):
            return f"no {program}: run ./setup (Debian package {package})"
    if os.geteuid() and subprocess.run(["sudo", "-n", "true"], capture_output=True,
                                       check=False).returncode:
        return "debootstrap needs root, and sudo wants a password: run it once as root"
    return None


if __name__ == "__main__":
    try:
        print(get())
    except ImageError as error:
        sys.exit(f"xenlab: {error}")
