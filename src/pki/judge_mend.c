/* SPDX-License-Identifier: Apache-2.0 */
/* judge_mend.c — the commands that mend: what is to be typed, with the names and paths at hand. */
#include "base/shell.h"
#include "pki/judge_priv.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* " --dir FOLDER" where the CA's key lies beside its certificate or its list; else nothing: the
 * command's own default, or the place where the key is kept. */
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

/* What follows --san: the names that the certificate has, and `host`. False: no room for all. */
static bool
list_names(const char *names, const char *host, char *out, size_t room)
{
    static const char address[] = "IP Address:";
    size_t n = 0;

    if (strstr(names, "...") != NULL)
        return false;
    while (*names != '\0') {
        size_t length = strcspn(names, ",");
        const char *name = names;

        if (strncmp(name, address, sizeof(address) - 1) == 0)
            name += sizeof(address) - 1;
        else if (strncmp(name, "DNS:", 4) == 0)
            name += 4;
        n += (size_t)snprintf(out + n, room - n, "%.*s,", (int)(length - (size_t)(name - names)),
                              name);
        if (n >= room)
            return false;
        names += length;
        names += strspn(names, ", ");
    }
    return (size_t)snprintf(out + n, room - n, "%s", host) < room - n;
}

/* In the place of one that `nightjar pki` made. */
static void
replace_in(const struct nj_judge_home *home, struct nj_finding *f, const struct nj_judge_worn *worn)
{
    bool is_client = worn->end == NJ_END_CLIENT;
    const char *name = strchr(home->name, '/') + 1;
    char word[300];
    char dir[600];
    char names[512];
    char san[700];
    bool has_names = worn->host != NULL && !is_client &&
                     list_names(worn->facts->names, worn->host, names, sizeof(names));

    nj_finding_mend(f, "nightjar pki %s %s%s%s --force --dir %s", is_client ? "client" : "server",
                    nj_shell_word(word, sizeof(word), nj_str_of(name)), has_names ? " --san " : "",
                    has_names ? nj_shell_word(san, sizeof(san), nj_str_of(names)) : "",
                    nj_shell_word(dir, sizeof(dir), nj_str_of(home->authority)));
}

void
nj_judge_mend_by_reissue(struct nj_finding *f, const struct nj_judge_worn *worn)
{
    bool is_client = worn->end == NJ_END_CLIENT;
    const char *cn = strstr(worn->facts->subject, "CN=");
    struct nj_judge_home home;
    char name[256];
    char word[300];
    char dir[320];

    if (nj_judge_find_home(worn->certfile, &home)) {
        replace_in(&home, f, worn);
        return;
    }
    (void)snprintf(name, sizeof(name), "%s", cn != NULL ? cn + 3 : "");
    name[strcspn(name, ",+ \\\"")] = '\0';
    if (!is_client && worn->host != NULL)
        (void)snprintf(name, sizeof(name), "%s", worn->host);
    if (name[0] == '\0')
        (void)snprintf(name, sizeof(name), "%s", is_client ? "client" : "broker");
    nj_finding_mend(f, "nightjar pki %s %s --force%s", is_client ? "client" : "server",
                    nj_shell_word(word, sizeof(word), nj_str_of(name)),
                    authority_option(worn->ca_file, dir, sizeof(dir)));
}

void
nj_judge_mend_by_names(struct nj_finding *f, const struct nj_judge_worn *worn)
{
    struct nj_judge_home home;
    char name[200];
    char dir[600];
    char names[512];

    if (worn->host == NULL || !nj_judge_find_home(worn->certfile, &home) ||
        !list_names(worn->facts->names, worn->host, names, sizeof(names))) {
        nj_judge_mend_by_reissue(f, worn);
        return;
    }
    nj_finding_mend(f, "nightjar pki renew %s --san %s --dir %s",
                    nj_shell_word(name, sizeof(name), nj_str_of(home.name)), names,
                    nj_shell_word(dir, sizeof(dir), nj_str_of(home.authority)));
}

void
nj_judge_mend_by_renewal(struct nj_finding *f, const struct nj_judge_worn *worn)
{
    struct nj_judge_home home;
    char name[200];
    char dir[600];

    if (!nj_judge_find_home(worn->certfile, &home)) {
        nj_judge_mend_by_reissue(f, worn);
        return;
    }
    nj_finding_mend(f, "nightjar pki renew %s --dir %s",
                    nj_shell_word(name, sizeof(name), nj_str_of(home.name)),
                    nj_shell_word(dir, sizeof(dir), nj_str_of(home.authority)));
}

void
nj_judge_mend_by_new_dates_of_ca(struct nj_finding *f, const char *ca_file)
{
    char dir[320];

    nj_finding_mend(f, "nightjar pki renew --ca%s", authority_option(ca_file, dir, sizeof(dir)));
}

void
nj_judge_mend_by_new_crl(struct nj_finding *f, const char *crl_file)
{
    char dir[320];
    char word[300];

    nj_finding_mend(f, "nightjar pki crl%s", authority_option(crl_file, dir, sizeof(dir)));
    if (crl_file != NULL && dir[0] == '\0')
        nj_finding_mend_more(f, "cp pki/crl.pem %s",
                             nj_shell_word(word, sizeof(word), nj_str_of(crl_file)));
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
