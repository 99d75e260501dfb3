/* SPDX-License-Identifier: Apache-2.0 */
/* http.h — the head of a request or a response of HTTP/1: what stands before a WebSocket. Bodies
 * are not read. */
#ifndef NJ_SNIFF_HTTP_H
#define NJ_SNIFF_HTTP_H

#include "sniff/tree/tree.h"

#define NJ_HTTP_HEAD_MAX 16384u

struct nj_http_head {
    bool is_request;
    unsigned status;        /* of a response */
    struct nj_str protocol; /* Sec-WebSocket-Protocol; lent like the head */
};

/* Whether what begins here may become a WebSocket: a request, or the response that settles it. */
bool nj_http_begins(struct nj_str ready);
/* Whether too little is ready to know that. */
bool nj_http_may_begin(struct nj_str ready);
/* How long the head is that begins here; 0: it has no end yet, or cannot be one (*is_fault). */
size_t nj_http_head_bytes(struct nj_str ready, bool *is_fault);
/* Lay out a head. `head` is lent as long as `tree` is used; the words go behind `info`. */
void nj_http_dissect(struct nj_str head, struct nj_tree *tree, struct nj_text *info,
                     struct nj_http_head *out);

#endif
