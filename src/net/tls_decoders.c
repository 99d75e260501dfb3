/* SPDX-License-Identifier: Apache-2.0 */
/* For each certificate that OpenSSL 3.0 reads, it sets up all decoders that it has for whatever
 * might hold a key, to take one: that of the public key. This costs twice what verifying a
 * signature does, and a client's certificate is read twice: when it comes, and when its ticket is
 * made.
 *
 * So handshakes of a server run with a library context of their own. Its one provider is OpenSSL's
 * default provider with fewer decoders: those for the public key of a certificate.
 *
 * Where the system's configuration (openssl.cnf) asks for other providers, or for FIPS, nothing is
 * changed. */
#include "net/tls_priv.h"

#include <openssl/core_dispatch.h>
#include <openssl/provider.h>
#include <pthread.h>
#include <string.h>
#include <strings.h>

/* OpenSSL 3.0 has 18 kinds of keys and 80 decoders. */
#define MOST 128

struct offer {
    OSSL_ALGORITHM kept[MOST + 1];
    size_t n;
};

static struct {
    OSSL_PROVIDER *whole; /* OpenSSL's default provider, in the default library context */
    struct offer keys, decoders;
    OSSL_LIB_CTX *library; /* NULL: not to be used */
} few;

/* ---- the provider ---- */

static const OSSL_ALGORITHM *
query(void *provider, int operation, int *no_cache)
{
    (void)provider;
    *no_cache = 0;
    switch (operation) {
    case OSSL_OP_KEYMGMT:
        return few.keys.kept;
    case OSSL_OP_DECODER:
        return few.decoders.kept;
    default:
        return OSSL_PROVIDER_query_operation(few.whole, operation, no_cache);
    }
}

static int
start(const OSSL_CORE_HANDLE *handle, const OSSL_DISPATCH *in, const OSSL_DISPATCH **out,
      void **provider)
{
    static const OSSL_DISPATCH functions[] = {
        {OSSL_FUNC_PROVIDER_QUERY_OPERATION, (void (*)(void))query}, {0, NULL}};

    (void)handle;
    (void)in;
    *out = functions;
    *provider = OSSL_PROVIDER_get0_provider_ctx(few.whole);
    return 1;
}

/* ---- what it offers ---- */

/* Kinds of keys that TLS neither agrees on nor signs with. What is not known here is kept. */
static bool
is_needed(const OSSL_ALGORITHM *a)
{
    static const char *const idle[] = {"DHX", "SM2", "SCRYPT", "SIPHASH", "POLY1305", "CMAC"};
    size_t n = strcspn(a->algorithm_names, ":");

    for (size_t i = 0; i < NJ_COUNT_OF(idle); i++)
        if (strlen(idle[i]) == n && strncasecmp(a->algorithm_names, idle[i], n) == 0)
            return false;
    return true;
}

static bool
is_for_certificates(const OSSL_ALGORITHM *a)
{
    return strstr(a->property_definition, "input=der,structure=SubjectPublicKeyInfo") != NULL;
}

/* False where nothing is left, or too much. */
static bool
choose(struct offer *offer, int operation, bool is_decoder)
{
    int no_cache;
    const OSSL_ALGORITHM *a = OSSL_PROVIDER_query_operation(few.whole, operation, &no_cache);

    for (; a != NULL && a->algorithm_names != NULL; a++) {
        if (!is_needed(a) || (is_decoder && !is_for_certificates(a)))
            continue;
        if (offer->n == MOST)
            return false;
        offer->kept[offer->n++] = *a;
    }
    return offer->n > 0;
}

/* Called for each provider that is in force. */
static int
look_at_provider(OSSL_PROVIDER *p, void *count)
{
    ++*(int *)count;
    few.whole = p;
    return 1;
}

static bool
is_default_alone(void)
{
    int count = 0;

    return OSSL_PROVIDER_do_all(NULL, look_at_provider, &count) == 1 && count == 1 &&
           strcmp(OSSL_PROVIDER_get0_name(few.whole), "default") == 0 &&
           EVP_default_properties_is_fips_enabled(NULL) == 0;
}

static void
make_library(void)
{
    OSSL_LIB_CTX *library;

    if (!is_default_alone() || !choose(&few.keys, OSSL_OP_KEYMGMT, false) ||
        !choose(&few.decoders, OSSL_OP_DECODER, true))
        return;
    library = OSSL_LIB_CTX_new();
    if (library != NULL && OSSL_PROVIDER_add_builtin(library, "nightjar", start) == 1 &&
        OSSL_PROVIDER_load(library, "nightjar") != NULL)
        few.library = library;
    else
        OSSL_LIB_CTX_free(library);
}

OSSL_LIB_CTX *
nj_tls_library_for_handshakes(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;

    (void)pthread_once(&once, make_library);
    return few.library;
}
