#!/bin/sh
# SPDX-License-Identifier: GPL-2.0-or-later
# Compiles an ASL file into a C header with one constant array: compile.sh IASL IN.asl OUT.h [iasl options]
# The array is called like the header, with _aml in place of .h.
set -eu
iasl=$1
in=$2
out=$3
shift 3
base=${out%.h}
if ! "$iasl" -p "$base" -tc -we "$@" "$in" >"$base.log" 2>&1; then
    cat "$base.log" >&2
    exit 1
fi
sed -n '/^unsigned char/,/^};/{s/^unsigned char \(.*\)_aml_code/static const unsigned char \1_aml/;p}' \
    "$base.hex" >"$out"
