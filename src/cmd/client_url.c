/* SPDX-License-Identifier: Apache-2.0 */
/* client_url.c — where the broker is, in one word: the URL of -L, the host that the doctor takes.
 *
 * A URL gives host, port, user, password and topic at once. Whatever it gives replaces what came
 * before it and is replaced by what comes after, as if each part were an option of its own; without
 * a port it gives its scheme's. The user ends at the first colon, and both at the last @, so a
 * password may hold either. mqtts:// asks for TLS; so does port 8883, as it does after -p. */
#include "cmd/client_config_priv.h"

#include "base/mem.h"

#include <string.h>

/* mqtt[s]://[user[:password]@]host[:port]/topic. The host ends at its first colon. */
bool
nj_client_read_url(struct nj_client_config *c, const char *url)
{
    char *text, *rest, *slash, *topic, *at, *colon;
    bool is_mqtts = strncasecmp(url, "mqtts://", 8) == 0;
    bool is_read = false;

    if (strncasecmp(url, "ws://", 5) == 0 || strncasecmp(url, "wss://", 6) == 0)
        return nj_client_mistake("Error: %s is not supported yet.\n", "a URL with WebSocket");
    if (!is_mqtts && strncasecmp(url, "mqtt://", 7) != 0)
        return nj_client_mistake("Error: Unsupported URL scheme.\n\n");
    url += is_mqtts ? 8 : 7;
    c->is_mqtts = is_mqtts;
    c->port = is_mqtts ? 8883 : 1883;
    text = nj_str_dup(nj_str_of(url));
    if (text == NULL)
        return nj_client_mistake("Error: Out of memory.\n");
    rest = text;
    slash = strchr(rest, '/');
    if (slash == NULL && c->tool == NJ_TOOL_DOCTOR)
        slash = rest + strlen(rest);
    if (slash == NULL) {
        (void)nj_client_mistake("Error: Invalid URL for -L argument specified - topic missing.\n");
        goto out;
    }
    topic = slash + (*slash != '\0');
    *slash = '\0';
    at = strrchr(rest, '@');
    if (at != NULL) {
        *at = '\0';
        colon = strchr(rest, ':');
        if (colon != NULL) {
            *colon = '\0';
            if (!nj_client_keep(&c->password, colon + 1))
                goto out;
        }
        if (!nj_client_keep(&c->user, rest))
            goto out;
        rest = at + 1;
    }
    colon = strchr(rest, ':');
    if (colon != NULL) {
        long port = nj_client_number(colon + 1);

        *colon = '\0';
        if (port < 1 || port > UINT16_MAX) {
            (void)nj_client_mistake("Error: Invalid port given: %s\n", colon + 1);
            goto out;
        }
        c->port = (int)port;
    }
    is_read =
        nj_client_keep(&c->host, rest) && (*topic == '\0' || nj_client_add_topic(c, "-L", topic));
out:
    explicit_bzero(text, strlen(url));
    nj_free(text);
    return is_read;
}

/* The doctor's own word: HOST, HOST:PORT, [ADDRESS]:PORT, an IPv6 address as it is, or a URL. */
bool
nj_client_read_host(struct nj_client_config *c, char *word)
{
    char *colon = strrchr(word, ':');
    char *host = word;

    if (strstr(word, "://") != NULL)
        return nj_client_read_url(c, word);
    if (word[0] == '[' && strchr(word, ']') != NULL) {
        host = word + 1;
        colon = strchr(word, ']');
        *colon++ = '\0';
        colon = *colon == ':' ? colon : NULL;
    } else if (strchr(word, ':') != colon) {
        colon = NULL;
    }
    if (colon != NULL) {
        long port = nj_client_number(colon + 1);

        *colon = '\0';
        if (port < 1 || port > UINT16_MAX)
            return nj_client_mistake("Error: Invalid port given: %s\n", colon + 1);
        c->port = (int)port;
    }
    return nj_client_keep(&c->host, host);
}
