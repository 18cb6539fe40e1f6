/* SPDX-License-Identifier: GPL-2.0-or-later */
/*
 * The driver without an engine: replays files, prints them in words, measures. Built by every
 * compiler; the corpora are replayed by it on every test run.
 */
#include "fuzz.h"

#include <dirent.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/time.h>
#include <time.h>

#include "qtest-writer.h"

#define HANG_NS      1000000000ull
#define BENCH_INPUTS 256u
#define BENCH_OPS    32u
#define BENCH_SLICES 10u
#define SEED_OPS     64u
#define INPUT_MAX    (1u << 20)
#define FILES_MAX    65536u

static struct {
    uint8_t *data;
    size_t size;
    uint64_t digest;
    char *name;
} * input;
static size_t ninputs;

static uint64_t now_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* Time on a CPU: what other programs take does not count. */
static uint64_t cpu_ns(void)
{
    struct timespec t;

    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void watchdog_expired(int sig)
{
    abort();
}

/* An input that never ends is ended after so many seconds of a CPU. */
static void watchdog_arm(unsigned seconds)
{
    struct itimerval t = {.it_value.tv_sec = seconds};

    signal(SIGVTALRM, watchdog_expired);
    setitimer(ITIMER_VIRTUAL, &t, NULL);
}

/* --- inputs --- */

static void input_add(const char *name, const uint8_t *data, size_t size)
{
    if (ninputs == FILES_MAX) {
        return;
    }
    input[ninputs].data = malloc(size + !size);
    input[ninputs].name = strdup(name);
    memcpy(input[ninputs].data, data, size);
    input[ninputs++].size = size;
}

static bool file_add(const char *path)
{
    static uint8_t buf[INPUT_MAX];
    FILE *f = fopen(path, "rb");

    if (!f) {
        perror(path);
        return false;
    }
    input_add(path, buf, fread(buf, 1, sizeof(buf), f));
    fclose(f);
    return true;
}

static int by_name(const struct dirent **a, const struct dirent **b)
{
    return strcmp((*a)->d_name, (*b)->d_name);
}

/* A file, or all files of a directory. */
static bool path_add(const char *path)
{
    struct dirent **list;
    struct stat st;
    bool ok = true;

    if (stat(path, &st) == 0 && !S_ISDIR(st.st_mode)) {
        return file_add(path);
    }
    int n = scandir(path, &list, NULL, by_name);
    for (int i = 0; i < n; i++) {
        char full[4096];

        snprintf(full, sizeof(full), "%s/%s", path, list[i]->d_name);
        if (list[i]->d_name[0] != '.') {
            ok = file_add(full) && ok;
        }
        free(list[i]);
    }
    if (n < 0) {
        perror(path);
        return false;
    }
    free(list);
    return ok;
}

/* --- what the driver does with them --- */

static bool input_run(struct fuzz_world *w, size_t i)
{
    uint64_t start = cpu_ns();

    watchdog_arm(20);
    fuzz_run(w, input[i].data, input[i].size);
    uint64_t ns = cpu_ns() - start;
    if (ns > HANG_NS) {
        fprintf(stderr, "FINDING: %s: %s took %.1f s\n", w->target->name, input[i].name,
                (double)ns / 1e9);
        return false;
    }
    return true;
}

/*
 * Every input twice, the second time in reverse order: the answers must not depend on what ran
 * before, or resume() left something behind.
 */
static bool inputs_replay(struct fuzz_world *w)
{
    bool ok = true;

    for (size_t i = 0; i < ninputs; i++) {
        ok = input_run(w, i) && ok;
        input[i].digest = w->digest;
    }
    for (size_t i = ninputs; i-- > 0;) {
        ok = input_run(w, i) && ok;
        if (w->digest != input[i].digest) {
            fprintf(stderr, "FINDING: %s: %s: other answers the second time\n", w->target->name,
                    input[i].name);
            ok = false;
        }
    }
    return ok;
}

static bool inputs_print(struct fuzz_world *w)
{
    bool ok = true;

    for (size_t i = 0; i < ninputs; i++) {
        printf("%s: %s, %zu bytes\n", input[i].name, w->target->name, input[i].size);
        fuzz_print_events(w, stdout);
        if (w->target->describe) {
            w->target->describe(w, input[i].data, input[i].size);
        }
        ok = input_run(w, i) && ok;
    }
    return ok;
}

/* One after the other on standard output. */
static bool inputs_to_qtest(struct fuzz_world *w)
{
    for (size_t i = 0; i < ninputs; i++) {
        if (!fuzz_qtest_begin(w)) {
            return false;
        }
        fuzz_run(w, input[i].data, input[i].size);
        if (!fuzz_qtest_end(w, stdout)) {
            return false;
        }
    }
    return true;
}

/* Made inputs of 32 operations, unless files were given. */
static bool bench_inputs(struct fuzz_world *w)
{
    uint8_t buf[BENCH_OPS * FUZZ_OP_BYTES];
    bool named = ninputs;

    for (unsigned i = 0; !named && ninputs < BENCH_INPUTS && !w->target->run; i++) {
        input_add("made", buf, fuzz_generate(w, buf, BENCH_OPS, i + 1));
    }
    if (!ninputs) {
        fprintf(stderr, "%s: no inputs can be made for this target: name its seeds\n",
                w->target->name);
    }
    return ninputs;
}

static int by_rate(const void *a, const void *b)
{
    double d = *(const double *)a - *(const double *)b;

    return (d > 0) - (d < 0);
}

/* A host that other machines share is never quiet for long: the median of several slices, and the
 * fastest. */
static bool inputs_bench(struct fuzz_world *w, double seconds)
{
    uint64_t ops = 0, runs = 0;
    double rate[BENCH_SLICES];

    if (!bench_inputs(w)) {
        return false;
    }
    for (unsigned s = 0; s <= BENCH_SLICES; s++) { /* the first one warms up */
        uint64_t start = cpu_ns(), ns, done = 0;

        ops = w->op_count;
        do {
            for (size_t i = 0; i < ninputs; i++) {
                fuzz_run(w, input[i].data, input[i].size);
            }
            done += ninputs;
            ns = cpu_ns() - start;
        } while ((double)ns < seconds * 1e9 / BENCH_SLICES);
        rate[s ? s - 1 : 0] = (double)done * 1e9 / (double)ns;
        ops = w->op_count - ops;
        runs = done;
    }
    qsort(rate, BENCH_SLICES, sizeof(rate[0]), by_rate);
    printf("%s: %.0f executions/s per core (at best %.0f), %.1f operations each, arena %zu bytes\n",
           w->target->name, rate[BENCH_SLICES / 2], rate[BENCH_SLICES - 1],
           (double)ops / (double)runs, w->hw.arena->used);
    return true;
}

static long rss_kib(void)
{
    long size, resident = 0;
    FILE *f = fopen("/proc/self/statm", "r");

    if (f && fscanf(f, "%ld %ld", &size, &resident) != 2) {
        resident = 0;
    }
    if (f) {
        fclose(f);
    }
    return resident * 4;
}

/* Resident memory after 100,000 executions of the same inputs and after `count`. */
static bool inputs_rss(struct fuzz_world *w, uint64_t count)
{
    long before = 0;

    if (!bench_inputs(w)) {
        return false;
    }
    for (uint64_t n = 0; n < count; n++) {
        if (n == 100000) {
            before = rss_kib();
        }
        fuzz_run(w, input[n % ninputs].data, input[n % ninputs].size);
    }
    long after = rss_kib();
    printf("%s: RSS %ld KiB after 100000, %ld KiB after %llu executions\n", w->target->name, before,
           after, (unsigned long long)count);
    return after - before <= 1024;
}

/* Random inputs without an engine: finds what is easily found, where no clang is at hand. */
static bool inputs_random(struct fuzz_world *w, double seconds, uint64_t seed)
{
    static uint8_t buf[FUZZ_MAX_OPS * FUZZ_OP_BYTES];
    uint64_t start = now_ns(), n = 0;

    if (w->target->run) {
        return true;
    }
    while ((double)(now_ns() - start) < seconds * 1e9) {
        size_t size = fuzz_generate(w, buf, 64, seed + n);

        watchdog_arm(20);
        for (unsigned i = 0; i < 32; i++, n++) {
            fuzz_run(w, buf, size);
            size = fuzz_mutate(w, buf, size, sizeof(buf), seed + n);
        }
    }
    watchdog_arm(0);
    printf("%s: %llu random inputs\n", w->target->name, (unsigned long long)n);
    return true;
}

static int usage(const char *program)
{
    fprintf(stderr,
            "usage: %s --list\n"
            "       %s TARGET [FILE|DIRECTORY]...            replays\n"
            "       %s TARGET --replay FILE...               prints every operation in words\n"
            "       %s TARGET --to-qtest FILE...             writes them as qtest scripts\n"
            "       %s TARGET --bench [SECONDS] [FILE]...    executions per second\n"
            "       %s TARGET --rss [COUNT] [FILE]...        resident memory over executions\n"
            "       %s TARGET --random [SECONDS [SEED]]      made inputs, without an engine\n"
            "       %s TARGET --tap FILE|DIRECTORY...        replays, and reports as TAP\n"
            "       %s TARGET --seeds DIRECTORY COUNT        writes made inputs\n",
            program, program, program, program, program, program, program, program, program);
    return 2;
}

static int list_print(void)
{
    for (struct fuzz_target *t = fuzz_targets(); t; t = t->next) {
        printf("%-14s %s\n", t->name, t->about);
    }
    return 0;
}

static bool seeds_write(struct fuzz_world *w, const char *dir, unsigned count)
{
    uint8_t buf[SEED_OPS * FUZZ_OP_BYTES];

    for (unsigned i = 0; i < count; i++) {
        char path[4096];
        size_t size = fuzz_generate(w, buf, SEED_OPS, i + 1000);

        snprintf(path, sizeof(path), "%s/made-%u", dir, i);
        FILE *f = fopen(path, "wb");
        if (!f || fwrite(buf, 1, size, f) != size || fclose(f)) {
            perror(path);
            return false;
        }
    }
    return true;
}

/* The mode's number argument, if the next one is one. */
static double number(int argc, char **argv, int *at, double otherwise)
{
    char *end;
    double val = *at < argc ? strtod(argv[*at], &end) : 0;

    if (*at >= argc || *end || end == argv[*at]) {
        return otherwise;
    }
    (*at)++;
    return val;
}

static bool mode_run(struct fuzz_world *w, int argc, char **argv)
{
    const char *mode = argc > 2 && argv[2][0] == '-' ? argv[2] : "";
    int at = *mode ? 3 : 2;
    bool ok = true;

    if (strcmp(mode, "--seeds") == 0 && argc == 5) {
        return seeds_write(w, argv[3], (unsigned)atoi(argv[4]));
    }
    if (strcmp(mode, "--random") == 0) {
        double seconds = number(argc, argv, &at, 10);

        return inputs_random(w, seconds, (uint64_t)number(argc, argv, &at, (double)now_ns()));
    }
    double n = number(argc, argv, &at, strcmp(mode, "--rss") ? 3 : 10e6);
    while (at < argc) {
        ok = path_add(argv[at++]) && ok;
    }
    if (strcmp(mode, "--bench") == 0) {
        return inputs_bench(w, n) && ok;
    }
    if (strcmp(mode, "--rss") == 0) {
        return inputs_rss(w, (uint64_t)n) && ok;
    }
    if (strcmp(mode, "--replay") == 0) {
        return inputs_print(w) && ok;
    }
    if (strcmp(mode, "--to-qtest") == 0) {
        return inputs_to_qtest(w) && ok;
    }
    bool tap = strcmp(mode, "--tap") == 0;
    if (*mode && !tap) {
        exit(usage(argv[0]));
    }
    ok = inputs_replay(w) && ok && ninputs;
    printf(tap ? "1..1\n%sok 1 - %s: %zu inputs replayed\n" : "%s%s: %zu inputs replayed\n",
           ok || !tap ? "" : "not ", w->target->name, ninputs);
    return ok;
}

int main(int argc, char **argv)
{
    struct fuzz_target *t = argc > 1 ? fuzz_find(argv[1]) : NULL;

    if (argc == 2 && strcmp(argv[1], "--list") == 0) {
        return list_print();
    }
    if (!t) {
        return usage(argv[0]);
    }
    input = calloc(FILES_MAX, sizeof(input[0]));
    if (argc > 2 && (argv[2][0] != '-' || strcmp(argv[2], "--tap") == 0)) {
        fuzz_set_up_failing(t);
    }
    struct fuzz_world *w = input ? fuzz_start(t) : NULL;
    if (!w) {
        return 2;
    }
    return mode_run(w, argc, argv) ? 0 : 1;
}
