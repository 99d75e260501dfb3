/* SPDX-License-Identifier: Apache-2.0 */
/* version.h — which nightjar these headers belong to. The numbers follow semver.org; before 1.0 the
 * minor number is raised when the interface changes. */
#ifndef NIGHTJAR_VERSION_H
#define NIGHTJAR_VERSION_H

#define NJ_VERSION       "0.1.0"
#define NJ_VERSION_MAJOR 0
#define NJ_VERSION_MINOR 1
#define NJ_VERSION_PATCH 0

#endif
