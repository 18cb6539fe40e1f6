#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Assembles one guest: build-guest.sh CC SOURCE.S OUT KIB [-DNAME=VALUE...]
# KIB is the size of the image; "elf" makes an ELF executable for cleave run --loader instead, "as-is"
# leaves the length alone.
set -eu
cc=$1
source=$2
out=$3
size=$4
shift 4
dir=$(dirname "$source")
object=$out.o
$cc -m32 -c -Wa,--noexecstack -I"$dir" "$@" "$source" -o "$object"
script=$dir/guest.lds
format=-Wl,--oformat=binary
if [ "$size" = elf ]; then
    script=$dir/elf.lds
    format=-Wl,-z,max-page-size=4096
fi
$cc -m32 -nostdlib -static -no-pie -Wl,--build-id=none -Wl,--no-warn-rwx-segments "$format" \
    -Wl,-T,"$script" "$object" -o "$out"
chmod a-x "$out"
case $size in
elf | as-is) ;;
*) truncate -s "${size}K" "$out" ;;
esac
rm -f "$object"
