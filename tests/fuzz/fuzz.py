#!/usr/bin/env python3
# SPDX-License-Identifier: GPL-2.0-or-later
"""Builds the fuzz targets, runs them, measures; called by ./fuzz. See docs/fuzzing.md."""

import argparse
import os
import pathlib
import re
import shutil
import subprocess
import sys
import time

SOURCE = pathlib.Path(__file__).resolve().parents[2]
WORK = SOURCE / "build-fuzz"
PLAIN = WORK / "plain/tests/fuzz"
CORPUS = SOURCE / "tests/fuzz/corpus"
MAX_BYTES = 256 * 12  # of an input that is a list of operations
SANITIZERS = {"address": "address,undefined", "memory": "memory", "none": "none"}
BUGS = {"fuzz_engine": "libfuzzer", "fuzz_bugs": "true", "b_lundef": "false",
        "b_sanitize": "address,undefined"}
# A program for devices, one for all else (which links libraries that MSan does not know).
PROGRAMS = ["cleave-fuzz", "cleave-fuzz-host", "cleave-fuzz-dm"]


def afl_need():
    """AFL++ is no package of ./setup: only this engine needs it."""
    if shutil.which("afl-fuzz"):
        return
    root = [] if os.geteuid() == 0 else ["sudo"]
    print("fuzz: installing afl++")
    env = dict(os.environ, DEBIAN_FRONTEND="noninteractive")
    subprocess.run([*root, "apt-get", "update", "-q"], check=True, env=env)
    subprocess.run([*root, "apt-get", "install", "-q", "-y", "--no-install-recommends", "afl++"],
                   check=True, env=env)


def build(name, options, targets, cc="clang", c_args=""):
    """A build directory of its own for each kind of build; returns where the programs lie."""
    where = WORK / name
    if not (where / "build.ninja").exists():
        argv = ["meson", "setup", str(where), *(f"-D{k}={v}" for k, v in options.items())]
        if c_args:
            argv += [f"-Dc_args={c_args}", f"-Dc_link_args={c_args}"]
        subprocess.run(argv, cwd=SOURCE, env=dict(os.environ, CC=cc, AFL_QUIET="1"), check=True,
                       stdout=subprocess.DEVNULL)
    out = subprocess.run(["ninja", "-C", str(where), "--quiet",
                          *(os.path.normpath(f"tests/fuzz/{t}") for t in targets)],
                         check=False, text=True,
                         capture_output=True, env=dict(os.environ, AFL_QUIET="1"))
    if out.returncode:
        sys.exit(f"{out.stdout}\n{out.stderr}\nfuzz: {name} cannot be built")
    return where / "tests/fuzz"


def build_engine(engine, sanitizer, programs=None):
    """The programs for an engine."""
    options = {"fuzz_engine": engine, "b_lundef": "false", "b_sanitize": SANITIZERS[sanitizer]}
    strict = "-fno-sanitize-recover=undefined" if sanitizer == "address" else ""
    if sanitizer == "memory":
        strict = "-fsanitize-memory-track-origins"
    names = programs or (PROGRAMS if sanitizer != "memory" else PROGRAMS[:1])
    if engine == "libfuzzer":
        targets = [n.replace("cleave-fuzz", "cleave-libfuzzer") for n in names]
    elif engine == "afl":
        targets = ["cleave-afl"]
    else:
        targets = names
    return build(f"{engine}-{sanitizer}", options, targets,
                 cc="afl-clang-fast" if engine == "afl" else "clang", c_args=strict)


def target_list():
    """{name: (program, description)} as the plain driver tells."""
    where = build("plain", {"buildtype": "debugoptimized"}, PROGRAMS, cc="cc")
    rows = {}
    for program in PROGRAMS:
        out = subprocess.run([where / program, "--list"], capture_output=True, text=True,
                             check=True).stdout
        for line in out.splitlines():
            name, _, about = line.partition(" ")
            rows[name] = (program, about.strip())
    return rows


def environment(target):
    """Sanitizers stop at the first finding and say where."""
    return dict(os.environ, CLEAVE_FUZZ_TARGET=target,
                UBSAN_OPTIONS="print_stacktrace=1:halt_on_error=1",
                ASAN_OPTIONS="detect_leaks=0:abort_on_error=0:symbolize=1",
                MSAN_OPTIONS="symbolize=1")


def findings_print(target, files):
    """What was found, and how to look at it."""
    for path in files:
        print(f"{target}: FINDING {path.relative_to(SOURCE)}")
        print(f"    ./fuzz {target} --replay {path.relative_to(SOURCE)}")


def run_libfuzzer(target, program, seconds, sanitizer, quiet=False):
    """One target for so many seconds; True when there was no finding."""
    where = build_engine("libfuzzer", sanitizer, [program])
    corpus = WORK / "corpus" / target
    found = WORK / "findings" / target
    for path in (corpus, found, CORPUS / target):
        path.mkdir(parents=True, exist_ok=True)
    before = set(found.iterdir())
    argv = [where / program.replace("cleave-fuzz", "cleave-libfuzzer"), f"--target={target}",
            f"-max_total_time={seconds}", "-timeout=20", "-report_slow_units=1",
            f"-max_len={MAX_BYTES if program == PROGRAMS[0] else 8192}",
            "-rss_limit_mb=2048", "-print_final_stats=1", f"-artifact_prefix={found}/", corpus,
            CORPUS / target]
    log = WORK / f"{target}.log"
    with open(log, "w", encoding="utf-8") as out:
        status = subprocess.run(argv, env=environment(target), stdout=out, stderr=out,
                                check=False).returncode
    text = log.read_text(encoding="utf-8", errors="replace")
    rates = re.findall(r"cov: (\d+) ft: (\d+) corp: (\d+)", text)
    number = re.search(r"stat::number_of_executed_units: *(\d+)", text)
    done = re.findall(r"^#(\d+)\t.*exec/s: (\d+)", text, re.M)
    runs = int(number.group(1)) if number else int(done[-1][0]) if done else 0
    cov, features, inputs = rates[-1] if rates else ("0", "0", "0")
    print(f"{target}: {runs} executions, {runs // max(seconds, 1)}/s; coverage {cov} edges, "
          f"{features} features, {inputs} inputs kept")
    files = sorted(set(found.iterdir()) - before)
    new = [p for p in files if is_finding(program, target, p)]
    if status and not files:
        print(text[-3000:])
        return False
    if status and new and not quiet:
        for line in text.splitlines():
            if re.search(r"FINDING|runtime error|^SUMMARY|ERROR: (Addr|libF|Mem)", line):
                print(f"    {line}")
        print(f"    the whole report: {log.relative_to(SOURCE)}")
    findings_print(target, new)
    return not new


def is_finding(program, target, path):
    """A slow input is one that takes a second of a CPU; on a busy machine others look slow, too."""
    if not path.name.startswith(("slow-unit-", "timeout-")):
        return True
    driver = build("libfuzzer-address", {}, [program])
    if subprocess.run([driver / program, target, path], env=environment(target),
                      capture_output=True, check=False).returncode:
        return True
    path.unlink()
    return False


def run_afl(target, program, seconds, sanitizer):
    """The same under AFL++."""
    if program != PROGRAMS[0]:
        sys.exit(f"fuzz: {target} runs under libfuzzer only")
    plain = build("plain", {"buildtype": "debugoptimized"}, ["libcleave-fuzz-mutator.so"], cc="cc")
    where = build_engine("afl", sanitizer)
    out = WORK / "afl" / target
    seeds = CORPUS / target
    out.mkdir(parents=True, exist_ok=True)
    if not seeds.exists() or not any(seeds.iterdir()):
        seeds = out / "seeds"
        seeds.mkdir(exist_ok=True)
        (seeds / "zero").write_bytes(bytes(12))
    env = dict(os.environ, CLEAVE_FUZZ_TARGET=target, AFL_NO_UI="1",
               UBSAN_OPTIONS="halt_on_error=1:abort_on_error=1:symbolize=0",
               ASAN_OPTIONS="abort_on_error=1:symbolize=0:detect_leaks=0", AFL_SKIP_CPUFREQ="1",
               AFL_AUTORESUME="1",
               AFL_I_DONT_CARE_ABOUT_MISSING_CRASHES="1", AFL_NO_AFFINITY="1",
               AFL_CUSTOM_MUTATOR_LIBRARY=str(plain / "libcleave-fuzz-mutator.so"))
    log = WORK / f"{target}-afl.log"
    with open(log, "w", encoding="utf-8") as text:
        status = subprocess.run(["afl-fuzz", "-V", str(seconds), "-t", "1000", "-i", seeds, "-o",
                                 out / "out", "--", where / "cleave-afl"], env=env, stdout=text,
                                stderr=text, check=False).returncode
    stats = out / "out/default/fuzzer_stats"
    if not stats.exists():
        print(log.read_text(encoding="utf-8", errors="replace")[-1500:])
        return False
    rows = dict(re.findall(r"^(\w+) *: (.*)$", stats.read_text(encoding="utf-8"), re.M))
    print(f"{target}: {rows['execs_done']} executions, {rows['execs_per_sec']}/s; coverage "
          f"{rows['bitmap_cvg']} of the map, {rows['corpus_count']} inputs kept")
    bad = [p for kind in ("crashes", "hangs") for p in (out / "out/default" / kind).glob("id*")]
    findings_print(target, sorted(bad))
    return not bad and status == 0


def run_replay(target, program, files, sanitizer):
    """Prints operations in words; then once more under the sanitizers."""
    plain = build("plain", {"buildtype": "debugoptimized"}, [program], cc="cc")
    subprocess.run([plain / program, target, "--replay", *files], check=False)
    where = build_engine("libfuzzer", sanitizer, [program])
    engine = program.replace("cleave-fuzz", "cleave-libfuzzer")
    return subprocess.run([where / engine, f"--target={target}", "-timeout=20", *files],
                          env=environment(target), check=False).returncode == 0


def merge(target, program):
    """A few small inputs that reach what the whole working corpus reaches become the seeds."""
    engine = program.replace("cleave-fuzz", "cleave-libfuzzer")
    # Without optimisation every condition of the source is an edge.
    where = build("merge", {"fuzz_engine": "libfuzzer", "b_lundef": "false", "optimization": "0"},
                  [engine])
    engine = where / engine
    new = WORK / "merged" / target
    shutil.rmtree(new, ignore_errors=True)
    new.mkdir(parents=True)
    (CORPUS / target).mkdir(parents=True, exist_ok=True)
    work = WORK / "merged" / f"{target}-from"  # a fuzzer may be at work on the original
    shutil.rmtree(work, ignore_errors=True)
    work.mkdir(parents=True)
    for path in (WORK / "corpus" / target).glob("*"):
        try:
            shutil.copy(path, work)
        except FileNotFoundError:
            pass
    subprocess.run([engine, f"--target={target}", "-set_cover_merge=1", "-use_counters=0",
                    "-timeout=5", new,
                    CORPUS / target, work], env=environment(target), check=True,
                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    files = sorted(new.iterdir(), key=lambda p: p.stat().st_size)
    total = sum(p.stat().st_size for p in files)
    shutil.rmtree(CORPUS / target)
    shutil.copytree(new, CORPUS / target)
    print(f"{target}: {len(files)} inputs, {total} bytes")


def seeds_needed(target, program):
    """Inputs for a measurement, where they are no list of operations that can be made."""
    return [] if program == PROGRAMS[0] else [CORPUS / target]


def bench(rows, sanitizer, seconds):
    """Executions per second of every target with the plain driver: made inputs of 32 operations,
    or seeds where an input is no list of operations."""
    if sanitizer == "none":
        where = build("plain", {"buildtype": "debugoptimized"}, PROGRAMS, cc="cc")
    else:
        where = build("plain-address", {"b_sanitize": SANITIZERS["address"], "b_lundef": "false"},
                      PROGRAMS)
    for target, (program, _) in rows.items():
        subprocess.run([where / program, target, "--bench", str(seconds),
                        *seeds_needed(target, program)], env=environment(target), check=True)


def options_parse():
    """The command line."""
    parser = argparse.ArgumentParser(prog="./fuzz", description="Fuzzes Cleave's devices.")
    parser.add_argument("target", nargs="?", help="a device, or `all` for every one in turn")
    parser.add_argument("--list", action="store_true", help="which targets there are")
    parser.add_argument("--time", type=int, default=60, metavar="S", help="seconds per target (60)")
    parser.add_argument("--engine", choices=["libfuzzer", "afl"], default="libfuzzer")
    parser.add_argument("--sanitizer", choices=list(SANITIZERS), default="address",
                        help="address (with undefined; the default), memory, or none")
    parser.add_argument("--replay", nargs="+", metavar="FILE", help="prints an input in words")
    parser.add_argument("--to-qtest", nargs="+", metavar="FILE",
                        help="writes inputs as qtest scripts")
    parser.add_argument("--differential", nargs="+", metavar=("QEMU", "FILE"),
                        help="runs inputs on cleave-dm and on QEMU, and compares")
    parser.add_argument("--coverage", action="store_true", help="branch coverage of the corpora")
    parser.add_argument("--update", action="store_true", help="with --coverage: writes the list")
    parser.add_argument("--bench", action="store_true", help="executions per second per core")
    parser.add_argument("--rss", action="store_true", help="memory over 10 million executions")
    parser.add_argument("--merge", action="store_true", help="new inputs become seeds, minimised")
    parser.add_argument("--selftest", action="store_true", help="are three old bugs found?")
    return parser.parse_args()


def script_run(script, *args):
    """Another program of this folder."""
    return subprocess.run([sys.executable, SOURCE / "tests/fuzz" / script, *args],
                          check=False).returncode


def fuzz_all(rows, options):
    """Each target for its time; how many had findings."""
    bad = 0
    start = time.monotonic()
    for target, (program, _) in rows.items():
        if options.engine == "afl":
            bad += not run_afl(target, program, options.time, options.sanitizer)
        else:
            bad += not run_libfuzzer(target, program, options.time, options.sanitizer)
    hours = (time.monotonic() - start) / 3600
    print(f"{len(rows)} targets, {hours:.2f} hours, {bad} with findings")
    return 1 if bad else 0


def run_differential(target, program, other, *files):
    """Inputs as scripts, on cleave-dm and on the other machine."""
    build("plain", {"buildtype": "debugoptimized"}, ["../../cleave-dm"], cc="cc")
    scripts = WORK / "qtest" / target
    scripts.mkdir(parents=True, exist_ok=True)
    for file in files:
        with open(scripts / pathlib.Path(file).name, "w", encoding="ascii") as out:
            subprocess.run([PLAIN / program, target, "--to-qtest", file], stdout=out, check=True)
    return script_run("qtest-diff.py", "--ours", PLAIN.parents[1] / "cleave-dm", "--other", other,
                      *(scripts / pathlib.Path(f).name for f in files))


def main():
    """Does what the options say."""
    options = options_parse()
    if options.engine == "afl":
        afl_need()
    rows = target_list()
    if options.list:
        for name, (_, about) in rows.items():
            print(f"{name:14} {about}")
        return 0
    if options.coverage:  # the list is about the seeds alone, as the test that checks it
        return script_run("coverage.py", *(["--update"] if options.update else
                                           ["--corpus", WORK / "corpus"]))
    if options.selftest:
        return script_run("selftest.py", build("selftest", BUGS, ["cleave-fuzz-bugs"])
                          / "cleave-fuzz-bugs")
    if options.target and options.target != "all":
        if options.target not in rows:
            sys.exit(f"fuzz: no target {options.target}; ./fuzz --list tells which there are")
        rows = {options.target: rows[options.target]}
    elif not options.target and not (options.bench or options.rss or options.merge):
        sys.exit("fuzz: which device? ./fuzz --list tells which there are")
    if options.sanitizer == "memory":
        rows = {name: row for name, row in rows.items() if row[0] == PROGRAMS[0]}
    if options.replay:
        return not run_replay(options.target, rows[options.target][0], options.replay,
                              options.sanitizer)
    if options.to_qtest:
        return subprocess.run([PLAIN / rows[options.target][0], options.target, "--to-qtest",
                               *options.to_qtest], check=False).returncode
    if options.differential:
        return run_differential(options.target, rows[options.target][0], *options.differential)
    if options.merge:
        for target, (program, _) in rows.items():
            merge(target, program)
        return 0
    if options.bench:
        bench(rows, options.sanitizer, min(options.time, 3))
        return 0
    if options.rss:
        where = build("plain", {"buildtype": "debugoptimized"}, PROGRAMS, cc="cc")
        if not options.target:  # the others would take hours
            rows = {name: row for name, row in rows.items() if row[0] == PROGRAMS[0]}
        return max(subprocess.run([where / program, target, "--rss",
                                   *seeds_needed(target, program)], check=False).returncode
                   for target, (program, _) in rows.items())
    return fuzz_all(rows, options)


if __name__ == "__main__":
    sys.exit(main())
