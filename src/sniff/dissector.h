/* SPDX-License-Identifier: Apache-2.0 */
/* dissector.h — one frame through all layers: a row of the list, and the tree of its fields.
 *
 *     struct nj_dissector *d;
 *     nj_dissector_new(&d) …
 *     while (nj_capture_next(…, &frame, …) == NJ_CAPTURE_FRAME)
 *         look at what nj_dissector_read(d, &frame) returns
 *
 * Cost: linear in the frame's bytes, but for what a gap has held back. Thread: one. */
#ifndef NJ_SNIFF_DISSECTOR_H
#define NJ_SNIFF_DISSECTOR_H

#include "base/err.h"
#include "sniff/capture/capture.h"
#include "sniff/payload/tls_keylog.h"
#include "sniff/tree/tree.h"

#define NJ_SNIFF_ADDRESS_BYTES 64

/* Lent until the next frame. */
struct nj_dissected {
    struct nj_captured frame;
    int64_t relative_ns; /* since the first frame */
    int64_t delta_ns;    /* since the one before */
    int64_t shown_ns;    /* since the one that was printed before */
    char source[NJ_SNIFF_ADDRESS_BYTES], destination[NJ_SNIFF_ADDRESS_BYTES];
    const char *protocol;
    struct nj_text info;
    struct nj_tree tree;
    bool is_malformed;
};

struct nj_dissector;

NJ_NODISCARD enum nj_err nj_dissector_new(struct nj_dissector **out);
void nj_dissector_free(struct nj_dissector *d);

/* Secrets to open TLS with, before the first frame; lent as long as the dissector, and more may be
 * added at any time. NJ_EUNSUPPORTED: OpenSSL lacks what it takes. */
NJ_NODISCARD enum nj_err nj_dissector_use_keys(struct nj_dissector *d, struct nj_keylog *keys);

/* What goes from or to this port is MQTT, or TLS with that inside, also where the conversation is
 * older than the capture; of 1883 and 8883 that is known, and of a stream that begins with CONNECT.
 * False: NJ_DISSECTOR_PORTS_MAX are known. */
#define NJ_DISSECTOR_PORTS_MAX 16u
bool nj_dissector_use_port(struct nj_dissector *d, uint16_t port);

/* Payloads are shown as text, by the fields mqtt.msg_text and mqtt.willmsg_text instead of mqtt.msg
 * and mqtt.willmsg; before the first frame. What reads payloads from the tree (report/) needs them
 * as bytes. */
void nj_dissector_show_text(struct nj_dissector *d);

const struct nj_dissected *nj_dissector_read(struct nj_dissector *d,
                                             const struct nj_captured *frame);

/* The frame that was read last has been printed: frame.time_delta_displayed counts from it. */
void nj_dissector_mark_shown(struct nj_dissector *d);

/* What was given up: at a ceiling, or because the capture does not have it. */
struct nj_sniff_losses {
    uint64_t datagrams; /* never whole */
    uint64_t streams;   /* forgotten */
    uint64_t gaps;
    uint64_t bytes;               /* that were captured, but could not be put in order */
    uint64_t closed_records;      /* of TLS, where there were keys, but none that fit */
    uint64_t compressed_messages; /* of WebSocket */
};
void nj_dissector_losses(const struct nj_dissector *d, struct nj_sniff_losses *out);

#endif
