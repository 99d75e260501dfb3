/* SPDX-License-Identifier: Apache-2.0 */
/* doctor.c — `nightjar doctor`: why does a connection fail? The files first, since they need no
 * broker; then the connection, step by step, as a client would make it. */
#include "cmd/doctor.h"

#include "base/secret.h"
#include "cmd/cmd.h"

#include <stdlib.h>
#include <string.h>

struct option {
    const char *name, *other;
    const char **text;
    char **secret;
    bool *flag;
    int *number;
};

static const char usage[] =
    "usage: nightjar doctor [HOST[:PORT]] [client options] [--config FILE] [--files] [--json]\n"
    "\n"
    "Finds why a connection fails: connects as a client would, step by step, and says for each\n"
    "failure what was tried, what came back, why, and the command that mends it.\n"
    "\n"
    "  HOST[:PORT], -h HOST, -p PORT   the broker; by default localhost, 1883 or 8883\n"
    "  --cafile FILE, --capath DIR, --cert FILE, --key FILE, --insecure, --tls-use-os-certs,\n"
    "  --tls-version VERSION, --ciphers LIST\n"
    "  -u USER, -P PASSWORD, -i ID, -t TOPIC, -V VERSION\n"
    "                                  as the client is given them\n"
    "  --config FILE                   judge this configuration of a broker as well\n"
    "  --files                         judge files only, and connect nowhere\n"
    "  --json                          the same for programs\n"
    "\n"
    "Ends with 0 (no fault), 1 (a fault was found) or 2 (could not run).\n";

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
find_option(const struct option *options, const char *word)
{
    for (const struct option *o = options; o->name != NULL; o++) {
        if (strcmp(o->name, word) == 0 || (o->other != NULL && strcmp(o->other, word) == 0))
            return o;
    }
    return NULL;
}

/* One option and its value; how many words it took, 0: it is none. */
static int
read_option(const struct option *options, char **argv)
{
    const struct option *o = find_option(options, argv[0]);

    if (o == NULL)
        return 0;
    if (o->flag != NULL) {
        *o->flag = true;
        return 1;
    }
    if (argv[1] == NULL)
        return 0;
    if (o->number != NULL)
        return read_number(argv[1], 65535, o->number) ? 2 : 0;
    if (o->secret != NULL)
        *o->secret = argv[1];
    else
        *o->text = argv[1];
    return 2;
}

static bool
read_line(struct nj_doctor *d, int argc, char **argv)
{
    const struct option options[] = {
        {"--host", "-h", .text = &d->host},
        {"--port", "-p", .number = &d->port},
        {"--config", "-c", .text = &d->config},
        {"--files", NULL, .flag = &d->is_offline},
        {"--json", NULL, .flag = &d->is_json},
        {"--cafile", NULL, .text = &d->cafile},
        {"--capath", NULL, .text = &d->capath},
        {"--cert", NULL, .text = &d->cert},
        {"--key", NULL, .text = &d->key},
        {"--tls-version", NULL, .text = &d->tls_version},
        {"--ciphers", NULL, .text = &d->ciphers},
        {"--insecure", NULL, .flag = &d->insecure},
        {"--tls-use-os-certs", NULL, .flag = &d->use_os_certs},
        {"--no-tls", NULL, .flag = &d->no_tls},
        {"--username", "-u", .text = &d->user},
        {"--pw", "-P", .secret = &d->password},
        {"--id", "-i", .text = &d->id},
        {"--topic", "-t", .text = &d->topic},
        {"--protocol-version", "-V", .number = &d->version},
        {.name = NULL},
    };

    for (int i = 1; i < argc;) {
        int took = read_option(options, argv + i);

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
            (void)fputs(usage, stdout);
            return NJ_EXIT_GOOD;
        }
    }
    if (!read_line(&d, argc, argv) || !take_password(&d, &password))
        return NJ_EXIT_COULD_NOT;
    int code = examine(&d);
    nj_secret_fini(&password);
    return code;
}
