/* SPDX-License-Identifier: Apache-2.0 */
#include "base/secret_file.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/regular.h"
#include "base/shell.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define BYTES_MAX      (256u << 20)
#define NAME_BYTES_MAX 65535u

/* ---- the file ---- */

static void
warn_of_rights(const char *path, const struct stat *st)
{
    char word[PATH_MAX];

    if ((st->st_mode & S_IRWXO) != 0)
        nj_log(NJ_LOG_WARNING,
               "Warning: File %s has world readable permissions (%04o). Others can read what is "
               "secret in it. To fix this: chmod 0600 %s",
               path, st->st_mode & 07777u, nj_shell_word(word, sizeof(word), nj_str_of(path)));
    if (st->st_uid != geteuid())
        nj_log(NJ_LOG_WARNING, "Warning: File %s owner is not the user that the broker runs as.",
               path);
    if (st->st_gid != getegid() && (st->st_mode & S_IRWXG) != 0)
        nj_log(NJ_LOG_WARNING,
               "Warning: File %s group is not the one that the broker runs with, and may use it.",
               path);
}

static enum nj_err
fail_to_open(const char *path, const char *what, struct nj_diag *diag)
{
    if (errno == ELOOP)
        nj_diag_hint(diag, "It is a symbolic link; set MOSQUITTO_UNSAFE_ALLOW_SYMLINKS in the "
                           "environment to have it followed.");
    return nj_diag_fail(diag, NJ_ESYS, "Error: Unable to open %s \"%s\": %s.", what, path,
                        strerror(errno));
}

static enum nj_err
read_text(int fd, const struct stat *st, struct nj_secret *text, const char *path, const char *what,
          struct nj_diag *diag)
{
    if (st->st_size > (off_t)BYTES_MAX)
        return nj_diag_fail(diag, NJ_ESYS, "Error: The %s \"%s\" is larger than %u MiB.", what,
                            path, BYTES_MAX >> 20);
    warn_of_rights(path, st);
    if (!nj_secret_init(text, (size_t)st->st_size))
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    /* It may have become shorter meanwhile. */
    return nj_regular_read(fd, text->p, &text->n) ? NJ_OK : fail_to_open(path, what, diag);
}

static enum nj_err
read_file(struct nj_secret *text, const char *path, const char *what, struct nj_diag *diag)
{
    bool follows = getenv("MOSQUITTO_UNSAFE_ALLOW_SYMLINKS") != NULL;
    struct stat st;
    int fd = nj_regular_open(path, follows ? 0 : O_NOFOLLOW, &st);
    enum nj_err err;

    if (fd < 0 && errno == 0)
        return nj_diag_fail(diag, NJ_ESYS, "Error: The %s \"%s\" is no regular file.", what, path);
    if (fd < 0)
        return fail_to_open(path, what, diag);
    err = read_text(fd, &st, text, path, what, diag);
    (void)close(fd);
    return err;
}

/* ---- its lines ---- */

static bool
is_blank(char c)
{
    return c == ' ' || (c >= '\t' && c <= '\r');
}

static struct nj_str
trim(struct nj_str text)
{
    while (text.n > 0 && is_blank(text.p[0]))
        text = nj_str_from(text, 1);
    while (text.n > 0 && is_blank(text.p[text.n - 1]))
        text.n--;
    return text;
}

enum nj_err
nj_secret_file_blame(const char *path, const struct nj_secret_line *line, struct nj_diag *diag)
{
    if (diag != NULL) {
        (void)snprintf(diag->file, sizeof(diag->file), "%s", path);
        diag->line = line->number;
    }
    return NJ_ECONFIG;
}

static enum nj_err
check_line(const struct nj_secret_line *line, const char *path, const char *what,
           struct nj_diag *diag)
{
    if (line->name.n == 0)
        (void)nj_diag_fail(diag, NJ_ECONFIG, "Error: A line of the %s has no name before its ':'.",
                           what);
    else if (line->name.n > NAME_BYTES_MAX)
        (void)nj_diag_fail(diag, NJ_ECONFIG, "Error: A name in the %s is longer than %u bytes.",
                           what, NAME_BYTES_MAX);
    else if (line->value.n == 0)
        (void)nj_diag_fail(diag, NJ_ECONFIG, "Error: '%" NJ_STR_FMT "' has nothing behind its ':'.",
                           (int)NJ_MIN(line->name.n, 100), line->name.p);
    else
        return NJ_OK;
    return nj_secret_file_blame(path, line, diag);
}

/* Each line that says something; there is room for all of them. */
static enum nj_err
take_lines(struct nj_secret_file *file, const char *path, const char *what, struct nj_diag *diag)
{
    struct nj_str rest = nj_secret_lend(&file->text);

    for (int number = 1; rest.n > 0; number++) {
        struct nj_str text = nj_str_cut(&rest, '\n');
        struct nj_secret_line line = {.number = number};
        enum nj_err err;

        if (nj_str_starts(text, NJ_STR("#")))
            continue;
        if (text.n == 0 || memchr(text.p, ':', text.n) == NULL) {
            if (trim(text).n > 0)
                nj_log(NJ_LOG_WARNING, "Warning: Line %d of %s '%s' has no ':' and is passed over.",
                       number, what, path);
            continue;
        }
        line.name = trim(nj_str_cut(&text, ':'));
        line.value = trim(nj_str_cut(&text, ':'));
        err = check_line(&line, path, what, diag);
        if (err != NJ_OK)
            return err;
        file->lines[file->count++] = line;
    }
    return NJ_OK;
}

/* ---- their order ---- */

static int
compare_names(struct nj_str a, struct nj_str b)
{
    size_t n = NJ_MIN(a.n, b.n);
    int difference = n > 0 ? memcmp(a.p, b.p, n) : 0;

    return difference != 0 ? difference : (a.n > b.n) - (a.n < b.n);
}

static int
compare_lines(const void *a, const void *b)
{
    const struct nj_secret_line *x = a, *y = b;
    int difference = compare_names(x->name, y->name);

    return difference != 0 ? difference : x->number - y->number;
}

static int
compare_with_name(const void *name, const void *line)
{
    return compare_names(*(const struct nj_str *)name, ((const struct nj_secret_line *)line)->name);
}

static enum nj_err
refuse_twins(const struct nj_secret_file *file, const char *path, struct nj_diag *diag)
{
    for (size_t i = 1; i < file->count; i++) {
        const struct nj_secret_line *first = &file->lines[i - 1], *second = &file->lines[i];

        if (!nj_str_eq(first->name, second->name))
            continue;
        (void)nj_diag_fail(diag, NJ_ECONFIG,
                           "Error: '%" NJ_STR_FMT "' stands here for the second time; the first is "
                           "in line %d.",
                           (int)NJ_MIN(first->name.n, 100), first->name.p, first->number);
        return nj_secret_file_blame(path, second, diag);
    }
    return NJ_OK;
}

static size_t
count_of_lines(struct nj_str text)
{
    size_t count = 0;

    for (struct nj_str rest = text; rest.n > 0; count++)
        (void)nj_str_cut(&rest, '\n');
    return count;
}

static enum nj_err
load_lines(struct nj_secret_file *file, const char *path, const char *what, struct nj_diag *diag)
{
    enum nj_err err;

    file->lines = nj_alloc_array(count_of_lines(nj_secret_lend(&file->text)), sizeof(*file->lines));
    if (file->lines == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    err = take_lines(file, path, what, diag);
    if (err != NJ_OK)
        return err;
    qsort(file->lines, file->count, sizeof(*file->lines), compare_lines);
    return refuse_twins(file, path, diag);
}

/* ---- for others ---- */

enum nj_err
nj_secret_file_load(struct nj_secret_file *out, const char *path, const char *what,
                    struct nj_diag *diag)
{
    struct nj_secret_file file = {0};
    enum nj_err err = read_file(&file.text, path, what, diag);

    if (err == NJ_OK)
        err = load_lines(&file, path, what, diag);
    if (err != NJ_OK) {
        nj_secret_file_fini(&file);
        return err;
    }
    *out = file;
    return NJ_OK;
}

void
nj_secret_file_fini(struct nj_secret_file *file)
{
    nj_free(file->lines);
    nj_secret_fini(&file->text);
    *file = (struct nj_secret_file){0};
}

const struct nj_secret_line *
nj_secret_file_find(const struct nj_secret_file *file, struct nj_str name)
{
    if (file->count == 0)
        return NULL;
    return bsearch(&name, file->lines, file->count, sizeof(*file->lines), compare_with_name);
}
