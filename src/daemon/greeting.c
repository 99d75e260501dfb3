/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/greeting.h"

#include "base/shell.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

static bool
is_loopback(const struct nj_listening *l)
{
    return strncmp(l->address, "127.", 4) == 0 || strcmp(l->address, "::1") == 0;
}

static const char *
who_may_connect(const struct nj_listener_opts *o)
{
    if (o->use_identity_as_username || o->use_subject_as_username)
        return "whom the certificate or key names";
    if (o->users == NULL)
        return o->allow_anonymous ? "no password asked"
                                  : "nobody is let in (no password_file, allow_anonymous false)";
    return o->allow_anonymous ? "a password asked only of who gives a user name"
                              : "user name and password asked";
}

static const char *
how_it_is_sent(const struct nj_listener_opts *o)
{
    if (o->tls == NULL)
        return "not encrypted";
    if (o->files.psk_hint != NULL)
        return "TLS with pre-shared keys";
    return o->files.require_certificate ? "TLS with client certificates" : "TLS";
}

/* What it listens on, and how secure that is, in the terms of the course. */
static void
say_security(const struct nj_greeting *g, const struct nj_listening *l, const struct nj_door *door)
{
    const struct nj_listener_opts *o = &g->config->server.listeners[door->listener];
    const char *who = who_may_connect(o);
    const char *how = how_it_is_sent(o);

    if (l->family == AF_UNIX)
        nj_log(NJ_LOG_INFO, "Listening on %s: %s, %s, only for this machine.", l->address, how,
               who);
    else if (is_loopback(l))
        nj_log(NJ_LOG_INFO, "Listening on %s port %u: %s, %s, only for this machine.", l->address,
               l->port, how, who);
    else if (o->tls != NULL)
        nj_log(NJ_LOG_INFO, "Listening on %s port %u: %s, %s.", l->address, l->port, how, who);
    else
        nj_log(
            NJ_LOG_WARNING,
            "Listening on %s port %u: %s, %s, for everybody who can reach it. What is sent can be "
            "read and changed on the way.",
            l->address, l->port, how, who);
}

/* The first one that takes who says no more than where; NULL: none. */
static const struct nj_listening *
open_to_all(const struct nj_greeting *g)
{
    for (size_t i = 0; i < g->doors->count; i++) {
        const struct nj_listener_opts *o = &g->config->server.listeners[g->doors->door[i].listener];

        if (o->tls == NULL && o->allow_anonymous)
            return &g->doors->socket[i];
    }
    return NULL;
}

static void
say_how_to_try(const struct nj_greeting *g)
{
    const struct nj_listening *l = open_to_all(g);
    /* As it was typed, so that it can be typed again. */
    const char *program =
        strchr(program_invocation_name, '/') != NULL ? program_invocation_name : "nightjar";
    char us[PATH_MAX], word[512], where[600] = "";

    if (l == NULL)
        return;
    if (l->family == AF_UNIX)
        (void)snprintf(where, sizeof(where), " --unix %s",
                       nj_shell_word(word, sizeof(word), nj_str_of(l->address)));
    else if (l->port != 1883)
        (void)snprintf(where, sizeof(where), " -p %u", l->port);
    (void)nj_shell_word(us, sizeof(us), nj_str_of(program));
    nj_log(NJ_LOG_INFO, "Try it, in two other terminals:");
    nj_log(NJ_LOG_INFO, "  %s sub%s -t '#' -v", us, where);
    nj_log(NJ_LOG_INFO, "  %s pub%s -t cheese/strudel -m hello", us, where);
}

void
nj_greeting_start(const struct nj_config *config)
{
    nj_log(NJ_LOG_INFO, "nightjar version " NJ_VERSION " starting");
    if (config->file != NULL)
        nj_log(NJ_LOG_INFO, "Config loaded from %s.", config->file);
    else
        nj_log(NJ_LOG_INFO, "Using default config.");
    nj_log(NJ_LOG_INFO, "Bridge support NOT available.");
    nj_log(NJ_LOG_INFO, "Persistence support available.");
    nj_log(NJ_LOG_INFO, "TLS support available.");
    nj_log(NJ_LOG_INFO, "TLS-PSK support available.");
    nj_log(NJ_LOG_INFO, "Websockets support NOT available.");
    if (config->is_local_only) {
        nj_log(NJ_LOG_WARNING,
               "Starting in local only mode. Connections will only be possible from "
               "clients running on this machine.");
        nj_log(NJ_LOG_WARNING,
               "Create a configuration file which defines a listener to allow remote access.");
        nj_log(NJ_LOG_WARNING, "For more details see "
                               "https://mosquitto.org/documentation/authentication-methods/");
    }
}

void
nj_greeting_running(const struct nj_greeting *g)
{
    nj_log(NJ_LOG_INFO, "nightjar version " NJ_VERSION " running");
    nj_log(NJ_LOG_INFO, "%u worker thread%s, up to %llu open files.", g->workers,
           g->workers == 1 ? "" : "s", (unsigned long long)g->descriptors);
    for (size_t i = 0; i < g->doors->count; i++)
        say_security(g, &g->doors->socket[i], &g->doors->door[i]);
    if (!g->config->is_daemon)
        say_how_to_try(g);
}
