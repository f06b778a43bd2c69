/* W1 and W2 as one pass each over columns in memory: one state record per symbol, one head that sheds for all symbols. */
#include <math.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#define FIVE_MINUTES_NS 300000000000LL
#define PRICE_WINDOW 10

typedef struct {
    double prices[PRICE_WINDOW];
    double price_total;
    double size_total;
    int32_t count; /* rows in the time window */
    int32_t slot;  /* where the next price goes */
    int32_t seen;  /* rows seen, up to PRICE_WINDOW */
} __attribute__((aligned(64))) Spike;

typedef struct {
    double value_total;
    double size_total;
    int32_t count;
    int32_t active;
} __attribute__((aligned(32))) Vwap;

static void *zeroed(size_t records, size_t width) {
    void *memory = aligned_alloc(64, (records * width + 63) / 64 * 64);
    if (memory) memset(memory, 0, records * width);
    return memory;
}

/* Writes the alerting rows to `alerts`, which must hold `rows` items; returns their number, or -1 without memory. */
int64_t w1(const int64_t *restrict time, const int32_t *restrict symbol, const double *restrict price,
           const double *restrict size, int64_t rows, int32_t symbols, double theta, int64_t *restrict alerts) {
    Spike *states = zeroed((size_t)symbols + 1, sizeof(Spike));
    if (!states) return -1;
    int64_t found = 0, head = 0;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t expired = time[row] - FIVE_MINUTES_NS;
        for (; time[head] <= expired; head++) {
            Spike *old = &states[symbol[head]];
            old->size_total -= size[head]; /* whole numbers: exact */
            old->count--;
        }
        Spike *s = &states[symbol[row]];
        const double p = price[row], q = size[row];
        s->price_total += p - s->prices[s->slot];
        s->prices[s->slot] = p;
        s->slot = s->slot == PRICE_WINDOW - 1 ? 0 : s->slot + 1;
        s->seen += s->seen < PRICE_WINDOW;
        s->size_total += q;
        s->count++;
        const double total = s->price_total;
        if (fabs(p * PRICE_WINDOW - total) > theta * total && q * s->count > 2 * s->size_total && s->seen == PRICE_WINDOW)
            alerts[found++] = row;
    }
    free(states);
    return found;
}

/* Writes pairs (row, 1 raised / 0 cleared) to `events`, which must hold `rows` pairs; returns their number, or -1. */
int64_t w2(const int64_t *restrict time, const int32_t *restrict symbol, const double *restrict price,
           const double *restrict size, int64_t rows, int32_t symbols, double enter, double leave, int64_t *restrict events) {
    Vwap *states = zeroed((size_t)symbols + 1, sizeof(Vwap));
    if (!states) return -1;
    int64_t found = 0, head = 0;
    for (int64_t row = 0; row < rows; row++) {
        const int64_t expired = time[row] - FIVE_MINUTES_NS;
        for (; time[head] <= expired; head++) {
            Vwap *old = &states[symbol[head]];
            old->size_total -= size[head];
            old->value_total -= price[head] * size[head];
            if (--old->count == 0) old->value_total = 0; /* an emptied window forgets its rounding */
        }
        Vwap *s = &states[symbol[row]];
        const double p = price[row], q = size[row];
        s->size_total += q;
        s->value_total += p * q;
        s->count++;
        const double away = fabs(p * s->size_total - s->value_total);
        if (s->active ? away < leave * s->value_total : away > enter * s->value_total) {
            s->active = !s->active;
            events[2 * found] = row;
            events[2 * found++ + 1] = s->active;
        }
    }
    free(states);
    return found;
}
