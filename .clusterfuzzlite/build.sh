#!/bin/bash
# SPDX-License-Identifier: GPL-2.0-or-later
# Builds every fuzz target into $OUT as fuzz-NAME, with its seeds and options: what ClusterFuzzLite
# and OSS-Fuzz run in their image, with CC, CXX, CFLAGS, LIB_FUZZING_ENGINE, SANITIZER, OUT and WORK
# from there. Without them it builds for libFuzzer with ASan into /tmp/cleave-fuzz, to be tried out.
set -eu

here=$(cd "$(dirname "$0")" && pwd)
source=${SRC:+$SRC/cleave}
[ -n "$source" ] && [ -d "$source" ] || source=$(dirname "$here")
export CC="${CC:-clang}" CXX="${CXX:-clang++}"
export CFLAGS="${CFLAGS:--O1 -g -fno-omit-frame-pointer -fsanitize=address,fuzzer-no-link}"
engine=${LIB_FUZZING_ENGINE:--fsanitize=fuzzer}
sanitizer=${SANITIZER:-address}
out=${OUT:-/tmp/cleave-fuzz/out}
build=${WORK:-/tmp/cleave-fuzz/work}/build

# An engine in a library of its own is written in C++.
[ "$engine" = -fsanitize=fuzzer ] || engine="$engine -lc++ -lm -lpthread"
rm -rf "$build"
mkdir -p "$out/lib"
meson setup "$build" "$source" --buildtype=plain -Db_lundef=false -Dfuzz_engine=libfuzzer \
    -Dfuzz_link="$engine"

# Devices need nothing but the C library. The other targets link distribution libraries, which are
# not built with MSan and are not where the targets run.
programs=cleave-libfuzzer
[ "$sanitizer" = memory ] || programs="$programs cleave-libfuzzer-host cleave-libfuzzer-dm"
for program in $programs; do
    ninja -C "$build" "tests/fuzz/$program"
    ldd "$build/tests/fuzz/$program" | awk '$2 == "=>" { print $3 }' |
        grep -Ev '/(libc|libm|libdl|librt|libpthread|libresolv|libgcc_s|ld-linux[^/]*)\.so' |
        xargs -r cp -n -L -t "$out/lib"
    # Which target it runs is in a program's name.
    "$build/tests/fuzz/$program" --list-targets | while read -r name; do
        cp "$build/tests/fuzz/$program" "$out/fuzz-$name"
        patchelf --set-rpath "\$ORIGIN/lib" "$out/fuzz-$name"
        printf '[libfuzzer]\nmax_len = 3072\ntimeout = 10\n' >"$out/fuzz-$name.options"
        if [ -d "$source/tests/fuzz/corpus/$name" ]; then
            (cd "$source/tests/fuzz/corpus/$name" && zip -q "$out/fuzz-${name}_seed_corpus.zip" -- *)
        fi
    done
done
