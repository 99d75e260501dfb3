/* SPDX-License-Identifier: Apache-2.0 */
/* form_websocket.c — the lines of HTTP and of WebSocket. */
#include "sniff/print/form.h"

#include <inttypes.h>

static void
put_length(struct nj_line *l)
{
    nj_line_put_label(l);
    nj_text_putf(l->out, ": %" PRIu64, l->item->number);
    if (l->item->number >= 126)
        nj_text_putf(l->out, " Extended Payload Length (%s bits)",
                     l->item->number == 126 ? "16" : "64");
}

static const char *
words_of_opcode(uint64_t opcode)
{
    static const char *const words[] = {
        [0] = "Continuation",     [1] = "Text", [2] = "Binary",
        [8] = "Connection Close", [9] = "Ping", [10] = "Pong",
    };

    return opcode < NJ_COUNT_OF(words) ? words[opcode] : NULL;
}

const struct nj_form *
nj_form_of_websocket(enum nj_field field)
{
    /* clang-format off */
    static const struct nj_form forms[NJ_FIELD_COUNT] = {
        [NJ_FIELD_HTTP] = {.put = nj_line_put_label},
        [NJ_FIELD_WS] = {.put = nj_line_put_label},
        [NJ_FIELD_WS_FIN] = {.width = 8, .mask = 0x80, .put = nj_line_put_truth},
        [NJ_FIELD_WS_RSV] = {.width = 8, .mask = 0x70, .put = nj_line_put_hex},
        [NJ_FIELD_WS_OPCODE] = {.width = 8, .mask = 0x0f, .words = words_of_opcode},
        [NJ_FIELD_WS_MASK] = {.width = 8, .mask = 0x80, .put = nj_line_put_truth},
        [NJ_FIELD_WS_LENGTH] = {.width = 8, .mask = 0x7f, .put = put_length},
        [NJ_FIELD_WS_MASKED_PAYLOAD] = {.put = nj_line_put_label},
        [NJ_FIELD_WS_PAYLOAD] = {.put = nj_line_put_label},
        [NJ_FIELD_WS_CLOSE] = {.put = nj_line_put_label},
    };
    /* clang-format on */
    return &forms[field];
}
