/* SPDX-License-Identifier: Apache-2.0 */
/* client_priv.h — between the two front ends of the library: client.c, where I/O happens when the
 * application says so, and blocking.c, where calls wait for what they asked for. */
#ifndef NJ_CLIENT_CLIENT_PRIV_H
#define NJ_CLIENT_CLIENT_PRIV_H

#include "base/rand.h"
#include "client/dial.h"
#include "client/engine.h"
#include "client/inbox.h"
#include "client/tunnel.h"

enum nj_client_phase {
    NJ_PHASE_IDLE,
    NJ_PHASE_DIALLING,
    NJ_PHASE_SECURING,
    NJ_PHASE_UP,
    NJ_PHASE_PAUSED,
};

struct nj_client {
    struct nj_engine *engine;
    enum nj_client_phase phase;
    bool is_once;    /* one attempt only: nj_client_connect() waits for it */
    bool is_leaving; /* goodbye was said */
    struct nj_dial dial;
    int fd;
    struct nj_tunnel tunnel;
    struct nj_rand rand;
    nj_time retry_at;
    uint32_t pause_ms;
    /* An attempt that failed before the engine knew of it, to be told. */
    enum nj_client_err failed;
    int error;
    struct nj_inbox inbox;
    const char *detail; /* of the dialling or of TLS; NULL: the engine's */
};

/* An event that is there already, but for those that blocking calls have put aside. False: none. */
bool nj_client_take(struct nj_client *c, struct nj_client_event *out);

#endif
