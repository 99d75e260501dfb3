/* SPDX-License-Identifier: Apache-2.0 */
#include "config/config.h"

#include "base/mem.h"
#include "config/draft.h"
#include "config/option.h"

#include <string.h>

enum nj_err
nj_config_load(struct nj_config **out, const char *path, const struct nj_config_args *args,
               struct nj_diag *diag)
{
    struct nj_diag own = {0};
    struct nj_config *config = NULL;
    struct nj_draft draft;
    enum nj_err err;

    if (diag == NULL)
        diag = &own;
    *diag = own;
    err = nj_draft_new(&draft);
    if (err == NJ_OK && path != NULL) {
        draft.config->file = nj_str_dup(nj_str_of(path));
        err = draft.config->file == NULL ? NJ_ENOMEM : nj_draft_read(&draft, path, diag);
    }
    if (err == NJ_OK)
        err = nj_draft_finish(&draft, args, &config, diag);
    /* What is wrong with the whole, and not with a line of it. */
    if (err != NJ_OK && !draft.has_said_why) {
        if (diag->text[0] == '\0')
            (void)nj_diag_fail(diag, err, "Error: Out of memory.");
        nj_log(NJ_LOG_ERROR, "%s", diag->text);
        if (diag->hint[0] != '\0')
            nj_log(NJ_LOG_ERROR, "%s", diag->hint);
    }
    nj_draft_free(&draft);
    if (err == NJ_OK)
        *out = config;
    return err;
}

int
nj_config_test(const struct nj_config_args *args)
{
    struct nj_config *config;

    if (args->file == NULL) {
        nj_log(NJ_LOG_ERROR, "Please provide a configuration file to test.");
        return NJ_CONFIG_EXIT_CONFIG;
    }
    if (nj_config_load(&config, args->file, args, NULL) != NJ_OK)
        return NJ_CONFIG_EXIT_CONFIG;
    nj_config_free(config);
    nj_log(NJ_LOG_INFO, "Configuration file is OK.");
    return NJ_CONFIG_EXIT_GOOD;
}

/* --- Another in place of the one that runs --- */

static bool
is_same_text(const char *a, const char *b)
{
    return a == b || (a != NULL && b != NULL && strcmp(a, b) == 0);
}

static bool
is_same_listener(const struct nj_listener_opts *a, const struct nj_listener_opts *b)
{
    return a->port == b->port && is_same_text(a->address, b->address) &&
           is_same_text(a->unix_path, b->unix_path);
}

/* Bring the listeners of `to` into the order of `from`; false if they are not the same ones. */
static bool
match_listeners(const struct nj_server_opts *from, struct nj_server_opts *to)
{
    if (from->listener_count != to->listener_count)
        return false;
    for (size_t i = 0; i < from->listener_count; i++) {
        struct nj_listener_opts found;
        size_t j = i;

        while (j < to->listener_count && !is_same_listener(&from->listeners[i], &to->listeners[j]))
            j++;
        if (j == to->listener_count)
            return false;
        found = to->listeners[j];
        to->listeners[j] = to->listeners[i];
        to->listeners[i] = found;
        to->listeners[i].is_local_only = from->listeners[i].is_local_only;
    }
    return true;
}

/* Make a field that is fixed what it was. */
static enum nj_err
keep(const struct nj_option *o, const void *from, void *to)
{
    const char *old = (const char *)from + o->offset;
    char *new = (char *)to + o->offset;
    char *const *old_text = (char *const *)(const void *)old;
    char **new_text = (char **)(void *)new;
    char *copy = NULL;

    if (o->type != NJ_TYPE_STRING) {
        if (memcmp(old, new, o->bytes) == 0)
            return NJ_OK;
        memcpy(new, old, o->bytes);
    } else {
        if (is_same_text(*old_text, *new_text))
            return NJ_OK;
        if (*old_text != NULL) {
            copy = nj_str_dup(nj_str_of(*old_text));
            if (copy == NULL)
                return NJ_ENOMEM;
        }
        nj_free(*new_text);
        *new_text = copy;
    }
    nj_log(NJ_LOG_WARNING,
           "Warning: The '%s' option has changed, which needs a restart; it stays as it was.",
           o->name);
    return NJ_OK;
}

enum nj_err
nj_config_reload_check(const struct nj_config *old, struct nj_config *new, struct nj_diag *diag)
{
    enum nj_err err = NJ_OK;

    if (!match_listeners(&old->server, &new->server)) {
        static const char text[] = "Error: It is not currently possible to add/remove listeners "
                                   "when reloading the config file.";

        nj_log(NJ_LOG_ERROR, "%s", text);
        return nj_diag_fail(diag, NJ_ECONFIG, "%s", text);
    }
    for (size_t i = 0; i < nj_option_count && err == NJ_OK; i++) {
        const struct nj_option *o = &nj_options[i];

        if (!o->is_fixed || o->bytes == 0)
            continue;
        if (!nj_option_is_of_listener(o))
            err = keep(o, old, new);
        for (size_t j = 0;
             nj_option_is_of_listener(o) && j < old->server.listener_count && err == NJ_OK; j++)
            err = keep(o, &old->server.listeners[j], &new->server.listeners[j]);
    }
    if (err != NJ_OK)
        return nj_diag_fail(diag, err, "Error: Out of memory.");
    return NJ_OK;
}
