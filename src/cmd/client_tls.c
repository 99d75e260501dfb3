/* SPDX-License-Identifier: Apache-2.0 */
/* client_tls.c — whether pub, sub and rr speak TLS, and how. */
#include "cmd/client_config.h"

#include <stdlib.h>
#include <string.h>

bool
nj_client_config_has_tls(const struct nj_client_config *c)
{
    return !c->no_tls && (c->cafile != NULL || c->capath != NULL || c->psk != NULL ||
                          c->use_os_certs || c->is_mqtts || (c->port == 8883 && !c->unix_path));
}

static bool
is_one_of(const char *text, const char *a, const char *b)
{
    return text == NULL || strcmp(text, a) == 0 || strcmp(text, b) == 0;
}

bool
nj_client_config_check_tls(const struct nj_client_config *c)
{
    bool is_judged = c->tool == NJ_TOOL_DOCTOR; /* what the doctor finds is no mistake of its own */

    if ((c->cert == NULL) != (c->key == NULL) && !is_judged)
        return nj_client_mistake(
            "Error: Both certfile and keyfile must be provided if one of them is set.\n");
    if (c->keyform != NULL && c->key == NULL)
        return nj_client_mistake("Error: If keyform is set, keyfile must be also specified.\n");
    if (c->tls_engine_kpass_sha1 != NULL && (c->keyform == NULL || c->tls_engine == NULL))
        return nj_client_mistake("Error: when using tls-engine-kpass-sha1, both tls-engine and "
                                 "keyform must also be provided.\n");
    if ((c->cafile != NULL || c->capath != NULL) && c->psk != NULL)
        return nj_client_mistake(
            "Error: Only one of --psk or --cafile/--capath may be used at once.\n");
    if (c->psk != NULL && c->psk_identity == NULL)
        return nj_client_mistake("Error: --psk-identity required if --psk used.\n");
    if (!is_one_of(c->keyform, "pem", "engine"))
        return nj_client_mistake(
            "Error: Problem setting key form, it must be one of 'pem' or 'engine'.\n");
    if (!is_one_of(c->tls_version, "tlsv1.2", "tlsv1.3") && !is_judged)
        return nj_client_mistake("Error: Problem setting TLS options, check the options are valid: "
                                 "--tls-version is tlsv1.2 or tlsv1.3, not '%s'.\n",
                                 c->tls_version);
    return true;
}

/* A service that reads an encrypted key has nobody at a terminal. */
static int
key_password(void *ctx, const char *file, char *out, int n)
{
    const char *password = ctx;
    size_t length = strlen(password);

    (void)file;
    if (length > (size_t)n)
        return -1;
    memcpy(out, password, length);
    return (int)length;
}

struct nj_client_tls
nj_client_config_tls(const struct nj_client_config *c)
{
    char *password = getenv("NIGHTJAR_KEY_PASSWORD");

    return (struct nj_client_tls){
        .cafile = c->cafile,
        .capath = c->capath,
        .use_os_certs = c->use_os_certs,
        .cert = c->cert,
        .key = c->key,
        .insecure = c->insecure,
        .version = c->tls_version,
        .ciphers = c->ciphers,
        .alpn = c->tls_alpn,
        .psk = c->psk,
        .psk_identity = c->psk != NULL ? c->psk_identity : NULL,
        .engine = c->tls_engine,
        .keyform = c->keyform,
        .engine_kpass_sha1 = c->tls_engine_kpass_sha1,
        .keylog = c->tls_keylog,
        .password = password != NULL ? key_password : NULL,
        .password_ctx = password,
    };
}

void
nj_client_warn_insecure(const struct nj_client_config *c)
{
    if (!c->insecure || c->psk != NULL)
        return;
    nj_client_say(
        c,
        "Warning: --insecure: nobody looks whether the broker's certificate is for \"%s\"; "
        "whoever has any certificate of the same CA can pose as the broker. The CA, the "
        "dates and the purpose are still verified.\n",
        c->host != NULL ? c->host : "localhost");
}
