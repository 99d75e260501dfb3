/* SPDX-License-Identifier: Apache-2.0 */
/* replay_play.c — one thread plays all conversations in the order of the capture. Before a packet
 * is sent, all answers must be there that were there then, of every conversation, and its own
 * messages; a conversation that lets us wait too long is not waited for again. */
#include "base/clock.h"
#include "base/mem.h"
#include "cmd/replay.h"
#include "mqtt/packet.h"
#include "sniff/payload/mqtt.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#define READ_BYTES 65536u
#define NS_PER_MS  1000000

struct player {
    int fd; /* -1: not connected (any more) */
    struct nj_mqtt_stream stream;
    struct nj_text input;         /* what waits for the rest of a packet; at most NJ_TEXT_MAX */
    uint64_t answers, deliveries; /* that came … */
    uint64_t wanted_answers, wanted_deliveries; /* … and that had come by now in the capture */
    bool wants_loss;
    bool is_closing; /* DISCONNECT was sent */
};

struct stage {
    const struct nj_script *script;
    const struct nj_replay_opts *opts;
    struct nj_replayed *out;
    struct player *player;
    struct pollfd *poll;
    uint32_t *polled; /* whose */
    struct nj_tree tree;
    struct nj_text info;
    size_t heard;
};

/* ---- a connection ---- */

static void
hang_up(struct player *p)
{
    if (p->fd >= 0)
        (void)close(p->fd);
    p->fd = -1;
}

static bool
wait_for(int fd, short events, int64_t timeout_ms)
{
    struct pollfd one = {.fd = fd, .events = events};

    return poll(&one, 1, (int)timeout_ms) == 1;
}

static int
connect_to(const struct addrinfo *to, int64_t timeout_ms)
{
    int fd = socket(to->ai_family, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
    int on = 1, error = 0;
    socklen_t size = sizeof(error);

    if (fd < 0)
        return -1;
    (void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
    if (connect(fd, to->ai_addr, to->ai_addrlen) == 0)
        return fd;
    if (errno == EINPROGRESS && wait_for(fd, POLLOUT, timeout_ms) &&
        getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &size) == 0 && error == 0)
        return fd;
    (void)close(fd);
    return -1;
}

static void
dial(struct stage *s, uint32_t i)
{
    for (const struct addrinfo *to = s->opts->to; to != NULL; to = to->ai_next) {
        s->player[i].fd = connect_to(to, s->opts->timeout_ms);
        s->out[i].is_connected = s->player[i].fd >= 0;
        if (s->out[i].is_connected)
            return;
    }
    s->out[i].fault =
        errno == EMFILE ? "too many connections for this process" : "the broker took no connection";
}

/* ---- what comes ---- */

static void
answer(struct player *p, unsigned type, unsigned flags, unsigned id)
{
    const char packet[4] = {(char)(type << 4 | flags), 2, (char)(id >> 8), (char)id};

    (void)send(p->fd, packet, sizeof(packet), MSG_NOSIGNAL); /* four bytes have room */
}

/* A message is acknowledged as the client of the capture did. */
static void
acknowledge(const struct stage *s, uint32_t i, const struct nj_said *said)
{
    if (!s->script->conversation[i].acknowledges)
        return;
    if (said->type == NJ_PUBLISH && nj_said_qos(said) == 1)
        answer(&s->player[i], NJ_PUBACK, 0, said->packet_id);
    else if (said->type == NJ_PUBLISH && nj_said_qos(said) == 2)
        answer(&s->player[i], NJ_PUBREC, 0, said->packet_id);
    else if (said->type == NJ_PUBREL)
        answer(&s->player[i], NJ_PUBCOMP, 0, said->packet_id);
}

static void
keep(struct stage *s, uint32_t i, struct nj_heard *heard)
{
    struct nj_replayed *out = &s->out[i];

    if (s->heard == NJ_REPLAY_HEARD_MAX ||
        !nj_array_grow((void **)&out->heard, &out->capacity, out->count, sizeof(*out->heard))) {
        nj_free(heard->topic);
        out->fault = "more answers than there is room for";
        return;
    }
    out->heard[out->count++] = *heard;
    s->heard++;
}

static void
take_packet(struct stage *s, uint32_t i, struct nj_str packet)
{
    struct nj_mqtt_row row = {.info = &s->info};
    struct player *p = &s->player[i];
    struct nj_said said;
    struct nj_heard heard;
    enum nj_hearing hearing;
    size_t at = 0;

    nj_tree_clear(&s->tree);
    nj_text_clear(&s->info);
    nj_mqtt_dissect(&p->stream, 1, packet, packet.n, &s->tree, &row);
    if (!nj_said_next(&s->tree, &at, &said))
        return;
    acknowledge(s, i, &said);
    hearing = nj_hear(&said, &heard);
    p->answers += hearing == NJ_HEARD_ANSWER;
    p->deliveries += hearing == NJ_HEARD_DELIVERY;
    if (hearing != NJ_HEARD_NOTHING)
        keep(s, i, &heard);
}

static void
lose(struct stage *s, uint32_t i)
{
    s->out[i].is_lost = !s->player[i].is_closing;
    hang_up(&s->player[i]);
}

static void
take_input(struct stage *s, uint32_t i)
{
    struct player *p = &s->player[i];
    static char buffer[READ_BYTES];
    ssize_t n = recv(p->fd, buffer, sizeof(buffer), 0);
    size_t at = 0;

    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return;
    if (n <= 0) {
        lose(s, i);
        return;
    }
    nj_text_put(&p->input, (struct nj_str){buffer, (size_t)n});
    while (at < p->input.n) {
        bool is_fault;
        struct nj_str rest = nj_str_from(nj_text_str(&p->input), at);
        size_t bytes = nj_mqtt_packet_bytes(rest, &is_fault);

        if (is_fault || p->input.is_cut) {
            s->out[i].fault = "what the broker sends is no MQTT";
            hang_up(p);
            return;
        }
        if (bytes == 0 || bytes > rest.n)
            break;
        take_packet(s, i, (struct nj_str){rest.p, bytes});
        at += bytes;
    }
    nj_text_forget(&p->input, at);
}

/* Whatever comes within that time, or at once; returns when something came. */
static void
listen_for(struct stage *s, int64_t timeout_ms)
{
    nfds_t count = 0;

    for (uint32_t i = 0; i < s->script->conversations; i++) {
        if (s->player[i].fd < 0)
            continue;
        s->polled[count] = i;
        s->poll[count++] = (struct pollfd){.fd = s->player[i].fd, .events = POLLIN};
    }
    if (poll(s->poll, count, (int)NJ_MIN(timeout_ms, (int64_t)INT32_MAX)) <= 0)
        return;
    for (nfds_t k = 0; k < count; k++)
        if (s->poll[k].revents != 0)
            take_input(s, s->polled[k]);
}

/* ---- waiting ---- */

static bool
is_owed(const struct stage *s, uint32_t i, bool with_deliveries)
{
    const struct player *p = &s->player[i];

    if (p->fd < 0 || s->out[i].is_silent)
        return false;
    return p->answers < p->wanted_answers ||
           (with_deliveries && (p->deliveries < p->wanted_deliveries || p->wants_loss));
}

/* All answers, and of conversation `own` all else; `own` beyond the last: of all. */
static bool
is_all_there(const struct stage *s, uint32_t own)
{
    for (uint32_t i = 0; i < s->script->conversations; i++)
        if (is_owed(s, i, i == own || own == UINT32_MAX))
            return false;
    return true;
}

static void
wait_for_answers(struct stage *s, uint32_t own)
{
    int64_t until = nj_clock_monotonic_ms() + s->opts->timeout_ms;
    int64_t left;

    listen_for(s, 0);
    while (!is_all_there(s, own) && (left = until - nj_clock_monotonic_ms()) > 0)
        listen_for(s, left);
    for (uint32_t i = 0; i < s->script->conversations; i++)
        if (is_owed(s, i, i == own || own == UINT32_MAX))
            s->out[i].is_silent = true;
}

static void
wait_until(struct stage *s, int64_t ns)
{
    int64_t left;

    while ((left = ns - nj_clock_monotonic_ns()) > 0)
        listen_for(s, (left + NS_PER_MS - 1) / NS_PER_MS);
}

/* ---- steps ---- */

static void
send_packet(struct stage *s, const struct nj_step *step)
{
    struct player *p = &s->player[step->conversation];
    struct nj_mqtt_row row = {.info = &s->info};
    int64_t until = nj_clock_monotonic_ms() + s->opts->timeout_ms;
    size_t at = 0;

    if (step->type == NJ_CONNECT) { /* by it the answers are read */
        nj_tree_clear(&s->tree);
        nj_text_clear(&s->info);
        nj_mqtt_dissect(&p->stream, 0, (struct nj_str){step->bytes, step->n}, step->n, &s->tree,
                        &row);
    }
    p->is_closing = p->is_closing || step->type == NJ_DISCONNECT;
    while (p->fd >= 0 && at < step->n) {
        ssize_t n = send(p->fd, step->bytes + at, step->n - at, MSG_NOSIGNAL);

        if (n > 0) {
            at += (size_t)n;
            until = nj_clock_monotonic_ms() + s->opts->timeout_ms;
        } else if (n < 0 && errno == EAGAIN && nj_clock_monotonic_ms() >= until) {
            s->out[step->conversation].fault = "the broker stopped reading";
            hang_up(p);
        } else if (n < 0 && errno == EAGAIN) {
            listen_for(s, 1); /* it may wait for us to read */
        } else if (n < 0 && errno != EINTR) {
            lose(s, step->conversation);
        }
    }
    s->out[step->conversation].sent += at == step->n;
}

static void
end(struct stage *s, const struct nj_step *step)
{
    struct player *p = &s->player[step->conversation];
    const struct linger at_once = {.l_onoff = 1};

    p->is_closing = true;
    if (step->kind == NJ_STEP_ABORT && p->fd >= 0)
        (void)setsockopt(p->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
    hang_up(p);
}

static void
take_step(struct stage *s, const struct nj_step *step, bool *is_begun)
{
    struct player *p = &s->player[step->conversation];

    switch ((enum nj_step_kind)step->kind) {
    case NJ_STEP_HEAR:
        p->wanted_answers += step->hearing == NJ_HEARD_ANSWER;
        p->wanted_deliveries += step->hearing == NJ_HEARD_DELIVERY;
        return;
    case NJ_STEP_LOST:
        p->wants_loss = true;
        return;
    case NJ_STEP_SEND:
        wait_for_answers(s, step->conversation);
        if (!*is_begun && step->type == NJ_CONNECT)
            dial(s, step->conversation);
        *is_begun = true;
        if (p->fd >= 0)
            send_packet(s, step);
        return;
    case NJ_STEP_CLOSE:
    case NJ_STEP_ABORT:
        wait_for_answers(s, step->conversation);
        end(s, step);
        return;
    }
}

static void
play(struct stage *s, bool *is_begun)
{
    int64_t begin_ns = nj_clock_monotonic_ns();
    int64_t first_ns = s->script->steps > 0 ? s->script->step[0].time_ns : 0;

    for (size_t i = 0; i < s->script->steps; i++) {
        const struct nj_step *step = &s->script->step[i];
        double after_ns = (double)(step->time_ns - first_ns);

        if (s->opts->speed > 0 && step->kind != NJ_STEP_HEAR)
            wait_until(s, begin_ns + (int64_t)NJ_MIN(after_ns / s->opts->speed, 9e17));
        take_step(s, step, &is_begun[step->conversation]);
    }
    wait_for_answers(s, UINT32_MAX);
}

enum nj_err
nj_replay_play(const struct nj_script *script, const struct nj_replay_opts *opts,
               struct nj_replayed *out)
{
    size_t count = script->conversations + 1;
    struct stage s = {.script = script, .opts = opts, .out = out};
    bool *is_begun = nj_zalloc(count);
    enum nj_err err = NJ_ENOMEM;

    s.player = nj_alloc_array(count, sizeof(*s.player));
    s.poll = nj_alloc_array(count, sizeof(*s.poll));
    s.polled = nj_alloc_array(count, sizeof(*s.polled));
    if (is_begun != NULL && s.player != NULL && s.poll != NULL && s.polled != NULL) {
        for (size_t i = 0; i < count; i++)
            s.player[i] = (struct player){.fd = -1};
        play(&s, is_begun);
        for (size_t i = 0; i < count; i++) {
            hang_up(&s.player[i]);
            nj_mqtt_stream_fini(&s.player[i].stream);
            nj_text_fini(&s.player[i].input);
        }
        err = NJ_OK;
    }
    nj_tree_fini(&s.tree);
    nj_text_fini(&s.info);
    nj_free(s.player);
    nj_free(s.poll);
    nj_free(s.polled);
    nj_free(is_begun);
    return err;
}
