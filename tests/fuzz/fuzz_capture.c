/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a capture, through all layers and out again in every form, the script of
 * `nightjar replay` too: read as far as it goes, within bounds. */
#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "sniff/print/print.h"
#include "sniff/report/ladder.h"
#include "sniff/report/report.h"
#include "sniff/report/script.h"

#include <stdint.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes);

static void
check(const struct nj_dissected *dissected, FILE *out)
{
    const struct nj_captured *frame = &dissected->frame;
    struct nj_text text = {0};

    NJ_ASSERT(frame->bytes.n <= frame->wire_bytes && frame->bytes.n <= NJ_CAPTURE_FRAME_MAX);
    nj_print_row(out, dissected, NJ_TIME_RELATIVE, true, &text);
    for (size_t i = 0; i < dissected->tree.count; i++) {
        nj_text_clear(&text);
        nj_item_put_shown(&text, &dissected->tree.item[i]);
        nj_item_put_plain(&text, &dissected->tree.item[i]);
    }
    nj_print_tree(out, dissected, true, &text);
    nj_print_hex(out, dissected->frame.bytes);
    nj_text_fini(&text);
}

/* What is told of all frames at the end, and what could be played again. */
struct story {
    struct nj_report *report;
    struct nj_ladder *ladder;
    struct nj_script script;
};

static void
check_script(const struct nj_script *s)
{
    NJ_ASSERT(s->conversations <= NJ_SCRIPT_CONVERSATIONS_MAX);
    for (size_t i = 0; i < s->steps; i++) {
        const struct nj_step *step = &s->step[i];

        NJ_ASSERT(step->conversation < s->conversations);
        NJ_ASSERT((step->kind == NJ_STEP_SEND) == (step->bytes != NULL));
        NJ_ASSERT(step->kind != NJ_STEP_SEND || (step->n > 0 && step->type >> 4 == 0));
        NJ_ASSERT(step->kind == NJ_STEP_HEAR || step->heard.topic == NULL);
        NJ_ASSERT(step->kind == NJ_STEP_HEAR || s->conversation[step->conversation].has_connect);
    }
}

static void
tell(const struct story *s, const struct nj_dissector *d, FILE *out)
{
    struct nj_report_opts opts = {.file = "fuzz", .ladder = s->ladder};

    nj_dissector_losses(d, &opts.lost);
    for (enum nj_language language = NJ_ENGLISH; language <= NJ_FRENCH; language++) {
        opts.language = language;
        nj_ladder_print(s->ladder, out, language, language == NJ_FRENCH);
        NJ_ASSERT(nj_report_print_text(s->report, out, &opts));
        NJ_ASSERT(nj_report_print_html(s->report, out, &opts));
    }
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t bytes)
{
    static FILE *nowhere;
    uint64_t before = nj_mem_used();
    struct nj_capture *capture = NULL;
    struct nj_dissector *d;
    struct nj_captured frame;
    struct nj_diag diag = {0};
    struct story story = {0};
    FILE *in;

    if (bytes == 0)
        return 0;
    if (nowhere == NULL)
        nowhere = fopen("/dev/null", "we");
    nj_hash_key_set(1, 2);
    in = fmemopen((void *)(uintptr_t)data, bytes, "rb");
    NJ_ASSERT(in != NULL && nowhere != NULL);
    if (nj_capture_new(&capture, in, &diag) == NJ_OK) {
        enum nj_capture_next next;

        NJ_ASSERT(nj_dissector_new(&d) == NJ_OK && nj_report_new(&story.report) == NJ_OK &&
                  nj_ladder_new(&story.ladder, NJ_LADDER_ALL, 0) == NJ_OK);
        while ((next = nj_capture_next(capture, &frame, &diag)) == NJ_CAPTURE_FRAME) {
            const struct nj_dissected *dissected = nj_dissector_read(d, &frame);

            check(dissected, nowhere);
            nj_report_add(story.report, dissected);
            nj_ladder_add(story.ladder, dissected);
            nj_script_add(&story.script, dissected);
        }
        tell(&story, d, nowhere);
        check_script(&story.script);
        nj_script_fini(&story.script);
        nj_ladder_free(story.ladder);
        nj_report_free(story.report);
        NJ_ASSERT((next == NJ_CAPTURE_FAULT) == (diag.text[0] != '\0'));
        nj_dissector_free(d);
    } else {
        NJ_ASSERT(diag.text[0] != '\0');
    }
    nj_capture_free(capture);
    (void)fclose(in);
    NJ_ASSERT(nj_mem_used() == before);
    return 0;
}
