/* SPDX-License-Identifier: Apache-2.0 */
/* capture_hex.h — frames from a hex dump, as Wireshark, `tshark -x`, `hexdump -C` and `nightjar
 * sniff -x` print them, and as they stand in documents: lines of an offset, bytes of two digits,
 * and the same as letters. Offset 0 begins a frame. All other lines are passed over, so that the
 * dump may stand in a text.
 *
 * How many bytes a line has is not always plain where letters follow, "31 1" say: it ends with 16,
 * at what is no byte, or before three blanks.
 *
 * Bounded: a frame of NJ_CAPTURE_FRAME_MAX bytes; of a line, its first NJ_HEX_LINE_MAX bytes.
 * Thread: one. */
#ifndef NJ_SNIFF_CAPTURE_HEX_H
#define NJ_SNIFF_CAPTURE_HEX_H

#include "sniff/capture/capture.h"

#define NJ_HEX_LINE_MAX 1024u

struct nj_hex;

/* `file` is lent until nj_hex_free(). */
NJ_NODISCARD enum nj_err nj_hex_new(struct nj_hex **out, FILE *file);
void nj_hex_free(struct nj_hex *h);
/* The next frame, at time 0; of Ethernet, or where it does not look like that, of IP without a
 * link. NJ_CAPTURE_FAULT: an offset is not the one that is due; diag names the line. */
enum nj_capture_next nj_hex_next(struct nj_hex *h, struct nj_captured *out, struct nj_diag *diag);

#endif
