/* SPDX-License-Identifier: Apache-2.0 */
/* A key that lies in a device (a PKCS#11 token, a TPM) and never leaves it, by way of an OpenSSL
 * engine. Engines are deprecated in OpenSSL 3 and still what configurations name: all of them is
 * behind this file. */
#include "net/tls_priv.h"

#include "base/secret.h"
#include "base/shell.h"

#include <openssl/engine.h>
#include <openssl/err.h>
#include <openssl/ui.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* Not OPENSSL_SUPPRESS_DEPRECATED: in a unity build OpenSSL's headers are read before this. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define SECRET_MODE_SHA 0x1000 /* as the engines that know SECRET_MODE number it */

/* ---- the name of a key ---- */

const char *
nj_tls_engine_name(const char *name, char *out, size_t room)
{
    static const char pin[] = "pin-value=";
    const char *value = strstr(name, pin);

    if (value == NULL || strncmp(name, "pkcs11:", 7) != 0)
        return name;
    value += sizeof(pin) - 1;
    (void)snprintf(out, room, "%.*s…%s", (int)(value - name), name, value + strcspn(value, ";?&"));
    return out;
}

/* ---- the PIN ---- */

struct asking {
    const struct nj_tls_opts *opts;
    const char *key;
};

/* In the place of OpenSSL's question at the terminal. */
static int
read_pin(UI *ui, UI_STRING *string)
{
    const struct asking *a = UI_get0_user_data(ui);
    char pin[256];
    int n;

    if (UI_get_string_type(string) != UIT_PROMPT)
        return 1;
    if (a->opts->password == NULL)
        return 0;
    n = a->opts->password(a->opts->password_ctx, a->key, pin, (int)sizeof(pin) - 1);
    if (n < 0)
        return 0;
    pin[n] = '\0';
    n = UI_set_result(ui, string, pin);
    nj_secret_wipe(pin, sizeof(pin));
    return n >= 0;
}

/* Where there is none, OpenSSL would read standard input. */
static bool
has_terminal(void)
{
    return access("/dev/tty", R_OK | W_OK) == 0 && isatty(STDIN_FILENO) == 1;
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
    if (ENGINE_ctrl_cmd(engine, "SECRET_MODE", SECRET_MODE_SHA, NULL, NULL, 0) == 1 &&
        ENGINE_ctrl_cmd(engine, "PIN", 0, digest, NULL, 0) == 1)
        return NJ_OK;
    nj_diag_hint(diag, "A PKCS#11 token wants the PIN itself, in the name of the key: "
                       "…;pin-value=PIN, or …?pin-source=file:/PATH.");
    return nj_diag_fail(diag, NJ_ECONFIG,
                        "Error: Unable to set engine secret mode sha: %s does not take one.",
                        o->engine);
}

/* ---- what went wrong ---- */

static enum nj_err
say_engine(const struct nj_tls_opts *o, struct nj_diag *diag)
{
    const char *why = ERR_reason_error_string(ERR_peek_last_error());
    char word[128];

    nj_diag_hint(diag,
                 "`openssl engine -t %s` shows whether it can be loaded; for PKCS#11, the "
                 "package libengine-pkcs11-openssl holds it.",
                 nj_shell_word(word, sizeof(word), nj_str_of(o->engine)));
    return nj_diag_fail(diag, NJ_ECONFIG, "Error loading %s engine: %s.", o->engine,
                        why != NULL ? why : "it is not there");
}

/* The engine of PKCS#11 says little; this is what it has been seen to mean. */
static const struct {
    const char *reason, *cause, *mend;
} causes[] = {
    {"PIN incorrect", "the token refuses the PIN",
     "Give the token's PIN: …;pin-value=PIN in the name of the key, or …?pin-source=file:/PATH. "
     "Most tokens lock themselves after a few wrong ones."},
    {"PIN locked", "the token is locked, after too many wrong PINs",
     "Whoever has the token's SO PIN can set a new PIN: pkcs11-tool --init-pin --login "
     "--login-type so"},
    {"object not found", "there is no such token, or no such key in it",
     "`pkcs11-tool --list-token-slots` shows the tokens that this account can reach, `pkcs11-tool "
     "--token-label NAME --login --list-objects --type privkey` the keys; a key is named "
     "pkcs11:token=NAME;object=NAME"},
    {"processing error", "the token wants a PIN, and nobody gave one",
     "Give it in the name of the key: …;pin-value=PIN, or …?pin-source=file:/PATH; or start this "
     "at "
     "a terminal."},
    {"invalid id", "that is not the name of a key in a token",
     "Write pkcs11:token=NAME;object=NAME"},
    {"invalid parameter", "no token could be reached",
     "PKCS11_MODULE_PATH, or a file in /usr/share/p11-kit/modules, names the module of the token; "
     "`pkcs11-tool --list-token-slots` shows what it reaches."},
};

static enum nj_err
say_key(const char *name, struct nj_diag *diag)
{
    const char *why = ERR_reason_error_string(ERR_peek_error()); /* the first is the cause */
    const char *mend = "";
    char shown[NJ_TLS_NAME_SIZE];

    for (size_t i = 0; why != NULL && i < NJ_COUNT_OF(causes); i++) {
        if (strcmp(why, causes[i].reason) == 0) {
            why = causes[i].cause;
            mend = causes[i].mend;
            break;
        }
    }
    nj_diag_hint(diag, "%s", mend);
    (void)nj_diag_fail(diag, NJ_ECONFIG,
                       "Error: Unable to load engine private key file \"%s\": %s.",
                       nj_tls_engine_name(name, shown, sizeof(shown)),
                       why != NULL ? why : "the engine has no such key");
    ERR_clear_error();
    return NJ_ECONFIG;
}

/* ---- the key ---- */

static enum nj_err
load_key(ENGINE *engine, EVP_PKEY **out, const struct nj_tls_opts *o, const char *name,
         struct nj_diag *diag)
{
    struct asking asking = {o, name};
    bool asks_terminal = o->password == NULL && has_terminal();
    UI_METHOD *dialogue = asks_terminal ? NULL : UI_create_method("nightjar");

    if (dialogue != NULL)
        (void)UI_method_set_reader(dialogue, read_pin);
    /* What it would say of its own goes to standard error, with the PIN in it. */
    (void)ENGINE_ctrl_cmd_string(engine, "QUIET", NULL, 1);
    ERR_clear_error();
    *out = ENGINE_load_private_key(engine, name, asks_terminal ? UI_OpenSSL() : dialogue, &asking);
    UI_destroy_method(dialogue);
    return *out != NULL ? NJ_OK : say_key(name, diag);
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
