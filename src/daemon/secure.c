/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/secure.h"

#include "base/hash.h"
#include "net/tls.h"
#include "pki/finding.h"

#include <dirent.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>

/* ---- loading ---- */

static struct nj_tls_opts
opts_of(const struct nj_listener_tls *t, const char *keylog, struct nj_passphrases *known,
        struct nj_tls_pair pairs[NJ_LISTENER_CERTS_MAX])
{
    struct nj_tls_opts o = {
        .role = NJ_TLS_SERVER,
        .oldest = t->only_1_3 ? NJ_TLS_1_3 : NJ_TLS_1_2,
        .pairs = pairs,
        .pair_count = t->cert_count,
        .cafile = t->cafile,
        .capath = t->capath,
        .crlfile = t->crlfile,
        .ocspfile = t->ocspfile,
        .require_certificate = t->require_certificate,
        .ignore_dates = t->ignore_dates,
        .ciphers = t->ciphers,
        .ciphersuites = t->ciphersuites,
        .engine = t->engine,
        .engine_kpass_sha1 = t->engine_kpass_sha1,
        .key_in_engine = t->key_in_engine,
        .psk_hint = t->psk_hint,
        .psk_file = t->psk_file,
        .keylog = keylog,
        .password = nj_passphrases_give,
        .password_ctx = known,
    };

    for (unsigned i = 0; i < t->cert_count; i++)
        pairs[i] = (struct nj_tls_pair){t->certfiles[i], t->keyfiles[i]};
    return o;
}

/* Said by expiry.c, or not to be known here: an encrypted key has been opened, and is read a
 * second time without its passphrase; one in an engine is not seen at all. */
static bool
is_to_be_said(const struct nj_finding *f)
{
    switch (f->id) {
    case NJ_FINDING_EXPIRES_SOON:
    case NJ_FINDING_EXPIRED:
    case NJ_FINDING_CRL_EXPIRED:
    case NJ_FINDING_OCSP_EXPIRED:
    case NJ_FINDING_KEY_ENCRYPTED:
    case NJ_FINDING_HALF_A_PAIR:
        return false;
    default:
        return f->severity != NJ_SEVERITY_NOTE;
    }
}

/* What can be used, and will still be a surprise. The line ends with what mends it, to be copied as
 * it stands. */
static void
say_findings(const struct nj_listener_opts *l)
{
    const struct nj_findings *list = nj_tls_context_findings(l->tls);

    for (size_t i = 0; i < list->count; i++) {
        const struct nj_finding *f = &list->at[i];
        bool is_placed = f->file[0] != '\0' && strstr(f->cause, f->file) == NULL;
        char line[800];

        if (is_to_be_said(f))
            nj_log(NJ_LOG_WARNING, "Warning: %s%s%s", is_placed ? f->file : "",
                   is_placed ? ": " : "", nj_finding_line(f, line, sizeof(line)));
    }
}

static enum nj_err
load_one(struct nj_listener_opts *l, const struct nj_listener_opts *old, const char *keylog,
         struct nj_passphrases *known, struct nj_diag *diag)
{
    struct nj_tls_pair pairs[NJ_LISTENER_CERTS_MAX];
    struct nj_tls_opts o = opts_of(&l->files, keylog, known, pairs);
    bool is_on = o.pair_count > 0 || o.psk_hint != NULL;
    enum nj_err err;

    if (old != NULL && is_on != (old->tls != NULL))
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: The listener on port %u cannot change between plain and TLS "
                            "without a restart.",
                            l->port);
    if (!is_on)
        return NJ_OK;
    err = nj_tls_context_new(&l->tls, &o, diag);
    if (err == NJ_OK)
        say_findings(l);
    return err;
}

enum nj_err
nj_secure_load(struct nj_config *config, const struct nj_config *old, const char *keylog,
               struct nj_passphrases *known, struct nj_diag *diag)
{
    for (size_t i = 0; i < config->server.listener_count; i++) {
        enum nj_err err =
            load_one(&config->server.listeners[i], old != NULL ? &old->server.listeners[i] : NULL,
                     keylog, known, diag);

        if (err != NJ_OK) {
            nj_secure_forget(config);
            return err;
        }
    }
    return NJ_OK;
}

void
nj_secure_forget(struct nj_config *config)
{
    for (size_t i = 0; i < config->server.listener_count; i++) {
        nj_tls_context_unref(config->server.listeners[i].tls);
        config->server.listeners[i].tls = NULL;
    }
}

/* ---- files that change ---- */

/* Of a directory of authorities. */
#define LOOKED_AT_MAX 1000

static uint64_t
look_at(int folder, const char *path)
{
    struct stat st;
    struct {
        uint64_t inode, size, seconds, nanoseconds;
    } facts = {0};

    if (fstatat(folder, path, &st, 0) == 0) {
        facts.inode = st.st_ino;
        facts.size = (uint64_t)st.st_size;
        facts.seconds = (uint64_t)st.st_mtim.tv_sec;
        facts.nanoseconds = (uint64_t)st.st_mtim.tv_nsec;
    }
    return nj_hash((struct nj_str){(const char *)&facts, sizeof(facts)});
}

static uint64_t
mix_file(uint64_t hash, const char *path)
{
    return path == NULL ? hash : hash * 31 + look_at(AT_FDCWD, path);
}

/* A file in it that is written over leaves the directory itself as it was. */
static uint64_t
mix_directory(uint64_t hash, const char *path)
{
    DIR *dir = path != NULL ? opendir(path) : NULL;
    unsigned count = 0;
    uint64_t sum = 0;
    bool is_list;

    for (const struct dirent *e; dir != NULL && count < LOOKED_AT_MAX && (e = readdir(dir));) {
        if (!nj_tls_capath_finds(e->d_name, &is_list))
            continue;
        sum += look_at(dirfd(dir), e->d_name);
        count++;
    }
    if (dir != NULL)
        (void)closedir(dir);
    return mix_file(hash, path) + sum;
}

static uint64_t
look_at_files(const struct nj_config *config)
{
    uint64_t hash = 0;

    for (size_t i = 0; i < config->server.listener_count; i++) {
        const struct nj_listener_tls *t = &config->server.listeners[i].files;

        if (config->server.listeners[i].tls == NULL)
            continue;
        for (unsigned k = 0; k < t->cert_count; k++)
            hash = mix_file(mix_file(hash, t->certfiles[k]), t->keyfiles[k]);
        hash = mix_directory(mix_file(hash, t->cafile), t->capath);
        hash = mix_file(mix_file(mix_file(hash, t->crlfile), t->ocspfile), t->psk_file);
    }
    return hash;
}

void
nj_secure_watch_begin(struct nj_secure_watch *w, const struct nj_config *config)
{
    w->seen = w->latest = look_at_files(config);
}

bool
nj_secure_watch_look(struct nj_secure_watch *w, const struct nj_config *config)
{
    uint64_t now = look_at_files(config);
    bool is_still = now == w->latest;

    w->latest = now;
    if (now == w->seen || !is_still)
        return false;
    w->seen = now;
    return true;
}
