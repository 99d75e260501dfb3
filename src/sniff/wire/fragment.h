/* SPDX-License-Identifier: Apache-2.0 */
/* fragment.h — fragments of IP datagrams, until the datagram is whole.
 *
 * Where fragments overlap, what came first stays. Bounded: NJ_FRAGMENT_DATAGRAMS_MAX datagrams are
 * waited for, of at most 64 KiB each; beyond that the one that has waited longest is given up. */
#ifndef NJ_SNIFF_FRAGMENT_H
#define NJ_SNIFF_FRAGMENT_H

#include "base/err.h"
#include "sniff/wire/ip.h"

#define NJ_FRAGMENT_DATAGRAMS_MAX 64u

struct nj_fragments;

NJ_NODISCARD enum nj_err nj_fragments_new(struct nj_fragments **out);
void nj_fragments_free(struct nj_fragments *f);

/**
 * Put a fragment to the others of its datagram.
 *
 * ip       where is_fragment is set. When this one makes the datagram whole, it becomes the whole
 *          one: payload and lengths are its, and the payload is lent until the next call.
 * Returns  whether it is whole now.
 * A fragment that the capture has cut, or that reaches beyond 64 KiB, is not taken.
 */
bool nj_fragments_add(struct nj_fragments *f, struct nj_ip *ip);
/* Datagrams that were never whole, and made room for others. */
uint64_t nj_fragments_lost(const struct nj_fragments *f);

#endif
