/* SPDX-License-Identifier: Apache-2.0 */
/* client_payload.c — what is to be sent, in memory before there is a connection.
 *
 * A file that cannot be read is thus a mistake like one on the command line, and no broker hears of
 * it. It is read to its end, not to the size that it claims: a pipe has none. Only lines (-l) are
 * read later, as they come. */
#include "cmd/client_config_priv.h"

#include "base/mem.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#define PAYLOAD_MAX 268435455u

/* All of a stream; false without memory or beyond what MQTT can carry. */
static bool
read_all(struct nj_client_config *c, FILE *file)
{
    size_t cap = 65536;

    c->payload = nj_alloc(cap);
    while (c->payload != NULL) {
        c->payload_n += fread(c->payload + c->payload_n, 1, cap - c->payload_n, file);
        if (c->payload_n > PAYLOAD_MAX) {
            nj_client_say(c, "Error: Message length must be less than %u bytes.\n\n", PAYLOAD_MAX);
            return false;
        }
        if (c->payload_n < cap)
            return ferror(file) == 0;
        cap *= 2;
        char *bigger = nj_realloc(c->payload, cap);
        if (bigger == NULL)
            break;
        c->payload = bigger;
    }
    nj_client_say(c, "Error: Out of memory.\n");
    return false;
}

static bool
load_file(struct nj_client_config *c)
{
    FILE *file = fopen(c->text, "rbe");
    struct stat st;
    bool is_loaded;

    if (file == NULL) {
        nj_client_say(c, "Error: Unable to read file \"%s\": %s.\n", c->text, strerror(errno));
        return false;
    }
    if (fstat(fileno(file), &st) == 0 && S_ISDIR(st.st_mode)) {
        nj_client_say(c, "Error: Unable to determine size of file \"%s\".\n", c->text);
        is_loaded = false;
    } else {
        is_loaded = read_all(c, file);
    }
    (void)fclose(file);
    return is_loaded;
}

bool
nj_client_load_payload(struct nj_client_config *c)
{
    switch (c->source) {
    case NJ_SOURCE_TEXT:
        c->payload_n = strlen(c->text);
        if (c->payload_n > PAYLOAD_MAX)
            return nj_client_mistake("Error: Message length must be less than %u bytes.\n\n",
                                     PAYLOAD_MAX);
        return nj_client_keep(&c->payload, c->text);
    case NJ_SOURCE_FILE:
        if (load_file(c))
            return true;
        nj_client_say(c, "Error loading input file \"%s\".\n", c->text);
        return false;
    case NJ_SOURCE_STDIN_FILE:
        if (!read_all(c, stdin)) {
            nj_client_say(c, "Error loading input from stdin.\n");
            return false;
        }
        if (c->payload_n > 0)
            return true;
        nj_client_say(c, "Error: Zero length input.\nError loading input from stdin.\n");
        return false;
    case NJ_SOURCE_NONE:
    case NJ_SOURCE_NULL:
    case NJ_SOURCE_STDIN_LINE:
        return true;
    }
    return true;
}
