/* SPDX-License-Identifier: Apache-2.0 */
/* swar_priv.h — eight bytes at a time in one register, without instructions of a particular
 * machine.
 */
#ifndef NJ_MQTT_SWAR_PRIV_H
#define NJ_MQTT_SWAR_PRIV_H

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

static inline bool
nj_swar_is_ascii(uint64_t word)
{
    return (word & NJ_SWAR_HIGH) == 0;
}

/* Exact as to whether there is one, not as to where. */
static inline bool
nj_swar_has_zero(uint64_t word)
{
    return ((word - NJ_SWAR_EACH(1)) & ~word & NJ_SWAR_HIGH) != 0;
}

/* ASCII but for NUL, `#` (0x23) and `+` (0x2b), which differ in one bit. Setting every high bit
 * before subtracting keeps borrows within each byte: the high bit falls where the byte was 0. */
static inline bool
nj_swar_is_plain_topic(uint64_t word)
{
    uint64_t wild = (word | NJ_SWAR_EACH(0x08)) ^ NJ_SWAR_EACH(0x2b);
    uint64_t not_nul = (word | NJ_SWAR_HIGH) - NJ_SWAR_EACH(1);
    uint64_t not_wild = (wild | NJ_SWAR_HIGH) - NJ_SWAR_EACH(1);

    return (~word & not_nul & not_wild & NJ_SWAR_HIGH) == NJ_SWAR_HIGH;
}

#endif
