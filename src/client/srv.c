/* SPDX-License-Identifier: Apache-2.0 */
#include "client/srv.h"

#include "base/compiler.h"
#include "base/mem.h"

#include <arpa/nameser.h>
#include <netdb.h>
#include <resolv.h>
#include <stdio.h>
#include <string.h>

/* ---- the answer ---- */

/* Behind all that are to be tried before it: a lower priority, then no weight, which the drawing
 * wants in front. */
static void
insert(struct nj_srv *s, const struct nj_srv_target *t)
{
    size_t at = s->count;

    while (at > 0) {
        const struct nj_srv_target *before = &s->at[at - 1];

        if (before->priority < t->priority ||
            (before->priority == t->priority && (before->weight == 0 || t->weight != 0)))
            break;
        at--;
    }
    if (at == NJ_SRV_TARGETS)
        return;
    s->count = NJ_MIN(s->count + 1, (size_t)NJ_SRV_TARGETS);
    memmove(&s->at[at + 1], &s->at[at], (s->count - at - 1) * sizeof(*t));
    s->at[at] = *t;
}

/* Priority, weight, port, name: and nothing behind it. */
static enum nj_srv_answer
read_target(const ns_msg *answer, const ns_rr *record, struct nj_srv_target *out)
{
    const uint8_t *data = ns_rr_rdata(*record);
    int n = ns_rr_rdlen(*record);

    if (n < NS_INT16SZ * 3 + 1)
        return NJ_SRV_BAD;
    out->priority = (uint16_t)ns_get16(data);
    out->weight = (uint16_t)ns_get16(data + NS_INT16SZ);
    out->port = (uint16_t)ns_get16(data + NS_INT16SZ * 2);
    if (dn_expand(ns_msg_base(*answer), ns_msg_end(*answer), data + NS_INT16SZ * 3, out->host,
                  sizeof(out->host)) != n - NS_INT16SZ * 3)
        return NJ_SRV_BAD;
    if (out->host[0] == '\0')
        return NJ_SRV_DECLINED;
    return out->port != 0 && res_hnok(out->host) ? NJ_SRV_FOUND : NJ_SRV_BAD;
}

enum nj_srv_answer
nj_srv_read(struct nj_str bytes, struct nj_srv *out)
{
    enum nj_srv_answer result = NJ_SRV_NONE;
    struct nj_srv found = {.count = 0};
    struct nj_srv_target target;
    ns_msg answer;
    ns_rr record;

    if (bytes.n > NS_MAXMSG || ns_initparse((const uint8_t *)bytes.p, (int)bytes.n, &answer) != 0)
        return NJ_SRV_BAD;
    for (int i = 0; i < ns_msg_count(answer, ns_s_an); i++) {
        enum nj_srv_answer one;

        if (ns_parserr(&answer, ns_s_an, i, &record) != 0)
            return NJ_SRV_BAD;
        if (ns_rr_type(record) != ns_t_srv || ns_rr_class(record) != ns_c_in)
            continue; /* the CNAME that led here, a signature */
        one = read_target(&answer, &record, &target);
        if (one == NJ_SRV_FOUND)
            insert(&found, &target);
        else
            result = one;
    }
    if (found.count == 0)
        return result;
    *out = found;
    return NJ_SRV_FOUND;
}

/* Each drawing is among those not drawn yet, one of which has the number drawn at or below the sum
 * of the weights up to itself. */
void
nj_srv_draw(struct nj_srv *s, struct nj_rand *rand)
{
    for (size_t first = 0; first < s->count; first++) {
        struct nj_srv_target drawn;
        uint32_t sum = 0, lot;
        size_t k;

        for (k = first; k < s->count && s->at[k].priority == s->at[first].priority; k++)
            sum += s->at[k].weight;
        lot = nj_rand_below(rand, sum + 1);
        for (k = first, sum = s->at[k].weight; sum < lot; sum += s->at[k].weight)
            k++;
        drawn = s->at[k];
        memmove(&s->at[first + 1], &s->at[first], (k - first) * sizeof(drawn));
        s->at[first] = drawn;
    }
}

/* ---- the question ---- */

/* What the resolver's h_errno means for the one name that was asked for. */
static const char *
words(int error)
{
    switch (error) {
    case HOST_NOT_FOUND:
        return "there is no such name in the DNS";
    case NO_DATA:
        return "the name has no SRV record";
    case TRY_AGAIN:
        return "the name servers gave no answer";
    default:
        return "the name servers could not tell";
    }
}

static const char *
words_of_answer(enum nj_srv_answer answer)
{
    switch (answer) {
    case NJ_SRV_FOUND:
        return "";
    case NJ_SRV_NONE:
        return words(NO_DATA);
    case NJ_SRV_DECLINED:
        return "the domain says that it has no such service";
    case NJ_SRV_BAD:
        return "the answer is malformed";
    }
    return "";
}

/* What was asked for, and what came of it. */
struct inquiry {
    struct __res_state resolver;
    char name[NS_MAXDNAME];
    const char *outcome;
};

/* The name to ask for; false: there is none. */
static bool
name_service(struct inquiry *q, const char *domain, bool is_secure)
{
    int n;

    if (domain == NULL)
        domain = q->resolver.dnsrch[0];
    if (domain == NULL || domain[0] == '\0') {
        q->outcome = "this machine is in no domain, and none was given";
        return false;
    }
    n = snprintf(q->name, sizeof(q->name), "%s._tcp.%s", is_secure ? "_secure-mqtt" : "_mqtt",
                 domain);
    q->outcome = "the name is too long";
    return n > 0 && (size_t)n < sizeof(q->name);
}

static enum nj_client_err
ask(struct inquiry *q, struct nj_srv *out)
{
    uint8_t *bytes = nj_alloc(NS_MAXMSG);
    enum nj_srv_answer answer;
    int n;

    q->outcome = "out of memory";
    if (bytes == NULL)
        return NJ_CLIENT_ENOMEM;
    n = res_nquery(&q->resolver, q->name, ns_c_in, ns_t_srv, bytes, NS_MAXMSG);
    if (n < 0) {
        q->outcome = words(q->resolver.res_h_errno);
        nj_free(bytes);
        return NJ_CLIENT_ELOOKUP;
    }
    answer = nj_srv_read((struct nj_str){(const char *)bytes, (size_t)n}, out);
    q->outcome = words_of_answer(answer);
    nj_free(bytes);
    return answer == NJ_SRV_FOUND ? NJ_CLIENT_OK : NJ_CLIENT_ELOOKUP;
}

enum nj_client_err
nj_srv_look_up(struct nj_srv *out, const char *domain, bool is_secure, char *why, size_t why_bytes)
{
    struct inquiry q = {.outcome = "the resolver cannot be set up"};
    enum nj_client_err err = NJ_CLIENT_ELOOKUP;
    struct nj_rand rand;
    uint64_t seed;

    if (res_ninit(&q.resolver) == 0) {
        if (name_service(&q, domain, is_secure))
            err = ask(&q, out);
        res_nclose(&q.resolver);
    }
    if (err != NJ_CLIENT_OK) {
        (void)snprintf(why, why_bytes, "%s%s%s", q.name, q.name[0] != '\0' ? ": " : "", q.outcome);
        return err;
    }
    nj_rand_system(&seed, sizeof(seed));
    nj_rand_seed(&rand, seed);
    nj_srv_draw(out, &rand);
    return NJ_CLIENT_OK;
}
