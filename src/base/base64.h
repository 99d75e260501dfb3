/* SPDX-License-Identifier: Apache-2.0 */
/* base64.h — bytes as text, in the standard alphabet (RFC 4648), without line breaks. */
#ifndef NJ_BASE_BASE64_H
#define NJ_BASE_BASE64_H

#include "base/str.h"

enum nj_base64 {
    NJ_BASE64_PADDED, /* '=' up to a multiple of four */
    NJ_BASE64_BARE,   /* no '=' at all */
};

/* Room for `n` bytes as text, with '=' and a terminating NUL. */
#define NJ_BASE64_ROOM(n) (((n) + 2) / 3 * 4 + 1)

/* Write `bytes` and a NUL to `out`, which has NJ_BASE64_ROOM. Returns the length without the NUL.
 */
size_t nj_base64_encode(char *out, struct nj_str bytes, enum nj_base64 form);
/* Read all of `text` into at most `room` bytes. False, with nothing to be relied on in `out`, where
 * it does not fit or is not exactly what encoding writes: other characters, padding that does not
 * belong, bits that no byte owns. */
NJ_NODISCARD bool nj_base64_decode(uint8_t *out, size_t room, size_t *n, struct nj_str text,
                                   enum nj_base64 form);

#endif
