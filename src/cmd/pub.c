/* SPDX-License-Identifier: Apache-2.0 */
/* pub.c — `nightjar pub`, also mosquitto_pub: publish one message, so many times, or one for each
 * line of standard input.
 *
 * Lines are read in large pieces and published as long as there is room; what is to be written goes
 * out in large pieces, too. So the broker sets the pace: at QoS 0 by reading, at QoS 1 and 2 by
 * acknowledging. */
#include "base/mem.h"
#include "cmd/client_session.h"
#include "cmd/cmd.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#define READ_BYTES     262144
#define LINE_MAX_BYTES 268435455u

struct pub {
    struct nj_client_config config;
    struct nj_client_session session;
    struct nj_client_properties properties;
    bool was_first_sent; /* with a topic alias the topic goes once */

    /* One message, repeated. */
    long left;
    nj_time next_at; /* of the next repetition; NJ_NEVER while one is on its way */

    /* Lines. */
    char *text;
    size_t begin, end, cap; /* of what is read but not published */
    bool is_eof;
};

/* ---- publishing ---- */

static void
say_not_published(const struct pub *p, enum nj_client_err err)
{
    const char *text;

    switch (err) {
    case NJ_CLIENT_EINVAL:
        text = p->config.has_topic_alias
                   ? "Error: The topic alias is higher than the broker allows.\n"
                   : "Error: Invalid input. Does your topic contain '+' or '#'?\n";
        break;
    case NJ_CLIENT_ENOMEM:
        text = "Error: Out of memory when trying to publish message.\n";
        break;
    case NJ_CLIENT_ENOTCONN:
        text = "Error: Client not connected when trying to publish.\n";
        break;
    case NJ_CLIENT_ETOOLARGE:
        text = "Error: Message payload is too large.\n";
        break;
    case NJ_CLIENT_EQOS:
        text = "Error: Message QoS not supported on broker, try a lower QoS.\n";
        break;
    default:
        text = "Error: Protocol error when communicating with broker.\n";
        break;
    }
    nj_client_say(&p->config, "%s", text);
}

/* False: no room now, or it failed, which ends the program. */
static bool
publish_payload(struct pub *p, const char *payload, size_t n)
{
    const struct nj_client_config *c = &p->config;
    bool has_alias = c->has_topic_alias && p->was_first_sent;
    struct nj_client_message m = {
        .topic = has_alias ? "" : c->topics.at[0],
        .payload = payload,
        .payload_n = n,
        .qos = (uint8_t)c->qos,
        .retain = c->retain,
        .properties = p->properties,
    };
    enum nj_client_err err = nj_client_publish(p->session.client, &m, NULL);

    /* Mosquitto's leave the flag out where the broker has no use for it. */
    if (err == NJ_CLIENT_ERETAIN) {
        m.retain = false;
        err = nj_client_publish(p->session.client, &m, NULL);
    }
    if (err == NJ_CLIENT_OK) {
        p->was_first_sent = true;
        return true;
    }
    if (err == NJ_CLIENT_EFULL || (err == NJ_CLIENT_ENOTCONN && c->source == NJ_SOURCE_STDIN_LINE))
        return false;
    say_not_published(p, err);
    nj_client_session_leave(&p->session, 0, nj_mosq_number(err));
    return false;
}

/* ---- lines ---- */

static bool
make_room(struct pub *p)
{
    size_t waiting = p->end - p->begin;

    if (p->cap - p->end >= READ_BYTES)
        return true;
    if (waiting > 0)
        memmove(p->text, p->text + p->begin, waiting);
    p->begin = 0;
    p->end = waiting;
    if (p->cap - p->end >= READ_BYTES)
        return true;
    if (waiting > LINE_MAX_BYTES) {
        nj_client_say(&p->config, "Error: Message length must be less than %u bytes.\n",
                      LINE_MAX_BYTES);
        nj_client_session_end(&p->session, NJ_MOSQ_OVERSIZE_PACKET);
        return false;
    }
    size_t cap = p->cap > 0 ? p->cap * 2 : 2 * (size_t)READ_BYTES;
    char *text = nj_realloc(p->text, cap);
    if (text == NULL) {
        nj_client_say(&p->config, "Error: Out of memory.\n");
        nj_client_session_end(&p->session, NJ_MOSQ_NOMEM);
        return false;
    }
    p->text = text;
    p->cap = cap;
    return true;
}

static void
read_lines(struct pub *p)
{
    ssize_t n;

    if (!make_room(p))
        return;
    n = read(STDIN_FILENO, p->text + p->end, p->cap - p->end);
    if (n > 0)
        p->end += (size_t)n;
    else if (n == 0 || (errno != EINTR && errno != EAGAIN))
        p->is_eof = true;
}

/* All whole lines, and the rest at the end of the file, as far as there is room. False: there was
 * not enough. */
static bool
publish_lines(struct pub *p)
{
    while (p->begin < p->end && !p->session.is_ended) {
        char *line = p->text + p->begin;
        size_t left = p->end - p->begin;
        const char *stop = memchr(line, '\n', left);
        size_t n = stop != NULL ? (size_t)(stop - line) : left;

        if (stop == NULL && !p->is_eof)
            return true;
        if (!publish_payload(p, line, n))
            return false;
        p->begin += n + (stop != NULL);
    }
    return true;
}

static bool
is_all_sent(const struct pub *p)
{
    return nj_client_unacknowledged(p->session.client) == 0 &&
           nj_client_unwritten_bytes(p->session.client) == 0;
}

/* ---- what happens ---- */

static void
on_published(const struct pub *p, const struct nj_client_event *ev)
{
    struct nj_client_properties rest = ev->properties;
    struct nj_client_property found;

    if (ev->reason < 0x80)
        return;
    nj_client_say(&p->config, "Warning: Publish %u failed: %s.\n", ev->packet_id,
                  nj_client_reason_text(ev->reason));
    while (nj_client_property_next(&rest, &found)) {
        if (found.id == 0x1f) /* reason string */
            nj_client_say(&p->config, "%.*s\n", (int)found.value_n, found.value);
    }
}

static void
take_events(struct pub *p)
{
    struct nj_client_event ev;
    enum nj_client_err err = NJ_CLIENT_OK;

    while (!p->session.is_ended &&
           (err = nj_client_next(p->session.client, &ev, 0)) == NJ_CLIENT_OK) {
        if (ev.type == NJ_CLIENT_CONNECTED) {
            p->session.was_connected = true;
            p->was_first_sent = false;
        } else if (ev.type == NJ_CLIENT_PUBLISHED) {
            on_published(p, &ev);
        } else if (ev.type == NJ_CLIENT_DISCONNECTED) {
            nj_client_session_lost(&p->session, &ev);
        }
    }
    if (!p->session.is_ended && err != NJ_CLIENT_OK && err != NJ_CLIENT_ETIMEOUT)
        nj_client_session_end(&p->session, nj_mosq_number(err));
}

/* One poll over standard input, where it is wanted, and the connection. */
static void
wait_for_both(struct pub *p, bool wants_lines)
{
    struct pollfd lines = {.fd = wants_lines ? STDIN_FILENO : -1, .events = POLLIN};

    nj_client_session_wait(&p->session, NJ_NEVER, &lines);
    if (lines.revents != 0)
        read_lines(p);
}

static void
run_lines(struct pub *p)
{
    bool has_room = true;

    while (!p->session.is_ended) {
        take_events(p);
        if (!p->session.is_ended && p->session.was_connected)
            has_room = publish_lines(p);
        if (p->session.is_ended)
            break;
        if (nj_client_session_is_over(&p->session)) {
            nj_client_session_leave(&p->session, 4, 0);
        } else if (p->is_eof && p->begin == p->end && is_all_sent(p)) {
            nj_client_session_leave(&p->session, 0, 0);
        } else {
            wait_for_both(p, p->session.was_connected && has_room && !p->is_eof);
        }
    }
}

static void
run_message(struct pub *p)
{
    const struct nj_client_config *c = &p->config;

    p->left = c->repeat;
    p->next_at = 0;
    while (!p->session.is_ended) {
        take_events(p);
        if (p->session.is_ended)
            break;
        if (nj_client_session_is_over(&p->session)) {
            nj_client_session_leave(&p->session, 4, 0);
            break;
        }
        nj_time now = nj_clock_monotonic_ms();
        if (p->session.was_connected && p->left > 0 && now >= p->next_at) {
            if (publish_payload(p, c->payload, c->payload_n)) {
                p->left--;
                p->next_at = NJ_NEVER;
            }
            continue;
        }
        if (p->session.was_connected && p->next_at == NJ_NEVER && is_all_sent(p)) {
            if (p->left == 0) {
                nj_client_session_leave(&p->session, 0, 0);
            }
            p->next_at = now + c->repeat_delay_us / 1000;
            continue;
        }
        nj_client_session_wait(
            &p->session, p->left > 0 && p->session.was_connected ? p->next_at : NJ_NEVER, NULL);
    }
}

int
nj_cmd_pub(int argc, char **argv)
{
    struct pub p = {0};
    int code = nj_client_config_load(&p.config, NJ_TOOL_PUB, argc, argv);
    bool has_lines = p.config.source == NJ_SOURCE_STDIN_LINE;

    if (code != 0 || !nj_client_session_open(&p.session, &p.config, has_lines)) {
        nj_client_config_fini(&p.config);
        return 1;
    }
    p.properties = nj_client_property_list_view(p.config.properties[NJ_FOR_PUBLISH]);
    if (nj_client_start(p.session.client) != NJ_CLIENT_OK)
        nj_client_session_end(&p.session, NJ_MOSQ_INVAL);
    else if (has_lines)
        run_lines(&p);
    else
        run_message(&p);
    (void)fflush(stdout);
    nj_client_session_close(&p.session);
    nj_free(p.text);
    nj_client_config_fini(&p.config);
    nj_client_session_end_by_signal(); /* so a shell's loop ends, too */
    return p.session.code;
}
