/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash with one compression and three finalization rounds: the variant in use for hash tables in
 * several languages' runtimes. The construction is by Aumasson and Bernstein (2012). */
#include "base/hash.h"

#include "base/rand.h"

#include <endian.h>

struct sip {
    uint64_t a, b, c, d;
};

static inline void
mix(struct sip *s)
{
    s->a += s->b;
    s->b = nj_rotate(s->b, 13) ^ s->a;
    s->a = nj_rotate(s->a, 32);
    s->c += s->d;
    s->d = nj_rotate(s->d, 16) ^ s->c;
    s->a += s->d;
    s->d = nj_rotate(s->d, 21) ^ s->a;
    s->c += s->b;
    s->b = nj_rotate(s->b, 17) ^ s->c;
    s->c = nj_rotate(s->c, 32);
}

/* Fewer than eight bytes as a word: read from both ends, which overlap where there are few. */
static inline uint64_t
last_word(const char *p, size_t n)
{
    const unsigned char *b = (const unsigned char *)p;
    uint32_t low, high;

    if (n >= 4) {
        memcpy(&low, p, 4);
        memcpy(&high, p + n - 4, 4);
        return le32toh(low) | (uint64_t)le32toh(high) << (8 * (n - 4));
    }
    if (n == 0)
        return 0;
    return b[0] | (uint64_t)b[n / 2] << (8 * (n / 2)) | (uint64_t)b[n - 1] << (8 * (n - 1));
}

static inline uint64_t
sip13(uint64_t k0, uint64_t k1, struct nj_str in)
{
    struct sip s = {k0 ^ 0x736f6d6570736575u, k1 ^ 0x646f72616e646f6du, k0 ^ 0x6c7967656e657261u,
                    k1 ^ 0x7465646279746573u};
    const char *p = in.p;
    size_t left = in.n;
    uint64_t word;

    for (; left >= 8; p += 8, left -= 8) {
        memcpy(&word, p, 8);
        s.d ^= word;
        mix(&s);
        s.a ^= word;
    }
    word = (uint64_t)in.n << 56 | last_word(p, left);
    s.d ^= word;
    mix(&s);
    s.a ^= word;
    s.c ^= 0xff;
    mix(&s);
    mix(&s);
    mix(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
}

/* Of who sets none; and what hashes are joined with, made from the key, so that a simple one serves
 * as well. */
static uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};
static uint64_t factor[2] = {0x243f6a8885a308d3u, 0x13198a2e03707344u};

void
nj_hash_key_draw(void)
{
    uint64_t drawn[2];

    nj_rand_system(drawn, sizeof(drawn));
    nj_hash_key_set(drawn[0], drawn[1]);
}

void
nj_hash_key_set(uint64_t k0, uint64_t k1)
{
    key[0] = k0;
    key[1] = k1;
    factor[0] = nj_hash(NJ_STR("factor 0"));
    factor[1] = nj_hash(NJ_STR("factor 1"));
}

uint64_t
nj_hash(struct nj_str s)
{
    return sip13(key[0], key[1], s);
}

uint64_t
nj_hash_under(uint64_t parent, struct nj_str s)
{
    return sip13(key[0] ^ parent, key[1], s);
}

/* Both halves of the product. */
uint64_t
nj_hash_join(uint64_t parent, uint64_t hash)
{
    __extension__ unsigned __int128 product = parent ^ factor[0];

    product *= hash ^ factor[1];
    return (uint64_t)product ^ (uint64_t)(product >> 64);
}

uint64_t
nj_hash_keyed(const uint64_t k[2], struct nj_str s)
{
    return sip13(k[0], k[1], s);
}

uint32_t
nj_hash_stable(struct nj_str s)
{
    uint32_t h = 2166136261u; /* FNV-1a, then a finishing mix: its low bits alone spread badly */

    for (size_t i = 0; i < s.n; i++)
        h = (h ^ (unsigned char)s.p[i]) * 16777619u;
    h ^= h >> 16;
    h *= 0x7feb352du;
    h ^= h >> 15;
    return h;
}
