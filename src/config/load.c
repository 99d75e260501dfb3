/* SPDX-License-Identifier: Apache-2.0 */
/* Files: lines into directives, directories of files, and what is said about mistakes in them. */
#include "base/mem.h"
#include "config/draft.h"
#include "config/value.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#define FILE_BYTES_MAX (16u << 20)
#define CHUNK_BYTES    (64u << 10)
#define INCLUDED_MAX   10000u

/* --- A file --- */

static enum nj_err
fail_to_open(const char *path, int why, struct nj_diag *diag)
{
    nj_diag_hint(diag, "%s.", strerror(why));
    return nj_diag_fail(diag, NJ_ECONFIG, "Error: Unable to open config file '%s'.", path);
}

static enum nj_err
read_all(int fd, const char *path, struct nj_str *out, struct nj_diag *diag)
{
    char *text = NULL;
    size_t n = 0, room = 0;

    for (;;) {
        ssize_t got;

        if (n == room) {
            char *more = n < FILE_BYTES_MAX ? nj_realloc(text, room + CHUNK_BYTES) : NULL;

            if (more == NULL) {
                nj_free(text);
                if (n < FILE_BYTES_MAX)
                    return nj_draft_no_memory(diag);
                return nj_diag_fail(diag, NJ_ECONFIG, "Error: Config file '%s' is too large.",
                                    path);
            }
            text = more;
            room += CHUNK_BYTES;
        }
        got = read(fd, text + n, room - n);
        if (got == 0)
            break;
        if (got < 0 && errno != EINTR) {
            nj_free(text);
            return fail_to_open(path, errno, diag);
        }
        n += got > 0 ? (size_t)got : 0;
    }
    *out = (struct nj_str){text, n};
    return NJ_OK;
}

/* The whole of it, to be freed. */
static enum nj_err
read_file(const char *path, struct nj_str *out, struct nj_diag *diag)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
    struct stat st;
    enum nj_err err;

    if (fd < 0)
        return fail_to_open(path, errno, diag);
    if (fstat(fd, &st) == 0 && S_ISDIR(st.st_mode))
        err = nj_diag_fail(diag, NJ_ECONFIG, "Error: Config file '%s' is a directory.", path);
    else
        err = read_all(fd, path, out, diag);
    (void)close(fd);
    return err;
}

/* --- Lines --- */

/* Take the next line off `text`: without its end, and, as C sees it, up to the first NUL. */
static struct nj_str
take_line(struct nj_str *text)
{
    struct nj_str whole = nj_str_cut(text, '\n');
    struct nj_str line = nj_str_cut(&whole, '\0');

    while (line.n > 0 && line.p[line.n - 1] == '\r')
        line.n--;
    return line;
}

static enum nj_err
apply_line(struct nj_draft *d, struct nj_str line, struct nj_diag *diag)
{
    struct nj_str name;

    if (line.n == 0 || line.p[0] == '#')
        return NJ_OK;
    name = nj_value_word(&line);
    return name.n > 0 ? nj_draft_apply(d, name, line, diag) : NJ_OK;
}

/* The first to know of a mistake says what it is; each file on the way up says where. */
static void
say_mistake(struct nj_draft *d, struct nj_diag *diag)
{
    if (!d->has_said_why) {
        d->has_said_why = true;
        nj_log(NJ_LOG_ERROR, "%s", diag->text);
        if (diag->hint[0] != '\0')
            nj_log(NJ_LOG_ERROR, "%s", diag->hint);
        (void)snprintf(diag->file, sizeof(diag->file), "%s", d->path);
        diag->line = d->line;
    }
    if (d->line > 0)
        nj_log(NJ_LOG_ERROR, d->is_included ? "Error found at '%s:%d'." : "Error found at %s:%d.",
               d->path, d->line);
}

enum nj_err
nj_draft_read(struct nj_draft *d, const char *path, struct nj_diag *diag)
{
    struct nj_str text = {0}, rest;
    enum nj_err err;

    d->path = path;
    d->line = 0;
    d->current = NJ_NO_LISTENER;
    err = read_file(path, &text, diag);
    for (rest = text; err == NJ_OK && rest.n > 0;) {
        d->line++;
        err = apply_line(d, take_line(&rest), diag);
    }
    if (err != NJ_OK)
        say_mistake(d, diag);
    nj_free((char *)(uintptr_t)text.p);
    return err;
}

/* --- A directory --- */

struct names {
    char **name;
    size_t count;
};

static void
free_names(struct names *names)
{
    for (size_t i = 0; i < names->count; i++)
        nj_free(names->name[i]);
    nj_free(names->name);
}

static int
compare_names(const void *a, const void *b)
{
    const char *x = *(char *const *)a, *y = *(char *const *)b;

    for (; *x != '\0' && *y != '\0'; x++, y++) {
        int upper = toupper((unsigned char)*x) - toupper((unsigned char)*y);

        if (upper != 0)
            return upper;
        if (*x != *y)
            return (unsigned char)*x - (unsigned char)*y;
    }
    return (unsigned char)*x - (unsigned char)*y;
}

static bool
is_config_name(const char *name)
{
    size_t n = strlen(name);

    return n > strlen(".conf") && strcmp(name + n - strlen(".conf"), ".conf") == 0;
}

static bool
add_name(struct names *names, const char *dir, const char *name)
{
    size_t n = strlen(dir) + 1 + strlen(name) + 1;
    char **more = nj_realloc(names->name, (names->count + 1) * sizeof(*more));
    char *path;

    if (more == NULL)
        return false;
    names->name = more;
    path = nj_alloc(n);
    if (path == NULL)
        return false;
    (void)snprintf(path, n, "%s/%s", dir, name);
    names->name[names->count++] = path;
    return true;
}

static enum nj_err
list_directory(struct names *names, const char *dir, struct nj_diag *diag)
{
    DIR *d = opendir(dir);
    const struct dirent *entry;
    enum nj_err err = NJ_OK;

    if (d == NULL) {
        nj_diag_hint(diag, "%s.", strerror(errno));
        return nj_diag_fail(diag, NJ_ECONFIG, "Error: Unable to open include_dir '%s'.", dir);
    }
    while (err == NJ_OK && (entry = readdir(d)) != NULL) {
        if (!is_config_name(entry->d_name))
            continue;
        if (names->count == INCLUDED_MAX)
            err =
                nj_diag_fail(diag, NJ_ECONFIG, "Error: include_dir '%s' has too many files.", dir);
        else if (!add_name(names, dir, entry->d_name))
            err = nj_draft_no_memory(diag);
    }
    (void)closedir(d);
    if (names->count > 0)
        qsort(names->name, names->count, sizeof(*names->name), compare_names);
    return err;
}

enum nj_err
nj_set_include_dir(struct nj_draft *d, const struct nj_option *o, const char *as,
                   struct nj_str value, struct nj_diag *diag)
{
    struct nj_str text = nj_value_trim(value);
    struct nj_draft outer = *d;
    struct names names = {0};
    enum nj_err err;
    char *dir;

    (void)o;
    if (d->is_included)
        return nj_diag_fail(
            diag, NJ_ECONFIG,
            "Error: The include_dir option is only valid in the main configuration file.");
    if (text.n == 0)
        return nj_value_empty(as, diag);
    dir = nj_str_dup(text);
    if (dir == NULL)
        return nj_draft_no_memory(diag);

    err = list_directory(&names, dir, diag);
    d->is_included = true;
    for (size_t i = 0; i < names.count && err == NJ_OK; i++) {
        nj_log(NJ_LOG_INFO, "Loading config file '%s'", names.name[i]);
        err = nj_draft_read(d, names.name[i], diag);
    }
    d->is_included = false;
    /* The included files' place and listener are theirs alone. */
    d->path = outer.path;
    d->line = outer.line;
    d->current = outer.current;
    free_names(&names);
    nj_free(dir);
    return err;
}
