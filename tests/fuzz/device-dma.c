/* SPDX-License-Identifier: GPL-2.0-or-later */
/* Fuzz target: the 8237A DMA controllers, with devices that ask for transfers of any length. */
#include "fuzz.h"

#include <string.h>

#include "dma/i8237.h"

static struct i8237 dma;

/* Bits 2-0 of addr: channel (bit 4: of those that there are not); bit 3: to memory. Value: bytes.
 */
static void dreq(struct fuzz_world *w, uint32_t addr, uint64_t val)
{
    static const uint8_t pattern[8] = {1, 2, 3, 4, 5, 6, 7, 8};
    uint8_t buf[1024];
    uint32_t len = (uint32_t)(val % (sizeof(buf) + 1));
    unsigned channel = (addr & 7) | (addr >> 1 & 8);
    bool tc = false;

    for (unsigned i = 0; i < sizeof(buf); i += sizeof(pattern)) {
        memcpy(&buf[i], pattern, sizeof(pattern));
    }
    uint32_t n = i8237_transfer(&dma, channel, buf, len, addr & 8, &tc);
    if (n > len || (n && (channel == 4 || channel > 7))) {
        fuzz_finding(w, "channel %u: %u bytes moved, %u were asked for", channel, n, len);
    }
    fuzz_note(w, "DREQ %u for %u bytes: %u moved, TC %d, ready %d", channel, len, n, tc,
              i8237_ready(&dma, channel));
    fuzz_answer(w, n * 2 + tc + (n ? buf[n - 1] * 16u : 0));
}

static bool dma_setup(struct fuzz_world *w)
{
    fuzz_ports_add(w, "dma0", 0, 16);
    fuzz_ports_add(w, "dma1", 0xc0, 32);
    fuzz_ports_add(w, "dma-page", 0x80, 16);
    fuzz_ports_add(w, "dma-page-high", 0x480, 16);
    fuzz_action_add(w, "DREQ", dreq);
    return i8237_init(&dma, &w->hw) == 0;
}

FUZZ_TARGET(i8237) = {
    .name = "i8237",
    .about = "8237A DMA controllers and their page registers",
    .setup = dma_setup,
};
