/* SPDX-License-Identifier: Apache-2.0 */
#include "base/json.h"

#include "base/mem.h"

#include <cjson/cJSON.h>

/* A node is cJSON's, under our name. */
static cJSON *
theirs(struct nj_json *node)
{
    return (cJSON *)(void *)node;
}

static struct nj_json *
ours(cJSON *node)
{
    return (struct nj_json *)(void *)node;
}

struct nj_json *
nj_json_new(void)
{
    return ours(cJSON_CreateObject());
}

void
nj_json_free(struct nj_json *root)
{
    cJSON_Delete(theirs(root));
}

/* What cannot be put is dropped. */
static struct nj_json *
put(struct nj_json *into, const char *name, cJSON *node)
{
    cJSON *parent = theirs(into);
    cJSON_bool is_put = false;

    if (parent != NULL && node != NULL)
        is_put = name != NULL ? cJSON_AddItemToObject(parent, name, node)
                              : cJSON_AddItemToArray(parent, node);
    if (is_put)
        return ours(node);
    cJSON_Delete(node);
    return NULL;
}

struct nj_json *
nj_json_put_object(struct nj_json *into, const char *name)
{
    return put(into, name, cJSON_CreateObject());
}

struct nj_json *
nj_json_put_array(struct nj_json *into, const char *name)
{
    return put(into, name, cJSON_CreateArray());
}

void
nj_json_put_text(struct nj_json *into, const char *name, struct nj_str text)
{
    char *copy = nj_str_dup(text);

    if (copy != NULL)
        (void)put(into, name, cJSON_CreateString(copy));
    nj_free(copy);
}

void
nj_json_put_text_under(struct nj_json *into, struct nj_str name, struct nj_str text)
{
    char *copy = nj_str_dup(name);

    if (copy != NULL)
        nj_json_put_text(into, copy, text);
    nj_free(copy);
}

void
nj_json_put_number(struct nj_json *into, const char *name, double number)
{
    (void)put(into, name, cJSON_CreateNumber(number));
}

void
nj_json_put_bool(struct nj_json *into, const char *name, bool value)
{
    (void)put(into, name, cJSON_CreateBool(value));
}

void
nj_json_put_null(struct nj_json *into, const char *name)
{
    (void)put(into, name, cJSON_CreateNull());
}

bool
nj_json_put_parsed(struct nj_json *into, const char *name, struct nj_str text)
{
    char *copy = nj_str_dup(text);
    const char *end = NULL;
    cJSON *node = NULL;
    bool is_whole;

    if (copy != NULL)
        node = cJSON_ParseWithOpts(copy, &end, true);
    is_whole = node != NULL && end == copy + text.n;
    if (is_whole)
        (void)put(into, name, node);
    else
        cJSON_Delete(node);
    nj_free(copy);
    return is_whole;
}

char *
nj_json_print(const struct nj_json *root, bool is_pretty)
{
    const cJSON *node = (const cJSON *)(const void *)root;

    if (node == NULL)
        return NULL;
    return is_pretty ? cJSON_Print(node) : cJSON_PrintUnformatted(node);
}

void
nj_json_text_free(char *text)
{
    cJSON_free(text);
}

bool
nj_json_write(FILE *out, struct nj_json *root, bool is_pretty)
{
    char *text = nj_json_print(root, is_pretty);

    nj_json_free(root);
    if (text == NULL)
        return false;
    (void)fprintf(out, "%s\n", text);
    nj_json_text_free(text);
    return true;
}
