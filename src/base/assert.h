/* SPDX-License-Identifier: Apache-2.0 */
/* assert.h — for mistakes of ours. A peer's bytes can never reach one. */
#ifndef NJ_BASE_ASSERT_H
#define NJ_BASE_ASSERT_H

#include "base/compiler.h"

NJ_NORETURN NJ_COLD void nj_assert_failed(const char *what, const char *file, int line);

/* Always on. */
#define NJ_ASSERT(x) ((x) ? (void)0 : nj_assert_failed(#x, __FILE__, __LINE__))

/* On the path of every message: debug and sanitizer builds only. */
#ifdef NJ_DEBUG
#define NJ_ASSERT_HOT(x) NJ_ASSERT(x)
#else
#define NJ_ASSERT_HOT(x) ((void)sizeof(x))
#endif

#endif
