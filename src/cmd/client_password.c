/* SPDX-License-Identifier: Apache-2.0 */
/* client_password.c — a password that stands neither on the command line nor in an options file. */
#include "cmd/client_config.h"
#include "pki/passphrase.h"

#include <stdlib.h>

bool
nj_client_config_find_password(struct nj_client_config *c)
{
    const char *given = getenv("NIGHTJAR_PASSWORD");
    bool has_given = given != NULL && given[0] != '\0' && c->user != NULL;
    struct nj_diag diag = {0};
    struct nj_secret secret = {0};

    /* Without a user name MQTT 3 has no room for one, and nobody asked for it. */
    if (c->password != NULL || (!c->asks_password && !has_given))
        return true;
    if (nj_passphrase_get(&secret, c->asks_password ? NULL : "env:NIGHTJAR_PASSWORD", "Password",
                          false, &diag) != NJ_OK)
        return nj_client_mistake("Error: %s.\n", diag.text);
    c->password = nj_str_dup(nj_secret_lend(&secret));
    nj_secret_fini(&secret);
    return c->password != NULL || nj_client_mistake("Error: Out of memory.\n");
}
