/* SPDX-License-Identifier: Apache-2.0 */
/* sniff_story.c — what `nightjar sniff` tells when all frames were read: a report, sequence
 * diagrams. */
#include "cmd/sniff.h"
#include "cmd/words.h"

#include <string.h>

void
nj_sniff_ask_locale(struct nj_sniff *s)
{
    const char *characters = nj_words_locale("LC_CTYPE");

    s->language = strncmp(nj_words_locale("LC_MESSAGES"), "fr", 2) == 0 ? NJ_FRENCH : NJ_ENGLISH;
    s->is_utf8 = strstr(characters, "UTF-8") != NULL || strstr(characters, "utf8") != NULL;
}

enum nj_err
nj_story_init(struct nj_story *story, const struct nj_sniff *s)
{
    enum nj_ladder_choice other = s->format == NJ_SNIFF_PAGE ? NJ_LADDER_FIRST : NJ_LADDER_ALL;
    enum nj_err err = NJ_OK;

    if (s->format == NJ_SNIFF_REPORT || s->format == NJ_SNIFF_PAGE)
        err = nj_report_new(&story->report);
    if (err == NJ_OK && (s->format == NJ_SNIFF_LADDER || s->format == NJ_SNIFF_PAGE))
        err = nj_ladder_new(&story->ladder, s->has_stream ? NJ_LADDER_ONE : other, s->stream);
    return err;
}

void
nj_story_fini(struct nj_story *story)
{
    nj_report_free(story->report);
    nj_ladder_free(story->ladder);
}

void
nj_story_add(struct nj_story *story, const struct nj_dissected *d)
{
    if (story->report != NULL)
        nj_report_add(story->report, d);
    if (story->ladder != NULL)
        nj_ladder_add(story->ladder, d);
}

bool
nj_story_has_stream(const struct nj_story *story, const struct nj_sniff *s)
{
    uint32_t stream = 0;

    return !s->has_stream || nj_ladder_next(story->ladder, &stream);
}

bool
nj_story_tell(struct nj_story *story, const struct nj_sniff *s, const struct nj_sniff_losses *lost)
{
    const char *name = s->file != NULL ? s->file : s->interface;
    const char *slash = strrchr(name, '/');
    const struct nj_report_opts opts = {
        .file = slash != NULL ? slash + 1 : name,
        .language = s->language,
        .shows_secrets = s->shows_secrets,
        .lost = *lost,
        .ladder = story->ladder,
    };

    if (s->format == NJ_SNIFF_LADDER)
        nj_ladder_print(story->ladder, stdout, s->language, s->is_utf8);
    if (s->format == NJ_SNIFF_PAGE)
        return nj_report_print_html(story->report, stdout, &opts);
    return s->format != NJ_SNIFF_REPORT || nj_report_print_text(story->report, stdout, &opts);
}
