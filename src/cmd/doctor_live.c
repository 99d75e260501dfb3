/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_live.c — the way to the broker: its name, then TCP; what follows is TLS and MQTT. */
#include "cmd/doctor_live.h"

#include "base/clock.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <poll.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* More than any answer to what the doctor sends; what claims to be larger is not waited for. */
#define PACKET_MAX (64u * 1024)

struct nj_finding *
nj_visit_found(struct nj_visit *v, enum nj_finding_id id, enum nj_end end)
{
    return nj_findings_add(&v->report->findings, id, end);
}

/* ---- name ---- */

static void
print_address(const struct nj_dial *dial, size_t at, char *out, size_t room)
{
    const struct sockaddr *address = (const struct sockaddr *)&dial->addresses[at];

    if (getnameinfo(address, dial->lengths[at], out, (socklen_t)room, NULL, 0, NI_NUMERICHOST) != 0)
        (void)snprintf(out, room, "?");
}

static void
look_up(struct nj_visit *v)
{
    struct nj_step *step = nj_report_step(v->report, "name", "%s", v->opts.host);
    char all[400] = "";

    if (nj_dial_look_up(&v->dial, &v->opts) != NJ_CLIENT_OK) {
        nj_step_came(step, NJ_STEP_FAILED, "%s", v->dial.detail);
        v->is_hopeless = true;
        struct nj_finding *f = nj_visit_found(v, NJ_FINDING_NAME_UNKNOWN, NJ_END_CLIENT);
        if (f != NULL)
            nj_finding_cause(f, "the name %s has no address: %s", v->opts.host, v->dial.detail);
        return;
    }
    for (size_t i = 0; i < v->dial.count; i++) {
        size_t n = strlen(all);
        char one[64];

        print_address(&v->dial, i, one, sizeof(one));
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

static void
say_unreachable(struct nj_visit *v, struct nj_step *step)
{
    int error = v->dial.error;

    nj_step_came(step, NJ_STEP_FAILED, "%s", strerror(error));
    v->is_hopeless = true;
    struct nj_finding *f = nj_visit_found(v, id_of(error), NJ_END_BROKER);
    if (f == NULL)
        return;
    nj_finding_cause(f, "%s: port %u of %s: %s", nj_finding_words(f->id, f->end), v->opts.port,
                     v->opts.host, strerror(error));
}

static void
reach(struct nj_visit *v)
{
    nj_time began = nj_clock_monotonic_ms();
    struct nj_step *step =
        nj_report_step(v->report, "tcp", "connect to port %u", (unsigned)v->opts.port);
    int fd = nj_visit_dial(v);
    char address[64];

    if (fd < 0) {
        say_unreachable(v, step);
        return;
    }
    print_address(&v->dial, v->dial.at, address, sizeof(address));
    nj_step_came(step, NJ_STEP_GOOD, "connected to %s in %d ms", address,
                 (int)(nj_clock_monotonic_ms() - began));
    (void)close(fd);
}

void
nj_doctor_connect(struct nj_report *report, const struct nj_doctor *d)
{
    struct nj_visit v = {.report = report, .d = d, .has_tls = nj_doctor_wants_tls(d)};

    nj_client_opts_init(&v.opts);
    v.opts.maximum_packet_size = PACKET_MAX;
    v.dial.fd = -1;
    v.opts.host = d->host != NULL ? d->host : "localhost";
    v.opts.port = (uint16_t)(d->port != 0 ? d->port : v.has_tls ? 8883 : 1883);
    v.opts.connect_timeout_ms = NJ_DOCTOR_PATIENCE_MS;
    look_up(&v);
    if (!v.is_hopeless)
        reach(&v);
    if (!v.is_hopeless && v.has_tls)
        nj_visit_tls(&v);
    if (!v.is_hopeless)
        nj_visit_mqtt(&v);
}
