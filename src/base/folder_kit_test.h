/* SPDX-License-Identifier: Apache-2.0 */
/* folder_kit_test.h — a folder of a test's own, gone with all that is in it. Both end as cmocka
 * wants of what comes before and after a test: 0, or not. */
#ifndef NJ_BASE_FOLDER_KIT_TEST_H
#define NJ_BASE_FOLDER_KIT_TEST_H

#include "base/test.h"

#include <ftw.h>

#define KIT_FOLDER_SIZE 64
#define KIT_FILE_SIZE   (KIT_FOLDER_SIZE + sizeof("/file"))

static inline int
folder_make(char path[KIT_FOLDER_SIZE])
{
    (void)snprintf(path, KIT_FOLDER_SIZE, "/tmp/nj-test-XXXXXX");
    return mkdtemp(path) != NULL ? 0 : -1;
}

/* And the path of a file that is not there yet. */
static inline int
folder_make_for_file(char path[KIT_FOLDER_SIZE], char file[KIT_FILE_SIZE])
{
    if (folder_make(path) != 0)
        return -1;
    (void)snprintf(file, KIT_FILE_SIZE, "%s/file", path);
    return 0;
}

static inline int
folder_remove_one(const char *path, const struct stat *is, int type, struct FTW *at)
{
    (void)is, (void)type, (void)at;
    return remove(path);
}

static inline int
folder_remove(const char *path)
{
    return nftw(path, folder_remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

#endif
