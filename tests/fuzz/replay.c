/* SPDX-License-Identifier: Apache-2.0 */
/* replay.c — libFuzzer's place in ordinary builds: hands a harness nothing, then each file of a
 * folder (its only argument), and names the file first, so that the last name printed is the one
 * that broke. */
#include <dirent.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

enum {
    MOST_BYTES = 1 << 20
};

static void
replay(const char *path)
{
    FILE *in = fopen(path, "rb");
    uint8_t *whole = malloc(MOST_BYTES);

    if (in == NULL || whole == NULL) {
        fprintf(stderr, "%s: %s\n", path, strerror(errno));
        exit(1);
    }
    size_t bytes = fread(whole, 1, MOST_BYTES, in);
    fclose(in);

    /* A block of exactly this size, so that AddressSanitizer sees a read past the end. */
    uint8_t *exact = malloc(bytes > 0 ? bytes : 1);
    if (exact == NULL)
        exit(1);
    memcpy(exact, whole, bytes);
    free(whole);
    puts(path);
    fflush(stdout);
    (void)LLVMFuzzerTestOneInput(exact, bytes);
    free(exact);
}

int
main(int argc, char **argv)
{
    const uint8_t nothing = 0;
    const struct dirent *entry;

    (void)LLVMFuzzerTestOneInput(&nothing, 0);
    if (argc != 2)
        return 0;
    DIR *folder = opendir(argv[1]);
    if (folder == NULL) {
        perror(argv[1]);
        return 1;
    }
    while ((entry = readdir(folder)) != NULL) {
        char path[PATH_MAX];

        if (entry->d_name[0] == '.')
            continue;
        snprintf(path, sizeof(path), "%s/%s", argv[1], entry->d_name);
        replay(path);
    }
    closedir(folder);
    return 0;
}
