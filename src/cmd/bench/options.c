/* SPDX-License-Identifier: Apache-2.0 */
/* options.c — the command line of `nightjar bench`: scenarios and options as tables. */
#include "cmd/bench/options.h"

#include "base/mdoc.h"
#include "cmd/bench/figures.h"
#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>

#define PORT_PLAIN 1883
#define PORT_TLS   8883
/* With what follows it, below the scenarios' NAME_BYTES: cut, two names would be one. */
#define PREFIX_MAX 100
/* Of retained messages: what a broker takes by default. */
#define ACKNOWLEDGED_WINDOW 100

enum {
    FLAG = NJ_OPTION_FLAG,
    TEXT = NJ_OPTION_TEXT,
    NUMBER = NJ_OPTION_NUMBER,
    SECRET = NJ_OPTION_OWN,
    VERSION,
};

enum {
    P2P = NJ_BENCH_P2P,
    FANOUT = NJ_BENCH_FANOUT,
    FANIN = NJ_BENCH_FANIN,
    SHARE = NJ_BENCH_SHARE,
    FLOW = P2P | FANOUT | FANIN | SHARE,
    CONNS = NJ_BENCH_CONNS,
    SUBS = NJ_BENCH_SUBS,
    RETAINED = NJ_BENCH_RETAINED,
    QUEUE = NJ_BENCH_QUEUE,
    CHURN = NJ_BENCH_CHURN,
    CONNECT = NJ_BENCH_CONNECT,
    ALL = FLOW | CONNS | SUBS | RETAINED | QUEUE | CHURN | CONNECT,
};

static const struct nj_verb scenarios[] = {
    {"p2p", NULL, NJ_BENCH_P2P, "Pairs: each publisher has a subscriber of its own."},
    {"fanout", NULL, NJ_BENCH_FANOUT, "One topic, and all subscribers get everything."},
    {"fanin", NULL, NJ_BENCH_FANIN, "Many publishers, a topic each; subscribed to with +."},
    {"share", NULL, NJ_BENCH_SHARE,
     "Many publishers; the subscribers share one subscription, and each message goes to one."},
    {"conns", NULL, NJ_BENCH_CONNS, "Idle connections with one subscription each: bytes for each."},
    {"subs", NULL, NJ_BENCH_SUBS,
     "Subscriptions of 7 levels, 80 % exact, 10 % with +, 10 % with #: bytes for each, and CPU for "
     "a message that matches one."},
    {"retained", NULL, NJ_BENCH_RETAINED,
     "Retained messages: bytes for each, CPU to set and to deliver one. They are removed again."},
    {"queue", NULL, NJ_BENCH_QUEUE,
     "Messages for sessions that are offline, which then come back: CPU to queue and to drain "
     "one."},
    {"churn", NULL, NJ_BENCH_CHURN,
     "Clients that connect, subscribe, publish, receive what they published, and go: CPU for "
     "each."},
    {"connect", NULL, NJ_BENCH_CONNECT,
     "Clients that come one after the other, hear CONNACK and go: CPU for each."},
};

/* Of the scenarios, in their order; defaults where the option is taken. */
static const struct {
    const char *thing;
    uint32_t count, clients, window;
} facts[] = {
    {"message", 0, 0, 0},
    {"message", 0, 0, 0},
    {"message", 0, 0, 0},
    {"message", 0, 0, 0},
    {"connection", 10000, 0, 0},
    {"subscription", 500000, 100, 10000},
    {"retained message", 100000, 1, 1000},
    {"queued message", 50000, 50, 100},
    {"client", 10000, 100, 0},
    {"client", 1000, 0, 0},
};

static const struct nj_option options[] = {
#define BENCH_OPTION(other, name, argument, field, kind, least, most, scenarios, help)             \
    {other, name,      argument, offsetof(struct nj_bench_opts, field), kind, least,               \
     most,  scenarios, help},
#include "cmd/bench/option.def"
#undef BENCH_OPTION
};

static enum nj_parsed take_own(void *config, const struct nj_option *o, char *value);

static const struct nj_verbs bench = {
    .command = "bench",
    .kind = "scenario",
    .does = "put an MQTT broker under load, and see what it costs.",
    .end =
        "Ends with 0; with 1 when a message was lost, came twice, late or damaged, or a connection "
        "was\ncut; with 2 when it could not run.\n",
    .verb = scenarios,
    .verb_count = NJ_COUNT_OF(scenarios),
    .option = options,
    .option_count = NJ_COUNT_OF(options),
    .take = take_own,
};

void
nj_bench_print_options(FILE *out)
{
    nj_verbs_print_words(out, &bench);
}

void
nj_bench_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-bench", 1);
    (void)fputs(".Nm nightjar-bench\n.Nd put an MQTT broker under load\n"
                ".Sh SYNOPSIS\n.Nm nightjar bench\n.Ar scenario\n.Op Ar option ...\n"
                ".Sh DESCRIPTION\nPuts a load on a broker, of any make, and says what that costs:\n"
                "messages in a second, their latency, and with\n.Fl -pid\n"
                "the broker's CPU time and memory.\n"
                "Every payload carries its publisher and a sequence number, and what arrives is\n"
                "compared with what was sent.\n.Bl -tag -width Ds\n",
                out);
    nj_verbs_print_manual_verbs(out, &bench);
    (void)fputs(
        ".El\n.Pp\nWithout\n.Fl -rate\n"
        "a publisher has at most\n.Fl -window\n"
        "messages under way, that is sent, but not yet received by all that are due,\n"
        "so that no queue of a broker overflows, and what is missing is a fault.\n"
        "With it each message has a time at which it is due, whatever the broker does;\n"
        "latency is counted from then to its arrival at each subscriber,\n"
        "and what was due while the broker was stalled is sent, and counted, all the same.\n"
        "With\n.Fl -burst\n"
        "so many of a publisher are due at once, and the publishers' turns lie as much further "
        "apart.\n"
        "At QoS 1 and 2 it is also told how long a message's last acknowledgement takes,\n"
        "from its being written.\n"
        ".Sh OPTIONS\n.Bl -tag -width Ds\n",
        out);
    nj_verbs_print_manual_options(out, &bench);
    (void)fputs(
        ".El\n.Sh JSON\nAn object, with those of these that the scenario has, where a thing is a\n"
        "connection, subscription, retained or queued message, or client:\n"
        ".Bl -tag -width Ds\n",
        out);
    nj_figures_print_manual(out);
    (void)fputs(
        ".El\n.Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
        ".It Ev NIGHTJAR_PASSWORD\nthe password, where\n.Fl u\nis given and\n.Fl P\nis not\n.El\n"
        ".Sh EXIT STATUS\n0 every message arrived once, in order and whole; 1 one did not, or a\n"
        "connection was cut; 2 it could not run.\n"
        ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
        "nightjar bench p2p --pid $(pidof nightjar)\n"
        "nightjar bench p2p --publishers 1000 --rate 20000 -q 1\n"
        "nightjar bench conns --count 100000 --pid $(pidof mosquitto) --json\n"
        ".Ed\n.Pp\nMany connections need as many descriptors\n.Pq Ic ulimit -n ,\n"
        "here and in the broker; its own limit is raised as far as the system lets it, and\n"
        "where that is not far enough, it says so and ends.\n"
        "To a broker on the loopback they come from 127.0.0.2, 127.0.0.3, and so on:\n"
        "4,000 from each, or as many as it has ports.\n"
        ".Sh SEE ALSO\n.Xr nightjar 1 ,\n.Xr nightjar-pub 1\n",
        out);
}

/* --- parser --- */

static enum nj_parsed
read_version(uint8_t *out, const char *text)
{
    static const struct {
        const char *name;
        uint8_t version;
    } known[] = {{"5", 5}, {"mqttv5", 5}, {"311", 4}, {"mqttv311", 4}, {"31", 3}, {"mqttv31", 3}};

    for (size_t i = 0; i < NJ_COUNT_OF(known); i++) {
        if (strcmp(known[i].name, text) == 0) {
            *out = known[i].version;
            return NJ_PARSED_RUN;
        }
    }
    return nj_verbs_mistake(&bench, "there is no version '%s': 5, 311 or 31.", text);
}

/* Copied with its NUL. */
static enum nj_parsed
keep_secret(struct nj_secret *out, const char *word)
{
    nj_secret_fini(out);
    if (!nj_secret_copy(out, (struct nj_str){word, strlen(word) + 1}))
        return nj_verbs_mistake(&bench, "no memory");
    return NJ_PARSED_RUN;
}

static enum nj_parsed
take_own(void *config, const struct nj_option *o, char *value)
{
    void *field = (char *)config + o->offset;
    enum nj_parsed parsed;

    if (o->kind == VERSION)
        return read_version(field, value);
    parsed = keep_secret(field, value);
    memset(value, 'x', strlen(value)); /* gone from what `ps` shows */
    return parsed;
}

/* What depends on the scenario or on other options, and what the environment holds. */
static enum nj_parsed
complete(struct nj_bench_opts *c, size_t at, bool has_qos)
{
    const char *password = getenv("NIGHTJAR_PASSWORD");

    if (strlen(c->prefix) > PREFIX_MAX)
        return nj_verbs_mistake(&bench, "--id-prefix has more than 100 characters.");
    if (c->port == 0)
        c->port = c->cafile != NULL ? PORT_TLS : PORT_PLAIN;
    if (c->count == 0)
        c->count = facts[at].count;
    if (c->clients == 0)
        c->clients = facts[at].clients;
    if (c->scenario == NJ_BENCH_QUEUE && !has_qos)
        c->qos = 1;
    if (c->window == 0)
        c->window =
            c->scenario == NJ_BENCH_RETAINED && c->qos > 0 ? ACKNOWLEDGED_WINDOW : facts[at].window;
    if ((c->scenario == NJ_BENCH_QUEUE || c->is_offline) && c->qos == 0)
        return nj_verbs_mistake(&bench, "at QoS 0 nothing is queued for who is offline.%s%s", "",
                                "");
    if (c->takes && c->leaves)
        return nj_verbs_mistake(&bench, "--take is for what another run has left with --leave.%s%s",
                                "", "");
    if (c->cafile == NULL && (c->certfile != NULL || c->keyfile != NULL))
        return nj_verbs_mistake(&bench, "%s asks for TLS, and TLS for --cafile.%s",
                                c->certfile != NULL ? "--cert" : "--key", "");
    if (c->username != NULL && c->password.n == 0 && password != NULL)
        return keep_secret(&c->password, password);
    return NJ_PARSED_RUN;
}

enum nj_parsed
nj_bench_opts_load(struct nj_bench_opts *o, int argc, char **argv)
{
    const struct nj_verb *scenario = NULL;
    const char *operand;
    enum nj_parsed parsed;
    bool has_qos;

    *o = (struct nj_bench_opts){.host = "127.0.0.1",
                                .prefix = "bench",
                                .payload = 64,
                                .messages = 200000,
                                .threads = 1,
                                .burst = 1,
                                .turn_us = UINT32_MAX,
                                .warmup_ms = 500,
                                .measure_ms = 5000,
                                .patience_ms = 5000,
                                .qos = UINT32_MAX,
                                .version = 4};
    parsed = nj_verbs_parse(&bench, o, &scenario, &operand, argc, argv);
    if (parsed != NJ_PARSED_RUN)
        return parsed;
    o->scenario = scenario->bit;
    o->name = scenario->name;
    o->thing = facts[scenario - scenarios].thing;
    has_qos = o->qos != UINT32_MAX;
    if (!has_qos)
        o->qos = 0;
    if (o->turn_us == UINT32_MAX)
        o->turn_us = o->rate > 0 ? 0 : 1000;
    return complete(o, (size_t)(scenario - scenarios), has_qos);
}

void
nj_bench_opts_fini(struct nj_bench_opts *o)
{
    nj_secret_fini(&o->password);
}
