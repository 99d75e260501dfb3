/* SPDX-License-Identifier: Apache-2.0 */
/* replay.h — `nightjar replay` between its command line (replay.c), its connections (replay_play.c)
 * and what it finds (replay_tell.c). */
#ifndef NJ_CMD_REPLAY_H
#define NJ_CMD_REPLAY_H

#include "base/err.h"
#include "sniff/report/script.h"

#include <netdb.h>

#define NJ_REPLAY_HEARD_MAX 1000000u /* answers of the broker, in all conversations */

/* What one conversation has come to. */
struct nj_replayed {
    struct nj_heard *heard;
    size_t count, capacity;
    size_t first;      /* before it all are matched */
    size_t sent;       /* packets, whole */
    bool is_connected; /* the broker took the connection */
    bool is_lost;      /* the broker closed it, before the client would have */
    bool is_silent;    /* it kept the script waiting once, and is not waited for any more */
    const char *fault; /* it could not be played (further): why, or NULL */
};

struct nj_replay_opts {
    const struct addrinfo *to;
    double speed; /* 0: as fast as it goes */
    int64_t timeout_ms;
};

/* Plays the script; `out` has a zeroed row for each of its conversations. */
NJ_NODISCARD enum nj_err nj_replay_play(const struct nj_script *script,
                                        const struct nj_replay_opts *opts, struct nj_replayed *out);

/* Says what differs, and how much; NJ_ENOMEM: nothing was said. */
NJ_NODISCARD enum nj_err nj_replay_tell(const struct nj_script *script,
                                        struct nj_replayed *replayed, size_t *differences);
void nj_replayed_fini(struct nj_replayed *r);

#endif
