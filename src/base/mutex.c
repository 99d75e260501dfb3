/* SPDX-License-Identifier: Apache-2.0 */
/* glibc's adaptive kind: sections of a microsecond are over before a sleeper would be woken. None
 * of these calls can fail for a mutex that is used as the header says, so a failure is ours. */
#include "base/mutex.h"

#include "base/assert.h"

void
nj_mutex_init(struct nj_mutex *mutex)
{
    pthread_mutexattr_t kind;

    NJ_ASSERT(pthread_mutexattr_init(&kind) == 0);
    NJ_ASSERT(pthread_mutexattr_settype(&kind, PTHREAD_MUTEX_ADAPTIVE_NP) == 0);
    NJ_ASSERT(pthread_mutex_init(&mutex->m, &kind) == 0);
    NJ_ASSERT(pthread_mutexattr_destroy(&kind) == 0);
}

void
nj_mutex_fini(struct nj_mutex *mutex)
{
    NJ_ASSERT(pthread_mutex_destroy(&mutex->m) == 0);
}

void
nj_mutex_lock(struct nj_mutex *mutex)
{
    NJ_ASSERT(pthread_mutex_lock(&mutex->m) == 0);
}

void
nj_mutex_unlock(struct nj_mutex *mutex)
{
    NJ_ASSERT(pthread_mutex_unlock(&mutex->m) == 0);
}
