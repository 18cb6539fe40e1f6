/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Operations and what they do in words, for --replay. */
#include "fuzz.h"

static const char *const kind_name[FUZZ_NKINDS] = {
    [FUZZ_READ] = "read",
    [FUZZ_WRITE] = "write",
    [FUZZ_READ_REP] = "string read",
    [FUZZ_WRITE_REP] = "string write",
    [FUZZ_CFG_READ] = "config read",
    [FUZZ_CFG_WRITE] = "config write",
    [FUZZ_STEP] = "time passes",
    [FUZZ_STEP_NEXT] = "time passes to the next deadline",
    [FUZZ_RAM_WRITE] = "the guest writes RAM",
    [FUZZ_RAM_READ] = "the guest reads RAM",
    [FUZZ_PATTERN] = "fresh RAM",
    [FUZZ_BLK_MODE] = "block requests",
    [FUZZ_BLK_DONE] = "a block request ends",
    [FUZZ_ACTION] = "action",
    [FUZZ_RESET] = "reset",
    [FUZZ_SAVE] = "state saved",
    [FUZZ_RESUME] = "state replaced by the saved one",
    [FUZZ_POKE] = "state altered",
};

/* The window that holds an address, for its name. */
static const char *window_name(struct fuzz_world *w, enum fuzz_space space, uint64_t addr)
{
    for (unsigned i = 0; i < w->nwindows; i++) {
        const struct fuzz_window *win = &w->window[i];
        uint64_t base = win->region && win->region->mapped ? win->region->base : win->base;

        if (win->space == space && addr - base < win->len) {
            return win->name;
        }
    }
    return "nobody";
}

static void op_print(FILE *out, struct fuzz_world *w, const struct fuzz_event *e)
{
    const struct fuzz_op *op = e->op;

    fprintf(out, "%3u %s", e->n, kind_name[op->kind]);
    if (op->kind == FUZZ_ACTION && w->nactions) {
        fprintf(out, ": %s (%#x, %#llx)", w->action[op->sel % w->nactions].name, op->addr,
                (unsigned long long)op->val);
    } else if (op->kind == FUZZ_PATTERN) {
        fprintf(out, ": dword %u is %#x", op->sel % FUZZ_PATTERN_DWORDS, (unsigned)op->val);
    } else if (op->kind == FUZZ_BLK_MODE) {
        fprintf(out, ": %s", op->sel & 1 ? "wait to be ended" : "end by themselves");
    }
    fprintf(out, "\n");
}

static void access_print(FILE *out, struct fuzz_world *w, const struct fuzz_event *e)
{
    fprintf(out, "      %s %s %u bit%s at %#llx (%s)", e->space == FUZZ_PIO ? "port" : "memory",
            e->write ? "write" : "read", e->size * 8, e->count ? " string" : "",
            (unsigned long long)e->addr, window_name(w, e->space, e->addr));
    if (!e->count) {
        fprintf(out, ": %#llx\n", (unsigned long long)e->val);
        return;
    }
    fprintf(out, ", %u times:", e->count);
    for (unsigned i = 0; i < e->count * e->size && i < 32; i++) {
        fprintf(out, " %02x", ((const uint8_t *)e->data)[i]);
    }
    fprintf(out, "%s\n", e->count * e->size > 32 ? " ..." : "");
}

static void blk_print(FILE *out, const struct fuzz_event *e)
{
    static const char *const name[] = {"read", "write", "flush", "discard"};

    if (e->kind == FUZZ_EV_BLK) {
        fprintf(out, "      disk %u: %s of %u bytes at %#llx begins\n", e->n, name[e->val & 3],
                e->size, (unsigned long long)e->addr);
    } else {
        fprintf(out, "      disk %u: request at %#llx ends with error %llu\n", e->n,
                (unsigned long long)e->addr, (unsigned long long)e->val);
    }
}

static void event_print(void *opaque, struct fuzz_world *w, const struct fuzz_event *e)
{
    static const char *const power[] = {"power off", "reset", "CPU reset", "suspend", "debug exit"};
    FILE *out = opaque;
    unsigned long long addr = e->addr, val = e->val;

    switch (e->kind) {
    case FUZZ_EV_OP:
        op_print(out, w, e);
        break;
    case FUZZ_EV_ACCESS:
        access_print(out, w, e);
        break;
    case FUZZ_EV_CFG:
        fprintf(out, "      config %s %02x.%x +%02llx, %u bit: %#llx\n",
                e->write ? "write" : "read", e->n >> 3, e->n & 7, addr, e->size * 8, val);
        break;
    case FUZZ_EV_RAM_FILL:
        fprintf(out, "      RAM page %#llx is used for the first time\n", addr);
        break;
    case FUZZ_EV_RAM:
        fprintf(out, "      RAM %s at %#llx, %u bit: %#llx\n", e->write ? "write" : "read", addr,
                e->size * 8, val);
        break;
    case FUZZ_EV_CLOCK:
        fprintf(out, "      guest time is %llu ns\n", val);
        break;
    case FUZZ_EV_LINE:
        fprintf(out, "      line %u %s\n", e->n, val ? "rises" : "falls");
        break;
    case FUZZ_EV_BLK:
    case FUZZ_EV_BLK_DONE:
        blk_print(out, e);
        break;
    case FUZZ_EV_POWER:
        fprintf(out, "      the guest asks for: %s (%llu)\n", power[e->n % 5], val);
        break;
    case FUZZ_EV_RESET:
        fprintf(out, "      %s reset\n", e->n == RESET_HARD ? "hard" : "power-on");
        break;
    case FUZZ_EV_NOTE:
        fprintf(out, "      %s\n", e->text);
        break;
    }
}

void fuzz_print_events(struct fuzz_world *w, FILE *out)
{
    w->observer = (struct fuzz_observer){event_print, out};
}
