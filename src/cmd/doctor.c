/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c — `nightjar doctor`: why does a connection fail? The files first, since they need no
 * broker; then the connection, step by step, as a client would make it. */
#include "cmd/doctor.h"

#include "base/compiler.h"
#include "base/mdoc.h"
#include "base/secret.h"
#include "cmd/cmd.h"
#include "cmd/words.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

enum type {
    FLAG,
    TEXT,
    SECRET,
    NUMBER
};

static const struct option {
    const char *name, *other, *argument;
    size_t offset;
    enum type type;
    const char *help;
} options[] = {
#define DOCTOR_OPTION(name, other, argument, field, type, help)                                    \
    {name, other, argument, offsetof(struct nj_doctor, field), type, help},
#include "cmd/doctor_option.def"
#undef DOCTOR_OPTION
};

/* --- help --- */

static void
print_help(FILE *out)
{
    (void)fputs("nightjar doctor: why does a connection fail?\n\n"
                "usage: nightjar doctor [HOST[:PORT]] [OPTION]...\n\n"
                "Connects as a client would, step by step, and says for each failure what was\n"
                "tried, what came back, why, and the command that mends it.\n\n",
                out);
    for (size_t i = 0; i < NJ_COUNT_OF(options); i++) {
        const struct option *o = &options[i];

        nj_words_option(out, o->other, o->name, o->argument, o->help);
    }
    (void)fputs("\nEnds with 0 (no fault), 1 (a fault was found) or 2 (could not run).\n", out);
}

void
nj_doctor_print_options(FILE *out)
{
    for (size_t i = 0; i < NJ_COUNT_OF(options); i++) {
        (void)fprintf(out, "%s\n", options[i].name);
        if (options[i].other != NULL)
            (void)fprintf(out, "%s\n", options[i].other);
    }
    (void)fputs("--help\n", out);
}

static void
print_manual_option(FILE *out, const struct option *o)
{
    (void)fputs(".It ", out);
    if (o->other != NULL)
        (void)fprintf(out, "Fl %s , ", o->other + 1);
    (void)fprintf(out, "Fl %s%s%s\n", o->name + 1, o->argument != NULL ? " Ar " : "",
                  o->argument != NULL ? o->argument : "");
    nj_words_roff(out, o->help);
}

void
nj_doctor_print_manual(FILE *out)
{
    nj_mdoc_begin(out, "nightjar-doctor", 1);
    (void)fputs(".Nm nightjar-doctor\n.Nd find why a connection fails\n"
                ".Sh SYNOPSIS\n.Nm nightjar doctor\n"
                ".Op Ar host Ns Op : Ns Ar port\n.Op Ar option ...\n.Sh DESCRIPTION\n"
                "Judges the files that a client was given, then connects as that client would:\n"
                "name, connection, handshake, login, subscription, message.\n"
                "For each failure it says what was tried, what came back, why,\n"
                "and the command that mends it.\n"
                "A cause that is only probable is called so.\n"
                ".Pp\nWith\n.Fl -config\n"
                "it judges a broker's configuration, listener by listener;\n"
                "with\n.Fl -files\nit connects nowhere.\n.Sh OPTIONS\n.Bl -tag -width Ds\n",
                out);
    for (size_t i = 0; i < NJ_COUNT_OF(options); i++)
        print_manual_option(out, &options[i]);
    (void)fputs(".El\n.Sh ENVIRONMENT\n.Bl -tag -width Ds\n"
                ".It Ev NIGHTJAR_PASSWORD\nThe password, where\n.Fl P\nis not given.\n.El\n"
                ".Sh EXIT STATUS\n0 no fault; 1 a fault was found; 2 it could not run.\n"
                ".Sh EXAMPLES\n.Bd -literal -offset indent\n"
                "nightjar doctor broker.example:8883 --cafile ca.crt\n"
                "nightjar doctor 192.168.56.101 -u sensor1 --json\n"
                "nightjar doctor --config /etc/mosquitto/mosquitto.conf --files\n"
                ".Ed\n.Sh SEE ALSO\n.Xr nightjar 1 ,\n.Xr nightjar-pki 1 ,\n.Xr nightjar.conf 5\n",
                out);
}

/* --- parser --- */

bool
nj_doctor_wants_tls(const struct nj_doctor *d)
{
    if (d->no_tls)
        return false;
    return d->cafile != NULL || d->capath != NULL || d->use_os_certs || d->port == 8883;
}

struct nj_judge_end
nj_doctor_client(const struct nj_doctor *d)
{
    return (struct nj_judge_end){
        .certfile = d->cert,
        .keyfile = d->key,
        .cafile = d->cafile,
        .capath = d->capath,
        .use_os_certs = d->use_os_certs,
    };
}

static int
complain(const char *what, const char *word)
{
    (void)fprintf(stderr, "nightjar doctor: %s%s\n`nightjar doctor --help` says what there is.\n",
                  what, word);
    return NJ_EXIT_COULD_NOT;
}

static bool
read_number(const char *text, int most, int *out)
{
    char *end;
    long n = strtol(text, &end, 10);

    if (end == text || *end != '\0' || n < 1 || n > most)
        return false;
    *out = (int)n;
    return true;
}

/* HOST, HOST:PORT, [ADDRESS]:PORT, or an IPv6 address as it is. `text` is cut. */
static bool
read_host(struct nj_doctor *d, char *text)
{
    char *colon = strrchr(text, ':');

    if (text[0] == '[') {
        char *close = strchr(text, ']');

        if (close == NULL)
            return false;
        *close = '\0';
        d->host = text + 1;
        return close[1] == '\0' || (close[1] == ':' && read_number(close + 2, 65535, &d->port));
    }
    d->host = text;
    if (colon == NULL || strchr(text, ':') != colon)
        return true;
    *colon = '\0';
    return read_number(colon + 1, 65535, &d->port);
}

static const struct option *
find_option(const char *word)
{
    for (size_t i = 0; i < NJ_COUNT_OF(options); i++) {
        const struct option *o = &options[i];

        if (strcmp(o->name, word) == 0 || (o->other != NULL && strcmp(o->other, word) == 0))
            return o;
    }
    return NULL;
}

/* One option and its value; how many words it took, 0: it is none. */
static int
read_option(struct nj_doctor *d, char **argv)
{
    const struct option *o = find_option(argv[0]);
    void *field;

    if (o == NULL || (o->argument != NULL && argv[1] == NULL))
        return 0;
    field = (char *)d + o->offset;
    switch (o->type) {
    case FLAG:
        *(bool *)field = true;
        return 1;
    case TEXT:
        *(const char **)field = argv[1];
        return 2;
    case SECRET:
        *(char **)field = argv[1];
        return 2;
    case NUMBER:
        return read_number(argv[1], 65535, field) ? 2 : 0;
    }
    return 0;
}

static bool
read_line(struct nj_doctor *d, int argc, char **argv)
{
    for (int i = 1; i < argc;) {
        int took = read_option(d, argv + i);

        if (took == 0 && (argv[i][0] == '-' || d->host != NULL || !read_host(d, argv[i]))) {
            (void)complain("what is meant by ", argv[i]);
            return false;
        }
        i += took > 0 ? took : 1;
    }
    return true;
}

static void
examine_client(struct nj_report *report, const struct nj_doctor *d)
{
    const struct nj_judge_end client = nj_doctor_client(d);

    if (d->cafile == NULL && d->capath == NULL && d->cert == NULL && d->key == NULL)
        return;
    (void)nj_report_step(report, "files", "what the client was given");
    nj_judge_files(&report->findings, NULL, &client, d->host);
}

static int
examine(const struct nj_doctor *d)
{
    struct nj_report report = {.count = 0};
    bool has_run = true;

    if (d->config != NULL)
        has_run = nj_doctor_examine_broker(&report, d);
    if (!(d->config != NULL && d->is_offline))
        examine_client(&report, d);
    if (has_run && !d->is_offline && (d->host != NULL || d->config == NULL))
        nj_doctor_connect(&report, d);
    if (has_run && d->is_json)
        has_run = nj_report_print_json(&report, stdout);
    else if (has_run)
        nj_report_print(&report, stdout);
    bool is_bad = nj_report_is_bad(&report);
    nj_report_fini(&report);
    if (!has_run)
        return NJ_EXIT_COULD_NOT;
    return is_bad ? NJ_EXIT_FOUND : NJ_EXIT_GOOD;
}

/* Off the command line, so that `ps` shows none; or from the environment, as the clients' own. */
static bool
take_password(struct nj_doctor *d, struct nj_secret *out)
{
    const char *given = d->password != NULL ? d->password : getenv("NIGHTJAR_PASSWORD");

    if (given == NULL)
        return true;
    if (!nj_secret_init(out, strlen(given) + 1))
        return false;
    memcpy(out->p, given, strlen(given) + 1);
    if (d->password != NULL)
        nj_secret_wipe(d->password, strlen(d->password));
    d->password = out->p;
    return true;
}

int
nj_cmd_doctor(int argc, char **argv)
{
    struct nj_doctor d = {.host = NULL};
    struct nj_secret password = {0};

    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0) {
            print_help(stdout);
            return NJ_EXIT_GOOD;
        }
    }
    if (!read_line(&d, argc, argv) || !take_password(&d, &password))
        return NJ_EXIT_COULD_NOT;
    int code = examine(&d);
    nj_secret_fini(&password);
    return code;
}
