/* SPDX-License-Identifier: Apache-2.0 */
/* reader.h — the cursor through foreign bytes: every length is checked here and nowhere else.
 *
 * The error is sticky: after a read past the end `is_short` stays true, everything reads as zero or
 * empty, and one look at the end suffices. */
#ifndef NJ_BASE_READER_H
#define NJ_BASE_READER_H

#include "base/str.h"

struct nj_reader {
    const uint8_t *p;
    const uint8_t *end;
    bool is_short;
};

static inline struct nj_reader
nj_reader_of(struct nj_str bytes)
{
    const uint8_t *p = (const uint8_t *)bytes.p;

    return (struct nj_reader){p, bytes.n > 0 ? p + bytes.n : p, false};
}

static inline size_t
nj_reader_left(const struct nj_reader *r)
{
    return (size_t)(r->end - r->p);
}

/* The next n bytes, lent from the input; empty and `is_short` when there are fewer. */
static inline struct nj_str
nj_read_bytes(struct nj_reader *r, size_t n)
{
    struct nj_str bytes = {(const char *)r->p, n};

    if (NJ_UNLIKELY(n > nj_reader_left(r))) {
        r->is_short = true;
        r->p = r->end;
        return (struct nj_str){(const char *)r->end, 0};
    }
    r->p += n;
    return bytes;
}

static inline uint8_t
nj_read_u8(struct nj_reader *r)
{
    if (NJ_UNLIKELY(nj_reader_left(r) < 1)) {
        r->is_short = true;
        return 0;
    }
    return *r->p++;
}

static inline uint16_t
nj_read_u16(struct nj_reader *r)
{
    uint16_t v;

    if (NJ_UNLIKELY(nj_reader_left(r) < 2)) {
        r->is_short = true;
        r->p = r->end;
        return 0;
    }
    v = (uint16_t)((uint32_t)r->p[0] << 8 | r->p[1]);
    r->p += 2;
    return v;
}

static inline uint32_t
nj_read_u32(struct nj_reader *r)
{
    uint32_t high = nj_read_u16(r);

    return high << 16 | nj_read_u16(r);
}

/* Two bytes of length, then that many bytes: MQTT's strings and binary data. [MQTT5-1.5.4] */
static inline struct nj_str
nj_read_lp16(struct nj_reader *r)
{
    return nj_read_bytes(r, nj_read_u16(r));
}

#endif
