/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/pki_advice.h"

#include "base/rights.h"
#include "base/shell.h"

#include <stdlib.h>
#include <unistd.h>

const char *
nj_pki_whole(const char *path, char out[PATH_MAX])
{
    if (realpath(path, out) == NULL)
        (void)snprintf(out, PATH_MAX, "%s", path);
    return out;
}

static const char *
typed(const char *path, char out[PATH_MAX])
{
    char real[PATH_MAX];

    return nj_shell_word(out, PATH_MAX, nj_str_of(nj_pki_whole(path, real)));
}

/* Root may have made what the broker, which becomes another, has to read. */
static void
advise_rights(const struct nj_issued *i)
{
    const char *user = nj_rights_usual_user();
    char at[PATH_MAX], path[PATH_MAX], to[300];

    if (geteuid() != 0)
        return;
    if (!nj_rights_may(user, i->certificate, R_OK, at, sizeof(at)))
        printf("Started by root, the broker becomes %s, who may not enter %s:\n"
               "  make the authority elsewhere, or copy these files to where it may\n",
               user, at);
    else if (!nj_rights_may(user, i->key, R_OK, at, sizeof(at)))
        printf("Started by root, the broker becomes %s, who has to read the key:\n  chown %s %s\n",
               user, nj_shell_word(to, sizeof(to), nj_str_of(user)), typed(i->key, path));
}

static void
advise_server(const struct nj_pki_config *c, const struct nj_issued *i)
{
    char path[PATH_MAX], list[PATH_MAX];

    if (c->names.count == 0)
        puts("  These are the names of this machine. For another one: --san NAME,ADDRESS");
    printf("In the broker's configuration:\n  listener 8883\n  certfile %s\n",
           nj_pki_whole(i->certificate, path));
    printf("  keyfile %s\n", nj_pki_whole(i->key, path));
    printf("and, for those whom this authority gave a certificate:\n  cafile %s/ca.crt\n"
           "  require_certificate true\n  use_identity_as_username true\n",
           nj_pki_whole(i->folder, path));
    (void)snprintf(list, sizeof(list), "%s/crl.pem", c->dir);
    if (access(list, R_OK) == 0)
        printf("  crlfile %s\n", nj_pki_whole(list, path));
    puts("or for those with a password, in the file that nightjar passwd makes:\n"
         "  password_file FILE");
    advise_rights(i);
}

/* What was signed has to go back to where its key is. */
static void
advise_owner(const struct nj_issued *i)
{
    char path[PATH_MAX];

    printf("The key stays where the request was made; copy to it:\n  %s\n",
           nj_pki_whole(i->certificate, path));
    printf("  %s/ca.crt\n", nj_pki_whole(i->folder, path));
}

static void
advise_client(const struct nj_issued *i)
{
    char path[PATH_MAX], file[NJ_WHERE_SIZE + 8];

    if (i->header[0] != '\0')
        printf("  as a header of C: %s\n", i->header);
    (void)snprintf(file, sizeof(file), "%s/ca.crt", i->folder);
    printf("On the client's command line:\n  --cafile %s", typed(file, path));
    printf(" --cert %s", typed(i->certificate, path));
    printf(" --key %s\n", typed(i->key, path));
}

void
nj_pki_advise(const struct nj_pki_config *c, const struct nj_issued *made)
{
    if (made->key[0] == '\0')
        advise_owner(made);
    else if (made->kind == NJ_ISSUE_SERVER)
        advise_server(c, made);
    else
        advise_client(made);
}
