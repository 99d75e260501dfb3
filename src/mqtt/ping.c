/* SPDX-License-Identifier: Apache-2.0 */
/* PINGREQ and PINGRESP: a fixed header and nothing else. */
#include "mqtt/packet_priv.h"

enum nj_cause
nj_ping_decode(const struct nj_frame *f)
{
    return f->body.n > 0 ? NJ_CAUSE_PACKET_LONG : NJ_CAUSE_NONE;
}

void
nj_ping_encode(struct nj_writer *w, enum nj_packet_type type)
{
    nj_frame_put(w, type, 0, 0);
}
