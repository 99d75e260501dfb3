/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/passphrases.h"

#include "base/mem.h"
#include "pki/passphrase.h"

#include <stdio.h>
#include <string.h>

static const struct nj_secret *
find(const struct nj_passphrases *p, const char *path)
{
    for (size_t i = 0; i < p->count; i++)
        if (strcmp(p->at[i].path, path) == 0)
            return &p->at[i].secret;
    return NULL;
}

/* NULL: nobody could be asked, or it could not be kept. */
static const struct nj_secret *
ask(struct nj_passphrases *p, const char *path)
{
    struct nj_known_passphrase new = {.path = nj_str_dup(nj_str_of(path))};
    struct nj_diag diag = {0};
    char prompt[256];

    (void)snprintf(prompt, sizeof(prompt), "Enter PEM pass phrase for %.200s: ", path);
    if (new.path == NULL || p->count == NJ_PASSPHRASES_MAX ||
        nj_passphrase_get(&new.secret, NULL, prompt, false, &diag) != NJ_OK) {
        nj_free(new.path);
        return NULL;
    }
    p->at[p->count] = new;
    return &p->at[p->count++].secret;
}

int
nj_passphrases_give(void *known, const char *path, char *out, int room)
{
    struct nj_passphrases *p = known;
    const struct nj_secret *secret = find(p, path);

    if (secret == NULL && p->may_ask)
        secret = ask(p, path);
    if (secret == NULL || secret->n > (size_t)room)
        return -1;
    memcpy(out, secret->p, secret->n);
    return (int)secret->n;
}

void
nj_passphrases_fini(struct nj_passphrases *p)
{
    for (size_t i = 0; i < p->count; i++) {
        nj_free(p->at[i].path);
        nj_secret_fini(&p->at[i].secret);
    }
    *p = (struct nj_passphrases){0};
}
