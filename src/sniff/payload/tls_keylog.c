/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/payload/tls_keylog.h"

#include "base/hash.h"
#include "base/mem.h"

#include <openssl/crypto.h>
#include <string.h>

#define KEYLOG_BUCKETS (1u << 14)
#define LINE_BYTES     1024u

struct entry {
    struct entry *next;
    uint8_t name[1 + NJ_TLS_RANDOM_BYTES]; /* which secret, of which session */
    uint8_t secret[NJ_TLS_SECRET_MAX];
    size_t secret_bytes;
};

struct nj_keylog {
    struct entry *bucket[KEYLOG_BUCKETS];
    size_t count;
    uint64_t refused;
    FILE *followed; /* NULL: none */
    char line[LINE_BYTES];
    size_t line_bytes; /* that are there of a line; it goes on */
    bool is_skipping;  /* the rest of a line that is too long */
};

static const char *const labels[] = {
    [NJ_TLS_SECRET_MASTER] = "CLIENT_RANDOM",
    [NJ_TLS_SECRET_CLIENT_EARLY] = "CLIENT_EARLY_TRAFFIC_SECRET",
    [NJ_TLS_SECRET_CLIENT_HANDSHAKE] = "CLIENT_HANDSHAKE_TRAFFIC_SECRET",
    [NJ_TLS_SECRET_SERVER_HANDSHAKE] = "SERVER_HANDSHAKE_TRAFFIC_SECRET",
    [NJ_TLS_SECRET_CLIENT_TRAFFIC] = "CLIENT_TRAFFIC_SECRET_0",
    [NJ_TLS_SECRET_SERVER_TRAFFIC] = "SERVER_TRAFFIC_SECRET_0",
};

enum nj_err
nj_keylog_new(struct nj_keylog **out)
{
    struct nj_keylog *k = nj_zalloc(sizeof(*k));

    if (k == NULL)
        return NJ_ENOMEM;
    *out = k;
    return NJ_OK;
}

void
nj_keylog_free(struct nj_keylog *k)
{
    if (k == NULL)
        return;
    if (k->followed != NULL)
        (void)fclose(k->followed);
    OPENSSL_cleanse(k->line, sizeof(k->line));
    for (size_t i = 0; i < KEYLOG_BUCKETS; i++) {
        while (k->bucket[i] != NULL) {
            struct entry *e = k->bucket[i];

            k->bucket[i] = e->next;
            OPENSSL_cleanse(e, sizeof(*e));
            nj_free(e);
        }
    }
    nj_free(k);
}

static size_t
bucket_of_name(const uint8_t name[1 + NJ_TLS_RANDOM_BYTES])
{
    return nj_hash((struct nj_str){(const char *)name, 1 + NJ_TLS_RANDOM_BYTES}) % KEYLOG_BUCKETS;
}

static struct entry *
find(const struct nj_keylog *k, const uint8_t name[1 + NJ_TLS_RANDOM_BYTES])
{
    struct entry *e = k->bucket[bucket_of_name(name)];

    while (e != NULL && memcmp(e->name, name, sizeof(e->name)) != 0)
        e = e->next;
    return e;
}

static struct entry *
get_or_make(struct nj_keylog *k, const uint8_t name[1 + NJ_TLS_RANDOM_BYTES])
{
    struct entry *e = find(k, name);
    size_t bucket = bucket_of_name(name);

    if (e != NULL)
        return e;
    if (k->count == NJ_KEYLOG_SECRETS_MAX)
        return NULL;
    e = nj_zalloc(sizeof(*e));
    if (e == NULL)
        return NULL;
    memcpy(e->name, name, sizeof(e->name));
    e->next = k->bucket[bucket];
    k->bucket[bucket] = e;
    k->count++;
    return e;
}

/* The bytes that `hex` writes; 0: it writes none, or more than `max`. */
static size_t
read_hex(struct nj_str hex, uint8_t *out, size_t max)
{
    if (hex.n % 2 != 0 || hex.n / 2 > max)
        return 0;
    for (size_t i = 0; i < hex.n; i += 2) {
        int high = nj_hex_digit(hex.p[i]), low = nj_hex_digit(hex.p[i + 1]);

        if (high < 0 || low < 0)
            return 0;
        out[i / 2] = (uint8_t)(high << 4 | low);
    }
    return hex.n / 2;
}

static bool
is_label(struct nj_str word, uint8_t *secret)
{
    for (size_t i = 0; i < NJ_COUNT_OF(labels); i++) {
        if (!nj_str_eq(word, nj_str_of(labels[i])))
            continue;
        *secret = (uint8_t)i;
        return true;
    }
    return false;
}

static void
add_line(struct nj_keylog *k, struct nj_str line)
{
    uint8_t name[1 + NJ_TLS_RANDOM_BYTES], secret[NJ_TLS_SECRET_MAX];
    size_t secret_bytes;
    struct entry *e;

    while (line.n > 0 && (line.p[line.n - 1] == '\r' || line.p[line.n - 1] == ' '))
        line.n--;
    if (line.n == 0 || line.p[0] == '#')
        return;
    /* Exporters, and secrets of other protocols, stand in the same files. */
    if (!is_label(nj_str_cut(&line, ' '), &name[0]))
        return;
    if (read_hex(nj_str_cut(&line, ' '), name + 1, NJ_TLS_RANDOM_BYTES) != NJ_TLS_RANDOM_BYTES ||
        (secret_bytes = read_hex(line, secret, sizeof(secret))) == 0 ||
        (e = get_or_make(k, name)) == NULL) {
        k->refused++;
    } else {
        memcpy(e->secret, secret, secret_bytes);
        e->secret_bytes = secret_bytes;
    }
    OPENSSL_cleanse(secret, sizeof(secret));
}

void
nj_keylog_add(struct nj_keylog *k, struct nj_str text)
{
    while (text.n > 0)
        add_line(k, nj_str_cut(&text, '\n'));
}

/* What is there, but for a line that has no end yet. */
static void
read_lines(struct nj_keylog *k, FILE *file, size_t most)
{
    while (most > 0 &&
           fgets(k->line + k->line_bytes, (int)(sizeof(k->line) - k->line_bytes), file) != NULL) {
        size_t n = strlen(k->line + k->line_bytes);
        bool has_end = n > 0 && k->line[k->line_bytes + n - 1] == '\n';

        most -= NJ_MIN(most, n + 1);
        k->line_bytes += n;
        if (!has_end && k->line_bytes < sizeof(k->line) - 1)
            continue;
        if (has_end && !k->is_skipping)
            nj_keylog_add(k, (struct nj_str){k->line, k->line_bytes});
        else if (!k->is_skipping)
            k->refused++;
        k->is_skipping = !has_end;
        k->line_bytes = 0;
    }
}

enum nj_err
nj_keylog_read(struct nj_keylog *k, FILE *file)
{
    read_lines(k, file, SIZE_MAX);
    if (!k->is_skipping)
        nj_keylog_add(k, (struct nj_str){k->line, k->line_bytes});
    k->line_bytes = 0;
    k->is_skipping = false;
    return ferror(file) != 0 ? NJ_ESYS : NJ_OK;
}

enum nj_err
nj_keylog_follow(struct nj_keylog *k, FILE *file)
{
    k->followed = file;
    read_lines(k, file, SIZE_MAX);
    return ferror(file) != 0 ? NJ_ESYS : NJ_OK;
}

struct nj_str
nj_keylog_find(struct nj_keylog *k, enum nj_tls_secret secret,
               const uint8_t random[NJ_TLS_RANDOM_BYTES])
{
    uint8_t name[1 + NJ_TLS_RANDOM_BYTES];
    const struct entry *e;

    name[0] = (uint8_t)secret;
    memcpy(name + 1, random, NJ_TLS_RANDOM_BYTES);
    e = find(k, name);
    if (e == NULL && k->followed != NULL) {
        clearerr(k->followed);
        read_lines(k, k->followed, NJ_KEYLOG_READ_MAX);
        e = find(k, name);
    }
    return e != NULL ? (struct nj_str){(const char *)e->secret, e->secret_bytes}
                     : (struct nj_str){NULL, 0};
}

bool
nj_keylog_is_of_use(const struct nj_keylog *k)
{
    return k->count > 0 || k->followed != NULL;
}

size_t
nj_keylog_count(const struct nj_keylog *k)
{
    return k->count;
}

uint64_t
nj_keylog_refused(const struct nj_keylog *k)
{
    return k->refused;
}
