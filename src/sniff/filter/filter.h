/* SPDX-License-Identifier: Apache-2.0 */
/* filter.h — a display filter: which frames are wanted, in the language of Wireshark 4.0.
 *
 *     expression  test, not expression, expression and expression, expression or expression, (…)
 *     test        FIELD                      it is there
 *                 FIELD RELATION VALUE       == != > >= < <=, in words eq ne gt ge lt le;
 *                 FIELD RELATION FIELD       === !== contains matches
 *                 FIELD in {VALUE, LOW..HIGH}
 *     VALUE       a number (10, 0x0a, 012, 0b1010), "text" with escapes, r"text" without,
 *                 00:01:02, an address, a prefix (10.0.0.0/8), seconds (1.5), True, False
 *
 * `and` (&&) binds closer than `or` (||), `not` (!) closest. Where a frame has several values of a
 * field, one that fits is enough; but of != all must, and of === too; !== (~=) is one that differs.
 * ip.addr, ipv6.addr, eth.addr and tcp.port have both ends. `matches` (~) is a Perl regular
 * expression without regard to case, looked for in bytes. An empty expression lets all pass.
 *
 * Left out, and refused: functions, slices, arithmetic, the bytes of a layer other than `frame`.
 *
 * Bounded: the text by NJ_DFILTER_BYTES_MAX, and with it all that is made of it; its nesting by
 * NJ_DFILTER_DEPTH_MAX; a search by `matches` in its steps, by the value's length, and to
 * NJ_DFILTER_SUBJECT_MAX bytes of it; a test of field against field to NJ_DFILTER_PAIRS_MAX pairs
 * of values in a frame. A value or a test of which that leaves open whether it matches does not
 * match and is counted. Thread: one. */
#ifndef NJ_SNIFF_FILTER_H
#define NJ_SNIFF_FILTER_H

#include "base/err.h"
#include "sniff/dissector.h"

#define NJ_DFILTER_BYTES_MAX   65536u
#define NJ_DFILTER_DEPTH_MAX   64u
#define NJ_DFILTER_SUBJECT_MAX (1u << 20)
#define NJ_DFILTER_PAIRS_MAX   (1u << 20)

struct nj_dfilter;

/**
 * text   not needed afterwards.
 *
 * Errors  NJ_EINVAL, NJ_EQUOTA: the diag says what is wrong, its hint shows the place with a caret.
 *         NJ_ENOMEM: it says that.
 */
NJ_NODISCARD enum nj_err nj_dfilter_new(struct nj_dfilter **out, struct nj_str text,
                                        struct nj_diag *diag);
void nj_dfilter_free(struct nj_dfilter *f);

/* Cost: for each test the items of the tree; of field against field the pairs of values, too. */
bool nj_dfilter_passes(struct nj_dfilter *f, const struct nj_dissected *d);
/* Values whose search by `matches`, and tests of field against field, that were given up. */
uint64_t nj_dfilter_given_up(const struct nj_dfilter *f);

#endif
