/* SPDX-License-Identifier: Apache-2.0 */
/* client_secret.c — what others may not read in the list of processes.
 *
 * argv is the process's own memory, and ps shows what stands there now: a secret is overwritten as
 * soon as it is copied. Its length stays. Between the start of the program and this moment it can
 * be read; that is why the manual sends passwords to options files and the environment. */
#include "cmd/client_config_priv.h"

#include <string.h>

/* A password is not for `ps`. */
static void
hide(char *word)
{
    for (; *word != '\0'; word++)
        *word = 'x';
}

void
nj_client_hide_url(char *url)
{
    char *at = strrchr(url, '@');
    char *colon = at != NULL ? strchr(url, ':') : NULL;

    colon = colon != NULL ? strchr(colon + 1, ':') : NULL;
    if (colon != NULL && colon < at)
        memset(colon + 1, 'x', (size_t)(at - colon - 1));
}

/* A key in a token may be named with its PIN. */
static void
hide_pin(char *key)
{
    char *pin = strstr(key, "pin-value=");

    if (pin == NULL)
        return;
    pin += sizeof("pin-value=") - 1;
    memset(pin, 'x', strcspn(pin, ";?&"));
}

/* What ps shows of a value that is nobody's business. */
void
nj_client_hide_secrets(enum nj_client_option_id id, char *value)
{
    switch (id) {
    case NJ_OPTION_PASSWORD:
    case NJ_OPTION_PSK:
    case NJ_OPTION_TLS_ENGINE_KPASS_SHA1:
        hide(value);
        break;
    case NJ_OPTION_URL:
        nj_client_hide_url(value);
        break;
    case NJ_OPTION_KEY:
        hide_pin(value);
        break;
    default:
        break;
    }
}
