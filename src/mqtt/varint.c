/* SPDX-License-Identifier: Apache-2.0 */
/* Variable byte integers: seven bits a byte, the lowest first, the eighth bit says "more follows".
 */
#include "mqtt/packet.h"

void
nj_varint_write(struct nj_writer *w, uint32_t value)
{
    if (value > NJ_VARINT_MAX_VALUE) {
        w->is_full = true;
        return;
    }
    if (!nj_writer_has(w, nj_varint_size(value)))
        return;
    while (value >= 128) {
        *w->p++ = (uint8_t)(value | 128);
        value >>= 7;
    }
    *w->p++ = (uint8_t)value;
}

enum nj_cause
nj_varint_read(struct nj_reader *r, uint32_t *out)
{
    uint32_t value = 0;

    for (unsigned shift = 0; shift < 28; shift += 7) {
        uint8_t byte = nj_read_u8(r);

        if (r->is_short)
            return NJ_CAUSE_PACKET_SHORT;
        value |= (uint32_t)(byte & 127) << shift;
        if (byte < 128) {
            /* A last byte of zero adds nothing: the encoding before it was enough. */
            if (byte == 0 && shift > 0)
                return NJ_CAUSE_VARIABLE_LENGTH;
            *out = value;
            return NJ_CAUSE_NONE;
        }
    }
    return NJ_CAUSE_VARIABLE_LENGTH;
}
