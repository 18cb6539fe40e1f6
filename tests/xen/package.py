# SPDX-License-Identifier: GPL-2.0-or-later
"""The project's .deb, made from a build directory and debian/ without a second build."""

import os
import pathlib
import re
import shutil
import subprocess

SOURCE = pathlib.Path(__file__).resolve().parents[2]
PACKAGE = "cleave"


class PackageError(Exception):
    """The package could not be made."""


def run(*argv, **options):
    """Runs a command; PackageError with its output when it fails."""
    done = subprocess.run(list(map(str, argv)), capture_output=True, text=True, check=False,
                          **options)
    if done.returncode:
        raise PackageError(f"{argv[0]} failed: {(done.stderr or done.stdout).strip()[-400:]}")
    return done.stdout


def tree_install(build, tree):
    """Installs the build directory below `tree`, under /usr whatever prefix it has."""
    run("meson", "install", "-C", build, "--no-rebuild", "--quiet", "--destdir", tree)
    local = tree / "usr/local"
    if local.is_dir():
        for entry in local.iterdir():
            shutil.move(entry, tree / "usr" / entry.name)
        local.rmdir()
    for path in tree.rglob("*"):
        if path.is_file() and not path.is_symlink() and path.read_bytes()[:4] == b"\x7fELF":
            subprocess.run(["strip", "--strip-unneeded", path], stderr=subprocess.DEVNULL,
                           check=False)
    device_model = tree / "usr/libexec/cleave-dm"
    if not device_model.exists():
        device_model.symlink_to("cleave/cleave-dm")


def depends(work, tree):
    """What dpkg-shlibdeps finds for the programs."""
    programs = [path for folder in ("bin", "libexec") for path in (tree / "usr" / folder).rglob("*")
                if path.is_file() and not path.is_symlink()]
    out = run("dpkg-shlibdeps", "-O", "--ignore-missing-info", *programs, cwd=work)
    found = re.search(r"^shlibs:Depends=(.*)$", out, re.M)
    return found.group(1) if found else ""


def make(build, work):
    """Makes the package below the directory `work`; its path."""
    work = pathlib.Path(work)
    tree = work / "tree"
    tree_install(build, tree)
    (work / "debian").mkdir()
    for name in ("control", "changelog"):
        shutil.copy(SOURCE / "debian" / name, work / "debian")
    (work / "debian" / "substvars").write_text(
        f"shlibs:Depends={depends(work, tree)}\nmisc:Depends=\n", encoding="utf-8")
    (tree / "DEBIAN").mkdir(mode=0o755)
    run("dpkg-gencontrol", f"-p{PACKAGE}", f"-P{tree}", "-Tdebian/substvars",
        f"-O{tree / 'DEBIAN/control'}", "-fdebian/files", cwd=work)
    package = work / f"{PACKAGE}.deb"
    run("dpkg-deb", "--root-owner-group", "-Zgzip", "-z1", "--build", tree, package,
        env=dict(os.environ, LC_ALL="C"))
    shutil.rmtree(tree)
    return package


def speaks_xen(build):
    """Whether the device model of a build directory has the transport to Xen."""
    return (pathlib.Path(build) / "ioreq" / "libioreq-xen.a").exists()
