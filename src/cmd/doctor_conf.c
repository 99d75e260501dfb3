/* SPDX-License-Identifier: Apache-2.0 */
#include "cmd/doctor_conf.h"

#include "base/mem.h"
#include "base/nearest.h"
#include "base/str.h"

#include <errno.h>
#include <glob.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define LINE_BYTES 4096
#define LINES_MAX  100000u

struct reading {
    struct nj_conf *conf;
    struct nj_conf_listener *at; /* the listener whose lines these are */
    struct nj_conf_listener all; /* what holds for every listener */
    bool per_listener, is_included;
    bool is_out_of_memory;
};

typedef void (*set_fn)(struct reading *r, const char *value);

static bool has_ended_early(struct reading *r, FILE *in);

static void
keep(struct reading *r, char **field, const char *value)
{
    char *copy = nj_str_dup(nj_str_of(value));

    if (copy == NULL)
        r->is_out_of_memory = true;
    nj_free(*field);
    *field = copy;
}

static void
name_file(struct reading *r, enum nj_conf_use use, const char *word, const char *path)
{
    struct nj_conf *conf = r->conf;

    if (conf->file_count == NJ_CONF_FILES_MAX || path[0] == '\0')
        return;
    conf->files[conf->file_count] = (struct nj_conf_file){.use = use, .word = word};
    keep(r, &conf->files[conf->file_count++].path, path);
}

static bool
is_true(const char *value)
{
    return strcmp(value, "true") == 0 || strcmp(value, "1") == 0;
}

#define TEXT(name)                                                                                 \
    static void set_##name(struct reading *r, const char *value)                                   \
    {                                                                                              \
        keep(r, &r->at->name, value);                                                              \
    }
#define FLAG(name)                                                                                 \
    static void set_##name(struct reading *r, const char *value)                                   \
    {                                                                                              \
        r->at->name = is_true(value);                                                              \
    }

/* The nth certificate goes with the nth key. */
static void
set_certfile(struct reading *r, const char *value)
{
    if (r->at->cert_count < NJ_CONF_PAIRS_MAX)
        keep(r, &r->at->pairs[r->at->cert_count++].certfile, value);
}

static void
set_keyfile(struct reading *r, const char *value)
{
    if (r->at->key_count < NJ_CONF_PAIRS_MAX)
        keep(r, &r->at->pairs[r->at->key_count++].keyfile, value);
}

TEXT(cafile)
TEXT(capath)
TEXT(crlfile)
static void
set_tls_keyform(struct reading *r, const char *value)
{
    r->at->key_in_engine = strcmp(value, "engine") == 0;
}
TEXT(tls_version)
TEXT(ciphers)
TEXT(psk_hint)
FLAG(require_certificate)
FLAG(use_identity_as_username)
FLAG(use_subject_as_username)

static int
port_of(const char *text)
{
    char *end;
    long port = strtol(text, &end, 10);

    return end != text && port >= 0 && port <= 65535 ? (int)port : 0;
}

/* "PORT [ADDRESS]": what follows is about this one. */
static void
set_listener(struct reading *r, const char *value)
{
    size_t digits = strspn(value, "0123456789");

    if (r->conf->count == NJ_CONF_LISTENERS_MAX)
        return;
    r->at = &r->conf->listeners[r->conf->count++];
    *r->at = (struct nj_conf_listener){.port = port_of(value), .allow_anonymous = -1};
    r->conf->has_listener = true;
    value += digits;
    value += strspn(value, " \t");
    if (*value != '\0')
        keep(r, &r->at->address, value);
}

static void
set_port(struct reading *r, const char *value)
{
    r->conf->listeners[0].port = port_of(value);
    r->conf->has_listener = true;
}

static void
set_bind_address(struct reading *r, const char *value)
{
    keep(r, &r->conf->listeners[0].address, value);
}

#define NAMES(word, use)                                                                           \
    static void set_##word(struct reading *r, const char *value)                                   \
    {                                                                                              \
        name_file(r, use, #word, value);                                                           \
    }

NAMES(acl_file, NJ_CONF_READ)
NAMES(dhparamfile, NJ_CONF_READ)
NAMES(pid_file, NJ_CONF_ONCE)
NAMES(persistence_location, NJ_CONF_STATE)
NAMES(psk_file, NJ_CONF_KEYS)

/* It is the listener's, and whether it is there is asked as of any file. */
static void
set_ocspfile(struct reading *r, const char *value)
{
    keep(r, &r->at->ocspfile, value);
    name_file(r, NJ_CONF_READ, "ocspfile", value);
}

static void
set_persistence(struct reading *r, const char *value)
{
    r->conf->has_persistence = is_true(value);
}

static void
set_log_dest(struct reading *r, const char *value)
{
    if (strncmp(value, "file ", 5) == 0)
        name_file(r, NJ_CONF_LOG, "log_dest file", value + 5 + strspn(value + 5, " \t"));
}

static void
set_password_file(struct reading *r, const char *value)
{
    name_file(r, NJ_CONF_PASSWORDS, "password_file", value);
    keep(r, r->per_listener ? &r->at->password_file : &r->all.password_file, value);
}

static void
set_allow_anonymous(struct reading *r, const char *value)
{
    *(r->per_listener ? &r->at->allow_anonymous : &r->all.allow_anonymous) = is_true(value);
}

static void
set_per_listener_settings(struct reading *r, const char *value)
{
    r->per_listener = is_true(value);
}

static void
set_user(struct reading *r, const char *value)
{
    keep(r, &r->conf->user, value);
}

static void
set_plugin(struct reading *r, const char *value)
{
    name_file(r, NJ_CONF_READ, "plugin", value);
    r->conf->has_other_authentication = true;
}

/* One that cannot be read is the broker's to complain of. */
static void
read_included(struct reading *r, const char *path)
{
    FILE *in = fopen(path, "re");

    if (in == NULL)
        return;
    (void)has_ended_early(r, in);
    (void)fclose(in);
}

/* Its files one after the other, as the broker reads them: each begins at the default listener, and
 * what it asked for last ends with it. */
static void
set_include_dir(struct reading *r, const char *value)
{
    struct nj_conf_listener *at = r->at;
    char pattern[LINE_BYTES + 8];
    glob_t found = {0};

    if (r->is_included)
        return;
    r->is_included = true;
    (void)snprintf(pattern, sizeof(pattern), "%s/*.conf", value);
    if (glob(pattern, GLOB_PERIOD, NULL, &found) == 0) {
        for (size_t i = 0; i < found.gl_pathc; i++) {
            r->at = &r->conf->listeners[0];
            read_included(r, found.gl_pathv[i]);
        }
    }
    globfree(&found);
    r->at = at;
    r->is_included = false;
}

static const struct {
    const char *name;
    set_fn set;
} directives[] = {
#define D(name)                                                                                    \
    {                                                                                              \
#name, set_##name                                                                          \
    }
    D(certfile),
    D(keyfile),
    D(cafile),
    D(capath),
    D(crlfile),
    D(tls_keyform),
    D(tls_version),
    D(ciphers),
    D(psk_hint),
    D(require_certificate),
    D(use_identity_as_username),
    D(use_subject_as_username),
    D(listener),
    D(port),
    D(bind_address),
    D(password_file),
    D(allow_anonymous),
    D(per_listener_settings),
    D(user),
    D(plugin),
    D(include_dir),
    D(acl_file),
    D(dhparamfile),
    D(ocspfile),
    D(pid_file),
    D(persistence),
    D(persistence_location),
    D(psk_file),
    D(log_dest),
    {"auth_plugin", set_plugin},
    {"global_plugin", set_plugin},
#undef D
};

/* Who writes `certfle` has a certificate: that the word is unknown is said of the configuration,
 * and is not to look like a key without a certificate. */
static const char *
meant(const char *name)
{
    static const char *const files[] = {"certfile", "keyfile", "cafile"};
    struct nj_nearest near = nj_nearest_to(nj_str_of(name));

    for (size_t i = 0; i < NJ_COUNT_OF(directives); i++) {
        if (strcmp(directives[i].name, name) == 0)
            return name;
    }
    for (size_t i = 0; i < NJ_COUNT_OF(files); i++)
        nj_nearest_try(&near, files[i]);
    return near.name != NULL ? near.name : name;
}

static void
read_line(struct reading *r, char *line)
{
    line[strcspn(line, "\r\n")] = '\0';
    line += strspn(line, " \t");
    size_t n = strcspn(line, " \t");
    if (n == 0 || line[0] == '#')
        return;
    char *value = line + n + strspn(line + n, " \t");
    line[n] = '\0';
    const char *name = meant(line);
    for (char *end = value + strlen(value); end > value && (end[-1] == ' ' || end[-1] == '\t');)
        *--end = '\0';
    for (size_t i = 0; i < NJ_COUNT_OF(directives); i++) {
        if (strcmp(directives[i].name, name) == 0)
            directives[i].set(r, value);
    }
}

/* The default listener stands first, and is none where only others were asked for. */
static void
drop_default(struct nj_conf *conf)
{
    if (conf->count == 1 || conf->listeners[0].port != 0)
        return;
    struct nj_conf_listener none = conf->listeners[0];
    memmove(conf->listeners, conf->listeners + 1, (conf->count - 1) * sizeof(none));
    conf->listeners[--conf->count] = none; /* still freed with the others */
}

static void
spread(struct reading *r)
{
    for (unsigned i = 0; i < r->conf->count && !r->per_listener; i++) {
        struct nj_conf_listener *l = &r->conf->listeners[i];

        l->allow_anonymous = r->all.allow_anonymous;
        if (r->all.password_file != NULL)
            keep(r, &l->password_file, r->all.password_file);
    }
    nj_free(r->all.password_file);
}

static bool
has_ended_early(struct reading *r, FILE *in)
{
    char line[LINE_BYTES];
    unsigned lines = 0;

    while (fgets(line, sizeof(line), in) != NULL) {
        bool has_mark = lines == 0 && strncmp(line, "\xef\xbb\xbf", 3) == 0;

        if (++lines > LINES_MAX)
            return true;
        r->conf->has_mark |= has_mark;
        read_line(r, line + (has_mark ? 3 : 0));
    }
    return ferror(in) != 0;
}

enum nj_err
nj_conf_read(struct nj_conf *out, const char *path, struct nj_diag *diag)
{
    FILE *in = fopen(path, "re");
    struct reading r = {.conf = out, .all.allow_anonymous = -1};

    if (in == NULL)
        return nj_diag_fail(diag, errno == ENOENT ? NJ_ENOENT : NJ_ESYS, "%s: %s", path,
                            strerror(errno));
    *out =
        (struct nj_conf){.count = 1, .listeners[0].allow_anonymous = -1, .has_persistence = true};
    r.at = &out->listeners[0];
    bool is_early = has_ended_early(&r, in);
    int error = errno;
    (void)fclose(in);
    spread(&r);
    drop_default(out);
    if (!is_early && !r.is_out_of_memory)
        return NJ_OK;
    nj_conf_fini(out);
    if (r.is_out_of_memory)
        return nj_diag_fail(diag, NJ_ENOMEM, "%s: out of memory", path);
    return nj_diag_fail(diag, NJ_ESYS, "%s: %s", path, strerror(error));
}

void
nj_conf_fini(struct nj_conf *conf)
{
    for (unsigned i = 0; i < NJ_CONF_LISTENERS_MAX; i++) {
        struct nj_conf_listener *l = &conf->listeners[i];
        char *texts[] = {l->address,     l->cafile,  l->capath,   l->crlfile,      l->ocspfile,
                         l->tls_version, l->ciphers, l->psk_hint, l->password_file};

        for (size_t k = 0; k < NJ_COUNT_OF(texts); k++)
            nj_free(texts[k]);
        for (unsigned k = 0; k < NJ_CONF_PAIRS_MAX; k++) {
            nj_free(l->pairs[k].certfile);
            nj_free(l->pairs[k].keyfile);
        }
    }
    for (unsigned i = 0; i < conf->file_count; i++)
        nj_free(conf->files[i].path);
    nj_free(conf->user);
    *conf = (struct nj_conf){0};
}
