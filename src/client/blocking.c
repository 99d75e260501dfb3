/* SPDX-License-Identifier: Apache-2.0 */
/* blocking.c — calls that wait.
 *
 * Each lets I/O happen until its own answer comes, and puts aside (inbox.h) whatever else comes
 * meanwhile; nj_client_next() gives that first. What is put aside has the same ceiling as what
 * waits to be sent, so that a flood of messages ends a call and not the memory. */
#include "client/client_priv.h"

#include <errno.h>

/* What is left of a time-out. */
static int
left_ms(nj_time until)
{
    nj_time left;

    if (until == NJ_NEVER)
        return -1;
    left = until - nj_clock_monotonic_ms();
    return left <= 0 ? 0 : (int)left;
}

static nj_time
until_of(int timeout_ms)
{
    return timeout_ms < 0 ? NJ_NEVER : nj_clock_monotonic_ms() + timeout_ms;
}

/* The next event, kept ones apart. */
static enum nj_client_err
next_fresh(struct nj_client *c, struct nj_client_event *out, nj_time until)
{
    while (!nj_client_take(c, out)) {
        int left = left_ms(until);
        enum nj_client_err err = nj_client_wait(c, left);

        if (err == NJ_CLIENT_OK || (err == NJ_CLIENT_ETIMEOUT && left != 0))
            continue;
        return err;
    }
    return NJ_CLIENT_OK;
}

enum nj_client_err
nj_client_next(struct nj_client *c, struct nj_client_event *out, int timeout_ms)
{
    if (nj_inbox_take(&c->inbox, out) || nj_client_take(c, out))
        return NJ_CLIENT_OK;
    if (timeout_ms == 0)
        return c->phase == NJ_PHASE_IDLE ? NJ_CLIENT_ENOTCONN : NJ_CLIENT_ETIMEOUT;
    return next_fresh(c, out, until_of(timeout_ms));
}

enum nj_client_err
nj_client_connect(struct nj_client *c, struct nj_client_event *out)
{
    struct nj_client_event ev = {.type = NJ_CLIENT_DISCONNECTED};
    enum nj_client_err err;

    c->is_once = true;
    err = nj_client_start(c);
    if (err != NJ_CLIENT_OK) {
        c->is_once = false;
        return err;
    }
    while (err == NJ_CLIENT_OK) {
        err = next_fresh(c, &ev, NJ_NEVER);
        if (err == NJ_CLIENT_ESYS && c->error == EINTR)
            err = NJ_CLIENT_OK;
        else if (err != NJ_CLIENT_OK || ev.type == NJ_CLIENT_CONNECTED)
            break;
        else if (ev.type == NJ_CLIENT_DISCONNECTED)
            err = ev.error;
        else
            err = nj_inbox_put(&c->inbox, &ev) != NULL ? NJ_CLIENT_OK : NJ_CLIENT_ENOMEM;
    }
    /* Whoever waited is told; what goes on by itself is only what was connected once. */
    c->is_once = false;
    c->is_leaving = err != NJ_CLIENT_OK;
    if (out != NULL)
        *out = ev;
    return err;
}

/* Take the next event and, unless it is the answer to `packet_id`, put it aside; without one let
 * I/O happen. `type` is 0 when there was none. */
static enum nj_client_err
go_on(struct nj_client *c, uint16_t packet_id, nj_time until, struct nj_client_event *ev)
{
    enum nj_client_err err;
    int left;

    ev->type = (enum nj_client_event_type)0;
    if (c->inbox.bytes > nj_engine_opts(c->engine)->queue_bytes)
        return NJ_CLIENT_EFULL;
    if (nj_client_take(c, ev)) {
        bool is_answer =
            packet_id != 0 && ev->type == NJ_CLIENT_PUBLISHED && ev->packet_id == packet_id;
        return is_answer || nj_inbox_put(&c->inbox, ev) != NULL ? NJ_CLIENT_OK : NJ_CLIENT_ENOMEM;
    }
    left = left_ms(until);
    err = nj_client_wait(c, left);
    return err == NJ_CLIENT_ETIMEOUT && left != 0 ? NJ_CLIENT_OK : err;
}

/* At QoS 0 there is no second chance: a connection that ends takes with it what is not written. */
static enum nj_client_err
wait_until_written(struct nj_client *c, nj_time until)
{
    struct nj_client_event ev;

    while (nj_client_unwritten_bytes(c) > 0) {
        enum nj_client_err err = go_on(c, 0, until, &ev);

        if (err == NJ_CLIENT_OK && ev.type == NJ_CLIENT_DISCONNECTED)
            err = ev.error != NJ_CLIENT_OK ? ev.error : NJ_CLIENT_ELOST;
        if (err != NJ_CLIENT_OK)
            return err;
    }
    return NJ_CLIENT_OK;
}

enum nj_client_err
nj_client_publish_wait(struct nj_client *c, const struct nj_client_message *m, int timeout_ms,
                       unsigned *reason)
{
    nj_time until = until_of(timeout_ms);
    struct nj_client_event ev;
    enum nj_client_err err;
    uint16_t packet_id;

    while ((err = nj_client_publish(c, m, &packet_id)) == NJ_CLIENT_EFULL) {
        err = go_on(c, 0, until, &ev);
        if (err != NJ_CLIENT_OK)
            return err;
    }
    if (err != NJ_CLIENT_OK)
        return err;
    if (m->qos == 0)
        return wait_until_written(c, until);
    do {
        err = go_on(c, packet_id, until, &ev);
        if (err != NJ_CLIENT_OK)
            return err;
    } while (ev.type != NJ_CLIENT_PUBLISHED || ev.packet_id != packet_id);
    if (reason != NULL)
        *reason = ev.reason;
    return NJ_CLIENT_OK;
}

enum nj_client_err
nj_client_drain(struct nj_client *c, int timeout_ms)
{
    nj_time until = until_of(timeout_ms);
    struct nj_client_event ev;

    while (nj_client_unacknowledged(c) > 0) {
        enum nj_client_err err = go_on(c, 0, until, &ev);

        if (err != NJ_CLIENT_OK)
            return err;
    }
    return wait_until_written(c, until);
}
