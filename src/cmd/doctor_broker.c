/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_broker.c — what an operator should know about a configuration before clients do. */
#include "cmd/doctor.h"

#include "base/compiler.h"
#include "base/rights.h"
#include "base/shell.h"
#include "config/config.h"
#include "net/listener.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

static bool
has_tls(const struct nj_conf_listener *l)
{
    return l->cert_count > 0 || l->key_count > 0 || l->psk_hint != NULL;
}

static bool
is_loopback(const struct nj_conf *conf, const struct nj_conf_listener *l)
{
    if (l->address == NULL)
        return !conf->has_listener;
    return l->address[0] == '/' || strncmp(l->address, "127.", 4) == 0 ||
           strcmp(l->address, "::1") == 0 || strcmp(l->address, "localhost") == 0;
}

/* As Mosquitto 2: open only as long as no listener was asked for. */
static bool
is_anonymous(const struct nj_conf *conf, const struct nj_conf_listener *l)
{
    return l->allow_anonymous >= 0 ? l->allow_anonymous != 0 : !conf->has_listener;
}

static bool
takes_names_of_certificates(const struct nj_conf_listener *l)
{
    return l->require_certificate && (l->use_identity_as_username || l->use_subject_as_username);
}

/* In the terms of the course. */
static const char *
level_of(const struct nj_conf *conf, const struct nj_conf_listener *l)
{
    if (has_tls(l) && l->require_certificate)
        return "certificates: TLS, and each client shows one";
    if (has_tls(l))
        return is_anonymous(conf, l) ? "TLS, without password: encrypted, and open to everybody"
                                     : "TLS + password";
    return is_anonymous(conf, l) ? "open: no protection" : "password, readable on the network";
}

static void
check_who_may_enter(struct nj_report *report, const struct nj_conf *conf,
                    const struct nj_conf_listener *l)
{
    bool has_names = l->password_file != NULL || conf->has_other_authentication ||
                     takes_names_of_certificates(l) || l->psk_hint != NULL;
    enum nj_finding_id id = NJ_FINDING_NONE;

    if (!is_anonymous(conf, l) && !has_names)
        id = NJ_FINDING_NOBODY_MAY_CONNECT;
    else if (is_loopback(conf, l))
        return;
    else if (is_anonymous(conf, l) && !l->require_certificate)
        id = NJ_FINDING_OPEN_TO_ALL;
    else if (!has_tls(l))
        id = NJ_FINDING_PASSWORD_IN_CLEAR;
    if (id != NJ_FINDING_NONE)
        (void)nj_findings_add(&report->findings, id, NJ_END_BROKER);
}

const char *
nj_doctor_becomes(const struct nj_conf *conf)
{
    if (geteuid() != 0)
        return NULL;
    if (conf->user != NULL)
        return conf->user;
    return nj_rights_usual_user();
}

/* One speaks TLS, and the other does not. */
static void
say_plain(struct nj_report *report, bool is_client_plain)
{
    (void)nj_findings_add(&report->findings,
                          is_client_plain ? NJ_FINDING_PLAIN_MQTT : NJ_FINDING_TLS_ON_PLAIN,
                          NJ_END_CLIENT);
}

/* The listener, as it shows this one of its certificates. */
static struct nj_judge_end
end_of(const struct nj_conf *conf, const struct nj_conf_listener *l, unsigned pair)
{
    return (struct nj_judge_end){
        .certfile = l->pairs[pair].certfile,
        .keyfile = l->key_in_engine ? NULL : l->pairs[pair].keyfile,
        .key_in_engine = l->key_in_engine,
        .cafile = l->cafile,
        .capath = l->capath,
        .crlfile = l->crlfile,
        .ocspfile = pair == 0 ? l->ocspfile : NULL,
        .require_certificate = l->require_certificate,
        .use_identity_as_username = l->use_identity_as_username,
        .user = nj_doctor_becomes(conf),
        .passed_s = nj_doctor_built_at(),
    };
}

/* The one that the broker shows to who asks for `host`: the first where none fits. */
static unsigned
pair_for(const struct nj_conf_listener *l, const char *host)
{
    for (unsigned i = 0; host != NULL && i < l->cert_count; i++) {
        if (nj_judge_is_for(l->pairs[i].certfile, host))
            return i;
    }
    return 0;
}

/* Its files, with the certificate that a client meets, and the others each by itself. */
static void
judge_listener(struct nj_report *report, const struct nj_client_config *asked,
               const struct nj_conf *conf, const struct nj_conf_listener *l,
               const struct nj_judge_end *client)
{
    unsigned met = client != NULL ? pair_for(l, asked->host) : 0;
    struct nj_judge_end broker = end_of(conf, l, met);

    nj_judge_files(&report->findings, &broker, client, asked->host);
    for (unsigned i = 0; i < NJ_MAX(l->cert_count, l->key_count); i++) {
        if (i == met)
            continue;
        broker = end_of(conf, l, i);
        broker.capath = broker.crlfile = NULL; /* said */
        broker.require_certificate = false;
        nj_judge_files(&report->findings, &broker, NULL, NULL);
    }
}

bool
nj_doctor_judge_with_listener(struct nj_findings *out, const struct nj_client_config *asked,
                              int port)
{
    const struct nj_judge_end client = nj_doctor_client(asked);
    struct nj_conf conf = {.count = 0};
    struct nj_diag diag = {0};
    bool is_found = false;

    if (asked->broker_config == NULL || nj_conf_read(&conf, asked->broker_config, &diag) != NJ_OK)
        return false;
    for (unsigned i = 0; i < conf.count && !is_found; i++) {
        const struct nj_conf_listener *l = &conf.listeners[i];

        is_found = l->port == port && has_tls(l);
        if (is_found) {
            const struct nj_judge_end broker = end_of(&conf, l, pair_for(l, asked->host));

            nj_judge_files(out, &broker, &client, NULL);
        }
    }
    nj_conf_fini(&conf);
    return is_found;
}

static void
examine_listener(struct nj_report *report, const struct nj_client_config *asked,
                 const struct nj_conf *conf, const struct nj_conf_listener *l)
{
    const struct nj_judge_end client = nj_doctor_client(asked);
    bool is_local = l->address != NULL && l->address[0] == '/';
    struct nj_step *step =
        is_local ? nj_report_step(report, "listener", "socket %s", l->address)
                 : nj_report_step(report, "listener", "port %d%s%s", l->port != 0 ? l->port : 1883,
                                  l->address != NULL ? " of " : "",
                                  l->address != NULL ? l->address : "");

    nj_step_came(step, NJ_STEP_GOOD, "%s", level_of(conf, l));
    bool meets_client = asked->is_offline && (asked->port < 0 || asked->port == l->port);
    bool is_client_plain = !nj_client_config_has_tls(asked);
    if (has_tls(l))
        judge_listener(report, asked, conf, l, meets_client && !is_client_plain ? &client : NULL);
    if (meets_client && asked->host != NULL && has_tls(l) == is_client_plain)
        say_plain(report, is_client_plain);
    check_who_may_enter(report, conf, l);
}

/* How many connections the configuration promises; 0: as many as there is room for. */
static uint64_t
connections_of(const struct nj_server_opts *server)
{
    uint64_t sum = 0;

    for (size_t i = 0; i < server->listener_count; i++) {
        if (server->listeners[i].max_connections != UINT32_MAX)
            sum += server->listeners[i].max_connections;
    }
    if (server->max_connections != UINT32_MAX && (sum == 0 || sum > server->max_connections))
        return server->max_connections;
    return sum;
}

/* What was configured, beside what this machine has. Its limit of descriptors is ours: a service
 * may be given another. */
static void
check_limits(struct nj_report *report, const struct nj_config *config)
{
    struct nj_step *step = nj_report_step(report, "limits", "connections and memory");
    uint64_t connections = connections_of(&config->server);
    uint64_t descriptors = nj_descriptor_limit_raise();
    uint64_t memory = (uint64_t)sysconf(_SC_PHYS_PAGES) * (uint64_t)sysconf(_SC_PAGESIZE);
    struct nj_finding *f = NULL;

    nj_step_came(step, NJ_STEP_GOOD, "%" PRIu64 " descriptors, %" PRIu64 " MiB of memory",
                 descriptors, memory >> 20);
    if (connections >= descriptors &&
        (f = nj_findings_add(&report->findings, NJ_FINDING_FEW_DESCRIPTORS, NJ_END_BROKER)) != NULL)
        nj_finding_cause(f,
                         "%" PRIu64 " connections are allowed, and a process started from here has "
                         "%" PRIu64 " descriptors",
                         connections, descriptors);
    if (config->memory_limit > memory)
        (void)nj_findings_add(&report->findings, NJ_FINDING_MEMORY_LIMIT_TOO_LARGE, NJ_END_BROKER);
}

/* Whether our broker would take it; its own words about what it would not. */
static void
examine_text(struct nj_report *report, const struct nj_client_config *asked, bool has_mark)
{
    struct nj_step *step = nj_report_step(report, "config", "%s", asked->broker_config);
    struct nj_config *config = NULL;
    struct nj_diag diag = {0};

    atomic_store_explicit(&nj_log_types, 0, memory_order_relaxed); /* the diag says it */
    if (nj_config_load(&config, asked->broker_config, NULL, &diag) == NJ_OK) {
        nj_step_came(step, NJ_STEP_GOOD, "nightjar takes it");
        check_limits(report, config);
        nj_config_free(config);
        return;
    }
    nj_step_came(step, NJ_STEP_FAILED, "nightjar does not take it");
    struct nj_finding *f =
        nj_findings_add(&report->findings, NJ_FINDING_CONFIG_REFUSED, NJ_END_BROKER);
    if (f == NULL)
        return;
    (void)snprintf(f->file, sizeof(f->file), "%s",
                   diag.file[0] != '\0' ? diag.file : asked->broker_config);
    if (has_mark) {
        char word[300];

        nj_finding_cause(f,
                         "%s begins with a byte order mark, as editors on Windows write it, and "
                         "no broker reads past that",
                         asked->broker_config);
        nj_finding_mend(f, "sed -i '1s/^\\xef\\xbb\\xbf//' %s",
                        nj_shell_word(word, sizeof(word), nj_str_of(asked->broker_config)));
        return;
    }
    const char *why = diag.text + (strncmp(diag.text, "Error: ", 7) == 0 ? 7 : 0);
    if (diag.line > 0)
        nj_finding_cause(f, "line %d: %s", diag.line, why);
    else
        nj_finding_cause(f, "%s", why);
    if (diag.hint[0] != '\0')
        nj_finding_mend(f, "%s", diag.hint);
}

bool
nj_doctor_examine_broker(struct nj_report *report, const struct nj_client_config *asked)
{
    struct nj_conf conf;
    struct nj_diag diag = {0};

    if (nj_conf_read(&conf, asked->broker_config, &diag) != NJ_OK) {
        (void)fprintf(stderr, "nightjar doctor: %s\n", diag.text);
        return false;
    }
    examine_text(report, asked, conf.has_mark);
    for (unsigned i = 0; i < conf.count; i++)
        examine_listener(report, asked, &conf, &conf.listeners[i]);
    nj_doctor_examine_files(report, &conf);
    nj_conf_fini(&conf);
    return true;
}
