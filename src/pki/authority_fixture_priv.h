/* SPDX-License-Identifier: Apache-2.0 */
/* authority_fixture_priv.h — for this room's tests: an authority in a folder that ends with the
 * test. */
#ifndef NJ_PKI_AUTHORITY_FIXTURE_PRIV_H
#define NJ_PKI_AUTHORITY_FIXTURE_PRIV_H

#include "pki/authority.h"

#include "base/folder_kit_test.h"
#include "base/test.h"

#include <unistd.h>

static char dir[KIT_FOLDER_SIZE];
static struct nj_diag diag;

static inline int
make_folder(void **state)
{
    (void)state;
    diag = (struct nj_diag){0};
    return folder_make(dir);
}

static inline int
remove_folder(void **state)
{
    (void)state;
    return folder_remove(dir);
}

static inline struct nj_authority *
begin(void)
{
    const struct nj_authority_opts opts = {.dir = dir};
    const struct nj_authority_plan plan = {.name = "Test CA", .is_replacing = true};
    struct nj_authority *a = NULL;

    if (nj_authority_init(&a, &opts, &plan, &diag) != NJ_OK)
        fail_msg("%s", diag.text);
    return a;
}

/* What was made of it. */
static inline struct nj_issued
issue(struct nj_authority *a, enum nj_issue_kind kind, const char *name)
{
    const struct nj_issue wish = {.kind = kind, .name = name};
    struct nj_issued made = {0};

    if (nj_authority_issue(a, &wish, &made, &diag) != NJ_OK)
        fail_msg("%s", diag.text);
    return made;
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, make_folder, remove_folder)

#endif
