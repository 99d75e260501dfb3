/* SPDX-License-Identifier: Apache-2.0 */
/* SipHash with one compression and three finalization rounds: the variant in use for hash tables in
 * several languages' runtimes. The construction is by Aumasson and Bernstein (2012). */
#include "base/hash.h"

#include "base/rand.h"

static uint64_t key[2] = {0x0706050403020100u, 0x0f0e0d0c0b0a0908u};

void
nj_hash_key_draw(void)
{
    nj_rand_system(key, sizeof(key));
}

void
nj_hash_key_set(uint64_t k0, uint64_t k1)
{
    key[0] = k0;
    key[1] = k1;
}

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
    word = (uint64_t)in.n << 56;
    for (size_t i = 0; i < left; i++)
        word |= (uint64_t)(unsigned char)p[i] << (8 * i);
    s.d ^= word;
    mix(&s);
    s.a ^= word;
    s.c ^= 0xff;
    mix(&s);
    mix(&s);
    mix(&s);
    return s.a ^ s.b ^ s.c ^ s.d;
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
