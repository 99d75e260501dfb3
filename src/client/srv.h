/* SPDX-License-Identifier: Apache-2.0 */
/* srv.h — the brokers of a domain, as the SRV records of _mqtt._tcp.DOMAIN name them, with TLS
 * those of _secure-mqtt._tcp.DOMAIN.
 *
 * Whoever answers for the DNS, or forges its answers, says by this where to connect to, and never
 * whom to believe: the certificate that is expected is the domain's.
 *
 * Spec  RFC 2782. */
#ifndef NJ_CLIENT_SRV_H
#define NJ_CLIENT_SRV_H

#include "base/rand.h"
#include "base/str.h"

#include <nightjar/client.h>

#define NJ_SRV_TARGETS 16

struct nj_srv_target {
    char host[256]; /* letters, digits, '-', '_' and dots */
    uint16_t port;  /* not 0 */
    uint16_t priority, weight;
};

/* Those to be tried first stand in front. Of more than fit, the last are left out. */
struct nj_srv {
    struct nj_srv_target at[NJ_SRV_TARGETS];
    size_t count;
};

enum nj_srv_answer {
    NJ_SRV_FOUND,
    NJ_SRV_NONE,     /* no record */
    NJ_SRV_DECLINED, /* the domain says that it has no such service: the target is "." */
    NJ_SRV_BAD,      /* no answer of the DNS, or no record with a host and a port */
};

/**
 * Pure: the bytes of an answer, whoever sent them, into targets by their priority.
 *
 * out  written only where there is one.
 */
enum nj_srv_answer nj_srv_read(struct nj_str bytes, struct nj_srv *out);

/* Draw lots among those of one priority: by their weight, as the RFC has it. */
void nj_srv_draw(struct nj_srv *s, struct nj_rand *rand);

/**
 * Ask the DNS, and draw.
 *
 * domain    NULL: the one that this machine is in, as resolv.conf(5) tells.
 * why       on failure what was asked for and what came of it, cut where it does not fit.
 * Errors    ELOOKUP, ENOMEM.
 * Blocks    as long as resolv.conf(5) lets it.
 */
enum nj_client_err nj_srv_look_up(struct nj_srv *out, const char *domain, bool is_secure, char *why,
                                  size_t why_bytes);

#endif
