/* SPDX-License-Identifier: Apache-2.0 */
/* filter_regex.c — `matches`, by PCRE2.
 *
 * What an expression costs depends on both it and the bytes, and the bytes are foreign. PCRE2's own
 * limit counts anew at each place where a match may begin, so the steps are counted here, over the
 * whole search: before each item of the pattern it calls back. An item runs over bytes by itself;
 * how far shows at the next call, and of those that may run and then fail it is guessed. */
#include "sniff/filter/filter_priv.h"

#include "base/mem.h"

#define PCRE2_CODE_UNIT_WIDTH 8
#include <pcre2.h>

#define STEPS_MIN       100000u /* of a search, … */
#define STEPS_OF_BYTE   16u     /* … and so many more for each byte of the value */
#define BYTES_OF_CALL   16u     /* are looked at in the time of a call */
#define HEAP_KIB_MAX    32768u
#define PARENTHESES_MAX 64u

struct nj_dfilter_regex {
    pcre2_general_context *memory;
    pcre2_compile_context *compile;
    pcre2_match_context *match;
    pcre2_code *code;
    pcre2_match_data *data;
    char *pattern;
    bool has_references;
    uint64_t steps_left;
    size_t at; /* in the value, at the last call */
};

static void *
take_memory(PCRE2_SIZE bytes, void *context)
{
    (void)context;
    return nj_alloc(bytes);
}

static void
give_memory(void *p, void *context)
{
    (void)context;
    nj_free(p);
}

/* What the next item may read and then not match: of N times something, in steps of a call; … */
static uint64_t
least_of(struct nj_str item)
{
    const char *open = item.n > 0 ? memrchr(item.p, '{', item.n) : NULL;
    uint64_t least = 0;

    if (open == NULL)
        return 0;
    for (const char *p = open + 1; p < item.p + item.n && *p >= '0' && *p <= '9'; p++)
        least = NJ_MIN(least * 10 + (uint64_t)(*p - '0'), (uint64_t)UINT16_MAX);
    return least / BYTES_OF_CALL;
}

/* … of what was matched before, its length. */
static uint64_t
longest_group(const pcre2_callout_block *block)
{
    size_t longest = 0;

    for (uint32_t i = 1; i < block->capture_top; i++) {
        size_t from = block->offset_vector[2 * i], to = block->offset_vector[2 * i + 1];

        if (from != PCRE2_UNSET && to > from)
            longest = NJ_MAX(longest, to - from);
    }
    return block->capture_top + NJ_MIN(longest, block->subject_length - block->current_position);
}

static int
count_step(pcre2_callout_block *block, void *context)
{
    struct nj_dfilter_regex *r = context;

    size_t at = block->current_position;
    struct nj_str item = {r->pattern + block->pattern_position, block->next_item_length};
    uint64_t steps = 1 + (at > r->at ? at - r->at : r->at - at) + least_of(item);

    if (r->has_references && item.n > 1 && (item.p[0] == '\\' || item.p[0] == '('))
        steps += longest_group(block);
    if (r->steps_left < steps)
        return PCRE2_ERROR_CALLOUT;
    r->steps_left -= steps;
    r->at = at;
    return 0;
}

static bool
make_contexts(struct nj_dfilter_regex *r)
{
    r->memory = pcre2_general_context_create(take_memory, give_memory, NULL);
    if (r->memory == NULL)
        return false;
    r->compile = pcre2_compile_context_create(r->memory);
    r->match = pcre2_match_context_create(r->memory);
    if (r->compile == NULL || r->match == NULL)
        return false;
    (void)pcre2_set_parens_nest_limit(r->compile, PARENTHESES_MAX);
    (void)pcre2_set_heap_limit(r->match, HEAP_KIB_MAX);
    (void)pcre2_set_callout(r->match, count_step, r);
    return true;
}

enum nj_err
nj_dfilter_regex_new(struct nj_dfilter_regex **out, struct nj_str pattern, struct nj_diag *diag)
{
    struct nj_dfilter_regex *r = nj_zalloc(sizeof(*r));
    PCRE2_UCHAR words[128];
    PCRE2_SIZE at;
    uint32_t references = 0;
    int fault = 0;

    if (r == NULL)
        return NJ_ENOMEM;
    if (!make_contexts(r))
        goto no_memory;
    r->code =
        pcre2_compile((PCRE2_SPTR)pattern.p, pattern.n,
                      PCRE2_CASELESS | PCRE2_NEVER_UTF | PCRE2_AUTO_CALLOUT | PCRE2_NO_AUTO_POSSESS,
                      &fault, &at, r->compile);
    if (r->code == NULL) {
        (void)pcre2_get_error_message(fault, words, sizeof(words));
        nj_dfilter_regex_free(r);
        return nj_diag_fail(diag, NJ_EINVAL, "no regular expression, at byte %zu: %s", at + 1,
                            (const char *)words);
    }
    (void)pcre2_pattern_info(r->code, PCRE2_INFO_BACKREFMAX, &references);
    r->has_references = references > 0;
    r->data = pcre2_match_data_create_from_pattern(r->code, r->memory);
    r->pattern = nj_str_dup(pattern);
    if (r->data == NULL || r->pattern == NULL)
        goto no_memory;
    *out = r;
    return NJ_OK;

no_memory:
    nj_dfilter_regex_free(r);
    return NJ_ENOMEM;
}

void
nj_dfilter_regex_free(struct nj_dfilter_regex *r)
{
    if (r == NULL)
        return;
    pcre2_match_data_free(r->data);
    pcre2_code_free(r->code);
    pcre2_match_context_free(r->match);
    pcre2_compile_context_free(r->compile);
    pcre2_general_context_free(r->memory);
    nj_free(r->pattern);
    nj_free(r);
}

enum nj_dfilter_found
nj_dfilter_regex_search(struct nj_dfilter_regex *r, struct nj_str subject)
{
    size_t n = NJ_MIN(subject.n, NJ_DFILTER_SUBJECT_MAX);
    int found;

    r->at = 0;
    r->steps_left = STEPS_MIN + STEPS_OF_BYTE * n;
    found = pcre2_match(r->code, (PCRE2_SPTR)(subject.n > 0 ? subject.p : ""), n, 0, 0, r->data,
                        r->match);
    if (found >= 0)
        return NJ_DFILTER_FOUND;
    return found == PCRE2_ERROR_NOMATCH && n == subject.n ? NJ_DFILTER_NOT_FOUND
                                                          : NJ_DFILTER_GIVEN_UP;
}
