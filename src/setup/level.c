/* SPDX-License-Identifier: Apache-2.0 */
#include "setup/level.h"

#include <string.h>

static const struct nj_level_facts levels[NJ_LEVELS] = {
    [NJ_LEVEL_OPEN] = {"open", "no protection, on this machine alone", 1883,
                       "Who captures on this machine reads all: topics, messages, client names.\n"
                       "Every program here may connect, and publish what it likes."},
    [NJ_LEVEL_PASSWORD] = {"password", "a password, but no encryption", 1883,
                           "Who listens on the wire reads all: user name, PASSWORD, topics, "
                           "messages.\n"
                           "With the password he then connects himself; he can also alter what "
                           "passes by."},
    [NJ_LEVEL_TLS] = {"tls", "TLS and a password", 8883,
                      "Who listens on the wire sees which addresses talk, when and how much, and "
                      "the name by\n"
                      "which a client calls the broker; no user name, password, topic or message."},
    [NJ_LEVEL_MTLS] = {"mtls", "TLS with certificates on both sides", 8883,
                       "Who listens on the wire sees which addresses talk, when and how much, and "
                       "the name by\n"
                       "which a client calls the broker; no topic, no message. No password exists "
                       "that could be\n"
                       "guessed. (With TLS 1.2 he also sees the certificates, so the client's "
                       "name.)"},
};

const struct nj_level_facts *
nj_level_facts(enum nj_level level)
{
    return &levels[level];
}

bool
nj_level_find(enum nj_level *out, const char *name)
{
    for (unsigned i = 0; i < NJ_LEVELS; i++) {
        if (strcmp(levels[i].name, name) != 0)
            continue;
        *out = (enum nj_level)i;
        return true;
    }
    return false;
}
