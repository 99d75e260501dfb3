/* SPDX-License-Identifier: Apache-2.0 */
/* doctor_files.c — the files that a configuration names beside those of TLS: are they there, may
 * the broker use them as whom it becomes, and nobody else what is secret? */
#include "cmd/doctor.h"

#include "base/rights.h"
#include "base/secret_file.h"
#include "base/shell.h"
#include "pki/file.h"

#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static struct nj_finding *
found(struct nj_report *report, enum nj_finding_id id, const char *path)
{
    struct nj_finding *f = nj_findings_add(&report->findings, id, NJ_END_BROKER);

    if (f != NULL)
        (void)snprintf(f->file, sizeof(f->file), "%s", path);
    return f;
}

static void
say_why(struct nj_finding *f, const struct nj_diag *diag)
{
    const char *text = diag->text + (strncmp(diag->text, "Error: ", 7) == 0 ? 7 : 0);

    if (f == NULL)
        return;
    if (diag->line > 0)
        nj_finding_cause(f, "%s, line %d: %s", diag->file, diag->line, text);
    else
        nj_finding_cause(f, "%s", text);
    if (diag->hint[0] != '\0')
        nj_finding_mend(f, "%s", diag->hint);
}

/* ---- what it reads ---- */

/* False: it is not there, or cannot be read. */
static bool
is_there(struct nj_report *report, const struct nj_conf_file *file)
{
    const struct nj_pki_file_opts any = {.wanted = NJ_PKI_ANY};
    struct nj_pki_file read = {0};
    struct nj_diag diag = {0};
    enum nj_finding_id id = NJ_FINDING_NONE;

    (void)!nj_pki_file_read(&read, file->path, &any, &diag); /* what else it holds is not asked */
    if (read.fault == NJ_FILE_MISSING)
        id = NJ_FINDING_FILE_MISSING;
    else if (read.fault == NJ_FILE_UNREADABLE)
        id = NJ_FINDING_FILE_UNREADABLE;
    else if (read.fault == NJ_FILE_NOT_REGULAR)
        id = NJ_FINDING_FILE_NOT_REGULAR;
    if (id != NJ_FINDING_NONE)
        say_why(found(report, id, file->path), &diag);
    nj_pki_file_fini(&read);
    return id == NJ_FINDING_NONE;
}

static void
check_secret(struct nj_report *report, const struct nj_conf_file *file, const char *user)
{
    struct nj_finding *f;
    struct stat st;
    char word[300];
    char to[300];

    if (stat(file->path, &st) != 0 || (st.st_mode & (S_IROTH | S_IWOTH)) == 0 ||
        (f = found(report, NJ_FINDING_SECRET_EXPOSED, file->path)) == NULL)
        return;
    nj_finding_cause(f, "every user of this machine can %s the %s in %s: its mode is %04o",
                     (st.st_mode & S_IWOTH) != 0 ? "change" : "read",
                     file->use == NJ_CONF_KEYS ? "keys" : "passwords (hashed or not)", file->path,
                     (unsigned)st.st_mode & 07777u);
    (void)nj_shell_word(word, sizeof(word), nj_str_of(file->path));
    if (user != NULL) /* whom it would shut out */
        nj_finding_mend(f, "chown %s %s", nj_shell_word(to, sizeof(to), nj_str_of(user)), word);
    if (user != NULL)
        nj_finding_mend_more(f, "chmod 600 %s", word);
    else
        nj_finding_mend(f, "chmod 600 %s", word);
}

/* The first line that holds a password instead of a hash. */
static void
check_passwords(struct nj_report *report, const struct nj_conf_file *file)
{
    struct nj_secret_file lines = {0};
    struct nj_diag diag = {0};
    struct nj_finding *f;
    char word[300];

    if (nj_secret_file_load(&lines, file->path, "password file", &diag) != NJ_OK) {
        say_why(found(report, NJ_FINDING_FILE_BROKEN, file->path), &diag);
        return;
    }
    for (size_t i = 0; i < lines.count; i++) {
        const struct nj_secret_line *line = &lines.lines[i];

        if (line->value.n > 0 && line->value.p[0] == '$')
            continue;
        f = found(report, NJ_FINDING_PASSWORD_PLAIN, file->path);
        if (f == NULL)
            break;
        nj_finding_cause(f,
                         "line %d of %s holds the password of %.*s itself, where the broker looks "
                         "for its hash: nobody can log in with it",
                         line->number, file->path, (int)NJ_MIN(line->name.n, (size_t)64),
                         line->name.p);
        nj_finding_mend(f, "nightjar passwd -U %s",
                        nj_shell_word(word, sizeof(word), nj_str_of(file->path)));
        break;
    }
    nj_secret_file_fini(&lines);
}

/* ---- what it writes ---- */

static void
folder_of(const char *path, char *out, size_t room)
{
    const char *slash = strrchr(path, '/');

    (void)snprintf(out, room, "%.*s",
                   slash == NULL   ? 1
                   : slash == path ? 1
                                   : (int)(slash - path),
                   slash == NULL ? "." : path);
}

static bool
may_write(const char *user, const char *path, char *at, size_t room)
{
    if (user != NULL)
        return nj_rights_may(user, path, W_OK, at, room);
    (void)snprintf(at, room, "%s", path);
    return access(path, W_OK) == 0;
}

/* Emptied at each start of the machine; what starts the broker makes its folder there. */
static bool
is_of_this_boot(const char *path)
{
    return strncmp(path, "/run/", 5) == 0 || strncmp(path, "/var/run/", 9) == 0;
}

/* The broker makes it when it starts; as root, if that starts it, for the user whom it becomes. */
static bool
may_make(const char *user, const char *path)
{
    char above[512], before[512], at[512];

    (void)snprintf(above, sizeof(above), "%s", path);
    while (access(above, F_OK) != 0) {
        (void)snprintf(before, sizeof(before), "%s", above);
        folder_of(before, above, sizeof(above));
    }
    return user != NULL ? nj_rights_may(user, above, X_OK, at, sizeof(at))
                        : may_write(NULL, above, at, sizeof(at));
}

static void
check_written(struct nj_report *report, const struct nj_conf_file *file, const char *user)
{
    char folder[512];
    char at[512];
    char word[600];
    char to[300] = "";
    struct nj_finding *f;

    if (user != NULL)
        (void)nj_shell_word(to, sizeof(to), nj_str_of(user));
    if (file->use == NJ_CONF_STATE)
        (void)snprintf(folder, sizeof(folder), "%s", file->path);
    else
        folder_of(file->path, folder, sizeof(folder));
    if (access(folder, F_OK) != 0) {
        if (is_of_this_boot(folder) || (file->use == NJ_CONF_STATE && may_make(user, folder)))
            return;
        f = found(report, NJ_FINDING_NOT_WRITABLE, file->path);
        if (f == NULL)
            return;
        nj_finding_cause(f, "the broker is to write to %s (%s), and the folder %s does not exist",
                         file->path, file->word, folder);
        (void)nj_shell_word(word, sizeof(word), nj_str_of(folder));
        nj_finding_mend(f, "mkdir -p %s", word);
        if (user != NULL)
            nj_finding_mend_more(f, "chown %s %s", to, word);
        return;
    }
    const char *target = access(file->path, F_OK) == 0 ? file->path : folder;
    if (file->use == NJ_CONF_ONCE || may_write(user, target, at, sizeof(at)) ||
        (f = found(report, NJ_FINDING_NOT_WRITABLE, file->path)) == NULL)
        return;
    if (file->use == NJ_CONF_LOG)
        f->severity = NJ_SEVERITY_WARNING; /* root opened it, and it is opened anew for rotation */
    nj_finding_cause(f, "the broker is to write to %s (%s), and %s%s may not use %s", file->path,
                     file->word, user != NULL ? "the user that it becomes, " : "",
                     user != NULL ? user : "who runs this", at);
    (void)nj_shell_word(word, sizeof(word), nj_str_of(target));
    if (user != NULL && target == file->path && file->use == NJ_CONF_LOG)
        nj_finding_mend(f, "chown %s %s", to, word);
    else if (user != NULL) /* a folder may be others', too */
        nj_finding_mend(f, "name a folder of its own there: install -d -o %s %s/mqtt", to, word);
}

void
nj_doctor_examine_files(struct nj_report *report, const struct nj_conf *conf)
{
    const char *user = nj_doctor_becomes(conf);

    if (conf->file_count == 0)
        return;
    (void)nj_report_step(report, "files", "what the configuration names beside TLS");
    for (unsigned i = 0; i < conf->file_count; i++) {
        const struct nj_conf_file *file = &conf->files[i];
        bool is_secret = file->use == NJ_CONF_PASSWORDS || file->use == NJ_CONF_KEYS;

        if (file->path == NULL || (file->use == NJ_CONF_STATE && !conf->has_persistence))
            continue;
        if (file->use == NJ_CONF_LOG || file->use == NJ_CONF_ONCE || file->use == NJ_CONF_STATE) {
            check_written(report, file, user);
            continue;
        }
        if (!is_there(report, file))
            continue;
        nj_judge_reader(&report->findings, user, file->path);
        if (is_secret)
            check_secret(report, file, user);
        if (file->use == NJ_CONF_PASSWORDS)
            check_passwords(report, file);
    }
}
