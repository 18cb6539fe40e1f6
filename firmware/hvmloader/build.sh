#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Links freestanding 64-bit code into a 32-bit ELF, the form that a domain builder loads:
# build.sh CC OBJCOPY SCRIPT.lds WORKDIR OUT -- [compiler options] -- source...
set -eu
cc=$1
objcopy=$2
script=$3
work=$4
out=$5
shift 6
flags="-std=gnu17 -Wall -Wextra -Werror -m64 -Os -ffreestanding -fno-pic -fno-pie -mno-red-zone
       -mgeneral-regs-only -fno-stack-protector -fcf-protection=none -fno-asynchronous-unwind-tables
       -fno-strict-aliasing -fno-tree-loop-distribute-patterns -fno-tree-vectorize"
while [ "$1" != -- ]; do
    flags="$flags $1"
    shift
done
shift
mkdir -p "$work"
objects=
for source; do
    object=$work/$(basename "$source").o
    $cc $flags -c "$source" -o "$object"
    objects="$objects $object"
done
$cc -m64 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--no-warn-rwx-segments \
    -Wl,-z,max-page-size=4096 -Wl,-T,"$script" $objects -o "$work/elf64"
$objcopy -O elf32-i386 "$work/elf64" "$out"
