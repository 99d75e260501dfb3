/* SPDX-License-Identifier: Apache-2.0 */
/* json.h — JSON to write, in the order of the calls; and a piece of JSON taken over from elsewhere.
 * The one door to cJSON.
 *
 * A tree is built from its root and freed at its root. Without memory every call is harmless and
 * nj_json_print() says so by NULL. Thread: one at a time for each tree. */
#ifndef NJ_BASE_JSON_H
#define NJ_BASE_JSON_H

#include "base/str.h"

#include <stdio.h>

struct nj_json;

/* An empty object. */
struct nj_json *nj_json_new(void);
void nj_json_free(struct nj_json *root);

/* Into an object under `name` (copied), or at the end of an array, where `name` is NULL. Containers
 * belong to what they are put into. Text ends at its first NUL. */
struct nj_json *nj_json_put_object(struct nj_json *into, const char *name);
struct nj_json *nj_json_put_array(struct nj_json *into, const char *name);
void nj_json_put_text(struct nj_json *into, const char *name, struct nj_str text);
void nj_json_put_text_under(struct nj_json *into, struct nj_str name, struct nj_str text);
void nj_json_put_number(struct nj_json *into, const char *name, double number);
void nj_json_put_bool(struct nj_json *into, const char *name, bool value);
void nj_json_put_null(struct nj_json *into, const char *name);
/* A whole JSON value; false where `text` is none, and nothing is put. */
bool nj_json_put_parsed(struct nj_json *into, const char *name, struct nj_str text);

/* On one line, or over several, indented by tabs. To be freed with nj_json_text_free(); NULL
 * without memory. */
char *nj_json_print(const struct nj_json *root, bool is_pretty);
void nj_json_text_free(char *text);
/* The same to `out`, with a line's end, and the tree is freed. False without memory: nothing is
 * written. */
bool nj_json_write(FILE *out, struct nj_json *root, bool is_pretty);

#endif
