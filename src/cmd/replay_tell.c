/* SPDX-License-Identifier: Apache-2.0 */
/* replay_tell.c — the answers of the capture beside those of now. Acknowledgements are known by
 * their kind and packet identifier, messages by topic and payload; in what order they came is not
 * judged.
 */
#include "base/mem.h"
#include "cmd/replay.h"
#include "mqtt/packet.h"

#include <stdio.h>

#define SAID_MAX   50u   /* differences of one conversation that are printed */
#define WINDOW_MAX 4096u /* how far out of its place an answer is looked for */

struct telling {
    const struct nj_script_conversation *c;
    size_t differences;
};

static void
name_it(const struct nj_script_conversation *c)
{
    (void)printf("stream %u", c->stream);
    if (c->client_id != NULL && c->client_id[0] != '\0')
        (void)printf(" (%s)", c->client_id);
}

/* The beginning of a line; false: enough was said of this one. */
static bool
begin_line(struct telling *t)
{
    if (++t->differences > SAID_MAX)
        return false;
    name_it(t->c);
    (void)fputs(": ", stdout);
    return true;
}

static void
print_heard(const struct nj_heard *h)
{
    (void)fputs(nj_packet_name(h->type), stdout);
    if (h->topic != NULL)
        (void)printf(" %s", h->topic);
    else if (h->packet_id != 0)
        (void)printf(" (id %u)", h->packet_id);
}

static const char *
words_of(const struct nj_heard *h)
{
    const struct nj_said said = {.type = h->type, .code = h->code};

    return nj_said_code_words(&said);
}

static void
print_code(const struct nj_heard *h)
{
    if (h->type == NJ_PUBLISH || (h->type == NJ_SUBACK && h->code < 0x80))
        (void)printf("QoS %u", h->code);
    else
        (void)printf("%u (%s)", h->code, words_of(h));
}

/* What is the same thing said now; of several rather the one with the same code. */
static struct nj_heard *
find_match(struct nj_replayed *r, const struct nj_heard *then)
{
    struct nj_heard *found = NULL;

    while (r->first < r->count && r->heard[r->first].is_matched)
        r->first++;
    for (size_t i = r->first; i < r->count && i - r->first < WINDOW_MAX; i++) {
        struct nj_heard *now = &r->heard[i];

        if (now->is_matched || now->type != then->type || now->packet_id != then->packet_id ||
            now->hash != then->hash)
            continue;
        if (now->code == then->code)
            return now;
        if (found == NULL)
            found = now;
    }
    return found;
}

static void
tell_of_answer(struct telling *t, struct nj_replayed *r, const struct nj_heard *then)
{
    struct nj_heard *now = find_match(r, then);

    if (now != NULL)
        now->is_matched = true;
    if (now != NULL && now->code == then->code)
        return;
    if (!begin_line(t))
        return;
    print_heard(then);
    if (now == NULL) {
        (void)fputs(" did not come\n", stdout);
        return;
    }
    (void)fputs(": then ", stdout);
    print_code(then);
    (void)fputs(", now ", stdout);
    print_code(now);
    (void)fputc('\n', stdout);
}

static void
tell_of_rest(struct telling *t, const struct nj_replayed *r)
{
    for (size_t i = 0; i < r->count; i++) {
        if (r->heard[i].is_matched || !begin_line(t))
            continue;
        print_heard(&r->heard[i]);
        (void)fputs(" came, and did not then\n", stdout);
    }
    if (r->is_connected && r->is_lost != t->c->is_lost && begin_line(t))
        (void)puts(r->is_lost ? "the broker closed it, and did not then"
                              : "the broker did not close it, and did then");
    if (r->fault != NULL && begin_line(t))
        (void)puts(r->fault);
    if (t->differences > SAID_MAX) {
        name_it(t->c);
        (void)printf(": ... and %zu more\n", t->differences - SAID_MAX);
    }
}

static void
tell_of_conversation(struct telling *t, const struct nj_replayed *r)
{
    const struct nj_script_conversation *c = t->c;

    if (!c->has_connect) {
        if (c->is_joined)
            (void)printf("stream %u: left out, for its CONNECT is not in the capture\n", c->stream);
        return;
    }
    if (c->is_cut) {
        name_it(c);
        (void)puts(": played up to a packet that the capture has only a part of");
    }
    tell_of_rest(t, r);
}

/* Before all else, for it explains all else. */
static void
tell_of_broker(const struct nj_script *script, const struct nj_replayed *replayed)
{
    const char *fault = NULL;

    for (size_t i = 0; i < script->conversations; i++) {
        if (replayed[i].is_connected)
            return;
        if (fault == NULL)
            fault = replayed[i].fault;
    }
    if (fault != NULL)
        (void)printf("Nothing could be played: %s.\n", fault);
}

enum nj_err
nj_replay_tell(const struct nj_script *script, struct nj_replayed *replayed, size_t *differences)
{
    struct telling *t = nj_zalloc((script->conversations + 1) * sizeof(*t));
    size_t played = 0, sent = 0;

    if (t == NULL)
        return NJ_ENOMEM;
    *differences = 0;
    for (size_t i = 0; i < script->conversations; i++)
        t[i].c = &script->conversation[i];
    tell_of_broker(script, replayed);
    for (size_t i = 0; i < script->steps; i++) {
        const struct nj_step *step = &script->step[i];

        if (step->kind == NJ_STEP_HEAR && replayed[step->conversation].is_connected)
            tell_of_answer(&t[step->conversation], &replayed[step->conversation], &step->heard);
    }
    for (size_t i = 0; i < script->conversations; i++) {
        tell_of_conversation(&t[i], &replayed[i]);
        played += replayed[i].is_connected;
        sent += replayed[i].sent;
        *differences += t[i].differences;
    }
    if (script->given_up > 0)
        (void)printf("Packets that there was no room for: %zu.\n", (size_t)script->given_up);
    (void)printf("Conversations played: %zu, packets of them: %zu, differences: %zu.\n", played,
                 sent, *differences);
    nj_free(t);
    return NJ_OK;
}

void
nj_replayed_fini(struct nj_replayed *r)
{
    for (size_t i = 0; i < r->count; i++)
        nj_free(r->heard[i].topic);
    nj_free(r->heard);
}
