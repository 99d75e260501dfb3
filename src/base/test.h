/* SPDX-License-Identifier: Apache-2.0 */
/* test.h — cmocka and what it wants included before it; for the files named x_test.c only. */
#ifndef NJ_BASE_TEST_H
#define NJ_BASE_TEST_H

/* clang-format off */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <cmocka.h>
/* clang-format on */

#endif
