/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_live.c — the way to the broker: its name, then TCP; what follows is TLS and MQTT. */
#include "cmd/doctor_live.h"

#include "base/clock.h"
#include "client/tunnel.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* More than any answer to what the doctor sends; what claims to be larger is not waited for. */
#define PACKET_MAX (64u * 1024)

#define PATIENCE_MS 10000

struct nj_finding *
nj_visit_found(struct nj_visit *v, enum nj_finding_id id, enum nj_end end)
{
    return nj_findings_add(&v->report->findings, id, end);
}

static const char *
domain_of(const struct nj_visit *v)
{
    return v->opts.host != NULL ? v->opts.host : "this machine's domain";
}

const char *
nj_visit_place(const struct nj_visit *v, char *out, size_t room)
{
    if (v->opts.unix_path != NULL)
        (void)snprintf(out, room, "%s", v->opts.unix_path);
    else if (v->opts.srv)
        (void)snprintf(out, room, "the hosts that serve %s", domain_of(v));
    else
        (void)snprintf(out, room, "port %u of %s", (unsigned)v->opts.port, v->opts.host);
    return out;
}

/* ---- name ---- */

/* An address; with its port where a record named that. */
static const char *
print_address(const struct nj_visit *v, size_t at, char *out, size_t room)
{
    const struct sockaddr *address = (const struct sockaddr *)&v->dial.addresses[at];
    char host[64];
    char port[8];

    if (getnameinfo(address, v->dial.lengths[at], host, sizeof(host), port, sizeof(port),
                    NI_NUMERICHOST | NI_NUMERICSERV) != 0)
        (void)snprintf(out, room, "?");
    else
        (void)snprintf(out, room, "%s%s%s", host, v->opts.srv ? " port " : "",
                       v->opts.srv ? port : "");
    return out;
}

static void
look_up(struct nj_visit *v)
{
    char all[400] = "";

    if (v->opts.unix_path != NULL && nj_dial_look_up(&v->dial, &v->opts) == NJ_CLIENT_OK)
        return;
    struct nj_step *step = nj_report_step(v->report, "name", "%s%s", domain_of(v),
                                          v->opts.srv ? ", by its SRV records" : "");
    if (nj_dial_look_up(&v->dial, &v->opts) != NJ_CLIENT_OK) {
        nj_step_came(step, NJ_STEP_FAILED, "%s", v->dial.detail);
        v->is_hopeless = true;
        struct nj_finding *f = nj_visit_found(v, NJ_FINDING_NAME_UNKNOWN, NJ_END_CLIENT);
        if (f != NULL)
            nj_finding_cause(f, "the name %s has no address: %s", domain_of(v), v->dial.detail);
        return;
    }
    for (size_t i = 0; i < v->dial.count; i++) {
        size_t n = strlen(all);
        char one[80];

        (void)print_address(v, i, one, sizeof(one));
        if (strstr(all, one) == NULL)
            (void)snprintf(all + n, sizeof(all) - n, "%s%s", n > 0 ? ", " : "", one);
    }
    nj_step_came(step, NJ_STEP_GOOD, "%s", all);
}

/* ---- TCP ---- */

int
nj_visit_dial(struct nj_visit *v)
{
    enum nj_dial_result result = nj_dial_start(&v->dial, &v->opts, nj_clock_monotonic_ms());

    while (result == NJ_DIAL_WAITING) {
        nj_time left = v->dial.deadline - nj_clock_monotonic_ms();
        struct pollfd watched = {.fd = v->dial.fd, .events = POLLOUT};
        int ready = poll(&watched, 1, left > 0 ? (int)left + 1 : 0);

        result = nj_dial_go_on(&v->dial, &v->opts, ready > 0, nj_clock_monotonic_ms());
    }
    int fd = result == NJ_DIAL_CONNECTED ? v->dial.fd : -1;
    v->dial.fd = -1;
    return fd;
}

static enum nj_finding_id
id_of(int error)
{
    switch (error) {
    case ECONNREFUSED:
        return NJ_FINDING_PORT_CLOSED;
    case ETIMEDOUT:
        return NJ_FINDING_NO_ANSWER;
    default:
        return NJ_FINDING_UNREACHABLE;
    }
}

static bool
has_only_ipv6(const struct nj_visit *v)
{
    for (size_t i = 0; i < v->dial.count; i++) {
        if (((const struct sockaddr *)&v->dial.addresses[i])->sa_family != AF_INET6)
            return false;
    }
    return v->dial.count > 0;
}

static void
say_unreachable(struct nj_visit *v, struct nj_step *step)
{
    int error = v->dial.error;
    bool is_local = v->opts.unix_path != NULL;
    enum nj_finding_id id = is_local && error == ENOENT ? NJ_FINDING_PORT_CLOSED : id_of(error);
    char place[300];

    nj_step_came(step, NJ_STEP_FAILED, "%s", strerror(error));
    v->is_hopeless = true;
    struct nj_finding *f = nj_visit_found(v, id, NJ_END_BROKER);
    if (f == NULL)
        return;
    (void)nj_visit_place(v, place, sizeof(place));
    if (is_local) {
        nj_finding_cause(f, "the socket %s cannot be used: %s", place, strerror(error));
        nj_finding_mend(f, error == EACCES ? "run the client as a user who may write to the socket"
                                           : "start the broker, or correct the path");
    } else if ((error == ENETUNREACH || error == EADDRNOTAVAIL) && has_only_ipv6(v)) {
        nj_finding_cause(f, "%s has IPv6 addresses only, and this machine has no way there (%s)",
                         v->opts.host, strerror(error));
        nj_finding_mend(f, "give the broker's IPv4 address, or this machine an IPv6 address");
    } else {
        nj_finding_cause(f, "%s: %s: %s", nj_finding_words(f->id, f->end), place, strerror(error));
    }
}

static void
reach(struct nj_visit *v)
{
    nj_time began = nj_clock_monotonic_ms();
    bool is_local = v->opts.unix_path != NULL;
    char place[300];
    struct nj_step *step = nj_report_step(v->report, is_local ? "unix" : "tcp", "connect to %s",
                                          nj_visit_place(v, place, sizeof(place)));
    int fd = nj_visit_dial(v);
    char address[80];

    if (fd < 0) {
        say_unreachable(v, step);
        return;
    }
    (void)close(fd);
    if (is_local) {
        nj_step_came(step, NJ_STEP_GOOD, "connected");
        return;
    }
    nj_step_came(step, NJ_STEP_GOOD, "connected to %s in %d ms",
                 print_address(v, v->dial.at, address, sizeof(address)),
                 (int)(nj_clock_monotonic_ms() - began));
}

/* The terminal would be asked once for each connection. */
static int
no_password(void *ctx, const char *file, char *out, /* NOLINT(readability-non-const-parameter) */
            int n)
{
    (void)ctx, (void)file, (void)out, (void)n;
    return -1;
}

bool
nj_doctor_connect(struct nj_report *report, const struct nj_client_config *asked)
{
    struct nj_visit v = {.report = report, .asked = asked, .dial.fd = -1};

    if (!nj_client_told_init(&v.told, asked)) {
        nj_client_told_fini(&v.told);
        (void)fputs("nightjar doctor: out of memory\n", stderr);
        return false;
    }
    v.opts = v.told.opts;
    v.patience_ms = asked->timeout_s > 0 ? NJ_MIN(asked->timeout_s, 3600) * 1000 : PATIENCE_MS;
    v.has_tls = v.opts.tls != NULL;
    v.opts.maximum_packet_size = PACKET_MAX;
    v.opts.connect_timeout_ms = (uint32_t)v.patience_ms;
    v.opts.reconnect_min_ms = 0;
    if (asked->host == NULL && !asked->srv)
        v.opts.host = "localhost";
    if (asked->port < 0)
        v.opts.port = v.has_tls ? 8883 : 1883;
    if (v.has_tls && v.told.tls.password == NULL)
        v.told.tls.password = no_password;
    if (v.has_tls)
        v.tls = nj_tunnel_opts(v.opts.tls, &v.pair);
    look_up(&v);
    if (!v.is_hopeless)
        reach(&v);
    if (!v.is_hopeless && v.has_tls)
        nj_visit_tls(&v);
    if (!v.is_hopeless)
        nj_visit_mqtt(&v);
    nj_client_told_fini(&v.told);
    return true;
}
