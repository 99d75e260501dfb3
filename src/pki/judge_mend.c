/* SPDX-License-Identifier: Apache-2.0 */
/* judge_mend.c — the commands that mend: what is to be typed, with the names and paths at hand. */
#include "base/shell.h"
#include "pki/judge_priv.h"
#include "pki/names.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

/* " --dir FOLDER" where the authority lies beside its certificate or its list; else nothing: the
 * command's own default, or the place where the key is kept. */
static const char *
authority_option(const char *ca_file, char *out, size_t room)
{
    char folder[512];
    char key[600];
    char certificate[600];
    char word[300];

    out[0] = '\0';
    if (ca_file == NULL)
        return out;
    nj_judge_folder_of(ca_file, folder, sizeof(folder));
    (void)snprintf(key, sizeof(key), "%s/ca.key", folder);
    (void)snprintf(certificate, sizeof(certificate), "%s/ca.crt", folder);
    if (access(key, F_OK) == 0 && access(certificate, F_OK) == 0)
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

/* Of a subject as RFC 2253 writes it; empty: it has none. */
static void
read_common_name(const char *subject, char *out, size_t room)
{
    const char *p = subject;
    size_t n = 0;

    while (*p != '\0' && strncmp(p, "CN=", 3) != 0) {
        while (*p != '\0' && *p != ',' && *p != '+')
            p += p[0] == '\\' && p[1] != '\0' ? 2 : 1;
        p += *p != '\0';
    }
    for (p += *p != '\0' ? 3 : 0; *p != '\0' && *p != ',' && *p != '+' && n < room - 1; p++) {
        p += p[0] == '\\' && p[1] != '\0';
        out[n++] = *p;
    }
    out[n] = '\0';
}

/* What `nightjar pki` is to call its owner, which takes only some names: by what is typed to reach
 * it, or as it was called, unless that is what its CA is called. */
static void
choose_name(const struct nj_judge_worn *worn, char *out, size_t room)
{
    bool is_client = worn->end == NJ_END_CLIENT;
    char cn[192];

    read_common_name(worn->facts->subject, cn, sizeof(cn));
    const char *wanted = !is_client && worn->host != NULL ? worn->host : cn;
    if ((worn->is_named_as_ca && strcmp(wanted, cn) == 0) || !nj_names_as_folder(wanted, out, room))
        (void)snprintf(out, room, "%s", is_client ? "client" : "broker");
}

void
nj_judge_mend_by_reissue(struct nj_finding *f, const struct nj_judge_worn *worn)
{
    bool is_client = worn->end == NJ_END_CLIENT;
    struct nj_judge_home home;
    char name[NJ_NAME_SIZE];
    char word[300];
    char host[300];
    char dir[320];

    if (nj_judge_find_home(worn->certfile, &home)) {
        replace_in(&home, f, worn);
        return;
    }
    choose_name(worn, name, sizeof(name));
    bool has_host = !is_client && worn->host != NULL && strcmp(worn->host, name) != 0;
    nj_finding_mend(f, "nightjar pki %s %s%s%s --force%s", is_client ? "client" : "server",
                    nj_shell_word(word, sizeof(word), nj_str_of(name)), has_host ? " --san " : "",
                    has_host ? nj_shell_word(host, sizeof(host), nj_str_of(worn->host)) : "",
                    authority_option(worn->ca_file, dir, sizeof(dir)));
}

void
nj_judge_mend_by_names(struct nj_finding *f, const struct nj_judge_worn *worn)
{
    struct nj_judge_home home;
    char name[200];
    char dir[600];
    char names[512];
    char san[700];

    if (worn->host == NULL || !nj_judge_find_home(worn->certfile, &home) ||
        !list_names(worn->facts->names, worn->host, names, sizeof(names))) {
        nj_judge_mend_by_reissue(f, worn);
        return;
    }
    nj_finding_mend(f, "nightjar pki renew %s --san %s --dir %s",
                    nj_shell_word(name, sizeof(name), nj_str_of(home.name)),
                    nj_shell_word(san, sizeof(san), nj_str_of(names)),
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
nj_judge_mend_by_crl_of(struct nj_finding *f, const char *crl_file, const char *ca_file)
{
    struct nj_judge_home home;
    char folder[512];
    char worn[600];
    char dir[320];

    if (authority_option(crl_file, dir, sizeof(dir))[0] == '\0') {
        nj_judge_mend_by_new_crl(f, crl_file);
        return;
    }
    if (ca_file == NULL)
        return;
    nj_judge_folder_of(ca_file, folder, sizeof(folder));
    (void)snprintf(worn, sizeof(worn), "%s/server.crt", folder);
    if (nj_judge_find_home(worn, &home))
        nj_finding_mend(f, "in the broker's configuration: crlfile %s/crl.pem", home.authority);
    else if (authority_option(ca_file, dir, sizeof(dir))[0] != '\0')
        nj_finding_mend(f, "in the broker's configuration: crlfile %s/crl.pem", folder);
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

    if (c->end == NJ_END_BROKER)
        nj_finding_mend(f, "give the client: --cafile %s",
                        nj_shell_word(word, sizeof(word), nj_str_of(path)));
    else /* where a quote would belong to the path */
        nj_finding_mend(f, "in the broker's configuration: cafile %s", path);
}
