/* SPDX-License-Identifier: Apache-2.0 */
/* swar_priv.h — several bytes judged at once, in one register, without naming a machine: eight in a
 * plain word, sixteen in GNU C's vectors, which compile to whatever the machine has. */
#ifndef NJ_MQTT_SWAR_PRIV_H
#define NJ_MQTT_SWAR_PRIV_H

#include <endian.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define NJ_SWAR_EACH(byte) (0x0101010101010101u * (uint64_t)(byte))
#define NJ_SWAR_HIGH       NJ_SWAR_EACH(0x80)

static inline uint64_t
nj_swar_load(const void *p)
{
    uint64_t word;

    memcpy(&word, p, sizeof(word));
    return word;
}

/* How many bytes, from the first on, are ASCII: 0 to 8. */
static inline unsigned
nj_swar_ascii_run(uint64_t word)
{
    uint64_t high = le64toh(word) & NJ_SWAR_HIGH;

    return high == 0 ? 8 : (unsigned)__builtin_ctzll(high) / 8;
}

/* Exact as to whether there is one, not as to where. */
static inline bool
nj_swar_has_zero(uint64_t word)
{
    return ((word - NJ_SWAR_EACH(1)) & ~word & NJ_SWAR_HIGH) != 0;
}

/* Zero where eight bytes, or sixteen, are ASCII but for NUL, `#` (0x23) and `+` (0x2b), which
 * differ in one bit. As signed numbers, NUL and what is not ASCII are those not above 0. */
typedef int8_t nj_v8 __attribute__((vector_size(8)));
typedef int8_t nj_v16 __attribute__((vector_size(16)));

static inline uint64_t
nj_swar_odd_in_8(const void *p)
{
    nj_v8 v, odd;

    memcpy(&v, p, sizeof(v));
    odd = (v <= 0) | ((v | 0x08) == 0x2b);
    return nj_swar_load(&odd);
}

static inline uint64_t
nj_swar_odd_in_16(const void *p)
{
    nj_v16 v, odd;
    uint64_t halves[2];

    memcpy(&v, p, sizeof(v));
    odd = (v <= 0) | ((v | 0x08) == 0x2b);
    memcpy(halves, &odd, sizeof(halves));
    return halves[0] | halves[1];
}

#endif
