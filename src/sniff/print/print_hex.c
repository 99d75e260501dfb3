/* SPDX-License-Identifier: Apache-2.0 */
#include "sniff/print/print.h"

#define LINE_BYTES 16u

/* "0010  00 5e a6 a6 … c0 a8   .^..@........c..": the offset has four digits, or as many as it
 * needs. */
static void
print_line(FILE *out, struct nj_str bytes, size_t at)
{
    size_t n = NJ_MIN(bytes.n - at, (size_t)LINE_BYTES);

    (void)fprintf(out, "%04zx  ", at);
    for (size_t i = 0; i < LINE_BYTES; i++) {
        if (i < n)
            (void)fprintf(out, "%02x ", (uint8_t)bytes.p[at + i]);
        else
            (void)fputs("   ", out);
    }
    (void)fputs("  ", out);
    for (size_t i = 0; i < n; i++) {
        char c = bytes.p[at + i];

        (void)fputc(c >= 0x20 && c < 0x7f ? c : '.', out);
    }
    (void)fputc('\n', out);
}

void
nj_print_hex(FILE *out, struct nj_str bytes)
{
    for (size_t at = 0; at < bytes.n; at += LINE_BYTES)
        print_line(out, bytes, at);
    (void)fputc('\n', out);
}
