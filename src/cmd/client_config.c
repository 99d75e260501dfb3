/* SPDX-License-Identifier: Apache-2.0 */
/* client_config.c — from argv to a configuration that can be used, and how a tool tells that it
 * cannot.
 *
 * The work is in the parts (client_config_priv.h); here are its order and the exit code. A mistake
 * on the command line is always said; what goes wrong after it (a file, memory) is not with
 * --quiet, as it is not in Mosquitto's programs. */
#include "cmd/client_config_priv.h"

#include "base/mem.h"

#include <stdarg.h>
#include <string.h>

void
nj_client_say(const struct nj_client_config *c, const char *fmt, ...)
{
    va_list args;

    if (c->quiet)
        return;
    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
}

bool
nj_client_mistake(const char *fmt, ...)
{
    va_list args;

    va_start(args, fmt);
    (void)vfprintf(stderr, fmt, args);
    va_end(args);
    return false;
}

static void
set_defaults(struct nj_client_config *c, enum nj_client_tool tool, const char *called)
{
    static const char *const names[][3] = {
        [NJ_TOOL_PUB] = {"mosquitto_pub", "nightjar pub", "nightjar-pub"},
        [NJ_TOOL_SUB] = {"mosquitto_sub", "nightjar sub", "nightjar-sub"},
        [NJ_TOOL_RR] = {"mosquitto_rr", "nightjar rr", "nightjar-rr"},
        [NJ_TOOL_DOCTOR] = {NULL, "nightjar doctor", "nightjar-doctor"},
    };
    const char *slash = strrchr(called, '/');
    bool is_mosquitto = strncmp(slash != NULL ? slash + 1 : called, "mosquitto", 9) == 0;

    *c = (struct nj_client_config){
        .tool = tool,
        .name = names[tool][is_mosquitto ? 0 : 1],
        .file_name = names[tool][is_mosquitto ? 0 : 2],
        .port = -1,
        .keep_alive_s = 60,
        .inflight = 20,
        .repeat = 1,
        .random_filter = 10000,
        .qos = tool == NJ_TOOL_DOCTOR ? 1 : 0,
    };
}

int
nj_client_config_load(struct nj_client_config *c, enum nj_client_tool tool, int argc, char **argv)
{
    const char *missing;

    set_defaults(c, tool, argc > 0 ? argv[0] : "nightjar");
    switch (nj_client_walk(c, argc, argv)) {
    case NJ_WALK_ON:
        if (nj_client_config_check(c))
            break;
        NJ_FALLTHROUGH;
    case NJ_WALK_MISTAKE:
        (void)nj_client_mistake("\nUse '%s --help' to see usage.\n", c->name);
        return 1;
    case NJ_WALK_HELP:
        nj_client_print_help(c, stdout);
        c->is_told = true;
        return 1;
    case NJ_WALK_VERSION:
        nj_client_print_version(c, stdout);
        c->is_told = true;
        return 1;
    }
    missing = nj_client_missing(c);
    if (missing[0] != '\0') {
        (void)nj_client_mistake("%s", missing);
        if (tool == NJ_TOOL_PUB)
            nj_client_print_help(c, stdout);
        if (tool == NJ_TOOL_RR)
            (void)nj_client_mistake("\nUse '%s --help' to see usage.\n", c->name);
        return 1;
    }
    return nj_client_load_payload(c) ? 0 : 1;
}

static void
drop(struct nj_strings *list)
{
    for (size_t i = 0; i < list->count; i++)
        nj_free(list->at[i]);
    nj_free(list->at);
}

void
nj_client_config_fini(struct nj_client_config *c)
{
    char *const texts[] = {
        c->host,       c->unix_path,    c->bind_address, c->user,       c->password,
        c->id,         c->id_prefix,    c->text,         c->payload,    c->response_topic,
        c->format,     c->will_topic,   c->will_payload, c->cafile,     c->capath,
        c->cert,       c->key,          c->keyform,      c->ciphers,    c->tls_version,
        c->tls_alpn,   c->psk,          c->psk_identity, c->tls_engine, c->tls_engine_kpass_sha1,
        c->tls_keylog, c->broker_config};

    if (c->password != NULL)
        explicit_bzero(c->password, strlen(c->password));
    if (c->psk != NULL)
        explicit_bzero(c->psk, strlen(c->psk));
    for (size_t i = 0; i < NJ_COUNT_OF(texts); i++)
        nj_free(texts[i]);
    drop(&c->topics);
    drop(&c->filters_out);
    drop(&c->unsubscribes);
    for (size_t i = 0; i < NJ_FOR_COUNT; i++)
        nj_client_property_list_free(c->properties[i]);
    *c = (struct nj_client_config){0};
}
