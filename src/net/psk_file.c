/* SPDX-License-Identifier: Apache-2.0 */
#include "net/psk_file.h"

#include "base/mem.h"
#include "base/secret_file.h"

struct nj_psk_file {
    struct nj_secret_file file;
};

size_t
nj_psk_read(struct nj_str hex, uint8_t key[NJ_PSK_KEY_MAX])
{
    if (hex.n % 2 != 0 || hex.n / 2 > NJ_PSK_KEY_MAX)
        return 0;
    for (size_t i = 0; i < hex.n; i += 2) {
        int high = nj_hex_digit(hex.p[i]), low = nj_hex_digit(hex.p[i + 1]);

        if (high < 0 || low < 0)
            return 0;
        key[i / 2] = (uint8_t)(high << 4 | low);
    }
    return hex.n / 2;
}

static enum nj_err
check_entries(const struct nj_secret_file *file, const char *path, struct nj_diag *diag)
{
    uint8_t key[NJ_PSK_KEY_MAX];
    enum nj_err err = NJ_OK;

    for (size_t i = 0; i < file->count && err == NJ_OK; i++) {
        const struct nj_secret_line *line = &file->lines[i];

        if (line->name.n > NJ_PSK_IDENTITY_MAX)
            (void)nj_diag_fail(diag, NJ_ECONFIG, "Error: An identity is longer than %u bytes.",
                               NJ_PSK_IDENTITY_MAX);
        else if (nj_psk_read(line->value, key) == 0)
            (void)nj_diag_fail(diag, NJ_ECONFIG,
                               "Error: The key of '%" NJ_STR_FMT "' is not an even number of "
                               "hexadecimal digits, at most %u.",
                               (int)NJ_MIN(line->name.n, 100), line->name.p, 2 * NJ_PSK_KEY_MAX);
        else
            continue;
        err = nj_secret_file_blame(path, line, diag);
    }
    nj_secret_wipe(key, sizeof(key));
    if (file->count == 0 && file->text.n > 0)
        return nj_diag_fail(diag, NJ_ECONFIG,
                            "Error: In psk_file \"%s\" there is no line IDENTITY:KEY.", path);
    return err;
}

enum nj_err
nj_psk_file_load(struct nj_psk_file **out, const char *path, struct nj_diag *diag)
{
    struct nj_psk_file *f = nj_zalloc(sizeof(*f));
    enum nj_err err;

    if (f == NULL)
        return nj_diag_fail(diag, NJ_ENOMEM, "Error: Out of memory.");
    err = nj_secret_file_load(&f->file, path, "psk_file", diag);
    if (err == NJ_OK)
        err = check_entries(&f->file, path, diag);
    if (err != NJ_OK) {
        nj_psk_file_free(f);
        return err;
    }
    *out = f;
    return NJ_OK;
}

void
nj_psk_file_free(struct nj_psk_file *file)
{
    if (file == NULL)
        return;
    nj_secret_file_fini(&file->file);
    nj_free(file);
}

size_t
nj_psk_file_find(const struct nj_psk_file *file, struct nj_str identity,
                 uint8_t key[NJ_PSK_KEY_MAX])
{
    const struct nj_secret_line *line = nj_secret_file_find(&file->file, identity);

    return line != NULL ? nj_psk_read(line->value, key) : 0;
}

struct nj_str
nj_psk_file_text(const struct nj_psk_file *file)
{
    return nj_secret_lend(&file->file.text);
}
