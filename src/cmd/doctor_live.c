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
say_no_name(struct nj_visit *v)
{
    struct nj_finding *f = nj_visit_found(v, NJ_FINDING_NAME_UNKNOWN, NJ_END_CLIENT);

    if (f == NULL)
        return;
    if (strcmp(v->dial.detail, gai_strerror(EAI_AGAIN)) == 0) {
        nj_finding_cause(f, "no name server tells whether %s has an address: %s", domain_of(v),
                         v->dial.detail);
        nj_finding_mend(f, "look at the network of this machine and its name servers "
                           "(/etc/resolv.conf), or give the broker's address");
    } else {
        nj_finding_cause(f, "the name \"%s\" has no address: %s", domain_of(v), v->dial.detail);
    }
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
        say_no_name(v);
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
say_no_socket(struct nj_visit *v, const char *path)
{
    int error = v->dial.error;
    struct nj_finding *f =
        nj_visit_found(v, error == ENOENT ? NJ_FINDING_PORT_CLOSED : id_of(error), NJ_END_BROKER);

    if (f == NULL)
        return;
    nj_finding_cause(f, "the socket %s cannot be used: %s", path, strerror(error));
    nj_finding_mend(f, error == EACCES ? "run the client as a user who may write to the socket"
                                       : "start the broker, or correct the path");
}

/* What a connection fails by, which a firewall may be as well as the broker's machine. */
static void
say_unreachable(struct nj_visit *v, const char *place)
{
    int error = v->dial.error;
    const char *why = strerror(error);
    struct nj_finding *f = nj_visit_found(v, id_of(error), NJ_END_BROKER);

    if (f == NULL)
        return;
    switch (error) {
    case ECONNREFUSED:
        nj_finding_cause(f, "nobody listens on %s (%s)", place, why);
        break;
    case ETIMEDOUT:
        nj_finding_cause(f,
                         "%s does not answer in %d s, not even to refuse: a firewall drops what is "
                         "sent there, or the machine is off or has another address",
                         place, v->patience_ms / 1000);
        break;
    case EHOSTUNREACH:
        nj_finding_cause(f,
                         "%s cannot be reached (%s): the machine is off or not in this network, or "
                         "a firewall rejects what is sent there",
                         place, why);
        nj_finding_mend(f, "look whether the broker's machine is up, and at the firewalls between");
        break;
    case EACCES:
    case EPERM:
        nj_finding_cause(f, "this machine does not let the client connect to %s (%s)", place, why);
        nj_finding_mend(f, "look at the firewall and the routes of this machine");
        f->end = NJ_END_CLIENT;
        break;
    case EADDRNOTAVAIL:
        f->end = NJ_END_CLIENT;
        if (v->opts.bind_address != NULL) {
            nj_finding_cause(f,
                             "the client is to connect from %s, which is no address of this "
                             "machine's for that (%s)",
                             v->opts.bind_address, why);
            nj_finding_mend(f, "correct -A, or leave it out");
            break;
        }
        NJ_FALLTHROUGH;
    default:
        if (has_only_ipv6(v)) {
            nj_finding_cause(f,
                             "%s has IPv6 addresses only, and this machine has no way there (%s)",
                             v->opts.host, why);
            nj_finding_mend(f, "give the broker's IPv4 address, or this machine an IPv6 address");
        } else {
            nj_finding_cause(f, "this machine has no way to %s (%s)", place, why);
        }
    }
}

/* Clients lose the same time at it, each time. */
static void
say_dead(struct nj_visit *v, const char *addresses)
{
    struct nj_finding *f = nj_visit_found(v, NJ_FINDING_ADDRESS_DEAD, NJ_END_BROKER);

    if (f != NULL)
        nj_finding_cause(f,
                         "of the addresses of %s not all answer (%s): clients that try them first "
                         "wait there",
                         domain_of(v), addresses);
}

/* Each address in turn, until one takes the connection: with that the visit goes on. What the
 * others say goes to `failed`. */
static bool
try_each(struct nj_visit *v, char *failed, size_t room, bool *is_slow)
{
    const struct nj_dial all = v->dial;
    size_t n = 0;

    for (size_t i = 0; i < all.count; i++) {
        char address[80];

        v->dial.addresses[0] = all.addresses[i];
        v->dial.lengths[0] = all.lengths[i];
        v->dial.count = 1;
        int fd = nj_visit_dial(v);
        if (fd >= 0) {
            (void)close(fd);
            return true;
        }
        *is_slow |= v->dial.error == ETIMEDOUT;
        n += (size_t)snprintf(failed + n, room - n, "%s%s: %s", n > 0 ? ", " : "",
                              print_address(v, 0, address, sizeof(address)),
                              strerror(v->dial.error));
        n = NJ_MIN(n, room - 1);
    }
    int error = v->dial.error;
    v->dial = all;
    v->dial.error = error;
    return false;
}

static void
reach(struct nj_visit *v)
{
    nj_time began = nj_clock_monotonic_ms();
    bool is_local = v->opts.unix_path != NULL;
    bool is_slow = false;
    char place[300];
    char address[80];
    char failed[300] = "";
    struct nj_step *step = nj_report_step(v->report, is_local ? "unix" : "tcp", "connect to %s",
                                          nj_visit_place(v, place, sizeof(place)));

    v->is_hopeless = !try_each(v, failed, sizeof(failed), &is_slow);
    if (v->is_hopeless && is_local) {
        nj_step_came(step, NJ_STEP_FAILED, "%s", strerror(v->dial.error));
        say_no_socket(v, place);
    } else if (v->is_hopeless) {
        nj_step_came(step, NJ_STEP_FAILED, "%s", failed);
        say_unreachable(v, place);
    } else if (is_local) {
        nj_step_came(step, NJ_STEP_GOOD, "connected");
    } else {
        nj_step_came(step, NJ_STEP_GOOD, "connected to %s in %d ms%s%s%s",
                     print_address(v, 0, address, sizeof(address)),
                     (int)(nj_clock_monotonic_ms() - began), failed[0] != '\0' ? " (" : "", failed,
                     failed[0] != '\0' ? ")" : "");
        if (is_slow)
            say_dead(v, failed);
    }
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
