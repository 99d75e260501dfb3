/* SPDX-License-Identifier: Apache-2.0 */
/* judge_folder.c — what lies in a folder: the certificate that is missing, often beside those in
 * use, and the CAs of a capath. */
#include "base/shell.h"
#include "pki/judge_priv.h"

#include <dirent.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define LOOKED_AT_MAX 64

void
nj_judge_folder_of(const char *path, char *out, size_t room)
{
    const char *slash = strrchr(path, '/');

    if (slash == NULL)
        (void)snprintf(out, room, ".");
    else
        (void)snprintf(out, room, "%.*s", slash == path ? 1 : (int)(slash - path), path);
}

/* Take the last part off `path`; NULL: there is none. */
static const char *
last_part(char *path)
{
    char *slash = strrchr(path, '/');

    if (slash == NULL)
        return NULL;
    *slash = '\0';
    return slash + 1;
}

bool
nj_judge_find_home(const char *certfile, struct nj_judge_home *out)
{
    char path[PATH_MAX];
    char ca[PATH_MAX + 16];
    const char *file, *name, *kind;

    if (certfile == NULL || realpath(certfile, path) == NULL || (file = last_part(path)) == NULL ||
        (name = last_part(path)) == NULL || (kind = last_part(path)) == NULL)
        return false;
    bool is_host = strcmp(kind, "hosts") == 0 && strcmp(file, "server.crt") == 0;
    bool is_client = strcmp(kind, "clients") == 0 && strcmp(file, "client.crt") == 0;
    (void)snprintf(ca, sizeof(ca), "%s/ca.key", path);
    return (is_host || is_client) && access(ca, F_OK) == 0 &&
           (size_t)snprintf(out->authority, sizeof(out->authority), "%s", path) <
               sizeof(out->authority) &&
           (size_t)snprintf(out->name, sizeof(out->name), "%s/%s", kind, name) < sizeof(out->name);
}

static bool
is_named_like_one(const char *name)
{
    const char *dot = strrchr(name, '.');

    return dot != NULL && dot != name &&
           (strcmp(dot, ".crt") == 0 || strcmp(dot, ".pem") == 0 || strcmp(dot, ".cer") == 0);
}

/* Whether the file's first certificate signed `x`. */
static bool
holds_signer(const char *path, X509 *x, bool *is_self_signed)
{
    const struct nj_pki_file_opts opts = {.wanted = NJ_PKI_CERTIFICATE};
    struct nj_pki_file file;
    bool is_it = false;

    if (nj_pki_file_read(&file, path, &opts, NULL) == NJ_OK && file.certificate_count == 1) {
        X509 *candidate = file.certificates[0];

        is_it = nj_judge_is_issuer_by_name(x, candidate) && X509_cmp(x, candidate) != 0 &&
                nj_judge_has_signed(candidate, x);
        *is_self_signed = is_it && nj_judge_has_signed(candidate, candidate);
    }
    nj_pki_file_fini(&file);
    return is_it;
}

static bool
look_beside(const char *folder, X509 *x, struct nj_judge_beside *out)
{
    DIR *dir = opendir(folder);
    bool is_found = false;
    unsigned looked_at = 0;

    if (dir == NULL)
        return false;
    for (struct dirent *e = readdir(dir); e != NULL && !is_found; e = readdir(dir)) {
        if (!is_named_like_one(e->d_name))
            continue;
        if (++looked_at > LOOKED_AT_MAX)
            break;
        if ((size_t)snprintf(out->path, sizeof(out->path), "%s/%s", folder, e->d_name) <
            sizeof(out->path))
            is_found = holds_signer(out->path, x, &out->is_self_signed);
    }
    (void)closedir(dir);
    return is_found;
}

bool
nj_judge_find_issuer(const struct nj_judge_chain *c, X509 *x, struct nj_judge_beside *out)
{
    const char *files[] = {c->shown_file, c->trusted_file};
    char folder[512];

    for (size_t i = 0; i < NJ_COUNT_OF(files); i++) {
        if (files[i] == NULL)
            continue;
        nj_judge_folder_of(files[i], folder, sizeof(folder));
        if (look_beside(folder, x, out))
            return true;
    }
    return false;
}

/* Whether a directory of CA certificates is one that OpenSSL can search. */
enum nj_finding_id
nj_judge_capath(const char *capath)
{
    DIR *dir = opendir(capath);
    bool has_certificates = false;
    unsigned seen = 0;

    if (dir == NULL)
        return NJ_FINDING_CAPATH_MISSING;
    for (struct dirent *e = readdir(dir); e != NULL && seen < 100000; e = readdir(dir), seen++) {
        if (strspn(e->d_name, "0123456789abcdef") == 8 && e->d_name[8] == '.') {
            (void)closedir(dir);
            return NJ_FINDING_NONE;
        }
        const char *dot = strrchr(e->d_name, '.');
        if (dot != NULL &&
            (strcmp(dot, ".crt") == 0 || strcmp(dot, ".pem") == 0 || strcmp(dot, ".cer") == 0))
            has_certificates = true;
    }
    (void)closedir(dir);
    return has_certificates ? NJ_FINDING_CAPATH_UNHASHED : NJ_FINDING_NONE;
}

void
nj_judge_say_capath(struct nj_finding *f, const char *capath)
{
    char word[300];

    (void)snprintf(f->file, sizeof(f->file), "%s", capath);
    f->depth = -1;
    if (f->id == NJ_FINDING_CAPATH_MISSING) {
        nj_finding_cause(f, "the directory of CA certificates %s does not exist", capath);
        return;
    }
    nj_finding_cause(f,
                     "%s holds CA certificates, but not under the names by which OpenSSL looks for "
                     "them (the hash of the subject)",
                     capath);
    nj_finding_mend(f, "openssl rehash %s", nj_shell_word(word, sizeof(word), nj_str_of(capath)));
}
