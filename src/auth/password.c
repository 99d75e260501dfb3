/* SPDX-License-Identifier: Apache-2.0 */
#include "auth/password.h"

#include "base/base64.h"
#include "base/mem.h"
#include "base/rand.h"
#include "base/secret.h"

#include <argon2.h>
#include <openssl/evp.h>
#include <stdio.h>

/* More than this is no hash but a way to stop the broker. */
#define ITERATIONS_MAX (1u << 24)
#define MEMORY_KIB_MAX (1u << 20)
#define LANES_MAX      64u

/* Mosquitto 2.1 writes salts of 64 bytes and reads both; its predecessors know no others than
 * twelve, which are no two users' either, so those are made. Argon2id is 2.1's alone. */
#define SALT_BYTES       64
#define SHORT_SALT_BYTES 12
#define HASH_BYTES       64
#define ARGON_MEMORY_KIB 47104
#define ARGON_PASSES     1

/* ---- reading ---- */

/* Up to the next '$', which is taken off as well; false when nothing is left. */
static bool
next_field(struct nj_str *rest, struct nj_str *field)
{
    const char *end;

    if (rest->p == NULL)
        return false;
    end = rest->n > 0 ? memchr(rest->p, '$', rest->n) : NULL;
    *field = (struct nj_str){rest->p, end != NULL ? (size_t)(end - rest->p) : rest->n};
    *rest = end != NULL ? nj_str_from(*rest, field->n + 1) : (struct nj_str){NULL, 0};
    return true;
}

static bool
read_number(struct nj_str text, uint32_t most, uint32_t *out)
{
    uint32_t n = 0;

    if (text.n == 0 || text.n > 9)
        return false;
    for (size_t i = 0; i < text.n; i++) {
        if (text.p[i] < '0' || text.p[i] > '9')
            return false;
        n = n * 10 + (uint32_t)(text.p[i] - '0');
    }
    *out = n;
    return n >= 1 && n <= most;
}

/* "m=47104": the number behind the name. */
static bool
read_parameter(struct nj_str *text, const char *name, uint32_t most, uint32_t *out)
{
    struct nj_str one = nj_str_cut(text, ',');

    return nj_str_starts(one, nj_str_of(name)) &&
           read_number(nj_str_from(one, strlen(name)), most, out);
}

static enum nj_err
read_salt_and_hash(struct nj_password *p, struct nj_str rest, enum nj_base64 form,
                   struct nj_diag *diag)
{
    struct nj_str salt, hash;
    size_t salt_n, hash_n;

    if (!next_field(&rest, &salt) || !next_field(&rest, &hash) || rest.p != NULL)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "the password hash has not as many parts as it should");
    if (!nj_base64_decode(p->salt, sizeof(p->salt), &salt_n, salt, form) || salt_n == 0)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "the salt of the password hash is no base64 of at "
                            "most 64 bytes");
    if (!nj_base64_decode(p->hash, sizeof(p->hash), &hash_n, hash, form) || hash_n == 0)
        return nj_diag_fail(diag, NJ_ECONFIG, "the password hash is no base64 of at most 64 bytes");
    p->salt_n = (uint8_t)salt_n;
    p->hash_n = (uint8_t)hash_n;
    return NJ_OK;
}

/* As Mosquitto has it: no other lengths occur. */
static enum nj_err
check_lengths(const struct nj_password *p, struct nj_diag *diag)
{
    if (p->salt_n != SALT_BYTES && p->salt_n != SHORT_SALT_BYTES)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "the salt of the password hash has %u bytes, not %u "
                            "or %u",
                            p->salt_n, SHORT_SALT_BYTES, SALT_BYTES);
    if (p->hash_n != HASH_BYTES)
        return nj_diag_fail(diag, NJ_ECONFIG, "the password hash has %u bytes, not %u", p->hash_n,
                            HASH_BYTES);
    return NJ_OK;
}

static enum nj_err
read_sha512(struct nj_password *p, struct nj_str rest, struct nj_diag *diag)
{
    enum nj_err err = read_salt_and_hash(p, rest, NJ_BASE64_PADDED, diag);

    return err == NJ_OK ? check_lengths(p, diag) : err;
}

static enum nj_err
read_pbkdf2(struct nj_password *p, struct nj_str rest, struct nj_diag *diag)
{
    struct nj_str iterations;
    enum nj_err err;

    if (!next_field(&rest, &iterations) || !read_number(iterations, ITERATIONS_MAX, &p->iterations))
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "the iterations of the password hash are no number "
                            "from 1 to %u",
                            ITERATIONS_MAX);
    err = read_salt_and_hash(p, rest, NJ_BASE64_PADDED, diag);
    return err == NJ_OK ? check_lengths(p, diag) : err;
}

static enum nj_err
read_argon2id(struct nj_password *p, struct nj_str rest, struct nj_diag *diag)
{
    struct nj_str version, costs;
    enum nj_err err;

    if (!next_field(&rest, &version) || !nj_str_eq(version, NJ_STR("v=19")))
        return nj_diag_fail(diag, NJ_ECONFIG, "the argon2id hash is not of version 19");
    if (!next_field(&rest, &costs) ||
        !read_parameter(&costs, "m=", MEMORY_KIB_MAX, &p->memory_kib) ||
        !read_parameter(&costs, "t=", ITERATIONS_MAX, &p->iterations) ||
        !read_parameter(&costs, "p=", LANES_MAX, &p->lanes) || costs.n > 0 ||
        p->memory_kib < 8 * p->lanes)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "the argon2id hash has other costs than m=…,t=…,p=… "
                            "with at most %u KiB of memory and %u lanes",
                            MEMORY_KIB_MAX, LANES_MAX);
    err = read_salt_and_hash(p, rest, NJ_BASE64_BARE, diag);
    if (err == NJ_OK && (p->salt_n < ARGON2_MIN_SALT_LENGTH || p->hash_n < ARGON2_MIN_OUTLEN))
        return nj_diag_fail(diag, NJ_ECONFIG, "salt or hash of the argon2id hash are too short");
    return err;
}

enum nj_err
nj_password_read(struct nj_password *out, struct nj_str text, struct nj_diag *diag)
{
    static const struct {
        const char *begins;
        enum nj_password_kind kind;
        enum nj_err (*read)(struct nj_password *p, struct nj_str rest, struct nj_diag *diag);
    } forms[] = {
        {"$6$", NJ_PASSWORD_SHA512, read_sha512},
        {"$7$", NJ_PASSWORD_PBKDF2, read_pbkdf2},
        {"$argon2id$", NJ_PASSWORD_ARGON2ID, read_argon2id},
    };

    for (size_t i = 0; i < NJ_COUNT_OF(forms); i++) {
        struct nj_password p = {.kind = forms[i].kind};
        enum nj_err err;

        if (!nj_str_starts(text, nj_str_of(forms[i].begins)))
            continue;
        err = forms[i].read(&p, nj_str_from(text, strlen(forms[i].begins)), diag);
        if (err == NJ_OK)
            *out = p;
        return err;
    }
    if (nj_str_starts(text, NJ_STR("$")))
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "the password hash has none of the forms $6$, $7$, "
                            "$argon2id$");
    nj_diag_hint(diag, "mosquitto_passwd -U FILE hashes all plain passwords of a file.");
    return nj_diag_fail(diag, NJ_ECONFIG, "the password is not hashed");
}

/* ---- writing ---- */

size_t
nj_password_write(const struct nj_password *p, char out[NJ_PASSWORD_TEXT_MAX])
{
    enum nj_base64 form = p->kind == NJ_PASSWORD_ARGON2ID ? NJ_BASE64_BARE : NJ_BASE64_PADDED;
    char salt[NJ_BASE64_ROOM(NJ_PASSWORD_SALT_MAX)], hash[NJ_BASE64_ROOM(NJ_PASSWORD_HASH_MAX)];
    int n = 0;

    (void)nj_base64_encode(salt, (struct nj_str){(const char *)p->salt, p->salt_n}, form);
    (void)nj_base64_encode(hash, (struct nj_str){(const char *)p->hash, p->hash_n}, form);
    switch (p->kind) {
    case NJ_PASSWORD_SHA512:
        n = snprintf(out, NJ_PASSWORD_TEXT_MAX, "$6$%s$%s", salt, hash);
        break;
    case NJ_PASSWORD_PBKDF2:
        n = snprintf(out, NJ_PASSWORD_TEXT_MAX, "$7$%u$%s$%s", p->iterations, salt, hash);
        break;
    case NJ_PASSWORD_ARGON2ID:
        n = snprintf(out, NJ_PASSWORD_TEXT_MAX, "$argon2id$v=19$m=%u,t=%u,p=%u$%s$%s",
                     p->memory_kib, p->iterations, p->lanes, salt, hash);
        break;
    }
    return (size_t)n;
}

/* ---- hashing ---- */

static bool
hash_sha512(const struct nj_password *p, struct nj_str plain, uint8_t *out)
{
    EVP_MD_CTX *md = EVP_MD_CTX_new();
    bool is_done = md != NULL && EVP_DigestInit_ex(md, EVP_sha512(), NULL) == 1 &&
                   EVP_DigestUpdate(md, plain.p, plain.n) == 1 &&
                   EVP_DigestUpdate(md, p->salt, p->salt_n) == 1 &&
                   EVP_DigestFinal_ex(md, out, NULL) == 1;

    EVP_MD_CTX_free(md);
    return is_done;
}

static bool
hash_pbkdf2(const struct nj_password *p, struct nj_str plain, uint8_t *out)
{
    return PKCS5_PBKDF2_HMAC(plain.p, (int)plain.n, p->salt, p->salt_n, (int)p->iterations,
                             EVP_sha512(), p->hash_n, out) == 1;
}

/* Argon2's memory counts like all other. */
static int
allocate(uint8_t **memory, size_t bytes)
{
    *memory = nj_alloc(bytes);
    return *memory != NULL ? ARGON2_OK : ARGON2_MEMORY_ALLOCATION_ERROR;
}

static void
release(uint8_t *memory, size_t bytes)
{
    (void)bytes;
    nj_free(memory);
}

/* One thread for all lanes: the pool has its threads already. */
static bool /* NOLINTNEXTLINE(readability-non-const-parameter): written through the context */
hash_argon2id(const struct nj_password *p, struct nj_str plain, uint8_t *out)
{
    uint8_t salt[NJ_PASSWORD_SALT_MAX];
    struct nj_secret copy = {0}; /* the library's interface could write to its input */
    argon2_context context = {
        .out = out,
        .outlen = p->hash_n,
        .salt = salt,
        .saltlen = p->salt_n,
        .t_cost = p->iterations,
        .m_cost = p->memory_kib,
        .lanes = p->lanes,
        .threads = 1,
        .version = ARGON2_VERSION_13,
        .allocate_cbk = allocate,
        .free_cbk = release,
        .flags = ARGON2_DEFAULT_FLAGS,
    };
    int result;

    if (!nj_secret_copy(&copy, plain))
        return false;
    memcpy(salt, p->salt, p->salt_n);
    context.pwd = (uint8_t *)copy.p;
    context.pwdlen = (uint32_t)copy.n;
    result = argon2id_ctx(&context);
    nj_secret_fini(&copy);
    return result == ARGON2_OK;
}

/* What these libraries can fail for, with costs that were checked, is memory. */
static bool
hash(const struct nj_password *p, struct nj_str plain, uint8_t out[NJ_PASSWORD_HASH_MAX])
{
    const char *end = plain.n > 0 ? memchr(plain.p, '\0', plain.n) : NULL;

    if (end != NULL)
        plain.n = (size_t)(end - plain.p);
    if (plain.n == 0)
        plain.p = "";
    switch (p->kind) {
    case NJ_PASSWORD_SHA512:
        return hash_sha512(p, plain, out);
    case NJ_PASSWORD_PBKDF2:
        return hash_pbkdf2(p, plain, out);
    case NJ_PASSWORD_ARGON2ID:
        return hash_argon2id(p, plain, out);
    }
    return false;
}

enum nj_err
nj_password_make(struct nj_password *out, enum nj_password_kind kind, uint32_t iterations,
                 struct nj_str plain)
{
    struct nj_password p = {.kind = kind, .salt_n = SHORT_SALT_BYTES, .hash_n = HASH_BYTES};

    if (kind == NJ_PASSWORD_PBKDF2)
        p.iterations = iterations > 0 ? iterations : NJ_PASSWORD_ITERATIONS;
    if (kind == NJ_PASSWORD_ARGON2ID) {
        p.salt_n = SALT_BYTES;
        p.iterations = ARGON_PASSES;
        p.memory_kib = ARGON_MEMORY_KIB;
        p.lanes = 1;
    }
    nj_rand_system(p.salt, p.salt_n);
    if (!hash(&p, plain, p.hash))
        return NJ_ENOMEM;
    *out = p;
    return NJ_OK;
}

enum nj_err
nj_password_check(const struct nj_password *p, struct nj_str plain, bool *fits)
{
    uint8_t made[NJ_PASSWORD_HASH_MAX];

    if (!hash(p, plain, made))
        return NJ_ENOMEM;
    *fits = nj_secret_is_same(made, p->hash, p->hash_n);
    nj_secret_wipe(made, sizeof(made));
    return NJ_OK;
}
