/* SPDX-License-Identifier: Apache-2.0 */
/* compiler.h — the few attributes and macros of GNU C that the whole house uses under one name. */
#ifndef NJ_BASE_COMPILER_H
#define NJ_BASE_COMPILER_H

#include <stddef.h>

#define NJ_NODISCARD    __attribute__((warn_unused_result))
#define NJ_FALLTHROUGH  __attribute__((fallthrough))
#define NJ_PRINTF(f, a) __attribute__((format(printf, f, a)))
#define NJ_NONNULL      __attribute__((nonnull))
#define NJ_NORETURN     __attribute__((noreturn))
#define NJ_CLEANUP(fn)  __attribute__((cleanup(fn)))
#define NJ_COLD         __attribute__((cold))
/* Kept out of a function that is called far more often. */
#define NJ_NOINLINE __attribute__((noinline))
#define NJ_EXPORT   __attribute__((visibility("default")))
/* On a large local that the next call fills: exempt from being zeroed first (by
 * -ftrivial-auto-var-init), where that costs more than the call. */
#define NJ_UNSET __attribute__((uninitialized))

#define NJ_LIKELY(x)   __builtin_expect(!!(x), 1)
#define NJ_UNLIKELY(x) __builtin_expect(!!(x), 0)

#define NJ_COUNT_OF(array) (sizeof(array) / sizeof((array)[0]))
#define NJ_MIN(a, b)       ((a) < (b) ? (a) : (b))
#define NJ_MAX(a, b)       ((a) > (b) ? (a) : (b))

/* The object of type `type` whose field `field` is at `ptr`. */
#define nj_container_of(ptr, type, field) ((type *)(void *)((char *)(ptr)-offsetof(type, field)))

#endif
