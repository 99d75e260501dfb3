/* SPDX-License-Identifier: Apache-2.0 */
/* writer.h — the twin of reader.h: bytes into memory of the caller's, never past its end.
 *
 * The error is sticky: once something did not fit, `is_full` stays true and nothing more is
 * written. */
#ifndef NJ_BASE_WRITER_H
#define NJ_BASE_WRITER_H

#include "base/str.h"

struct nj_writer {
    uint8_t *p;
    uint8_t *end;
    bool is_full;
};

static inline struct nj_writer
nj_writer_of(void *memory, size_t bytes)
{
    uint8_t *p = memory;

    return (struct nj_writer){p, p + bytes, false};
}

static inline bool
nj_writer_has(struct nj_writer *w, size_t n)
{
    if (NJ_UNLIKELY(w->is_full || (size_t)(w->end - w->p) < n)) {
        w->is_full = true;
        return false;
    }
    return true;
}

static inline void
nj_write_u8(struct nj_writer *w, uint8_t v)
{
    if (nj_writer_has(w, 1))
        *w->p++ = v;
}

static inline void
nj_write_u16(struct nj_writer *w, uint16_t v)
{
    if (!nj_writer_has(w, 2))
        return;
    w->p[0] = (uint8_t)(v >> 8);
    w->p[1] = (uint8_t)v;
    w->p += 2;
}

static inline void
nj_write_u32(struct nj_writer *w, uint32_t v)
{
    if (!nj_writer_has(w, 4))
        return;
    w->p[0] = (uint8_t)(v >> 24);
    w->p[1] = (uint8_t)(v >> 16);
    w->p[2] = (uint8_t)(v >> 8);
    w->p[3] = (uint8_t)v;
    w->p += 4;
}

static inline void
nj_write_bytes(struct nj_writer *w, struct nj_str s)
{
    if (s.n == 0 || !nj_writer_has(w, s.n))
        return;
    memcpy(w->p, s.p, s.n);
    w->p += s.n;
}

/* As much of it as there is room for; is_full: that was not all. */
static inline void
nj_write_part(struct nj_writer *w, struct nj_str s)
{
    size_t room = (size_t)(w->end - w->p);

    if (NJ_LIKELY(s.n <= room)) {
        nj_write_bytes(w, s);
        return;
    }
    nj_write_bytes(w, (struct nj_str){s.p, room});
    w->is_full = true;
}

/* In decimal digits, or not at all. */
static inline void
nj_write_decimal(struct nj_writer *w, uint32_t v)
{
    char digits[10];
    size_t at = sizeof(digits);

    do {
        digits[--at] = (char)('0' + v % 10);
    } while ((v /= 10) > 0);
    nj_write_bytes(w, (struct nj_str){digits + at, sizeof(digits) - at});
}

/* Two bytes of length, then the bytes; more than 65,535 do not fit. */
static inline void
nj_write_lp16(struct nj_writer *w, struct nj_str s)
{
    if (NJ_UNLIKELY(s.n > UINT16_MAX)) {
        w->is_full = true;
        return;
    }
    nj_write_u16(w, (uint16_t)s.n);
    nj_write_bytes(w, s);
}

#endif
