/* SPDX-License-Identifier: Apache-2.0 */
/* judge_mend.c — the commands that mend: what is to be typed, with the names and paths at hand. */
#include "base/shell.h"
#include "pki/judge_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* " --dir FOLDER" where the CA's key lies beside its certificate; else nothing: the command's own
 * default, or the place where the key is kept. */
static const char *
authority_option(const char *ca_file, char *out, size_t room)
{
    char folder[512];
    char key[600];
    char word[300];

    out[0] = '\0';
    if (ca_file == NULL)
        return out;
    nj_judge_folder_of(ca_file, folder, sizeof(folder));
    (void)snprintf(key, sizeof(key), "%s/ca.key", folder);
    if (access(key, F_OK) == 0)
        (void)snprintf(out, room, " --dir %s",
                       nj_shell_word(word, sizeof(word), nj_str_of(folder)));
    return out;
}

/* `nightjar pki server NAME …` or `client ID`: a new certificate from the authority. */
void
nj_judge_mend_reissue(struct nj_finding *f, enum nj_end end, const struct nj_cert_facts *facts,
                      const char *host, const char *ca_file)
{
    bool is_client = end == NJ_END_CLIENT;
    const char *cn = strstr(facts->subject, "CN=");
    char name[256];
    char word[300];
    char dir[320];

    (void)snprintf(name, sizeof(name), "%s", cn != NULL ? cn + 3 : "");
    name[strcspn(name, ",+ \\\"")] = '\0';
    if (!is_client && host != NULL)
        (void)snprintf(name, sizeof(name), "%s", host);
    if (name[0] == '\0')
        (void)snprintf(name, sizeof(name), "%s", is_client ? "client" : "broker");
    nj_finding_mend(f, "nightjar pki %s %s --force%s", is_client ? "client" : "server",
                    nj_shell_word(word, sizeof(word), nj_str_of(name)),
                    authority_option(ca_file, dir, sizeof(dir)));
}

void
nj_judge_mend_by_new_authority(struct nj_finding *f, const struct nj_judge_chain *c)
{
    const char *name = c->host != NULL ? c->host : "broker";
    char word[300];

    nj_finding_mend(f, "nightjar pki init --dir new-pki");
    nj_finding_mend_more(f, "nightjar pki server %s --dir new-pki",
                         nj_shell_word(word, sizeof(word), nj_str_of(name)));
}

void
nj_judge_mend_by_cafile(struct nj_finding *f, const struct nj_judge_chain *c, const char *path)
{
    char word[300];

    nj_finding_mend(f,
                    c->end == NJ_END_BROKER ? "give the client: --cafile %s"
                                            : "in the broker's configuration: cafile %s",
                    nj_shell_word(word, sizeof(word), nj_str_of(path)));
}
