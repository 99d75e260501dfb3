/* SPDX-License-Identifier: Apache-2.0 */
/* client_walk.c — words, one after the other, into a configuration.
 *
 * The options file comes first, whether it is the usual one or that of -o, and wherever -o stands:
 * so the command line has the last word. Each line of it is one option, and its value all the rest
 * of the line, blanks included. A mistake ends the walk where it is made; what was asked for help
 * ends it, too, before what follows can be wrong. */
#include "cmd/client_config_priv.h"

#include <limits.h>
#include <stdlib.h>
#include <string.h>

/* A word that is no option of this tool: where the broker is, for the doctor. */
static enum nj_client_walk
take_word(struct nj_client_config *c, char *word)
{
    bool is_read = false;

    if (c->tool == NJ_TOOL_DOCTOR && word[0] != '-')
        is_read = nj_client_read_host(c, word);
    else if (c->tool == NJ_TOOL_DOCTOR && nj_client_option_find(NJ_TOOLS_ALL, word) != NULL)
        (void)nj_client_mistake("Error: Option '%s' is not for the doctor: whether a connection "
                                "works does not depend on it. Leave it out.\n",
                                word);
    else
        (void)nj_client_mistake("Error: Unknown option '%s'.\n", word);
    nj_client_hide_url(word);
    return is_read ? NJ_WALK_ON : NJ_WALK_MISTAKE;
}

static enum nj_client_walk
take_property(struct nj_client_config *c, char **words, int count, int *used)
{
    int values;

    if (!nj_client_config_property(c, words[1], words + 2, count - 2, &values))
        return NJ_WALK_MISTAKE;
    *used = 2 + values;
    return NJ_WALK_ON;
}

/* The option that words[0] is, and what belongs to it; `used` says how many words that were. */
static enum nj_client_walk
take_option(struct nj_client_config *c, const struct nj_client_option *o, char **words, int count,
            int *used)
{
    bool is_property = o->id == NJ_OPTION_PROPERTY;

    if (o->id == NJ_OPTION_HELP)
        return NJ_WALK_HELP;
    if (o->id == NJ_OPTION_TOOL_VERSION)
        return NJ_WALK_VERSION;
    if (o->id == NJ_OPTION_LATER) {
        (void)nj_client_mistake("Error: %s is not supported yet.\n", words[0]);
        return NJ_WALK_MISTAKE;
    }
    if (count < (is_property ? 4 : o->has_value ? 2 : 1)) {
        (void)nj_client_mistake("Error: %s.\n\n", o->missing);
        return NJ_WALK_MISTAKE;
    }
    if (is_property)
        return take_property(c, words, count, used);
    if (!o->set(c, o->has_value ? words[1] : NULL))
        return NJ_WALK_MISTAKE;
    if (o->has_value)
        nj_client_hide_secrets(o->id, words[1]);
    *used = o->has_value ? 2 : 1;
    return NJ_WALK_ON;
}

/* Options and their values, in order. What is taken from argv is copied. */
static enum nj_client_walk
walk(struct nj_client_config *c, char **words, int count)
{
    enum nj_client_walk result = NJ_WALK_ON;
    int used = 1;

    for (int i = 0; i < count && result == NJ_WALK_ON; i += used) {
        const struct nj_client_option *o = nj_client_option_find(c->tool, words[i]);

        used = 1;
        result =
            o != NULL ? take_option(c, o, words + i, count - i, &used) : take_word(c, words[i]);
    }
    return result;
}

/* ---- the options file ---- */

/* "-opt value": the value is the rest of the line; that of -D has blanks between its parts. */
static enum nj_client_walk
walk_line(struct nj_client_config *c, char *line)
{
    char *words[5] = {line + strspn(line, " ")};
    int count = 1;
    char *blank = strchr(words[0], ' ');
    int most =
        strncmp(words[0], "-D ", 3) == 0 || strncmp(words[0], "--property ", 11) == 0 ? 5 : 2;

    if (words[0][0] == '\0')
        return NJ_WALK_ON;
    while (blank != NULL && count < most) {
        *blank = '\0';
        if (blank[1] == '\0')
            break; /* a flag with a blank behind it has no value */
        words[count++] = blank + 1;
        blank = strchr(blank + 1, ' ');
    }
    return walk(c, words, count);
}

static enum nj_client_walk
walk_file(struct nj_client_config *c, const char *path)
{
    char line[UINT16_MAX + 64]; /* the longest password has room */
    FILE *file = fopen(path, "re");
    enum nj_client_walk result = NJ_WALK_ON;

    if (file == NULL)
        return NJ_WALK_ON; /* none is fine */
    while (result == NJ_WALK_ON && fgets(line, sizeof(line), file) != NULL) {
        if (strlen(line) == sizeof(line) - 1 && line[sizeof(line) - 2] != '\n') {
            (void)nj_client_mistake("Error: A line of %s is too long.\n", path);
            result = NJ_WALK_MISTAKE;
            break;
        }
        line[strcspn(line, "\r\n")] = '\0';
        if (line[0] != '#')
            result = walk_line(c, line);
    }
    explicit_bzero(line, sizeof(line));
    (void)fclose(file);
    return result;
}

static enum nj_client_walk
walk_usual_file(struct nj_client_config *c)
{
    const char *xdg = getenv("XDG_CONFIG_HOME");
    const char *home = getenv("HOME");
    char path[PATH_MAX];
    int n;

    if (xdg != NULL && xdg[0] != '\0')
        n = snprintf(path, sizeof(path), "%s/%s", xdg, c->file_name);
    else if (home != NULL)
        n = snprintf(path, sizeof(path), "%s/.config/%s", home, c->file_name);
    else
        return NJ_WALK_ON;
    return n > 0 && (size_t)n < sizeof(path) ? walk_file(c, path) : NJ_WALK_ON;
}

/* Where -o stands on the command line does not matter: its file comes first. */
enum nj_client_walk
nj_client_walk(struct nj_client_config *c, int argc, char **argv)
{
    const char *path = NULL;
    enum nj_client_walk result;

    for (int i = 1; i < argc; i++) {
        const struct nj_client_option *o = nj_client_option_find(c->tool, argv[i]);

        if (o != NULL && o->id == NJ_OPTION_OPTIONS_FILE && i + 1 < argc) {
            if (path != NULL) {
                (void)nj_client_mistake("Error: Duplicate -o argument given.\n\n");
                return NJ_WALK_MISTAKE;
            }
            path = argv[i + 1];
        }
        if (o != NULL && o->has_value)
            i++;
    }
    result = path != NULL ? walk_file(c, path) : walk_usual_file(c);
    return result == NJ_WALK_ON ? walk(c, argv + 1, argc - 1) : result;
}
