/* SPDX-License-Identifier: Apache-2.0 */
/* store.c — `nightjar store`: what a broker keeps on disk, looked at, copied, and brought back. */
#include "base/base64.h"
#include "base/clock.h"
#include "base/json.h"
#include "base/mdoc.h"
#include "base/mem.h"
#include "cmd/action.h"
#include "cmd/cmd.h"
#include "mqtt/packet.h"
#include "store/copy.h"
#include "store/survey.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MIB ((uint64_t)1 << 20)

static const struct nj_action forms[] = {
    {"check DIRECTORY", "read all of the store in DIRECTORY and say what it holds and what of it "
                        "is damaged; also while a broker has it"},
    {"dump DIRECTORY", "print every record as a line of JSON; payloads included"},
    {"backup [--rate MIB] DIRECTORY TO",
     "copy the store to TO, which becomes a store like any other; also while a broker has it, as "
     "of one instant. --rate: at most so many MiB a second"},
    {"compact DIRECTORY", "make the file as small as what it holds; no broker may have it"},
    {"restore BACKUP DIRECTORY", "make the store in DIRECTORY anew from BACKUP, once that has been "
                                 "looked at; DIRECTORY may not have one"},
};
static const struct nj_actions actions = {
    .command = "store",
    .does = "nightjar store looks after what a broker keeps on disk (persistence_location).",
    .action = forms,
    .count = NJ_COUNT_OF(forms),
};

void
nj_store_print_options(FILE *out)
{
    nj_actions_print_words(&actions, out);
    fputs("--rate\n", out);
}

void
nj_store_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-store", 1);
    fputs(".Nm nightjar-store\n"
          ".Nd look after what a broker keeps on disk\n",
          out);
    nj_actions_print_synopsis(&actions, out);
    fputs(".Sh DESCRIPTION\n"
          "With\n"
          ".Ql persistence true\n"
          "a broker keeps sessions, what waits for them, retained messages and wills in its\n"
          ".Ic persistence_location .\n"
          ".Bl -tag -width Ds\n",
          out);
    nj_actions_print_items(&actions, out);
    fputs(".El\n"
          ".Sh EXIT STATUS\n"
          "0 when all is well, 1 when something in the store is damaged, 2 when nothing could be\n"
          "done.\n"
          ".Sh SEE ALSO\n"
          ".Xr nightjar-broker 1 ,\n"
          ".Xr nightjar-migrate 1 ,\n"
          ".Xr nightjar.conf 5\n",
          out);
}

/* ---- check ---- */

/* A key, as its table reads it. */
static void
print_key(FILE *out, const struct nj_surveyed *r)
{
    uint64_t first = nj_key_first(r->key);

    switch (r->table) {
    case NJ_TABLE_SESSIONS:
    case NJ_TABLE_WILLS:
    case NJ_TABLE_SUBSCRIPTIONS:
        fprintf(out, "of session %" PRIu64, first);
        break;
    case NJ_TABLE_MESSAGES:
        fprintf(out, "%" PRIu64, first);
        break;
    case NJ_TABLE_QUEUE:
        fprintf(out, "of session %" PRIu64 ", message %" PRIu64, first, nj_key_second(r->key));
        break;
    case NJ_TABLE_RELEASED:
    case NJ_TABLE_RECEIVED:
        fprintf(out, "of session %" PRIu64 ", packet identifier %u", first,
                nj_key_packet_id(r->key));
        break;
    case NJ_TABLE_META:
    case NJ_TABLE_RETAINED:
    case NJ_TABLE_COUNT:
        for (size_t i = 0; i < r->key.n; i++)
            fprintf(out, "%02x", (unsigned char)r->key.p[i]);
        break;
    }
}

static void
say_fault(void *ctx, const struct nj_surveyed *r)
{
    (void)ctx;
    if (r->why == NULL)
        return;
    printf("%s, record ", nj_table_name(r->table));
    print_key(stdout, r);
    printf(": %s\n", r->why);
}

static int
check(const char *directory)
{
    struct nj_survey found;
    struct nj_diag diag = {0};
    enum nj_err err = nj_store_survey(directory, say_fault, NULL, &found, &diag);

    if (err == NJ_EINVAL) {
        (void)nj_actions_fail(&diag);
        return NJ_EXIT_FOUND;
    }
    if (err != NJ_OK)
        return nj_actions_fail(&diag);
    for (unsigned i = NJ_TABLE_META + 1; i < NJ_TABLE_COUNT; i++)
        printf("%-14s %10" PRIu64 " records %14" PRIu64 " bytes\n", nj_table_name(i),
               found.records[i], found.bytes[i]);
    printf("%-14s %10" PRIu64 " MiB, of which %" PRIu64 " MiB free for use again\n", "data.mdb",
           found.file_bytes / MIB, found.free_bytes / MIB);
    if (found.is_in_use)
        printf("A broker has it: this is what it had committed last.\n");
    if (found.faults == 0) {
        printf("Nothing is damaged.\n");
        return NJ_EXIT_GOOD;
    }
    printf("%" PRIu64 " records are damaged. The broker puts them aside when it starts.\n",
           found.faults);
    return NJ_EXIT_FOUND;
}

/* ---- dump ---- */

/* As text where it is that, else in base64. */
static void
put_bytes(struct nj_json *into, const char *name, struct nj_str bytes)
{
    char under[40];
    char *text;

    if (nj_utf8_is_valid(bytes)) {
        nj_json_put_text(into, name, bytes);
        return;
    }
    text = nj_alloc(NJ_BASE64_ROOM(bytes.n));
    if (text == NULL)
        return;
    (void)snprintf(under, sizeof(under), "%s_base64", name);
    (void)nj_base64_encode(text, bytes, NJ_BASE64_PADDED);
    nj_json_put_text(into, under, nj_str_of(text));
    nj_free(text);
}

/* Milliseconds of the wall clock; NJ_NEVER is left out. */
static void
put_time(struct nj_json *into, const char *name, nj_time at)
{
    if (at != NJ_NEVER)
        nj_json_put_number(into, name, (double)at);
}

static void
put_message(struct nj_json *into, const struct nj_msg_parts *m)
{
    put_bytes(into, "topic", m->topic);
    nj_json_put_number(into, "qos", m->qos);
    nj_json_put_bool(into, "retain", m->retain);
    put_time(into, "arrived_ms", m->arrived);
    put_time(into, "expires_ms", m->expires);
    if (m->properties.n > 0)
        nj_json_put_number(into, "properties_bytes", (double)m->properties.n);
    put_bytes(into, "payload", m->payload);
}

static void
put_queued(struct nj_json *into, const struct nj_queued *q)
{
    struct nj_json *identifiers;

    nj_json_put_number(into, "qos", q->qos);
    nj_json_put_bool(into, "retain", q->retain);
    if (q->packet_id != 0)
        nj_json_put_number(into, "packet_id", q->packet_id);
    if (q->identifier_count == 0)
        return;
    identifiers = nj_json_put_array(into, "subscription_identifiers");
    for (uint32_t i = 0; i < q->identifier_count; i++)
        nj_json_put_number(identifiers, NULL, nj_queued_identifier(q, i));
}

/* What the checksum and the survey have found to make sense. */
static void
put_value(struct nj_json *into, const struct nj_surveyed *r)
{
    struct nj_session_state state;
    struct nj_msg_parts message;
    struct nj_sub_opts opts;
    struct nj_queued queued;
    struct nj_will will;
    struct nj_str filter;
    uint64_t number;

    switch (r->table) {
    case NJ_TABLE_SESSIONS:
        if (!nj_record_session_read(r->value, 0, &state))
            break;
        put_bytes(into, "client_id", state.client_id);
        nj_json_put_number(into, "expiry_s", state.expiry_s);
        put_time(into, "left_ms", state.left);
        break;
    case NJ_TABLE_SUBSCRIPTIONS:
        if (!nj_record_subscription_read(r->value, &filter, &opts))
            break;
        put_bytes(into, "filter", filter);
        nj_json_put_number(into, "qos", opts.qos);
        nj_json_put_bool(into, "no_local", opts.no_local);
        nj_json_put_bool(into, "retain_as_published", opts.retain_as_published);
        if (opts.identifier != 0)
            nj_json_put_number(into, "identifier", opts.identifier);
        break;
    case NJ_TABLE_MESSAGES:
    case NJ_TABLE_RETAINED:
        if (nj_record_message_read(r->value, 0, &message))
            put_message(into, &message);
        break;
    case NJ_TABLE_QUEUE:
        if (nj_record_queued_read(r->value, &queued))
            put_queued(into, &queued);
        break;
    case NJ_TABLE_RELEASED:
    case NJ_TABLE_RECEIVED:
        if (nj_record_number_read(r->value, &number) && number != 0)
            nj_json_put_number(into, "message", (double)number);
        break;
    case NJ_TABLE_WILLS:
        if (!nj_record_will_read(r->value, &will))
            break;
        put_bytes(into, "topic", will.topic);
        nj_json_put_number(into, "qos", will.qos);
        nj_json_put_bool(into, "retain", will.retain);
        nj_json_put_number(into, "delay_s", will.delay_s);
        put_bytes(into, "payload", will.payload);
        break;
    case NJ_TABLE_META:
    case NJ_TABLE_COUNT:
        break;
    }
}

static void
put_key(struct nj_json *into, const struct nj_surveyed *r)
{
    double first = (double)nj_key_first(r->key);

    switch (r->table) {
    case NJ_TABLE_SESSIONS:
    case NJ_TABLE_WILLS:
    case NJ_TABLE_SUBSCRIPTIONS:
        nj_json_put_number(into, "session", first);
        break;
    case NJ_TABLE_MESSAGES:
        nj_json_put_number(into, "message", first);
        break;
    case NJ_TABLE_QUEUE:
        nj_json_put_number(into, "session", first);
        nj_json_put_number(into, "message", (double)nj_key_second(r->key));
        break;
    case NJ_TABLE_RELEASED:
    case NJ_TABLE_RECEIVED:
        nj_json_put_number(into, "session", first);
        nj_json_put_number(into, "packet_id", nj_key_packet_id(r->key));
        break;
    case NJ_TABLE_META:
    case NJ_TABLE_RETAINED:
    case NJ_TABLE_COUNT:
        break;
    }
}

static void
print_record(void *ctx, const struct nj_surveyed *r)
{
    struct nj_json *line;

    (void)ctx;
    if (r->table == NJ_TABLE_META)
        return;
    line = nj_json_new();
    nj_json_put_text(line, "table", nj_str_of(nj_table_name(r->table)));
    put_key(line, r);
    if (r->why == NULL)
        put_value(line, r);
    else
        nj_json_put_text(line, "damaged", nj_str_of(r->why));
    if (!nj_json_write(stdout, line, false))
        fprintf(stderr, "Error: Out of memory.\n");
}

static int
dump(const char *directory)
{
    struct nj_survey found;
    struct nj_diag diag = {0};

    if (nj_store_survey(directory, print_record, NULL, &found, &diag) != NJ_OK)
        return nj_actions_fail(&diag);
    return found.faults == 0 ? NJ_EXIT_GOOD : NJ_EXIT_FOUND;
}

/* ---- copies ---- */

static int
copy(const char *from, const char *to, uint64_t bytes_per_second)
{
    const struct nj_store_copy_opts opts = {.is_compact = true,
                                            .bytes_per_second = bytes_per_second};
    struct nj_diag diag = {0};

    if (nj_store_copy(from, to, &opts, &diag) != NJ_OK)
        return nj_actions_fail(&diag);
    printf("What %s holds is in %s.\n", from, to);
    return NJ_EXIT_GOOD;
}

static int
backup(int argc, char **argv)
{
    uint64_t rate = 0;
    char *end;

    if (argc == 4 && strcmp(argv[0], "--rate") == 0) {
        errno = 0;
        rate = strtoull(argv[1], &end, 10);
        if (errno != 0 || *end != '\0' || rate == 0 || rate > UINT32_MAX) {
            fprintf(stderr, "Error: '%s' is no number of MiB a second.\n", argv[1]);
            return NJ_EXIT_COULD_NOT;
        }
        argv += 2;
        argc -= 2;
    }
    if (argc != 2)
        return nj_actions_usage(&actions, stderr, NJ_EXIT_COULD_NOT);
    return copy(argv[0], argv[1], rate * MIB);
}

static int
compact(const char *directory)
{
    struct nj_survey before, after;
    struct nj_diag diag = {0};

    if (nj_store_survey(directory, NULL, NULL, &before, &diag) != NJ_OK ||
        nj_store_compact(directory, &diag) != NJ_OK ||
        nj_store_survey(directory, NULL, NULL, &after, &diag) != NJ_OK)
        return nj_actions_fail(&diag);
    printf("The store %s takes %" PRIu64 " KiB, after %" PRIu64 " KiB.\n", directory,
           after.file_bytes / 1024, before.file_bytes / 1024);
    return NJ_EXIT_GOOD;
}

static int
restore(const char *from, const char *to)
{
    struct nj_survey found;
    struct nj_diag diag = {0};
    int code;

    if (nj_store_survey(from, say_fault, NULL, &found, &diag) != NJ_OK)
        return nj_actions_fail(&diag);
    if (found.faults > 0)
        printf("%" PRIu64
               " records of %s are damaged; the broker puts them aside when it starts.\n",
               found.faults, from);
    code = copy(from, to, 0);
    return code == NJ_EXIT_GOOD && found.faults > 0 ? NJ_EXIT_FOUND : code;
}

static int
act(int argc, char **argv)
{
    const char *action = argc > 1 ? argv[1] : "";

    if (strcmp(action, "--help") == 0 || strcmp(action, "-h") == 0)
        return nj_actions_usage(&actions, stdout, NJ_EXIT_GOOD);
    for (int i = 2; i < argc; i++)
        if (argv[i][0] == '\0') {
            fprintf(stderr, "Error: The name of a directory is empty.\n");
            return NJ_EXIT_COULD_NOT;
        }
    if (argc == 3 && strcmp(action, "check") == 0)
        return check(argv[2]);
    if (argc == 3 && strcmp(action, "dump") == 0)
        return dump(argv[2]);
    if (argc > 3 && strcmp(action, "backup") == 0)
        return backup(argc - 2, argv + 2);
    if (argc == 3 && strcmp(action, "compact") == 0)
        return compact(argv[2]);
    if (argc == 4 && strcmp(action, "restore") == 0)
        return restore(argv[2], argv[3]);
    return nj_actions_usage(&actions, stderr, NJ_EXIT_COULD_NOT);
}

/* What has not been said has not been done: a dump may be all that somebody keeps. */
int
nj_cmd_store(int argc, char **argv)
{
    int code;

    (void)signal(SIGPIPE, SIG_IGN);
    code = act(argc, argv);
    if (fflush(stdout) == 0 && !ferror(stdout))
        return code;
    fprintf(stderr, "Error: Not all of the output could be written.\n");
    return NJ_EXIT_COULD_NOT;
}
