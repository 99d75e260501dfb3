/* SPDX-License-Identifier: Apache-2.0 */
#include "server/alias.h"

#include "base/hash.h"
#include "base/mem.h"

struct nj_aliases {
    char **from_client; /* [alias - 1], NULL: not set */
    uint16_t *from_client_n;
    uint16_t from_client_maximum;

    struct to_client {
        uint64_t hash;
        char *topic;
        uint16_t n;
    } * to_client; /* [alias - 1] */
    uint16_t to_client_count;
};

void
nj_aliases_free(struct nj_aliases *a)
{
    if (a == NULL)
        return;
    for (uint16_t i = 0; i < a->from_client_maximum; i++)
        nj_free(a->from_client[i]);
    for (uint16_t i = 0; i < a->to_client_count; i++)
        nj_free(a->to_client[i].topic);
    nj_free(a->from_client);
    nj_free(a->from_client_n);
    nj_free(a->to_client);
    nj_free(a);
}

static bool
make(struct nj_aliases **a)
{
    if (*a == NULL)
        *a = nj_zalloc(sizeof(**a));
    return *a != NULL;
}

static bool
make_from_client(struct nj_aliases **a, uint16_t maximum)
{
    if (!make(a))
        return false;
    if ((*a)->from_client != NULL)
        return true;
    (*a)->from_client = nj_zalloc(maximum * sizeof(char *));
    (*a)->from_client_n = nj_zalloc(maximum * sizeof(uint16_t));
    if ((*a)->from_client == NULL || (*a)->from_client_n == NULL) {
        nj_free((*a)->from_client);
        nj_free((*a)->from_client_n);
        (*a)->from_client = NULL;
        (*a)->from_client_n = NULL;
        return false;
    }
    (*a)->from_client_maximum = maximum;
    return true;
}

bool
nj_aliases_set(struct nj_aliases **a, uint16_t alias, uint16_t maximum, struct nj_str topic)
{
    char *copy;

    if (!make_from_client(a, maximum) || alias > (*a)->from_client_maximum)
        return false;
    if (nj_str_eq(nj_aliases_get(*a, alias), topic))
        return true;
    copy = nj_str_dup(topic);
    if (copy == NULL)
        return false;
    nj_free((*a)->from_client[alias - 1]);
    (*a)->from_client[alias - 1] = copy;
    (*a)->from_client_n[alias - 1] = (uint16_t)topic.n;
    return true;
}

struct nj_str
nj_aliases_get(const struct nj_aliases *a, uint16_t alias)
{
    if (a == NULL || alias == 0 || alias > a->from_client_maximum)
        return (struct nj_str){NULL, 0};
    return (struct nj_str){a->from_client[alias - 1], a->from_client_n[alias - 1]};
}

uint16_t
nj_aliases_find(const struct nj_aliases *a, struct nj_str topic)
{
    uint64_t hash;

    if (a == NULL || a->to_client_count == 0)
        return 0;
    hash = nj_hash(topic);
    for (uint16_t i = 0; i < a->to_client_count; i++) {
        const struct to_client *t = &a->to_client[i];

        if (t->hash == hash && nj_str_eq((struct nj_str){t->topic, t->n}, topic))
            return (uint16_t)(i + 1);
    }
    return 0;
}

uint16_t
nj_aliases_give(struct nj_aliases **a, uint16_t maximum, struct nj_str topic)
{
    struct to_client *grown;
    char *copy;

    if (!make(a) || (*a)->to_client_count >= maximum)
        return 0;
    grown = nj_realloc((*a)->to_client, ((*a)->to_client_count + 1u) * sizeof(*grown));
    if (grown == NULL)
        return 0;
    (*a)->to_client = grown;
    copy = nj_str_dup(topic);
    if (copy == NULL)
        return 0;
    grown[(*a)->to_client_count++] = (struct to_client){nj_hash(topic), copy, (uint16_t)topic.n};
    return (*a)->to_client_count;
}

void
nj_aliases_take_back(struct nj_aliases *a)
{
    nj_free(a->to_client[--a->to_client_count].topic);
}
