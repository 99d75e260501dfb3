/* SPDX-License-Identifier: Apache-2.0 */
/* A key that lies in a device (a PKCS#11 token, a TPM) and never leaves it, by way of an OpenSSL
 * engine. Engines are deprecated in OpenSSL 3 and still what configurations name: all of them is
 * behind this file. */
#define OPENSSL_SUPPRESS_DEPRECATED
#include "net/tls_priv.h"

#include "base/secret.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <string.h>

struct asking {
    const struct nj_tls_opts *opts;
    const char *key;
};

/* OpenSSL asks for the PIN: by our callback if there is one, at the terminal otherwise. */
static int
read_pin(UI *ui, UI_STRING *string)
{
    const struct asking *a = UI_get0_user_data(ui);
    char pin[256];
    int n;

    if (UI_get_string_type(string) != UIT_PROMPT)
        return 1;
    n = a->opts->password(a->opts->password_ctx, a->key, pin, (int)sizeof(pin) - 1);
    if (n < 0)
        return 0;
    pin[n] = '\0';
    n = UI_set_result(ui, string, pin);
    nj_secret_wipe(pin, sizeof(pin));
    return n >= 0;
}

static enum nj_err
say_engine(const struct nj_tls_opts *o, struct nj_diag *diag)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());

    nj_diag_hint(diag,
                 "`openssl engine -t %s` shows whether it can be loaded; for PKCS#11, the "
                 "package libengine-pkcs11-openssl holds it.",
                 o->engine);
    return nj_diag_fail(diag, NJ_ECONFIG, "Error loading %s engine: %s.", o->engine,
                        why != NULL ? why : "it is not there");
}

/* Engines that know these two commands take the SHA-1 of the password in place of it. */
static enum nj_err
give_password(ENGINE *engine, const struct nj_tls_opts *o, struct nj_diag *diag)
{
    uint8_t digest[20];
    size_t n = 0;

    if (OPENSSL_hexstr2buf_ex(digest, sizeof(digest), &n, o->engine_kpass_sha1, '\0') != 1 ||
        n != sizeof(digest))
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: tls_engine_kpass_sha1 wants 40 digits in hex.");
    if (ENGINE_ctrl_cmd(engine, "SECRET_MODE", 1, NULL, NULL, 0) == 1 &&
        ENGINE_ctrl_cmd(engine, "PIN", 0, digest, NULL, 0) == 1)
        return NJ_OK;
    return nj_diag_fail(diag, NJ_ECONFIG,
                        "Error: Unable to set engine secret mode sha: %s does not take one.",
                        o->engine);
}

static enum nj_err
load_key(ENGINE *engine, EVP_PKEY **out, const struct nj_tls_opts *o, const char *name,
         struct nj_diag *diag)
{
    struct asking asking = {o, name};
    UI_METHOD *method = o->password != NULL ? UI_create_method("nightjar") : NULL;
    const char *why;

    if (method != NULL)
        (void)UI_method_set_reader(method, read_pin);
    *out = ENGINE_load_private_key(engine, name, method != NULL ? method : UI_OpenSSL(), &asking);
    UI_destroy_method(method);
    if (*out != NULL)
        return NJ_OK;
    why = ERR_reason_error_string(ERR_peek_last_error());
    nj_diag_hint(diag, "For PKCS#11 a key is named as in: pkcs11:token=NAME;object=NAME");
    return nj_diag_fail(diag, NJ_ECONFIG,
                        "Error: Unable to load engine private key file \"%s\": %s.", name,
                        why != NULL ? why : "the engine has no such key");
}

enum nj_err
nj_tls_engine_key(EVP_PKEY **out, const struct nj_tls_opts *o, const char *name,
                  struct nj_diag *diag)
{
    ENGINE *engine;
    enum nj_err err;

    if (o->engine == NULL)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: tls_keyform is engine, but tls_engine names none.");
    ENGINE_load_builtin_engines();
    engine = ENGINE_by_id(o->engine);
    if (engine == NULL)
        return say_engine(o, diag);
    if (ENGINE_init(engine) != 1) {
        err = say_engine(o, diag);
        (void)ENGINE_free(engine);
        return err;
    }
    err = o->engine_kpass_sha1 != NULL ? give_password(engine, o, diag) : NJ_OK;
    if (err == NJ_OK)
        err = load_key(engine, out, o, name, diag);
    /* The key keeps the engine. */
    (void)ENGINE_finish(engine);
    (void)ENGINE_free(engine);
    return err;
}
