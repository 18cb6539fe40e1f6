#!/bin/bash -eu
# SPDX-License-Identifier: GPL-2.0-or-later
# For projects/cleave/ of OSS-Fuzz: the build lies in the source tree.
exec "$SRC/cleave/.clusterfuzzlite/build.sh"
