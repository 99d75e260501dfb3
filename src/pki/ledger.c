/* SPDX-License-Identifier: Apache-2.0 */
#include "pki/ledger_priv.h"

#include "base/mem.h"
#include "base/save.h"

#include <stdio.h>

#define FILE_MAX  (16u << 20)
#define DATE_SIZE 16

/* --- lines --- */

static bool
split(struct nj_ca_ledger_line *line)
{
    const char *at = line->text;

    for (int i = 0; i < NJ_LEDGER_COLUMNS; i++) {
        size_t n = strcspn(at, "\t");

        line->column[i] = (struct nj_str){at, n};
        if ((at[n] == '\0') != (i + 1 == NJ_LEDGER_COLUMNS))
            return false;
        at += n + 1;
    }
    return line->column[NJ_LEDGER_STATE].n == 1 &&
           strchr("VRE", line->column[NJ_LEDGER_STATE].p[0]) != NULL &&
           nj_ca_ledger_time(line->column[NJ_LEDGER_END]) >= 0;
}

/* Takes `text` over in every case; NULL is no memory. */
static enum nj_err
append(struct nj_ca_ledger *ledger, char *text)
{
    struct nj_ca_ledger_line *more;

    if (text == NULL)
        return NJ_ENOMEM;
    more = nj_realloc(ledger->line, (ledger->count + 1) * sizeof(*more));
    if (more == NULL) {
        nj_free(text);
        return NJ_ENOMEM;
    }
    ledger->line = more;
    more[ledger->count].text = text;
    if (!split(&more[ledger->count])) {
        nj_free(text);
        return NJ_EINVAL;
    }
    ledger->count++;
    return NJ_OK;
}

/* --- dates --- */

static void
print_date(char out[DATE_SIZE], time_t when)
{
    char date[DATE_SIZE];
    struct tm tm;

    (void)gmtime_r(&when, &tm);
    (void)strftime(date, DATE_SIZE, "%Y%m%d%H%M%SZ", &tm);
    (void)snprintf(out, DATE_SIZE, "%s", tm.tm_year < 150 ? date + 2 : date);
}

static int
two_digits(const char *p)
{
    return (p[0] - '0') * 10 + p[1] - '0';
}

time_t
nj_ca_ledger_time(struct nj_str date)
{
    bool is_long = date.n == 15;
    struct tm tm = {0};
    const char *p = date.p;

    if ((date.n != 13 && !is_long) || p[date.n - 1] != 'Z')
        return -1;
    for (size_t i = 0; i + 1 < date.n; i++) {
        if (p[i] < '0' || p[i] > '9')
            return -1;
    }
    tm.tm_year = two_digits(p);
    if (is_long) {
        tm.tm_year = tm.tm_year * 100 + two_digits(p + 2) - 1900;
        p += 2;
    } else if (tm.tm_year < 50) {
        tm.tm_year += 100;
    }
    tm.tm_mon = two_digits(p + 2) - 1;
    tm.tm_mday = two_digits(p + 4);
    tm.tm_hour = two_digits(p + 6);
    tm.tm_min = two_digits(p + 8);
    tm.tm_sec = two_digits(p + 10);
    return timegm(&tm);
}

/* --- the file --- */

enum nj_err
nj_ca_ledger_read(struct nj_ca_ledger *out, const char *path, struct nj_diag *diag)
{
    struct nj_ca_ledger ledger = {0};
    struct nj_secret bytes = {0};
    enum nj_err err = nj_save_read(&bytes, path, FILE_MAX, diag);
    int line = 0;

    if (err == NJ_ENOENT) {
        *out = ledger;
        return NJ_OK;
    }
    if (err != NJ_OK)
        return err;
    if (memchr(bytes.p, '\0', bytes.n) != NULL)
        err = NJ_EINVAL;
    for (const char *at = bytes.p; err == NJ_OK && *at != '\0';) {
        size_t n = strcspn(at, "\n");

        line++;
        err = append(&ledger, nj_str_dup((struct nj_str){at, n}));
        at += n + (at[n] == '\n');
    }
    nj_secret_fini(&bytes);
    if (err == NJ_OK) {
        *out = ledger;
        return NJ_OK;
    }
    nj_ca_ledger_fini(&ledger);
    nj_diag_hint(diag, "Mend or remove that line; nothing was changed.");
    return nj_diag_fail(diag, err, "%s, line %d: %s", path, line,
                        err == NJ_ENOMEM ? "no memory"
                                         : "not a line of the index of issued "
                                           "certificates");
}

void
nj_ca_ledger_fini(struct nj_ca_ledger *ledger)
{
    for (size_t i = 0; i < ledger->count; i++)
        nj_free(ledger->line[i].text);
    nj_free(ledger->line);
    *ledger = (struct nj_ca_ledger){0};
}

enum nj_err
nj_ca_ledger_save(const struct nj_ca_ledger *ledger, const char *path, struct nj_diag *diag)
{
    size_t n = 0;
    char *text, *at;
    enum nj_err err;

    for (size_t i = 0; i < ledger->count; i++)
        n += strlen(ledger->line[i].text) + 1;
    text = nj_alloc(n);
    if (text == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "no memory to write %s", path);
    at = text;
    for (size_t i = 0; i < ledger->count; i++) {
        size_t length = strlen(ledger->line[i].text);

        memcpy(at, ledger->line[i].text, length);
        at[length] = '\n';
        at += length + 1;
    }
    err = nj_save(path, (struct nj_str){text, n}, NJ_SAVE_PUBLIC, true, diag);
    nj_free(text);
    return err;
}

/* --- changes --- */

static char *
print_line(char state, struct nj_str end, const char *revoked, struct nj_str serial,
           struct nj_str file, struct nj_str subject)
{
    size_t n = 8 + end.n + strlen(revoked) + serial.n + file.n + subject.n;
    char *text = nj_alloc(n);

    if (text != NULL)
        (void)snprintf(text, n,
                       "%c\t%" NJ_STR_FMT "\t%s\t%" NJ_STR_FMT "\t%" NJ_STR_FMT "\t%" NJ_STR_FMT,
                       state, NJ_STR_ARG(end), revoked, NJ_STR_ARG(serial), NJ_STR_ARG(file),
                       NJ_STR_ARG(subject));
    return text;
}

enum nj_err
nj_ca_ledger_append(struct nj_ca_ledger *ledger, time_t end, const char *serial, const char *file,
                    const char *subject)
{
    char date[DATE_SIZE];

    print_date(date, end);
    return append(ledger, print_line('V', nj_str_of(date), "", nj_str_of(serial), nj_str_of(file),
                                     nj_str_of(subject)));
}

enum nj_err
nj_ca_ledger_revoke(struct nj_ca_ledger_line *line, time_t when, const char *reason)
{
    char revoked[DATE_SIZE + 32], date[DATE_SIZE];
    struct nj_ca_ledger_line is = {0};

    print_date(date, when);
    (void)snprintf(revoked, sizeof(revoked), "%s%s%s", date, reason != NULL ? "," : "",
                   reason != NULL ? reason : "");
    is.text = print_line('R', line->column[NJ_LEDGER_END], revoked, line->column[NJ_LEDGER_SERIAL],
                         line->column[NJ_LEDGER_FILE], line->column[NJ_LEDGER_SUBJECT]);
    if (is.text == NULL)
        return NJ_ENOMEM;
    (void)split(&is);
    nj_free(line->text);
    *line = is;
    return NJ_OK;
}

void
nj_ca_ledger_drop_last(struct nj_ca_ledger *ledger)
{
    nj_free(ledger->line[--ledger->count].text);
}
